"""MinHash signatures over word 5-grams, equal to `datasketch.MinHash(num_perm=256)` fed the same shingle hashes.

Anybody can query a release: `m = MinHash(num_perm=256, hashfunc=int); m.update_batch(shingle_hashes(text))`.
A word is a run of ASCII letters, digits, `_` and bytes over 127, case kept; its hash is FNV-1a, 64 bits.
"""

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from filters.signals import read_only

NUM_PERM = 256
SHINGLE_WORDS = 5
# The value of every permutation for a text without a shingle, as in datasketch.
EMPTY = np.uint32(0xFFFFFFFF)
# Shingles taken together in one sweep over the permutations: as many as the vector registers hold.
GROUP = 8
# Entries in the table of recently seen shingles: 32 kB, so that it stays in the nearest cache.
SEEN_ENTRIES = 4_096

FNV_BASIS = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x100000001B3)
# Odd multipliers of the shingle hash: the golden ratio in 64 bits, and a random number.
ORDER_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
FINAL_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)


def signatures(buffer: NDArray[np.uint8], offsets: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Signatures [n, 256] and word counts [n] of n texts, text i being `buffer[offsets[i]:offsets[i + 1]]`.

    A text of fewer than 5 words has EMPTY throughout, as in datasketch. Raises ValueError where the offsets do not lie
    in order inside the buffer. Cost: about 4 ns a byte of source code; 1 kB a text, and 6 times the longest text.
    """
    buffer, offsets = read_only(buffer, offsets)
    count = len(offsets) - 1
    rows, word_counts = np.empty((count, NUM_PERM), np.uint32), np.empty(count, np.int64)
    _sign_all(buffer, offsets, _is_word_byte(), _permutations(), rows, word_counts)
    return rows, word_counts


def shingle_hashes(text: bytes) -> NDArray[np.uint32]:
    """The 32-bit hash of each 5-gram of words in `text`, in order, repeats included; empty below 5 words.

    >>> len(shingle_hashes(b"one two three four five six")), len(shingle_hashes(b"one two three four"))
    (2, 0)
    """
    buffer, _ = read_only(np.frombuffer(text, np.uint8), np.zeros(1, np.int64))
    words = np.empty(_room_for_words(len(text)), np.uint64)
    count = _hash_words(buffer, _is_word_byte(), words)
    hashes = np.empty(max(count - SHINGLE_WORDS + 1, 0), np.uint32)
    _hash_shingles(words, hashes)
    return hashes


def warm_up() -> None:
    """Compile the kernels, or load them from their cache, and load the permutations."""
    signatures(np.zeros(0, np.uint8), np.zeros(2, np.int64))


@lru_cache(maxsize=1)
def _permutations() -> NDArray[np.uint32]:
    """Multipliers and addends [2, 256] of datasketch's default seed."""
    # here, because importing datasketch takes longer than everything else in this module
    from datasketch import MinHash

    permutations: NDArray[np.uint32] = MinHash(num_perm=NUM_PERM, scheme="affine32").permutations
    return permutations


@lru_cache(maxsize=1)
def _is_word_byte() -> NDArray[np.uint64]:
    """1 for the bytes that words are made of, else 0; as wide as what it is added to."""
    return np.array([byte >= 128 or chr(byte).isalnum() or byte == ord("_") for byte in range(256)], np.uint64)


@njit(cache=True, nogil=True)
def _room_for_words(text_bytes: int) -> int:
    return text_bytes // 2 + 8


@njit(cache=True, nogil=True)
def _sign_all(
    buffer: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    is_word_byte: NDArray[np.uint64],
    permutations: NDArray[np.uint32],
    rows: NDArray[np.uint32],
    word_counts: NDArray[np.int64],
) -> None:
    longest = 0
    for text in range(len(rows)):
        longest = max(longest, offsets[text + 1] - offsets[text])
    words = np.empty(_room_for_words(longest), np.uint64)
    hashes = np.empty(len(words) + GROUP, np.uint32)
    seen = np.zeros(SEEN_ENTRIES, np.uint64)
    for text in range(len(rows)):
        count = _hash_words(buffer[offsets[text] : offsets[text + 1]], is_word_byte, words)
        word_counts[text] = count
        shingles = max(count - SHINGLE_WORDS + 1, 0)
        _hash_shingles(words, hashes[:shingles])
        distinct = _drop_repeats(hashes[:shingles], seen, text + 1)
        whole = (distinct + GROUP - 1) // GROUP * GROUP
        hashes[distinct:whole] = hashes[max(distinct - 1, 0)]
        _finalise(hashes[:whole])
        rows[text] = EMPTY
        _lower(rows[text], hashes[:whole], permutations[0], permutations[1])


@njit(cache=True, nogil=True)
def _hash_words(text: NDArray[np.uint8], is_word_byte: NDArray[np.uint64], words: NDArray[np.uint64]) -> int:
    """Write the hash of each word of `text` to `words`; the number of words.

    Each multiplication waits for the one before, so two halves of the text are hashed at a time.
    """
    size = np.uint64(len(text))
    half = (size + np.uint64(1)) // np.uint64(2)
    while half < size and is_word_byte[text[half]]:
        half += np.uint64(1)
    # the second half's words are written behind all room the first half's can need, and moved up in the end
    gap = half // np.uint64(2) + np.uint64(2)
    left_count, right_count = np.uint64(0), gap
    left_inside = right_inside = np.uint64(0)
    left_hash = right_hash = FNV_BASIS
    i = np.uint64(0)
    while i < size - half:
        byte, is_word = text[i], is_word_byte[text[i]]
        left_count = _store(words, left_count, left_hash, left_inside & ~is_word)
        left_hash, left_inside = _extend(left_hash, byte, is_word), is_word
        byte, is_word = text[half + i], is_word_byte[text[half + i]]
        right_count = _store(words, right_count, right_hash, right_inside & ~is_word)
        right_hash, right_inside = _extend(right_hash, byte, is_word), is_word
        i += np.uint64(1)
    while i < half:
        byte, is_word = text[i], is_word_byte[text[i]]
        left_count = _store(words, left_count, left_hash, left_inside & ~is_word)
        left_hash, left_inside = _extend(left_hash, byte, is_word), is_word
        i += np.uint64(1)
    left_count = _store(words, left_count, left_hash, left_inside)
    right_count = _store(words, right_count, right_hash, right_inside)
    for place in range(gap, right_count):
        left_count = _store(words, left_count, words[place], np.uint64(1))
    return np.int64(left_count)


@njit(cache=True, nogil=True)
def _store(words: NDArray[np.uint64], count: int, word_hash: int, is_whole: int) -> int:
    """Write a hash at place `count`, and keep it there if the word is whole; the next place.

    Without a branch, which would be mispredicted once a word and cost more than the hash.
    """
    words[count] = word_hash
    return count + is_whole


@njit(cache=True, nogil=True)
def _extend(word_hash: int, byte: int, is_word: int) -> int:
    """FNV-1a over one more byte of a word; the hash of nothing after a byte outside of words."""
    return (word_hash ^ np.uint64(byte)) * FNV_PRIME if is_word else FNV_BASIS


@njit(cache=True, nogil=True)
def _hash_shingles(words: NDArray[np.uint64], hashes: NDArray[np.uint32]) -> None:
    """Write the hash of words i to i + 4 to `hashes[i]`: a polynomial in an odd number, so that order counts."""
    for i in range(len(hashes)):
        mixed = words[i]
        for word in range(1, SHINGLE_WORDS):
            mixed = mixed * ORDER_MULTIPLIER + words[i + word]
        mixed = (mixed ^ (mixed >> np.uint64(32))) * FINAL_MULTIPLIER
        hashes[i] = np.uint32(mixed >> np.uint64(32))


@njit(cache=True, nogil=True)
def _drop_repeats(hashes: NDArray[np.uint32], seen: NDArray[np.uint64], text: int) -> int:
    """Move the shingles not lately seen in `text` to the front of `hashes`; their number.

    A minimum does not change with repeats, so a small table that forgets is enough. `text` is over 0 and tells its
    entries from those of other texts.
    """
    kept = np.uint64(0)
    for i in range(len(hashes)):
        entry = np.uint64(text) << np.uint64(32) | np.uint64(hashes[i])
        place = entry % np.uint64(SEEN_ENTRIES)
        hashes[kept] = hashes[i]
        kept += np.uint64(seen[place] != entry)
        seen[place] = entry
    return np.int64(kept)


@njit(cache=True, nogil=True)
def _finalise(hashes: NDArray[np.uint32]) -> None:
    """MurmurHash3's 32-bit finaliser in place, which datasketch applies before the permutations."""
    for i in range(len(hashes)):
        value = hashes[i]
        value = np.uint32((value ^ (value >> np.uint32(16))) * np.uint32(0x85EBCA6B))
        value = np.uint32((value ^ (value >> np.uint32(13))) * np.uint32(0xC2B2AE35))
        hashes[i] = value ^ (value >> np.uint32(16))


@njit(cache=True, nogil=True)
def _lower(row: NDArray[np.uint32], hashes: NDArray[np.uint32], a: NDArray[np.uint32], b: NDArray[np.uint32]) -> None:
    """Lower `row[k]` to the smallest `a[k] * hash + b[k]`, modulo 2^32. `hashes` come in whole groups.

    The compiler writes the innermost loop out and takes 8 or 16 permutations in one instruction.
    """
    for start in range(0, len(hashes), GROUP):
        group = hashes[start : start + GROUP]
        for k in range(NUM_PERM):
            low = row[k]
            for i in range(GROUP):
                # cast after each step: numba widens to 64 bits, and vectors of 32-bit products are twice as fast
                low = min(low, np.uint32(np.uint32(a[k] * group[i]) + b[k]))
            row[k] = low
