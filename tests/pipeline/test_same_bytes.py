"""Same input, same bytes: whatever the order, the workers, the batches, and what was done before."""

import os
import random
import shutil
from pathlib import Path

import pytest

from examples.demo_corpus import write_repository
from pipeline import corpus as stages
from pipeline import read, spill, units
from pipeline.config import Config, load
from pipeline.engine import Engine
from pipeline.extract import ExtractUnit
from pipeline.transforms import ForEach
from pipeline.verify import verify_release
from pipeline.workspace import opened
from tests.pipeline.conftest import (
    CONFIGURATION,
    Tree,
    release,
    rows,
    run,
    shard_hashes,
    text,
    trees,
    with_rules,
    write_corpus,
)

NO_RUST = {"data": ["Rust"], "data_max_lines": 0}  # for the rule many_lines: takes a whole language
MANY = "second/large/many"


@pytest.fixture
def workspace(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished workspace, to change."""
    return Path(shutil.copytree(finished, tmp_path / "workspace"))


def shuffled_copy(folder: Path, target: Path) -> Path:
    """The same repositories, made in another order, and later."""
    repositories = sorted(folder.glob("*/*/*"))
    random.Random(3).shuffle(repositories)
    for repository in repositories:
        shutil.copytree(repository, target / repository.relative_to(folder), symlinks=True)
    shutil.copy(folder / "corpus.toml", target)
    return target


class Entries(list["os.DirEntry[str]"]):
    """What os.scandir gives, in another order."""

    def __enter__(self) -> "Entries":
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_the_corpus_has_what_the_other_tests_need(finished: Path) -> None:
    shards = sorted(path.name for path in (finished / "release/data/python").glob("train-*"))
    assert len(shards) >= 3
    splits = {path.name.split("-")[0] for path in (finished / "release/data").glob("*/*")}
    assert splits == {"train", "validation", "test"}
    assert len(rows(finished / "release", "clusters/*.parquet")) > 50
    assert len(list((finished / "files/g001").glob("unit-*.json"))) > 15


def test_the_order_in_which_folders_are_named_does_not_matter(
    corpus: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    (corpus / "reversed.toml").write_text(
        CONFIGURATION.replace('"first", "second", "demo"', '"demo", "second", "first"')
    )
    inside = ("data", "ledger", "clusters")
    found = shard_hashes(run(tmp_path / "workspace", load(corpus / "reversed.toml")), *inside)
    assert found == {name: digest for name, digest in expected.items() if name.split("/")[0] in inside}


def test_the_order_in_which_folders_list_does_not_matter(
    corpus: Path, expected: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = shuffled_copy(corpus, tmp_path / "again")
    scandir, chosen = os.scandir, random.Random(5)
    monkeypatch.setattr(
        os, "scandir", lambda path=".": Entries(chosen.sample(found := list(scandir(path)), len(found)))
    )
    assert shard_hashes(run(tmp_path / "workspace", load(again / "corpus.toml"))) == expected


def test_two_processes_write_what_one_writes(
    config: Config, expected: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "PARALLEL_OBJECT_BYTES", -1)
    monkeypatch.setattr(stages, "PARALLEL_TEXT_BYTES", -1)
    assert shard_hashes(run(tmp_path / "workspace", config, workers=2)) == expected


def test_doing_everything_twice_gives_the_same(config: Config, expected: dict[str, str], tmp_path: Path) -> None:
    engine = Engine(1, ["--direct_runner_bundle_repeat=1"])
    with opened(tmp_path / "workspace", config) as space:
        stages.list_names(space, config, engine)
        units.write_generation(space, units.unplanned(space), config.extract.large_repository_bytes)
        work = ExtractUnit(str(config.folder), space, config.extract, config.fetch, skip_committed=False)
        planned = [unit.id for unit in units.units(space)]
        engine.run("extract", lambda pipeline: pipeline | ForEach(planned, work))
        stages.release(space, config, engine, skip_committed=False)
    assert shard_hashes(space.release) == expected


def test_where_batches_and_sorted_runs_are_cut_does_not_matter(
    config: Config, expected: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "BATCH_FILES", 7)
    monkeypatch.setattr(spill, "RUN_BYTES", 1)
    assert shard_hashes(run(tmp_path / "workspace", config)) == expected


def test_a_rerun_rewrites_no_shard(config: Config, expected: dict[str, str], workspace: Path) -> None:
    def written() -> dict[str, tuple[int, int]]:
        files = sorted((workspace / "release/data").glob("*/*"))
        return {str(file): (file.stat().st_ino, file.stat().st_mtime_ns) for file in files}

    before = written()
    assert shard_hashes(run(workspace, config)) == expected
    assert written() == before


@pytest.fixture(scope="module")
def without_rust(config: Config, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The hashes of a release by a rule that takes all Rust, in a fresh workspace."""
    workspace = tmp_path_factory.mktemp("fresh") / "workspace"
    return shard_hashes(run(workspace, with_rules(config, many_lines=NO_RUST)))


def test_another_threshold_leaves_nothing_of_the_old_release(
    config: Config, without_rust: dict[str, str], workspace: Path
) -> None:
    assert (workspace / "release/data/rust").exists()
    assert shard_hashes(release(workspace, with_rules(config, many_lines=NO_RUST))) == without_rust
    assert "data/rust" not in without_rust
    assert "config_name: rust" not in (workspace / "release/README.md").read_text()


def test_a_release_that_stopped_leaves_nothing_in_the_next(
    config: Config,
    expected: dict[str, str],
    without_rust: dict[str, str],
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(stages, "commit", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            release(workspace, config)
    assert (workspace / "release.next/data/rust").exists()
    assert shard_hashes(release(workspace, with_rules(config, many_lines=NO_RUST))) == without_rust
    assert shard_hashes(release(workspace, config)) == expected


def few() -> dict[str, Tree]:
    """A corpus that is read in a second."""
    return {name: files for name, files in trees().items() if name.startswith("first/rules") or "forks" in name} | {
        f"first/few/r{i}": {"a.py": text("py", f"few {i}", 2_000), "b.go": text("go", f"few {i % 2}", 500)}
        for i in range(4)
    }


def same_rows(one: Path, other: Path) -> bool:
    """Releases whose rows are equal, in whatever order and files."""
    tables = [("data/*/*.parquet", ["file_id"]), ("ledger/ledger-*.parquet", ["file_id", "reason"])]
    tables += [("clusters/*.parquet", ["file_id"]), ("ledger/repositories.parquet", ["repo_key"])]
    return all(rows(one, pattern, by=by).equals(rows(other, pattern, by=by)) for pattern, by in tables)


def test_generations_give_the_rows_of_one_and_leave_each_other_alone(tmp_path: Path) -> None:
    corpus, workspace = write_corpus(tmp_path / "corpus", few(), made=False), tmp_path / "workspace"
    config = load(corpus / "corpus.toml")
    first_look = run(workspace, config, limit=5)
    outcomes = rows(first_look, "ledger/repositories.parquet", by=["repo_key"])["outcome"].value_counts(sort=True)
    assert sorted(outcomes.rows()) == [("ok", 5), ("pending", 2)]
    first = shard_hashes(workspace / "files/g001")
    for number in range(3):
        write_repository(corpus / f"second/later/r{number}.git", {"c.py": text("py", f"later {number}", 2_000)})
    grown = run(workspace, config)
    assert shard_hashes(workspace / "files/g001") == first
    assert {path.name for path in (workspace / "files").iterdir()} == {"g001", "g002"}
    assert len(rows(grown, "data/*/*.parquet").filter(repo_name="later/r0")) == 1
    assert same_rows(grown, run(tmp_path / "fresh", config))


def test_a_repository_that_is_gone_leaves_the_release_and_comes_back(tmp_path: Path) -> None:
    corpus, workspace = write_corpus(tmp_path / "corpus", few(), made=False), tmp_path / "workspace"
    config = load(corpus / "corpus.toml")
    before = shard_hashes(run(workspace, config))
    gone = corpus / "first/few/r1.git"
    gone.rename(tmp_path / "elsewhere.git")
    smaller = run(workspace, config)
    assert "few/r1" not in {*rows(smaller, "data/*/*.parquet", by=["file_id"])["repo_name"]}
    left = rows(smaller, "ledger/ledger-*.parquet", by=["file_id", "reason"]).filter(repo_name="few/r1")
    assert {*left["reason"]} == {"not_listed"}
    assert verify_release(smaller)["files"]["passed_over"] == left.height == 2
    (tmp_path / "elsewhere.git").rename(gone)
    assert shard_hashes(run(workspace, config)) == before
