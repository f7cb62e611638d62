"""What a browser shows: by hand, beside html.parser, and on input made to be slow."""

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.html import visible_chars

TABLE = [
    # text
    ("", 0),
    ("abc", 3),
    ("äöü€😀", 5),
    ("  a \n\t b\r\n ", 3),
    ("a\0b", 2),
    ("a\u00a0\u00a0b", 4),  # what does not break is no white space
    ("a < b", 5),
    ("a <3 b", 6),
    ("<", 1),
    # tags
    ("<p>a</p><p>b</p>", 2),
    ("<p>a</p> <p>b</p>", 3),
    (" <p> a </p> ", 1),
    ("a<br/>b", 2),
    ('<a title="x > y">b</a>', 1),
    ("<a title='x > \"y'>b</a>", 1),
    ("<a title = 'x > y'>b</a>", 1),
    ('<a title=x"y>b</a>', 1),
    ('<a x">b</a>', 1),
    ('<a title="x>b', 0),  # not closed
    ("<p", 0),
    ("</p>a</>b</ c>d", 3),
    # comments and declarations
    ("<!DOCTYPE html>a", 1),
    ("<?php a ?>b", 1),
    ("a<!-- <p>b</p> -->c", 2),
    ("a<!-->b", 2),
    ("a<!--->b", 2),
    ("a<!-- x --!>b", 2),
    ("a<!-- x -- > y -->b", 2),
    ("a<!--!>b-->c", 2),
    ("a<!-- b", 1),
    ("a<![CDATA[ b > c", 3),
    # what is not shown
    ("a<script>b</script>c", 2),
    ("a<SCRIPT src=x>if (a<b) '</p>'</ScRiPt >c", 2),
    ("a<script>b</scripts>c", 1),
    ("a<script>b</script", 1),
    ("a<style>b{c}</style>d", 2),
    ("a<scripts>b</scripts>", 2),
    ("a<template>b <b>c</b><script></template></script> </template>d", 2),
    ("a<template><template>b</template>c</template>d", 2),
    ("a</template>b", 2),
    ("a <template> b</template> c", 3),
    ("a<template>b", 1),
    # references
    ("&amp;", 1),
    ("a&nbsp;&lt;b&gt;", 5),
    ("&#8364;&#x20AC;", 2),
    ("&CounterClockwiseContourIntegral;", 1),
    ("AT&T", 4),
    ("&;", 2),
    ("&#;", 3),
    ("&a b;", 5),
    ("&" + "a" * 40 + ";", 42),
    ("&amp", 4),  # without the ; it is not known
]


@pytest.mark.parametrize(("page", "chars"), TABLE)
def test_visible_chars(page: str, chars: int) -> None:
    assert visible_chars(page.encode()) == chars


class Shown(HTMLParser):
    """The text outside of scripts, styles and templates."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = 0
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.hidden += tag in ("script", "style", "template")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in ("script", "style", "template")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)


def by_html_parser(page: str) -> int:
    shown = Shown()
    shown.feed(page)
    shown.close()
    return len(re.sub(r"[ \t\n\f\r]+", " ", "".join(shown.parts)).strip(" "))


TEXT = st.text("ab é\n\u00a0€'\"=-/!>", max_size=8) | st.sampled_from(["&amp;", "&lt;", "&#233;", "AT&T", " < "])
NAMES = st.sampled_from(["p", "DIV", "b", "h1", "template", "my-element"])
ATTRIBUTES = st.sampled_from(["", " a", " a=b", ' a="<b> > c"', " a = '>'", ' a="" b', " a='\"'", "\n"])
HIDDEN = st.sampled_from(
    ["<!DOCTYPE html>", "<!-- <p> a > -- b -->", "<?xml a?>", "<br>", "<br />"]
    + ["<script>if (a<b) x('</p>')</script>", "<style media='>'>p > b { }</style>"]
)


def element(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda n, a, parts: f"<{n}{a}>{''.join(parts)}</{n}>", NAMES, ATTRIBUTES, st.lists(inner, max_size=4)
    )


@given(st.lists(st.recursive(TEXT | HIDDEN, element, max_leaves=12), max_size=6).map("".join))
def test_what_html_parser_says(page: str) -> None:
    assert visible_chars(page.encode()) == by_html_parser(page)


@given(st.binary(max_size=200) | st.text("<>/!-?&;#='\" abscriptlemy\0é", max_size=200).map(str.encode))
def test_no_more_than_there_is(page: bytes) -> None:
    assert 0 <= visible_chars(page) <= len(page.decode(errors="replace"))


HOSTILE = {
    "nested": b"<div>",
    "formatting": b"<b x><i y>z</b>",
    "options": b"<select><option>",
    "unclosed quote": b'<a b="',
    "no name": b"</",
    "less": b"<",
    "declaration": b"<!",
    "comment": b"<!--",
    "dashes": b"<!--" + b"-" * 100,
    "cdata": b"<![CDATA[",
    "script": b"<script>",
    "script end": b"<script></scrip",
    "template": b"<template>",
    "reference": b"&" + b"a" * 40,
    "references": b"&a",
    "nul": b"\0",
    "bytes": bytes(range(256)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_megabyte_made_to_be_slow_takes_a_moment(name: str) -> None:
    page = HOSTILE[name] * (1_000_000 // len(HOSTILE[name]))
    visible_chars(b"")
    start = time.process_time()
    visible_chars(page)
    assert time.process_time() - start < 0.5  # 20 MB/s would be 0.05
