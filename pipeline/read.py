"""A repository to its files: chooses before reading, then reads in batches."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from filters.paths import bad_path, binary_by_name, display_path, secret_by_name
from pipeline import git
from pipeline.config import Extract
from pipeline.git import Entry, Skeleton, Snapshot
from pipeline.sources.optout import TAKEDOWN

BATCH_BYTES = 8 << 20
BATCH_FILES = 4_096
SYMLINK, SUBMODULE = 0o120000, 0o160000


@dataclass(frozen=True)
class Batch:
    """Entries of one repository at one commit. `blobs` has None where nothing was read; `reasons` then says why."""

    host: str
    repo_name: str
    repository_index: int  # in its unit
    commit_id: str
    entries: list[Entry]
    blobs: list[bytes | None]
    reasons: list[str | None]


def unread_reason(entry: Entry, max_file_bytes: int, fetched: bool) -> str | None:
    """Why the entry's content is not read; None when it is. Final: a release cannot bring it back.

    `fetched`: large blobs were left out, so one that is not there is one of them.
    """
    if entry.mode == SYMLINK:
        return "symlink"
    if entry.mode == SUBMODULE:
        return "submodule"
    if bad_path(entry.path):
        return "bad_path"
    path = display_path(entry.path)
    if secret_by_name(path):
        return "secret_name"
    if entry.size is None and not fetched:
        return "missing_blob"
    if binary_by_name(path):
        return "binary"
    return "too_large" if entry.size is None or entry.size > max_file_bytes else None


def read_files(
    snapshot: Snapshot,
    host: str,
    repo_name: str,
    repository_index: int,
    bones: Skeleton,
    limits: Extract,
    unwanted: Callable[[str, str], bool] = lambda path, content_id: False,
    *,
    fetched: bool,
) -> Iterator[Batch]:
    """The repository's entries in git's order, in batches of about BATCH_BYTES.

    `unwanted`: whether a path with a content was taken down, so that it is not read. Raises RepositoryError.
    """
    listed = git.list_entries(snapshot, bones, limits.max_files_per_repository)
    entries = [entry for entry in listed if entry.mode != git.TREE]
    reasons = [
        TAKEDOWN
        if unwanted(display_path(entry.path), entry.content_id)
        else unread_reason(entry, limits.max_file_bytes, fetched)
        for entry in entries
    ]
    if fetched:  # the size of what a server left out is not known, so it is not told where another sent it
        entries = [
            entry._replace(size=None) if entry.size is None or entry.size > limits.max_file_bytes else entry
            for entry in entries
        ]
    wanted = [entry.content_id for entry, reason in zip(entries, reasons, strict=True) if reason is None]
    trees = [entry.content_id for entry in listed if entry.mode == git.TREE]
    blobs = git.read_objects(snapshot, trees + wanted, bones)
    for _ in trees:
        next(blobs)  # git does not compare a tree below the root with its id; reading it through us does
    for start, stop in _cuts(entries, reasons):
        read = [None if reason else next(blobs) for reason in reasons[start:stop]]
        why = [
            reason or ("missing_blob" if blob is None else None)
            for reason, blob in zip(reasons[start:stop], read, strict=True)
        ]
        yield Batch(host, repo_name, repository_index, snapshot.commit_id, entries[start:stop], read, why)
    if next(blobs, None) is not None:
        raise AssertionError(f"{repo_name}: git gave more blobs than were asked for")


def _cuts(entries: list[Entry], reasons: list[str | None]) -> Iterator[tuple[int, int]]:
    """Ranges of entries that make a batch."""
    start = size = 0
    for index, (entry, reason) in enumerate(zip(entries, reasons, strict=True)):
        size += 0 if reason else entry.size or 0
        if size >= BATCH_BYTES or index + 1 - start == BATCH_FILES:
            yield start, index + 1
            start, size = index + 1, 0
    if start < len(entries):
        yield start, len(entries)
