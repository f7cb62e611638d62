"""A Hub in trouble, others at work meanwhile, and more files than a commit takes."""

import threading
from pathlib import Path

import pytest
from huggingface_hub import set_client_factory
from huggingface_hub.utils._http import default_client_factory

from pipeline.config import Publish
from pipeline.errors import PublishError
from pipeline.publish import hub as hubs
from pipeline.publish.release import Release
from pipeline.publish.to_hub import publish
from tests.pipeline.publish.conftest import NAME, at, client, files, first, many, patience, second
from tests.pipeline.publish.publisher import publisher
from tests.servers.hub import Hub as Server
from tests.servers.hub import Request, delay, drop_after, drop_before, drop_midbody, expired, status
from tests.servers.hub.server import Fault

SETTINGS = Publish(to=NAME, files_per_commit=4)
HTML = status(503, {"Content-Type": "text/html"}, b"<html>")
QUOTA = status(
    429,
    {"RateLimit": '"api";r=949;t=66'},
    b'{"error": "You have exceeded the rate limit for repository commits (128 per hour). Retry in about 1 hour."}',
)
ENDPOINTS = {
    "whether it is there": ("GET", f"/api/datasets/{NAME}$"),
    "create": ("POST", "/api/repos/create"),
    "write check": ("GET", "/auth-check"),
    "refs": ("GET", "/refs"),
    "tree": ("GET", "/tree/"),
    "paths": ("POST", "/paths-info/"),
    "commits": ("GET", "/commits/"),
    "branch": ("POST", "/branch/"),
    "preupload": ("POST", "/preupload/"),
    "staging commit": ("POST", "/commit/staging"),
    "release commit": ("POST", "/commit/main"),
    "card": ("POST", "/validate-yaml"),
    "tag": ("POST", "/tag/"),
    "clean up": ("DELETE", "/branch/"),
}


EACH = [("lfs", endpoint) for endpoint in ENDPOINTS]
EACH += [("xet", endpoint) for endpoint in ("preupload", "staging commit", "release commit")]


@pytest.fixture
def two(server: Server, tmp_path: Path) -> Release:
    """The next release, after a first one."""
    publish(client(server), first(tmp_path / "one"), SETTINGS)
    return second(tmp_path / "two")


def check_released(server: Server, release: Release) -> None:
    """On main by one commit, tagged, nothing left over."""
    repository = server.repository(NAME)
    assert at(server, "main") == at(server, release.tag) == files(release)
    assert set(repository.branches) == {"main"}
    titles = [commit.title for commit in repository.history("main")]
    assert titles.count(f"Release {release.version}") == 1


@pytest.mark.parametrize("fault", [drop_before, drop_after, status(503), HTML], ids=["before", "after", "503", "html"])
@pytest.mark.parametrize(("server", "endpoint"), EACH, indirect=["server"])
def test_a_fault_of_every_request(server: Server, tmp_path: Path, endpoint: str, fault: Fault) -> None:
    """Each request fails once, on the way from nothing to a first release; with Xet those that may differ."""
    release = first(tmp_path / "one")
    rule = server.fault(*ENDPOINTS[endpoint], fault)
    publish(client(server), release, SETTINGS)
    check_released(server, release)
    assert rule.seen, "it did fail"


@pytest.mark.parametrize("fault", [drop_midbody, expired, status(500)])
def test_an_upload_that_fails(server: Server, two: Release, fault: Fault) -> None:
    server.fault("PUT", "", fault, times=2)
    publish(client(server), two, SETTINGS)
    check_released(server, two)


def test_a_quota_of_commits_is_waited_for(server: Server, two: Release, capsys: pytest.CaptureFixture[str]) -> None:
    server.fault("POST", "/commit/", QUOTA, times=3)
    hub = client(server, seconds=3_000)
    before = len([r for r in server.requests if "/commit/" in r.path])
    publish(hub, two, SETTINGS)
    check_released(server, two)
    assert len([r for r in server.requests if "/commit/" in r.path]) - before == 3 + 3, "and none in vain"
    assert hub.patience.waited_s == 3 * 900
    assert "commits (128 per hour)" in (said := capsys.readouterr().err) and "trying again in 15 min" in said


