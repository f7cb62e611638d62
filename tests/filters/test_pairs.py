"""Bands, pairs in buckets and exact similarity, each against plain Python."""

import itertools
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from filters.minhash import NUM_PERM
from filters.pairs import (
    A_LEADS,
    B_LEADS,
    BAND_ROWS,
    BANDS,
    MAX_BUCKET,
    MAX_LEADERS,
    MAX_LED,
    PAIR,
    Limits,
    band_hashes,
    jaccard,
    limits,
    merged,
    pairs_in_buckets,
    pairs_with_leaders,
)

Signatures = NDArray[np.uint32]
ALL = Limits(candidate=0, certain=203)  # every comparison gives a pair


def unrelated(count: int, seed: int = 0) -> Signatures:
    """Signatures that agree nowhere."""
    return np.random.default_rng(seed).permutation(count * NUM_PERM).astype(np.uint32).reshape(count, NUM_PERM)


def like(signature: Signatures, equal: int, seed: int) -> Signatures:
    """A signature that agrees with this one in so many permutations."""
    chosen = np.random.default_rng(seed)
    other, changed = signature.copy(), chosen.choice(NUM_PERM, NUM_PERM - equal, replace=False)
    other[changed] = chosen.integers(2**31, 2**32, len(changed), dtype=np.uint32)
    return other


def family(size: int, equal: int, seed: int = 0) -> Signatures:
    """Signatures that each agree with the first in so many permutations, and less with each other."""
    first = unrelated(1, seed)[0]
    return np.stack([first, *(like(first, equal, 1000 * seed + i) for i in range(1, size))])


def as_tuples(pairs: NDArray[np.void]) -> list[tuple[int, int, int, int]]:
    return [tuple(pair) for pair in pairs.tolist()]


def as_pairs(tuples: list[tuple[int, int, int, int]]) -> NDArray[np.void]:
    return np.array(tuples, PAIR)


def equal_in(a: Signatures, b: Signatures) -> int:
    return sum(x == y for x, y in zip(a.tolist(), b.tolist(), strict=True))


# Limits


@pytest.mark.parametrize(
    ("min_similarity", "candidate", "certain"),
    [
        (0.7, 157, 203),  # 0.61 * 256 = 156.2 and 0.79 * 256 = 202.2
        (0.85, 195, 241),  # 194.6 and 240.6
        (0.9, 208, 254),  # 207.4 and 253.4
        (0.95, 221, 267),  # 220.2 and 266.2: more than there are, so nothing is certain
        (1.0, 233, 280),  # 232.96 and 279.04
    ],
)
def test_limits_are_the_error_band_around_the_threshold(min_similarity: float, candidate: int, certain: int) -> None:
    assert limits(min_similarity) == (candidate, certain)


# Bands


def test_equal_rows_agree_in_every_band_and_unrelated_ones_in_none() -> None:
    a, b = unrelated(2)
    hashes = band_hashes(np.stack([a, b, a]), 0, BANDS)
    assert hashes.shape == (3, BANDS)
    assert (hashes[0] == hashes[2]).all()
    assert (hashes[0] != hashes[1]).all()


def test_equal_values_in_different_bands_differ() -> None:
    hashes = band_hashes(np.full((1, NUM_PERM), 7, np.uint32), 0, BANDS)
    assert len(np.unique(hashes)) == BANDS


