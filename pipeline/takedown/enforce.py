"""The requests hold in a workspace: its list and its units have nothing of what must not be there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline import inputs, parquet, storage
from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.sources.listing import follow_renames
from pipeline.takedown import purge, requests, scope
from pipeline.takedown.blocked import with_blocked
from pipeline.takedown.purge import Hits
from pipeline.takedown.requests import Request
from pipeline.takedown.scope import NOTHING, Known, Scope
from pipeline.units import Unit, read_list, units, write_list
from pipeline.workspace import Workspace


def enforce(workspace: Workspace, config: Config) -> Scope:
    """Purges what the requests mean, unless that was done. Also returns who opted out: their text stays in the units
    until somebody calls for a takedown, but is not released. Raises ConfigError when known requests are gone."""
    if not _concerned(workspace, config):
        return NOTHING
    asked, known = read(workspace, config), Known.of(workspace)
    if _digest(known.scope(asked)) != _done(workspace)["digest"]:
        asked = with_blocked(workspace, known, asked)
        hold(workspace, config, known, asked, find(workspace, known.scope(asked)))
    return known.scope(asked, config)


def refused(workspace: Workspace, config: Config) -> Path | None:
    """A file for workers, with what they must not read; None where that is nothing. Raises ConfigError."""
    if not _concerned(workspace, config):
        return None
    return scope.write(workspace.work, Known.of(workspace).scope(read(workspace, config), config))


def read(workspace: Workspace, config: Config) -> list[Request]:
    """All requests. Raises ConfigError when there are fewer than this workspace knows of: then they would come back."""
    asked, before = requests.read(config), _done(workspace)["requests"]
    if len(asked) < before:
        raise ConfigError(
            f"opt_out: takedowns: {requests.file(config)}: has {len(asked)} requests, but {before} were carried out in "
            f"{workspace.root}; put the file back, or use another --workspace: this one has forgotten what they removed"
        )
    return asked


def find(workspace: Workspace, wanted: Scope) -> list[Hits]:
    """The committed units that hold what must not be there, and where."""
    found = (purge.find(unit, wanted) for unit in units(workspace) if unit.committed)
    return [hits for hits in found if hits.any]


def hold(workspace: Workspace, config: Config, known: Known, asked: Sequence[Request], found: Sequence[Hits]) -> None:
    """The requests are written, then what was found of them goes; done once more, it changes nothing.

    The mark comes last, so that the next run takes up what a kill interrupts.
    """
    requests.merge(config, asked)
    wanted, mark = known.scope(asked, config), _digest(known.scope(asked))
    forget(workspace, wanted, everything=_done(workspace)["digest"] != mark)
    if found:
        storage.delete_tree(workspace.next_release)
        for path in workspace.work.glob("*"):
            if path.name != "written":  # the rest depends on the units that change now
                storage.delete_tree(path)
    for hits in found:
        purge.purge(workspace, hits)
    if (workspace.repositories / "repositories.parquet").exists():
        write_list(workspace, follow_renames(read_list(workspace), inputs.renames(workspace), config))
    storage.write_json(_marker(workspace), {"digest": mark, "requests": len(asked)})


def forget(workspace: Workspace, wanted: Scope, everything: bool) -> None:
    """What was fetched of the repositories, and notes about them, are gone; `everything` that was fetched, when there
    are contents that any of it may have."""
    for unit in units(workspace):
        if not unit.committed and (
            (everything and wanted.means_files) or not wanted.repositories.keys().isdisjoint(_keys(unit))
        ):
            storage.delete_tree(workspace.fetched / unit.name)
    for note in workspace.journal.glob("bugs/*.txt"):
        key = note.read_text("utf-8").partition("\n")[0]
        if key in wanted.repositories or any(path.startswith(f"{key}\0") for path in wanted.paths):
            note.unlink()


def _keys(unit: Unit) -> list[str]:
    keys: list[str] = parquet.read(unit.path("list.parquet"), ["repo_key"])["repo_key"].to_pylist()
    return keys


def _concerned(workspace: Workspace, config: Config) -> bool:
    return bool(config.opt_out.files) or requests.file(config).exists() or _marker(workspace).exists()


def _marker(workspace: Workspace) -> Path:
    return workspace.files / "takedowns.json"


def _done(workspace: Workspace) -> dict[str, Any]:
    """What was carried out last: a digest of it, and the number of requests."""
    path = _marker(workspace)
    done: dict[str, Any] = storage.read_json(path) if path.exists() else {"digest": None, "requests": 0}
    return done


def _digest(wanted: Scope) -> str:
    return storage.digest(wanted.as_json())
