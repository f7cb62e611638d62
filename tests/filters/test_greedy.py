"""Which of similar texts stay, against a dozen lines of plain Python."""

import random
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from filters import greedy
from filters.greedy import Kept, keep_greedily, led
from filters.minhash import NUM_PERM
from filters.pairs import A_LEADS, B_LEADS, PAIR

CERTAIN = 203
Pairs = dict[tuple[int, int], tuple[int, int]]  # (equal, leader) by (a, b), a before b


class Graph(NamedTuple):
    """`parts`: each text is a mixture of two sources, by how many permutations come from the second."""

    pairs: Pairs
    order: list[int]
    may_stay: list[bool]
    parts: list[int]


@st.composite
def graphs(draw: st.DrawFn, leaders: bool = True) -> Graph:
    count = draw(st.integers(1, 9))
    text, kind = st.integers(0, count - 1), st.integers(0, 3) if leaders else st.just(0)
    ends = st.tuples(text, text).filter(lambda pair: pair[0] < pair[1])
    pairs = draw(st.dictionaries(ends, st.tuples(st.integers(157, 256), kind))) if count > 1 else {}
    one_each = {"min_size": count, "max_size": count}
    may_stay = draw(st.lists(st.booleans() | st.just(True), **one_each))
    # 53 apart are exactly certain
    parts = draw(st.lists(st.sampled_from([0, 1, 53, 54, 106, 200, 256]), **one_each))
    return Graph(pairs, draw(st.permutations(range(count))), may_stay, parts)


def signature(part: int) -> NDArray[np.uint32]:
    """Two of these agree in all permutations but as many as their parts differ by."""
    return (np.arange(NUM_PERM) < part).astype(np.uint32)


def kept_of(graph: Graph, shuffle: int | None = None) -> Kept:
    tuples = [(a, b, *rest) for (a, b), rest in graph.pairs.items()]
    if shuffle is not None:
        random.Random(shuffle).shuffle(tuples)
    pairs = np.array(tuples, PAIR)
    signatures = np.array([signature(graph.parts[text]) for text in led(pairs)], np.uint32).reshape(-1, NUM_PERM)
    order, may_stay = np.array(graph.order, np.int64), np.array(graph.may_stay, np.bool_)
    kept = keep_greedily(pairs, order, may_stay, signatures, CERTAIN)
    pair_of = [tuples[number][:2] if number >= 0 else -1 for number in kept.pair]
    return Kept(kept.kept.tolist(), pair_of, kept.equal.tolist())  # type: ignore[arg-type]  # compared, no more


def kept_plainly(graph: Graph) -> list[int]:
    neighbours: dict[int, set[int]] = {text: set() for text in graph.order}
    leaders: dict[int, set[int]] = {text: set() for text in graph.order}
    for (a, b), (_, leader) in graph.pairs.items():
        neighbours[a].add(b)
        neighbours[b].add(a)
        if leader & A_LEADS:
            leaders[b].add(a)
        if leader & B_LEADS:
            leaders[a].add(b)
    stay: list[int] = []
    kept = dict.fromkeys(graph.order, -1)
    for text in graph.order:
        similar = [other for other in stay if other in neighbours[text]]
        same_leader = [other for other in stay if leaders[other] & leaders[text]]
        similar = similar or [other for other in same_leader if agreeing(graph, text, other) >= CERTAIN]
        if similar:
            kept[text] = similar[0]
        elif graph.may_stay[text]:
            kept[text] = text
            stay.append(text)
    return [kept[text] for text in range(len(kept))]


def agreeing(graph: Graph, a: int, b: int) -> int:
    return NUM_PERM - abs(graph.parts[a] - graph.parts[b])


def chain(count: int, order: list[int], leader: int = 0) -> Graph:
    """Each text is like the next, and no other."""
    return Graph({(i, i + 1): (220, leader) for i in range(count - 1)}, order, [True] * count, [0] * count)


# By hand


@pytest.mark.parametrize(
    ("order", "kept"),
    [
        ([0, 1, 2], [0, 0, 2]),  # 0 stays and takes 1; 2 is like nothing that stays
        ([1, 0, 2], [1, 1, 1]),
        ([2, 1, 0], [0, 2, 2]),
        ([0, 2, 1], [0, 0, 2]),  # of two the first in order
        ([2, 0, 1], [0, 2, 2]),
    ],
)
def test_a_chain_is_cut_where_the_order_says(order: list[int], kept: list[int]) -> None:
    assert kept_of(chain(3, order)).kept == kept


@pytest.mark.parametrize(
    ("may_stay", "kept"),
    [
        ([False, True, True], [1, 1, 1]),  # the first may not stay, and goes for one behind it only if that comes first
        ([True, False, True], [0, 0, 2]),
        ([True, False, False], [0, 0, -1]),
        ([False, False, False], [-1, -1, -1]),
    ],
)
def test_what_may_not_stay_takes_nothing_with_it(may_stay: list[bool], kept: list[int]) -> None:
    order = sorted(range(3), key=lambda text: not may_stay[text])  # as the pipeline does
    assert kept_of(chain(3, order)._replace(may_stay=may_stay)).kept == kept


