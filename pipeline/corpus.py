"""The whole story: sources to a list, the list to committed units, units to a release. Read this first.

Every stage is a small pipeline from committed files to committed files; what is committed is not done again. It imports
Beam.
"""

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from filters.pairs import Limits, limits
from pipeline import blocks, deaths, inputs, ledger, manifest, parquet, plan, storage, units
from pipeline.again import to_read_again
from pipeline.candidates import BANDED, ComparePairs, EmitBands, band_groups
from pipeline.card.text import read_text
from pipeline.card.write import check_untouched, write_card
from pipeline.config import Config
from pipeline.decide import ChooseKept, EmitCandidates, WriteDecisions, candidate_type
from pipeline.distinct import HOLDER, EmitTexts, FirstHolders, WriteDistinct, distinct_count
from pipeline.engine import Engine
from pipeline.errors import WorkerDied
from pipeline.extract import ExtractUnit
from pipeline.groups import write_groups
from pipeline.label import LabelUnit
from pipeline.networks import HELD, CountShared, HeldTexts, assign_splits
from pipeline.progress import progress
from pipeline.run import Run, start
from pipeline.settle import MergePairs, SettlePairs, WriteShingles, settle_parts
from pipeline.shards import WriteShards
from pipeline.sources import archive
from pipeline.sources.listing import follow_renames, list_repositories
from pipeline.takedown import enforce, patch, tombstones
from pipeline.transforms import Exchange, ForEach, Return
from pipeline.workspace import Workspace
from schemas.release import REPOSITORIES

# Below, starting worker processes takes longer than it saves.
PARALLEL_HOURS = 4  # of an archive to read
PARALLEL_OBJECT_BYTES = 8 << 20  # of repositories to extract
PARALLEL_TEXT_BYTES = 256 << 20  # of text to write


def list_names(workspace: Workspace, config: Config, engine: Engine) -> None:
    """Sources to `repositories/`."""
    numbers = [number for number, source in enumerate(config.source) if source.gharchive]
    merges = {number: read_archive(workspace, config, engine, number) for number in numbers}
    archives = {number: archive.archive_rows(merge, config.source[number]) for number, merge in merges.items()}
    totals = {str(number): merge.archive.totals() for number, merge in merges.items()}
    storage.write_json(workspace.repositories / "archives.json", totals)
    archive.forget_others(workspace, merges.values())
    units.write_list(workspace, list_repositories(config, archives, inputs.renames(workspace)))


def read_archive(workspace: Workspace, config: Config, engine: Engine, number: int) -> archive.Merge:
    """hours of GH Archive -> what each says of its repositories -> the repositories of them all"""
    hours = archive.plan(workspace, config, number)
    if waiting := hours.waiting():
        with progress("archive", "hours", len(waiting), lambda: len(waiting) - len(hours.waiting())):
            read = ForEach(waiting, archive.ReadHour(hours))
            engine.run("archive", lambda p: p | read, parallel=len(waiting) > PARALLEL_HOURS)
    merge = archive.plan_merge(hours)
    if not merge.done.exists():
        together = Exchange(merge.batches, archive.EmitHours(merge), archive.MergePartition(merge))
        engine.run("merge", lambda p: p | "Merge" >> together)
        storage.write_json(merge.done, {})
    return merge


def extract(
    workspace: Workspace,
    config: Config,
    engine: Engine,
    limit: int | None = None,
    retry: Collection[str] = (),
    refresh: bool = False,
) -> None:
    """Listed repositories to committed units; those to read again, if any, and those under a new name."""
    extract_planned(workspace, config, engine)  # first what an earlier run has begun, so that its end changes nothing
    again = to_read_again(workspace, retry, refresh)
    deaths.forget(workspace, again["repo_key"].to_pylist())
    while (wanted := pa.concat_tables([again, with_new_names(workspace, config, limit)])).num_rows:
        units.write_generation(workspace, wanted, config.extract.large_repository_bytes)
        extract_planned(workspace, config, engine)
        again = again.slice(0, 0)
    inputs.check_bugs(workspace)


def with_new_names(workspace: Workspace, config: Config, limit: int | None) -> pa.Table:
    """Repositories that no generation has, those among them to which their forge has sent us on"""
    if renames := inputs.renames(workspace):
        units.write_list(workspace, follow_renames(units.read_list(workspace), renames, config))
    return units.unplanned(workspace, limit)


def extract_planned(workspace: Workspace, config: Config, engine: Engine) -> None:
    """Planned units to committed ones."""
    units.forget_fetched(workspace)
    sizes = {unit: units.expected_bytes(unit) for unit in units.units(workspace) if not unit.committed}
    if not sizes:
        return
    waiting = sorted(sizes, key=lambda unit: (-sizes[unit], unit))  # workers that take turns end together
    refused = enforce.refused(workspace, config)
    work = ExtractUnit(str(config.folder), workspace, config.extract, config.fetch, refused=refused)
    parallel = sum(sizes.values()) > PARALLEL_OBJECT_BYTES
    watched = deaths.is_suspected(workspace)
    deaths.forget_notes(workspace)
    with progress("extract", "units", len(waiting), lambda: sum(unit.committed for unit in waiting)):
        try:
            each = ForEach([unit.id for unit in waiting], work)
            engine.run("extract", lambda p: p | each, parallel=parallel, watched=watched)
        except WorkerDied as error:
            deaths.record(workspace, error.process)
            raise


