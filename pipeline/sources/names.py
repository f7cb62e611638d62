"""Lists of names to repositories. A line is owner/name, optionally @commit, or an address."""

import csv
import io
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import ConfigError
from pipeline.sources.rows import FOLDED_HOSTS, Listed, listed

COLUMNS = ("repo_name", "name", "repository", "url")  # of .csv and .parquet: the first that is there
PART = r"(?!\.{1,2}(/|$))[\w.~-]+"
REPO_NAME = re.compile(rf"{PART}(/{PART})+", re.ASCII)
COMMENT = re.compile(r"(^|\s)#.*")  # not the # of an address
AT_COMMIT = re.compile(r"@([0-9a-f]{40})$")
DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*")  # no number, which would be an address of a machine
TWO_PARTS = frozenset({"github.com", "bitbucket.org", "codeberg.org"})  # no groups: owner/name and no more
MAX_SHOWN = 200


class BadURL(ValueError):
    """The line names no repository that may be fetched; the message says why."""


def in_names_file(path: Path, host: str, configured: Collection[str]) -> Iterator[Listed]:
    """The repositories that a file names; a line that names none is a row excluded as `bad_url`.

    `host` is that of names without one; `configured` the hosts, with port, that [fetch.hosts] describes.
    Raises ConfigError when the file cannot be read.
    """
    try:
        lines = list(_lines(path))
    except OSError as error:
        raise ConfigError(f"source: names: {path}: cannot be read ({error.strerror})") from None
    except (pa.ArrowInvalid, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"source: names: {path}: damaged: {error}") from None
    for number, line in lines:
        text = str(line or "").strip()  # a cell may be empty or a number
        try:
            yield named(text, host, configured)
        except BadURL as reason:
            shown = text[:MAX_SHOWN].encode("ascii", "backslashreplace").decode()
            detail = f"{path.name}:{number}: {shown!r}: {reason}"
            yield listed("invalid", shown) | {"excluded": "bad_url", "excluded_detail": detail}


def _lines(path: Path) -> Iterator[tuple[int, object]]:
    """(line or row number, name). Blank lines are none; # begins a comment, and a byte order mark is no name."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        yield from enumerate(table[_column(path, table.column_names)].to_pylist(), 1)
    elif path.suffix == ".csv":
        rows = csv.DictReader(io.StringIO(path.read_text("utf-8-sig")))
        column = _column(path, rows.fieldnames or [])
        yield from ((number, row[column]) for number, row in enumerate(rows, 2))
    elif path.suffix == ".txt":
        for number, line in enumerate(path.read_text("utf-8-sig").split("\n"), 1):
            if name := COMMENT.sub("", line).strip():
                yield number, name
    else:
        raise ConfigError(f"source: names: {path}: must be a .txt, .csv or .parquet file")


def _column(path: Path, names: Collection[str]) -> str:
    column = next((column for column in COLUMNS if column in names), None)
    if column is None:
        raise ConfigError(f"source: names: {path}: no column {', '.join(COLUMNS[:-1])} or {COLUMNS[-1]}")
    return column


def named(text: str, host: str, configured: Collection[str]) -> Listed:
    """One line as a row of LISTED. Raises BadURL."""
    asked = AT_COMMIT.search(text)
    path = text[: asked.start()] if asked else text
    if is_address := "://" in path:
        host, path = _address(path, configured)
    repo_name = path.removesuffix(".git")
    if not REPO_NAME.fullmatch(repo_name) or (host in TWO_PARTS and repo_name.count("/") != 1):
        raise BadURL("must be owner/name, owner/name@COMMIT with 40 hexadecimal digits, or https://HOST/OWNER/NAME")
    as_written = is_address and host not in FOLDED_HOSTS  # some forges know no .git
    url = f"https://{host}/{path if as_written else repo_name + '.git'}"
    return listed(host, repo_name, url=url, asked_commit_id=asked[1] if asked else None)


def _address(text: str, configured: Collection[str]) -> tuple[str, str]:
    """Host and path of an address that may be fetched."""
    try:
        url = urlsplit(text)
        host = url.netloc.lower()
        port = url.port
    except ValueError:
        raise BadURL("not an address") from None
    if url.scheme not in ("https", "http") or not host:
        raise BadURL("only https addresses are fetched, and http where [fetch.hosts] has the host with an http url")
    if "@" in host:
        raise BadURL("an address must not hold a user or password; see token_env in [fetch.hosts]")
    if url.query or url.fragment:
        raise BadURL("the address of a repository ends with its name")
    if host not in configured and (port is not None or url.scheme == "http" or not DOMAIN.fullmatch(host)):
        raise BadURL(
            f"http, ports and hosts that are no domain need a section [fetch.hosts.{host!r}] in the configuration"
        )
    return host, url.path.strip("/")
