"""A release at an address of fsspec: a folder, and a store in memory that stands for those of objects."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from pipeline.errors import ConfigError, PublishError
from pipeline.publish.release import Release
from pipeline.publish.to_folder import Place, connect, look, publish
from pipeline.publish.yank import yank_folder
from tests.pipeline.publish.conftest import files, first, second, write_release


@pytest.fixture(params=["file", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where nothing is yet."""
    yield connect(f"{request.param}://{tmp_path}/sets")
    if request.param == "memory":
        fsspec.filesystem("memory").store.clear()


@pytest.fixture
def releases(tmp_path: Path) -> tuple[Release, Release]:
    return first(tmp_path / "one"), second(tmp_path / "two")


def at(place: Place, version: str) -> dict[str, bytes]:
    start = len(place.path(version)) + 1
    return {path[start:]: place.files.cat_file(path) for path in place.files.find(place.path(version))}


def test_two_versions_side_by_side(place: Place, releases: tuple[Release, Release]) -> None:
    for release in releases:
        assert publish(place, release) == place.path(release.version)
        assert place.json("latest.json") == {"version": release.version, "manifest_sha256": release.digest}
    assert [at(place, release.version) for release in releases] == [files(release) for release in releases]
    assert look(place, releases[1]).changed == []


def test_what_the_last_version_has_is_copied_there(place: Place, releases: tuple[Release, Release]) -> None:
    publish(place, releases[0])
    plan = look(place, releases[1])
    assert plan.copied["data/python/train-00003-of-00005.parquet"] == "data/python/train-00003-of-00004.parquet"
    assert "data/python/train-00004-of-00005.parquet" in plan.added and plan.before == "0.1.0"


def test_interrupted_anywhere_it_goes_on(place: Place, releases: tuple[Release, Release]) -> None:
    """Every write fails once, half done where a file can be: the version has no manifest until all is there."""
    one, two = releases
    publish(place, one)
    for number in itertools.count():
        done = []

        def broken(name: str, number: int = number, done: list[str] = done) -> None:
            done.append(name)
            if len(done) == number + 1:
                raise OSError("killed")

        with pytest.MonkeyPatch.context() as patched:
            files_ = type(place.files)
            for name in ("put_file", "cp_file", "pipe_file", "rm_file"):
                real = getattr(files_, name)

                def failing(self: object, *a: object, name: str = name, real: object = real, **k: object) -> object:
                    broken(name)
                    return real(self, *a, **k)  # type: ignore[operator]

                patched.setattr(files_, name, failing)
            try:
                publish(place, two)
            except OSError:
                if "manifest.json" in at(place, "0.2.0"):
                    assert at(place, "0.2.0").keys() - {"publishing.json"} == files(two).keys()
            else:
                break
            latest = place.json("latest.json")
            assert latest and latest["version"] in ("0.1.0", "0.2.0")
        publish(place, two)
        assert at(place, "0.2.0") == files(two)
        place.files.rm(place.path("0.2.0"), recursive=True)
        place.write(json.dumps({"version": "0.1.0", "manifest_sha256": one.digest}).encode(), "latest.json")
    assert number > 10


def test_a_file_that_was_half_written_is_written_again(place: Place, releases: tuple[Release, Release]) -> None:
    one = releases[0]
    shard = "data/c/train-00000-of-00003.parquet"
    claim = json.dumps({"manifest_sha256": one.digest}).encode()
    place.files.makedirs(place.path("0.1.0", "data/c"), exist_ok=True)
    place.write(claim, "0.1.0", "publishing.json")
    place.write(bytes(one.files[shard].bytes), "0.1.0", shard)  # as long as it should be
    publish(place, one)
    assert at(place, "0.1.0") == files(one)


def test_a_version_never_changes_and_the_latest_never_goes_back(
    place: Place, releases: tuple[Release, Release], tmp_path: Path
) -> None:
    one, two = releases
    publish(place, two)
    with pytest.raises(PublishError, match=r"0\.2\.0 is there, newer than 0\.1\.0"):
        publish(place, one)
    other = write_release(tmp_path / "other", "0.2.0", {"data/c/train-00000-of-00001.parquet": "other"})
    with pytest.raises(PublishError, match=r"version 0\.2\.0 is published with other bytes"):
        publish(place, other)


def test_two_releases_of_one_version_do_not_mix(
    place: Place, releases: tuple[Release, Release], tmp_path: Path
) -> None:
    claim = json.dumps({"manifest_sha256": "f" * 64}).encode()
    place.files.makedirs(place.path("0.1.0"), exist_ok=True)
    place.write(claim, "0.1.0", "publishing.json")
    with pytest.raises(PublishError, match=r"publishing\.json: another release is being published as 0\.1\.0"):
        publish(place, releases[0])


def test_a_version_is_yanked(place: Place, releases: tuple[Release, Release]) -> None:
    for release in releases:
        publish(place, release)
    with pytest.raises(PublishError, match=r"0\.2\.0 is what readers get now; publish a newer version first"):
        yank_folder(place, "0.2.0")
    assert "yanked" in yank_folder(place, "0.1.0") and not at(place, "0.1.0")
    with pytest.raises(PublishError, match=r"has no 0\.1\.0 \(yanked already"):
        yank_folder(place, "0.1.0")
    assert at(place, "0.2.0") == files(releases[1])


@pytest.mark.parametrize("address", ["nothing://bucket/sets", "s3://bucket/sets"])
def test_an_address_that_cannot_be_used(address: str) -> None:
    with pytest.raises(ConfigError, match=f"publish: to: {address}: "):
        connect(address)
