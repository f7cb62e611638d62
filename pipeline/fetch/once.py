"""One fetch of one repository: never `git clone`, never a work tree.

An empty bare folder of our own, one `git fetch` of one commit without large blobs, then the folder's settings as they
were: what the server said about itself is forgotten, so nothing can be fetched later by reading.
"""

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from pipeline import git
from pipeline.config import Fetch, Host
from pipeline.errors import ConfigError
from pipeline.fetch.address import Address
from pipeline.fetch.answer import BENIGN, failure, fsck_id, own_words, read_trace
from pipeline.fetch.codes import FetchError
from pipeline.fetch.hosts import own_agent

HEAD = "refs/stackyard/head"
SETTINGS = {
    "protocol.version": "2",
    "core.protectNTFS": "true",
    "core.protectHFS": "true",
    "core.bigFileThreshold": "32m",
    "http.followRedirects": "false",
    "http.emptyAuth": "false",
    "transfer.credentialsInUrl": "die",
    "transfer.bundleURI": "false",
    "fetch.uriProtocols": "",
    "fetch.unpackLimit": "1",  # always index-pack, which has limits, never unpack-objects
    "fetch.recurseSubmodules": "false",
    "fetch.writeCommitGraph": "false",
    "pack.threads": "1",
    "init.templateDir": "",
}
NO_INDEX = "fatal: fetch-pack: invalid index-pack output"
NO_SPACE = ("No space left on device", "Disk quota exceeded")


class Asked(NamedTuple):
    """What to fetch. `objects` as in git's --filter: `blob:limit=N` leaves out blobs of N bytes and more, `tree:0` all
    but the commit, where the server can."""

    commit_id: str | None  # None for HEAD's
    objects: str
    timeout_s: int


class Fetched(NamedTuple):
    """`note`: what git's check complained about, where that harms nobody who checks nothing out."""

    is_empty: bool
    note: str | None = None


class HarmlessError(Exception):
    """git's check refused something harmless; the message is its id."""


class Watch(Protocol):
    """Who may end a running git from outside."""

    def began(self, running: git.Running) -> None: ...
    def ended(self) -> None:
        """Raises when what git said is no result, because it was ended from outside."""


def fetch(address: Address, folder: Path, asked: Asked, settings: Fetch, watch: Watch) -> Fetched:
    """Makes `folder` a bare repository in which HEAD (the constant above) names what was asked for.

    Raises FetchError, OSError when the disk is full, ConfigError when a token is not there.
    """
    try:
        return Fetched(_fetch(address, folder, asked, settings, watch, check=True))
    except HarmlessError as error:
        # with --filter, git 2.39 does not pass on which messages are harmless: the check goes as a whole
        shutil.rmtree(folder)
        return Fetched(_fetch(address, folder, asked, settings, watch, check=False), f"git's check: {error}")


def _fetch(address: Address, folder: Path, asked: Asked, settings: Fetch, watch: Watch, *, check: bool) -> bool:
    """Whether there is no HEAD."""
    git.make_bare(folder)
    trace = folder / "trace"
    arguments = [
        *(f"--git-dir={folder}", "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules"),
        *("--no-write-fetch-head", "--no-auto-maintenance", f"--filter={asked.objects}"),
        *("--", address.url, f"{asked.commit_id or 'HEAD'}:{HEAD}"),
    ]
    started_s = time.monotonic()
    with _credentials(address, settings) as (helper, descriptors):
        command = git.command(
            arguments,
            folder,
            asked.timeout_s,
            environment=_environment(address, trace),
            settings=SETTINGS | _settings(address, settings) | helper | {"fetch.fsckObjects": str(check).lower()},
            limits={
                "fsize": settings.max_pack_bytes,
                "as": settings.max_memory_bytes,
                "cpu": settings.max_cpu_s,
            },
        )
        with git.started(command, folder, pass_fds=descriptors) as running:
            watch.began(running)
            running.out.read()  # nothing comes
            status, said = running.process.wait(), running.said()
            watch.ended()
    if status != 0:
        if running.timed_out and time.monotonic() - started_s >= asked.timeout_s:
            raise FetchError("timeout", f"not fetched within {asked.timeout_s} s ([fetch] timeout_s)")
        own = own_words(said)
        if any(words in own for words in NO_SPACE):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        _check_limits(folder, settings, own, time.monotonic() - started_s)
        answer = read_trace(trace)
        if "couldn't find remote ref HEAD" in own:
            if answer.is_of_git:
                return True
            raise FetchError("server_error", "the answer was not one of git's smart protocol")
        if (message := fsck_id(said)) in BENIGN:
            raise HarmlessError(message)
        raise failure(address, answer, said, status)
    trace.unlink(missing_ok=True)
    git.write_config(folder)
    return False


