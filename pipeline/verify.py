"""Is a release what its manifest says? Hashes, rows and sums, computed again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import manifest, storage, units
from pipeline.errors import CorpusError, ShardError
from pipeline.workspace import Workspace
from schemas.release import ROWS


def verify_release(release: Path) -> dict[str, Any]:
    """The manifest of a release that is whole. Raises ShardError with one line for each thing that is wrong."""
    path = release / "manifest.json"
    if not release.is_dir():
        raise ShardError(f"{release}: {'not a folder' if release.exists() else 'no such folder'}")
    try:
        values: dict[str, Any] = storage.read_json(path)
    except FileNotFoundError:
        raise ShardError(f"{release}: no manifest.json: not a release") from None
    except (OSError, CorpusError):
        raise ShardError(f"{path}: damaged: it cannot be read") from None
    try:
        wrong = list(_problems(release, values))
    except (KeyError, TypeError, AttributeError) as error:
        raise ShardError(f"{path}: damaged: {error!r}") from None
    if wrong:
        raise ShardError("\n".join(wrong))
    return values


def verify_units(root: Path) -> int:
    """How many units of a workspace are committed, all of them whole. Raises UnitError for the first that is not."""
    committed = [unit for unit in units.units(Workspace(root)) if unit.committed]
    for unit in committed:
        units.check(unit)
    return len(committed)


def _problems(release: Path, values: dict[str, Any]) -> Iterator[str]:
    for name, known in values["contents"].items():
        yield from _problems_of_file(release / name, known, ROWS if name.startswith("data/") else None)
    present = {path.relative_to(release).as_posix() for path in release.rglob("*") if path.is_file()}
    strays = sorted(name for name in present - {"manifest.json", *values["contents"]} if not _of_download(name))
    yield from (f"{release / name}: not in the manifest" for name in strays)
    try:
        manifest.check_sums(values)
    except CorpusError as error:
        yield f"{release / 'manifest.json'}: {error}"


def _of_download(name: str) -> bool:
    """What the Hub adds to a repository, and its client to a copy."""
    return name == ".gitattributes" or name.startswith(".cache/huggingface/")


def _problems_of_file(path: Path, known: dict[str, Any], schema: pa.Schema | None) -> Iterator[str]:
    if not path.exists():
        yield f"{path}: missing"
    elif storage.sha256(path) != known["sha256"]:
        yield f"{path}: damaged: its SHA-256 is not the manifest's"
    elif path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows != known["rows"]:
                yield f"{path}: {file.metadata.num_rows} rows, the manifest says {known['rows']}"
            if schema is not None and not file.schema_arrow.equals(schema):
                yield f"{path}: its columns are not those of a release"
