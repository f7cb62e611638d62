"""What is in a release: its configurations, languages, licences and sizes, and what has changed since the last."""

from collections.abc import Iterable, Mapping
from typing import Any

from filters.language import slug
from pipeline.card import plots
from pipeline.card.front import configurations
from pipeline.card.tables import count, folded, size, table

Manifest = Mapping[str, Any]
SHOWN = 30  # rows of a table, of which more are folded, and values of a list
CHOOSING = {"source", "extract", "rules", "license", "dedup", "split"}  # sections that decide which rows there are

FOLDERS = {
    "data": "the rows",
    "ledger": "files that are not here, with all reasons, what was measured and the thresholds; the repositories; none "
    "that opted out or was taken down",
    "clusters": "which file each duplicate yields to, and how similar they are",
    "takedowns": "the ids of rows that were removed on request",
    "plots": "the pictures of this page",
}


def summary(manifest: Manifest) -> list[str]:
    files, kept = manifest["files"], sum(row["kept"] > 0 for row in manifest["languages"].values())
    read = manifest["repositories"]["ok"]  # not all of them have a row
    return [
        f"**{count(files['published'], 'file')} of source code in {count(kept, 'language')}: "
        f"{size(files['text_bytes'])} of text, {files['tokens']:,} words; {count(read, 'repository')} "
        f"{'was' if read == 1 else 'were'} read.** Version {manifest['version']}. Each row is one file with its "
        "repository, commit, path, language, licence and the evidence for it. The release says why other files are "
        "not here, and names all but those that opted out or were taken down.",
        "Words are runs of letters, digits, `_` and letters beyond ASCII; a tokenizer of a model finds more.",
    ]


def contents(manifest: Manifest) -> list[str]:
    """Configurations and languages, then what else is in the release."""
    found = configurations(manifest)
    kept = {name: row for name, row in manifest["languages"].items() if row["kept"]}
    ordered = sorted(kept.items(), key=lambda item: (-item[1]["text_bytes"], item[0]))
    rows = [
        (
            name,
            f"`{slug(name)}`" if slug(name) in found else "`default`",
            row["kept"],
            row["text_bytes"],
            row["tokens"],
            _bytes(found.get(slug(name), []), manifest) or "",
            row["entries"],
        )
        for name, row in ordered
    ]
    files = manifest["files"]
    all_of_it = ("all", "`default`", files["published"], files["text_bytes"], files["tokens"])
    total = (*all_of_it, _bytes(found["default"], manifest), files["entries"])
    head = ["language", "configuration", "files", "bytes of text", "words", "bytes to download", "files in"]
    nothing = [f"{name} ({row['entries']:,})" for name, row in sorted(manifest["languages"].items()) if not row["kept"]]
    return [
        *plots.shown("languages", manifest),
        *_long(head, [total, *rows], "languages"),
        "`files in` counts what was read of a language, before any rule.",
        *([f"Of these languages nothing is left (files in): {', '.join(nothing)}."] if nothing else []),
        *_folders(manifest),
    ]


def _bytes(names: Iterable[str], manifest: Manifest) -> int:
    return sum(manifest["contents"][name]["bytes"] for name in names)


def _folders(manifest: Manifest) -> list[str]:
    found: dict[str, list[str]] = {}
    for name in manifest["contents"]:
        if "/" in name:
            found.setdefault(name.split("/")[0], []).append(name)
    rows = [
        (f"`{folder}/`", len(names), _bytes(names, manifest), FOLDERS.get(folder, ""))
        for folder, names in sorted(found.items())
        if folder != "plots"  # it is not written yet when it is counted
    ]
    return [table(["folder", "files", "bytes", "holds"], rows)]


def _long(head: list[str], rows: list[tuple[Any, ...]], noun: str) -> list[str]:
    """A table, of which readers open what is more than SHOWN."""
    if len(rows) <= SHOWN:
        return [table(head, rows)]
    return [table(head, rows[:SHOWN]), folded(f"{len(rows) - SHOWN:,} more {noun}", table(head, rows[SHOWN:]))]


def licences(manifest: Manifest) -> list[str]:
    """The most frequent; LICENSE.md has all."""
    rows = licence_rows(manifest)
    more = [f"And {len(rows) - SHOWN:,} more, in [`LICENSE.md`](LICENSE.md)."] if len(rows) > SHOWN else []
    return [*plots.shown("licenses", manifest), table(LICENCE_HEAD, rows[:SHOWN]), *more]


LICENCE_HEAD = ["class", "licence (SPDX)", "files", "bytes of text", "words"]


def licence_rows(manifest: Manifest) -> list[tuple[Any, ...]]:
    ordered = sorted(manifest["licenses"], key=lambda row: (-row["files"], str(row["license_expression"])))
    return [
        (row["license_type"], row["license_expression"] or "none found", row["files"], row["bytes"], row["tokens"])
        for row in ordered
    ]


def sizes(manifest: Manifest) -> list[str]:
    rows = [(plots.size_names()[row["size"]], row["files"], row["bytes"]) for row in manifest["sizes"]]
    return [*plots.shown("sizes", manifest), table(["text", "files", "bytes of text"], rows)]


def changes(base: Mapping[str, Any]) -> list[str]:
    """What differs from the version before. Every key of `changes` may be missing."""
    found = base.get("changes") or {}
    totals = [(name, *found[key]) for key, name in (("rows", "files"), ("text_bytes", "bytes of text")) if key in found]
    languages = [(name, *counts) for name, counts in sorted((found.get("languages") or {}).items())]
    reasons = [(f"`{name}`", *counts) for name, counts in sorted((found.get("reasons") or {}).items())]
    lists = [
        f"Licences that are {word}: {', '.join(found[key])}."
        for key, word in (("licenses_added", "new"), ("licenses_removed", "gone"))
        if found.get(key)
    ]
    pairs = [
        (f"`{key}`", *map(_value, values))
        for key, values in sorted((found.get("configuration") or {}).items())
        if key.partition(".")[0] in CHOOSING
    ]
    digest = base.get("manifest_sha256")
    head = ["", base["version"], "now"]
    return [
        *([table(head, totals)] if totals else []),
        *(_long(["files by language", *head[1:]], languages, "languages") if languages else []),
        *([table(["files removed because", *head[1:]], reasons)] if reasons else []),
        *lists,
        *([table(["configuration", *head[1:]], pairs)] if pairs else []),
        *([f"The manifest of {base['version']} has the SHA-256 `{digest}`."] if digest else []),
    ]


def _value(value: Any) -> str:
    """A value of the configuration, as code."""
    if isinstance(value, list) and len(value) > SHOWN:
        return f"{len(value):,} of them"
    words = ", ".join(map(str, value)) if isinstance(value, list) else f"{value:,}" if type(value) is int else value
    return "not there" if value is None else "`{}`".format(str(words).replace("`", "'")) if words != "" else "nothing"
