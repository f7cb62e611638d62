"""The Parquet files of a release in every layout and order, and how much of the next version is new."""

import hashlib
import json
import random
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from bench.republish import new_bytes
from examples.demo_corpus import write_repository
from pipeline import corpus as stages
from pipeline import parquet
from pipeline import shards as shard_files
from pipeline.config import Config, Source
from pipeline.plan import Sized, Slice, pack
from pipeline.shards import OpenShard
from pipeline.verify import verify_release
from schemas.release import ROWS
from tests.pipeline.conftest import extract, release, shard_hashes, text

WAYS = [("language", "path"), ("language", "hash"), ("single", "path"), ("single", "hash")]
Way = tuple[str, str]


def configured(config: Config, way: Way) -> Config:
    """The configuration with this layout and order."""
    layout, order = way
    return config.model_copy(update={"release": config.release.model_copy(update={"layout": layout, "order": order})})


@pytest.fixture(scope="module")
def releases(config: Config, finished: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Way, Path]:
    """A release in every layout and order, one after the other in one workspace."""
    folder = tmp_path_factory.mktemp("shards")
    shutil.copytree(finished, folder / "workspace")
    return {
        way: Path(shutil.copytree(release(folder / "workspace", configured(config, way)), folder / "-".join(way)))
        for way in reversed(WAYS)
    }


def shards(release: Path) -> list[Path]:
    return sorted(release.glob("data/**/*.parquet"))


def table(release: Path) -> pl.DataFrame:
    """All rows, by file_id."""
    return pl.concat(pl.read_parquet(path, hive_partitioning=False) for path in shards(release)).sort("file_id")


# Every shard


@pytest.mark.parametrize("way", WAYS)
def test_every_shard_is_as_the_hubs_readers_want_it(releases: dict[Way, Path], way: Way) -> None:
    found = shards(releases[way])
    assert len(found) > 5
    for path in found:
        with pq.ParquetFile(path) as file:
            footer = file.metadata
            schema = file.schema_arrow
        assert schema.equals(ROWS, check_metadata=True)
        assert footer.num_rows >= 1
        assert json.loads(footer.metadata[b"use_content_defined_chunking"])["max_chunk_size"] == 1 << 20
        for group in map(footer.row_group, range(footer.num_row_groups)):
            assert group.num_rows >= 1
            assert group.total_byte_size < 100_000_000
            for chunk in map(group.column, range(group.num_columns)):
                assert chunk.compression == "ZSTD"
                assert chunk.has_offset_index
                assert chunk.is_stats_set == (chunk.path_in_schema in parquet.SEARCHED)
    assert "content" not in parquet.SEARCHED


def test_a_flipped_bit_in_a_page_is_found(releases: dict[Way, Path], tmp_path: Path) -> None:
    path = tmp_path / "shard.parquet"
    data = bytearray(shards(releases["single", "path"])[0].read_bytes())
    start = pq.read_metadata(shards(releases["single", "path"])[0]).row_group(0).column(0).data_page_offset
    data[start + 200] ^= 4  # in the first texts
    path.write_bytes(data)
    with pq.ParquetFile(path, page_checksum_verification=True) as file, pytest.raises(OSError, match="CRC"):
        file.read(["content"])


# Layouts and orders


def test_all_ways_have_the_same_rows(releases: dict[Way, Path]) -> None:
    first, *others = (table(releases[way]) for way in WAYS)
    assert first.height > 400
    for other in others:
        assert first.equals(other)


def test_one_layout_has_folders_and_the_other_has_none(releases: dict[Way, Path]) -> None:
    for order in ("path", "hash"):
        names = [path.relative_to(releases["single", order]).parts for path in shards(releases["single", order])]
        assert {len(name) for name in names} == {2}
        splits = [name[1].split("-")[0] for name in names]
        assert set(splits) == {"train", "validation", "test"}
        for split in set(splits):
            count = splits.count(split)
            expected = [f"{split}-{number:05d}-of-{count:05d}.parquet" for number in range(count)]
            assert [name[1] for name in names if name[1].startswith(split)] == expected
        for path in shards(releases["language", order]):
            assert len(pl.read_parquet(path, columns=["language"], hive_partitioning=False).unique()) == 1


