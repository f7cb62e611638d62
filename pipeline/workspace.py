"""The folder that holds everything of a run, and who may write to it."""

import contextlib
import errno
import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline import storage
from pipeline.config import Config
from pipeline.errors import WorkspaceError
from pipeline.takedown import redo

LAYOUT = 4  # of units, their columns and the stages of a release: another one is for another version


@dataclass(frozen=True)
class Workspace:
    """Where things are. Nothing is created by asking."""

    root: Path

    @property
    def repositories(self) -> Path:
        return self.root / "repositories"

    @property
    def files(self) -> Path:
        return self.root / "files"

    @property
    def purge(self) -> Path:
        """Files of a unit that a takedown is about to replace."""
        return self.root / "purge"

    @property
    def work(self) -> Path:
        """What can be computed again: labels, networks, decisions, spilled runs."""
        return self.root / "work"

    @property
    def fetched(self) -> Path:
        """What was fetched for units that are not committed yet."""
        return self.root / "fetched"

    @property
    def locks(self) -> Path:
        """A file for each unit, locked by who works on it."""
        return self.journal / "locks"

    @property
    def hosts(self) -> Path:
        """What the answers of each host taught, for all workers of this machine."""
        return self.journal / "hosts"

    @property
    def reading(self) -> Path:
        """What each worker reads at the moment."""
        return self.journal / "reading"

    @property
    def journal(self) -> Path:
        """What depends on time: seconds by stage. Never an input."""
        return self.root / "journal"

    @property
    def published(self) -> Path:
        """Manifests of what is public, by version."""
        return self.root / "published"

    @property
    def release(self) -> Path:
        return self.root / "release"

    @property
    def next_release(self) -> Path:
        return self.root / "release.next"


@contextmanager
def opened(root: Path, config: Config) -> Iterator[Workspace]:
    """The workspace, locked for this run and swept of what a killed one left.

    Raises WorkspaceError when another run has it, it cannot be written, or it was made from another source.
    """
    workspace = Workspace(root.absolute())
    _check_ours(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = os.open(root / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise WorkspaceError(f"{root}: cannot be written ({error.strerror}); use --workspace DIR") from None
    try:
        _lock(lock, root)
        _check_origin(root, config)
        end_left_over(workspace.fetched)
        storage.sweep(workspace.root)
        storage.finish_swap(workspace.release)
        redo.finish(workspace.purge, workspace.files)
        yield workspace
    finally:
        os.close(lock)


def end_left_over(folder: Path) -> None:
    """No git fetches into the folder any more: those of a killed run would go on until their time is up."""
    mark = b"--git-dir=" + os.fsencode(folder) + b"/"
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended meanwhile, or somebody else's
            if any(word.startswith(mark) for word in (process / "cmdline").read_bytes().split(b"\0")):
                os.killpg(os.getpgid(int(process.name)), signal.SIGKILL)


def _check_ours(root: Path) -> None:
    """Folders of a workspace are replaced without asking, so it must be one already, or a new or empty folder."""
    if root.exists() and not root.is_dir():
        raise WorkspaceError(f"{root}: not a folder; use --workspace DIR")
    foreign = root.is_dir() and not (root / "workspace.json").exists() and {p.name for p in root.iterdir()} - {".lock"}
    if foreign:
        raise WorkspaceError(f"{root}: holds other files ({min(foreign)}) and is no workspace; use --workspace DIR")


def _lock(lock: int, root: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        raise WorkspaceError(f"{root}: another stackyard run is using it; wait for it or use --workspace DIR") from None


def _check_origin(root: Path, config: Config) -> None:
    """A workspace belongs to the folders of its sources and to `[extract]`, since its units depend on them.

    Other keys of a source may change, and sources may be added behind: a release looks at what is listed now.
    """
    file = root / "workspace.json"
    sources = [source.directories or "fetched" for source in config.source]
    origin = {"layout": LAYOUT, "source": sources, "extract": config.resolved()["extract"]}
    known = storage.read_json(file) if file.exists() else origin
    if known.get("layout") != LAYOUT:
        raise WorkspaceError(f"{root}: was made by another version of stackyard; use --workspace DIR")
    if known["extract"] != origin["extract"]:
        raise WorkspaceError(
            f"{root}: was made with another [extract]; use --workspace DIR for this configuration, or put the section "
            f"back as {file} has it"
        )
    if known["source"] != sources[: len(known["source"])]:
        raise WorkspaceError(
            f"{root}: was made from other [[source]] tables; their order, their kinds and their directories must stay "
            f"as {file} has them, and new ones come last; or use --workspace DIR"
        )
    if not file.exists() or known != origin:
        try:
            storage.write_json(file, origin)
        except OSError as error:
            raise WorkspaceError(f"{file}: cannot be written ({error.strerror}); use --workspace DIR") from None
