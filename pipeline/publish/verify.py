"""Is what readers find what its manifest says? Of a release on the Hub, or at an address of fsspec."""

import hashlib
from collections.abc import Iterator
from typing import Any

from pipeline.errors import ConfigError, CorpusError, ShardError
from pipeline.manifest import check_sums
from pipeline.publish import to_folder
from pipeline.publish.hub import MAIN, Entry, Hub, connect
from pipeline.publish.patience import Patience
from pipeline.publish.plan import manifest_at
from pipeline.publish.release import FOLDERS, MANIFEST, File, contents

HUB = "hf://datasets/"
PATIENCE_S = 600.0


def verify_published(address: str) -> dict[str, Any]:
    """The manifest of a release at hf://datasets/OWNER/NAME@REVISION, which is compared with the hashes that the Hub
    knows, or at another address, where every file is read. Raises ShardError with one line for each thing wrong."""
    if address.startswith(HUB):
        name, _, revision = address.removeprefix(HUB).partition("@")
        hub = connect(name, Patience(PATIENCE_S, 1), may_be_anonymous=True)
        values, wrong = on_the_hub(hub, revision or MAIN)
    else:
        values, wrong = _at_a_place(to_folder.connect(address))
    problems = [f"{address}/{problem}" for problem in wrong]
    try:
        check_sums(values)
    except CorpusError as error:
        problems.append(f"{address}/{MANIFEST}: {error}")
    if problems:
        raise ShardError("\n".join(problems))
    return values


def on_the_hub(hub: Hub, revision: str) -> tuple[dict[str, Any], list[str]]:
    values = manifest_at(hub, revision)
    if values is None:
        raise ConfigError(f"{HUB}{hub.repo_id}@{revision}: has no {MANIFEST}: no release of stackyard")
    tree, known = hub.tree(revision), contents(values)
    wrong = [
        f"{path}: {'other bytes than the manifest says' if path in tree else 'missing'}"
        for path, file in known.items()
        if path not in tree or not _is_same(hub, revision, path, tree[path], file)
    ]
    strays = (path for path in sorted(tree) if path.split("/")[0] in FOLDERS and path not in known)
    return values, [*wrong, *(f"{path}: not in the manifest" for path in strays)]


def _is_same(hub: Hub, revision: str, path: str, entry: Entry, file: File) -> bool:
    """By the hash that the Hub knows; a file that git holds is read."""
    if entry.bytes != file.bytes:
        return False
    return (entry.sha256 or hashlib.sha256(hub.read(revision, path) or b"").hexdigest()) == file.sha256


def _at_a_place(place: to_folder.Place) -> tuple[dict[str, Any], list[str]]:
    values = place.json(MANIFEST)
    if values is None:
        raise ConfigError(f"{place.root}: has no {MANIFEST}: no release; name the folder of one version")
    known = contents(values)
    wrong = [f"{path}: missing, or damaged" for path, file in known.items() if not place.is_there(file, path)]
    return values, [*wrong, *(f"{path}: not in the manifest" for path in _strays(place, known))]


def _strays(place: to_folder.Place, known: dict[str, File]) -> Iterator[str]:
    start = len(place.path()) + 1
    for found in sorted(place.files.find(place.path())):
        if found[start:] not in known and found[start:] != MANIFEST:
            yield found[start:]
