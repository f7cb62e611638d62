"""A release to a folder or an object store, by any address that fsspec knows.

Every version has a folder of its own, whose manifest is written last; `latest.json` names the newest. A folder without
a manifest is no version yet.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from pipeline import storage
from pipeline.errors import ConfigError, PublishError
from pipeline.progress import progress
from pipeline.publish.plan import Plan, check_version, taken
from pipeline.publish.release import MANIFEST, File, Release, contents

CLAIM, LATEST = "publishing.json", "latest.json"
READ_BYTES = 8 << 20


@dataclass(frozen=True)
class Place:
    """The folder of all versions."""

    files: Any  # fsspec.AbstractFileSystem, which has no types
    root: str

    def path(self, *names: str) -> str:
        return "/".join([self.root.rstrip("/"), *names])

    def json(self, *names: str) -> dict[str, Any] | None:
        """None where there is no such file."""
        try:
            values: dict[str, Any] = json.loads(self.files.cat_file(self.path(*names)))
            return values
        except FileNotFoundError:
            return None
        except ValueError:
            raise PublishError(f"{self.path(*names)}: damaged: it is not JSON; delete it and run again") from None

    def write(self, data: bytes, *names: str) -> None:
        """In one step: a reader sees the old file or the new one."""
        path = self.path(*names)
        if isinstance(self.files, LocalFileSystem):
            with storage.commit(Path(path)) as temporary:
                temporary.write_bytes(data)
        else:
            self.files.pipe_file(path, data)

    def is_there(self, file: File, *names: str) -> bool:
        """Whether a file is there with these bytes; it is read when it has their size."""
        path = self.path(*names)
        if not self.files.exists(path) or self.files.info(path)["size"] != file.bytes:
            return False
        digest = hashlib.sha256()
        with self.files.open(path, "rb") as opened:
            while block := opened.read(READ_BYTES):
                digest.update(block)
        return digest.hexdigest() == file.sha256


def connect(address: str) -> Place:
    """Raises ConfigError for an address that fsspec cannot use."""
    try:
        files, root = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise ConfigError(f"publish: to: {address}: {' '.join(str(error).split())}") from None
    return Place(files, root)


def look(place: Place, release: Release) -> Plan:
    """What publishing would change. Raises PublishError where it would be refused."""
    done = place.json(release.version, MANIFEST)
    if done is not None:
        if not place.is_there(release.files[MANIFEST], release.version, MANIFEST):
            raise taken(place.root, release)
        return Plan(release.digest, release.version, {})
    latest = place.json(LATEST)
    check_version(place.root, release, latest)
    before = place.json(str(latest["version"]), MANIFEST) if latest else None
    by_hash = {file.sha256: path for path, file in contents(before or {"contents": {}}).items()}
    copied = {path: by_hash[file.sha256] for path, file in release.files.items() if file.sha256 in by_hash}
    return Plan(
        "",
        str(latest["version"]) if latest else None,
        {},
        added=[path for path in release.files if path not in copied],
        copied=copied,
    )


def publish(place: Place, release: Release) -> str:
    """The address of the version, whole and the latest. Raises PublishError."""
    plan = look(place, release)
    if plan.changed:
        _claim(place, release)
        sent = 0
        with progress("publish", "bytes", sum(file.bytes for file in release.files.values()), lambda: sent):
            for path in sorted(plan.changed, key=lambda path: path == MANIFEST):
                _send(place, release, plan, path)
                sent += release.files[path].bytes
    there = place.json(LATEST)
    if there != (now := {"version": release.version, "manifest_sha256": release.digest}):
        check_version(place.root, release, there)
        place.write(json.dumps(now).encode(), LATEST)
    if place.files.exists(claim := place.path(release.version, CLAIM)):
        place.files.rm_file(claim)
    return place.path(release.version)


def _claim(place: Place, release: Release) -> None:
    """Only one release at a time is written under a version."""
    wanted = {"manifest_sha256": release.digest}
    claim = place.path(release.version, CLAIM)
    place.files.makedirs(place.path(release.version), exist_ok=True)
    try:
        with place.files.open(claim, "xb") as opened:
            opened.write(json.dumps(wanted).encode())
    except FileExistsError:
        pass
    except (ValueError, NotImplementedError):  # a store without exclusive creation
        if place.json(release.version, CLAIM) is None:
            place.write(json.dumps(wanted).encode(), release.version, CLAIM)
    if place.json(release.version, CLAIM) != wanted:
        raise PublishError(
            f"{claim}: another release is being published as {release.version}; when that was stopped for good, delete "
            "the folder"
        )


def _send(place: Place, release: Release, plan: Plan, path: str) -> None:
    """The file is there with its bytes."""
    file, target = release.files[path], (release.version, path)
    if place.is_there(file, *target):  # of a publish that was killed
        return
    place.files.makedirs(place.path(*target).rpartition("/")[0], exist_ok=True)
    if path == MANIFEST:
        place.write((release.folder / path).read_bytes(), *target)
    elif path in plan.copied:
        place.files.cp_file(place.path(str(plan.before), plan.copied[path]), place.path(*target))
    else:
        place.files.put_file(str(release.folder / path), place.path(*target))
    if place.files.info(place.path(*target))["size"] != file.bytes:
        raise PublishError(f"{place.path(*target)}: not as long as the manifest says; run again")
