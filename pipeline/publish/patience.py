"""What of a server's trouble passes by itself, how long to wait for it, and what to tell of the rest.

The Hub's client tries some requests again, each for 23 seconds at most, and not those that change a branch (measured
with huggingface_hub 2.4). So every request goes through here.
"""

import json
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TypeVar

import httpx2
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils._http import parse_ratelimit_headers

from pipeline.errors import PublishError

T = TypeVar("T")
PASSING = (408, 425, 429, 500, 502, 503, 504)  # statuses that may be another one later
FIRST_S, LONGEST_S = 1.0, 60.0  # between attempts, doubled each time, where the server says nothing
HOURLY_S = 900.0  # a quarter of the hour that a quota of commits counts
HOUR_S = 3_600.0
SILENT_S = 5.0  # a shorter wait is not worth a line
QUOTA = "repository commits"  # the Hub's 429 about commits, whose RateLimit header is about something else


@dataclass
class Patience:
    """How long a publish waits in all, and how often it commits. Clock and sleep are arguments for tests."""

    seconds: float
    commits_per_hour: int
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    waited_s: float = 0.0
    _commits: deque[float] = field(default_factory=deque)

    def until_done(
        self,
        what: str,
        act: Callable[[], T],
        landed: Callable[[], T | None] = lambda: None,
        passing: Collection[int] = PASSING,
    ) -> T:
        """What `act` returns, tried again while its failure may pass. `landed` looks whether a request whose answer
        was lost has had its effect. Raises PublishError when the patience is over, and the error that does not pass."""
        attempt = 0
        while True:
            try:
                return act()
            except Exception as error:
                wait_s = wait_after(error, attempt, passing)
                if wait_s is None:
                    raise
                self._wait(wait_s, what, error)
            if (result := landed()) is not None:
                return result
            attempt += 1

    def before_commit(self) -> None:
        """Waits while the last hour had as many commits as it may have."""
        while self._commits and self.clock() - self._commits[0] >= HOUR_S:
            self._commits.popleft()
        if len(self._commits) >= self.commits_per_hour:
            rest_s = HOUR_S - (self.clock() - self._commits.popleft())
            say(f"{self.commits_per_hour} commits in an hour ([publish] commits_per_hour): waiting {minutes(rest_s)}")
            self.sleep(rest_s)
        self._commits.append(self.clock())

    def _wait(self, wait_s: float, what: str, error: Exception) -> None:
        if self.waited_s + wait_s > self.seconds:
            raise PublishError(
                f"{what}: {told(error)}; to wait {minutes(wait_s)} more is over {minutes(self.seconds)} in all "
                "([publish] patience_s); nothing is half published, run again to go on"
            ) from error
        if wait_s > SILENT_S:
            say(f"{what}: {told(error)}; trying again in {minutes(wait_s)}")
        self.waited_s += wait_s
        self.sleep(wait_s)


def wait_after(error: Exception, attempt: int, passing: Collection[int] = PASSING) -> float | None:
    """Seconds until a request is worth another attempt; None where it is not."""
    cause = cause_of(error)
    if isinstance(cause, HfHubHTTPError):
        status = cause.response.status_code
        if status == 403 and isinstance(error, RuntimeError):  # of an upload: its address has expired
            return _backoff(attempt)
        return _asked(cause, attempt) if status in passing else None
    # a page of HTML where the Hub's answer should be, a lost connection
    return _backoff(attempt) if isinstance(cause, json.JSONDecodeError | httpx2.TransportError) else None


def cause_of(error: Exception) -> BaseException:
    """The client wraps what happens to one file of several in a RuntimeError, hf_xet in one of its own."""
    return error.__cause__ or error if isinstance(error, RuntimeError) else error


def _asked(error: HfHubHTTPError, attempt: int) -> float:
    """What the server asks for."""
    headers = error.response.headers
    after = headers.get("Retry-After", "")
    if after.isdigit():
        return float(after) + 1
    if error.response.status_code == 429:
        if "per hour" in str(error) or QUOTA in str(error):
            return HOURLY_S
        limits = parse_ratelimit_headers(headers)
        if limits and limits.remaining == 0:
            return float(limits.reset_in_seconds) + 1
    return _backoff(attempt)


def _backoff(attempt: int) -> float:
    return min(LONGEST_S, FIRST_S * 2.0**attempt) * (1 + random.random() / 4)


def told(error: BaseException) -> str:
    """An error in one line, without addresses that let somebody write."""
    cause = cause_of(error) if isinstance(error, Exception) else error
    if isinstance(cause, HfHubHTTPError):
        said = cause.server_message or cause.response.headers.get("X-Error-Message") or ""
        return f"the server answered {cause.response.status_code}" + (
            f" ({said.splitlines()[0][:300]})" if said else ""
        )
    if isinstance(cause, json.JSONDecodeError):
        return "the server's answer is not JSON"
    return f"no answer ({type(cause).__name__})"


def minutes(seconds: float) -> str:
    """Seconds for people.

    >>> minutes(59), minutes(900), minutes(9000)
    ('59 s', '15 min', '2 h 30 min')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours} h {rest} min" if hours else f"{rest} min"


def say(line: str) -> None:
    """Progress that people wait for; stdout is for results."""
    print(f"publish: {line}", file=sys.stderr, flush=True)
