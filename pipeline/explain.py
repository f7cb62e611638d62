"""Why one file is in the release or not: every signal, every rule, the licence's evidence, the file it yields to."""

import difflib
import json
from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from filters.label import thresholds, values
from pipeline import inputs, parquet
from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.label import LabelUnit, read_columns
from pipeline.run import Folders, folders
from pipeline.sources.optout import OPT_OUT, TAKEDOWN
from pipeline.units import Unit
from pipeline.workspace import Workspace
from schemas.files import MEASURES, SIGNALS


def explain(workspace: Workspace, config: Config, repository: str, path: str) -> str:
    """The file's story with this configuration, without Beam; the decision only where a release has made it.

    `repository` is owner/name, or host/owner/name. Raises ConfigError for one that is not listed, and for a path that
    is not in its tree, each with the nearest that is.
    """
    known, repositories = inputs.gather(workspace)
    listed = _listed(repositories, repository)
    if listed["outcome"] != "ok":
        return f"{listed['repo_key']}  {listed['outcome']}: {_unread(listed['code'], listed['detail'])}"
    places = folders(workspace, config, known.digest)
    unit, index = _unit_of(workspace, known, listed["repo_key"])
    files = read_columns(unit, MEASURES).with_row_index("row").filter(pl.col("repository_index") == index)
    labels = LabelUnit.of(places, config).labels(unit, files)
    at = _position(files["path"].to_list(), path, listed["repo_name"])
    file, label = files.row(at, named=True), labels.row(at, named=True)
    lines = [
        f"{listed['repo_key']}  {file['path']}",
        *_decision(places, unit, file, label),
        "",
        *_facts(file, label, config.source[listed["source"]].rights == "own"),
        "",
        *_rules(
            files[at].hstack(labels[at].select("license_type")), config.resolved()["rules"], label["removal_reasons"]
        ),
    ]
    return "\n".join(lines)


WITHHELD = {
    OPT_OUT: "opted out: a list in [opt_out] names it, so none of its files is read or released; `stackyard takedown` "
    "deletes what was read before",
    TAKEDOWN: "taken down: a request names it, so none of its files is read or released, and what was read is deleted",
}


def _unread(code: str | None, detail: str | None) -> str:
    """Why no file of a repository is there."""
    told = [part for part in (code, detail) if part]
    return WITHHELD.get(code or "", ": ".join([*told, "none of its files was read"]))


def _listed(repositories: pl.DataFrame, repository: str) -> dict[str, Any]:
    """The listed repository of this name."""
    names = repositories.filter((pl.col("repo_name") == repository) | (pl.col("repo_key") == repository))
    if names.is_empty():
        raise ConfigError(
            f"{repository}: not among the repositories listed{_nearest(repository, repositories['repo_name'])}"
        )
    return names.sort(pl.col("outcome") == "excluded").row(0, named=True)


