"""One fetch from a server that nobody trusts: what comes of it, and that nothing else does.

G01 to G28 are the rows of the catalogue of faults that the fetch was designed against; those that take the whole way
into tables are in test_fetch_run.py.
"""

import base64
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from examples.demo_corpus import init_repository, run_git, write_repository
from pipeline import git, storage
from pipeline.config import Extract, Fetch, Host
from pipeline.errors import RepositoryError
from pipeline.fetch import answer, once
from pipeline.fetch.address import Address, resolve
from pipeline.fetch.attempts import Attempts, Result, State, Wanted
from pipeline.fetch.codes import CODES, FetchError
from pipeline.fetch.hosts import Hosts
from pipeline.fetch.once import Asked, Fetched
from pipeline.fetch.unit import fetching
from pipeline.read import read_files
from tests.pipeline.guarded import HOST, World, guarded, settings
from tests.servers import git_http, hostile, raw
from tests.servers.git_http import (
    DMCA,
    UNAUTHORIZED,
    Fault,
    FaultyHandler,
    FaultyServer,
    cut,
    flip,
    password,
    redirect,
    renamed,
    reset,
    reset_after,
    status,
    visits,
    without_filter,
)

NAME = "odd/larger"
BUILT = ["normal", "empty", "unborn-head", "head-is-blob", "head-is-tag", "sha256", "missing-blob"]
BUILT += ["duplicate-entries", "odd-modes"]
BLOB_BYTES = 256 << 20


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """odd/NAME.git: repositories of hostile.py, and a larger one."""
    folder = tmp_path_factory.mktemp("served")
    hostile.build(folder / "odd", *BUILT)
    init_repository(folder / "odd/large-blob.git")
    hostile.large_blob(hostile.Repository(folder / "odd/large-blob.git"), BLOB_BYTES)
    write_repository(folder / f"{NAME}.git", {f"{i}.py": os.urandom(50_000) for i in range(8)})
    return folder


@pytest.fixture
def world(tmp_path: Path, served: Path) -> Iterator[World]:
    with guarded(tmp_path, served) as world:
        yield world


@pytest.fixture
def forge(world: World, served: Path) -> Iterator[FaultyServer]:
    with git_http.serving(served) as server:
        yield server


@pytest.fixture
def crooked(world: World) -> Iterator[raw.RawServer]:
    with raw.serving() as server:
        yield server


class Unwatched:
    def began(self, running: git.Running) -> None: ...
    def ended(self) -> None: ...


def fetch(world: World, chosen: Fetch, name: str = NAME, commit_id: str | None = None) -> Fetched:
    """One fetch into work/store."""
    address = resolve(f"https://{HOST}/{name}.git", chosen)
    asked = Asked(commit_id, "blob:limit=1048577", chosen.timeout_s)
    return once.fetch(address, world.work / "store", asked, chosen, Unwatched())


def failure(world: World, chosen: Fetch, name: str = NAME, commit_id: str | None = None) -> FetchError:
    """The error that one fetch raises: with a code, and in words that may be shown."""
    with pytest.raises(FetchError) as caught:
        fetch(world, chosen, name, commit_id)
    assert caught.value.code in CODES
    assert caught.value.detail.isprintable()
    return caught.value


def attempts(world: World, chosen: Fetch) -> Attempts:
    return Attempts(world.work / "unit", chosen, Hosts(world.work / "hosts", chosen), 1 << 20)


def wanted(name: str = NAME, number: int = 0) -> Wanted:
    return Wanted(number, f"https://{HOST}/{name}.git", HOST, None, None)


def result(world: World, chosen: Fetch, name: str = NAME) -> tuple[Result, list[str]]:
    """What becomes of a repository, however often it takes, and the codes of the attempts that failed."""
    with fetching([wanted(name)], attempts(world, chosen), 1) as results:
        ((_, found),) = results
    assert not isinstance(found, Exception) or isinstance(found, RepositoryError), found
    return found, State.read(world.work / "unit/00000.json").attempts


def head(repository: Path) -> str:
    return (repository / "refs/heads/main").read_text().strip()


# Addresses