def _check_limits(folder: Path, settings: Fetch, said: str, seconds: float) -> None:
    """Raises FetchError where a limit has ended git's index-pack: git does not wait to learn how it ended."""
    if any(path.stat().st_size >= settings.max_pack_bytes for path in (folder / "objects/pack").iterdir()):
        raise FetchError("too_big", f"more than {settings.max_pack_bytes} bytes ([fetch] max_pack_bytes)")
    complaints = [line for line in said.splitlines() if line.startswith(("fatal: ", "error: "))]
    if complaints == [NO_INDEX] and seconds >= settings.max_cpu_s:
        raise FetchError("cpu", f"unpacking took more than {settings.max_cpu_s} s ([fetch] max_cpu_s)")


def commit_named(folder: Path) -> str:
    """The object id that HEAD names: mostly of a commit, perhaps of a tag or of something else."""
    return (folder / HEAD).read_text("utf-8").strip()


def _environment(address: Address, trace: Path) -> dict[str, str]:
    return {
        "GIT_ALLOW_PROTOCOL": urlsplit(address.url).scheme,
        "GIT_TRACE_CURL": str(trace),
        "GIT_TRACE_CURL_NO_DATA": "1",
    }


def _settings(address: Address, settings: Fetch) -> dict[str, str]:
    certificates = {"http.sslCAInfo": path} if (path := os.environ.get("SSL_CERT_FILE")) else {}
    pin = {"http.curloptResolve": address.pin} if address.pin else {}
    return {
        "http.lowSpeedLimit": str(settings.min_bytes_per_s),
        "http.lowSpeedTime": str(settings.slow_s),
        "http.userAgent": user_agent(settings.contact),
        **certificates,
        **pin,
    }


def user_agent(contact: str) -> str:
    """Who fetches. It begins like git's own, by which some forges tell git from a browser."""
    return f"git/{git.version()} {own_agent(contact)}"


@contextmanager
def _credentials(address: Address, settings: Fetch) -> Iterator[tuple[dict[str, str], list[int]]]:
    """Settings and descriptors by which git gets the host's token when it is asked for one.

    The token goes through a pipe: it stands in no argument, no file and no environment of git's.
    """
    variable = settings.hosts.get(address.host, Host()).token_env
    if variable is None:
        yield {}, []
        return
    user, _, password = token(variable).rpartition(":")
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "w", encoding="utf-8") as pipe:
            pipe.write(f"username={user or 'x-access-token'}\npassword={password}\n")
        yield {"credential.helper": f"!cat /dev/fd/{reading} #"}, [reading]  # after # comes what git appends
    finally:
        os.close(reading)


def check_tokens(settings: Fetch) -> None:
    """Raises ConfigError unless every token that a host needs is there."""
    for host in settings.hosts.values():
        if host.token_env:
            token(host.token_env)


def token(variable: str) -> str:
    """The token, or user:token, in an environment variable. Raises ConfigError when there is none."""
    value = os.environ.get(variable, "").strip()
    if not value or not value.isprintable():
        reason = "holds a character that no token has" if value else "is not set"
        raise ConfigError(f"fetch.hosts: the environment variable {variable} (token_env) {reason}")
    return value
