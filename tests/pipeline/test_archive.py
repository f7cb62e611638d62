"""Hours of an archive to rows of a source: which hours, each read once, merged by repository, wanted or not and why."""

import gzip
import json
import os
import random
import re
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.archive_hour import forge_id, write_hour
from pipeline.config import Config, Source
from pipeline.engine import Engine
from pipeline.errors import ConfigError, CorpusError
from pipeline.sources import archive
from pipeline.sources.archive import EmitHours, Merge, MergePartition, ReadHour, archive_rows, plan, plan_merge, totals
from pipeline.sources.gharchive_hours import ATTEMPTS, download, expand, find_hours
from pipeline.sources.listing import list_repositories
from pipeline.transforms import Exchange, ForEach
from pipeline.workspace import Workspace
from schemas.repositories import EXCLUDED, LISTED

KEY = "github.com/"


def event(
    name: str,
    second: int = 0,
    kind: str = "PushEvent",
    number: int | None = 1,
    fork: Any = None,
    day: str = "2024-01-01",
) -> dict[str, Any]:
    """An event at a second of noon; `fork` is (number, name) of the repository that a ForkEvent made."""
    payload = {"forkee": {"id": fork[0], "full_name": fork[1]}} if fork else {}
    repo = {"id": number, "name": name}
    return {
        "type": "ForkEvent" if fork else kind,
        "repo": repo,
        "payload": payload,
        "created_at": f"{day}T12:00:{second:02d}Z",
    }


def old(name: str, second: int = 0, number: int | None = 1, is_fork: bool = True) -> dict[str, Any]:
    owner, _, short = name.partition("/")
    repository = {"id": number, "name": short, "owner": owner, "fork": is_fork}
    return {"type": "PushEvent", "repository": repository, "created_at": f"2012-01-01T12:00:{second:02d}Z"}


def write(path: Path, events: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(b"".join(json.dumps(each).encode() + b"\n" for each in events), 1, mtime=0))


def configured(folder: Path, *patterns: str, **source: Any) -> Config:
    return Config(folder=folder, source=[Source(gharchive=list(patterns or ["*.json.gz"]), **source)])


def read(config: Config, workspace: Path, number: int = 0) -> Merge:
    """Reads what waits and merges it: what the pipeline does, without Beam, and blocks in another order."""
    planned = plan(Workspace(workspace), config, number)
    for waiting in planned.waiting():
        ReadHour(planned, backoff_s=0.01)(waiting)
    assert planned.waiting() == []
    merge = plan_merge(planned)
    parts: dict[int, list[bytes]] = defaultdict(list)
    for batch in reversed(merge.batches):
        for partition, block in EmitHours(merge)(batch):
            parts[partition].append(block)
    for partition, blocks in parts.items():
        assert list(MergePartition(merge)(partition, blocks)) == []
    return merge


def rows_of(*hours: Sequence[dict[str, Any]], **source: Any) -> list[dict[str, Any]]:
    """The rows of a source with these hours."""
    with tempfile.TemporaryDirectory() as name:
        for number, events in enumerate(hours):
            write(Path(name) / f"2024-01-01-{number}.json.gz", events)
        config = configured(Path(name), **source)
        return archive_rows(read(config, Path(name) / "workspace"), config.source[0]).to_dicts()


def outcomes(*hours: Sequence[dict[str, Any]], **source: Any) -> dict[str, tuple[str | None, str | None]]:
    """Why each name is excluded. Of a former name that is another's current one, the current counts."""
    rows = rows_of(*hours, **source)
    found = {row["repo_name"]: (row["excluded"], row["excluded_detail"]) for row in rows}
    assert {reason for reason, _ in found.values()} <= {None, *EXCLUDED}
    return found


# Which hours


EXPANDED = [
    ("a", ["a"]),
    ("{0..2}", ["0", "1", "2"]),
    ("{2..0}", ["2", "1", "0"]),
    ("{8..11}", ["8", "9", "10", "11"]),
    ("{08..11}", ["08", "09", "10", "11"]),
    ("{1..03}", ["01", "02", "03"]),
    ("{0..0}", ["0"]),
    ("x{1..2}y{01..02}z", ["x1y01z", "x1y02z", "x2y01z", "x2y02z"]),
    ("{a,b}{1...2}{1..}{..2}", ["{a,b}{1...2}{1..}{..2}"]),
]


