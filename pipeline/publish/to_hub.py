"""A release to the Hub, so that readers see the old version or the new one and never a mixture.

    staging branch <- batches of files, each a checkpoint; compared with the manifest
    main           <- one commit that copies from there and deletes; compared with the manifest; tagged

Every step looks before it writes, so a killed publish goes on where it stopped, and a second one does nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, DatasetInfo

from pipeline.config import Publish
from pipeline.diff import version_order
from pipeline.errors import PublishError
from pipeline.progress import progress
from pipeline.publish import hub as hubs
from pipeline.publish.hub import MAIN, Hub, Moved, Operation, PullRequest, Refs, TooLarge, Tree
from pipeline.publish.patience import say
from pipeline.publish.plan import Overtaken, Plan, check_newest, differences, look, manifest_at, missing, new, taken
from pipeline.publish.release import MANIFEST, Release

STAGING = "staging"  # branches: staging/VERSION-DIGEST
SMALL_BYTES = 1 << 20  # of text: goes with the last commit, not over the staging branch
BATCH_BYTES = 20 << 30  # of one commit of the staging branch
UPLOAD_BYTES = 256 << 20  # of files that are uploaded together: what a kill loses, and a step of the progress
GATED = {"no": False, "auto": "auto", "manual": "manual"}
TRIES = 5  # of looking again because main has moved


@dataclass(frozen=True)
class Published:
    """Where a release is now. `url` is set where a pull request waits for somebody to merge it; `before`: it was there
    before."""

    commit: str
    url: str | None = None
    before: bool = False


def preview(hub: Hub, release: Release, settings: Publish, overwrite: bool) -> Plan:
    """What publishing would change. Raises PublishError where it would be refused."""
    info = hub.info()
    if info is None:
        return new(release)
    hub.check_may_write()
    _check_visibility(hub, settings, info)
    refs = hub.refs()
    if commit := published(hub, release, refs):
        _check_main(hub, release, refs)
        plan = Plan(commit, release.version, hub.tree(commit))
    else:
        plan = look(hub, release, refs.branches[MAIN], overwrite)
    return replace(plan, settings=_settings(settings, info))


def _settings(settings: Publish, info: DatasetInfo) -> list[str]:
    """What would be another one of the repository."""
    gated = GATED[settings.gated]
    visible = ["private -> public"] if info.private and settings.visibility == "public" else []
    return visible + ([f"gated {info.gated or 'no'} -> {settings.gated}"] if (info.gated or False) != gated else [])


def publish(
    hub: Hub, release: Release, settings: Publish, *, overwrite: bool = False, pull_request: bool = False
) -> Published:
    """The release is on main, tagged, and nothing of the way there is left. Raises PublishError."""
    info = _open(hub, settings)
    for _ in range(TRIES):
        refs = hub.refs()
        try:
            commit = published(hub, release, refs)
            before = commit is not None
            if commit is None:
                plan = look(hub, release, refs.branches[MAIN], overwrite)
                staged = stage(hub, release, plan, settings, refs)
                done = promote(hub, release, plan, staged, pull_request)
                if done.url:
                    return done
                commit, refs = done.commit, hub.refs()
            break
        except Moved:
            say("somebody has changed the repository meanwhile: looking again")
        except Overtaken:
            if (branch := _staging(release)) in hub.refs().branches:
                hub.delete_branch(branch)
            raise
    else:
        raise PublishError(f"{hub.repo_id}: main keeps moving; run again when the others are done")
    if refs.branches[MAIN] != commit:
        _check_main(hub, release, refs)
    if refs.tags.get(release.tag) != commit:
        hub.create_tag(release.tag, commit, f"manifest {release.digest}")
    _open_up(hub, settings, info)
    for branch in refs.branches:
        if _is_over(branch, release):
            hub.delete_branch(branch)
    return Published(commit, before=before)


def _is_over(branch: str, release: Release) -> bool:
    """Whether it was the way to this version or a lower one, which will not be gone to its end any more."""
    kind, _, name = branch.partition("/")
    return kind == STAGING and version_order(name.partition("-")[0]) <= version_order(release.version)


def _open(hub: Hub, settings: Publish) -> DatasetInfo | None:
    """There is a repository that the token may write to, and that is not more public than it shall be; None when it
    was made just now."""
    found = hub.info()
    if found is None:
        hub.create()
    hub.check_may_write()
    if found:
        _check_visibility(hub, settings, found)
    gated = GATED[settings.gated]
    if gated and not (found and found.gated == gated):
        hub.set(gated=gated)  # before there is more to read
    return found


def _check_visibility(hub: Hub, settings: Publish, info: DatasetInfo) -> None:
    """Raises PublishError where more people would see the release than shall."""
    if not info.private and settings.visibility == "private":
        raise PublishError(
            f'{hub.repo_id}: is public, and [publish] visibility is "private": set it to "public", or use another one'
        )


def _check_main(hub: Hub, release: Release, refs: Refs) -> None:
    """Raises PublishError where main should have this release, and somebody has changed what is in it."""
    tree = hub.tree(refs.branches[MAIN])
    wrong = next(differences(tree, release), None)
    if wrong and not missing(tree, release, [MANIFEST]):
        raise PublishError(
            f"{hub.repo_id}: {release.version} was published, but main is not that any more: {wrong}; raise [release] "
            "version, release and publish, which puts it right"
        )


def _open_up(hub: Hub, settings: Publish, before: DatasetInfo | None) -> None:
    """Readers may come in as far as the settings say, now that there is something whole to read."""
    if before and before.gated and not GATED[settings.gated]:
        hub.set(gated=False)
    if settings.visibility == "public" and (before is None or before.private):
        hub.set(visibility="public")


def published(hub: Hub, release: Release, refs: Refs) -> str | None:
    """The commit that has the release on main already. Raises Overtaken where its version has other bytes, or has no
    tag and a newer one follows: then it was yanked."""
    if there := refs.tags.get(release.tag):
        if any(differences(hub.tree(there), release)):
            raise taken(hub.repo_id, release)
        return there
    for number, commit in enumerate(hub.commits()):
        if release.digest in commit.message:
            if number:
                check_newest(hub.repo_id, release, manifest_at(hub, MAIN))
            return str(commit.commit_id)
    if missing(hub.entries(MAIN, [MANIFEST]), release, [MANIFEST]):
        return None
    return hub.refs().branches[MAIN]  # somebody has merged the pull request


def stage(hub: Hub, release: Release, plan: Plan, settings: Publish, refs: Refs) -> str | None:
    """The commit of a branch that has all large files which main lacks; None where it lacks none."""
    wanted = [path for path in plan.changed if not _is_small(release, path)]
    if not wanted:
        return None
    branch = _staging(release)
    if branch not in refs.branches:
        hub.create_branch(branch, plan.head)
    left = missing(hub.tree(branch), release, wanted)
    sent = _bytes(release, wanted) - _bytes(release, left)
    with progress("publish", "bytes", _bytes(release, wanted), lambda: sent):
        for batch in _batches(release, left, settings.files_per_commit, BATCH_BYTES):
            operations = {path: _staged(release, plan, path) for path in batch}
            for part in _batches(release, batch, settings.files_per_commit, UPLOAD_BYTES):
                hub.upload([o for p in part if isinstance(o := operations[p], CommitOperationAdd)], branch)
                sent += _bytes(release, part)
            title = f"Stage {release.version}: {len(batch)} files"
            landed = partial(_landed, hub, release, branch, batch)
            hub.commit(list(operations.values()), title, revision=branch, landed=landed)
    commit = hub.refs().branches[branch]
    if wrong := missing(hub.tree(commit), release, wanted):
        raise PublishError(
            f"{release.folder / wrong[0]}: what arrived is not what the manifest says: the file has changed since; "
            "`stackyard verify` tells more"
        )
    return commit


def _staging(release: Release) -> str:
    return f"{STAGING}/{release.version}-{release.digest[:12]}"


def _is_small(release: Release, path: str) -> bool:
    return not path.endswith(".parquet") and release.files[path].bytes < SMALL_BYTES


def _bytes(release: Release, paths: Iterable[str]) -> int:
    return sum(release.files[path].bytes for path in paths)


def _batches(release: Release, paths: Sequence[str], most: int, most_bytes: int) -> Iterator[list[str]]:
    """The paths in their order, cut where so many files or bytes have come together."""
    batch: list[str] = []
    for path in paths:
        if batch and (len(batch) == most or _bytes(release, [*batch, path]) > most_bytes):
            yield batch
            batch = []
        batch.append(path)
    if batch:
        yield batch


def _staged(release: Release, plan: Plan, path: str) -> Operation:
    """How a file comes to the staging branch: what the repository has under another name is not sent again."""
    if path in plan.copied:
        return CommitOperationCopy(plan.copied[path], path, src_revision=plan.head)
    return CommitOperationAdd(path, release.folder / path)


def _landed(hub: Hub, release: Release, branch: str, batch: Sequence[str]) -> str | None:
    """The branch's commit where it has the batch."""
    if missing(hub.entries(branch, batch), release, batch):
        return None
    return hub.refs().branches.get(branch)