def _nearest(name: str, names: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {found[0]}?" if found else ""


def _unit_of(workspace: Workspace, known: inputs.Inputs, repo_key: str) -> tuple[Unit, int]:
    """The unit whose reading of the repository counts, and the repository's index in it."""
    for unit_id in reversed(known.unit_ids):
        unit = Unit.of(workspace, unit_id)
        keys = inputs.repo_keys(workspace, [unit.id])[0]
        passed_over = [index for indices in known.passed_over.get(unit_id, {}).values() for index in indices]
        if repo_key in keys and keys.index(repo_key) not in passed_over:
            return unit, keys.index(repo_key)
    raise ConfigError(f"{repo_key}: not among the sources any more, so it is in no release")


def _position(paths: list[str], path: str, repo_name: str) -> int:
    if path not in paths:
        raise ConfigError(f"{path}: not in the tree of {repo_name}{_nearest(path, paths)}")
    return paths.index(path)


def _decision(places: Folders, unit: Unit, file: dict[str, Any], label: dict[str, Any]) -> Iterator[str]:
    """Kept, or removed and why; and which file stands for it."""
    stored = places.decisions / f"{unit.name}.parquet"
    if not (places.decisions / "done.json").exists():
        reasons = label["removal_reasons"]
        yield f"removed: {', '.join(reasons)}" if reasons else "no rule removes it"
        yield "duplicates are not decided yet for this configuration: run `stackyard release`"
        return
    decision = parquet.read_frame(stored).row(file["row"], named=True)
    reasons = decision["removal_reasons"]
    yield f"removed: {', '.join(reasons)}" if reasons else "kept"
    if decision["cluster_id"] == file["file_id"] and decision["cluster_size"] > 1:
        yield f"stands for {decision['cluster_size']:,} files, itself included"
    elif decision["estimated_similarity"] is not None:
        exact = decision["exact_similarity"]
        measured = f"estimated {decision['estimated_similarity']:.3f}" + (f", exact {exact:.3f}" if exact else "")
        yield f"yields to {_name_of(places, decision['cluster_id'])}  (similarity {measured})"


def _name_of(places: Folders, file_id: bytes) -> str:
    """Repository and path of a file of some unit."""
    for unit_id in inputs.read(places.inputs).unit_ids:
        unit = Unit.of(places.workspace, unit_id)
        found = read_columns(unit, ["file_id", "host", "repo_name", "path"]).filter(pl.col("file_id") == file_id)
        if found.height:
            return "{}/{}  {}".format(*found.select("host", "repo_name", "path").row(0))
    return file_id.hex()


def _facts(file: dict[str, Any], label: dict[str, Any], is_own: bool) -> Iterator[str]:
    """What was measured."""
    yield _line("commit", file["commit_id"])
    yield _line("content_id", file["content_id"])
    if file["unread_reason"] == TAKEDOWN:
        yield _line("taken down", "a request means it or what it is a copy of: its text is deleted, and not read again")
    elif file["unread_reason"]:
        yield _line("not read", file["unread_reason"])
    if file["text_id"] is None:
        return
    yield _line("language", f"{file['language'] or 'unknown'}  ({file['language_method'] or 'no rule knows it'})")
    own = "  (its source's rights are your own: the licence rules are off)" if is_own else ""
    yield _line("licence", f"{label['license_type']}: {label['license_expression'] or 'nothing found'}{own}")
    for evidence in json.loads(label["license_evidence"] or "[]"):
        lines = "-".join(str(line) for line in evidence["lines"])
        yield _line("", f"{evidence['path']}:{lines}  {evidence['license']}  {evidence['method']} {evidence['score']}")
    yield _line("encoding", f"{file['encoding']}  (confidence {file['encoding_confidence']:g})")
    for name in ("is_vendor", "is_documentation", "generated_by", "length_bytes", *(signal.name for signal in SIGNALS)):
        yield _line(name, file[name])
    if file["visible_chars"] is not None:
        yield _line("visible_chars", file["visible_chars"])


def _line(name: str, value: object) -> str:
    return f"{name:<20}{f'{value:,}' if type(value) is int else value}"


def _rules(row: pl.DataFrame, rules: dict[str, dict[str, Any]], reasons: list[str]) -> Iterator[str]:
    """Every rule: whether it holds, what it measured, and its thresholds."""
    yield f"{'rule':<24}{'holds':<8}{'value':>14}  thresholds"
    for name, value in values(rules).items():
        holds = "off" if not rules[name]["enabled"] else "yes" if name in reasons else "no"
        measured = row.select(value.alias("value"))["value"][0]
        shown = "" if measured is None else f"{measured:,.4g}"
        given = ", ".join(f"{key} {_shown(threshold)}" for key, threshold in thresholds(rules[name]).items())
        yield f"{name:<24}{holds:<8}{shown:>14}  {given}"


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value[:3])) + (f" and {len(value) - 3} more" if len(value) > 3 else "") or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
