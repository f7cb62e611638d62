"""Where the members of JSON objects stand in a block of lines: spans of bytes, without parsing what nobody asks for.

A walk that knows strings and brackets is several times faster than a parser that makes objects of everything. It looks
at strings eight bytes at a time, as words; the layout of words is that of little-endian machines.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

QUOTE, BACKSLASH, NEWLINE, COLON, COMMA, OPEN, CLOSE = (np.uint8(ord(c)) for c in '"\\\n:,{}')
SQUARE = np.uint8(0x20)  # the bit that tells { from [ and } from ]
WORD = 8
NONE, ONE, ONES, HIGH = np.uint64(0), np.uint64(1), np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
QUOTES, BACKSLASHES, NEWLINES = (ONES * np.uint64(byte) for byte in (QUOTE, BACKSLASH, NEWLINE))


class Found(NamedTuple):
    """What stands in a block. Positions are int64 offsets into it."""

    members: NDArray[np.int64]  # [objects, keys, 2]: start and stop of each value; equal where there is none
    bad: NDArray[np.int64]  # [n, 2]: start and stop of what is no object, to the end of its line
    rest: int  # start of what the block does not end; its length where nothing is left


class Block(NamedTuple):
    """Bytes to walk through; make it with `block`."""

    data: NDArray[np.uint8]  # with a word of zeros behind
    words: NDArray[np.uint64]  # the word that begins at each byte


def block(*parts: bytes) -> Block:
    """The parts together, copied. For `objects` they begin with a line."""
    data = np.frombuffer(b"".join([*parts, bytes(WORD)]), np.uint8)
    words = np.lib.stride_tricks.as_strided(data[:WORD].view(np.uint64), (len(data) - WORD,), (1,), writeable=False)
    return Block(data, words)


def objects(block: Block, keys: Sequence[bytes]) -> Found:
    """The members of all objects in a block: one a line, or several.

    Between objects may be blanks, and NULs, with which hours of GH Archive were padded (gharchive.org issue 190). Of
    equal keys the last counts; a key written with escapes is not found. The grammar is checked at the outer level only,
    and not that of numbers and words: deeper, strings must end and brackets balance. Cost: about 0.8 ns a byte.
    """
    members = np.empty((max(16, len(block.words) >> 10), len(keys), 2), np.int64)
    bad = np.empty((16, 2), np.int64)
    state = np.zeros(3, np.int64)  # place, objects, bad
    while not _walk(*block, *_joined(keys), members, bad, state):
        members, bad = _room(members, state[1]), _room(bad, state[2])
    rest, object_count, bad_count = state.tolist()
    return Found(members[:object_count], bad[:bad_count], rest)


def members(block: Block, spans: NDArray[np.int64], keys: Sequence[bytes]) -> NDArray[np.int64]:
    """int64 [n, keys, 2], as in Found: the members of values [n, 2] that were found in the block.

    A value that is no object has none.
    """
    found = np.empty((len(spans), len(keys), 2), np.int64)
    _walk_values(*block, *_joined(keys), np.ascontiguousarray(spans), found)
    return found


def warm_up() -> None:
    """Compile the kernels, or load them from their cache."""
    for text in (b"", b'{"a":{"b":1}}\n'):  # without text, words are another kind of array to numba
        here = block(text)
        members(here, objects(here, [b"a"]).members[:, 0], [b"b"])


def _joined(keys: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The keys as one buffer with offsets."""
    return np.frombuffer(b"".join(keys), np.uint8), np.cumsum([0, *map(len, keys)], dtype=np.int64)


