"""A file that must not be there keeps its row, so that it is counted, and loses its text with all measures of it."""

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.measure import Measured
from pipeline.sources.optout import TAKEDOWN
from schemas.files import FILES

# What a licence file says holds for other files, too, and is no text: without it they would lose their licence.
KEPT = {*FILES.names[: FILES.names.index("unread_reason")], "license_found", "license_evidence", "is_vendor"}


def strip(files: pa.Table, taken_down: NDArray[np.bool_]) -> pa.Table:
    """Rows of FILES, of which those that are taken down say so and no more."""
    if not taken_down.any():
        return files
    mask = pa.array(taken_down)
    columns = {
        name: column if name in KEPT else pc.if_else(mask, pa.scalar(None, column.type), column)
        for name, column in zip(files.column_names, files.columns, strict=True)
    }
    columns["unread_reason"] = pc.if_else(mask, pa.scalar(TAKEDOWN), files["unread_reason"])
    return pa.table(columns, schema=files.schema)


def without_texts(measured: Measured, text_ids: Collection[bytes]) -> Measured:
    """The batch without these texts."""
    if not text_ids:
        return measured
    ids = measured.files["text_id"]
    mask = np.array([text_id in text_ids for text_id in ids.to_pylist()], bool)
    if not mask.any():
        return measured
    files = strip(pa.Table.from_batches([measured.files]), mask).combine_chunks().to_batches()[0]
    return Measured(files, measured.signatures[~mask[ids.is_valid().to_numpy(zero_copy_only=False)]])
