"""What the text says of its language: its mode line, and GitHub Linguist's rules for suffixes that languages share.

All of Linguist's blocks; of its patterns four are rewritten and one is left out (`REWRITTEN` in make_languages.py).
They run in RE2, whose time is linear in the text whatever the text is.
"""

import json
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import re2

CONTENT_BYTES = 51_200  # Linguist looks no further
MODELINE_LINES = 5  # Vim's and Linguist's
MODELINE_BYTES = 4096  # at each end; ours, as lines may be long


class Rule(NamedTuple):
    """Holds where every pattern of `found` is found and none of `absent`; then the text is in one of `languages`."""

    languages: tuple[str, ...]
    found: tuple[Any, ...]
    absent: tuple[Any, ...]


def languages_by_content(suffix: str, text: bytes) -> tuple[str, ...]:
    """What the first rule of the suffix that holds says, mostly one language; () where none holds or there is none.

    `suffix` is the part of the name from its last dot, in lower case. Reads the first 51,200 bytes. Cost: 9 to 75 µs.

    >>> languages_by_content(".h", b"class A {};"), languages_by_content(".m", b"x = 3;")
    (('C++',), ())
    """
    if suffix not in _blocks():  # asked first, so that only known suffixes stay in the cache of rules
        return ()
    head = text[:CONTENT_BYTES]
    return next((rule.languages for rule in rules(suffix) if _holds(rule, head)), ())


def _holds(rule: Rule, head: bytes) -> bool:
    return all(pattern.search(head) for pattern in rule.found) and not any(
        pattern.search(head) for pattern in rule.absent
    )


@cache
def rules(suffix: str) -> tuple[Rule, ...]:
    """The suffix's rules in Linguist's order, compiled when first asked for. Raises KeyError where it has none."""
    return tuple(
        Rule(tuple(rule["languages"]), _all_compiled(rule["all"]), _all_compiled(rule["none"]))
        for rule in _blocks()[suffix]
    )


@lru_cache(maxsize=1)
def _blocks() -> dict[str, list[dict[str, list[str]]]]:
    data = json.loads(files("filters").joinpath("data", "heuristics.json").read_text("utf-8"))
    return {suffix: block["rules"] for block in data["blocks"] for suffix in block["extensions"]}


def _all_compiled(patterns: list[str]) -> tuple[Any, ...]:
    return tuple(compiled(pattern) for pattern in patterns)


def compiled(pattern: str, *, groups: bool = False) -> Any:
    """An RE2 expression over bytes, each a character; ^ and $ hold at every line. It is faster without groups."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = not groups
    return re2.compile(b"(?m)" + pattern.encode("latin-1"), options)


def is_xml(text: bytes) -> bool:
    """An XML declaration in the first two lines."""
    return b"xml version=" in b"".join(text[:MODELINE_BYTES].split(b"\n", 2)[:2])


def mode(text: bytes) -> str | None:
    """What an Emacs or Vim mode line among the first and the last five lines calls the language, in lower case.

    None without a mode line. Of long lines only what lies in the first or last 4,096 bytes is read.

    >>> mode(b"/* -*- mode: C++ -*- */"), mode(b"x = 1\\n# vim: set ft=ruby:\\n"), mode(b"x = 1\\n")
    ('c++', 'ruby', None)
    """
    lines = _first_lines(text) + b"\n" + _last_lines(text)
    found = _emacs_mode(lines) or _vim_filetype(lines)
    # a Vimball names the type of the files that it unpacks to
    return found.decode("latin-1").lower() if found and b"UseVimball" not in lines else None


def _first_lines(text: bytes) -> bytes:
    end = 0
    for _ in range(MODELINE_LINES):
        end = text.find(b"\n", end, MODELINE_BYTES) + 1
        if not end:
            return text[:MODELINE_BYTES]
    return text[:end]


def _last_lines(text: bytes) -> bytes:
    first = max(len(text) - MODELINE_BYTES, 0)
    start = len(text) - 1  # a line end there ends the last line
    for _ in range(MODELINE_LINES):
        start = text.rfind(b"\n", first, start)
        if start < 0:
            return text[first:]
    return text[start:]


def _emacs_mode(lines: bytes) -> bytes | None:
    """`-*- ruby -*-`, or `-*- coding: utf-8; mode: ruby -*-`."""
    found = _emacs_modeline().search(lines) if b"-*-" in lines else None
    return (found[1] or found[2]) if found else None


def _vim_filetype(lines: bytes) -> bytes | None:
    """`vim: ts=8 ft=ruby`, or `vim: set ft=ruby:`, where a colon has to come."""
    if not (b"vim" in lines or b"vi:" in lines or b"Vim" in lines or b"ex:" in lines):
        return None
    found = _vim_modeline().search(lines)
    return found[2] if found and (not found[1] or b":" in found[3]) else None


@lru_cache(maxsize=1)
def _emacs_modeline() -> Any:
    mode = r"(?:.*?[ \t;])?[ \t]*mode[ \t]*:[ \t]*([^:;\s]+?)(?:[ \t;].*?)?"
    return compiled(rf"(?i)-\*-(?:[ \t]*([^:;\s]+?)[ \t]*|{mode})-\*-", groups=True)


@lru_cache(maxsize=1)
def _vim_modeline() -> Any:
    program = r"(?:(?:^|[ \t])(?:vi|[vV]im(?:[<=>]?[0-9]+)?)|[ \t]ex)"
    option = r"\w*(?:[ \t]*=(?:[^\\\s]|\\.)*)?(?:[ \t]+|[ \t]*:[ \t]*)"
    filetype = r"(?:filetype|ft|syntax)[ \t]*=(\w+)"
    return compiled(rf"{program}:[ \t]*(set?[ \t])?(?:{option})*{filetype}($|[ \t\r:].*)", groups=True)
