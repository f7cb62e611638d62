"""Xet without a service: hf_xet's own store in a folder, which `casUrl = local://FOLDER` makes clients use.

A commit names a large file by its sha256 alone. The Hub learns its Xet hash, the one that downloads ask for, from the
shard files that the client left in the store; so do we.
"""

import itertools
import math
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

INDEX = "xet/xorbs/global_dedup_lookup.redb"  # of the store; without it nothing is found
PATIENCE_S = 2.0  # with a client that was told the address, and may be about to use it
RECORD_BYTES = 48  # a shard file is a header and then records of this size
END = b"\xff" * 32
HAS_VERIFICATION, HAS_SHA256 = 1 << 31, 1 << 30  # flags of a file's first record

DOWNLOAD = """
import sys, hf_xet
with hf_xet.XetSession().new_file_download_group(
    endpoint=sys.argv[1], token="any", token_expiry_unix_secs=4_102_444_800
) as group:
    for wanted in sys.argv[2:]:
        xet_hash, size, path = wanted.split(":", 2)
        group.start_download_file(hf_xet.XetFileInfo(xet_hash, int(size)), path)
"""


class Cas:
    """The store that clients upload to. `files` has Xet hash and size in bytes by sha256 once they are gathered."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files = folder, dict[str, tuple[str, int]]()
        self._store = folder / "store"
        self._store.mkdir(parents=True)
        self._shards: set[Path] = set()  # that were read
        self._copies = itertools.count(1)
        self._turn = threading.Lock()
        self._granted: tuple[float, int | None] = (-math.inf, None)  # when somebody got the store, and its last change

    def gather(self) -> None:
        """What clients have stored until now."""
        new = set(self._store.glob("xet/xorbs/shards/*.mdb")) - self._shards
        for shard in new:
            self.files |= read_shard(shard.read_bytes())
        self._shards |= new

    def stored_bytes(self) -> int:
        return sum(file.stat().st_size for file in self._store.glob("xet/xorbs/xorbs/*"))

    def store_address(self) -> str:
        """To write to. Clients cannot share it, so one waits a little for the one before to have been there and gone.

        Not for ever: that one may be dead, or the same one, which works on two uploads.
        """
        with self._turn:
            granted_s, index = self._granted
            while self._changed() in (None, index) and time.monotonic() < granted_s + PATIENCE_S:
                time.sleep(0.01)
            self._granted = (time.monotonic(), self._changed())
            return f"local://{self._store}"

    def copy_address(self) -> str:
        """To read from, while others may write to the store. Raises TimeoutError when one does not stop."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            copy, before = self.folder / str(next(self._copies)), self._changed()
            with suppress(shutil.Error):  # a file went while we looked
                shutil.copytree(self._store, copy, copy_function=copy_or_link)
                if before is not None and before == self._changed():
                    return f"local://{copy}"
            time.sleep(0.01)
        raise TimeoutError("a client keeps the Xet store locked")

    def _changed(self) -> int | None:
        """The last change of the index; None while a client has it locked.

        By the kernel's list of locks: to try would be a lock, too, and might stop a client.
        """
        index = self._store / INDEX
        if not index.exists():
            return 0
        locked = f":{index.stat().st_ino} " in Path("/proc/locks").read_text()
        return None if locked else index.stat().st_mtime_ns

    def fetch(self, folder: Path) -> None:
        """Every file that `folder` lacks, each named by its sha256."""
        self.gather()
        missing = {sha256: found for sha256, found in self.files.items() if not (folder / sha256).exists()}
        wanted = [f"{xet_hash}:{size}:{folder / sha256}.xet" for sha256, (xet_hash, size) in missing.items()]
        subprocess.run([sys.executable, "-c", DOWNLOAD, self.copy_address(), *wanted], check=True, timeout=300)
        for sha256 in missing:
            (folder / f"{sha256}.xet").rename(folder / sha256)


def copy_or_link(source: str, target: str) -> None:
    """Only the index ever changes."""
    (shutil.copy if source.endswith(INDEX) else os.link)(source, target)


def read_shard(content: bytes) -> Iterator[tuple[str, tuple[str, int]]]:
    """sha256, and Xet hash and size in bytes, of the files that a shard file lists.

    A file's records: its hash, flags and number n of segments; n segments; n more if verified; one with the sha256.
    """
    at = RECORD_BYTES
    while content[at : at + 32] != END:
        file_hash = content[at : at + 32]
        flags, segments = number(content, at + 32), number(content, at + 36)
        size = sum(number(content, at + RECORD_BYTES * i + 36) for i in range(1, segments + 1))
        at += RECORD_BYTES * (1 + segments * (2 if flags & HAS_VERIFICATION else 1))
        if flags & HAS_SHA256:
            yield printed(content[at : at + 32]), (printed(file_hash), size)
            at += RECORD_BYTES


def number(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 4], "little")


def printed(digest: bytes) -> str:
    """As Xet prints 32 bytes: four little-endian numbers.

    >>> printed(bytes(range(32)))[:20]
    '07060504030201000f0e'
    """
    return "".join(digest[i : i + 8][::-1].hex() for i in range(0, 32, 8))
