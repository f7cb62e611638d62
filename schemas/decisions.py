"""Labels and decisions: row-aligned with the files of a unit."""

import pyarrow as pa

from schemas.columns import ID, column

IDS = pa.list_(pa.field("element", pa.string()))  # as Parquet names it, so that it reads back as declared

LICENSE = (
    column("license_type", pa.string(), "permissive, non_permissive or no_license", nullable=False),
    column("license_expression", pa.string(), "SPDX expression that holds for the file; null where nothing says one"),
    column("detected_licenses", IDS, "SPDX ids in the expression, sorted; empty without one"),
    column("license_path", pa.string(), "the first file that says so: its own path for a header; null without one"),
    column("license_evidence", pa.string(), "JSON list of what was found: path, license, method, score, lines"),
)

LABELS = pa.schema(
    [
        column("removal_reasons", pa.list_(pa.string()), "names of the rules that hold, in rule order", nullable=False),
        *LICENSE,
    ]
)

DECISIONS = pa.schema(
    [
        column("removal_reasons", pa.list_(pa.string()), "all reasons; empty for a kept file", nullable=False),
        column("cluster_id", ID, "file_id of the kept file that this one yields to; its own when kept; null without"),
        column("cluster_size", pa.int32(), "files of the cluster, else with this text; null without a text"),
        column("estimated_similarity", pa.float64(), "to the kept file, of the signatures; null unless a duplicate"),
        column("exact_similarity", pa.float64(), "to the kept file, of the shingles; null where estimated only"),
    ]
)
