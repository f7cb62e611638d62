"""Signatures against datasketch, and shingle hashes against their definition in plain Python."""

import re
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filters.minhash import NUM_PERM, SHINGLE_WORDS, shingle_hashes, signatures

# Few different words, so that shingles repeat; bytes over 127, which are parts of words; any other bytes.
WORDS = st.lists(st.sampled_from([b"a", b"b", b"int", b"x_1", "é".encode(), b"\xff"]), max_size=60).map(b" ".join)
TEXT = WORDS | st.binary(max_size=300)

REAL_FILES = [path.read_bytes() for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))]


def pack(texts: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    return np.frombuffer(b"".join(texts), np.uint8), offsets


def words_of(text: bytes) -> list[bytes]:
    return re.findall(rb"[A-Za-z0-9_\x80-\xff]+", text)


def fnv_1a(word: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in word:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def shingle_hash(words: list[bytes]) -> int:
    value = 0
    for word in words:
        value = (value * 0x9E3779B97F4A7C15 + fnv_1a(word)) % 2**64
    return (value ^ value >> 32) * 0xD6E8FEB86659FD93 % 2**64 >> 32


def by_datasketch(text: bytes) -> np.ndarray:
    sketch = MinHash(num_perm=NUM_PERM, hashfunc=int)
    sketch.update_batch(shingle_hashes(text))
    values: np.ndarray = sketch.hashvalues
    return values


def test_fnv_1a_is_the_published_function() -> None:
    # from the reference vectors of draft-eastlake-fnv
    assert fnv_1a(b"foobar") == 0x85944171F73967E8


@settings(deadline=None)  # the first example compiles the kernel
@given(TEXT)
@example(b"one two three four five")
@example(b"a" * 1_000 + b" b c d e")
@example(b"a b c d " + b"e" * 1_000)
def test_shingle_hashes_are_what_is_defined(text: bytes) -> None:
    words = words_of(text)
    shingles = [words[i : i + SHINGLE_WORDS] for i in range(len(words) - SHINGLE_WORDS + 1)]
    assert shingle_hashes(text).tolist() == [shingle_hash(shingle) for shingle in shingles]


@settings(deadline=None)  # the first example compiles the kernel
@given(st.lists(TEXT, max_size=4))
def test_signatures_equal_datasketch_for_each_text_alone(texts: list[bytes]) -> None:
    rows, word_counts = signatures(*pack(texts))
    assert word_counts.tolist() == [len(words_of(text)) for text in texts]
    for row, text in zip(rows, texts, strict=True):
        np.testing.assert_array_equal(row, by_datasketch(text))


def test_signatures_equal_datasketch_on_real_files() -> None:
    assert len(REAL_FILES) > 100
    rows, _ = signatures(*pack(REAL_FILES[:40]))
    np.testing.assert_array_equal(rows, [by_datasketch(text) for text in REAL_FILES[:40]])


def test_signature_does_not_depend_on_the_neighbours() -> None:
    texts = REAL_FILES[:10]
    rows, _ = signatures(*pack(texts))
    for i, text in enumerate(texts):
        np.testing.assert_array_equal(signatures(*pack([text]))[0][0], rows[i])
    # the same text twice: what was seen in the first is new in the second
    twice, _ = signatures(*pack([texts[0], texts[0]]))
    np.testing.assert_array_equal(twice[0], twice[1])


@pytest.mark.parametrize(("text", "word_count"), [(b"", 0), (b"; ;", 0), (b"one", 1), (b"one two, three four", 4)])
def test_short_text_has_the_empty_signature(text: bytes, word_count: int) -> None:
    rows, word_counts = signatures(*pack([text]))
    assert word_counts.tolist() == [word_count]
    assert (rows == 0xFFFFFFFF).all()
    assert MinHash(num_perm=NUM_PERM, scheme="affine32", hashvalues=rows[0]).is_empty()


def test_order_and_case_of_words_count() -> None:
    first, *others = (b"a b c d e", b"b a c d e", b"a b c e d", b"A b c d e", b"ab c d e f")
    assert all(shingle_hashes(first)[0] != shingle_hashes(other)[0] for other in others)


def test_shingle_hashes_rarely_collide() -> None:
    distinct = {tuple(words[i : i + 5]) for words in map(words_of, REAL_FILES) for i in range(len(words) - 4)}
    hashes = np.unique(np.concatenate([shingle_hashes(text) for text in REAL_FILES]))
    # a random function of n values into 2^32 loses n^2 / 2^33 of them: 11 of 300,000
    assert len(distinct) - len(hashes) <= 3 * len(distinct) ** 2 / 2**33
