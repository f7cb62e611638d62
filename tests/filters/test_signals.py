"""The kernel against the definition in plain Python, on any text."""

import re
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filters.signals import Signals, measure

# Texts that lines and classes disagree about more often than random ones do.
TEXT = st.text(st.sampled_from("\r\n\r\n\t\v\f\x85\u2028 aZ9_é²½一ª𝟘𐐀😀\0\x7f") | st.characters(codec="utf-8"))


def pack(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    encoded = [text.encode() for text in texts]
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def rows(signals: Signals) -> list[tuple[int, ...]]:
    return list(zip(*(column.tolist() for column in signals), strict=True))


def defined(text: str) -> tuple[int, ...]:
    lines = re.split("\r\n|\r|\n", text)
    if lines[-1] == "":
        lines.pop()
    line_lengths = [len(line) for line in lines]
    return (
        len(text),
        len(lines),
        sum(line_lengths),
        max(line_lengths, default=0),
        sum(character.isalpha() for character in text),
        sum(character.isalnum() for character in text),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, 0, 0, 0, 0, 0)),
        ("\n", (1, 1, 0, 0, 0, 0)),
        ("ab\ncde", (6, 2, 5, 3, 5, 5)),
        ("ab\r\ncde\r\n", (9, 2, 5, 3, 5, 5)),
        ("a\rb\n\rc", (6, 4, 3, 1, 3, 3)),
        ("\r\r\n\n", (4, 3, 0, 0, 0, 0)),
        ("é2_²一😀", (6, 1, 6, 6, 2, 4)),
    ],
)
def test_measure_by_hand(text: str, expected: tuple[int, ...]) -> None:
    assert rows(measure(*pack([text]))) == [expected]


@settings(deadline=None)  # the first example compiles the kernel
@given(st.lists(TEXT, max_size=5))
@example(["a\r", "\nb", "\n"])
def test_measure_is_what_is_defined_for_each_text_alone(texts: list[str]) -> None:
    assert rows(measure(*pack(texts))) == [defined(text) for text in texts]


def test_classes_of_every_code_point() -> None:
    characters = [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]
    signals = measure(*pack(characters))
    assert signals.alpha_count.tolist() == [character.isalpha() for character in characters]
    assert signals.alnum_count.tolist() == [character.isalnum() for character in characters]


def test_measure_on_real_files() -> None:
    paths = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[:40]
    texts = [path.read_bytes().decode() for path in paths]
    assert len(texts) == 40
    assert rows(measure(*pack(texts))) == [defined(text) for text in texts]


def test_measure_takes_a_slice_of_a_larger_array() -> None:
    buffer, offsets = pack(["skipped", "ab\nc", "also skipped"])
    assert rows(measure(buffer, offsets[1:3])) == [defined("ab\nc")]
    assert rows(measure(buffer, offsets[:1])) == []


@pytest.mark.parametrize("offsets", [[], [0, 4], [-1, 2], [2, 1]])
def test_offsets_outside_of_the_buffer_are_refused(offsets: list[int]) -> None:
    with pytest.raises(ValueError, match="buffer of 3 bytes"):
        measure(np.zeros(3, np.uint8), np.array(offsets, np.int64))
