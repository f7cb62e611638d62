"""One hour's events to counts by repository, in every format there was; odd content is counted, and raises nothing."""

import gzip
import json
import random
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.sources import gharchive
from pipeline.sources.gharchive import COUNTS, KEYS, SCHEMA, Counts, combined, instant, read_hour

NOON = "2024-01-01T12:00:00Z"


def event(kind: str = "PushEvent", repo: Any = None, payload: Any = None, **fields: Any) -> dict[str, Any]:
    """An event as they are since 2015."""
    repo = {"id": 1, "name": "owner/name", "url": "https://api.github.com/repos/owner/name"} if repo is None else repo
    return {"id": "9", "type": kind, "repo": repo, "payload": payload or {}, "created_at": NOON} | fields


def old(kind: str = "PushEvent", **fields: Any) -> dict[str, Any]:
    """An event as they were from 2012 to 2014."""
    repository = {"id": 1, "name": "name", "url": "https://github.com/owner/name", "owner": "owner", "fork": False}
    fields = {"repository": repository | fields.pop("repository", {})} | fields
    return {"created_at": "2012-03-10T22:00:00-08:00", "actor": "login", "payload": {}, "type": kind} | fields


def hour(text: bytes, compressed: bool = True) -> tuple[pl.DataFrame, Counts]:
    """What is read of a file with this text, or with these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "2024-01-01-12.json.gz"
        path.write_bytes(gzip.compress(text, 1) if compressed else text)
        rows, counts = read_hour(path)
    assert rows.schema == SCHEMA
    assert rows.equals(rows.sort(KEYS))
    assert counts.lines == counts.events + sum(counts.malformed.values())
    return rows, counts


def lines(*events: Any) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in events)


def known(*events: Any) -> dict[Any, tuple[int, int, int]]:
    """Pushes, stars and forks by number and name, of events of which none is malformed."""
    rows, counts = hour(lines(*events))
    assert (counts.events, counts.malformed, counts.truncated) == (len(events), Counter(), False)
    own = rows.filter(pl.col("last_seen").is_not_null())
    return {
        (row["forge_id"], row["repo_name"]): tuple(row[name] for name in COUNTS) for row in own.iter_rows(named=True)
    }


def edges(*events: Any) -> set[tuple[Any, ...]]:
    """(number, name of a fork, number, name of its parent)."""
    rows = hour(lines(*events))[0].filter(pl.col("fork_of_name").is_not_null())
    assert rows["is_fork"].all() and rows.select(pl.col(*COUNTS).sum().sum()).row(0) == (0, 0, 0)
    assert rows["last_seen"].null_count() == rows.height
    return set(rows.select(KEYS).iter_rows())


def test_counts_by_kind() -> None:
    kinds = ["PushEvent", "WatchEvent", "PushEvent", "PullRequestEvent", "ForkEvent", "WatchEvent", "WatchEvent"]
    assert known(*map(event, kinds)) == {(1, "owner/name"): (2, 3, 1)}
    assert known(event("MemberEvent"), event(None), event(7)) == {(1, "owner/name"): (0, 0, 0)}  # type: ignore[arg-type]


FORMATS = [
    (event(), (1, "owner/name")),
    (dict(reversed(event().items())), (1, "owner/name")),
    ({"type": "PushEvent", "repo": {"name": "a/b"}, "created_at": NOON}, (None, "a/b")),  # no payload
    (event(repo={"id": 5, "url": "https://api.github.dev/repos/a/b", "name": "a/b"}), (5, "a/b")),  # 2011
    (event(repo={"name": "a/b"}), (None, "a/b")),
    (event(repo={"id": None, "name": "a/b"}), (None, "a/b")),
    (event(repo={"id": "5", "name": "a/b"}), (None, "a/b")),
    (event(repo={"id": 0, "name": "a/b"}), (None, "a/b")),
    (event(repo={"id": -5, "name": "a/b"}), (None, "a/b")),
    (event(repo={"id": 1.5, "name": "a/b"}), (None, "a/b")),
    (event(repo={"id": 2**63 - 1, "name": "a/b"}), (2**63 - 1, "a/b")),
    (event(repo={"id": 2**63, "name": "a/b"}), (None, "a/b")),
    (event(repo={"id": 1, "name": "A-1/.b_c.D"}), (1, "A-1/.b_c.D")),
    (event(repo={"id": 1, "name": "a/b", "owner": {"id": 9, "name": "c/d"}}), (1, "a/b")),
    (old(), (1, "owner/name")),
    (old(repository={"owner": None}), (1, "owner/name")),  # by its address
    (old(repository={"description": 'a "repo": {"id": 2}', "id": 3}), (3, "owner/name")),
]


@pytest.mark.parametrize(("given_event", "repository"), FORMATS)
def test_formats(given_event: dict[str, Any], repository: tuple[Any, str]) -> None:
    assert known(given_event) == {repository: (1, 0, 0)}


def test_an_escaped_slash_is_a_slash() -> None:
    assert known(json.loads(lines(event()).replace(b"/", rb"\/"))) == {(1, "owner/name"): (1, 0, 0)}
    assert hour(lines(event()).replace(b"/", rb"\/"))[0]["repo_name"].to_list() == ["owner/name"]


def test_only_the_outer_level_counts() -> None:
    inside = {"repo": {"id": 2, "name": "in/side"}, "type": "WatchEvent", "created_at": "2000-01-01T00:00:00Z"}
    escaped = json.dumps(inside | {"repository": {"name": "in", "owner": "text"}}) + '"},{\\"'
    payload = inside | {"pull_request": inside, "body": escaped, "list": [inside, escaped]}
    assert known(event(payload=payload), old(payload=payload)) == {(1, "owner/name"): (2, 0, 0)}


def test_invalid_text_elsewhere_does_not_matter() -> None:
    texts = [rb"\ud83d", b"\xff\xfe", rb"\u0000", b"\x01"]
    text = b"".join(lines(old(repository={"description": "@"})).replace(b"@", each) for each in texts)
    rows, counts = hour(text)
    assert (rows["repo_name"].to_list(), rows["push_events_count"].to_list(), counts.events) == (["owner/name"], [4], 4)


DATES = [
    ("2015-01-01T15:00:00Z", datetime(2015, 1, 1, 15)),
    ("2012-03-10T22:00:00-08:00", datetime(2012, 3, 11, 6)),
    ("2012/03/10 22:00:00 -0800", datetime(2012, 3, 11, 6)),
    ("2024-02-29T23:59:59.5Z", datetime(2024, 2, 29, 23, 59, 59, 500_000)),
    ("2024-02-29T23:59:59+05:30", datetime(2024, 2, 29, 18, 29, 59)),
    ("2023-02-29T00:00:00Z", None),
    ("2024-01-01T24:00:00Z", None),
    ("2024-01-01T00:00:60Z", None),
    ("2024-01-01T00:00:00", None),
    ("2024-01-01", None),
    ("0000-01-01T00:00:00Z", None),
    ("2024-01-01T00:00:00Z ", None),
    ("٢024-01-01T00:00:00Z", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "date"), DATES)
def test_dates(text: str, date: datetime | None) -> None:
    assert instant(text) == (None if date is None else int(date.replace(tzinfo=UTC).timestamp() * 1_000_000))
    rows, counts = hour(lines(event(created_at=text)))
    assert rows["first_seen"].to_list() == rows["last_seen"].to_list() == ([date.replace(tzinfo=UTC)] if date else [])
    assert counts.malformed == ({} if date else {"bad_date": 1})


def test_first_and_last_event() -> None:
    dates = ["2024-01-01T12:00:02Z", "2024-01-01T12:00:01Z", "2024-01-01T12:00:03Z"]
    rows, _ = hour(lines(*(event(created_at=date) for date in dates)))
    assert rows.select(pl.col("first_seen", "last_seen").dt.second()).rows() == [(1, 3)]


MALFORMED = [
    (b"nonsense", "not_json"),
    (lines(event())[:-9], "not_json"),
    (lines(event()).strip() + b"}", "not_json"),
    (b'{"id":"1","actor":{"url":"https://api.' + lines(event()).strip(), "not_json"),  # as in 2017-11-08-1
    (b"[]", "not_object"),
    (b"null", "not_object"),
    (b'"text"', "not_object"),
    (b"[" * 5_000, "not_json"),
    (lines({}).strip(), "no_repository"),
    (lines({"type": "GistEvent", "created_at": NOON, "payload": {"name": "a/b"}}), "no_repository"),
    (lines(event(repo={})), "no_repository"),
    (lines(event(repo=[1])), "no_repository"),
    (lines(event(repo="a/b")), "no_repository"),
    (lines(event(repo={"id": 1, "name": None})), "no_repository"),
    (lines(old(repository={"owner": None, "url": "https://github.com/owner"})), "no_repository"),
    (lines(event(repo={"id": 1, "name": "a/@"})).replace(b"@", b"\xff"), "no_repository"),
    (lines(event(repo={"id": 1, "name": ""})), "bad_name"),
    (lines(event(repo={"id": 1, "name": "/"})), "bad_name"),  # gists of 2011
    (lines(event(repo={"id": 1, "name": "name"})), "bad_name"),
    (lines(event(repo={"id": 1, "name": "a/b/c"})), "bad_name"),
    (lines(event(repo={"id": 1, "name": "a/.."})), "bad_name"),
    (lines(event(repo={"id": 1, "name": "./b"})), "bad_name"),
    (lines(event(repo={"id": 1, "name": "a/b\n"})), "bad_name"),
    (lines(event(repo={"id": 1, "name": "a/b?x"})), "bad_name"),
    (lines(event(repo={"id": 1, "name": "a/é"})), "bad_name"),
    (lines(event(repo={"id": 1, "name": "a/" + "b" * 199})), "bad_name"),
    (lines(old(repository={"name": "a/b"})), "bad_name"),
    (lines(event(created_at=None)), "bad_date"),
    (lines(event(created_at=12)), "bad_date"),
]


@pytest.mark.parametrize(("line", "kind"), MALFORMED)
def test_malformed(line: bytes, kind: str) -> None:
    end = b"" if line.endswith(b"\n") else b"\n"
    extra = int(line.endswith(b"}}"))  # the object before the bracket too many is one
    rows, counts = hour(lines(event()) + line + end + lines(event()))
    assert (counts.events, counts.malformed) == (2 + extra, {kind: 1})
    assert rows["push_events_count"].to_list() == [2 + extra]
    if counts.malformed.keys() <= {"not_json", "not_object"}:
        assert hour(lines(event()) + line)[1].malformed == {kind: 1}, "the last line, without an end"


FORKS = [
    ({"forkee": {"id": 2, "full_name": "new/name", "name": "no"}}, (2, "new/name")),
    ({"forkee": {"id": 2, "name": "name", "owner": {"login": "new", "id": 3}}}, (2, "new/name")),
    ({"forkee": {"id": 2}}, (2, None)),
    ({"forkee": {"full_name": "new/name"}}, (None, "new/name")),
    ({"forkee": {"id": 2, "full_name": "../x"}}, (2, None)),
    ({"forkee": 2, "actor": "new"}, (2, None)),  # 2011
    ({"forkee": {}}, None),
    ({"forkee": None}, None),
    ({"forkee": [{"id": 2}]}, None),
    ({}, None),
    ([], None),
    (None, None),
]


@pytest.mark.parametrize(("payload", "fork"), FORKS)
def test_forks(payload: Any, fork: tuple[Any, Any] | None) -> None:
    wanted = {(*fork, 1, "owner/name")} if fork else set()
    assert edges(event("ForkEvent", payload=payload)) == edges(old("ForkEvent", payload=payload)) == wanted
    assert known(event("ForkEvent", payload=payload)) == {(1, "owner/name"): (0, 0, 1)}
    assert edges(event("PushEvent", payload=payload)) == set()


def test_old_events_say_what_is_a_fork() -> None:
    rows, _ = hour(lines(old(), old(repository={"id": 2, "fork": True}), old(repository={"id": 3, "fork": "true"})))
    assert rows.select("forge_id", "is_fork", "fork_of_name").rows() == [
        (1, False, None),
        (2, True, None),
        (3, False, None),
    ]


def test_events_without_line_ends() -> None:
    """As in many hours of 2012 (gharchive.org issue 17), and padding as in 2023-05-14-19 (issue 190)."""
    text = lines(*(old(repository={"id": number}) for number in range(1, 100))).replace(b"\n", b"")
    assert (
        hour(text)[0].height == hour(text + b"\n")[0].height == hour(text + b"\0" * 99 + b"\n" + text)[0].height == 99
    )


# Files


def test_no_gzip() -> None:
    for content in (b"", b"\x1f", b"<html>Not found</html>", lines(event())):
        rows, counts = hour(content, compressed=False)
        assert (rows.height, counts.malformed, counts.truncated) == (0, {"not_gzip": 1}, False)


def test_a_gzip_of_nothing() -> None:
    for text in (b"", b"\n\n \0\n"):
        rows, counts = hour(text)
        assert (rows.height, counts.events, counts.malformed, counts.truncated) == (0, 0, {}, False)


def many(count: int) -> bytes:
    """Events that do not compress well, of as many repositories."""
    dice = random.Random(0)
    return lines(
        *(
            event(repo={"id": i, "name": f"o/{i}"}, payload={"x": f"{dice.getrandbits(800):x}"})
            for i in range(1, count + 1)
        )
    )


def test_a_truncated_file_gives_what_is_there() -> None:
    content = gzip.compress(many(1_000))
    for part in (len(content) // 2, len(content) - 1, len(content) - 9):
        rows, counts = hour(content[:part], compressed=False)
        text = gzip.zlib.decompressobj(wbits=31).decompress(content[:part])
        assert (rows.height, counts.events) == (text.count(b"\n"),) * 2
        assert (counts.truncated, counts.malformed) == (True, {})


def test_a_damaged_file_gives_what_is_before_the_damage() -> None:
    content = gzip.compress(many(2_000))
    middle = len(content) // 2
    rows, counts = hour(content[:middle] + bytes(100) + content[middle + 100 :], compressed=False)
    assert counts.truncated
    assert 500 < rows.height < 1_999
    rows, counts = hour(content + b"garbage", compressed=False)
    assert (rows.height, counts.truncated) == (2_000, True)


def test_several_members_and_padding() -> None:
    parts = [gzip.compress(lines(event())[:40]), gzip.compress(lines(event())[40:] * 1), bytes(40_000)]
    rows, counts = hour(b"".join(parts), compressed=False)
    assert (rows.height, counts.events, counts.truncated) == (1, 1, False)
    rows, counts = hour(b"".join(parts * 3), compressed=False)
    assert (rows["push_events_count"].to_list(), counts.truncated) == ([3], False)


def test_blocks_and_events_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    text = many(300) + lines(event(payload={"x": f"{random.Random(1).getrandbits(1_200_000):x}"})) + many(300)
    whole, counts = hour(text)
    monkeypatch.setattr(gharchive, "BLOCK_BYTES", 1_000)
    rows, again = hour(text)
    assert rows.equals(whole)
    assert again == counts
    monkeypatch.setattr(gharchive, "MAX_EVENT_BYTES", 100_000)
    rows, counts = hour(text)
    assert (counts.events, counts.malformed) == (600, {"not_json": 1})


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=3)), max_size=6))
def test_nothing_raises(changes: list[tuple[int, bytes]]) -> None:
    """Events with some bytes changed are events or malformed: `hour` checks the sum."""
    text = lines(event("ForkEvent", payload=FORKS[0][0]), old(), event("PushEvent"))
    for place, change in changes:
        place %= len(text)
        text = text[:place] + change + text[place + 1 :]
    hour(text)
    hour(gzip.compress(text)[: max(2, len(changes) * 40)], compressed=False)


# Parts


EVENTS = st.builds(
    lambda kind, number, name, second, fork: event(
        kind,
        {"id": number, "name": f"o/{name}"},
        {"forkee": {"id": fork, "full_name": f"f/{fork}"}},
        created_at=f"2024-01-01T12:00:{second:02d}Z",
    ),
    st.sampled_from(["PushEvent", "WatchEvent", "ForkEvent", "IssuesEvent"]),
    st.none() | st.integers(1, 4),
    st.sampled_from("abc"),
    st.integers(0, 59),
    st.integers(1, 6),
)


def counted(events: Sequence[Mapping[str, Any]]) -> dict[Any, list[int]]:
    """Pushes, stars, forks, first and last second by number and name: one event after the other."""
    found: dict[Any, list[int]] = {}
    for each in events:
        key, second = (each["repo"]["id"], each["repo"]["name"]), int(each["created_at"][-3:-1])
        row = found.setdefault(key, [0, 0, 0, second, second])
        for place, kind in enumerate(COUNTS.values()):
            row[place] += each["type"] == kind
        row[3:] = [min(row[3], second), max(row[4], second)]
    return found


@settings(deadline=None, max_examples=50)
@given(st.lists(EVENTS, max_size=30), st.randoms(use_true_random=False))
def test_order_and_parts_do_not_matter(events: list[dict[str, Any]], dice: random.Random) -> None:
    """The hour is what counting by hand gives, and so is `combined` of hours among which its lines are dealt out."""
    whole, _ = hour(lines(*events))
    parts: list[list[dict[str, Any]]] = [[], [], []]
    for each in dice.sample(events, len(events)):
        dice.choice(parts).append(each)
    assert combined(pl.concat([hour(lines(*part))[0] for part in parts])).equals(whole)
    own = whole.filter(pl.col("last_seen").is_not_null()).with_columns(pl.col("first_seen", "last_seen").dt.second())
    columns = ["forge_id", "repo_name", *COUNTS, "first_seen", "last_seen"]
    assert {row[:2]: list(row[2:]) for row in own.select(columns).rows()} == counted(events)
    forks = [each for each in events if each["type"] == "ForkEvent"]
    wanted = {(number := each["payload"]["forkee"]["id"], f"f/{number}", *each["repo"].values()) for each in forks}
    assert set(whole.filter(pl.col("last_seen").is_null()).select(KEYS).rows()) == wanted
