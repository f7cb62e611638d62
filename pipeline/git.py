"""A repository in a folder to its entries and blobs: the only caller of git.

Folders are not trusted: their configuration can name commands, and their missing objects a server. So git is asked
once, with everything switched off, where HEAD and the objects are. All reading then happens from a git folder of our
own (`Skeleton`) that points at those objects: the repository's configuration, hooks, attributes and remotes are not
loaded, nothing is written to it, and an object that is not there is missing, not fetched.
"""

import contextlib
import fcntl
import hashlib
import io
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import IO, NamedTuple, cast

import git

from pipeline.errors import ConfigError, RepositoryError

# Older versions fetch missing objects of a folder in spite of GIT_NO_LAZY_FETCH: release notes of 2.39.4 and 2.45.1.
MIN_VERSION = (2, 39, 4)
# Releases with the fixes of November 2026 (CVE-2026-113408 and others), patch by minor version of 2.x; Git for Windows
# 2.56.1 release notes. Debian 12 and 13 had none of them yet.
PATCHED = {50: 2, 51: 3, 56: 1}
# Until then older ones will do: the faults that are known need a clone, a work tree or a merge, which are never made.
# A test fails from that day on, so that somebody looks again.
WAIVED_UNTIL = date(2027, 2, 28)
PIPE_BYTES = 1 << 20
MAX_LINES = 50  # of what git says on stderr
MAX_MEMORY_BYTES = 4 << 30  # address space of one git process

SETTINGS = {
    "protocol.allow": "never",
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.symlinks": "false",
    "core.pager": "cat",
    "core.askPass": "/bin/false",
    "core.attributesFile": "/dev/null",
    "core.commitGraph": "false",
    "core.packedGitLimit": "256m",
    "credential.helper": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "safe.bareRepository": "explicit",
}


TREE = 0o040000


class Entry(NamedTuple):
    """One line of the tree. `size` is None for folders, submodules and blobs that are not there."""

    mode: int
    content_id: str
    size: int | None
    path: bytes


class Snapshot(NamedTuple):
    """A commit and the object store that has it."""

    commit_id: str
    objects: Path


def command(
    arguments: Sequence[str],
    home: Path,
    timeout_s: int,
    *,
    environment: Mapping[str, str] = MappingProxyType({}),
    settings: Mapping[str, str] = MappingProxyType({}),
    limits: Mapping[str, int] = MappingProxyType({"as": MAX_MEMORY_BYTES}),
) -> list[str]:
    """git with its whole environment in the argument list, ended by the kernel at its limits (options of prlimit)."""
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "SSH_ASKPASS": "/bin/false",
        "GIT_SSH_COMMAND": "/bin/false",
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_CEILING_DIRECTORIES": "/",
        **environment,
    }
    return [
        *("env", "-i", *(f"{name}={value}" for name, value in variables.items())),
        *("timeout", "-s", "KILL", str(timeout_s), "prlimit", "--core=0", "--nofile=256"),
        *(f"--{name}={_allowed(name, value)}" for name, value in limits.items()),
        *("--", "git"),
        *(part for name, value in {**SETTINGS, **settings}.items() for part in ("-c", f"{name}={value}")),
        *arguments,
    ]


def _allowed(name: str, value: int) -> int:
    """The limit, or the lower one that this process has itself and could not raise."""
    hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name.upper()}"))[1]
    return value if hard == resource.RLIM_INFINITY else min(value, hard)


@dataclass(frozen=True)
class Skeleton:
    """An empty git folder through which other object stores are read."""

    folder: Path
    timeout_s: int

    def command(self, arguments: Sequence[str], objects: Path | None) -> list[str]:
        """git on a folder that `arguments` names or, given `objects`, on this one with those objects."""
        where = [f"--git-dir={self.folder}"] if objects else []
        store = {"GIT_OBJECT_DIRECTORY": str(objects)} if objects else {}
        return command([*where, *arguments], self.folder, self.timeout_s, environment=store)


def make_bare(folder: Path) -> None:
    """An empty bare repository, without any template."""
    for inner in ("objects/info", "objects/pack", "refs/heads"):
        (folder / inner).mkdir(parents=True)
    (folder / "HEAD").write_text("ref: refs/heads/_none_\n", "utf-8")
    write_config(folder)


