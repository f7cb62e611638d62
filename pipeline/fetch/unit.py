"""The repositories of a unit, fetched side by side while those that are there already are read."""

import contextlib
import heapq
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pipeline import git
from pipeline.fetch.attempts import Attempts, Result, Wanted


class Stopped(Exception):
    """Nobody wants the rest."""


@contextmanager
def fetching(
    wanted: Sequence[Wanted], attempts: Attempts, threads: int
) -> Iterator[Iterator[tuple[int, Result | Exception]]]:
    """number and result of every repository, in the order in which they are ready; nothing runs on after the block.

    An exception that is no RepositoryError is a full disk or a bug.
    """
    work = _Work(attempts, len(wanted), threads)
    work.attempts = replace(attempts, hosts=replace(attempts.hosts, sleep=work.sleep))
    for repository in wanted:
        work.add(repository)
    running = [threading.Thread(target=work.fetch, daemon=True) for _ in range(min(len(wanted), threads))]
    for thread in running:
        thread.start()
    try:
        yield work.results()
    finally:
        work.stop()
        for thread in running:
            thread.join()


@dataclass
class _Work:
    """What is to be fetched at which time, and what is ready; shared by the threads of one unit."""

    attempts: Attempts
    left: int  # results still to come
    max_ready: int  # what is fetched and not read takes disk
    changed: threading.Condition = field(default_factory=threading.Condition)
    waiting: list[tuple[float, Wanted]] = field(default_factory=list)  # a heap, by the time from which on
    ready: deque[tuple[int, Result | Exception]] = field(default_factory=deque)
    running: set[git.Running] = field(default_factory=set)
    stopped: bool = False

    def add(self, repository: Wanted, after_s: float = 0.0) -> None:
        with self.changed:
            heapq.heappush(self.waiting, (time.monotonic() + after_s, repository))
            self.changed.notify_all()

    def results(self) -> Iterator[tuple[int, Result | Exception]]:
        for _ in range(self.left):
            with self.changed:
                self.changed.wait_for(lambda: self.ready)
                number, result = self.ready.popleft()
                self.changed.notify_all()
            yield number, result

    def stop(self) -> None:
        """Threads end at their next step, and the git they wait for at once."""
        with self.changed:
            self.stopped = True
            for running in self.running:
                _kill(running)
            self.changed.notify_all()

    def fetch(self) -> None:
        """What a thread does until it is stopped."""
        with contextlib.suppress(Stopped):
            while True:
                repository = self._next()
                try:
                    result: Result | float | Exception = self.attempts.next(repository, self)
                except Stopped:
                    raise
                except Exception as error:
                    result = error
                if isinstance(result, float):
                    self.add(repository, result)
                else:
                    self._deliver(repository.number, result)

    def _next(self) -> Wanted:
        """Waits for a repository whose time has come and whose host is not paused."""
        with self.changed:
            while True:
                self._check_stopped()
                now_s = time.monotonic()
                if not self.waiting or self.waiting[0][0] > now_s:
                    self.changed.wait(self.waiting[0][0] - now_s if self.waiting else None)
                    continue
                repository = heapq.heappop(self.waiting)[1]
                pause_s = self.attempts.pause_s(repository.host)
                if not pause_s:
                    return repository
                heapq.heappush(self.waiting, (now_s + pause_s, repository))

    def _deliver(self, number: int, result: Result | Exception) -> None:
        """Waits while the reader has much to do."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.ready) < self.max_ready or self.stopped)
            self.ready.append((number, result))
            self.changed.notify_all()

    def began(self, running: git.Running) -> None:
        """Takes note of a git that is to be ended with us."""
        with self.changed:
            self._check_stopped()
            self.running = {other for other in self.running if other.process.poll() is None} | {running}

    def ended(self) -> None:
        """Raises Stopped when git may have been ended by us: what it said is no result then."""
        with self.changed:
            self._check_stopped()

    def sleep(self, seconds: float) -> None:
        """As time.sleep; raises Stopped when it is time to end."""
        with self.changed:
            self.changed.wait_for(lambda: self.stopped, seconds)
            self._check_stopped()

    def _check_stopped(self) -> None:
        if self.stopped:
            raise Stopped


def _kill(running: git.Running) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.process.pid, signal.SIGKILL)
