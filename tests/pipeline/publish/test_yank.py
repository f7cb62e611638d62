"""A version that is taken back, with and without what it held; and verify, of what readers find on the Hub."""

from pathlib import Path

import pytest

from pipeline.config import Publish
from pipeline.errors import PublishError
from pipeline.publish import verify
from pipeline.publish.release import Release
from pipeline.publish.to_hub import publish
from pipeline.publish.yank import yank
from tests.pipeline.publish.conftest import NAME, at, client, files, first, second
from tests.servers.hub import Hub as Server
from tests.servers.hub import drop_after

SETTINGS = Publish(to=NAME)
ONLY_OF_ONE = "data/c/train-00002-of-00003.parquet"  # and the ledger of 0.1.0


@pytest.fixture
def releases(server: Server, tmp_path: Path) -> tuple[Release, Release]:
    """Both published."""
    both = first(tmp_path / "one"), second(tmp_path / "two")
    for release in both:
        publish(client(server), release, SETTINGS)
    return both


def test_a_yanked_version_is_not_found_and_the_others_are_whole(
    server: Server, releases: tuple[Release, Release]
) -> None:
    assert "yanked" in yank(client(server), "0.1.0", purge=False)
    repository = server.repository(NAME)
    assert set(repository.tags) == {"v0.2.0"} and not repository.deleted_lfs
    with pytest.raises(PublishError, match=r"has no v0\.1\.0 \(yanked already, or never published\)"):
        yank(client(server), "0.1.0", purge=False)
    with pytest.raises(PublishError, match=r"0\.2\.0 is there, newer than 0\.1\.0"):
        publish(client(server), releases[0], SETTINGS)
    assert set(repository.tags) == {"v0.2.0"}, "nobody brings it back by mistake"
    assert at(server, "v0.2.0") == files(releases[1])


def test_purged_it_is_gone_from_storage_and_history(server: Server, releases: tuple[Release, Release]) -> None:
    one, two = releases
    server.fault("DELETE", "/tag/", drop_after)  # whose answer is lost
    said = yank(client(server), "0.1.0", purge=True)
    gone = {one.files[name].sha256 for name in (ONLY_OF_ONE, "ledger/ledger-00000-of-00001.parquet")}
    repository = server.repository(NAME)
    assert repository.deleted_lfs == gone and "2 files, 4,016 bytes" in said
    held = {e.sha256 for commit in repository.commits.values() for e in commit.tree.values() if e.sha256}
    assert not gone & held
    assert at(server, "main") == at(server, "v0.2.0") == files(two)
    assert "0 files" in yank(client(server), "0.1.0", purge=True)
    publish(client(server), two, SETTINGS)


def test_what_a_pull_request_holds_is_not_deleted(server: Server, releases: tuple[Release, Release]) -> None:
    api = client(server).api
    number = api.create_pull_request(NAME, "Better", repo_type="dataset").num
    with pytest.raises(PublishError, match=rf"only pull requests hold would be deleted, too: merge or close {number} "):
        yank(client(server), "0.1.0", purge=True)
    assert "v0.1.0" in server.repository(NAME).tags
    api.change_discussion_status(NAME, number, "closed", repo_type="dataset")
    yank(client(server), "0.1.0", purge=True)
    assert server.repository(NAME).deleted_lfs


def test_what_readers_get_now_cannot_be_yanked(server: Server, releases: tuple[Release, Release]) -> None:
    with pytest.raises(PublishError, match=r"0\.2\.0 is what readers get now; publish a newer version first"):
        yank(client(server), "0.2.0", purge=True)
    assert set(server.repository(NAME).tags) == {"v0.1.0", "v0.2.0"}


def test_verify_finds_what_differs_on_the_hub(server: Server, releases: tuple[Release, Release]) -> None:
    hub, repository = client(server), server.repository(NAME)
    assert verify.on_the_hub(hub, "v0.1.0")[1] == [] == verify.on_the_hub(hub, "main")[1]
    shard, card = "data/c/train-00000-of-00002.parquet", "README.md"
    repository.commit("main", {shard: b"PAR1", card: b"# Mine", "data/c/x.parquet": b"PAR1", "notes.md": b"x"}, "Edit")
    repository.commit("main", {"plots/sizes.svg": None}, "Remove")
    assert verify.on_the_hub(hub, "main")[1] == [
        "README.md: other bytes than the manifest says",
        "data/c/train-00000-of-00002.parquet: other bytes than the manifest says",
        "plots/sizes.svg: missing",
        "data/c/x.parquet: not in the manifest",
    ]
