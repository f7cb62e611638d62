"""The servers that other tests stand on do what they say, as plain git and plain sockets see it."""

import base64
import contextlib
import http.client
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from examples import demo_corpus
from examples.demo_corpus import init_repository, run_git, write_repository
from examples.git_server import GitServer, Request
from examples.git_server import serving as serving_git
from tests.servers import git_http, hostile, raw
from tests.servers.git_http import (
    DMCA,
    EVERY,
    UNAUTHORIZED,
    Fault,
    FaultyServer,
    cut,
    delay,
    flip,
    most_at_once,
    password,
    redirect,
    renamed,
    reset,
    reset_after,
    status,
    visits,
    visits_too_early,
    without_filter,
)

NAME = "owner/name"
NOISE = {f"{i:04d}.bin": random.Random(i).randbytes(200) for i in range(2_000)}
FILES = NOISE | {"large.bin": random.Random(0).randbytes(300_000)}
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "LC_ALL": "C",
    "HOME": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One good repository of 2,001 files and 0.7 MB, owner/name."""
    folder = tmp_path_factory.mktemp("served")
    write_repository(folder / f"{NAME}.git", FILES)
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[FaultyServer]:
    with git_http.serving(folder) as server:
        yield server


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    init_repository(tmp_path / "scratch.git")
    return tmp_path / "scratch.git"


def git(into: Path, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    command = ["timeout", "-s", "KILL", "60", "git", f"--git-dir={into}", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, env=ENVIRONMENT, text=True, errors="replace")


def fetch(into: Path, url: str, *options: str, settings: tuple[str, ...] = ()) -> str:
    """What git complains about; "" when the fetch was good."""
    given = [part for setting in ("protocol.version=2", *settings) for part in ("-c", setting)]
    done = git(into, *given, "fetch", "--quiet", "--depth=1", "--no-tags", *options, "--", url, "HEAD:refs/got/head")
    return done.stderr if done.returncode else ""


def get(
    server: GitServer, name: str = NAME, headers: dict[str, str] | None = None, query: str = "?service=git-upload-pack"
) -> tuple[http.client.HTTPResponse, bytes]:
    """The first request of a visit."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    connection.request("GET", f"/{name}/info/refs{query}", headers=headers or {})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def paths(repository: Path) -> list[bytes]:
    return run_git(repository, "ls-tree", "-r", "-z", "--name-only", "refs/got/head").split(b"\0")[:-1]


def count_missing(repository: Path) -> int:
    """Objects of the fetched commit that are not there."""
    return run_git(repository, "rev-list", "--objects", "--missing=print", "refs/got/head").count(b"\n?")


