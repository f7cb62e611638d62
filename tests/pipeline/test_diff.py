"""What differs between releases: by rows, files, configuration and reasons, in folders and at addresses."""

import json
import shutil
from pathlib import Path

import fsspec
import polars as pl
import pytest

from pipeline.config import Config
from pipeline.diff import changes, diff
from pipeline.errors import ShardError
from tests.pipeline.conftest import release, rows, with_rules


@pytest.fixture(scope="module")
def other(config: Config, finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of the same units by another threshold."""
    workspace = Path(shutil.copytree(finished, tmp_path_factory.mktemp("other") / "workspace"))
    strict = config.model_copy(update={"release": config.release.model_copy(update={"version": "0.2.0"})})
    return release(workspace, with_rules(strict, large_file={"max_bytes": 3_000}))


def counted(one: Path, another: Path) -> dict[str, int]:
    """By language the rows of the first release that the other does not have, counted without the code tested."""
    ids = [rows(folder, "data/*/*.parquet").select("file_id", "language") for folder in (one, another)]
    lost = ids[0].join(ids[1], "file_id", "anti")
    return dict(lost.group_by("language").len().iter_rows())


def test_a_release_does_not_differ_from_itself(finished: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(finished / "release", tmp_path / "copy")
    found = diff(finished / "release", copy)
    assert found.rows == {} and found.files["new"] == found.files["gone"] == []
    assert found.changes["reasons"] == found.changes["configuration"] == {}
    assert "0.1.0 -> 0.1.0" in str(found)


def test_rows_are_counted_by_language(finished: Path, other: Path) -> None:
    found = diff(finished / "release", other)
    removed = {name: counts["removed"] for name, counts in found.rows.items() if counts["removed"]}
    added = {name: counts["added"] for name, counts in found.rows.items() if counts["added"]}
    assert removed == counted(finished / "release", other) != {}
    assert added == counted(other, finished / "release")
    back = diff(other, finished / "release")
    assert {name: counts["added"] for name, counts in back.rows.items() if counts["added"]} == removed


def test_configuration_and_reasons_are_named(finished: Path, other: Path) -> None:
    found = diff(finished / "release", other)
    assert found.versions == ("0.1.0", "0.2.0")
    values = [json.loads((folder / "manifest.json").read_text()) for folder in (finished / "release", other)]
    was = values[0]["configuration"]["rules"]["large_file"]["max_bytes"]
    assert found.changes["configuration"] == {
        "release.version": ["0.1.0", "0.2.0"],
        "rules.large_file.max_bytes": [was, 3_000],
    }
    assert found.changes["rules"] == [f"large_file.max_bytes: {was}, now 3000"]
    assert found.changes["reasons"]["large_file"] == [0, values[1]["reasons"]["large_file"]["files"]]
    assert found.changes == changes(*values)
    assert json.loads(json.dumps(found.as_json()))["rows"] == found.rows


def test_files_are_compared_by_their_hash(finished: Path, other: Path) -> None:
    found = diff(finished / "release", other)
    names = [
        set(json.loads((folder / "manifest.json").read_text())["contents"]) for folder in (finished / "release", other)
    ]
    assert len(found.files["equal"]) + len(found.files["new"]) == len(names[1])
    assert set(found.files["gone"]) <= names[0] and found.files["equal"]


def test_another_text_of_the_same_file_is_a_change(finished: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(finished / "release", tmp_path / "copy"))
    name = next(path for path in sorted(copy.glob("data/go/*.parquet")))
    table = pl.read_parquet(name)
    first = pl.int_range(pl.len()) == 0
    table.with_columns(text_id=pl.when(first).then(pl.lit("0" * 32)).otherwise("text_id")).write_parquet(name)
    values = json.loads((copy / "manifest.json").read_text())
    values["contents"][name.relative_to(copy).as_posix()]["sha256"] = "0" * 64
    (copy / "manifest.json").write_text(json.dumps(values))
    assert diff(finished / "release", copy).rows == {"Go": {"added": 0, "removed": 0, "changed": 1}}


def test_an_address_of_fsspec_is_read(finished: Path, other: Path) -> None:
    fsspec.filesystem("memory").put(str(other), "/copies/other", recursive=True)
    assert diff(finished / "release", "memory://copies/other").rows == diff(finished / "release", other).rows


@pytest.mark.parametrize("address", ["nowhere", "memory://nowhere", "nosuch://x/y"])
def test_what_is_no_release_is_one_line(finished: Path, tmp_path: Path, address: str) -> None:
    place = address if "://" in address else str(tmp_path / address)
    with pytest.raises(ShardError, match=place) as raised:
        diff(finished / "release", place)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", ["{", "[]", "{}", "\xff"])
def test_a_damaged_manifest_is_one_line(finished: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(ShardError, match=str(tmp_path)):
        diff(finished / "release", tmp_path)
