"""A forge is asked no more often, by no more at once, and no earlier than it and the configuration allow."""

import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from textwrap import dedent, indent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Fetch, Host
from pipeline.fetch.hosts import Answer, Hosts, Learned, Pace, learn, pace, paused, retry_after_s
from pipeline.storage import TEMPORARY

ROOT = Path(__file__).parents[2]
FORGE = "forge.example"


class Full(Exception):
    """Raised instead of waiting."""


def refuse(_: float) -> None:
    raise Full


class Clock:
    """Shows what it is set to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def hosts(
    folder: Path,
    clock: Clock,
    at_once: int = 2,
    starts_per_s: float = 1e6,
    sleep: Callable[[float], None] | None = None,
    chance: float = 1.0,
    boot: str = "this",
) -> Hosts:
    settings = Fetch(max_concurrent=at_once, max_starts_per_s=starts_per_s)
    return Hosts(folder, settings, clock, sleep or clock.sleep, lambda: chance, boot)


def at_once(hosts: Hosts, clock: Clock) -> int:
    """How many more fetches may run together, once no pause holds them back."""
    patient = Hosts(hosts.folder, hosts.settings, clock, refuse, hosts.chance, hosts.boot)
    clock.now += patient.waiting_s(FORGE)
    with ExitStack() as running:
        for count in range(100):
            clock.now += 1e-5
            try:
                running.enter_context(patient.slot(FORGE))
            except Full:
                return count
    raise AssertionError("no limit")


def answer(hosts: Hosts, code: str | None, *, after: float | None = None, seconds: float = 0.0) -> None:
    hosts.answered(FORGE, code=code, retry_after_s=after, seconds=seconds)


def test_a_host_has_its_own_pace_or_everybodys() -> None:
    settings = Fetch(hosts={FORGE: Host(max_concurrent=8), "slow.example": Host(max_starts_per_s=0.1)})
    assert pace(settings, FORGE) == Pace(8, 1.0)
    assert pace(settings, "slow.example") == Pace(2, 0.1)
    assert pace(settings, "other.example") == Pace(2, 1.0)


NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("86400", 86_400.0),
        ("86401", 86_400.0),
        ("9" * 1_000_000, 86_400.0),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 11:59:30 GMT", 0.0),  # over
        ("Mon, 23 Nov 2026 12:00:00 GMT", 86_400.0),
        ("Saturday, 21-Nov-26 12:01:00 GMT", 60.0),
        ("Sat Nov 21 12:02:00 2026", 120.0),
        ("Sat, 21 Nov 2026 12:00:30 +0100", None),
        ("Sat, 21 Nov 2026 12:00:30 UTC", None),
        ("Sat, 32 Nov 2026 12:00:30 GMT", None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("1e3", None),
        ("٣", None),
        ("10 s", None),
        ("tomorrow", None),
        ("nan", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, expected: float | None) -> None:
    assert retry_after_s(text, NOON) == expected


@given(st.text() | st.from_regex(r"\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ GMT"))
def test_retry_after_of_anything_is_at_most_a_day(text: str) -> None:
    wait_s = retry_after_s(text, NOON)
    assert wait_s is None or 0 <= wait_s <= 86_400


@pytest.mark.parametrize(
    ("codes", "after", "chance", "expected"),
    [
        ([None], None, 1.0, 0),
        (["gone"], None, 1.0, 0),
        (["server_error"], None, 1.0, 0),
        (["rate_limited"], None, 1.0, 30),
        (["rate_limited"], None, 0.5, 15),
        (["rate_limited"] * 2, None, 1.0, 60),
        (["rate_limited"] * 6, None, 1.0, 960),
        (["rate_limited"] * 7, None, 1.0, 1_800),
        (["rate_limited"] * 7, None, 0.1, 180),
        (["rate_limited", None, "rate_limited"], None, 1.0, 30),
        (["rate_limited", "gone", "rate_limited"], None, 1.0, 60),
        (["rate_limited"], 29.0, 1.0, 30),
        (["rate_limited"], 31.0, 1.0, 31),
        (["server_error"], 120.0, 1.0, 120),
        (["gone"], 120.0, 1.0, 120),
        ([None], 120.0, 1.0, 120),
        ([None], 1e9, 1.0, 86_400),
        (["dns"], None, 0.0, 5),
        (["refused", "dns"], None, 0.0, 10),
        (["dns"] * 6, None, 0.0, 160),
        (["dns"] * 7, None, 0.0, 300),
        (["dns", None, "dns"], None, 0.0, 5),
    ],
)
def test_how_long_the_last_answer_pauses_the_host(
    tmp_path: Path, clock: Clock, codes: list[str | None], after: float | None, chance: float, expected: float
) -> None:
    forge = hosts(tmp_path, clock, chance=chance)
    for code in codes[:-1]:
        answer(forge, code)
        clock.now += forge.waiting_s(FORGE)
    answer(forge, codes[-1], after=after)
    assert forge.waiting_s(FORGE) == pytest.approx(expected)


def test_no_count_is_too_high(clock: Clock) -> None:
    learned = Learned(boot="this", host=FORGE, rate_limited_count=10**6)
    learn(learned, Answer("rate_limited", 0.0, 0.0, at=100), Pace(2, 1), 1.0)
    assert (learned.paused_until, learned.rate_limited_count) == (100 + 1_800, 10**6 + 1)


def test_a_shorter_pause_does_not_end_a_longer_one(tmp_path: Path, clock: Clock) -> None:
    forge = hosts(tmp_path, clock)
    answer(forge, "server_error", after=100)
    answer(forge, "server_error", after=10)
    answer(forge, None)
    assert forge.waiting_s(FORGE) == 100


@pytest.mark.parametrize(
    ("maximum", "codes", "expected"),
    [
        (5, [None], 5),
        (5, ["gone"], 5),
        (5, ["dns"], 5),
        (5, ["rate_limited"], 2),
        (5, ["server_error"], 2),
        (8, ["server_error", "rate_limited"], 2),
        (2, ["server_error"], 1),
        (2, ["server_error"] * 9, 1),
        (1, ["server_error"], 1),
    ],
)
def test_how_many_at_once_are_left(
    tmp_path: Path, clock: Clock, maximum: int, codes: list[str | None], expected: int
) -> None:
    forge = hosts(tmp_path, clock, maximum)
    for code in codes:
        answer(forge, code)
    assert at_once(forge, clock) == expected


def test_ten_clean_minutes_allow_one_more(tmp_path: Path, clock: Clock) -> None:
    forge = hosts(tmp_path, clock, 8)
    answer(forge, "rate_limited", after=1_000)
    clock.now += 1_000  # a pause is no clean time
    allowed = []
    for minutes in (9, 1, 9, 1, 100, 10, 10):
        clock.now += minutes * 60
        answer(forge, None)
        allowed.append(at_once(forge, clock))
    assert allowed == [4, 5, 5, 6, 7, 8, 8]


def test_trouble_starts_the_ten_minutes_anew(tmp_path: Path, clock: Clock) -> None:
    forge = hosts(tmp_path, clock, 8)
    for _ in range(2):
        answer(forge, "server_error")
        clock.now += 599
    answer(forge, None)
    assert at_once(forge, clock) == 2


def test_a_larger_maximum_holds_at_once(tmp_path: Path, clock: Clock) -> None:
    answer(hosts(tmp_path, clock, 2), None)
    assert at_once(hosts(tmp_path, clock, 4), clock) == 4


@pytest.mark.parametrize(
    ("before_s", "then_s", "slow_count", "expected"),
    [
        (1.0, 1.9, 11, None),
        (1.0, 2.0, 11, 4),
        (1.0, 60.0, 10, None),  # the p95 of 200 is the 11th from above
        (0.1, 0.24, 11, None),  # a well host, whatever the factor
        (0.1, 0.25, 11, 4),
        (0.2, 0.3, 11, None),
        (2.0, 1.0, 11, None),
    ],
)
def test_half_as_many_when_the_slowest_answers_take_twice_as_long(
    before_s: float, then_s: float, slow_count: int, expected: int | None
) -> None:
    learned = Learned(boot="this", host=FORGE)
    for seconds in [before_s] * 200 + [0.0] * (200 - slow_count) + [then_s] * slow_count:
        assert learned.limit is None
        learn(learned, Answer(None, 0.0, seconds, at=100), Pace(8, 1), 1.0)
    assert learned.limit == expected


def test_failures_of_one_moment_count_once(tmp_path: Path, clock: Clock) -> None:
    forge = hosts(tmp_path, clock, 8)
    for _ in range(8):
        answer(forge, "rate_limited", seconds=10)
        clock.now += 1
    assert forge.waiting_s(FORGE) == 30 - 1  # of the last, not 30 * 2^7
    assert at_once(forge, clock) == 4


def test_unreached_in_one_moment_counts_once(tmp_path: Path, clock: Clock) -> None:
    forge = hosts(tmp_path, clock)
    for _ in range(8):
        answer(forge, "dns", seconds=10)
    assert forge.waiting_s(FORGE) == 5


def test_429_pauses_also_when_we_just_slowed_down(tmp_path: Path, clock: Clock) -> None:
    forge = hosts(tmp_path, clock)
    for code in ("server_error", "rate_limited"):
        answer(forge, code, seconds=10)
    assert forge.waiting_s(FORGE) == 30


def test_a_success_from_before_the_trouble_forgives_nothing(tmp_path: Path, clock: Clock) -> None:
    forge = hosts(tmp_path, clock)
    answer(forge, "rate_limited")
    clock.now += 30
    answer(forge, None, seconds=31)
    answer(forge, "rate_limited")
    assert forge.waiting_s(FORGE) == 60


def test_starts_are_spaced_across_processes(tmp_path: Path, clock: Clock) -> None:
    starts = []
    for one in [hosts(tmp_path, clock, 9, starts_per_s=0.5), hosts(tmp_path, clock, 9, starts_per_s=0.5)] * 2:
        with one.slot(FORGE):
            starts.append(clock.now)
    assert starts == pytest.approx([1_000, 1_002, 1_004, 1_006], abs=0.01)
    assert all(later - earlier >= 2 for earlier, later in zip(starts, starts[1:], strict=False))


def test_who_already_waits_sees_a_pause_that_comes(tmp_path: Path, clock: Clock) -> None:
    other = hosts(tmp_path, clock)

    def paused_meanwhile(seconds: float) -> None:
        if clock.now < 1_000.5:
            answer(other, "server_error", after=50)
        clock.now += seconds

    waiting = hosts(tmp_path, clock, starts_per_s=1, sleep=paused_meanwhile)
    with waiting.slot(FORGE):
        pass
    with waiting.slot(FORGE):  # would start at 1001
        assert 1_050 <= clock.now < 1_051


def test_waiting_asks_five_to_ten_times_a_second(tmp_path: Path, clock: Clock) -> None:
    sleeps: list[float] = []

    def slept(seconds: float) -> None:
        sleeps.append(seconds)
        clock.now += seconds

    answer(hosts(tmp_path, clock), None, after=10)
    for chance in (0.0, 1.0):
        with hosts(tmp_path, clock, sleep=slept, chance=chance).slot(FORGE):
            answer(hosts(tmp_path, clock), None, after=10)
    assert 100 + 50 <= len(sleeps) <= 100 + 50 + 4
    assert max(sleeps) == 0.2


def test_slots_from_before_the_limit_fell_are_counted(tmp_path: Path, clock: Clock) -> None:
    forge = hosts(tmp_path, clock, 4)
    running = [forge.slot(FORGE) for _ in range(4)]
    for slot in running:
        slot.__enter__()
    answer(forge, "server_error")
    free = []
    for slot in running:
        slot.__exit__(None, None, None)
        free.append(at_once(forge, clock))
    assert free == [0, 0, 1, 2]


def test_a_failed_fetch_gives_its_slot_back(tmp_path: Path, clock: Clock) -> None:
    forge = hosts(tmp_path, clock, 1)
    with pytest.raises(RuntimeError), forge.slot(FORGE):
        raise RuntimeError
    assert at_once(forge, clock) == 1


def test_a_start_that_cannot_be_noted_takes_no_slot(tmp_path: Path, clock: Clock) -> None:
    forge = hosts(tmp_path, clock, 1)
    in_the_way = tmp_path / f"{TEMPORARY}{FORGE}"
    in_the_way.mkdir(parents=True)
    with pytest.raises(OSError), forge.slot(FORGE):
        pass
    in_the_way.rmdir()
    assert at_once(forge, clock) == 1


def test_a_storm_of_429(tmp_path: Path, clock: Clock) -> None:
    """R08: when all are answered 429, fewer run at a time, and none starts inside a Retry-After window."""
    forge = hosts(tmp_path, clock, 8, chance=0.0)  # no pause of our own choice
    running, window_ends = [], 0.0
    for _ in range(5):
        with forge.slot(FORGE):  # waits
            start = clock.now
            running.append(1 + at_once(forge, clock))
            clock.now += 1
            for _ in range(running[-1]):
                answer(forge, "rate_limited", after=60, seconds=clock.now - start)
        assert start >= window_ends
        window_ends = clock.now + 60
    assert running == [8, 4, 2, 1, 1]


def test_the_wall_clock_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R05: set back or forward by an hour."""
    forge = Hosts(tmp_path, Fetch())
    answer(forge, "server_error", after=600)
    now = time.time()
    for jump_s in (-3_600, 3_600):
        monkeypatch.setattr(time, "time", lambda jump_s=jump_s: now + jump_s)
        monkeypatch.setattr(time, "time_ns", lambda jump_s=jump_s: int(now + jump_s) * 10**9)
        assert 500 < forge.waiting_s(FORGE) <= 600
        assert 500 < paused(tmp_path)[FORGE] <= 600


