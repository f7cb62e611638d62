"""Every list, commit and delete of a workspace: the one place where folders and object stores differ.

A file is final when it has its name: it is written beside it under a temporary name, synced, and renamed.
"""

import ctypes
import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import UnitError

TEMPORARY = ".tmp-"  # in the name of every file that is not final, and of folders that only one call needs


@contextmanager
def commit(path: Path) -> Iterator[Path]:
    """A temporary path to write; it becomes `path` when the block ends, and vanishes when it raises."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{TEMPORARY}{os.getpid()}-{path.name}"
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody else has the lock of this name while the block runs; waits for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def sync(path: Path) -> None:
    """The file or folder is on disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """`value` as JSON with sorted keys, so that equal values are equal bytes."""
    with commit(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


def write_array(path: Path, values: np.ndarray) -> None:
    """`values` as .npy, which can be memory-mapped."""
    with commit(path) as temporary, temporary.open("wb") as out:
        np.save(out, values)


def read_json(path: Path) -> Any:
    """The value in a JSON file. Raises UnitError when it is damaged."""
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise damaged(path, error) from None


def damaged(path: Path, error: Exception) -> UnitError:
    """What to tell of a workspace's file that cannot be read: which one, why, and what to do."""
    place = next((folder for folder in path.parents if folder.name in ("files", "repositories", "work")), path.parent)
    if place.name == "work":
        remedy = f"delete {place} and run again"
    elif path.parent.name == "archive":
        remedy = f"delete {path.with_suffix('.json')} and run `stackyard list` again"
    elif path.name == "repositories.parquet":
        remedy = "run `stackyard list` again"
    elif path.name.startswith("unit-") and not path.name.endswith(".list.parquet"):
        remedy = f"delete {path.with_name(path.name.partition('.')[0] + '.json')} and extract again"
    else:
        remedy = "put it back from a copy, or use another --workspace"
    what = f"damaged ({str(error).splitlines()[0]})" if path.exists() else "missing"
    return UnitError(f"{path}: {what}; {remedy}")


def sha256(path: Path) -> str:
    """SHA-256 of the file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(value: Any) -> str:
    """A short name for a JSON value: 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def delete_tree(path: Path) -> None:
    """The folder or file is gone; nothing happens when there is none."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def delete_strays(folder: Path, names: set[str]) -> None:
    """Of the folder's files only those with these relative names are left, and no empty folder."""
    for path in sorted(folder.rglob("*"), reverse=True):  # what is inside comes before its folder
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.relative_to(folder).as_posix() not in names:
            path.unlink()


def sweep(folder: Path) -> None:
    """Files and folders that a killed run left unfinished are gone."""
    for path in list(folder.rglob(f"{TEMPORARY}*")):
        delete_tree(path)


def link_or_copy(source: Path, target: Path) -> None:
    """`target` has the bytes of `source`, without copying them where the file system can share them."""
    with commit(target) as temporary:
        temporary.unlink(missing_ok=True)
        try:
            temporary.hardlink_to(source)
        except OSError:
            shutil.copyfile(source, temporary)


def swap(new: Path, current: Path) -> None:
    """`new` takes the name `current` in one step: a reader sees the old folder or the new one. The old is deleted."""
    if not current.exists():
        new.rename(current)
    elif _exchange(new, current):
        delete_tree(new)
    else:  # a file system without RENAME_EXCHANGE: a moment without a release, never a mixture
        current.rename(_old(current))
        new.rename(current)
        delete_tree(_old(current))
    sync(current.parent)


def finish_swap(current: Path) -> None:
    """What a swap that was killed left behind is put back or deleted."""
    if current.exists():
        delete_tree(_old(current))
    elif _old(current).exists():
        _old(current).rename(current)


def _old(current: Path) -> Path:
    return current.with_name(current.name + ".old")


def _exchange(a: Path, b: Path) -> bool:
    """The two names are exchanged by renameat2(2); False where the file system cannot."""
    at_fdcwd, rename_exchange = -100, 2
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(at_fdcwd, os.fsencode(a), at_fdcwd, os.fsencode(b), rename_exchange) == 0:
        return True
    if ctypes.get_errno() in (errno.EINVAL, errno.ENOSYS):
        return False
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(a), None, str(b))
