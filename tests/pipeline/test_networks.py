"""Which repositories belong together, and the split of each: a network never crosses a split."""

import itertools
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.demo_corpus import source, write_repository
from pipeline import blocks, inputs, units
from pipeline.config import Config, Extract, Fetch, Source, Split
from pipeline.extract import ExtractUnit
from pipeline.networks import ALL_PAIRS, HELD, MIN_SHARED_TEXTS, SPLITS, CountShared, HeldTexts, assign_splits
from pipeline.run import folders
from pipeline.sources.listing import list_repositories
from pipeline.workspace import Workspace

PARTITIONS = 4
THIRDS = Split(validation_fraction=0.3, test_fraction=0.3)
Holders = Mapping[str, Iterable[int]]  # the texts of each repository by its key


def splits_of(
    holders: Holders, config: Split = THIRDS, seed: int = 0, forks: dict[str, str] | None = None
) -> dict[str, str]:
    """The split of each repository. The seed decides how they are numbered, and how blocks are cut and come."""
    shuffle = random.Random(seed)
    keys = sorted(holders)
    shuffle.shuffle(keys)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counts = [(number, len(set(holders[key]))) for number, key in enumerate(keys)]
        (folder / "held").mkdir()
        np.save(folder / "held/unit.npy", np.array(counts, np.int64))
        for partition, parts in partitioned(holders, keys, shuffle).items():
            assert list(CountShared(folder)(partition, parts)) == []
        assigned = assign_splits(folder, keys, [(forks or {}).get(key) for key in keys], config)
    return {key: SPLITS[split] for key, split in zip(keys, assigned.tolist(), strict=True)}


def partitioned(holders: Holders, keys: list[str], shuffle: random.Random) -> dict[int, list[bytes]]:
    """The blocks of each partition, in any order."""
    pairs = [(text, number) for number, key in enumerate(keys) for text in set(holders[key])]
    shuffle.shuffle(pairs)
    records = np.empty(len(pairs), HELD)
    texts = [(text * 0x9E3779B97F4A7C15 % 2**64, text) for text, _ in pairs]  # spread over the partitions
    records["text"] = np.array(texts, np.uint64).reshape(-1, 2)
    records["repository"] = [number for _, number in pairs]
    found: dict[int, list[bytes]] = defaultdict(list)
    for part in np.array_split(records, 3):
        for partition, block in blocks.split(part, part["text"][:, 0], PARTITIONS):
            found[partition].append(block)
    for parts in found.values():
        shuffle.shuffle(parts)
    return found


@cache
def alone(key: str, config: Split = THIRDS) -> str:
    """The split of a repository that nothing is like."""
    return splits_of({key: [1]}, config)[key]


def keys_in(split: str, count: int, prefix: str = "local/owner/name") -> list[str]:
    """Keys that come into this split when they are alone, in sorted order."""
    keys = (f"{prefix}-{i:04d}" for i in itertools.count())
    return list(itertools.islice((key for key in keys if alone(key) == split), count))


def networks(holders: Holders, fraction: float) -> dict[str, str]:
    """The smallest key of each repository's network, by comparing every two."""
    smallest = {key: key for key in holders}
    for _ in holders:
        for a, b in itertools.permutations(holders, 2):
            held = set(holders[a]), set(holders[b])
            shared = len(held[0] & held[1])
            if shared >= MIN_SHARED_TEXTS and shared >= fraction * min(map(len, held)):
                smallest[a] = smallest[b] = min(smallest[a], smallest[b])
    return smallest


# Who belongs together


@pytest.mark.parametrize(("shared", "together"), [(5, True), (4, True), (3, False), (0, False)])
def test_repositories_that_share_half_of_the_smaller_ones_texts_are_in_one_split(shared: int, together: bool) -> None:
    (small,), (large,) = keys_in("train", 1, "local/a"), keys_in("test", 1, "local/b")
    holders = {small: range(8), large: range(8 - shared, 108)}  # half of 8 are 4
    assert splits_of(holders) == {small: "train", large: "train" if together else "test"}


