"""Which licences of the SPDX list stand in a text in full, by containment of their word 5-grams.

A licence is there when 72 % of the 5-grams of its text are: re-wrapping, comment markers, a filled-in name or a changed
word cost a few each. Where several are, the one with the most 5-grams there less those that are not is taken: that
alone tells MIT from MIT-0, BSD with two, three and four clauses, and the versions of the GPL. Its words are taken out
and the rest is searched again.
"""

import json
import lzma
import re
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

SHINGLE_WORDS = 5
# Measured on 128 labelled licence files and 267 of packages that declare their licence (99 % in the right class).
MIN_CONTAINMENT = 0.72
# Of the few words of a short licence, most must be there: other texts share phrases of that length.
SHORT_SHINGLES, SHORT_MIN_CONTAINMENT = 40, 0.85
# More than real projects have: the licence files of wheels with all that they bundle have some fifteen.
MAX_LICENCES, MAX_COPIES = 24, 60
# A copy has so many words for one of its licence's: names, titles and markers may stand between.
COPY_STRETCH = 1.3
TABLE_BITS = 19
# A run of matched 5-grams: no gap longer than this, and at least so dense. Scattered ones belong to another licence.
MAX_GAP_WORDS = 12
MIN_RUN_SHINGLES, MIN_RUN_FRACTION, MIN_RUN_DENSITY = 12, 0.12, 0.35

FNV_BASIS, FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
# Odd multipliers: the golden ratio in 64 bits, and a random number.
ORDER_MULTIPLIER, FINAL_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)

# Who holds the rights is filled in differently everywhere, so the line goes; "copyright notice" is the licence's own.
_COPYRIGHT_LINE = re.compile(
    rb"^[^\w\n]{0,20}(?:portions )?(?:copyright|\(c\)|\xc2\xa9|&copy;?)[ :,]{0,3}"
    rb"(?:\(c\)|\xc2\xa9|&copy;?|[<\[{(]|\d{4}|yyyy|xxxx|year\b|by\b|$)[^\n]{0,160}$"
    rb"|^[^\w\n]{0,20}all rights reserved[^\w\n]{0,20}$",
    re.MULTILINE,
)
_MARKUP = re.compile(rb"<[^<>]{0,120}>|&(?:[a-z]{2,6}|#\d{2,4});|https?://(?:www\.)?|and(/or)\b")
# Words that different copies of the same licence write differently. An empty one is left out.
SYNONYMS = {
    "licence": "license",
    "licences": "licenses",
    "licenced": "licensed",
    "licencing": "licensing",
    "sublicence": "license",
    "sublicense": "license",
    "sublicensed": "licensed",
    "sublicensing": "licensing",
    "sub": "",
    "noninfringement": "infringement",
    "non": "",
    "authors": "holder",
    "author": "holder",
    "owners": "holder",
    "owner": "holder",
    "holders": "holder",
    "contributors": "contributor",
    "dnl": "",
    "rem": "",
}


class Match(NamedTuple):
    """A licence of the SPDX list. `spans` are (first, end) bytes of the text, in order, that are its words."""

    license_id: str
    score: float
    shingles: int
    spans: tuple[tuple[int, int], ...]


class _Index(NamedTuple):
    """Every 5-gram of every text. `owners[first[i]:first[i + 1]]` are the texts that have 5-gram `shingles[i]`."""

    ids: list[str]
    lengths: NDArray[np.int64]  # in words
    sizes: NDArray[np.int64]  # in different 5-grams
    shingles: NDArray[np.uint64]
    first: NDArray[np.int64]
    owners: NDArray[np.int16]
    table: NDArray[np.int32]  # hash table of the 5-grams' numbers; -1 where there is none


def spdx_texts() -> dict[str, str]:
    """Id to text of every licence on the list that is not deprecated; about 120 ms."""
    packed = files("filters").joinpath("data", "spdx_texts.json.xz").read_bytes()
    texts: dict[str, str] = json.loads(lzma.decompress(packed))["texts"]
    return texts


def match(text: bytes) -> list[Match]:
    """The licences that stand in `text` in full, in order of their place: each copy, of at most 24 licences.

    Where a text serves several ids, such as GPL-2.0-only and -or-later, the narrower is given: only a notice widens it.
    """
    words, starts, ends = _words(text)
    shingles = _shingles(words)
    index = _index()
    rows = _find(shingles, index.shingles, index.table)
    found: list[Match] = []
    while len(found) < MAX_COPIES and len({copy.license_id for copy in found}) < MAX_LICENCES:
        best = _best(index, rows)
        if not best:
            break
        owner, score = best
        size = int(index.sizes[owner])
        hits = np.flatnonzero(_belongs(rows, index.first, index.owners, owner))
        runs = _runs(hits, rows, size, int(index.lengths[owner]) - SHINGLE_WORDS)
        for run in runs:
            rows[run[0] : run[-1] + 1] = -1
        spans = tuple((int(starts[run[0]]), int(ends[run[-1] + SHINGLE_WORDS - 1])) for run in runs)
        found.append(Match(index.ids[owner], score, size, spans))
    return sorted(found, key=lambda match: match.spans)


