"""Near-duplicates: of texts that resemble each other the first in keep order stays, and each that goes resembles it."""

import itertools
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest

from examples.demo_corpus import GPL, MIT, write_repository
from filters.pairs import A_LEADS, B_LEADS, BANDS
from pipeline import blocks, candidates, groups
from pipeline.config import Config, Dedup, Source
from pipeline.engine import Engine
from tests.pipeline.conftest import Tree, release, rows, run, shard_hashes

WORDS = 104  # of a text by `source`: 100 shingles
SHALLOW = ["path_depth asc"]
NEAR, EXACT = ["near_duplicate"], ["exact_duplicate"]
LONG_LINE = b"z" * 1_001 + b"\n"  # breaks a rule


def source(topic: str, *changed: tuple[int, int], words: int = WORDS) -> bytes:
    """A text of different words, one a line. `changed` are (first, count) of words that are replaced.

    Replacing `count` words in one place changes `count` + 4 shingles.
    """
    chosen = [f"name_{topic}_{i}" for i in range(words)]
    for first, count in changed:
        chosen[first : first + count] = [f"other_{topic}_{first}_{i}" for i in range(count)]
    return "\n".join([*chosen, ""]).encode()


def similarity(changed_shingles: int) -> float:
    """Of a text to its copy with so many of the 100 shingles changed."""
    return (100 - changed_shingles) / (100 + changed_shingles)


class Outcome(NamedTuple):
    """What became of a file. `size` is that of its cluster."""

    reasons: list[str]
    kept: str | None = None
    estimated: float | None = None
    exact: float | None = None
    size: int | None = None


def configured(folder: Path, **dedup: Any) -> Config:
    """Of the repositories under all/, which are one's own: no licence is asked for."""
    own = Source(directories=["all"], rights="own")
    return Config(folder=folder, source=[own], dedup=Dedup(**{"keep": SHALLOW} | dedup))


def finished(folder: Path, repositories: dict[str, Tree]) -> Path:
    """The folder with these repositories under all/, and a workspace after a run."""
    for name, files in repositories.items():
        write_repository(folder / f"all/{name}.git", files)
    run(folder / "workspace", configured(folder))
    return folder


def outcomes(folder: Path) -> dict[str, Outcome]:
    """What became of every file of a release, by `owner/name/path`."""
    name = pl.format("{}/{}", "repo_name", "path").alias("name")
    kept = rows(folder, "data/*/*.parquet").select("file_id", name, "cluster_size")
    removed = rows(folder, "ledger/ledger-*.parquet", by=["file_id"]).group_by("file_id", maintain_order=True)
    named = dict(removed.agg(name.first()).iter_rows()) | dict(kept.select("file_id", "name").iter_rows())
    members = {row[0]: row[1:] for row in rows(folder, "clusters/*.parquet").iter_rows()}
    found = {row[1]: Outcome([], size=row[2]) for row in kept.iter_rows()}
    for file, reasons in removed.agg("reason").iter_rows():
        first, *rest = members.get(file, (None,))
        found[named[file]] = Outcome(reasons, named[first] if first else None, *rest)
    return found


def staying(found: dict[str, Outcome]) -> set[str]:
    return {name for name, outcome in found.items() if not outcome.reasons}


# Copies of one text: near copies, equal ones, one that breaks a rule, and a text that is like none

COPIES: dict[str, Tree] = {
    "o/a": {"deep/down/one.py": source("x")},
    "o/b": {"top.py": source("x", (10, 2))},
    "o/c": {"deep/longest.py": source("x", (50, 4)), "unlike.py": source("y")},
    "o/d": {"deep/down/far/two.py": source("x", (10, 2))},  # equal to b's
    "o/e": {"deep/down/far/away/three.py": source("x", (50, 4))},  # equal to c's
    "o/f": {"bad.py": source("x", (10, 1)) + LONG_LINE},
}
# A is like B and B like C, 86 / 114; A is not like C, 72 / 128
CHAIN = {"A": source("chain", (10, 10)), "B": source("chain"), "C": source("chain", (60, 10))}
# 84 / 116 = 0.72, 90 / 110 = 0.82, 97 / 103 = 0.94
LEVELS = {"0.72": source("level", (10, 12)), "0.82": source("level", (50, 6)), "0.94": source("level", (101, 3))}


