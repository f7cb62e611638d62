"""What is committed is whole, and a release is swapped for another in one step."""

from pathlib import Path

import pytest

from pipeline import storage


def folder(path: Path, text: str) -> Path:
    path.mkdir()
    (path / "manifest.json").write_text(text)
    return path


def test_a_file_that_is_not_finished_has_no_name(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), storage.commit(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    storage.write_json(tmp_path / "a", 1)
    with pytest.raises(RuntimeError), storage.commit(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert storage.read_json(tmp_path / "a") == 1


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_swap_leaves_the_new_folder_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool) -> None:
    if not can_exchange:  # as on a file system without RENAME_EXCHANGE
        monkeypatch.setattr(storage, "_exchange", lambda new, current: False)
    current = folder(tmp_path / "release", "old")
    storage.swap(folder(tmp_path / "release.next", "new"), current)
    assert [path.name for path in tmp_path.iterdir()] == ["release"]
    assert (current / "manifest.json").read_text() == "new"


def test_a_first_release_needs_no_old_one(tmp_path: Path) -> None:
    storage.swap(folder(tmp_path / "release.next", "new"), tmp_path / "release")
    assert (tmp_path / "release/manifest.json").read_text() == "new"


@pytest.mark.parametrize(("renamed", "expected"), [(False, "old"), (True, "new")])
def test_a_killed_swap_is_finished(tmp_path: Path, renamed: bool, expected: str) -> None:
    folder(tmp_path / "release.old", "old")
    if renamed:
        folder(tmp_path / "release", "new")
    storage.finish_swap(tmp_path / "release")
    assert [path.name for path in tmp_path.iterdir()] == ["release"]
    assert (tmp_path / "release/manifest.json").read_text() == expected


def test_strays_and_empty_folders_go(tmp_path: Path) -> None:
    for name in ("data/c/a.parquet", "data/python/b.parquet", "data/python/old.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    storage.delete_strays(tmp_path, {"data/python/b.parquet"})
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))
    assert left == ["data", "data/python", "data/python/b.parquet"]
