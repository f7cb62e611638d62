"""A release as its readers see it: datasets, Polars, DuckDB and pyarrow, without a word to the network."""

import hashlib
import re
import shutil
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
import yaml

from examples.demo_corpus import MIT, encodings, odd_paths, source, submodule, twins, write_repository
from filters.language import slug
from pipeline import corpus
from pipeline.card import front
from pipeline.card.text import CardText
from pipeline.card.write import write_card
from pipeline.config import Config, Release, Source, Split
from pipeline.engine import Engine
from pipeline.sources.listing import list_repositories
from pipeline.verify import verify_release
from pipeline.workspace import Workspace
from schemas.release import CLUSTERS, LEDGER, ROWS

ODD_NAMES = {  # languages whose names need a slug
    "main.cpp": b"int main() { return 0; }  // of %d\n",
    "Program.cs": b"class Program { static int Main() { return %d; } }\n",
    "lemma.fst": b"module Lemma%d\n\nlet increment value = value + 1\n",
    "notebook.ipynb": b'{"cells": [], "metadata": {"number": %d}, "nbformat": 4}\n',
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of 30 repositories with all three splits, copies, odd paths, odd languages and odd encodings."""
    folder = tmp_path_factory.mktemp("readers")
    for i in range(24):
        files = {"LICENSE": MIT, "app.py": source(f"topic{i}"), "emoji.py": f"name = '🦜 {i}'\n".encode()}
        odd = {path: content % i for path, content in ODD_NAMES.items()}
        write_repository(folder / f"mirrors/owner-{i % 3}/name-{i}.git", files | odd)
        if i < 2:
            write_repository(folder / f"mirrors/forks/name-{i}.git", files | odd | {"mine.py": source(f"fork{i}")})
    for make in (encodings, odd_paths, twins):
        others = {f"{make.__name__}{i}.py": source(f"{make.__name__}{i}") for i in range(3)}  # or a licence joins them
        write_repository(folder / f"mirrors/made/{make.__name__}.git", {**make(), **others})
    modes = {"vendor/lib": "160000"}
    write_repository(folder / "mirrors/made/submodule.git", submodule(), modes=modes)
    config = Config(
        **sources(folder),
        rules={"plain_text": {"enabled": False}},  # so that licences, which all repositories share, stay
        split=Split(validation_fraction=0.3, test_fraction=0.3),
        release=Release(name="A corpus, with: odd characters & 'quotes'"),
    )
    assert list_repositories(config).num_rows == 30
    return released(folder, config)


def sources(folder: Path) -> dict[str, Any]:
    """The keys of a configuration that reads `mirrors`."""
    return {"folder": folder, "source": [Source(directories=["mirrors"], rights="own")]}


def released(folder: Path, config: Config) -> Path:
    """A release of the configuration, in a workspace beside its sources."""
    workspace, engine = Workspace(folder / "workspace"), Engine(1)
    corpus.list_names(workspace, config, engine)
    corpus.extract(workspace, config, engine)
    corpus.release(workspace, config, engine)
    return workspace.release


@pytest.fixture(scope="module")
def manifest(release: Path) -> dict[str, Any]:
    """The release's manifest; it is whole."""
    return verify_release(release)


@pytest.fixture(scope="module")
def rows(release: Path) -> pl.DataFrame:
    """All rows, with their shard."""
    return pl.read_parquet(release / "data/*/*.parquet", include_file_paths="shard").with_columns(
        split=pl.col("shard").str.extract(r"/(\w+)-\d+-of-\d+\.parquet$")
    )


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The `datasets` library with its caches in a temporary folder; to connect anywhere is an error."""

    def refuse(self: socket.socket, address: Any) -> None:
        raise AssertionError(f"connects to {address}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf")))
        for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
            patch.setenv(name, "1")
        patch.setattr(socket.socket, "connect", refuse)
        import datasets

        datasets.disable_progress_bars()
        yield datasets


@pytest.fixture
def load(datasets: Any, release: Path, tmp_path: Path) -> Any:
    """`load_dataset` of the release."""

    def load_release(*arguments: Any, **options: Any) -> Any:
        return datasets.load_dataset(str(release), *arguments, cache_dir=str(tmp_path), **options)

    return load_release


def front_matter(release: Path) -> dict[str, Any]:
    """The card's head."""
    _, head, _ = (release / "README.md").read_text().split("---\n", 2)
    values: dict[str, Any] = yaml.safe_load(head)
    return values


def rows_by_split(manifest: dict[str, Any], folder: str | None = None) -> dict[str, int]:
    """Rows by the manifest's shards."""
    counts: Counter[str] = Counter()
    for name, known in manifest["contents"].items():
        if found := re.fullmatch(r"data/([^/]+)/([a-z]+)-.*\.parquet", name):
            counts[found[2]] += known["rows"] if folder in (None, found[1]) else 0
    return dict(+counts)


# The card


def test_the_card_names_every_shard_once(release: Path, manifest: dict[str, Any]) -> None:
    configs = front_matter(release)["configs"]
    assert [config["config_name"] for config in configs if config.get("default")] == ["default"]
    shards = sorted(name for name in manifest["contents"] if name.startswith("data/"))
    for config in configs:
        found = []
        for part in config["data_files"]:
            files = sorted(path.relative_to(release).as_posix() for path in release.glob(part["path"]))
            assert files, f"{part['path']}: readers raise an error where a pattern has no file"
            assert all(name.split("/")[2].startswith(f"{part['split']}-") for name in files)
            found += files
        name = config["config_name"]
        assert sorted(found) == [s for s in shards if name == "default" or s.startswith(f"data/{name}/")]


def test_the_card_has_a_configuration_for_each_language(release: Path, manifest: dict[str, Any]) -> None:
    kept = [language for language, counts in manifest["languages"].items() if counts["kept"]]
    names = [config["config_name"] for config in front_matter(release)["configs"]]
    assert names == ["default", *sorted(slug(language) for language in kept)]
    assert {"c++", "c-sharp", "f-star", "jupyter-notebook", "python"} <= set(names)
    assert front_matter(release)["pretty_name"] == "A corpus, with: odd characters & 'quotes'"


def test_the_cards_own_examples_run(
    release: Path, datasets: Any, manifest: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = (release / "README.md").read_text().split("## How to use it")[1].split("\n## ")[0]
    named = [line for line in card.splitlines() if "OWNER/NAME" in line]
    assert len(named) == 7 and all("v0.1.0" in line for line in named), "every way to read it is pinned"
    local = card.replace("hf://datasets/OWNER/NAME@v0.1.0", str(release)).replace("OWNER/NAME", str(release))
    python = re.findall(r"```python\n(.+?)```", local, re.DOTALL)
    (query,) = re.findall(r"```sql\n(.+?)```", local, re.DOTALL)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "corpus").symlink_to(release)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for script in python:
        exec(script, names)
    assert names["rows"].num_rows == rows_by_split(manifest, "python")["train"]
    assert sum(part.num_rows for part in names["everything"].values()) == manifest["files"]["published"]
    with duckdb.connect() as database:
        counted = {name: (files, size) for name, files, size in database.execute(query).fetchall()}
    assert {name: files for name, (files, _) in counted.items()} == {
        name: row["kept"] for name, row in manifest["languages"].items() if row["kept"]
    }


def test_datasets_checks_the_cards_numbers(release: Path, datasets: Any, tmp_path: Path) -> None:
    copy = shutil.copytree(release, tmp_path / "copy")
    card = copy / "README.md"
    stale = re.sub(r"num_examples: (\d+)", lambda found: f"num_examples: {int(found[1]) + 1}", card.read_text())
    card.write_text(stale)
    with pytest.raises(datasets.exceptions.NonMatchingSplitsSizesError):
        datasets.load_dataset(str(copy), cache_dir=str(tmp_path / "cache"))


def test_many_languages_load_without_their_features(
    release: Path, manifest: dict[str, Any], datasets: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(release, tmp_path / "copy")
    monkeypatch.setattr(front, "MAX_DESCRIBED", 1)
    write_card(copy, manifest, CardText())
    front_of_copy = front_matter(copy)
    assert [info["config_name"] for info in front_of_copy["dataset_info"]] == ["default"]
    for name in (config["config_name"] for config in front_of_copy["configs"]):
        for streaming in (False, True):
            found = datasets.load_dataset(str(copy), name, streaming=streaming, cache_dir=str(tmp_path / "cache"))
            counts = {split: sum(1 for _ in part) for split, part in found.items()}
            assert counts == rows_by_split(manifest, None if name == "default" else name)


# Hugging Face datasets


def test_the_default_configuration_has_every_row_and_column(load: Any, manifest: dict[str, Any]) -> None:
    found = load()
    assert {split: part.num_rows for split, part in found.items()} == rows_by_split(manifest)
    assert set(found) == {"train", "validation", "test"}
    assert sum(part.num_rows for part in found.values()) == manifest["files"]["published"]
    for part in found.values():
        assert part.column_names == ROWS.names
        assert part.features.arrow_schema.types == ROWS.types


def test_streaming_gives_the_same_rows(load: Any, rows: pl.DataFrame) -> None:
    for split in ("train", "validation", "test"):
        plain = load(split=split).to_list()
        streamed = list(load(split=split, streaming=True))
        assert streamed == plain
        assert sorted(row["file_id"] for row in plain) == sorted(rows.filter(split=split)["file_id"])


@pytest.mark.parametrize("streaming", [False, True])
def test_each_language_loads_by_itself(load: Any, release: Path, manifest: dict[str, Any], streaming: bool) -> None:
    languages = {slug(name): name for name in manifest["languages"]}
    for config in front_matter(release)["configs"][1:]:
        name = config["config_name"]
        found = load(name, streaming=streaming)
        parts = {split: list(part) for split, part in found.items()}
        assert {split: len(part) for split, part in parts.items()} == rows_by_split(manifest, name)
        assert {row["language"] for part in parts.values() for row in part} == {languages[name]}


# Other readers


def test_polars_reads_lazily(release: Path, manifest: dict[str, Any]) -> None:
    frame = pl.scan_parquet(release / "data/**/*.parquet")
    assert frame.collect_schema().names() == ROWS.names
    counted = frame.group_by("language").agg(pl.len(), pl.col("content").str.len_bytes().sum()).collect()
    assert {language: (count, size) for language, count, size in counted.iter_rows()} == {
        name: (row["kept"], row["text_bytes"]) for name, row in manifest["languages"].items() if row["kept"]
    }


def test_duckdb_reads_all_shards(release: Path, manifest: dict[str, Any]) -> None:
    shards, ledger, clusters = (
        f"'{release}/{name}'" for name in ("data/*/*.parquet", "ledger/ledger-*.parquet", "clusters/*.parquet")
    )
    with duckdb.connect() as database:
        counted = database.execute(f"SELECT count(*), sum(strlen(content)) FROM {shards}").fetchone()
        assert counted == (manifest["files"]["published"], manifest["files"]["text_bytes"])
        by_reason = database.execute(f"SELECT reason, count(DISTINCT file_id) FROM {ledger} GROUP BY 1").fetchall()
        assert dict(by_reason) == {name: row["files"] for name, row in manifest["reasons"].items()}
        strangers = database.execute(
            f"SELECT count(*) FROM {clusters} c LEFT JOIN {shards} r ON c.kept_file_id = r.file_id "
            "WHERE r.file_id IS NULL"
        )
        assert strangers.fetchone() == (0,)


def test_pyarrow_reads_one_schema_with_meanings(release: Path, manifest: dict[str, Any]) -> None:
    shards = sorted(release.glob("data/*/*.parquet"))
    assert pads.dataset(shards).count_rows() == manifest["files"]["published"]
    for path in shards:
        assert pq.read_schema(path).equals(ROWS, check_metadata=True), path
    for path in release.glob("ledger/ledger-*.parquet"):
        assert pq.read_schema(path).equals(LEDGER, check_metadata=True)
    for path in release.glob("clusters/*.parquet"):
        assert pq.read_schema(path).equals(CLUSTERS, check_metadata=True)
    contents = pads.dataset(shards).to_table(columns=["content"])["content"]
    assert any("🦜" in text for text in contents.to_pylist())


# How the tables belong together


def test_every_file_is_a_row_or_in_the_ledger(release: Path, manifest: dict[str, Any], rows: pl.DataFrame) -> None:
    ledger = pl.read_parquet(release / "ledger/ledger-*.parquet")
    kept, removed = set(rows["file_id"]), set(ledger["file_id"])
    assert len(kept) == rows.height
    assert not kept & removed
    assert len(kept) + len(removed) == manifest["files"]["entries"]


def test_clusters_join_rows_and_ledger(release: Path, rows: pl.DataFrame) -> None:
    clusters = pl.read_parquet(release / "clusters/*.parquet")
    ledger = pl.read_parquet(release / "ledger/ledger-*.parquet").filter(pl.col("reason").str.ends_with("_duplicate"))
    assert dict(clusters.select("file_id", "kept_file_id").iter_rows()) == dict(
        ledger.select("file_id", "kept_file_id").iter_rows()
    )
    assert clusters.height > 20
    members = Counter(clusters["kept_file_id"])
    assert set(members) <= set(rows["file_id"])
    assert (rows["cluster_id"] == rows["file_id"]).all()
    for file_id, size in rows.select("file_id", "cluster_size").iter_rows():
        assert size == 1 + members[file_id]
    licence = rows.filter(content=MIT.decode())
    assert licence["cluster_size"].to_list() == [24 + 2 + 4]


def test_rows_say_where_they_come_from(rows: pl.DataFrame) -> None:
    for row in rows.iter_rows(named=True):
        text = row["content"].encode()
        assert row["text_id"] == hashlib.blake2b(text, digest_size=16).hexdigest()
        if row["encoding"] == "utf-8" and row["length_bytes"] == len(text):
            assert row["content_id"] == hashlib.sha1(b"blob %d\0" % len(text) + text).hexdigest()
        if "\\x" not in row["path"]:
            named = f"{row['host']}/{row['repo_name']}\0{row['path']}".encode()
            assert row["file_id"] == hashlib.blake2b(named, digest_size=16).hexdigest()
    known = {row["path"]: row for row in rows.filter(repo_name="made/odd_paths").iter_rows(named=True)}
    raw = hashlib.blake2b(b"local/made/odd_paths\0caf\xe9.py", digest_size=16).hexdigest()
    assert known["caf\\xe9.py"]["file_id"] == raw


def test_a_repository_is_in_one_split(rows: pl.DataFrame) -> None:
    splits = rows.group_by("repo_name").agg(pl.col("split").unique())
    assert splits["split"].list.len().max() == 1
    assert set(rows["split"]) == {"train", "validation", "test"}


def test_nothing_in_a_release_names_this_machine(release: Path) -> None:
    folder = str(release.parent.parent)
    for path in release.rglob("*"):
        assert not path.is_file() or folder.encode() not in path.read_bytes(), path


# Small ones


def test_without_a_train_split_the_example_names_another(tmp_path: Path, datasets: Any) -> None:
    write_repository(tmp_path / "mirrors/o/one.git", {"a.py": source("held")})
    small = released(tmp_path, Config(**sources(tmp_path), split=Split(validation_fraction=0, test_fraction=0.999)))
    assert [path.name for path in small.glob("data/*/*")] == ["test-00000-of-00001.parquet"]
    assert 'load_dataset("OWNER/NAME", "python", split="test", ' in (small / "README.md").read_text()
    assert datasets.load_dataset(str(small), "python", split="test", cache_dir=str(tmp_path / "cache")).num_rows == 1


def test_a_release_of_nothing_accounts_for_it(tmp_path: Path) -> None:
    write_repository(tmp_path / "mirrors/o/empty.git", {"__init__.py": b""})
    small = released(tmp_path, Config(**sources(tmp_path)))
    assert verify_release(small)["files"] == {
        "entries": 1, "passed_over": 0, "kept": 0, "removed": 1, "published": 0, "text_bytes": 0, "tokens": 0,
    }  # fmt: skip
    assert pl.read_parquet(small / "ledger/ledger-*.parquet")["reason"].to_list() == ["empty_file"]
    assert "Nothing was kept." in (small / "README.md").read_text()


def test_files_without_a_language_have_a_configuration_too(tmp_path: Path, datasets: Any) -> None:
    write_repository(tmp_path / "mirrors/o/odd.git", {"a.zzz": b"what is this\n", "b.py": source("known")})
    config = Config(**sources(tmp_path), rules={"unknown_language": {"enabled": False}})
    small = released(tmp_path, config)
    verify_release(small)
    found = datasets.load_dataset(str(small), "unknown", split="train", cache_dir=str(tmp_path / "cache"))
    assert (found["path"], found["language"]) == (["a.zzz"], [None])


def test_empty_files_alone_are_a_release_when_their_rule_is_off(tmp_path: Path) -> None:
    write_repository(tmp_path / "mirrors/o/empty.git", {"__init__.py": b"", "logo.png": b"PNG"})
    small = released(tmp_path, Config(**sources(tmp_path), rules={"empty_file": {"enabled": False}}))
    assert pl.read_parquet(small / "data/*/*.parquet").select("path", "content", "avg_line_length").rows() == [
        ("__init__.py", "", None)
    ]
