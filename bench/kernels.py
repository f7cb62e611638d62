"""MB/s of the kernels on real files, beside datasketch with shingles made in Python, in one run on one core.

    python -m bench.kernels --megabytes 100

Times are CPU seconds, the best of several rounds in turns; on a shared machine only the ratios mean something.
"""

import argparse
import re
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from datasketch import MinHash
from datasketch.hashfunc import sha1_hash32
from numpy.typing import NDArray

from filters import minhash, signals, text

SUFFIXES = {".py", ".h", ".md", ".json"}
ROUNDS = 5
WORD = re.compile(rb"[A-Za-z0-9_\x80-\xff]+")


def read_files(root: Path, max_bytes: int) -> list[bytes]:
    """Files under `root` in path order, each under 1 MiB and UTF-8, up to `max_bytes` together."""
    files: list[bytes] = []
    for path in sorted(path for path in root.rglob("*") if path.suffix in SUFFIXES and path.is_file()):
        if path.stat().st_size < 1 << 20 and (decoded := text.decode(path.read_bytes())):
            files.append(decoded.utf8)
            max_bytes -= len(decoded.utf8)
        if max_bytes <= 0:
            break
    return files


def pack(files: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The files as one buffer with offsets, as they lie in an Arrow column."""
    return np.frombuffer(b"".join(files), np.uint8), np.cumsum([0, *map(len, files)], dtype=np.int64)


def sign_with_datasketch(files: list[bytes]) -> None:
    """What a user would write: 5-grams joined in Python, hashed with datasketch's default function."""
    for data in files:
        words = WORD.findall(data)
        shingles = {b" ".join(words[i : i + 5]) for i in range(len(words) - 4)}
        MinHash(num_perm=minhash.NUM_PERM, hashfunc=sha1_hash32).update_batch(shingles)


def best_times(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Least CPU seconds of each call over ROUNDS rounds, the calls taking turns, after one round to warm up."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS + 1):
        for name, call in calls.items():
            start = time.process_time()
            call()
            times[name].append(time.process_time() - start)
    return {name: min(seconds[1:]) for name, seconds in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=100, help="how much to read (default 100)")
    parser.add_argument("--peer-megabytes", type=int, default=2, help="how much of it datasketch gets (default 2)")
    parser.add_argument("--root", type=Path, default=Path(sysconfig.get_path("purelib")), help="where to read")
    arguments = parser.parse_args()

    files = read_files(arguments.root, arguments.megabytes * 1_000_000)
    # every n-th file, so that the peer's part is like the whole
    peer_files = files[:: max(1, arguments.megabytes // arguments.peer_megabytes)]
    buffer, offsets = pack(files)
    times = best_times(
        {
            "decode": lambda: [text.decode(data) for data in files],
            "signals": lambda: signals.measure(buffer, offsets),
            "minhash": lambda: minhash.signatures(buffer, offsets),
            "datasketch": lambda: sign_with_datasketch(peer_files),
        }
    )
    peer_bytes = sum(map(len, peer_files))
    peer_rate = peer_bytes / times["datasketch"]
    print(
        f"{len(files)} files, {len(buffer) / 1e6:.1f} MB; datasketch {len(peer_files)} files, {peer_bytes / 1e6:.1f} MB"
    )
    print(f"{'':12}{'MB/s':>10}{'µs a file':>12}{'x datasketch':>14}")
    for name, seconds in times.items():
        count, size = (len(peer_files), peer_bytes) if name == "datasketch" else (len(files), len(buffer))
        rate = size / seconds
        print(f"{name:12}{rate / 1e6:10.1f}{seconds / count * 1e6:12.1f}{rate / peer_rate:14.1f}")


if __name__ == "__main__":
    main()
