"""Nothing is lost and nothing comes twice: every repository and every file has exactly one outcome, whatever fails."""

import copy
import errno
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipeline import decide, extract, git, label, ledger, manifest, measure, networks, read, shards, storage, units
from pipeline.config import Config, load
from pipeline.errors import CorpusError, RepositoryError, WorkerError
from pipeline.verify import verify_release
from pipeline.workspace import Workspace
from tests.pipeline.conftest import Tree, release, rows, run, shard_hashes, text, with_rules, write_corpus
from tests.pipeline.conftest import extract as extract_only

NAMES = [f"r{i}" for i in range(12)]


def tree(name: str) -> Tree:
    """Nine files; one text is in every repository, and one in every second."""
    files = {f"{i}.py": f"# {name}\n".encode() + text("py", f"{name} {i}", 600) for i in range(6)}
    return files | {"all.go": text("go", "all", 500), "half.c": text("c", name[-1], 500), "pb2.py": b"# @generated\n"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Twelve repositories of nine files, several in one unit."""
    folder = write_corpus(
        tmp_path_factory.mktemp("small"), {f"first/small/{name}": tree(name) for name in NAMES}, made=False
    )
    (folder / "second").mkdir()
    return load(folder / "corpus.toml")


@pytest.fixture(scope="module")
def healthy(small: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace after an undisturbed run over the small corpus. To look at, or to copy."""
    workspace = tmp_path_factory.mktemp("healthy") / "workspace"
    run(workspace, small)
    return workspace


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three batches a repository, so that one can fail between two."""
    monkeypatch.setattr(read, "BATCH_FILES", 3)


# What is there, counted without the code that is tested


def files_of_units(workspace: Path) -> pl.DataFrame:
    """Every row of every unit with its signature, by file_id."""
    found = []
    for path in sorted(workspace.glob("files/g*/unit-*.json")):
        table = pl.read_parquet(path.with_suffix(".parquet"))
        signatures = np.load(path.with_suffix(".signatures.npy"))
        assert table["text_id"].is_not_null().to_list() == [i < len(signatures) for i in range(table.height)]
        signature = [row.tobytes() for row in signatures] + [None] * (table.height - len(signatures))
        found.append(table.with_columns(pl.Series("signature", signature, dtype=pl.Binary)))
    return pl.concat(found).sort("file_id")


def repositories_of(workspace: Path) -> pl.DataFrame:
    return pl.concat(pl.read_parquet(path) for path in workspace.glob("files/g*/*.outcomes.parquet")).sort("repo_key")


def check_conservation(workspace: Path) -> None:
    """Units, ledger and data hold every file once, and the manifest says how many."""
    folder = workspace / "release"
    values = verify_release(folder)
    files = files_of_units(workspace).with_columns(pl.col("file_id", "text_id").bin.encode("hex"))
    kept, removed = rows(folder, "data/*/*.parquet"), rows(folder, "ledger/ledger-*.parquet")
    assert files["file_id"].is_unique().all()
    assert kept["file_id"].is_unique().all()
    assert removed.select("file_id", "reason").is_unique().all()
    gone = removed["file_id"].unique()
    assert sorted([*kept["file_id"], *gone]) == files["file_id"].to_list()
    assert values["files"] == {
        "entries": files.height,
        "kept": kept.height,
        "published": kept.height,
        "removed": len(gone),
        "passed_over": 0,
        "text_bytes": kept["content"].str.len_bytes().sum(),
        "tokens": kept["token_count"].sum(),
    }
    assert {name: row["files"] for name, row in values["reasons"].items()} == Counter(removed["reason"])
    check_repositories(workspace, values["repositories"], files)
    check_copies(files, kept, removed, rows(folder, "clusters/*.parquet"))


def check_repositories(workspace: Path, counts: dict[str, Any], files: pl.DataFrame) -> None:
    """Every listed repository has one outcome, and rows if that is ok."""
    listed = pl.read_parquet(workspace / "repositories/repositories.parquet")
    outcomes = pl.read_parquet(workspace / "release/ledger/repositories.parquet")
    assert sorted(outcomes["repo_key"]) == sorted(listed["repo_key"])
    assert counts["listed"] == listed.height
    found = Counter(outcomes["outcome"])
    assert {name: counts[name] for name in ("ok", "empty", "failed", "excluded", "pending")} == {
        name: found[name] for name in ("ok", "empty", "failed", "excluded", "pending")
    }
    entries = {name: count for name, count in outcomes.select("repo_name", "entry_count").iter_rows() if count}
    assert entries == Counter(files["repo_name"])


def check_copies(files: pl.DataFrame, kept: pl.DataFrame, removed: pl.DataFrame, clusters: pl.DataFrame) -> None:
    """One file of each text stays unless a rule takes all of them, and every copy names it."""
    text_of = dict(files.select("file_id", "text_id").iter_rows())
    assert kept["text_id"].is_unique().all()
    assert [text_of[file_id] for file_id in kept["file_id"]] == kept["text_id"].to_list()
    published = set(kept["file_id"])
    copies = removed.filter(pl.col("reason") == "exact_duplicate")
    for file_id, kept_id in copies.select("file_id", "kept_file_id").iter_rows():
        assert kept_id in published
        assert text_of[file_id] == text_of[kept_id]
        assert file_id != kept_id
    assert dict(clusters.select("file_id", "kept_file_id").iter_rows()) == dict(
        copies.select("file_id", "kept_file_id").iter_rows()
    )
    by_rule = set(removed.filter(pl.col("reason") != "exact_duplicate")["file_id"])
    good_texts = {text_of[file_id] for file_id in files["file_id"] if file_id not in by_rule and text_of[file_id]}
    assert good_texts == set(kept["text_id"])  # a file that a rule takes makes no good copy go
    sizes = Counter(text_of.values())
    assert [sizes[text_id] for text_id in kept["text_id"]] == kept["cluster_size"].to_list()


# What is to hold


def test_every_file_has_one_outcome_and_every_copy_its_original(finished: Path) -> None:
    check_conservation(finished)


def test_other_rules_keep_one_file_of_each_text_too(config: Config, finished: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(finished, tmp_path / "workspace"))
    rules = {"unknown_language": {"enabled": False}, "long_line": {"max_chars": 60}, "large_file": {"max_bytes": 2_500}}
    release(workspace, with_rules(config, **rules))
    check_conservation(workspace)
    reasons = verify_release(workspace / "release")["reasons"]
    assert reasons["large_file"]["files"] > 50
    assert "unknown_language" not in reasons
    assert rows(workspace / "release", "data/*/*.parquet")["language"].null_count() > 0


def test_the_copy_that_a_rule_takes_is_not_the_one_that_stays(finished: Path) -> None:
    removed = rows(finished / "release", "ledger/ledger-*.parquet").filter(repo_name="rules/twins")
    reasons = {path: sorted(found) for path, found in removed.group_by("path").agg("reason").sort("path").iter_rows()}
    kept = rows(finished / "release", "data/*/*.parquet").filter(repo_name="rules/twins")["path"].to_list()
    assert reasons["good"] == ["exact_duplicate", "unknown_language"]
    assert len({"deep/down/here/good.py", "deep/down/there/good.py", "utf16.py"} & set(kept)) == 1
    assert "utf16.py" in kept  # of the three the one with the shortest path
    assert reasons["long.py"] == ["exact_duplicate", "long_line", "long_mean_line"]
    assert "down/long.md" in kept
    assert reasons["empty.py"] == reasons["down/empty.py"] == ["empty_file"]  # no good copy, so no copy at all
    assert reasons["nameless"] == reasons["down/nameless"] == ["unknown_language"]


def test_a_corpus_without_a_byte_of_text_is_released(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", {"first/o/empty": {"a.py": b""}, "second/o/none": {}}, made=False)
    config, workspace = load(corpus / "corpus.toml"), tmp_path / "workspace"
    run(workspace, config)
    check_conservation(workspace)
    assert verify_release(workspace / "release")["files"]["removed"] == 1
    release(workspace, with_rules(config, empty_file={"enabled": False}))
    check_conservation(workspace)
    assert verify_release(workspace / "release")["files"]["published"] == 1


# Faults


def failing(function: Callable[..., Any], error: Exception, when: Callable[..., bool], after: int = 0) -> Any:
    """The function, which raises where `when` holds of its arguments, at first `after` times not."""
    left = Counter(calls=after)

    def broken(*arguments: Any, **named: Any) -> Any:
        if when(*arguments, **named):
            left["calls"] -= 1
            if left["calls"] < 0:
                raise error.with_traceback(None)
        return function(*arguments, **named)

    return broken


def ending_early(function: Callable[..., Iterator[Any]], error: Exception, when: Callable[..., bool]) -> Any:
    """The generator function, which raises after five items where `when` holds of its arguments."""

    def broken(*arguments: Any) -> Iterator[Any]:
        for number, item in enumerate(function(*arguments)):
            if number == 5 and when(*arguments):
                raise error.with_traceback(None)
            yield item

    return broken


Fault = Callable[..., None]


def fault(module: Any, name: str, error: Exception, how: Callable[..., Any] = failing, **more: int) -> Fault:
    """Breaks a function for the repositories that are named then."""

    def inject(patch: pytest.MonkeyPatch, *victims: str) -> None:
        def concerned(first: Any, *_: Any) -> bool:
            if isinstance(first, read.Batch):
                return first.repo_name in victims
            if isinstance(first, bytes):
                return any(first.startswith(f"# {victim.rpartition('/')[2]}\n".encode()) for victim in victims)
            path = getattr(first, "objects", first)
            return any(f"{victim}.git" in str(path) for victim in victims)

        patch.setattr(module, name, how(getattr(module, name), error, concerned, **more))

    return inject


BUG = KeyError("nobody foresaw this")
FAULTS: dict[str, tuple[str, Fault]] = {
    "opening, foreseen": ("timeout", fault(git, "open_snapshot", RepositoryError("timeout", "too slow"))),
    "opening, a bug": ("bug", fault(git, "open_snapshot", BUG)),
    "listing, a bug": ("bug", fault(git, "list_entries", BUG)),
    "reading, foreseen": ("corrupt", fault(git, "read_objects", RepositoryError("corrupt", "no"), ending_early)),
    "reading, a bug": ("bug", fault(git, "read_objects", BUG, ending_early)),
    "reading, an OSError": ("bug", fault(git, "read_objects", OSError(errno.EPIPE, "broken"), ending_early)),
    "decoding, a bug": ("bug", fault(measure, "decode", BUG, after=4)),
    "measuring, a bug at once": ("bug", fault(extract, "measure", BUG)),
    "measuring, a bug after a batch": ("bug", fault(extract, "measure", BUG, after=1)),
    "measuring, a bug in the last batch": ("bug", fault(extract, "measure", ZeroDivisionError("x"), after=2)),
}


def units_of(workspace: Path) -> dict[str, list[str]]:
    """Names of the repositories by unit."""
    lists = sorted(workspace.glob("files/g*/*.list.parquet"))
    return {path.name: pl.read_parquet(path)["repo_name"].to_list() for path in lists}


@pytest.mark.parametrize("name", FAULTS)
def test_a_failed_repository_gives_no_row_and_the_others_all_of_theirs(
    name: str, small: Config, healthy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = units_of(healthy).values()
    alone = next(found[0] for found in shared if len(found) == 1)
    neighbour = next(found[0] for found in shared if len(found) > 1)
    code, inject = FAULTS[name]
    for victim in (alone, neighbour):
        inject(monkeypatch, victim)
    extract_only(tmp_path, small)
    found = repositories_of(tmp_path)
    assert dict(found.filter(outcome="failed").select("repo_name", "code").iter_rows()) == {
        alone: code,
        neighbour: code,
    }
    assert found.filter(outcome="failed").select("entry_count", "text_count", "text_bytes").sum().row(0) == (0, 0, 0)
    assert len(found) == len(NAMES)
    expected = files_of_units(healthy).filter(~pl.col("repo_name").is_in([alone, neighbour]))
    actual = files_of_units(tmp_path)
    assert actual.drop("repository_index").equals(expected.drop("repository_index"))
    assert actual.height == found["entry_count"].sum()
    commits = [json.loads(path.read_text()) for path in tmp_path.glob("files/g001/unit-*.json")]
    assert sum(commit["rows"] for commit in commits) == actual.height
    assert sum(commit["texts"] for commit in commits) == found["text_count"].sum()
    assert sum(commit["repositories"]["failed"] for commit in commits) == 2


def test_the_sums_of_a_release_hold_when_repositories_failed_in_several_ways(
    config: Config, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(git, "open_snapshot", RepositoryError("timeout", "too slow"))(monkeypatch, "owner0/varied0")
    fault(git, "read_objects", BUG, ending_early)(monkeypatch, "owner1/varied1")
    fault(extract, "measure", BUG, after=2)(monkeypatch, "forks/origin")
    fault(extract, "measure", RepositoryError("corrupt", "no"), after=1)(monkeypatch, "large/rust")
    run(tmp_path, config)
    check_conservation(tmp_path)
    codes = verify_release(tmp_path / "release")["repositories"]["codes"]
    assert codes == {
        "excluded(duplicate_of)": 1,
        "failed(bug)": 2,
        "failed(corrupt)": 2,
        "failed(timeout)": 1,
        "failed(unborn_head)": 1,
    }
    failed = ["owner0/varied0", "owner1/varied1", "forks/origin", "large/rust"]
    expected = files_of_units(finished).filter(~pl.col("repo_name").is_in(failed)).drop("repository_index")
    assert files_of_units(tmp_path).drop("repository_index").equals(expected)


@pytest.mark.parametrize("bugs", [3, 4])
def test_a_run_stops_when_more_than_three_repositories_meet_a_bug(
    bugs: int, small: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(extract, "measure", BUG)(monkeypatch, *(f"small/{name}" for name in NAMES[:bugs]))
    if bugs == 3:
        extract_only(tmp_path, small)
    else:
        with pytest.raises(CorpusError, match=r"4 of 12 repositories failed with bugs.*KeyError [0-9a-f]{8}"):
            extract_only(tmp_path, small)
    assert list(repositories_of(tmp_path)["code"]).count("bug") == bugs
    written = list((tmp_path / "journal/bugs").glob("KeyError *.txt"))
    assert len(written) == 1  # one bug, however many repositories meet it
    assert "nobody foresaw this" in written[0].read_text()


FULL = OSError(errno.ENOSPC, "No space left on device")


def whole(workspace: Path) -> None:
    """Every unit that says it is committed is, and nothing unfinished lies about."""
    for unit in units.units(Workspace(workspace)):
        if unit.committed:
            units.check(unit)
    assert not list(workspace.rglob(f"{storage.TEMPORARY}*"))


@pytest.mark.parametrize("file", ["signatures.npy", "json"])
def test_a_full_disk_stops_extract_and_commits_no_unit(
    file: str, small: Config, healthy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        broken = failing(storage.sync, FULL, lambda path: "unit-" in path.name and path.name.endswith(f".{file}"))
        patch.setattr(storage, "sync", broken)
        with pytest.raises((WorkerError, OSError), match="No space left on device"):
            extract_only(tmp_path, small)
    assert not list(tmp_path.glob("files/g*/unit-*.json"))
    whole(tmp_path)
    extract_only(tmp_path, small)
    assert shard_hashes(tmp_path / "files") == shard_hashes(healthy / "files")


# In the order in which a release calls them, and how often each works before it fails.
STAGES: list[tuple[Any, str, int]] = [
    (label.LabelUnit, "__call__", 3),
    (networks.CountShared, "__call__", 3),
    (decide.ChooseKept, "__call__", 3),
    (decide.WriteDecisions, "__call__", 3),
    (shards, "publish", 2),
    (ledger, "ledger_rows", 3),
    (manifest, "build", 0),
    (storage, "swap", 0),
]


@pytest.fixture(scope="module")
def other(small: Config, healthy: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, dict[str, str]]:
    """Another threshold, and the release that it gives undisturbed."""
    config = with_rules(small, large_file={"max_bytes": 620})
    workspace = Path(shutil.copytree(healthy, tmp_path_factory.mktemp("other") / "workspace"))
    return config, shard_hashes(release(workspace, config))


def test_a_bug_in_any_stage_stops_the_release_and_the_old_one_stays(
    other: tuple[Config, dict[str, str]], healthy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, expected = other
    workspace = Path(shutil.copytree(healthy, tmp_path / "workspace"))
    shutil.rmtree(workspace / "work")
    old = shard_hashes(workspace / "release")
    assert old != expected
    for owner, name, after in STAGES:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, failing(getattr(owner, name), BUG, lambda *_: True, after=after))
            with pytest.raises((WorkerError, KeyError), match="nobody foresaw this"):
                release(workspace, config)
        assert shard_hashes(workspace / "release") == old, f"{owner} {name}"
        whole(workspace)
    assert shard_hashes(release(workspace, config)) == expected


def test_a_full_disk_stops_the_release_and_the_old_one_stays(
    other: tuple[Config, dict[str, str]], healthy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, expected = other
    workspace = Path(shutil.copytree(healthy, tmp_path / "workspace"))
    shutil.rmtree(workspace / "work")
    old = shard_hashes(workspace / "release")
    sync, stopped = storage.sync, 0
    for allowed in range(10, 1_000, 50):
        with monkeypatch.context() as patch:
            patch.setattr(storage, "sync", failing(sync, FULL, lambda _: True, after=allowed))
            try:
                release(workspace, config)
                break
            except (WorkerError, OSError) as error:
                assert "No space left on device" in str(error)
        stopped += 1
        # the folder is synced once more after the swap
        assert shard_hashes(workspace / "release") in (old, expected)
        whole(workspace)
    assert stopped >= 3
    assert shard_hashes(workspace / "release") == expected


# The manifest's own sums


def counts(values: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where the whole numbers of the manifest are that say how many repositories, files or bytes of text."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from counts(value, (*above, name))
        elif isinstance(value, int) and not isinstance(value, bool):
            yield (*above, name)


# Measures rather than parts of a sum.
NOT_SUMMED = {"alone", "bytes", "entry_bytes", "held_out_texts", "shared_texts"}


def test_the_manifest_is_refused_when_any_count_is_altered(finished: Path) -> None:
    values = json.loads((finished / "release/manifest.json").read_text())
    manifest.check_sums(values)
    sections = ("repositories", "files", "languages", "reasons", "splits", "contents")
    places = list(counts({name: values[name] for name in sections}))
    assert ("files", "removed") in places
    unseen = []
    for place in (place for place in places if place[-1] not in NOT_SUMMED):
        for change in (-1, 1):
            altered = copy.deepcopy(values)
            *above, name = place
            inside = altered
            for part in above:
                inside = inside[part]
            inside[name] += change
            try:
                manifest.check_sums(altered)
            except CorpusError as error:
                assert str(error).startswith("the sums differ")
            else:
                unseen.append("/".join(place))
    assert not unseen
