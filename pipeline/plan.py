"""Stage 5: slices of kept rows to shards with exact names, and shards to tasks. Reads summaries only."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filters.language import slug
from pipeline import storage
from pipeline.config import Release
from pipeline.networks import SPLITS
from pipeline.run import Folders
from pipeline.units import Unit
from schemas.release import ROWS

MAX_SLICES = 1_000  # in a shard: so many row groups are opened for it
TASK_BYTES = 64 << 20  # of text that the small shards of one task have
SMALL_BYTES = 8 << 20  # of text: below, a shard reads more than it writes
WRITER = 1  # raise when the same specification gives other bytes


@dataclass(frozen=True)
class Slice:
    """The rows of one language and split that are kept in one row group of a unit."""

    unit_id: int
    group: int
    digest: str


@dataclass(frozen=True)
class Shard:
    """Everything that a shard's bytes depend on is in `digest`."""

    name: str  # data/python/train-00000-of-00003.parquet
    language: str | None
    split: str
    rows: int
    text_bytes: int
    slices: list[Slice]
    digest: str


def plan(folders: Folders, unit_ids: Iterable[int], config: Release) -> list[Shard]:
    """All shards of the release, by language and split."""
    found: dict[tuple[str | None, str], list[tuple[Slice, dict[str, Any]]]] = defaultdict(list)
    for unit_id in unit_ids:
        unit = Unit.of(folders.workspace, unit_id)
        summary = storage.read_json(folders.decisions / f"{unit.name}.json")
        files = unit.commit()["files"][f"{unit.path('parquet').name}"]["sha256"]
        for row in summary["slices"]:
            digest = hashlib.blake2b(f"{files} {row['digest']}".encode(), digest_size=16).hexdigest()
            found[row["language"], row["split"]].append((Slice(unit_id, row["group"], digest), row))
    ordered = sorted(found, key=lambda key: (slug(key[0]), SPLITS.index(key[1])))
    return [
        shard
        for key in ordered
        for shard in _shards(*key, list(_packed(found[key], config.shard_bytes)), config.compression_level)
    ]


def _packed(
    slices: list[tuple[Slice, dict[str, Any]]], shard_bytes: int
) -> Iterator[list[tuple[Slice, dict[str, Any]]]]:
    """The slices in their order, cut where a shard is full."""
    current: list[tuple[Slice, dict[str, Any]]] = []
    size = 0
    for item in slices:
        if current and (size + item[1]["bytes"] > shard_bytes or len(current) == MAX_SLICES):
            yield current
            current, size = [], 0
        current.append(item)
        size += item[1]["bytes"]
    yield current


def _shards(
    language: str | None, split: str, packed: list[list[tuple[Slice, dict[str, Any]]]], compression: int
) -> Iterator[Shard]:
    for number, items in enumerate(packed):
        name = f"data/{slug(language)}/{split}-{number:05d}-of-{len(packed):05d}.parquet"
        contents = [item.digest for item, _ in items]
        identity = [WRITER, ROWS.to_string(), compression, language, split, contents]
        yield Shard(
            name,
            language,
            split,
            sum(row["rows"] for _, row in items),
            sum(row["bytes"] for _, row in items),
            [item for item, _ in items],
            hashlib.blake2b(json.dumps(identity).encode(), digest_size=16).hexdigest(),
        )


def tasks(shards: list[Shard]) -> list[list[Shard]]:
    """Shards that one call writes, since they read the same row groups; the largest task first.

    A large shard takes the small ones of its language along (the other splits); small languages go together.
    """
    large = {shard.language: [shard] for shard in reversed(shards) if shard.text_bytes >= SMALL_BYTES}  # its first one
    alone = [[s] for s in shards if s.text_bytes >= SMALL_BYTES and s is not large[s.language][0]]
    together: list[list[Shard]] = []
    size = TASK_BYTES
    for shard in (shard for shard in shards if shard.text_bytes < SMALL_BYTES):
        if shard.language in large:
            large[shard.language].append(shard)
            continue
        if not together or size + shard.text_bytes > TASK_BYTES:
            together.append([])
            size = 0
        together[-1].append(shard)
        size += shard.text_bytes
    return sorted([*large.values(), *alone, *together], key=lambda task: -sum(shard.text_bytes for shard in task))


def write_tasks(folder: Path, tasks: list[list[Shard]]) -> None:
    """For workers, which read each by its number."""
    storage.delete_tree(folder)
    for number, task in enumerate(tasks):
        storage.write_json(folder / f"{number:05d}.json", [asdict(shard) for shard in task])


def read_task(folder: Path, number: int) -> list[Shard]:
    """The shards of a task."""
    rows = storage.read_json(folder / f"{number:05d}.json")
    return [Shard(**row | {"slices": [Slice(**piece) for piece in row["slices"]]}) for row in rows]
