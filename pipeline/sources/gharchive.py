"""One hour of GH Archive: its events, counted by repository.

Events say which repositories there are, not what they hold: of a payload nothing is read but the repository that a fork
made, because payloads change (most of their fields went in October 2025, gharchive.org issue 312).
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import polars as pl
import pyarrow as pa
from isal import isal_zlib
from numpy.typing import NDArray

from filters.jsonlines import Block, block, members, objects
from schemas.archive import HOUR

READ_BYTES = 1 << 14  # of compressed data; what is lost of a damaged file is one such piece
BLOCK_BYTES = 16 << 20  # of text, looked at together
MAX_EVENT_BYTES = 64 << 20  # of text without an end of line or object; the largest real events have some megabytes
MAX_BAD_BYTES = 1 << 20  # of a bad line that is parsed to say what it is
GZIP = b"\x1f\x8b"
SCHEMA = cast(pl.DataFrame, pl.from_arrow(HOUR.empty_table())).schema
KEYS = ["forge_id", "repo_name", "fork_of_id", "fork_of_name"]
COUNTS = {"push_events_count": "PushEvent", "star_events_count": "WatchEvent", "fork_events_count": "ForkEvent"}
PART = r"\.*[A-Za-z0-9_-][A-Za-z0-9_.-]*"  # not dots alone: names come into addresses and paths
REPO_NAME = f"^{PART}/{PART}$"
MAX_NAME_BYTES = 200  # GitHub allows 39 for the owner and 100 for the name
Spans = NDArray[np.int64]


@dataclass
class Counts:
    """What stood in an hour's file: `lines` are events or malformed, of one kind or another."""

    lines: int = 0  # objects, of which some hours have several in a line (issue 17), and lines that are none
    events: int = 0
    malformed: Counter[str] = field(default_factory=Counter)
    truncated: bool = False  # or damaged: lines may be missing


def read_hour(path: Path) -> tuple[pl.DataFrame, Counts]:
    """HOUR of a file in order of KEYS, and what stood in it. Raises OSError, and nothing for odd content."""
    counts = Counts()
    rows = [pl.DataFrame(schema=SCHEMA)]
    with path.open("rb") as file:
        if file.read(len(GZIP)) != GZIP:
            counts.lines = counts.malformed["not_gzip"] = 1
            return rows[0], counts
        file.seek(0)
        rest = b""
        for parts in _blocks(file, counts):
            here = block(rest, *parts)
            rest = _look(here, counts, rows)
    if rest and not counts.truncated:
        counts.lines += 1
        counts.malformed[_kind_of_bad(rest)] += 1
    return combined(pl.concat(rows)), counts


def combined(rows: pl.DataFrame) -> pl.DataFrame:
    """HOUR with one row of each repository under each name and of each fork, in order of KEYS.

    However rows are cut into parts, `combined` of the combined parts is the same.
    """
    found = rows.group_by(KEYS).agg(
        pl.col("first_seen").min(), pl.col("last_seen").max(), pl.col(*COUNTS).sum(), pl.col("is_fork").any()
    )
    return found.select(SCHEMA.names()).sort(KEYS)


# Text


def _blocks(file: BinaryIO, counts: Counts) -> Iterator[list[bytes]]:
    """The file's text in blocks, each in parts; sets `truncated` where it ends too early or is damaged."""
    parts: list[bytes] = []
    size = 0
    try:
        for part in _decompressed(file):
            parts.append(part)
            size += len(part)
            if size >= BLOCK_BYTES:
                yield parts
                parts, size = [], 0
    except (isal_zlib.error, EOFError):  # type: ignore[misc]  # its stub takes the class for an instance
        counts.truncated = True
    yield parts


def _decompressed(file: BinaryIO) -> Iterator[bytes]:
    """The text of all gzip members; zeros may stand behind each. Raises EOFError where the file ends within one."""
    member = isal_zlib.decompressobj(wbits=31)
    while data := file.read(READ_BYTES):
        while data:
            if member.eof and (data := data.lstrip(b"\0")):
                member = isal_zlib.decompressobj(wbits=31)
            if data:
                yield member.decompress(data)
                data = member.unused_data
    if not member.eof:
        raise EOFError


