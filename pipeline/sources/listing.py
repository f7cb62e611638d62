"""All sources to one list of repositories, each fetched once or excluded with a reason."""

import fnmatch
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import polars as pl
import pyarrow as pa

from pipeline.config import Config, Source
from pipeline.errors import ConfigError
from pipeline.sources.folders import in_directory
from pipeline.sources.names import in_names_file
from pipeline.sources.optout import excluded, read_opt_outs, refused
from pipeline.sources.rows import Listed, repo_key
from pipeline.takedown import requests
from schemas.repositories import LISTED

MAX_RENAMES = 3  # one after the other: what a forge's redirects lead through


def list_repositories(
    config: Config, archives: Mapping[int, pl.DataFrame] | None = None, renames: Sequence[tuple[str, str]] = ()
) -> pa.Table:
    """All repositories of all sources as LISTED, sorted by key; a key listed twice is excluded as `duplicate_of`.

    `archives`: the rows of each source with `gharchive`, by its position. `renames`: repo_key and new repo_name of
    repositories that their forge redirected; the new name is listed in the place of the old. Raises ConfigError.
    """
    found = pl.concat(
        [
            _filtered(archives[n] if archives and n in archives else _rows(_in_files(config, source)), source, n)
            for n, source in enumerate(config.source)
        ]
    )
    _check_some(found)
    return _finished(found, renames, config)


def follow_renames(listed: pa.Table, renames: Sequence[tuple[str, str]], config: Config) -> pa.Table:
    """The list with the new names of repositories, as `list_repositories` makes it, without who has opted out since."""
    return _finished(cast(pl.DataFrame, pl.from_arrow(listed)), renames, config)


def _finished(found: pl.DataFrame, renames: Sequence[tuple[str, str]], config: Config) -> pa.Table:
    """The rows and their new names, without who opted out or was taken down, sorted, each key once."""
    out = read_opt_outs(config.folder, config.opt_out.files), requests.read(config)
    renamed = [(former, repo_key(former.partition("/")[0], repo_name)) for former, repo_name in renames]
    found = excluded(found, refused(found, *out, renamed))
    steps: Counter[str] = Counter()  # from a name that a source has
    for former, current in renamed:
        steps[current] = steps[former] + 1
    near = [rename for rename, (_, current) in zip(renames, renamed, strict=True) if steps[current] <= MAX_RENAMES]
    for _ in range(MAX_RENAMES):
        found = _followed(found, near, config.source)
    found = excluded(found, refused(found, *out, renamed))
    order = ["repo_key", pl.col("excluded").is_not_null(), "source", pl.coalesce("location", "url", pl.lit(""))]
    return _first_of_each(found.sort(order, maintain_order=True)).to_arrow().cast(LISTED)


def _in_files(config: Config, source: Source) -> Iterator[Listed]:
    for name in source.directories:
        yield from in_directory(config.folder, name)
    for name in source.names:
        yield from in_names_file(config.folder / name, source.host, config.fetch.hosts)


def _rows(rows: Iterator[Listed]) -> pl.DataFrame:
    return cast(pl.DataFrame, pl.from_arrow(pa.Table.from_pylist([r | {"source": 0} for r in rows], schema=LISTED)))


def _filtered(repositories: pl.DataFrame, source: Source, number: int) -> pl.DataFrame:
    """The source's rows; excluded as `filter` where its include or exclude says so."""
    repositories = repositories.with_columns(source=pl.lit(number, pl.Int32))
    if not source.include and not source.exclude:
        return repositories
    why = pl.Series([_pattern(name, source) for name in repositories["repo_name"]], dtype=pl.String)
    here = repositories["excluded"].is_null() & why.is_not_null()
    return repositories.with_columns(
        excluded=pl.when(here).then(pl.lit("filter")).otherwise("excluded"),
        excluded_detail=pl.when(here).then(why).otherwise("excluded_detail"),
    )


def _pattern(repo_name: str, source: Source) -> str | None:
    """What excludes a name; None when nothing does."""
    excluding = next((pattern for pattern in source.exclude if fnmatch.fnmatchcase(repo_name, pattern)), None)
    if excluding is None and source.include and not any(fnmatch.fnmatchcase(repo_name, p) for p in source.include):
        return "not in include"
    return excluding


def _check_some(found: pl.DataFrame) -> None:
    """Raises ConfigError when nothing is left to extract."""
    if not found.height:
        raise ConfigError("source: no repository found: the folders hold no git repository and the files no name")
    if found["excluded"].null_count():
        return
    bad = found.filter(pl.col("excluded") == "bad_url")
    if bad.height == found.height:
        raise ConfigError(f"source: names: {bad['excluded_detail'][0]}")
    raise ConfigError(f"source: the filters leave none of the {found.height} repositories that were found")


def _followed(found: pl.DataFrame, renames: Sequence[tuple[str, str]], sources: Sequence[Source]) -> pl.DataFrame:
    """With a row for every new name of a repository that is to be fetched, where the name is not there already."""
    new_names = dict(renames)
    known = set(found["repo_key"])
    renamed = found.filter(pl.col("repo_key").is_in(list(new_names)) & pl.col("excluded").is_null())
    added: list[Listed] = []
    for row in renamed.iter_rows(named=True):
        repo_name = new_names[row["repo_key"]]
        key = repo_key(row["host"], repo_name)
        if key not in known:
            known.add(key)
            suffix = ".git" if row["url"].endswith(".git") else ""
            new = {"repo_key": key, "repo_name": repo_name, "url": f"https://{row['host']}/{repo_name}{suffix}"}
            added.append(row | new)
    parts = pa.Table.from_pylist(added, schema=LISTED)
    rows = cast(pl.DataFrame, pl.from_arrow(parts)).cast(found.schema)
    return pl.concat(
        [found, *(_filtered(rows.filter(pl.col("source") == n), s, n) for n, s in enumerate(sources) if added)]
    )


def _first_of_each(found: pl.DataFrame) -> pl.DataFrame:
    """Every repository; of one key the later ones are excluded."""
    first = pl.coalesce("location", "repo_key").first().over("repo_key")
    later = pl.int_range(pl.len()).over("repo_key").gt(0) & pl.col("excluded").is_null()
    return found.with_columns(
        excluded=pl.when(later).then(pl.lit("duplicate_of")).otherwise("excluded"),
        excluded_detail=pl.when(later).then(first).otherwise("excluded_detail"),
    )
