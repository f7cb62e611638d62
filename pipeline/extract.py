"""A unit number to a committed unit: the slow half of the work, in plain functions."""

import errno
import hashlib
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline import deaths, git, parquet, storage
from pipeline.config import Extract, Fetch
from pipeline.errors import FULL, CorpusError, RepositoryError
from pipeline.fetch.attempts import Attempts, Result, Wanted
from pipeline.fetch.hosts import Hosts
from pipeline.fetch.once import Fetched, commit_named
from pipeline.fetch.unit import fetching
from pipeline.git import Skeleton, Snapshot
from pipeline.measure import Measured, measure
from pipeline.profile import Profile
from pipeline.read import Batch, read_files
from pipeline.spill import SortedRuns
from pipeline.takedown import scope
from pipeline.takedown.scope import Scope
from pipeline.takedown.strip import without_texts
from pipeline.units import Unit
from pipeline.workspace import Workspace
from schemas.files import FILES
from schemas.repositories import EXCLUDED, EXTRACTED, OUTCOMES, READ

UNIT_COMPRESSION_LEVEL = 1  # a workspace is read once or twice; zstd 3 costs 40 % more seconds for 5 % fewer bytes
MACHINE_ERRORS = {*FULL, errno.EROFS, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE}


Opens = Callable[[], Snapshot | None]  # None when there is no commit; raises RepositoryError


@dataclass(frozen=True)
class ExtractUnit:
    """What a worker needs to know; call it with a unit's id."""

    folder: str  # where the sources' relative paths start
    workspace: Workspace
    limits: Extract
    fetch: Fetch
    skip_committed: bool = True
    refused: Path | None = None  # what must not be read: a file of takedown.scope

    def __call__(self, unit_id: int) -> None:
        """Commits the unit; does nothing when it is committed already."""
        unit = Unit.of(self.workspace, unit_id)
        with storage.locked(self.workspace.locks / unit.name):  # a runner may give a unit out twice
            while not (self.skip_committed and unit.committed) and not self.extracted(unit):
                pass

    def extracted(self, unit: Unit) -> bool:
        """Commits the unit; False where a fetched repository was damaged since and must be fetched again."""
        profile = Profile()
        self.workspace.work.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(
                prefix=f"{storage.TEMPORARY}unit-{unit.number:05d}-", dir=self.workspace.work
            ) as folder,
            git.skeleton(self.limits.git_timeout_s, folder) as bones,
        ):
            repositories = parquet.read(unit.path("list.parquet")).to_pylist()
            refused = scope.read(self.refused) if self.refused else scope.NOTHING
            outcomes = [Outcome.of(index, listed, refused) for index, listed in enumerate(repositories)]
            runs = SortedRuns(Path(folder))
            fetched = self.workspace.fetched / unit.name
            attempts = Attempts(
                fetched, self.fetch, Hosts(self.workspace.hosts, self.fetch), self.limits.max_file_bytes
            )
            died = deaths.deaths(self.workspace)
            for outcome, opens in self.opened(outcomes, attempts, bones, profile):
                if died.get(repo_key := outcome.listed["repo_key"], 0) >= deaths.MAX_DEATHS:
                    outcome.fail("bug", f"{deaths.MAX_DEATHS} worker processes died while they read it")
                    continue
                with deaths.reading(self.workspace, repo_key):
                    for measured in self.measured(outcome, opens, bones, refused, profile):
                        runs.add(measured)
                if outcome.code == "corrupt" and outcome.listed["url"]:
                    if attempts.again(outcome.index):
                        return False
                    outcome.code = "corrupt_local"
            with profile("write"):
                failed = [outcome.index for outcome in outcomes if outcome.outcome not in READ]
                write_unit(unit, runs.groups(failed), [outcome.row() for outcome in outcomes])
        tried = {outcomes[number].listed["repo_key"]: codes for number, codes in attempts.failed().items()}
        journal = {"seconds": profile.seconds, "failed_attempts": tried}
        storage.write_json(self.workspace.journal / f"extract/{unit.name}.json", journal)
        storage.delete_tree(fetched)
        return True

    def opened(
        self, outcomes: "list[Outcome]", attempts: Attempts, bones: Skeleton, profile: Profile
    ) -> "Iterator[tuple[Outcome, Opens]]":
        """Every repository and how to open it: folders at once, the others when they are fetched."""
        allowed = [outcome for outcome in outcomes if outcome.outcome != "excluded"]
        wanted = [outcome.wanted() for outcome in allowed if outcome.listed["url"]]
        with fetching(wanted, attempts, self.fetch.max_in_flight) as fetched:
            for outcome in allowed:
                if folder := outcome.listed["location"]:
                    yield outcome, partial(git.open_snapshot, Path(self.folder) / folder, bones)
            for index, result in profile.each("fetch", fetched):
                outcomes[index].detail = result.note if isinstance(result, Fetched) else None
                yield outcomes[index], partial(open_fetched, attempts.store(index), result, bones)

    def measured(
        self, outcome: "Outcome", opens: Opens, bones: Skeleton, refused: Scope, profile: Profile
    ) -> Iterator[Measured]:
        """The repository's measured batches. Whatever goes wrong becomes its outcome, and the run goes on."""
        listed = outcome.listed
        try:
            snapshot = opens()
            if snapshot is None:
                return
            outcome.commit_id = snapshot.commit_id
            if snapshot.commit_id == listed["known_commit_id"]:
                outcome.outcome = "unchanged"
                return
            name = listed["host"], listed["repo_name"], outcome.index
            unwanted = partial(refused.refuses, listed["repo_key"])
            read = read_files(snapshot, *name, bones, self.limits, unwanted, fetched=listed["url"] is not None)
            for batch in profile.each("read", read):
                with profile("measure"):
                    measured = without_texts(measure(batch), refused.text_ids)
                outcome.count(batch, measured)
                yield measured
        except RepositoryError as error:
            outcome.fail(error.code, error.detail)
        except Exception as error:
            if isinstance(error, MemoryError | CorpusError) or getattr(error, "errno", None) in MACHINE_ERRORS:
                raise
            bug = f"{type(error).__name__} {traceback_hash(error)}"
            outcome.fail("bug", bug)
            with storage.commit(self.workspace.journal / f"bugs/{bug}.txt") as temporary:
                temporary.write_text(f"{outcome.listed['repo_key']}\n{traceback.format_exc()}", "utf-8")