@pytest.mark.parametrize(("boot", "now"), [("another", 1_000.0), ("this", 900.0)])
def test_what_is_of_another_clock_is_forgotten(tmp_path: Path, clock: Clock, boot: str, now: float) -> None:
    forge = hosts(tmp_path, clock, 2)
    answer(forge, "rate_limited", after=600)
    clock.now = now
    again = hosts(tmp_path, clock, 2, boot=boot)
    assert again.waiting_s(FORGE) == 0
    assert at_once(again, clock) == 2


def damages() -> Iterator[tuple[str, Callable[[bytes], bytes]]]:
    yield "empty", lambda whole: b""
    yield "cut", lambda whole: whole[:-1]
    yield "no object", lambda whole: b"[1]"
    yield "no text", lambda whole: b"\xff\xfe"
    yield "later layout", lambda whole: whole.replace(b'"layout":1', b'"layout":2')
    yield "further column", lambda whole: whole.replace(b"{", b'{"more":1,', 1)
    yield "no number", lambda whole: whole.replace(b'"limit":1', b'"limit":"1"')
    yield "no limit", lambda whole: whole.replace(b'"limit":1', b'"limit":-1')
    yield "not this century", lambda whole: whole.replace(b'"paused_until":1600.0', b'"paused_until":1e12')


