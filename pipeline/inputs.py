"""What a release is made from: the committed units, and which of their repositories count."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import polars as pl

from pipeline import parquet, storage
from pipeline.errors import CorpusError, WorkspaceError
from pipeline.units import Unit, read_list, units
from pipeline.workspace import Workspace

MAX_BUGS, MAX_BUG_FRACTION = 3, 0.005  # of repositories: what a run shrugs off, and from where it stops


@dataclass(frozen=True)
class Inputs:
    """`offsets`: by unit id, the number of the unit's first repository; repositories are numbered in unit order.
    `superseded`: by unit id, the indices of its repositories that a newer generation has read again."""

    digest: str
    offsets: dict[int, int]
    superseded: dict[int, list[int]]

    @property
    def unit_ids(self) -> list[int]:
        return list(self.offsets)


def gather(workspace: Workspace) -> tuple[Inputs, pl.DataFrame]:
    """The inputs of a release, and every listed repository with its outcome.

    Raises WorkspaceError when nothing is committed.
    """
    committed = [unit for unit in units(workspace) if unit.committed]
    if not committed:
        raise WorkspaceError(f"{workspace.root}: nothing extracted yet; run `stackyard extract` first")
    commits = {unit.name: unit.commit()["files"] for unit in committed}
    outcomes = pl.concat([_outcomes(unit) for unit in committed])
    newest = pl.col("unit_id").eq(pl.col("unit_id").filter(pl.col("outcome") != "failed").max()).over("repo_key")
    last = pl.col("unit_id").eq(pl.col("unit_id").max()).over("repo_key")
    good = pl.col("outcome").ne("failed").any().over("repo_key")
    outcomes = outcomes.with_columns(counts=pl.when(good).then(newest.fill_null(False)).otherwise(last))
    old = outcomes.filter(~pl.col("counts")).group_by("unit_id").agg("repository_index").sort("unit_id")
    counts = [sum(unit.commit()["repositories"].values()) for unit in committed]
    starts = dict(zip((unit.id for unit in committed), accumulate(counts, initial=0), strict=False))
    superseded = {row["unit_id"]: sorted(row["repository_index"]) for row in old.iter_rows(named=True)}
    inputs = Inputs(storage.digest(commits), starts, superseded)
    return inputs, _with_pending(workspace, outcomes)


def _outcomes(unit: Unit) -> pl.DataFrame:
    frame = parquet.read_frame(unit.path("outcomes.parquet"))
    return frame.with_columns(unit_id=pl.lit(unit.id)).with_row_index("repository_index")


def _with_pending(workspace: Workspace, outcomes: pl.DataFrame) -> pl.DataFrame:
    """Every listed repository once with one outcome: ok, empty, failed, excluded or pending."""
    listed = pl.DataFrame(pl.from_arrow(read_list(workspace)))
    counting = outcomes.filter("counts").select(
        "repo_key", "outcome", "code", "detail", "commit_id", "entry_count", "text_count", "text_bytes"
    )
    excluded = pl.col("excluded").is_not_null()
    wanted = listed.filter(~excluded).join(counting, on="repo_key", how="left", maintain_order="left")
    others = listed.filter(excluded).with_columns(
        outcome=pl.lit("excluded"), code=pl.col("excluded"), detail=pl.col("excluded_detail")
    )
    everything = pl.concat([wanted, others], how="diagonal").drop("excluded", "excluded_detail")
    return everything.with_columns(pl.col("outcome").fill_null("pending")).sort("repo_key", "outcome", "location")


def write(path: Path, inputs: Inputs) -> None:
    """For workers, which read them by name."""
    storage.write_json(
        path,
        {
            "digest": inputs.digest,
            "offsets": {str(unit_id): start for unit_id, start in inputs.offsets.items()},
            "superseded": {str(unit_id): indices for unit_id, indices in inputs.superseded.items()},
        },
    )


@lru_cache(maxsize=1)
def read(path: Path) -> Inputs:
    """The inputs that the driver wrote."""
    values: dict[str, Any] = storage.read_json(path)
    return Inputs(
        values["digest"],
        {int(unit_id): start for unit_id, start in sorted(values["offsets"].items(), key=lambda item: int(item[0]))},
        {int(unit_id): indices for unit_id, indices in values["superseded"].items()},
    )


def repo_keys(unit: Unit) -> list[str]:
    """The keys of a unit's repositories in the order of their numbers."""
    keys: list[str] = parquet.read(unit.path("outcomes.parquet"), ["repo_key"])["repo_key"].to_pylist()
    return keys


def check_complete(repositories: pl.DataFrame) -> None:
    """Raises CorpusError while listed repositories wait to be extracted."""
    pending = repositories.filter(pl.col("outcome") == "pending").height
    if pending:
        raise CorpusError(
            f"release: {pending} of {repositories.height} repositories are not extracted yet; run `stackyard extract`, "
            "or release what is there with --partial"
        )


def check_bugs(workspace: Workspace) -> None:
    """Raises CorpusError when too many repositories failed for reasons that nobody foresaw."""
    committed = [unit for unit in units(workspace) if unit.committed]
    commits = [unit.commit() for unit in committed]
    bugs = sum(commit["bugs"] for commit in commits)
    repositories = sum(sum(commit["repositories"].values()) for commit in commits)
    if bugs > max(MAX_BUGS, MAX_BUG_FRACTION * repositories):
        failed = pl.concat([_outcomes(unit) for unit in committed]).filter(pl.col("code") == "bug")
        names = failed["detail"].value_counts(sort=True)["detail"].head(3).to_list()
        raise CorpusError(
            f"extract: {bugs} of {repositories} repositories failed with bugs of stackyard itself, more than it "
            f"goes on with; please report {', '.join(names)}: see {workspace.journal / 'bugs'}"
        )
