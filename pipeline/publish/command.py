"""`stackyard publish` and `yank`: check, go to the Hub or to a folder, and remember what is public."""

import re
from collections.abc import Iterable

from pipeline import storage
from pipeline.config import Config
from pipeline.errors import ConfigError, PublishError
from pipeline.publish import hub as hubs
from pipeline.publish import to_folder, to_hub
from pipeline.publish import yank as taken_back
from pipeline.publish.patience import Patience
from pipeline.publish.plan import Plan
from pipeline.publish.release import MANIFEST, Release, check, read_release
from pipeline.workspace import Workspace

SHOWN = 10  # names in a list


def publish(
    workspace: Workspace,
    config: Config,
    *,
    dry_run: bool = False,
    overwrite: bool = False,
    accept_alarms: bool = False,
    pull_request: bool = False,
) -> str:
    """What was done, or would be, for people. Raises ConfigError, PublishError."""
    address = destination(config)
    release = read_release(workspace.release)
    check(release, config, accept_alarms)
    if "://" in address:
        if pull_request:
            raise ConfigError("publish: --pull-request is for the Hub, not for an address with a scheme")
        try:
            place = to_folder.connect(address)
            if dry_run:
                return _told(address, release, to_folder.look(place, release))
            where = to_folder.publish(place, release)
        except OSError as error:
            raise PublishError(f"{address}: {error.strerror or error}; nothing is half published") from error
        return _recorded(workspace, release, {"to": address, "folder": where}, f"published   {where}")
    hub = connect(config)
    if dry_run:
        return _told(hub.repo_id, release, to_hub.preview(hub, release, config.publish, overwrite))
    done = to_hub.publish(hub, release, config.publish, overwrite=overwrite, pull_request=pull_request)
    if done.url:
        steps = "open it for review, merge it, then run `stackyard publish` again, which tags it"
        return f"waiting     {done.url}\nnext        {steps}"
    record = {"to": hub.repo_id, "commit": done.commit, "tag": release.tag}
    page = f"{hub.api.endpoint}/datasets/{hub.repo_id}/tree/{release.tag}"
    lines = [
        f"published   {page}" + (" (it was there already)" if done.before else ""),
        f"commit      {done.commit}",
        f'load        load_dataset("{hub.repo_id}", revision="{release.tag}")',
    ]
    return _recorded(workspace, release, record, *lines)


def yank(workspace: Workspace, config: Config, version: str, purge: bool) -> str:
    """What was done, for people. Raises ConfigError, PublishError."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ConfigError(f"yank: {version!r} is no version like 0.1.0")
    address = destination(config)
    if "://" in address:
        said = taken_back.yank_folder(to_folder.connect(address), version)
    else:
        hub = connect(config)
        hub.check_may_write()
        said = taken_back.yank(hub, version, purge)
    storage.delete_tree(workspace.published / version)
    return said


def destination(config: Config) -> str:
    """[publish] to. Raises ConfigError when it is empty."""
    if not config.publish.to:
        raise ConfigError(
            'publish: to: is empty; name a repository of the Hub, "owner/name", or an address, in [publish]'
        )
    return config.publish.to


def connect(config: Config) -> hubs.Hub:
    """The repository of [publish] to."""
    settings = config.publish
    return hubs.connect(settings.to, Patience(settings.patience_s, settings.commits_per_hour))


def _recorded(workspace: Workspace, release: Release, record: dict[str, str], *lines: str) -> str:
    """What is public is known to the next release, which says what has changed."""
    folder = workspace.published / release.version
    storage.link_or_copy(release.folder / MANIFEST, folder / MANIFEST)
    storage.write_json(folder / "published.json", record | {"manifest_sha256": release.digest})
    return "\n".join(lines)


def _told(place: str, release: Release, plan: Plan) -> str:
    """What publishing would do."""
    copied, added = list(plan.copied), plan.added
    before = f" after {plan.before}" if plan.before else ", the first one there"
    settings = [f"settings    {change}" for change in plan.settings]
    if not plan.changed and not plan.deleted:
        done = f"{place}: {release.version} is published already"
        return "\n".join([done, *settings]) if settings else f"{done}: nothing to do"
    return "\n".join(
        [
            f"would go to {place}: {release.version}{before}",
            _line("add", added, release),
            _line("copy", copied, release),
            f"delete      {len(plan.deleted):>8,} files{_names(plan.deleted)}",
            *([f"overwrite   {len(plan.overwritten):>8,} files{_names(plan.overwritten)}"] if plan.overwritten else []),
            f"unchanged   {len(release.files) - len(added) - len(copied):>8,} files",
            f"keep        {len(plan.kept):>8,} files of somebody else{_names(plan.kept)}",
            *settings,
        ]
    )


def _line(what: str, paths: list[str], release: Release) -> str:
    size = sum(release.files[path].bytes for path in paths)
    return f"{what:<12}{len(paths):>8,} files, {size:,} bytes{_names(paths)}"


def _names(paths: Iterable[str]) -> str:
    names = list(paths)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f": {', '.join(names[:SHOWN])}{more}" if names else ""