@pytest.mark.parametrize(("name", "damage"), list(damages()))
def test_a_damaged_file_is_forgotten(tmp_path: Path, clock: Clock, name: str, damage: Callable[[bytes], bytes]) -> None:
    forge = hosts(tmp_path, clock, 2)
    answer(forge, "rate_limited", after=600)
    file = tmp_path / f"{FORGE}.json"
    assert forge.waiting_s(FORGE) == 600
    damaged = damage(file.read_bytes())
    assert damaged != file.read_bytes()
    file.write_bytes(damaged)
    assert (forge.waiting_s(FORGE), paused(tmp_path, clock, "this")) == (0, {})
    answer(forge, "server_error", after=10)
    assert forge.waiting_s(FORGE) == 10


def test_hosts_share_nothing(tmp_path: Path, clock: Clock) -> None:
    names = [
        "a.example",
        "a.example:80",
        "a.example_80",
        "A.example",
        "..",
        "",
        "../a",
        "[::1]:80",
        "x" * 300,
        "x" * 301,
    ]
    forge = hosts(tmp_path, clock)
    for seconds, name in enumerate(names, 1):
        forge.answered(name, code=None, retry_after_s=seconds, seconds=0)
    assert paused(tmp_path, clock, "this") == {name: seconds for seconds, name in enumerate(names, 1)}
    assert {path.parent for path in tmp_path.rglob("*")} == {tmp_path}
    clock.now += 5
    assert forge.waiting_s(names[5]) == 1
    assert set(paused(tmp_path, clock, "this")) == set(names[5:])
    assert paused(tmp_path / "none") == {}


