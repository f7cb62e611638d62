"""The near-duplicate measurement on real files, beside datasketch with shingles made in Python, in one run on one core.

    python -m bench.pairs --megabytes 100

Ours is the whole of `measure_pairs`, from the units of an extracted workspace to verified pairs and groups, with what
Beam costs; the peer is MinHashLSH in memory with the same bands, and pairs verified by their estimates. Times are CPU
seconds; on a shared machine only the ratios mean something. A quarter of the files comes first: what the others add is
the marginal cost.
"""

import argparse
import re
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from datasketch import MinHash, MinHashLSH
from datasketch.hashfunc import sha1_hash32

from bench.kernels import pack, read_files
from examples.demo_corpus import write_repository
from filters import minhash
from filters.pairs import BAND_ROWS, BANDS
from pipeline import corpus, storage
from pipeline.config import Config, Source
from pipeline.engine import Engine
from pipeline.run import Run, start
from pipeline.workspace import Workspace, opened

WORD = re.compile(rb"[A-Za-z0-9_\x80-\xff]+")
MIN_SIMILARITY = 0.7
FILES_PER_REPOSITORY = 500
ROUNDS = 3  # of ours; the peer runs once


class Measured(NamedTuple):
    """CPU seconds: of making signatures from text, and of finding pairs with them. `pairs` is how many there are."""

    sign_s: float
    find_s: float
    pairs: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=100, help="how much to read (default 100)")
    parser.add_argument("--root", type=Path, default=Path(sysconfig.get_path("purelib")), help="where to read")
    arguments = parser.parse_args()
    texts = list(dict.fromkeys(read_files(arguments.root, arguments.megabytes * 1_000_000)))
    quarter = Compared.of(texts[::4])
    whole = Compared.of(texts)
    print(f"{'':22}{'texts':>8}{'MB':>8}{'ours s':>9}{'peer s':>9}{'ratio':>7}{'ours: texts/s':>15}{'MB/s':>8}")
    for name, compared in (("a quarter", quarter), ("all", whole), ("marginal", whole.less(quarter))):
        print(name)
        for line in compared.lines():
            print(line)


class Compared(NamedTuple):
    """Ours and the peer's on the same texts."""

    texts: int
    size_mb: float
    ours: Measured
    peer: Measured

    @classmethod
    def of(cls, texts: list[bytes]) -> "Compared":
        return cls(len(texts), sum(map(len, texts)) / 1e6, measure(texts), measure_peer(texts))

    def less(self, other: "Compared") -> "Compared":
        """What these texts cost more than those."""
        sides = [Measured(*np.subtract(mine, its).tolist()) for mine, its in zip(self[2:], other[2:], strict=True)]
        return Compared(self.texts - other.texts, self.size_mb - other.size_mb, *sides)

    def lines(self) -> Iterator[str]:
        """Seconds, how many times ours the peer's are, and our rates."""
        ours, peer = ([side.find_s, side.sign_s + side.find_s] for side in (self.ours, self.peer))
        for name, ours_s, peer_s in zip(("signatures given", "from text"), ours, peer, strict=True):
            yield (
                f"  {name:20}{self.texts:8,}{self.size_mb:8.1f}{ours_s:9.2f}{peer_s:9.2f}{peer_s / ours_s:7.1f}"
                f"{self.texts / ours_s:15,.0f}{self.size_mb / ours_s:8.1f}"
            )
        yield f"  pairs: ours {self.ours.pairs:,.0f}, peer {self.peer.pairs:,.0f}"


def measure(texts: list[bytes]) -> Measured:
    """Ours, the best of some rounds."""
    packed = pack(texts)
    minhash.warm_up()
    sign_s = min(cpu_seconds(lambda: minhash.signatures(*packed)) for _ in range(ROUNDS))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = Config(folder=folder, source=[Source(directories=["all"])])
        with opened(folder / "workspace", config) as workspace:
            run = extracted(workspace, config, texts)
            corpus.measure_pairs(run)  # warms up
            find_s = min(
                cpu_seconds(lambda: corpus.measure_pairs(run), before=lambda: forget(run)) for _ in range(ROUNDS)
            )
        return Measured(sign_s, find_s, len(np.load(run.folders.pairs / "pairs.npy")))


def extracted(workspace: Workspace, config: Config, texts: list[bytes]) -> Run:
    """A release about to begin, of these texts in some repositories."""
    for first in range(0, len(texts), FILES_PER_REPOSITORY):
        files = {f"{first + i:07d}.txt": text for i, text in enumerate(texts[first : first + FILES_PER_REPOSITORY])}
        write_repository(config.folder / f"all/bench/from-{first}.git", files)
    engine = Engine(1)
    corpus.list_names(workspace, config, engine)
    corpus.extract(workspace, config, engine)
    return start(workspace, config, engine, partial=False, skip_committed=True)


def forget(run: Run) -> None:
    storage.delete_tree(run.folders.pairs)


def measure_peer(texts: list[bytes]) -> Measured:
    """What a user of datasketch would write, with our bands."""
    sketches: list[MinHash] = []
    found: list[tuple[int, int]] = []
    sign_s = cpu_seconds(lambda: sketches.extend(sketch(text) for text in texts))
    find_s = cpu_seconds(lambda: found.extend(peer_pairs(sketches)))
    return Measured(sign_s, find_s, len(found))


def sketch(text: bytes) -> MinHash:
    words = WORD.findall(text)
    made = MinHash(num_perm=minhash.NUM_PERM, hashfunc=sha1_hash32)
    made.update_batch({b" ".join(words[i : i + 5]) for i in range(len(words) - 4)})
    return made


def peer_pairs(sketches: list[MinHash]) -> list[tuple[int, int]]:
    """Texts of five words or more that share a band and are similar by estimate."""
    index = MinHashLSH(num_perm=minhash.NUM_PERM, params=(BANDS, BAND_ROWS))
    numbered = [(number, made) for number, made in enumerate(sketches) if not made.is_empty()]
    for number, made in numbered:
        index.insert(number, made)
    return [
        (number, other)
        for number, made in numbered
        for other in index.query(made)
        if number < other and made.jaccard(sketches[other]) >= MIN_SIMILARITY
    ]


def cpu_seconds(call: Callable[[], Any], before: Callable[[], Any] = lambda: None) -> float:
    before()
    started_s = time.process_time()
    call()
    return time.process_time() - started_s


if __name__ == "__main__":
    main()