def _room(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The rows, twice as many when they are full."""
    return rows if count < len(rows) else np.concatenate([rows, np.empty_like(rows)])


@njit(cache=True, nogil=True)
def _walk(
    data: NDArray[np.uint8],
    words: NDArray[np.uint64],
    names: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    members: NDArray[np.int64],
    bad: NDArray[np.int64],
    state: NDArray[np.int64],
) -> bool:
    """Goes on from `state` to the end of the block: True; or until `members` or `bad` are full: False."""
    while state[1] < len(members) and state[2] < len(bad):
        start = state[0]
        while start < len(words) and (_is_blank(data[start]) or data[start] == NEWLINE or data[start] == 0):
            start += 1
        state[0] = start
        if start == len(words):
            return True
        stop = _object(data, words, start, names, offsets, members[state[1]])
        if stop > 0:
            state[0] = stop
            state[1] += 1
            continue
        stop = -stop
        while stop < len(words) and data[stop] != NEWLINE:
            stop += 1
        if stop >= len(words):
            return True
        bad[state[2], 0], bad[state[2], 1] = start, stop
        state[0] = stop
        state[2] += 1
    return False


@njit(cache=True, nogil=True)
def _walk_values(
    data: NDArray[np.uint8],
    words: NDArray[np.uint64],
    names: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    spans: NDArray[np.int64],
    members: NDArray[np.int64],
) -> None:
    for i in range(len(spans)):
        start, stop = spans[i]
        if start == stop or _object(data, words, start, names, offsets, members[i]) != stop:
            members[i] = start


@njit(cache=True, nogil=True)
def _object(
    data: NDArray[np.uint8],
    words: NDArray[np.uint64],
    start: int,
    names: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    members: NDArray[np.int64],
) -> int:
    """Where the object that begins at `start` ends; minus the place where it turns out to be none.

    Sets `members` [keys, 2], to `start` twice where there is none.
    """
    members[:] = start
    if data[start] != OPEN:
        return -start
    place: int = _after_blanks(data, start + 1)
    if data[place] == CLOSE:
        return place + 1
    while data[place] == QUOTE:
        stop: int = _string_end(data, words, place)
        if stop < 0:
            return stop
        key = _which(data[place + 1 : stop - 1], names, offsets)
        place = _after_blanks(data, stop)
        if data[place] != COLON:
            break
        place = _after_blanks(data, place + 1)
        stop = _value_end(data, words, place)
        if stop <= place:
            return -abs(stop)
        if key >= 0:
            members[key, 0], members[key, 1] = place, stop
        place = _after_blanks(data, stop)
        if data[place] == CLOSE:
            return place + 1
        if data[place] != COMMA:
            break
        place = _after_blanks(data, place + 1)
    return -place


@njit(cache=True, nogil=True)
def _value_end(data: NDArray[np.uint8], words: NDArray[np.uint64], start: int) -> int:
    """The place after the value that begins at `start`, or `start` where none does; minus the place where its line ends
    before it does."""
    place: int = start
    if data[start] == QUOTE:
        place = _string_end(data, words, start)
    elif data[start] | SQUARE == OPEN:
        place = _brackets_end(data, words, start)
    else:
        while not _ends_scalar(data[place]):
            place += 1
    return place


@njit(cache=True, nogil=True)
def _brackets_end(data: NDArray[np.uint8], words: NDArray[np.uint64], start: int) -> int:
    """The place after the brackets that open at `start` are closed; minus the place where their line ends before."""
    place, depth = start, 0
    while place < len(words):
        byte = data[place]
        if byte == QUOTE:
            stop: int = _string_end(data, words, place)
            if stop < 0:
                return stop
            place = stop
            continue
        if byte | SQUARE == OPEN:
            depth += 1
        elif byte | SQUARE == CLOSE:
            depth -= 1
            if depth == 0:
                return place + 1
        elif byte == NEWLINE:
            return -place
        place += 1
    return -place


@njit(cache=True, nogil=True)
def _string_end(data: NDArray[np.uint8], words: NDArray[np.uint64], start: int) -> int:
    """The place after the string that begins at `start`; minus the place where its line ends before it."""
    place = start + 1
    while place < len(words):
        word = words[place]
        quotes, backslashes, newlines = word ^ QUOTES, word ^ BACKSLASHES, word ^ NEWLINES
        # the lowest bit set is the high bit of the first byte that is one of the three (and so 0 in one of these words)
        found = ((quotes - ONES) & ~quotes) | ((backslashes - ONES) & ~backslashes) | ((newlines - ONES) & ~newlines)
        found &= HIGH
        if found == NONE:
            place += WORD
            continue
        place += np.int64(((((found - ONE) & ~found) & ONES) * ONES) >> np.uint64(56)) - 1
        if data[place] == QUOTE:
            return place + 1
        if data[place] == BACKSLASH:
            place += 1
        if data[place] == NEWLINE:
            return -place
        place += 1
    return -len(words)


@njit(cache=True, nogil=True)
def _which(key: NDArray[np.uint8], names: NDArray[np.uint8], offsets: NDArray[np.int64]) -> int:
    """The position of the key among the names; -1 where it is none of them."""
    for i in range(len(offsets) - 1):
        if len(key) == offsets[i + 1] - offsets[i]:
            same = 0
            while same < len(key) and key[same] == names[offsets[i] + same]:
                same += 1
            if same == len(key):
                return i
    return -1


@njit(cache=True, nogil=True)
def _after_blanks(data: NDArray[np.uint8], place: int) -> int:
    while _is_blank(data[place]):
        place += 1
    return place


@njit(cache=True, nogil=True)
def _ends_scalar(byte: int) -> bool:
    """True for the zeros behind the text, too."""
    is_bracket = byte | SQUARE == OPEN or byte | SQUARE == CLOSE
    return byte <= 32 or byte in (COMMA, COLON, QUOTE) or is_bracket


@njit(cache=True, nogil=True)
def _is_blank(byte: int) -> bool:
    return byte == 32 or byte == 9 or byte == 13