def _look(here: Block, counts: Counts, rows: list[pl.DataFrame]) -> bytes:
    """Adds HOUR of the block's events to `rows`. Returns what the block does not end."""
    found = objects(here, [b"type", b"repo", b"repository", b"created_at", b"payload"])
    counts.lines += len(found.members) + len(found.bad)
    for start, stop in found.bad.tolist():
        counts.malformed[_kind_of_bad(here.data[start:stop].tobytes())] += 1
    has_repo = found.members[:, 1, 0] < found.members[:, 1, 1]
    rows.append(_rows(here, found.members[has_repo], _by_repo, counts))
    rows.append(_rows(here, found.members[~has_repo], _by_repository, counts))
    rest = here.data[found.rest : len(here.words)].tobytes()
    return rest if len(rest) <= MAX_EVENT_BYTES else b"too long"  # no object, so a bad line as soon as it ends


def _kind_of_bad(line: bytes) -> str:
    try:
        json.loads(line[:MAX_BAD_BYTES])
    except (ValueError, RecursionError):
        return "not_json"
    return "not_object"


# Events


def _rows(
    here: Block, found: Spans, repositories: Callable[[Block, Spans], pl.DataFrame], counts: Counts
) -> pl.DataFrame:
    """HOUR of the events with these members, whose repositories this function tells."""
    if not len(found):
        return pl.DataFrame(schema=SCHEMA)
    kind, _, _, created_at, payload = (found[:, i] for i in range(found.shape[1]))
    events = repositories(here, found).with_columns(
        kind=_values(here, kind).str.strip_chars('"'), seen=_instants(_texts(here, created_at))
    )
    events = events.with_columns(malformed=_malformed())
    counts.malformed.update(dict(events["malformed"].drop_nulls().value_counts().iter_rows()))
    good = events["malformed"].is_null()
    counts.events += int(good.sum())
    forked = good & (events["kind"] == "ForkEvent").fill_null(False)
    made = _forkees(here, payload[forked.to_numpy()])
    return combined(pl.concat([_own_rows(events.filter(good)), _fork_rows(events.filter(forked), made)]))


def _by_repo(here: Block, found: Spans) -> pl.DataFrame:
    """`forge_id`, `repo_name`, `is_fork` of events until 2012 and since 2015: `repo.name` is owner/name."""
    id_, name = _members(here, found[:, 1], "id name")
    return pl.DataFrame({"forge_id": _integers(here, id_), "repo_name": _texts(here, name), "is_fork": False})


def _by_repository(here: Block, found: Spans) -> pl.DataFrame:
    """The same of events in between: `repository` has its owner apart, or in its address only."""
    id_, name, owner, url, fork = _members(here, found[:, 2], "id name owner url fork")
    texts = {"name": _texts(here, name), "owner": _texts(here, owner), "url": _texts(here, url)}
    numbers = {"forge_id": _integers(here, id_), "is_fork": (_values(here, fork) == "true").fill_null(False)}
    in_address = pl.col("url").str.extract("//[^/]+/([^/]+/[^/]+)$")
    repo_name = pl.coalesce(pl.concat_str("owner", "name", separator="/"), in_address)
    return pl.DataFrame(texts | numbers).select("forge_id", repo_name.alias("repo_name"), "is_fork")


def _malformed() -> pl.Expr:
    """What is wrong with an event; null where nothing is."""
    return (
        pl.when(pl.col("repo_name").is_null())
        .then(pl.lit("no_repository"))
        .when(~_is_name("repo_name"))
        .then(pl.lit("bad_name"))
        .when(pl.col("seen").is_null())
        .then(pl.lit("bad_date"))
    )


def _is_name(column: str) -> pl.Expr:
    return pl.col(column).str.contains(REPO_NAME) & (pl.col(column).str.len_bytes() <= MAX_NAME_BYTES)


def _own_rows(events: pl.DataFrame) -> pl.DataFrame:
    """HOUR of the repositories that the events are of."""
    return events.select(
        "forge_id",
        "repo_name",
        first_seen=pl.col("seen").cast(SCHEMA["first_seen"]),
        last_seen=pl.col("seen").cast(SCHEMA["last_seen"]),
        **{count: (pl.col("kind") == kind).fill_null(False).cast(pl.Int64) for count, kind in COUNTS.items()},
        is_fork="is_fork",
        fork_of_id=pl.lit(None, pl.Int64),
        fork_of_name=pl.lit(None, pl.String),
    )


