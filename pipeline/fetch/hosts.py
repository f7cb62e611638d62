"""How often and how many at once we ask a forge: one budget for all threads and processes of a machine.

A forge is answered as TCP answers a network (additive increase, multiplicative decrease): half as many at once when it
is overloaded, one more after ten good minutes. When it asks for a pause by a Retry-After header, it gets it.

Of each host there is a small file with what its answers taught, changed under a lock, and a file for each slot, locked
while a fetch has it: the kernel gives back what a killed process held. All of it must be on a disk of this machine.
"""

import fcntl
import hashlib
import math
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from io import FileIO
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.config import Fetch, Host
from pipeline.fetch.codes import UNREACHABLE
from pipeline.storage import TEMPORARY

OVERLOADED = ("rate_limited", "server_error")  # codes after which half as many run at once
RATE_LIMITED_S, RATE_LIMITED_MAX_S = 30, 1_800  # first and longest pause of our own choice
UNREACHABLE_S, UNREACHABLE_MAX_S = 5, 300
RETRY_AFTER_MAX_S = 86_400
PATIENCE = 12  # times that a host which answered before may not be reached: about half an hour of pauses
CLEAN_S = 600  # without trouble, before one more may run at once
POLL_S = 0.2  # who waits asks again after half of it to all of it
# Good answers in a row of which the p95 is taken. When nothing changes (log-normal, sigma 1.5), it doubles from one 200
# to the next in 1.3 % of cases; from one 20 to the next in 20 %.
WINDOW = 200
SLOW_MS = 250  # a doubling below says nothing: Common Crawl takes a site that answers within 250 ms for well
# RFC 9110 §5.6.7: the form that is sent today, and two of old that must be understood.
DATES = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")


@dataclass(frozen=True)
class Pace:
    """What we allow ourselves of one host."""

    max_concurrent: int
    max_starts_per_s: float


def pace(settings: Fetch, host: str) -> Pace:
    """The host's own numbers in `[fetch.hosts]`, else those of `[fetch]`."""
    own = settings.hosts.get(host, Host())
    return Pace(own.max_concurrent or settings.max_concurrent, own.max_starts_per_s or settings.max_starts_per_s)


def own_agent(contact: str) -> str:
    """What we call ourselves to a host, and where its people can write to."""
    return f"stackyard/{version('stackyard')}" + (f" (+{contact})" if contact else "")


