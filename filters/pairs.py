"""Near-duplicate pairs: bands of signatures, pairs in buckets, exact similarity of shingles.

MinHash LSH as in the literature: two texts whose signatures agree in one of 42 bands of 6 permutations are a candidate
pair. At similarity 0.7 that finds 99.5 % of the pairs: 1 - (1 - 0.7^6)^42.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from filters.minhash import NUM_PERM, ORDER_MULTIPLIER

BANDS, BAND_ROWS = 42, 6
MAX_BUCKET = 256  # texts of which all pairs are compared; in larger buckets leaders stand for those like them
MAX_LEADERS = 256  # of one bucket: bounds the work at so many comparisons a text
# Leaders like it after which a text is left to them: families of similarity 0.62 to 0.79 have 2.5 times fewer pairs so
MAX_LED = 32
# 3.1 standard deviations of an estimate from 256 permutations at 0.7: sqrt(0.7 * 0.3 / 256) = 0.029
ERROR_BAND = 0.09

PAIR = np.dtype([("a", np.int64), ("b", np.int64), ("equal", np.int16), ("leader", np.int8)])
A_LEADS, B_LEADS = 1, 2  # bits of `leader`: the pair stands for others that were not compared


class Limits(NamedTuple):
    """Equal permutations of 256: `candidate` and more may be similar enough, `certain` and more are; over 256, none."""

    candidate: int
    certain: int


def limits(min_similarity: float) -> Limits:
    """The error band around the least similarity of a pair.

    >>> limits(0.7)
    Limits(candidate=157, certain=203)
    """
    return Limits(
        int(np.ceil((min_similarity - ERROR_BAND) * NUM_PERM)),
        int(np.ceil((min_similarity + ERROR_BAND) * NUM_PERM)),
    )


def band_hashes(signatures: NDArray[np.uint32], first: int, last: int) -> NDArray[np.uint64]:
    """uint64 [n, last - first]: the hash of each of these bands, different for equal values in different bands."""
    hashes = np.empty((len(signatures), last - first), np.uint64)
    _hash_bands(np.ascontiguousarray(signatures), first, hashes)
    return hashes


def pairs_in_buckets(signatures: NDArray[np.uint32], bounds: NDArray[np.int64], min_equal: int) -> NDArray[np.void]:
    """PAIR of rows in one bucket with `min_equal` equal permutations or more; bucket i is rows bounds[i]:bounds[i + 1].

    All pairs are compared: for buckets of at most MAX_BUCKET.
    """
    return _records(_all_pairs(signatures, bounds, min_equal))


def pairs_with_leaders(
    signatures: NDArray[np.uint32], leaders: int, found: Limits
) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    """PAIR of rows in one large bucket, and the rows that led. The first `leaders` rows lead already.

    A leader is compared with all others; those certainly like it are left to it, and those like MAX_LED leaders to
    these. When so few are left that all their pairs can be compared, or MAX_LEADERS have led, the rest is compared in
    runs of MAX_BUCKET.
    """
    *columns, led, left = _leader_pairs(signatures, leaders, found.candidate, found.certain)
    runs = np.append(np.arange(0, len(left), MAX_BUCKET), len(left))
    among = pairs_in_buckets(signatures[left], runs, found.candidate)
    among["a"], among["b"] = left[among["a"]], left[among["b"]]
    return np.concatenate([_records(columns), among]), led


def _records(columns: "tuple[NDArray[np.int64], ...] | list[NDArray[np.int64]]") -> NDArray[np.void]:
    pairs = np.empty(len(columns[0]), PAIR)
    for name, column in zip(PAIR.names or (), columns, strict=True):
        pairs[name] = column
    return pairs


def merged(pairs: NDArray[np.void]) -> NDArray[np.void]:
    """PAIR sorted by (a, b), each once, a before b; what led anywhere leads."""
    swapped = pairs["a"] > pairs["b"]
    pairs = pairs.copy()
    pairs["a"][swapped], pairs["b"][swapped] = pairs["b"][swapped], pairs["a"][swapped]
    pairs["leader"][swapped] = (pairs["leader"][swapped] << 1 | pairs["leader"][swapped] >> 1) & 3
    pairs = pairs[np.lexsort((pairs["b"], pairs["a"]))]
    if not len(pairs):
        return pairs
    starts = np.flatnonzero(np.r_[True, (pairs["a"][1:] != pairs["a"][:-1]) | (pairs["b"][1:] != pairs["b"][:-1])])
    once = pairs[starts]
    once["leader"] = np.bitwise_or.reduceat(pairs["leader"], starts)
    return once


def jaccard(
    shingles: NDArray[np.uint32], offsets: NDArray[np.int64], a: NDArray[np.int64], b: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Exact similarity of texts a[i] and b[i]: text t has the sorted distinct shingles offsets[t]:offsets[t + 1]."""
    similarity = np.empty(len(a), np.float64)
    _jaccard_all(shingles, offsets, a, b, similarity)
    return similarity


