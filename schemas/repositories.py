"""Repositories: as listed, and what became of each."""

import pyarrow as pa

from schemas.columns import column

# Why a listed repository is not extracted.
EXCLUDED = ("bad_url", "duplicate_of", "filter", "fork", "opt_out", "renamed_to", "takedown")
WITHHELD = ("opt_out", "takedown")  # of these, the ones whose names are not published

# What becomes of a repository that is extracted. `unchanged`: HEAD is the commit that was read before.
EXTRACTED = ("ok", "empty", "unchanged", "failed", "excluded")
READ = ("ok", "empty")  # of these, the ones that a release may be made from

LISTED = pa.schema(
    [
        column("repo_key", pa.string(), "host/owner/name, case-folded where the forge does", nullable=False),
        column("host", pa.string(), "forge; `local` for folders", nullable=False),
        column("repo_name", pa.string(), "owner/name as the forge or the folder writes it", nullable=False),
        column("source", pa.int32(), "position of the `[[source]]` in the configuration", nullable=False),
        column("location", pa.string(), "folder, relative to the configuration file; null when it must be fetched"),
        column("url", pa.string(), "address to fetch it from; null for folders"),
        column("asked_commit_id", pa.string(), "commit asked for with `@commit`; null for HEAD"),
        column("object_bytes", pa.int64(), "size of the objects in a folder; null when unknown", unit="bytes"),
        column("forge_id", pa.int64(), "the forge's number of the repository, where the archive says so"),
        column("fork_of", pa.string(), "repo_key of the repository it was forked from, where the archive says so"),
        column("star_events_count", pa.int64(), "stars given in the archive's hours; null without an archive"),
        column("fork_events_count", pa.int64(), "forks made in the archive's hours; null without an archive"),
        column("push_events_count", pa.int64(), "pushes in the archive's hours; null without an archive"),
        column("first_seen", pa.timestamp("us", tz="UTC"), "first event in the archive"),
        column("last_seen", pa.timestamp("us", tz="UTC"), "last event in the archive"),
        column("excluded", pa.string(), "why it is not extracted: one of EXCLUDED; null when it is"),
        column("excluded_detail", pa.string(), "the pattern or the repository meant by `excluded`"),
    ]
)

# What a unit's list holds.
PLANNED = pa.schema(
    [
        *[LISTED.field(name) for name in LISTED.names if not name.startswith("excluded")],
        column("known_commit_id", pa.string(), "commit read before, when only a newer one is wanted; else null"),
    ]
)

OUTCOMES = pa.schema(
    [
        *[PLANNED.field(name) for name in PLANNED.names if name != "known_commit_id"],
        column("outcome", pa.string(), "one of EXTRACTED", nullable=False),
        column("code", pa.string(), "kind of the failure, or one of EXCLUDED; null unless failed or excluded"),
        column("detail", pa.string(), "one line about the failure, the new name, or what git's check complained about"),
        column("commit_id", pa.string(), "commit read; null unless there is one"),
        column("entry_count", pa.int64(), "rows of this repository in the unit", nullable=False),
        column("text_count", pa.int64(), "of these, rows with a text", nullable=False),
        column("text_bytes", pa.int64(), "their texts as UTF-8", unit="bytes", nullable=False),
    ]
)
