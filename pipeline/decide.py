"""Stage 4: which file of equal or similar ones stays, and with that the final word on every file.

Only ids move. A file that breaks a rule is never the one that stays, so it cannot take a good copy with it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from filters.greedy import keep_greedily, led
from filters.keep import keep_ranks
from filters.minhash import NUM_PERM
from filters.pairs import PAIR, Limits
from pipeline import blocks, inputs, parquet, storage
from pipeline.distinct import signatures_of
from pipeline.groups import group_keys, pairs_of_partition, places_of, positions
from pipeline.label import read_columns
from pipeline.networks import split_of_rows
from pipeline.run import Folders
from pipeline.summary import EXACT_DUPLICATE, LABELLED, NEAR_DUPLICATE, summarise
from pipeline.units import Unit
from schemas.decisions import DECISIONS

# `exact` is NaN where only the signatures were compared, and they were enough.
VERDICT = np.dtype(
    [
        *(("row", np.int64), ("kept", np.uint64, 2), ("has_kept", np.bool_), ("size", np.int32)),
        *(("is_near", np.bool_), ("estimated", np.float64), ("exact", np.float64)),
    ]
)


def candidate_type(order: Sequence[str]) -> np.dtype:
    """A file with a text, as it moves to the partition of its group: sorted by its fields, the first one stays."""
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
        labels = _labels(self.folders, unit)
        files = files.with_columns(
            labels["license_type"],
            path_depth=pl.col("path").str.count_matches("/", literal=True),
            has_reason=labels["removal_reasons"].list.len() > 0,
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
        yield from blocks.split(records, group_keys(self.folders, records["text"]), self.partitions)


def _labels(folders: Folders, unit: Unit) -> pl.DataFrame:
    return parquet.read_frame(folders.labels / f"{unit.name}.parquet", [*LABELLED, "removal_reasons"])


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
    partitions: int
    found: Limits

    def __call__(self, partition: int, candidates: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
        """(unit id, block of VERDICT) for every file that is not alone. Writes how many texts cross the splits."""
        records = blocks.join(candidates, candidate_type(self.order))
        records = records[_in_keep_order(records, "text")]
        bounds = blocks.groups(records["text"])
        sizes = np.diff(bounds)
        first = records[bounds[:-1]]  # the copy of each text that stays, if one does
        yields = self._yields(first, pairs_of_partition(self.folders, partition, self.partitions))
        cluster_sizes = np.bincount(yields.kept[yields.kept >= 0], sizes[yields.kept >= 0], len(first))
        text = np.repeat(np.arange(len(first)), sizes)
        kept = yields.kept[text]
        verdicts = np.empty(len(records), VERDICT)
        verdicts["row"] = records["row"]
        verdicts["kept"], verdicts["has_kept"] = first["file"][kept], kept >= 0
        verdicts["size"] = np.where(kept >= 0, cluster_sizes[kept], sizes[text])
        verdicts["is_near"] = (kept >= 0) & (kept != text)
        verdicts["estimated"], verdicts["exact"] = yields.estimated[text], yields.exact[text]
        storage.write_json(
            self.folders.decisions / f"overlap/part-{partition:05d}.json", _overlap(records["split"], bounds)
        )
        several = (verdicts["size"] > 1) | verdicts["is_near"]
        yield from blocks.by_number(verdicts[several], records["unit"][several])

    def _yields(self, first: np.ndarray, pairs: np.ndarray) -> "Yields":
        """What becomes of each text, from the pairs between them."""
        kept = np.where(first["has_reason"], -1, np.arange(len(first)))
        estimated, exact = np.ones(len(first)), np.ones(len(first))
        texts, numbers = np.unique(
            np.concatenate([positions(first["text"], pairs["a"]), positions(first["text"], pairs["b"])]),
            return_inverse=True,
        )
        numbered = np.empty(len(pairs), PAIR)
        numbered["a"], numbered["b"] = numbers[: len(pairs)], numbers[len(pairs) :]
        numbered["equal"], numbered["leader"] = pairs["equal"], pairs["leader"]
        places = places_of(self.folders, first["text"][texts][led(numbered)])
        chosen = keep_greedily(
            numbered,
            _in_keep_order(first[texts]),
            ~first["has_reason"][texts],
            signatures_of(self.folders, places),
            min(self.found.certain, NUM_PERM),
        )
        goes = (chosen.kept >= 0) & (chosen.kept != np.arange(len(texts)))
        kept[texts] = np.where(chosen.kept >= 0, texts[chosen.kept], -1)
        estimated[texts[goes]] = chosen.equal[goes] / NUM_PERM
        exact[texts[goes]] = np.where(chosen.pair >= 0, pairs["exact"][chosen.pair], np.nan)[goes]
        return Yields(kept, estimated, exact)


class Yields(NamedTuple):
    """One entry for each text. `kept`: the text that it yields to, itself when it stays, -1 when neither."""

    kept: np.ndarray
    estimated: np.ndarray
    exact: np.ndarray


def _overlap(split: np.ndarray, bounds: np.ndarray) -> dict[str, int]:
    """Distinct texts of the held-out repositories, and how many of these the train repositories have too."""
    in_train = np.add.reduceat(split == 0, bounds[:-1]) > 0
    held_out = np.add.reduceat(split != 0, bounds[:-1]) > 0
    return {"held_out_texts": int(held_out.sum()), "shared_texts": int((held_out & in_train).sum())}


def _in_keep_order(records: np.ndarray, *within: str) -> np.ndarray:
    """The order by reason, ranks, repository, file, `within` those fields. lexsort takes the last key first."""
    keys = [records["file"][:, 1], records["file"][:, 0], records["repository"]]
    keys += [records["rank"][:, i] for i in reversed(range(records["rank"].shape[1]))]
    keys += [records["has_reason"]]
    keys += [records[name][:, i] for name in within for i in (1, 0)]
    return np.lexsort(keys)


@dataclass(frozen=True)
class WriteDecisions:
    """Call it with a unit's id and its blocks of verdicts."""

    folders: Folders

    def __call__(self, unit_id: int, verdicts: Iterable[bytes]) -> tuple[()]:
        """Writes DECISIONS and their summary."""
        unit = Unit.of(self.folders.workspace, unit_id)
        columns = ["file_id", "text_id", "language", "length_bytes", "text_bytes", "token_count", "repository_index"]
        files = read_columns(unit, columns)
        labels = _labels(self.folders, unit)
        decisions = decide(files, labels["removal_reasons"], blocks.join(verdicts, VERDICT))
        with storage.commit(self.folders.decisions / f"{unit.name}.parquet") as temporary:
            parquet.write(temporary, decisions.to_arrow(), DECISIONS)
        index = files["repository_index"]
        repositories = parquet.read_frame(unit.path("outcomes.parquet"), ["host", "repo_name", "source"])[index]
        rows = files.hstack(decisions).hstack(labels.drop("removal_reasons")).hstack(repositories)
        rows = rows.with_columns(split_of_rows(self.folders, unit, index), pl.Series("group", _group_of_rows(unit)))
        storage.write_json(self.folders.decisions / f"{unit.name}.json", summarise(rows))
        return ()


