"""A batch of blobs to rows of FILES with their signatures: decode, name, measure."""

import hashlib
import json
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from filters.encoded import find_encoded
from filters.generated import generated_by
from filters.html import visible_chars
from filters.language import detect_language
from filters.licenses.detect import detect
from filters.licenses.evidence import Found
from filters.minhash import signatures
from filters.paths import display_path
from filters.signals import measure as measure_signals
from filters.text import Decoded, decode, is_lfs_pointer
from filters.vendored import is_documentation, is_vendored
from pipeline.read import Batch
from schemas.files import FILES, SIGNALS


class Measured(NamedTuple):
    """`files` are rows of FILES; `signatures` is uint32 [texts, 256], one for each row that has a text, in order."""

    files: pa.RecordBatch
    signatures: np.ndarray


def measure(batch: Batch) -> Measured:
    """The batch's rows in its order. Pure: the same blobs give the same rows, wherever the batch was cut."""
    decoded, reasons = _decode(batch)
    texts = [text.utf8 for text in decoded if text]
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    buffer = np.frombuffer(b"".join(texts), np.uint8)
    signature, token_count = signatures(buffer, offsets)
    signals = measure_signals(buffer, offsets)._asdict() | find_encoded(buffer, offsets)._asdict()
    signals["token_count"] = token_count
    is_text = np.array([text is not None for text in decoded], bool)
    columns = (
        _provenance(batch)
        | {"unread_reason": reasons}
        | _content(decoded, buffer, offsets, is_text)
        | _names(batch, decoded)
        | {field.name: _at(is_text, signals[field.name]) for field in SIGNALS}
    )
    arrays = [_array(columns[field.name], field.type) for field in FILES]
    return Measured(pa.RecordBatch.from_arrays(arrays, schema=FILES), signature)


def _decode(batch: Batch) -> tuple[list[Decoded | None], list[str | None]]:
    """The texts, and why a row has none."""
    decoded: list[Decoded | None] = []
    reasons = list(batch.reasons)
    for index, blob in enumerate(batch.blobs):
        pointer = blob is not None and is_lfs_pointer(blob)
        decoded.append(None if blob is None or pointer else decode(blob))
        if blob is not None and decoded[-1] is None:
            reasons[index] = "lfs_pointer" if pointer else "binary"
    return decoded, reasons


def _provenance(batch: Batch) -> dict[str, object]:
    """The columns that say where a row comes from."""
    count = len(batch.entries)
    paths = [display_path(entry.path) for entry in batch.entries]
    key = f"{batch.host}/{batch.repo_name}\0".encode()
    return {
        "host": pa.repeat(batch.host, count),
        "repo_name": pa.repeat(batch.repo_name, count),
        "repository_index": pa.repeat(pa.scalar(batch.repository_index, pa.int32()), count),
        "commit_id": pa.repeat(batch.commit_id, count),
        "path": paths,
        "path_raw": [
            None if entry.path == path.encode() else entry.path
            for entry, path in zip(batch.entries, paths, strict=True)
        ],
        "file_mode": [entry.mode for entry in batch.entries],
        "file_id": [_hash(key + entry.path) for entry in batch.entries],
        "content_id": [entry.content_id for entry in batch.entries],
        "length_bytes": [entry.size for entry in batch.entries],
    }


def _content(
    decoded: list[Decoded | None], buffer: np.ndarray, offsets: np.ndarray, is_text: np.ndarray
) -> dict[str, object]:
    """The text and how it was read. The content column shares the buffer that was measured."""
    starts = np.zeros(len(decoded) + 1, np.int32)
    np.cumsum(_lengths(is_text, np.diff(offsets)), out=starts[1:])
    validity = pa.py_buffer(np.packbits(is_text, bitorder="little"))
    content = pa.StringArray.from_buffers(len(decoded), pa.py_buffer(starts), pa.py_buffer(buffer), validity)
    return {
        "text_id": [_hash(text.utf8) if text else None for text in decoded],
        "text_bytes": _at(is_text, np.diff(offsets)),
        "content": content,
        "encoding": [text.encoding if text else None for text in decoded],
        "encoding_confidence": [text.confidence if text else None for text in decoded],
        "had_bom": [text.had_bom if text else None for text in decoded],
    }


def _names(batch: Batch, decoded: list[Decoded | None]) -> dict[str, object]:
    """What the path and the content say together, for the rows that have a text."""
    rows = [
        _named(display_path(entry.path), text.utf8) if text else NOTHING
        for entry, text in zip(batch.entries, decoded, strict=True)
    ]
    return {name: [row[i] for row in rows] for i, name in enumerate(NAMED)}


NAMED = (
    *("language", "language_method", "is_vendor", "is_documentation", "generated_by"),
    *("license_found", "license_evidence", "visible_chars"),
)
NOTHING = (None,) * len(NAMED)


def _named(path: str, text: bytes) -> tuple[object, ...]:
    """NAMED of one text."""
    language, method = detect_language(path, text)
    found = detect(path, text)
    return (
        *(language, method, is_vendored(path), is_documentation(path), generated_by(path, text)),
        *(found.expression if found else None, _evidence(found) if found else None),
        visible_chars(text) if language == "HTML" else None,
    )


def _evidence(found: Found) -> str:
    """A JSON list: what was found by which method, how sure it is, and in which lines."""
    return json.dumps(
        [
            {"license": each.expression, "method": each.method, "score": round(each.score, 3), "lines": each[3:]}
            for each in found.evidence
        ]
    )


def _lengths(is_text: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The texts' lengths at their rows, 0 elsewhere."""
    spread = np.zeros(len(is_text), np.int64)
    spread[is_text] = lengths
    return spread


def _at(is_text: np.ndarray, values: np.ndarray) -> pa.Array:
    """The texts' values at their rows, null elsewhere."""
    return pa.array(_lengths(is_text, values), mask=~is_text)


def _array(values: object, kind: pa.DataType) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, kind)


def _hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