def promote(hub: Hub, release: Release, plan: Plan, staged: str | None, pull_request: bool) -> Published:
    """The commit on main. Raises Moved where main is not at the plan's head any more."""
    operations: list[Operation] = [CommitOperationDelete(path) for path in plan.deleted]
    for path in plan.changed:
        if _is_small(release, path):
            operations.append(CommitOperationAdd(path, release.folder / path))
        else:
            operations.append(CommitOperationCopy(path, path, src_revision=staged))
    if pull_request:
        return Published(plan.head, propose(hub, release, plan, operations).url)
    title, message = f"Release {release.version}", f"manifest {release.digest}"
    landed = partial(published, hub, release, Refs({}, {}))
    try:
        commit = hub.commit(operations, title, message=message, revision=MAIN, parent=plan.head, landed=landed)
        if left_over := hub.pull_requests().get(_title(release)):
            hub.close(left_over.number)
    except TooLarge:
        say(f"{len(operations):,} files are too many for one commit: through a pull request")
        commit = hub.merge(propose(hub, release, plan, operations).number, plan.head)
    if wrong := next(differences(hub.tree(commit), release), None):
        raise PublishError(f"{hub.repo_id}: main is not the release after its commit {commit}: {wrong}")
    return Published(commit)


def propose(hub: Hub, release: Release, plan: Plan, operations: Sequence[Operation]) -> PullRequest:
    """A pull request of as many commits as it takes; what one has already is not committed again. Raises Moved where
    it does not begin at the plan's head."""
    found = hub.pull_request(_title(release), f"manifest {release.digest}")
    if plan.head not in {str(commit.commit_id) for commit in hub.commits(found.revision)}:
        hub.close(found.number)
        raise Moved(f"{hub.repo_id}: pull request {found.number} does not begin where main is")
    tree = hub.tree(found.revision)
    left = [operation for operation in operations if not _is_done(tree, release, operation)]
    for start in range(0, len(left), hubs.MANY):
        some = left[start : start + hubs.MANY]
        landed = partial(_all_done, hub, release, found.revision, some)
        hub.commit(some, f"Release {release.version}", revision=found.revision, landed=landed)
    if wrong := next(differences(hub.tree(found.revision), release), None):
        raise PublishError(f"{hub.repo_id}: pull request {found.number} is not the release: {wrong}")
    return found


def _title(release: Release) -> str:
    return f"Release {release.version} ({release.digest[:12]})"


def _is_done(tree: Tree, release: Release, operation: Operation) -> bool:
    path = operation.path_in_repo
    return path not in tree if isinstance(operation, CommitOperationDelete) else not missing(tree, release, [path])


def _all_done(hub: Hub, release: Release, revision: str, operations: Sequence[Operation]) -> str | None:
    tree = hub.tree(revision)
    return revision if all(_is_done(tree, release, operation) for operation in operations) else None