def chains() -> dict[str, Tree]:
    """A chain for each order of its texts: the first is called 1."""
    return {
        f"chain/{''.join(order)}": {
            f"{'d/' * place}{letter}.py": CHAIN[letter].replace(b"chain", "".join(order).encode())
            for place, letter in enumerate(order)
        }
        for order in itertools.permutations("ABC")
    }


def short(words: int, mark: str) -> bytes:
    return mark.join(f"word_{words}_{i}" for i in range(words)).encode()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished. To look at, or to copy: not to change."""
    others: dict[str, Tree] = {
        "levels/first": {"x.py": source("level")},
        "levels/rest": {f"d/{name}.py": text for name, text in LEVELS.items()},
        "bad/only": {f"{count}.py": source("bad", (10, count)) + LONG_LINE for count in (1, 2)},
        "short/plain": {f"{words}.py": short(words, " ") for words in (4, 5)},
        "short/more": {f"d/{words}.py": short(words, " ") for words in (4, 5)}
        | {f"d/{words}_commas.py": short(words, ", ") for words in (4, 5)},
    }
    return finished(tmp_path_factory.mktemp("small"), COPIES | chains() | others)


@pytest.fixture(scope="module")
def found(small: Path) -> dict[str, Outcome]:
    return outcomes(small / "workspace/release")


def released(folder: Path, target: Path, **dedup: Any) -> dict[str, Outcome]:
    """What another configuration makes of the same units."""
    copy = Path(shutil.copytree(folder / "workspace", target / "workspace"))
    return outcomes(release(copy, configured(folder, **dedup)))


def of(owner: str, found: dict[str, Outcome]) -> dict[str, Outcome]:
    """The files of one owner, or of one repository."""
    return {name: outcome for name, outcome in found.items() if name.startswith(f"{owner}/")}


def test_the_first_of_near_copies_stays_and_the_others_go_for_it(found: dict[str, Outcome]) -> None:
    same = {"kept": "o/b/top.py", "size": 6}
    without_similarities = {
        name: outcome._replace(estimated=None, exact=None) for name, outcome in of("o", found).items()
    }
    assert without_similarities == {
        "o/c/unlike.py": Outcome([], size=1),
        "o/a/deep/down/one.py": Outcome(NEAR, **same),
        "o/b/top.py": Outcome([], size=6),
        "o/c/deep/longest.py": Outcome(NEAR, **same),
        "o/d/deep/down/far/two.py": Outcome(EXACT, **same),
        "o/e/deep/down/far/away/three.py": Outcome(NEAR, **same),
        "o/f/bad.py": Outcome(["long_line", *NEAR], **same),
    }
    assert found["o/d/deep/down/far/two.py"][2:4] == (1.0, 1.0)
    assert found["o/c/deep/longest.py"] == found["o/e/deep/down/far/away/three.py"], "equal texts, equal outcomes"


@pytest.mark.parametrize(
    ("keep", "first"),
    [
        (["path_depth desc"], "o/e/deep/down/far/away/three.py"),
        (["length_bytes desc", "path_depth asc"], "o/c/deep/longest.py"),  # the longest of all breaks a rule
        (["length_bytes asc"], "o/a/deep/down/one.py"),
    ],
)
def test_another_keep_order(keep: list[str], first: str, small: Path, tmp_path: Path) -> None:
    found = of("o", released(small, tmp_path, keep=keep))
    assert staying(found) == {first, "o/c/unlike.py"}
    assert {outcome.kept for outcome in found.values() if outcome.reasons} == {first}
    assert found["o/f/bad.py"].reasons == ["long_line", *NEAR]


@pytest.mark.parametrize(
    ("order", "kept"),
    [
        ("ABC", {"A": None, "B": "A", "C": None}),
        ("ACB", {"A": None, "B": "A", "C": None}),
        ("BAC", {"A": "B", "B": None, "C": "B"}),
        ("BCA", {"A": "B", "B": None, "C": "B"}),
        ("CAB", {"A": None, "B": "C", "C": None}),
        ("CBA", {"A": None, "B": "C", "C": None}),
    ],
)
def test_a_chain_is_cut(order: str, kept: dict[str, str | None], found: dict[str, Outcome]) -> None:
    chain = of(f"chain/{order}", found)
    assert {name[-4]: outcome.kept and outcome.kept[-4] for name, outcome in chain.items()} == kept
    assert {outcome.exact for outcome in chain.values() if outcome.kept} == {similarity(14)}


def test_copies_that_all_break_a_rule_have_no_cluster(found: dict[str, Outcome]) -> None:
    assert of("bad", found) == dict.fromkeys(["bad/only/1.py", "bad/only/2.py"], Outcome(["long_line"]))


@pytest.mark.parametrize(("words", "together"), [(4, False), (5, True)])
def test_below_five_words_only_equal_texts_are_copies(words: int, together: bool, found: dict[str, Outcome]) -> None:
    first, size = f"short/plain/{words}.py", 3 if together else 2
    assert found[first] == Outcome([], size=size)
    assert found[f"short/more/d/{words}.py"] == Outcome(EXACT, first, 1.0, 1.0, size)
    near = Outcome(NEAR, first, 1.0, None, size)
    assert found[f"short/more/d/{words}_commas.py"] == (near if together else Outcome([], size=1))


def test_without_near_duplicates_only_equal_texts_go(small: Path, tmp_path: Path) -> None:
    found = released(small, tmp_path, near_duplicates=False)
    reasons = {reason for outcome in found.values() for reason in outcome.reasons}
    assert reasons == {"exact_duplicate", "long_line"}
    assert {name for name, outcome in of("o", found).items() if outcome.reasons == EXACT} == {
        "o/d/deep/down/far/two.py",
        "o/e/deep/down/far/away/three.py",
    }


@pytest.mark.parametrize(
    ("least", "gone"),
    [(0.7, {"0.72", "0.82", "0.94"}), (0.74, {"0.82", "0.94"}), (0.9, {"0.94"}), (1.0, set())],
)
def test_the_threshold(least: float, gone: set[str], small: Path, tmp_path: Path) -> None:
    found = of("levels", released(small, tmp_path, min_similarity=least))
    assert {name[-7:-3] for name, outcome in found.items() if outcome.reasons == NEAR} == gone
    assert staying(found) == {"levels/first/x.py", *(f"levels/rest/d/{name}.py" for name in set(LEVELS) - gone)}


def test_the_table_of_clusters(small: Path, found: dict[str, Outcome]) -> None:
    folder = small / "workspace/release"
    members, kept = rows(folder, "clusters/*.parquet"), rows(folder, "data/*/*.parquet")
    assert members["file_id"].is_unique().all()
    assert not set(members["file_id"]) & set(kept["file_id"])
    assert kept["cluster_id"].to_list() == kept["file_id"].to_list()
    counts = Counter(members["kept_file_id"])
    assert set(counts) <= set(kept["file_id"])
    sizes = dict(kept.select("file_id", "cluster_size").iter_rows())
    assert sizes == {file: 1 + counts[file] for file in sizes}
    assert sum(sizes.values()) == len(found) - len(of("bad", found))
    assert members["cluster_size"].to_list() == [sizes[file] for file in members["kept_file_id"]]
    ledger = rows(folder, "ledger/ledger-*.parquet").filter(pl.col("reason").str.ends_with("_duplicate"))
    assert ledger.select("file_id", "kept_file_id").equals(members.select("file_id", "kept_file_id"))


def test_the_similarities_are_told(found: dict[str, Outcome]) -> None:
    exact = {"0.72": similarity(16), "0.82": similarity(10), "0.94": similarity(3)}
    for name, expected in exact.items():
        outcome = found[f"levels/rest/d/{name}.py"]
        assert outcome.estimated == pytest.approx(expected, abs=0.09)
        assert outcome.exact == expected or (outcome.exact is None and expected > 0.75)
    assert found["levels/rest/d/0.72.py"].exact == exact["0.72"], "too near the threshold to be estimated only"


# Licences

LICENSES: dict[str, Tree] = {"free": {"LICENSE": MIT}, "copyleft": {"COPYING": GPL}, "nothing": {}}


def licensed(names: tuple[str, ...], topic: str) -> dict[str, Tree]:
    """Three repositories of these names with near copies; the two that are not free have an equal one, too."""
    files: list[Tree] = [
        {"deep/down/here.py": source(topic)},
        {"near.py": source(topic, (10, 4)), "equal.py": source(topic)},
        {"near.py": source(topic, (50, 4)), "equal.py": source(topic)},
    ]
    return {
        f"o/{name}": tree | LICENSES[license_name]
        for name, tree, license_name in zip(names, files, LICENSES, strict=True)
    }


@pytest.mark.parametrize(("sources", "by_rule"), [(["first", "second"], False), (["second", "first"], True)])
def test_a_permissive_copy_never_yields_to_another(sources: list[str], by_rule: bool, tmp_path: Path) -> None:
    expected = set()
    for number, places in enumerate(itertools.permutations("abc")):
        names = tuple(f"{place}{number}" for place in places)
        for i, (name, files) in enumerate(licensed(names, f"topic{number}").items()):
            write_repository(tmp_path / f"{'first' if (i + number) % 2 else 'second'}/{name}.git", files)
        expected.add(f"o/{names[0]}/deep/down/here.py")
    rules = {name: {"enabled": by_rule} for name in ("no_license", "non_permissive_license")}
    config = Config(folder=tmp_path, source=[Source(directories=[name]) for name in sources], rules=rules)
    found = outcomes(run(tmp_path / "workspace", config))
    code = {name: outcome for name, outcome in found.items() if name.endswith(".py")}
    assert staying(code) == expected
    assert {outcome.kept for outcome in code.values() if outcome.reasons} == expected
    assert all(outcome.size == 5 for outcome in code.values())
    for name, outcome in code.items():
        copy = {"here.py": [], "near.py": NEAR, "equal.py": EXACT}[name.rpartition("/")[2]]
        assert outcome.reasons[-1:] == copy
        assert (len(outcome.reasons) == 2) == (by_rule and bool(copy))


# Many that are alike


def header(number: int, own_words: int = 30) -> bytes:
    """A generated header of 1,000 words, of which some in one place are its own."""
    return source("header", (number * 37 % 970, own_words), words=1_000).replace(b"other_", b"own_%d_" % number)


def verified(workspace: Path) -> tuple[np.ndarray, np.ndarray]:
    """The texts that have a pair, and the pairs."""
    (folder,) = (workspace / "work").glob("pairs-*")
    return np.load(folder / "groups.npy"), np.load(folder / "pairs.npy")


def test_of_a_hot_bucket_one_stays_that_does_not_lead(tmp_path: Path) -> None:
    count = 700
    # rows come in path order, and so do leaders: the file that stays is the last
    files = {f"deep/down/{i:03d}.h": header(i) for i in range(count - 1)} | {"z.h": header(count - 1)}
    found = outcomes(finished(tmp_path, {"o/headers": files}) / "workspace/release")
    assert len(staying(found)) <= 5
    assert "o/headers/z.h" in staying(found)
    assert sum(outcome.kept == "o/headers/z.h" for outcome in found.values()) > 600
    for name, outcome in found.items():
        if outcome.kept:
            one, other = (shingles(files[path.removeprefix("o/headers/")]) for path in (name, outcome.kept))
            assert len(one & other) / len(one | other) >= 0.65
    grouped, pairs = verified(tmp_path / "workspace")
    assert len(grouped) == count
    assert len(np.unique(grouped["group"])) == 1
    kept = rows(tmp_path / "workspace/release", "data/*/*.parquet").filter(pl.col("path") == "z.h")["text_id"][0]
    text = blocks.ids([bytes.fromhex(kept)])[0]
    assert pairs["leader"].astype(bool).any(), "there was no hot bucket"
    as_a, as_b = (pairs["a"] == text).all(axis=1), (pairs["b"] == text).all(axis=1)
    assert not (pairs["leader"][as_a] & A_LEADS).any()
    assert not (pairs["leader"][as_b] & B_LEADS).any()
    assert len(pairs) < count * BANDS


def shingles(text: bytes) -> set[tuple[str, ...]]:
    words = text.decode().split()
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}


# How the work is divided


def families() -> dict[str, Tree]:
    """A hot bucket, small ones and single files, over several repositories."""
    found: dict[str, Tree] = {
        f"o/r{i}": {f"{'d/' * ((i + j) % 4)}f{j}.py": source(f"family{j}", ((7 * i) % 90, 1 + i % 9)) for j in range(6)}
        for i in range(12)
    }
    hot = {f"o/hot{i}": {f"{'d/' * (j % 3)}{j:03d}.h": header(200 * i + j, 5) for j in range(200)} for i in range(2)}
    return found | hot


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished workspace beside its corpus. To look at, or to copy: not to change."""
    return finished(tmp_path_factory.mktemp("whole"), families())


