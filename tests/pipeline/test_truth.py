"""Near-duplicates among real files, beside every pair of them compared: what is found, what is missed, what is wrong.

`pytest -s` shows the figures. The files are those of packages that stackyard itself installs.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from examples.demo_corpus import distribution_files, named_distributions, normalized, write_repository
from pipeline import blocks
from pipeline.config import Config, Dedup, Source
from tests.pipeline.conftest import release, run, with_rules

# Many have copies inside: tables of zones, headers by version, stubs, vendored packages. 42 MB, about 3,500 files.
PACKAGES = {"apache-beam", "dnspython", "duckdb", "pip", "pyarrow", "pydantic", "pygments", "pymongo", "rich"}
THRESHOLD = 0.7
WORD = re.compile(rb"[A-Za-z0-9_\x80-\xff]+")
ODD = np.uint64(0xD1342543DE82EF95)  # any odd number


class Truth(NamedTuple):
    """Texts by their number, and the similarity of any two of them that share a shingle."""

    numbers: dict[bytes, int]  # by text_id
    similarity: csr_array
    pairs: NDArray[np.int64]  # [n, 2], a before b: those of THRESHOLD or more


def configured(folder: Path, **dedup: object) -> Config:
    own = Source(directories=["all"], rights="own")
    return Config(folder=folder, source=[own], dedup=Dedup.model_validate(dedup))


def write_packages(folder: Path, names: set[str]) -> Path:
    """The folder with the installed ones of these packages as repositories under all/."""
    for repo_name, distribution in named_distributions().items():
        if normalized(distribution.metadata["Name"]) in names:
            write_repository(folder / f"all/{repo_name}.git", distribution_files(distribution))
    return folder


def files_of(workspace: Path) -> pl.DataFrame:
    """Every file with a text, and what was decided of it."""
    parts = []
    for path in sorted(workspace.glob("files/g*/unit-*.parquet")):
        if not path.name.endswith((".list.parquet", ".outcomes.parquet")):
            (decided,) = workspace.glob(f"work/decisions-*/{path.parent.name}/{path.name}")
            parts.append(pl.read_parquet(path).hstack(pl.read_parquet(decided)))
    return pl.concat(parts).filter(pl.col("text_id").is_not_null())


def shingles(text: bytes, numbers: dict[bytes, int]) -> NDArray[np.uint64]:
    """The distinct runs of five words as numbers, by numbers of words: not as the pipeline makes them."""
    words = np.array([numbers.setdefault(word, len(numbers) + 1) for word in WORD.findall(text)], np.uint64)
    mixed = np.zeros(max(len(words) - 4, 0), np.uint64)
    for place in range(5):
        mixed = mixed * ODD + words[place : len(mixed) + place]
        mixed ^= mixed >> np.uint64(29)
    return np.unique(mixed)


def all_similarities(texts: list[bytes]) -> csr_array:
    """Jaccard similarity of every two texts by their common shingles, counted by multiplying matrices."""
    words: dict[bytes, int] = {}
    sets = [shingles(text, words) for text in texts]
    sizes = np.array([len(one) for one in sets])
    _, columns = np.unique(np.concatenate(sets), return_inverse=True)
    holds = csr_array((np.ones(len(columns), np.int32), columns, np.concatenate([[0], np.cumsum(sizes)])))
    both = (holds @ holds.T).tocoo()
    a, b = both.coords
    return csr_array((both.data / (sizes[a] + sizes[b] - both.data), (a, b)), shape=both.shape)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_packages(tmp_path_factory.mktemp("real"), PACKAGES)
    run(folder / "workspace", configured(folder))
    return folder / "workspace"


@pytest.fixture(scope="module")
def files(workspace: Path) -> pl.DataFrame:
    return files_of(workspace)


@pytest.fixture(scope="module")
def truth(files: pl.DataFrame) -> Truth:
    texts = files.unique("text_id", keep="first", maintain_order=True)
    similarity = all_similarities([text.encode() for text in texts["content"]])
    found = similarity.tocoo()
    (a, b), similar = found.coords, found.data >= THRESHOLD
    pairs = np.column_stack([a, b])[similar & (a < b)].astype(np.int64)
    return Truth({text: number for number, text in enumerate(texts["text_id"])}, similarity, pairs)


@pytest.fixture(scope="module")
def kept(files: pl.DataFrame) -> pl.DataFrame:
    """The text of each file and of the file that stays for it; `good` where no rule holds."""
    names = ["near_duplicate", "exact_duplicate"]
    texts = files.select(cluster_id="file_id", kept_text="text_id")
    return files.join(texts, on="cluster_id", how="left", maintain_order="left").with_columns(
        good=(pl.col("removal_reasons").list.set_difference(names).list.len() == 0),
        stays=pl.col("removal_reasons").list.len() == 0,
        near=pl.col("removal_reasons").list.contains("near_duplicate"),
    )


def verified(workspace: Path, truth: Truth) -> set[tuple[int, int]]:
    """The measured pairs by the numbers of their texts."""
    (path,) = workspace.glob("work/pairs-*/pairs.npy")
    pairs = np.load(path)
    sides = ([truth.numbers[text] for text in blocks.to_bytes(pairs[side])] for side in "ab")
    return {(min(pair), max(pair)) for pair in zip(*sides, strict=True)}


def test_there_is_enough_to_find(files: pl.DataFrame, truth: Truth) -> None:
    print(f"\n{files.height:,} files, {len(truth.numbers):,} texts, {len(truth.pairs):,} similar pairs")
    assert files.height >= 3_000
    assert len(truth.pairs) >= 500
    assert len(np.unique(truth.pairs)) >= 200


def test_the_similar_pairs_are_found(workspace: Path, truth: Truth) -> None:
    found, pairs = verified(workspace, truth), set(map(tuple, truth.pairs.tolist()))
    recall = len(found & pairs) / len(pairs)
    wrong = {pair: truth.similarity[pair] for pair in found - pairs}
    print(
        f"\nrecall {recall:.4f}; {len(wrong)} of {len(found):,} pairs below {THRESHOLD}: {sorted(wrong.values())[:5]}"
    )
    assert recall >= 0.99
    assert len(wrong) <= 0.01 * len(found)
    assert min(wrong.values(), default=THRESHOLD) >= 0.65


def test_few_similar_pairs_stay_whole(kept: pl.DataFrame, truth: Truth) -> None:
    good = {truth.numbers[text] for text in kept.filter("good")["text_id"]}
    stay = {truth.numbers[text] for text in kept.filter("stays")["text_id"]}
    pairs = [pair for pair in truth.pairs.tolist() if good.issuperset(pair)]
    whole = [pair for pair in pairs if stay.issuperset(pair)]
    print(f"\nboth sides stay: {len(whole)} of {len(pairs):,} similar pairs of files without a reason")
    assert len(pairs) >= 300
    assert len(whole) <= 0.01 * len(pairs)


def test_what_goes_is_like_what_stays(kept: pl.DataFrame, truth: Truth) -> None:
    gone = kept.filter("near")
    similarities = [
        truth.similarity[truth.numbers[text], truth.numbers[other]]
        for text, other in gone.select("text_id", "kept_text").iter_rows()
    ]
    print(f"\n{gone.height:,} files go as near-duplicates; least similarity to what stays {min(similarities):.3f}")
    assert gone.height >= 150
    assert min(similarities) >= 0.65
    settled = gone.with_columns(truth=pl.Series(similarities)).filter(pl.col("exact_similarity").is_not_null())
    assert settled.height >= 20
    assert (settled["truth"] - settled["exact_similarity"]).abs().max() < 1e-12
    # 3.5 standard deviations of an estimate at a similarity of 0.7
    assert (gone["estimated_similarity"] - pl.Series(similarities)).abs().max() < 0.1


def test_a_kept_file_is_one_that_stays_and_is_its_own(kept: pl.DataFrame) -> None:
    stays = set(kept.filter("stays")["file_id"])
    assert set(kept["cluster_id"].drop_nulls()) == stays


def pair_files(workspace: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of every file of the pair stages."""
    paths = [path for path in sorted(workspace.glob("work/pairs-*/**/*")) if path.is_file()]
    return {path.relative_to(workspace).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


def decisions(workspace: Path) -> dict[str, bytes]:
    """The decisions of the last release, by relative path."""
    (folder,) = workspace.glob("work/decisions-*")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of two packages, one of which holds the other, with a workspace to change."""
    folder = write_packages(tmp_path_factory.mktemp("few"), {"pip", "rich"})
    run(folder / "workspace", configured(folder))
    return folder


def test_another_rule_and_another_order_measure_no_pair_again(few: Path) -> None:
    workspace = few / "workspace"
    before, as_before = pair_files(workspace), decisions(workspace)
    assert any("/estimated/" in name for name in before)
    steps = [
        with_rules(configured(few), many_lines={"max_lines": 200}),
        with_rules(configured(few, keep=["length_bytes desc"]), many_lines={"max_lines": 200}),
    ]
    seen = [as_before]
    for number, config in enumerate(steps):
        release(workspace, config)
        assert pair_files(workspace) == before
        run(few / f"fresh-{number}", config)
        seen.append(decisions(workspace))
        assert seen[-1] == decisions(few / f"fresh-{number}")
    for one, other in pairwise(seen):
        assert one != other, "the configuration changes something"
