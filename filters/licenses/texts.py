"""Which licences of the SPDX list stand in a text in full, by containment of their word 5-grams.

A licence is there when 72 % of the 5-grams of its text are: re-wrapping, comment markers, a filled-in name or a changed
word cost a few each. Where several are, the one with the most 5-grams there less those that are not is taken: that
alone tells MIT from MIT-0, BSD with two, three and four clauses, and the versions of the GPL. Its words are taken out
and the rest is searched again.
"""

import json
import lzma
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from filters.licenses.words import SHINGLE_WORDS, shingles, words

# Measured on 128 labelled licence files and 267 of packages that declare their licence (99 % in the right class).
MIN_CONTAINMENT = 0.72
# Of the few words of a short licence, most must be there: other texts share phrases of that length.
SHORT_SHINGLES, SHORT_MIN_CONTAINMENT = 40, 0.85
# More than real projects have: the licence files of wheels with all that they bundle have some fifteen.
MAX_LICENCES, MAX_COPIES = 24, 60
# A copy has so many words for one of its licence's: names, titles and markers may stand between.
COPY_STRETCH = 1.3
# A run of matched 5-grams: no gap longer than this, and at least so dense. Scattered ones belong to another licence.
MAX_GAP_WORDS = 12
MIN_RUN_SHINGLES, MIN_RUN_FRACTION, MIN_RUN_DENSITY = 12, 0.12, 0.35
# The hash table has 2^19 places for the 200,000 different 5-grams.
TABLE_BITS = 19


class Match(NamedTuple):
    """A licence of the SPDX list. `spans` are (first, end) bytes of the text, in order, that are its words."""

    license_id: str
    score: float
    shingles: int
    spans: tuple[tuple[int, int], ...]


class _Index(NamedTuple):
    """Every 5-gram of every text. `owners[first[i]:first[i + 1]]` are the texts that have 5-gram number i."""

    ids: list[str]
    lengths: NDArray[np.int64]  # in 5-grams
    sizes: NDArray[np.int64]  # in different 5-grams
    least: NDArray[np.float64]  # so many of them must be there
    known: NDArray[np.uint64]
    table: NDArray[np.int32]  # hash table of the 5-grams' numbers; -1 where there is none
    first: NDArray[np.int32]
    owners: NDArray[np.int16]


def spdx_texts() -> dict[str, str]:
    """Id to text of every licence on the list that is not deprecated; about 60 ms."""
    packed = files("filters").joinpath("data", "spdx_texts.json.xz").read_bytes()
    texts: dict[str, str] = json.loads(lzma.decompress(packed))["texts"]
    return texts


def match(text: bytes) -> list[Match]:
    """The licences that stand in `text` in full, in order of their place: each copy, of at most 24 licences.

    Where a text serves several ids, such as GPL-2.0-only and -or-later, the narrower is given: only a notice widens it.
    """
    hashes, starts, ends = words(text)
    index = _index()
    rows = _find(shingles(hashes), index.known, index.table)
    found: list[Match] = []
    while len(found) < MAX_COPIES and len({copy.license_id for copy in found}) < MAX_LICENCES:
        owner, hit_count = _best(rows, index.first, index.owners, index.sizes, index.least)
        if owner < 0:
            break
        size = int(index.sizes[owner])
        places = _places(rows, index.first, index.owners, owner)
        runs = _runs(places, rows, size, int(index.lengths[owner]) - 1)
        for run in runs:
            rows[run[0] : run[-1] + 1] = -1
        spans = tuple((int(starts[run[0]]), int(ends[run[-1] + SHINGLE_WORDS - 1])) for run in runs)
        found.append(Match(index.ids[owner], hit_count / size, size, spans))
    return sorted(found, key=lambda match: match.spans)


def warm_up() -> None:
    """Compile the kernels, or load them from their cache, and build the index: 0.3 s."""
    match(next(iter(spdx_texts().values())).encode())


def _runs(hits: NDArray[np.int64], rows: NDArray[np.int32], size: int, length: int) -> list[NDArray[np.int64]]:
    """Of the places of a licence's 5-grams the dense runs of one copy, in order; all in one where none is dense.

    Other copies are left, because they may be of a licence that shares most of its words. `length` is from the first
    5-gram to the last in the licence's own text.
    """
    first, last = _copy(hits, np.unique(rows[hits], return_inverse=True)[1], length)
    hits = hits[first : last + 1]
    runs = np.split(hits, np.flatnonzero(np.diff(hits) > MAX_GAP_WORDS) + 1)
    least = min(MIN_RUN_SHINGLES, MIN_RUN_FRACTION * size)
    dense = [run for run in runs if len(run) >= least and len(run) >= MIN_RUN_DENSITY * (run[-1] - run[0] + 1)]
    return dense or [hits]


@lru_cache(maxsize=1)
def _index() -> _Index:
    """All texts; of equal ones the first id. 0.2 s."""
    ids: dict[bytes, str] = {}
    # narrower ids first: of equal texts, and of texts with the same 5-grams, the first is taken
    for name, text in sorted(spdx_texts().items(), key=lambda row: (not row[0].endswith("-only"), len(row[0]), row[0])):
        for variant in _variants(name, text.encode()):
            ids.setdefault(variant, name)
    parts = [shingles(words(text)[0]) for text in ids]
    lengths = np.array([len(part) for part in parts])
    sizes, *inverted = _invert(np.concatenate(parts), lengths)
    least = sizes * np.where(sizes < SHORT_SHINGLES, SHORT_MIN_CONTAINMENT, MIN_CONTAINMENT)
    return _Index(list(ids.values()), lengths, sizes, least, *inverted)


