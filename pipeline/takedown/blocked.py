"""What must not take the place of what goes: the texts of its published rows, and of all that yielded to them."""

from collections.abc import Sequence

import polars as pl

from pipeline import parquet
from pipeline.takedown import published
from pipeline.takedown.requests import Request
from pipeline.takedown.scope import Known, Scope
from pipeline.units import units
from pipeline.workspace import Workspace

IDS = ["file_id", "text_id", "content_id"]
NO_FILES = pl.DataFrame(schema=dict.fromkeys(IDS, pl.String))


def with_blocked(workspace: Workspace, known: Known, asked: Sequence[Request]) -> list[Request]:
    """The requests, each also with the texts and contents that must not take its place in this workspace.

    To be asked before anything is purged: afterwards nobody knows.
    """
    contents = pl.Series([request.content_id for request in asked if request.content_id], dtype=pl.String)
    of_contents = _files(workspace, pl.col("content_id").is_in(contents.implode())) if len(contents) else NO_FILES
    asked = [_blocking(request, of_contents.filter(content_id=request.content_id or "")) for request in asked]
    rows = published.rows(workspace.release, known.scope(asked))
    members = published.yielded(workspace.release, rows["file_id"])
    ids = members["file_id"].str.decode("hex")
    others = _files(workspace, pl.col("file_id").is_in(ids.implode())) if len(ids) else NO_FILES
    near = known.around(rows["repo_key"])
    return [_with_blocked(request, near.scope([request]), rows, members, others) for request in asked]


def _with_blocked(
    request: Request, wanted: Scope, rows: pl.DataFrame, members: pl.DataFrame, others: pl.DataFrame
) -> Request:
    """The request with its published rows and what yielded to them."""
    own = rows.filter(wanted.whole() | wanted.files(hexadecimal=True))
    also = members.filter(pl.col("kept_file_id").is_in(own["file_id"].implode()))["file_id"]
    return _blocking(_blocking(request, own), others.filter(pl.col("file_id").is_in(also.implode())))


def _blocking(request: Request, files: pl.DataFrame) -> Request:
    return request.blocking(files["text_id"], files["content_id"])


def _files(workspace: Workspace, wanted: pl.Expr) -> pl.DataFrame:
    """The wanted files of the units that have a text, ids as a release writes them."""
    found = [NO_FILES]
    for unit in units(workspace):
        if unit.committed:
            rows = parquet.read_frame(unit.path("parquet"), IDS).filter(wanted & pl.col("text_id").is_not_null())
            found.append(rows.with_columns(pl.col("file_id", "text_id").bin.encode("hex")))
    return pl.concat(found)
