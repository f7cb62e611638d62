"""An hour of GH Archive to try stackyard on: events of given repositories, in the format of today.

`python -m examples.archive_hour 2024-01-01-15.json.gz owner/name owner/other` writes the same bytes each time. The
first repository had another name until shortly before, the last is a fork of it, and one line is broken off.
"""

import argparse
import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

Event = dict[str, Any]
BROKEN = b'{"id":"1","type":"PushEvent","repo":{"id":1,"na\n'


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.archive_hour", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("path", type=Path, help="file to write")
    parser.add_argument("repo_names", nargs="+", metavar="owner/name")
    options = parser.parse_args()
    write_hour(options.path, options.repo_names)


def write_hour(
    path: Path, repo_names: Sequence[str], seed_date: datetime = datetime(2024, 1, 1, 15, tzinfo=UTC)
) -> None:
    """Writes the hour that begins at `seed_date`."""
    events = [
        event | {"id": str(number), "created_at": f"{seed_date + timedelta(seconds=number % 3_600):%Y-%m-%dT%H:%M:%SZ}"}
        for number, event in enumerate(events_of(repo_names))
    ]
    lines = [json.dumps(event, separators=(",", ":")).encode() + b"\n" for event in events]
    with path.open("wb") as out, gzip.GzipFile("", "wb", fileobj=out, mtime=0) as file:
        file.write(b"".join([*lines, BROKEN]))


def events_of(repo_names: Sequence[str]) -> Iterator[Event]:
    """One after the other: the former name, what happened to each repository, the fork."""
    yield event("PushEvent", repo_names[0], f"{repo_names[0]}-before", {"ref": "refs/heads/main"})
    for name in repo_names:
        pushes, stars, requests = digest(name)[:3]
        for _ in range(1 + pushes % 8):
            yield event("PushEvent", name, name, {"ref": "refs/heads/main", "push_id": pushes})
        for _ in range(stars % 32):
            yield event("WatchEvent", name, name, {"action": "started"})
        for number in range(requests % 3):
            # what is inside of a payload says nothing about the repository
            inside = {"repo": {"id": 1, "name": "no/body"}, "title": 'a "quoted" {title'}
            yield event("PullRequestEvent", name, name, {"action": "opened", "number": number, "pull_request": inside})
    if len(repo_names) > 1:
        forkee = {"id": forge_id(repo_names[-1]), "full_name": repo_names[-1], "fork": True}
        yield event("ForkEvent", repo_names[0], repo_names[0], {"forkee": forkee})


def event(kind: str, repo_name: str, written: str, payload: Event) -> Event:
    """An event of a repository, which it calls `written`."""
    repo = {"id": forge_id(repo_name), "name": written, "url": f"https://api.github.com/repos/{written}"}
    actor = {"id": 1, "login": "somebody", "url": "https://api.github.com/users/somebody"}
    return {"type": kind, "actor": actor, "repo": repo, "payload": payload, "public": True}


def forge_id(repo_name: str) -> int:
    """A number for the repository, as a forge has one."""
    return 1 + int.from_bytes(digest(repo_name)[-4:])


def digest(repo_name: str) -> bytes:
    return hashlib.blake2b(repo_name.lower().encode(), digest_size=16).digest()


if __name__ == "__main__":
    main()
