"""Our fetch beside `git clone --depth 1 --bare`, of the same small repositories from the same server on this machine.

    python -m bench.fetch --repositories 200 --threads 4

The floor is one bare `git fetch` for each repository, without our limits, its environment, the check of what was sent
and the attempts around it. Processor seconds are those of git and of the Python that runs it; the server's are not in
them, but in the wall clock. On a shared machine only the ratios mean something.
"""

import argparse
import hashlib
import multiprocessing
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from examples.demo_corpus import DATE_S, MIT, file_command, init_repository, run_git, source
from examples.git_server import serving
from pipeline import git
from pipeline.config import Extract, Fetch, Host
from pipeline.fetch.attempts import Attempts, Wanted
from pipeline.fetch.hosts import Hosts
from pipeline.fetch.once import HEAD, Fetched
from pipeline.fetch.unit import fetching

HOST = "bench.test"
FILES, COMMITS, CHANGED = 24, 20, 8  # of each repository; files that each commit but the first changes
ROUNDS = 3
MAX_FILE_BYTES = Extract().max_file_bytes


Way = Callable[[list[str], str, int, Path], None]  # names, url, threads, and the folder to fetch into


class Cost(NamedTuple):
    """Seconds of the wall clock and of processors, and what the server sent."""

    wall_s: float
    git_cpu_s: float
    python_cpu_s: float
    down_bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repositories", type=int, default=200, metavar="N")
    parser.add_argument("--threads", type=int, default=2 * len(os.sched_getaffinity(0)), metavar="N")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        names = [f"bench/repository-{number:04d}" for number in range(options.repositories)]
        for repo_name in names:
            write_history(Path(name) / "served" / f"{repo_name}.git", repo_name)
        with served(Path(name) / "served") as (url, sent_bytes):
            costs = measure(names, url, options.threads, sent_bytes, Path(name) / "fetched")
    print(f"{len(names)} repositories of {FILES} files and {COMMITS} commits, {options.threads} at once\n")
    print(f"{'':24}{'wall s':>8}{'cpu s':>8}{'of git':>8}{'MB down':>9}{'wall ms each':>14}{'cpu ms each':>13}")
    for what, cost in costs.items():
        print(line(what, cost, len(names)))
    for what, other in list(costs.items())[1:]:
        ours, cpu_s = costs["ours"], [c.git_cpu_s + c.python_cpu_s for c in (costs["ours"], other)]
        ratios = (ours.wall_s / other.wall_s, cpu_s[0] / cpu_s[1], ours.down_bytes / other.down_bytes)
        print("ours to {:<16}{:>8.2f} wall {:>7.2f} cpu {:>7.2f} bytes".format(what, *ratios))


def line(what: str, cost: Cost, count: int) -> str:
    """A line of the table."""
    cpu_s = cost.git_cpu_s + cost.python_cpu_s
    each = f"{1e3 * cost.wall_s / count:14.1f}{1e3 * cpu_s / count:13.1f}"
    return f"{what:24}{cost.wall_s:8.2f}{cpu_s:8.2f}{cost.git_cpu_s:8.2f}{cost.down_bytes / 1e6:9.2f}{each}"


def measure(names: list[str], url: str, threads: int, sent_bytes: Callable[[], int], folder: Path) -> dict[str, Cost]:
    """The least of each number over ROUNDS rounds, the ways taking turns, after a short one to warm up."""
    ways: dict[str, Way] = {
        "ours": fetch_ours,
        "git clone": partial(each, clone),
        "floor: git fetch": partial(each, fetch_bare),
    }
    found: dict[str, list[Cost]] = {way: [] for way in ways}
    for number in range(ROUNDS + 1):
        for way in sorted(ways, reverse=bool(number % 2)):
            work = partial(ways[way], names if number else names[:threads], url, threads, folder)
            found[way].append(cost_of(work, sent_bytes))
            shutil.rmtree(folder)
    return {way: Cost(*map(min, zip(*costs[1:], strict=True))) for way, costs in found.items()}