@pytest.mark.parametrize(("pattern", "expected"), EXPANDED)
def test_ranges(pattern: str, expected: list[str]) -> None:
    assert expand(pattern) == expected


def test_a_year_of_addresses(tmp_path: Path) -> None:
    pattern = "https://data.gharchive.org/2015-{01..12}-{01..31}-{0..23}.json.gz"
    hours = find_hours([pattern, "https://data.gharchive.org/2015-01-01-0.json.gz"], tmp_path)
    assert len(hours) == len({hour.name for hour in hours}) == 12 * 31 * 24
    assert hours[0].address == "https://data.gharchive.org/2015-01-01-0.json.gz"
    assert re.fullmatch(r"2015-01-01-0-[0-9a-f]{16}", hours[0].name)


def test_local_files(tmp_path: Path) -> None:
    for name in ("a/2024-01-01-0.json.gz", "a/2024-01-01-1.json.gz", "b/c/2024-01-02-0.json.gz", "b/readme.txt"):
        write(tmp_path / name, [])

    def found(*patterns: str) -> list[str]:
        return [hour.address for hour in find_hours(patterns, tmp_path)]

    assert found("a/*.json.gz") == ["a/2024-01-01-0.json.gz", "a/2024-01-01-1.json.gz"]
    assert found("**/*.gz", "a/*-0.json.gz") == [*found("a/*.gz"), "b/c/2024-01-02-0.json.gz"]
    assert found("a/2024-01-{01..31}-{0..0}.json.gz") == ["a/2024-01-01-0.json.gz"]
    assert found(f"{tmp_path}/b/c/*") == [f"{tmp_path}/b/c/2024-01-02-0.json.gz"]


BAD_PATTERNS = [
    ("none/*.json.gz", "no file matches (paths start at"),
    ("", "no file matches"),
    ("..", "no file matches"),
    ("{0..9999999}", "more than 1,000,000 addresses"),
    ("https://h/{0..999}/{0..999}/{0..999}", "more than 1,000,000 addresses"),
    ("ftp://data.gharchive.org/2015-01-01-0.json.gz", "must be a file or an http(s) address"),
    ("gs://data.gharchive.org/x", "must be a file or an http(s) address"),
    ("https://user:secret@h/x", "must not hold a user or password"),
    ("https:///x", "must be a file or an http(s) address"),
    ("https://[1/x", "not an address"),
    ("https://h:99999/x", "not an address"),
    ("https://h/\u00e9", "must be a file or an http(s) address"),
    ("https://h/a\nb", "must be a file or an http(s) address"),
    ("https://h/2015-01-01-*.json.gz", "ranges like {0..23}"),
    ("https://h/2015-01-01-{0,1}.json.gz", "ranges like {0..23}"),
]


@pytest.mark.parametrize(("pattern", "reason"), BAD_PATTERNS)
def test_patterns_without_hours(tmp_path: Path, pattern: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_hours([pattern], tmp_path)
    assert str(caught.value).startswith(f"source: gharchive: {pattern!r}: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_name_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.json.gz")).touch()
    with pytest.raises(ConfigError, match="not UTF-8; rename the file"):
        find_hours(["*.gz"], tmp_path)


# Each hour once


def commits(workspace: Path) -> dict[str, int]:
    """When each file of the committed hours was written."""
    found = (workspace / "repositories/archive").glob("2*")
    return {path.name: path.stat().st_mtime_ns for path in found}


def test_a_committed_hour_is_not_read_again(tmp_path: Path) -> None:
    hours, workspace = tmp_path / "hours", tmp_path / "workspace"
    write(hours / "2024-01-01-0.json.gz", [event("a/b")])
    config = configured(tmp_path, "hours/*")
    read(config, workspace)
    before = commits(workspace)
    assert sorted(name.partition(".")[2] for name in before) == ["json", "parquet"]
    ReadHour(plan(Workspace(workspace), config, 0))(0)
    write(hours / "2024-01-01-1.json.gz", [event("a/b", kind="WatchEvent")])
    merge = read(config, workspace)
    assert before.items() < commits(workspace).items()
    rows = archive_rows(merge, config.source[0])
    assert rows.select("push_events_count", "star_events_count").rows() == [(1, 1)]