def warm_up() -> None:
    """Compile the kernels, or load them from their cache, and build the index: 0.3 s."""
    match(b"one two three four five six")


def _best(index: _Index, rows: NDArray[np.int32]) -> tuple[int, float] | None:
    """The licence to which most of these 5-grams belong, less those it lacks, and its containment; None below 72 %."""
    hits = _count_hits(rows, index.first, index.owners, len(index.ids))
    containment = hits / index.sizes
    enough = containment >= np.where(index.sizes < SHORT_SHINGLES, SHORT_MIN_CONTAINMENT, MIN_CONTAINMENT)
    if not enough.any():
        return None
    best = int(np.argmax(np.where(enough, 2 * hits - index.sizes, np.iinfo(np.int64).min)))
    return best, float(containment[best])


def _runs(hits: NDArray[np.int64], rows: NDArray[np.int32], size: int, length: int) -> list[NDArray[np.int64]]:
    """Of the places of a licence's 5-grams the dense runs of one copy, in order; all in one where none is dense.

    Other copies are left, because they may be of a licence that shares most of its words.
    """
    first, last = _copy(hits, np.unique(rows[hits], return_inverse=True)[1], length)
    hits = hits[first : last + 1]
    runs = np.split(hits, np.flatnonzero(np.diff(hits) > MAX_GAP_WORDS) + 1)
    least = min(MIN_RUN_SHINGLES, MIN_RUN_FRACTION * size)
    dense = [run for run in runs if len(run) >= least and len(run) >= MIN_RUN_DENSITY * (run[-1] - run[0] + 1)]
    return dense or [hits]


@lru_cache(maxsize=1)
def _index() -> _Index:
    """All texts as one, because a call for each costs more than its words. Equal texts stand under their first id."""
    ids: dict[bytes, str] = {}
    # narrower ids first: of equal texts, and of texts with the same 5-grams, the first is taken
    for name, text in sorted(spdx_texts().items(), key=lambda row: (not row[0].endswith("-only"), len(row[0]), row[0])):
        for variant in _variants(name, text.encode()):
            ids.setdefault(variant, name)
    words, starts, _ = _words(b"\n".join(ids))
    borders = np.searchsorted(starts, np.cumsum([0, *(len(text) + 1 for text in ids)]))
    owners = np.repeat(np.arange(len(ids), dtype=np.int16), np.diff(borders))
    shingles = _shingles(words)
    inside = np.flatnonzero(owners[: len(shingles)] == owners[SHINGLE_WORDS - 1 :])
    order = inside[np.argsort(shingles[inside], kind="stable")]
    shingles, owners = shingles[order], owners[order]
    is_new = np.ones(len(order), bool)
    is_new[1:] = (shingles[1:] != shingles[:-1]) | (owners[1:] != owners[:-1])
    shingles, owners = shingles[is_new], owners[is_new]
    distinct, first = np.unique(shingles, return_index=True)
    sizes = np.bincount(owners, minlength=len(ids))
    return _Index(
        list(ids.values()), np.diff(borders), sizes, distinct, np.append(first, len(owners)), owners, _table(distinct)
    )


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


def _words(text: bytes) -> tuple[NDArray[np.uint64], NDArray[np.int32], NDArray[np.int32]]:
    """Hashes of the words that count, and the bytes where each starts and ends.

    A word is letters and digits of ASCII in lower case, but no single letter: those number the clauses.
    """
    lower = _COPYRIGHT_LINE.sub(_blank, _MARKUP.sub(_blank, text.lower()))
    room = len(lower) // 2 + 1
    words, starts, ends = np.empty(room, np.uint64), np.empty(room, np.int32), np.empty(room, np.int32)
    count = _hash_words(np.frombuffer(lower, np.uint8), words, starts, ends)
    words = words[:count]
    written, meant = _synonyms()
    places = np.minimum(np.searchsorted(written, words), len(written) - 1)
    words = np.where(written[places] == words, meant[places], words)
    # "copyright holder" is one word
    kept = words != 0
    kept[:-1] &= (words[:-1] != _hash("copyright")) | (words[1:] != _hash("holder"))
    return words[kept], starts[:count][kept], ends[:count][kept]


