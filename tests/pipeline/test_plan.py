"""Where shards are cut, what they are called, and how many the Hub takes."""

import random
from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

from filters.language import LANGUAGES, slug
from pipeline import plan
from pipeline.config import Release
from pipeline.errors import ConfigError
from pipeline.plan import Part, Shard, Sized, Slice, check_limits, pack, read_task, tasks, write_tasks


def sized(*sizes: int) -> list[Sized]:
    """Slices of different units with so many bytes of text."""
    return [Sized(Slice(number, 0, f"{number}"), 1, size) for number, size in enumerate(sizes)]


# Where they are cut


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], []),
        ([3], [1]),
        ([50], [1]),  # a slice may be larger than a shard
        ([5, 5], [2]),
        ([5, 6], [1, 1]),
        ([0, 0, 0], [3]),  # empty files
        ([1, 50, 1], [1, 1, 1]),  # smaller than half, because the next one does not fit
        ([50, 50], [1, 1]),
        ([4, 4, 4], [2, 1]),  # after one slice it is too small to end
    ],
)
def test_a_shard_holds_half_to_all_of_its_bytes(sizes: list[int], expected: list[int]) -> None:
    assert [len(shard) for shard in pack(sized(*sizes), 10)] == expected


@pytest.mark.parametrize("seed", range(20))
def test_every_slice_is_in_one_shard_and_no_shard_is_empty(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MAX_SLICES", 12)
    chosen = random.Random(seed)
    slices = sized(*(chosen.choice([0, 1, 5, 30, 99, 150]) for _ in range(chosen.randrange(1, 200))))
    shards = list(pack(slices, 100))
    assert [piece for shard in shards for piece in shard] == slices
    for shard, following in zip(shards, [*shards[1:], []], strict=True):
        size, count = sum(piece.bytes for piece in shard), len(shard)
        assert count == 1 or (size <= 100 and 2 <= count <= 12)
        assert not following or 2 * size >= 100 or 2 * count >= 12 or size + following[0].bytes > 100


@pytest.mark.parametrize("seed", range(3))
def test_where_slices_vanish_few_shards_become_others(seed: int) -> None:
    chosen = random.Random(seed)
    slices = sized(*(chosen.randrange(2_000_000, 8_000_000) for _ in range(4_000)))
    fewer = [piece for piece in slices if piece.slice.unit_id % 500 != 3]  # 8 are gone
    before, after = ({tuple(s.slice for s in shard) for shard in pack(part, 256_000_000)} for part in (slices, fewer))
    assert len(before) > 80
    assert len(after - before) <= 16  # over 60 when shards are cut where they are full


# What they are called


def packed(**counts: int) -> dict[Part, list[list[Sized]]]:
    """So many shards of a slice each, by language."""
    return {(language, "train"): [[piece] for piece in sized(*[600_000] * count)] for language, count in counts.items()}


def flat(parts: dict[Part, list[list[Sized]]]) -> dict[Part, list[Sized]]:
    return {part: [piece for shard in shards for piece in shard] for part, shards in parts.items()}


def test_ten_thousand_shards_are_too_many_for_a_folder() -> None:
    config = Release(shard_bytes=1_000_000)
    for parts in (packed(Python=9_999), packed(Python=9_000, Java=9_000)):
        check_limits(flat(parts), parts, config)
    parts = packed(Java=1, Python=10_000)
    with pytest.raises(ConfigError) as raised:
        check_limits(flat(parts), parts, config)
    assert str(raised.value) == (
        "release: shard_bytes: 10,000 shards in data/python, but the Hub takes fewer than 10,000; 2_000_000 would do"
    )


def test_in_one_folder_languages_count_together() -> None:
    config = Release(shard_bytes=1_000_000, layout="single")
    train, test = packed(train=9_999, test=1).values()
    parts: dict[Part, list[list[Sized]]] = {(None, "train"): train, (None, "test"): test}
    with pytest.raises(ConfigError, match=r"10,000 shards in data, .* 2_000_000 would do"):
        check_limits(flat(parts), parts, config)


def test_files_are_counted_over_all_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MAX_SHARDS", 900)
    config = Release(shard_bytes=1_000_000)
    languages = sorted(LANGUAGES)[:10]
    fits = packed(**dict.fromkeys(languages[:9], 100))
    check_limits(flat(fits), fits, config)
    parts = packed(**dict.fromkeys(languages, 100))
    with pytest.raises(ConfigError, match=r"1,000 shards, .* fewer than 100,000 files, .* 2_000_000 would do"):
        check_limits(flat(parts), parts, config)


def test_where_no_size_would_do_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MAX_SLICES", 1)
    monkeypatch.setattr(plan, "MAX_FOLDER_SHARDS", 99)
    parts = packed(Python=100)
    with pytest.raises(ConfigError, match="no value would do"):
        check_limits(flat(parts), parts, Release(shard_bytes=1_000_000))


def test_the_largest_size_is_the_configurations() -> None:
    assert Release(shard_bytes=plan.MAX_SHARD_BYTES).shard_bytes == plan.MAX_SHARD_BYTES
    with pytest.raises(ValidationError):
        Release(shard_bytes=plan.MAX_SHARD_BYTES + 1)


def test_every_language_has_a_folder_that_readers_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from datasets.data_files import resolve_pattern

    folders = {language: slug(language) for language in [*sorted(LANGUAGES), None]}
    assert len({name.casefold() for name in folders.values()}) == len(LANGUAGES) + 1
    assert "default" not in folders.values()  # the configuration with all of them
    for name in folders.values():
        assert not set(name) & set("/\\*?[]{}():;!,<>|'\"%#@=&~ \t\n"), name  # one such name breaks all configurations
        (tmp_path / f"data/{name}").mkdir(parents=True)
        (tmp_path / f"data/{name}/train-00000-of-00001.parquet").touch()
    for name in folders.values():
        found = resolve_pattern(f"data/{name}/train-*.parquet", str(tmp_path))
        assert [Path(path).relative_to(tmp_path).parts[1] for path in found] == [name]


# Tasks


def shard(number: int, language: str | None, text_bytes: int) -> Shard:
    return Shard(f"{number}", "language", "path", language, "train", 1, text_bytes, [Slice(1, 2, "d")], f"{number}")


def test_every_shard_is_in_one_task_and_comes_back_from_its_file(tmp_path: Path) -> None:
    chosen = random.Random(2)
    shards = [shard(n, chosen.choice(["C", "Go", None]), chosen.choice([0, 10**6, 10**8])) for n in range(200)]
    found = tasks(shards)
    assert Counter(one.name for task in found for one in task) == {one.name: 1 for one in shards}
    write_tasks(tmp_path, found)
    assert [read_task(tmp_path, number) for number in range(len(found))] == found
