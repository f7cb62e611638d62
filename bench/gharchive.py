"""MB/s of reading an hour of GH Archive, beside orjson on each line and beside decompression alone, in one run.

    python -m bench.gharchive --megabytes 100

The hour is made up: kinds in about the shares they have, payloads of the sizes and shapes of 2015 to 2025, a part of
them trimmed as since October 2025. MB are of text; times are CPU seconds on one core. Only the ratios mean something.
"""

import argparse
import gzip
import importlib
import json
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["POLARS_MAX_THREADS"] = "1"

from isal import isal_zlib

from bench.kernels import best_times
from filters import jsonlines
from pipeline.sources.gharchive import read_hour

SHARES = {  # of kinds in an hour, in percent
    "PushEvent": 50,
    "CreateEvent": 12,
    "PullRequestEvent": 10,
    "IssueCommentEvent": 9,
    "WatchEvent": 9,
    "DeleteEvent": 4,
    "IssuesEvent": 3,
    "ForkEvent": 3,
}
EVENTS_PER_S = 40
WORDS = "fix add update remove test build the of for release bump merge branch readme config error parser cache"
ODD = ["", '\n\n- "quoted"', ' {"repo":{"id":1}}', "\r\n```c\nif (a) { b[0] = '}'; }\n```", " é€😀"]
OF_USER = "followers following gists starred subscriptions organizations repos events received_events"
OF_REPOSITORY = """archive assignees blobs branches collaborators comments commits compare contents contributors
deployments downloads events forks git_commits git_refs git_tags hooks issue_comment issue_events issues keys labels
languages merges milestones notifications pulls releases stargazers statuses subscribers tags teams trees"""
Json = dict[str, Any]


def events(megabytes: float, trimmed_fraction: float, seed: int = 0) -> Iterator[bytes]:
    """Lines of about so many MB together."""
    dice = random.Random(seed)
    size = number = 0
    while size < megabytes * 1_000_000:
        number += 1
        id_ = int(dice.paretovariate(0.3)) % 400_000 + 1
        name, kind = f"owner{id_ % 90_000}/project-{id_}", dice.choices([*SHARES], [*SHARES.values()])[0]
        trimmed = dice.random() < trimmed_fraction
        second = number // EVENTS_PER_S % 3_600
        event = {
            "id": str(3 * 10**10 + number),
            "type": kind,
            "actor": {key: value for key, value in user(dice).items() if not key.startswith("gists")},
            "repo": {"id": id_, "name": name, "url": f"https://api.github.com/repos/{name}"},
            "payload": payload(dice, kind, id_, name, trimmed),
            "public": True,
            "created_at": f"2024-01-01T15:{second // 60:02d}:{second % 60:02d}Z",
        }
        line = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        size += len(line)
        yield line


def payload(dice: random.Random, kind: str, id_: int, name: str, trimmed: bool) -> Json:
    address = f"https://api.github.com/repos/{name}"
    if kind == "PushEvent":
        push = {"repository_id": id_, "push_id": dice.getrandbits(34), "ref": "refs/heads/main", "head": sha(dice)}
        count = min(20, 1 + int(dice.expovariate(0.4)))
        return push if trimmed else push | {"size": count, "commits": [commit(dice, address) for _ in range(count)]}
    if kind == "PullRequestEvent":
        short = {"id": id_, "url": address, "name": name}
        sides = [
            {"ref": "main", "sha": sha(dice), "repo": short if trimmed else repository(dice, id_, name)} for _ in "ab"
        ]
        request = {"url": f"{address}/pulls/1", "number": 1, "head": sides[0], "base": sides[1]}
        full = {"title": text(dice, 8), "user": user(dice), "body": text(dice, dice.randrange(200))}
        return {"action": "opened", "pull_request": request if trimmed else request | full}
    if kind == "ForkEvent":
        return {"forkee": repository(dice, id_ + 10**9, f"user{dice.randrange(200_000)}/project-{id_}")}
    if kind in ("IssuesEvent", "IssueCommentEvent"):
        issue = {"url": f"{address}/issues/1", "title": text(dice, 8), "user": user(dice), "body": text(dice, 80)}
        return {"action": "created", "issue": issue, "comment": {"user": user(dice), "body": text(dice, 100)}}
    return {"ref": "feature/x", "ref_type": "branch", "master_branch": "main", "description": text(dice, 8)}


