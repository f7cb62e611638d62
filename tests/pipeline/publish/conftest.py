"""What the tests of publishing share: small releases, and the loopback Hub that the real client talks to."""

import hashlib
import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants

from pipeline.publish.hub import Hub
from pipeline.publish.patience import Patience
from pipeline.publish.release import Release, read_release
from tests.servers.hub import Hub as Server
from tests.servers.hub import serving

NAME = "alice/data"


def shard(seed: str, size: int = 2_000) -> bytes:
    """Bytes as of Parquet, the same for the same seed."""
    return b"PAR1" + random.Random(seed).randbytes(size) + b"PAR1"


def write_release(folder: Path, version: str, shards: Mapping[str, str]) -> Release:
    """A release with these shards: path, and seed of its bytes. Its manifest has no more than publishing looks at."""
    files = {path: shard(seed) for path, seed in shards.items()}
    files |= {"README.md": f"---\nlicense: other\n---\n# Data {version}\n".encode(), "plots/sizes.svg": b"<svg/>"}
    contents = {}
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
        contents[path] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps({"version": version, "contents": contents}))
    return read_release(folder)


def first(folder: Path) -> Release:
    """Version 0.1.0: seven shards in two languages, and a ledger."""
    shards = {f"data/python/train-{i:05d}-of-00004.parquet": f"python {i}" for i in range(4)}
    shards |= {f"data/c/train-{i:05d}-of-00003.parquet": f"c {i}" for i in range(3)}
    return write_release(folder, "0.1.0", shards | {"ledger/ledger-00000-of-00001.parquet": "ledger"})


def second(folder: Path) -> Release:
    """Version 0.2.0: Python has a shard more, so all have other names; one is new, one of C is gone."""
    shards = {f"data/python/train-{i:05d}-of-00005.parquet": f"python {i}" for i in range(5)}
    shards |= {f"data/c/train-{i:05d}-of-00002.parquet": f"c {i}" for i in range(2)}
    return write_release(folder, "0.2.0", shards | {"ledger/ledger-00000-of-00001.parquet": "ledger of 0.2.0"})


def many(folder: Path, version: str, count: int) -> Release:
    """A release of so many shards, none of which another version has."""
    names = (f"data/c/train-{i:05d}-of-{count:05d}.parquet" for i in range(count))
    return write_release(folder, version, {name: f"{folder.name} {name}" for name in names})


def patience(seconds: float = 60.0) -> Patience:
    """Waits by a clock that jumps."""
    now = [0.0]

    def sleep(wait_s: float) -> None:
        now[0] += wait_s

    return Patience(seconds, 100, clock=lambda: now[0], sleep=sleep)


def client(server: Server, token: str = "hf_alice", name: str = NAME, seconds: float = 60.0) -> Hub:
    """The repository as the real client sees it."""
    return Hub(HfApi(endpoint=server.url, token=token), name, patience(seconds))


def at(server: Server, revision: str, name: str = NAME) -> dict[str, bytes]:
    """The files that readers see at a revision, without what the Hub adds."""
    repository = server.repository(name)
    return {path: repository.read(revision, path) for path in repository.tree(revision) if path != ".gitattributes"}


def files(release: Release) -> dict[str, bytes]:
    """The files of a release."""
    return {path: (release.folder / path).read_bytes() for path in release.files}


@pytest.fixture(params=["lfs", "xet"])
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A Hub, once for each protocol of uploads."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", request.param == "lfs")
    with serving(tmp_path / "hub", xet=request.param == "xet") as hub:
        yield hub
