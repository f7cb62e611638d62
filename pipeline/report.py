"""What a run did, for people: tables on stdout."""

import contextlib
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from pipeline import inputs, parquet, storage, units
from pipeline.card.use import load_call
from pipeline.diff import version_order
from pipeline.errors import WorkspaceError
from pipeline.fetch import hosts
from pipeline.manifest import repository_counts
from pipeline.workspace import Workspace

SHOWN = 20  # languages in a table, or lines of a list; the manifest and the tables have all
RECENT_UNITS = 20  # from which the rate is taken


def listed(workspace: Workspace) -> str:
    """How many repositories there are, why some are excluded, and what the archive held."""
    repositories = parquet.read_frame(workspace.repositories / "repositories.parquet")
    reasons = Counter(repositories["excluded"].drop_nulls().to_list())
    lines = [f"{len(repositories):,} repositories listed, {sum(reasons.values()):,} of them excluded"]
    lines += [f"  {count:>10,} {reason}" for reason, count in sorted(reasons.items())]
    bad = repositories.filter(pl.col("excluded") == "bad_url")["excluded_detail"].to_list()
    lines += _some([f"  {detail}" for detail in bad], "in repositories/repositories.parquet")
    return "\n".join([*lines, *_archives(units.read_archives(workspace))])


def _archives(archives: dict[str, dict[str, Any]]) -> list[str]:
    """What the hours of each source held."""
    return [
        f"archive       {found['hours']:>12,} hours in [[source]] {int(number) + 1}: {found['missing']:,} missing, "
        f"{found['truncated']:,} truncated; {found['events']:,} events, {sum(found['malformed'].values()):,} bad lines"
        for number, found in archives.items()
    ]


def released(manifest: dict[str, Any], release: Path, profile: dict[str, float]) -> str:
    """What came in, what was kept, why the rest was not, by language; where it is and how to load it."""
    files = manifest["files"]
    lines = [
        *_archives(manifest["archives"]),
        _repositories(manifest["repositories"]),
        f"files         {files['entries']:>12,} in, {files['published']:,} kept, {files['removed']:,} removed"
        + (f", {files['passed_over']:,} passed over" if files["passed_over"] else ""),
        f"text kept     {files['text_bytes']:>12,} bytes",
        "",
        f"{'removed because':<22}{'files':>10}{'alone':>10}{'bytes':>16}",
        *(
            f"{name:<22}{row['files']:>10,}{row['alone']:>10,}{row['bytes']:>16,}"
            for name, row in sorted(manifest["reasons"].items(), key=lambda item: -item[1]["files"])
        ),
        "",
        *_languages(manifest["languages"]),
        "",
        *(f"ALARM         {alarm(row)}" for row in manifest["alarms"][:SHOWN]),
        *_never_fired(manifest["rules_never_fired"]),
        *_hint(manifest),
        "seconds       " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in profile.items()),
        f"release       {release}",
        f"card          {release / 'README.md'}",
    ]
    if files["published"]:
        lines.append(f"load          datasets.{load_call(release, manifest)}")
    return "\n".join(lines)


def alarm(row: dict[str, Any]) -> str:
    """One line about a rule or a cluster that takes too much of something."""
    share = 100 * row["taken"] / row["texts"]
    of = f"{row['kind']} {row['name']}"
    return f"{row['what']} takes {share:.0f} % of {of}: {row['taken']:,} of {row['texts']:,} files"


def _never_fired(rules: list[str]) -> list[str]:
    return [f"never fired   {', '.join(rules)}"] if rules else []


def _hint(manifest: dict[str, Any]) -> list[str]:
    """What to do when the licence rule leaves nothing: most likely it is the user's own code."""
    if manifest["files"]["published"] or "no_license" not in manifest["reasons"]:
        return []
    return ['hint          no file has a licence; for code of your own set rights = "own" in [[source]]']


def _repositories(counts: dict[str, Any]) -> str:
    parts = [f"{counts[name]:,} {name}" for name in ("ok", "empty", "failed", "excluded", "pending") if counts[name]]
    codes = "".join(f"\n{'':14}{count:>12,} {code}" for code, count in counts["codes"].items())
    return f"repositories  {counts['listed']:>12,} listed: {', '.join(parts)}{codes}"


