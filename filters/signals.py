"""Counts over texts, in one pass over their bytes: characters, lines, letters. Rules divide and compare them later."""

import re
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Bits of a character's class: str.isalnum and str.isalpha.
ALNUM, ALPHA = 1, 2
# No letter or digit lies above the third supplementary plane; a test compares every code point.
CODE_POINTS = 0x40000
# Marks, in the table of what each byte counts, the bytes that need a closer look: line ends and first bytes of longer
# characters. One look-up and one branch for all other bytes is what makes the pass fast.
SPECIAL = np.uint64(1 << 63)


class Signals(NamedTuple):
    """One int64 per text, never null; an empty text has 0 everywhere.

    Characters are code points. A line ends with \\n, \\r\\n or a lone \\r; what follows the last of these is a line too
    when it is not empty. `line_chars` and `max_line_length` leave the line ends out. `alpha_count` and `alnum_count`
    count the characters for which `str.isalpha` and `str.isalnum` are true (of the Unicode version Python has).
    """

    length_chars: NDArray[np.int64]
    line_count: NDArray[np.int64]
    line_chars: NDArray[np.int64]
    max_line_length: NDArray[np.int64]
    alpha_count: NDArray[np.int64]
    alnum_count: NDArray[np.int64]


def measure(buffer: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Signals:
    """The signals of n texts: text i is `buffer[offsets[i]:offsets[i + 1]]`, valid UTF-8, under 4 GiB.

    Raises ValueError where the offsets do not lie in order inside the buffer. Bytes that are not UTF-8 give wrong
    counts. Cost: about 1.2 ns a byte of ASCII.
    """
    buffer, offsets = read_only(buffer, offsets)
    table = np.empty((len(Signals._fields), len(offsets) - 1), np.int64)
    _measure_all(buffer, offsets, _byte_counts(), _classes(), table)
    return Signals(*table)


def read_only(buffer: NDArray[np.uint8], offsets: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Views of one kind, so that a kernel is compiled once, whether Arrow or numpy owns the memory.

    Raises ValueError where the offsets do not lie in order inside the buffer; kernels do not check.
    """
    buffer = np.ascontiguousarray(buffer, np.uint8).view()
    offsets = np.ascontiguousarray(offsets, np.int64).view()
    if len(offsets) == 0 or offsets[0] < 0 or offsets[-1] > len(buffer) or (offsets[1:] < offsets[:-1]).any():
        raise ValueError(f"offsets do not lie in order inside a buffer of {len(buffer)} bytes: {offsets}")
    buffer.flags.writeable = False
    offsets.flags.writeable = False
    return buffer, offsets


def warm_up() -> None:
    """Compile the kernel, or load it from its cache, and build the tables."""
    measure(np.zeros(0, np.uint8), np.zeros(2, np.int64))


@lru_cache(maxsize=1)
def _classes() -> NDArray[np.uint8]:
    """The class of each code point, up to the last that is not 0. 200 kB, built in 20 ms."""
    text = np.arange(CODE_POINTS, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")
    classes = np.zeros(CODE_POINTS, np.uint8)
    # \w is str.isalnum and the underscore; most of its runs are letters throughout
    for run in re.finditer(r"\w+", text):
        word = run.group()
        is_alpha = np.array([True] if word.isalpha() else [character.isalpha() for character in word])
        classes[slice(*run.span())] = ALNUM + ALPHA * is_alpha
    classes[ord("_")] = 0
    return np.trim_zeros(classes, "b")


@lru_cache(maxsize=1)
def _byte_counts() -> NDArray[np.uint64]:
    """What each byte adds to the counts, which share a word (letters low, alphanumerics high), or SPECIAL."""
    counts = np.zeros(256, np.uint64)
    counts[:128] = [_counts_of(class_) for class_ in _classes()[:128]]
    counts[list(b"\r\n")] = counts[0xC0:] = SPECIAL
    return counts


@njit(cache=True, nogil=True)
def _measure_all(
    buffer: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    byte_counts: NDArray[np.uint64],
    classes: NDArray[np.uint8],
    table: NDArray[np.int64],
) -> None:
    for text in range(len(offsets) - 1):
        signals = _measure_text(buffer[offsets[text] : offsets[text + 1]], byte_counts, classes)
        for column in range(len(signals)):
            table[column, text] = signals[column]


@njit(cache=True, nogil=True)
def _measure_text(
    text: NDArray[np.uint8], byte_counts: NDArray[np.uint64], classes: NDArray[np.uint8]
) -> tuple[int, int, int, int, int, int]:
    counts = np.uint64(0)
    # `inner` counts the bytes that do not begin a character, so that `i - inner` is the place of byte i in characters
    inner = lines = line_end_chars = longest = line_start = 0
    for i in range(len(text)):
        byte = text[i]
        added = byte_counts[byte]
        if added != SPECIAL:
            counts += added
        elif byte >= 0xC0:
            width, point = _character(text, i)
            inner += width - 1
            if point < len(classes):
                counts += _counts_of(classes[point])
        else:
            line_end_chars += 1
            # the second half of \r\n ends no line
            if byte == 13 or i == 0 or text[i - 1] != 13:
                lines += 1
                longest = max(longest, i - inner - line_start)
            line_start = i - inner + 1
    chars = len(text) - inner
    if line_start < chars:
        lines += 1
        longest = max(longest, chars - line_start)
    alpha, alnum = counts & np.uint64(0xFFFFFFFF), counts >> np.uint64(32)
    return chars, lines, chars - line_end_chars, longest, np.int64(alpha), np.int64(alnum)


@njit(cache=True, nogil=True)
def _counts_of(class_: int) -> int:
    return np.uint64(class_ >> 1) | np.uint64(class_ & 1) << np.uint64(32)


@njit(cache=True, nogil=True)
def _character(text: NDArray[np.uint8], i: int) -> tuple[int, int]:
    """Bytes and code point of the character that begins at byte i, which is not ASCII."""
    first, second = np.int64(text[i]), np.int64(text[i + 1] & 0x3F)
    if first < 0xE0:
        return 2, (first & 0x1F) << 6 | second
    third = np.int64(text[i + 2] & 0x3F)
    if first < 0xF0:
        return 3, (first & 0x0F) << 12 | second << 6 | third
    return 4, (first & 0x07) << 18 | second << 12 | third << 6 | np.int64(text[i + 3] & 0x3F)
