"""What a publish refuses, what it leaves alone, and what it says: one line, and nothing is changed."""

from pathlib import Path

import pytest

from pipeline.config import Publish
from pipeline.errors import PublishError
from pipeline.publish.release import Release
from pipeline.publish.to_hub import preview, publish
from tests.pipeline.publish.conftest import NAME, at, client, files, first, second, write_release
from tests.servers.hub import Hub as Server

SETTINGS = Publish(to=NAME)


@pytest.fixture
def one(tmp_path: Path) -> Release:
    return first(tmp_path / "one")


@pytest.fixture
def two(tmp_path: Path) -> Release:
    return second(tmp_path / "two")


def refused(server: Server, release: Release, words: str, token: str = "hf_alice", **settings: object) -> None:
    """The publish ends with these words, main stays as it is, and no token is told."""
    before = {name: each.branches.get("main") for name, each in server.repositories.items()}
    asked = Publish(**{"to": NAME} | settings)  # type: ignore[arg-type]
    with pytest.raises(PublishError, match=words) as error:
        publish(client(server, token, asked.to), release, asked)
    assert {name: server.repositories[name].branches.get("main") for name in before} == before
    assert "\n" not in str(error.value) and "hf_" not in str(error.value)


# Versions


def test_a_version_with_other_bytes(server: Server, one: Release, tmp_path: Path) -> None:
    publish(client(server), one, SETTINGS)
    other = write_release(tmp_path / "other", "0.1.0", {"data/c/train-00000-of-00001.parquet": "other"})
    refused(server, other, r"version 0\.1\.0 is published with other bytes.*raise \[release\] version")
    server.repository(NAME).tags.clear()  # killed before it was tagged: main says so itself
    refused(server, other, r"version 0\.1\.0 is published with other bytes")


def test_a_lower_version(server: Server, one: Release, two: Release) -> None:
    publish(client(server), two, SETTINGS)
    refused(server, one, r"0\.2\.0 is there, newer than 0\.1\.0")


def test_a_tag_that_somebody_made(server: Server, one: Release, two: Release) -> None:
    publish(client(server), one, SETTINGS)
    repository = server.repository(NAME)
    repository.tags["v0.2.0"] = repository.branches["main"]
    refused(server, two, r"version 0\.2\.0 is published with other bytes")


# What somebody else has put there


def test_files_that_would_be_read_with_the_release(server: Server, one: Release) -> None:
    server.add_repository(NAME, private=True).commit("main", {"data/c/mine.parquet": b"PAR1"}, "Mine")
    refused(server, one, r"data/c/mine\.parquet would be replaced, or read with the release.*--overwrite")
    publish(client(server), one, SETTINGS, overwrite=True)
    assert at(server, "main") == files(one)


def test_a_card_that_somebody_edited(server: Server, one: Release, two: Release) -> None:
    publish(client(server), one, SETTINGS)
    server.repository(NAME).commit("main", {"README.md": b"# Better"}, "Edit")
    refused(server, two, r"somebody has written its README\.md; take that over.*--overwrite")
    publish(client(server), two, SETTINGS, overwrite=True)
    assert at(server, "main") == files(two)


def test_both_are_named_before_both_are_overwritten(server: Server, one: Release, two: Release) -> None:
    publish(client(server), one, SETTINGS)
    extra = "data/c/extra.parquet"
    server.repository(NAME).commit("main", {"README.md": b"# Better", extra: b"PAR1"}, "Edit")
    with pytest.raises(PublishError) as error:
        publish(client(server), two, SETTINGS)
    assert [extra in line or "README.md" in line for line in str(error.value).splitlines()] == [True, True]
    assert preview(client(server), two, SETTINGS, True).overwritten == [extra, "README.md"]


def test_front_matter_alone_is_nobodys_card(server: Server, one: Release) -> None:
    server.add_repository(NAME, private=True).commit(
        "main", {"README.md": b"---\nlicense: mit\n---\n"}, "As on the web"
    )
    publish(client(server), one, SETTINGS)
    assert at(server, "main") == files(one)


def test_other_files_stay(server: Server, one: Release, two: Release) -> None:
    server.add_repository(NAME, private=True).commit("main", {"scripts/load.py": b"print()"}, "Mine")
    hub = client(server)
    assert preview(hub, one, SETTINGS, False).kept == ["scripts/load.py"]
    publish(hub, one, SETTINGS)
    publish(hub, two, SETTINGS)
    assert at(server, "v0.2.0") == files(two) | {"scripts/load.py": b"print()"}


def test_a_manifest_of_something_else(server: Server, one: Release) -> None:
    server.add_repository(NAME, private=True).commit("main", {"manifest.json": b"{}"}, "Mine")
    refused(server, one, r"manifest\.json there is none of stackyard")


def test_a_gitignore(server: Server, one: Release) -> None:
    server.add_repository(NAME, private=True).commit("main", {".gitignore": b"*.parquet\n"}, "Mine")
    refused(server, one, r"has a \.gitignore")