def retry_after_s(text: str, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, at most a day; None when it is neither seconds nor an HTTP date.

    A longer one is cut to a day: a header should not end a campaign. `now` is best the Date header of the same answer,
    so that no clock of ours matters.

    >>> retry_after_s("120", now := datetime(2026, 11, 21, 10, tzinfo=UTC)), retry_after_s("soon", now)
    (120.0, None)
    >>> retry_after_s("Sat, 21 Nov 2026 10:00:30 GMT", now)
    30.0
    """
    text = text.strip()[:64]
    if re.fullmatch("[0-9]+", text):
        return float(min(int(text), RETRY_AFTER_MAX_S))
    for form in DATES:
        try:
            wait_s = (datetime.strptime(text, form).replace(tzinfo=UTC) - now).total_seconds()
        except ValueError:
            continue
        return min(max(wait_s, 0.0), RETRY_AFTER_MAX_S)
    return None


def boottime_s() -> float:
    """Seconds since the machine started: the same for all its processes, and no clock that anybody sets."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Changes when the machine starts again, and with that the meaning of `boottime_s`."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def chance() -> float:
    """0 to 1, another in each process."""
    return random.random()


class Learned(BaseModel):
    """What the answers of a host taught us. Times are of `boottime_s`."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    layout: Literal[1] = 1
    boot: str
    host: str
    limit: int | None = Field(default=None, ge=1)  # None: as many at once as the configuration allows
    last_start: float = 0
    paused_until: float = 0
    rate_limited_count: int = Field(default=0, ge=0)  # one after the other, as the next
    unreachable_count: int = Field(default=0, ge=0)
    answered: bool = False  # it was reached since the machine started
    slowed_down: float = 0  # when we did, the last time
    clean_since: float = 0
    recent_ms: list[int] = []  # of good answers, up to WINDOW
    p95_before_ms: int | None = None  # of the WINDOW before


@dataclass(frozen=True)
class Hosts:
    """Every process makes its own, or gets one pickled: all that is known stands in `folder`.

    A host is its name in lower case, with the port where that is not the usual one. Raises OSError where the folder
    cannot be written.
    """

    folder: Path
    settings: Fetch
    clock: Callable[[], float] = boottime_s
    sleep: Callable[[float], None] = time.sleep  # one that raises is the way to end the waiting of `slot`
    chance: Callable[[], float] = chance
    boot: str = field(default_factory=boot_id)

    @contextmanager
    def slot(self, host: str) -> Iterator[None]:
        """Waits until one more fetch from this host may start, for hours if need be; the block is that fetch.

        There is no order among those who wait.
        """
        slot, wait_s = self._start(host)
        while slot is None:
            self.sleep(min(max(wait_s, 0.001), POLL_S * (1 + self.chance()) / 2))
            slot, wait_s = self._start(host)
        with slot:
            yield

    def answered(self, host: str, *, code: str | None, retry_after_s: float | None, seconds: float) -> None:
        """Takes note of how a fetch ended, `seconds` after its start. To be called before the slot is given back.

        `code` is None when it was good. Codes that tell nothing of the host (`gone`, `too_big`) change nothing, but a
        Retry-After counts whatever the code.
        """
        with self._locked(host):
            learned, now = self._read(host), self.clock()
            answer = Answer(code, min(retry_after_s or 0.0, RETRY_AFTER_MAX_S), seconds, now)
            learn(learned, answer, pace(self.settings, host), self.chance())
            self._write(learned)

    def waiting_s(self, host: str) -> float:
        """Seconds that the host is paused still, 0 when it is not: reason to fetch from another meanwhile."""
        return max(0.0, self._read(host).paused_until - self.clock())

    def is_given_up(self, host: str) -> bool:
        """Whether it could not be reached so often that waiting is over: sooner for a host that never answered."""
        learned = self._read(host)
        return learned.unreachable_count >= (PATIENCE if learned.answered else self.settings.attempts)

    def _start(self, host: str) -> tuple[FileIO | None, float]:
        """A slot, closed to give it back; or None and in how many seconds it is worth asking again."""
        limits = pace(self.settings, host)
        with self._locked(host):
            learned, now = self._read(host), self.clock()
            wait_s = max(learned.paused_until, learned.last_start + 1 / limits.max_starts_per_s) - now
            if wait_s > 0:
                return None, wait_s
            slot = self._free_slot(host, limits.max_concurrent, learned.limit or limits.max_concurrent)
            if slot:
                learned.last_start = now
                self._write(learned)
            return slot, POLL_S

    def _free_slot(self, host: str, slots: int, limit: int) -> FileIO | None:
        """A slot that is ours now; None when `limit` are taken, also by fetches from before the limit fell."""
        paths = [self._path(host, f".slot-{number:02}") for number in range(slots)]
        free = [slot for path in paths if (slot := _locked_now(path))]
        kept = free[:1] if slots - len(free) < limit else []
        for slot in free[len(kept) :]:
            slot.close()
        return kept[0] if kept else None

    def _locked(self, host: str) -> FileIO:
        """While this is open nobody else changes what is known of the host, or takes a slot of it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileIO(self._path(host, ".lock"), "a")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def _read(self, host: str) -> Learned:
        return _read(self._path(host, ".json"), self.boot, self.clock) or Learned(boot=self.boot, host=host)

    def _write(self, learned: Learned) -> None:
        """Whole or not at all; not synced, since nothing of it is worth anything after a power failure."""
        path = self._path(learned.host, ".json")
        temporary = path.with_name(f"{TEMPORARY}{path.stem}")  # one at a time, by the lock
        temporary.write_text(learned.model_dump_json())
        temporary.replace(path)

    def _path(self, host: str, suffix: str) -> Path:
        return self.folder / f"{_slug(host)}{suffix}"


def paused(folder: Path, clock: Callable[[], float] = boottime_s, boot: str | None = None) -> dict[str, float]:
    """The hosts that are paused, and for how many seconds still."""
    known = [_read(path, boot or boot_id(), clock) for path in sorted(folder.glob("*.json"))]
    return {host.host: host.paused_until - clock() for host in known if host and host.paused_until > clock()}


@dataclass(frozen=True)
class Answer:
    """How a fetch ended, `seconds` after its start, that is `at`; `code` is None when it was good."""

    code: str | None
    retry_after_s: float
    seconds: float
    at: float


def learn(learned: Learned, answer: Answer, limits: Pace, chance: float) -> None:
    """Changes what is known by one answer.

    Fetches that already ran when we last slowed down tell of the time before: their failures are the same event and
    count once, and their success says nothing of the new pace.
    """
    code, now = answer.code, answer.at
    learned.answered = learned.answered or code not in UNREACHABLE
    new = now - answer.seconds >= learned.slowed_down
    if pause_s := _pause_s(learned, answer, new, chance):
        learned.paused_until = max(learned.paused_until, now + pause_s)

    limit = min(learned.limit or limits.max_concurrent, limits.max_concurrent)
    slower = code is None and _got_slower(learned, answer.seconds)
    if slower or (new and code in (*OVERLOADED, *UNREACHABLE)):
        learned.limit = limit if code in UNREACHABLE else max(1, limit // 2)
        learned.slowed_down = learned.clean_since = now
    elif code is None and now - max(learned.clean_since, learned.paused_until) >= CLEAN_S:
        learned.limit = limit + 1
        learned.clean_since = now
    if learned.limit and learned.limit >= limits.max_concurrent:
        learned.limit = None


def _pause_s(learned: Learned, answer: Answer, new: bool, chance: float) -> float:
    """How long no fetch may start after this answer; counts the ones that had no good answer between them."""
    own_s = 0.0
    if answer.code == "rate_limited":
        learned.rate_limited_count = max(learned.rate_limited_count + new, 1)
        own_s = chance * _doubled(RATE_LIMITED_S, learned.rate_limited_count, RATE_LIMITED_MAX_S)
    elif answer.code in UNREACHABLE:
        learned.unreachable_count = max(learned.unreachable_count + new, 1)
        own_s = _doubled(UNREACHABLE_S, learned.unreachable_count, UNREACHABLE_MAX_S)
    elif answer.code is None and new:
        learned.rate_limited_count = learned.unreachable_count = 0
    return max(answer.retry_after_s, own_s)


def _doubled(first_s: float, count: int, longest_s: float) -> float:
    """`first_s`, twice that, four times that, ... up to `longest_s`."""
    return min(first_s * 2.0 ** min(count - 1, 32), longest_s)


def _got_slower(learned: Learned, seconds: float) -> bool:
    """Whether this answer ends a window whose p95 is twice that of the window before."""
    learned.recent_ms.append(round(seconds * 1_000))
    if len(learned.recent_ms) < WINDOW:
        return False
    p95_ms = sorted(learned.recent_ms)[math.ceil(0.95 * WINDOW) - 1]
    before_ms = learned.p95_before_ms
    learned.recent_ms, learned.p95_before_ms = [], p95_ms
    return before_ms is not None and p95_ms >= max(2 * before_ms, SLOW_MS)


def _read(path: Path, boot: str, clock: Callable[[], float]) -> Learned | None:
    """What stands in the file; None when there is none, or it is damaged or from another layout.

    None also when its times are of another clock: the machine was started since, or they lie ahead.
    """
    try:
        learned = Learned.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    now = clock()  # after reading: another process may just have written
    past = max(learned.last_start, learned.slowed_down, learned.clean_since, learned.paused_until - RETRY_AFTER_MAX_S)
    return learned if learned.boot == boot and past <= now else None


def _slug(host: str) -> str:
    """A file name for any host: its own where that is plain, else with a hash, so that no two share one."""
    if re.fullmatch("[a-z0-9.-]{1,100}", host):
        return host
    return f"{re.sub('[^a-z0-9.-]', '_', host[:100])}_{hashlib.sha256(host.encode()).hexdigest()[:16]}"


def _locked_now(path: Path) -> FileIO | None:
    """The file, locked until it is closed; None when another thread or process has it."""
    file = FileIO(path, "a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
