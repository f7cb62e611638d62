"""What readers may do, what they must not expect, and how somebody's code leaves."""

from collections.abc import Mapping
from typing import Any

from pipeline.card.tables import count, table

Manifest = Mapping[str, Any]


def licences(manifest: Manifest) -> list[str]:
    return [
        f"{whose(manifest)} What the licence of a file asks for holds for whoever uses the file; most licences ask to "
        "keep the copyright notice and their text. [`LICENSE.md`](LICENSE.md) counts every licence.",
        *_without_licence(manifest),
        "The licence of a file is what its own header says; else what licence files, package metadata and readmes of "
        "the nearest directory say, the stricter where they disagree. `license_path` and `license_evidence` of each "
        "row name the file, the lines and the score. Copied code (`is_vendor`) never inherits the licence of the "
        f"project around it. {_permissive(manifest)}",
        *_way_back(manifest),
    ]


def whose(manifest: Manifest) -> str:
    """Whose the files are, and which licences the rules let pass: they do not ask for those of one's own sources."""
    sources = manifest["configuration"]["source"]
    own = sum(source["rights"] == "own" for source in sources)
    if not own:
        return f"This collection holds other people's files, each under its own licence, if any. {_passing(manifest)}"
    if own == len(sources):
        return (
            "**The publisher declares every source of this collection as their own: files are here whatever their "
            "licence.** No rule removed a file for its licence; what others wrote and was copied into these "
            "repositories stays under the licence of its authors."
        )
    return (
        f"**The publisher declares {own:,} of the {count(len(sources), 'source')} of this collection as their own: "
        "files from there are here whatever their licence, and no column says which these are.** The other "
        f"sources hold other people's files, each under its own licence, if any. Of these: {_passing(manifest)}"
    )


def _passing(manifest: Manifest) -> str:
    """Which files the rules for licences let pass."""
    rules = manifest["configuration"]["rules"]
    return {
        (True, True): "Only files under a permissive licence are here.",
        (True, False): "Files under a licence that is not permissive are not here; files without a licence may be.",
        (False, True): "Files without a licence are not here; files under a licence that is not permissive may be.",
        (False, False): "Files are here whatever their licence, also without one.",
    }[rules["non_permissive_license"]["enabled"], rules["no_license"]["enabled"]]


def _without_licence(manifest: Manifest) -> list[str]:
    files = sum(row["files"] for row in manifest["licenses"] if row["license_type"] == "no_license")
    told = (
        f"For {count(files, 'file')} no licence was found (`no_license`): ask whoever wrote a file before you use it."
    )
    return [told] if files else []


def _permissive(manifest: Manifest) -> str:
    others = ", ".join(f"`{pattern}`" for pattern in manifest["configuration"]["license"]["not_permissive"])
    return (
        "Permissive is what the Blue Oak Council's list or ScanCode's categories Permissive and Public Domain name, as "
        f"in The Stack v2{f', without {others}' if others else ''}."
    )


def _way_back(manifest: Manifest) -> list[str]:
    """How to find the file of a row; what is read from a folder has no address."""
    sources = manifest["configuration"]["source"]
    blocks = [
        "From a row back to its file: `host`, `repo_name`, `commit_id` and `path` are where it was read, and "
        "`content_id` is git's id of its bytes, by which any copy of the repository has it."
    ]
    if any(source["directories"] for source in sources):
        blocks.append(
            "The host `local` is no address: the repository was read from a folder of the publisher, `repo_name` is "
            "the end of that folder's path, and who has the repository finds the file with "
            "`git cat-file blob CONTENT_ID`."
        )
    if any(not source["directories"] for source in sources):
        blocks += [
            "On GitHub:",
            """```python
print(f"https://{row['host']}/{row['repo_name']}/blob/{row['commit_id']}/{row['path']}")
```""",
            "From any forge:",
            """```bash
git fetch --depth 1 https://HOST/REPO_NAME COMMIT_ID && git cat-file blob CONTENT_ID
```""",
        ]
    return blocks


def personal_data(manifest: Manifest) -> list[str]:
    named = manifest["reasons"].get("secret_name", {"files": 0})["files"]
    return [
        "**Nothing is redacted in this version.** Names, e-mail addresses, keys and passwords that stand in a file "
        "stand here too. No program looked for them; do not use this data to find or to profile people, and do not "
        "try a key. What was done: files named like keys or password files were not even read "
        f"({count(named, 'file')}), and no column was added that names a person: beside the text and the paths, only "
        "`repo_name` may."
    ]


def decontamination() -> list[str]:
    checked = [("benchmarks looked for", "none"), ("files removed", "none"), ("files marked", "none")]
    return [
        "**None was done.** No benchmark was looked for, so solutions and tests of public benchmarks may be here. "
        "Before you measure a model that was trained on this, compare with your benchmarks.",
        table(["certificate", ""], checked),
    ]


def limits(manifest: Manifest) -> list[str]:
    failed = manifest["repositories"]["failed"]
    points = [
        "Licences are detected by a program: look at the evidence, and at the repository, before you rely on one.",
        "Languages are told by rules for names and contents, without a classifier; files whose language only a guess "
        "could tell have the one used most.",
        "Code is as its authors left it: it may be wrong, insecure or malicious. It was neither run nor scanned. Read "
        "what a model that was trained on it writes before you run that.",
        "Comments and names hold the views and the prejudices of those who wrote them, and what is popular on forges "
        "is here more than what is not.",
        "One commit of each repository: no history, no issues, no other branches.",
        "A removed duplicate may leave a repository without one of its files; `clusters/` names the file that stays.",
    ]
    if failed:
        points.append(f"{count(failed, 'repository')} could not be read; `ledger/repositories.parquet` says why.")
    return ["What holds for any collection that is made like this:", "\n".join(f"* {point}" for point in points)]


def removal(manifest: Manifest, asked: bool) -> list[str]:
    """`asked`: the publisher says how to ask."""
    version, codes = manifest["version"], manifest["repositories"]["codes"]
    taken = manifest.get("takedowns") or {"requests": 0, "files": 0}
    blocks = [] if asked else ["Ask in the Community tab of this dataset: name the owner, the repository or the files."]
    blocks += [
        "What happens: the files leave in the next version, their text is deleted from what later versions are made "
        "of, and they do not come back. Files that stepped aside for a removed one do not take its place.",
        table(
            ["so far", "count"],
            [
                ("repositories left out: their owners opted out", codes.get("excluded(opt_out)", 0)),
                ("repositories left out: taken down", codes.get("excluded(takedown)", 0)),
                ("requests for removal", taken["requests"]),
                ("files that versions had, or may have had, and that went for them", taken["files"]),
            ],
        ),
        "**Readers: use the latest version.** A version that you have downloaded keeps what was removed since; this "
        f"is v{version}. Compare the versions' tags, and delete removed rows from your copies.",
    ]
    if REMOVED in manifest["contents"]:
        blocks.append(f"[`{REMOVED}`]({REMOVED}) holds the `file_id` of all that must go.")
    return blocks


REMOVED = "takedowns/removed.parquet"