def write_config(folder: Path) -> None:
    """The settings of a bare repository and nothing else; what a fetch has written about its server is gone."""
    (folder / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n", "utf-8")


@contextmanager
def skeleton(timeout_s: int, inside: str | None = None) -> Iterator[Skeleton]:
    """A skeleton `inside` a folder, else in the system's temporary one; gone at the end."""
    with tempfile.TemporaryDirectory(prefix="stackyard-git-", dir=inside) as name:
        make_bare(Path(name))
        yield Skeleton(Path(name), timeout_s)


@cache
def version() -> str:
    """git's version. Raises ConfigError when there is none, or one that can be made to fetch."""
    try:
        text = git.Git().execute(["git", "version"]).split()[2]
    except (git.GitCommandNotFound, git.GitCommandError, IndexError):
        raise ConfigError("git: not found; install git 2.39.4 or newer") from None
    numbers = tuple(int(part) for part in text.split(".")[:3] if part.isdigit())
    if numbers < MIN_VERSION:
        raise ConfigError(f"git {text}: too old, needs 2.39.4: older ones can be made to run a folder's commands")
    return text


def is_patched(text: str) -> bool:
    """Whether this version of git has the fixes that are known."""
    major, minor, patch = (int(part) if part.isdigit() else 0 for part in (*text.split("."), "0", "0")[:3])
    return (major, minor) > (2, max(PATCHED)) or (major == 2 and patch >= PATCHED.get(minor, sys.maxsize))


def open_snapshot(path: Path, bones: Skeleton) -> Snapshot | None:
    """HEAD's commit of the repository in a folder, None when it has no commit at all.

    Raises RepositoryError: not_found, not_git, unsupported, unborn_head, corrupt.
    """
    if not path.exists():
        raise RepositoryError("not_found", "the folder is gone")
    folder = (path / ".git" if (path / ".git").exists() else path).absolute()
    asked = ["rev-parse", "--show-object-format", "--path-format=absolute", "--git-path", "objects", "HEAD^{commit}"]
    try:
        said = os.fsdecode(_output(asked, bones, folder))
    except RepositoryError as error:
        if error.code == "timeout":
            raise
        _check_empty(folder, bones)
        return None
    object_format, _, rest = said.removesuffix("\n").partition("\n")
    objects, _, commit_id = rest.rpartition("\n")  # a folder's name may hold a newline
    if object_format != "sha1":
        raise RepositoryError("unsupported", f"object format {object_format}")
    return Snapshot(commit_id, Path(objects))


def open_fetched(objects: Path, named: str, bones: Skeleton) -> Snapshot | None:
    """The commit that an object id of a store of our own names, None when it names no commit.

    Raises RepositoryError: corrupt, timeout.
    """
    for index in (objects / "pack").glob("*.idx"):
        known = index.read_bytes()
        if hashlib.sha1(known[:-20]).digest() != known[-20:]:  # git takes what a damaged index lacks for not there
            raise RepositoryError("corrupt", "the index of a pack does not have its hash")
    with _running(["cat-file", "--batch-check"], bones, objects=objects, stdin=subprocess.PIPE) as running:
        assert running.process.stdin is not None
        with running.process.stdin as asking:
            asking.write(f"{named}\n{named}^{{commit}}\n".encode())
        object_there, commit = (running.out.readline().decode().split() for _ in range(2))
    if object_there[-1] == "missing":
        raise RepositoryError("corrupt", "the object that was fetched is not there")
    return Snapshot(commit[0], objects) if commit[1] == "commit" else None


def _check_empty(folder: Path, bones: Skeleton) -> None:
    """Returns for a repository without refs; raises the reason why HEAD of another has no commit."""
    try:
        refs = _output(["for-each-ref", "--count=1"], bones, folder)
    except RepositoryError as error:
        known = error.code == "timeout" or "missing object" in error.detail
        raise error if known else RepositoryError("not_git", error.detail) from None
    if not refs:
        return
    try:
        _output(["rev-parse", "--verify", "--quiet", "HEAD"], bones, folder)
    except RepositoryError:
        raise RepositoryError("unborn_head", "HEAD names a branch that does not exist") from None
    raise RepositoryError("corrupt", "the object that HEAD names is missing, damaged or not a commit")


def list_entries(snapshot: Snapshot, bones: Skeleton, max_files: int) -> list[Entry]:
    """Every entry of the commit's tree in git's order, its folders (mode TREE) among them.

    Raises RepositoryError: too_many_files, corrupt, timeout.
    """
    arguments = ["ls-tree", "-r", "-t", "-z", "-l", "--full-tree", snapshot.commit_id]
    entries: list[Entry] = []
    with _running(arguments, bones, objects=snapshot.objects) as running:
        rest = b""
        while block := running.out.read1(PIPE_BYTES):
            *lines, rest = (rest + block).split(b"\0")
            entries += map(_entry, lines)
            if len(entries) > max_files:
                raise RepositoryError(
                    "too_many_files", f"more than {max_files} files ([extract] max_files_per_repository)"
                )
    return entries


def _entry(line: bytes) -> Entry:
    details, path = line.split(b"\t", 1)
    mode, _, oid, size = details.split()
    return Entry(int(mode, 8), oid.decode(), int(size) if size.isdigit() else None, path)


def read_objects(snapshot: Snapshot, content_ids: Sequence[str], bones: Skeleton) -> Iterator[bytes | None]:
    """Blobs and trees in the order asked; None for one that is not there. Each is checked against its id.

    Raises RepositoryError: corrupt, timeout.
    """
    if not content_ids:
        return
    arguments = ["cat-file", "--batch", "--buffer"]
    with _running(arguments, bones, objects=snapshot.objects, stdin=subprocess.PIPE) as running:
        threading.Thread(target=_ask, args=(running.process, content_ids), daemon=True).start()
        out = running.out
        for content_id in content_ids:
            header = out.readline().split()
            if header[1:] == [b"missing"]:
                yield None
                continue
            content = out.read(int(header[2])) if len(header) == 3 else b""
            if out.read(1) != b"\n":
                raise _failure(running, bones, str(snapshot.objects))
            if hashlib.sha1(b"%b %d\0" % (header[1], len(content)) + content).hexdigest() != content_id:
                raise RepositoryError("corrupt", f"object {content_id} does not have its hash")
            yield content


def _ask(process: "subprocess.Popen[bytes]", content_ids: Sequence[str]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin:  # the reader sees the early end
        process.stdin.write("".join(f"{content_id}\n" for content_id in content_ids).encode())


def _output(arguments: Sequence[str], bones: Skeleton, folder: Path) -> bytes:
    """All that a short command about a folder prints."""
    with _running([f"--git-dir={folder}", *arguments], bones) as running:
        return running.out.read(PIPE_BYTES)


class Running:
    """A git process and what it complained about."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None and process.stderr is not None
        self.process = process
        self.out = cast(io.BufferedReader, process.stdout)
        self._lines: dict[bool, list[bytes]] = {False: [], True: []}  # git's own, and those of the server
        self.listening = threading.Thread(target=self._listen, args=(process.stderr,), daemon=True)
        self.listening.start()

    def _listen(self, stderr: IO[bytes]) -> None:
        """Keeps the first lines of each and reads the rest, so that git never waits for us."""
        with stderr:
            while line := stderr.readline(4096):
                lines = self._lines[line.startswith(b"remote: ")]
                if len(lines) < MAX_LINES:
                    lines.append(line)

    def said(self) -> str:
        """The first lines of what it complained about, and then of what the server did, once it has ended."""
        self.process.wait()
        self.listening.join()
        return b"".join(self._lines[False] + self._lines[True]).decode("utf-8", "backslashreplace")

    @property
    def timed_out(self) -> bool:
        """Whether the wrapper's `timeout -s KILL` ended it."""
        return self.process.wait() in (137, -signal.SIGKILL)


@contextmanager
def started(
    command: Sequence[str], folder: Path, *, stdin: int | None = None, pass_fds: Sequence[int] = ()
) -> Iterator[Running]:
    """A git process; none of its session is left at the end."""
    owner = git.Git(folder).execute(  # kept: it closes the pipes when it is forgotten
        command, istream=stdin, as_process=True, start_new_session=True, pass_fds=pass_fds
    )
    process = cast("subprocess.Popen[bytes]", owner.proc)
    running = Running(process)
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        running.listening.join(timeout=10)  # before `owner` closes the pipe that it reads
        running.out.close()


@contextmanager
def _running(
    arguments: Sequence[str], bones: Skeleton, *, objects: Path | None = None, stdin: int | None = None
) -> Iterator[Running]:
    """A git process that reads a repository. Raises RepositoryError when it fails."""
    with started(bones.command(arguments, objects), bones.folder, stdin=stdin) as running:
        fcntl.fcntl(running.out, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        yield running
        if running.process.wait() != 0:
            raise _failure(running, bones, str(objects or arguments[0].partition("=")[2]))


def _failure(running: Running, bones: Skeleton, hidden: str) -> RepositoryError:
    """Why git ended, in one printable line without the folder's name."""
    if running.timed_out:
        return RepositoryError("timeout", f"git was ended after {bones.timeout_s} s ([extract] git_timeout_s)")
    line = running.said().replace(hidden, "").strip().split("\n")[0]
    return RepositoryError("corrupt", printable(line or f"git ended with status {running.process.wait()}"))


def printable(line: str) -> str:
    """The line's first 200 characters; what a terminal could obey is a question mark."""
    return "".join(c if c.isprintable() else "?" for c in line)[:200]
