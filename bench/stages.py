"""Extract and release beside their floor: fixed seconds and marginal MB/s from two sizes, and the profile by step.

`python -m bench.stages [SMALL_COPIES LARGE_COPIES]`. The floor is what nobody can save: reading the same blobs with
`git cat-file --batch --buffer`, and writing the kept texts with pyarrow as zstd 3, on the same cores.
"""

import os
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from bench.corpus import build_copies
from pipeline import git, storage

BUILD = Path("build/bench")
WORKERS = len(os.sched_getaffinity(0))


class Cost(NamedTuple):
    """Wall clock and processor seconds, all processes together."""

    wall_s: float
    cpu_s: float


class Measured(NamedTuple):
    text_mb: float  # read
    kept_mb: float  # written
    files: int
    ours: dict[str, Cost]
    floor: dict[str, Cost]


def main() -> None:
    small, large = [int(word) for word in sys.argv[1:]] or [1, 8]
    sizes = [measure(copies) for copies in (small, large)]
    for size in sizes:
        print(
            f"\n{size.files:,} files, {size.text_mb:,.0f} MB of text read, {size.kept_mb:,.0f} MB kept, {WORKERS} cores"
        )
        for name, cost in (size.ours | size.floor).items():
            print(f"  {name:<14}{cost.wall_s:8.1f} s wall {cost.cpu_s:8.1f} s cpu")
    print("\nfixed seconds and marginal MB/s (wall), marginal processor seconds by GB")
    for name in sizes[0].ours | sizes[0].floor:
        print(f"  {name:<14}" + _line(*[(size.text_mb, (size.ours | size.floor)[name]) for size in sizes]))
    ours, floor = _marginal(sizes, "ours"), _marginal(sizes, "floor")
    wall, cpu = ours.wall_s / floor.wall_s, ours.cpu_s / floor.cpu_s
    print(f"\nextract + release to the floor, marginal: {wall:.2f} wall, {cpu:.2f} cpu")
    print(f"profile of extract, worker seconds: {_profile(large)}")


def measure(copies: int) -> Measured:
    """Runs both halves on a corpus of this size from nothing, then the floor on the same corpus."""
    corpus = BUILD / f"corpus-{copies}"
    build_copies(Path("build/demo"), corpus, copies)
    workspace = BUILD / f"workspace-{copies}"
    if workspace.exists():
        shutil.rmtree(workspace)
    configuration = BUILD / f"{copies}.toml"
    configuration.write_text(f'[[source]]\ndirectories = ["{corpus.name}"]\nrights = "own"\n')
    command = [sys.executable, "-m", "pipeline"]
    options = [str(configuration), "--workspace", str(workspace)]
    _timed(lambda: subprocess.run([*command, "list", *options], check=True, capture_output=True))
    ours = {
        step: _timed(lambda step=step: subprocess.run([*command, step, *options], check=True, capture_output=True))
        for step in ("extract", "release")
    }
    manifest = storage.read_json(workspace / "release" / "manifest.json")
    text_mb = sum(storage.read_json(path)["text_bytes"] for path in workspace.glob("files/g*/unit-*.json")) / 1e6
    floor = {"floor: read": floor_read(corpus), "floor: write": floor_write(workspace / "release")}
    return Measured(text_mb, manifest["files"]["text_bytes"] / 1e6, manifest["files"]["entries"], ours, floor)


def _timed(work) -> Cost:  # type: ignore[no-untyped-def]  # any callable
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.perf_counter() - start, cpu)


def floor_read(corpus: Path) -> Cost:
    """Every blob that extract reads, to nowhere."""
    return _parallel(_cat, sorted(corpus.glob("*/*.git")))


def _cat(repository: Path) -> float:
    """Processor seconds for listing and reading one repository."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    listing = subprocess.run(
        ["git", f"--git-dir={repository}", "ls-tree", "-r", "-z", "-l", "HEAD"], check=True, capture_output=True
    ).stdout
    rows = [line.split(b"\t")[0].split() for line in listing.split(b"\0")[:-1]]
    wanted = b"".join(row[2] + b"\n" for row in rows if row[3].isdigit() and int(row[3]) <= 1 << 20)
    command = ["git", f"--git-dir={repository}", "cat-file", "--batch", "--buffer"]
    subprocess.run(command, input=wanted, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def floor_write(release: Path) -> Cost:
    """The texts of every shard, written once."""
    return _parallel(_write, sorted(release.glob("data/*/*.parquet")))


def _write(shard: Path) -> float:
    """Processor seconds for writing one shard's texts; reading them is not counted."""
    table = pq.read_table(shard, columns=["content"])
    start = time.process_time()
    pq.write_table(table, f"{BUILD}/floor-{os.getpid()}.parquet", compression="zstd", compression_level=3)
    return time.process_time() - start


def _parallel(work, items) -> Cost:  # type: ignore[no-untyped-def]  # a function and its arguments
    """The work on all cores. Wall clock is the processor time shared among them: no waiting, the lowest floor."""
    with ProcessPoolExecutor(WORKERS) as pool:
        cpu = sum(pool.map(work, items))
    return Cost(cpu / WORKERS, cpu)


def _line(small: tuple[float, Cost], large: tuple[float, Cost]) -> str:
    seconds_by_mb = (large[1].wall_s - small[1].wall_s) / (large[0] - small[0])
    cpu_by_mb = (large[1].cpu_s - small[1].cpu_s) / (large[0] - small[0])
    fixed = small[1].wall_s - seconds_by_mb * small[0]
    return f"{fixed:8.1f} s fixed {1 / seconds_by_mb:8.1f} MB/s {cpu_by_mb * 1000:8.1f} s cpu/GB"


def _marginal(sizes: list[Measured], whose: str) -> Cost:
    """What the larger size costs more than the smaller."""
    totals = [[sum(cost[i] for cost in getattr(size, whose).values()) for i in (0, 1)] for size in sizes]
    return Cost(*(large - small for small, large in zip(*totals, strict=True)))


def _profile(copies: int) -> str:
    seconds: Counter[str] = Counter()
    for path in (BUILD / f"workspace-{copies}" / "journal").glob("extract/g*/*.json"):
        seconds.update(storage.read_json(path)["seconds"])
    return ", ".join(f"{name} {value:.1f}" for name, value in seconds.most_common())


if __name__ == "__main__":
    git.version()
    main()
