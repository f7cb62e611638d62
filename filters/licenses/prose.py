"""The prose of a file: its comments, its sentences, and the part of a readme that is about the licence.

Places are kept: what is left out becomes spaces, so that a byte stands in the line it stood in.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

MAX_LINE_BYTES = 2_000
# Longer ones are cut, so that no sentence costs more than its share.
MAX_PARAGRAPH_BYTES = 2_000
NO_LIST, MAX_LEVEL = 10**9, 6
# A licence stands above the code, or below its first lines: a package, guards, imports.
MAX_CODE_LINES = 20
# What opens a comment that lines without a marker continue, and what closes it.
_CLOSERS = {
    b"/*": b"*/",
    b"<!--": b"-->",
    b'"""': b'"""',
    b"'''": b"'''",
    b'r"""': b'"""',
    b"(*": b"*)",
    b"{-": b"-}",
    b"{#": b"#}",
    b"--[[": b"]]",
    b"=begin": b"=end",
    b"=pod": b"=cut",
    b"<#": b"#>",
    b"%{": b"%}",
}
_OPENER = re.compile(b"|".join(map(re.escape, _CLOSERS)))
_COMMENT = re.compile(
    rb"(?i)//|#(?!define|include)|--|;|%|\*|!|'(?![^\n]*')|\"(?![^\n]*\")|\.\\\"|\.\.[ \t]|dnl\b|@?rem\b|c[ \t]"
    rb"|@comment|__license__"
)
_LEADER = re.compile(rb"(?i)[\s/*#;%!|<>({\"'.=~_\\-]*(?:(?:dnl|@?rem)\b[\s*#]*)?")
_RULER = re.compile(rb"\W*")
_ITEM = re.compile(rb"(?:[-*+o]|\xe2\x80\xa2|\(?(?:[0-9]{1,2}|[a-z])[.)])\s+")
# Not behind "v." and the like.
_SENTENCE_END = re.compile(
    rb"[.!?](?<![ .(]v.)(?<!\b[Ii]nc.)(?<!\bver.)(?<!\be\.g.)(?<!\bi\.e.)(?<!\bno.)(?<!\betc.)"
    rb"[\"')\]]{0,3} +(?=[\"'(\[]?[A-Za-z])"
)
_EMPHASIS = re.compile(rb"`_{0,2}|\*|(?<=\s)\s+|&nbsp;")
_HEADING = re.compile(
    rb"^[ \t]{0,3}(?P<marks>#{1,6})[ \t]*(?P<atx>[^\n]{1,100})$"
    rb"|^(?P<underlined>[^\s#][^\n]{0,100})\n(?P<ruler>([=\-~^*])\5{2,})[ \t]*$"
    rb"|^[ \t]*<h(?P<level>[1-6])[^>\n]{0,100}>(?P<html>[^\n]{1,100})$"
    rb"|^(?:\*\*|__)(?P<bold>[^*_\n]{1,60}):?(?:\*\*|__):?[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_FENCED = re.compile(rb"^[ \t]*(`{3}|~{3})[^\n]*\n(?:(?![ \t]*\1)[^\n]*\n)*", re.MULTILINE)
# A heading is the licence's if it has one of the first words, and none that is not here.
_LICENSE_TITLE = frozenset(b"license licence licenses licences licensing copying".split())
_WITH_TITLE = _LICENSE_TITLE.union(
    b"a agreement apache author authors bsd by cc code contributing contributors copyright credits details".split(),
    b"exception gpl gplv info information isc legal lgpl linking mit mpl notice of open our project public".split(),
    b"software source terms the this and with".split(),
)
_OWN_SENTENCE = re.compile(
    rb"(?im)^[ \t*_>-]{0,8}(?:this|the) (?:project|software|library|package|program|module|repository|repo|code"
    rb"|codebase|source code|tool|application|app|plugin|crate|gem|framework|work)(?: itself)? (?:is|are)"
    rb" (?:[\w-]+ ){0,3}?(?:licen[sc]ed|released|distributed|available|provided|published|open[- ]sourced)\s"
    rb"[^\n]*(?:\n[^\n]+){0,3}"
    rb"|^[ \t*_>-]{0,8}licen[sc]e[*_]{0,2}:[*_ ][^\n]{1,200}"
)


class _Line(NamedTuple):
    """A line's words, where it begins and its number."""

    start: int
    number: int
    words: bytes


class Sentence(NamedTuple):
    """One sentence as one line, which begins at byte `start` of the file. `in_list` where it is part of a list item."""

    text: bytes
    start: int
    first_line: int
    last_line: int
    in_list: bool


def comments(text: bytes) -> bytes:
    """The lines that are comments or in one, all others blank, as far as the twentieth line of code."""
    lines, closer, code_lines = list[bytes](), b"", 0
    for line in text.split(b"\n"):
        words = line.lstrip()
        if not closer and (opener := _OPENER.match(words)):
            closer, words = _CLOSERS[opener[0]], words[opener.end() :]
        is_comment = closer or _COMMENT.match(words)
        lines.append(line if is_comment else b" " * len(line))
        code_lines += bool(words and not is_comment)
        if code_lines > MAX_CODE_LINES:
            break
        if closer and closer in words:
            closer = b""
    return b"\n".join(lines)


