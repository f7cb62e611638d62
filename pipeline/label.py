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

SUPERSEDED = "superseded"  # a newer generation has read this repository again


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
        superseded = inputs.read(self.folders.inputs).superseded.get(unit_id, [])
        if superseded:
            old = files["repository_index"].is_in(superseded)
            reasons = pl.select(
                pl.when(old).then(pl.lit([SUPERSEDED])).otherwise(reasons).alias("removal_reasons")
            ).to_series()
        with storage.commit(self.folders.labels / f"{unit.name}.parquet") as temporary:
            parquet.write(temporary, pl.DataFrame({"removal_reasons": reasons}).to_arrow(), LABELS)


def _columns(rules: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the rules read."""
    used = {name for expression in expressions(rules).values() for name in expression.meta.root_names()}
    return sorted(used | {"unread_reason", "repository_index"})


def read_columns(unit: Unit, columns: list[str]) -> pl.DataFrame:
    """Columns of a unit's files; never the text."""
    return parquet.read_frame(unit.path("parquet"), columns)
