"""A release without what was taken down: the next patch version, made of the release alone.

Files that hold nothing of it stay as they are, the others lose its rows; all other rows stay, in their order.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from filters.rules import RULES
from pipeline import inputs, manifest, parquet, storage
from pipeline.card.text import CardText
from pipeline.card.write import write_card
from pipeline.ledger import written_names
from pipeline.sources.optout import TAKEDOWN
from pipeline.summary import EXACT_DUPLICATE, NEAR_DUPLICATE
from pipeline.takedown import published, tombstones
from pipeline.takedown.counts import without
from pipeline.takedown.scope import Scope, key_of_rows
from schemas.release import CLUSTERS, LEDGER, REPOSITORIES, ROWS

TABLE_COMPRESSION_LEVEL = 3  # of ledger and clusters
REPOSITORY_TABLE = "ledger/repositories.parquet"
READ_REASONS = [*RULES, EXACT_DUPLICATE, NEAR_DUPLICATE, *inputs.PASSED_OVER]  # which files with a text have


@dataclass(frozen=True)
class Hits:
    """What of a release must go: `rows` as `published` has them, `removed` files of the ledger, `repositories`.

    `code`: why, of rows and files; `gone`: whether their repository goes with them; `bytes`: length_bytes; `for_good`:
    false for files that go only until the next release, as they yielded to a row of who opted out.
    """

    rows: pl.DataFrame
    removed: pl.DataFrame
    repositories: pl.DataFrame

    @property
    def any(self) -> bool:
        return bool(self.rows.height or self.removed.height or self.repositories.height)


def find(release: Path, wanted: Scope) -> Hits:
    """What must go: the rows, the files that yielded to them, and whatever else the ledger names."""
    codes = pl.col("repo_key").replace_strict(wanted.repositories, default=TAKEDOWN, return_dtype=pl.String)
    more = {"bytes": pl.col("length_bytes").fill_null(0), "code": codes, "gone": wanted.whole()}
    rows = published.rows(release, wanted).with_columns(**more)
    removed = [
        _removed(parquet.read_frame(path, IN_LEDGER), rows, wanted)
        for path in (published.tables(release, "ledger") if wanted.any else ())
    ]
    empty = _removed(pl.DataFrame(LEDGER.empty_table()).select(IN_LEDGER), rows, wanted)
    tables = [parquet.read_frame(path) for path in [release / REPOSITORY_TABLE] if path.exists()]
    table = pl.concat([pl.DataFrame(REPOSITORIES.empty_table()), *tables])
    return Hits(rows, pl.concat([empty, *removed]), table.filter(wanted.whole()).with_columns(now=codes))


IN_LEDGER = ["host", "repo_name", "path", "content_id", "file_id", "language", "length_bytes", "reason", "kept_file_id"]


def _removed(ledger: pl.DataFrame, rows: pl.DataFrame, wanted: Scope) -> pl.DataFrame:
    """Of rows of LEDGER the files that must go, with their reasons, and what they yielded to."""
    files = (
        ledger.with_columns(key_of_rows())
        .group_by("file_id", maintain_order=True)
        .agg(
            pl.first("repo_key", "path", "content_id", "language"),
            pl.col("kept_file_id").drop_nulls().first(),
            bytes=pl.col("length_bytes").first().fill_null(0),
            removal_reasons="reason",
        )
    )
    yielded = dict(rows.select("file_id", "code").iter_rows())
    told = pl.col("kept_file_id").replace_strict(yielded, default=None, return_dtype=pl.String)
    own = pl.col("repo_key").replace_strict(wanted.repositories, default=None, return_dtype=pl.String)
    files = files.with_columns(told=told, code=pl.coalesce(own, told, pl.lit(TAKEDOWN)), gone=wanted.whole())
    asked = pl.col("gone") | wanted.named_files()
    for_good = asked | (pl.col("told") == TAKEDOWN).fill_null(False)
    return files.with_columns(for_good=for_good).filter(asked | pl.col("told").is_not_null())


def to_delete(release: Path, hits: Hits) -> pl.DataFrame:
    """file_id and text_id of the rows that go and, with text_id null, of every other file that goes and that an older
    version may have had as a row: it has a text, and is not here with another one."""
    read = pl.col("removal_reasons").list.set_difference(READ_REASONS).list.len() == 0
    files = hits.removed.filter(read & pl.col("for_good")).select("file_id", text_id=pl.lit(None, pl.String))
    wanted = pl.col("file_id").is_in(files["file_id"].implode())
    here = [parquet.read_frame(path, ["file_id"]).filter(wanted) for path in published.tables(release, "data")]
    rows = hits.rows.select("file_id", "text_id")
    return pl.concat([rows, files.join(pl.concat([rows.select("file_id"), *here]), "file_id", "anti")])


def patch(
    release: Path, target: Path, version: str, wanted: Scope, hits: Hits, asked: int, text: CardText, base: Path
) -> dict[str, Any]:
    """The release as `version`, without the hits, stands in the folder `target`; returns its manifest.

    `asked`: how many requests there are; `base`: the manifest of the release that its readers had before.
    """
    storage.delete_tree(target)
    former = storage.read_json(release / "manifest.json")
    rows = _measured(release, hits.rows)
    contents = _write_shards(release, target, former, rows)
    _write_tables(release, target, hits)
    _write_repositories(release, target, wanted)
    tombstones.write(target, release, to_delete(release, hits), version)
    contents |= {name: manifest.other(target / name) for name in written_names(target)}
    values = without(former, rows, hits.removed, _excluded(hits.repositories))
    values |= {"version": version, "contents": dict(sorted(contents.items())), "alarms": _alarms(former, hits)}
    values |= manifest.takedowns(values, asked)
    values |= manifest.based_on(base, values)
    manifest.check_sums(values)
    values = write_card(target, values, text)
    storage.write_json(target / "manifest.json", values)
    return values


def next_patch(version: str, taken: Collection[str] = ()) -> str:
    """The version that differs in nothing but what it lacks; none of those that are `taken`.

    >>> next_patch("1.4.9"), next_patch("0.1.0", ["0.1.1", "0.1.3"])
    ('1.4.10', '0.1.2')
    """
    minor, _, last = version.rpartition(".")
    return next(name for number in count(int(last) + 1) if (name := f"{minor}.{number}") not in taken)


def new_names(names: Sequence[str]) -> dict[str, str]:
    """What each of these shards is called when there are no others: those of one folder and split are counted.

    >>> new_names(["data/c/train-00001-of-00002.parquet"])
    {'data/c/train-00001-of-00002.parquet': 'data/c/train-00000-of-00001.parquet'}
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        groups[name.rpartition("-of-")[0].rpartition("-")[0]].append(name)
    return {
        name: f"{group}-{number:05d}-of-{len(inside):05d}.parquet"
        for group, inside in groups.items()
        for number, name in enumerate(inside)
    }


