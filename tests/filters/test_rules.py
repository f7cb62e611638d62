"""Every rule: both sides of its edge, the empty text and no text."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import reasons, rule_row
from filters.label import label
from filters.rules import RULES
from pipeline.config import resolved_rules

TABLE: list[tuple[str, dict[str, Any], str | None, bool]] = [
    ("empty_file", {}, "", True),
    ("empty_file", {}, "x", False),
    ("empty_file", {}, None, False),
    ("unknown_language", {"language": None}, "x", True),
    ("unknown_language", {"language": "Python"}, "x", False),
    ("unknown_language", {"language": None}, "", True),
    ("unknown_language", {"language": None}, None, False),
    ("large_file", {"max_bytes": 3}, "abcd", True),
    ("large_file", {"max_bytes": 4}, "abcd", False),
    ("large_file", {"max_bytes": 1}, "é", True),  # two bytes
    ("large_file", {"max_bytes": 0}, "", False),
    ("large_file", {"max_bytes": 0, "length_bytes": 9}, None, False),
    ("long_line", {"max_chars": 3}, "abc\nabcd", True),
    ("long_line", {"max_chars": 4}, "abc\nabcd", False),
    ("long_line", {"max_chars": 3, "language": "JSON"}, "abcd", False),
    ("long_line", {"max_chars": 3, "language": "JSON", "exempt_max_chars": 3}, "abcd", True),
    ("long_line", {"max_chars": 3, "language": None}, "abcd", True),
    ("long_line", {"max_chars": 0}, "", False),
    ("long_line", {}, None, False),  # no text is another rule's business
    ("long_mean_line", {"max_chars": 3}, "abcd\nabcd", True),  # mean 4
    ("long_mean_line", {"max_chars": 3}, "abcd\nab", False),  # mean 3
    ("long_mean_line", {"max_chars": 3, "language": "TeX"}, "abcd", False),
    ("long_mean_line", {"max_chars": 0}, "", False),
    ("long_mean_line", {}, None, False),
    ("many_lines", {"max_lines": 2}, "a\nb\nc", True),
    ("many_lines", {"max_lines": 3}, "a\nb\nc\n", False),
    ("many_lines", {"data_max_lines": 2, "language": "YAML"}, "a\nb\nc", True),
    ("many_lines", {"max_lines": 0}, "", False),
    ("many_lines", {}, None, False),
    ("few_letters", {"min_fraction": 0.5}, "ab...", True),  # 2 of 5
    ("few_letters", {"min_fraction": 0.5}, "ab..", False),  # 2 of 4
    ("few_letters", {"min_fraction": 0.5}, "é1..", True),  # 1 of 4
    ("few_letters", {"min_fraction": 0.5, "language": "WebAssembly"}, "a1..", False),
    ("few_letters", {"min_fraction": 1.0}, "", False),
    ("few_letters", {}, None, False),
    ("generated", {"generated_by": "marker"}, "x", True),
    ("generated", {}, "x", False),
    ("generated", {"generated_by": "path"}, "", True),
    ("generated", {"generated_by": "path"}, None, False),
]


@pytest.mark.parametrize(("name", "given", "text", "holds"), TABLE)
def test_rule(name: str, given: dict[str, Any], text: str | None, holds: bool) -> None:
    assert reasons(RULES[name].holds, text, **given) == ([name] if holds else [])


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_shown_on_both_sides_empty_and_null(name: str) -> None:
    rows = [(text, holds) for rule, _, text, holds in TABLE if rule == name]
    assert {holds for text, holds in rows if text is not None} == {True, False}
    assert "" in [text for text, _ in rows] and None in [text for text, _ in rows]


def test_every_reason_is_recorded_in_rule_order_after_why_there_is_no_text() -> None:
    rules = resolved_rules({"long_line": {"max_chars": 3}, "few_letters": {"min_fraction": 1.0}})
    assert list(label(rule_row("....", language=None), rules)[0]) == ["unknown_language", "long_line", "few_letters"]
    assert list(label(rule_row(None, unread_reason="binary"), rules)[0]) == ["binary"]


def test_a_disabled_rule_never_holds() -> None:
    rules = resolved_rules({name: {"enabled": False} for name in RULES})
    assert list(label(rule_row("", generated_by="path", language=None), rules)[0]) == []


FILES = st.lists(
    st.tuples(st.text("ab1.\né", max_size=12) | st.none(), st.sampled_from([None, "Python", "JSON", "WebAssembly"])),
    min_size=1,
    max_size=8,
)


@given(FILES, st.integers(0, 8))
def test_batch_borders_do_not_matter(files: list[tuple[str | None, str | None]], border: int) -> None:
    thresholds = {"max_chars": 3}, {"min_fraction": 0.5}
    rules = resolved_rules({"long_line": thresholds[0], "long_mean_line": thresholds[0], "few_letters": thresholds[1]})
    rows = pl.concat([rule_row(text, language=language) for text, language in files])
    parts = [part for part in (rows[:border], rows[border:]) if part.height]
    assert label(rows, rules).to_list() == [reason for part in parts for reason in label(part, rules).to_list()]
