"""Units: which repositories share one, how their rows lie in it, and which signature belongs to which row."""

import hashlib
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.demo_corpus import MIT, source, write_repository
from filters.minhash import shingle_hashes
from pipeline import spill, storage, units
from pipeline.config import Config, Extract, Fetch, Source
from pipeline.errors import UnitError
from pipeline.extract import ExtractUnit
from pipeline.git import Entry
from pipeline.measure import Measured, measure
from pipeline.read import Batch
from pipeline.sources.listing import list_repositories
from pipeline.spill import WITH_SIGNATURE, SortedRuns
from pipeline.units import Unit, range_count, range_of
from pipeline.workspace import Workspace
from schemas.files import FILES
from schemas.repositories import EXTRACTED, LISTED

# Ranges

KEYS = st.text(st.characters(codec="utf-8"), max_size=40)


@given(key=KEYS, power=st.integers(0, 40))
def test_doubling_the_ranges_halves_each(key: str, power: int) -> None:
    assert range_of(key, 2 << power) // 2 == range_of(key, 1 << power)
    assert 0 <= range_of(key, 1 << power) < 1 << power


def test_keys_spread_evenly_over_the_ranges() -> None:
    counts = np.bincount([range_of(f"github.com/owner/name-{i}", 64) for i in range(6_400)], minlength=64)
    assert 50 < counts.min() <= counts.max() < 160  # 100 in the mean; 6 standard deviations are 60


@pytest.mark.parametrize(
    ("repositories", "ranges"),
    [(0, 1), (1, 1), (2, 2), (3, 4), (33, 64), (64, 64), (65, 64), (12_800, 64), (13_000, 128), (100_000, 512)],
)
def test_the_number_of_ranges(repositories: int, ranges: int) -> None:
    assert range_count(repositories) == ranges


@given(repositories=st.integers(0, 10**9))
def test_the_number_of_ranges_is_a_power_of_two_that_keeps_units_small(repositories: int) -> None:
    ranges = range_count(repositories)
    assert ranges.bit_count() == 1
    assert repositories < 200 * (ranges + 1)


# Generations


def listed(*names: str, object_bytes: int | None = None) -> pa.Table:
    """Repositories of folders as LISTED, sorted by key."""
    empty = dict.fromkeys(LISTED.names)
    rows = [
        {"repo_key": f"local/{name}", "host": "local", "repo_name": name, "source": 0, "object_bytes": object_bytes}
        for name in sorted(names)
    ]
    return pa.Table.from_pylist([empty | row for row in rows], schema=LISTED)


def members(workspace: Workspace) -> dict[str, list[str]]:
    """The repositories of each unit by its name."""
    lists = {unit.name: pq.read_table(unit.path("list.parquet")) for unit in units.units(workspace)}
    return {name: table["repo_name"].to_pylist() for name, table in lists.items()}


NAMES = [f"owner/name-{i:02d}" for i in range(20)]