def children() -> set[str]:
    """Processes that this one started and that have not ended."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if path.read_text(errors="replace").rpartition(")")[2].split()[1] == str(os.getpid()):
                found.add(path.parent.name)
    return found


# The plain server


def test_a_fetch_with_and_without_filter(server: GitServer, scratch: Path, tmp_path: Path) -> None:
    assert fetch(scratch, f"{server.url}/{NAME}.git") == ""
    assert len(paths(scratch)) == 2_001 and count_missing(scratch) == 0
    visit = server.requests
    assert [(r.method, r.path.rpartition("/")[2], r.status) for r in visit] == [
        ("GET", "refs?service=git-upload-pack", 200),
        ("POST", "git-upload-pack", 200),
        ("POST", "git-upload-pack", 200),
    ]
    assert visit[0].headers["Git-Protocol"] == "version=2" and visit[0].headers["User-Agent"].startswith("git/")
    assert [r.bytes_up > 0 for r in visit] == [False, True, True] and visit[2].bytes_down > 700_000
    ends = [r.end_s for r in visit]
    assert all(a and a <= b.start_s for a, b in zip(ends, visit[1:], strict=False))
    init_repository(tmp_path / "other.git")
    assert fetch(tmp_path / "other.git", f"{server.url}/{NAME}", "--filter=blob:limit=1k") == ""
    assert len(paths(tmp_path / "other.git")) == 2_001 and count_missing(tmp_path / "other.git") == 1


@pytest.mark.parametrize(("wanted", "settings"), [(100, ()), (2_000, ("http.postBuffer=65536",))])
def test_requests_gzipped_and_in_chunks(
    server: GitServer, scratch: Path, folder: Path, wanted: int, settings: tuple[str, ...]
) -> None:
    oids = [line.split()[2].decode() for line in run_git(folder / f"{NAME}.git", "ls-tree", "HEAD").splitlines()]
    given = [part for setting in ("protocol.version=2", *settings) for part in ("-c", setting)]
    stdin = "\n".join(oids[:wanted])
    done = git(scratch, *given, "fetch", "-q", "--depth=1", "--stdin", f"{server.url}/{NAME}", stdin=stdin)
    assert done.returncode == 0, done.stderr
    assert run_git(scratch, "count-objects", "-v").split(b"\n")[3] == b"packs: 1"
    plain_bytes = wanted * len(f"0032want {oids[0]}\n")
    sent_bytes = server.requests[-1].bytes_up
    assert sent_bytes < plain_bytes if wanted == 100 else sent_bytes > plain_bytes


def test_only_fetching_and_only_inside_the_folder(folder: Path, server: GitServer) -> None:
    assert get(server)[0].status == 200
    assert get(server, query="?service=git-receive-pack")[0].status == 403
    assert get(server, query="")[0].status == 403
    for name in ("owner/other", "owner", f"../{folder.name}/{NAME}", f"%2e%2e/{folder.name}/{NAME}", f"./{NAME}"):
        assert get(server, name)[0].status == 404, name


def test_the_demo_corpus_is_served_and_not_obeyed(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    demo_corpus.build(corpus, limit=0)
    planted = corpus / "made/planted.git"
    with (planted / "config").open("a") as file:  # what would show at once, if it were read
        file.write("[http]\n\tuploadpack = false\n[transfer]\n\thideRefs = refs\n")
    before = {path: path.stat().st_mtime_ns for path in corpus.rglob("*")}
    said = {}
    with serving_git(corpus) as server:
        for name in ["planted", "broken", "missing-blob", "empty", "not-head", "worktree", "odd-paths"]:
            init_repository(tmp_path / f"{name}.git")
            said[name] = fetch(tmp_path / f"{name}.git", f"{server.url}/made/{name}")
        assert fetch(tmp_path / "planted.git", f"{server.url}/made/planted", "--filter=blob:none") == ""
        assert all(r.status == 200 for r in server.requests)
    assert [name for name, error in said.items() if not error] == ["worktree", "odd-paths"]
    assert "remote" in said["planted"] and "remote" in said["broken"] and "remote" in said["missing-blob"]
    assert "couldn't find remote ref HEAD" in said["empty"] and "couldn't find remote ref HEAD" in said["not-head"]
    assert paths(tmp_path / "planted.git") == [b".gitattributes", b"LICENSE", b"a.py", b"b.py", b"c.py"]
    assert paths(tmp_path / "worktree.git") == [b"LICENSE", b"app.py"]
    assert not (corpus / "PWNED").exists()
    assert {path: path.stat().st_mtime_ns for path in corpus.rglob("*")} == before


@pytest.mark.parametrize("name", ["unread", "stuck"])
def test_nothing_is_left_of_a_server(tmp_path: Path, name: str) -> None:
    """git writes to a client that does not read; git waits for an object that is a pipe without a writer."""
    for path in ("unread.git", "stuck.git"):
        init_repository(tmp_path / path)
    hostile.many_refs(hostile.Repository(tmp_path / "unread.git"))
    commit = hostile.Repository(tmp_path / "stuck.git").point("refs/heads/main", "12" * 20)
    (tmp_path / "stuck.git/objects" / commit[:2]).mkdir()
    os.mkfifo(tmp_path / "stuck.git/objects" / commit[:2] / commit[2:])
    threads, others = set(threading.enumerate()), children()
    with serving_git(tmp_path) as server, socket.create_connection(("127.0.0.1", server.server_address[1])) as client:
        client.sendall(b"GET /%b/info/refs?service=git-upload-pack HTTP/1.1\r\n\r\n" % name.encode())
        while children() <= others:
            time.sleep(0.01)
        assert client.recv(1) == b"H"
        started_s = time.monotonic()
    assert time.monotonic() - started_s < 5
    assert children() <= others and set(threading.enumerate()) == threads


def test_the_command_prints_its_address_and_ends(folder: Path, scratch: Path) -> None:
    command = [sys.executable, "-m", "examples.git_server", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        assert fetch(scratch, f"{url}/{NAME}") == ""
        process.terminate()
        assert process.wait(timeout=30) == 0


# Faults


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (UNAUTHORIZED, "could not read Username"),
        (status(403), "error: 403"),
        (status(403, {"Retry-After": "7"}), "error: 403"),
        (DMCA, "Repository unavailable due to DMCA takedown"),
        (status(404), "not found"),
        *[(status(code), f"error: {code}") for code in (410, 429, 451, 500, 503)],
        (redirect("http://169.254.169.254/latest/info/refs?service=git-upload-pack"), "error: 301"),
        (redirect("file:///etc/passwd", 302), "error: 302"),
        (renamed("new/name"), "error: 301"),
        (reset, "reset by peer"),
        (reset_after(0), "Recv failure"),
        (reset_after(100_000), "Recv failure"),
        (cut(0.1), "closed with outstanding read data"),
        (cut(0.5), "closed with outstanding read data"),
        (cut(0.99), "closed with outstanding read data"),
        (flip(), "invalid index-pack output"),
        (password("secret"), "could not read Username"),
    ],
)
def test_a_fault_shows_and_passes(server: FaultyServer, scratch: Path, fault: Fault, says: str) -> None:
    server.fault(NAME, fault, times=2)
    settings = ("http.followRedirects=false",)
    for _ in range(2):
        assert says in fetch(scratch, f"{server.url}/{NAME}", settings=settings)
    assert fetch(scratch, f"{server.url}/{NAME}") == ""
    assert count_missing(scratch) == 0


def test_a_status_with_headers_and_content(server: FaultyServer) -> None:
    server.fault(NAME, status(429, {"Retry-After": "7"}))
    server.fault("owner/gone", DMCA)
    for _ in range(3):
        response, content = get(server)
        assert (response.status, response.headers["Retry-After"], content) == (429, "7", b"")
    response, content = get(server, "owner/gone")
    assert (response.status, response.headers["Content-Type"]) == (403, "text/plain")
    assert content == b"Repository unavailable due to DMCA takedown.\n"
    assert server.requests[0].status == 429 and server.requests[-1].bytes_down == len(content)
    server.heal(NAME)
    assert get(server)[0].status == 200


def test_faults_queue_up_and_one_may_be_meant_for_all(server: FaultyServer) -> None:
    server.fault(NAME, status(500))
    server.heal(NAME)
    server.fault(NAME, status(503), times=2)
    server.fault(NAME, status(404), times=1)
    server.fault(EVERY, status(429), times=2)
    assert get(server, "any/other")[0].status == 429
    assert [get(server)[0].status for _ in range(5)] == [503, 503, 404, 429, 200]


def test_a_renamed_repository_is_found_where_it_is_now(server: FaultyServer, scratch: Path) -> None:
    server.fault("old/name", renamed(NAME))
    assert (
        get(server, "old/name")[0].headers["Location"] == f"{server.url}/{NAME}.git/info/refs?service=git-upload-pack"
    )
    assert fetch(scratch, f"{server.url}/old/name", settings=("http.followRedirects=true",)) == ""


def test_a_cut_leaves_that_fraction_of_the_pack(server: FaultyServer, scratch: Path) -> None:
    assert fetch(scratch, f"{server.url}/{NAME}") == ""
    whole_bytes = server.requests[-1].bytes_down
    for fraction in (0.1, 0.5, 0.99):
        git(scratch, "update-ref", "-d", "refs/got/head")
        server.fault(NAME, cut(fraction), times=1)
        fetch(scratch, f"{server.url}/{NAME}")
        assert server.requests[-1].bytes_down == pytest.approx(fraction * whole_bytes, abs=1_000)


def test_a_flip_changes_one_bit_and_nothing_else() -> None:
    answer = raw.packet(b"packfile\n") + raw.packet(b"\2hello\n") + raw.band(b"PACK1234") + raw.FLUSH
    spans = git_http.pack_spans(answer)
    assert [answer[span.start : span.stop] for span in spans] == [b"PACK1234"]
    assert [chr(answer[git_http.position(spans, fraction)]) for fraction in (0, 0.5, 1)] == ["P", "1", "4"]


def test_a_password(server: FaultyServer, scratch: Path) -> None:
    server.fault(NAME, password("secret"))
    tokens = {secret: base64.b64encode(f"any:{secret}".encode()).decode() for secret in ("secret", "wrong")}
    for secret, expected in (("secret", 200), ("wrong", 401)):
        assert get(server, headers={"Authorization": f"Basic {tokens[secret]}"})[0].status == expected
    assert get(server, headers={"Authorization": "Basic \xff"})[0].status == 401
    assert get(server)[0].headers["WWW-Authenticate"].startswith("Basic ")
    header = f"http.extraHeader=Authorization: Basic {tokens['secret']}"
    assert fetch(scratch, f"{server.url}/{NAME}", settings=(header,)) == ""
    assert server.requests[-1].headers["Authorization"] == f"Basic {tokens['secret']}"


def test_without_filter(server: FaultyServer, scratch: Path) -> None:
    version = {"Git-Protocol": "version=2"}
    assert b"fetch=shallow wait-for-done filter\n" in get(server, headers=version)[1]
    server.fault(NAME, without_filter)
    assert b"fetch=shallow wait-for-done\n" in get(server, headers=version)[1]
    assert fetch(scratch, f"{server.url}/{NAME}", "--filter=blob:none") == ""
    assert count_missing(scratch) == 0


def test_requests_at_once_are_counted(server: FaultyServer) -> None:
    server.fault(NAME, delay(1))
    threads = [threading.Thread(target=get, args=(server,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most_at_once(server.requests) == {urlsplit(server.url).netloc: 3}
    assert all(r.end_s and r.end_s - r.start_s >= 1 for r in server.requests)
    assert len(visits(server.requests)) == 3
    server.heal(NAME)
    del server.requests[:]
    get(server)
    get(server)
    assert list(most_at_once(server.requests).values()) == [1]


def asked(start_s: float, end_s: float | None, host: str = "a", retry_after: str = "") -> Request:
    answered = {"Retry-After": retry_after} if retry_after else {}
    return Request("GET", "/o/n/info/refs?x", {"Host": host}, start_s, end_s, 200, answered)


def test_at_once_by_hand() -> None:
    requests = [asked(0, 2), asked(1, 3), asked(1.9, 4), asked(1, 3, "b"), asked(3.5, None), asked(100, 101)]
    assert most_at_once(requests) == {"a": 3, "b": 1}
    assert most_at_once([asked(0, 1), asked(1, 2)]) == {"a": 1}


def test_too_early_by_hand() -> None:
    pause = asked(0, 1, retry_after="10")
    others = [asked(1.2, 2), asked(2, 3), asked(10.9, 12), asked(11, 12), asked(5, 6, "b"), asked(0.5, 3)]
    post = Request("POST", "/o/n/git-upload-pack", {"Host": "a"}, 5, 6, 200)
    assert visits_too_early([pause, post, *others], grace_s=0.5) == [others[1], others[2]]


# Raw misbehaviour


@pytest.fixture(scope="module")
def crooked() -> Iterator[raw.RawServer]:
    with raw.serving() as server:
        yield server


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        ("good", ""),
        ("silence", "Operation too slow"),
        ("drip", "Operation too slow"),
        ("garbage", "protocol error: bad line length"),
        ("html", "not valid: is this a git repository?"),
        ("truncated-line", "body are still expected"),
        ("truncated-pack", "unexpected disconnect"),
        ("reset", "reset by peer"),
        ("many-objects", "invalid index-pack output"),
        ("unborn", "couldn't find remote ref HEAD"),
        ("bad-refs", ""),
        ("redirect-self", "Maximum (20) redirects followed"),
        ("redirect-endless", "Maximum (20) redirects followed"),
    ],
)
def test_misbehaviour(crooked: raw.RawServer, scratch: Path, behaviour: str, says: str) -> None:
    slow = says == "Operation too slow"
    settings = ("http.lowSpeedLimit=1000", "http.lowSpeedTime=1") if slow else ()
    error = fetch(scratch, f"{crooked.url}/{behaviour}/x", settings=settings)
    assert says in error and bool(says) == bool(error)
    assert not list(scratch.parent.rglob("TARGET*"))


@pytest.mark.parametrize("behaviour", ["trickle", "endless-refs", "endless-pack"])
def test_what_never_ends(behaviour: str, scratch: Path) -> None:
    """git reads until a limit ends it, and the server ends with its block."""
    command = ["git", f"--git-dir={scratch}", "fetch", "-q", "--depth=1"]
    limits = ["prlimit", "--fsize=50000000", "--as=500000000"]
    limits += ["timeout", "-s", "KILL", "2" if behaviour == "trickle" else "60"]
    with raw.serving() as server:
        done = subprocess.run([*limits, *command, f"{server.url}/{behaviour}/x"], capture_output=True, env=ENVIRONMENT)
        started_s = time.monotonic()
    assert time.monotonic() - started_s < 5
    says = {"trickle": b"", "endless-refs": b"memory", "endless-pack": b"invalid index-pack output"}[behaviour]
    assert done.returncode and says in done.stderr


def test_silent_threads_end_with_the_server() -> None:
    threads = set(threading.enumerate())
    with raw.serving() as server:
        clients = [socket.create_connection(("127.0.0.1", server.server_address[1])) for _ in range(3)]
        for client, path in zip(clients, (b"silence", b"drip", b"trickle"), strict=True):
            client.sendall(b"GET /%b/x/info/refs HTTP/1.1\r\n\r\n" % path)
        while len(server.requests) < 3:
            time.sleep(0.01)
        started_s = time.monotonic()
    assert time.monotonic() - started_s < 5
    assert set(threading.enumerate()) == threads
    for client in clients:
        client.close()


# Hostile repositories


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that hostile.py builds, the largest ones smaller."""
    folder = tmp_path_factory.mktemp("hostile")
    hostile.build(folder, *[name for name in hostile.BUILDERS if name not in {"large-blob", "long-message"}])
    for name in ("large-blob", "long-message"):
        init_repository(folder / f"{name}.git")
    hostile.large_blob(hostile.Repository(folder / "large-blob.git"), size_bytes=64 << 20)
    hostile.long_message(hostile.Repository(folder / "long-message.git"), size_bytes=5_000_000)
    return folder