def decide(files: pl.DataFrame, reasons: pl.Series, verdicts: np.ndarray) -> pl.DataFrame:
    """DECISIONS for the rows of `files`: their reasons, and that of a duplicate where another file stays instead."""
    given = pl.DataFrame(
        {
            "row": verdicts["row"],
            "kept_id": pl.Series(blocks.to_bytes(verdicts["kept"]), dtype=pl.Binary),
            **{name: verdicts[name] for name in ("has_kept", "size", "is_near", "estimated", "exact")},
        }
    ).sort("row")
    rows = files.select("file_id", text=pl.col("text_id").is_not_null()).with_columns(removal_reasons=reasons)
    rows = rows.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    rows = rows.join(given, on="row", how="left", maintain_order="left")
    good = (pl.col("removal_reasons").list.len() == 0) & pl.col("text")
    twin = pl.col("has_kept").fill_null(False) & (pl.col("kept_id") != pl.col("file_id"))
    reason = pl.when("is_near").then(pl.lit([NEAR_DUPLICATE])).otherwise(pl.lit([EXACT_DUPLICATE]))
    return rows.select(
        removal_reasons=pl.when(twin).then(pl.col("removal_reasons").list.concat(reason)).otherwise("removal_reasons"),
        cluster_id=pl.when(twin).then("kept_id").when(good).then("file_id"),
        cluster_size=pl.when("text").then(pl.col("size").fill_null(1)),
        estimated_similarity=pl.when(twin).then("estimated"),
        exact_similarity=pl.when(twin).then("exact").fill_nan(None),
    )


def _group_of_rows(unit: Unit) -> np.ndarray:
    """int64: the row group of every row of the unit's file."""
    footer = pq.read_metadata(unit.path("parquet"))
    sizes = [footer.row_group(i).num_rows for i in range(footer.num_row_groups)]
    return np.repeat(np.arange(len(sizes)), sizes)
