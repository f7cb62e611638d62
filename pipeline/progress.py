"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

PLAIN_S = 15.0  # seconds between plain lines
LOOK_S = 0.5  # seconds between looks at what is committed


@contextmanager
def progress(stage: str, noun: str, total: int, done: Callable[[], int]) -> Iterator[None]:
    """Shows how much is done while the block runs. `done` counts committed files, so it is true on every runner."""
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
    columns = (
        TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TextColumn(noun),
        TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(stage, total=total)
        while not ended.wait(LOOK_S):
            bar.update(task, completed=min(done(), total))
        bar.update(task, completed=min(done(), total))


def _lines(stage: str, noun: str, total: int, done: Callable[[], int], ended: threading.Event) -> None:
    start = time.monotonic()
    while not ended.wait(PLAIN_S):
        print(f"{stage}: {min(done(), total)} of {total} {noun}, {time.monotonic() - start:.0f} s", file=sys.stderr)
    print(f"{stage}: {min(done(), total)} of {total} {noun}, {time.monotonic() - start:.1f} s", file=sys.stderr)