@pytest.mark.parametrize(("shared", "together"), [(3, True), (2, False)])
def test_a_licence_and_an_empty_module_in_common_make_no_family(shared: int, together: bool) -> None:
    (a,), (b,) = keys_in("train", 1, "local/a"), keys_in("test", 1, "local/b")
    holders = {a: range(3), b: range(3 - shared, 6 - shared)}  # two of three are more than half
    assert splits_of(holders) == {a: "train", b: "train" if together else "test"}


def test_the_share_is_the_configurations() -> None:
    (a,), (b,) = keys_in("train", 1, "local/a"), keys_in("test", 1, "local/b")
    holders = {a: range(10), b: range(7, 17)}  # three tenths
    for fraction, expected in ((0.3, "train"), (0.31, "test")):
        config = Split(validation_fraction=0.3, test_fraction=0.3, shared_fraction=fraction)
        assert splits_of(holders, config)[b] == expected


def test_chains_join() -> None:
    (first,), others = keys_in("test", 1, "local/a"), keys_in("train", 5, "local/b")
    keys = [first, *others]
    holders = {key: range(10 * i, 10 * i + 20) for i, key in enumerate(keys)}  # half is shared with the next
    assert splits_of(holders) == dict.fromkeys(keys, "test")
    del holders[keys[3]]
    assert splits_of(holders) == dict.fromkeys(keys[:3], "test") | dict.fromkeys(keys[4:], "train")


def test_a_known_fork_is_with_its_parent_whatever_they_share() -> None:
    (parent,), (fork,) = keys_in("test", 1, "local/a"), keys_in("train", 1, "local/b")
    holders = {parent: range(10), fork: range(20, 30)}
    assert splits_of(holders) == {parent: "test", fork: "train"}
    assert splits_of(holders, forks={fork: parent}) == {parent: "test", fork: "test"}
    assert splits_of(holders, forks={fork: "local/elsewhere"}) == {parent: "test", fork: "train"}


def test_unrelated_repositories_stay_where_they_are() -> None:
    keys = [f"local/owner/name-{i:03d}" for i in range(60)]
    holders = {key: [i] for i, key in enumerate(keys)}
    together = splits_of(holders)
    assert together == {key: alone(key) for key in keys}
    assert set(together.values()) == set(SPLITS)


def test_a_text_that_many_have_joins_nobody() -> None:
    licence, count = 0, ALL_PAIRS + 20
    keys = [f"local/owner/name-{i:03d}" for i in range(count)]
    holders = {key: [licence, *range(10 * i + 1, 10 * i + 4)] for i, key in enumerate(keys)}  # one of four is shared
    assert splits_of(holders) == {key: alone(key) for key in keys}


@pytest.mark.parametrize("count", [ALL_PAIRS, ALL_PAIRS + 1, 40])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_large_family_of_forks_is_one_network(count: int, seed: int) -> None:
    (first,), others = keys_in("validation", 1, "local/a"), keys_in("train", count - 1, "local/b")
    holders = {first: range(50)} | {key: [*range(50), 100 + i] for i, key in enumerate(others)}
    assert splits_of(holders, seed=seed) == dict.fromkeys([first, *others], "validation")


def test_a_repository_without_texts_stays_alone() -> None:
    (empty,), (full,) = keys_in("test", 1, "local/a"), keys_in("train", 1, "local/b")
    assert splits_of({empty: [], full: [1, 2]}) == {empty: "test", full: "train"}
    assert splits_of({empty: []}) == {empty: "test"}


HOLDERS = st.dictionaries(
    st.sampled_from([f"local/{owner}/{name}" for owner in "abcd" for name in "wxyz"]),
    st.sets(st.integers(0, 12), max_size=6),
    min_size=1,
    max_size=8,
)