def _variants(license_id: str, text: bytes) -> list[bytes]:
    """The text, and what files have of it: without its instructions, its commentary, or the licence it builds on."""
    lower = text.lower()
    cuts = [lower.find(b"end of terms and conditions")]
    if license_id.startswith("MPL-"):
        cuts.append(lower.find(b"\nexhibit a"))
    if license_id.startswith("LGPL-3.0"):
        cuts.append(lower.find(b"gnu general public license\n"))
    if license_id == "AFL-2.1":
        cuts.append(lower.find(b"permission of its copyright owner"))
    variants = [text, *(text[:cut] for cut in cuts if cut > 0)]
    if license_id.startswith("BSD-"):
        variants.append(lower.replace(b" and contributors", b""))
    return variants


@njit(cache=True, nogil=True)
def _invert(
    shingles: NDArray[np.uint64], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int32], NDArray[np.int32], NDArray[np.int16]]:
    """Of the 5-grams of all texts, text by text: sizes, known, table, first and owners of the index."""
    known = np.empty(len(shingles), np.uint64)
    table = np.full(1 << TABLE_BITS, -1, np.int32)
    rows = np.empty(len(shingles), np.int32)
    counts = np.zeros(len(shingles) + 1, np.int32)
    latest = np.full(len(shingles), -1, np.int32)
    sizes = np.zeros(len(lengths), np.int64)
    known_count = place = 0
    for text in range(len(lengths)):
        for i in range(place, place + lengths[text]):
            slot = _slot(shingles[i], known, table)
            if table[slot] < 0:
                table[slot], known[known_count] = known_count, shingles[i]
                known_count += 1
            row = table[slot]
            is_new = latest[row] != text
            rows[i] = row if is_new else -1
            latest[row] = text
            counts[row + 1] += is_new
            sizes[text] += is_new
        place += lengths[text]
    first = np.cumsum(counts[: known_count + 1]).astype(np.int32)
    owners = np.empty(first[known_count], np.int16)
    free = first.copy()
    place = 0
    for text in range(len(lengths)):
        for row in rows[place : place + lengths[text]]:
            if row >= 0:
                owners[free[row]] = text
                free[row] += 1
        place += lengths[text]
    return sizes, known[:known_count].copy(), table, first, owners


@njit(cache=True, nogil=True)
def _slot(shingle: int, known: NDArray[np.uint64], table: NDArray[np.int32]) -> int:
    """Where in the table the 5-gram stands or would: by its first bits, else the next free place."""
    slot = np.int64(shingle >> np.uint64(64 - TABLE_BITS))
    while table[slot] >= 0 and known[table[slot]] != shingle:
        slot = (slot + 1) % len(table)
    return slot


@njit(cache=True, nogil=True)
def _find(shingles: NDArray[np.uint64], known: NDArray[np.uint64], table: NDArray[np.int32]) -> NDArray[np.int32]:
    """The number of each 5-gram among the known ones, -1 for the others."""
    rows = np.empty(len(shingles), np.int32)
    for i in range(len(shingles)):
        rows[i] = table[_slot(shingles[i], known, table)]
    return rows


@njit(cache=True, nogil=True)
def _copy(hits: NDArray[np.int64], kinds: NDArray[np.int64], length: int) -> tuple[int, int]:
    """First and last of the hits that have most kinds in a stretch of `length` hits, or a little more."""
    counts = np.zeros(len(hits), np.int64)
    first = kind_count = most = best_first = best_last = 0
    for last in range(len(hits)):
        kind_count += counts[kinds[last]] == 0
        counts[kinds[last]] += 1
        while hits[last] - hits[first] > COPY_STRETCH * length or (
            counts[kinds[first]] > 1 and hits[last] - hits[first] > length
        ):
            counts[kinds[first]] -= 1
            kind_count -= counts[kinds[first]] == 0
            first += 1
        if kind_count > most:
            most, best_first, best_last = kind_count, first, last
    while best_last + 1 < len(hits) and hits[best_last + 1] - hits[best_first] < length:
        best_last += 1  # what the text itself repeats at its end
    return best_first, best_last


@njit(cache=True, nogil=True)
def _best(
    rows: NDArray[np.int32],
    first: NDArray[np.int32],
    owners: NDArray[np.int16],
    sizes: NDArray[np.int64],
    least: NDArray[np.float64],
) -> tuple[int, int]:
    """The licence that has most of these 5-grams, less those it lacks, and how many different ones; -1 without one."""
    hits = np.zeros(len(sizes), np.int64)
    seen = np.zeros(len(first), np.bool_)
    for row in rows:
        if row >= 0 and not seen[row]:
            seen[row] = True
            for place in range(first[row], first[row + 1]):
                hits[owners[place]] += 1
    best = -1
    for owner in range(len(sizes)):
        is_enough = hits[owner] >= least[owner]
        if is_enough and (best < 0 or 2 * hits[owner] - sizes[owner] > 2 * hits[best] - sizes[best]):
            best = owner
    return best, hits[best]


@njit(cache=True, nogil=True)
def _places(
    rows: NDArray[np.int32], first: NDArray[np.int32], owners: NDArray[np.int16], owner: int
) -> NDArray[np.int64]:
    """Where the 5-grams stand that the licence has."""
    places = np.empty(len(rows), np.int64)
    count = 0
    for i in range(len(rows)):
        if rows[i] >= 0 and owner in owners[first[rows[i]] : first[rows[i] + 1]]:
            places[count] = i
            count += 1
    return places[:count]
