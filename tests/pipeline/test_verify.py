"""Verify finds every damage of a release, and says which file."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import storage
from pipeline.errors import ShardError
from pipeline.verify import verify_release

FLIPS, CUTS, HOLE_BYTES = 100, 50, 4_096


@pytest.fixture(scope="module")
def copy(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release, put back by every test as it was."""
    return Path(shutil.copytree(finished / "release", tmp_path_factory.mktemp("verify") / "release"))


def check_found(release: Path, path: Path, data: bytes) -> None:
    """The file with these bytes instead of its own is damage, and it is the one named. `manifest.json` may be the one
    that is wrong about another."""
    whole = path.read_bytes()
    path.write_bytes(data)
    try:
        with pytest.raises(ShardError) as error:
            verify_release(release)
        assert str(path) in str(error.value) or path.name == "manifest.json"
    finally:
        path.write_bytes(whole)


def files(release: Path) -> list[Path]:
    return sorted(path for path in release.rglob("*") if path.is_file())


def test_a_flipped_bit(copy: Path) -> None:
    chosen = random.Random(1)
    for path in chosen.choices([path for path in files(copy) if path.suffix != ".json"], k=FLIPS):
        data = bytearray(path.read_bytes())
        data[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
        check_found(copy, path, bytes(data))


def test_a_cut_file(copy: Path) -> None:
    chosen = random.Random(2)
    for path in [copy / "manifest.json", *chosen.choices(files(copy), k=CUTS)]:
        check_found(copy, path, path.read_bytes()[: chosen.randrange(path.stat().st_size - 1)])


def test_a_hole(copy: Path) -> None:
    """As a disk leaves it that lost power."""
    large = [path for path in files(copy) if path.stat().st_size > 2 * HOLE_BYTES and path.suffix == ".parquet"]
    assert large
    for path in large:
        data = path.read_bytes()
        check_found(copy, path, data[:HOLE_BYTES] + bytes(HOLE_BYTES) + data[2 * HOLE_BYTES :])


def shard(release: Path) -> Path:
    return next(path for path in files(release) if path.suffix == ".parquet" and "data" in path.parts)


def remove(release: Path) -> str:
    shard(release).unlink()
    return r"data/.*\.parquet: missing"


def add(release: Path) -> str:
    shutil.copy(shard(release), shard(release).with_name("train-00009-of-00010.parquet"))
    return r"train-00009-of-00010\.parquet: not in the manifest"


def add_above(release: Path) -> str:
    (release / "notes.md").write_text("mine")
    return r"notes\.md: not in the manifest"


def rename(release: Path) -> str:
    shard(release).rename(shard(release).with_name("train-00009-of-00010.parquet"))
    return r"(?s)missing.*train-00009-of-00010\.parquet: not in the manifest"


def other_rows(release: Path) -> str:
    path = release / "manifest.json"
    values = storage.read_json(path)
    values["contents"][shard(release).relative_to(release).as_posix()]["rows"] += 1
    storage.write_json(path, values)
    return r"rows, the manifest says"


def other_sums(release: Path) -> str:
    path = release / "manifest.json"
    values = storage.read_json(path)
    values["files"]["removed"] += 1
    storage.write_json(path, values)
    return r"manifest\.json: the sums differ: files and their outcomes"


@pytest.mark.parametrize("damage", [remove, add, add_above, rename, other_rows, other_sums])
def test_other_damage(copy: Path, tmp_path: Path, damage: Callable[[Path], str]) -> None:
    release = Path(shutil.copytree(copy, tmp_path / "release", copy_function=os.link))
    verify_release(release)
    words = damage(release)
    with pytest.raises(ShardError, match=words):
        verify_release(release)


def test_what_a_download_adds_is_no_damage(copy: Path, tmp_path: Path) -> None:
    """`hf download --local-dir` leaves these."""
    release = Path(shutil.copytree(copy, tmp_path / "release", copy_function=os.link))
    (release / ".gitattributes").write_text("*.parquet filter=lfs\n")
    (release / ".cache/huggingface/download").mkdir(parents=True)
    (release / ".cache/huggingface/download/README.md.metadata").write_text("x")
    verify_release(release)
