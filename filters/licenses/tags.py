"""The `SPDX-License-Identifier:` tags of a text, which say its licence as an expression."""

import re
from collections.abc import Iterator

from filters.licenses.expressions import UNKNOWN, parse

_TAG = re.compile(rb"SPDX-License-Identifier:[ \t]*([^\r\n]{1,500})", re.IGNORECASE)
_PREFIX = re.compile(rb"(?i)[^\w'`=]{0,20}(?:(?:dnl|rem|c|r?\"\"\"|r?'''|(?:spdx_)?comment)[^\w\"'`=]{0,10})?\Z")
_END = re.compile(rb"\*/|-->|--%>|#\}|\*\)|-\}|%\}|\*\}|\?>|\"\"\"|'''|\\n")
_EXPRESSION = re.compile(r"[\w.+():/ -]+")


def tags(text: bytes) -> Iterator[tuple[str, int]]:
    """Expression and place of each tag in a comment; UNKNOWN for what is no expression.

    A line that quotes a tag, as a string of a program does, is none.
    """
    for match in _TAG.finditer(text):
        line = max(text.rfind(b"\n", 0, match.start()) + 1, match.start() - 60)
        value = _END.split(match[1], maxsplit=1)[0].decode("utf-8", "replace").strip(" \t*/#;-")
        if _PREFIX.fullmatch(text[line : match.start()]) and _EXPRESSION.fullmatch(value):
            # the closing bracket may be the comment's; what stands behind an id may be a remark
            expression = parse(value) or parse(value.rstrip(") ")) or parse(value.split()[0]) or UNKNOWN
            yield expression, match.start()
