"""Stage 3b: texts whose signatures share a band, and whose estimated similarity is high enough to look closer.

Bands are taken in groups, one group after the other, so that what is sorted at a time stays within a memory budget.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from filters.pairs import BANDS, MAX_BUCKET, PAIR, Limits, band_hashes, merged, pairs_in_buckets, pairs_with_leaders
from pipeline import blocks, storage
from pipeline.distinct import distinct, signatures_of
from pipeline.run import Folders

BANDED = np.dtype([("hash", np.uint64), ("place", np.int64)])
SHUFFLE_FACTOR = 8  # bytes of memory for a byte shuffled on one machine (measured: 4 to 8)
WINDOW = 65_536  # signatures held at a time: 64 MB


def band_groups(texts: int, memory_bytes: int) -> list[tuple[int, int]]:
    """First and last band of each group: as many bands at a time as fit into the memory, one at least.

    >>> band_groups(1_000, 1 << 30), band_groups(1_000_000, 2_000_000_000)[:2]
    ([(0, 42)], [(0, 15), (15, 30)])
    """
    size = max(1, min(BANDS, memory_bytes // max(1, texts * BANDED.itemsize * SHUFFLE_FACTOR)))
    return [(start, min(start + size, BANDS)) for start in range(0, BANDS, size)]


@dataclass(frozen=True)
class EmitBands:
    """Call it with a unit's id."""

    folders: Folders
    bands: tuple[int, int]
    partitions: int

    def __call__(self, unit_id: int) -> Iterator[tuple[int, bytes]]:
        """(partition, block of BANDED): every distinct text in each band of the group."""
        texts = distinct(self.folders, unit_id)["place"]
        for start in range(0, len(texts), WINDOW):
            places = texts[start : start + WINDOW]
            hashes = band_hashes(signatures_of(self.folders, places), *self.bands)
            records = np.empty(hashes.size, BANDED)
            records["hash"] = hashes.reshape(-1)
            records["place"] = np.repeat(places, hashes.shape[1])
            yield from blocks.split(records, records["hash"], self.partitions)


@dataclass(frozen=True)
class ComparePairs:
    """Call it with a partition and its blocks."""

    folders: Folders
    bands: tuple[int, int]
    found: Limits

    def __call__(self, partition: int, banded: Iterable[bytes]) -> tuple[()]:
        """Writes PAIR of the places in one bucket that are similar by estimate, sorted."""
        records = blocks.join(banded, BANDED)
        records = records[np.lexsort((records["place"], records["hash"]))]
        bounds = blocks.groups(records["hash"])
        pairs = [*self._in_small(records["place"], bounds), *self._in_large(records["place"], bounds)]
        storage.write_array(
            self.folders.pairs / f"estimated/bands-{self.bands[0]:02d}-{self.bands[1]:02d}/part-{partition:05d}.npy",
            merged(np.concatenate([np.empty(0, PAIR), *pairs])),
        )
        return ()

    def _in_small(self, places: NDArray[np.int64], bounds: NDArray[np.int64]) -> Iterator[NDArray[np.void]]:
        """All pairs, a window of buckets at a time."""
        sizes = np.diff(bounds)
        small = np.flatnonzero((sizes > 1) & (sizes <= MAX_BUCKET))
        window = np.cumsum(sizes[small]) // WINDOW
        for buckets in np.split(small, np.flatnonzero(np.diff(window)) + 1):
            rows = np.concatenate([np.empty(0, np.int64), *(np.arange(*bounds[i : i + 2]) for i in buckets)])
            inside = np.concatenate([[0], np.cumsum(sizes[buckets])])
            signatures = signatures_of(self.folders, places[rows])
            yield _at(places[rows], pairs_in_buckets(signatures, inside, self.found.candidate))

    def _in_large(self, places: NDArray[np.int64], bounds: NDArray[np.int64]) -> Iterator[NDArray[np.void]]:
        """Leaders and those like them; the leaders of a window lead the next ones, too."""
        for bucket in np.flatnonzero(np.diff(bounds) > MAX_BUCKET):
            leaders = np.empty(0, np.int64)
            for start in range(bounds[bucket], bounds[bucket + 1], WINDOW):
                rows = np.concatenate([leaders, places[start : min(start + WINDOW, bounds[bucket + 1])]])
                pairs, led = pairs_with_leaders(signatures_of(self.folders, rows), len(leaders), self.found)
                leaders = rows[led]
                yield _at(rows, pairs)


def _at(places: NDArray[np.int64], pairs: NDArray[np.void]) -> NDArray[np.void]:
    """The pairs of rows as pairs of places."""
    pairs["a"], pairs["b"] = places[pairs["a"]], places[pairs["b"]]
    return pairs


def estimated(folder: Path) -> list[NDArray[np.void]]:
    """The sorted PAIR of every partition of every group of bands, memory-mapped."""
    return [np.load(path, mmap_mode="r") for path in sorted((folder / "estimated").rglob("*.npy"))]