def release(
    workspace: Workspace, config: Config, engine: Engine, partial: bool = False, skip_committed: bool = True
) -> dict[str, Any]:
    """Committed units to `release/`: shards, ledger, clusters, manifest and card. Returns the manifest."""
    read_text(config)  # what is wrong with it is told now, not when all is done
    check_untouched(workspace.release)
    run = start(workspace, config, engine, partial, skip_committed)
    label(run)
    measure_networks(run)
    measure_pairs(run)
    decide(run)
    shards = plan.plan(run.folders, run.unit_ids, config.release)
    write(run, shards)
    write_ledger(run)
    return commit(run, shards)


def label(run: Run) -> None:
    """unit -> the reasons of its files"""
    work = LabelUnit.of(run.folders, run.config)
    run.once("label", run.folders.labels, lambda p: p | ForEach(run.unit_ids, work))


def measure_networks(run: Run) -> None:
    """units -> which repositories belong together -> the split of each"""
    partitions = blocks.partition_count(sum(run.rows.values()), HELD.itemsize)
    count = Exchange(run.unit_ids, HeldTexts(run.folders, partitions), CountShared(run.folders.networks))
    run.once("networks", run.folders.networks, lambda p: p | "Count" >> count)
    if not (run.skip_committed and run.folders.splits.exists()):
        keys, forks = inputs.repo_keys(run.workspace, run.unit_ids)
        storage.write_array(run.folders.splits, assign_splits(run.folders.networks, keys, forks, run.config.split))


def measure_pairs(run: Run) -> None:
    """units -> distinct texts -> pairs that share a band -> verified pairs -> groups of texts that they join"""
    dedup, folders = run.config.dedup, run.folders
    if run.skip_committed and (folders.pairs / "groups.npy").exists():
        return
    if dedup.near_duplicates:
        find_pairs(run, limits(dedup.min_similarity))
    write_groups(folders)


def find_pairs(run: Run, found: Limits) -> None:
    """distinct texts -> candidates, some bands at a time -> pairs, those near the threshold settled by their texts"""
    dedup, folders, unit_ids = run.config.dedup, run.folders, run.unit_ids
    partitions = blocks.partition_count(sum(run.rows.values()), HOLDER.itemsize)
    first = Exchange(unit_ids, EmitTexts(folders, partitions), FirstHolders(folders))
    write = Return(unit_ids, WriteDistinct(folders))
    run.once("distinct", folders.pairs / "distinct", lambda p: p | "First" >> first | "Write" >> write)
    texts = distinct_count(folders.pairs)
    for bands in band_groups(texts, dedup.memory_bytes):
        compare_bands(run, bands, texts, found)
    count = settle_parts(folders)
    merge, settle = MergePairs(folders, count, found), SettlePairs(folders, found, dedup.min_similarity)
    run.once("merge", folders.pairs / "merged", lambda p: p | ForEach(range(count), merge), count)
    run.once("shingles", folders.pairs / "shingles", lambda p: p | ForEach(unit_ids, WriteShingles(folders)))
    run.once("settle", folders.pairs / "verified", lambda p: p | ForEach(range(count), settle), count)


def compare_bands(run: Run, bands: tuple[int, int], texts: int, found: Limits) -> None:
    """distinct texts -> pairs that share one of these bands"""
    partitions = blocks.partition_count(texts * (bands[1] - bands[0]), BANDED.itemsize)
    emit, gather = EmitBands(run.folders, bands, partitions), ComparePairs(run.folders, bands, found)
    folder = run.folders.pairs / f"estimated/bands-{bands[0]:02d}-{bands[1]:02d}"
    run.once("candidates", folder, lambda p: p | "Compare" >> Exchange(run.unit_ids, emit, gather), partitions)


def decide(run: Run) -> None:
    """units, reasons -> for every file: kept, or removed with all its reasons and the copy that stays"""
    order = run.config.dedup.keep
    partitions = blocks.partition_count(sum(run.rows.values()), candidate_type(order).itemsize)
    gather = ChooseKept(run.folders, order, partitions, limits(run.config.dedup.min_similarity))
    choose = Exchange(run.unit_ids, EmitCandidates(run.folders, order, partitions), gather)
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
    table = inputs.published(run.repositories, run.refused.repositories).drop("object_bytes").to_arrow()
    with storage.commit(run.workspace.next_release / "ledger/repositories.parquet") as temporary:
        parquet.write(temporary, table, REPOSITORIES)
    gone = patch.to_delete(run.workspace.release, patch.find(run.workspace.release, run.refused))
    tombstones.write(run.workspace.next_release, run.workspace.release, gone, run.config.release.version)


def commit(run: Run, shards: list[plan.Shard]) -> dict[str, Any]:
    """Card and manifest, then the new release takes the old one's place."""
    folder = run.workspace.next_release
    values = write_card(folder, manifest.build(run, shards), read_text(run.config))
    storage.write_json(folder / "manifest.json", values)
    storage.swap(folder, run.workspace.release)
    run.forget_older({shard.digest for shard in shards})
    return values
