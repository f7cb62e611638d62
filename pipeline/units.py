"""Units and generations: which repositories become final together, and which are final already.

`repositories/` holds the list. A generation `files/g001/` holds one list of repositories for each of its units, written
once; a unit is committed when `unit-00012.json` is there, and never changed after that.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import parquet, storage
from pipeline.errors import UnitError
from pipeline.workspace import Workspace
from schemas.repositories import PLANNED

MIN_UNITS = 64  # every worker of a small machine or cluster always has some
COMMITTED = {"files", "repositories", "rows"}  # what readers of a commit ask for
FETCHED_BYTES = 500_000  # guessed for a repository of unknown size: six at depth 1 had 0.47 to 20.6 MB
REPOSITORIES_PER_UNIT = 200  # so that a killed worker loses minutes


@dataclass(frozen=True, order=True)
class Unit:
    """A unit of a generation; its files lie beside each other under `path(suffix)`."""

    folder: str  # of all generations
    generation: int
    number: int

    @classmethod
    def of(cls, workspace: Workspace, unit_id: int) -> "Unit":
        """The unit with this id."""
        return cls(str(workspace.files), unit_id >> 32, unit_id & 0xFFFFFFFF)

    @property
    def id(self) -> int:
        """What flows through Beam: generation and number in one integer."""
        return self.generation << 32 | self.number

    @property
    def name(self) -> str:
        return f"g{self.generation:03d}/unit-{self.number:05d}"

    def path(self, suffix: str) -> Path:
        """`suffix` is one of list.parquet, parquet, signatures.npy, outcomes.parquet, json."""
        return Path(self.folder) / f"{self.name}.{suffix}"

    @property
    def committed(self) -> bool:
        return self.path("json").exists()

    def commit(self) -> dict[str, Any]:
        """What the unit's commit says. Raises UnitError when it cannot be read."""
        values = storage.read_json(self.path("json"))
        if not isinstance(values, dict) or not COMMITTED.issubset(values):
            raise storage.damaged(self.path("json"), ValueError("keys are missing"))
        return values