def test_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    path, config = tmp_path / "2024-01-01-0.json.gz", configured(tmp_path)
    for name in ("a/b", "a/c"):  # of the same size
        write(path, [event(name)])
        os.utime(path, ns=(0, ord(name[-1])))
        rows = archive_rows(read(config, tmp_path / "workspace"), config.source[0])
        assert rows["repo_name"].to_list() == [name]


def test_a_commit_is_what_makes_an_hour(tmp_path: Path) -> None:
    write(tmp_path / "2024-01-01-0.json.gz", [event("a/b"), {}])
    config, workspace = configured(tmp_path), tmp_path / "workspace"
    first = read(config, workspace)
    planned = plan(Workspace(workspace), config, 0)
    commit = planned.commit(planned.hours[0])
    assert commit == {
        "address": "2024-01-01-0.json.gz", "lines": 2, "events": 1, "malformed": {"no_repository": 1},
        "truncated": False, "missing": False, "rows": 1,
    }  # fmt: skip
    planned.path(planned.hours[0], "json").unlink()
    assert planned.waiting() == [0]
    assert read(config, workspace).folder == first.folder


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    write(tmp_path / "2024-01-01-0.json.gz", [event("a/b")])
    planned = plan(Workspace(tmp_path / "workspace"), configured(tmp_path), 0)
    (tmp_path / "2024-01-01-0.json.gz").unlink()
    with pytest.raises(CorpusError, match=r"2024-01-01-0\.json\.gz: cannot be read \(No such file"):
        ReadHour(planned)(0)
    assert planned.waiting() == [0]


def test_hours_without_an_event(tmp_path: Path) -> None:
    (tmp_path / "2024-01-01-0.json.gz").write_bytes(b"<html>")
    write(tmp_path / "2024-01-01-1.json.gz", [{}])
    with pytest.raises(ConfigError) as caught:
        read(configured(tmp_path), tmp_path / "workspace")
    assert str(caught.value) == (
        "source: gharchive: no event found: of 2 hours 0 are missing and 1 are no gzip files; the first is "
        "2024-01-01-0.json.gz"
    )


def test_totals(tmp_path: Path) -> None:
    write(tmp_path / "1.json.gz", [event("a/b"), {}, event("x")])
    write(tmp_path / "2.json.gz", [event("a/b"), {}])
    (tmp_path / "2.json.gz").write_bytes((tmp_path / "2.json.gz").read_bytes()[:-1])
    planned = read(configured(tmp_path), tmp_path / "workspace").archive
    assert totals(map(planned.commit, planned.hours)) == {
        "hours": 2, "missing": 0, "truncated": 1, "lines": 5, "events": 2,
        "malformed": {"bad_name": 1, "no_repository": 2},
    }  # fmt: skip


# Over the network


@dataclass
class Answers:
    """What a server answers: for a path, (status, headers, body) one after the other, the last one for ever."""

    by_path: dict[str, list[tuple[int, dict[str, str], bytes]]]
    address: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)  # (path, User-Agent)


@pytest.fixture
def serve() -> Iterator[Callable[..., Answers]]:
    """Starts servers on this machine."""
    servers = []

    def start(**by_path: list[tuple[int, dict[str, str], bytes]]) -> Answers:
        answers = Answers(by_path)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                waiting = answers.by_path.get(self.path.strip("/").partition(".")[0], [(404, {}, b"")])
                status, headers, body = waiting[0] if len(waiting) == 1 else waiting.pop(0)
                answers.asked.append((self.path, self.headers["User-Agent"]))
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        answers.address = f"http://127.0.0.1:{servers[-1].server_port}"
        return answers

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def body(*events: dict[str, Any]) -> bytes:
    return gzip.compress(b"".join(json.dumps(each).encode() + b"\n" for each in events), mtime=0)


