"""Labels: every reason of every file. Nothing is removed here."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from filters.rules import RULES

Rules = Mapping[str, Mapping[str, Any]]


def label(files: pl.DataFrame, rules: Rules) -> pl.Series:
    """`removal_reasons`, a list of names for every row: why it has no text, then the rules that hold, in rule order.

    `rules` are the thresholds by rule name, with `enabled`. A null counts as "does not hold". `files` are rows of FILES
    with what is JOINED; `is_own` and `source_language` may be missing.
    """
    missing = {"is_own": False, "source_language": True}
    files = files.with_columns(**{name: pl.lit(value) for name, value in missing.items() if name not in files.columns})
    named = [pl.when(holds.fill_null(False)).then(pl.lit(name)) for name, holds in expressions(rules).items()]
    return files.select(removal_reasons=pl.concat_list(pl.col("unread_reason"), *named).list.drop_nulls())[
        "removal_reasons"
    ]


def expressions(rules: Rules) -> dict[str, pl.Expr]:
    """The enabled rules' expressions by name, in rule order; none holds for a file without a text."""
    return {
        name: rule.holds(**thresholds(rules[name])) & pl.col("text_id").is_not_null()
        for name, rule in RULES.items()
        if rules[name]["enabled"]
    }


def values(rules: Rules) -> dict[str, pl.Expr]:
    """What each rule measures, by name, in rule order: float64, null where it measures nothing."""
    return {
        name: (rule.value if isinstance(rule.value, pl.Expr) else rule.value(**thresholds(rules[name]))).cast(
            pl.Float64
        )
        for name, rule in RULES.items()
    }


def thresholds(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule's section without `enabled`."""
    return {name: value for name, value in rule.items() if name != "enabled"}
