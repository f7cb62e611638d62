"""The keep order: of files that are equal, which one stays."""

from collections.abc import Sequence

import numpy as np
import polars as pl

NULLS_LAST = np.iinfo(np.int64).max
LICENSE_TYPES = pl.Enum(["permissive", "no_license", "non_permissive"])  # ascending: the freest first


def keep_ranks(files: pl.DataFrame, order: Sequence[str]) -> np.ndarray:
    """int64 [files, len(order)]: smaller stays, column by column. `order` has `column asc` or `column desc`.

    Nulls come last in both directions. Ties are for the caller to break by `file_id`.
    """
    columns = [part.split() for part in order]
    files = files.with_columns(pl.col("license_type").cast(LICENSE_TYPES)) if "license_type" in files.columns else files
    ranks = [
        (pl.col(name).to_physical().cast(pl.Int64) * (-1 if direction == "desc" else 1)).fill_null(NULLS_LAST)
        for name, direction in columns
    ]
    return (
        files.select([rank.alias(str(i)) for i, rank in enumerate(ranks)]).to_numpy().reshape(files.height, len(order))
    )