NOT_FETCHED = {
    "empty": "couldn't find remote ref HEAD",
    "unborn-head": "couldn't find remote ref HEAD",
    "sha256": "client sha1; server sha256",
    "missing-blob": "repository corruption on the remote side",
}
NOT_SOUND = {
    "dot-dot": "hasDotdot",
    "slash-names": "fullPathname",
    "dot-git": "hasDotgit",
    "duplicate-entries": "duplicateEntries",
    "unsorted-entries": "treeNotSorted",
    "odd-modes": "zeroPaddedFilemode",
    "submodules": "gitmodulesUrl",
}


def test_hostile_repositories_are_what_they_are_called(odd: Path, tmp_path: Path) -> None:
    checked = ("fetch.fsckObjects=true", "fetch.fsck.zeroPaddedFilemode=error")
    with serving_git(odd) as server:
        for name in hostile.BUILDERS:
            scratch = tmp_path / "scratch.git"
            shutil.rmtree(scratch, ignore_errors=True)
            init_repository(scratch)
            if name in NOT_SOUND:
                assert NOT_SOUND[name] in fetch(scratch, f"{server.url}/{name}", settings=checked), name
            error = fetch(scratch, f"{server.url}/{name}", "--filter=blob:limit=1m")
            assert NOT_FETCHED.get(name, "") in error and bool(error) == (name in NOT_FETCHED), (name, error)
    assert not (odd / hostile.MARKER).exists()


