"""What is published: the rows, the ledger of what is not there, and the clusters."""

import pyarrow as pa

from schemas.columns import column
from schemas.decisions import LICENSE
from schemas.files import FILES
from schemas.repositories import OUTCOMES

ROWS = pa.schema(
    [
        column("content", pa.string(), "the file's text", nullable=False),
        column("language", pa.string(), "GitHub Linguist's name; null when it knows none"),
        *[FILES.field(name) for name in ("host", "repo_name", "commit_id", "path", "content_id")],
        column("file_id", pa.string(), "BLAKE2b-128 of host/owner/name, NUL, path, hexadecimal", nullable=False),
        column("text_id", pa.string(), "BLAKE2b-128 of the text as UTF-8, hexadecimal", nullable=False),
        column("length_bytes", pa.int64(), "size of the blob", unit="bytes", nullable=False),
        *[FILES.field(name) for name in ("encoding", "encoding_confidence")],
        *LICENSE,
        column("is_vendor", pa.bool_(), "its path is one of copied code", nullable=False),
        column("is_generated", pa.bool_(), "a program wrote it", nullable=False),
        FILES.field("line_count"),
        column("max_line_length", pa.int64(), "longest line", unit="characters"),
        column("avg_line_length", pa.float64(), "mean line; null for an empty file", unit="characters"),
        column(
            "alphanum_fraction", pa.float64(), "letters and digits by length; null for an empty file", unit="0 to 1"
        ),
        FILES.field("token_count"),
        *[OUTCOMES.field(name) for name in ("star_events_count", "fork_events_count")],
        column("cluster_id", pa.string(), "file_id of the kept file of this cluster: its own", nullable=False),
        column("cluster_size", pa.int32(), "files this row stands for, itself included", nullable=False),
    ]
)

LEDGER = pa.schema(
    [
        *[FILES.field(name) for name in ("host", "repo_name", "commit_id", "path", "path_raw", "content_id")],
        column("file_id", pa.string(), "BLAKE2b-128 of host/owner/name, NUL, path, hexadecimal", nullable=False),
        *[FILES.field(name) for name in ("length_bytes", "language")],
        *LICENSE,
        column("reason", pa.string(), "one row for every reason that holds", nullable=False),
        column("value", pa.float64(), "what was measured; null where the rule measures nothing"),
        column("thresholds", pa.string(), "the rule's thresholds as JSON; null where it has none"),
        column("kept_file_id", pa.string(), "the copy that stays, for duplicates; else null"),
    ]
)

CLUSTERS = pa.schema(
    [
        column("file_id", pa.string(), "a member that was removed, hexadecimal", nullable=False),
        column("kept_file_id", pa.string(), "the file that stays, hexadecimal", nullable=False),
        column("estimated_similarity", pa.float64(), "of the signatures", unit="0 to 1", nullable=False),
        column("exact_similarity", pa.float64(), "of the shingles; null where estimated only", unit="0 to 1"),
        column("cluster_size", pa.int32(), "files of the cluster, the kept one included", nullable=False),
    ]
)

TOMBSTONES = pa.schema(
    [
        column("file_id", pa.string(), "a row of an earlier version that must not be used any more", nullable=False),
        column("text_id", pa.string(), "its text; null where only a version before the last may have had the row"),
        column("version", pa.string(), "the first version without it", nullable=False),
    ]
)

REPOSITORIES = pa.schema(
    [
        OUTCOMES.field(name).with_nullable(name not in ("repo_key", "host", "repo_name", "outcome"))
        if name != "outcome"
        else column("outcome", pa.string(), "ok, empty, failed, excluded or pending", nullable=False)
        for name in OUTCOMES.names
        if name != "object_bytes"  # depends on how git has packed them
    ]
)