def _write_shards(release: Path, target: Path, former: Mapping[str, Any], gone: pl.DataFrame) -> dict[str, Any]:
    """The shards without the rows that are `gone`, none of them empty; returns their entries of `contents`."""
    known = {name: values for name, values in former["contents"].items() if name.startswith("data/")}
    lost = {str(name): rows for (name,), rows in gone.group_by("shard", maintain_order=True)}
    names = new_names([name for name in known if name not in lost or lost[name].height < known[name]["rows"]])
    level = former["configuration"]["release"]["compression_level"]
    contents: dict[str, Any] = {}
    for name, new_name in names.items():
        contents[new_name] = known[name]
        if name not in lost:
            storage.link_or_copy(release / name, target / new_name)
            continue
        _rewrite(release / name, target / new_name, ROWS, lost[name]["row"].to_numpy(), level, chunked=True)
        text_bytes = known[name]["text_bytes"] - lost[name]["text_bytes"].sum()
        contents[new_name] = manifest.other(target / new_name) | {"text_bytes": text_bytes}
    return contents


def _write_tables(release: Path, target: Path, hits: Hits) -> None:
    """Ledger and clusters without what goes, and without what yielded to it."""
    gone = pl.concat([hits.rows["file_id"], hits.removed["file_id"]]).implode()
    named = pl.col("file_id").is_in(gone) | pl.col("kept_file_id").is_in(gone).fill_null(False)
    for kind, schema in (("ledger", LEDGER), ("clusters", CLUSTERS)):
        for path in published.tables(release, kind):
            ids = parquet.read_frame(path, ["file_id", "kept_file_id"])
            positions = ids.select(named.arg_true())[:, 0].to_numpy()
            if len(positions):
                _rewrite(path, target / kind / path.name, schema, positions, TABLE_COMPRESSION_LEVEL)
            else:
                storage.link_or_copy(path, target / kind / path.name)


def _rewrite(
    source: Path, target: Path, schema: pa.Schema, gone: NDArray[Any], level: int, *, chunked: bool = False
) -> None:
    """The file without the rows at these positions; its row groups as they were, none of them empty."""
    with (
        parquet.opened(source) as file,
        storage.commit(target) as temporary,
        parquet.writer(temporary, schema, level, chunked=chunked) as writer,
    ):
        start = 0
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, use_threads=False)
            stays = ~np.isin(np.arange(start, start + table.num_rows), gone)
            start += table.num_rows
            if stays.any():
                writer.write_table(table.filter(pa.array(stays)), row_group_size=table.num_rows)


def _measured(release: Path, gone: pl.DataFrame) -> pl.DataFrame:
    """The rows with their `text_bytes`, which no column has."""
    parts = [gone.clear().with_columns(text_bytes=pl.lit(0, pl.Int64))]
    for (name,), rows in gone.group_by("shard", maintain_order=True):
        content = parquet.read(release / str(name), ["content"])["content"]
        sizes = pl.Series("text_bytes", pc.binary_length(content).take(rows["row"].to_arrow())).cast(pl.Int64)
        parts.append(rows.with_columns(sizes))
    return pl.concat(parts)


def _write_repositories(release: Path, target: Path, wanted: Scope) -> None:
    """The table without who is gone; nothing in it names them."""
    code = pl.col("repo_key").replace_strict(wanted.repositories, default=None, return_dtype=pl.String)
    table = parquet.read_frame(release / REPOSITORY_TABLE).with_columns(code=pl.coalesce(code, "code"))
    with storage.commit(target / REPOSITORY_TABLE) as temporary:
        parquet.write(temporary, inputs.published(table, wanted.repositories).to_arrow(), REPOSITORIES)


def _excluded(repositories: pl.DataFrame) -> Counter[tuple[str, str | None, str]]:
    """How many repositories had this outcome and code, and have this code now."""
    return Counter(repositories.select("outcome", "code", "now").iter_rows())


def _alarms(former: Mapping[str, Any], hits: Hits) -> list[dict[str, Any]]:
    """The alarms, which name owners and files, without those of what is gone."""
    rows = hits.repositories.select(pl.format("{}/{}", "host", pl.col("repo_name").str.split("/").list.first()))
    owners, clusters = set(rows[:, 0]), {f"cluster {file_id}" for file_id in hits.rows["file_id"]}
    return [
        alarm
        for alarm in former["alarms"]
        if alarm["what"] not in clusters and not (alarm["kind"] == "owner" and alarm["name"] in owners)
    ]
