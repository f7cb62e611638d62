"""Many hours of GH Archive to the rows of a source: each hour is read once, then all are merged by repository.

An hour's table is committed by a JSON beside it, so that a run that was stopped goes on, and no file is downloaded
twice.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl

from pipeline import blocks, parquet, storage
from pipeline.config import Config, Source
from pipeline.errors import ConfigError, CorpusError
from pipeline.fetch.hosts import own_agent
from pipeline.sources.gharchive import COUNTS, SCHEMA, Counts, combined, read_hour
from pipeline.sources.gharchive_hours import BACKOFF_S, Hour, download, find_hours
from pipeline.sources.rows import FOLDED_HOSTS
from pipeline.workspace import Workspace
from schemas.archive import HOUR, MERGED
from schemas.repositories import LISTED

BATCH_HOURS = 24  # merged before they are sent on: most repositories have events in several hours of a day
ROW_BYTES = 100  # of a row of HOUR in memory, about
SPREAD = np.uint64(0x9E3779B97F4A7C15)  # an odd number whose multiples have well mixed top bits: 2^64 / golden ratio


@dataclass(frozen=True)
class Archive:
    """The hours of one source: where they come from, and where they are committed. Workers get it."""

    hours_file: Path
    tables: Path  # folder of the committed hours, of all sources
    folder: str  # where relative addresses start
    host: str
    contact: str
    number: int  # of the source

    @property
    def hours(self) -> tuple[Hour, ...]:
        return _read_hours(self.hours_file)

    def path(self, hour: Hour, suffix: str) -> Path:
        """`suffix` is parquet or json."""
        return self.tables / f"{hour.name}.{suffix}"

    def commit(self, hour: Hour) -> dict[str, Any]:
        """What stood in the hour: address, missing, truncated, lines, events, malformed, and the rows of its table."""
        return cast(dict[str, Any], storage.read_json(self.path(hour, "json")))

    def totals(self) -> dict[str, Any]:
        """As the function `totals`, of all hours: they must be committed."""
        return totals(self.commit(hour) for hour in self.hours)

    def waiting(self) -> list[int]:
        """The numbers of the hours that are not committed yet."""
        return [number for number, hour in enumerate(self.hours) if not self.path(hour, "json").exists()]


def plan(workspace: Workspace, config: Config, number: int) -> Archive:
    """The hours of the source with this number, written down. Raises ConfigError where a pattern has none."""
    hours = find_hours(config.source[number].gharchive, config.folder)
    tables = workspace.repositories / "archive"
    path = tables / f"hours-{storage.digest(hours)}.json"
    storage.write_json(path, hours)
    source = config.source[number]
    return Archive(path, tables, str(config.folder), source.host, config.fetch.contact, number)


@lru_cache(maxsize=4)
def _read_hours(path: Path) -> tuple[Hour, ...]:
    return tuple(Hour(*hour) for hour in storage.read_json(path))


# One hour


@dataclass(frozen=True)
class ReadHour:
    """Call it with the number of an hour."""

    archive: Archive
    backoff_s: float = BACKOFF_S

    def __call__(self, number: int) -> None:
        """Commits HOUR of the hour, unless it is there. Raises CorpusError when it cannot be had."""
        hour = self.archive.hours[number]
        commit = self.archive.path(hour, "json")
        if commit.exists():
            return
        if not hour.is_remote:
            self._commit(hour, Path(self.archive.folder) / hour.address)
            return
        commit.parent.mkdir(parents=True, exist_ok=True)
        temporary = commit.with_name(f"{storage.TEMPORARY}{os.getpid()}-{hour.name}")
        try:
            there = download(hour.address, temporary, own_agent(self.archive.contact), self.backoff_s)
            self._commit(hour, temporary if there else None)
        finally:
            temporary.unlink(missing_ok=True)

    def _commit(self, hour: Hour, path: Path | None) -> None:
        """Table first, then the commit. `path` is None for an hour that the archive does not have."""
        counts, values = Counts(), {"missing": path is None, "rows": 0, "address": hour.address}
        if path:
            try:
                rows, counts = read_hour(path)
            except OSError as error:
                raise CorpusError(f"{hour.address}: cannot be read ({error.strerror}); run again") from None
            with storage.commit(self.archive.path(hour, "parquet")) as temporary:
                parquet.write(temporary, rows.to_arrow(), HOUR)
            values["rows"] = rows.height
        storage.write_json(self.archive.path(hour, "json"), values | vars(counts))


# All hours


@dataclass(frozen=True)
class Merge:
    """The committed hours of an archive, to be merged into partitions in `folder`; complete when done.json is there."""

    archive: Archive
    folder: Path
    partitions: int

    @property
    def batches(self) -> range:
        """The numbers of what `EmitHours` is called with."""
        return range(-(-len(self.archive.hours) // BATCH_HOURS))

    @property
    def done(self) -> Path:
        return self.folder / "done.json"


def plan_merge(archive: Archive) -> Merge:
    """How to merge hours that are all committed. Raises ConfigError when there is no event in any of them."""
    commits = [archive.commit(hour) for hour in archive.hours]
    if not any(commit["events"] for commit in commits):
        found = totals(commits)
        raise ConfigError(
            f"source: gharchive: no event found: of {found['hours']} hours {found['missing']} are missing and "
            f"{found['malformed'].get('not_gzip', 0)} are no gzip files; the first is {archive.hours[0].address}"
        )
    partitions = blocks.partition_count(sum(commit["rows"] for commit in commits), ROW_BYTES)
    digest = storage.digest(
        [archive.host, partitions, [[h.name, c] for h, c in zip(archive.hours, commits, strict=True)]]
    )
    return Merge(archive, archive.tables / f"merged-{digest}", partitions)


def totals(commits: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Over the commits of hours: how many there are, are `missing` and `truncated`, `lines`, `events`, `malformed`."""
    found: Counter[str] = Counter()
    malformed: Counter[str] = Counter()
    for commit in commits:
        found.update({"hours": 1, **{name: commit[name] for name in ("missing", "truncated", "lines", "events")}})
        malformed.update(commit["malformed"])
    return {**found, "malformed": dict(sorted(malformed.items()))}


