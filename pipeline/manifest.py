"""The manifest: what a release was made from, by which rules, what came out, and the hashes to check it by.

It is written last. A release whose sums differ gets none.
"""

import importlib.metadata
import platform
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import polars as pl

from filters.language import UNKNOWN
from pipeline import git, parquet, storage
from pipeline.alarms import alarms
from pipeline.config import Config
from pipeline.diff import changes, version_order
from pipeline.errors import CorpusError
from pipeline.inputs import PASSED_OVER
from pipeline.ledger import written_names
from pipeline.plan import Shard
from pipeline.run import Folders, Run
from pipeline.summary import EXACT_DUPLICATE, NEAR_DUPLICATE
from pipeline.takedown import requests
from pipeline.units import Unit, read_archives
from pipeline.workspace import Workspace
from schemas.repositories import WITHHELD

VERSIONED = ("apache-beam", "datasketch", "numba", "numpy", "polars", "pyarrow", "stackyard")


def build(run: Run, shards: list[Shard]) -> dict[str, Any]:
    """The manifest's values. Raises CorpusError when the sums differ."""
    workspace, config, folders = run.workspace, run.config, run.folders
    units = [Unit.of(workspace, unit_id) for unit_id in run.unit_ids]
    summaries = [storage.read_json(folders.decisions / f"{unit.name}.json") for unit in units]
    files = {shard.name: _shard(shard, storage.read_json(folders.written / f"{shard.digest}.json")) for shard in shards}
    files |= {name: other(workspace.next_release / name) for name in written_names(workspace.next_release)}
    manifest = {
        "name": config.release.name,
        "version": config.release.version,
        "configuration": config.published(),
        "versions": {name: importlib.metadata.version(name) for name in VERSIONED}
        | {"python": platform.python_version(), "git": git.version()},
        "units": {unit.name: unit.commit()["files"] for unit in units},
        "archives": read_archives(workspace),
        "repositories": repository_counts(run.repositories),
        "files": _files(summaries, shards),
        "funnel": _funnel(summaries),
        "languages": _languages(summaries),
        "licenses": _totals(summaries, "licenses", ("license_type", "license_expression")),
        "sizes": _totals(summaries, "sizes", ("size",)),
        "reasons": _reasons(summaries),
        "rules_never_fired": _never_fired(config, summaries),
        "alarms": alarms(summaries, config.alarms),
        "splits": _splits(shards) | {"overlap": _overlap(folders)},
        "contents": dict(sorted(files.items())),
    }
    manifest |= takedowns(manifest, len(requests.read(config)))
    before = last_published(workspace, config, config.release.version)
    manifest |= based_on(before, manifest) if before else {}
    check_sums(manifest)
    return manifest


def takedowns(manifest: dict[str, Any], asked: int) -> dict[str, Any]:
    """`takedowns`: how many requests there are, and files that no reader of any version may use; nothing for none."""
    removed = sum(known["rows"] for name, known in manifest["contents"].items() if name.startswith("takedowns/"))
    return {"takedowns": {"requests": asked, "files": removed}} if asked or removed else {}


def last_published(workspace: Workspace, config: Config, version: str) -> Path | None:
    """The manifest of the highest version below this one that is published where [publish] says; None for none."""
    records = (path for path in workspace.published.glob("*/published.json"))
    there = [path.parent for path in records if storage.read_json(path)["to"] == config.publish.to]
    before = [folder for folder in there if version_order(folder.name) < version_order(version)]
    return max(before, key=lambda folder: version_order(folder.name)) / "manifest.json" if before else None


