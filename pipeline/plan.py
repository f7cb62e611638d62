"""Stage 5: slices of kept rows to shards with exact names, and shards to tasks. Reads summaries only."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from filters.language import slug
from pipeline import storage
from pipeline.config import Release
from pipeline.errors import ConfigError
from pipeline.networks import SPLITS
from pipeline.run import Folders
from pipeline.units import Unit
from schemas.release import ROWS

MAX_SLICES = 1_000  # in a shard: so many row groups are opened for it
TASK_BYTES = 64 << 20  # of text that the small shards of one task have
SMALL_BYTES = 8 << 20  # of text: below, a shard reads more than it writes
WRITER = 2  # raise when the same specification gives other bytes

# The Hub, https://huggingface.co/docs/hub/storage-limits: fewer than 10,000 entries in a folder, else a commit is
# refused, and fewer than 100,000 files in a repository, of which some are left to ledger, clusters and card.
MAX_FOLDER_SHARDS = 9_999
MAX_SHARDS = 90_000
MAX_SHARD_BYTES = 2_000_000_000  # of text, as [release] shard_bytes says


@dataclass(frozen=True)
class Slice:
    """The rows of one row group of a unit that go into one shard."""

    unit_id: int
    group: int
    digest: str


class Sized(NamedTuple):
    """A slice with its rows, at least one, and their bytes of text."""

    slice: Slice
    rows: int
    bytes: int


@dataclass(frozen=True)
class Shard:
    """Everything that a shard's bytes depend on is in `digest`."""

    name: str  # data/python/train-00000-of-00003.parquet; without the folder in the layout `single`
    layout: str
    order: str
    language: str | None  # null: none known; in the layout `single`: all
    split: str
    rows: int
    text_bytes: int
    slices: list[Slice]
    digest: str


Part = tuple[str | None, str]  # language, null in the layout `single`, and split: what shards never mix


def plan(folders: Folders, unit_ids: Iterable[int], config: Release) -> list[Shard]:
    """All shards of the release, by language, where the layout has languages, and split.

    Raises ConfigError where the Hub would refuse so many.
    """
    found = dict(sorted(parts(folders, unit_ids, config.layout).items(), key=_place))
    packed = {part: list(pack(slices, config.shard_bytes)) for part, slices in found.items()}
    check_limits(found, packed, config)
    return [shard for part, shards in packed.items() for shard in _named(part, shards, config)]


def parts(folders: Folders, unit_ids: Iterable[int], layout: str) -> dict[Part, list[Sized]]:
    """The slices of every part, in the order of units and row groups."""
    found: dict[Part, dict[tuple[int, int], list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    digests = {}
    for unit_id in unit_ids:
        unit = Unit.of(folders.workspace, unit_id)
        digests[unit_id] = unit.commit()["files"][unit.path("parquet").name]["sha256"]
        for row in storage.read_json(folders.decisions / f"{unit.name}.json")["slices"]:
            language = row["language"] if layout == "language" else None
            found[language, row["split"]][unit_id, row["group"]].append(row)
    return {
        part: [_sized(*place, digests[place[0]], rows) for place, rows in sorted(places.items())]
        for part, places in found.items()
    }


def _sized(unit_id: int, group: int, unit_digest: str, rows: list[dict[str, Any]]) -> Sized:
    """One slice of the row group, of one language or of several."""
    names = " ".join([unit_digest, *(row["digest"] for row in rows)])
    digest = hashlib.blake2b(names.encode(), digest_size=16).hexdigest()
    return Sized(Slice(unit_id, group, digest), sum(row["rows"] for row in rows), sum(row["bytes"] for row in rows))


def _place(item: tuple[Part, Any]) -> tuple[str, int]:
    (language, split), _ = item
    return slug(language), SPLITS.index(split)


def pack(slices: Sequence[Sized], shard_bytes: int) -> Iterator[list[Sized]]:
    """The slices in their order, cut into shards of half to all of `shard_bytes` of text; the last may be smaller, and
    a slice may be larger.

    Where rows vanish, the cuts further on stay where they were after a shard or two: a shard ends with the slice that
    has the smallest hash of those it may end with.
    """
    start = 0
    while start < len(slices):
        end = _end(slices, start, shard_bytes)
        yield list(slices[start:end])
        start = end


def _end(slices: Sequence[Sized], start: int, shard_bytes: int) -> int:
    """Where the shard that begins at `start` ends."""
    size, ends = 0, [start]
    for number in range(start, len(slices)):
        count, added = number - start, slices[number].bytes
        if count and (size + added > shard_bytes or count == MAX_SLICES):
            return min(ends, key=lambda end: _hash(slices[end - 1].slice))
        if 2 * size < shard_bytes and 2 * count < MAX_SLICES:
            ends = []  # up to here it is too small
        size += added
        ends.append(number + 1)
    return len(slices)


def _hash(piece: Slice) -> bytes:
    """Of the place alone: it stays what it is when rows go."""
    return hashlib.blake2b(f"{piece.unit_id} {piece.group}".encode(), digest_size=8).digest()


def check_limits(found: dict[Part, list[Sized]], packed: dict[Part, list[list[Sized]]], config: Release) -> None:
    """Raises ConfigError where there are more shards than the Hub takes, with a value of shard_bytes that would do."""
    if not (excess := _excess(packed, config.layout)):
        return
    larger = config.shard_bytes
    while larger < MAX_SHARD_BYTES:
        larger = min(2 * larger, MAX_SHARD_BYTES)
        if not _excess({part: list(pack(slices, larger)) for part, slices in found.items()}, config.layout):
            raise ConfigError(f"release: shard_bytes: {excess}; {larger:_} would do")
    raise ConfigError(f"release: shard_bytes: {excess}, and no value would do: make several releases, each of a part")


def _excess(packed: dict[Part, list[list[Sized]]], layout: str) -> str:
    """What is too much for the Hub; nothing where nothing is."""
    counts = Counter[str]()
    for (language, _), shards in packed.items():
        counts[_folder(language, layout)] += len(shards)
    if counts.total() > MAX_SHARDS:
        return f"{counts.total():,} shards, but the Hub takes fewer than 100,000 files, and there are others"
    folder, count = max(counts.items(), key=lambda item: item[1], default=("", 0))
    return f"{count:,} shards in {folder}, but the Hub takes fewer than 10,000" if count > MAX_FOLDER_SHARDS else ""


def _folder(language: str | None, layout: str) -> str:
    return "data" if layout == "single" else f"data/{slug(language)}"


def _named(part: Part, packed: list[list[Sized]], config: Release) -> Iterator[Shard]:
    """The part's shards."""
    language, split = part
    for number, items in enumerate(packed):
        contents = [item.slice.digest for item in items]
        how = [WRITER, pa.__version__, ROWS.to_string(), config.compression_level, config.layout, config.order]
        yield Shard(
            f"{_folder(language, config.layout)}/{split}-{number:05d}-of-{len(packed):05d}.parquet",
            config.layout,
            config.order,
            language,
            split,
            sum(item.rows for item in items),
            sum(item.bytes for item in items),
            [item.slice for item in items],
            hashlib.blake2b(json.dumps([*how, language, split, contents]).encode(), digest_size=16).hexdigest(),
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
