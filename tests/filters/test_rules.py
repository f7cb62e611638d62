"""Every rule: both sides of its edge, the empty text and no text."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import reasons, rule_row
from filters.label import expressions, label, values
from filters.rules import JOINED, RULES
from pipeline.config import resolved_rules
from schemas.files import FILES

# Every rule, and every column that one may read.
EVERYTHING: dict[str, dict[str, Any]] = {name: {"enabled": True} for name in RULES} | {
    "other_language": {"enabled": True, "languages": ["Python", "JSON"]},
    "other_path": {"enabled": True, "exclude": ["**/1*"]},
}

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
    ("other_language", {"languages": ["C", "Go"]}, "x", True),
    ("other_language", {"languages": ["C", "Python"]}, "x", False),
    ("other_language", {"languages": ["C"], "language": None}, "x", True),
    ("other_language", {"languages": [], "language": None}, "x", False),
    ("other_language", {"source_language": False}, "x", True),
    ("other_language", {"source_language": None}, "x", False),
    ("other_language", {"languages": ["Python"], "source_language": False}, "", True),
    ("other_language", {"languages": ["C"], "source_language": False}, None, False),
    ("other_path", {"include": ["src/**"], "path": "lib/a.py"}, "x", True),
    ("other_path", {"include": ["lib/**", "src/**"], "path": "src/a/b.py"}, "x", False),
    ("other_path", {"exclude": ["*.md", "src/*"], "path": "src/a.py"}, "", True),
    ("other_path", {"exclude": ["*.md", "src/*"], "path": "src/a/b.md"}, "x", False),
    ("other_path", {"include": ["src/**"], "exclude": ["**/t/*"], "path": "src/t/a.py"}, "x", True),
    ("other_path", {"exclude": ["**"]}, None, False),
    ("vendored", {"is_vendor": True}, "", True),
    ("vendored", {"is_vendor": False}, "x", False),
    ("vendored", {"is_vendor": None}, "x", False),
    ("vendored", {"is_vendor": True}, None, False),
    ("lock_file", {"path": "yarn.lock"}, "", True),
    ("lock_file", {"path": "a/b/go.sum"}, "x", True),
    ("lock_file", {"path": "a/cargo.lock"}, "x", False),  # no tool writes it
    ("lock_file", {"path": "yarn.lock/a.py"}, "x", False),
    ("lock_file", {"path": "yarn.lock", "names": []}, "x", False),
    ("lock_file", {"path": "yarn.lock"}, None, False),
    ("documentation", {"is_documentation": True}, "", True),
    ("documentation", {"is_documentation": False}, "x", False),
    ("documentation", {"is_documentation": True}, None, False),
    ("plain_text", {"language": "Text", "path": "a/words.txt"}, "x", True),
    ("plain_text", {"language": "Text", "path": "LICENSE"}, "", True),
    ("plain_text", {"language": "Text", "path": "readme/a.b.txt"}, "x", True),
    ("plain_text", {"language": "Text", "path": "readme.old.txt"}, "x", True),  # the stem is readme.old
    ("plain_text", {"language": "Text", "path": "a/README.txt"}, "x", False),
    ("plain_text", {"language": "Text", "path": "Todo"}, "x", False),
    ("plain_text", {"language": "Text", "path": "dev-Requirements.in.txt"}, "x", False),
    ("plain_text", {"language": "Text", "path": "dev-requirements.txt", "names": []}, "x", True),
    ("plain_text", {"language": "Markdown", "path": "words.txt"}, "x", False),
    ("plain_text", {"language": None, "path": "words.txt"}, "x", False),
    ("plain_text", {"language": "Text", "path": "words.txt"}, None, False),
    ("non_permissive_license", {"license_type": "non_permissive"}, "", True),
    ("non_permissive_license", {"license_type": "non_permissive", "is_own": None}, "x", True),
    ("non_permissive_license", {"license_type": "non_permissive", "is_own": True}, "x", False),
    ("non_permissive_license", {"license_type": "no_license"}, "x", False),
    ("non_permissive_license", {"license_type": None}, "x", False),
    ("non_permissive_license", {"license_type": "non_permissive"}, None, False),
    ("no_license", {"license_type": "no_license"}, "", True),
    ("no_license", {"license_type": "no_license", "is_own": True}, "x", False),
    ("no_license", {"license_type": "non_permissive"}, "x", False),
    ("no_license", {"license_type": None}, "x", False),
    ("no_license", {"license_type": "no_license"}, None, False),
    ("uncertain_encoding", {"encoding_confidence": 0.49}, "", True),
    ("uncertain_encoding", {"encoding_confidence": 0.5}, "x", False),
    ("uncertain_encoding", {"encoding_confidence": None}, "x", False),
    ("uncertain_encoding", {"encoding_confidence": 0.2}, None, False),
    ("few_alphanumerics", {"min_fraction": 0.5}, "a1...", True),  # 2 of 5
    ("few_alphanumerics", {"min_fraction": 0.5}, "a1..", False),  # 2 of 4
    ("few_alphanumerics", {"min_fraction": 1.0}, "", False),
    ("few_alphanumerics", {}, None, False),
    ("odd_data_size", {"language": "YAML", "min_chars": 3, "max_chars": 4}, "é1", True),
    ("odd_data_size", {"language": "YAML", "min_chars": 3, "max_chars": 4}, "é12", False),
    ("odd_data_size", {"language": "YAML", "min_chars": 3, "max_chars": 4}, "1234", False),
    ("odd_data_size", {"language": "YAML", "min_chars": 3, "max_chars": 4}, "12345", True),
    ("odd_data_size", {"language": "JSON", "min_chars": 1}, "", True),
    ("odd_data_size", {"language": "Python", "max_chars": 4}, "12345", False),
    ("odd_data_size", {"language": "JSON"}, None, False),
    ("encoded_data", {"max_run_chars": 79}, "Q" * 80 + " " * 80, True),
    ("encoded_data", {"max_run_chars": 80}, "Q" * 80 + " " * 80, False),  # exactly half
    ("encoded_data", {"max_run_chars": 80}, "Q" * 80 + " " * 79, True),  # more than half
    ("encoded_data", {"max_run_chars": 80}, "Q" * 80 + "é" * 80, False),  # characters, not bytes
    ("encoded_data", {}, "Q" * 63, False),
    ("encoded_data", {"max_run_chars": 0, "max_fraction": 0.0}, "", False),
    ("encoded_data", {}, None, False),
    ("little_visible_text", {"language": "HTML", "min_chars": 4, "min_fraction": 0.0}, "<p>ab</p>c", True),
    ("little_visible_text", {"language": "HTML", "min_chars": 3, "min_fraction": 0.0}, "<p>ab</p>c", False),
    ("little_visible_text", {"language": "HTML", "min_chars": 0, "min_fraction": 0.31}, "<p>é</p>ab", True),  # 3 of 10
    ("little_visible_text", {"language": "HTML", "min_chars": 0, "min_fraction": 0.3}, "<p>é</p>ab", False),
    ("little_visible_text", {"language": "Python"}, "x", False),
    ("little_visible_text", {"language": "HTML"}, "", True),
    ("little_visible_text", {"language": "HTML", "min_chars": 0}, "", False),
    ("little_visible_text", {"language": "HTML"}, None, False),
]


@pytest.mark.parametrize(("name", "given", "text", "holds"), TABLE)
def test_rule(name: str, given: dict[str, Any], text: str | None, holds: bool) -> None:
    assert reasons(RULES[name].holds, text, **given) == ([name] if holds else [])


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_shown_on_both_sides_empty_and_null(name: str) -> None:
    rows = [(text, holds) for rule, _, text, holds in TABLE if rule == name]
    assert {holds for text, holds in rows if text is not None} == {True, False}
    assert "" in [text for text, _ in rows] and None in [text for text, _ in rows]


GLOBS = [
    ("*.py", "a.py", True),
    ("*.py", "b/a.py", False),
    ("**/*.py", "a.py", True),
    ("**/*.py", "b/c/a.py", True),
    ("**/*.py", "b/c/a.pyc", False),
    ("**/test/**", "test/a", True),
    ("**/test/**", "a/test/b/c", True),
    ("**/test/**", "a/mytest/b", False),
    ("**/test/**", "a/test", False),
    ("a/**/b", "a/b", True),
    ("a/**/b", "a/c/d/b", True),
    ("a/**/b", "ab", False),
    ("a**/b", "a/b", True),
    ("a**/b", "ax/y/b", True),
    ("a**/b", "ab", False),
    ("a?b", "aéb", True),
    ("a?b", "a/b", False),
    ("a?b", "ab", False),
    ("**", "a/b\nc", True),
    ("a", "a\n", False),
    ("[ab].c", "a.c", False),
    ("[ab].c", "[ab].c", True),
    ("(a|b)+$^\\d{2}", "(a|b)+$^\\d{2}", True),
    ("A", "a", False),
    ("", "", True),
]


@pytest.mark.parametrize(("glob", "path", "matches"), GLOBS)
def test_globs(glob: str, path: str, matches: bool) -> None:
    assert reasons(RULES["other_path"].holds, "x", path=path, exclude=[glob]) == (["other_path"] if matches else [])


def test_every_reason_is_recorded_in_rule_order_after_why_there_is_no_text() -> None:
    rules = resolved_rules({"long_line": {"max_chars": 3}, "few_letters": {"min_fraction": 1.0}})
    assert list(label(rule_row("....", language=None), rules)[0]) == ["unknown_language", "long_line", "few_letters"]
    assert list(label(rule_row(None, unread_reason="binary"), rules)[0]) == ["binary"]


def test_an_ordinary_file_has_no_reason() -> None:
    assert list(label(rule_row("print('hello')\n"), resolved_rules({}))[0]) == []


def test_a_disabled_rule_never_holds() -> None:
    rules = resolved_rules({name: {"enabled": False} for name in RULES})
    assert list(label(rule_row("", generated_by="path", language=None), rules)[0]) == []


def test_what_is_not_joined_takes_nothing_away_but_a_licence_must_be() -> None:
    rules = resolved_rules({})
    row = rule_row("x", license_type="no_license").drop("is_own", "source_language")
    assert list(label(row, rules)[0]) == ["no_license"]
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="license_type"):
        label(row.drop("license_type"), rules)


def test_rules_read_what_is_stored_or_joined() -> None:
    read = {name for rule in expressions(resolved_rules(EVERYTHING)).values() for name in rule.meta.root_names()}
    assert read - set(FILES.names) == set(JOINED)


def test_values_read_what_is_stored() -> None:
    read = {name for value in values(resolved_rules({})).values() for name in value.meta.root_names()}
    assert read - set(FILES.names) == set()


VALUES = [
    ("large_file", {}, "é", 2.0),  # bytes
    ("uncertain_encoding", {"encoding_confidence": 0.2}, "x", 0.2),
    ("long_line", {}, "abc\nabcd", 4.0),
    ("long_mean_line", {}, "abcd\nab", 3.0),
    ("many_lines", {}, "a\nb\nc", 3.0),
    ("few_letters", {}, "a1..", 0.25),
    ("few_letters", {"language": "WebAssembly"}, "a1..", 0.5),
    ("few_letters", {}, "", None),
    ("few_alphanumerics", {}, "a1..", 0.5),
    ("odd_data_size", {}, "é1", 2.0),
    ("encoded_data", {}, "Q" * 70 + " " + "Q" * 65, 70.0),
    ("little_visible_text", {"language": "HTML"}, "<p>é</p>ab", 0.3),
    ("little_visible_text", {}, "x", None),
    ("other_language", {}, "x", None),
    ("no_license", {"license_type": "no_license"}, "x", None),
]


@pytest.mark.parametrize(("name", "columns", "text", "value"), VALUES)
def test_value(name: str, columns: dict[str, Any], text: str, value: float | None) -> None:
    measured = rule_row(text, **columns).select(values(resolved_rules({}))[name].alias("value"))
    assert measured["value"].to_list() == [value]
    assert measured["value"].dtype == pl.Float64


def test_the_value_is_what_was_compared() -> None:
    section = {"digits_count": ["Python"], "min_fraction": 0.5}
    measured = values(resolved_rules({"few_letters": section}))["few_letters"]
    assert rule_row("a1..").select(measured.alias("value"))["value"].to_list() == [0.5]
    assert reasons(RULES["few_letters"].holds, "a1..", **section) == []


TEXTS = st.lists(
    st.tuples(
        st.text("ab1.\né", max_size=12) | st.none(), st.sampled_from([None, "Python", "JSON", "WebAssembly", "HTML"])
    ),
    min_size=1,
    max_size=8,
)


@given(TEXTS, st.integers(0, 8))
def test_batch_borders_do_not_matter(files: list[tuple[str | None, str | None]], border: int) -> None:
    thresholds = {"max_chars": 3}
    rules = resolved_rules(EVERYTHING | {"long_line": thresholds, "long_mean_line": thresholds})
    rows = pl.concat([rule_row(text, language=language, path=f"a/{text}") for text, language in files])
    parts = [part for part in (rows[:border], rows[border:]) if part.height]
    assert label(rows, rules).to_list() == [reason for part in parts for reason in label(part, rules).to_list()]
