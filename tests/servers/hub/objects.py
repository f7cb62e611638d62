"""The large files of all repositories of a hub, by sha256."""

import hashlib
import threading
from collections.abc import Iterable
from pathlib import Path

from tests.servers.hub.xet import Cas


class Objects:
    """Files in a folder; those that came by Xet are in `cas` until somebody wants their bytes."""

    def __init__(self, folder: Path, cas: Cas | None) -> None:
        self.folder, self.cas = folder, cas
        self._fetching = threading.Lock()
        folder.mkdir(parents=True)

    def put(self, sha256: str, pieces: Iterable[bytes]) -> bool:
        """False when the bytes have another sha256: they are not kept."""
        digest, part = hashlib.sha256(), self.folder / f"{sha256}.{threading.get_ident()}"
        with part.open("wb") as file:
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
        if digest.hexdigest() != sha256:
            part.unlink()
            return False
        part.rename(self.folder / sha256)
        return True

    def xet_file(self, sha256: str) -> tuple[str, int] | None:
        """Xet hash and size in bytes of what came by Xet."""
        if self.cas and sha256 and sha256 not in self.cas.files:
            self.cas.gather()
        return self.cas.files.get(sha256) if self.cas else None

    def size(self, sha256: str) -> int | None:
        """In bytes; None of what never came."""
        path = self.folder / sha256
        if path.exists():
            return path.stat().st_size
        found = self.xet_file(sha256)
        return found[1] if found else None

    def path(self, sha256: str) -> Path:
        """A file with the bytes."""
        with self._fetching:
            if self.cas and not (self.folder / sha256).exists():
                self.cas.fetch(self.folder)
        return self.folder / sha256
