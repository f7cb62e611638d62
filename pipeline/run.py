"""One release in the making: what it is made from, and where its stages read and write."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline import inputs, storage
from pipeline.config import Config
from pipeline.progress import progress
from pipeline.takedown.enforce import enforce
from pipeline.takedown.scope import Scope
from pipeline.units import Unit
from pipeline.workspace import LAYOUT, Workspace

if TYPE_CHECKING:
    from pipeline.engine import Engine  # imports Beam, which the functions that take a Folders do without


@dataclass(frozen=True)
class Folders:
    """Where the stages of one release read and write; every worker gets it. Named by the digest of what they hold
    depends on, so a stage whose folder is complete is not run again."""

    workspace: Workspace
    inputs: Path  # file
    labels: Path
    networks: Path
    splits: Path  # file
    pairs: Path
    decisions: Path

    @property
    def tasks(self) -> Path:
        """What each call of `write` has to do."""
        return self.workspace.work / "tasks"

    @property
    def written(self) -> Path:
        """Records of shards by the digest of their specification, of this release and the last."""
        return self.workspace.work / "written"


def folders(workspace: Workspace, config: Config, known: str) -> Folders:
    """The folders of a release from inputs with this digest."""

    def folder(stage: str, *depends_on: Any) -> Path:
        return workspace.work / f"{stage}-{storage.digest([LAYOUT, known, *depends_on])}"

    values = config.resolved()
    dedup, split = values["dedup"], values["split"]
    labelled_by = [values["rules"], values["license"], [(own["rights"], own["languages"]) for own in values["source"]]]
    measured_by = [dedup["near_duplicates"], dedup["min_similarity"]]
    return Folders(
        workspace,
        inputs=folder("inputs") / "inputs.json",
        labels=folder("labels", *labelled_by),
        networks=folder("networks"),
        splits=folder("splits", split) / "splits.npy",
        pairs=folder("pairs", *measured_by),
        decisions=folder("decisions", *labelled_by, *measured_by, dedup["keep"], split),
    )


@dataclass
class Run:
    """`repositories` is every listed repository with its outcome; `refused` is what must not be in the release.
    `skip_committed` is off only to show that doing everything again gives the same bytes."""

    workspace: Workspace
    config: Config
    engine: "Engine"
    known: inputs.Inputs
    repositories: pl.DataFrame
    folders: Folders
    refused: Scope
    skip_committed: bool

    @property
    def unit_ids(self) -> list[int]:
        return self.known.unit_ids

    @cached_property
    def rows(self) -> dict[int, int]:
        """Rows by unit id."""
        return {unit_id: Unit.of(self.workspace, unit_id).commit()["rows"] for unit_id in self.unit_ids}

    def once(self, stage: str, folder: Path, build: Callable[[Any], Any], parts: int | None = None) -> None:
        """Runs a stage's pipeline unless its folder is complete already; it writes so many parts, or every unit."""
        done = folder / "done.json"
        if self.skip_committed and done.exists():
            return

        def written() -> int:
            names = "unit-*" if parts is None else "part-*"
            return len({path.with_name(path.name.split(".")[0]) for path in folder.rglob(names)})

        with progress(stage, *(("units", len(self.unit_ids)) if parts is None else ("parts", parts)), written):
            self.engine.run(stage, build)
        storage.write_json(done, {})

    def forget_older(self, digests: set[str]) -> None:
        """What only an older release needed is gone; `digests` are those of the current shards."""
        current = self.folders
        needed = {current.inputs.parent, current.splits.parent}
        needed |= {current.labels, current.networks, current.pairs, current.decisions}
        for path in self.workspace.work.iterdir():
            if path not in needed | {current.written}:
                storage.delete_tree(path)
        for record in current.written.glob("*.json"):
            if record.stem not in digests:
                record.unlink()


def start(workspace: Workspace, config: Config, engine: "Engine", partial: bool, skip_committed: bool) -> Run:
    """A release of what is committed, when requests for a takedown have been carried out.

    Raises CorpusError while repositories are pending, unless `partial`.
    """
    refused = enforce(workspace, config)
    known, repositories = inputs.gather(workspace)
    inputs.check_some(repositories)
    if not partial:
        inputs.check_complete(repositories)
    places = folders(workspace, config, known.digest)
    inputs.write(places.inputs, known)
    return Run(workspace, config, engine, known, repositories, places, refused, skip_committed)
