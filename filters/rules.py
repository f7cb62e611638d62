"""Every rule, in order: a named decision over stored columns. A rule says where the defect holds; it removes nothing.

A null never holds: a file without text is not the business of a rule about text (`label` gives it its own reason).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import polars as pl

# The Stack v2 lets lines of markup and data be long: StarCoder2 paper, 3.1.
MARKUP = ("HTML", "JSON", "Markdown", "Roff", "Roff Manpage", "SMT", "TeX", "Text", "XML")


class Rule(NamedTuple):
    """`holds` gives the expression for its keyword thresholds; `value` is what it measures, null where nothing is."""

    holds: Callable[..., pl.Expr]
    value: pl.Expr


def ratio(part: str, whole: str) -> pl.Expr:
    """One division of two stored counts; null where the whole is 0."""
    return pl.when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole))


def empty_file() -> pl.Expr:
    """A text without a character.

    Why: there is nothing to learn from it, and all of them are equal.
    >>> reasons(empty_file, ""), reasons(empty_file, "x")
    (['empty_file'], [])
    """
    return pl.col("length_chars") == 0


def unknown_language() -> pl.Expr:
    """A text whose language Linguist does not know by its name or first line.

    Why: readers choose by language; data files without an extension hide here.
    Source: The Stack v2 publishes the files that go-enry can name.
    >>> reasons(unknown_language, "x", language=None), reasons(unknown_language, "x", language="Python")
    (['unknown_language'], [])
    """
    return pl.col("language").is_null() & pl.col("text_id").is_not_null()


def large_file(*, max_bytes: int = 1_048_576) -> pl.Expr:
    """A text of more than `max_bytes` bytes.

    Why: data and generated code; one file would outweigh a repository.
    Source: The Stack v2 uses 10 MiB; 1 MiB is what `[extract] max_file_bytes` reads by default.
    >>> reasons(large_file, "xyz", max_bytes=2), reasons(large_file, "xy", max_bytes=2)
    (['large_file'], [])
    """
    return (pl.col("length_bytes") > max_bytes) & pl.col("text_id").is_not_null()


def long_line(*, max_chars: int = 1_000, exempt: Sequence[str] = MARKUP, exempt_max_chars: int = 100_000) -> pl.Expr:
    """A line longer than `max_chars` characters; `exempt_max_chars` in the `exempt` languages.

    Why: minified, generated or embedded data; a model learns nothing from it.
    Source: The Stack v2; bigcode-dataset `line_max` 1000, after Codex (arXiv:2107.03374).
    >>> reasons(long_line, "x" * 1001), reasons(long_line, "x" * 1000)
    (['long_line'], [])
    """
    limit = pl.when(_in(exempt)).then(exempt_max_chars).otherwise(max_chars)
    return pl.col("max_line_length") > limit


def long_mean_line(*, max_chars: int = 100, exempt: Sequence[str] = MARKUP) -> pl.Expr:
    """Lines longer than `max_chars` characters in the mean; not in the `exempt` languages.

    Why: as `long_line`, for data cut into lines.
    Source: The Stack v2; Codex (arXiv:2107.03374).
    >>> reasons(long_mean_line, "x" * 101), reasons(long_mean_line, "x" * 100)
    (['long_mean_line'], [])
    """
    return (ratio("line_chars", "line_count") > max_chars) & ~_in(exempt)


def many_lines(
    *,
    max_lines: int = 100_000,
    data: Sequence[str] = ("Graphviz (DOT)", "JSON", "Text", "Web Ontology Language", "YAML"),
    data_max_lines: int = 512,
) -> pl.Expr:
    """More than `max_lines` lines; more than `data_max_lines` in the `data` languages.

    Why: long files of data languages are data.
    Source: The Stack v2 (StarCoder2 paper, 3.1): 100,000; 512 for Text, JSON, YAML, OWL and DOT.
    >>> reasons(many_lines, "x\\n" * 513, language="JSON"), reasons(many_lines, "x\\n" * 512, language="JSON")
    (['many_lines'], [])
    """
    return pl.col("line_count") > pl.when(_in(data)).then(data_max_lines).otherwise(max_lines)


def few_letters(
    *, min_fraction: float = 0.25, digits_count: Sequence[str] = ("Motorola 68K Assembly", "WebAssembly")
) -> pl.Expr:
    """Less than `min_fraction` of the characters are letters; letters or digits in the `digits_count` languages.

    Why: tables of numbers, encoded data, drawings.
    Source: The Stack v2; Codex (arXiv:2107.03374) has 0.25 of letters and digits.
    >>> reasons(few_letters, "x---."), reasons(few_letters, "x---")
    (['few_letters'], [])
    """
    letters = pl.when(_in(digits_count)).then(pl.col("alnum_count")).otherwise(pl.col("alpha_count"))
    return pl.when(pl.col("length_chars") > 0).then(letters / pl.col("length_chars") < min_fraction)


def generated() -> pl.Expr:
    """A program wrote it: its path, a marker in its head, or the shape of minified code says so.

    Why: it repeats its generator, and nobody reads it.
    Source: The Stack v2 (Linguist's rules and five phrases in the first five lines); `filters/generated.py`.
    >>> reasons(generated, "x", generated_by="phrase"), reasons(generated, "x", generated_by=None)
    (['generated'], [])
    """
    return pl.col("generated_by").is_not_null() & pl.col("text_id").is_not_null()


def _in(languages: Sequence[str]) -> pl.Expr:
    """True where the language is one of these; false, not null, where there is none."""
    return pl.col("language").is_in(list(languages)).fill_null(False)


NOTHING = pl.lit(None, dtype=pl.Float64)

# In this order users see them: what costs least to say comes first.
RULES = {
    rule.holds.__name__: rule
    for rule in (
        Rule(empty_file, NOTHING),
        Rule(unknown_language, NOTHING),
        Rule(large_file, pl.col("length_bytes")),
        Rule(long_line, pl.col("max_line_length")),
        Rule(long_mean_line, ratio("line_chars", "line_count")),
        Rule(many_lines, pl.col("line_count")),
        Rule(few_letters, ratio("alpha_count", "length_chars")),
        Rule(generated, NOTHING),
    )
}
