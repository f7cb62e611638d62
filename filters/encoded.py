"""Encoded data in texts: runs of base64, of hexadecimal bytes and of Unicode escapes, in linear time.

The Stack v2 (StarCoder2 paper, 3.1) finds them with three regular expressions, `[a-zA-Z0-9+/\\n=]{64,}` for base64,
`(?:\\b(?:0x|\\\\x)?[0-9a-fA-F]{2}(?:,|\\b\\s*)){8,}` for bytes and `(?:\\\\u[0-9a-fA-F]{4}){8,}` for escapes. What is
meant is kept, and differs from what is written there in three places:

* A line end joins two lines of base64 only after WRAPPED_CHARS characters of it. Otherwise any list of plain words, one
  a line, and 64 empty lines are base64. Encoded data is wrapped at 60 to 76 characters; 32 are an MD5 sum.
* Bytes may have a comma and white space between them. The published expression takes one or the other, so that it
  passes over `0x00, 0x01`, which is how data mostly stands in C.
* \\r\\n is a line end, too.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from filters.signals import read_only

BASE64_CHARS = 64
HEX_BYTES = 8
ESCAPES = 8
WRAPPED_CHARS = 32

# Bits of a byte's class; SPELLING is all that stands in runs of bytes or escapes.
BASE64, HEX, SPELLING, SPACE = 1, 2, 4, 8
CLASSES = np.zeros(256, np.uint8)
CLASSES[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")] |= BASE64
CLASSES[list(b"0123456789abcdefABCDEF")] |= HEX
CLASSES[list(b" \t\n\v\f\r")] |= SPACE
CLASSES[list(b" \t\n\v\f\r,\\xu0123456789abcdefABCDEF")] |= SPELLING


class Encoded(NamedTuple):
    """One int64 per text, never null; 0 where there is no run. All characters of a run are ASCII, so also bytes.

    A run is one of
    * base64: 64 or more of `A-Za-z0-9+/=`, and line ends after 32 or more of these;
    * bytes: 8 or more of two hexadecimal digits, after `0x`, `\\x` or nothing, with a comma, white space or both
      between them (nothing before `\\x`), and none of `A-Za-z0-9+/=` beside them;
    * escapes: 8 or more of `\\u` and four hexadecimal digits, with nothing between them.
    `max_encoded_run` is the longest; `encoded_chars` the characters that are in any, each counted once.
    """

    max_encoded_run: NDArray[np.int64]
    encoded_chars: NDArray[np.int64]


def find_encoded(buffer: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Encoded:
    """The runs of n texts: text i is `buffer[offsets[i]:offsets[i + 1]]`, of any bytes.

    Raises ValueError where the offsets do not lie in order inside the buffer. Cost: linear; about 4 ns a byte of source
    code, 25 at worst.
    """
    buffer, offsets = read_only(buffer, offsets)
    found = Encoded(np.empty(len(offsets) - 1, np.int64), np.empty(len(offsets) - 1, np.int64))
    _find_all(buffer, offsets, CLASSES, *found)
    return found


def warm_up() -> None:
    """Compile the kernel, or load it from its cache."""
    find_encoded(np.zeros(0, np.uint8), np.zeros(2, np.int64))


@njit(cache=True, nogil=True)
def _find_all(
    buffer: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    classes: NDArray[np.uint8],
    longest: NDArray[np.int64],
    total: NDArray[np.int64],
) -> None:
    for text in range(len(offsets) - 1):
        data = buffer[offsets[text] : offsets[text + 1]]
        longest[text], total[text] = _find(data, classes) if _may_have_runs(data, classes) else (0, 0)


@njit(cache=True, nogil=True)
def _may_have_runs(text: NDArray[np.uint8], classes: NDArray[np.uint8]) -> bool:
    """False for most texts without a run, at half the cost of looking for one.

    True where there is a word of BASE64_CHARS, a line end after one of WRAPPED_CHARS, or as many digits as bytes need
    with nothing but SPELLING between them. Counting goes without a branch: in words of five letters it cannot be
    foreseen which way one goes.
    """
    base64 = digits = np.uint64(0)
    for i in range(len(text)):
        class_ = np.uint64(classes[text[i]])
        base64 = (base64 + np.uint64(1)) * (class_ & np.uint64(1))
        digits = (digits + (class_ >> np.uint64(1) & np.uint64(1))) * (class_ >> np.uint64(2) & np.uint64(1))
        if base64 == np.uint64(BASE64_CHARS) or digits == np.uint64(2 * HEX_BYTES):
            return True
        if base64 == np.uint64(WRAPPED_CHARS):
            end = i
            while end < len(text) and classes[text[end]] & BASE64:
                end += 1
            if _after_line_end(text, end) >= 0:
                return True
    return False


@njit(cache=True, nogil=True)
def _find(text: NDArray[np.uint8], classes: NDArray[np.uint8]) -> tuple[int, int]:
    """Longest run and characters in runs.

    Goes from word to word of base64's alphabet and asks of each whether it goes on with a run of any kind. A run
    counts from the word that makes it long enough, then grows. `covered` is where the last character counted ends:
    runs of two kinds share at most one word, so what lies before it is counted.
    """
    longest = total = covered = 0
    base64_start = hex_start = escape_start = 0
    # where the next word must begin to belong to the run
    base64_next = hex_next = escape_next = -1
    hex_count = escape_count = 0
    size = np.uint64(len(text))
    end = np.uint64(0)
    while True:
        # unsigned, because an index that may be negative costs a comparison each time
        first = end
        while first < size and not classes[text[first]] & BASE64:
            first += np.uint64(1)
        if first == size:
            return longest, total
        end = first + np.uint64(1)
        while end < size and classes[text[end]] & BASE64:
            end += np.uint64(1)
        start, stop = np.int64(first), np.int64(end)

        if stop - start <= 4:
            width = _byte_width(text, start, stop, classes)
            if width:
                if stop - width != hex_next:
                    hex_start, hex_count = stop - width, 0
                hex_count += 1
                hex_next = _after_separator(text, stop, classes)
                if hex_count >= HEX_BYTES:
                    longest, total, covered = _count(longest, total, covered, hex_start, stop)
        elif text[start] == 117 and _is_escape(text, start, classes):  # u
            if start - 1 != escape_next:
                escape_start, escape_count = start - 1, 0
            escape_count += 1
            escape_next = start + 5
            if escape_count >= ESCAPES:
                longest, total, covered = _count(longest, total, covered, escape_start, escape_next)

        if stop - start >= WRAPPED_CHARS or start == base64_next:
            if start != base64_next:
                base64_start = start
            base64_next = _after_line_end(text, stop) if stop - start >= WRAPPED_CHARS else -1
            if stop - base64_start >= BASE64_CHARS:
                longest, total, covered = _count(longest, total, covered, base64_start, stop)


@njit(cache=True, nogil=True)
def _count(longest: int, total: int, covered: int, start: int, end: int) -> tuple[int, int, int]:
    """The three counts with the run from start to end."""
    return max(longest, end - start), total + end - max(start, covered), end


@njit(cache=True, nogil=True)
def _is_escape(text: NDArray[np.uint8], start: int, classes: NDArray[np.uint8]) -> bool:
    """Whether a word of five or more that begins with u goes on with four hexadecimal digits, after a backslash."""
    if start == 0 or text[start - 1] != 92:
        return False
    for i in range(start + 1, start + 5):  # noqa: SIM110 (numba has no generators)
        if not classes[text[i]] & HEX:
            return False
    return True


@njit(cache=True, nogil=True)
def _byte_width(text: NDArray[np.uint8], start: int, end: int, classes: NDArray[np.uint8]) -> int:
    """Characters of the byte that a word of up to four spells, its prefix included; 0 where it spells none."""
    digits = end - 2
    if digits < start or not (classes[text[digits]] & HEX and classes[text[digits + 1]] & HEX):
        return 0
    if digits == start:
        return 2
    if text[digits - 1] != 120:  # x
        return 0
    prefix = digits - 2
    if prefix == start:
        return 4 if text[prefix] == 48 else 0  # 0
    return 4 if prefix >= 0 and text[prefix] == 92 else 0  # a backslash


@njit(cache=True, nogil=True)
def _after_line_end(text: NDArray[np.uint8], i: int) -> int:
    """The place behind the line end at i; -1 where there is none."""
    if i < len(text) and text[i] == 13:
        i += 1
    return i + 1 if i < len(text) and text[i] == 10 else -1


@njit(cache=True, nogil=True)
def _after_separator(text: NDArray[np.uint8], i: int, classes: NDArray[np.uint8]) -> int:
    """The place behind one comma and all white space at i."""
    if i < len(text) and text[i] == 44:
        i += 1
    while i < len(text) and classes[text[i]] & SPACE:
        i += 1
    return i
