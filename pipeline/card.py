"""The dataset card, from the manifest alone; what people add to it stays."""

import hashlib
from collections.abc import Iterable
from typing import Any

import yaml

from filters.language import slug
from filters.rules import RULES
from pipeline.errors import CorpusError
from pipeline.networks import SPLITS
from pipeline.summary import SIZES
from schemas.columns import meaning
from schemas.release import CLUSTERS, LEDGER, ROWS

SIZE_CATEGORIES = [
    ("n<1K", 10**3), ("1K<n<10K", 10**4), ("10K<n<100K", 10**5), ("100K<n<1M", 10**6), ("1M<n<10M", 10**7),
    ("10M<n<100M", 10**8), ("100M<n<1B", 10**9), ("1B<n<10B", 10**10), ("10B<n<100B", 10**11),
]  # fmt: skip
SHOWN = 30  # licence expressions in the table; the manifest has all
BEGIN = "<!-- stackyard: generated from here on; what you write above or below stays when the card is made again -->"
END = "<!-- stackyard: generated up to here -->"
YOURS = ("license", "task_categories")  # front matter that is generated once and then belongs to whoever edits it


def card(manifest: dict[str, Any], former: str = "") -> str:
    """README.md: front matter that `datasets` reads, then what is in the release and what is not, in counts.

    Of a `former` card, what stands around the generated part stays, and so do keys of its front matter that are not
    generated, those of YOURS, and tags. Raises CorpusError when its front matter cannot be read.
    """
    fields, body = _parted(former)
    new = front_matter(manifest)
    kept = {key: value for key, value in fields.items() if key in YOURS or key not in new}
    tags = [*new["tags"], *(tag for tag in fields.get("tags") or [] if tag not in new["tags"])]
    front = yaml.safe_dump(new | kept | {"tags": tags}, sort_keys=False, allow_unicode=True)
    if (BEGIN in body) != (END in body):
        gone = END if BEGIN in body else BEGIN
        raise CorpusError(f"README.md: of the two lines around its generated part one is gone; put it back: {gone}")
    above, _, rest = body.partition(BEGIN)
    below = rest.partition(END)[2]
    generated = "\n\n".join([BEGIN, *_sections(manifest), END])
    around = [part for part in (above.strip("\n"), generated, below.strip("\n")) if part]
    return f"---\n{front}---\n\n" + "\n\n".join(around) + "\n"


def generated_digest(text: str) -> str:
    """SHA-256 of what a card says by itself: its generated part, and where its configurations find their files."""
    fields, body = _parted(text)
    generated = body.partition(BEGIN)[2].partition(END)[0]
    return hashlib.sha256(yaml.safe_dump([fields.get("configs"), generated]).encode()).hexdigest()


