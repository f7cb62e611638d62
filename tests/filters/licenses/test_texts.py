"""Every text of the SPDX list is found in the shapes that files have it in, and nothing else with it."""

import textwrap
import time

import pytest

from filters.licenses.texts import MAX_LICENCES, match, spdx_texts

TEXTS = spdx_texts()

# Ids that share their text. The first is what the text alone is called: a notice in the file may say another.
SAME_TEXT = [
    *([f"{name}-only", f"{name}-or-later"] for name in ("AGPL-1.0", "AGPL-3.0", "GPL-1.0", "GPL-2.0", "GPL-3.0")),
    *([f"{name}-only", f"{name}-or-later"] for name in ("LGPL-2.0", "LGPL-2.1", "LGPL-3.0")),
    *(
        [f"GFDL-{number}{kind}" for kind in ("-only", "-or-later")]
        + [f"GFDL-{number}-{no}invariants{kind}" for no in ("", "no-") for kind in ("-only", "-or-later")]
        for number in ("1.1", "1.2", "1.3")
    ),
    ["CAL-1.0", "CAL-1.0-Combined-Work-Exception"],
    ["MPL-2.0", "MPL-2.0-no-copyleft-exception"],
    ["OFL-1.0", "OFL-1.0-RFN", "OFL-1.0-no-RFN"],
    ["OFL-1.1", "OFL-1.1-RFN", "OFL-1.1-no-RFN"],
]
CALLED = {name: names[0] for names in SAME_TEXT for name in names}

# 24 words, half of them on a line with the copyright, and a Japanese text with 200 words of ASCII.
NOT_FOUND = {("Kastrup", "wrapped"), ("Kastrup", "commented"), ("CC-BY-SA-2.1-JP", "commented")}


def wrapped(text: str, width: int, indent: str) -> str:
    lines = [line for part in text.split("\n\n") for line in [*textwrap.wrap(part, width), ""]]
    return "\n".join(indent + line for line in lines)


SHAPES = {
    "as it is": lambda text: text,
    "wrapped": lambda text: wrapped(text, 58, "    "),
    "commented": lambda text: f"/*\n{wrapped(text, 72, ' * ')}\n */\nint main(void) {{ return 0; }}\n",
    "capitals": str.upper,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_text_is_found_alone(shape: str) -> None:
    found = {name: [copy.license_id for copy in match(SHAPES[shape](text).encode())] for name, text in TEXTS.items()}
    wrong = {name: ids for name, ids in found.items() if ids != [CALLED.get(name, name)]}
    assert wrong == {name: [] for name, not_found in NOT_FOUND if not_found == shape}


@pytest.mark.parametrize(
    ("one", "other"),
    [("MIT", "MIT-0"), ("BSD-2-Clause", "BSD-3-Clause"), ("GPL-2.0-only", "GPL-3.0-only"), ("ISC", "0BSD")],
)
def test_near_texts_are_told_apart_in_one_file(one: str, other: str) -> None:
    text = f"{TEXTS[one]}\n\nAnd of the parts of others:\n\n{TEXTS[other]}".encode()
    assert {copy.license_id for copy in match(text)} == {one, other}


def test_a_second_copy_is_found_too() -> None:
    text = f"{TEXTS['MIT']}\n----\n{TEXTS['Zlib']}\n----\n{TEXTS['MIT']}".encode()
    assert [copy.license_id for copy in match(text)] == ["MIT", "Zlib", "MIT"]


def test_who_holds_the_rights_makes_no_difference() -> None:
    text = TEXTS["BSD-3-Clause"].replace("COPYRIGHT HOLDERS", "AUTHORS").replace("COPYRIGHT HOLDER", "OWNER")
    (copy,) = match(text.encode())
    assert (copy.license_id, copy.score) == ("BSD-3-Clause", 1)


def test_half_a_text_is_none() -> None:
    text = TEXTS["MIT"]
    assert match(text[: len(text) // 2].encode()) == []


def test_what_stands_around_it_is_not_in_its_span() -> None:
    before, after = b"A word before.\n\n", b"\n\nAnd a word after it."
    (copy,) = match(before + TEXTS["MIT"].encode() + after)
    first, last = copy.spans[0][0], copy.spans[-1][1]
    assert copy.score == 1
    assert (before + TEXTS["MIT"].encode())[first:last].startswith(b"MIT License")
    assert len(before) <= first < last <= len(before) + len(TEXTS["MIT"].encode())


def test_no_more_licences_than_the_limit() -> None:
    text = "\n\n".join(TEXTS.values()).encode()[:262_144]
    assert len({copy.license_id for copy in match(text)}) <= MAX_LICENCES


@pytest.mark.parametrize(
    "text", [b"", b"MIT", b"\xff\xfe" * 50, b"<" * 100_000, b"copyright (c)\n" * 10_000, b"a " * 50_000]
)
def test_odd_text_has_none(text: bytes) -> None:
    start = time.process_time()
    assert match(text) == []
    assert time.process_time() - start < 1