ADDRESSES = [  # G03
    ("8.8.8.8", True),
    ("2606:4700::1111", True),
    ("::ffff:8.8.8.8", True),  # IPv4-mapped
    ("64:ff9b::808:808", True),  # NAT64
    ("2002:808:808::1", True),  # 6to4
    ("127.0.0.1", False),
    ("127.8.9.10", False),
    ("0.0.0.0", False),
    ("10.1.2.3", False),
    ("172.16.0.1", False),
    ("192.168.1.1", False),
    ("169.254.169.254", False),  # clouds tell their secrets here
    ("100.100.100.200", False),  # and here
    ("fd00:ec2::254", False),  # and here
    ("198.18.0.1", False),
    ("224.0.0.1", False),
    ("255.255.255.255", False),
    ("::", False),
    ("::1", False),
    ("fc00::1", False),
    ("fe80::1", False),
    ("fe80::1%eth0", False),
    ("fec0::1", False),
    ("ff0e::1", False),
    ("::127.0.0.1", False),  # IPv4-compatible, long given up
    ("::ffff:127.0.0.1", False),
    ("::ffff:169.254.169.254", False),
    ("64:ff9b::7f00:1", False),
    ("64:ff9b::a9fe:a9fe", False),
    ("64:ff9b:1::808:808", False),  # a NAT64 of somebody's own network
    ("2002:7f00:1::1", False),
    ("2002:a00:1::1", False),
    ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),  # Teredo
]


class Resolver:
    """In place of the system's: these addresses once, then none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
        self.addresses, self.asked = list(addresses), list[str]()
        monkeypatch.setattr(socket, "getaddrinfo", self.answer)

    def answer(self, name: str, port: int, *args: Any, **options: Any) -> list[Any]:
        self.asked.append(name)
        found, self.addresses = self.addresses, []
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_UNSPEC, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]


@pytest.mark.parametrize(("address", "public"), ADDRESSES)
def test_only_public_addresses_are_fetched_from(address: str, public: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, address)
    pin = f"demo.test:443:{f'[{address}]' if ':' in address else address}"
    if public:
        assert resolve("https://demo.test/a/b.git", Fetch()).pin == pin
        return
    with pytest.raises(FetchError) as caught:
        resolve("https://demo.test/a/b.git", Fetch())
    assert caught.value.code == "bad_addr"
    Resolver(monkeypatch, address)
    allowed = Fetch(hosts={"demo.test": Host(private_addresses=True)})
    assert resolve("https://demo.test/a/b.git", allowed).pin == pin


@pytest.mark.parametrize("addresses", [("8.8.8.8", "10.0.0.1"), ("::1", "8.8.8.8"), ("8.8.8.8", "8.8.4.4", "fe80::1")])
def test_one_private_address_among_public_ones_is_enough(
    addresses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolver(monkeypatch, *addresses)  # G03
    with pytest.raises(FetchError, match=r"^bad_addr: demo\.test is at "):
        resolve("https://demo.test/a/b.git", Fetch())


@pytest.mark.parametrize("host", ["demo.invalid", f"{'a' * 64}.test"])
def test_a_host_without_address(host: str) -> None:
    with pytest.raises(FetchError, match=r"^dns: "):
        resolve(f"https://{host}/a/b.git", Fetch())


def test_the_address_that_was_checked_is_the_one_connected_to(
    world: World, forge: FaultyServer, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G03: whoever answers for the name later is not asked."""
    resolver = Resolver(monkeypatch, "127.0.0.1")
    port = forge.server_address[1]
    assert not fetch(world, settings(f"http://rebound.test:{port}")).is_empty
    assert resolver.asked == ["rebound.test"]
    assert {request.headers["Host"] for request in forge.requests} == {f"rebound.test:{port}"}
    assert once.commit_named(world.work / "store") == head(served / f"{NAME}.git")


# Redirects

