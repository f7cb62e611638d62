"""Decisions: row-aligned with the files of a unit."""

import pyarrow as pa

from schemas.columns import ID, column

LABELS = pa.schema(
    [column("removal_reasons", pa.list_(pa.string()), "names of the rules that hold, in rule order", nullable=False)]
)

DECISIONS = pa.schema(
    [
        column("removal_reasons", pa.list_(pa.string()), "all reasons; empty for a kept file", nullable=False),
        column("cluster_id", ID, "file_id of the kept file this one equals; its own when kept; null without text"),
        column("cluster_size", pa.int32(), "files with this text, itself included; null without text"),
    ]
)
