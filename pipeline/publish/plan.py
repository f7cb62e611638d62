"""What has to change where a release goes: looked up before anything is written."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pipeline.diff import version_order
from pipeline.errors import PublishError
from pipeline.publish.hub import Hub, Tree
from pipeline.publish.release import FOLDERS, MANIFEST, README, Release, contents

OURS_TO_HUB = ".gitattributes"  # which the Hub makes, and which says that Parquet is stored outside of git


class Overtaken(PublishError):
    """The version, or a newer one, is there with other bytes."""


@dataclass(frozen=True)
class Plan:
    """The way from what is there to the release. All paths are sorted; `copied` says which path has the same bytes."""

    head: str  # commit
    before: str | None  # version
    tree: Tree
    added: list[str] = field(default_factory=list)
    copied: dict[str, str] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    overwritten: list[str] = field(default_factory=list)  # somebody's, replaced or deleted
    kept: list[str] = field(default_factory=list)  # not of a release, and not touched
    settings: list[str] = field(default_factory=list)  # of the repository, as "from -> to"

    @property
    def changed(self) -> list[str]:
        return sorted([*self.added, *self.copied])


def new(release: Release) -> Plan:
    """For a place that does not exist yet."""
    return Plan("", None, {}, added=sorted(release.files))


def look(hub: Hub, release: Release, head: str, overwrite: bool) -> Plan:
    """The plan for a branch at `head`. Raises PublishError where it would take back a newer version, or, unless
    `overwrite`, what somebody has put there or written into the card."""
    tree = hub.tree(head)
    values = manifest_at(hub, head) if MANIFEST in tree else None
    check_version(hub.repo_id, release, values)
    known = set(contents(values) if values else ()) | ({MANIFEST} if values else set())
    ours = release.files.keys() - {README}
    foreign = sorted(p for p in tree if p not in known and (p in ours or p.split("/")[0] in FOLDERS))
    theirs = [*foreign, *_edited(hub, head, tree, values)]
    if ".gitignore" in tree:
        raise PublishError(
            f"{hub.repo_id}: has a .gitignore, by which the Hub may leave out files in silence: delete it"
        )
    if theirs and not overwrite:
        raise PublishError("\n".join(f"{hub.repo_id}: {complaint}" for complaint in _complaints(theirs)))
    by_hash = {entry.sha256: path for path, entry in sorted(tree.items(), reverse=True) if entry.sha256}
    wanted = missing(tree, release, sorted(release.files))
    copied = {path: by_hash[sha] for path in wanted if (sha := release.files[path].sha256) in by_hash}
    deleted = sorted((known | set(foreign)) & tree.keys() - release.files.keys())
    return Plan(
        head,
        str(values["version"]) if values else None,
        tree,
        added=[path for path in wanted if path not in copied],
        copied=copied,
        deleted=deleted,
        overwritten=theirs,
        kept=sorted(tree.keys() - release.files.keys() - {*deleted, OURS_TO_HUB}),
    )


def missing(tree: Tree, release: Release, paths: Iterable[str]) -> list[str]:
    """The paths that the tree does not have with the release's bytes."""
    return [p for p in paths if p not in tree or not tree[p].holds(release.files[p], release.folder / p)]


def differences(tree: Tree, release: Release) -> Iterator[str]:
    """What keeps a tree from being the release. Files outside of its folders are somebody else's."""
    for path, file in release.files.items():
        if path not in tree:
            yield f"{path}: missing"
        elif not tree[path].holds(file, release.folder / path):
            yield f"{path}: other bytes than the manifest says"
    yield from (f"{path}: not of this release" for path in sorted(tree) if _is_stray(path, release))


def _is_stray(path: str, release: Release) -> bool:
    return path.split("/")[0] in FOLDERS and path not in release.files


def manifest_at(hub: Hub, revision: str) -> dict[str, Any] | None:
    """The manifest of the release at a revision; None where there is none. Raises PublishError for one of others."""
    text = hub.read(revision, MANIFEST)
    if text is None:
        return None
    try:
        values: dict[str, Any] = json.loads(text)
        version_order(values["version"]), contents(values)
    except (ValueError, KeyError, TypeError):
        raise PublishError(
            f"{hub.repo_id}: {MANIFEST} there is none of stackyard: use another repository, or delete that file"
        ) from None
    return values


def check_version(place: str, release: Release, values: dict[str, Any] | None) -> None:
    """A version never moves, and main never goes back."""
    check_newest(place, release, values)
    if values and values["version"] == release.version:
        raise taken(place, release)


def check_newest(place: str, release: Release, values: dict[str, Any] | None) -> None:
    """Raises Overtaken where a newer version is there."""
    if values and version_order(there := str(values["version"])) > version_order(release.version):
        raise Overtaken(
            f"{place}: {there} is there, newer than {release.version}: raise [release] version, release again"
        )


def taken(place: str, release: Release) -> Overtaken:
    """What to tell of a version that has other bytes already."""
    return Overtaken(
        f"{place}: version {release.version} is published with other bytes; a version never changes: raise "
        "[release] version, release again"
    )


def _edited(hub: Hub, head: str, tree: Tree, values: dict[str, Any] | None) -> list[str]:
    """The card, where it is not as the last release wrote it, or, before the first one, as the Hub makes it: front
    matter alone."""
    if README not in tree:
        return []
    text = hub.read(head, README) or b""
    if known := contents(values).get(README) if values else None:
        return [README] if hashlib.sha256(text).hexdigest() != known.sha256 else []
    return [README] if re.sub(rb"\A---\n.*?\n---\n", b"", text, flags=re.DOTALL).strip() else []


def _complaints(theirs: list[str]) -> Iterator[str]:
    """Why nothing is published, as long as somebody else's files are there."""
    foreign = [path for path in theirs if path != README]
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        yield (
            f"{foreign[0]}{more} would be replaced, or read with the release, and no release put it there; move it "
            "away, or publish with --overwrite"
        )
    if README in theirs:
        yield (
            "somebody has written its README.md; take that over into the file that [card] file names, release again, "
            "and publish with --overwrite"
        )