BASE = "https://git.test/group"
REDIRECTS = [  # G04: Location, and the new name where it is one
    ("https://git.test/group/new/name.git/info/refs?service=git-upload-pack", "new/name"),
    ("https://git.test/group/new/name/info/refs?service=git-upload-pack", "new/name"),
    ("https://git.test/group/new/name.git/", None),
    ("/group/new/name.git/info/refs?service=git-upload-pack", "new/name"),
    ("../../../new/name.git/info/refs", "new/name"),
    ("https://git.test/group/a/b/c.git/info/refs", "a/b/c"),
    ("https://git.test/new/name.git/info/refs", None),  # not below the address that is configured
    ("https://git.test/group/../new/name.git/info/refs", None),
    ("https://git.test/group/owner/name.git/info/refs", None),  # where it was
    ("https://git.test/login?to=/group/new/name", None),
    ("https://git.test/group/login", None),
    ("http://git.test/group/new/name.git/info/refs", None),
    ("https://git.test:8443/group/new/name.git/info/refs", None),
    ("https://git.test.evil.test/group/new/name.git/info/refs", None),
    ("https://git.test@evil.test/group/new/name.git/info/refs", None),
    ("//evil.test/group/new/name.git/info/refs", None),
    ("http://169.254.169.254/latest/meta-data", None),
    ("file:///etc/passwd", None),
    ("ext::sh -c touch% PWNED", None),
    ("https://[", None),
    ("https://git.test/group/--upload-pack=x/na me", None),
    ("https://git.test/group/new/\x1b[31m.git", None),
    ("", None),
]


@pytest.mark.parametrize(("location", "name"), REDIRECTS)
def test_where_a_redirect_leads(location: str, name: str | None) -> None:
    error = answer.redirected(Address(f"{BASE}/owner/name.git", BASE, "git.test", ""), location)
    assert (error.code, error.detail) == ("renamed_to", name) if name else error.code == "redirect_denied"
    assert error.detail.isprintable()


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["http://127.0.0.1:{port}/odd/normal.git", "//127.0.0.1:{port}/", "file:///etc/passwd"])
def test_no_redirect_is_followed(world: World, forge: FaultyServer, to: str, code: int) -> None:
    forge.fault(NAME, redirect(to.format(port=world.trap.port), code))  # G04
    assert failure(world, settings(forge.url)).code == "redirect_denied"


def test_no_redirect_is_followed_in_the_middle(world: World, forge: FaultyServer) -> None:
    def fault(handler: FaultyHandler) -> None:
        target = redirect(f"http://127.0.0.1:{world.trap.port}/{NAME}.git/git-upload-pack")
        handler.serve() if handler.command == "GET" else target(handler)

    forge.fault(NAME, fault)  # G04
    assert failure(world, settings(forge.url)).code == "redirect_denied"


def test_a_new_name_on_the_same_host_is_told(world: World, forge: FaultyServer) -> None:
    forge.fault(NAME, renamed("odd/normal"))  # G04
    error = failure(world, settings(forge.url))
    assert (error.code, error.detail) == ("renamed_to", "odd/normal")
    assert [request.path.split("/")[2] for request in forge.requests] == ["larger.git"]


@pytest.mark.parametrize(
    ("behaviour", "code"), [("redirect-self", "redirect_denied"), ("redirect-endless", "renamed_to")]
)
def test_redirects_without_end(world: World, crooked: raw.RawServer, behaviour: str, code: str) -> None:
    assert failure(world, settings(crooked.url), f"{behaviour}/x").code == code
    assert len(crooked.requests) == 1


# What the machine is set up to do

