"""`stackyard publish`, `yank` and `verify` as they are typed, with a real release, and what readers load then."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline import storage
from pipeline.config import Config, load
from tests.pipeline.conftest import CONFIGURATION, release
from tests.pipeline.publish.conftest import NAME, at
from tests.servers.hub import Hub as Server
from tests.servers.hub import serving

ROOT = Path(__file__).parents[3]
TOKEN = "hf_alice"


@dataclass
class Desk:
    """A workspace with a release, a configuration that may be changed, and a Hub."""

    server: Server
    folder: Path
    token: str = TOKEN

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    def configure(self, old: str, new: str) -> None:
        path = self.folder / "corpus.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def type(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """The command's end. It never tells the token."""
        home = {"HF_HOME": str(self.folder / "home"), "HF_ENDPOINT": self.server.url, "HF_HUB_DISABLE_XET": "1"}
        known = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        said = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "pipeline", *words],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=known | home | ({"HF_TOKEN": self.token} if self.token else {}),
        )
        assert TOKEN not in said.stdout + said.stderr and "Traceback" not in said.stderr, said.stderr
        return said

    def publish(self, *options: str) -> "subprocess.CompletedProcess[str]":
        words = ["publish", str(self.folder / "corpus.toml"), "--workspace", str(self.workspace), *options]
        return self.type(*words)


@pytest.fixture(scope="module")
def made(corpus: Path, finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration and its workspace."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copytree(finished, folder / "workspace")
    for name in ("first", "second", "demo"):
        (folder / name).symlink_to(corpus / name)
    (folder / "corpus.toml").write_text(f'{CONFIGURATION}\n[publish]\nto = "{NAME}"\n')
    release(folder / "workspace", load(folder / "corpus.toml"))  # whose card names where it is published
    return folder


@pytest.fixture
def desk(made: Path, tmp_path: Path) -> Iterator[Desk]:
    folder = Path(shutil.copytree(made, tmp_path / "desk", symlinks=True))
    with serving(tmp_path / "hub") as server:
        yield Desk(server, folder)


def configuration(desk: Desk) -> Config:
    return load(desk.folder / "corpus.toml")


def test_a_release_is_published_and_loads(desk: Desk, tmp_path: Path) -> None:
    looked = desk.publish("--dry-run")
    assert looked.returncode == 0 and "the first one there" in looked.stdout and not desk.server.repositories
    done = desk.publish()
    assert done.returncode == 0, done.stderr
    assert f'load_dataset("{NAME}", revision="v0.1.0")' in done.stdout
    manifest = storage.read_json(desk.workspace / "release/manifest.json")
    published = at(desk.server, "v0.1.0")
    assert published.keys() == manifest["contents"].keys() | {"manifest.json"}
    assert storage.read_json(desk.workspace / "published/0.1.0/manifest.json") == manifest
    code = (
        "import sys, datasets; rows = datasets.load_dataset(sys.argv[1], revision=sys.argv[2], cache_dir=sys.argv[3]);"
        "print(sum(rows.num_rows.values()))"
    )
    environment = os.environ | {"HF_ENDPOINT": desk.server.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}
    loaded = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, NAME, "v0.1.0", str(tmp_path / "cache")],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert loaded.stdout.strip() == str(manifest["files"]["published"]), loaded.stderr
    again = desk.publish()
    assert again.returncode == 0 and "(it was there already)" in again.stdout
    assert len(desk.server.repository(NAME).history("main")) == 2
    assert "published already: nothing to do" in desk.publish("--dry-run").stdout
    whole = desk.type("verify", f"hf://datasets/{NAME}@v0.1.0")
    assert whole.returncode == 0 and "are as the manifest says" in whole.stdout, whole.stderr


def test_a_new_version_says_what_changed_and_the_old_one_is_yanked(desk: Desk) -> None:
    assert desk.publish().returncode == 0
    desk.configure("shard_bytes", 'version = "0.2.0"\nshard_bytes')
    release(desk.workspace, configuration(desk))
    base = storage.read_json(desk.workspace / "release/manifest.json")["base"]
    former = desk.workspace / "published/0.1.0/manifest.json"
    assert base["version"] == "0.1.0" and base["manifest_sha256"] == storage.sha256(former)
    assert desk.publish().returncode == 0
    words = [str(desk.folder / "corpus.toml"), "--workspace", str(desk.workspace)]
    assert desk.type("yank", words[0], "0.1.0", *words[1:]).returncode == 0
    assert set(desk.server.repository(NAME).tags) == {"v0.2.0"}
    newest = desk.type("yank", words[0], "0.2.0", *words[1:])
    assert newest.returncode == 1 and "0.2.0 is what readers get now" in newest.stderr


