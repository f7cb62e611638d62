"""What a row is: its columns, from the schemas, and an example."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pipeline.card.tables import folded, table
from schemas.columns import meaning
from schemas.release import CLUSTERS, LEDGER, ROWS

TEXT = 'def greet(name):\n    return f"Hello, {name}!"\n'
ORDERS = {
    "path": "Its rows stand by repository and path, so the first of them are no sample: shuffle before you train, "
    "as in `stream.shuffle(seed=1, buffer_size=10_000)`.",
    "hash": "Its rows are shuffled.",
}
HOST, REPOSITORY, PATH = "github.com", "octocat/greetings", "greet.py"


def blocks(manifest: Mapping[str, Any]) -> list[str]:
    """Markdown about the columns of all tables."""
    order = manifest["configuration"]["release"].get("order", "path")
    return [
        columns(ROWS),
        f"Every shard has these columns in this order. {ORDERS[order]}",
        "A row, made up, with the ids and measures that its text would have:",
        f"```json\n{json.dumps(example(), indent=1)}\n```",
        folded("Columns of <code>ledger/ledger-*.parquet</code>: files that are not here", columns(LEDGER)),
        folded("Columns of <code>clusters/clusters-*.parquet</code>: duplicates", columns(CLUSTERS)),
    ]


def columns(schema: pa.Schema) -> str:
    return table(
        ["column", "type", "null", "meaning"],
        [(f"`{f.name}`", f"`{_kind(f.type)}`", "yes" if f.nullable else "never", meaning(f)) for f in schema],
    )


def _kind(kind: pa.DataType) -> str:
    """The type without the name that Parquet gives to elements."""
    return f"list of {kind.value_type}" if pa.types.is_list(kind) else str(kind)


def example() -> dict[str, Any]:
    """A row that shows what each column holds, and how its ids are made."""
    text = TEXT.encode()
    file_id = hashlib.blake2b(f"{HOST}/{REPOSITORY}\0{PATH}".encode(), digest_size=16).hexdigest()
    evidence = [{"path": "LICENSE", "license": "MIT", "method": "text", "score": 0.987, "lines": [5, 21]}]
    return {
        "content": TEXT,
        "language": "Python",
        "host": HOST,
        "repo_name": REPOSITORY,
        "commit_id": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d",
        "path": PATH,
        "content_id": hashlib.sha1(b"blob %d\0" % len(text) + text).hexdigest(),
        "file_id": file_id,
        "text_id": hashlib.blake2b(text, digest_size=16).hexdigest(),
        "length_bytes": len(text),
        "encoding": "utf-8",
        "encoding_confidence": 1.0,
        "license_type": "permissive",
        "license_expression": "MIT",
        "detected_licenses": ["MIT"],
        "license_path": "LICENSE",
        "license_evidence": json.dumps(evidence),
        "is_vendor": False,
        "is_generated": False,
        "line_count": 2,
        "max_line_length": 28,
        "avg_line_length": 22.0,
        "alphanum_fraction": 28 / 46,
        "token_count": 7,
        "star_events_count": 12,
        "fork_events_count": 1,
        "cluster_id": file_id,
        "cluster_size": 3,
    }