def test_what_led_to_older_versions_goes(server: Server, one: Release, two: Release) -> None:
    """A publish of 0.1.0 that was given up has left its branch, with what may have been taken down since."""
    publish(client(server), one, SETTINGS)
    branches = server.repository(NAME).branches
    ours = ["staging/0.1.5-0123456789ab", "staging/0.2.0-0123456789ab"]
    theirs = ["staging/0.3.0-0123456789ab", "staging-of-mine", "drafts/0.1.0-x"]
    branches.update(dict.fromkeys([*ours, *theirs], branches["main"]))
    publish(client(server), two, SETTINGS)
    assert set(branches) == {"main", *theirs}


# Who may


def test_a_wrong_token(server: Server, one: Release) -> None:
    refused(server, one, r"401.*it is wrong or has expired: set HF_TOKEN", token="hf_wrong")


def test_a_token_that_may_only_read(server: Server, one: Release) -> None:
    server.add_user("alice", "hf_reader", role="read")
    refused(server, one, r"403.*to publish it needs write access", token="hf_reader")
    server.add_repository(NAME, private=True)
    refused(server, one, r"403.*to publish it needs write access", token="hf_reader")


def test_somebody_elses_repository(server: Server, one: Release) -> None:
    server.add_repository(NAME)
    refused(server, one, r"403.*to publish it needs write access", token="hf_bob")


def test_an_owner_that_is_not_there(server: Server, one: Release) -> None:
    refused(server, one, r"nobody/data: create: .*40[34]", to="nobody/data")


def test_a_public_repository_for_a_private_release(server: Server, one: Release) -> None:
    server.add_repository(NAME)
    refused(server, one, r'is public, and \[publish\] visibility is "private"')


def test_a_new_repository_is_private_until_it_is_whole(server: Server, one: Release) -> None:
    publish(client(server), one, Publish(to=NAME))
    repository = server.repository(NAME)
    assert repository.private and repository.gated is False
    publish(client(server), one, Publish(to=NAME, visibility="public", gated="manual"))
    assert not repository.private and repository.gated == "manual"
    publish(client(server), one, Publish(to=NAME, visibility="public"))
    assert repository.gated is False


def test_a_preview_tells_of_settings(server: Server, one: Release) -> None:
    hub = client(server)
    publish(hub, one, SETTINGS)
    assert preview(hub, one, SETTINGS, False).settings == []
    asked = Publish(to=NAME, visibility="public", gated="auto")
    assert preview(hub, one, asked, False).settings == ["private -> public", "gated no -> auto"]
    publish(hub, one, asked)
    with pytest.raises(PublishError, match="is public"):
        preview(hub, one, SETTINGS, False)


def test_a_release_that_somebody_has_changed_on_main(server: Server, one: Release, two: Release) -> None:
    publish(client(server), one, SETTINGS)
    shard = "data/c/train-00000-of-00003.parquet"
    server.repository(NAME).commit("main", {shard: b"PAR1"}, "Damage")
    refused(server, one, rf"0\.1\.0 was published, but main is not that any more: {shard}: other bytes")
    publish(client(server), two, SETTINGS)
    assert at(server, "main") == files(two)
    publish(client(server), one, SETTINGS)
    assert at(server, "main") == files(two), "the tag of 0.1.0 is what it was, and main has moved on"


# Files that are not what the manifest says


def test_a_file_that_has_changed_since(server: Server, one: Release, two: Release) -> None:
    publish(client(server), one, SETTINGS)
    path = two.folder / "data/python/train-00004-of-00005.parquet"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"2")
    refused(server, two, r"train-00004-of-00005\.parquet: what arrived is not what the manifest says")
    path.write_bytes(data)
    publish(client(server), two, SETTINGS)
    assert at(server, "main") == files(two)


# Looking only


def test_a_preview_writes_nothing(server: Server, one: Release, two: Release) -> None:
    hub = client(server)
    assert preview(hub, one, SETTINGS, False).added == sorted(one.files)
    assert not server.writes() and not server.repositories
    publish(hub, one, SETTINGS)
    written = len(server.writes())
    plan = preview(hub, two, SETTINGS, False)
    python = "data/python/train-0000"
    new = f"{python}4-of-00005.parquet"
    ledger = "ledger/ledger-00000-of-00001.parquet"
    assert plan.added == ["README.md", new, ledger, "manifest.json"]
    assert plan.copied == {
        "data/c/train-00000-of-00002.parquet": "data/c/train-00000-of-00003.parquet",
        "data/c/train-00001-of-00002.parquet": "data/c/train-00001-of-00003.parquet",
        **{
            f"data/python/train-0000{i}-of-00005.parquet": f"data/python/train-0000{i}-of-00004.parquet"
            for i in range(4)
        },
    }
    assert len(plan.deleted) == 7 and plan.kept == [] and plan.before == "0.1.0"
    assert preview(hub, one, SETTINGS, False).changed == []
    assert len(server.writes()) == written


def test_what_is_there_is_not_sent_again(server: Server, one: Release, two: Release) -> None:
    publish(client(server), one, SETTINGS)
    before = server.uploaded_bytes()
    publish(client(server), two, SETTINGS)
    assert server.uploaded_bytes() - before < 10_000, "two of eight shards are new, of 2,008 bytes each"
