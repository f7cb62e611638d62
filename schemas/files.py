"""Files: one row for every entry of every tree that was read, with its signals."""

import pyarrow as pa

from schemas.columns import ID, column

SIGNALS = (
    column("length_chars", pa.int64(), "length of the text", unit="characters"),
    column("line_count", pa.int64(), "lines, ended by LF, CRLF or CR", unit="lines"),
    column("line_chars", pa.int64(), "length of all lines without their ends", unit="characters"),
    column("max_line_length", pa.int64(), "longest line", unit="characters"),
    column("alpha_count", pa.int64(), "letters, as `str.isalpha`", unit="characters"),
    column("alnum_count", pa.int64(), "letters and digits, as `str.isalnum`", unit="characters"),
    column("token_count", pa.int64(), "words: runs of letters, digits, _ and non-ASCII", unit="words"),
    column("max_encoded_run", pa.int64(), "longest run of base64, hexadecimal or \\u escapes", unit="characters"),
    column("encoded_chars", pa.int64(), "characters in such runs", unit="characters"),
)

FILES = pa.schema(
    [
        column("host", pa.string(), "forge; `local` for folders", nullable=False),
        column("repo_name", pa.string(), "owner/name", nullable=False),
        column("repository_index", pa.int32(), "position of the repository in the unit's outcomes", nullable=False),
        column("commit_id", pa.string(), "commit whose tree was read", nullable=False),
        column("path", pa.string(), "path in the tree; bytes that are not UTF-8 as \\xNN", nullable=False),
        column("path_raw", pa.binary(), "the path's bytes where `path` had to escape some; else null"),
        column("file_mode", pa.int32(), "git's mode: 0o100644, 0o100755, 0o120000, 0o160000", nullable=False),
        column("file_id", ID, "BLAKE2b-128 of host/owner/name, NUL, path", nullable=False),
        column("content_id", pa.string(), "git object id, hexadecimal", nullable=False),
        column("length_bytes", pa.int64(), "size of the blob; null for submodules and missing blobs", unit="bytes"),
        column("unread_reason", pa.string(), "why there is no text: final at extract; null when there is one"),
        column("text_id", ID, "BLAKE2b-128 of the text as UTF-8; null without a text"),
        column("text_bytes", pa.int64(), "size of the text as UTF-8; null without a text", unit="bytes"),
        column("content", pa.string(), "the text, without byte order mark; null without one"),
        column("encoding", pa.string(), "encoding of the blob"),
        column("encoding_confidence", pa.float64(), "1 for UTF-8 and marked UTF-16", unit="0 to 1"),
        column("had_bom", pa.bool_(), "the blob began with a byte order mark"),
        column("language", pa.string(), "GitHub Linguist's name; null when it knows none"),
        column(
            "language_method", pa.string(), "modeline, filename, shebang, extension, content or ambiguous_extension"
        ),
        column("is_vendor", pa.bool_(), "its path is one of copied code (Linguist); null without a text"),
        column("is_documentation", pa.bool_(), "its path is one of documentation (Linguist); null without a text"),
        column(
            "generated_by", pa.string(), "evidence that a program wrote it: path, marker, phrase, minified; else null"
        ),
        column("license_found", pa.string(), "SPDX expression that the file itself states; null where it states none"),
        column("license_evidence", pa.string(), "JSON list of what was found where; null with license_found"),
        *SIGNALS,
        column("visible_chars", pa.int64(), "text a browser shows; null unless HTML", unit="characters"),
    ]
)

# What a release reads to decide: everything but the text.
MEASURES = [name for name in FILES.names if name != "content"]
