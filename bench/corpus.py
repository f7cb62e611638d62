"""Repositories of any size for benchmarks: the demo corpus again and again, each copy with seeded edits."""

import re
import zlib
from pathlib import Path

from examples.demo_corpus import build, write_repository
from pipeline import git

WORD = re.compile(rb"[A-Za-z_]{4,}")
EVERY = 20  # words, of which one is edited: enough that few copies are duplicates


def build_copies(demo: Path, target: Path, copies: int) -> None:
    """`target` holds every readable repository of the demo corpus `copies` times; nothing is done when it stands."""
    if target.exists():
        return
    build(demo)
    unfinished = target.with_suffix(".unfinished")
    with git.skeleton(600) as bones:
        for path in sorted(demo.glob("*/*.git")):
            files = _texts(path, bones)
            for copy in range(copies if files else 0):
                edited = {name: _edited(data, copy) for name, data in files.items()}
                write_repository(unfinished / f"{path.parent.name}-{copy}" / path.name, edited)
    unfinished.rename(target)


def _texts(path: Path, bones: git.Skeleton) -> dict[bytes, bytes]:
    """The regular files of a repository, none of a damaged one."""
    try:
        snapshot = git.open_snapshot(path, bones)
        if snapshot is None:
            return {}
        entries = [entry for entry in git.list_entries(snapshot, bones, 10**6) if entry.mode in (0o100644, 0o100755)]
        blobs = git.read_objects(snapshot, [entry.content_id for entry in entries], bones)
        return {entry.path: blob for entry, blob in zip(entries, blobs, strict=True) if blob is not None}
    except git.RepositoryError:
        return {}


def _edited(data: bytes, copy: int) -> bytes:
    """The text with one word in EVERY written backwards, the same words in all files of a copy, as after a renaming:
    what repeats from file to file, like a licence's header, goes on doing so. Binaries as they are."""
    if b"\0" in data[:8000]:
        return data
    return WORD.sub(lambda m: m[0][::-1] if zlib.crc32(m[0], copy + 1) % EVERY == 0 else m[0], data)