def test_rows_are_in_the_order_of_their_units_or_shuffled(releases: dict[Way, Path]) -> None:
    for layout, order in WAYS:
        for path in shards(releases[layout, order]):
            rows = pl.read_parquet(path, hive_partitioning=False)
            by_hash = rows["file_id"].is_sorted()
            assert by_hash == (order == "hash") or rows.height < 5, path
            if order == "path" and layout == "language":
                names = (rows["host"] + "/" + rows["repo_name"]).to_list()
                parts = [name for name, before in zip(names, [None, *names], strict=False) if name != before]
                assert len(parts) == len(set(parts)), "a repository's files are together"
                for _, files in rows.group_by("host", "repo_name", maintain_order=True):
                    assert files["path"].is_sorted()


def test_the_manifest_counts_alike(releases: dict[Way, Path]) -> None:
    first, *others = (verify_release(releases[way]) for way in WAYS)
    for other in others:
        assert other["languages"] == first["languages"]
        assert other["files"] == first["files"]


@pytest.mark.parametrize("order", ["path", "hash"])
def test_a_single_layout_loads_everywhere(
    releases: dict[Way, Path], order: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    import datasets

    expected = table(releases["language", "path"])
    folder = releases["single", order]
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path))
    assert sorted(row for part in loaded.values() for row in part["file_id"]) == expected["file_id"].to_list()
    assert {split: part.num_rows for split, part in loaded.items()} == verify_release(folder)["splits"]["rows"]
    lazily = pl.scan_parquet(folder / "data/*.parquet").sort("file_id").collect()
    assert lazily.equals(expected)
    with duckdb.connect() as database:
        found = database.execute(f"SELECT file_id, content FROM '{folder}/data/*.parquet' ORDER BY file_id").fetchall()
    assert found == expected.select("file_id", "content").rows()


@pytest.mark.parametrize("way", [*(pytest.param(way, marks=pytest.mark.slow) for way in WAYS[1:3]), WAYS[3]])
def test_two_processes_write_what_one_writes(
    config: Config, finished: Path, releases: dict[Way, Path], way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "PARALLEL_TEXT_BYTES", -1)
    workspace = Path(shutil.copytree(finished, tmp_path / "workspace"))
    assert shard_hashes(release(workspace, configured(config, way), workers=2)) == shard_hashes(releases[way])


def test_a_way_back_gives_the_bytes_from_before(
    config: Config, expected: dict[str, str], releases: dict[Way, Path]
) -> None:
    assert shard_hashes(releases["language", "path"]) == expected  # the last of four in its workspace


# Odd rows

ODD = {
    "crlf.py": b"a = 1\r\nb = 2\r\n",
    "emoji.py": "bird = '🦜 e\u0301'\n".encode(),
    "bom.py": b"\xef\xbb\xbfc = 3\n",
    "empty.py": b"",
    "line.py": b"x = '" + b"ab" * 500_000 + b"'\n",
    "separators.py": "d = '\u2028 \x85'\n".encode(),
}


def test_odd_texts_come_out_as_they_went_in(tmp_path: Path) -> None:
    write_repository(tmp_path / "mirrors/o/odd.git", ODD | {"nul.py": b"e = '\0'\n"})
    config = Config(folder=tmp_path, source=[Source(directories=["mirrors"], rights="own")], rules={"preset": "none"})
    texts = {name: data.removeprefix(b"\xef\xbb\xbf").decode() for name, data in ODD.items()}
    extract(tmp_path / "workspace", config)
    for way in WAYS:
        folder = release(tmp_path / "workspace", configured(config, way))
        assert dict(table(folder).select("path", "content").iter_rows()) == texts
        with duckdb.connect() as database:
            found = database.execute(f"SELECT path, content FROM '{folder}/data/**/*.parquet'").fetchall()
        assert dict(found) == texts


# Row groups


def rows(texts: Mapping[str, str]) -> pl.DataFrame:
    """Kept rows with these texts by path, as the writer gets them."""
    ids = [hashlib.blake2b(path.encode(), digest_size=16).digest() for path in texts]
    given = {"path": list(texts), "content": list(texts.values())} | dict.fromkeys(
        ("file_id", "text_id", "cluster_id"), ids
    )
    counts = {name: pl.lit(1, pl.Int64) for name in ("line_chars", "alnum_count", "length_chars")}
    rest = pl.DataFrame(ROWS.empty_table()).drop(given).clear(len(texts))
    filled = rest.with_columns(
        pl.col(pl.String).fill_null("x"),
        pl.col(pl.Int64, pl.Int32).fill_null(1),
        pl.col(pl.Float64).fill_null(0.5),
        pl.col(pl.Boolean).fill_null(False),
    )
    return pl.DataFrame(given).hstack(filled).with_columns(generated_by=pl.lit(None, pl.String), **counts)