def _languages(languages: dict[str, dict[str, int]]) -> list[str]:
    ordered = sorted(languages.items(), key=lambda item: (-item[1]["text_bytes"], item[0]))
    kept = [(name, row) for name, row in ordered if row["kept"]]
    rest = kept[SHOWN:]
    head = f"{'language':<22}{'in':>10}{'kept':>10}{'bytes kept':>16}"
    lines = [f"{name:<22}{r['entries']:>10,}{r['kept']:>10,}{r['text_bytes']:>16,}" for name, r in kept[:SHOWN]]
    if rest:
        total = Counter[str]()
        for _, row in rest:
            total.update(row)
        name = f"{len(rest)} more"
        lines.append(f"{name:<22}{total['entries']:>10,}{total['kept']:>10,}{total['text_bytes']:>16,}")
    nothing = sum(row["entries"] for _, row in ordered if not row["kept"])
    return [head, *lines, f"{'nothing kept':<22}{nothing:>10,}{0:>10,}{0:>16,}"]


def status(workspace: Workspace) -> str:
    """What is listed, extracted, failed and left; disk; the release."""
    if not (workspace.repositories / "repositories.parquet").exists():
        return f"{workspace.root}: nothing listed yet; run `stackyard list` or `stackyard run`"
    planned = units.units(workspace)
    done = [unit for unit in planned if unit.committed]
    lines = [
        f"units         {len(done):>12,} of {len(planned):,} committed",
        f"generations   {len(units.generations(workspace)):>12,}",
    ]
    try:
        repositories = inputs.gather(workspace)[1]
    except WorkspaceError:
        lines.append(f"repositories  {units.read_list(workspace).num_rows:>12,} listed, none extracted yet")
    else:
        lines.insert(0, _repositories(repository_counts(repositories)))
        failures = [f"  {key}: {code}: {detail}" for key, code, detail in _failures(repositories)]
        lines += _some(failures, "in the ledger of the next release")
        lines += ["again         stackyard extract CONFIG --retry CODE, or --retry all"] if failures else []
        lines.append(f"text          {int(repositories['text_bytes'].sum()):>12,} bytes")
    lines += _archives(units.read_archives(workspace))
    lines += [
        f"{name + ' on disk':<22}{_disk_bytes(workspace.root / name):>14,} bytes"
        for name in ("fetched", "files", "work", "release")
    ]
    paused = hosts.paused(workspace.hosts).items()
    lines += [f"paused        {host} for {seconds:,.0f} s, as it asked or as it needs" for host, seconds in paused]
    lines += _rate(done, len(planned) - len(done))
    lines += _profile(workspace)
    if (workspace.release / "manifest.json").exists():
        values = storage.read_json(workspace.release / "manifest.json")
        lines.append(f"release       {values['name']} {values['version']}: {values['files']['published']:,} files")
    for path in sorted(workspace.published.glob("*/published.json"), key=lambda path: version_order(path.parent.name)):
        lines.append(f"published     {path.parent.name} to {storage.read_json(path)['to']}")
    return "\n".join(lines)


def _rate(done: list[units.Unit], left: int) -> list[str]:
    """How fast the last commits came, and how long the rest takes at that rate."""
    times = sorted(unit.path("json").stat().st_mtime for unit in done)[-RECENT_UNITS:]
    if not left or len(times) < 2 or times[0] == times[-1]:
        return []
    by_minute = 60 * (len(times) - 1) / (times[-1] - times[0])
    return [f"rate          {by_minute:>12,.1f} units a minute lately, {left / by_minute:,.0f} minutes to go"]


def _failures(repositories: pl.DataFrame) -> list[tuple[str, str, str]]:
    failed = repositories.filter(pl.col("outcome") == "failed")
    return list(failed.select("repo_key", "code", "detail").iter_rows())


def _some(lines: list[str], where: str) -> list[str]:
    """The first lines, and where all of them are."""
    more = [f"  and {len(lines) - SHOWN:,} more: {where}"] if len(lines) > SHOWN else []
    return lines[:SHOWN] + more


def _disk_bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a run may be going on
            total += path.stat().st_size if path.is_file() else 0
    return total


def _profile(workspace: Workspace) -> list[str]:
    """Seconds of all workers by step of extract."""
    seconds: Counter[str] = Counter()
    for path in workspace.journal.glob("extract/g*/*.json"):
        seconds.update(storage.read_json(path)["seconds"])
    parts = [f"{name} {value:.1f}" for name, value in sorted(seconds.items())]
    return [f"extract took  {', '.join(parts)} worker seconds"] if parts else []
