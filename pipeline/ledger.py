"""Stage 7: every file that is not in the release, with all reasons; and the clusters of similar files.

Of who opted out and what was taken down the manifest says how many files there are, and nothing says which.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from filters.label import thresholds, values
from pipeline import parquet, storage
from pipeline.label import read_columns
from pipeline.run import Folders
from pipeline.units import Unit
from schemas.decisions import LICENSE
from schemas.release import CLUSTERS, LEDGER
from schemas.repositories import WITHHELD

FILES_PER_LEDGER = 1_000_000  # files of the units whose removed files one ledger file holds


@dataclass(frozen=True)
class LedgerTask:
    """Units whose removed files go into one pair of files."""

    number: int
    count: int
    unit_ids: list[int]

    def name(self, kind: str) -> str:
        return f"{kind}/{kind}-{self.number:05d}-of-{self.count:05d}.parquet"


def ledger_tasks(rows_by_unit: Mapping[int, int]) -> list[LedgerTask]:
    """The units in order, cut where enough files have come together."""
    packed: list[list[int]] = []
    size = 0
    for unit_id, rows in rows_by_unit.items():
        if not packed or size + rows > FILES_PER_LEDGER:
            packed.append([])
            size = 0
        packed[-1].append(unit_id)
        size += rows
    return [LedgerTask(number, len(packed), unit_ids) for number, unit_ids in enumerate(packed)]


@dataclass(frozen=True)
class WriteLedger:
    """Call it with a task's number."""

    folders: Folders
    rules: Mapping[str, Mapping[str, Any]]
    tasks: list[LedgerTask]

    def __call__(self, number: int) -> None:
        """The task's two files stand in the next release."""
        task = self.tasks[number]
        for kind, schema in (("ledger", LEDGER), ("clusters", CLUSTERS)):
            with (
                storage.commit(self.folders.workspace.next_release / task.name(kind)) as temporary,
                parquet.writer(temporary, schema, 3) as writer,
            ):
                for unit_id in task.unit_ids:
                    removed = self._removed(Unit.of(self.folders.workspace, unit_id))
                    table = (ledger_rows(removed, self.rules) if kind == "ledger" else cluster_rows(removed)).to_arrow()
                    if table.num_rows:
                        writer.write_table(table.select(schema.names).cast(schema), row_group_size=table.num_rows)

    def _removed(self, unit: Unit) -> pl.DataFrame:
        used = {name for value in values(self.rules).values() for name in value.meta.root_names()}
        decisions = parquet.read_frame(self.folders.decisions / f"{unit.name}.parquet")
        licenses = parquet.read_frame(self.folders.labels / f"{unit.name}.parquet", [field.name for field in LICENSE])
        files = read_columns(unit, [*(name for name in LEDGER_FILES if name not in used), *sorted(used)])
        reasons = pl.col("removal_reasons").list
        told = (reasons.len() > 0) & (reasons.set_intersection(WITHHELD).list.len() == 0)
        return files.hstack(decisions).hstack(licenses).filter(told)


LEDGER_FILES = [
    *("host", "repo_name", "commit_id", "path", "path_raw", "content_id", "file_id", "length_bytes", "language")
]


def ledger_rows(removed: pl.DataFrame, rules: Mapping[str, Mapping[str, Any]]) -> pl.DataFrame:
    """LEDGER: a row for every removed file and reason, in the files' order."""
    measured = pl.coalesce(pl.when(pl.col("reason") == name).then(value) for name, value in values(rules).items())
    given = {name: json.dumps(thresholds(rule)) for name, rule in rules.items() if thresholds(rule)}
    rows = removed.with_columns(reason=pl.col("removal_reasons")).explode("reason")
    copy = pl.col("reason").str.ends_with("_duplicate")
    return rows.with_columns(
        pl.col("file_id").bin.encode("hex"),
        value=measured,
        thresholds=pl.col("reason").replace_strict(given, default=None, return_dtype=pl.String),
        kept_file_id=pl.when(copy).then(pl.col("cluster_id").bin.encode("hex")),
    ).select(LEDGER.names)


def cluster_rows(removed: pl.DataFrame) -> pl.DataFrame:
    """CLUSTERS: a row for every file that a kept one stands for."""
    return removed.filter(pl.col("cluster_id").is_not_null()).select(
        pl.col("file_id").bin.encode("hex"),
        pl.col("cluster_id").bin.encode("hex").alias("kept_file_id"),
        "estimated_similarity",
        "exact_similarity",
        "cluster_size",
    )


def written_names(folder: Path) -> Iterator[str]:
    """The ledger's files in a release, and that of the rows that were taken down, sorted."""
    for kind in ("clusters", "ledger", "takedowns"):
        yield from sorted(path.relative_to(folder).as_posix() for path in (folder / kind).glob("*.parquet"))
