"""`stackyard takedown`: a request is written down, then carried out in the units and in the current release."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pipeline import manifest, parquet, storage
from pipeline.card.text import read_text
from pipeline.card.write import check_untouched
from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.takedown import enforce, patch, published, purge, requests
from pipeline.takedown.blocked import with_blocked
from pipeline.takedown.missing import not_here
from pipeline.takedown.requests import Request
from pipeline.takedown.scope import Known, Scope
from pipeline.workspace import Workspace
from schemas.release import ROWS

SHOWN = 20  # lines of a list


@dataclass(frozen=True)
class Takedown:
    """What a takedown did, or would do.

    `request`: its number; None where those in the file were carried out; `asked_before`: what is carried out stood in
    the file already, so that earlier runs may have done a part, which the counts of files and units do not have.
    `repositories`: keys of those that it names.
    `not_found`: names and paths of the request that nothing here has; a repository may come later, and is refused then.
    `units`: how many were made anew; `repository_files`: files that left them with their repositories; `files`: files
    that lost their text; `files_elsewhere`: of these, copies and near-duplicates of what was published.
    `published`: rows that left the release; `versions`: of the release before and after, None where it stays.
    `copies`: repository, path, content_id and reason of the rows that stay, and that files of the request yielded to.
    """

    request: int | None
    asked_before: bool
    repositories: list[str]
    not_found: list[str]
    units: int
    repository_files: int
    files: int
    files_elsewhere: int
    published: int
    versions: tuple[str, str] | None
    copies: list[tuple[str, str, str, str]]

    def as_json(self) -> dict[str, Any]:
        """JSON values. They hold names: nothing to publish."""
        return asdict(self)

    def __str__(self) -> str:
        """A screen of it."""
        return "\n".join(_lines(self))


def takedown(
    workspace: Workspace,
    config: Config,
    *,
    on: str,
    owner: str | None = None,
    repository: str | None = None,
    paths: Sequence[str] = (),
    content_id: str | None = None,
    unseen: bool = False,
    dry_run: bool = False,
) -> Takedown:
    """Carries out one more request, dated `on`, or without a selector those that there are, also in an older workspace
    or after a kill; and deletes what was read of who opted out. The current release gets its next patch version.

    `owner`, `repository`: without case, with or without the host; `paths`: of the repository; `content_id`: a git blob
    id or a text_id; `unseen`: also what is not here yet. Done again, it changes nothing. Raises ConfigError, also when
    something of a new request is not here, and WorkspaceError.
    """
    release = workspace.release if (workspace.release / "manifest.json").exists() else None
    if release:
        check_untouched(release)
    asked, known = enforce.read(workspace, config), Known.of(workspace)
    new = _new(asked, on, owner=owner, repository=repository, paths=tuple(paths), content_id=content_id)
    is_new = new is not None and new not in asked
    asked = with_blocked(workspace, known, [*asked, new] if new and is_new else asked)
    wanted = known.scope(asked, config)
    found = enforce.find(workspace, wanted)
    hits = patch.find(release, wanted) if release else None
    versions = _versions(workspace) if hits and hits.any else None
    files = pl.concat([purge.no_files(), *(unit.files for unit in found)])
    direct = known.scope([request.without_blocked() for request in asked])
    done = Takedown(
        request=new.id if new else None,
        asked_before=bool(asked) and not is_new,
        repositories=known.keys(new) if new else [],
        not_found=_not_found(new, known, files, hits) if new and is_new else [],
        units=len(found),
        repository_files=sum(int(unit.dropped.sum()) for unit in found),
        files=files.height,
        files_elsewhere=files.filter(~direct.files(hexadecimal=False)).height,
        published=hits.rows.height if hits else 0,
        versions=versions,
        copies=_copies(release, hits, direct) if release and hits else [],
    )
    if done.not_found and new and not (unseen or dry_run):
        raise ConfigError(not_here(new, done.not_found, known))
    if not dry_run:
        text = read_text(config)
        enforce.hold(workspace, config, known, asked, found)
        if release and hits and versions:
            base = manifest.last_published(workspace, config, versions[1]) or release / "manifest.json"
            patch.patch(release, workspace.next_release, versions[1], wanted, hits, len(asked), text, base)
            storage.swap(workspace.next_release, release)
    return done


def _versions(workspace: Workspace) -> tuple[str, str]:
    """The release's version, and the next that is not public yet."""
    version = str(storage.read_json(workspace.release / "manifest.json")["version"])
    return version, patch.next_patch(version, [path.name for path in workspace.published.glob("*")])


