"""The words of a text that tell licences apart, as hashes, and the 5-grams of them.

Line breaks, comment markers, capitals and punctuation do not count, nor who holds the rights, nor words that copies of
the same licence write differently.
"""

import re
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

SHINGLE_WORDS = 5

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
# One pattern each: a pattern that begins with a letter of its own is found faster than a choice of several.
_MARKUP = [
    re.compile(pattern) for pattern in (rb"<[^<>]{0,120}>", rb"&(?:[a-z]{2,6}|#\d{2,4});", rb"https?://(?:www\.)?")
]
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


def words(text: bytes) -> tuple[NDArray[np.uint64], NDArray[np.int32], NDArray[np.int32]]:
    """Hashes of the words that count, and the bytes where each starts and ends.

    A word is letters and digits of ASCII in lower case, but no single letter: those number the clauses.
    "copyright holder" is one word.
    """
    lower = text.lower().replace(b"and/or", b"and   ")
    for pattern in (*_MARKUP, _COPYRIGHT_LINE):
        lower = pattern.sub(_spaces, lower)
    room = len(lower) // 2 + 1
    hashes, starts, ends = np.empty(room, np.uint64), np.empty(room, np.int32), np.empty(room, np.int32)
    count = _hash_words(np.frombuffer(lower, np.uint8), *_synonyms(), hashes, starts, ends)
    return hashes[:count], starts[:count], ends[:count]


def shingles(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The hash of each five words in a row; of word i and the four behind it at place i."""
    mixed = np.empty(max(len(hashes) - SHINGLE_WORDS + 1, 0), np.uint64)
    _hash_shingles(hashes, mixed)
    return mixed


def _spaces(match: re.Match[bytes]) -> bytes:
    """As long as the match, so that everything keeps its place."""
    return b" " * len(match[0])


@lru_cache(maxsize=1)
def _synonyms() -> tuple[NDArray[np.uint64], NDArray[np.uint64], np.uint64, np.uint64]:
    """Hashes of the words written, sorted, and of what they mean, 0 for nothing; then of "copyright" and "holder"."""
    pairs = sorted((_hash(written), _hash(meant) if meant else 0) for written, meant in SYNONYMS.items())
    written, meant = (np.array(column, np.uint64) for column in zip(*pairs, strict=True))
    return written, meant, _hash("copyright"), _hash("holder")


def _hash(word: str) -> np.uint64:
    hashes, nothing = np.empty(len(word), np.uint64), np.zeros(1, np.uint64)
    places = np.empty(len(word), np.int32)
    text = np.frombuffer(word.encode(), np.uint8)
    _hash_words(text, nothing, nothing, nothing[0], nothing[0], hashes, places, places)
    first: np.uint64 = hashes[0]
    return first


@njit(cache=True, nogil=True)
def _hash_words(
    text: NDArray[np.uint8],
    written: NDArray[np.uint64],
    meant: NDArray[np.uint64],
    copyright_hash: int,
    holder_hash: int,
    hashes: NDArray[np.uint64],
    starts: NDArray[np.int32],
    ends: NDArray[np.int32],
) -> int:
    """Write FNV-1a, start and end of each word that counts; the number of words."""
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
                place = np.searchsorted(written, word)
                if place < len(written) and written[place] == word:
                    word = meant[place]
                if word == holder_hash and count > 0 and hashes[count - 1] == copyright_hash:
                    count -= 1
                if word != 0:
                    hashes[count], starts[count], ends[count] = word, start, i
                    count += 1
            start = -1
    return count


@njit(cache=True, nogil=True)
def _hash_shingles(hashes: NDArray[np.uint64], mixed: NDArray[np.uint64]) -> None:
    for i in range(len(mixed)):
        value = hashes[i]
        for word in range(1, SHINGLE_WORDS):
            value = value * ORDER_MULTIPLIER + hashes[i + word]
        mixed[i] = (value ^ (value >> np.uint64(32))) * FINAL_MULTIPLIER