HOOKS = "[core]\n\thooksPath = {home}/hooks\n"
INSTEAD = '[url "{trap}/"]\n\tinsteadOf = {server}/\n'
SSH = '[url "ssh://x@127.0.0.1/"]\n\tinsteadOf = {server}/\n[core]\n\tsshCommand = touch {marker};\n'
PROXY = "[http]\n\tproxy = {trap}\n"
HELPER = '[credential]\n\thelper = "!touch {marker};"\n'
COUNTED = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.hooksPath", "GIT_CONFIG_VALUE_0": "{home}/hooks"}
MACHINES: dict[str, tuple[dict[str, str], dict[str, str]]] = {  # G05, G06: variables, and files in the home
    "home: hooks": ({}, {".gitconfig": HOOKS}),
    "home: another address": ({}, {".gitconfig": INSTEAD}),
    "home: another transport": ({}, {".gitconfig": SSH}),
    "home: proxy": ({}, {".gitconfig": PROXY}),
    "home: credentials": ({}, {".gitconfig": HELPER}),
    "home: XDG": ({}, {".config/git/config": HOOKS}),
    "home: included": ({}, {".gitconfig": "[include]\n\tpath = other\n", "other": INSTEAD}),
    "user": ({"GIT_CONFIG_GLOBAL": "{home}/user"}, {"user": INSTEAD}),
    "system": ({"GIT_CONFIG_SYSTEM": "{home}/system", "GIT_CONFIG_NOSYSTEM": "0"}, {"system": INSTEAD}),
    "XDG": ({"XDG_CONFIG_HOME": "{home}/xdg"}, {"xdg/git/config": HOOKS}),
    "settings, counted": (COUNTED, {}),
    "settings, quoted": ({"GIT_CONFIG_PARAMETERS": "'core.hookspath'='{home}/hooks'"}, {}),
    "template": ({"GIT_TEMPLATE_DIR": "{home}"}, {}),
    "folder": ({"GIT_DIR": "{home}/elsewhere.git"}, {}),
    "objects": ({"GIT_OBJECT_DIRECTORY": "{home}/objects"}, {}),
    "programs": ({"GIT_EXEC_PATH": "{home}/programs"}, {}),
    "ssh": ({"GIT_SSH_COMMAND": "touch {marker};"}, {".gitconfig": SSH.partition("[core]")[0]}),
    "password": ({"GIT_ASKPASS": "{home}/programs/git-remote-http"}, {}),
    "trace": ({"GIT_TRACE": "{home}/trace"}, {}),
    "http_proxy": ({"http_proxy": "{trap}"}, {}),
    "all_proxy": ({"ALL_PROXY": "{trap}"}, {}),
}


