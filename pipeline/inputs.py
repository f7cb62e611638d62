"""What a release is made from: the committed units, and which of their repositories count."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import polars as pl

from pipeline import parquet, storage
from pipeline.errors import CorpusError, WorkspaceError
from pipeline.units import Unit, units
from pipeline.workspace import Workspace
from schemas.repositories import READ, WITHHELD

SUPERSEDED, NOT_LISTED = "superseded", "not_listed"
PASSED_OVER = (SUPERSEDED, NOT_LISTED, *WITHHELD)  # reasons of files that do not count
FINAL = ("legal", "renamed_to", *WITHHELD)  # codes after which what was read before does not count
MAX_BUGS, MAX_BUG_FRACTION = 3, 0.005  # of repositories: what a run shrugs off, and from where it stops


@dataclass(frozen=True)
class Inputs:
    """`offsets`: by unit id, the number of the unit's first repository; repositories are numbered in unit order.
    `passed_over`: by unit id and reason, the indices of repositories whose files do not count: `superseded` where a
    newer generation has read them again, `not_listed` where the sources do not have them any more, one of WITHHELD."""

    digest: str
    offsets: dict[int, int]
    passed_over: dict[int, dict[str, list[int]]]

    @property
    def unit_ids(self) -> list[int]:
        return list(self.offsets)

    def without_passed_over(self, unit_id: int, files: pl.DataFrame) -> pl.DataFrame:
        """The rows of a unit that count."""
        indices = [index for found in self.passed_over.get(unit_id, {}).values() for index in found]
        return files.filter(~pl.col("repository_index").is_in(indices)) if indices else files


def gather(workspace: Workspace) -> tuple[Inputs, pl.DataFrame]:
    """The inputs of a release, and every listed repository with its outcome.

    Raises WorkspaceError when nothing is committed.
    """
    committed = [unit for unit in units(workspace) if unit.committed]
    if not committed:
        raise WorkspaceError(f"{workspace.root}: nothing extracted yet; run `stackyard extract` first")
    commits = {unit: unit.commit() for unit in committed}
    outcomes = pl.concat([_outcomes(unit) for unit in committed])
    outcomes = outcomes.with_columns(counts=_counts().over("repo_key"))
    listed = parquet.read_frame(workspace.repositories / "repositories.parquet")
    wanted = pl.col("repo_key").is_in(listed.filter(pl.col("excluded").is_null())["repo_key"].implode())
    withheld = dict(listed.filter(pl.col("excluded").is_in(WITHHELD)).select("repo_key", "excluded").iter_rows())
    why = pl.col("repo_key").replace_strict(withheld, default=NOT_LISTED, return_dtype=pl.String)
    outcomes = outcomes.with_columns(reason=pl.when(~wanted).then(why).when(~pl.col("counts")).then(pl.lit(SUPERSEDED)))
    if lost := outcomes.filter(pl.col("reason").is_null() & (pl.col("outcome") == "unchanged"))["repo_key"].to_list():
        raise WorkspaceError(
            f"{workspace.files}: a generation is gone that {len(lost)} repositories were read in, the first {lost[0]}; "
            "put it back, or delete the generations after it"
        )
    old = outcomes.filter(pl.col("reason").is_not_null()).group_by("unit_id", "reason").agg("repository_index")
    counts = [sum(commit["repositories"].values()) for commit in commits.values()]
    starts = dict(zip((unit.id for unit in committed), accumulate(counts, initial=0), strict=False))
    passed_over: dict[int, dict[str, list[int]]] = {}
    for unit_id, why, indices in old.sort("unit_id", "reason").iter_rows():
        passed_over.setdefault(unit_id, {})[why] = sorted(indices)
    named = {str(unit_id): why for unit_id, why in passed_over.items()}
    inputs = Inputs(
        storage.digest([{unit.name: commit["files"] for unit, commit in commits.items()}, named]), starts, passed_over
    )
    return inputs, _with_pending(listed, outcomes.filter(pl.col("reason").is_null()))


def _counts() -> pl.Expr:
    """Of the outcomes of one repository the one that counts: the newest that was read, unless a newer one says that it
    must not be used any more; the newest of all when it never was read."""
    final = pl.col("code").is_in(FINAL).fill_null(False)
    usable = pl.col("unit_id").filter(pl.col("outcome").is_in(READ) | final).max()
    return pl.col("unit_id") == pl.coalesce(usable, pl.col("unit_id").max())


def _outcomes(unit: Unit) -> pl.DataFrame:
    frame = parquet.read_frame(unit.path("outcomes.parquet"))
    return frame.with_columns(unit_id=pl.lit(unit.id)).with_row_index("repository_index")


def _with_pending(listed: pl.DataFrame, outcomes: pl.DataFrame) -> pl.DataFrame:
    """Every listed repository once with one outcome: ok, empty, failed, excluded or pending."""
    counting = outcomes.select(
        *("repo_key", "outcome", "code", "detail", "commit_id", "entry_count", "text_count", "text_bytes"),
        read_from="location",
    )
    excluded = pl.col("excluded").is_not_null()
    wanted = listed.filter(~excluded).join(counting, on="repo_key", how="left", maintain_order="left")
    wanted = wanted.with_columns(location=pl.coalesce("read_from", "location")).drop("read_from")
    others = listed.filter(excluded).with_columns(
        outcome=pl.lit("excluded"), code=pl.col("excluded"), detail=pl.col("excluded_detail")
    )
    everything = pl.concat([wanted, others], how="diagonal").drop("excluded", "excluded_detail")
    return everything.with_columns(pl.col("outcome").fill_null("pending")).sort(
        "repo_key", "outcome", "location", "url", maintain_order=True
    )


def write(path: Path, inputs: Inputs) -> None:
    """For workers, which read them by name."""
    storage.write_json(
        path,
        {
            "digest": inputs.digest,
            "offsets": {str(unit_id): start for unit_id, start in inputs.offsets.items()},
            "passed_over": {str(unit_id): reasons for unit_id, reasons in inputs.passed_over.items()},
        },
    )


@lru_cache(maxsize=1)
def read(path: Path) -> Inputs:
    """The inputs that the driver wrote."""
    values: dict[str, Any] = storage.read_json(path)
    offsets = {int(unit_id): start for unit_id, start in values["offsets"].items()}
    passed_over = {int(unit_id): reasons for unit_id, reasons in values["passed_over"].items()}
    return Inputs(values["digest"], offsets, passed_over)


def repo_keys(workspace: Workspace, unit_ids: list[int]) -> tuple[list[str], list[str | None]]:
    """The keys of all repositories in the order of their numbers, and those of what they were forked from."""
    paths = [Unit.of(workspace, unit_id).path("outcomes.parquet") for unit_id in unit_ids]
    found = pl.concat([parquet.read_frame(path, ["repo_key", "fork_of"]) for path in paths])
    return found["repo_key"].to_list(), found["fork_of"].to_list()


def published(repositories: pl.DataFrame, refused: Collection[str]) -> pl.DataFrame:
    """The repositories whose names may be told, and nothing that names one of the others; `refused`: their keys."""
    withheld = pl.col("code").is_in(WITHHELD).fill_null(False)
    keys = [*refused, *repositories.filter(withheld)["repo_key"]]
    names = [name.lower() for key in keys for name in (key, key.partition("/")[2])]
    told = {
        column: pl.when(~pl.col(column).str.to_lowercase().is_in(names)).then(column)
        for column in ("fork_of", "detail")
    }
    return repositories.filter(~withheld).with_columns(**told)


def check_some(repositories: pl.DataFrame) -> None:
    """Raises CorpusError when no repository at all could be read."""
    failed = repositories.filter(pl.col("outcome") == "failed")
    if failed.height and not repositories["outcome"].is_in(["ok", "empty"]).any():
        key, code, detail = failed.select("repo_key", "code", "detail").row(0)
        raise CorpusError(f"release: all {failed.height} repositories failed; the first, {key}: {code}: {detail}")


def check_complete(repositories: pl.DataFrame) -> None:
    """Raises CorpusError while listed repositories wait to be extracted."""
    pending = repositories.filter(pl.col("outcome") == "pending").height
    if pending:
        raise CorpusError(
            f"release: {pending} of {repositories.height} repositories are not extracted yet; run `stackyard extract`, "
            "or release what is there with --partial"
        )


def renames(workspace: Workspace) -> list[tuple[str, str]]:
    """repo_key and new repo_name of the repositories that their forge redirected, oldest first."""
    committed = [unit for unit in units(workspace) if unit.committed]
    found = [_outcomes(unit) for unit in committed if unit.commit()["repositories"]["excluded"]]
    return [
        (key, repo_name)
        for frame in found
        for key, repo_name in frame.filter(pl.col("code") == "renamed_to").select("repo_key", "detail").iter_rows()
    ]


def check_bugs(workspace: Workspace) -> None:
    """Raises CorpusError when too many repositories failed for reasons that nobody foresaw."""
    if not any(unit.committed for unit in units(workspace)):
        return
    repositories = gather(workspace)[1].filter(pl.col("outcome").is_in([*READ, "failed"]))
    failed = repositories.filter(pl.col("code") == "bug")
    if failed.height > max(MAX_BUGS, MAX_BUG_FRACTION * repositories.height):
        names = failed["detail"].value_counts(sort=True)["detail"].head(3).to_list()
        raise CorpusError(
            f"extract: {failed.height} of {repositories.height} repositories failed with bugs of stackyard itself, "
            f"more than it goes on with; please report {', '.join(names)}: see {workspace.journal / 'bugs'}"
        )
