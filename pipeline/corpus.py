"""The whole story: sources to a list, the list to committed units, units to a release. Read this first.

Every stage is a small pipeline from committed files to committed files. What is committed is not done again: a stage's
folder is named by the digest of all that it depends on. Imports Beam.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipeline import blocks, inputs, ledger, manifest, parquet, plan, storage, units
from pipeline.card import card
from pipeline.config import Config, resolved_rules
from pipeline.decide import ChooseKept, EmitCandidates, WriteDecisions, candidate_type
from pipeline.engine import Engine
from pipeline.errors import CorpusError
from pipeline.extract import ExtractUnit
from pipeline.label import LabelUnit
from pipeline.networks import HELD, CountShared, HeldTexts, assign_splits
from pipeline.progress import progress
from pipeline.shards import WriteShards
from pipeline.sources import list_repositories
from pipeline.transforms import Exchange, ForEach, Return
from pipeline.workspace import Workspace
from schemas.release import REPOSITORIES

PARALLEL_BYTES = 256 << 20  # of text: below, starting worker processes takes longer than the work
MAX_BUGS, MAX_BUG_FRACTION = 3, 0.005  # of repositories: what a run shrugs off, and from where it stops


def list_names(workspace: Workspace, config: Config) -> None:
    """Sources to `repositories/`."""
    units.write_list(workspace, list_repositories(config))


def extract(workspace: Workspace, config: Config, engine: Engine, limit: int | None = None) -> None:
    """Listed repositories to committed units."""
    units.plan_generation(workspace, config.extract.large_repository_bytes, limit)
    waiting = units.by_size(unit for unit in units.units(workspace) if not unit.committed)
    work = ExtractUnit(str(config.folder), workspace, config.extract)
    with progress("extract", "units", len(waiting), lambda: sum(unit.committed for unit in waiting)):
        if waiting:
            engine.run("extract", lambda p: p | ForEach([unit.id for unit in waiting], work), parallel=True)
    _check_bugs(workspace)


def release(workspace: Workspace, config: Config, engine: Engine, partial: bool = False) -> dict[str, Any]:
    """Committed units to `release/`: shards, ledger, clusters, manifest and card. Returns the manifest."""
    known, repositories = inputs.gather(workspace)
    _check_pending(repositories, partial)
    run = Run(workspace, config, engine, known, repositories)
    label(run)
    measure_networks(run)
    decide(run)
    shards = plan.plan(
        workspace, run.decisions, known.unit_ids, config.release.shard_bytes, config.release.compression_level
    )
    write(run, shards)
    write_ledger(run)
    return commit(run, shards)


@dataclass
class Run:
    """One release in the making: what it is made from, and the folders of its stages."""

    workspace: Workspace
    config: Config
    engine: Engine
    known: inputs.Inputs
    repositories: pl.DataFrame
    skip_committed: bool = True  # off only to show that doing it again gives the same bytes

    @cached_property
    def inputs(self) -> Path:
        """The inputs' file, for workers."""
        path = self.workspace.work / f"inputs-{self.known.digest}.json"
        inputs.write(path, self.known)
        return path

    @property
    def rules(self) -> dict[str, dict[str, Any]]:
        return resolved_rules(self.config.rules)

    @property
    def labels(self) -> Path:
        return self._folder("labels", self.rules)

    @property
    def networks(self) -> Path:
        return self._folder("networks")

    @property
    def splits(self) -> Path:
        return self._folder("splits", self.config.split.model_dump()) / "splits.npy"

    @property
    def decisions(self) -> Path:
        return self._folder("decisions", self.rules, self.config.dedup.keep, self.config.split.model_dump())

    @property
    def written(self) -> Path:
        """Records of shards by the digest of their specification, of this release and the last."""
        return self.workspace.work / "written"

    def _folder(self, stage: str, *depends_on: Any) -> Path:
        return self.workspace.work / f"{stage}-{storage.digest([self.known.digest, *depends_on])}"

    @cached_property
    def rows(self) -> dict[int, int]:
        """Rows by unit id."""
        return {i: units.Unit.of(self.workspace, i).commit()["rows"] for i in self.known.unit_ids}

    def once(self, stage: str, folder: Path, make: Callable[[], None]) -> None:
        """Makes a stage's folder unless it is complete already."""
        done = folder / "done.json"
        if self.skip_committed and done.exists():
            return
        find = folder.rglob
        with progress(
            stage, "units", len(self.known.unit_ids), lambda: len({path.with_suffix("") for path in find("unit-*")})
        ):
            make()
        storage.write_json(done, {})


def label(run: Run) -> None:
    """unit -> the reasons of its files"""
    work = LabelUnit(run.workspace, run.inputs, run.rules, run.labels)
    run.once("label", run.labels, lambda: run.engine.run("label", lambda p: p | ForEach(run.known.unit_ids, work)))