def commit(dice: random.Random, address: str) -> Json:
    author = {"email": f"{dice.getrandbits(32):x}@users.noreply.github.com", "name": f"User {dice.randrange(9_999)}"}
    message = text(dice, dice.randrange(3, 60))
    return {"sha": sha(dice), "author": author, "message": message, "url": f"{address}/commits/{sha(dice)}"}


def user(dice: random.Random) -> Json:
    number = dice.randrange(200_000)
    address = f"https://api.github.com/users/user{number}"
    return {"login": f"user{number}", "id": number, "url": address, "type": "User"} | {
        f"{name}_url": f"{address}/{name}{{/other}}" for name in OF_USER.split()
    }


def repository(dice: random.Random, id_: int, name: str) -> Json:
    address = f"https://api.github.com/repos/{name}"
    return {"id": id_, "name": name.split("/")[1], "full_name": name, "owner": user(dice), "fork": False} | {
        **{f"{name}_url": f"{address}/{name}{{/sha}}" for name in OF_REPOSITORY.split()},
        "description": text(dice, 8),
        "created_at": "2020-01-01T00:00:00Z",
        "license": {"key": "mit", "spdx_id": "MIT"},
    }


def text(dice: random.Random, words: int) -> str:
    return " ".join(dice.choices(WORDS.split(), k=words)) + dice.choice(ODD)


def sha(dice: random.Random) -> str:
    return f"{dice.getrandbits(160):040x}"


def parse_lines(path: Path, loads: Callable[[bytes], object]) -> None:
    """What a user would write, without the counting."""
    with gzip.open(path) as file:
        for line in file:
            loads(line)


def decompress(path: Path) -> None:
    with gzip.open(path) as file:
        while file.read(1 << 20):
            pass


def decompress_with_isal(path: Path) -> None:
    member = isal_zlib.decompressobj(wbits=31)
    with path.open("rb") as file:
        while data := file.read(1 << 14):
            member.decompress(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=100, help="of text (default 100)")
    parser.add_argument("--trimmed", type=float, default=0.3, help="share of trimmed payloads (default 0.3)")
    arguments = parser.parse_args()

    lines = list(events(arguments.megabytes, arguments.trimmed))
    content = b"".join(lines)
    megabytes = len(content) / 1e6
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "2024-01-01-15.json.gz"
        path.write_bytes(gzip.compress(content, 6, mtime=0))
        print(f"{len(lines):,} events, {len(content) / len(lines):,.0f} bytes each; ", end="")
        print(f"{megabytes:.0f} MB, {len(content) / path.stat().st_size:.1f} times as much as compressed")
        block, keys = jsonlines.block(content), [b"type", b"repo", b"repository", b"created_at", b"payload"]
        calls: dict[str, Callable[[], object]] = {
            "read_hour": lambda: read_hour(path),
            "  of this, isal": lambda: decompress_with_isal(path),
            "  of this, the walk": lambda: jsonlines.objects(block, keys),
            "gzip alone": lambda: decompress(path),
        }
        try:
            loads = importlib.import_module("orjson").loads
            calls["gzip and orjson.loads"] = lambda: parse_lines(path, loads)
        except ModuleNotFoundError:
            print("orjson: not installed; pip install orjson==3.13.0")
        seconds = best_times(calls)
    print(f"{'':24}{'MB/s':>8}{'its time':>10}")
    for name, taken in seconds.items():
        print(f"{name:24}{megabytes / taken:>8.0f}{taken / seconds['read_hour']:>10.2f}")


if __name__ == "__main__":
    main()
