"""Licence expressions: spelling, joining, taking apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.licenses.expressions import (
    MAX_CHARS,
    MAX_NESTING,
    REPLACED,
    combine,
    file_reference,
    ids,
    operands,
    parse,
    spdx_list,
)

PARSED = [
    ("MIT", "MIT"),
    ("mit", "MIT"),
    (" apache-2.0 ", "Apache-2.0"),
    ("GPL-2.0", "GPL-2.0-only"),
    ("GPL-2.0+", "GPL-2.0-or-later"),
    ("gpl-3.0-or-later", "GPL-3.0-or-later"),
    ("AGPL-3.0-only+", "AGPL-3.0-or-later"),
    ("LGPL-2.1", "LGPL-2.1-only"),
    ("GFDL-1.3-no-invariants", "GFDL-1.3-no-invariants-only"),
    ("MPL-1.1+", "MPL-1.1+"),
    ("BSD-2-Clause-FreeBSD", "BSD-2-Clause"),
    ("GPL-2.0-with-classpath-exception", "GPL-2.0-only WITH Classpath-exception-2.0"),
    ("MIT OR Apache-2.0", "MIT OR Apache-2.0"),
    ("mit or\napache-2.0", "MIT OR Apache-2.0"),
    ("(MIT)", "MIT"),
    ("(GPL-2.0-only OR MIT)", "GPL-2.0-only OR MIT"),
    ("MIT OR (ISC OR Zlib)", "MIT OR ISC OR Zlib"),
    ("MIT OR MIT", "MIT"),
    ("MIT OR ISC AND Zlib", "MIT OR (ISC AND Zlib)"),
    ("(MIT OR ISC) AND Zlib", "(MIT OR ISC) AND Zlib"),
    ("apache-2.0 with llvm-exception", "Apache-2.0 WITH LLVM-exception"),
    ("LicenseRef-My.Own-1", "LicenseRef-My.Own-1"),
    ("MIT AND LicenseRef-x", "MIT AND LicenseRef-x"),
    ("DocumentRef-a:LicenseRef-b", "DocumentRef-a:LicenseRef-b"),
    ("", None),
    ("()", None),
    ("MIT License", None),
    ("MIT AND", None),
    ("MIT OR OR ISC", None),
    ("((MIT)", None),
    ("MIT/Apache-2.0", None),
    ("Apache License, Version 2.0", None),
    ("GPL (>= 2)", None),
    ("not MIT", None),
    ("MIT & ISC", None),
    ("BSD", None),
    ("NONE", None),
    ("UNLICENSED", None),
    ("MIT AND Nonsense-1.0", None),
    ("LicenseRef-", None),
    ("MIT WITH ISC", None),  # a licence is no exception
    ("LLVM-exception", None),
    ("MIT WITH Nonsense-exception", None),
    ("MIT WITH AdditionRef-commons-clause", None),  # may restrict: no answer, so never permissive
    ("eCos-2.0 WITH LLVM-exception", None),
]


@pytest.mark.parametrize(("text", "expression"), PARSED)
def test_parse(text: str, expression: str | None) -> None:
    assert parse(text) == expression


def test_hostile_length_and_nesting_have_a_limit() -> None:
    fitting = "MIT" + " " * (MAX_CHARS - 3)
    assert parse(fitting) == "MIT" and parse(fitting + " ") is None
    assert parse("(" * MAX_NESTING + "MIT" + ")" * MAX_NESTING) == "MIT"
    assert parse("(" * (MAX_NESTING + 1) + "MIT" + ")" * (MAX_NESTING + 1)) is None
    assert parse("(" * 1_000_000) is None


def test_every_id_of_the_list_is_one_and_no_replacement_is_replaced() -> None:
    for spdx_id in spdx_list().classes:
        expression = parse(spdx_id.upper())
        assert expression is not None and parse(expression) == expression
    assert all(parse(expression) == expression for expression in REPLACED.values())


COMBINED = [
    ("AND", ["MIT"], "MIT"),
    ("AND", ["MIT", "ISC", "MIT"], "MIT AND ISC"),
    ("OR", ["ISC", "MIT"], "ISC OR MIT"),
    ("AND", ["MIT AND ISC", "ISC AND Zlib"], "MIT AND ISC AND Zlib"),
    ("AND", ["MIT OR ISC", "Zlib"], "(MIT OR ISC) AND Zlib"),
    ("AND", ["MIT OR ISC", "MIT OR ISC"], "MIT OR ISC"),
    ("OR", ["MIT AND ISC", "MIT"], "(MIT AND ISC) OR MIT"),
    ("OR", ["(MIT OR ISC) AND Zlib", "0BSD"], "((MIT OR ISC) AND Zlib) OR 0BSD"),
    ("OR", ["GPL-2.0-only WITH GCC-exception-2.0", "MIT"], "GPL-2.0-only WITH GCC-exception-2.0 OR MIT"),
]


@pytest.mark.parametrize(("operator", "expressions", "expression"), COMBINED)
def test_combine(operator: str, expressions: list[str], expression: str) -> None:
    assert combine(operator, expressions) == expression


def test_nothing_cannot_be_combined() -> None:
    with pytest.raises(ValueError, match="AND of no expressions"):
        combine("AND", [])


def test_ids_are_sorted_without_exceptions() -> None:
    assert ids("Zlib OR (MIT AND GPL-2.0-only WITH GCC-exception-2.0) OR MIT") == ["GPL-2.0-only", "MIT", "Zlib"]
    ids("MIT").append("changed by the caller")
    assert ids("MIT") == ["MIT"]


def test_operands_are_the_outermost() -> None:
    assert operands("(A OR (B AND C)) AND D WITH E") == ("AND", ("A OR (B AND C)", "D WITH E"))
    assert operands("A WITH E") == ("", ("A WITH E",))


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("LICENSE", "LicenseRef-file-LICENSE"),
        ("../../LICENSE.md", "LicenseRef-file-LICENSE.md"),
        ("./licences\\My Terms (1).txt", "LicenseRef-file-licences-My-Terms--1-.txt"),
        ("/LICENSE", "LicenseRef-file-LICENSE"),
        ("", "LicenseRef-file-"),
    ],
)
def test_file_reference(name: str, reference: str) -> None:
    assert file_reference(name) == reference


LICENCES = st.sampled_from(["MIT", "ISC", "GPL-2.0-only", "LicenseRef-x", "Apache-2.0 WITH LLVM-exception", "MPL-1.1+"])
EXPRESSIONS = st.recursive(
    LICENCES, lambda parts: st.builds(combine, st.sampled_from(["AND", "OR"]), st.lists(parts, min_size=1, max_size=3))
)


@given(st.text() | st.text("()MIT OR AND WITH+-LicenseRef", max_size=40))
def test_any_text_is_an_expression_or_none(text: str) -> None:
    expression = parse(text)
    assert expression is None or parse(expression) == expression


@given(EXPRESSIONS)
def test_what_combine_writes_is_normalised(expression: str) -> None:
    assert parse(expression) == expression


@given(EXPRESSIONS)
def test_operands_put_together_are_the_expression(expression: str) -> None:
    operator, parts = operands(expression)
    assert combine(operator or "AND", parts) == expression
    assert ids(expression) == sorted({licence for part in parts for licence in ids(part)})
