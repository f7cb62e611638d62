"""Stage 1 of a release: the reasons of every file, row-aligned with its unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from filters.label import expressions, label
from pipeline import inputs, parquet, storage
from pipeline.run import Folders
from pipeline.units import Unit
from schemas.decisions import LABELS


@dataclass(frozen=True)
class LabelUnit:
    """Call it with a unit's id."""

    folders: Folders
    rules: Mapping[str, Mapping[str, Any]]

    def __call__(self, unit_id: int) -> None:
        """Writes the unit's labels; LABELS."""
        unit = Unit.of(self.folders.workspace, unit_id)
        files = read_columns(unit, _columns(self.rules))
        reasons = label(files, self.rules)
        for reason, repositories in inputs.read(self.folders.inputs).passed_over.get(unit_id, {}).items():
            passed_over = files["repository_index"].is_in(repositories)
            replaced = pl.when(passed_over).then(pl.lit([reason])).otherwise(reasons)
            reasons = pl.select(replaced.alias("removal_reasons")).to_series()
        with storage.commit(self.folders.labels / f"{unit.name}.parquet") as temporary:
            parquet.write(temporary, pl.DataFrame({"removal_reasons": reasons}).to_arrow(), LABELS)


def _columns(rules: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the rules read."""
    used = {name for expression in expressions(rules).values() for name in expression.meta.root_names()}
    return sorted(used | {"unread_reason", "repository_index"})


def read_columns(unit: Unit, columns: list[str]) -> pl.DataFrame:
    """Columns of a unit's files; never the text."""
    return parquet.read_frame(unit.path("parquet"), columns)