def test_a_retry_after_is_obeyed(server: Server, two: Release) -> None:
    server.fault("POST", "/commit/", status(429, {"Retry-After": "40"}))
    hub = client(server)
    publish(hub, two, SETTINGS)
    assert hub.patience.waited_s == 41


def test_patience_ends(server: Server, two: Release) -> None:
    server.fault("POST", "/commit/main", status(503), times=None)
    hub = client(server, seconds=200)
    with pytest.raises(
        PublishError, match=r"commit: the server answered 503.*is over 3 min in all.*run again to go on"
    ):
        publish(hub, two, SETTINGS)
    assert server.repository(NAME).history("main")[0].title == "Release 0.1.0"


def test_commits_are_paced(server: Server, tmp_path: Path) -> None:
    release = many(tmp_path / "many", "1.0.0", 20)
    hub = client(server)
    hub.patience.commits_per_hour = 3
    publish(hub, release, Publish(to=NAME, files_per_commit=4))
    check_released(server, release)
    assert hub.patience.clock() >= 3_600, "five batches and the release are six commits"


def test_a_server_that_says_nothing(server: Server, two: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Hub's client by itself would wait for ever."""
    monkeypatch.setattr(hubs, "TIMEOUT_S", 0.5)
    set_client_factory(hubs.client)
    try:
        server.fault("POST", "/commit/", delay(3_600), times=2)
        publish(client(server), two, SETTINGS)
    finally:
        set_client_factory(default_client_factory)
    check_released(server, two)


@pytest.mark.parametrize("server", ["xet"], indirect=True)
def test_the_tokens_of_xet(server: Server, two: Release) -> None:
    server.fault("GET", "/xet-write-token/", status(503), times=2)
    publish(client(server), two, SETTINGS)
    check_released(server, two)


@pytest.mark.parametrize("server", ["xet"], indirect=True)
def test_a_token_that_xet_refuses_is_not_tried_again(server: Server, two: Release) -> None:
    server.fault("GET", "/xet-write-token/", status(403), times=None)
    with pytest.raises(PublishError, match=r"upload: .*403.*to publish it needs write access"):
        publish(client(server), two, SETTINGS)


# Others at work


def test_somebody_commits_meanwhile(server: Server, two: Release) -> None:
    def meddle(request: Request, when: str) -> None:
        if when == "before" and "/commit/main" in request.path and "notes.md" not in at(server, "main"):
            server.repository(NAME).commit("main", {"notes.md": b"Mine"}, "Notes")

    server.on_request = meddle
    publish(client(server), two, SETTINGS)
    assert at(server, "v0.2.0") == files(two) | {"notes.md": b"Mine"}


def test_two_publishers_at_once(server: Server, two: Release, tmp_path: Path) -> None:
    """Two releases by two processes: either both are public in order, or the lower one has lost. Never a mixture."""
    three = many(tmp_path / "three", "0.3.0", 9)
    versions = [at(server, "main"), files(two), files(three)]
    mixed: list[str] = []

    def look(request: Request, when: str) -> None:
        with server.lock:
            if at(server, "main") not in versions:
                mixed.append(request.path)

    server.on_request = look
    asked = {"url": server.url, "name": NAME, "token": "hf_alice", "xet": bool(server.cas), "files_per_commit": 2}
    with publisher() as a, publisher() as b:
        for process, release in ((a, two), (b, three)):
            process.start(folder=str(release.folder), **asked)
        codes = a.wait(), b.wait()
    assert not mixed and codes[1] == 0 and codes[0] in (0, 1)
    check_released(server, three)
    assert ("v0.2.0" in server.repository(NAME).tags) == (codes[0] == 0)


def test_a_newer_publish_ends_the_older_one(server: Server, two: Release, tmp_path: Path) -> None:
    """It deletes the branch that the older one fills, which then says why it stops."""
    three = many(tmp_path / "three", "0.3.0", 3)

    def overtake(request: Request, when: str) -> None:
        if when == "before" and "/commit/staging%2F0.2.0" in request.path:
            server.on_request = lambda request, when: None
            publish(client(server), three, SETTINGS)

    server.on_request = overtake
    with pytest.raises(PublishError, match=r"0\.3\.0 is there, newer than 0\.2\.0: raise \[release\] version"):
        publish(client(server), two, SETTINGS)
    check_released(server, three)


def test_two_publishers_of_one_version(server: Server, two: Release, tmp_path: Path) -> None:
    other = many(tmp_path / "other", "0.2.0", 9)
    asked = {"url": server.url, "name": NAME, "token": "hf_alice", "xet": bool(server.cas), "files_per_commit": 2}
    with publisher() as a, publisher() as b:
        for process, release in ((a, two), (b, other)):
            process.start(folder=str(release.folder), **asked)
        codes = a.wait(), b.wait()
    assert sorted(codes) == [0, 1], "one winner"
    check_released(server, two if codes[0] == 0 else other)


def test_a_reader_who_asks_once_sees_one_version(server: Server, two: Release, tmp_path: Path) -> None:
    """The real client downloads all the time, by the revision that it resolved at first."""
    from huggingface_hub import HfApi

    api = HfApi(endpoint=server.url, token="hf_alice")
    ended, seen = threading.Event(), []

    def read() -> None:
        while not ended.is_set():
            folder = Path(api.snapshot_download(NAME, repo_type="dataset", local_dir=tmp_path / f"copy{len(seen)}"))
            seen.append(
                {
                    path.relative_to(folder).as_posix(): path.read_bytes()
                    for path in folder.rglob("*")
                    if path.is_file() and not path.is_relative_to(folder / ".cache") and path.name != ".gitattributes"
                }
            )

    versions = [at(server, "main"), files(two)]
    reader = threading.Thread(target=read)
    reader.start()
    publish(client(server), two, Publish(to=NAME, files_per_commit=1))
    ended.set()
    reader.join()
    assert seen and all(each in versions for each in seen)


# More than a commit takes


@pytest.mark.parametrize("server", ["lfs"], indirect=True)
def test_more_than_a_thousand_files_are_one_commit_on_main(server: Server, two: Release, tmp_path: Path) -> None:
    release = many(tmp_path / "many", "0.3.0", 1_100)
    publish(client(server), release, Publish(to=NAME))
    check_released(server, release)
    staged = [request for request in server.requests if "/commit/staging%2F0.3.0" in request.path]
    assert len(staged) == 11, "batches of at most 100"


@pytest.mark.parametrize("fault", [None, status(504)], ids=["413", "504"])
def test_more_files_than_a_commit_takes_go_through_a_pull_request(
    server: Server, two: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault | None
) -> None:
    monkeypatch.setattr(hubs, "MANY", 20)
    if fault is None:
        server.max_operations = 20
    else:
        server.fault("POST", "/commit/main", fault, times=None)
    release = many(tmp_path / "many", "0.3.0", 40)
    hub = client(server)
    publish(hub, release, Publish(to=NAME, files_per_commit=20))
    assert at(server, "main") == at(server, "v0.3.0") == files(release)
    history = server.repository(NAME).history("main")
    assert len(history) == 3 and history[0].title.startswith("Release 0.3.0"), "one commit on main"
    assert [pull.status for pull in server.repository(NAME).pulls.values()] == ["merged"]


def test_a_pull_request_waits_for_somebody(server: Server, two: Release) -> None:
    done = publish(client(server), two, SETTINGS, pull_request=True)
    assert done.url and at(server, "main") != files(two)
    assert publish(client(server), two, SETTINGS, pull_request=True).url == done.url, "it is not made twice"
    pull = server.repository(NAME).pulls[1]
    pull.status = "open"
    server.repository(NAME).merge(pull)
    publish(client(server), two, SETTINGS)
    assert at(server, "main") == at(server, "v0.2.0") == files(two)
    assert set(server.repository(NAME).branches) == {"main"}


def test_what_was_proposed_and_then_published_is_closed(server: Server, two: Release) -> None:
    publish(client(server), two, SETTINGS, pull_request=True)
    publish(client(server), two, SETTINGS)
    check_released(server, two)
    assert server.repository(NAME).pulls[1].status == "closed"


def test_the_patience_of_tests_jumps() -> None:
    hub = patience(10)
    hub.sleep(5)
    assert hub.clock() == 5