# What follows runs in processes of its own. `note` writes one line, whole and in order, to a file of all.
PROCESS = """
import os, pickle, sys, threading, time
hosts, log, threads = pickle.load(sys.stdin.buffer)
descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def note(*words):
    os.write(descriptor, (" ".join(map(str, words)) + "\\n").encode())
def work():
    WORK
working = [threading.Thread(target=work) for _ in range(threads)]
for thread in working:
    thread.start()
for thread in working:
    thread.join()
"""


@contextmanager
def process(hosts: Hosts, log: Path, work: str, threads: int = 1) -> Iterator["subprocess.Popen[bytes]"]:
    """A process whose threads do this work with `hosts`; it has ended after the block."""
    script = PROCESS.replace("WORK", indent(dedent(work), "    ").strip())
    started = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, cwd=ROOT)
    try:
        assert started.stdin
        with started.stdin:
            pickle.dump((hosts, log, threads), started.stdin)
        yield started
    finally:
        started.kill()
        started.wait()


def notes_of(hosts: Hosts, log: Path, work: str, processes: int, threads: int) -> list[list[str]]:
    """What processes with as many threads each note that do this work at the same time, in order."""
    with ExitStack() as running:
        started = [running.enter_context(process(hosts, log, work, threads)) for _ in range(processes)]
        assert [one.wait(60) for one in started] == [0] * processes
    return [line.split() for line in log.read_text().splitlines()]


