"""Which repositories to read again: failures that are retried, and heads that may have moved."""

from collections.abc import Collection

import polars as pl
import pyarrow as pa

from pipeline import inputs
from pipeline.errors import ConfigError
from pipeline.fetch.codes import CODES
from pipeline.units import units
from pipeline.workspace import Workspace
from schemas.repositories import PLANNED, READ

ALL = "all"
OF_FOLDERS = ("bug", "corrupt", "not_found", "not_git", "too_many_files", "unborn_head")  # beside CODES


def check_codes(codes: Collection[str]) -> None:
    """Raises ConfigError for a code that no failure has."""
    known = sorted({ALL, *CODES, *OF_FOLDERS} - {"renamed_to"})
    if unknown := sorted(set(codes) - set(known)):
        raise ConfigError(f"--retry {unknown[0]}: no failure has this code; there are: {', '.join(known)}")


def to_read_again(workspace: Workspace, retry: Collection[str], refresh: bool) -> pa.Table:
    """As PLANNED: what failed with one of these codes and, to refresh, what was read, with the commit that is known;
    not what was asked for at a commit."""
    if not (retry or refresh) or not units(workspace):
        return PLANNED.empty_table()
    repositories = inputs.gather(workspace)[1]
    failed = (pl.col("outcome") == "failed") & (pl.col("code").is_in(list(retry)) | pl.lit(ALL in retry))
    read = pl.col("outcome").is_in(READ) & pl.col("asked_commit_id").is_null() & pl.lit(refresh)
    chosen = repositories.filter(failed | read)
    chosen = chosen.with_columns(known_commit_id=pl.when(pl.col("outcome") == "ok").then("commit_id"))
    return chosen.select(PLANNED.names).to_arrow().cast(PLANNED)
