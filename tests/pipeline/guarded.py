"""A small world for servers that nobody trusts, and proof that nothing in it went astray.

`with guarded(folder) as world:` has a home, a temporary folder, a current folder and `world.work`, the only place that
may change. At the end of the block nothing that was fetched has been executed, no process is left, nobody has come to
the trap, which listens where hostile data points, and nothing was written but inside `work`.
"""

import contextlib
import os
import socket
import socketserver
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from examples.git_server import Loopback, started
from pipeline.config import Fetch, Host
from tests.servers.hostile import MARKER

HOST = "demo.test"  # what the servers of the tests are called
SANDBOX = ("home", "here", "temporary", "work")
CHANGING = ("work", "temporary")  # the latter is empty at the end: the servers of the tests use it, too
ASTRAY = (f"{MARKER}*", "TARGET*", "pwned*")  # files that hostile.py and raw.py would have somebody write


class Trap(Loopback):
    """Nobody should come here. It hangs up at once."""

    def __init__(self) -> None:
        super().__init__(socketserver.BaseRequestHandler)
        self.port = self.server_address[1]
        self.came: list[object] = []

    def verify_request(self, request: object, client_address: object) -> bool:
        self.came.append(client_address)
        return False

    def visitors(self) -> int:
        """How many came before now: connections are accepted in order, so one of ours is the last of them."""
        address = ("127.0.0.1", self.port)
        with socket.create_connection(address, timeout=30) as last, contextlib.suppress(ConnectionResetError):
            last.recv(1)
        self.came.pop()
        return len(self.came)

    def forget(self) -> None:
        """Those who came are forgiven, for a test that shows who would come."""
        self.visitors()
        self.came.clear()


@dataclass
class World:
    """`given` are files and folders that must stay as they are; their states are known by `seal`."""

    folder: Path
    trap: Trap
    given: list[Path]
    _states: dict[Path, tuple[int, ...]] = field(default_factory=dict)

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def marker(self) -> Path:
        """What a command in hostile data would create."""
        return self.folder / MARKER

    def write(self, name: str, text: str, mode: int = 0o644) -> Path:
        """A file in the world that is to stay as it is."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(mode)
        self.seal()
        return path

    def seal(self) -> None:
        """From here on nothing may change."""
        self._states = self._listed()

    def check(self) -> None:
        """Raises AssertionError when anything went astray since `seal`."""
        for folder in [self.folder, *self.given]:
            # unlike rglob, os.walk does not mind a server's temporary folder that goes meanwhile
            names = (name for _, folders, files in os.walk(folder) for name in [*folders, *files])
            assert not [n for n in names for pattern in ASTRAY if fnmatchcase(n, pattern)], (
                "executed, or written outside"
            )
        assert not self.processes(patience_s=5)
        assert self.trap.visitors() == 0
        now = self._listed()
        changed = {path for path in now.keys() | self._states.keys() if now.get(path) != self._states.get(path)}
        assert not changed, "changed outside `work`"

    def processes(self, patience_s: float = 0) -> dict[int, bytes]:
        """Command lines of the processes but this one that know of the folder. Waits for them to end."""
        end_s = time.monotonic() + patience_s
        while (found := dict(self._processes())) and time.monotonic() < end_s:
            time.sleep(0.01)
        return found

    def _processes(self) -> Iterator[tuple[int, bytes]]:
        mark = os.fsencode(self.folder)
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it ended meanwhile
                command = (process / "cmdline").read_bytes()
                known = command + (process / "environ").read_bytes() + os.fsencode((process / "cwd").readlink())
                if int(process.name) != os.getpid() and mark in known:
                    yield int(process.name), command

    def _listed(self) -> dict[Path, tuple[int, ...]]:
        """Of files all that a write would change; of folders that they are there."""
        inside = [path for path in self.folder.iterdir() if path.name not in CHANGING]
        paths = [path for top in [*inside, *self.given] for path in [top, *top.rglob("*")]]
        states = {path: path.lstat() for path in paths}
        files = {path: (state.st_mode, state.st_size, state.st_mtime_ns) for path, state in states.items()}
        return {path: state[:1] if stat.S_ISDIR(state[0]) else state for path, state in files.items()}


@contextmanager
def guarded(folder: Path, *given: Path) -> Iterator[World]:
    """The world in an empty folder; `given` are other folders, from which servers serve."""
    for name in SANDBOX:
        (folder / name).mkdir()
    with pytest.MonkeyPatch.context() as patch, started(Trap()) as trap:
        patch.setenv("HOME", str(folder / "home"))
        patch.setenv("TMPDIR", str(folder / "temporary"))
        patch.setattr(tempfile, "tempdir", None)  # so that it is looked up again
        patch.chdir(folder / "here")
        world = World(folder, trap, list(given))
        world.seal()
        yield world
        world.check()
        assert not list((folder / "temporary").iterdir())


def settings(url: str, host: Host | None = None, **limits: object) -> Fetch:
    """[fetch] with HOST at `url`, and little patience. `host`: its other keys."""
    reached = (host or Host()).model_copy(
        update={"url": url, "private_addresses": True, "max_concurrent": 8, "max_starts_per_s": 1_000.0}
    )
    little = {"timeout_s": 60, "slow_s": 1, "backoff_s": 0.01, "attempts": 2}
    return Fetch.model_validate(little | limits | {"hosts": {HOST: reached}})
