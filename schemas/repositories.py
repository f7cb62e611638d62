"""Repositories: as listed, and what became of each."""

import pyarrow as pa

from schemas.columns import column

LISTED = pa.schema(
    [
        column("repo_key", pa.string(), "host/owner/name, case-folded where the forge does", nullable=False),
        column("host", pa.string(), "forge; `local` for folders", nullable=False),
        column("repo_name", pa.string(), "owner/name as the forge or the folder writes it", nullable=False),
        column("source", pa.int32(), "position of the `[[source]]` in the configuration", nullable=False),
        column("location", pa.string(), "folder, relative to the configuration file; null when it must be fetched"),
        column("asked_commit_id", pa.string(), "commit asked for with `@commit`; null for HEAD"),
        column("object_bytes", pa.int64(), "size of the objects in a folder; null when unknown", unit="bytes"),
        column("star_events_count", pa.int64(), "stars, where the archive says so"),
        column("fork_events_count", pa.int64(), "forks, where the archive says so"),
        column("first_seen", pa.timestamp("us", tz="UTC"), "first event in the archive"),
        column("excluded", pa.string(), "why it is not extracted: filter, duplicate_of; null when it is"),
        column("excluded_detail", pa.string(), "the pattern or the repository meant by `excluded`"),
    ]
)

OUTCOMES = pa.schema(
    [
        *[LISTED.field(name) for name in LISTED.names if not name.startswith("excluded")],
        column("outcome", pa.string(), "ok, empty or failed", nullable=False),
        column("code", pa.string(), "kind of the failure; null unless failed"),
        column("detail", pa.string(), "one line about the failure; null unless failed"),
        column("commit_id", pa.string(), "commit read; null unless there is one"),
        column("entry_count", pa.int64(), "rows of this repository in the unit", nullable=False),
        column("text_count", pa.int64(), "of these, rows with a text", nullable=False),
        column("text_bytes", pa.int64(), "their texts as UTF-8", unit="bytes", nullable=False),
    ]
)