def write(path: Path, order: str, added: Iterable[pl.DataFrame], *, chunked: bool = True) -> pq.FileMetaData:
    """A shard of what is added; its footer."""
    with parquet.writer(path, ROWS, 3, chunked=chunked) as writer:
        shard = OpenShard(writer, order)
        for frame in added:
            shard.add(frame)
        shard.finish()
    return pq.read_metadata(path)


@pytest.mark.parametrize("order", ["path", "hash"])
@pytest.mark.parametrize(
    ("added", "groups"),  # kB of each text of each call
    [
        ([[0]], 1),
        ([[400], [400]], 1),
        ([[600], [600]], 2),
        ([[600, 600, 300]], 2),  # one call with more than a row group
        ([[2_500, 1, 1]], 2),  # a text with more
        ([[0] * 3_000], 3),  # what stands beside the texts counts
    ],
)
def test_row_groups_are_cut_by_bytes(
    added: list[list[int]], groups: int, order: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shard_files.GROUP_BYTES < 100_000_000
    monkeypatch.setattr(shard_files, "GROUP_BYTES", 1_000_000)
    frames = [rows({f"{i}/{j}": "x" * 1000 * kb for j, kb in enumerate(texts)}) for i, texts in enumerate(added)]
    footer = write(tmp_path / "shard.parquet", order, frames)
    counts = [footer.row_group(i).num_rows for i in range(footer.num_row_groups)]
    assert sum(counts) == sum(map(len, added))
    assert len(counts) == groups or order == "hash"  # where the order decides
    for i, count in enumerate(counts):
        assert count == 1 or footer.row_group(i).total_byte_size <= 1_000_000
    assert pl.read_parquet(tmp_path / "shard.parquet")["content"].str.len_bytes().sum() == 1000 * sum(map(sum, added))


@pytest.mark.parametrize("order", ["path", "hash"])
def test_the_same_rows_are_the_same_bytes(order: str, tmp_path: Path) -> None:
    frame = rows({f"{i}.py": text("py", f"{i}", 20_000).decode() for i in range(60)})
    first, again, one_by_one = (tmp_path / f"{i}.parquet" for i in range(3))
    write(first, order, [frame])
    write(again, order, [frame])
    write(one_by_one, order, frame.iter_slices(1))
    assert first.read_bytes() == again.read_bytes() == one_by_one.read_bytes()
    assert pl.read_parquet(first)["file_id"].is_sorted() == (order == "hash")


# The next version


def test_little_is_new_when_three_repositories_opt_out(tmp_path: Path) -> None:
    """60 repositories of 700 kB; bench/republish.py measures it with a real corpus."""
    every = {i: rows({f"r{i}/{j}.py": noise(f"{i} {j}", 35_000) for j in range(20)}) for i in range(60)}
    some = {i: frame for i, frame in every.items() if i not in (7, 23, 42)}
    new = {}
    for chunked in (True, False):
        before, after = tmp_path / f"before-{chunked}", tmp_path / f"after-{chunked}"
        write_version(before, every, chunked)
        write_version(after, some, chunked)
        new[chunked] = new_bytes(tmp_path / "store", before, after) / sum(p.stat().st_size for p in shards(after))
    assert new[True] < 0.2
    assert new[True] < 0.7 * new[False]


def noise(seed: str, size: int) -> str:
    """Text that can be compressed to one half."""
    return random.Random(seed).randbytes(size // 2).hex()


def write_version(folder: Path, repositories: Mapping[int, pl.DataFrame], chunked: bool) -> None:
    """Shards of up to 10 MB of text. A slice has two repositories, of which one may be gone."""
    frames = {
        pair: pl.concat([repositories[i] for i in (2 * pair, 2 * pair + 1) if i in repositories]) for pair in range(30)
    }
    slices = [
        Sized(Slice(pair, 0, ""), frame.height, int(frame["content"].str.len_bytes().sum()))
        for pair, frame in frames.items()
    ]
    (folder / "data").mkdir(parents=True)
    for number, shard in enumerate(pack(slices, 10_000_000)):
        added = [frames[piece.slice.unit_id] for piece in shard]
        write(folder / f"data/{number}.parquet", "path", added, chunked=chunked)
