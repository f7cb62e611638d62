"""An external sort: measured batches in, sorted tables out, in memory that does not depend on how many there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from pipeline.measure import Measured
from schemas.files import FILES

RUN_BYTES = 64 << 20  # of text held in memory before it is spilled
GROUP_BYTES = 8 << 20  # of text in a row group: what a release decodes at once
GROUP_ROWS = 16_384
LARGE_LANGUAGE_BYTES = 1 << 20  # from here on a language starts a row group
WITH_SIGNATURE = FILES.append(pa.field("signature", pa.binary(1024)))


@dataclass
class SortedRuns:
    """Rows sorted by class of language, language, repository and path: the larger languages first, each beginning a row
    group; then the small ones, which share row groups; then the rows without a text."""

    folder: Path
    _waiting: list[pa.Table] = field(default_factory=list)
    _waiting_bytes: int = 0
    _runs: list[Path] = field(default_factory=list)
    _keys: list[pl.DataFrame] = field(default_factory=list)

    def add(self, measured: Measured) -> None:
        """Takes a batch; spills a run when enough is waiting."""
        self._waiting.append(_with_signatures(measured))
        self._waiting_bytes += measured.files.nbytes
        if self._waiting_bytes >= RUN_BYTES:
            self._spill()

    def _spill(self) -> None:
        run, keys = _sorted(pa.concat_tables(self._waiting))
        path = self.folder / f"run-{len(self._runs):05d}.arrow"
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, WITH_SIGNATURE) as writer:
            writer.write_table(run)
        self._runs.append(path)
        self._keys.append(keys)
        self._waiting, self._waiting_bytes = [], 0

    def groups(self, failed: Sequence[int]) -> Iterator[pa.Table]:
        """The row groups in their order, without the repositories with a `failed` index: tables WITH_SIGNATURE."""
        tables = [_mapped(path) for path in self._runs]
        if self._waiting:
            run, keys = _sorted(pa.concat_tables(self._waiting))
            tables.append(run)
            self._keys.append(keys)
            self._waiting = []
        if not tables:
            return
        order = _order(self._keys, failed)
        for rows in order.partition_by("group", maintain_order=True):
            yield _gather(tables, rows["run"].to_numpy(), rows["row"].to_numpy())


def _with_signatures(measured: Measured) -> pa.Table:
    """The rows with a signature column, null where there is no text."""
    texts = measured.files["text_id"].is_valid().to_numpy(zero_copy_only=False)
    position = pa.array(np.cumsum(texts) - 1, mask=~texts)
    stored = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(1024), len(measured.signatures), [None, pa.py_buffer(np.ascontiguousarray(measured.signatures))]
    )
    columns = [*measured.files.columns, stored.take(position)]
    return pa.Table.from_arrays(columns, schema=WITH_SIGNATURE)


def _sorted(table: pa.Table) -> tuple[pa.Table, pl.DataFrame]:
    """The table by language, repository and path, and its keys in that order."""
    keys = pl.from_arrow(table.select(["language", "host", "repo_name", "path", "file_id", "repository_index"]))
    assert isinstance(keys, pl.DataFrame)
    keys = keys.with_columns(
        is_text=pl.Series(table["text_id"].is_valid()),
        text_bytes=pl.Series(pa.compute.fill_null(pa.compute.binary_length(table["content"]), 0)),
    )
    order = keys.with_row_index("row").sort(ORDER, descending=DESCENDING, nulls_last=True)["row"]
    return table.take(order.to_arrow()), keys[order]


# file_id last: two paths can look the same once their odd bytes are escaped
ORDER = ["is_text", "language", "host", "repo_name", "path", "file_id"]
DESCENDING = [True, False, False, False, False, False]


def _mapped(path: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def _order(keys: list[pl.DataFrame], failed: Sequence[int]) -> pl.DataFrame:
    """run, row and row group of every row that stays, in the order of the unit file."""
    rows = pl.concat([k.with_row_index("row").with_columns(run=pl.lit(i)) for i, k in enumerate(keys)])
    rows = rows.filter(~pl.col("repository_index").is_in(failed))
    large = pl.col("text_bytes").sum().over("is_text", "language") >= LARGE_LANGUAGE_BYTES
    rows = rows.with_columns(large=large & pl.col("is_text"))
    rows = rows.sort(["is_text", "large", *ORDER[1:]], descending=[True, True, *DESCENDING[1:]], nulls_last=True)
    language = pl.when(pl.col("large")).then(pl.col("language").fill_null(""))  # null: a small one
    section = language.rle_id() + pl.col("is_text").rle_id()
    inside = pl.struct(
        pl.col("text_bytes").cum_sum().over("section") // GROUP_BYTES,
        pl.int_range(pl.len()).over("section") // GROUP_ROWS,
        pl.col("section"),
    )
    return rows.with_columns(section=section).with_columns(group=inside.rle_id()).select("run", "row", "group")


def _gather(tables: list[pa.Table], run: np.ndarray, row: np.ndarray) -> pa.Table:
    """The rows in the order given; nothing else of the runs is copied."""
    numbers = np.unique(run)
    parts = [tables[number].take(pa.array(row[run == number])) for number in numbers]
    if len(parts) == 1:
        return parts[0]
    place = np.empty(len(run), np.int64)  # where each row of the concatenated parts stands in the group
    place[np.concatenate([np.flatnonzero(run == number) for number in numbers])] = np.arange(len(run))
    return pa.concat_tables(parts).combine_chunks().take(pa.array(place))
