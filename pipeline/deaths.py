"""Repositories at which a worker process died. One that does it again fails, so that the rest can be done.

A worker notes what it reads; when the engine sees one die, the note of that worker is counted. A run that is killed as
a whole counts for nothing.
"""

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pipeline import storage
from pipeline.workspace import Workspace

MAX_DEATHS = 2


@contextmanager
def reading(workspace: Workspace, repo_key: str) -> Iterator[None]:
    """Notes for as long as the block lasts, and after the death of this process, that it reads the repository."""
    note = workspace.reading / str(os.getpid())
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(repo_key, "utf-8")
    yield
    note.unlink(missing_ok=True)


def record(workspace: Workspace, process: int) -> None:
    """Counts the death of a process for what it read, if it read anything."""
    note = workspace.reading / str(process)
    with contextlib.suppress(FileNotFoundError):
        counted = Counter(deaths(workspace)) + Counter([note.read_text("utf-8")])
        storage.write_json(workspace.journal / "deaths.json", dict(counted))
        note.unlink()


def deaths(workspace: Workspace) -> dict[str, int]:
    """How many workers died at each repository."""
    path = workspace.journal / "deaths.json"
    found: dict[str, int] = storage.read_json(path) if path.exists() else {}
    return found


def forget(workspace: Workspace, repo_keys: Iterable[str]) -> None:
    """The repositories are tried as if nothing had happened."""
    if known := deaths(workspace):
        forgotten = set(repo_keys)
        left = {key: count for key, count in known.items() if key not in forgotten}
        storage.write_json(workspace.journal / "deaths.json", left)


def is_suspected(workspace: Workspace) -> bool:
    """Whether a process died while it read. Where nobody saw how, it may have been killed, or the repository did it."""
    return bool(deaths(workspace)) or any(workspace.reading.glob("*"))


def forget_notes(workspace: Workspace) -> None:
    """Of processes that are gone."""
    storage.delete_tree(workspace.reading)
