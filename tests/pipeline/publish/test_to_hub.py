"""A release on the Hub: first, again, a new version, and what is refused."""

from pathlib import Path

from pipeline.config import Publish
from pipeline.publish.to_hub import publish
from tests.pipeline.publish.conftest import NAME, at, client, files, first, second
from tests.servers.hub import Hub as Server

SETTINGS = Publish(to=NAME, files_per_commit=3)


def test_a_first_release_and_a_second(server: Server, tmp_path: Path) -> None:
    one, two = first(tmp_path / "one"), second(tmp_path / "two")
    hub = client(server)
    done = publish(hub, one, SETTINGS)
    assert at(server, "main") == files(one)
    assert server.repository(NAME).tags == {"v0.1.0": done.commit}
    assert set(server.repository(NAME).branches) == {"main"}
    publish(hub, two, SETTINGS)
    assert at(server, "main") == files(two) and at(server, "v0.1.0") == files(one)


def test_publishing_again_writes_nothing(server: Server, tmp_path: Path) -> None:
    one = first(tmp_path / "one")
    publish(client(server), one, SETTINGS)
    asked, written = len(server.requests), len(server.writes())
    publish(client(server), one, SETTINGS)
    assert len(server.writes()) == written and len(server.requests) - asked <= 5
