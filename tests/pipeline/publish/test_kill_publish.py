"""A publish that is killed before or after any request: readers see one version whole, and the next run goes on."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from pipeline.config import Publish
from pipeline.publish.release import Release
from pipeline.publish.to_hub import publish
from tests.pipeline.publish.conftest import at, client, files, first, second
from tests.pipeline.publish.publisher import Publisher, publisher
from tests.servers.hub import Hub as Server
from tests.servers.hub import Request

When = Literal["before", "after"]
SAMPLED = 10  # every so many requests in `make test`; `make slow` takes every one


class Watch:
    """Looks at main at every request, kills the publisher at one, and counts."""

    def __init__(self, server: Server, name: str, versions: list[dict[str, bytes]]) -> None:
        self.server, self.name, self.versions = server, name, versions
        self.requests = 0
        self.mixed: list[str] = []
        self.victim: int | None = None
        self.moment: tuple[int, When] | None = None
        server.on_request = self

    def __call__(self, request: Request, when: When) -> None:
        with self.server.lock:
            if at(self.server, "main", self.name) not in self.versions:
                self.mixed.append(f"{when} {request.method} {request.path}")
            self.requests += when == "before"
            if self.victim and (self.requests, when) == self.moment:
                os.kill(self.victim, signal.SIGKILL)
                self.victim = None


@pytest.fixture(scope="module")
def process() -> Iterator[Publisher]:
    with publisher() as found:
        yield found


@pytest.fixture
def releases(tmp_path: Path) -> tuple[Release, Release]:
    return first(tmp_path / "one"), second(tmp_path / "two")


def trial(
    server: Server, process: Publisher, releases: tuple[Release, Release], moment: tuple[int, When] | None, name: str
) -> int:
    """From version 1 to version 2 with a kill at that request, then to the end; how many requests there were."""
    one, two = releases
    server.on_request = lambda request, when: None
    publish(client(server, name=name), one, Publish(to=name))
    watch = Watch(server, name, [files(one), files(two)])
    asked = {"url": server.url, "name": name, "folder": str(two.folder), "token": "hf_alice", "xet": bool(server.cas)}
    watch.moment = moment
    with server.lock:  # no request is answered before its sender is known
        watch.victim = process.start(**asked, files_per_commit=4)
    code = process.wait()
    requests = watch.requests
    assert code == (-signal.SIGKILL if moment and watch.victim is None else 0)
    if code:
        process.start(**asked, files_per_commit=4)
        assert process.wait() == 0
    repository = server.repository(name)
    assert not watch.mixed
    assert at(server, "main", name) == at(server, "v0.2.0", name) == files(two)
    assert at(server, "v0.1.0", name) == files(one)
    assert set(repository.branches) == {"main"}
    titles = [commit.title for commit in repository.history("main")]
    assert titles == ["Release 0.2.0", "Release 0.1.0", "initial commit"]
    return requests


def test_killed_at_some_requests(server: Server, process: Publisher, releases: tuple[Release, Release]) -> None:
    count = trial(server, process, releases, None, "alice/whole")
    assert count > 20
    for number in range(1, count + 1, SAMPLED):
        for when in ("before", "after"):
            trial(server, process, releases, (number, when), f"alice/{when}{number}")


@pytest.mark.slow
def test_killed_at_every_request(server: Server, process: Publisher, releases: tuple[Release, Release]) -> None:
    count = trial(server, process, releases, None, "alice/whole")
    for number in range(1, count + 1):
        for when in ("before", "after"):
            trial(server, process, releases, (number, when), f"alice/{when}{number}")