def _blank(match: re.Match[bytes]) -> bytes:
    """Spaces in place of the match, or of "/or" in "and/or", so that everything keeps its place."""
    return b"and   " if match[0] == b"and/or" else b" " * len(match[0])


@lru_cache(maxsize=1)
def _synonyms() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Hashes of the words written, sorted, and of what they mean."""
    pairs = sorted((_hash(written), _hash(meant) if meant else 0) for written, meant in SYNONYMS.items())
    return np.array([pair[0] for pair in pairs], np.uint64), np.array([pair[1] for pair in pairs], np.uint64)


@lru_cache(maxsize=64)
def _hash(word: str) -> np.uint64:
    words = np.empty(1, np.uint64)
    _hash_words(np.frombuffer(word.encode(), np.uint8), words, np.empty(1, np.int32), np.empty(1, np.int32))
    first: np.uint64 = words[0]
    return first


@njit(cache=True, nogil=True)
def _hash_words(
    text: NDArray[np.uint8], words: NDArray[np.uint64], starts: NDArray[np.int32], ends: NDArray[np.int32]
) -> int:
    """Write FNV-1a, start and end of each word; the number of words."""
    count = 0
    word, start = FNV_BASIS, -1
    for i in range(len(text) + 1):
        byte = text[i] if i < len(text) else np.uint8(32)
        if 97 <= byte <= 122 or 48 <= byte <= 57:
            if start < 0:
                word, start = FNV_BASIS, i
            word = (word ^ np.uint64(byte)) * FNV_PRIME
        elif start >= 0:
            if i - start > 1 or text[start] <= 57:
                words[count], starts[count], ends[count] = word, start, i
                count += 1
            start = -1
    return count


def _shingles(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The hash of each five words in a row."""
    shingles = np.empty(max(len(words) - SHINGLE_WORDS + 1, 0), np.uint64)
    _hash_shingles(words, shingles)
    return shingles


@njit(cache=True, nogil=True)
def _hash_shingles(words: NDArray[np.uint64], shingles: NDArray[np.uint64]) -> None:
    for i in range(len(shingles)):
        mixed = words[i]
        for word in range(1, SHINGLE_WORDS):
            mixed = mixed * ORDER_MULTIPLIER + words[i + word]
        shingles[i] = (mixed ^ (mixed >> np.uint64(32))) * FINAL_MULTIPLIER


@njit(cache=True, nogil=True)
def _table(shingles: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Where each 5-gram stands, by its first bits; the next free place where that one is taken."""
    table = np.full(1 << TABLE_BITS, -1, np.int32)
    for row in range(len(shingles)):
        slot = np.int64(shingles[row] >> np.uint64(64 - TABLE_BITS))
        while table[slot] >= 0:
            slot = (slot + 1) % len(table)
        table[slot] = row
    return table


@njit(cache=True, nogil=True)
def _find(shingles: NDArray[np.uint64], known: NDArray[np.uint64], table: NDArray[np.int32]) -> NDArray[np.int32]:
    """The number of each 5-gram among the known ones, -1 for the others."""
    rows = np.full(len(shingles), -1, np.int32)
    for i in range(len(shingles)):
        slot = np.int64(shingles[i] >> np.uint64(64 - TABLE_BITS))
        while table[slot] >= 0:
            if known[table[slot]] == shingles[i]:
                rows[i] = table[slot]
                break
            slot = (slot + 1) % len(table)
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
def _count_hits(
    rows: NDArray[np.int32], first: NDArray[np.int64], owners: NDArray[np.int16], owner_count: int
) -> NDArray[np.int64]:
    """How many different ones of these 5-grams each licence has; -1 is none."""
    hits = np.zeros(owner_count, np.int64)
    seen = np.zeros(len(first), np.bool_)
    for row in rows:
        if row < 0 or seen[row]:
            continue
        seen[row] = True
        for place in range(first[row], first[row + 1]):
            hits[owners[place]] += 1
    return hits


@njit(cache=True, nogil=True)
def _belongs(
    rows: NDArray[np.int32], first: NDArray[np.int64], owners: NDArray[np.int16], owner: int
) -> NDArray[np.bool_]:
    """Whether the licence has each of these 5-grams."""
    has = np.zeros(len(rows), np.bool_)
    for i in range(len(rows)):
        if rows[i] >= 0:
            for place in range(first[rows[i]], first[rows[i] + 1]):
                has[i] |= owners[place] == owner
    return has
