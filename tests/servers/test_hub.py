"""The loopback Hub is what the Hub's real clients take for the Hub.

Clients that read the environment when they are imported run in a process of their own, one for all: `main` here.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import (
    BadRequestError,
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.servers.hub import (
    Entry,
    Hub,
    Repository,
    Request,
    cut,
    delay,
    drop_after,
    drop_before,
    drop_midbody,
    expired,
    flip,
    serving,
    status,
)

NAME = "alice/data"
ROOT = Path(__file__).parents[2]
ROWS = {"c": ["int c;", "int d;", "int e;"], "python": ["a = 1", "b = 2"]}
CARD = """---
license: other
configs:
- config_name: c
  default: true
  data_files: [{split: train, path: data/c/*.parquet}]
- config_name: python
  data_files: [{split: train, path: data/python/*.parquet}]
---
# Data
"""


# What runs in the clients' process


def main() -> None:
    """Runs the CLIENTS in the folder given, and prints what each said, or how it failed."""
    folder, said = Path(sys.argv[1]), {}
    for client in CLIENTS:
        try:
            said[client.__name__] = client(folder)
        except BaseException:
            said[client.__name__] = traceback.format_exc()
    print(json.dumps(said))


def create_repo(folder: Path) -> Any:
    return str(HfApi().create_repo(NAME, repo_type="dataset", private=True))


def upload_file(folder: Path) -> Any:
    card = folder / "files" / "README.md"
    HfApi().upload_file(path_or_fileobj=card, path_in_repo="README.md", repo_id=NAME, repo_type="dataset")
    return sorted(HfApi().list_repo_files(NAME, repo_type="dataset"))


def upload_folder(folder: Path) -> Any:
    HfApi().upload_folder(folder_path=folder / "files", repo_id=NAME, repo_type="dataset")
    return HfApi().list_repo_commits(NAME, repo_type="dataset")[0].authors


def hf_upload(folder: Path) -> Any:
    """As a command, another tree on another branch."""
    HfApi().create_branch(NAME, branch="command", repo_type="dataset")
    return hf("upload", NAME, str(folder / "files" / "data"), "more", "--repo-type=dataset", "--revision=command")


def hf_download(folder: Path) -> Any:
    hf("download", NAME, "--repo-type=dataset", "--revision=command", f"--local-dir={folder / 'downloaded'}")
    return contents(folder / "downloaded")


def snapshot_download(folder: Path) -> Any:
    import huggingface_hub

    return contents(Path(huggingface_hub.snapshot_download(NAME, repo_type="dataset", cache_dir=folder / "cache")))


def verify_repo_checksums(folder: Path) -> Any:
    found = HfApi().verify_repo_checksums(NAME, repo_type="dataset", cache_dir=folder / "cache")
    return [found.checked_count, len(found.mismatches), found.missing_paths, found.extra_paths]


def load_dataset(folder: Path) -> Any:
    from datasets import load_dataset

    return {name: load_dataset(NAME, name, split="train")["content"][:] for name in ROWS}


def load_dataset_streaming(folder: Path) -> Any:
    from datasets import load_dataset

    return {name: [row["content"] for row in load_dataset(NAME, name, split="train", streaming=True)] for name in ROWS}


def hf_file_system(folder: Path) -> Any:
    from huggingface_hub import HfFileSystem

    files = HfFileSystem()
    with files.open(f"datasets/{NAME}@command/notes.txt", "w") as file:
        file.write("written")
    with files.open(f"datasets/{NAME}@command/notes.txt", "r") as file:
        return [file.read(), sorted(files.ls(f"datasets/{NAME}/data", detail=False))]


def pyarrow(folder: Path) -> Any:
    import pyarrow.parquet
    from huggingface_hub import HfFileSystem

    table = pyarrow.parquet.read_table(f"datasets/{NAME}/data/python", filesystem=HfFileSystem())
    return sorted(table["content"].to_pylist())


def duckdb(folder: Path) -> Any:
    import duckdb
    from huggingface_hub import HfFileSystem

    duckdb.register_filesystem(HfFileSystem())
    found = duckdb.execute(f"select content from 'hf://datasets/{NAME}/data/*/*.parquet' order by 1").fetchall()
    return [content for (content,) in found]


def push_to_hub(folder: Path) -> Any:
    from datasets import Dataset, load_dataset

    Dataset.from_dict({"content": ["pushed"]}).push_to_hub("alice/pushed")
    return load_dataset("alice/pushed", split="train")["content"][:]


CLIENTS = (
    create_repo,
    upload_file,
    upload_folder,
    hf_upload,
    hf_download,
    snapshot_download,
    verify_repo_checksums,
    load_dataset,
    load_dataset_streaming,
    hf_file_system,
    pyarrow,
    duckdb,
    push_to_hub,
)


def hf(*arguments: str) -> str:
    """Raises CalledProcessError, with what the command said."""
    command = [str(Path(sys.executable).with_name("hf")), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def contents(folder: Path) -> dict[str, int]:
    """The files with their sizes in bytes, but for git's and the client's own."""
    files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    return {name: size for name, size in files.items() if not name.startswith((".cache", ".git"))}


# The clients, each with Xet and without


class Matrix:
    """A hub after all clients, what they said, and the files that they uploaded."""

    def __init__(self, hub: Hub, said: dict[str, Any], files: dict[str, int], xet: bool) -> None:
        self.hub, self.said, self.files, self.xet = hub, said, files, xet


@pytest.fixture(scope="module", params=[False, True], ids=["lfs", "xet"])
def matrix(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    folder = tmp_path_factory.mktemp("clients")
    write_files(folder / "files")
    with serving(folder / "hub", xet=request.param) as hub:
        code = "from tests.servers.test_hub import main; main()"
        run = subprocess.run(
            [sys.executable, "-c", code, str(folder)],
            cwd=ROOT,
            env=environment(hub, folder, request.param),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert run.returncode == 0, run.stderr
        yield Matrix(hub, json.loads(run.stdout.splitlines()[-1]), contents(folder / "files"), request.param)


def write_files(folder: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    for name, rows in ROWS.items():
        (folder / "data" / name).mkdir(parents=True)
        for i, row in enumerate(rows):
            path = folder / "data" / name / f"train-{i:05d}-of-{len(rows):05d}.parquet"
            parquet.write_table(pyarrow.table({"content": [row]}), path)
    (folder / "README.md").write_text(CARD)


def environment(hub: Hub, folder: Path, xet: bool) -> dict[str, str]:
    names = ("HF_HUB_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_UPDATE_CHECK")
    own = {"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_alice", "HF_HOME": str(folder / "home"), "NO_COLOR": "1"}
    own |= {"PATH": os.environ["PATH"], "HOME": str(folder), "HF_HUB_DISABLE_XET": str(int(not xet))}
    return own | dict.fromkeys(names, "1")


def test_clients_upload(matrix: Matrix) -> None:
    repository = matrix.hub.repository(NAME)
    assert matrix.said["create_repo"] == f"{matrix.hub.url}/datasets/{NAME}"
    assert repository.private
    assert matrix.said["upload_file"] == [".gitattributes", "README.md"]
    assert matrix.said["upload_folder"] == ["alice"]
    tree = repository.tree("main")
    assert {path: entry.size for path, entry in tree.items() if path != ".gitattributes"} == matrix.files
    assert {path for path, entry in tree.items() if entry.sha256} == {path for path in tree if "parquet" in path}
    assert repository.read("main", "data/c/train-00000-of-00003.parquet")[:4] == b"PAR1"


def test_clients_use_the_protocol_that_was_asked_for(matrix: Matrix) -> None:
    puts = [request for request in matrix.hub.requests if request.method == "PUT"]
    tokens = [request for request in matrix.hub.requests if "/xet-write-token/" in request.path]
    assert (bool(tokens), bool(puts)) == ((True, False) if matrix.xet else (False, True))
    distinct = {entry.sha256: entry.size for entry in matrix.hub.repository(NAME).tree("main").values() if entry.sha256}
    assert matrix.hub.uploaded_bytes() >= sum(distinct.values()) / 2  # Xet compresses


def test_commands(matrix: Matrix) -> None:
    assert f"/datasets/{NAME}/" in matrix.said["hf_upload"]
    more = {path.replace("data/", "more/"): size for path, size in matrix.files.items() if path.startswith("data/")}
    assert matrix.said["hf_download"] == matrix.files | more


def test_clients_download(matrix: Matrix) -> None:
    assert matrix.said["snapshot_download"] == matrix.files
    assert matrix.said["verify_repo_checksums"] == [len(matrix.files) + 1, 0, [], []]


@pytest.mark.parametrize("client", ["load_dataset", "load_dataset_streaming"])
def test_datasets(matrix: Matrix, client: str) -> None:
    assert matrix.said[client] == ROWS


def test_file_systems(matrix: Matrix) -> None:
    folders = [f"datasets/{NAME}/data/c", f"datasets/{NAME}/data/python"]
    assert matrix.said["hf_file_system"] == ["written", folders]
    assert matrix.said["pyarrow"] == ROWS["python"]
    assert matrix.said["duckdb"] == sorted(ROWS["c"] + ROWS["python"])


def test_push_to_hub(matrix: Matrix) -> None:
    assert matrix.said["push_to_hub"] == ["pushed"]


def test_requests_follow_the_protocol(matrix: Matrix) -> None:
    """Nothing was refused but what clients only try."""
    failed = [request.path for request in matrix.hub.requests if (request.status or 500) >= 400]
    tried = (
        "agent-harnesses",
        ".py",
        ".huggingface.yaml",
        "dataset_infos.json",
        "alice/pushed",
        "notes.txt",
        "/create",
    )
    assert [path for path in failed if not any(name in path for name in tried)] == []


# One client in this process


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Without Xet, and with a repository."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with serving(tmp_path / "hub") as hub:
        hub.add_repository(NAME)
        yield hub


class Client(HfApi):
    """Of datasets only."""

    def call(self, method: str, *arguments: Any, **more: Any) -> Any:
        return getattr(self, method)(NAME, *arguments, repo_type="dataset", **more)

    def commit(self, changes: dict[str, bytes | None], **more: Any) -> Any:
        """New bytes by path; None deletes."""
        operations = [
            CommitOperationDelete(path) if content is None else CommitOperationAdd(path, content)
            for path, content in changes.items()
        ]
        return self.call("create_commit", operations, **{"commit_message": "title"} | more)


def client(hub: Hub, token: str | bool = "hf_alice") -> Client:
    return Client(endpoint=hub.url, token=token)


def refusal(call: Callable[[], Any]) -> tuple[type[Exception], int, str]:
    """How the call fails: class, HTTP status, and the last line of what the server said."""
    with pytest.raises(HfHubHTTPError) as caught:
        call()
    return type(caught.value), caught.value.response.status_code, str(caught.value.server_message)


def paths(hub: Hub, revision: str = "main") -> set[str]:
    return {path for path in hub.repository(NAME).tree(revision) if path != ".gitattributes"}


# Who may do what


@pytest.mark.parametrize(
    ("token", "name", "error", "code"),
    [
        ("hf_alice", "alice/none", RepositoryNotFoundError, 404),
        (False, "alice/none", RepositoryNotFoundError, 401),
        ("hf_bob", "alice/private", RepositoryNotFoundError, 404),
        (False, "alice/private", RepositoryNotFoundError, 401),
        ("hf_wrong", NAME, HfHubHTTPError, 401),
    ],
)
def test_reading_is_refused(hub: Hub, token: str | bool, name: str, error: type[Exception], code: int) -> None:
    hub.add_repository("alice/private", private=True)
    assert refusal(lambda: client(hub, token).dataset_info(name))[:2] == (error, code)
    assert refusal(lambda: client(hub, token).auth_check(name, repo_type="dataset"))[:2] == (error, code)


def test_reading_is_allowed(hub: Hub) -> None:
    hub.add_repository("alice/private", private=True)
    assert client(hub).dataset_info("alice/private").private
    assert client(hub, False).dataset_info(NAME).sha == hub.repository(NAME).branches["main"]
    assert refusal(lambda: client(hub).model_info(NAME))[:2] == (RepositoryNotFoundError, 404)  # we have only datasets


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("hf_bob", (403, "Forbidden: Authorization error.")),
        ("hf_reader", (403, "Forbidden: you must use a write token to upload to a repository.")),
        ("hf_wrong", (401, "Invalid credentials in Authorization header")),
        (False, (401, "Invalid username or password.")),
    ],
)
def test_writing_is_refused(hub: Hub, token: str | bool, said: tuple[int, str]) -> None:
    hub.add_user("alice", "hf_reader", role="read")
    other = client(hub, token)
    assert refusal(lambda: other.call("auth_check", write=True))[1:] == said
    assert refusal(lambda: other.call("create_branch", branch="x"))[1:] == said
    assert refusal(lambda: other.commit({"a.txt": b"a"}))[1:] == said
    assert [request.path for request in hub.writes()] == []


def test_namespaces(hub: Hub) -> None:
    hub.add_user("carol", "hf_carol", orgs=("guild",))
    carol = client(hub, "hf_carol")
    assert carol.create_repo("guild/data", repo_type="dataset") == f"{hub.url}/datasets/guild/data"
    assert [org["name"] for org in carol.whoami()["orgs"]] == ["guild"]
    for name in ("alice/new", "nobody/new"):
        said = f'You don\'t have the rights to create a dataset under the namespace "{name.split("/")[0]}"'
        assert refusal(partial(carol.create_repo, name, repo_type="dataset"))[1:] == (403, said)
    assert refusal(lambda: client(hub).delete_repo("guild/data", repo_type="dataset"))[1] == 403
    carol.delete_repo("guild/data", repo_type="dataset")
    assert set(hub.repositories) == {NAME}


def test_create_repo_again(hub: Hub) -> None:
    assert refusal(lambda: client(hub).create_repo(NAME, repo_type="dataset"))[1] == 409
    assert client(hub).create_repo(NAME, repo_type="dataset", exist_ok=True) == f"{hub.url}/datasets/{NAME}"


def test_settings_and_gates(hub: Hub, tmp_path: Path) -> None:
    alice, bob, anybody = client(hub), client(hub, "hf_bob"), client(hub, False)
    alice.commit({"a.txt": b"a"})
    alice.call("update_repo_settings", gated="manual")
    assert bob.dataset_info(NAME).gated == "manual"
    for other, code in ((bob, 403), (anybody, 401)):
        get = partial(other.call, "hf_hub_download", "a.txt", local_dir=tmp_path / "no")
        assert refusal(get)[:2] == (GatedRepoError, code)
    hub.repository(NAME).granted.add("bob")
    assert Path(bob.call("hf_hub_download", "a.txt", local_dir=tmp_path)).read_bytes() == b"a"
    alice.call("update_repo_settings", private=True, gated=False)
    assert refusal(lambda: bob.dataset_info(NAME))[1] == 404


# Commits


def test_commit(hub: Hub) -> None:
    first = client(hub).commit({"a.txt": b"a", "data/b.bin": b"\0b", "data/c.parquet": b"c"}, commit_description="why")
    repository = hub.repository(NAME)
    assert first.oid == repository.branches["main"]
    assert first.commit_url == f"{hub.url}/datasets/{NAME}/commit/{first.oid}"
    commit, initial = repository.history("main")
    assert (commit.title, commit.message, commit.author, commit.parents) == ("title", "why", "alice", (initial.oid,))
    assert {path for path, entry in commit.tree.items() if entry.sha256} == {"data/b.bin", "data/c.parquet"}
    assert [repository.read("main", path) for path in ("a.txt", "data/b.bin", "data/c.parquet")] == [b"a", b"\0b", b"c"]
    client(hub).commit({"data/": None, "a.txt": b"A"}, parent_commit=first.oid)
    assert paths(hub) == {"a.txt"} and repository.read(first.oid[:7], "a.txt") == b"a"


def test_a_folder_is_replaced_in_one_commit(hub: Hub) -> None:
    """Whatever the order of the operations."""
    client(hub).commit({"data/a.txt": b"a", "data/b.txt": b"b"})
    client(hub).commit({"data/b.txt": b"B", "data/": None, "data/c.txt": b"c"})
    assert paths(hub) == {"data/b.txt", "data/c.txt"} and hub.repository(NAME).read("main", "data/b.txt") == b"B"


def test_half_a_commit_is_none(tmp_path: Path) -> None:
    """The client dies between two lines of it."""
    half = lines(file={"path": "a", "content": ""}) + b"\n"
    with serving(tmp_path) as hub:
        hub.add_repository(NAME)
        with socket.create_connection((urlsplit(hub.url).hostname, urlsplit(hub.url).port)) as connection:
            head = f"POST /api/datasets/{NAME}/commit/main HTTP/1.1\r\nAuthorization: Bearer hf_alice\r\n"
            connection.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(half), half))
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""
    assert [request.status for request in hub.requests] == [None] and paths(hub) == set()


def test_commit_copies(hub: Hub) -> None:
    repository = hub.repository(NAME)
    client(hub).call("create_branch", branch="staging/1")
    staged = client(hub).commit({"a.txt": b"a", "b.bin": b"\0b", "c.bin": b"\0c"}, revision="staging/1")
    assert paths(hub) == set()
    copies = [CommitOperationCopy(path, f"to/{path}", src_revision=staged.oid) for path in ("a.txt", "b.bin")]
    client(hub).call("create_commit", copies, commit_message="copy")
    assert paths(hub) == {"to/a.txt", "to/b.bin"} and repository.read("main", "to/b.bin") == b"\0b"


def test_foreign_commit(hub: Hub) -> None:
    seen = hub.repository(NAME).branches["main"]
    hub.repository(NAME).commit("main", {"a.txt": b"a", "b.parquet": b"b", "c.txt": b"c"}, "foreign")
    hub.repository(NAME).commit("main", {"c.txt": None}, "foreign")
    late = refusal(lambda: client(hub).commit({"d.txt": b"d"}, parent_commit=seen))
    assert late[1:] == (412, "A commit has happened since. Please refresh and try again.")
    assert paths(hub) == {"a.txt", "b.parquet"} and hub.repository(NAME).tree("main")["b.parquet"].sha256


def lines(**operations: Any) -> bytes:
    """A commit as it is sent."""
    items = [{"key": "header", "value": {"summary": "raw"}}]
    items += [{"key": key, "value": value} for key, value in operations.items()]
    return b"\n".join(json.dumps(item).encode() for item in items)


@pytest.mark.parametrize(
    ("operation", "code", "said"),
    [
        ({"lfsFile": {"path": "a", "oid": "0" * 64, "size": 1}}, 400, "LFS pointer pointed to a file that does not"),
        ({"file": {"path": "a", "content": "A" * 16_000_000}}, 400, "files larger than 10 MiB"),
        ({"file": {"path": "a.parquet", "content": "AAAA"}}, 400, "binary files"),
        ({"file": {"path": "../a", "content": ""}}, 400, "Invalid path"),
        ({"file": {"path": "there/a.txt", "content": ""}}, 400, "same name"),
        ({"deletedFile": {"path": "none"}}, 404, "A file with this name doesn't exist"),
        ({"deletedFolder": {"path": "none"}}, 404, "A file with this name doesn't exist"),
        ({"file": {"path": "a", "content": ""}}, 200, ""),
        ({"file": {"path": "a.parquet", "content": ""}}, 200, ""),  # empty files are never large
    ],
)
def test_commit_is_refused(hub: Hub, operation: dict[str, Any], code: int, said: str) -> None:
    hub.repository(NAME).commit("main", {"there": b""}, "foreign")
    url, headers = f"{hub.url}/api/datasets/{NAME}/commit/main", {"Authorization": "Bearer hf_alice"}
    answer = httpx2.post(url, content=lines(**operation), headers=headers)
    assert answer.status_code == code and said in answer.json().get("error", "")
    assert len(hub.repository(NAME).history("main")) == (3 if code == 200 else 2)


def test_limits(hub: Hub) -> None:
    alice, now = client(hub), [1_000_000.0]
    hub.clock = lambda: now[0]
    hub.max_folder_entries = 2  # with .gitattributes
    assert "too many files per directory" in refusal(lambda: alice.commit({"a": b"", "b/c": b""}))[2]
    alice.commit({"b/c": b"", "b/d/e": b""})
    hub.max_operations = 1
    assert refusal(lambda: alice.commit({"b/c": b"1", "b/d/e": b"2"}))[1] == 413
    hub.commits_per_hour = 2
    alice.commit({"b/c": b"1"})
    answer = refusal(lambda: alice.commit({"b/c": b"2"}))
    assert answer[1] == 429 and "rate limit for repository commits (2 per hour)" in answer[2]
    now[0] += 3601
    alice.commit({"b/c": b"2"})


def test_commit_quota_leaves_requests(hub: Hub) -> None:
    """The client waits for the window of requests only if none is left in it."""
    hub.commits_per_hour = 0
    with pytest.raises(HfHubHTTPError) as caught:
        client(hub).commit({"a": b""})
    assert caught.value.response.headers["RateLimit"] == '"api";r=949;t=271'


def test_gitignore(hub: Hub) -> None:
    """As on the Hub, nobody is told."""
    hub.repository(NAME).commit("main", {".gitignore": b"*.log\n/data/\n"}, "foreign")
    client(hub).commit({"a.log": b"a", "data/a.parquet": b"a", "b/data/a.txt": b"a", "a.log.txt": b"a"})
    assert paths(hub) == {".gitignore", "b/data/a.txt", "a.log.txt"}


@pytest.mark.parametrize(("card", "valid"), [("---\na: b\n---\n", True), ("---\n- a\n---\n", False), ("# A", True)])
def test_validate_yaml(hub: Hub, card: str, valid: bool) -> None:
    if valid:
        client(hub).commit({"README.md": card.encode()})
    else:
        with pytest.raises(ValueError, match="not a mapping"):
            client(hub).commit({"README.md": card.encode()})
    assert paths(hub) == ({"README.md"} if valid else set())


def test_large_files_are_sent_once(hub: Hub) -> None:
    for path in ("a.bin", "b.bin"):
        client(hub).commit({path: b"\0" * 1_000})
    assert hub.uploaded_bytes() == 1_000
    hub.add_repository("alice/other")  # may not use what it has not got
    client(hub).upload_file(
        path_or_fileobj=b"\0" * 1_000, path_in_repo="a.bin", repo_id="alice/other", repo_type="dataset"
    )
    assert hub.uploaded_bytes() == 2_000


def test_multipart(hub: Hub) -> None:
    hub.multipart_bytes = 700
    client(hub).commit({"a.bin": bytes(range(256)) * 8})
    assert hub.repository(NAME).read("main", "a.bin") == bytes(range(256)) * 8
    assert [request.bytes_up for request in hub.requests if request.method == "PUT"] == [700, 700, 648]


def test_storage_is_as_strict_as_s3(hub: Hub) -> None:
    url = f"{hub.cdn_url}/upload/{'0' * 64}"
    assert httpx2.put(url, content=b"a", headers={"Authorization": "Bearer hf_alice"}).status_code == 400
    assert httpx2.put(url, content=iter([b"a"])).status_code == 501  # in chunks
    assert httpx2.put(url, content=b"a").status_code == 400  # another sha256
    assert httpx2.get(f"{hub.cdn_url}/blob/{'0' * 64}").status_code == 404


# Listings and references


def test_listings_come_in_pages(hub: Hub) -> None:
    hub.page = 3
    for i in range(4):
        hub.repository(NAME).commit("main", {f"data/{i}/{i}.txt": b""}, f"commit {i}")
    found = [item.path for item in client(hub).call("list_repo_tree", recursive=True)]
    assert found == [".gitattributes", "data", *(f"data/{i}{name}" for i in range(4) for name in ("", f"/{i}.txt"))]
    assert [item.path for item in client(hub).call("list_repo_tree", "data")] == [f"data/{i}" for i in range(4)]
    titles = [commit.title for commit in client(hub).call("list_repo_commits")]
    assert titles == ["commit 3", "commit 2", "commit 1", "commit 0", "initial commit"]
    assert len([request for request in hub.requests if "cursor=" in request.path]) == 3 + 1 + 1


def test_listing_of_what_is_not_there(hub: Hub) -> None:
    alice = client(hub)
    assert refusal(lambda: list(alice.call("list_repo_tree", "none")))[0] is RemoteEntryNotFoundError
    assert refusal(lambda: list(alice.call("list_repo_tree", revision="none")))[0] is RevisionNotFoundError
    assert alice.call("get_paths_info", ["none"]) == []
    assert refusal(lambda: alice.call("hf_hub_download", "none"))[0] is RemoteEntryNotFoundError


def test_branches_and_tags(hub: Hub) -> None:
    alice, repository = client(hub), hub.repository(NAME)
    first = repository.branches["main"]
    alice.call("create_tag", tag="v1")
    second = repository.commit("main", {"a": b""}, "foreign")
    assert refusal(lambda: alice.call("create_tag", tag="v1"))[1] == 409
    alice.call("create_tag", tag="v1", exist_ok=True)  # and nobody is told that it is somewhere else
    assert refusal(lambda: alice.call("create_tag", tag="v2", revision="none"))[0] is RevisionNotFoundError
    alice.call("create_branch", branch="a/b", revision=first)
    assert refusal(lambda: alice.call("create_branch", branch="a/b"))[1] == 409
    alice.call("create_branch", branch="a/b", exist_ok=True)
    assert refusal(lambda: alice.call("create_branch", branch="refs/pr/1"))[0] is BadRequestError
    refs = alice.call("list_repo_refs")
    assert {ref.name: ref.target_commit for ref in refs.branches} == {"main": second, "a/b": first}
    assert {ref.name: ref.target_commit for ref in refs.tags} == {"v1": first}
    assert refusal(lambda: alice.call("delete_branch", branch="main"))[1] == 403
    alice.call("delete_branch", branch="a/b")
    alice.call("delete_tag", tag="v1")
    assert (repository.branches, repository.tags) == ({"main": second}, {})


def test_removal(hub: Hub) -> None:
    """History squashed, then a file's bytes deleted for good."""
    alice, repository = client(hub), hub.repository(NAME)
    alice.commit({"a.bin": b"\0a", "b.bin": b"\0b"})
    tagged = repository.branches["main"]
    alice.call("create_tag", tag="v1")
    alice.commit({"a.bin": None})
    alice.call("super_squash_history", commit_message="squashed")
    assert [commit.title for commit in repository.history("main")] == ["squashed"]
    doomed = [file for file in alice.call("list_lfs_files") if file.filename == "a.bin"]
    alice.call("permanently_delete_lfs_files", doomed)
    assert repository.deleted_lfs == {file.file_oid for file in doomed} and len(doomed) == 1
    assert paths(hub, "v1") == paths(hub) == {"b.bin"} and repository.tags["v1"] != tagged
    assert refusal(lambda: alice.dataset_info(NAME, revision=tagged))[0] is RevisionNotFoundError
    alice.commit({"a.bin": b"\0a"})
    assert repository.read("main", "a.bin") == b"\0a"


# Pull requests


def test_pull_request(hub: Hub) -> None:
    bob, alice = client(hub, "hf_bob"), client(hub)
    url = bob.commit({"a.txt": b"a"}, create_pr=True).pr_url
    assert url == f"{hub.url}/datasets/{NAME}/discussions/1"
    bob.commit({"b.txt": b"b"}, revision="refs/pr/1")
    assert paths(hub, "refs/pr/1") == {"a.txt", "b.txt"} and paths(hub) == set()
    assert alice.call("get_discussion_details", 1).status == "draft"
    assert "its status is draft" in refusal(lambda: alice.call("merge_pull_request", 1))[2]
    bob.call("change_discussion_status", 1, "open")
    assert refusal(lambda: bob.call("merge_pull_request", 1))[1] == 403
    alice.call("merge_pull_request", 1)
    assert [(each.num, each.status) for each in alice.call("get_repo_discussions")] == [(1, "merged")]
    assert paths(hub) == {"a.txt", "b.txt"}
    assert [commit.title for commit in hub.repository(NAME).history("main")] == ["title (#1)", "initial commit"]


def test_empty_pull_request(hub: Hub) -> None:
    alice = client(hub)
    assert alice.call("create_pull_request", "Release").num == 1
    refs = alice.call("list_repo_refs", include_pull_requests=True)
    assert [ref.ref for ref in refs.pull_requests] == ["refs/pr/1"]
    alice.call("change_discussion_status", 1, "closed")
    assert [each.num for each in alice.call("get_repo_discussions", discussion_status="open")] == []


MERGES = [  # base, main, pull request; merged, or the conflicts
    ({"a": "1"}, {"a": "1"}, {"a": "2"}, {"a": "2"}, []),
    ({"a": "1"}, {"a": "2"}, {"a": "1"}, {"a": "2"}, []),
    ({"a": "1"}, {"a": "2"}, {"a": "2"}, {"a": "2"}, []),
    ({"a": "1"}, {"a": "2"}, {"a": "3"}, None, ["a"]),
    ({"a": "1"}, {"a": "2"}, {}, None, ["a"]),
    ({"a": "1"}, {}, {"a": "2"}, None, ["a"]),
    ({"a": "1"}, {}, {}, {}, []),
    ({}, {"a": "1"}, {"b": "2"}, {"a": "1", "b": "2"}, []),
    ({}, {"a": "1"}, {"a": "2", "b": "2"}, None, ["a"]),
]


@pytest.mark.parametrize(("base", "main_", "theirs", "merged", "conflicts"), MERGES)
def test_merge(
    hub: Hub,
    base: dict[str, str],
    main_: dict[str, str],
    theirs: dict[str, str],
    merged: dict[str, str] | None,
    conflicts: list[str],
) -> None:
    repository, alice = hub.repository(NAME), client(hub)
    become(repository, "main", base)
    alice.call("create_pull_request", "Release")
    alice.call("change_discussion_status", 1, "open")
    become(repository, "main", main_)
    become(repository, "refs/pr/1", theirs)
    assert alice.call("get_discussion_details", 1).conflicting_files == conflicts
    if merged is None:
        assert refusal(lambda: alice.call("merge_pull_request", 1))[1] == 409
    else:
        alice.call("merge_pull_request", 1)
    assert {path: repository.read("main", path).decode() for path in paths(hub)} == (
        main_ if merged is None else merged
    )


def become(repository: Repository, revision: str, wanted: dict[str, str]) -> None:
    """A commit after which a revision has these files."""
    there = dict.fromkeys(path for path in repository.tree(revision) if path != ".gitattributes")
    repository.commit(revision, there | {path: text.encode() for path, text in wanted.items()}, "foreign")


# Faults


def test_faults_that_the_client_waits_out(hub: Hub) -> None:
    hub.fault("POST", "/preupload/", status(503))
    hub.fault("POST", "/objects/batch", drop_before)
    hub.fault("PUT", "/upload/", drop_midbody)
    hub.fault("POST", "/verify", status(429, {"Retry-After": "0"}))
    client(hub).commit({"a.bin": b"\0" * 100_000})
    assert paths(hub) == {"a.bin"}
    names = [urlsplit(request.path).path.split("/")[-2] for request in hub.requests]
    assert names == ["preupload"] * 2 + ["objects"] * 2 + ["upload"] * 2 + ["lfs"] * 2 + ["commit"]


CALLS: dict[str, Callable[[Client], Any]] = {
    "/repos/create": lambda api: api.create_repo("alice/new", repo_type="dataset"),
    "/validate-yaml": lambda api: api.commit({"README.md": b""}),
    "/commit/": lambda api: api.commit({"a": b""}),
    "/revision/": lambda api: api.dataset_info(NAME, revision="main"),
    "/refs": lambda api: api.call("list_repo_refs"),
    "/paths-info/": lambda api: api.call("get_paths_info", ["a"]),
    "/tag/": lambda api: api.call("create_tag", tag="v1"),
    "/branch/": lambda api: api.call("create_branch", branch="b"),
    "/auth-check": lambda api: api.call("auth_check"),
}


@pytest.mark.parametrize("path", CALLS)
def test_faults_that_the_client_raises(hub: Hub, path: str) -> None:
    method = "GET" if path in ("/revision/", "/refs", "/auth-check") else "POST"
    hub.fault(method, path, status(503, {"Content-Type": "application/json"}, b"{}"))
    hub.fault(method, path, drop_before)
    with pytest.raises(HfHubHTTPError):
        CALLS[path](client(hub))
    with pytest.raises(httpx2.TransportError):
        CALLS[path](client(hub))
    assert hub.writes() == []
    CALLS[path](client(hub))


def test_faults_by_number(hub: Hub) -> None:
    """Each rule counts what the ones before it left."""
    hub.fault("GET", "/refs$", status(418), times=2, skip=1)
    late = hub.fault("GET", "/refs", status(404), times=None, skip=2)
    codes = [httpx2.get(f"{hub.url}/api/datasets/{NAME}/refs").status_code for _ in range(6)]
    assert codes == [200, 418, 418, 200, 404, 404]
    assert late.seen == 4


def test_lost_answer(hub: Hub) -> None:
    hub.fault("POST", "/commit/", drop_after)
    with pytest.raises(httpx2.TransportError):
        client(hub).commit({"a": b""})
    assert paths(hub) == {"a"}
    assert [request.status for request in hub.requests if "/commit/" in request.path] == [200]
    assert len(hub.writes()) == 1


def test_expired_address(hub: Hub) -> None:
    hub.fault("PUT", "/upload/", expired)
    with pytest.raises(RuntimeError) as caught:
        client(hub).commit({"a.bin": b"\0"})
    assert isinstance(caught.value.__cause__, HfHubHTTPError) and caught.value.__cause__.response.status_code == 403
    assert paths(hub) == set()


@pytest.mark.parametrize("large", [False, True])
def test_download_faults(hub: Hub, tmp_path: Path, large: bool) -> None:
    """A cut is noticed and gone on from; a wrong byte is not, but for who compares sums."""
    content = bytes([not large]) * 50_000
    hub.repository(NAME).commit("main", {"a": content}, "foreign")
    where = "/blob/" if large else "/resolve/"
    hub.fault("GET", where, cut(20_000))
    assert Path(client(hub).call("hf_hub_download", "a", local_dir=tmp_path / "1")).read_bytes() == content
    hub.fault("GET", where, flip)
    wrong = Path(client(hub).call("hf_hub_download", "a", local_dir=tmp_path / "2")).read_bytes()
    assert len(wrong) == len(content) and [i for i in range(50_000) if wrong[i] != content[i]] == [25_000]
    found = client(hub).call("verify_repo_checksums", local_dir=tmp_path / "2")
    assert [mismatch["path"] for mismatch in found.mismatches] == ["a"]


def test_ranges(hub: Hub) -> None:
    hub.repository(NAME).commit("main", {"a": b"0123456789"}, "foreign")
    url = f"{hub.url}/datasets/{NAME}/resolve/main/a"
    asked = {"bytes=2-4": b"234", "bytes=7-": b"789", "bytes=-2": b"89", "bytes=8-99": b"89"}
    assert {span: httpx2.get(url, headers={"Range": span}).content for span in asked} == asked
    beyond = httpx2.get(url, headers={"Range": "bytes=10-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */10")


def test_delay_ends_with_the_hub(tmp_path: Path) -> None:
    started = time.monotonic()
    with serving(tmp_path) as hub:
        hub.fault("GET", "/whoami", delay(600))
        arrived = threading.Event()
        hub.on_request = lambda request, when: arrived.set()
        thread = threading.Thread(
            target=lambda: HTTPConnection(urlsplit(hub.url).netloc).request("GET", "/api/whoami-v2")
        )
        thread.start()
        assert arrived.wait(60)
    thread.join()
    assert time.monotonic() - started < 300


@pytest.mark.parametrize(("when", "landed"), [("before", False), ("after", True)])
def test_kill(tmp_path: Path, when: str, landed: bool) -> None:
    """At the moment of a request, by who gets it."""
    code = f"from tests.servers.test_hub import Path, upload_file; upload_file(Path({str(tmp_path)!r}))"
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "README.md").write_text(CARD)
    with serving(tmp_path / "hub") as hub:
        hub.add_repository(NAME)
        process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment(hub, tmp_path, False))

        def on_request(request: Request, now: str) -> None:
            if "/commit/" in request.path and now == when:
                process.kill()
                process.wait()

        hub.on_request = on_request
        assert process.wait(120) == -signal.SIGKILL
    assert (paths(hub) == {"README.md"}) == landed


def upload_some(folder: Path) -> None:
    """By one process of several."""
    for i in range(3):
        content = random.randbytes(200_000)
        HfApi().upload_file(
            path_or_fileobj=content, path_in_repo=f"{os.getpid()}/{i}.bin", repo_id=NAME, repo_type="dataset"
        )


def test_clients_with_xet_wait_for_each_other(tmp_path: Path) -> None:
    """Their local store can be opened by one process only; and this one reads meanwhile."""
    code = "from tests.servers.test_hub import Path, upload_some; upload_some(Path())"
    with serving(tmp_path / "hub", xet=True) as hub:
        repository = hub.add_repository(NAME)
        command = [sys.executable, "-c", code]
        clients = [subprocess.Popen(command, cwd=ROOT, env=environment(hub, tmp_path, True)) for _ in range(2)]
        assert [process.wait(120) for process in clients] == [0, 0]
        assert {entry.size for path, entry in repository.tree("main").items() if path.endswith(".bin")} == {200_000}
        assert len([path for path in repository.tree("main") if len(repository.read("main", path)) == 200_000]) == 6


def test_xet_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    with serving(tmp_path / "hub", xet=True) as hub:
        hub.add_repository(NAME)
        hub.fault("GET", "/xet-write-token/", status(403))
        with pytest.raises(ConnectionError):  # Python's own
            client(hub).commit({"a.bin": b"\0a"})
        client(hub).commit({"a.bin": b"\0a"})
        url = f"{hub.url}/datasets/{NAME}/resolve/main/a.bin"
        assert httpx2.get(url, follow_redirects=True).content == b"\0a"  # as a client without Xet asks
        assert set(httpx2.head(url).headers) >= {"x-xet-hash", "x-linked-etag", "x-linked-size", "x-repo-commit"}
        hub.repository(NAME).gated = "auto"
        token = f"{hub.url}/api/datasets/{NAME}/xet-read-token/main"
        assert httpx2.get(token).status_code == 401
        assert httpx2.get(token, headers={"Authorization": "Bearer hf_alice"}).json()["casUrl"].startswith("local://")


def test_a_defect_of_the_hub_is_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(AttributeError), serving(tmp_path) as hub:
        hub.repositories = None  # type: ignore[assignment]
        assert refusal(lambda: client(hub).dataset_info(NAME))[1] == 500


def test_hubs_are_apart(tmp_path: Path) -> None:
    with serving(tmp_path / "1") as one, serving(tmp_path / "2") as other:
        one.add_repository(NAME)
        assert client(one).dataset_info(NAME).id == NAME
        assert refusal(lambda: client(other).dataset_info(NAME))[1] == 404
    with pytest.raises(httpx2.ConnectError):
        client(one).dataset_info(NAME)


def test_git_ids() -> None:
    """As `git hash-object` says."""
    assert Entry(6, b"hello\n").oid == "ce013625030ba8dba906f756967f9e9ca394464a"
