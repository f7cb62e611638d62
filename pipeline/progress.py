"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

PLAIN_S = 15.0  # seconds between plain lines
LOOK_S = 0.5  # seconds between looks at what is committed


@contextmanager
def progress(stage: str, noun: str, total: int, done: Callable[[], int]) -> Iterator[None]:
    """Shows how much is done while the block runs. `done` counts committed files, so it is true on every runner.

    With the noun `bytes` sizes and rates are shown.
    """
    console = Console(stderr=True)
    ended = threading.Event()
    show = _bar if console.is_terminal else _lines
    thread = threading.Thread(target=show, args=(stage, noun, total, done, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _bar(stage: str, noun: str, total: int, done: Callable[[], int], ended: threading.Event) -> None:
    counts = (DownloadColumn(), TransferSpeedColumn()) if noun == "bytes" else (MofNCompleteColumn(), TextColumn(noun))
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(
        TextColumn("{task.description:<9}"), BarColumn(), *counts, *times, console=Console(stderr=True)
    ) as bar:
        task = bar.add_task(stage, total=total)
        while not ended.wait(LOOK_S):
            bar.update(task, completed=min(done(), total))
        bar.update(task, completed=min(done(), total))


def _lines(stage: str, noun: str, total: int, done: Callable[[], int], ended: threading.Event) -> None:
    start, first = time.monotonic(), done()

    def line(digits: int) -> str:
        seconds, now = time.monotonic() - start, min(done(), total)
        if noun == "bytes":
            rate = decimal(int((now - first) / max(seconds, 0.001)))
            return f"{stage}: {decimal(now)} of {decimal(total)}, {rate}/s, {seconds:.{digits}f} s"
        return f"{stage}: {now} of {total} {noun}, {seconds:.{digits}f} s"

    while not ended.wait(PLAIN_S):
        print(line(0), file=sys.stderr)
    print(line(1), file=sys.stderr)
