"""The command line: parses, calls, prints. Results on stdout, everything else on stderr."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import DISK, ConfigError, CorpusError, Interrupted, WorkspaceError, about_disk

app = typer.Typer(
    help="From a list of repository names to a code dataset. Options for Beam follow --.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ConfigFile = Annotated[Path, typer.Argument(help="the configuration; `stackyard init` writes one")]
WorkspaceDir = Annotated[Path, typer.Option("--workspace", help="the folder that holds everything of a run")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="processes on this machine")]
Partial = Annotated[bool, typer.Option("--partial", help="release although repositories are pending; the card says so")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="at most so many repositories, for a first look")]
Retry = Annotated[
    list[str] | None, typer.Option("--retry", metavar="CODE", help="again what failed with this code, or `all`")
]
Refresh = Annotated[bool, typer.Option("--refresh", help="again what was read, where HEAD is another commit now")]
Beam = Annotated[list[str] | None, typer.Argument(metavar="[-- BEAM_OPTIONS]", help="passed to Apache Beam")]

DEFAULT_WORKSPACE = Path("workspace")
DEFAULT_WORKERS = len(os.sched_getaffinity(0))


@app.command()
def init(path: Annotated[Path, typer.Argument(help="where to write it")] = Path("corpus.toml")) -> None:
    """Write a commented corpus.toml."""
    from pipeline.config import default_file

    if path.exists():
        raise ConfigError(f"{path}: exists; move it away or name another file")
    try:
        path.write_text(default_file().read_text("utf-8"), "utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from None
    print(path)


@app.command("list")
def list_(
    config: ConfigFile,
    beam: Beam = None,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    workers: Workers = DEFAULT_WORKERS,
) -> None:
    """List the repositories of the sources."""
    from pipeline import config as configuration
    from pipeline import inputs, report, units
    from pipeline.sources.listing import follow_renames, list_repositories
    from pipeline.workspace import opened

    settings = configuration.load(config)
    if any(source.gharchive for source in settings.source):
        _run(config, beam, workspace, workers, steps="list")
        return
    repositories = list_repositories(settings)  # without Beam, which takes a second to import
    with opened(workspace, settings) as space:
        units.write_list(space, follow_renames(repositories, inputs.renames(space), settings))
        print(report.listed(space))


@app.command()
def extract(
    config: ConfigFile,
    beam: Beam = None,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    workers: Workers = DEFAULT_WORKERS,
    limit: Limit = None,
    retry: Retry = None,
    refresh: Refresh = False,
) -> None:
    """Fetch, read and measure the listed repositories. Resumes where it stopped."""
    _run(config, beam, workspace, workers, steps="extract", limit=limit, retry=tuple(retry or ()), refresh=refresh)


@app.command()
def release(
    config: ConfigFile,
    beam: Beam = None,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    workers: Workers = DEFAULT_WORKERS,
    partial: Partial = False,
) -> None:
    """Label, deduplicate, choose, write. Rerun it with other thresholds."""
    _run(config, beam, workspace, workers, steps="release", partial=partial)


@app.command()
def run(
    config: ConfigFile,
    beam: Beam = None,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    workers: Workers = DEFAULT_WORKERS,
    limit: Limit = None,
    retry: Retry = None,
    refresh: Refresh = False,
) -> None:
    """list, extract and release."""
    again, partial = tuple(retry or ()), limit is not None
    steps = "list extract release"
    _run(config, beam, workspace, workers, steps=steps, limit=limit, retry=again, refresh=refresh, partial=partial)


@app.command()
def publish(
    config: ConfigFile,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would change, and write nothing")] = False,
    accept_alarms: Annotated[bool, typer.Option("--accept-alarms", help="although the release raises alarms")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="also what somebody else has put there")] = False,
    pull_request: Annotated[bool, typer.Option("--pull-request", help="propose it, for somebody to merge")] = False,
) -> None:
    """Put the release on the Hugging Face Hub, or at the address of [publish] to. Resumes where it stopped."""
    from pipeline import config as configuration
    from pipeline.publish import command
    from pipeline.workspace import opened

    settings = configuration.load(config)
    command.destination(settings)
    if not (workspace / "workspace.json").exists():
        raise WorkspaceError(f"{workspace}: no workspace; run `stackyard run {config}` first, or use --workspace DIR")
    with opened(workspace, settings) as space, _interruptible():
        options = {"dry_run": dry_run, "overwrite": overwrite, "accept_alarms": accept_alarms}
        print(command.publish(space, settings, pull_request=pull_request, **options))


@app.command()
def takedown(
    config: ConfigFile,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    owner: Annotated[
        list[str] | None, typer.Option("--owner", help="everything of an owner: octo-org, or host/octo-org")
    ] = None,
    repository: Annotated[list[str] | None, typer.Option("--repository", help="owner/name, or host/owner/name")] = None,
    path: Annotated[list[str] | None, typer.Option("--path", help="only these files of --repository")] = None,
    content_id: Annotated[
        list[str] | None, typer.Option("--content-id", help="a text wherever it is: content_id or text_id")
    ] = None,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="also what is not here yet: refuse it when it comes")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would go, and change nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="the result as JSON; it holds names")] = False,
) -> None:
    """Remove somebody's code from the workspace and the release, for good. Without an option: carry out what stands in
    the file of takedowns."""
    from pipeline import config as configuration
    from pipeline.takedown import takedown as removal
    from pipeline.workspace import opened

    once = {"owner": owner or [], "repository": repository or [], "content_id": content_id or []}
    for name, values in once.items():
        if len(values) > 1:
            option = f"--{name.replace('_', '-')}"
            raise ConfigError(f"takedown: {option}: given {len(values)} times; run it once for each")
    settings = configuration.load(config)
    with opened(workspace, settings) as space, _interruptible():
        done = removal.takedown(
            space,
            settings,
            on=f"{date.today():%Y-%m-%d}",
            **{name: values[0] for name, values in once.items() if values},
            paths=tuple(path or ()),
            unseen=unseen,
            dry_run=dry_run,
        )
    print(json.dumps(done.as_json(), indent=1) if as_json else done)


@app.command()
def diff(
    a: Annotated[str, typer.Argument(help="a release: its folder, or an address, hf://datasets/OWNER/NAME@v0.1.0")],
    b: Annotated[str, typer.Argument(help="another one")],
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """What differs between two releases: rows by language, files, configuration, reasons."""
    from pipeline import diff as differences

    found = differences.diff(a, b)
    print(json.dumps(found.as_json(), indent=1) if as_json else found)


@app.command()
def yank(
    config: ConfigFile,
    version: Annotated[str, typer.Argument(help="a published version, not the newest")],
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    purge: Annotated[
        bool, typer.Option("--purge", help="delete for good what only yanked versions hold; rewrites the history")
    ] = False,
) -> None:
    """Take back a published version."""
    from pipeline import config as configuration
    from pipeline.publish import command
    from pipeline.workspace import opened

    settings = configuration.load(config)
    command.destination(settings)
    with opened(workspace, settings) as space, _interruptible():
        print(command.yank(space, settings, version, purge))


@app.command()
def status(config: ConfigFile, workspace: WorkspaceDir = DEFAULT_WORKSPACE) -> None:
    """What is done, failed and left."""
    from pipeline import config as configuration
    from pipeline import report
    from pipeline.workspace import Workspace

    configuration.load(config)
    print(report.status(Workspace(workspace.absolute())))


@app.command()
def explain(
    config: ConfigFile,
    repository: Annotated[str, typer.Argument(help="owner/name, as `status` and the ledger write it")],
    path: Annotated[str, typer.Argument(help="the file's path in the repository")],
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
) -> None:
    """Why a file is in the release or not, with every signal and rule."""
    from pipeline import config as configuration
    from pipeline import explain as story
    from pipeline.workspace import Workspace

    settings = configuration.load(config)
    if not (workspace / "workspace.json").exists():
        raise WorkspaceError(f"{workspace}: no workspace; run `stackyard run {config}` first, or use --workspace DIR")
    print(story.explain(Workspace(workspace.absolute()), settings, repository, path))


@app.command()
def verify(
    where: Annotated[
        str,
        typer.Argument(
            metavar="RELEASE",
            help="a release, or a workspace: its units and its release; or an address, hf://datasets/OWNER/NAME@v0.1.0",
        ),
    ],
) -> None:
    """Compute hashes, counts and sums of a release again."""
    from pipeline.verify import verify_release, verify_units

    if "://" in where:
        from pipeline.publish.verify import verify_published

        values = verify_published(where)
    else:
        folder = Path(where)
        if (folder / "workspace.json").exists():
            print(f"{where}: {verify_units(folder):,} units are as their commits say")
            where = str(folder / "release")
        values = verify_release(Path(where))
    files, rows = len(values["contents"]), values["files"]["published"]
    print(f"{where}: {files} files and {rows:,} rows are as the manifest says")


def _run(
    config: Path,
    beam: list[str] | None,
    workspace: Path,
    workers: int,
    *,
    steps: str,
    limit: int | None = None,
    retry: tuple[str, ...] = (),
    refresh: bool = False,
    partial: bool = False,
) -> None:
    """The steps in one workspace, under one lock."""
    from pipeline import again, git, report
    from pipeline import config as configuration
    from pipeline.card.text import read_text
    from pipeline.fetch import once
    from pipeline.workspace import opened

    settings = configuration.load(config)
    git.version()
    again.check_codes(retry)
    once.check_tokens(settings.fetch)
    read_text(settings)  # a mistake in the card's text is not told after hours
    if "list" not in steps and not (workspace / "workspace.json").exists():
        raise WorkspaceError(f"{workspace}: nothing listed yet; run `stackyard list {config}` first")
    with opened(workspace, settings) as space, _interruptible():
        from pipeline import corpus  # imports Beam, which takes a second: after everything that can be wrong
        from pipeline.engine import Engine

        # Polars takes SIGINT for itself when it is imported, and Ctrl-C would wait for the end of a stage
        signal.signal(signal.SIGINT, signal.default_int_handler)
        engine = Engine(workers, tuple(beam or ()))
        if "list" in steps:
            corpus.list_names(space, settings, engine)
        elif not (space.repositories / "repositories.parquet").exists():
            raise WorkspaceError(f"{workspace}: nothing listed yet; run `stackyard list {config}` first")
        if "extract" in steps:
            corpus.extract(space, settings, engine, limit, retry, refresh)
        if "release" in steps:
            values = corpus.release(space, settings, engine, partial)
            print(report.released(values, workspace / "release", engine.seconds))
        elif "extract" in steps:
            print(report.status(space))
        else:
            print(report.listed(space))


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C is one line; Typer would say no more than "Aborted"."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("stopped; nothing committed is lost, run again to go on") from None


def main() -> None:
    """Runs the command; every error that a user can act on is one line on stderr."""
    try:
        app()
    except CorpusError as error:
        print(f"stackyard: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in DISK:
            raise
        print(f"stackyard: {about_disk(error)}", file=sys.stderr)
        sys.exit(1)
