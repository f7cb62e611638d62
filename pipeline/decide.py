"""Stage 3: which file of equal ones stays, and with that the final word on every file.

Only ids move. A file that breaks a rule is never the one that stays, so it cannot take a good copy with it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from filters.keep import keep_ranks
from pipeline import blocks, inputs, parquet, storage
from pipeline.label import read_columns
from pipeline.networks import SPLITS, split_of_rows
from pipeline.run import Folders
from pipeline.units import Unit
from schemas.decisions import DECISIONS

EXACT_DUPLICATE = "exact_duplicate"
VERDICT = np.dtype([("row", np.int64), ("kept", np.uint64, 2), ("size", np.int32), ("has_kept", np.bool_)])


def candidate_type(order: Sequence[str]) -> np.dtype:
    """A file with a text, as it moves to the partition of its text: sorted by its fields, the first one stays."""
    return np.dtype(
        [
            *(("text", np.uint64, 2), ("has_reason", np.bool_), ("rank", np.int64, len(order))),
            ("repository", np.uint64),  # hash of its key: copies of one repository in another go together
            *(("file", np.uint64, 2), ("unit", np.int64), ("row", np.int64), ("split", np.uint8)),
        ]
    )


@dataclass(frozen=True)
class EmitCandidates:
    """Call it with a unit's id."""

    folders: Folders
    order: Sequence[str]
    partitions: int

    def __call__(self, unit_id: int) -> Iterator[tuple[int, bytes]]:
        """(partition, block of candidates): every file with a text."""
        unit = Unit.of(self.folders.workspace, unit_id)
        files = read_columns(unit, ["text_id", "file_id", "path", "length_bytes", "repository_index"])
        files = files.with_columns(
            path_depth=pl.col("path").str.count_matches("/", literal=True),
            has_reason=pl.Series(pa.compute.list_value_length(_reasons(self.folders, unit))) > 0,
            split=split_of_rows(self.folders, unit, files["repository_index"]),
        ).with_row_index("row")
        files = inputs.read(self.folders.inputs).without_passed_over(unit_id, files)
        files = files.hstack(known_of_repositories(unit)[files["repository_index"]]).filter(
            pl.col("text_id").is_not_null()
        )
        records = np.empty(files.height, candidate_type(self.order))
        records["text"], records["file"] = blocks.ids(files["text_id"]), blocks.ids(files["file_id"])
        records["rank"] = keep_ranks(files, self.order)
        records["repository"] = files["repository"]
        records["has_reason"], records["split"] = files["has_reason"], files["split"]
        records["row"], records["unit"] = files["row"], unit_id
        yield from blocks.split(records, records["text"][:, 0], self.partitions)


def _reasons(folders: Folders, unit: Unit) -> pa.ChunkedArray:
    return parquet.read(folders.labels / f"{unit.name}.parquet")["removal_reasons"]


def known_of_repositories(unit: Unit) -> pl.DataFrame:
    """What the archive knows of a unit's repositories, and the hashes of their keys, in the order of their indices."""
    columns = ["star_events_count", "fork_events_count", "first_seen", "repo_key"]
    known = parquet.read_frame(unit.path("outcomes.parquet"), columns)
    hashes = [int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) for key in known["repo_key"]]
    return known.drop("repo_key").with_columns(repository=pl.Series(hashes, dtype=pl.UInt64))