def based_on(path: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """`base`: the release with the manifest at `path`, and what has changed since."""
    former = storage.read_json(path)
    found = changes(former, manifest)
    del found["files"]  # the card is not written yet
    return {"base": {"version": former["version"], "manifest_sha256": storage.sha256(path), "changes": found}}


def _shard(shard: Shard, record: dict[str, Any]) -> dict[str, Any]:
    return {
        "rows": shard.rows,
        "text_bytes": shard.text_bytes,
        "bytes": record["file_bytes"],
        "sha256": record["sha256"],
        "digest": shard.digest,
    }


def other(path: Path) -> dict[str, Any]:
    """The entry of `contents` for a table."""
    return {"rows": parquet.row_count(path), "bytes": path.stat().st_size, "sha256": storage.sha256(path)}


def repository_counts(repositories: pl.DataFrame) -> dict[str, Any]:
    counts = Counter(repositories["outcome"].to_list())
    codes = Counter(
        f"{outcome}({code})"
        for outcome, code in repositories.select("outcome", "code").iter_rows()
        if outcome in ("failed", "excluded")
    )
    outcomes = {name: counts[name] for name in ("ok", "empty", "failed", "excluded", "pending")}
    return {"listed": repositories.height} | outcomes | {"codes": dict(sorted(codes.items()))}


def _files(summaries: list[dict[str, Any]], shards: list[Shard]) -> dict[str, int]:
    rows = sum(summary["rows"] for summary in summaries)
    reasons = [row for summary in summaries for row in summary["reasons"]]
    passed_over = sum(row["files"] for row in reasons if row["reason"] in PASSED_OVER)
    slices = [piece for summary in summaries for piece in summary["slices"]]
    kept = sum(piece["rows"] for piece in slices)
    return {
        "entries": rows,
        "passed_over": passed_over,
        "kept": kept,
        "removed": rows - passed_over - kept,
        "published": sum(shard.rows for shard in shards),
        "text_bytes": sum(shard.text_bytes for shard in shards),
        "tokens": sum(piece["tokens"] for piece in slices),
    }


def _funnel(summaries: list[dict[str, Any]]) -> dict[str, int]:
    """Files left after each step."""
    total = Counter[str]()
    for summary in summaries:
        total.update(summary["funnel"])
    return {step: total[step] for step in ("files", "texts", "passing", "distinct")}


def _totals(summaries: list[dict[str, Any]], table: str, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    """Kept files, their bytes of text and their words by these keys, over all units."""
    found: defaultdict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for row in (row for summary in summaries for row in summary[table]):
        found[tuple(row[key] for key in keys)].update({k: row[k] for k in ("files", "bytes", "tokens")})
    ordered = sorted(found.items(), key=lambda item: [str(part or "") for part in item[0]])
    return [dict(zip(keys, key, strict=True)) | dict(counts) for key, counts in ordered]


def _never_fired(config: Config, summaries: list[dict[str, Any]]) -> list[str]:
    """The enabled rules that hold for no file."""
    fired = {row["reason"] for summary in summaries for row in summary["reasons"]}
    return [name for name, rule in config.resolved()["rules"].items() if rule["enabled"] and name not in fired]


def _languages(summaries: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """By language, `unknown` for none: files and bytes that came in, and files, bytes and words that are kept."""
    found: dict[str, Counter[str]] = {}
    for summary in summaries:
        for row in summary["languages"]:
            found.setdefault(row["language"] or UNKNOWN, Counter()).update(
                entries=row["files"], entry_bytes=row["bytes"]
            )
        for row in summary["slices"]:
            kept = {"kept": row["rows"], "text_bytes": row["bytes"], "tokens": row["tokens"]}
            found[row["language"] or UNKNOWN].update(kept)
    fields = ("entries", "entry_bytes", "kept", "text_bytes", "tokens")
    return {name: {field: found[name][field] for field in fields} for name in sorted(found)}


def _reasons(summaries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By reason: files that have it, files that have no other, bytes, and files by language."""
    found: dict[str, Counter[str]] = {}
    by_language: dict[str, Counter[str]] = {}
    for row in (row for summary in summaries for row in summary["reasons"]):
        found.setdefault(row["reason"], Counter()).update({k: row[k] for k in ("files", "alone", "bytes")})
        by_language.setdefault(row["reason"], Counter()).update({row["language"] or UNKNOWN: row["files"]})
    return {
        reason: dict(found[reason]) | {"languages": dict(sorted(by_language[reason].items()))}
        for reason in sorted(found)
    }


def _splits(shards: list[Shard]) -> dict[str, Any]:
    rows: Counter[str] = Counter()
    for shard in shards:
        rows[shard.split] += shard.rows
    return {"rows": dict(sorted(rows.items()))}


def _overlap(folders: Folders) -> dict[str, int]:
    """Distinct texts of held-out repositories, and how many of these train repositories have too."""
    parts = [storage.read_json(path) for path in sorted((folders.decisions / "overlap").glob("*.json"))]
    return {name: sum(part[name] for part in parts) for name in ("held_out_texts", "shared_texts")}


def check_sums(manifest: dict[str, Any]) -> None:
    """Raises CorpusError unless everything that came in is accounted for exactly once."""
    repositories, files = manifest["repositories"], manifest["files"]
    outcomes = sum(repositories[name] for name in ("ok", "empty", "failed", "excluded", "pending"))
    languages, reasons = manifest["languages"].values(), manifest["reasons"]
    by_reason = {name: row["files"] for name, row in reasons.items()}
    by_language = {name: sum(row["languages"].values()) for name, row in reasons.items()}
    rows: Counter[str] = Counter()
    text_bytes = 0
    for name, known in manifest["contents"].items():
        rows[name if name == "ledger/repositories.parquet" else name.split("/")[0]] += known.get("rows", 0)
        text_bytes += known.get("text_bytes", 0)
    sums = {
        "repositories listed and their outcomes": (repositories["listed"], outcomes),
        "repositories listed and rows of their table": (
            repositories["listed"],
            rows["ledger/repositories.parquet"]
            + sum(repositories["codes"].get(f"excluded({code})", 0) for code in WITHHELD),
        ),
        "repositories failed or excluded and their codes": (
            repositories["failed"] + repositories["excluded"],
            sum(repositories["codes"].values()),
        ),
        "files and their outcomes": (files["entries"], files["passed_over"] + files["removed"] + files["published"]),
        "files and the funnel's first step": (files["entries"] - files["passed_over"], manifest["funnel"]["files"]),
        "files published and their licences": (files["published"], sum(row["files"] for row in manifest["licenses"])),
        "files published and their sizes": (files["published"], sum(row["files"] for row in manifest["sizes"])),
        "files kept and files published": (files["kept"], files["published"]),
        "files published and rows of the shards": (files["published"], rows["data"]),
        "files published and their splits": (files["published"], sum(manifest["splits"]["rows"].values())),
        "files and their languages": (files["entries"], sum(row["entries"] for row in languages)),
        "kept files and their languages": (files["kept"], sum(row["kept"] for row in languages)),
        "bytes of text and their languages": (files["text_bytes"], sum(row["text_bytes"] for row in languages)),
        "words and their languages": (files["tokens"], sum(row["tokens"] for row in languages)),
        "words and their licences": (files["tokens"], sum(row["tokens"] for row in manifest["licenses"])),
        "bytes of text and those of the shards": (files["text_bytes"], text_bytes),
        "reasons and rows of the ledger": (
            sum(by_reason.values()),
            rows["ledger"] + sum(by_reason.get(reason, 0) for reason in WITHHELD),
        ),
        "reasons and their languages": (by_reason, by_language),
        "files passed over and their reasons": (
            files["passed_over"],
            sum(by_reason.get(reason, 0) for reason in PASSED_OVER),
        ),
        "duplicates and rows of the clusters": (
            by_reason.get(EXACT_DUPLICATE, 0) + by_reason.get(NEAR_DUPLICATE, 0),
            rows["clusters"],
        ),
        "files taken down and rows of their table": (manifest.get("takedowns", {}).get("files", 0), rows["takedowns"]),
    }
    for what, (left, right) in sums.items():
        if left != right:
            raise CorpusError(f"the sums differ: {what}: {left} and {right}; nothing was released, please report this")
