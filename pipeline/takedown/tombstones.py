"""What versions had, or may have had, and none may have again, by ids alone: for readers with old copies."""

from pathlib import Path

import polars as pl

from pipeline import parquet, storage
from schemas.release import TOMBSTONES

NAME = "takedowns/removed.parquet"


def write(folder: Path, former: Path, gone: pl.DataFrame, version: str) -> None:
    """The next release in `folder` has TOMBSTONES: those of the `former` release, and what is `gone` since `version`:
    file_id and text_id of its rows, and with text_id null files that older versions may have had. No file for none."""
    known = [parquet.read_frame(path) for path in [former / NAME] if path.exists()]
    rows = (
        pl.concat([*known, gone.select("file_id", "text_id", version=pl.lit(version))])
        .sort(pl.col("text_id").is_null(), maintain_order=True)
        .unique("file_id", keep="first")
        .sort("version", "file_id")
    )
    if rows.height:
        with storage.commit(folder / NAME) as temporary:
            parquet.write(temporary, rows.to_arrow(), TOMBSTONES)