@dataclass(frozen=True)
class ChooseKept:
    """Call it with a partition and its blocks."""

    folders: Folders
    order: Sequence[str]

    def __call__(self, partition: int, candidates: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
        """(unit id, block of VERDICT) for every file that has equals. Writes how many texts cross the splits."""
        records = blocks.join(candidates, candidate_type(self.order))
        records = records[_sorted(records)]
        bounds = blocks.groups(records["text"])
        sizes = np.diff(bounds)
        first = np.repeat(bounds[:-1], sizes)
        verdicts = np.empty(len(records), VERDICT)
        verdicts["row"] = records["row"]
        verdicts["kept"] = records["file"][first]
        verdicts["size"] = np.repeat(sizes, sizes)
        verdicts["has_kept"] = ~records["has_reason"][first]
        storage.write_json(
            self.folders.decisions / f"overlap/part-{partition:05d}.json", _overlap(records["split"], bounds)
        )
        several = verdicts["size"] > 1
        yield from blocks.by_number(verdicts[several], records["unit"][several])


def _overlap(split: np.ndarray, bounds: np.ndarray) -> dict[str, int]:
    """Distinct texts of the held-out repositories, and how many of these the train repositories have too."""
    in_train = np.add.reduceat(split == 0, bounds[:-1]) > 0
    held_out = np.add.reduceat(split != 0, bounds[:-1]) > 0
    return {"held_out_texts": int(held_out.sum()), "shared_texts": int((held_out & in_train).sum())}


def _sorted(records: np.ndarray) -> np.ndarray:
    """The order by text, reason, ranks, file: lexsort takes the last key first."""
    keys = [records["file"][:, 1], records["file"][:, 0], records["repository"]]
    keys += [records["rank"][:, i] for i in reversed(range(records["rank"].shape[1]))]
    keys += [records["has_reason"], records["text"][:, 1], records["text"][:, 0]]
    return np.lexsort(keys)


@dataclass(frozen=True)
class WriteDecisions:
    """Call it with a unit's id and its blocks of verdicts."""

    folders: Folders

    def __call__(self, unit_id: int, verdicts: Iterable[bytes]) -> tuple[()]:
        """Writes DECISIONS and their summary."""
        unit = Unit.of(self.folders.workspace, unit_id)
        files = read_columns(unit, ["file_id", "text_id", "language", "length_bytes", "text_bytes", "repository_index"])
        decisions = decide(files, _reasons(self.folders, unit), blocks.join(verdicts, VERDICT))
        with storage.commit(self.folders.decisions / f"{unit.name}.parquet") as temporary:
            parquet.write(temporary, decisions.to_arrow(), DECISIONS)
        split = split_of_rows(self.folders, unit, files["repository_index"])
        rows = files.hstack(decisions).with_columns(split)
        storage.write_json(self.folders.decisions / f"{unit.name}.json", _summary(rows, _group_of_rows(unit)))
        return ()


def decide(files: pl.DataFrame, reasons: pa.ChunkedArray, verdicts: np.ndarray) -> pl.DataFrame:
    """DECISIONS for the rows of `files`: their reasons, and `exact_duplicate` where an equal file stays instead."""
    text = files["text_id"].is_not_null()
    given = pl.DataFrame(
        {
            "row": verdicts["row"],
            "kept_id": pl.Series(blocks.to_bytes(verdicts["kept"]), dtype=pl.Binary),
            "size": verdicts["size"],
            "has_kept": verdicts["has_kept"],
        }
    ).sort("row")
    rows = files.select("file_id").with_columns(removal_reasons=pl.Series(reasons), text=text)
    rows = rows.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    rows = rows.join(given, on="row", how="left", maintain_order="left")
    alone = pl.col("size").is_null()
    good = pl.col("removal_reasons").list.len() == 0
    twin = pl.col("has_kept").fill_null(False) & (pl.col("kept_id") != pl.col("file_id"))
    cluster = pl.when(twin).then("kept_id").when(good & pl.col("text")).then("file_id")
    return rows.select(
        removal_reasons=pl.when(twin)
        .then(pl.col("removal_reasons").list.concat(pl.lit([EXACT_DUPLICATE])))
        .otherwise("removal_reasons"),
        cluster_id=cluster,
        cluster_size=pl.when(pl.col("text")).then(pl.when(alone).then(1).otherwise("size")).cast(pl.Int32),
    )


def _group_of_rows(unit: Unit) -> np.ndarray:
    """int64: the row group of every row of the unit's file."""
    footer = pq.read_metadata(unit.path("parquet"))
    sizes = [footer.row_group(i).num_rows for i in range(footer.num_row_groups)]
    return np.repeat(np.arange(len(sizes)), sizes)


def _summary(rows: pl.DataFrame, group: np.ndarray) -> dict[str, Any]:
    """What the planner and the manifest need: slices of kept rows, and counts of removed ones."""
    rows = rows.with_columns(
        group=pl.Series(group, dtype=pl.Int64),
        kept=pl.col("removal_reasons").list.len() == 0,
        bytes=pl.col("length_bytes").fill_null(0),
    ).with_row_index("row")
    return {
        "rows": rows.height,
        "slices": [_slice(key, part) for key, part in _by(rows.filter("kept"), ["language", "split", "group"])],
        "languages": [
            {"language": key[0], "files": part.height, "bytes": int(part["bytes"].sum())}
            for key, part in _by(rows, ["language"])
        ],
        "reasons": _reason_counts(rows),
    }


def _by(rows: pl.DataFrame, keys: list[str]) -> Iterator[tuple[tuple[Any, ...], pl.DataFrame]]:
    yield from rows.sort(keys, nulls_last=True, maintain_order=True).group_by(keys, maintain_order=True)


def _slice(key: tuple[Any, ...], rows: pl.DataFrame) -> dict[str, Any]:
    """Kept rows of one language, split and row group; the digest names these rows and what is decided of them."""
    chosen = rows["row"].to_numpy().astype("<i8").tobytes() + rows["cluster_size"].to_numpy().astype("<i4").tobytes()
    return {
        "language": key[0],
        "split": SPLITS[key[1]],
        "group": key[2],
        "rows": rows.height,
        "bytes": int(rows["text_bytes"].sum()),
        "digest": hashlib.blake2b(chosen, digest_size=16).hexdigest(),
    }


def _reason_counts(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Files and bytes by language and reason; `alone` are those that this reason alone removes."""
    alone = pl.col("removal_reasons").list.len() == 1
    removed = rows.filter(~pl.col("kept")).with_columns(alone=alone).explode("removal_reasons")
    counted = removed.group_by("language", "removal_reasons").agg(
        files=pl.len(), alone=pl.col("alone").sum(), bytes=pl.col("bytes").sum()
    )
    return counted.rename({"removal_reasons": "reason"}).sort("reason", "language", nulls_last=True).to_dicts()
