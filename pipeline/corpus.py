"""The whole story: sources to a list, the list to committed units, units to a release. Read this first.

Every stage is a small pipeline from committed files to committed files; what is committed is not done again. It imports
Beam.
"""

from typing import Any

import numpy as np

from pipeline import blocks, inputs, ledger, manifest, parquet, plan, storage, units
from pipeline.card import card
from pipeline.config import Config
from pipeline.decide import ChooseKept, EmitCandidates, WriteDecisions, candidate_type
from pipeline.engine import Engine
from pipeline.extract import ExtractUnit
from pipeline.label import LabelUnit
from pipeline.networks import HELD, CountShared, HeldTexts, assign_splits
from pipeline.progress import progress
from pipeline.run import Run, start
from pipeline.shards import WriteShards
from pipeline.sources import list_repositories
from pipeline.transforms import Exchange, ForEach, Return
from pipeline.workspace import Workspace
from schemas.release import REPOSITORIES

# Below, starting worker processes takes longer than it saves.
PARALLEL_OBJECT_BYTES = 8 << 20  # of repositories to extract
PARALLEL_TEXT_BYTES = 256 << 20  # of text to write


def list_names(workspace: Workspace, config: Config) -> None:
    """Sources to `repositories/`."""
    units.write_list(workspace, list_repositories(config))


def extract(workspace: Workspace, config: Config, engine: Engine, limit: int | None = None) -> None:
    """Listed repositories to committed units."""
    units.plan_generation(workspace, config.extract.large_repository_bytes, limit)
    sizes = {unit: units.object_bytes(unit) for unit in units.units(workspace) if not unit.committed}
    waiting = sorted(sizes, key=lambda unit: (-sizes[unit], unit))  # workers that take turns end together
    work = ExtractUnit(str(config.folder), workspace, config.extract)
    with progress("extract", "units", len(waiting), lambda: sum(unit.committed for unit in waiting)):
        if waiting:
            parallel = sum(sizes.values()) > PARALLEL_OBJECT_BYTES
            engine.run("extract", lambda p: p | ForEach([unit.id for unit in waiting], work), parallel=parallel)
    inputs.check_bugs(workspace)


def release(
    workspace: Workspace, config: Config, engine: Engine, partial: bool = False, skip_committed: bool = True
) -> dict[str, Any]:
    """Committed units to `release/`: shards, ledger, clusters, manifest and card. Returns the manifest."""
    run = start(workspace, config, engine, partial, skip_committed)
    label(run)
    measure_networks(run)
    decide(run)
    shards = plan.plan(run.folders, run.unit_ids, config.release)
    write(run, shards)
    write_ledger(run)
    return commit(run, shards)


def label(run: Run) -> None:
    """unit -> the reasons of its files"""
    work = LabelUnit(run.folders, run.config.resolved()["rules"])
    run.once("label", run.folders.labels, lambda p: p | ForEach(run.unit_ids, work))


def measure_networks(run: Run) -> None:
    """units -> which repositories belong together -> the split of each"""
    partitions = blocks.partition_count(sum(run.rows.values()), HELD.itemsize)
    count = Exchange(run.unit_ids, HeldTexts(run.folders, partitions), CountShared(run.folders.networks))
    run.once("networks", run.folders.networks, lambda p: p | "Count" >> count)
    if not (run.skip_committed and run.folders.splits.exists()):
        keys = [key for unit_id in run.unit_ids for key in inputs.repo_keys(units.Unit.of(run.workspace, unit_id))]
        with storage.commit(run.folders.splits) as temporary, temporary.open("wb") as out:
            np.save(out, assign_splits(run.folders.networks, keys, run.config.split))


def decide(run: Run) -> None:
    """units, reasons -> for every file: kept, or removed with all its reasons and the copy that stays"""
    order = run.config.dedup.keep
    partitions = blocks.partition_count(sum(run.rows.values()), candidate_type(order).itemsize)
    choose = Exchange(run.unit_ids, EmitCandidates(run.folders, order, partitions), ChooseKept(run.folders, order))
    write = Return(run.unit_ids, WriteDecisions(run.folders))
    run.once("decide", run.folders.decisions, lambda p: p | "Choose" >> choose | "Write" >> write)


def write(run: Run, shards: list[plan.Shard]) -> None:
    """shard specifications -> shards; those that stand already are taken over"""
    target = run.workspace.next_release
    storage.delete_strays(target, {shard.name for shard in shards})
    tasks = plan.tasks(shards)
    plan.write_tasks(run.folders.tasks, tasks)
    work = WriteShards(run.folders, run.config.release.compression_level, run.skip_committed)
    parallel = sum(shard.text_bytes for shard in shards) > PARALLEL_TEXT_BYTES
    with progress("write", "shards", len(shards), lambda: sum((target / shard.name).exists() for shard in shards)):
        run.engine.run("write", lambda p: p | ForEach(range(len(tasks)), work), parallel=parallel)


def write_ledger(run: Run) -> None:
    """decisions -> every removed file with its reasons, every cluster, every repository"""
    tasks = ledger.ledger_tasks(run.rows)
    work = ledger.WriteLedger(run.folders, run.config.resolved()["rules"], tasks)
    run.engine.run("ledger", lambda p: p | ForEach(range(len(tasks)), work))
    with storage.commit(run.workspace.next_release / "ledger/repositories.parquet") as temporary:
        parquet.write(temporary, run.repositories.drop("object_bytes").to_arrow(), REPOSITORIES)


def commit(run: Run, shards: list[plan.Shard]) -> dict[str, Any]:
    """Manifest and card, then the new release takes the old one's place."""
    values = manifest.build(run, shards)
    folder = run.workspace.next_release
    with storage.commit(folder / "README.md") as temporary:
        temporary.write_text(card(values), "utf-8")
    values["card"] = {"sha256": storage.sha256(folder / "README.md")}
    storage.write_json(folder / "manifest.json", values)
    storage.swap(folder, run.workspace.release)
    run.forget_older({shard.digest for shard in shards})
    return values
