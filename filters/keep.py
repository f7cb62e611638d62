"""The keep order: of files that are equal or similar, which one stays."""

from collections.abc import Sequence

import numpy as np
import polars as pl

NULLS_LAST = np.iinfo(np.int64).max
LICENSE_TYPES = pl.Enum(["permissive", "no_license", "non_permissive"])  # ascending: the freest first


def keep_ranks(files: pl.DataFrame, order: Sequence[str]) -> np.ndarray:
    """int64 [files, len(order)]: smaller stays, column by column. `order` has `column asc` or `column desc`.

    Nulls come last in both directions. Ties are for the caller to break by `file_id`.
    """
    ranks = [_rank(*part.split()).alias(str(number)) for number, part in enumerate(order)]
    return files.select(ranks).to_numpy().reshape(files.height, len(order))


def _rank(name: str, direction: str) -> pl.Expr:
    values = pl.col(name).cast(LICENSE_TYPES) if name == "license_type" else pl.col(name)
    return (values.to_physical().cast(pl.Int64) * (-1 if direction == "desc" else 1)).fill_null(NULLS_LAST)
