"""Units without what was taken down. Each is replaced as a whole: killed at any moment, it is the old or the new."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from filters.minhash import NUM_PERM
from pipeline import parquet
from pipeline.extract import write_unit
from pipeline.sources.optout import TAKEDOWN
from pipeline.spill import GROUP_ROWS, ORDER, WITH_SIGNATURE
from pipeline.takedown import redo
from pipeline.takedown.scope import Scope
from pipeline.takedown.strip import strip
from pipeline.units import Unit
from pipeline.workspace import Workspace
from schemas.files import FILES

GONE = {"commit_id": None, "detail": None, "entry_count": 0, "text_count": 0, "text_bytes": 0}


@dataclass(frozen=True)
class Hits:
    """What must go of one unit. `codes`: why, by the index of a repository that goes as a whole; `dropped`, `stripped`:
    of each row, whether it goes with its repository, or loses its text; `files`: the rows that lose it."""

    unit: Unit
    codes: dict[int, str]
    dropped: NDArray[np.bool_]
    stripped: NDArray[np.bool_]
    files: pl.DataFrame  # repo_key, repository_index, path, content_id, text_id, text_bytes

    @property
    def any(self) -> bool:
        return bool(self.codes) or bool(self.stripped.any())


FILE_COLUMNS = ["repository_index", "path", "content_id", "text_id", "text_bytes", "unread_reason"]


def find(unit: Unit, wanted: Scope) -> Hits:
    """What of the unit must not be there, from its small columns."""
    repositories = parquet.read_frame(unit.path("outcomes.parquet"), ["repo_key", "outcome", "code"])
    codes = _codes(repositories, wanted)
    files = parquet.read_frame(unit.path("parquet"), FILE_COLUMNS)
    files = files.with_columns(repo_key=repositories["repo_key"][files["repository_index"]])
    dropped = files["repository_index"].is_in(list(codes))
    here = wanted.files(hexadecimal=False) & pl.col("unread_reason").ne_missing(pl.lit(TAKEDOWN))
    stripped = files.select(here & ~pl.lit(dropped) & pl.lit(wanted.means_files))[:, 0]
    return Hits(unit, codes, dropped.to_numpy(), stripped.to_numpy(), files.filter(stripped))


def no_files() -> pl.DataFrame:
    """As `files` of Hits, without a row."""
    return pl.DataFrame(FILES.empty_table()).select(FILE_COLUMNS).with_columns(repo_key=pl.lit(""))


def _codes(repositories: pl.DataFrame, wanted: Scope) -> dict[int, str]:
    """Why, by the index of the repositories that must go and do not say so; who was renamed has nothing here."""
    code = pl.col("repo_key").replace_strict(wanted.repositories, default=None, return_dtype=pl.String)
    named = repositories.with_row_index().with_columns(now=code).drop_nulls("now")
    told = (pl.col("outcome") == "excluded") & ((pl.col("code") == "renamed_to") | (pl.col("code") == pl.col("now")))
    return dict(named.filter(~told).select("index", "now").iter_rows())


def purge(workspace: Workspace, hits: Hits) -> None:
    """The unit is committed anew, without what must go."""
    staged = Unit(str(workspace.purge), hits.unit.generation, hits.unit.number)
    write_unit(staged, _groups(hits), _outcomes(hits))
    redo.declare_ready(workspace.purge)
    redo.finish(workspace.purge, workspace.files)


def _outcomes(hits: Hits) -> list[dict[str, Any]]:
    """The rows of OUTCOMES with what the repositories have left."""
    rows: list[dict[str, Any]] = parquet.read(hits.unit.path("outcomes.parquet")).to_pylist()
    for index, code in hits.codes.items():
        rows[index] |= {"outcome": "excluded", "code": code} | GONE
    for index, text_bytes in hits.files.drop_nulls("text_id").select("repository_index", "text_bytes").iter_rows():
        rows[index]["text_count"] -= 1
        rows[index]["text_bytes"] -= text_bytes
    return rows


def _groups(hits: Hits) -> Iterator[pa.Table]:
    """The row groups that stay, WITH_SIGNATURE; those without a text last, sorted and cut as extract does."""
    signatures = np.load(hits.unit.path("signatures.npy"), mmap_mode="r")
    behind = [FILES.empty_table()]
    with parquet.opened(hits.unit.path("parquet")) as file:
        start = 0
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, use_threads=False)
            rows = slice(start, start + table.num_rows)
            start = rows.stop
            stays = ~hits.dropped[rows]
            table = strip(table, hits.stripped[rows])
            texts = table["text_id"].is_valid().to_numpy()
            behind.append(table.filter(pa.array(stays & ~texts)))
            kept = stays & texts
            if kept.any():
                yield _with_signatures(table.filter(pa.array(kept)), signatures[rows][kept])
    rest = pa.concat_tables(behind)
    order = pl.DataFrame(pl.from_arrow(rest.select(ORDER[2:]))).with_row_index("row").sort(ORDER[2:])["row"]
    rest = rest.take(order.to_arrow())
    for start in range(0, rest.num_rows, GROUP_ROWS):
        yield _with_signatures(rest.slice(start, GROUP_ROWS), None)


def _with_signatures(table: pa.Table, signatures: NDArray[np.uint32] | None) -> pa.Table:
    """The rows with a signature each, or with none."""
    size = pa.binary(4 * NUM_PERM)
    if signatures is None:
        column = pa.nulls(table.num_rows, size)
    else:
        buffer = pa.py_buffer(np.ascontiguousarray(signatures))
        column = pa.FixedSizeBinaryArray.from_buffers(size, len(signatures), [None, buffer])
    return pa.Table.from_arrays([*table.columns, column], schema=WITH_SIGNATURE)
