"""Milliseconds a licence file and microseconds a source file's head, beside askalono's identifier, in one run.

    python -m bench.licenses --files 100

askalono (Rust) names one licence for a whole file and reads its store anew on every call. It is compared on whole
licence files only. Times are CPU seconds; on a shared machine only the ratios mean something.
"""

import argparse
import importlib
import statistics
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filters.licenses import texts
from filters.licenses.comments import HEAD_BYTES, may_speak_of_license
from filters.licenses.detect import detect
from filters.licenses.names import license_kind

PEER = "askalono"  # the package is called pyaskalono
INSTALL = "pip install pyaskalono==0.2.0"
ROUNDS = 3

Files = list[tuple[str, bytes]]


def read_files(root: Path, max_files: int) -> tuple[Files, Files]:
    """Licence files and Python files under `root`, evenly over the paths in order, so many of each."""
    found: tuple[list[Path], list[Path]] = ([], [])
    for path in sorted(root.rglob("*")):
        is_licence = license_kind(path.name) == "license"
        if (is_licence or path.suffix == ".py") and path.is_file():
            found[not is_licence].append(path)
    licences, sources = (paths[:: max(1, len(paths) // max_files)][:max_files] for paths in found)
    return [(path.name, path.read_bytes()) for path in licences], [(path.name, path.read_bytes()) for path in sources]


def times_of(call: Callable[[str, bytes], object], files: Files, rounds_count: int = ROUNDS) -> list[float]:
    """CPU seconds of the call on each file, the least of some rounds."""
    rounds = []
    for _ in range(rounds_count):
        seconds = []
        for name, data in files:
            start = time.process_time()
            call(name, data)
            seconds.append(time.process_time() - start)
        rounds.append(seconds)
    return [min(each) for each in zip(*rounds, strict=True)]


def show(title: str, seconds: list[float], unit: float, peer_mean: float | None) -> None:
    mean, median = statistics.fmean(seconds), statistics.median(seconds)
    ratio = f"{peer_mean / mean:14.1f}" if peer_mean else f"{'-':>14}"
    print(f"{title:24}{len(seconds):>8}{mean * unit:>10.2f}{median * unit:>10.2f}{max(seconds) * unit:>10.2f}{ratio}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100, help="how many licence files, and 20 times the sources")
    parser.add_argument("--peer-files", type=int, default=20, help="how many licence files the peer gets (default 20)")
    parser.add_argument("--root", type=Path, default=Path(sysconfig.get_path("purelib")), help="where to read")
    arguments = parser.parse_args()

    licences, sources = (
        read_files(arguments.root, arguments.files)[0],
        read_files(arguments.root, 20 * arguments.files)[1],
    )
    start = time.process_time()
    texts.warm_up()
    print(f"start {time.process_time() - start:.2f} s: kernels and index")

    peer_licences = licences[:: max(1, len(licences) // arguments.peer_files)]
    ours = times_of(detect, licences)
    peer = times_of(_identify(_peer()), peer_licences) if _peer() else None
    peer_mean = statistics.fmean(peer) if peer else None
    # once, because a part of a head that was read is remembered
    heads = times_of(detect, sources, 1)
    hinted = [each for each, (_, data) in zip(heads, sources, strict=True) if may_speak_of_license(data[:HEAD_BYTES])]

    print(f"{'':24}{'files':>8}{'mean':>10}{'median':>10}{'most':>10}{'x faster':>14}")
    show("licence file, ms", ours, 1e3, peer_mean)
    if peer:
        show(f"{PEER}, ms", peer, 1e3, peer_mean)
    else:
        print(f"{PEER}: not installed; {INSTALL}")
    show("source head, µs", heads, 1e6, None)
    show("with a hint in it, µs", hinted, 1e6, None)


def _peer() -> Any:
    try:
        return importlib.import_module(PEER)
    except ModuleNotFoundError:
        return None


def _identify(peer: Any) -> Callable[[str, bytes], object]:
    def identify(name: str, data: bytes) -> object:
        try:
            return peer.identify(data.decode("utf-8", "replace"))
        except ValueError:  # no licence
            return None

    return identify


if __name__ == "__main__":
    main()
