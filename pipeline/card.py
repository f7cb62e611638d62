"""The dataset card, from the manifest alone."""

from collections.abc import Iterable
from typing import Any

import yaml

from filters.language import slug
from filters.rules import RULES
from pipeline.networks import SPLITS
from schemas.columns import meaning
from schemas.release import ROWS

SIZES = [("n<1K", 10**3), ("1K<n<10K", 10**4), ("10K<n<100K", 10**5), ("100K<n<1M", 10**6), ("1M<n<10M", 10**7),
         ("10M<n<100M", 10**8), ("100M<n<1B", 10**9), ("1B<n<10B", 10**10), ("10B<n<100B", 10**11)]  # fmt: skip


def card(manifest: dict[str, Any]) -> str:
    """README.md: front matter that `datasets` reads, then what is in the release and what is not, in counts."""
    front = yaml.safe_dump(front_matter(manifest), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n" + "\n\n".join(_sections(manifest)) + "\n"


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
        "size_categories": [next((name for name, limit in SIZES if rows < limit), "n>1T")],
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
        "## What came in, and what is here",
        _table(["repositories", "count"], [(n, repositories[n]) for n in _OUTCOMES])
        + (f"\n\n{repositories['pending']:,} repositories were not extracted yet." if repositories["pending"] else ""),
        _table(
            ["files", "count"], [(name, files[name]) for name in ("entries", "passed_over", "removed", "published")]
        ),
        "A file may have several reasons. `alone` counts the files that no other reason removes. "
        "Every removed file stands in `ledger/`, and what each exact copy was a copy of in `clusters/`.",
        _table(
            ["reason", "meaning", "files", "alone", "bytes"],
            [
                (f"`{name}`", _meaning(name, manifest), row["files"], row["alone"], row["bytes"])
                for name, row in manifest["reasons"].items()
            ],
        ),
        "## Languages",
        _table(
            ["language", "configuration", "files in", "files here", "bytes of text"],
            [
                *((n, f"`{slug(n)}`", r["entries"], r["kept"], r["text_bytes"]) for n, r in kept.items()),
                ("languages of which nothing is here", "", files["entries"] - _sum(kept, "entries"), 0, 0),
            ],
        ),
        "## Splits",
        _table(["split", "rows"], sorted(manifest["splits"]["rows"].items())),
        _overlap(manifest["splits"]["overlap"]),
        "## Columns",
        _table(["column", "type", "meaning"], [(f"`{f.name}`", f"`{f.type}`", meaning(f)) for f in ROWS]),
        "## Limits",
        "The licence of a file is not determined in this version: look at its repository before you use it. "
        "Near-duplicates are not removed, and personal data and secrets inside files are not redacted.",
    ]


_OUTCOMES = ("listed", "ok", "empty", "failed", "excluded", "pending")


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
