"""What a hub keeps: repositories, their commits, references and pull requests. No HTTP here."""

import hashlib
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property

from tests.servers.hub.objects import Objects

SUFFIXES = ("7z", "arrow", "bin", "bz2", "gz", "jpg", "npy", "npz", "parquet", "png", "tar", "zip", "zst")
GITATTRIBUTES = "".join(f"*.{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in SUFFIXES).encode()
MAX_REGULAR_BYTES = 10 << 20
PULL = re.compile(r"refs/pr/(\d+)")


class Refusal(Exception):
    """What the Hub answers instead of obeying; `code` is its X-Error-Code."""

    def __init__(
        self, status: int, message: str, code: str = "", headers: dict[str, str] | None = None, **more: str
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.headers, self.more = status, message, code, headers or {}, more


@dataclass(frozen=True)
class Entry:
    """A file of a tree: with its bytes, or with its sha256 when it is large and kept with LFS or Xet."""

    size: int
    data: bytes = b""
    sha256: str = ""

    @cached_property
    def oid(self) -> str:
        """git's id: of the bytes, or of the LFS pointer that stands for them."""
        content = self.pointer if self.sha256 else self.data
        return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()

    @property
    def pointer(self) -> bytes:
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n".encode()


Tree = dict[str, Entry]


@dataclass(frozen=True)
class Commit:
    oid: str
    parents: tuple[str, ...]
    tree: Tree
    title: str
    message: str
    author: str
    time_s: float


@dataclass
class PullRequest:
    number: int
    title: str
    author: str
    base: str  # the commit of main that it started from
    head: str
    status: str = "draft"  # then open; then merged or closed


@dataclass
class Repository:
    """A dataset of the hub; `lfs` holds the large objects that it may use, with their sizes."""

    name: str
    objects: Objects
    private: bool = False
    gated: str | bool = False
    clock: Callable[[], float] = time.time
    lock: threading.RLock = field(default_factory=threading.RLock)
    granted: set[str] = field(default_factory=set)  # users who may read it although it is gated
    commits: dict[str, Commit] = field(default_factory=dict)  # parents before children
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    lfs: dict[str, int] = field(default_factory=dict)
    deleted_lfs: set[str] = field(default_factory=set)
    made: int = 0  # commits so far: equal ones get other ids

    def __post_init__(self) -> None:
        tree = {".gitattributes": Entry(len(GITATTRIBUTES), GITATTRIBUTES)}
        self.branches["main"] = self.add_commit((), tree, "initial commit", "", self.namespace)

    @property
    def namespace(self) -> str:
        return self.name.split("/")[0]

    # What tests ask and do

    def resolve(self, revision: str) -> Commit:
        """Of a branch, a tag, refs/pr/N, or the first 7 to 40 digits of a commit."""
        short = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        found = self.branches.get(short) or self.tags.get(short)
        if (pull := PULL.fullmatch(revision)) and int(pull[1]) in self.pulls:
            found = self.pulls[int(pull[1])].head
        if not found and re.fullmatch("[0-9a-f]{7,40}", revision):
            found = next((oid for oid in self.commits if oid.startswith(revision)), None)
        if not found:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[found]

    def tree(self, revision: str) -> Tree:
        return self.resolve(revision).tree

    def read(self, revision: str, path: str) -> bytes:
        entry = self.tree(revision)[path]
        return self.objects.path(entry.sha256).read_bytes() if entry.sha256 else entry.data

    def history(self, revision: str) -> list[Commit]:
        """By the first parents, the newest first."""
        found = [self.resolve(revision)]
        while parents := found[-1].parents:
            found.append(self.commits[parents[0]])
        return found

    def commit(self, revision: str, changes: dict[str, bytes | None], title: str, author: str = "somebody") -> str:
        """A commit of somebody else, on a branch or refs/pr/N: new bytes by path, None removes. Its id."""
        with self.lock:
            parent = self.resolve(revision)
            tree = dict(parent.tree)
            for path, content in changes.items():
                tree.pop(path, None)
                if content is not None:
                    tree[path] = self.stored(tree, path, content)
            return self.advance(revision, self.add_commit((parent.oid,), tree, title, "", author))

    # What requests do

    def stored(self, tree: Tree, path: str, content: bytes) -> Entry:
        """An entry for the bytes, which are kept as the Hub would have them."""
        if not is_large(tree, path, len(content), content[:512]):
            return Entry(len(content), content)
        sha256 = hashlib.sha256(content).hexdigest()
        self.objects.put(sha256, [content])
        self.lfs[sha256] = len(content)
        return Entry(len(content), sha256=sha256)

    def add_commit(
        self, parents: tuple[str, ...], tree: Tree, title: str, message: str, author: str, time_s: float | None = None
    ) -> str:
        """A new commit that no reference leads to yet. Its id."""
        files = sorted((path, entry.oid) for path, entry in tree.items())
        self.made += 1
        content = repr((parents, files, title, message, author, self.made))
        oid = hashlib.sha1(content.encode()).hexdigest()
        self.commits[oid] = Commit(oid, parents, tree, title, message, author, time_s or self.clock())
        return oid

    def advance(self, revision: str, oid: str) -> str:
        """The branch or pull request is now at `oid`, which is returned."""
        if pull := PULL.fullmatch(revision):
            self.pulls[int(pull[1])].head = oid
        else:
            self.branches[revision] = oid
        return oid

    def open_pull(self, title: str, author: str) -> PullRequest:
        main = self.branches["main"]
        pull = PullRequest(len(self.pulls) + 1, title, author, main, main)
        self.pulls[pull.number] = pull
        return pull

    def merged(self, pull: PullRequest) -> tuple[Tree, list[str]]:
        """main with what the pull request changed, and the paths that both changed in different ways."""
        base, ours, theirs = (self.commits[oid].tree for oid in (pull.base, self.branches["main"], pull.head))
        changed = [path for path in {*base, *theirs} if theirs.get(path) != base.get(path)]
        conflicts = [path for path in changed if ours.get(path) not in (base.get(path), theirs.get(path))]
        tree = {path: entry for path, entry in ours.items() if path not in changed}
        return tree | {path: theirs[path] for path in changed if path in theirs}, sorted(conflicts)

    def merge(self, pull: PullRequest) -> None:
        """One commit on main, as the Hub squashes what it merges."""
        if pull.status != "open":
            raise Refusal(400, f"This pull request cannot be merged: its status is {pull.status}")
        tree, conflicts = self.merged(pull)
        if conflicts:
            raise Refusal(409, f"This pull request has conflicts: {', '.join(conflicts)}")
        parents, title = (self.branches["main"],), f"{pull.title} (#{pull.number})"
        self.advance("main", self.add_commit(parents, tree, title, "", pull.author))
        pull.status = "merged"

    def forget(self, deleted: set[str], rewrite: bool) -> None:
        """These large objects are gone for good; `rewrite`: from every commit, too, which changes the ids."""
        self.deleted_lfs |= deleted & self.lfs.keys()
        for sha256 in deleted:
            self.lfs.pop(sha256, None)
        if not rewrite:
            return
        new: dict[str, str] = {}
        for old in list(self.commits.values()):
            tree = {path: entry for path, entry in old.tree.items() if entry.sha256 not in deleted}
            parents = tuple(new[parent] for parent in old.parents)
            new[old.oid] = old.oid
            if (tree, parents) != (old.tree, old.parents):
                new[old.oid] = self.add_commit(parents, tree, old.title, old.message, old.author, old.time_s)
                del self.commits[old.oid]
        self.branches = {name: new[oid] for name, oid in self.branches.items()}
        self.tags = {name: new[oid] for name, oid in self.tags.items()}
        for pull in self.pulls.values():
            pull.base, pull.head = new[pull.base], new[pull.head]


def with_folders(tree: Tree) -> set[str]:
    """The paths of files and of folders."""
    return {"/".join(path.split("/")[:depth]) for path in tree for depth in range(1, path.count("/") + 2)}


def is_large(tree: Tree, path: str, size: int, sample: bytes) -> bool:
    """Whether the Hub wants the file with LFS: binary, over 10 MiB, or by .gitattributes."""
    attributes = tree.get(".gitattributes", Entry(0)).data.decode()
    patterns = [line.split()[0] for line in attributes.splitlines() if "filter=lfs" in line]
    name = path.rsplit("/", 1)[-1]
    wanted = any(fnmatchcase(name, pattern) for pattern in patterns)
    return size > 0 and (size > MAX_REGULAR_BYTES or b"\0" in sample or wanted)


def is_ignored(gitignore: str, path: str) -> bool:
    """By the plain patterns of a .gitignore: names and paths with `*`, no `!`.

    >>> is_ignored("*.log\\n/data/x/\\n", "a/b.log"), is_ignored("/data/x/", "data/x/y"), is_ignored("b", "a/bc")
    (True, True, False)
    """
    parts = path.split("/")
    folders = ["/".join(parts[: i + 1]) for i in range(len(parts))]
    lines = [line.strip().rstrip("/") for line in gitignore.splitlines()]
    patterns = [line for line in lines if line and not line.startswith("#")]
    return any(
        fnmatchcase(name, pattern.lstrip("/"))
        for pattern in patterns
        for name in (folders if "/" in pattern else parts)
    )