def _fork_rows(parents: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """HOUR of the repositories that fork events made of these parents."""
    both = pl.concat([parents.select(fork_of_id="forge_id", fork_of_name="repo_name"), made], how="horizontal")
    known = both.filter(pl.col("forge_id").is_not_null() | pl.col("repo_name").is_not_null())
    nothing = {"first_seen": None, "last_seen": None} | dict.fromkeys(COUNTS, 0) | {"is_fork": True}
    return known.with_columns(**{name: pl.lit(v, SCHEMA[name]) for name, v in nothing.items()}).select(SCHEMA.names())


def _forkees(here: Block, payload: Spans) -> pl.DataFrame:
    """`forge_id` and `repo_name` of the repositories that payloads say were made, null where one does not say it."""
    (forkee,) = _members(here, payload, "forkee")
    id_, full_name, name, owner = _members(here, forkee, "id full_name name owner")
    (login,) = _members(here, owner, "login")
    texts = {"full": _texts(here, full_name), "login": _texts(here, login), "name": _texts(here, name)}
    numbers = {"id": _integers(here, id_), "itself": _integers(here, forkee)}  # before 2012 it is a number
    found = pl.DataFrame(texts | numbers).select(
        forge_id=pl.coalesce("id", "itself"),
        repo_name=pl.coalesce("full", pl.concat_str("login", "name", separator="/")),
    )
    return found.with_columns(repo_name=pl.when(_is_name("repo_name")).then("repo_name"))


# Values


def _members(here: Block, spans: Spans, names: str) -> Iterator[Spans]:
    """The spans of the members with these names of each value."""
    keys = names.encode().split()
    found = members(here, spans, keys)
    return (found[:, i] for i in range(len(keys)))


def _values(here: Block, spans: Spans) -> pl.Series:
    """The values as they are written: empty where there is none, null where one is not UTF-8."""
    borders = np.ascontiguousarray(spans).reshape(-1)  # of the values and of what is between them, in turn
    buffers = [None, pa.py_buffer(borders), pa.py_buffer(here.data)]
    array = pa.LargeBinaryArray.from_buffers(pa.large_binary(), max(0, len(borders) - 1), buffers)
    values = pl.Series(array).gather_every(2)
    try:
        return values.cast(pl.String)
    except pl.exceptions.ComputeError:  # for one that is not UTF-8
        return pl.Series([_decoded(value) for value in values], dtype=pl.String)


def _decoded(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _texts(here: Block, spans: Spans) -> pl.Series:
    """The strings; null where a value is none. Of escapes only that of the slash is undone: names have no other."""
    values = _values(here, spans)
    texts = values.str.strip_prefix('"').str.strip_suffix('"').str.replace_all("\\/", "/", literal=True)
    return texts.set(~values.str.starts_with('"'), None)


def _integers(here: Block, spans: Spans) -> pl.Series:
    """The positive integers; null where a value is none, or above int64."""
    values = _values(here, spans)
    return values.set(~values.str.contains("^[1-9][0-9]*$"), None).cast(pl.Int64, strict=False)


def _instants(texts: pl.Series) -> pl.Series:
    """Microseconds since 1970. An hour has few different dates, so each is parsed once."""
    different = texts.drop_nulls().unique()
    known = pl.Series([instant(text) for text in different], dtype=pl.Int64)
    return texts.replace_strict(different, known, default=None, return_dtype=pl.Int64)


DATE = re.compile(r"(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,6})? ?(Z|[+-]\d\d:?\d\d)", re.ASCII)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(text: str) -> int | None:
    """Microseconds since 1970 of a date as GitHub writes it, or once wrote it; None for any other text.

    >>> instant("2012-03-10T22:00:00-08:00") == instant("2012/03/10 22:00:00 -0800") == instant("2012-03-11T06:00:00Z")
    True
    """
    found = DATE.fullmatch(text)
    if not found:
        return None
    year, month, day, time, fraction, zone = found.groups("")
    try:
        date = datetime.fromisoformat(f"{year}-{month}-{day}T{time}{fraction}{zone}")
    except ValueError:
        return None
    return (date - EPOCH) // timedelta(microseconds=1)
