"""The comments at the top of a source file, and of them what may speak of the licence.

Most source files have no word of a licence in their head and cost one search. Of the others the paragraphs about it
are cut out: the same ones stand in most files of a repository, and are read once.
"""

import re
from io import BytesIO

import re2

from filters.licenses.mentions import NAMES
from filters.licenses.notices import RESTRICTION_IN_SOURCE

HEAD_BYTES = 6_000
# A licence stands above the code, or below its first lines: a package, guards, imports.
MAX_CODE_LINES = 20
# Every statement has one of these words; those of the GPL may have only its name.
_HINTS = rb"licen[cs]|spdx-|redistribut|permission|public domain|proprietary|unauthori|\b[al]?gpl|\bgnu\b"
# Case-insensitive RE2 takes 6 µs for a head; lower() and a test for each word take twice that.
_HINT = re2.compile(b"(?i)" + _HINTS)
# What speaks of a licence beside a statement: another name, a restriction, the rest of a text.
_SPEAKS = re2.compile(b"|".join([_HINTS, b"warrant|notice", NAMES, RESTRICTION_IN_SOURCE]))
# What opens a comment that lines without a marker continue, and what closes it. Longer ones stand before shorter.
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
_QUOTES = (b'"""', b"'''")
_MARKER = re.compile(
    rb"(?i)(?P<opener>" + b"|".join(map(re.escape, _CLOSERS)) + rb")"
    rb"|//|#(?!define|include)|--|;|%|\*|!|'(?![^\n]*')|\"(?![^\n]*\")|\.\\\"|\.\.[ \t]|dnl\b|@?rem\b|c[ \t]"
    rb"|@comment|__license__"
)
_WORD = re.compile(rb"\w")


def may_speak_of_license(head: bytes) -> bool:
    """Whether any word of a licence stands in it."""
    return bool(_HINT.search(head))


def license_part(head: bytes) -> tuple[int, bytes]:
    """The paragraphs of comments from the first to the last with a word of a licence, and how many lines stand before.

    Of the comments only those above the twentieth line of code. Code between is blank.

    >>> head = ["#!/bin/sh", "# Does this.", "#", "# Licensed under X.", "#", "# Notes"]
    >>> license_part("\\n".join(head).encode())
    (3, b'# Licensed under X.')
    """
    lines = comment_lines(head)
    lower = b"".join(lines).lower()
    opening = _SPEAKS.search(lower)
    if not opening:
        return 0, b""
    # the usual words are looked for from the end, and all others only behind the last of them
    place = max(opening.start(), *(lower.rfind(word) for word in (b"licen", b"permi", b"warrant", b"notice")))
    for match in _SPEAKS.finditer(lower, place):
        place = match.start()
    first, last = lower.count(b"\n", 0, opening.start()), lower.count(b"\n", 0, place)
    while first > 0 and _WORD.search(lines[first - 1]):
        first -= 1
    while last + 1 < len(lines) and _WORD.search(lines[last + 1]):
        last += 1
    return first, b"".join(lines[first : last + 1]).rstrip()


def comment_lines(text: bytes) -> list[bytes]:
    """The lines, with their ends, that are comments or in one, all others empty, as far as the twentieth line of code.

    A string over several lines is code, and so is the docstring of a function: only a module's speaks for the file.
    """
    lines, closer, is_comment, code_lines = list[bytes](), b"", False, 0
    for line in BytesIO(text):
        words = line.lstrip()
        if closer or not words:
            is_comment, after = bool(closer and is_comment), words
        elif marker := _MARKER.match(words):
            is_comment, after = True, words[marker.end() :]
            if marker["opener"]:
                closer = _CLOSERS[marker["opener"].lower()]
                is_comment = closer not in _QUOTES or words == line
        else:
            is_comment, after = False, b""
            code_lines += 1
            if b'"""' in words or b"'''" in words:
                closer = next((quotes for quotes in _QUOTES if words.count(quotes) % 2), b"")
        lines.append(line if is_comment else b"\n")
        if code_lines > MAX_CODE_LINES:
            break
        if closer and closer in after:
            closer = b""
    return lines