def test_hours_are_downloaded_once(tmp_path: Path, serve: Callable[..., Answers]) -> None:
    stored = {"Content-Encoding": "gzip", "Content-Type": "application/json"}  # of which a client makes text
    server = serve(h0=[(200, {}, body(event("a/b")))], h2=[(200, stored, body(event("a/b", 1)))])
    config = configured(tmp_path, f"{server.address}/h{{0..3}}.json.gz", "2024-01-01-0.json.gz")
    config = config.model_copy(update={"fetch": config.fetch.model_copy(update={"contact": "me@example.org"})})
    write(tmp_path / "2024-01-01-0.json.gz", [event("a/b", 2)])
    merge = read(config, tmp_path / "workspace")
    assert archive_rows(merge, config.source[0])["push_events_count"].to_list() == [3]
    found = totals(map(merge.archive.commit, merge.archive.hours))
    assert (found["hours"], found["missing"], found["events"]) == (5, 2, 3)
    assert [path for path, _ in server.asked] == [f"/h{n}.json.gz" for n in range(4)]
    assert {bool(re.fullmatch(r"stackyard/\S+ \(\+me@example\.org\)", agent)) for _, agent in server.asked} == {True}
    read(config, tmp_path / "workspace")
    assert len(server.asked) == 4
    assert not list((tmp_path / "workspace").rglob(".tmp-*"))


def test_when_all_hours_are_missing(tmp_path: Path, serve: Callable[..., Answers]) -> None:
    server = serve()
    with pytest.raises(ConfigError) as caught:
        read(configured(tmp_path, f"{server.address}/h{{0..2}}.json.gz"), tmp_path / "workspace")
    assert "of 3 hours 3 are missing" in str(caught.value)
    assert f"{server.address}/h0.json.gz" in str(caught.value)


def test_what_passes_is_tried_again(tmp_path: Path, serve: Callable[..., Answers]) -> None:
    cut = (200, {"Content-Length": "999"}, b"cut off")
    busy, broken = (429, {"Retry-After": "7"}, b""), (503, {"Retry-After": "in a while"}, b"")
    server = serve(h=[busy, broken, cut, (500, {}, b""), (200, {}, b"content")])
    waits: list[float] = []
    assert download(f"{server.address}/h", tmp_path / "file", "agent", 2, waits.append)
    assert (tmp_path / "file").read_bytes() == b"content"
    assert waits == [7, 4, 8, 16]


def test_what_stays_is_told(tmp_path: Path, serve: Callable[..., Answers]) -> None:
    server = serve(
        h0=[(200, {}, body(event("a/b")))], h1=[(503, {"Retry-After": "99999999"}, b"")], h2=[(404, {}, b"")]
    )
    waits: list[float] = []
    with pytest.raises(CorpusError) as caught:
        download(f"{server.address}/h1", tmp_path / "file", "agent", 2, waits.append)
    assert str(caught.value).startswith(f"{server.address}/h1: HTTP 503, {ATTEMPTS} times; the hours already read are")
    assert waits == [600] * (ATTEMPTS - 1)
    server.by_path["h1"] = [(403, {}, b"")]
    planned = plan(Workspace(tmp_path), configured(tmp_path, f"{server.address}/h{{0..2}}.json.gz"), 0)
    ReadHour(planned)(0)
    with pytest.raises(CorpusError, match=r"h1\.json\.gz: HTTP 403"):
        ReadHour(planned, backoff_s=0.001)(1)
    assert planned.waiting() == [1, 2]
    server.by_path["h1"] = [(302, {"Location": "/h0.json.gz"}, b"")]
    ReadHour(planned)(1)
    assert planned.commit(planned.hours[1])["events"] == 1


def test_nobody_there(tmp_path: Path, serve: Callable[..., Answers]) -> None:
    for address in ("http://127.0.0.1:1/h", "http://127.0.0.1:99999999/h"):
        with pytest.raises(CorpusError, match=re.escape(address)):
            download(address, tmp_path / "file", "agent", 0.001)


# Repositories


def test_names_of_one_repository() -> None:
    events = [event("a/first", 1), event("a/second", 3, "WatchEvent"), event("b/third", 5), event("a/first", 4)]
    for hours in ([events], [[each] for each in events], [[each] for each in reversed(events)]):
        rows = rows_of(*hours)
        assert [(r["repo_name"], r["excluded"], r["excluded_detail"], r["forge_id"]) for r in rows] == [
            ("a/first", "renamed_to", f"{KEY}b/third", 1),
            ("a/second", "renamed_to", f"{KEY}b/third", 1),
            ("b/third", None, None, 1),
        ]
        current = rows[2]
        assert [current[f"{kind}_events_count"] for kind in ("push", "star", "fork")] == [3, 1, 0]
        assert (current["first_seen"].second, current["last_seen"].second) == (1, 5)
        assert {row["push_events_count"] for row in rows[:2]} == {row["last_seen"] for row in rows[:2]} == {None}