def test_to_a_folder(desk: Desk, tmp_path: Path) -> None:
    desk.configure(f'to = "{NAME}"', f'to = "file://{tmp_path}/sets"')
    desk.token = ""
    done = desk.publish()
    assert done.returncode == 0 and done.stdout == f"published   {tmp_path}/sets/0.1.0\n", done.stderr
    assert desk.type("verify", f"file://{tmp_path}/sets/0.1.0").returncode == 0
    assert desk.type("verify", f"{tmp_path}/sets/0.1.0").returncode == 0
    shard = next((tmp_path / "sets/0.1.0/data").rglob("*.parquet"))
    shard.write_bytes(b"x" * shard.stat().st_size)
    damaged = desk.type("verify", f"file://{tmp_path}/sets/0.1.0")
    assert damaged.returncode == 1 and damaged.stderr.endswith(f"{shard.name}: missing, or damaged\n")


Change = Callable[[Desk], None]


def without_token(desk: Desk) -> None:
    desk.token = ""


def to_nowhere(desk: Desk) -> None:
    desk.configure(f'to = "{NAME}"', 'to = ""')


def to_a_bad_name(desk: Desk) -> None:
    desk.configure(f'to = "{NAME}"', 'to = "data"')


def to_an_address_of_the_hub(desk: Desk) -> None:
    desk.configure(f'to = "{NAME}"', f'to = "hf://datasets/{NAME}"')


def to_nowhere_in_the_files(desk: Desk) -> None:
    desk.configure(f'to = "{NAME}"', 'to = "file:///proc/nothing"')


def to_everybody(desk: Desk) -> None:
    desk.configure(f'to = "{NAME}"', f'to = "{NAME}"\nvisibility = "public"')


def to_another_one(desk: Desk) -> None:
    desk.configure(f'to = "{NAME}"', 'to = "alice/other"')


def without_a_release(desk: Desk) -> None:
    shutil.rmtree(desk.workspace / "release")


def without_a_workspace(desk: Desk) -> None:
    shutil.rmtree(desk.workspace)


def with_an_alarm(desk: Desk) -> None:
    path = desk.workspace / "release/manifest.json"
    alarm = {"what": "long_line", "kind": "language", "name": "C", "taken": 900, "texts": 1_000}
    path.write_text(json.dumps(storage.read_json(path) | {"alarms": [alarm]}))


def with_a_short_file(desk: Desk) -> None:
    path = desk.workspace / "release/ledger/repositories.parquet"
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (without_token, 2, "publish: no token: set HF_TOKEN, or log in with `hf auth login`"),
        (to_nowhere, 2, "publish: to: is empty; name a repository"),
        (to_a_bad_name, 2, "publish.to: 'data' is not owner/name on the Hub"),
        (to_an_address_of_the_hub, 2, "is not owner/name on the Hub"),
        (to_nowhere_in_the_files, 1, "file:///proc/nothing: No such file or directory; nothing is half published"),
        (to_everybody, 1, 'rows are here by rights = "own"; to give them to everybody set own_code = true'),
        (to_another_one, 1, "README.md: does not say how to load alice/other; run `stackyard release` again"),
        (without_a_release, 1, "no release; run `stackyard release` first"),
        (without_a_workspace, 2, "no workspace; run `stackyard run"),
        (
            with_an_alarm,
            1,
            "alarm: long_line takes 90 % of language C: 900 of 1,000 files; look at it, then publish with",
        ),
        (with_a_short_file, 1, "ledger/repositories.parquet: "),
    ],
)
def test_what_keeps_a_release_at_home(desk: Desk, change: Change, code: int, said: str) -> None:
    change(desk)
    answer = desk.publish()
    assert answer.returncode == code and said in answer.stderr and answer.stderr.count("\n") == 1, answer.stderr
    assert not desk.server.writes()
