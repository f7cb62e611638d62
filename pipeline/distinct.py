"""Stage 3a: each distinct text once. Near-duplicates are looked for among these, whatever the rules say of the files.

A text is named by where its first holder stands, its `place`: the unit's position among the inputs and the row in the
unit, in one integer. Its signature is then a look-up in the unit's memory-mapped file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from filters.minhash import NUM_PERM, SHINGLE_WORDS
from pipeline import blocks, inputs, storage
from pipeline.label import read_columns
from pipeline.run import Folders
from pipeline.units import Unit

HOLDER = np.dtype([("text", np.uint64, 2), ("place", np.int64)])


def places(position: int, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places of rows of the unit at this position."""
    return np.int64(position) << np.int64(32) | rows


@dataclass(frozen=True)
class EmitTexts:
    """Call it with a unit's id."""

    folders: Folders
    partitions: int

    def __call__(self, unit_id: int) -> Iterator[tuple[int, bytes]]:
        """(partition, block of HOLDER): the unit's first holder of each text that has a shingle."""
        files = read_columns(
            Unit.of(self.folders.workspace, unit_id), ["text_id", "token_count", "repository_index"]
        ).with_row_index("row")
        known = inputs.read(self.folders.inputs)
        files = known.without_passed_over(unit_id, files).filter(pl.col("token_count") >= SHINGLE_WORDS)
        files = files.unique("text_id", keep="first", maintain_order=True)
        records = np.empty(files.height, HOLDER)
        records["text"] = blocks.ids(files["text_id"])
        records["place"] = places(known.unit_ids.index(unit_id), files["row"].to_numpy().astype(np.int64))
        yield from blocks.split(records, records["text"][:, 0], self.partitions)


@dataclass(frozen=True)
class FirstHolders:
    """Call it with a partition and its blocks."""

    folders: Folders

    def __call__(self, partition: int, holders: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
        """(unit id, block of HOLDER): the first holder of each text."""
        records = blocks.join(holders, HOLDER)
        # not np.sort(order=...), which compares field by field and takes five times as long
        records = records[np.lexsort((records["place"], records["text"][:, 1], records["text"][:, 0]))]
        first = records[blocks.groups(records["text"])[:-1]]
        unit_ids = np.array(inputs.read(self.folders.inputs).unit_ids, np.int64)
        yield from blocks.by_number(first, unit_ids[first["place"] >> 32])


@dataclass(frozen=True)
class WriteDistinct:
    """Call it with a unit's id and its blocks of holders."""

    folders: Folders

    def __call__(self, unit_id: int, holders: Iterable[bytes]) -> tuple[()]:
        """Writes the unit's distinct texts in row order, HOLDER."""
        records = blocks.join(holders, HOLDER)
        storage.write_array(_path(self.folders, unit_id), records[np.argsort(records["place"])])
        return ()


def distinct(folders: Folders, unit_id: int) -> NDArray[np.void]:
    """HOLDER of the unit's distinct texts, memory-mapped."""
    return np.load(_path(folders, unit_id), mmap_mode="r")  # type: ignore[no-any-return]  # NumPy says Any


def _path(folders: Folders, unit_id: int) -> Path:
    return folders.pairs / f"distinct/{Unit.of(folders.workspace, unit_id).name}.npy"


def distinct_count(folder: Path) -> int:
    """Distinct texts of all units."""
    return sum(len(np.load(path, mmap_mode="r")) for path in (folder / "distinct").rglob("*.npy"))


def signatures_of(folders: Folders, wanted: NDArray[np.int64]) -> NDArray[np.uint32]:
    """uint32 [n, 256]: the signatures of the texts at these places, in their order."""
    found = np.empty((len(wanted), NUM_PERM), np.uint32)
    unit_ids = inputs.read(folders.inputs).unit_ids
    order = np.argsort(wanted, kind="stable")  # each unit's file once, from its start to its end
    position = wanted[order] >> 32
    bounds = blocks.groups(position)
    for start, stop in zip(bounds[:-1], bounds[1:], strict=True):
        unit = Unit.of(folders.workspace, unit_ids[position[start]])
        rows = order[start:stop]
        found[rows] = np.load(unit.path("signatures.npy"), mmap_mode="r")[wanted[rows] & 0xFFFFFFFF]
    return found