def _parted(text: str) -> tuple[dict[str, Any], str]:
    """Front matter and body of a card."""
    if not text.startswith("---\n"):
        return {}, text
    front, mark, body = text.removeprefix("---\n").partition("\n---\n")
    try:
        fields = yaml.safe_load(front) if mark else None
    except yaml.YAMLError as error:
        raise CorpusError(f"README.md: its front matter is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(fields, dict):
        raise CorpusError("README.md: its front matter has no keys; mend it, or delete the file to have it made anew")
    return fields, body


def front_matter(manifest: dict[str, Any]) -> dict[str, Any]:
    """The YAML at the head: one configuration for each language, and `default` with all of them."""
    rows = manifest["files"]["published"]
    shards = [name for name in manifest["contents"] if name.startswith("data/")]
    folders = sorted({name.split("/")[1] for name in shards})
    return {
        "pretty_name": manifest["name"],
        "license": "other",
        "language": ["code"],
        "task_categories": ["text-generation"],
        "tags": ["code", "source-code", "deduplicated"],
        "size_categories": [next((name for name, limit in SIZE_CATEGORIES if rows < limit), "n>1T")],
        "configs": [
            {"config_name": "default", "default": True, "data_files": _data_files(shards, "*")},
            *({"config_name": folder, "data_files": _data_files(shards, folder)} for folder in folders),
        ],
    }


def load_call(path: object, manifest: dict[str, Any]) -> str:
    """How to load the largest language; not every language is in every split."""
    languages = manifest["languages"]
    folder = slug(max(languages, key=lambda name: (languages[name]["kept"] > 0, languages[name]["text_bytes"])))
    split = _data_files(manifest["contents"], folder)[0]["split"]
    return f'load_dataset("{path}", "{folder}", split="{split}")'


def _data_files(shards: Iterable[str], folder: str) -> list[dict[str, str]]:
    """The splits that there are: a pattern without a file would be an error for readers."""
    named = [name.split("/") for name in shards if name.startswith("data/")]
    present = {name.split("-")[0] for _, inside, name in named if folder in ("*", inside)}
    return [{"split": split, "path": f"data/{folder}/{split}-*.parquet"} for split in SPLITS if split in present]


def _sections(manifest: dict[str, Any]) -> list[str]:
    """The generated part, block by block."""
    files, repositories = manifest["files"], manifest["repositories"]
    kept = {name: row for name, row in manifest["languages"].items() if row["kept"]}
    return [
        f"# {manifest['name']}",
        f"Version {manifest['version']}: {files['published']:,} files of source code in {len(kept)} languages, "
        f"{files['text_bytes']:,} bytes of text, from {repositories['ok']:,} repositories.",
        "## How to load",
        f"```python\nfrom datasets import load_dataset\n\nrows = {load_call('PATH', manifest)}\n```"
        if kept
        else "Nothing was kept.",
        "Each language is a configuration, and `default` is all of them. `columns=[...]` reads no more than it names.",
        "## From repositories to rows",
        _table(["repositories", "count"], [(name, repositories[name]) for name in _OUTCOMES]),
        *_pending(repositories["pending"]),
        _table(["files", "count"], _funnel(manifest)),
        "## Why files are not here",
        "A file may have several reasons. `alone` counts the files that no other reason removes. "
        "Every removed file stands in `ledger/`, with what was measured and the thresholds in force.",
        _table(["reason", "meaning", "files", "alone", "bytes"], _reasons(manifest)),
        *_alarms(manifest["alarms"]),
        "## Languages",
        _table(
            ["language", "configuration", "files in", "files here", "bytes of text"],
            [
                *((n, f"`{slug(n)}`", r["entries"], r["kept"], r["text_bytes"]) for n, r in kept.items()),
                ("languages of which nothing is here", "", files["entries"] - _sum(kept, "entries"), 0, 0),
            ],
        ),
        "## Licences",
        _LICENCES,
        *_own(manifest["configuration"]["source"]),
        _table(["class", "licence", "files", "bytes of text"], _licenses(manifest["licenses"])),
        "## Sizes",
        _table(["text", "files", "bytes of text"], _sizes(manifest["sizes"])),
        "## Duplicates",
        _duplicates(manifest),
        "## Splits",
        _table(["split", "rows"], sorted(manifest["splits"]["rows"].items())),
        _overlap(manifest["splits"]["overlap"]),
        "## Columns",
        _columns(ROWS),
        "In `ledger/`:",
        _columns(LEDGER),
        "In `clusters/`:",
        _columns(CLUSTERS),
        "## Limits",
        _LIMITS,
    ]


_OUTCOMES = ("listed", "ok", "empty", "failed", "excluded", "pending")

_LICENCES = (
    "The licence of a file is what its own header says; else what licence files, package metadata and readmes of the "
    "nearest directory say, the stricter where they disagree. `license_path` and `license_evidence` of each row name "
    "the file, the lines and the score. Copied code (`is_vendor`) never inherits the licence of the project around it. "
    "Permissive is what the Blue Oak Council's list or ScanCode's categories Permissive and Public Domain name, as in "
    "The Stack v2."
)
_LIMITS = (
    "Licences are detected by a program: look at the evidence, and at the repository, before you rely on one. "
    "Personal data and secrets inside files are not redacted in this version. Languages are told by rules for names "
    "and contents, without a classifier."
)


def _own(sources: list[dict[str, Any]]) -> list[str]:
    if all(source["rights"] != "own" for source in sources):
        return []
    return ["**Some sources are declared as the publisher's own: their files are here whatever their licence.**"]


def _pending(pending: int) -> list[str]:
    return [f"{pending:,} repositories were not extracted yet: this release is partial."] if pending else []


def _funnel(manifest: dict[str, Any]) -> list[tuple[str, int]]:
    files, funnel = manifest["files"], manifest["funnel"]
    return [
        ("entries of all trees read", files["entries"]),
        ("of repositories that count", funnel["files"]),
        ("with a text", funnel["texts"]),
        ("that no rule removes", funnel["passing"]),
        ("without exact copies", funnel["distinct"]),
        ("without near-duplicates: published", files["published"]),
    ]


def _reasons(manifest: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (f"`{name}`", _meaning(name, manifest), row["files"], row["alone"], row["bytes"])
        for name, row in manifest["reasons"].items()
    ]


def _alarms(alarms: list[dict[str, Any]]) -> list[str]:
    if not alarms:
        return []
    rows = [(f"`{a['what']}`", f"{a['kind']} {a['name']}", a["taken"], a["texts"]) for a in alarms[:SHOWN]]
    return ["These take an unusual share of something:", _table(["what", "of", "files taken", "of files"], rows)]


def _licenses(counts: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The most frequent licences, and one row for the rest."""
    ordered = sorted(counts, key=lambda row: (-row["files"], str(row["license_expression"])))
    rows = [
        (row["license_type"], row["license_expression"] or "none found", row["files"], row["bytes"])
        for row in ordered[:SHOWN]
    ]
    rest = ordered[SHOWN:]
    if rest:
        rows.append(("", f"{len(rest)} more", sum(r["files"] for r in rest), sum(r["bytes"] for r in rest)))
    return rows


def _sizes(counts: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    names = [f"up to {end >> 10} KiB" for end in SIZES] + [f"over {SIZES[-1] >> 10} KiB"]
    return [(names[row["size"]], row["files"], row["bytes"]) for row in counts]


def _duplicates(manifest: dict[str, Any]) -> str:
    dedup = manifest["configuration"]["dedup"]
    order = ", ".join(dedup["keep"])
    if not dedup["near_duplicates"]:
        return f"Exact copies are removed; of these, the first in this order stays: {order}. Near-duplicates are not."
    return (
        "Exact copies are removed, and files whose word 5-grams have a Jaccard similarity of at least "
        f"{dedup['min_similarity']} to a file that is here: MinHash with 256 permutations in 42 bands of 6, every pair "
        "verified, those near the threshold exactly. A file yields only to one that stays and that it resembles: "
        f"no chains. The first in this order stays: {order}. `clusters/` names each pair with its similarity."
    )


def _columns(schema: Any) -> str:
    return _table(["column", "type", "meaning"], [(f"`{f.name}`", f"`{f.type}`", meaning(f)) for f in schema])


def _sum(languages: dict[str, dict[str, int]], field: str) -> int:
    return sum(row[field] for row in languages.values())


def _meaning(reason: str, manifest: dict[str, Any]) -> str:
    """What a reason says of a file, with the thresholds in force."""
    if reason not in RULES:
        return MEANINGS[reason]
    given = manifest["configuration"]["rules"][reason]
    thresholds = ", ".join(f"{key} {value:,}" for key, value in given.items() if type(value) in (int, float))
    defect = (RULES[reason].holds.__doc__ or "").split("\n")[0].rstrip(".").replace("`", "")
    return f"{defect} ({thresholds})" if thresholds else defect


MEANINGS = {
    "bad_path": "its path could not be checked out safely",
    "binary": "not text, by its name or its content",
    "exact_duplicate": "its text is that of a file that is here",
    "lfs_pointer": "stands for a file in Git LFS",
    "missing_blob": "its content is not in the repository that was read",
    "near_duplicate": "its text is nearly that of a file that is here",
    "not_listed": "its repository is not among the sources any more",
    "secret_name": "named like a key or a password file",
    "submodule": "another repository",
    "superseded": "its repository was read again later",
    "symlink": "a symbolic link",
    "too_large": "larger than what is read ([extract] max_file_bytes)",
}  # of the reasons that are no rules


def _overlap(overlap: dict[str, Any]) -> str:
    if not overlap["held_out_texts"]:
        return "No repository is held out: there is a `train` split only."
    return (
        "Repositories that share at least half of the smaller one's texts are in one split. Before duplicates were "
        f"removed, {overlap['shared_texts']:,} of the {overlap['held_out_texts']:,} distinct texts of held-out "
        "repositories also occurred in repositories of the train split; each is now in one place only."
    )


def _table(head: list[str], rows: Iterable[tuple[Any, ...]]) -> str:
    """A Markdown table; numbers with thousands separators."""
    lines = [head, ["---"] * len(head), *([f"{c:,}" if isinstance(c, int) else str(c) for c in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
