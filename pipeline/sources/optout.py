"""Who does not want to be in: owners and repositories named in opt-out files, and in requests for a takedown."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from pipeline.errors import ConfigError
from pipeline.takedown.requests import Request

OPT_OUT, TAKEDOWN = "opt_out", "takedown"


def read_opt_outs(folder: Path, files: Sequence[str]) -> frozenset[str]:
    """The lines of the files: an owner, owner/name or an address, without case. # begins a comment.

    Raises ConfigError for a file that cannot be read: nobody must come in because a list is not there.
    """
    return frozenset(line for name in files for line in _lines(folder / name))


def _lines(path: Path) -> Iterator[str]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"opt_out: files: {path}: cannot be read ({reason})") from None
    for line in text.split("\n"):
        name = line.partition("#")[0].strip().lower().rpartition("://")[2]
        if name := name.rstrip("/").removesuffix(".git"):
            yield name


def refused(
    repositories: pl.DataFrame,
    opt_outs: frozenset[str],
    requests: Sequence[Request],
    renames: Sequence[tuple[str, str]],
) -> dict[str, str]:
    """`opt_out` or `takedown` by the repo_key of those that must not be in. `repositories` have repo_key, host,
    repo_name, excluded and excluded_detail; `renames` are repo_key and new repo_key, oldest first.

    An opt-out holds for the names that a repository got later, a takedown also for those that it had before.
    """
    pairs = [*moved(repositories), *renames]
    found = dict.fromkeys(_later(_named(repositories, opt_outs), pairs), OPT_OUT)
    return found | dict.fromkeys(
        meant(repositories, [request for request in requests if request.means_all], pairs), TAKEDOWN
    )


def moved(repositories: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """repo_key and new repo_key of those that the archive knows to be renamed."""
    renamed = repositories.filter(pl.col("excluded") == "renamed_to")
    yield from renamed.select("repo_key", "excluded_detail").iter_rows()


def meant(repositories: pl.DataFrame, requests: Sequence[Request], renames: Sequence[tuple[str, str]]) -> set[str]:
    """The repo_keys of the repositories that requests name, under all their names."""
    keys = _named(repositories, frozenset(request.owner for request in requests if request.owner))
    if names := [request.repository for request in requests if request.repository]:
        name = pl.col("repo_name").str.to_lowercase()
        keys |= {*repositories.filter(name.is_in(names) | pl.format("{}/{}", "host", name).is_in(names))["repo_key"]}
    return same(keys, renames)


def same(keys: set[str], renames: Sequence[tuple[str, str]]) -> set[str]:
    """The keys and all others that the repositories had or got."""
    before = -1
    while before < (before := len(keys)):
        keys = _later(keys, renames)
        keys = _later(keys, [(current, former) for former, current in reversed(renames)])
    return keys


def _named(repositories: pl.DataFrame, names: frozenset[str]) -> set[str]:
    """The repo_keys of the repositories that a name means: their own, or that of their owner or group."""
    if not names:
        return set()
    rows = repositories.select("host", "repo_name", "repo_key").iter_rows()
    return {key for host, repo_name, key in rows if not names.isdisjoint(_names(host, repo_name))}


def _later(keys: set[str], renames: Sequence[tuple[str, str]]) -> set[str]:
    """The keys and what they were renamed to."""
    found = set(keys)
    for former, current in renames:
        if former in found:
            found.add(current)
    return found


def excluded(repositories: pl.DataFrame, codes: Mapping[str, str]) -> pl.DataFrame:
    """The rows of LISTED, excluded with the code of their key where it has one."""
    if not codes:
        return repositories
    code = pl.col("repo_key").replace_strict(codes, default=None, return_dtype=pl.String)
    return repositories.with_columns(
        excluded=pl.coalesce(code, "excluded"), excluded_detail=pl.when(code.is_null()).then("excluded_detail")
    )


def _names(host: str, repo_name: str) -> set[str]:
    """What a line may call it: each leading part of owner/name, with and without the host."""
    parts = repo_name.lower().split("/")
    leading = {"/".join(parts[:count]) for count in range(1, len(parts) + 1)}
    return leading | {f"{host}/{name}" for name in leading}
