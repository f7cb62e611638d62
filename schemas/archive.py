"""An hour of GH Archive: what its events say of each repository."""

import pyarrow as pa

from schemas.columns import column

HOUR = pa.schema(
    [
        column("forge_id", pa.int64(), "the forge's number of the repository; null where the events have none"),
        column("repo_name", pa.string(), "owner/name as the events write it; null for a fork known by its number only"),
        column("first_seen", pa.timestamp("us", tz="UTC"), "first event; null for a fork without one of its own"),
        column("last_seen", pa.timestamp("us", tz="UTC"), "last event; null for a fork without one of its own"),
        column("push_events_count", pa.int64(), "pushes", nullable=False),
        column("star_events_count", pa.int64(), "stars given", nullable=False),
        column("fork_events_count", pa.int64(), "forks made of it", nullable=False),
        column("is_fork", pa.bool_(), "whether events say that it is a fork, of what they do not say", nullable=False),
        column(
            "fork_of_id", pa.int64(), "forge_id of the repository it was forked from; null unless the row is a fork"
        ),
        column(
            "fork_of_name", pa.string(), "repo_name of the repository it was forked from; null unless the row is a fork"
        ),
    ]
)

MERGED = pa.schema(
    [
        column("repo_key", pa.string(), "host/owner/name, case-folded where the forge does", nullable=False),
        column("renamed_to", pa.string(), "repo_key of the current name; null for the current name itself"),
        *[HOUR.field("forge_id"), column("repo_name", pa.string(), "owner/name as last written", nullable=False)],
        column("first_seen", pa.timestamp("us", tz="UTC"), "first event under any name; null for a former name"),
        column("last_seen", pa.timestamp("us", tz="UTC"), "last event under any name; null for a former name"),
        column("push_events_count", pa.int64(), "pushes under any name; null for a former name"),
        column("star_events_count", pa.int64(), "stars given under any name; null for a former name"),
        column("fork_events_count", pa.int64(), "forks made under any name; null for a former name"),
        column("is_fork", pa.bool_(), "whether events say that it is a fork; null for a former name"),
        *[HOUR.field("fork_of_id"), HOUR.field("fork_of_name")],
    ]
)
