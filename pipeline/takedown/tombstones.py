"""The rows that earlier versions had and no version may have again, by their ids alone: for readers with old copies."""

from pathlib import Path

import polars as pl

from pipeline import parquet, storage
from schemas.release import TOMBSTONES

NAME = "takedowns/removed.parquet"


def write(folder: Path, former: Path, gone: pl.DataFrame, version: str) -> None:
    """The next release in `folder` has TOMBSTONES: those of the `former` release, and its rows that are `gone`, which
    `version` is the first to lack. No file where there are none."""
    known = [parquet.read_frame(path) for path in [former / NAME] if path.exists()]
    rows = (
        pl.concat([*known, gone.select("file_id", "text_id", version=pl.lit(version))])
        .unique(["file_id", "text_id"], keep="first")
        .sort("version", "file_id", "text_id")
    )
    if rows.height:
        with storage.commit(folder / NAME) as temporary:
            parquet.write(temporary, rows.to_arrow(), TOMBSTONES)
