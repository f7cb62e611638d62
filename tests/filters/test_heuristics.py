"""Content rules and mode lines. Expected values: GitHub Linguist 9.6.0, except where a line says ours."""

import json
from importlib.resources import files

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from filters.data.make_languages import ADDED, LEFT_OUT, REWRITTEN, render
from filters.heuristics import CONTENT_BYTES, MODELINE_BYTES, compiled, is_xml, languages_by_content, mode, rules
from filters.language import GENERIC_SUFFIXES, LANGUAGES, SUFFIXES

DATA = files("filters").joinpath("data", "heuristics.json").read_text("utf-8")
RULED = [suffix for block in json.loads(DATA)["blocks"] for suffix in block["extensions"]]

CONTENT = [
    (".h", b"int a;\n", "C"),  # the rule without a pattern
    (".h", b"\x93class A\n", "C"),  # a line starts with another byte
    (".h", b" " * 51_192 + b"\nclass A", "C++"),  # the last byte that is read is the A
    (".h", b" " * 51_193 + b"\nclass A", "C"),
    (".sql", b"select\n  a\ngo\n", "TSQL"),  # (?i)
    (".pc", b"Name: a\nDescription: b\nVersion: 1\n", "pkg-config"),  # all three
    (".pc", b"Name: a\nDescription: b\n", None),
    (".ms", b"\t.globl _start\n", "Unix Assembly"),  # a pattern, and none of another
    (".ms", b"/* a */\n\t.globl _start\n", "MAXScript"),
    (".alg", b"begin\n  a\nend\n", "ALGOL"),
    (".s", b"  MOVE.L\n D0", "Motorola 68K Assembly"),  # Ruby's (?m): the dot goes over a line end
    (".bf", b"using System;\n", "Beef"),
    (".mod", b"some words\n", "Linux Kernel Module AMPL"),
    (".pl", b"use v6;\nuse strict;\n", "Raku"),
    (".inc", b'DEPENDS:append = " zlib"\n', "BitBake"),  # ours
    (".inc", b'#define A "b"\n', None),
    # rewritten for RE2
    (".txt", b"words\n127.0.0.1 localhost local-host.example\n", "Hosts File"),
    (".txt", b"10.0.0.0/24\n", "Hosts File"),
    (".txt", b"127.0.0.1 localhost, too\n", "Text"),
    (".txt", b"127.0.0.256 localhost\n", "Text"),
    (".txt", b"[Adblock Plus 2.0; AdGuard]\n", "Adblock Filter List"),
    (".txt", b"[Adblock Minus]\n", "Text"),
    (".tpl", b"a {$b}\n", "Smarty"),
    (".tpl", b"{{ b }}\n", "Go Template"),
    (".tpl", b"%%\n", None),
    (".pod", b" =begin pod\n", "Pod 6"),
    (".pod", b"=head1\n", "Pod"),
    (".nosuch", b"class A\n", None),
    ("", b"class A\n", None),
]

MODES = [
    (b"-*- ruby -*-", "ruby"),
    (b"#!/bin/sh\n# -*-Tcl-*-\n", "tcl"),
    (b"/* -*- mode: C++; tab-width: 4 -*- */", "c++"),
    (b"# -*- coding: utf-8; mode: python -*-", "python"),
    (b"# -*- coding: utf-8 -*-", None),
    (b"# -*- coding: utf-8 -*-\n# vim: ft=sh", "sh"),
    (b"# -*- ruby\n-*-", None),
    (b"1\n2\n3\n4\n-*- ruby -*-\n6\n7\n8\n9\n10\n11\n", "ruby"),
    (b"1\n2\n3\n4\n5\n-*- ruby -*-\n7\n8\n9\n10\n11\n", None),  # neither in the first five lines nor in the last
    (b"1\n2\n3\n4\n5\n6\n-*- ruby -*-\n8\n9\n10\n11\n", "ruby"),
    (b"# vim: ts=8 ft=ruby", "ruby"),
    (b"# vim:ts=8:syntax=Ruby", "ruby"),
    (b"# vim: set ft=ruby:", "ruby"),
    (b"# vim: set ft=ruby", None),  # set needs a colon at the end
    (b"# vim: se ts=8 filetype = ruby", None),
    (b"# vim>600: ft=ruby", "ruby"),
    (b"/* vi: ft=c */", "c"),
    (b"a ex: ft=c", "c"),
    (b"lex: ft=c", None),
    (b"nvim: ft=c", None),
    (b"# vim: ts=8", None),
    (b"# vim: ft=", None),
    (b'" UseVimball\n" vim: ft=vim', None),
    (b" " * MODELINE_BYTES + b"-*- ruby -*-" + b" " * MODELINE_BYTES, None),
    (b" " * (2 * MODELINE_BYTES) + b"-*- ruby -*-", "ruby"),
    (b"", None),
]