def test_the_pair_and_its_estimate_are_told() -> None:
    graph = Graph({(0, 1): (171, 0), (1, 2): (256, 0), (0, 2): (157, 0)}, [2, 1, 0], [True] * 3, [0] * 3)
    assert kept_of(graph) == ([2, 2, 2], [(0, 2), (1, 2), -1], [157, 256, 0])


@pytest.mark.parametrize(("part", "stays"), [(53, False), (54, True)])
def test_those_that_a_leader_stands_for_are_compared_when_it_goes(part: int, stays: bool) -> None:
    graph = Graph({(0, 1): (220, A_LEADS), (0, 2): (220, A_LEADS)}, [1, 2, 0], [True] * 3, [0, 0, part])
    assert kept_of(graph) == ([1, 1, 2 if stays else 1], [(0, 1), -1, -1], [220, 0, 0 if stays else CERTAIN])
    without = {pair: (equal, 0) for pair, (equal, _) in graph.pairs.items()}
    assert kept_of(graph._replace(pairs=without)).kept == [1, 1, 2], "nobody leads"


def test_a_text_that_stays_and_is_a_neighbour_comes_before_one_that_is_compared() -> None:
    pairs = {(0, 1): (220, A_LEADS), (0, 2): (220, A_LEADS), (2, 3): (220, 0)}
    assert kept_of(Graph(pairs, [1, 3, 2, 0], [True] * 4, [0] * 4)).kept == [1, 1, 3, 3]


def test_without_pairs_all_stay_that_may() -> None:
    assert kept_of(Graph({}, [2, 0, 1], [True, False, True], [0] * 3)) == ([0, -1, 2], [-1] * 3, [0] * 3)
    assert kept_of(Graph({}, [], [], [])) == ([], [], [])


# Any small graph


@given(graphs())
@settings(deadline=None, max_examples=400)  # the first example compiles the kernel
def test_as_plain_python_does_it(graph: Graph) -> None:
    assert kept_of(graph).kept == kept_plainly(graph)


@given(graphs(), st.integers(0, 1000))
@settings(deadline=None)
def test_the_order_of_the_pairs_does_not_matter(graph: Graph, seed: int) -> None:
    assert kept_of(graph, seed) == kept_of(graph)


@given(graphs())
@settings(deadline=None, max_examples=200)
def test_what_goes_resembles_what_stays(graph: Graph) -> None:
    kept, pair_of, equal = kept_of(graph)
    place = {text: place for place, text in enumerate(graph.order)}
    for text, other in enumerate(kept):
        if other in (-1, text):
            assert (pair_of[text], equal[text]) == (-1, 0)
            assert graph.may_stay[text] == (other == text)
            continue
        assert kept[other] == other
        assert place[other] < place[text]
        pair = (min(text, other), max(text, other))
        if pair_of[text] == -1:
            assert equal[text] == agreeing(graph, text, other) >= CERTAIN
        else:
            assert (pair_of[text], equal[text]) == (pair, graph.pairs[pair][0])


@given(graphs())
@settings(deadline=None, max_examples=200)
def test_no_two_that_stay_are_neighbours_and_nothing_goes_without_one(graph: Graph) -> None:
    kept = kept_of(graph).kept
    for a, b in graph.pairs:
        assert not (kept[a] == a and kept[b] == b)
        if kept[a] == a and graph.order.index(a) < graph.order.index(b):
            assert kept[b] not in (-1, b)


@given(graphs(leaders=False))
@settings(deadline=None)
def test_without_leaders_nothing_is_compared(graph: Graph) -> None:
    _, pair_of, _ = kept_of(graph)
    assert led(np.array([(a, b, *rest) for (a, b), rest in graph.pairs.items()], PAIR)).size == 0
    assert kept_of(graph).kept == kept_plainly(graph)
    assert [pair != -1 for pair in pair_of] == [other not in (-1, text) for text, other in enumerate(kept_of(graph)[0])]


# Many texts of one leader


def hot(count: int, parts: list[int], *, stays: bool) -> Graph:
    """Text 0 leads all others and comes last."""
    pairs = {(0, text): (220, A_LEADS) for text in range(1, count + 1)}
    return Graph(pairs, [*range(1, count + 1), 0], [stays, *[True] * count], [0, *parts])


def test_one_stays_of_many_that_a_leader_stands_for() -> None:
    graph = hot(3_000, [text % 50 for text in range(3_000)], stays=True)
    assert set(kept_of(graph).kept) == {1}


def test_with_the_first_that_stay_and_no_more_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or texts that a leader stands for, and that are little like each other, would take the square of their number."""
    count, comparisons = 600, 0

    def agree(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> int:
        nonlocal comparisons
        comparisons += 1
        return 0

    monkeypatch.setattr(greedy, "equal_permutations", agree)
    monkeypatch.setattr(greedy, "_keep", greedy._keep.py_func)
    kept = kept_of(hot(count, [0] * count, stays=False)).kept
    assert kept == [1, *range(1, count + 1)]
    most = greedy.MAX_STAYING
    assert comparisons == most * (most - 1) // 2 + (count - most) * most
