"""What a release holds of what must go: its rows, and the files that yielded to them."""

from pathlib import Path

import polars as pl

from pipeline import parquet
from pipeline.takedown.scope import Scope, key_of_rows
from schemas.release import CLUSTERS, ROWS

COLUMNS = ["host", "repo_name", "path", "content_id", "text_id", "file_id", "language", "length_bytes"]
COLUMNS += ["license_type", "license_expression", "token_count"]


def tables(release: Path, kind: str) -> list[Path]:
    """The files of `data`, `ledger` or `clusters`, sorted; not the table of repositories."""
    return sorted(path for path in (release / kind).rglob("*.parquet") if path.name != "repositories.parquet")


def rows(release: Path, wanted: Scope) -> pl.DataFrame:
    """The rows that must go, without their text: COLUMNS with repo_key, their shard and position, and their split."""
    found = [_rows(pl.DataFrame(ROWS.empty_table()).select(COLUMNS), "-", wanted)]
    for path in tables(release, "data") if wanted.any else ():
        found.append(_rows(parquet.read_frame(path, COLUMNS), path.relative_to(release).as_posix(), wanted))
    return pl.concat(found)


def _rows(shard: pl.DataFrame, name: str, wanted: Scope) -> pl.DataFrame:
    placed = shard.with_row_index("row").with_columns(
        key_of_rows(), shard=pl.lit(name), split=pl.lit(name.rpartition("/")[2].partition("-")[0])
    )
    return placed.filter(wanted.whole() | wanted.files(hexadecimal=True))


def yielded(release: Path, kept: pl.Series) -> pl.DataFrame:
    """file_id and kept_file_id of the files that yielded to one of the `kept`."""
    ids = ["file_id", "kept_file_id"]
    found = [pl.DataFrame(CLUSTERS.empty_table()).select(ids)]
    for path in tables(release, "clusters"):
        found.append(parquet.read_frame(path, ids).filter(pl.col("kept_file_id").is_in(kept.implode())))
    return pl.concat(found)