def listed(repository: Path, *options: str) -> dict[bytes, tuple[bytes, ...]]:
    """Mode, kind, id and size by path."""
    lines = run_git(repository, "ls-tree", "-z", "-l", *options, "refs/heads/main").split(b"\0")[:-1]
    return {line.partition(b"\t")[2]: tuple(line.partition(b"\t")[0].split()) for line in lines}


def test_hostile_trees(odd: Path) -> None:
    def at(name: str) -> Any:
        return listed(odd / f"{name}.git", "-r")

    assert {path: entry[0] for path, entry in at("symlinks").items()} == {
        b"ok.py": b"100644",
        b"passwd": b"120000",
        b"self": b"120000",
        b"up": b"120000",
    }
    assert set(at("dot-dot")) == {b"../../pwned", b"ok.py"}
    assert {b"/abs/x.py", b"a/../../b.py"} < set(at("slash-names"))
    assert {b".git/hooks/post-checkout", b".GIT/hooks/post-checkout", b"git~1/hooks/post-checkout"} < set(at("dot-git"))
    assert set(at("odd-names")) == set(hostile.ODD_NAMES) and len(hostile.ODD_NAMES) == 17
    assert max(map(len, at("long-name"))) == 200_003
    assert max(path.count(b"/") for path in at("deep-tree")) == 5_000
    assert list(at("unsorted-entries")) == [b"z.py", b"ok.py", b"a.py"]
    assert at("submodules")[b"x"][:2] == (b"160000", b"commit")
    assert at("large-blob")[b"large.txt"][3] == b"%d" % (64 << 20)
    assert set(at("normal")) == {b"LICENSE", b"ok.py", b"src/app.py"}


