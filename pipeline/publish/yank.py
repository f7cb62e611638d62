"""A version is taken back: nobody finds it any more, and with `purge` what only it held is deleted for good."""

from pipeline.errors import PublishError
from pipeline.publish.hub import MAIN, Hub, Tree
from pipeline.publish.plan import manifest_at
from pipeline.publish.to_folder import LATEST, Place
from pipeline.publish.to_hub import STAGING


def yank(hub: Hub, version: str, purge: bool) -> str:
    """What was done, for people. Raises PublishError for a version that is not there, unless what it held may be."""
    refs, tag = hub.refs(), f"v{version}"
    current = manifest_at(hub, refs.branches[MAIN])
    if current and current["version"] == version:
        raise _current(hub.repo_id, version)
    if purge and (waiting := hub.pull_requests()):
        numbers = ", ".join(str(each.number) for each in waiting.values())
        raise PublishError(
            f"{hub.repo_id}: what only pull requests hold would be deleted, too: merge or close {numbers} first"
        )
    gone = f"{hub.repo_id}: has no {tag} (yanked already, or never published)"
    if tag in refs.tags:
        hub.delete_tag(tag)
    elif not purge:
        raise PublishError(gone)
    lines = [f"yanked      {hub.repo_id} {tag}" if tag in refs.tags else gone]
    for branch in refs.branches:
        if branch.startswith(f"{STAGING}/{version}-"):
            hub.delete_branch(branch)
    lines.append(_purged(hub) if purge else "its bytes stay in the history of main; --purge deletes them for good")
    return "\n".join(lines)


def _purged(hub: Hub) -> str:
    """Everything is deleted that no branch or tag has. Raises PublishError where one is not as before afterwards."""
    before = _trees(hub)
    needed = {entry.sha256 for tree in before.values() for entry in tree.values()}
    unneeded = [file for file in hub.large_files() if file.file_oid not in needed]
    hub.delete_for_good(unneeded)
    after = _trees(hub) if unneeded else before
    if lost := sorted(name for name, tree in before.items() if after.get(name) != tree):
        raise PublishError(f"{hub.repo_id}: after its history was rewritten {lost[0]} is not as before: look at it")
    size = sum(file.size for file in unneeded)
    return f"deleted     {len(unneeded):>8,} files, {size:,} bytes, from the storage and from the history"


def _trees(hub: Hub) -> dict[str, Tree]:
    """Of every branch and tag."""
    refs = hub.refs()
    return {name: hub.tree(commit) for name, commit in {**refs.branches, **refs.tags}.items()}


def yank_folder(place: Place, version: str) -> str:
    """As `yank`, of a folder or an object store: its files are deleted."""
    latest = place.json(LATEST)
    if latest and latest["version"] == version:
        raise _current(place.root, version)
    if not place.files.exists(place.path(version)):
        raise PublishError(f"{place.root}: has no {version} (yanked already, or never published)")
    place.files.rm(place.path(version), recursive=True)
    return f"yanked      {place.path(version)}"


def _current(place: str, version: str) -> PublishError:
    return PublishError(
        f"{place}: {version} is what readers get now; publish a newer version first, then yank this one"
    )
