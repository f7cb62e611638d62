"""How files get into a repository: preupload, which sorts them, and the commit."""

import base64
import json
from collections import Counter
from typing import Any

from tests.servers.hub.calls import Answer, Call, as_json
from tests.servers.hub.state import (
    MAX_REGULAR_BYTES,
    Entry,
    Refusal,
    Repository,
    Tree,
    is_ignored,
    is_large,
    with_folders,
)

REJECTED = "Your push was rejected because it contains"
BUSY = (
    "You have exceeded the rate limit for repository commits ({limit} per hour). You can retry this action in about 1"
    " hour. To reduce the number of commits, you can upload entire folders at once using the Hub Python library."
)
PLENTY_LEFT = {"RateLimit": '"api";r=949;t=271', "RateLimit-Policy": '"fixed window";"api";q=1000;w=300'}


def preupload(call: Call, repository: Repository, revision: str) -> Answer:
    """Which files are wanted with LFS, which are ignored, and what stands at their paths now."""
    tree, asked = repository.tree(revision), call.json()
    if len(asked["files"]) > 256:
        raise Refusal(413, "Too many files: at most 256")
    gitignore = asked.get("gitIgnore") or tree.get(".gitignore", Entry(0)).data.decode()
    files = []
    for file in asked["files"]:
        path, sample = file["path"], base64.b64decode(file["sample"])
        mode = "lfs" if is_large(tree, path, file["size"], sample) else "regular"
        answer = {"path": path, "uploadMode": mode, "shouldIgnore": is_ignored(gitignore, path)}
        if path in tree:
            answer["oid"] = tree[path].sha256 or tree[path].oid
        files.append(answer)
    return as_json({"files": files})


def commit(call: Call, repository: Repository, revision: str) -> Answer:
    """One commit of all operations, or none."""
    header, *operations = [json.loads(line) for line in call.body.splitlines() if line.strip()]
    wanted, user = header["value"], call.signed_in()
    parent = repository.resolve(revision)
    if not (revision in repository.branches or revision.startswith("refs/pr/")):
        raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    check_limits(call, repository, len(operations))
    if not parent.oid.startswith(wanted.get("parentCommit", "")):
        raise Refusal(412, "A commit has happened since. Please refresh and try again.")
    tree = changed(call, repository, parent.tree, operations)
    oid = repository.add_commit((parent.oid,), tree, wanted["summary"], wanted.get("description", ""), user.name)
    address = f"{call.hub.url}/datasets/{repository.name}"
    answer = {"success": True, "commitOid": oid, "commitUrl": f"{address}/commit/{oid}"}
    if "create_pr" in call.query:
        pull = repository.open_pull(wanted["summary"], user.name)
        revision = f"refs/pr/{pull.number}"
        answer["pullRequestUrl"] = f"{address}/discussions/{pull.number}"
    repository.advance(revision, oid)
    return as_json(answer)


def check_limits(call: Call, repository: Repository, operations: int) -> None:
    hub, hour_ago = call.hub, call.hub.clock() - 3600
    if hub.max_operations is not None and operations > hub.max_operations:
        raise Refusal(413, "Payload too large: too many operations in one commit")
    recent = sum(commit.time_s > hour_ago and bool(commit.parents) for commit in repository.commits.values())
    if hub.commits_per_hour is not None and recent >= hub.commits_per_hour:
        raise Refusal(429, BUSY.format(limit=hub.commits_per_hour), headers=PLENTY_LEFT)


def changed(call: Call, repository: Repository, tree: Tree, operations: list[dict[str, Any]]) -> Tree:
    """The tree after the operations. Paths that are written are not deleted, whatever the order."""
    tree, written = dict(tree), {item["value"]["path"] for item in operations if item["key"] in ("file", "lfsFile")}
    for item in operations:
        key, path = item["key"], item["value"]["path"]
        if key == "file":
            tree[path] = regular(tree, path, base64.b64decode(item["value"]["content"]))
        elif key == "lfsFile":
            tree[path] = large(call, repository, item["value"])
        else:
            gone = [path] if key == "deletedFile" else [name for name in tree if name.startswith(f"{path.strip('/')}/")]
            if not gone or gone[0] not in tree:
                raise Refusal(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
            for name in gone:
                if name not in written:
                    del tree[name]
    check_paths(tree, written, call.hub.max_folder_entries)
    return tree


def regular(tree: Tree, path: str, content: bytes) -> Entry:
    if len(content) > MAX_REGULAR_BYTES:
        raise Refusal(400, f"{REJECTED} files larger than 10 MiB. Offending files: {path}")
    if is_large(tree, path, len(content), content[:512]):
        raise Refusal(400, f"{REJECTED} binary files. Offending files: {path}")
    return Entry(len(content), content)


def large(call: Call, repository: Repository, wanted: dict[str, Any]) -> Entry:
    """Without a size it is a copy. What came by Xet is the repository's from here on, as there is no verify."""
    sha256, path = wanted["oid"], wanted["path"]
    if sha256 not in repository.lfs and (xet := call.hub.objects.xet_file(sha256)):
        repository.lfs[sha256] = xet[1]
    if sha256 not in repository.lfs:
        raise Refusal(400, f"LFS pointer pointed to a file that does not exist: {path}")
    size = repository.lfs[sha256]
    if wanted.get("size", size) != size:
        raise Refusal(400, f"The size of the LFS pointer is wrong: {path}")
    repository.deleted_lfs.discard(sha256)
    return Entry(size, sha256=sha256)


def check_paths(tree: Tree, written: set[str], max_folder_entries: int) -> None:
    """No path may leave the repository or be both a file and a folder, and folders have their limit."""
    if odd := next((path for path in written if not {"", ".", "..", ".git"}.isdisjoint(path.split("/"))), None):
        raise Refusal(400, f"Invalid path: {odd}")
    folders = Counter(path.rpartition("/")[0] for path in with_folders(tree))
    if clash := next((path for path in tree if path in folders), None):
        raise Refusal(400, f"A file and a folder have the same name: {clash}")
    if max(folders.values()) > max_folder_entries:
        limit = f"Each directory in your git repo can only contain up to {max_folder_entries} files."
        raise Refusal(400, f"{REJECTED} too many files per directory. {limit}")
