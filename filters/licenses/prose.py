"""The sentences of a text, freed of the markers of comments, lists and Markdown. Each knows its lines."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, islice
from typing import NamedTuple

MAX_LINE_BYTES = 2_000
# Longer ones are cut, so that no sentence costs more than its share.
MAX_PARAGRAPH_BYTES = 2_000
# The longest of 1,100 licence files, that of Perl's parts, has 640 sentences outside of licences, and 3,000 lines.
MAX_SENTENCES, MAX_LINES = 2_000, 20_000
NO_LIST = 10**9

# A line with a word in it; possessive, as every other pattern takes quadratic time for a ruler of 100 kB.
_LINE = re.compile(rb"^[^\w\n]*+\w[^\n]*", re.MULTILINE)
_LEADER = re.compile(rb"(?i)[\s/*#;%!|<>({\"'.=~_\\-]*(?:(?:dnl|@?rem)\b[\s*#]*)?")
_ITEM = re.compile(rb"(?:[-*+o]|\xe2\x80\xa2|\(?(?:[0-9]{1,2}|[a-z])[.)])\s+")
# Not behind "v." and the like.
_SENTENCE_END = re.compile(
    rb"[.!?](?<![ .(]v.)(?<!\b[Ii]nc.)(?<!\bver.)(?<!\be\.g.)(?<!\bi\.e.)(?<!\bno.)(?<!\betc.)"
    rb"[\"')\]]{0,3} +(?=[\"'(\[]?[A-Za-z])"
)
_EMPHASIS = re.compile(rb"`_{0,2}|\*|(?<=\s)\s+|&nbsp;")


class Sentence(NamedTuple):
    """One sentence as one line, which begins at byte `start` of the file. `in_list` where it is part of a list item.

    `small` is `text` in small letters with "licence" as "license", of the same length: what patterns are searched in.
    """

    text: bytes
    small: bytes
    start: int
    first_line: int
    last_line: int
    in_list: bool


class _Line(NamedTuple):
    """A line's words, where it begins and its number."""

    start: int
    number: int
    words: bytes


def sentences(text: bytes, start: int, end: int, *, is_source: bool) -> Iterator[Sentence]:
    """The sentences of `text[start:end]` without comment markers. A blank line or a list item begins a new one."""
    part = text[start:end]
    is_marked = is_source or _is_marked(part)
    number, place = 1 + text.count(b"\n", 0, start), 0
    list_indent = NO_LIST
    paragraph: list[_Line] = []
    for match in islice(_LINE.finditer(part), MAX_LINES):
        number, place = number + part.count(b"\n", place, match.start()), match.start()
        words = _without_marker(match[0][:MAX_LINE_BYTES], is_marked)
        if not words:
            continue
        item = _ITEM.match(words)
        if paragraph and (item or _ends(paragraph, number, start + place)):
            yield from _split(paragraph, list_indent < NO_LIST)
            paragraph = []
        if not paragraph:
            indent = len(match[0]) - len(match[0].lstrip())
            # what is indented more than the marker of an item belongs to the item
            list_indent = indent if item else list_indent if indent > list_indent else NO_LIST
        paragraph.append(_Line(start + place, number, words[item.end() :] if item else words))
    if paragraph:
        yield from _split(paragraph, list_indent < NO_LIST)


def sentence(text: bytes) -> Sentence:
    """A text that is one sentence."""
    return Sentence(text, _small(text), 0, 1, 1, False)


def _small(text: bytes) -> bytes:
    return text.lower().replace(b"licence", b"license")


def _is_marked(text: bytes) -> bool:
    """Whether nearly every line begins with what could be a list item's marker: then it is a comment's."""
    lines = [line.lstrip()[:1] for line in text.split(b"\n") if line.strip()]
    return sum(first in b"*-#/" for first in lines) > 0.8 * len(lines) > 2.4


def _without_marker(line: bytes, is_marked: bool) -> bytes:
    stripped = line.strip()
    if not is_marked and _ITEM.match(stripped):
        return stripped
    return stripped[_LEADER.match(stripped).end() :].rstrip(b" \t\r*/#=~-")  # type: ignore[union-attr]  # matches ""


def _ends(paragraph: list[_Line], number: int, place: int) -> bool:
    """Whether line `number`, which begins at `place`, is behind a blank one or would make the paragraph too long."""
    return number > paragraph[-1].number + 1 or place - paragraph[0].start > MAX_PARAGRAPH_BYTES


def _split(paragraph: list[_Line], in_list: bool) -> Iterator[Sentence]:
    pieces = [line.words for line in paragraph]
    if _EMPHASIS.search(b"\n".join(pieces)):
        pieces = [_EMPHASIS.sub(b"", piece) for piece in pieces]
    text = b" ".join(pieces)
    small = _small(text)
    borders = [0, *accumulate(len(piece) + 1 for piece in pieces)]
    first = 0
    for last in (*(match.end() for match in _SENTENCE_END.finditer(text)), len(text)):
        end = first + len(text[first:last].rstrip())
        if end > first:
            low, high = (bisect_right(borders, at) - 1 for at in (first, end - 1))
            start = paragraph[low].start + first - borders[low]
            lines = paragraph[low].number, paragraph[high].number
            yield Sentence(text[first:end], small[first:end], start, *lines, in_list)
        first = last