XML = [
    (b'<?xml version="1.0"?>', True),
    (b'\n<?xml version="1.0"?>', True),
    (b'\n\n<?xml version="1.0"?>', False),
    (b"<a/>", False),
    (b"", False),
]


@pytest.mark.parametrize(("suffix", "text", "languages"), CONTENT)
def test_content(suffix: str, text: bytes, languages: str | None) -> None:
    found = languages_by_content(suffix, text)
    assert " ".join(found) == (languages or "")


@pytest.mark.parametrize(("text", "name"), MODES)
def test_mode(text: bytes, name: str | None) -> None:
    assert mode(text) == name


@pytest.mark.parametrize(("text", "holds"), XML)
def test_xml(text: bytes, holds: bool) -> None:
    assert is_xml(text) == holds


@pytest.mark.parametrize("suffix", RULED)
def test_rules_name_known_languages_and_run_in_re2(suffix: str) -> None:
    """RE2 takes time linear in the text; Python's `re` does not, so it must not come back by a pattern."""
    assert suffix in SUFFIXES or suffix in GENERIC_SUFFIXES or suffix in {".eslintrc", ".releaserc"}
    for rule in rules(suffix):
        assert set(rule.languages) <= LANGUAGES
        assert {type(pattern) for pattern in rule.found + rule.absent} <= {type(re2.compile(""))}


HOSTILE = [
    byte * (CONTENT_BYTES // len(byte)) for byte in (b"a", b"\n", b"#", b" ", b"\0", b"\xff", b"({[", b"a\n", b"a,")
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_content_has_an_answer(text: bytes) -> None:
    for suffix in RULED:
        assert set(languages_by_content(suffix, text)) <= LANGUAGES
    assert mode(text) is None


@given(st.sampled_from(RULED), st.binary())
def test_any_content_has_an_answer(suffix: str, text: bytes) -> None:
    assert set(languages_by_content(suffix, text)) <= LANGUAGES


@given(st.lists(st.sampled_from([b"vim", b"vi", b":", b" ", b"set ", b"ft=", b"c", b"-*-", b"mode", b";", b"\n"])))
def test_any_mode_is_one_word(parts: list[bytes]) -> None:
    assert len((mode(b"".join(parts)) or "c").split()) == 1


def test_compiled_reads_bytes_by_line() -> None:
    assert compiled("^a$").search(b"b\na\nb")
    assert compiled(r"^.\z").search(b"\xff")


def test_data_is_linguists() -> None:
    """136 blocks for 162 suffixes, as counted in heuristics.yml; a name that is gone makes a table here meaningless."""
    blocks = json.loads(DATA)["blocks"]
    named = {name for block in blocks for rule in block["rules"] for name in rule["languages"]}
    assert (len(blocks), len(RULED), len(set(RULED))) == (136, 162, 162)
    assert set(REWRITTEN) <= named and LEFT_OUT not in named and set(ADDED) <= set(RULED)


def test_data_is_as_its_script_writes_it() -> None:
    assert render("heuristics", {"blocks": json.loads(DATA)["blocks"]}) == DATA