def warm_up() -> None:
    """Compile the kernels, or load them from their cache."""
    signatures = np.zeros((2, NUM_PERM), np.uint32)
    band_hashes(signatures, 0, BANDS)
    pairs_in_buckets(signatures, np.array([0, 2], np.int64), 1)
    pairs_with_leaders(signatures, 0, Limits(1, 2))
    nothing = np.zeros(0, np.int64)
    jaccard(np.zeros(0, np.uint32), np.zeros(1, np.int64), nothing, nothing)


@njit(cache=True, nogil=True)
def _hash_bands(signatures: NDArray[np.uint32], first: int, hashes: NDArray[np.uint64]) -> None:
    for row in range(len(signatures)):
        for band in range(hashes.shape[1]):
            mixed = np.uint64(first + band + 1)
            for place in range((first + band) * BAND_ROWS, (first + band + 1) * BAND_ROWS):
                mixed = (mixed ^ np.uint64(signatures[row, place])) * ORDER_MULTIPLIER
                mixed ^= mixed >> np.uint64(32)
            hashes[row, band] = mixed


@njit(cache=True, nogil=True)
def equal_permutations(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> int:
    """How many permutations agree."""
    count = np.uint32(0)
    for k in range(NUM_PERM):
        # cast back, or numba counts in 64 bits and half as many fit a vector
        count = np.uint32(count + (np.uint32(1) if a[k] == b[k] else np.uint32(0)))
    return np.int64(count)


@njit(cache=True, nogil=True)
def _all_pairs(
    signatures: NDArray[np.uint32], bounds: NDArray[np.int64], min_equal: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    pairs, count = np.empty((1024, 3), np.int64), 0
    for bucket in range(len(bounds) - 1):
        for a in range(bounds[bucket], bounds[bucket + 1]):
            for b in range(a + 1, bounds[bucket + 1]):
                equal = equal_permutations(signatures[a], signatures[b])
                if equal >= min_equal:
                    pairs = _room(pairs, count)
                    pairs[count] = a, b, equal
                    count += 1
    return pairs[:count, 0], pairs[:count, 1], pairs[:count, 2], np.zeros(count, np.int64)


@njit(cache=True, nogil=True)
def _room(pairs: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The pairs with room for one more."""
    if count < len(pairs):
        return pairs
    larger = np.empty((2 * len(pairs), pairs.shape[1]), np.int64)
    larger[:count] = pairs
    return larger


@njit(cache=True, nogil=True)
def _leader_pairs(signatures: NDArray[np.uint32], leaders: int, candidate: int, certain: int) -> tuple[Any, ...]:
    """The columns of PAIR that leaders make, the rows that led, and those that are left."""
    pairs, count = np.empty((1024, 4), np.int64), 0
    alive, led = np.arange(len(signatures)), 0
    leading, held = np.empty(max(leaders, MAX_LEADERS), np.int64), np.zeros(len(signatures), np.int64)
    while led < leaders or (len(alive) > MAX_BUCKET and led < MAX_LEADERS):
        leader, left = alive[0], 0
        leading[led] = leader
        led += 1
        rest = alive[1:]
        for x in range(len(rest)):
            other = rest[x]
            # those that lead already have been compared with each other
            equal = 0 if other < leaders else equal_permutations(signatures[leader], signatures[other])
            if equal >= candidate:
                pairs = _room(pairs, count)
                pairs[count] = leader, other, equal, A_LEADS
                count += 1
                held[other] += 1
            if equal < certain and held[other] < MAX_LED:
                rest[left] = other
                left += 1
        alive = rest[:left]
    found = pairs[:count]
    return found[:, 0], found[:, 1], found[:, 2], found[:, 3], leading[:led].copy(), alive.copy()


@njit(cache=True, nogil=True)
def _jaccard_all(
    shingles: NDArray[np.uint32],
    offsets: NDArray[np.int64],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    similarity: NDArray[np.float64],
) -> None:
    for pair in range(len(a)):
        left, left_end = offsets[a[pair]], offsets[a[pair] + 1]
        right, right_end = offsets[b[pair]], offsets[b[pair] + 1]
        total, both = (left_end - left) + (right_end - right), 0
        while left < left_end and right < right_end:
            x, y = shingles[left], shingles[right]
            both += x == y
            left += x <= y
            right += y <= x
        similarity[pair] = both / (total - both) if total > both else 0.0