def plain_git_goes_astray(world: World, url: str) -> bool:
    """Whether git itself does something that it should not, fetching like this. What it did is forgiven."""
    plain = world.work / "plain.git"
    for words in (
        ["init", "-q", "--bare", str(plain)],
        ["-C", str(plain), "fetch", "-q", "--no-auto-maintenance", url, "HEAD:refs/got"],
    ):
        subprocess.run(["git", *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    try:
        world.check()
        return False
    except AssertionError:
        world.trap.visitors()
        world.trap.came.clear()
        world.marker.unlink(missing_ok=True)
        world.seal()
        return True


@pytest.mark.parametrize("machine", MACHINES)
def test_nothing_of_the_users_is_obeyed(
    machine: str, world: World, forge: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them leads git itself astray."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    trap = f"http://127.0.0.1:{world.trap.port}"
    values = {"home": world.home, "trap": trap, "server": forge.url, "marker": world.marker}
    for program in ("hooks/reference-transaction", "programs/git-remote-http"):
        world.write(f"home/{program}", f"#!/bin/sh\ntouch {world.marker}\n", 0o755)
    init_repository(world.home / "elsewhere.git")
    variables, files = MACHINES[machine]
    for name, text in files.items():
        world.write(f"home/{name}", text.format(**values))
    for name, text in variables.items():
        monkeypatch.setenv(name, text.format(**values))
    asks = machine in ("home: credentials", "password")
    forge.fault(NAME, UNAUTHORIZED if asks else FaultyHandler.serve)
    assert plain_git_goes_astray(world, f"{forge.url}/{NAME}.git")
    if asks:
        assert failure(world, settings(forge.url)).code == "private_or_missing"
    else:
        assert fetch(world, settings(forge.url)) == Fetched(False)


def test_passwords_in_the_users_home_are_not_used(world: World, forge: FaultyServer) -> None:
    forge.fault(NAME, password("secret"))  # G06
    world.write("home/.netrc", "machine 127.0.0.1 login any password secret\n", 0o600)
    assert failure(world, settings(forge.url)).code == "private_or_missing"
    assert not any("Authorization" in request.headers for request in forge.requests)
    plain = ["ls-remote", f"{forge.url}/{NAME}.git"]
    assert subprocess.run(["git", *plain], capture_output=True, timeout=60).returncode == 0, "git would use them"


# What servers answer

ANSWERS: dict[str, tuple[Fault, str, float | None]] = {  # code, and the seconds that the server wants
    "401": (UNAUTHORIZED, "private_or_missing", None),  # G16
    "400": (status(400), "forbidden", None),
    "403": (status(403), "forbidden", None),
    "403, 7 s": (status(403, {"Retry-After": "7"}), "rate_limited", 7),
    "403, none left": (status(403, {"X-RateLimit-Remaining": "0"}), "rate_limited", None),
    "403, some left": (status(403, {"X-RateLimit-Remaining": "12"}), "forbidden", None),
    "403, DMCA": (DMCA, "legal", None),
    "404": (status(404), "gone", None),
    "410": (status(410), "gone", None),
    "429": (status(429), "rate_limited", None),
    "429, 7 s": (status(429, {"Retry-After": "7"}), "rate_limited", 7),
    "429, for ever": (status(429, {"retry-after": "99999999999999"}), "rate_limited", 86_400),
    "429, soon": (status(429, {"Retry-After": "soon"}), "rate_limited", None),
    "451": (status(451), "legal", None),
    "500": (status(500), "server_error", None),
    "500, colours": (status(500, {"Content-Type": "text/plain"}, b"\x1b[31m<html>\0\xff\n"), "server_error", None),
    "503": (status(503), "server_error", None),
    "503, 7 s": (status(503, {"Retry-After": "7"}), "server_error", 7),
    "204": (status(204), "server_error", None),  # not an empty repository
    "200": (status(200), "server_error", None),
    "200, text": (status(200, {"Content-Type": "text/plain"}), "server_error", None),
    "reset": (reset, "server_error", None),  # G17
    "reset in the pack": (reset_after(1_000), "server_error", None),
    "cut at 10 %": (cut(0.1), "server_error", None),
    "cut at 50 %": (cut(0.5), "server_error", None),
    "cut at 99 %": (cut(0.99), "server_error", None),
    "one bit": (flip(), "server_error", None),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_an_answer_means(world: World, forge: FaultyServer, name: str) -> None:
    fault, code, retry_after_s = ANSWERS[name]
    forge.fault(NAME, fault)
    error = failure(world, settings(forge.url))
    assert (error.code, error.retry_after_s) == (code, retry_after_s)


@pytest.mark.parametrize(
    ("exit_status", "said", "code"),
    [
        (-signal.SIGXCPU, "", "cpu"),  # as `timeout` passes a signal of git on
        (128 + signal.SIGXCPU, "", "cpu"),
        (128, f"error: git-remote-http died of signal {signal.SIGXCPU:d}", "cpu"),
        (128, f"error: git-remote-http died of signal {signal.SIGXFSZ:d}", "too_big"),
        (-signal.SIGKILL, "", "mem"),  # before its time was up: by the kernel
        (-signal.SIGSEGV, "", "server_error"),
        (128, "fatal: something new", "server_error"),
        (128, "fatal: Out of memory, malloc failed", "mem"),
        (128, "remote: fatal: Out of memory, malloc failed\nfatal: early EOF", "corrupt_remote"),  # theirs, not ours
        (128, "remote: error: git-pack-objects died of signal 9\nfatal: early EOF", "corrupt_remote"),
        (1, "", "server_error"),
    ],
)
def test_how_git_ended(exit_status: int, said: str, code: str) -> None:
    address = Address(f"{BASE}/owner/name.git", BASE, "git.test", "")
    assert answer.failure(address, answer.Answer(200, {}), said, exit_status).code == code


@pytest.mark.parametrize(
    "said", ["fatal: No space left on device", "fatal: couldn't find remote ref HEAD", "error: object 12: badEmail: x"]
)
def test_what_the_server_says_is_not_taken_for_gits_words(world: World, forge: FaultyServer, said: str) -> None:
    def fault(handler: FaultyHandler) -> None:
        if len(forge.requests) < 3:  # the pack is asked for last
            return handler.serve()
        told = raw.packet(b"packfile\n") + raw.packet(b"\2" + said.encode() + b"\n") + raw.FLUSH
        handler.reply(200, {"Content-Type": "application/x-git-upload-pack-result"}, told)

    forge.fault(NAME, fault)
    assert failure(world, settings(forge.url)).code == "corrupt_remote"


BEHAVIOURS: list[tuple[str, dict[str, Any], str]] = [
    ("silence", {}, "slow"),  # G15
    ("drip", {}, "slow"),
    ("trickle", {"timeout_s": 2}, "timeout"),
    ("endless-pack", {"max_pack_bytes": 2_000_000}, "too_big"),  # G14
    ("endless-refs", {"max_memory_bytes": 150_000_000}, "mem"),
    ("many-objects", {}, "mem"),
    ("garbage", {}, "server_error"),  # G18
    ("html", {}, "server_error"),
    ("truncated-line", {}, "server_error"),
    ("truncated-pack", {}, "server_error"),
]


@pytest.mark.parametrize(("behaviour", "limits", "code"), BEHAVIOURS)
def test_what_misbehaviour_comes_to(
    world: World, crooked: raw.RawServer, behaviour: str, limits: dict[str, Any], code: str
) -> None:
    assert failure(world, settings(crooked.url, **limits), f"{behaviour}/x").code == code
    on_disk = [path.stat().st_size for path in world.work.rglob("*") if path.is_file()]
    assert sum(on_disk) < limits.get("max_pack_bytes", 1_000_000) + 10_000


def test_a_large_blob_is_not_sent(world: World, forge: FaultyServer) -> None:
    assert fetch(world, settings(forge.url, max_cpu_s=1), "odd/large-blob") == Fetched(False)  # G13
    assert sum(request.bytes_down for request in forge.requests) < 2_000


def test_a_large_blob_from_a_server_without_filters_meets_a_limit(world: World, forge: FaultyServer) -> None:
    forge.fault("odd/large-blob", without_filter)  # G13
    error = failure(world, settings(forge.url, max_cpu_s=1, slow_s=60), "odd/large-blob")
    assert (error.code, "max_cpu_s" in error.detail) == ("cpu", True)
    assert sum(path.stat().st_size for path in world.work.rglob("*") if path.is_file()) < 1_000_000


ODD = [  # G20, G23, G25, G26
    ("empty", Fetched(True)),
    ("unborn-head", Fetched(True)),
    ("head-is-blob", Fetched(False)),  # its reader finds no commit
    ("head-is-tag", Fetched(False)),
    ("odd-modes", Fetched(False, "git's check: zeroPaddedFilemode")),
    ("sha256", "unsupported"),
    ("missing-blob", "corrupt_remote"),
    ("duplicate-entries", "fsck_hostile"),
]


@pytest.mark.parametrize(("name", "expected"), ODD)
def test_what_an_odd_repository_comes_to(world: World, forge: FaultyServer, name: str, expected: Fetched | str) -> None:
    if isinstance(expected, str):
        assert failure(world, settings(forge.url), f"odd/{name}").code == expected
    else:
        assert fetch(world, settings(forge.url), f"odd/{name}") == expected


def test_names_of_refs_lead_nowhere(world: World, crooked: raw.RawServer) -> None:
    """G19: CVE-2026-113408, and refs with names that no ref may have."""
    store = world.work / "store"
    assert fetch(world, settings(crooked.url), "unborn/x") == Fetched(True)
    assert (store / "HEAD").read_text() == "ref: refs/heads/_none_\n"
    storage.delete_tree(store)
    assert fetch(world, settings(crooked.url), "bad-refs/x") == Fetched(False)
    assert (store / "HEAD").read_text() == "ref: refs/heads/_none_\n"
    assert [path for path in (store / "refs").rglob("*") if path.is_file()] == [store / once.HEAD]


def test_a_store_knows_nothing_of_its_server(world: World, forge: FaultyServer) -> None:
    """G22: so nothing can be fetched by reading it."""
    fetch(world, settings(forge.url, contact="mailto:x@example.invalid"))
    store = world.work / "store"
    files = {path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file()}
    packs = {name for name in files if name.startswith("objects/pack/")}
    assert files - packs == {"HEAD", "config", "refs/stackyard/head", "shallow"}
    assert not any(forge.url.encode() in (store / name).read_bytes() for name in files)
    assert "remote" not in (store / "config").read_text()
    agents = {request.headers["User-Agent"] for request in forge.requests}
    assert agents == {once.user_agent("mailto:x@example.invalid")}
    assert {request.headers["Git-Protocol"] for request in forge.requests} == {"version=2"}


def test_the_commit_asked_for(world: World, served: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("commits")
    init_repository(folder / "two/commits.git")
    repository = hostile.Repository(folder / "two/commits.git")
    first = repository.commit(repository.ok(), message=b"first\n", ref="refs/heads/old")
    repository.commit(repository.ok(), message=b"second\n")
    with git_http.serving(folder) as server:
        assert fetch(world, settings(server.url), "two/commits", first) == Fetched(False)
        assert once.commit_named(world.work / "store") == first
        storage.delete_tree(world.work / "store")
        assert failure(world, settings(server.url), "two/commits", "1" * 40).code == "commit_not_found"


def test_files_over_http_are_no_git_server(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Such a server could name others that have the objects."""
    folder = tmp_path_factory.mktemp("files")
    write_repository(folder / "a/b.git", {"a.py": b"a = 1\n"}, loose=True)
    run_git(folder / "a/b.git", "update-server-info")
    others = f"http://127.0.0.1:{world.trap.port}/a/b.git/objects\n"
    (folder / "a/b.git/objects/info/http-alternates").write_text(others)
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert failure(world, settings(f"http://127.0.0.1:{server.server_port}"), "a/b").code == "unsupported"
        server.shutdown()


# Attempts


@pytest.mark.parametrize(
    ("name", "fault", "code", "times"),
    [
        ("odd/normal", status(404), "gone", 1),
        ("odd/normal", UNAUTHORIZED, "private_or_missing", 1),
        ("odd/normal", DMCA, "legal", 1),
        ("odd/normal", redirect("http://169.254.169.254/latest/meta-data"), "redirect_denied", 1),
        ("odd/normal", status(403), "forbidden", 2),
        ("odd/normal", status(500), "server_error", 3),
        ("odd/normal", cut(0.5), "server_error", 3),
        ("odd/missing-blob", None, "corrupt_remote", 2),
        ("odd/duplicate-entries", None, "fsck_hostile", 1),
        ("odd/sha256", None, "unsupported", 1),
    ],
)
def test_how_often_it_is_tried(
    world: World, forge: FaultyServer, name: str, fault: Fault | None, code: str, times: int
) -> None:
    if fault:
        forge.fault(name, fault)
    found, failed = result(world, settings(forge.url, attempts=3), name)
    assert isinstance(found, RepositoryError)
    assert (found.code, failed) == (code, [code] * times)
    assert len(visits(forge.requests)) == times
    assert not (world.work / "unit/00000.git").exists()


@pytest.mark.parametrize(
    "name", [name for name, (_, code, wait_s) in ANSWERS.items() if (code, wait_s) == ("server_error", None)]
)
def test_what_failed_once_succeeds_when_the_fault_is_lifted(
    world: World, forge: FaultyServer, served: Path, name: str
) -> None:
    forge.fault(NAME, ANSWERS[name][0], times=1)  # G17
    assert result(world, settings(forge.url)) == (Fetched(False), ["server_error"])
    assert once.commit_named(world.work / "unit/00000.git") == head(served / f"{NAME}.git")
    assert {path.name for path in (world.work / "unit").iterdir()} == {"00000.git", "00000.json"}


def test_after_a_timeout_it_gets_four_times_as_long(world: World, crooked: raw.RawServer) -> None:
    started_s = time.monotonic()  # G15
    found, failed = result(world, settings(crooked.url, timeout_s=1, attempts=9), "trickle/x")
    assert isinstance(found, RepositoryError) and failed == ["timeout", "timeout"]
    assert time.monotonic() - started_s >= 5


def test_a_host_that_asks_for_a_pause_gets_it(world: World, forge: FaultyServer) -> None:
    forge.fault(NAME, status(429, {"Retry-After": "70"}))  # G16
    trying = attempts(world, settings(forge.url))
    assert isinstance(trying.next(wanted(), Unwatched()), float), "to be tried again"
    assert trying.pause_s(HOST) > 60, "by everybody"
    assert State.read(world.work / "unit/00000.json") == State(), "which no repository has to answer for"
    assert len(forge.requests) == 1


def test_a_server_that_nobody_answers_for_is_given_up(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    chosen = settings(f"http://127.0.0.1:{port}", attempts=1)
    with fetching([wanted("a/b", 0), wanted("c/d", 1)], attempts(world, chosen), 1) as results:
        found = [result for _, result in results]
    assert [error.code for error in found if isinstance(error, RepositoryError)] == ["refused"] * 2


def test_whoever_stops_waiting_leaves_no_git_behind(world: World, crooked: raw.RawServer) -> None:
    chosen = settings(crooked.url, slow_s=60)
    started_s = time.monotonic()
    with fetching([wanted("silence/x", number) for number in range(3)], attempts(world, chosen), 3):
        while len(crooked.requests) < 3:
            time.sleep(0.01)
        assert len(world.processes()) >= 3, "so that the next line can fail"
    assert not world.processes()
    assert time.monotonic() - started_s < 30


# Secrets


@pytest.mark.parametrize(("token", "user"), [("secret", "x-access-token"), ("deploy:secret", "deploy")])
def test_a_token_is_sent_when_it_is_asked_for(
    world: World, forge: FaultyServer, monkeypatch: pytest.MonkeyPatch, token: str, user: str
) -> None:
    monkeypatch.setenv("DEMO_TOKEN", token)
    chosen = settings(forge.url, Host(token_env="DEMO_TOKEN"))
    assert fetch(world, chosen, "odd/normal") == Fetched(False)
    assert not any("Authorization" in request.headers for request in forge.requests), "nobody asked"
    storage.delete_tree(world.work / "store")
    forge.fault(NAME, password("secret"))
    assert fetch(world, chosen) == Fetched(False)
    scheme, _, encoded = forge.requests[-1].headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(encoded).decode()) == ("Basic", f"{user}:secret")


def test_a_token_that_is_refused_stays_secret(
    world: World, forge: FaultyServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also in what a failed fetch leaves behind, the trace of its headers among it."""
    monkeypatch.setenv("DEMO_TOKEN", "not-the-secret")
    forge.fault(NAME, password("secret"))
    error = failure(world, settings(forge.url, Host(token_env="DEMO_TOKEN")))
    assert error.code == "private_or_missing"
    sent = [request.headers["Authorization"] for request in forge.requests if "Authorization" in request.headers]
    assert sent
    told = [path.read_bytes() for path in world.work.rglob("*") if path.is_file()]
    told += [repr(error).encode(), "".join(capfd.readouterr()).encode()]
    for word in ("not-the-secret", sent[0].partition(" ")[2]):
        assert not any(word.encode() in text for text in told)


# What lies on our disk


@pytest.fixture
def read(world: World) -> Iterator[Callable[[], Any]]:
    """Reads work/store: what its files are, as rows know them."""
    with git.skeleton(60, str(world.work)) as bones:

        def read() -> Any:
            store = world.work / "store"
            snapshot = git.open_fetched(store / "objects", once.commit_named(store), bones)
            batches = snapshot and read_files(snapshot, HOST, "a/b", 0, bones, Extract(), fetched=True)
            return snapshot and [
                (batch.commit_id, batch.entries, batch.blobs, batch.reasons) for batch in batches or []
            ]

        yield read


@pytest.mark.parametrize("kind", ["pack", "idx"])
def test_a_damaged_bit_is_never_taken_for_content(
    world: World, forge: FaultyServer, read: Callable[[], Any], kind: str
) -> None:
    fetch(world, settings(forge.url), "odd/normal")  # G24
    (path,) = (world.work / "store/objects/pack").glob(f"*.{kind}")
    expected, whole, codes = read(), path.read_bytes(), set[str]()
    path.chmod(0o644)
    for number in range(60):
        place = number * len(whole) // 60
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << number % 8]) + whole[place + 1 :])
        try:
            assert read() == expected, place
        except RepositoryError as error:
            codes.add(error.code)
    assert codes == {"corrupt"}