def test_hostile_objects(odd: Path) -> None:
    assert b"100644 a.py\0" in run_git(odd / "odd-modes.git", "cat-file", "tree", "main^{tree}")
    assert run_git(odd / "duplicate-entries.git", "cat-file", "tree", "main^{tree}").count(b" a.py\0") == 3
    objects = run_git(odd / "git-bomb.git", "rev-list", "--objects", "main").splitlines()
    assert len(objects) == 12 and len(listed(odd / "git-bomb.git")) == 10
    assert run_git(odd / "head-is-blob.git", "cat-file", "-t", "HEAD") == b"blob\n"
    assert run_git(odd / "head-is-tag.git", "cat-file", "-t", "HEAD") == b"tag\n"
    assert run_git(odd / "head-is-tag.git", "cat-file", "-t", "HEAD^{}") == b"commit\n"
    assert len(run_git(odd / "sha256.git", "rev-parse", "HEAD")) == 65
    assert run_git(odd / "many-refs.git", "for-each-ref", "--format=%(refname)").count(b"\n") == 300_001
    assert b"refs/heads/--upload-pack=" in run_git(odd / "option-refs.git", "for-each-ref")
    assert int(run_git(odd / "long-message.git", "cat-file", "-s", "HEAD")) > 5_000_000


@pytest.mark.parametrize("name", ["large-blob", "long-message", "long-name", "odd-names"])
def test_written_objects_have_their_hash(odd: Path, name: str) -> None:
    """fsck reads every byte; what it says of names is not meant here."""
    assert "hash mismatch" not in run_git(odd / f"{name}.git", "fsck", "--connectivity-only").decode()
    oids = run_git(odd / f"{name}.git", "rev-list", "--objects", "--no-object-names", "HEAD").decode().split()
    for oid in oids:
        kind = run_git(odd / f"{name}.git", "cat-file", "-t", oid).decode().strip()
        content = run_git(odd / f"{name}.git", "cat-file", kind, oid)
        assert (
            run_git(odd / f"{name}.git", "hash-object", "-t", kind, "--literally", "--stdin", stdin=content)
            .decode()
            .strip()
            == oid
        )
