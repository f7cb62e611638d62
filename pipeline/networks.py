"""Stage 2: which repositories belong together. A measurement over all texts, whatever the rules say.

Two repositories are one network when they share three texts or more and enough of the smaller one's; a network never
crosses a split.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline import blocks, inputs, storage
from pipeline.config import Split
from pipeline.label import read_columns
from pipeline.run import Folders
from pipeline.units import Unit

HELD = np.dtype([("text", np.uint64, 2), ("repository", np.int64)])
SHARED = np.dtype([("a", np.int64), ("b", np.int64), ("count", np.int64)])
ALL_PAIRS = 32  # repositories with one text; beyond, pairs with the first and the next: linear, enough for forks
MIN_SHARED_TEXTS = 3  # a licence and an empty module in common make no family of two small repositories
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class HeldTexts:
    """Call it with a unit's id."""

    folders: Folders
    partitions: int

    def __call__(self, unit_id: int) -> Iterator[tuple[int, bytes]]:
        """(partition, block of HELD): each distinct text of each repository; empty texts are no evidence."""
        unit = Unit.of(self.folders.workspace, unit_id)
        files = read_columns(unit, ["text_id", "length_chars", "repository_index"])
        known = inputs.read(self.folders.inputs)
        start = known.offsets[unit_id]
        files = known.without_passed_over(unit_id, files).with_columns(
            repository=pl.col("repository_index").cast(pl.Int64) + start
        )
        held = files.filter(pl.col("length_chars") > 0).select("text_id", "repository").unique()
        counts = held.group_by("repository").len().sort("repository")
        storage.write_array(
            self.folders.networks / f"held/{unit.name}.npy",
            counts.select("repository", pl.col("len").cast(pl.Int64)).to_numpy(),
        )
        records = np.empty(held.height, HELD)
        records["text"] = blocks.ids(held["text_id"])
        records["repository"] = held["repository"]
        yield from blocks.split(records, records["text"][:, 0], self.partitions)


def split_of_rows(folders: Folders, unit: Unit, repository_index: pl.Series) -> pl.Series:
    """`split`: the position in SPLITS for rows of a unit."""
    repository = repository_index.to_numpy() + inputs.read(folders.inputs).offsets[unit.id]
    return pl.Series("split", np.load(folders.splits, mmap_mode="r")[repository], dtype=pl.UInt8)


@dataclass(frozen=True)
class CountShared:
    """Call it with a partition and its blocks."""

    folder: Path

    def __call__(self, partition: int, held: Iterable[bytes]) -> tuple[()]:
        """Writes SHARED of the partition's texts."""
        records = np.sort(blocks.join(held, HELD), order=["text", "repository"])
        bounds = blocks.groups(records["text"])
        pairs = [_pairs(records["repository"][a:b]) for a, b in zip(bounds[:-1], bounds[1:], strict=True) if b - a > 1]
        storage.write_array(self.folder / f"shared/part-{partition:05d}.npy", _counted(pairs))
        return ()


def _pairs(holders: np.ndarray) -> np.ndarray:
    """int64 [pairs, 2] of the sorted repositories that hold one text."""
    if len(holders) > ALL_PAIRS:
        first = np.column_stack([np.full(len(holders) - 1, holders[0]), holders[1:]])
        return np.concatenate([first, np.column_stack([holders[1:-1], holders[2:]])])
    first, second = np.triu_indices(len(holders), 1)
    return np.column_stack([holders[first], holders[second]])


def _counted(pairs: list[np.ndarray]) -> np.ndarray:
    """SHARED: the pairs with their counts, sorted."""
    if not pairs:
        return np.empty(0, SHARED)
    found, counts = np.unique(np.concatenate(pairs), axis=0, return_counts=True)
    shared = np.empty(len(found), SHARED)
    shared["a"], shared["b"], shared["count"] = found[:, 0], found[:, 1], counts
    return shared


def assign_splits(folder: Path, repositories: list[str], forks: list[str | None], config: Split) -> np.ndarray:
    """uint8, one for each repository in the order of their numbers: its position in SPLITS.

    `forks`: the key of what each was forked from, where that is known. The hash of the network's smallest key decides,
    so a repository stays where it is while its network does.
    """
    network = _components(folder, _fork_edges(repositories, forks), len(repositories), config.shared_fraction)
    keys = np.array(repositories, object)
    order = np.argsort(keys, kind="stable")[::-1]
    first = dict(zip(network[order].tolist(), keys[order].tolist(), strict=True))  # the last to be set is the smallest
    return np.array([_split_of(first[number], config) for number in network.tolist()], np.uint8)


def _fork_edges(repositories: list[str], forks: list[str | None]) -> np.ndarray:
    """int64 [edges, 2]: repositories and what they were forked from, where that is one of them."""
    numbers = {key: number for number, key in enumerate(repositories)}
    edges = [(number, numbers[fork]) for number, fork in enumerate(forks) if fork in numbers]
    return np.array(edges, np.int64).reshape(-1, 2)


def _components(folder: Path, forks: np.ndarray, count: int, shared_fraction: float) -> np.ndarray:
    """int32: the network of each repository."""
    held = np.zeros(count, np.int64)
    for path in sorted((folder / "held").rglob("*.npy")):
        number, texts = np.load(path).reshape(-1, 2).T
        held[number] = texts
    parts = [np.load(path) for path in sorted((folder / "shared").glob("*.npy"))]
    shared = np.concatenate(parts) if parts else np.empty(0, SHARED)
    weights = coo_array((shared["count"], (shared["a"], shared["b"])), shape=(count, count)).tocsr().tocoo()
    smaller = np.minimum(held[weights.coords[0]], held[weights.coords[1]])
    joined = (weights.data >= shared_fraction * smaller) & (weights.data >= MIN_SHARED_TEXTS)
    ends = np.concatenate([forks, np.column_stack(weights.coords)[joined]])
    edges = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    return np.asarray(connected_components(edges, directed=False)[1])


def _split_of(key: str, config: Split) -> int:
    """The key's hash as a fraction: test first, then validation, so that enlarging one does not move the other's."""
    place = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8, person=b"split").digest()) / 2**64
    if place < config.test_fraction:
        return SPLITS.index("test")
    return SPLITS.index("validation" if place >= 1 - config.validation_fraction else "train")
