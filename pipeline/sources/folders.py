"""Folders to the git repositories in them."""

import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.sources.rows import Listed, listed


def in_directory(folder: Path, name: str) -> Iterator[Listed]:
    """The git repositories below a folder, at any depth; none inside another."""
    root = folder / name
    if not root.is_dir():
        what = "not a folder" if root.exists() else "no such folder"
        raise ConfigError(f"source: directories: {name!r}: {what} (paths start at {folder.absolute()})")
    for path in _git_folders(root):
        inner = path.relative_to(root).as_posix()
        parts = [part for part in inner.split("/") if part != "."]
        above = Path(os.path.normpath(root.absolute())).parts[-max(1, 2 - len(parts)) :] if len(parts) < 2 else ()
        repo_name = "/".join((*above, *parts)).removesuffix(".git")
        location = os.path.relpath(path, folder or ".")
        try:
            (repo_name + location).encode()
        except UnicodeEncodeError:
            raise ConfigError(f"source: directories: {os.fsencode(path)!r}: not UTF-8; rename the folder") from None
        yield listed("local", repo_name, location=location, object_bytes=_object_bytes(path))


def _git_folders(root: Path) -> Iterator[Path]:
    """Folders that are a bare repository or a work tree, in sorted order. Symbolic links are not followed."""
    if _is_git(root):
        yield root
        return
    try:
        inside = sorted(entry.name for entry in os.scandir(root) if entry.is_dir(follow_symlinks=False))
    except PermissionError as error:
        raise ConfigError(f"source: directories: {root}: cannot be read ({error.strerror})") from None
    for name in inside:
        yield from _git_folders(root / name)


def _is_git(path: Path) -> bool:
    return (path / ".git").exists() or ((path / "HEAD").is_file() and (path / "objects").is_dir())


def _object_bytes(path: Path) -> int:
    """Size of the objects: what tells a large repository from a small one. 0 where it cannot be told."""
    objects = (path / ".git" if (path / ".git").is_dir() else path) / "objects"
    try:
        folders = [entry.path for entry in os.scandir(objects) if entry.is_dir(follow_symlinks=False)]
        return sum(file.stat().st_size for folder in folders for file in os.scandir(folder))
    except OSError:
        return 0