def _new(asked: Sequence[Request], on: str, **selectors: Any) -> Request | None:
    """The request that is meant: a new one, the one that asks for the same already, or None without a selector."""
    if not any(selectors.values()):
        return None
    new = requests.new(asked, on, **selectors)
    same = (request for request in asked if request.selectors == new.selectors)
    return next(same, new)


def _not_found(new: Request, known: Known, files: pl.DataFrame, hits: patch.Hits | None) -> list[str]:
    """What of the request nothing here has."""
    keys, places = known.keys(new), ["repo_key", "path", "content_id"]
    frames = [files, *((hits.rows, hits.removed) if hits else ())]
    there = pl.concat([frame.select(places) for frame in frames])
    if new.content_id:
        own = known.scope([new.without_blocked()])
        texts = files.filter(own.files(hexadecimal=False)).height or (
            hits and hits.rows.filter(own.files(hexadecimal=True)).height
        )
        return [] if texts or there.filter(content_id=new.content_id).height else [new.content_id]
    if not keys:
        return [str(new.owner or new.repository)]
    paths = set(there.filter(pl.col("repo_key").is_in(keys))["path"])
    return [path for path in new.paths if path not in paths]


def _copies(release: Path, hits: patch.Hits, direct: Scope) -> list[tuple[str, str, str, str]]:
    """The rows that stay although files that must go yielded to them."""
    own = hits.removed.filter(direct.whole() | direct.named_files()).drop_nulls("kept_file_id")
    own = own.filter(~pl.col("kept_file_id").is_in(hits.rows["file_id"].implode()))
    kind = pl.col("removal_reasons").list.last().alias("reason")
    yielded = own.select("kept_file_id", kind).unique("kept_file_id", keep="first")
    columns = ["file_id", "host", "repo_name", "path", "content_id"]
    found = [pl.DataFrame(ROWS.empty_table()).select(columns).join(yielded, left_on="file_id", right_on="kept_file_id")]
    for path in published.tables(release, "data") if own.height else []:
        found.append(parquet.read_frame(path, columns).join(yielded, left_on="file_id", right_on="kept_file_id"))
    rows = pl.concat(found).select(pl.format("{}/{}", "host", "repo_name"), "path", "content_id", "reason")
    return sorted(rows.iter_rows())


def _lines(done: Takedown) -> Iterator[str]:
    yield f"request       {done.request}" if done.request else "all requests"
    if done.asked_before:
        yield "before        it was in the file already; units and files that earlier runs have done are not counted"
    yield from (f"repository    {key}" for key in done.repositories[:SHOWN])
    yield from _more(len(done.repositories))
    yield from (f"not found     {name}" for name in done.not_found[:SHOWN])
    yield f"units         {done.units:>12,} made anew"
    yield f"files         {done.repository_files:>12,} gone with their repositories"
    yield f"{'':14}{done.files:>12,} without their text"
    if done.files_elsewhere:
        yield f"{'':14}{done.files_elsewhere:>12,} of these copies in other places, which must not come instead"
    if done.versions:
        yield f"release       {done.published:>12,} rows gone: {done.versions[0]} -> {done.versions[1]}"
        yield f"next          publish {done.versions[1]}, yank what is older, and raise [release] version above it"
    if done.copies:
        yield f"copies        {len(done.copies):>12,} in other places stay; a takedown of their content_id removes them"
        yield from (
            f"  {reason}  {content_id}  {name}  {path}" for name, path, content_id, reason in done.copies[:SHOWN]
        )
        yield from _more(len(done.copies))


def _more(count: int) -> list[str]:
    return [f"  and {count - SHOWN:,} more"] if count > SHOWN else []
