"""The counts of a release without some of its files, by subtraction: what remains adds up as before."""

import copy
from collections.abc import Mapping
from typing import Any

import polars as pl

from filters.language import UNKNOWN
from filters.rules import RULES
from pipeline.inputs import PASSED_OVER
from pipeline.summary import EXACT_DUPLICATE, NEAR_DUPLICATE, SIZES

REASONS = pl.col("removal_reasons").list


def without(
    former: Mapping[str, Any],
    rows: pl.DataFrame,
    removed: pl.DataFrame,
    repositories: Mapping[tuple[str, str | None, str], int],
) -> dict[str, Any]:
    """The manifest `former` after these went: `rows` that were published, and `removed` files of the ledger.

    `gone` says of each whether it leaves with its repository, as if it had never come in; the others are passed over
    for the reason in `code`. `repositories`: how many had this outcome and code, and what their code is now.
    """
    values = copy.deepcopy(dict(former))
    _publish_less(values, rows)
    _remove_less(values, removed)
    both = pl.concat([frame.select("language", "bytes", "gone", "code") for frame in (rows, removed)])
    _enter_less(values, both.filter("gone"))
    _pass_over(values, both.filter(~pl.col("gone")))
    for (outcome, code, now), count in repositories.items():
        _exclude(values["repositories"], outcome, code, now, count)
    for name in ("licenses", "sizes"):
        values[name] = [row for row in values[name] if row["files"]]
    for name, field in (("languages", "entries"), ("reasons", "files")):
        values[name] = {key: row for key, row in sorted(values[name].items()) if row[field]}
    return values


def _publish_less(values: dict[str, Any], rows: pl.DataFrame) -> None:
    """The rows leave every count of what is published."""
    rows = rows.with_columns(size=pl.sum_horizontal(pl.col("text_bytes") > end for end in SIZES).cast(pl.Int64))
    total = rows.select(
        kept=pl.len(), published=pl.len(), text_bytes=pl.sum("text_bytes"), tokens=pl.sum("token_count")
    )
    _subtract(values["files"], total.row(0, named=True))
    _subtract(values["funnel"], dict.fromkeys(values["funnel"], rows.height))
    by_language = rows.group_by("language").agg(
        kept=pl.len(), text_bytes=pl.sum("text_bytes"), tokens=pl.sum("token_count")
    )
    for row in by_language.iter_rows(named=True):
        _subtract(values["languages"][row.pop("language") or UNKNOWN], row)
    for name, keys in (("licenses", ["license_type", "license_expression"]), ("sizes", ["size"])):
        known = {tuple(row[key] for key in keys): row for row in values[name]}
        counted = rows.group_by(keys).agg(files=pl.len(), bytes=pl.sum("text_bytes"), tokens=pl.sum("token_count"))
        for row in counted.iter_rows(named=True):
            _subtract(known[tuple(row.pop(key) for key in keys)], row)
    for split, count in rows["split"].value_counts().iter_rows():
        _subtract(values["splits"]["rows"], {split: count})


def _remove_less(values: dict[str, Any], removed: pl.DataFrame) -> None:
    """The files leave every count of what was removed or passed over."""
    over = removed.filter(REASONS.set_intersection(PASSED_OVER).list.len() > 0)
    counting = removed.filter(REASONS.set_intersection(PASSED_OVER).list.len() == 0)
    texts = counting.filter(REASONS.set_difference([*RULES, EXACT_DUPLICATE, NEAR_DUPLICATE]).list.len() == 0)
    passing = texts.filter(REASONS.set_intersection(list(RULES)).list.len() == 0)
    distinct = passing.filter(~REASONS.contains(EXACT_DUPLICATE))
    steps = {"files": counting, "texts": texts, "passing": passing, "distinct": distinct}
    _subtract(values["files"], {"removed": counting.height, "passed_over": over.height})
    _subtract(values["funnel"], {step: files.height for step, files in steps.items()})
    each = (
        removed.with_columns(alone=REASONS.len() == 1).explode("removal_reasons").rename({"removal_reasons": "reason"})
    )
    _add_reasons(values, each, -1)


def _enter_less(values: dict[str, Any], files: pl.DataFrame) -> None:
    """The files never came in."""
    _subtract(values["files"], {"entries": files.height})
    counted = files.group_by("language").agg(entries=pl.len(), entry_bytes=pl.sum("bytes"))
    for row in counted.iter_rows(named=True):
        _subtract(values["languages"][row.pop("language") or UNKNOWN], row)


def _pass_over(values: dict[str, Any], files: pl.DataFrame) -> None:
    """The files came in and do not count."""
    _subtract(values["files"], {"passed_over": -files.height})
    _add_reasons(values, files.with_columns(alone=pl.lit(True)).rename({"code": "reason"}), 1)


def _add_reasons(values: dict[str, Any], files: pl.DataFrame, sign: int) -> None:
    counted = files.group_by("reason", "language").agg(files=pl.len(), alone=pl.sum("alone"), bytes=pl.sum("bytes"))
    for row in counted.sort("reason", "language").iter_rows(named=True):
        known = values["reasons"].setdefault(row["reason"], {"files": 0, "alone": 0, "bytes": 0, "languages": {}})
        for name in ("files", "alone", "bytes"):
            known[name] += sign * row[name]
        language = row["language"] or UNKNOWN
        by_language = known["languages"] | {language: known["languages"].get(language, 0) + sign * row["files"]}
        known["languages"] = {name: count for name, count in sorted(by_language.items()) if count}


def _exclude(counts: dict[str, Any], outcome: str, code: str | None, now: str, count: int) -> None:
    """Repositories with this outcome and code are excluded now."""
    _subtract(counts, {outcome: count})
    counts["excluded"] += count
    if outcome in ("failed", "excluded"):
        _subtract(counts["codes"], {f"{outcome}({code})": count})
    found = counts["codes"] | {f"excluded({now})": counts["codes"].get(f"excluded({now})", 0) + count}
    counts["codes"] = {name: number for name, number in sorted(found.items()) if number}


def _subtract(counts: dict[str, Any], less: Mapping[str, int]) -> None:
    for name, count in less.items():
        counts[name] -= count