def open_fetched(folder: Path, result: Result | Exception, bones: Skeleton) -> Snapshot | None:
    """The commit that was fetched. Raises the error that it came to instead."""
    if isinstance(result, Exception):
        raise result
    if result.is_empty:
        return None
    try:
        return git.open_fetched(folder / "objects", commit_named(folder), bones)
    except FileNotFoundError as error:
        raise RepositoryError("corrupt", f"{Path(error.filename).name} of what was fetched is gone") from None


@dataclass
class Outcome:
    """What becomes of one repository, the `index`th of its unit."""

    index: int
    listed: dict[str, Any]
    outcome: str = "empty"  # as in OUTCOMES
    code: str | None = None
    detail: str | None = None
    commit_id: str | None = None
    entry_count: int = 0
    text_count: int = 0
    text_bytes: int = 0

    @classmethod
    def of(cls, index: int, listed: dict[str, Any], refused: Scope) -> "Outcome":
        """The outcome before anything was read: `excluded` where that must not be."""
        outcome = cls(index, listed)
        if code := refused.repositories.get(listed["repo_key"]):
            outcome.fail(code, None)
        return outcome

    def count(self, batch: Batch, measured: Measured) -> None:
        self.outcome = "ok"
        self.entry_count += measured.files.num_rows
        self.text_count += len(measured.signatures)
        self.text_bytes += pa.compute.sum(pa.compute.binary_length(measured.files["content"])).as_py() or 0

    def wanted(self) -> Wanted:
        """What to fetch."""
        asked = (self.listed[name] for name in ("url", "host", "asked_commit_id", "known_commit_id"))
        return Wanted(self.index, *asked)

    def fail(self, code: str, detail: str | None) -> None:
        """The repository gives no row, however far it came."""
        self.outcome = "excluded" if code in EXCLUDED else "failed"
        self.code, self.detail = code, detail
        self.entry_count = self.text_count = self.text_bytes = 0

    def row(self) -> dict[str, Any]:
        """The outcome as a row of OUTCOMES."""
        return self.listed | {name: value for name, value in asdict(self).items() if name in OUTCOMES.names}


def traceback_hash(error: BaseException) -> str:
    """8 hexadecimal digits that are equal for the same bug: functions and lines, not values or folders."""
    frames = [f"{Path(f.filename).name}:{f.name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
    return hashlib.sha256("\n".join([type(error).__name__, *frames]).encode()).hexdigest()[:8]


def write_unit(unit: Unit, groups: Iterator[pa.Table], outcomes: list[dict[str, Any]]) -> None:
    """The unit's files from its row groups, tables WITH_SIGNATURE, and the rows of OUTCOMES; then its commit.

    The sums are checked before.
    """
    with storage.commit(unit.path("parquet")) as files, storage.commit(unit.path("signatures.npy")) as signatures:
        rows, texts = _write_files(files, signatures, groups)
        if (rows, texts) != tuple(sum(outcome[name] for outcome in outcomes) for name in ("entry_count", "text_count")):
            raise AssertionError(f"{unit.name}: {rows} rows, but the repositories sum up to another number")
        digests = {unit.path("parquet").name: storage.sha256(files)}
        digests[unit.path("signatures.npy").name] = storage.sha256(signatures)
    with storage.commit(unit.path("outcomes.parquet")) as temporary:
        parquet.write(temporary, pa.Table.from_pylist(outcomes, OUTCOMES), OUTCOMES)
        digests[unit.path("outcomes.parquet").name] = storage.sha256(temporary)
    storage.write_json(unit.path("json"), _commit(outcomes, rows, texts, digests))


def _commit(outcomes: list[dict[str, Any]], rows: int, texts: int, digests: dict[str, str]) -> dict[str, Any]:
    counts = {name: sum(outcome["outcome"] == name for outcome in outcomes) for name in EXTRACTED}
    return {
        "files": {name: {"sha256": digest} for name, digest in digests.items()},
        "repositories": counts,
        "rows": rows,
        "texts": texts,
        "text_bytes": sum(outcome["text_bytes"] for outcome in outcomes),
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
