"""Stage 3c: candidate pairs to verified ones. Where the estimate is too near the threshold to decide, the text does."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from filters.minhash import shingle_hashes
from filters.pairs import PAIR, Limits, jaccard, merged
from pipeline import blocks, inputs, parquet, storage
from pipeline.candidates import estimated
from pipeline.run import Folders
from pipeline.units import Unit

SHINGLES_AT_A_TIME = 16 << 20  # held to settle pairs: 64 MB
# `exact` is NaN where the estimate was far enough from the threshold.
VERIFIED = np.dtype([*[(name, PAIR[name]) for name in PAIR.names or ()], ("exact", np.float64)])


def settle_parts(folders: Folders) -> int:
    """How many calls divide the pairs, by ranges of units."""
    pairs = sum(len(part) for part in estimated(folders.pairs))
    units = len(inputs.read(folders.inputs).unit_ids)
    return max(1, min(units, pairs * PAIR.itemsize // blocks.PARTITION_BYTES * 4))


@dataclass(frozen=True)
class MergePairs:
    """Call it with a part."""

    folders: Folders
    parts: int
    found: Limits

    def __call__(self, part: int) -> None:
        """Writes the part's pairs, each once, and the places whose texts must be read to settle some of them."""
        units = len(inputs.read(self.folders.inputs).unit_ids)
        first, last = (units * number // self.parts << 32 for number in (part, part + 1))
        pieces = [piece[slice(*np.searchsorted(piece["a"], [first, last]))] for piece in estimated(self.folders.pairs)]
        pairs = merged(np.concatenate([np.empty(0, PAIR), *pieces]))
        near = pairs[pairs["equal"] < self.found.certain]
        storage.write_array(self.folders.pairs / f"merged/part-{part:05d}.npy", pairs)
        storage.write_array(
            self.folders.pairs / f"unsettled/part-{part:05d}.npy", np.unique(np.concatenate([near["a"], near["b"]]))
        )


@dataclass(frozen=True)
class WriteShingles:
    """Call it with a unit's id."""

    folders: Folders

    def __call__(self, unit_id: int) -> None:
        """Writes the sorted distinct shingles of the unit's texts that pairs are to be settled by: uint32, one text
        after the other, and of each its row and where it ends."""
        rows = self._wanted(unit_id)
        unit = Unit.of(self.folders.workspace, unit_id)
        sizes = []
        with storage.commit(_shingle_file(self.folders, unit)) as temporary, temporary.open("wb") as out:
            for text in _texts(unit, rows):
                shingles = np.unique(shingle_hashes(text))
                out.write(shingles.tobytes())
                sizes.append(len(shingles))
        ends = np.column_stack([rows, np.cumsum(sizes, dtype=np.int64)])
        storage.write_array(_shingle_file(self.folders, unit).with_suffix(".npy"), ends)

    def _wanted(self, unit_id: int) -> NDArray[np.int64]:
        """The rows of the unit's unsettled texts, sorted."""
        position = inputs.read(self.folders.inputs).unit_ids.index(unit_id)
        parts = [np.load(path, mmap_mode="r") for path in sorted((self.folders.pairs / "unsettled").glob("*.npy"))]
        own = [part[slice(*np.searchsorted(part, [position << 32, position + 1 << 32]))] for part in parts]
        return np.unique(np.concatenate([np.empty(0, np.int64), *own])) & 0xFFFFFFFF


def _shingle_file(folders: Folders, unit: Unit) -> Path:
    return folders.pairs / f"shingles/{unit.name}.u4"


def _texts(unit: Unit, rows: NDArray[np.int64]) -> Iterator[bytes]:
    """The texts of these sorted rows; of the unit's row groups only those that hold one are read."""
    if not len(rows):
        return
    with parquet.opened(unit.path("parquet")) as file:
        start = 0
        for group in range(file.num_row_groups):
            stop = start + file.metadata.row_group(group).num_rows
            inside = rows[(rows >= start) & (rows < stop)]
            if len(inside):
                content = file.read_row_group(group, ["content"], use_threads=False)["content"]
                yield from content.cast(pa.binary()).take(pa.array(inside - start)).to_pylist()
            start = stop


@dataclass(frozen=True)
class SettlePairs:
    """Call it with a part."""

    folders: Folders
    found: Limits
    min_similarity: float

    def __call__(self, part: int) -> None:
        """Writes VERIFIED: the pairs that are certainly similar, and those whose texts are."""
        pairs = np.load(self.folders.pairs / f"merged/part-{part:05d}.npy")
        verified = np.empty(len(pairs), VERIFIED)
        for name in PAIR.names or ():
            verified[name] = pairs[name]
        near = np.flatnonzero(pairs["equal"] < self.found.certain)
        verified["exact"] = np.nan
        for some in np.split(near, self._cuts(pairs[near])):
            verified["exact"][some] = self._exact(pairs[some])
        storage.write_array(
            self.folders.pairs / f"verified/part-{part:05d}.npy", verified[~(verified["exact"] < self.min_similarity)]
        )

    def _cuts(self, pairs: NDArray[np.void]) -> NDArray[np.int64]:
        """Where to cut the pairs, so that the shingles of each piece can be held."""
        places, numbers = np.unique(np.concatenate([pairs["a"], pairs["b"]]), return_inverse=True)
        sizes = np.concatenate([np.empty(0, np.int64), *(size for _, _, size in self._shingles_at(places))])
        held = np.cumsum(sizes[numbers[: len(pairs)]] + sizes[numbers[len(pairs) :]])
        return np.flatnonzero(np.diff(held // SHINGLES_AT_A_TIME)) + 1

    def _exact(self, pairs: NDArray[np.void]) -> NDArray[np.float64]:
        """The similarity of each pair's shingles."""
        places, numbers = np.unique(np.concatenate([pairs["a"], pairs["b"]]), return_inverse=True)
        found = [np.empty(0, np.uint32), *self._shingles(places)]
        offsets = np.cumsum([len(shingles) for shingles in found], dtype=np.int64)
        return jaccard(np.concatenate(found), offsets, numbers[: len(pairs)], numbers[len(pairs) :])

    def _shingles(self, places: NDArray[np.int64]) -> Iterator[NDArray[np.uint32]]:
        """The shingles of each of the sorted places."""
        for path, starts, sizes in self._shingles_at(places):
            with path.open("rb") as file:
                for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
                    file.seek(4 * start)
                    yield np.frombuffer(file.read(4 * size), np.uint32)

    def _shingles_at(self, places: NDArray[np.int64]) -> Iterator[tuple[Path, NDArray[np.int64], NDArray[np.int64]]]:
        """For the sorted places of each unit: the file with their shingles, where in it they begin, and how many."""
        unit_ids = inputs.read(self.folders.inputs).unit_ids
        bounds = blocks.groups(places >> 32)
        for first, last in zip(bounds[:-1], bounds[1:], strict=True):
            path = _shingle_file(self.folders, Unit.of(self.folders.workspace, unit_ids[places[first] >> 32]))
            rows, ends = np.load(path.with_suffix(".npy")).T
            at = np.searchsorted(rows, places[first:last] & 0xFFFFFFFF)
            starts = np.concatenate([[0], ends])[at]
            yield path, starts, ends[at] - starts
