"""What doctests and tests share."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from filters.label import label
from filters.rules import RULES
from filters.signals import measure
from pipeline.config import resolved_rules


def rule_row(text: str | None, **columns: Any) -> pl.DataFrame:
    """One file as rules see it: measured like any other, with some columns set by hand."""
    data = (text or "").encode()
    signals = measure(np.frombuffer(data, np.uint8), np.array([0, len(data)], np.int64))._asdict()
    row: dict[str, Any] = {name: int(value[0]) if text is not None else None for name, value in signals.items()}
    row |= {"length_bytes": len(data), "text_id": b"0" * 16 if text is not None else None}
    row |= {"language": "Python", "generated_by": None, "unread_reason": None} | columns
    strings = {"language": pl.String, "generated_by": pl.String, "unread_reason": pl.String, "text_id": pl.Binary}
    return pl.DataFrame([row], schema_overrides=strings, infer_schema_length=None).with_columns(
        pl.col(name).cast(pl.Int64) for name in signals
    )


def reasons(rule: Any, text: str | None, **given: Any) -> list[str]:
    """The reasons that this rule alone gives for a text; `given` are thresholds, or columns of the file."""
    only = {name: {"enabled": name == rule.__name__} for name in RULES}
    columns = {"language", "generated_by", "length_bytes"}
    only[rule.__name__] |= {key: value for key, value in given.items() if key not in columns}
    row = rule_row(text, **{key: value for key, value in given.items() if key in columns})
    return list(label(row, resolved_rules(only))[0])


@pytest.fixture(autouse=True)
def _doctest_names(doctest_namespace: dict[str, Any]) -> None:
    doctest_namespace["reasons"] = reasons