def forget_others(workspace: Workspace, merges: Iterable[Merge]) -> None:
    """What was merged of other hours is gone."""
    current = {merge.folder for merge in merges}
    for folder in (workspace.repositories / "archive").glob("merged-*"):
        if folder not in current:
            storage.delete_tree(folder)


@dataclass(frozen=True)
class EmitHours:
    """Call it with the number of a batch of hours."""

    merge: Merge

    def __call__(self, batch: int) -> Iterator[tuple[int, bytes]]:
        """(partition, block of HOUR): what the hours say of its repositories."""
        archive = self.merge.archive
        hours = archive.hours[batch * BATCH_HOURS : (batch + 1) * BATCH_HOURS]
        there = [hour for hour in hours if not archive.commit(hour)["missing"]]
        tables = [parquet.read_frame(archive.path(hour, "parquet")) for hour in there]
        rows = combined(pl.concat([pl.DataFrame(schema=SCHEMA), *tables]))
        parts = rows.with_columns(partition=_partition(rows, self.merge.partitions)).partition_by(
            "partition", as_dict=True, include_key=False
        )
        for (partition,), part in parts.items():
            block = BytesIO()
            part.write_ipc_stream(block, compression="lz4")
            yield cast(int, partition), block.getvalue()


def _partition(rows: pl.DataFrame, partitions: int) -> pl.Series:
    """By the number, or the name without case where there is none: what may be one repository stays together."""
    keys = rows["forge_id"].fill_null(0).to_numpy().astype(np.uint64) * SPREAD
    nameless = rows["forge_id"].is_null()
    names = rows.filter(nameless)["repo_name"].str.to_lowercase()
    hashes = [hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names]
    keys[nameless.to_numpy()] = np.frombuffer(b"".join(hashes), np.uint64)
    return pl.Series((keys >> np.uint64(64 - (partitions.bit_length() - 1))).astype(np.int64))


@dataclass(frozen=True)
class MergePartition:
    """Call it with a partition and its blocks."""

    merge: Merge

    def __call__(self, partition: int, parts: Iterable[bytes]) -> tuple[()]:
        """Commits MERGED of the partition's repositories."""
        rows = pl.concat([pl.read_ipc_stream(part) for part in parts])
        found = merged(combined(rows), self.merge.archive.host)
        with storage.commit(self.merge.folder / f"part-{partition:05d}.parquet") as temporary:
            parquet.write(temporary, found.to_arrow(), MERGED)
        return ()


