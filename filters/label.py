"""Labels: every reason of every file. Nothing is removed here."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from filters.rules import RULES


def label(files: pl.DataFrame, rules: Mapping[str, Mapping[str, Any]]) -> pl.Series:
    """`removal_reasons`, a list of names for every row: why it has no text, then the rules that hold, in rule order.

    `rules` are the thresholds by rule name, with `enabled`. A null counts as "does not hold".
    """
    named = [pl.when(holds.fill_null(False)).then(pl.lit(name)) for name, holds in expressions(rules).items()]
    return files.select(removal_reasons=pl.concat_list(pl.col("unread_reason"), *named).list.drop_nulls())[
        "removal_reasons"
    ]


def expressions(rules: Mapping[str, Mapping[str, Any]]) -> dict[str, pl.Expr]:
    """The enabled rules' expressions by name, in rule order."""
    return {
        name: rule.holds(**{key: value for key, value in rules[name].items() if key != "enabled"})
        for name, rule in RULES.items()
        if rules[name]["enabled"]
    }