def test_processes_and_threads_stay_within_the_limit(tmp_path: Path) -> None:
    forge = Hosts(tmp_path / "hosts", Fetch(max_concurrent=3, max_starts_per_s=1e6))
    work = """
        for _ in range(5):
            with hosts.slot("forge.example"):
                note("+1")
                time.sleep(0.02)
                note("-1")
    """
    notes = notes_of(forge, tmp_path / "log", work, processes=3, threads=4)
    assert len(notes) == 3 * 4 * 5 * 2
    assert max(accumulate(int(change) for (change,) in notes)) == 3


def test_no_process_starts_in_the_window_another_was_told(tmp_path: Path) -> None:
    chance = float  # float() is 0.0: no pause of our own choice
    forge = Hosts(tmp_path / "hosts", Fetch(max_concurrent=1, max_starts_per_s=1e6), chance=chance)
    work = """
        for again in range(4):
            with hosts.slot("forge.example"):
                note(os.getpid(), hosts.clock())
                if again % 2:
                    note("window", hosts.clock())
                    hosts.answered("forge.example", code="rate_limited", retry_after_s=0.1, seconds=0)
    """
    window_ends, starts = 0.0, []
    for word, at_s in notes_of(forge, tmp_path / "log", work, processes=2, threads=3):
        if word == "window":
            window_ends = float(at_s) + 0.1
        else:
            starts.append((float(at_s) - window_ends, word))
    assert len(starts) == 2 * 3 * 4
    assert len({word for _, word in starts}) == 2
    assert min(starts)[0] >= 0


def test_a_killed_process_leaves_nothing_locked_or_damaged(tmp_path: Path) -> None:
    forge = Hosts(tmp_path / "hosts", Fetch(max_concurrent=1, max_starts_per_s=1e6), sleep=refuse)
    log = tmp_path / "log"
    work = """
        with hosts.slot("forge.example"):
            while True:
                hosts.answered("other.example", code="server_error", retry_after_s=600, seconds=0)
                note("answered")
    """
    with process(forge, log, work) as holder:
        while not log.exists() or log.stat().st_size < 100:
            assert holder.poll() is None
            time.sleep(0.01)
        with pytest.raises(Full), forge.slot(FORGE):
            pass
        holder.kill()
        holder.wait()
        with forge.slot(FORGE):
            pass
    assert 500 < forge.waiting_s("other.example") <= 600
    forge.answered("other.example", code=None, retry_after_s=None, seconds=0)