def merged(rows: pl.DataFrame, host: str) -> pl.DataFrame:
    """MERGED of the repositories in HOUR that have events of their own.

    Those with one number are one, whatever they are called, and those without are one under one name. The current name
    is that of the last event, of several the largest; so is the parent of a fork.
    """
    rows = rows.with_columns(repo_key=_key(host, pl.col("repo_name")))
    rows = rows.with_columns(unnumbered=pl.when(pl.col("forge_id").is_null()).then("repo_key"))
    one = ["forge_id", "unnumbered"]
    own = rows.filter(pl.col("last_seen").is_not_null()).sort("last_seen", "repo_name")
    current = own.group_by(one).agg(
        pl.col("repo_key", "repo_name").last(),
        pl.col("first_seen").min(),
        pl.col("last_seen").max(),
        pl.col(*COUNTS).sum(),
    )
    forks = (
        rows.filter(pl.col("is_fork")).sort("fork_of_id", "fork_of_name").unique(one, keep="last", maintain_order=True)
    )
    forks = forks.select(*one, "is_fork", "fork_of_id", "fork_of_name")
    current = current.join(forks, on=one, how="left", nulls_equal=True).with_columns(pl.col("is_fork").fill_null(False))
    former = own.join(current, on=[*one, "repo_key"], how="anti", nulls_equal=True, maintain_order="left")
    former = former.unique([*one, "repo_key"], keep="last", maintain_order=True).select(*one, "repo_key", "repo_name")
    former = former.join(current.select(*one, renamed_to="repo_key"), on=one, nulls_equal=True)
    return pl.concat([current, former], how="diagonal").select(MERGED.names).sort("forge_id", "repo_key")


def _key(host: str, repo_name: pl.Expr) -> pl.Expr:
    """`repo_key`, as rows.repo_key makes it."""
    return pl.concat_str(pl.lit(f"{host}/"), repo_name.str.to_lowercase() if host in FOLDED_HOSTS else repo_name)


# Rows of a source


def archive_rows(merge: Merge, source: Source) -> pl.DataFrame:
    """LISTED of what was merged, in order of the keys, each row that the source does not want with the reason.

    Former names are rows of their own, `renamed_to` the current one. Of several repositories with one name the one last
    seen has it now; the others are `duplicate_of` it.
    """
    parts = [parquet.read_frame(path) for path in sorted(merge.folder.glob("part-*.parquet"))]
    rows = pl.concat(parts).sort("repo_key", "last_seen", "forge_id", "renamed_to", "repo_name")
    parents = rows.filter(pl.col("renamed_to").is_null() & pl.col("forge_id").is_not_null())
    rows = rows.join(
        parents.select(fork_of_id="forge_id", parent="repo_key"), on="fork_of_id", how="left", maintain_order="left"
    )
    host = merge.archive.host
    rows = rows.with_columns(
        fork_of=pl.coalesce("parent", _key(host, pl.col("fork_of_name"))),
        taken=(pl.col("repo_key") == pl.col("repo_key").shift(-1)).fill_null(False) & pl.col("renamed_to").is_null(),
    )
    reasons = _reasons(source)
    found = rows.with_columns(
        host=pl.lit(host),
        source=pl.lit(merge.archive.number),
        url=pl.concat_str(pl.lit(f"https://{host}/"), "repo_name", pl.lit(".git")),
        excluded=pl.coalesce(pl.when(detail.is_not_null()).then(pl.lit(reason)) for reason, detail in reasons),
        excluded_detail=pl.coalesce(detail for _, detail in reasons),
    )
    empty = cast(pl.DataFrame, pl.from_arrow(LISTED.empty_table()))
    unknown = {name: pl.lit(None) for name in LISTED.names if name not in found.columns}
    return found.with_columns(**unknown).select(LISTED.names).cast(empty.schema)


def _reasons(source: Source) -> list[tuple[str, pl.Expr]]:
    """(one of EXCLUDED, its detail or null where it does not hold): the first that holds counts."""
    stars, is_fork = pl.col("star_events_count"), pl.col("is_fork")
    few = pl.format("{} stars", stars)
    first, last = pl.col("first_seen").dt.date(), pl.col("last_seen").dt.date()
    active_from, active_to = source.active_from or date.min, source.active_to or date.max
    return [
        ("renamed_to", pl.col("renamed_to")),
        ("duplicate_of", _where(pl.col("taken"), "", pl.col("repo_key"))),
        ("filter", _where(stars < source.min_stars, f"min_stars {source.min_stars}: ", few)),
        ("filter", _where(last < active_from, f"active_from {active_from}: last seen ", last)),
        ("filter", _where(first > active_to, f"active_to {active_to}: first seen ", first)),
        ("fork", _where(is_fork & pl.lit(not source.forks), "", pl.col("fork_of").fill_null("unknown"))),
        ("fork", _where(is_fork & (stars < source.min_fork_stars), f"min_fork_stars {source.min_fork_stars}: ", few)),
    ]


def _where(holds: pl.Expr, threshold: str, found: pl.Expr) -> pl.Expr:
    return pl.when(holds).then(pl.concat_str(pl.lit(threshold), found.cast(pl.String)))