def again(whole: Path, target: Path, workers: int = 1, **dedup: Any) -> tuple[Path, bool]:
    """Pairs and decisions made anew from the same units; whether they are those of `whole`. The workspace, too."""
    workspace = Path(shutil.copytree(whole / "workspace", target / "workspace", ignore=shutil.ignore_patterns("work")))
    made = release(workspace, configured(whole, **dedup), workers)
    both = zip(verified(whole / "workspace"), verified(workspace), strict=True)
    same = all(one.tobytes() == other.tobytes() for one, other in both)
    inside = ("data", "ledger", "clusters")
    return workspace, same and shard_hashes(made, *inside) == shard_hashes(whole / "workspace/release", *inside)


def test_the_corpus_has_large_and_small_clusters(whole: Path) -> None:
    sizes = rows(whole / "workspace/release", "data/*/*.parquet")["cluster_size"]
    assert sizes.max() > 350
    assert ((sizes > 5) & (sizes < 13)).sum() >= 6
    assert verified(whole / "workspace")[1]["leader"].any()


def test_groups_of_bands_do_not_matter(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    least = 100_000_000
    assert len(candidates.band_groups(100_000, least)) == 6
    monkeypatch.setattr(candidates, "SHUFFLE_FACTOR", 2_000)  # as if there were more texts than a test can have
    workspace, same = again(whole, tmp_path, memory_bytes=least)
    assert len(list(workspace.glob("work/pairs-*/estimated/bands-*"))) >= 3
    assert len(list(whole.glob("workspace/work/pairs-*/estimated/bands-*"))) == 1
    assert same


@pytest.mark.parametrize("partitions", [1, 64])
def test_partitions_and_parts_do_not_matter(
    partitions: int, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MIN_PARTITIONS", partitions)
    monkeypatch.setattr(blocks, "PARTITION_BYTES", 1 << 40 if partitions == 1 else 20_000)
    workspace, same = again(whole, tmp_path)
    parts = len(list(workspace.glob("work/pairs-*/verified/*.npy")))
    assert (parts == 1) == (partitions == 1)
    assert same


def test_windows_do_not_matter(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "WINDOW", 300)  # the hot bucket's texts come in two
    assert again(whole, tmp_path)[1]


@pytest.mark.slow  # starting processes takes some seconds for each stage
def test_two_processes_find_what_one_finds(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_this_process = Engine.run

    def in_several(engine: Engine, stage: str, build: Callable[..., Any], *, parallel: bool = False) -> None:
        used.append(stage)
        in_this_process(engine, stage, build, parallel=stage in ("candidates", "settle", "decide"))

    used: list[str] = []
    monkeypatch.setattr(Engine, "run", in_several)
    _, same = again(whole, tmp_path, workers=2)
    assert {"candidates", "settle", "decide"} <= set(used)
    assert same


@pytest.mark.parametrize("name", ["groups.npy", "pairs.npy"])
def test_a_measurement_that_stopped_before_its_last_file_is_made_again(
    name: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = groups.storage.write_array

    def stop(path: Path, values: np.ndarray) -> None:
        if path.name == name:
            raise KeyboardInterrupt
        write(path, values)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(groups.storage, "write_array", stop)
        again(whole, tmp_path)
    made = release(tmp_path / "workspace", configured(whole))
    assert shard_hashes(made) == shard_hashes(whole / "workspace/release")
