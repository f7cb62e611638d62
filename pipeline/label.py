"""Stage 1 of a release: the licence and the reasons of every file, row-aligned with its unit."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from filters.label import expressions, label
from filters.licenses import expressions as spdx
from filters.licenses.classes import license_type
from filters.licenses.scope import Scoped, scope
from filters.rules import JOINED
from pipeline import inputs, parquet, storage
from pipeline.config import Config
from pipeline.run import Folders
from pipeline.units import Unit
from schemas.decisions import LABELS, LICENSE


@dataclass(frozen=True)
class LabelUnit:
    """Call it with a unit's id."""

    folders: Folders
    sources: Sequence[Mapping[str, Any]]
    not_permissive: Sequence[str]
    rules: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, folders: Folders, config: Config) -> "LabelUnit":
        """Labels as a configuration wants them."""
        values = config.resolved()
        return cls(folders, values["source"], values["license"]["not_permissive"], values["rules"])

    def __call__(self, unit_id: int) -> None:
        """Writes the unit's labels; LABELS."""
        unit = Unit.of(self.folders.workspace, unit_id)
        files = read_columns(unit, columns_read(self.rules))
        labels = self.labels(unit, files)
        reasons = labels["removal_reasons"]
        for reason, repositories in inputs.read(self.folders.inputs).passed_over.get(unit_id, {}).items():
            passed_over = files["repository_index"].is_in(repositories)
            replaced = pl.when(passed_over).then(pl.lit([reason])).otherwise(reasons)
            reasons = pl.select(replaced.alias("removal_reasons")).to_series()
        with storage.commit(self.folders.labels / f"{unit.name}.parquet") as temporary:
            parquet.write(temporary, labels.with_columns(reasons).to_arrow(), LABELS)

    def labels(self, unit: Unit, files: pl.DataFrame) -> pl.DataFrame:
        """LABELS for files of the unit: all, or all of some of its repositories."""
        licenses = resolve_licenses(files, self.not_permissive)
        joined = files.hstack(licenses.select("license_type")).hstack(self._wishes(unit, files))
        return licenses.with_columns(label(joined, self.rules))

    def _wishes(self, unit: Unit, files: pl.DataFrame) -> pl.DataFrame:
        """What the files' sources ask for: `is_own`, and `source_language`, false where another is wanted."""
        source = parquet.read_frame(unit.path("outcomes.parquet"), ["source"])["source"][files["repository_index"]]
        own = [number for number, asked in enumerate(self.sources) if asked["rights"] == "own"]
        wanted = [
            (source != number) | files["language"].is_in(asked["languages"]).fill_null(False)
            for number, asked in enumerate(self.sources)
            if asked["languages"]
        ]
        return files.select(is_own=source.is_in(own), source_language=pl.all_horizontal(True, *wanted))


def resolve_licenses(files: pl.DataFrame, not_permissive: Sequence[str]) -> pl.DataFrame:
    """The licence columns of LABELS for the files of a unit, each repository by itself."""
    files = files.select("repository_index", "path", "license_found", "license_evidence", "is_vendor")
    parts = [_scoped(rows) for rows in files.with_row_index("row").partition_by("repository_index")]
    scoped = pl.concat([pl.DataFrame(schema=SCOPED), *parts]).sort("row")
    classes = _classes(scoped["license_expression"], not_permissive)
    joined = scoped.join(classes, "license_expression", "left", nulls_equal=True).sort("row")
    return joined.select(field.name for field in LICENSE)


MAX_EVIDENCE = 20  # statements stored with a row; a folder can have a thousand licence files
SCOPED = {"row": pl.UInt32, "license_expression": pl.String, "license_path": pl.String, "license_evidence": pl.String}


def _scoped(rows: pl.DataFrame) -> pl.DataFrame:
    """SCOPED for the files of one repository."""
    paths = rows["path"].to_list()
    says = dict(zip(paths, rows["license_evidence"].to_list(), strict=True))
    evidence: dict[Scoped, str | None] = {}
    found = scope(paths, rows["license_found"].to_list(), rows["is_vendor"].to_list())
    for each in found:
        if each not in evidence:
            evidence[each] = _evidence(each, says)
    return rows.select(
        "row",
        license_expression=pl.Series([each.expression for each in found], dtype=pl.String),
        license_path=pl.Series([each.path for each in found], dtype=pl.String),
        license_evidence=pl.Series([evidence[each] for each in found], dtype=pl.String),
    )


def _evidence(scoped: Scoped, says: Mapping[str, str | None]) -> str | None:
    """What every file that was heard states, as one JSON list; null without a licence."""
    heard = [path for path in (scoped.path, *scoped.others) if path]
    statements = [{"path": path} | each for path in heard[:MAX_EVIDENCE] for each in json.loads(says[path] or "[]")]
    return json.dumps(statements[:MAX_EVIDENCE]) if heard else None


def _classes(expressions: pl.Series, not_permissive: Sequence[str]) -> pl.DataFrame:
    """`license_type` and `detected_licenses` of each distinct expression, null among them."""
    distinct = expressions.unique().to_list()
    return pl.DataFrame(
        {
            "license_expression": distinct,
            "license_type": [license_type(expression, not_permissive) for expression in distinct],
            "detected_licenses": [spdx.ids(expression) if expression else [] for expression in distinct],
        },
        schema_overrides={"license_expression": pl.String, "detected_licenses": pl.List(pl.String)},
    )


def columns_read(rules: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What is read of a unit: what the rules use, and what licences are resolved by."""
    used = {name for expression in expressions(rules).values() for name in expression.meta.root_names()}
    always = {"unread_reason", "repository_index", "path", "language", "is_vendor", "license_found", "license_evidence"}
    return sorted((used - set(JOINED)) | always)


def read_columns(unit: Unit, columns: list[str]) -> pl.DataFrame:
    """Columns of a unit's files; never the text."""
    return parquet.read_frame(unit.path("parquet"), columns)
