"""How our Parquet files are written: the same rows give the same bytes, and a flipped bit is found."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import storage
from schemas.decisions import LICENSE

REPEATING = [
    *("host", "repo_name", "commit_id", "file_mode", "unread_reason", "encoding", "encoding_confidence", "had_bom"),
    *("language", "language_method", "generated_by", "reason", "thresholds", "outcome", "code"),
    *("is_vendor", "is_documentation", "license_found", "license_evidence", *(field.name for field in LICENSE)),
]  # columns of few values, worth a dictionary
SEARCHED = [
    "host",
    "repo_name",
    "path",
    "language",
    "length_bytes",
    "license_type",
    "reason",
]  # columns worth statistics


# What `datasets` writes with. With 32 to 128 KiB three opt-outs cost 7.5 % instead of 9.2 %, and all files 6 % more.
CHUNKS = {"min_chunk_size": 256 << 10, "max_chunk_size": 1 << 20, "norm_level": 0}  # bytes before compression
CHUNKED = "use_content_defined_chunking"  # the Hub's viewer looks for this key in the footer


def writer(path: Path, schema: pa.Schema, compression_level: int, *, chunked: bool = False) -> pq.ParquetWriter:
    """A writer with page checksums: without them half of all flipped bits come back as wrong data (measured).

    `chunked`: where a page ends depends on what is in it, so that a store that keeps equal bytes once, as the Hub's,
    gets little that is new with the next version.
    """
    file = pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=compression_level,
        use_dictionary=[name for name in REPEATING if name in schema.names],
        write_statistics=[name for name in SEARCHED if name in schema.names],
        write_page_checksum=True,
        write_page_index=True,
        store_schema=True,
        use_content_defined_chunking=CHUNKS if chunked else False,
    )
    if chunked:
        file.add_key_value_metadata({CHUNKED: json.dumps(CHUNKS)})
    return file


def write(path: Path, table: pa.Table, schema: pa.Schema, compression_level: int = 3) -> None:
    """One small table as one row group. Columns are cast to the schema: a wrong one fails where it was made."""
    with writer(path, schema, compression_level) as file:
        file.write_table(table.select(schema.names).cast(schema), row_group_size=max(1, table.num_rows))


@contextmanager
def opened(path: Path) -> Iterator[pq.ParquetFile]:
    """A file of ours to read from, its checksums checked. Raises UnitError when it is damaged."""
    try:
        with pq.ParquetFile(path, memory_map=True, page_checksum_verification=True) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise storage.damaged(path, error) from None


def read(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Columns of a file of ours: quicker than `pq.read_table`, which looks for a data set first."""
    with opened(path) as file:
        return file.read(columns, use_threads=False)


def read_frame(path: Path, columns: list[str] | None = None) -> pl.DataFrame:
    """Columns of a file of ours for Polars."""
    return pl.DataFrame(pl.from_arrow(read(path, columns)))


def row_count(path: Path) -> int:
    """Rows by the file's own footer."""
    return int(pq.read_metadata(path).num_rows)