def cost_of(work: Callable[[], None], sent_bytes: Callable[[], int]) -> Cost:
    """What it takes."""
    before, python, git_, start_s = (
        sent_bytes(),
        cpu_s(resource.RUSAGE_SELF),
        cpu_s(resource.RUSAGE_CHILDREN),
        time.perf_counter(),
    )
    work()
    wall_s = time.perf_counter() - start_s
    return Cost(
        wall_s, cpu_s(resource.RUSAGE_CHILDREN) - git_, cpu_s(resource.RUSAGE_SELF) - python, sent_bytes() - before
    )


def cpu_s(whose: int) -> float:
    """Processor seconds of this process, or of its children that have ended."""
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


# The ways


def fetch_ours(names: list[str], url: str, threads: int, folder: Path) -> None:
    """As a worker fetches a unit, at a pace without limits."""
    host = Host(url=url, private_addresses=True, max_concurrent=threads, max_starts_per_s=1e6)
    settings = Fetch(hosts={HOST: host})
    attempts = Attempts(folder / "unit", settings, Hosts(folder / "hosts", settings), MAX_FILE_BYTES)
    wanted = [Wanted(number, f"https://{HOST}/{name}.git", HOST, None, None) for number, name in enumerate(names)]
    with fetching(wanted, attempts, threads) as results:
        assert all(result == Fetched(is_empty=False) for _, result in results)


def each(way: Callable[[str, Path], None], names: list[str], url: str, threads: int, folder: Path) -> None:
    """One call for each repository."""
    folder.mkdir()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda name: way(f"{url}/{name}.git", folder / name.replace("/", "-")), names))


def clone(url: str, folder: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", "--depth=1", "--bare", url, str(folder)], check=True)


def fetch_bare(url: str, folder: Path) -> None:
    """The arguments of pipeline/fetch/once.py and nothing else."""
    git.make_bare(folder)
    command = ["git", "-c", "fetch.unpackLimit=1", f"--git-dir={folder}", "fetch", "--quiet", "--depth=1", "--no-tags"]
    command += ["--no-write-fetch-head", "--no-auto-maintenance", f"--filter=blob:limit={MAX_FILE_BYTES + 1}"]
    subprocess.run([*command, "--", url, f"HEAD:{HEAD}"], check=True)


# The server and what it serves


def write_history(path: Path, topic: str) -> None:
    """A repository with COMMITS commits."""
    init_repository(path)
    lines = [b"feature done\n"]
    for number in range(COMMITS):
        lines.append(b"commit refs/heads/main\ncommitter Bench <bench@example.invalid> %d +0000\n" % (DATE_S + number))
        lines.append(b"data 0\n")
        changed = range(FILES) if number == 0 else (CHANGED * number + i for i in range(CHANGED))
        for file in changed:
            lines.append(file_command(b"src/%d.py" % (file % FILES), "100644", module(f"{topic} {file} {number}")))
        lines.append(file_command(b"LICENSE", "100644", MIT))
    run_git(path, "-c", "fastimport.unpackLimit=1", "fast-import", "--quiet", stdin=b"".join([*lines, b"done\n"]))


def module(topic: str) -> bytes:
    """Some kB of Python, of which half can be compressed."""
    noise = hashlib.shake_256(topic.encode())
    return source(f"topic{noise.hexdigest(4)}", 40) + f'TABLE = "{noise.hexdigest(2_000)}"\n'.encode()


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, Callable[[], int]]]:
    """The server's address, and how to ask what it has sent; in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=serve, args=(folder, its))
    process.start()

    def sent_bytes() -> int:
        ours.send(None)
        return int(ours.recv())

    try:
        yield ours.recv(), sent_bytes
    finally:
        process.terminate()
        process.join()


def serve(folder: Path, asked: Connection) -> None:
    """Until the process is ended."""
    with serving(folder) as server:
        asked.send(server.url)
        while True:
            asked.recv()
            asked.send(sum(request.bytes_down for request in server.requests))


if __name__ == "__main__":
    main()