RENAMES = [
    ("the last name counts", [event("a/x", 2), event("a/y", 1)], {"a/x": None, "a/y": "renamed_to"}),
    ("of two at once the larger", [event("a/x", 1), event("a/y", 1)], {"a/x": "renamed_to", "a/y": None}),
    ("there and back", [event("a/x", 1), event("a/y", 2), event("a/x", 3)], {"a/x": None, "a/y": "renamed_to"}),
    ("another spelling", [event("A/x", 1), event("a/X", 2)], {"a/X": None}),
    ("spelt back", [event("a/x", 1), event("A/X", 2), event("a/x", 3)], {"a/x": None}),
    ("swapped", [event("a/x", 1), event("a/y", 1, number=2), event("a/y", 2), event("a/x", 2, number=2)],
     {"a/x": None, "a/y": None}),
    ("without numbers", [event("a/x", 1, number=None), event("A/X", 2, number=None)], {"A/X": None}),
]  # fmt: skip


@pytest.mark.parametrize(("events", "expected"), [case[1:] for case in RENAMES], ids=[case[0] for case in RENAMES])
def test_renames(events: list[dict[str, Any]], expected: dict[str, str | None]) -> None:
    assert {name: reason for name, (reason, _) in outcomes(events).items()} == expected


def test_two_repositories_with_one_name() -> None:
    """The forge has given the name to the one that was seen last."""
    for number in (None, 1):
        rows = rows_of([event("a/x", 1, number=number), event("A/x", 2, number=2), event("a/y", 3, number=3)])
        assert [(r["repo_name"], r["forge_id"], r["excluded"], r["excluded_detail"]) for r in rows] == [
            ("a/x", number, "duplicate_of", f"{KEY}a/x"),
            ("A/x", 2, None, None),
            ("a/y", 3, None, None),
        ]


def test_a_host_with_case() -> None:
    names = [
        event("A/x", 1, number=None),
        event("a/x", 2, number=None),
        event("B/x", 1, number=3),
        event("b/x", 2, number=3),
    ]
    rows = rows_of(names, host="git.example.org:8080")
    assert [(row["repo_key"], row["url"], row["excluded"]) for row in rows] == [
        ("git.example.org:8080/A/x", "https://git.example.org:8080/A/x.git", None),
        ("git.example.org:8080/B/x", "https://git.example.org:8080/B/x.git", "renamed_to"),
        ("git.example.org:8080/a/x", "https://git.example.org:8080/a/x.git", None),
        ("git.example.org:8080/b/x", "https://git.example.org:8080/b/x.git", None),
    ]


FORKS = [
    ("by number, under its current name",
     [event("a/x", 1, fork=(2, "b/x")), event("b/y", 5, number=2), event("a/new", 9)],
     {"b/y": f"{KEY}a/new", "a/new": None}),
    ("an edge from another hour counts",
     [event("a/x", 9, fork=(2, None)), event("b/x", 1, number=2)], {"b/x": f"{KEY}a/x"}),
    ("a parent without a number",
     [event("A/x", number=None, fork=(2, "b/x")), event("b/x", number=2)], {"b/x": f"{KEY}a/x"}),
    ("by name",
     [event("a/x", fork=(None, "B/x")), event("b/x", number=None)], {"b/x": f"{KEY}a/x", "a/x": None}),
    ("the largest of several parents",
     [event("a/x", fork=(2, "b/x")), event("a/y", number=7, fork=(2, "b/x")), event("b/x", number=2)],
     {"b/x": f"{KEY}a/y"}),
    ("a fork without events is not listed",
     [event("a/x", fork=(2, "b/x"))], {"a/x": None}),
]  # fmt: skip


