"""What the planner and the manifest need to know of a unit's decisions: slices of kept rows, and counts."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from pipeline.inputs import PASSED_OVER
from pipeline.networks import SPLITS

EXACT_DUPLICATE, NEAR_DUPLICATE = "exact_duplicate", "near_duplicate"
LABELLED = ["license_type", "license_expression", "license_path"]  # what a release publishes of a label
LARGE_CLUSTER = 100  # files; smaller ones are no matter for an alarm
SIZES = (1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18)  # bytes of text: upper ends of the card's size classes


def summarise(rows: pl.DataFrame) -> dict[str, Any]:
    """JSON values, for the rows of a unit with their decisions, licences, repositories, splits and row groups."""
    rows = rows.with_row_index("row").with_columns(
        kept=pl.col("removal_reasons").list.len() == 0,
        bytes=pl.col("length_bytes").fill_null(0),
        owner=pl.format("{}/{}", "host", pl.col("repo_name").str.split("/").list.first()),
    )
    kept = rows.filter("kept")
    return {
        "rows": rows.height,
        "funnel": funnel(rows),
        "slices": [_slice(key, part) for key, part in _by(kept, ["language", "split", "group"])],
        "languages": _counts(rows, ["language"]),
        "licenses": _counts(kept, ["license_type", "license_expression"], "text_bytes"),
        "sizes": _counts(kept.with_columns(size=_size_class()), ["size"], "text_bytes"),
        "reasons": _reason_counts(rows),
        "shares": [row for kind in ("language", "owner", "source") for row in _shares(rows, kind)],
        "clusters": _large_clusters(kept),
    }


def funnel(rows: pl.DataFrame) -> dict[str, int]:
    """Files left after each step: those that count, those with a text, without a reason, without exact copies."""
    reasons = pl.col("removal_reasons")
    counts = rows.filter(reasons.list.set_intersection(PASSED_OVER).list.len() == 0)
    texts = counts.filter(pl.col("text_id").is_not_null())
    passing = texts.filter(reasons.list.set_difference([EXACT_DUPLICATE, NEAR_DUPLICATE]).list.len() == 0)
    distinct = passing.filter(~reasons.list.contains(EXACT_DUPLICATE))
    return {"files": counts.height, "texts": texts.height, "passing": passing.height, "distinct": distinct.height}


def _by(rows: pl.DataFrame, keys: list[str]) -> Iterator[tuple[tuple[Any, ...], pl.DataFrame]]:
    yield from rows.sort(keys, nulls_last=True, maintain_order=True).group_by(keys, maintain_order=True)


def _slice(key: tuple[Any, ...], rows: pl.DataFrame) -> dict[str, Any]:
    """Kept rows of one language, split and row group; the digest names these rows and what is decided of them."""
    decided = rows.select("row", "cluster_size", *LABELLED).write_json().encode()
    return {
        "language": key[0],
        "split": SPLITS[key[1]],
        "group": key[2],
        "rows": rows.height,
        "bytes": int(rows["text_bytes"].sum()),
        "tokens": int(rows["token_count"].sum()),
        "digest": hashlib.blake2b(decided, digest_size=16).hexdigest(),
    }


def _counts(rows: pl.DataFrame, keys: list[str], size: str = "bytes") -> list[dict[str, Any]]:
    """Files, bytes and words by these columns."""
    counted = rows.group_by(keys).agg(files=pl.len(), bytes=pl.col(size).sum(), tokens=pl.col("token_count").sum())
    return counted.sort(keys, nulls_last=True).to_dicts()


def _size_class() -> pl.Expr:
    """The position in SIZES of the first that is not smaller than the text; len(SIZES) for larger texts."""
    return pl.sum_horizontal(pl.col("text_bytes") > end for end in SIZES).cast(pl.Int64)


def _reason_counts(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Files and bytes by language and reason; `alone` are those that this reason alone removes."""
    alone = pl.col("removal_reasons").list.len() == 1
    removed = rows.filter(~pl.col("kept")).with_columns(alone=alone).explode("removal_reasons")
    counted = removed.group_by("language", "removal_reasons").agg(
        files=pl.len(), alone=pl.col("alone").sum(), bytes=pl.col("bytes").sum()
    )
    return counted.rename({"removal_reasons": "reason"}).sort("reason", "language", nulls_last=True).to_dicts()


def _shares(rows: pl.DataFrame, kind: str) -> list[dict[str, Any]]:
    """Of each language, owner or source its texts, and how many of them each reason removes."""
    texts = rows.filter(pl.col("text_id").is_not_null()).with_columns(name=pl.col(kind).cast(pl.String))
    totals: Mapping[str, int] = dict(texts.group_by("name").len().iter_rows())
    removed = texts.explode("removal_reasons").drop_nulls("removal_reasons")
    counted = removed.group_by("name", "removal_reasons").len().sort("name", "removal_reasons", nulls_last=True)
    by_name: dict[str, dict[str, int]] = {name: {} for name in sorted(totals, key=str)}
    for name, reason, files in counted.iter_rows():
        by_name[name][reason] = files
    return [{"kind": kind, "name": name, "texts": totals[name], "reasons": found} for name, found in by_name.items()]


def _large_clusters(kept: pl.DataFrame) -> list[dict[str, Any]]:
    large = kept.filter(pl.col("cluster_size") >= LARGE_CLUSTER).sort("file_id")
    return large.select(
        file_id=pl.col("file_id").bin.encode("hex"),
        size="cluster_size",
        language="language",
        owner="owner",
        source=pl.col("source").cast(pl.String),
    ).to_dicts()