@given(holders=HOLDERS, fraction=st.sampled_from([0.25, 0.5, 1.0]), seed=st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_a_network_is_in_the_split_of_its_smallest_key(holders: Holders, fraction: float, seed: int) -> None:
    config = Split(validation_fraction=0.3, test_fraction=0.3, shared_fraction=fraction)
    expected = {key: alone(smallest) for key, smallest in networks(holders, fraction).items()}
    assert splits_of(holders, config, seed) == expected


@given(holders=HOLDERS, seeds=st.lists(st.integers(0, 2**32), min_size=2, max_size=2))
@settings(max_examples=50, deadline=None)
def test_the_order_does_not_matter(holders: Holders, seeds: list[int]) -> None:
    assert splits_of(holders, seed=seeds[0]) == splits_of(holders, seed=seeds[1])


# The split of a network


def test_fractions_are_about_what_was_asked() -> None:
    config = Split(validation_fraction=0.1, test_fraction=0.2)
    holders = {f"github.com/owner/name-{i}": [i] for i in range(2_000)}
    counts = Counter(splits_of(holders, config).values())
    assert 140 < counts["validation"] < 260  # 200, give or take four standard deviations
    assert 320 < counts["test"] < 480
    assert counts.total() == 2_000


def test_a_larger_held_out_split_takes_from_train_only() -> None:
    holders = {f"github.com/owner/name-{i}": [i] for i in range(300)}
    before = splits_of(holders, Split(validation_fraction=0.1, test_fraction=0.1))
    for larger in (
        Split(validation_fraction=0.4, test_fraction=0.1),
        Split(validation_fraction=0.1, test_fraction=0.4),
    ):
        moves = {(before[key], split) for key, split in splits_of(holders, larger).items() if split != before[key]}
        assert moves == {("train", "validation" if larger.validation_fraction > 0.1 else "test")}


@pytest.mark.parametrize("key", ["local/a/b", "github.com/é/ü"])
def test_without_held_out_fractions_everything_is_train(key: str) -> None:
    assert alone(key, Split(validation_fraction=0, test_fraction=0)) == "train"


# What a repository holds


def test_only_distinct_texts_that_are_not_empty_are_evidence(tmp_path: Path) -> None:
    write_repository(
        tmp_path / "mirrors/o/a.git", {"1.py": source("x"), "2.py": source("x"), "3.py": b"", "4.png": b""}
    )
    write_repository(tmp_path / "mirrors/o/b.git", {"other.py": source("x"), "empty.py": b"", "y.py": source("y")})
    write_repository(tmp_path / "mirrors/o/c.git", {"__init__.py": b""})
    workspace = Workspace(tmp_path / "workspace")
    config = Config(folder=tmp_path, source=[Source(directories=["mirrors"])])
    units.write_list(workspace, list_repositories(config))
    units.write_generation(workspace, units.unplanned(workspace), large_bytes=1 << 40)
    for unit in units.units(workspace):
        ExtractUnit(str(tmp_path), workspace, Extract(), Fetch())(unit.id)
    known, _ = inputs.gather(workspace)
    places = folders(workspace, config, known.digest)
    inputs.write(places.inputs, known)

    emit = HeldTexts(places, PARTITIONS)
    emitted = [block for unit_id in known.unit_ids for _, block in emit(unit_id)]
    keys, _ = inputs.repo_keys(workspace, known.unit_ids)
    records = blocks.join(emitted, HELD)
    assert Counter(keys[number] for number in records["repository"]) == {"local/o/a": 1, "local/o/b": 2}
    texts = {(keys[r["repository"]], tuple(r["text"].tolist())) for r in records}
    assert len({text for _, text in texts}) == 2, "a and b share one"
    counts = dict(row for path in (places.networks / "held").rglob("*.npy") for row in np.load(path).tolist())
    assert {keys[number]: count for number, count in counts.items()} == {"local/o/a": 1, "local/o/b": 2}