@pytest.mark.parametrize("place", [0, 5, 6, 125, 251])
def test_a_permutation_decides_its_own_band(place: int) -> None:
    signatures = unrelated(1).repeat(2, axis=0)
    signatures[1, place] ^= 1
    hashes = band_hashes(signatures, 0, BANDS)
    assert np.flatnonzero(hashes[0] != hashes[1]).tolist() == [place // BAND_ROWS]


def test_the_order_within_a_band_counts() -> None:
    signatures = unrelated(1).repeat(2, axis=0)
    signatures[1, [0, 1]] = signatures[1, [1, 0]]
    assert (np.diff(band_hashes(signatures, 0, BANDS), axis=0) != 0).tolist() == [[True] + [False] * (BANDS - 1)]


@pytest.mark.parametrize(("first", "last"), [(0, 1), (3, 17), (41, 42), (5, 5)])
def test_some_bands_have_the_hashes_that_they_have_among_all(first: int, last: int) -> None:
    signatures = unrelated(4)
    assert np.array_equal(band_hashes(signatures, first, last), band_hashes(signatures, 0, BANDS)[:, first:last])


def test_the_bands_spread_over_all_partitions() -> None:
    tops = band_hashes(unrelated(200), 0, BANDS) >> np.uint64(60)
    assert np.bincount(tops.reshape(-1).astype(int), minlength=16).min() > 400  # of 8,400 in 16: 525


# Buckets of which all pairs are compared


@given(sizes=st.lists(st.integers(0, 6), max_size=6), equal=st.integers(150, 256), min_equal=st.integers(150, 257))
@settings(deadline=None, max_examples=60)  # the first example compiles the kernel
def test_pairs_in_buckets_are_those_of_two_loops(sizes: list[int], equal: int, min_equal: int) -> None:
    signatures = family(max(1, sum(sizes)), equal)[: sum(sizes)]
    bounds = np.cumsum([0, *sizes], dtype=np.int64)
    expected = [
        (a, b, found, 0)
        for start, stop in itertools.pairwise(bounds.tolist())
        for a, b in itertools.combinations(range(start, stop), 2)
        if (found := equal_in(signatures[a], signatures[b])) >= min_equal
    ]
    assert as_tuples(pairs_in_buckets(signatures, bounds, min_equal)) == expected


def test_a_bucket_with_more_pairs_than_there_is_room_for_at_first() -> None:
    pairs = pairs_in_buckets(np.zeros((200, NUM_PERM), np.uint32), np.array([0, 200], np.int64), NUM_PERM)
    assert as_tuples(pairs) == [(a, b, NUM_PERM, 0) for a, b in itertools.combinations(range(200), 2)]


@pytest.mark.parametrize(("equal", "found"), [(157, True), (156, False)])
def test_the_least_that_is_a_pair(equal: int, found: bool) -> None:
    pairs = pairs_in_buckets(family(2, equal), np.array([0, 2], np.int64), limits(0.7).candidate)
    assert as_tuples(pairs) == ([(0, 1, equal, 0)] if found else [])


# Larger buckets


def test_a_hot_bucket_of_much_the_same_takes_one_comparison_each() -> None:
    signatures = family(5_000, 230)
    pairs, led = pairs_with_leaders(signatures, 0, ALL)
    assert led.tolist() == [0]
    assert pairs["a"].tolist() == [0] * 4_999
    assert pairs["b"].tolist() == list(range(1, 5_000))
    assert set(pairs["leader"].tolist()) == {A_LEADS}


def test_a_hot_bucket_of_several_families_takes_one_comparison_for_each_family() -> None:
    families = 10
    signatures = np.concatenate([family(500, 230, seed) for seed in range(families)])
    signatures = signatures[np.random.default_rng(1).permutation(len(signatures))]
    pairs, led = pairs_with_leaders(signatures, 0, ALL)
    # once few are left, all their pairs are compared
    assert families - 1 <= len(led) <= 2 * families
    assert len(pairs) < len(led) * len(signatures) + MAX_BUCKET**2 / 2


@pytest.mark.parametrize("size", [1_500, 3_000])
def test_a_hot_bucket_of_unrelated_texts_is_linear_too(size: int) -> None:
    assert len(pairs_with_leaders(unrelated(size), 0, limits(0.7))[1]) == MAX_LEADERS
    pairs, led = pairs_with_leaders(unrelated(size), 0, ALL)
    assert len(led) == MAX_LED  # by then each is taken to be like so many leaders, and left to them
    assert len(pairs) <= size * MAX_LED


@pytest.mark.parametrize("size", [2, MAX_BUCKET, MAX_BUCKET + 1, 1_200])
@pytest.mark.parametrize("equal", [140, 190, 210])
def test_every_row_leads_or_is_left_to_a_leader_or_is_compared_with_its_run(size: int, equal: int) -> None:
    signatures = np.concatenate([family(size - size // 3, equal), family(size // 3, 256 - equal // 2, 1)])
    pairs, led = pairs_with_leaders(signatures, 0, ALL)
    leaders = Counter(b for _, b, _, leads in as_tuples(pairs) if leads)
    certain = {b for a, b, same, leads in as_tuples(pairs) if leads and same >= ALL.certain}
    certain |= {b for b, count in leaders.items() if count == MAX_LED}
    assert max(leaders.values(), default=0) <= MAX_LED
    others = sorted(set(range(len(signatures))) - set(led.tolist()) - certain)
    assert not certain & set(led.tolist())
    compared = {(a, b) for a, b, _, leads in as_tuples(pairs) if not leads}
    runs = [others[start : start + MAX_BUCKET] for start in range(0, len(others), MAX_BUCKET)]
    assert compared == {pair for run in runs for pair in itertools.combinations(run, 2)}
    for a, b, same, _ in as_tuples(pairs)[:: 1 + len(pairs) // 500]:
        assert same == np.count_nonzero(signatures[a] == signatures[b])


@pytest.mark.parametrize(("equal", "is_left"), [(203, True), (202, False)])
def test_the_least_that_is_left_to_a_leader(equal: int, is_left: bool) -> None:
    size = MAX_BUCKET + 2
    _, led = pairs_with_leaders(family(size, equal), 0, ALL)
    assert led.tolist() == ([0] if is_left else [0, 1])


def test_only_candidates_are_pairs() -> None:
    signatures = np.concatenate([family(400, 160), family(400, 150, 1)])
    pairs, _ = pairs_with_leaders(signatures, 0, limits(0.7))
    everything, _ = pairs_with_leaders(signatures, 0, ALL)
    assert as_tuples(pairs) == [pair for pair in as_tuples(everything) if pair[2] >= 157]
    assert 0 < len(pairs) < len(everything)


def test_the_leaders_of_a_window_lead_the_next() -> None:
    one, other = family(1_000, 230), family(1_000, 230, 1)
    both = np.concatenate([one[:500], other[:500]])
    _, led = pairs_with_leaders(both, 0, ALL)
    following = np.concatenate([both[led], one[500:], other[500:]])
    pairs, led_again = pairs_with_leaders(following, len(led), ALL)
    assert led_again[: len(led)].tolist() == list(range(len(led)))
    assert len(pairs) <= len(led_again) * len(following)
    like_leader = defaultdict(set)
    for a, b, same, _ in as_tuples(pairs):
        if same >= ALL.certain:
            like_leader[a].add(b)
    assert set().union(*like_leader.values()) >= set(range(len(led), len(following)))
    between = [same for a, b, same, _ in as_tuples(pairs) if b < len(led)]
    assert set(between) <= {0}, "leaders have been compared with each other"


# Pairs from everywhere, each once

PAIRS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 3)).filter(lambda pair: pair[0] != pair[1])
).map(lambda found: [(a, b, 150 + a + b + a * b, leader) for a, b, leader in found])


def merged_plainly(tuples: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    once: dict[tuple[int, int], tuple[int, int]] = {}
    for a, b, equal, leader in tuples:
        if a > b:
            a, b, leader = b, a, {0: 0, A_LEADS: B_LEADS, B_LEADS: A_LEADS, 3: 3}[leader]
        once[a, b] = equal, once.get((a, b), (0, 0))[1] | leader
    return [(a, b, equal, leader) for (a, b), (equal, leader) in sorted(once.items())]


@given(PAIRS, st.randoms(use_true_random=False))
@example([(2, 1, 153, A_LEADS)], None)
@example([(2, 1, 153, A_LEADS), (1, 2, 153, A_LEADS)], None)
def test_merged_pairs_are_sorted_and_each_once(found: list[tuple[int, int, int, int]], chosen: object) -> None:
    pairs = as_pairs(found)
    before = pairs.copy()
    assert as_tuples(merged(pairs)) == merged_plainly(found)
    assert np.array_equal(pairs, before), "what is given does not change"
    assert as_tuples(merged(merged(pairs))) == merged_plainly(found)
    if chosen:
        chosen.shuffle(found)  # type: ignore[attr-defined]  # random.Random
        assert np.array_equal(merged(as_pairs(found)), merged(pairs))


def test_what_leads_keeps_leading_when_the_sides_change() -> None:
    assert as_tuples(merged(as_pairs([(9, 4, 200, A_LEADS)]))) == [(4, 9, 200, B_LEADS)]
    assert as_tuples(merged(as_pairs([(9, 4, 200, B_LEADS)]))) == [(4, 9, 200, A_LEADS)]


# Exact similarity

SHINGLES = st.lists(st.sets(st.integers(0, 12) | st.integers(2**32 - 3, 2**32 - 1)), min_size=1, max_size=6)


@given(SHINGLES)
@settings(deadline=None)  # the first example compiles the kernel
def test_jaccard_is_that_of_sets(texts: list[set[int]]) -> None:
    shingles = np.array([shingle for text in texts for shingle in sorted(text)], np.uint32)
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    a, b = (side.reshape(-1) for side in np.indices((len(texts), len(texts))))
    expected = [
        len(one & other) / len(one | other) if one | other else 0.0 for one, other in itertools.product(texts, texts)
    ]
    assert jaccard(shingles, offsets, a, b).tolist() == expected


def test_jaccard_by_hand() -> None:
    shingles = np.array([1, 2, 3, 4, 2, 3, 4, 5, 6], np.uint32)
    offsets = np.array([0, 4, 9], np.int64)  # three of six are in both
    assert jaccard(shingles, offsets, np.array([0]), np.array([1])).tolist() == [0.5]
