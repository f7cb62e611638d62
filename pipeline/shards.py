"""Stage 6: specifications to shards. One call writes the shards of one task and reads each row group once."""

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from filters.rules import ratio
from pipeline import parquet, storage
from pipeline.decide import known_of_repositories
from pipeline.errors import ShardError
from pipeline.networks import SPLITS, split_of_rows
from pipeline.plan import Shard, read_task
from pipeline.run import Folders
from pipeline.units import Unit
from schemas.decisions import LICENSE
from schemas.release import ROWS

GROUP_BYTES = 64 << 20  # in a row group: the Hub's viewer and streaming readers want 64 to 100 MB
ROW_BYTES = 700  # of a row beside its text (measured), so that many empty files are not one row group


@dataclass(frozen=True)
class WriteShards:
    """Call it with a task's number."""

    folders: Folders
    compression_level: int
    skip_written: bool = True

    def __call__(self, number: int) -> None:
        """The task's shards stand in the next release, each with a record of its hash under its digest."""
        shards = read_task(self.folders.tasks, number)
        missing = [shard for shard in shards if not (self.skip_written and self._reuse(shard))]
        with contextlib.ExitStack() as stack:
            opened = {shard.name: stack.enter_context(self._open(shard)) for shard in missing}
            wanted: dict[int, dict[int, list[Shard]]] = defaultdict(lambda: defaultdict(list))
            for shard in missing:
                for piece in shard.slices:
                    wanted[piece.unit_id][piece.group].append(shard)
            for unit_id in sorted(wanted):
                for rows, takers in self._kept_rows(Unit.of(self.folders.workspace, unit_id), wanted[unit_id]):
                    for shard in takers:
                        opened[shard.name].add(rows.filter(_of(shard)))

    def _reuse(self, shard: Shard) -> bool:
        """True when bytes of this digest are there, in the next release or the current one, and are whole."""
        record = self.folders.written / f"{shard.digest}.json"
        if not record.exists():
            return False
        known = storage.read_json(record)
        target = self.folders.workspace.next_release / shard.name
        for path in (target, self.folders.workspace.release / known["name"]):
            if path.exists() and storage.sha256(path) == known["sha256"]:
                if path != target:
                    storage.link_or_copy(path, target)
                storage.write_json(record, known | {"name": shard.name})
                return True
        return False

    @contextlib.contextmanager
    def _open(self, shard: Shard) -> Iterator["OpenShard"]:
        """A shard to add rows to; checked, recorded and final when the block ends."""
        with storage.commit(self.folders.workspace.next_release / shard.name) as temporary:
            with parquet.writer(temporary, ROWS, self.compression_level, chunked=True) as writer:
                opened = OpenShard(writer, shard.order)
                yield opened
                opened.finish()
            if parquet.row_count(temporary) != shard.rows:
                raise ShardError(f"{shard.name}: {parquet.row_count(temporary)} rows, planned were {shard.rows}")
            record = {
                "name": shard.name,
                "sha256": storage.sha256(temporary),
                "file_bytes": temporary.stat().st_size,
            }
        storage.write_json(self.folders.written / f"{shard.digest}.json", record)

    def _kept_rows(self, unit: Unit, wanted: dict[int, list[Shard]]) -> Iterator[tuple[pl.DataFrame, list[Shard]]]:
        """The kept rows of the wanted row groups, in order, and who takes some of them."""
        decisions = parquet.read_frame(self.folders.decisions / f"{unit.name}.parquet").hstack(
            parquet.read_frame(self.folders.labels / f"{unit.name}.parquet", [field.name for field in LICENSE])
        )
        known = known_of_repositories(unit)
        with parquet.opened(unit.path("parquet")) as file:
            first = 0
            for group in range(file.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                if group in wanted:
                    rows = pl.DataFrame(pl.from_arrow(file.read_row_group(group, columns=COLUMNS)))
                    rows = rows.hstack(decisions.slice(first, count)).filter(pl.col("removal_reasons").list.len() == 0)
                    index = rows["repository_index"]
                    rows = rows.hstack(known[index]).with_columns(split_of_rows(self.folders, unit, index))
                    yield rows, wanted[group]
                first += count


def _of(shard: Shard) -> pl.Expr:
    """Which rows of its slices a shard takes."""
    of_split = pl.col("split") == SPLITS.index(shard.split)
    return of_split if shard.layout == "single" else of_split & pl.col("language").eq_missing(pl.lit(shard.language))


COLUMNS = [
    *("content", "language", "host", "repo_name", "commit_id", "path", "content_id", "file_id", "text_id"),
    *("length_bytes", "encoding", "encoding_confidence", "generated_by", "line_count", "line_chars"),
    *("is_vendor", "repository_index", "max_line_length", "alnum_count", "length_chars", "token_count"),
]


@dataclass
class OpenShard:
    """Rows wait until they make a row group.

    In the order `path` they stay as the units have them: by unit, in it by language, repository and path. In the order
    `hash` they are sorted by file_id, so shuffled within the shard; which repositories are in it depends on the hashes
    of their keys anyway, since units do. All of the shard is in memory then: at most [release] shard_bytes of text, or
    one slice, ROW_BYTES for each row, and one row group more.
    """

    writer: pq.ParquetWriter
    order: str
    _waiting: list[pa.Table] = field(default_factory=list)
    _waiting_bytes: int = 0

    def add(self, rows: pl.DataFrame) -> None:
        for run in runs(rows):
            size = int(sizes(run).sum())
            if self.order == "path" and self._waiting_bytes + size > GROUP_BYTES:
                self._write()
            self._waiting.append(publish(run))
            self._waiting_bytes += size

    def finish(self) -> None:
        if self.order == "hash" and self._waiting:
            rows = pl.DataFrame(pl.from_arrow(pa.concat_tables(self._waiting), rechunk=False)).sort("file_id")
            for run in runs(rows):
                self._waiting = [as_rows(run)]
                self._write()
        self._write()

    def _write(self) -> None:
        """What waits is a row group."""
        if self._waiting:
            table = pa.concat_tables(self._waiting)
            self.writer.write_table(table, row_group_size=table.num_rows)
        self._waiting, self._waiting_bytes = [], 0
        pa.default_memory_pool().release_unused()  # else it keeps what the largest row group needed


def sizes(rows: pl.DataFrame) -> np.ndarray:
    """int64: bytes of each row, about."""
    return rows["content"].str.len_bytes().to_numpy().astype(np.int64) + ROW_BYTES


def runs(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The rows cut where GROUP_BYTES are full; a row that has more is alone."""
    ends = np.concatenate([[0], np.cumsum(sizes(rows))])
    start = 0
    while start < rows.height:
        end = max(start + 1, int(np.searchsorted(ends, ends[start] + GROUP_BYTES, side="right")) - 1)
        yield rows[start:end]
        start = end


def publish(rows: pl.DataFrame) -> pa.Table:
    """Rows of FILES with their decisions as rows of a release."""
    published = rows.with_columns(
        pl.col("file_id", "text_id", "cluster_id").bin.encode("hex"),
        is_generated=pl.col("generated_by").is_not_null(),
        avg_line_length=ratio("line_chars", "line_count"),
        alphanum_fraction=ratio("alnum_count", "length_chars"),
    )
    return as_rows(published.select(ROWS.names))


def as_rows(rows: pl.DataFrame) -> pa.Table:
    """The frame as a table of ROWS, which copies its texts."""
    return rows.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(ROWS)
