"""Who does not want to be in: owners and repositories named in opt-out files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from pipeline.errors import ConfigError


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


def opted_out(repositories: pl.DataFrame, opt_outs: frozenset[str], renames: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """The rows of LISTED; excluded as `opt_out` where a line names them, their owner or group, or a former name.

    `renames`: repo_key and new repo_key, oldest first.
    """
    if not opt_outs:
        return repositories
    pairs = repositories.select("host", "repo_name").iter_rows()
    named = pl.Series([not opt_outs.isdisjoint(_names(host, repo_name)) for host, repo_name in pairs], dtype=pl.Boolean)
    rows = repositories.filter(named)
    keys = {*rows["repo_key"], *rows.filter(pl.col("excluded") == "renamed_to")["excluded_detail"]}
    for former, current in renames:
        keys |= {current} if former in keys else set()
    out = repositories["repo_key"].is_in(list(keys))
    return repositories.with_columns(
        excluded=pl.when(out).then(pl.lit("opt_out")).otherwise("excluded"),
        excluded_detail=pl.when(~out).then("excluded_detail"),
    )


def _names(host: str, repo_name: str) -> set[str]:
    """What a line may call it: each leading part of owner/name, with and without the host."""
    parts = repo_name.lower().split("/")
    leading = {"/".join(parts[:count]) for count in range(1, len(parts) + 1)}
    return leading | {f"{host}/{name}" for name in leading}
