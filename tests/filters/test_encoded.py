"""Runs of encoded data: by hand, and beside regular expressions that say the same."""

import re
import sysconfig
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.encoded import find_encoded

WORD = rb"[A-Za-z0-9+/=]"
BYTE = rb"(?:\\x|(?<!%s)(?:0x)?)[0-9a-fA-F]{2}(?!%s)" % (WORD, WORD)
BASE64 = re.compile(rb"%s+(?:(?<=%s)\r?\n%s+)*" % (WORD, WORD * 32, WORD))
OTHERS = re.compile(rb"%s(?:,?\s*%s){7,}" % (BYTE, BYTE)), re.compile(rb"(?:\\u[0-9a-fA-F]{4}){8,}")


def found(text: bytes) -> tuple[int, int]:
    """Longest run and characters in runs."""
    longest, total = find_encoded(np.frombuffer(text, np.uint8), np.array([0, len(text)]))
    return int(longest[0]), int(total[0])


def by_expressions(text: bytes) -> tuple[int, int]:
    """The same, by marking what the expressions match."""
    runs = [run.span() for run in BASE64.finditer(text) if len(run.group()) >= 64]
    runs += [run.span() for expression in OTHERS for run in expression.finditer(text)]
    marks = bytearray(len(text))
    for start, end in runs:
        marks[start:end] = b"\1" * (end - start)
    return max((end - start for start, end in runs), default=0), sum(marks)


TABLE = [
    (b"", 0, 0),
    # base64
    (b"A" * 63, 0, 0),
    (b"A" * 64, 64, 64),
    (b"'" + b"aZ09+/=" * 10 + b"'", 70, 70),
    (b"A" * 64 + b"_" + b"A" * 63, 64, 64),
    (b"A" * 64 + b"-" + b"A" * 70, 70, 134),
    (b"\xc3\xa9" + b"A" * 64 + b"\xc3\xa9", 64, 64),
    (b"A" * 32 + b"\n" + b"A" * 31, 64, 64),  # the line end counts
    (b"A" * 32 + b"\r\n" + b"A" * 30, 64, 64),  # and as two
    (b"A" * 32 + b"\n" + b"A" * 30, 0, 0),
    (b"A" * 31 + b"\n" + b"A" * 63, 0, 0),  # a line too short to be wrapped data
    (b"A" * 64 + b"\n" + b"A" * 10 + b"\n" + b"A" * 64, 75, 139),  # the last line of data ends it
    (b"A" * 64 + b"\n\n" + b"A" * 64, 64, 128),
    (b"A" * 64 + b"\n", 64, 64),
    (b"A" * 32 + b"\r" + b"A" * 32, 0, 0),
    (b"word\n" * 1_000, 0, 0),
    (b"\n" * 1_000, 0, 0),
    (b"d41d8cd98f00b204e9800998ecf8427e\n" * 3, 98, 98),  # MD5 sums
    # bytes
    (b"00 " * 7, 0, 0),
    (b"00 " * 8, 23, 23),
    (b"0x00,0xfF,0x00,0x00,0x00,0x00,0x00,0x00", 39, 39),
    (b"{0x00, 0x01, 0x02, 0x03,\n    0x04, 0x05, 0x06, 0x07}", 50, 50),
    (b"0x00,,0x01" + b",0x02" * 6, 0, 0),
    (b"x = '" + rb"\x00" * 8 + b"'", 32, 32),
    (b"x = '" + rb"\x00" * 7 + b"'", 0, 0),
    (rb"\x00" * 8 + b"a", 0, 0),  # the last is no byte
    (b"0X00 " * 8, 0, 0),
    (b"y00 " * 8, 0, 0),
    (b"_x00" * 8, 0, 0),
    (b"00 0g " * 8, 0, 0),
    (b"0" + b" 00" * 8, 23, 23),
    (b"000" + b" 00" * 8, 23, 23),
    (b"00:" * 8, 0, 0),
    (b"00" + b" " * 50 + b"00 " * 7, 72, 72),
    # escapes
    (rb"\u00e9" * 7, 0, 0),
    (rb"\u00e9" * 8, 48, 48),
    (rb"\u00E9" * 8 + b"abc", 48, 48),
    (rb"\u00e9" * 4 + b" " + rb"\u00e9" * 4, 0, 0),
    (rb"\u00g9" * 8, 0, 0),
    (b"u00e9" * 8, 0, 0),
    # two kinds
    (rb"\u00e9" * 8 + b"A" * 64, 69, 112),  # u00e9 belongs to both
    (b"A" * 64 + b"\n" + b"00 " * 8, 67, 88),  # so does the first 00
    (b"A" * 64 + b" " + b"00 " * 8 + rb"\u00e9" * 8, 64, 135),
]  # fmt: skip


@pytest.mark.parametrize(("text", "longest", "total"), TABLE)
def test_runs(text: bytes, longest: int, total: int) -> None:
    assert found(text) == (longest, total)
    assert by_expressions(text) == (longest, total)


PIECES = st.sampled_from(
    [b"\n", b"\r\n", b"\r", b" ", b",", b", ", b"\\", b"\\x", b"0x", b"\\u", b"00", b"fF", b"0", b"u", b"x", b"g", b"_"]
    + [b"A" * 31, b"A" * 32, b"A" * 63, b"A" * 64, b"00 " * 7, rb"\x00" * 7, rb"\u00e9" * 7, b"\xc3\xa9", b"+", b"="]
)


@given(st.lists(PIECES, max_size=40).map(b"".join) | st.binary(max_size=300))
def test_what_the_expressions_say(text: bytes) -> None:
    assert found(text) == by_expressions(text)


def real_files(most_bytes: int) -> Iterable[bytes]:
    """Installed files, every 40th, up to some bytes together."""
    for path in sorted(Path(sysconfig.get_path("purelib")).rglob("*.*"))[::40]:
        if (
            path.suffix in {".py", ".txt", ".json", ".h", ".md", ".js", ".css", ".pem"}
            and path.stat().st_size < 200_000
        ):
            yield path.read_bytes()
            most_bytes -= path.stat().st_size
        if most_bytes < 0:
            return


def test_real_files() -> None:
    files = list(real_files(5_000_000))
    offsets = np.cumsum([0, *map(len, files)])
    longest, total = find_encoded(np.frombuffer(b"".join(files), np.uint8), offsets)
    assert list(zip(longest.tolist(), total.tolist(), strict=True)) == [by_expressions(text) for text in files]
    assert longest.any()


def test_texts_do_not_touch_each_other() -> None:
    buffer = np.frombuffer(b"A" * 128, np.uint8)
    assert [column.tolist() for column in find_encoded(buffer, np.array([0, 63, 63, 128]))] == [[0, 0, 65], [0, 0, 65]]
    with pytest.raises(ValueError, match="offsets"):
        find_encoded(buffer, np.array([0, 129]))