def range_count(repositories: int) -> int:
    """A power of two: the number of ranges that the hashes of the keys are divided into."""
    wanted = max(min(repositories, MIN_UNITS), repositories // REPOSITORIES_PER_UNIT, 1)
    return 1 << (wanted - 1).bit_length()


def range_of(repo_key: str, ranges: int) -> int:
    """The range of a key: the top bits of its BLAKE2b, so that doubling the ranges halves each."""
    return int.from_bytes(hashlib.blake2b(repo_key.encode(), digest_size=8).digest()) * ranges >> 64


def generations(workspace: Workspace) -> list[int]:
    """The generations that are planned completely, oldest first."""
    plans = workspace.files.glob("g*/generation.json")
    return sorted(int(match[1]) for plan in plans if (match := re.fullmatch(r"g(\d+)", plan.parent.name)))


def units(workspace: Workspace) -> list[Unit]:
    """The units of all generations, oldest first."""
    return [
        Unit(str(workspace.files), generation, number)
        for generation in generations(workspace)
        for number in storage.read_json(workspace.files / f"g{generation:03d}" / "generation.json")["units"]
    ]


def write_list(workspace: Workspace, repositories: pa.Table) -> None:
    """The list, and with the first one the number of ranges for good."""
    with storage.commit(workspace.repositories / "repositories.parquet") as temporary:
        pq.write_table(repositories, temporary, compression="zstd")
    ranges = workspace.repositories / "ranges.json"
    if not ranges.exists():
        storage.write_json(ranges, {"ranges": range_count(repositories.num_rows)})


def read_archives(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """What the hours of each source with `gharchive` held, by the source's number; as archive.totals says it."""
    path = workspace.repositories / "archives.json"
    found: dict[str, dict[str, Any]] = storage.read_json(path) if path.exists() else {}
    return found


def read_list(workspace: Workspace) -> pa.Table:
    """The list as LISTED."""
    return parquet.read(workspace.repositories / "repositories.parquet")


def unplanned(workspace: Workspace, limit: int | None = None) -> pa.Table:
    """The listed repositories that no generation has, as PLANNED.

    `limit`: at most so many repositories over all generations, in the order of their hashes.
    """
    listed = read_list(workspace)
    wanted = listed.filter(pc.is_null(listed["excluded"])).drop_columns(["excluded", "excluded_detail"])
    wanted = wanted.append_column(PLANNED.field("known_commit_id"), pa.nulls(wanted.num_rows, pa.string()))
    planned = planned_keys(workspace)
    waiting = wanted.filter(pc.invert(pc.is_in(wanted["repo_key"], value_set=planned)))
    return waiting if limit is None else _first_by_hash(waiting, max(0, limit - len(planned)))


def planned_keys(workspace: Workspace) -> pa.Array:
    """The keys that some generation has."""
    keys = [parquet.read(unit.path("list.parquet"), ["repo_key"])["repo_key"] for unit in units(workspace)]
    return pc.unique(pa.chunked_array([c for k in keys for c in k.chunks], pa.string())).cast(pa.string())


def _first_by_hash(repositories: pa.Table, count: int) -> pa.Table:
    order = sorted(range(repositories.num_rows), key=lambda i: range_of(repositories["repo_key"][i].as_py(), 1 << 64))
    return repositories.take(pa.array(sorted(order[:count]), pa.int64()))


def write_generation(workspace: Workspace, repositories: pa.Table, large_bytes: int) -> None:
    """A new generation for these repositories, rows of PLANNED: the lists of its units, then its own file, which makes
    them count; no generation for no repository."""
    if not repositories.num_rows:
        return
    generation = max(generations(workspace), default=0) + 1
    numbers = _unit_numbers(workspace, repositories, large_bytes)
    for number in np.unique(numbers).tolist():
        unit = Unit(str(workspace.files), generation, number)
        with storage.commit(unit.path("list.parquet")) as temporary:
            pq.write_table(repositories.filter(pa.array(numbers == number)), temporary, compression="zstd")
    plan = {"units": np.unique(numbers).tolist(), "repositories": repositories.num_rows}
    storage.write_json(workspace.files / f"g{generation:03d}" / "generation.json", plan)


def _unit_numbers(workspace: Workspace, repositories: pa.Table, large_bytes: int) -> np.ndarray:
    """int64, one for each repository: its range; a large one gets a number of its own behind the ranges."""
    ranges = storage.read_json(workspace.repositories / "ranges.json")["ranges"]
    numbers = np.array([range_of(key, ranges) for key in repositories["repo_key"].to_pylist()], np.int64)
    large = pc.fill_null(pc.greater(repositories["object_bytes"], large_bytes), False).to_numpy()
    numbers[large] = ranges + np.arange(large.sum())
    return numbers


def forget_fetched(workspace: Workspace) -> None:
    """What was fetched for units that are committed now is gone: a run may have been killed before it did that."""
    for unit in units(workspace):
        if unit.committed:
            storage.delete_tree(workspace.fetched / unit.name)


def expected_bytes(unit: Unit) -> int:
    """Size of the unit's repositories as far as it is known, and a guess for those to be fetched."""
    sizes = parquet.read(unit.path("list.parquet"), ["object_bytes"])["object_bytes"]
    return int(pc.sum(pc.fill_null(sizes, FETCHED_BYTES)).as_py() or 0)


def check(unit: Unit) -> None:
    """Raises UnitError unless the unit's files have the hashes that its commit says."""
    for name, known in unit.commit()["files"].items():
        path = unit.path("json").parent / name
        if not path.exists() or storage.sha256(path) != known["sha256"]:
            what = "damaged" if path.exists() else "missing"
            raise UnitError(f"{path}: {what}; delete {unit.path('json')} and run again to extract it anew")