def sentences(text: bytes, start: int, end: int, *, is_source: bool) -> Iterator[Sentence]:
    """The sentences of `text[start:end]` without comment markers. A blank line or a list item begins a new one."""
    place, line = start, 1 + text.count(b"\n", 0, start)
    is_marked = is_source or _is_marked(text[start:end])
    list_indent = NO_LIST
    paragraph: list[_Line] = []
    for raw in text[start:end].split(b"\n"):
        words = _without_marker(raw[:MAX_LINE_BYTES], is_marked)
        item = _ITEM.match(words)
        if item or not words or (paragraph and place - paragraph[0].start > MAX_PARAGRAPH_BYTES):
            yield from _split(paragraph, list_indent < NO_LIST)
            paragraph = []
        if words and not paragraph:
            indent = len(raw) - len(raw.lstrip())
            # what is indented more than the marker of an item belongs to the item
            list_indent = indent if item else list_indent if indent > list_indent else NO_LIST
        if words:
            paragraph.append(_Line(place, line, words[item.end() :] if item else words))
        place += len(raw) + 1
        line += 1
    yield from _split(paragraph, list_indent < NO_LIST)


def _is_marked(text: bytes) -> bool:
    """Whether nearly every line begins with what could be a list item's marker: then it is a comment's."""
    lines = [line.lstrip()[:1] for line in text.split(b"\n") if line.strip()]
    return sum(first in b"*-#/" for first in lines) > 0.8 * len(lines) > 2.4


def _without_marker(line: bytes, is_marked: bool) -> bytes:
    if _RULER.fullmatch(line):
        return b""
    stripped = line.strip()
    if not is_marked and _ITEM.match(stripped):
        return stripped
    return stripped[_LEADER.match(stripped).end() :].rstrip(b" \t\r*/#=~-")  # type: ignore[union-attr]  # matches ""


def _split(paragraph: list[_Line], in_list: bool) -> Iterator[Sentence]:
    if not paragraph:
        return
    pieces = [_EMPHASIS.sub(b"", line.words) for line in paragraph]
    text, borders = b" ".join(pieces), [0]
    for piece in pieces:
        borders.append(borders[-1] + len(piece) + 1)
    first = 0
    for last in (*(match.end() for match in _SENTENCE_END.finditer(text)), len(text)):
        if words := text[first:last].strip():
            low, high = (bisect_right(borders, at) - 1 for at in (first, first + len(words) - 1))
            start = paragraph[low].start + first - borders[low]
            yield Sentence(words, start, paragraph[low].number, paragraph[high].number, in_list)
        first = last


def license_part(text: bytes) -> bytes:
    """Of a readme what stands under a licence heading and sentences like "This project is licensed under …".

    A section ends with the next heading of its level or above; all of it that is not about the licence is blank.
    """
    prose = _FENCED.sub(lambda match: _blank(match[0]), text)
    kept = [match.span() for match in _OWN_SENTENCE.finditer(prose)]
    ends = dict[int, int]()  # level to where a section of that level ends
    headings = list(_HEADING.finditer(prose))
    name = _words(headings[0]) if headings else set()
    for match in reversed(headings):
        level, words = _level(match), _words(match)
        if words & _LICENSE_TITLE and (
            words <= _WITH_TITLE or (match is not headings[0] and words - _WITH_TITLE <= name)
        ):
            kept.append((match.end(), ends.get(level, len(text))))
        ends |= {deeper: match.start() for deeper in range(level, MAX_LEVEL + 1)}
    return _only(text, sorted(kept))


def title(text: bytes) -> bytes:
    """The first heading of a readme."""
    heading = _HEADING.search(text)
    return _title(heading) if heading else b""


def _words(heading: re.Match[bytes]) -> set[bytes]:
    return set(re.findall(rb"[a-z]{2,}", _title(heading).lower()))


def _level(match: re.Match[bytes]) -> int:
    if match["marks"]:
        return len(match["marks"])
    if match["level"]:
        return int(match["level"])
    return 1 if match["ruler"] and match["ruler"].startswith(b"=") else 2 if match["ruler"] else 6


def _title(match: re.Match[bytes]) -> bytes:
    title = match["atx"] or match["underlined"] or match["html"] or match["bold"]
    return re.sub(rb"<[^<>]{0,100}>|\([^()]{0,200}\)|[^\w\s-]", b"", title)


def _only(text: bytes, spans: list[tuple[int, int]]) -> bytes:
    """The text with everything outside of these spans blank, but for the ends of lines."""
    parts, place = [], 0
    for start, end in spans:
        if end > place:
            start = max(start, place)
            parts += [_blank(text[place:start]), text[start:end]]
            place = end
    return b"".join([*parts, _blank(text[place:])])


def _blank(text: bytes) -> bytes:
    return re.sub(rb"[^\n]", b" ", text)
