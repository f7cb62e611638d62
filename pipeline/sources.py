"""Names and folders to repositories: the first step, and the only one that looks at the sources."""

import csv
import fnmatch
import io
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import Config, Source
from pipeline.errors import ConfigError
from schemas.repositories import LISTED

FOLDED_HOSTS = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org"})  # owner/name without case
NAME = re.compile(r"^[\w.-]+(/[\w.-]+)+$")
Listed = dict[str, Any]


def list_repositories(config: Config) -> pa.Table:
    """All repositories of all sources as LISTED, sorted by key; a key listed twice is excluded as `duplicate_of`."""
    found = [
        _filtered(repository, source)
        for number, source in enumerate(config.source)
        for repository in _repositories(source, number, config.folder)
    ]
    if not found:
        raise ConfigError("source: no repository found: the folders hold no git repository and the files no name")
    if all(row["excluded"] for row in found):
        raise ConfigError(f"source: include and exclude leave none of the {len(found)} repositories that were found")
    found.sort(key=lambda row: (row["repo_key"], row["excluded"] is not None, row["source"], row["location"] or ""))
    return pa.Table.from_pylist(list(_first_of_each(found)), schema=LISTED)


def _repositories(source: Source, number: int, folder: Path) -> Iterator[Listed]:
    for name in source.directories:
        yield from (row | {"source": number} for row in _in_directory(folder, name))
    for name in source.names:
        yield from (row | {"source": number} for row in _in_names_file(folder / name))


def _filtered(repository: Listed, source: Source) -> Listed:
    """The repository, excluded when the source's include or exclude says so."""
    name = repository["repo_name"]
    excluding = next((pattern for pattern in source.exclude if fnmatch.fnmatchcase(name, pattern)), None)
    if excluding is None and source.include and not any(fnmatch.fnmatchcase(name, p) for p in source.include):
        excluding = "not in include"
    return repository | {"excluded": "filter" if excluding else None, "excluded_detail": excluding}


def _first_of_each(found: Iterable[Listed]) -> Iterator[Listed]:
    """Every repository; the later ones of one key are excluded."""
    first: Listed = {"repo_key": None}
    for row in found:
        if row["repo_key"] == first["repo_key"] and row["excluded"] is None:
            row = row | {"excluded": "duplicate_of", "excluded_detail": first["location"] or row["repo_key"]}
        elif row["repo_key"] != first["repo_key"]:
            first = row
        yield row


def _in_directory(folder: Path, name: str) -> Iterator[Listed]:
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
        yield _listed("local", repo_name, location=location, object_bytes=_object_bytes(path))


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


def _in_names_file(path: Path) -> Iterator[Listed]:
    """The repositories named in a .txt, .csv or .parquet file: owner/name, optionally @commit, or a URL."""
    try:
        names = list(_names(path))
    except OSError as error:
        raise ConfigError(f"source: names: {path}: cannot be read ({error.strerror})") from None
    except (pa.ArrowInvalid, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"source: names: {path}: damaged: {error}") from None
    for number, name in names:
        yield _named(str(name or ""), f"{path}:{number}")  # a cell may be empty or a number


def _names(path: Path) -> Iterator[tuple[int, str]]:
    """(line or row number, name). Blank lines and lines that begin with # are none."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        column = next((c for c in ("repo_name", "name", "repository") if c in table.column_names), None)
        if column is None:
            raise ConfigError(f"source: names: {path}: no column repo_name, name or repository")
        yield from enumerate(table[column].to_pylist(), 1)
    elif path.suffix == ".csv":
        rows = csv.DictReader(io.StringIO(path.read_text("utf-8")))
        column = next((c for c in ("repo_name", "name", "repository") if c in (rows.fieldnames or [])), None)
        if column is None:
            raise ConfigError(f"source: names: {path}:1: no column repo_name, name or repository")
        yield from ((number, row[column]) for number, row in enumerate(rows, 2))
    elif path.suffix == ".txt":
        lines = enumerate((line.strip() for line in path.read_text("utf-8").splitlines()), 1)
        yield from ((number, line) for number, line in lines if line and not line.startswith("#"))
    else:
        raise ConfigError(f"source: names: {path}: must be a .txt, .csv or .parquet file")


def _named(text: str, where: str) -> Listed:
    """One name as LISTED. Raises ConfigError with the line."""
    name, _, commit = text.partition("@")
    host = "github.com"
    if "://" in name:
        url = urlsplit(name)
        if url.scheme not in ("https", "http") or not url.hostname:
            raise ConfigError(f"source: names: {where}: {text!r}: only https and http addresses can be fetched")
        host, name = url.netloc.lower(), url.path.strip("/")
    name = name.removesuffix(".git")
    if not NAME.match(name) or (commit and not re.fullmatch(r"[0-9a-f]{40}", commit)):
        raise ConfigError(f"source: names: {where}: {text!r}: must be owner/name, owner/name@commit or a URL")
    return _listed(host, name, asked_commit_id=commit or None)


def _listed(host: str, repo_name: str, **known: Any) -> Listed:
    """A row of LISTED: what is not known is null."""
    name = repo_name.lower() if host in FOLDED_HOSTS else repo_name
    return dict.fromkeys(LISTED.names) | {"repo_key": f"{host}/{name}", "host": host, "repo_name": repo_name} | known
