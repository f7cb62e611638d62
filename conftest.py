"""What doctests and tests share."""

import inspect
from typing import Any

import numpy as np
import polars as pl
import pytest

from filters.encoded import find_encoded
from filters.html import visible_chars
from filters.label import label
from filters.signals import measure
from pipeline.config import resolved_rules

# What rules read besides the signals, as it is for an ordinary file.
ORDINARY = {
    "path": "src/a.py",
    "language": "Python",
    "unread_reason": None,
    "encoding_confidence": 1.0,
    "is_vendor": False,
    "is_documentation": False,
    "generated_by": None,
    "license_type": "permissive",
    "is_own": False,
    "source_language": True,
}
TYPES = {str: pl.String, float: pl.Float64, bool: pl.Boolean, type(None): pl.String}


def rule_row(text: str | None, **columns: Any) -> pl.DataFrame:
    """One file as rules see it: measured like any other, with some columns set by hand."""
    data = (text or "").encode()
    buffer, offsets = np.frombuffer(data, np.uint8), np.array([0, len(data)], np.int64)
    signals = measure(buffer, offsets)._asdict() | find_encoded(buffer, offsets)._asdict()
    counts = {name: int(value[0]) for name, value in signals.items()}
    row = ORDINARY | columns
    counts["visible_chars"] = visible_chars(data) if row["language"] == "HTML" else None
    if text is None:
        counts = dict.fromkeys(counts)
    row = counts | {"length_bytes": len(data), "text_id": b"0" * 16 if text is not None else None} | row
    types = dict.fromkeys(counts, pl.Int64) | {name: TYPES[type(value)] for name, value in ORDINARY.items()}
    return pl.DataFrame([row], schema_overrides=types | {"length_bytes": pl.Int64, "text_id": pl.Binary})


def reasons(rule: Any, text: str | None, **given: Any) -> list[str]:
    """The reasons that this rule alone gives for a text; `given` are thresholds, or columns of the file."""
    keys = given.keys() & inspect.signature(rule).parameters.keys()
    section = {"enabled": True} | {key: given.pop(key) for key in keys}
    return list(label(rule_row(text, **given), resolved_rules({"preset": "none", rule.__name__: section}))[0])


@pytest.fixture(autouse=True)
def _doctest_names(doctest_namespace: dict[str, Any]) -> None:
    doctest_namespace["reasons"] = reasons