def measure_networks(run: Run) -> None:
    """units -> which repositories belong together -> the split of each"""
    partitions = blocks.partition_count(sum(run.rows.values()), HELD.itemsize)
    held = HeldTexts(run.workspace, run.inputs, run.networks, partitions)
    count = Exchange(run.known.unit_ids, held, CountShared(run.networks))
    run.once("networks", run.networks, lambda: run.engine.run("networks", lambda p: p | "Count" >> count))
    if not run.splits.exists():
        keys = [key for i in run.known.unit_ids for key in inputs.repo_keys(units.Unit.of(run.workspace, i))]
        with storage.commit(run.splits) as temporary, temporary.open("wb") as out:
            np.save(out, assign_splits(run.networks, keys, run.config.split))


def decide(run: Run) -> None:
    """units, reasons -> for every file: kept, or removed with all its reasons and the copy that stays"""
    order = run.config.dedup.keep
    partitions = blocks.partition_count(sum(run.rows.values()), candidate_type(order).itemsize)
    emit = EmitCandidates(run.workspace, run.inputs, run.labels, run.splits, order, partitions)
    choose = ChooseKept(order, run.decisions)
    choices = Exchange(run.known.unit_ids, emit, choose)
    writing = Return(
        run.known.unit_ids, WriteDecisions(run.workspace, run.inputs, run.labels, run.splits, run.decisions)
    )
    run.once(
        "decide",
        run.decisions,
        lambda: run.engine.run("decide", lambda p: p | "Choose" >> choices | "Write" >> writing),
    )


def write(run: Run, shards: Sequence[plan.Shard]) -> None:
    """shard specifications -> shards; those that stand already are taken over"""
    storage.delete_strays(run.workspace.next_release, {shard.name for shard in shards})
    tasks = plan.tasks(list(shards))
    folder = run.workspace.work / "tasks"
    storage.delete_tree(folder)
    for number, task in enumerate(tasks):
        plan.write_task(folder / f"{number:05d}.json", task)
    level = run.config.release.compression_level
    work = WriteShards(
        run.workspace, run.inputs, run.decisions, run.splits, folder, run.written, level, run.skip_committed
    )
    target = run.workspace.next_release
    with progress("write", "shards", len(shards), lambda: sum((target / shard.name).exists() for shard in shards)):
        parallel = sum(shard.text_bytes for shard in shards) > PARALLEL_BYTES
        run.engine.run("write", lambda p: p | ForEach(range(len(tasks)), work), parallel=parallel)


def write_ledger(run: Run) -> None:
    """decisions -> every removed file with its reasons, every cluster, every repository"""
    tasks = ledger.ledger_tasks(run.rows)
    work = ledger.WriteLedger(run.workspace, run.decisions, run.rules, tasks)
    run.engine.run("ledger", lambda p: p | ForEach(range(len(tasks)), work))
    with storage.commit(run.workspace.next_release / "ledger/repositories.parquet") as temporary:
        parquet.write(temporary, run.repositories.to_arrow(), REPOSITORIES)


def commit(run: Run, shards: list[plan.Shard]) -> dict[str, Any]:
    """Manifest and card, then the new release takes the old one's place."""
    parts = [storage.read_json(path) for path in sorted((run.decisions / "overlap").glob("*.json"))]
    overlap = {name: sum(part[name] for part in parts) for name in ("held_out_texts", "shared_texts")}
    values = manifest.build(
        run.workspace, run.config, run.decisions, run.written, run.repositories, run.known.unit_ids, shards, overlap
    )
    folder = run.workspace.next_release
    with storage.commit(folder / "README.md") as temporary:
        temporary.write_text(card(values))
    storage.write_json(folder / "manifest.json", values)
    storage.swap(folder, run.workspace.release)
    _forget(run, {shard.digest for shard in shards})
    return values


def _forget(run: Run, digests: set[str]) -> None:
    """What only an older release needed is gone."""
    current = {run.labels, run.networks, run.splits.parent, run.decisions, run.inputs, run.written}
    for path in run.workspace.work.iterdir():
        if path not in current:
            storage.delete_tree(path)
    for record in run.written.glob("*.json"):
        if record.stem not in digests:
            record.unlink()


def _check_bugs(workspace: Workspace) -> None:
    """Raises CorpusError when too many repositories failed for reasons that nobody foresaw."""
    commits = [unit.commit() for unit in units.units(workspace) if unit.committed]
    bugs = sum(commit["bugs"] for commit in commits)
    repositories = sum(sum(commit["repositories"].values()) for commit in commits)
    if bugs > max(MAX_BUGS, MAX_BUG_FRACTION * repositories):
        found: Counter[str] = Counter()
        for unit in units.units(workspace):
            found.update(inputs.bug_details(unit))
        names = ", ".join(name for name, _ in found.most_common(3))
        raise CorpusError(
            f"extract: {bugs} of {repositories} repositories failed with bugs of stackyard itself, more than it "
            f"goes on with; please report {names}: see {workspace.journal / 'bugs'}"
        )


def _check_pending(repositories: pl.DataFrame, partial: bool) -> None:
    pending = repositories.filter(pl.col("outcome") == "pending").height
    if pending and not partial:
        raise CorpusError(
            f"release: {pending} of {repositories.height} repositories are not extracted yet; run `stackyard extract`, "
            "or release what is there with --partial"
        )