def test_every_repository_is_in_the_unit_of_its_range(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    units.write_list(workspace, listed(*NAMES))
    units.write_generation(workspace, units.unplanned(workspace), large_bytes=100)
    found = members(workspace)
    assert sorted(itertools.chain(*found.values())) == NAMES
    for unit, names in found.items():
        assert {f"g001/unit-{range_of(f'local/{name}', 32):05d}" for name in names} == {unit}


def test_new_names_make_a_new_generation_and_leave_the_old_alone(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    units.write_list(workspace, listed(*NAMES[:5]))
    units.write_generation(workspace, units.unplanned(workspace), large_bytes=100)
    first = members(workspace)
    units.write_list(workspace, listed(*NAMES))
    units.write_generation(workspace, units.unplanned(workspace), large_bytes=100)
    second = members(workspace)
    assert {name: second[name] for name in first} == first
    new = {name: found for name, found in second.items() if name not in first}
    assert {name.partition("/")[0] for name in new} == {"g002"}
    assert sorted(itertools.chain(*new.values())) == NAMES[5:]
    numbers = {int(name[-5:]) for name in new}
    assert max(numbers) < 8, "the number of ranges stays what five names made it"
    units.write_generation(workspace, units.unplanned(workspace), large_bytes=100)
    assert members(workspace) == second, "nothing new, no generation"


def test_a_limit_takes_a_prefix_and_is_over_all_generations(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    units.write_list(workspace, listed(*NAMES))
    taken: list[set[str]] = []
    for limit in (3, 3, 7, None):
        units.write_generation(workspace, units.unplanned(workspace, limit), 100)
        taken.append(set(itertools.chain(*members(workspace).values())))
    assert [len(names) for names in taken] == [3, 3, 7, 20]
    assert taken[0] == taken[1] < taken[2] < taken[3]
    by_hash = sorted(NAMES, key=lambda name: hashlib.blake2b(f"local/{name}".encode(), digest_size=8).digest())
    assert taken[2] == set(by_hash[:7])


def test_a_large_repository_is_alone_in_its_unit(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    large = listed(*NAMES[:2], object_bytes=101)
    units.write_list(workspace, pa.concat_tables([large, listed(*NAMES[2:], object_bytes=100)]))
    units.write_generation(workspace, units.unplanned(workspace), large_bytes=100)
    found = members(workspace)
    assert [found["g001/unit-00032"], found["g001/unit-00033"]] == [[NAMES[0]], [NAMES[1]]]


# Rows in their order

CONTENTS = {".py": b"x = 1\n", ".js": b"let x\n", ".c": b"int x;\n", ".zig": b"const x\n", "": b"what is this\n"}


def batch_of(files: list[tuple[int, str, bytes | None]]) -> Measured:
    """Files of one repository, measured. Without a blob a file is a link."""
    entries = [
        Entry(0o100644, hashlib.sha1(blob or b"").hexdigest(), len(blob or b""), path.encode())
        for _, path, blob in files
    ]
    index = files[0][0]
    return measure(
        Batch(
            "local",
            f"owner/name-{9 - index}",
            index,
            "c" * 40,
            entries,
            [blob for *_, blob in files],
            [None if blob is not None else "symlink" for *_, blob in files],
        )
    )


@st.composite
def batches(draw: st.DrawFn) -> list[list[tuple[int, str, bytes | None]]]:
    """(repository, path, blob) of up to three repositories, cut anywhere."""
    names = st.tuples(st.sampled_from(["a", "b", "B/a", "é", "z"]), st.sampled_from(list(CONTENTS)))
    found = []
    for repository in range(draw(st.integers(1, 3))):
        files = draw(
            st.lists(st.tuples(names, st.integers(0, 40), st.booleans()), unique_by=lambda f: f[0], max_size=9)
        )
        rows = [
            (repository, stem + suffix, CONTENTS[suffix] * times if is_text else None)
            for (stem, suffix), times, is_text in files
        ]
        cuts = draw(st.lists(st.integers(0, len(rows)), max_size=2))
        bounds = [0, *sorted(cuts), len(rows)]
        found += [rows[a:b] for a, b in itertools.pairwise(bounds) if a < b]
    return found


def sorted_groups(parts: list[Any], failed: list[int], *, run_bytes: int) -> list[pa.Table]:
    """The row groups of a unit with these batches, spilled whenever `run_bytes` are waiting."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(spill, "RUN_BYTES", run_bytes)
        patch.setattr(spill, "LARGE_LANGUAGE_BYTES", 100)
        patch.setattr(spill, "GROUP_BYTES", 250)
        patch.setattr(spill, "GROUP_ROWS", 4)
        runs = SortedRuns(Path(folder))
        for part in parts:
            runs.add(batch_of(part))
        spilled = len(list(Path(folder).iterdir()))
        assert spilled == (len(parts) if run_bytes == 1 else 0)
        return list(runs.groups(failed))


@given(parts=batches(), failed=st.sets(st.integers(0, 2)), seed=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_many_runs_in_any_order_give_the_rows_of_one(parts: list[Any], failed: set[int], seed: Any) -> None:
    one = sorted_groups(parts, sorted(failed), run_bytes=1 << 40)
    shuffled = list(parts)
    seed.shuffle(shuffled)
    many = sorted_groups(shuffled, sorted(failed), run_bytes=1)
    assert [table.num_rows for table in many] == [table.num_rows for table in one]
    assert all(table.schema.equals(WITH_SIGNATURE) for table in one + many)
    assert all(a.equals(b) for a, b in zip(one, many, strict=True))


@given(parts=batches(), failed=st.sets(st.integers(0, 2)))
@settings(max_examples=60, deadline=None)
def test_rows_are_sorted_and_large_languages_start_a_row_group(parts: list[Any], failed: set[int]) -> None:
    groups = [table.to_pylist() for table in sorted_groups(parts, sorted(failed), run_bytes=1)]
    rows = list(itertools.chain(*groups))
    given = [(repository, path) for part in parts for repository, path, _ in part if repository not in failed]
    assert sorted((row["repository_index"], row["path"]) for row in rows) == sorted(given)

    sizes: dict[str | None, int] = {}
    for row in rows:
        if row["content"] is not None:
            sizes[row["language"]] = sizes.get(row["language"], 0) + len(row["content"].encode())

    def place(row: dict[str, Any]) -> tuple[Any, ...]:
        text = row["content"] is not None
        large = text and sizes[row["language"]] >= 100
        language = (row["language"] is None, row["language"] or "")  # nulls last
        return (not text, not large, language, row["repo_name"], row["path"].encode())

    assert rows == sorted(rows, key=place)

    for group in groups:
        sections = {place(row)[:2] + (place(row)[2] if not place(row)[1] else ("shared",)) for row in group}
        assert len(sections) == 1, "a row group holds one large language, or small ones, or rows without a text"
        assert len(group) <= 4
        assert sum(len(row["content"] or "") for row in group[:-1]) < 250 + 40 * 13
    small = [group for group in groups if place(group[0])[:2] == (False, True)]
    for before, after in itertools.pairwise(small):
        assert len(before) == 4 or sum(len(row["content"]) for row in before + after) >= 250, "small ones share"


def test_small_languages_share_a_row_group() -> None:
    part: list[tuple[int, str, bytes | None]] = [
        (0, "a.py", CONTENTS[".py"] * 30),  # 180 bytes
        (0, "b.c", CONTENTS[".c"]),
        (0, "c.js", CONTENTS[".js"]),
        (0, "d.py", CONTENTS[".py"]),
        (0, "link", None),
    ]
    groups = sorted_groups([part], [], run_bytes=1)
    assert [table["path"].to_pylist() for table in groups] == [["a.py", "d.py"], ["b.c", "c.js"], ["link"]]


# A unit on disk


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unit]:
    """A committed unit of two repositories, written from several runs."""
    folder = tmp_path_factory.mktemp("units")
    files = {f"m{i}.py": source(f"topic{i}") for i in range(6)} | {"LICENSE": MIT, "short.py": b"x = 1\n", "e.py": b""}
    write_repository(folder / "mirrors/o/one.git", files | {"link": b"m0.py"}, modes={"link": "120000"})
    write_repository(folder / "mirrors/o/two.git", {"copy.py": source("topic0"), "a.js": b"let x = 1 + 2\n" * 9})
    config = Config(folder=folder, source=[Source(directories=["mirrors"])])
    workspace = Workspace(folder / "workspace")
    units.write_list(workspace, list_repositories(config))
    storage.write_json(workspace.repositories / "ranges.json", {"ranges": 1})
    units.write_generation(workspace, units.unplanned(workspace), large_bytes=1 << 40)
    (unit,) = units.units(workspace)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spill, "RUN_BYTES", 1)
        patch.setattr(spill, "LARGE_LANGUAGE_BYTES", 1_000)
        ExtractUnit(str(folder), workspace, Extract(), Fetch())(unit.id)
    yield unit


def test_signature_i_is_that_of_row_i(unit: Unit) -> None:
    contents = pq.read_table(unit.path("parquet"))["content"].to_pylist()
    signatures = np.load(unit.path("signatures.npy"), mmap_mode="r")
    texts = [content for content in contents if content is not None]
    assert contents[: len(texts)] == texts, "rows with a text come first"
    assert (signatures.dtype, signatures.shape) == (np.dtype("<u4"), (11, 256))
    assert len(texts) == 11
    assert len({row.tobytes() for row in signatures}) == 9  # topic0 twice; the empty and the short one alike
    for content, signature in zip(texts, signatures, strict=True):
        expected = MinHash(num_perm=256, hashfunc=int)
        expected.update_batch(shingle_hashes(content.encode()))
        assert (signature == expected.hashvalues).all(), content[:40]


def test_rows_of_a_unit_are_as_its_commit_says(unit: Unit) -> None:
    table = pq.read_table(unit.path("parquet"))
    commit = unit.commit()
    assert table.schema.equals(FILES)
    assert (table.num_rows, commit["rows"], commit["texts"]) == (12, 12, 11)
    assert commit["text_bytes"] == sum(len(text.encode()) for text in table["content"].to_pylist() if text)
    assert commit["repositories"] == dict.fromkeys(EXTRACTED, 0) | {"ok": 2}
    units.check(unit)


@pytest.mark.parametrize("suffix", ["parquet", "signatures.npy", "outcomes.parquet"])
def test_a_changed_or_missing_file_of_a_unit_is_found(unit: Unit, suffix: str) -> None:
    path = unit.path(suffix)
    known = path.read_bytes()
    try:
        path.write_bytes(known[:-9] + bytes([known[-9] ^ 1]) + known[-8:])
        with pytest.raises(UnitError, match=f"{path.name}: damaged; delete .*{unit.path('json').name}"):
            units.check(unit)
        path.unlink()
        with pytest.raises(UnitError, match=f"{path.name}: missing; delete .*{unit.path('json').name}"):
            units.check(unit)
    finally:
        path.write_bytes(known)
    units.check(unit)


def test_an_identifier_holds_generation_and_number() -> None:
    workspace = Workspace(Path("workspace"))
    unit = Unit(str(workspace.files), 3, 12)
    assert Unit.of(workspace, unit.id) == unit
    assert unit.path("json") == Path("workspace/files/g003/unit-00012.json")