@pytest.mark.parametrize(("events", "expected"), [case[1:] for case in FORKS], ids=[case[0] for case in FORKS])
def test_forks(events: list[dict[str, Any]], expected: dict[str, str | None]) -> None:
    for hours in ([events], [[each] for each in events]):
        found = {row["repo_name"]: row["fork_of"] for row in rows_of(*hours)}
        assert expected.items() <= found.items()
        assert "b/x" in expected or "b/x" not in found


def watched(name: str, stars: int, number: int, **fields: Any) -> list[dict[str, Any]]:
    return [event(name, kind=kind, number=number, **fields) for kind in ["PushEvent", *["WatchEvent"] * stars]]


FORKED = [
    *watched("a/parent", 9, 1), *watched("b/small", 2, 2), *watched("c/large", 5, 3),
    event("a/parent", fork=(2, None)), event("a/parent", fork=(3, None)), old("d/unknown", number=4),
    old("e/none", number=5, is_fork=False),
]  # fmt: skip

PARENT = f"{KEY}a/parent"
FILTERS: list[tuple[dict[str, Any], dict[str, tuple[str, str]]]] = [
    ({}, {}),
    ({"min_stars": 2}, {"d/unknown": ("filter", "min_stars 2: 0 stars"), "e/none": ("filter", "min_stars 2: 0 stars")}),
    ({"min_stars": 3, "include": ["*/small"]}, {
        "b/small": ("filter", "min_stars 3: 2 stars"), "d/unknown": ("filter", "min_stars 3: 0 stars"),
        "e/none": ("filter", "min_stars 3: 0 stars")}),
    ({"forks": False}, {"b/small": ("fork", PARENT), "c/large": ("fork", PARENT), "d/unknown": ("fork", "unknown")}),
    ({"min_fork_stars": 5}, {
        "b/small": ("fork", "min_fork_stars 5: 2 stars"), "d/unknown": ("fork", "min_fork_stars 5: 0 stars")}),
    ({"active_from": date(2024, 1, 1)}, {
        "d/unknown": ("filter", "active_from 2024-01-01: last seen 2012-01-01"),
        "e/none": ("filter", "active_from 2024-01-01: last seen 2012-01-01")}),
    ({"active_from": date(2012, 1, 1), "active_to": date(2024, 1, 1)}, {}),
    ({"active_to": date(2023, 12, 31)}, {
        "a/parent": ("filter", "active_to 2023-12-31: first seen 2024-01-01"),
        "b/small": ("filter", "active_to 2023-12-31: first seen 2024-01-01"),
        "c/large": ("filter", "active_to 2023-12-31: first seen 2024-01-01")}),
    ({"min_stars": 6, "forks": False}, {
        "b/small": ("filter", "min_stars 6: 2 stars"), "c/large": ("filter", "min_stars 6: 5 stars"),
        "d/unknown": ("filter", "min_stars 6: 0 stars"), "e/none": ("filter", "min_stars 6: 0 stars")}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "excluded"), FILTERS)
def test_filters(source: dict[str, Any], excluded: dict[str, tuple[str, str]]) -> None:
    names = ("a/parent", "b/small", "c/large", "d/unknown", "e/none")
    assert outcomes(FORKED, **source) == {name: excluded.get(name, (None, None)) for name in names}


EVENTS = st.builds(
    event,
    st.sampled_from(["a/x", "A/x", "a/y", "b/x"]),
    st.integers(0, 4),
    st.sampled_from(["PushEvent", "WatchEvent", "IssuesEvent"]),
    st.none() | st.integers(1, 4),
    st.none() | st.tuples(st.none() | st.integers(1, 5), st.sampled_from(["a/x", "b/x", "c/x"])),
)


