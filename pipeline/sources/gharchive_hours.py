"""Which hours of GH Archive a source means, and how they are downloaded."""

import glob
import itertools
import math
import os
import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2 as httpx

from pipeline import storage
from pipeline.errors import ConfigError, CorpusError
from pipeline.fetch.hosts import retry_after_s

MAX_HOURS = 1_000_000  # of one pattern: a century
RANGE = re.compile(r"\{(\d{1,9})\.\.(\d{1,9})\}")
ATTEMPTS = 5
BACKOFF_S = 2.0  # before the second attempt, then twice as long each time
MAX_WAIT_S = 600.0  # whatever a Retry-After header asks for
TIMEOUT_S = 60.0  # without a byte


class Hour(NamedTuple):
    name: str  # of its committed files
    address: str  # http(s), or a file relative to the configuration's folder

    @property
    def is_remote(self) -> bool:
        return "://" in self.address


def find_hours(patterns: Iterable[str], folder: Path) -> list[Hour]:
    """The hours that the patterns name, each once, in order of their addresses. Raises ConfigError."""
    addresses = {address for pattern in patterns for address in _addresses(pattern, folder)}
    return [_hour(address, folder) for address in sorted(addresses)]


def _addresses(pattern: str, folder: Path) -> list[str]:
    """The addresses or files of one pattern."""
    expanded = expand(pattern)
    if "://" in pattern:
        for address in expanded:
            _check_address(pattern, address)
        return expanded
    names = (glob.glob(each, root_dir=folder, recursive=True) for each in expanded)  # noqa: PTH207  # may be absolute
    found = [name for name in itertools.chain.from_iterable(names) if (folder / name).is_file()]
    if not found:
        raise _wrong(pattern, f"no file matches (paths start at {folder.absolute()})")
    for name in found:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise _wrong(pattern, f"{os.fsencode(name)!r} is not UTF-8; rename the file") from None
    return found


def expand(pattern: str) -> list[str]:
    """The pattern with every {1..12} in it replaced by each number, as bash does it.

    >>> expand("a-{8..10}"), expand("{01..2}/{1..0}")
    (['a-8', 'a-9', 'a-10'], ['01/1', '01/0', '02/1', '02/0'])
    """
    texts = RANGE.split(pattern)  # text, first, last, text, ...
    ranges = [_range(first, last) for first, last in zip(texts[1::3], texts[2::3], strict=True)]
    if math.prod(len(numbers) for numbers, _ in ranges) > MAX_HOURS:
        raise _wrong(pattern, f"means more than {MAX_HOURS:,} addresses")
    written = [[f"{number:0{width}d}" for number in numbers] for numbers, width in ranges]
    return [
        "".join(itertools.chain.from_iterable(itertools.zip_longest(texts[::3], chosen, fillvalue="")))
        for chosen in itertools.product(*written)
    ]


def _range(first: str, last: str) -> tuple[range, int]:
    """The numbers, and how many digits each has at least."""
    step = 1 if int(first) <= int(last) else -1
    padded = any(len(end) > 1 and end.startswith("0") for end in (first, last))
    return range(int(first), int(last) + step, step), max(len(first), len(last)) if padded else 0


def _check_address(pattern: str, address: str) -> None:
    try:
        url = urlsplit(address)
        host, _ = url.hostname, url.port  # which is parsed here
    except ValueError:
        raise _wrong(pattern, "not an address") from None
    if url.scheme not in ("http", "https") or not host or not address.isascii() or not address.isprintable():
        raise _wrong(pattern, "must be a file or an http(s) address")
    if "@" in url.netloc:
        raise _wrong(pattern, "an address must not hold a user or password")
    if any(character in address for character in "*{} "):
        raise _wrong(pattern, "an address may hold ranges like {0..23}, and no other pattern")


def _wrong(pattern: str, reason: str) -> ConfigError:
    return ConfigError(f"source: gharchive: {pattern!r}: {reason}")


def _hour(address: str, folder: Path) -> Hour:
    """The hour at an address. A file that was replaced by another is another hour."""
    known: list[Any] = [address]
    name = urlsplit(address).path if "://" in address else address
    if "://" not in address:
        state = (folder / address).stat()
        known += [state.st_size, state.st_mtime_ns]
    stem = re.sub("[^A-Za-z0-9_.-]", "_", name.rpartition("/")[2].removesuffix(".gz").removesuffix(".json"))
    return Hour(f"{stem[:80]}-{storage.digest(known)}", address)


def download(
    address: str, path: Path, agent: str, backoff_s: float = BACKOFF_S, wait: Callable[[float], None] = time.sleep
) -> bool:
    """Writes to `path` what is at the address; False where nothing is (404).

    Raises CorpusError after ATTEMPTS; the pauses between them double, or are what the server asks for.
    """
    # as stored: a client or a proxy that undoes gzip would give us the text
    headers = {"User-Agent": agent, "Accept-Encoding": "gzip"}
    with httpx.Client(headers=headers, timeout=TIMEOUT_S, follow_redirects=True) as client:
        for attempt in range(1, ATTEMPTS + 1):
            asked_s = None
            try:
                with client.stream("GET", address) as response:
                    if response.status_code == 404:
                        return False
                    asked_s = retry_after_s(response.headers.get("Retry-After", ""), datetime.now(UTC))
                    response.raise_for_status()
                    with path.open("wb") as out:
                        out.writelines(response.iter_raw())
                    return True
            except httpx.HTTPStatusError as error:
                reason = f"HTTP {error.response.status_code}"
            except httpx.HTTPError as error:
                reason = str(error).partition("\n")[0] or type(error).__name__
            if attempt < ATTEMPTS:
                wait(min(asked_s if asked_s is not None else backoff_s * 2 ** (attempt - 1), MAX_WAIT_S))
    raise CorpusError(
        f"{address}: {reason}, {ATTEMPTS} times; the hours already read are not lost: run again when it answers"
    )
