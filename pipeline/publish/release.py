"""The release that is published: its files with their hashes, and what is asked of it before anything is sent."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pipeline import storage
from pipeline.card.check import problems
from pipeline.config import Config
from pipeline.errors import PublishError
from pipeline.report import alarm

FOLDERS = ("clusters", "data", "ledger", "plots", "takedowns")  # of a release: what lies there is read together
MANIFEST, README = "manifest.json", "README.md"
# Hugging Face, hub-docs of August 2026, storage limits; more a folder is refused with 400
MAX_FILES_PER_FOLDER, MAX_FILES, MAX_FILE_BYTES = 10_000, 100_000, 200 << 30


class File(NamedTuple):
    """One file of a release."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Release:
    """A release in a folder, which nobody changes meanwhile. `files`: by relative path; the manifest is one of them."""

    folder: Path
    values: dict[str, Any]
    files: dict[str, File]

    @property
    def version(self) -> str:
        return str(self.values["version"])

    @property
    def tag(self) -> str:
        return f"v{self.version}"

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest, which names every other file by its own."""
        return self.files[MANIFEST].sha256


def read_release(folder: Path) -> Release:
    """The release in a folder. Raises PublishError when there is none."""
    path = folder / MANIFEST
    if not path.exists():
        raise PublishError(f"{folder}: no release; run `stackyard release` first")
    values = storage.read_json(path)
    files = contents(values) | {MANIFEST: File(path.stat().st_size, storage.sha256(path))}
    return Release(folder, values, files)


def contents(values: dict[str, Any]) -> dict[str, File]:
    """The files that a manifest names."""
    return {name: File(known["bytes"], known["sha256"]) for name, known in sorted(values["contents"].items())}


def blob_id(path: Path) -> str:
    """git's id of a small file's bytes."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def check(release: Release, config: Config, accept_alarms: bool) -> None:
    """Raises PublishError with one line for each thing that keeps the release from being published."""
    if wrong := list(_problems(release, config, accept_alarms)):
        raise PublishError("\n".join(wrong))


def _problems(release: Release, config: Config, accept_alarms: bool) -> Iterator[str]:
    folder, values = release.folder, release.values
    for name, file in release.files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            yield f"{path}: missing; run `stackyard release` again"
        elif path.stat().st_size != file.bytes:
            yield f"{path}: {path.stat().st_size} bytes, the manifest says {file.bytes}; run `stackyard release` again"
        elif file.bytes > MAX_FILE_BYTES:
            yield f"{path}: {file.bytes} bytes are too many for one file; lower [release] shard_bytes"
    folders = Counter(name.rpartition("/")[0] for name in release.files)
    if max(folders.values()) > MAX_FILES_PER_FOLDER or len(release.files) > MAX_FILES:
        yield f"{folder}: too many files ({len(release.files):,}); raise [release] shard_bytes"
    card, to = _text(folder / README), config.publish.to
    yield from (f"{folder / README}: {problem}" for problem in problems(card, values))
    if "://" not in to and values["files"]["published"] and f'load_dataset("{to}"' not in card:
        yield f"{folder / README}: does not say how to load {to}; run `stackyard release` again"
    if not accept_alarms:
        yield from (f"alarm: {alarm(row)}; look at it, then publish with --accept-alarms" for row in values["alarms"])
    if config.publish.visibility == "public" and not config.publish.own_code:
        own = [source for source in values["configuration"]["source"] if source["rights"] == "own"]
        if own:
            yield 'rows are here by rights = "own"; to give them to everybody set own_code = true in [publish]'


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""