def by_hand(events: Sequence[dict[str, Any]]) -> set[tuple[Any, ...]]:
    """(key, name, number, pushes, stars, forks, fork_of, excluded, detail) of every row: one event after the other."""
    one: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    parents: dict[Any, list[tuple[int, str]]] = defaultdict(list)
    for each in events:
        number, name = each["repo"]["id"], each["repo"]["name"]
        one[number or name.lower()].append(each)
        if each["type"] == "ForkEvent":
            fork = each["payload"]["forkee"]
            parents[fork["id"] or fork["full_name"].lower()].append((number or 0, name))
    names = {
        key: max(found, key=lambda each: (each["created_at"], each["repo"]["name"]))["repo"]["name"]
        for key, found in one.items()
    }
    seen = {key: max(each["created_at"] for each in found) for key, found in one.items()}
    rows: set[tuple[Any, ...]] = set()
    for key, found in one.items():
        number = found[0]["repo"]["id"]
        current = KEY + names[key].lower()
        with_name = [other for other in one if names[other].lower() == names[key].lower()]
        first = max(with_name, key=lambda other: (seen[other], other if isinstance(other, int) else 0))
        parent = None
        if key in parents:
            parent_number, parent_name = max(parents[key])
            parent = KEY + names.get(parent_number, parent_name).lower()
        counts = [sum(e["type"] == kind for e in found) for kind in ("PushEvent", "WatchEvent", "ForkEvent")]
        reason = (None, None) if first == key else ("duplicate_of", current)
        rows.add((current, names[key], number, *counts, parent, *reason))
        for former in {each["repo"]["name"].lower() for each in found} - {names[key].lower()}:
            spelt = [each for each in found if each["repo"]["name"].lower() == former]
            written = max(spelt, key=lambda each: (each["created_at"], each["repo"]["name"]))["repo"]["name"]
            rows.add((KEY + former, written, number, None, None, None, None, "renamed_to", current))
    return rows


@settings(deadline=None, max_examples=25)
@given(st.lists(EVENTS, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_as_by_hand_however_events_lie_in_hours(events: list[dict[str, Any]], dice: random.Random) -> None:
    whole = rows_of(events)
    hours: list[list[dict[str, Any]]] = [[], [], []]
    for each in dice.sample(events, len(events)):
        dice.choice(hours).append(each)
    assert rows_of(*hours) == whole
    columns = ("repo_key", "repo_name", "forge_id", "push_events_count", "star_events_count", "fork_events_count")
    columns += ("fork_of", "excluded", "excluded_detail")
    assert {tuple(row[name] for name in columns) for row in whole} == by_hand(events)
    assert len(whole) == len(by_hand(events))


def test_batches_and_partitions_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(0)
    for number in range(5):
        events = [
            event(f"o/{dice.randrange(300)}", 1, number=dice.choice([None, dice.randrange(1, 200)])) for _ in range(200)
        ]
        write(tmp_path / f"{number}.json.gz", events)
    config = configured(tmp_path)
    rows = archive_rows(read(config, tmp_path / "first"), config.source[0])
    monkeypatch.setattr(archive, "BATCH_HOURS", 2)
    monkeypatch.setattr(archive.blocks, "MIN_PARTITIONS", 64)
    merge = read(config, tmp_path / "second")
    assert (len(merge.batches), merge.partitions) == (3, 64)
    assert archive_rows(merge, config.source[0]).equals(rows)
    assert len(list(merge.folder.glob("part-*"))) > 50


# All of it


def test_with_beam_and_the_list(tmp_path: Path) -> None:
    names = ["Own/One", "own/two", "x/three"]
    for number in range(2):
        write_hour(tmp_path / f"2024-01-01-{number}.json.gz", names, datetime(2024, 1, 1, number, tzinfo=UTC))
    config, engine = configured(tmp_path, forks=False), Engine(1)
    planned = plan(Workspace(tmp_path / "workspace"), config, 0)
    engine.run("archive", lambda p: p | ForEach(planned.waiting(), ReadHour(planned)))
    merge = plan_merge(planned)
    engine.run("merge", lambda p: p | Exchange(merge.batches, EmitHours(merge), MergePartition(merge)))
    rows = archive_rows(merge, config.source[0])
    assert rows.equals(archive_rows(read(config, tmp_path / "other"), config.source[0]))
    listed = list_repositories(config, {0: rows})
    assert listed.schema.equals(LISTED)
    found = [(row["repo_name"], row["forge_id"], row["excluded"]) for row in listed.to_pylist()]
    assert found == [
        ("Own/One", forge_id("Own/One"), None),
        ("Own/One-before", forge_id("Own/One"), "renamed_to"),
        ("own/two", forge_id("own/two"), None),
        ("x/three", forge_id("x/three"), "fork"),
    ]


def test_the_example_hour_has_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_hour(tmp_path / name, ["a/x", "b/y"])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
