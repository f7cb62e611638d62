"""What differs between two releases: rows, files, configuration, counts."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import fsspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from filters.language import UNKNOWN
from pipeline.errors import ShardError
from schemas.release import ROWS

SHOWN = 30  # lines of a table; the JSON has all
MAX_SHOWN = 60  # characters of a value
NEEDED = {"version", "files", "languages", "licenses", "reasons", "configuration", "contents"}
IDS = ["file_id", "text_id", "language"]
BLOCK_BYTES = 1 << 20  # read ahead at an address; with 5 MB, as is usual, most of a shard would come for three columns


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """What two manifests alone tell, as JSON values: pairs are before and after, and what is equal is left out."""
    licenses = [{row["license_expression"] or "none found" for row in values["licenses"]} for values in (old, new)]
    languages = [{name: row["kept"] for name, row in values["languages"].items()} for values in (old, new)]
    reasons = [{name: row["files"] for name, row in values["reasons"].items()} for values in (old, new)]
    configuration = _pairs(_flat(old["configuration"]), _flat(new["configuration"]))
    return {
        "rows": [old["files"]["published"], new["files"]["published"]],
        "text_bytes": [old["files"]["text_bytes"], new["files"]["text_bytes"]],
        "languages": _pairs(languages[0], languages[1], none=0),
        "licenses_added": sorted(licenses[1] - licenses[0]),
        "licenses_removed": sorted(licenses[0] - licenses[1]),
        "reasons": _pairs(reasons[0], reasons[1], none=0),
        "configuration": configuration,
        "rules": [
            f"{key.removeprefix('rules.')}: {before}, now {after}"
            for key, (before, after) in configuration.items()
            if key.startswith("rules.")
        ],
        "files": {name: len(files) for name, files in _files(old, new).items()},
    }


def version_order(version: str) -> tuple[int, ...]:
    """What versions are sorted by.

    >>> version_order("0.10.0") > version_order("0.9.12")
    True
    """
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Values by dotted keys; a list is one value, and [[source]] tables are numbered."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = {str(number): item for number, item in enumerate(value, 1)}
        found |= _flat(value, f"{above}{name}.") if isinstance(value, dict) else {f"{above}{name}": value}
    return found


def _pairs(old: Mapping[str, Any], new: Mapping[str, Any], none: Any = None) -> dict[str, list[Any]]:
    """Before and after, where they differ."""
    both = {name: [old.get(name, none), new.get(name, none)] for name in sorted({*old, *new})}
    return {name: pair for name, pair in both.items() if pair[0] != pair[1]}


def _files(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[str]]:
    """Files of the releases by their SHA-256: those that are in both, under whatever name, and the others."""
    hashes = [{known["sha256"] for known in values["contents"].values()} for values in (old, new)]
    return {
        "equal": [name for name, known in new["contents"].items() if known["sha256"] in hashes[0]],
        "new": [name for name, known in new["contents"].items() if known["sha256"] not in hashes[0]],
        "gone": [name for name, known in old["contents"].items() if known["sha256"] not in hashes[1]],
    }


@dataclass(frozen=True)
class Difference:
    """`rows`: by language `added`, `removed` and `changed`, which is the same file with another text; `changes` as the
    function says; `files` by `equal`, `new` and `gone`."""

    versions: tuple[str, str]
    rows: dict[str, dict[str, int]]
    files: dict[str, list[str]]
    changes: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        """A screen of it."""
        return "\n".join(_lines(self))


def diff(a: object, b: object) -> Difference:
    """What has changed from release `a` to `b`: folders, or addresses that fsspec knows.

    Of files that both have no row is read, of the others three small columns. Raises ShardError.
    """
    sides = [_Side.of(str(a)), _Side.of(str(b))]
    old, new = (side.manifest for side in sides)
    files = _files(old, new)
    return Difference(
        (old["version"], new["version"]),
        _rows(sides[0].ids(files["gone"]), sides[1].ids(files["new"])),
        files,
        changes(old, new),
    )


@dataclass(frozen=True)
class _Side:
    """One of the two releases."""

    address: str
    system: Any  # fsspec is untyped
    root: str
    manifest: dict[str, Any]

    @classmethod
    def of(cls, address: str) -> "_Side":
        with _readable(address):
            system, root = fsspec.core.url_to_fs(address)
            with system.open(f"{root}/manifest.json", "rb") as file:
                manifest = json.load(file)
        if not isinstance(manifest, dict) or not NEEDED.issubset(manifest):
            raise ShardError(f"{address}: its manifest.json is not that of a release")
        return cls(address, system, root, manifest)

    def ids(self, names: list[str]) -> pl.DataFrame:
        """IDS of the rows in these files."""
        parts = [pl.DataFrame(ROWS.empty_table()).select(IDS)]
        for name in names:
            if name.startswith("data/"):
                opened = partial(self.system.open, f"{self.root}/{name}", "rb", block_size=BLOCK_BYTES)
                with _readable(f"{self.address}/{name}"), opened() as file:
                    parts.append(pl.DataFrame(pl.from_arrow(pq.ParquetFile(file).read(IDS))))
        return pl.concat(parts)


@contextmanager
def _readable(address: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise ShardError(
            f"{address}: no release there, or the token may not see it: it has no manifest.json, or lacks a file of it"
        ) from None
    except (OSError, ValueError, ImportError, pa.ArrowException) as error:
        raise ShardError(f"{address}: cannot be read: {(str(error).splitlines() or [repr(error)])[0]}") from None


def _rows(old: pl.DataFrame, new: pl.DataFrame) -> dict[str, dict[str, int]]:
    """By language what happened to rows; the language is the one they have now, or had."""
    both = old.join(new, "file_id", "full", coalesce=True, suffix="_new")
    gone, come = pl.col("text_id_new").is_null(), pl.col("text_id").is_null()
    what = pl.when(come).then(pl.lit("added")).when(gone).then(pl.lit("removed"))
    what = what.when(pl.col("text_id") != pl.col("text_id_new")).then(pl.lit("changed"))
    language = pl.when(gone).then("language").otherwise("language_new").fill_null(UNKNOWN)
    counted = both.select(language=language, what=what).drop_nulls("what").group_by("language", "what").len()
    found: dict[str, dict[str, int]] = {}
    for name, kind, count in counted.sort("language", "what").iter_rows():
        found.setdefault(name, {"added": 0, "removed": 0, "changed": 0})[kind] = count
    return found


def _lines(found: Difference) -> Iterator[str]:
    old, new = found.versions
    yield f"{old} -> {new}"
    for name, (before, after) in (("rows", found.changes["rows"]), ("bytes of text", found.changes["text_bytes"])):
        yield f"{name:<16}{before:>14,} -> {after:,}"
    yield f"{'files':<16}{', '.join(f'{len(names):,} {kind}' for kind, names in found.files.items())}"
    yield ""
    yield f"{'rows of':<24}{'added':>10}{'removed':>10}{'changed':>10}"
    total = {kind: sum(counts[kind] for counts in found.rows.values()) for kind in ("added", "removed", "changed")}
    ordered = sorted(found.rows.items(), key=lambda item: -sum(item[1].values()))
    for name, counts in [("all languages", total), *ordered[:SHOWN]]:
        yield f"{name:<24}{counts['added']:>10,}{counts['removed']:>10,}{counts['changed']:>10,}"
    yield from _more(len(ordered))
    for title, key in (("files by reason", "reasons"), ("configuration", "configuration")):
        pairs = list(found.changes[key].items())
        yield from ["", title] if pairs else []
        yield from (f"  {name:<34} {_shown(before)} -> {_shown(after)}" for name, (before, after) in pairs[:SHOWN])
        yield from _more(len(pairs))


def _shown(value: object) -> str:
    text = f"{value:,}" if type(value) is int else "not there" if value is None else str(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _more(count: int) -> list[str]:
    return [f"  and {count - SHOWN:,} more"] if count > SHOWN else []
