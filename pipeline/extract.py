"""A unit number to a committed unit: the slow half of the work, in plain functions."""

import errno
import hashlib
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline import git, parquet, storage
from pipeline.config import Extract
from pipeline.errors import RepositoryError
from pipeline.git import Skeleton
from pipeline.measure import Measured, measure
from pipeline.profile import Profile
from pipeline.read import Batch, read_files
from pipeline.spill import SortedRuns
from pipeline.units import Unit
from pipeline.workspace import Workspace
from schemas.files import FILES
from schemas.repositories import OUTCOMES

UNIT_COMPRESSION_LEVEL = 1  # a workspace is read once or twice; zstd 3 costs 40 % more seconds for 5 % fewer bytes
MACHINE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE}


@dataclass(frozen=True)
class ExtractUnit:
    """What a worker needs to know; call it with a unit's id."""

    folder: str  # where the sources' relative paths start
    workspace: Workspace
    limits: Extract
    skip_committed: bool = True

    def __call__(self, unit_id: int) -> None:
        """Commits the unit; does nothing when it is committed already."""
        unit = Unit.of(self.workspace, unit_id)
        if self.skip_committed and unit.committed:
            return
        profile = Profile()
        self.workspace.work.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(
                prefix=f"{storage.TEMPORARY}unit-{unit.number:05d}-", dir=self.workspace.work
            ) as folder,
            git.skeleton(self.limits.git_timeout_s, folder) as bones,
        ):
            repositories = parquet.read(unit.path("list.parquet")).to_pylist()
            outcomes = [Outcome(index, listed) for index, listed in enumerate(repositories)]
            runs = SortedRuns(Path(folder))
            for outcome in outcomes:
                for measured in self.measured(outcome, bones, profile):
                    runs.add(measured)
            with profile("write"):
                write_unit(unit, runs, outcomes)
        storage.write_json(self.workspace.journal / f"extract/{unit.name}.json", profile.seconds)

    def measured(self, outcome: "Outcome", bones: Skeleton, profile: Profile) -> Iterator[Measured]:
        """The repository's measured batches. Whatever goes wrong becomes its outcome, and the run goes on."""
        try:
            if outcome.listed["location"] is None:
                raise RepositoryError("not_fetched", "this version reads folders; mirror it and list the folder")
            folder = Path(self.folder) / outcome.listed["location"]
            host, repo_name = outcome.listed["host"], outcome.listed["repo_name"]
            for batch in profile.each("read", read_files(folder, host, repo_name, outcome.index, bones, self.limits)):
                with profile("measure"):
                    measured = measure(batch)
                outcome.count(batch, measured)
                yield measured
        except RepositoryError as error:
            outcome.fail(error.code, error.detail)
        except Exception as error:
            if isinstance(error, MemoryError) or getattr(error, "errno", None) in MACHINE_ERRORS:
                raise
            bug = f"{type(error).__name__} {traceback_hash(error)}"
            outcome.fail("bug", bug)
            with storage.commit(self.workspace.journal / f"bugs/{bug}.txt") as temporary:
                temporary.write_text(f"{outcome.listed['repo_key']}\n{traceback.format_exc()}", "utf-8")


@dataclass
class Outcome:
    """What becomes of one repository, the `index`th of its unit."""

    index: int
    listed: dict[str, Any]
    outcome: str = "empty"
    code: str | None = None
    detail: str | None = None
    commit_id: str | None = None
    entry_count: int = 0
    text_count: int = 0
    text_bytes: int = 0

    def count(self, batch: Batch, measured: Measured) -> None:
        self.outcome = "ok"
        self.commit_id = batch.commit_id
        self.entry_count += measured.files.num_rows
        self.text_count += len(measured.signatures)
        self.text_bytes += pa.compute.sum(pa.compute.binary_length(measured.files["content"])).as_py() or 0

    def fail(self, code: str, detail: str) -> None:
        """The repository gives no row, however far it came."""
        self.outcome, self.code, self.detail = "failed", code, detail
        self.entry_count = self.text_count = self.text_bytes = 0

    def row(self) -> dict[str, Any]:
        """The outcome as a row of OUTCOMES."""
        return self.listed | {name: value for name, value in asdict(self).items() if name in OUTCOMES.names}


def traceback_hash(error: BaseException) -> str:
    """8 hexadecimal digits that are equal for the same bug: functions and lines, not values or folders."""
    frames = [f"{Path(f.filename).name}:{f.name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
    return hashlib.sha256("\n".join([type(error).__name__, *frames]).encode()).hexdigest()[:8]


def write_unit(unit: Unit, runs: SortedRuns, outcomes: list[Outcome]) -> None:
    """The unit's files, then its commit. The sums are checked before."""
    failed = [outcome.index for outcome in outcomes if outcome.outcome == "failed"]
    with storage.commit(unit.path("parquet")) as files, storage.commit(unit.path("signatures.npy")) as signatures:
        rows, texts = _write_files(files, signatures, runs.groups(failed))
        if rows != sum(outcome.entry_count for outcome in outcomes):
            raise AssertionError(f"{unit.name}: {rows} rows, but the repositories sum up to another number")
        digests = {unit.path("parquet").name: storage.sha256(files)}
        digests[unit.path("signatures.npy").name] = storage.sha256(signatures)
    with storage.commit(unit.path("outcomes.parquet")) as temporary:
        parquet.write(temporary, pa.Table.from_pylist([outcome.row() for outcome in outcomes], OUTCOMES), OUTCOMES)
        digests[unit.path("outcomes.parquet").name] = storage.sha256(temporary)
    storage.write_json(unit.path("json"), _commit(outcomes, rows, texts, digests))


def _commit(outcomes: list[Outcome], rows: int, texts: int, digests: dict[str, str]) -> dict[str, Any]:
    counts = {name: sum(o.outcome == name for o in outcomes) for name in ("ok", "empty", "failed")}
    return {
        "files": {name: {"sha256": digest} for name, digest in digests.items()},
        "repositories": counts,
        "bugs": sum(outcome.code == "bug" for outcome in outcomes),
        "rows": rows,
        "texts": texts,
        "text_bytes": sum(outcome.text_bytes for outcome in outcomes),
    }


def _write_files(files: Path, signatures: Path, groups: Iterator[pa.Table]) -> tuple[int, int]:
    """Writes rows and signatures; how many of each. Rows with a text come first, so signature i is that of row i."""
    rows = texts = 0
    with parquet.writer(files, FILES, UNIT_COMPRESSION_LEVEL) as writer, signatures.open("wb") as out:
        out.write(_header(0))
        for group in groups:
            writer.write_table(group.drop_columns("signature"), row_group_size=group.num_rows)
            for chunk in group["signature"].drop_null().chunks:
                out.write(chunk.buffers()[1].slice(chunk.offset * 1024, len(chunk) * 1024))
                texts += len(chunk)
            rows += group.num_rows
        out.seek(0)
        out.write(_header(texts))
    return rows, texts


def _header(texts: int) -> bytes:
    """128 bytes of the .npy format for uint32 [texts, 256]: numpy.load(..., mmap_mode="r") opens it."""
    words = f"{{'descr': '<u4', 'fortran_order': False, 'shape': ({texts}, 256), }}"
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + words.ljust(117).encode() + b"\n"
