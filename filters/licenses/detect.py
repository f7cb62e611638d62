"""What one file says about licences, by the kind of file that its name says it is.

Licence files and readmes are read as a whole, metadata by its fields, and of all other files the head.
"""

from functools import lru_cache

from filters.licenses import readmes
from filters.licenses.comments import HEAD_BYTES, license_part, may_speak_of_license
from filters.licenses.evidence import Evidence, Found
from filters.licenses.metadata import read_metadata
from filters.licenses.names import DOCUMENT_SUFFIXES, license_kind, spdx_id_of
from filters.licenses.statements import MAX_BYTES, read, read_license, read_tags, read_texts

# Parts of heads, at most 12 MB of them. Of 4,000 files with one in 65 packages there are 360 different ones.
REMEMBERED = 2_048


def detect(path: str, text: bytes) -> Found | None:
    """The licences that the file states, None where it states none and so has its repository's.

    `text` is UTF-8. Licence files and readmes count up to 256 kB, of anything else only comments in the first 6,000
    bytes. Several are joined by AND, by OR only where one sentence offers the choice.
    """
    kind = license_kind(path)
    if kind == "header":
        return _in_head(path, text)
    if kind == "metadata":
        found = read_metadata(path, text)
        return found if found or not path.endswith("debian/copyright") else read_license(text)
    if kind == "readme":
        text = text[:MAX_BYTES]
        return read(readmes.license_part(text), project=readmes.title(text))
    named = spdx_id_of(path)
    return read_license(text, Found(named, (Evidence(named, "name", 1.0, 1, 1),)) if named else None)


def _in_head(path: str, text: bytes) -> Found | None:
    """Of a source file what its comments say. Of a document tags and whole licences: it writes about many things."""
    head = text[:HEAD_BYTES]
    if not may_speak_of_license(head):
        return None
    lines_before, part = license_part(head)
    is_document = path.rpartition(".")[2].lower() in DOCUMENT_SUFFIXES
    found = read_tags(part) if is_document else _in_comments(part)
    if found:
        return _below(lines_before, found)
    return read_texts(head) if is_document else None


@lru_cache(REMEMBERED)
def _in_comments(part: bytes) -> Found | None:
    return (read_tags(part) or read(part, is_source=True)) if part else None


def _below(lines: int, found: Found) -> Found:
    """The same, so many lines further down."""
    evidence = (
        each._replace(first_line=each.first_line + lines, last_line=each.last_line + lines) for each in found.evidence
    )
    return Found(found.expression, tuple(evidence))
