"""One dataset repository of the Hub, through its own client: every request waits out what passes, and what does not is
one line that says what to do."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple, TypeVar

import httpx2
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    DatasetInfo,
    HfApi,
    get_token,
    set_client_factory,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._http import default_client_factory
from huggingface_hub.utils.tqdm import disable_progress_bars

from pipeline.errors import ConfigError, PublishError
from pipeline.publish.patience import PASSING, Patience, cause_of, told
from pipeline.publish.release import File, blob_id

T = TypeVar("T")
MAIN = "main"
MANY = 1_000  # operations of a commit: as far as the Hub's client goes by itself
TIMEOUT_S = 300.0  # of silence; the Hub itself gives up after 60, and its client would wait for ever
Operation = CommitOperationAdd | CommitOperationCopy | CommitOperationDelete


class Moved(PublishError):
    """The branch is not where it was thought to be, or not there any more."""


class TooLarge(PublishError):
    """The server takes no commit of so many operations."""


class Entry(NamedTuple):
    """A file in a repository; `sha256` is None where git itself holds it."""

    bytes: int
    blob_id: str
    sha256: str | None

    def holds(self, file: File, path: Path) -> bool:
        """Whether this is the file; its bytes are read only where git holds it."""
        if self.bytes != file.bytes:
            return False
        return self.sha256 == file.sha256 if self.sha256 else self.blob_id == blob_id(path)


Tree = Mapping[str, Entry]


class Refs(NamedTuple):
    """Commits by name."""

    branches: dict[str, str]
    tags: dict[str, str]


class PullRequest(NamedTuple):
    """Open, or still a draft."""

    number: int
    url: str

    @property
    def revision(self) -> str:
        return f"refs/pr/{self.number}"


@dataclass(frozen=True)
class Hub:
    """A repository and how patiently it is asked."""

    api: HfApi
    repo_id: str
    patience: Patience

    def info(self) -> DatasetInfo | None:
        """None where there is none, or none that the token may see."""
        try:
            return self._ask("look for the repository", lambda: self.api.dataset_info(self.repo_id))
        except PublishError as error:
            if isinstance(error.__cause__, RepositoryNotFoundError):
                return None
            raise

    def create(self) -> None:
        """Private, until it holds something."""
        self._ask(
            "create", lambda: self.api.create_repo(self.repo_id, repo_type="dataset", private=True, exist_ok=True)
        )

    def check_may_write(self) -> None:
        """Raises PublishError unless the token may. (To create a repository somebody else has looks like success.)"""
        self._ask("check the token", lambda: self.api.auth_check(self.repo_id, repo_type="dataset", write=True))

    def refs(self) -> Refs:
        found = self._ask("list branches", lambda: self.api.list_repo_refs(self.repo_id, repo_type="dataset"))
        return Refs({r.name: r.target_commit for r in found.branches}, {r.name: r.target_commit for r in found.tags})

    def tree(self, revision: str) -> Tree:
        """All files at a revision, by path."""

        def listed() -> Tree:
            files = self.api.list_repo_tree(self.repo_id, repo_type="dataset", recursive=True, revision=revision)
            return {file.path: entry(file) for file in files if isinstance(file, RepoFile)}

        return self._ask("list files", listed)

    def entries(self, revision: str, paths: Collection[str]) -> Tree:
        """Those of these files that are there."""

        def asked() -> Tree:
            found = self.api.get_paths_info(self.repo_id, list(paths), repo_type="dataset", revision=revision)
            return {file.path: entry(file) for file in found if isinstance(file, RepoFile)}

        return self._ask("look at files", asked)

    def read(self, revision: str, path: str) -> bytes | None:
        """A small file's bytes; None where there is no such file."""

        def get() -> bytes:
            with TemporaryDirectory() as folder:
                found = self.api.hf_hub_download(
                    self.repo_id, path, repo_type="dataset", revision=revision, local_dir=folder
                )
                return Path(found).read_bytes()

        try:
            return self._ask(f"read {path}", get)
        except PublishError as error:
            if isinstance(error.__cause__, EntryNotFoundError):
                return None
            raise

    def commits(self, revision: str = MAIN) -> list[Any]:
        """The newest first."""
        return self._ask(
            "list commits", lambda: self.api.list_repo_commits(self.repo_id, repo_type="dataset", revision=revision)
        )

    def upload(self, additions: Sequence[CommitOperationAdd], revision: str) -> None:
        """The contents are stored; no commit has them yet."""
        self._ask(
            "upload",
            lambda: self.api.preupload_lfs_files(
                self.repo_id, additions, repo_type="dataset", revision=revision, free_memory=False
            ),
        )

    def commit(
        self,
        operations: Sequence[Operation],
        title: str,
        *,
        revision: str,
        parent: str | None = None,
        message: str = "",
        landed: Callable[[], str | None],
    ) -> str:
        """The commit's id. `landed`: the id where it took place although the answer was lost.

        Raises Moved where the branch is not at `parent`, TooLarge.
        """
        self.patience.before_commit()

        def commit() -> str:
            return self.api.create_commit(
                self.repo_id,
                operations,
                commit_message=title,
                commit_description=message,
                repo_type="dataset",
                revision=revision,
                parent_commit=parent,
            ).oid

        # the server's time for one request is over: with fewer operations that may pass
        passing = [status for status in PASSING if status != 504 or len(operations) <= MANY]
        try:
            return self._ask("commit", commit, landed, passing)
        except PublishError as error:
            status = _status(error.__cause__)
            if status in (409, 412):
                raise Moved(str(error)) from error
            if status in (413, 504) and len(operations) > 1:
                raise TooLarge(str(error)) from error
            raise

    def pull_requests(self) -> dict[str, PullRequest]:
        """Those that are not closed, by title."""

        def found() -> dict[str, PullRequest]:
            all_ = self.api.get_repo_discussions(self.repo_id, repo_type="dataset", discussion_type="pull_request")
            return {each.title: PullRequest(each.num, each.url) for each in all_ if each.status in ("draft", "open")}

        return self._ask("look for pull requests", found)

    def pull_request(self, title: str, description: str) -> PullRequest:
        """The one of this title that is not closed; a new one from main where there is none."""

        def made() -> PullRequest:
            new = self.api.create_pull_request(self.repo_id, title, description=description, repo_type="dataset")
            return PullRequest(new.num, new.url)

        def found() -> PullRequest | None:
            return self.pull_requests().get(title)

        return found() or self._ask("open a pull request", made, found)

    def merge(self, number: int, head: str) -> str:
        """The commit of main after the server has merged. Raises Moved where main is not at `head`."""
        if self.refs().branches[MAIN] != head:
            raise Moved(f"{self.repo_id}: main has moved")
        if self._status_of(number) == "draft":  # which cannot be merged
            self._set_status(number, "open")

        def merged() -> str | None:
            return self.refs().branches[MAIN] if self._status_of(number) == "merged" else None

        self._ask("merge", lambda: self.api.merge_pull_request(self.repo_id, number, repo_type="dataset"), merged)
        return self.refs().branches[MAIN]

    def close(self, number: int) -> None:
        self._set_status(number, "closed")

    def _status_of(self, number: int) -> str:
        return self._ask(
            "look at a pull request",
            lambda: self.api.get_discussion_details(self.repo_id, number, repo_type="dataset").status,
        )

    def _set_status(self, number: int, status: Literal["open", "closed"]) -> None:
        self._ask(
            f"make a pull request {status}",
            lambda: self.api.change_discussion_status(self.repo_id, number, status, repo_type="dataset"),
        )

    def create_branch(self, name: str, commit: str) -> None:
        self._ask(
            "create a branch",
            lambda: self.api.create_branch(
                self.repo_id, branch=name, revision=commit, repo_type="dataset", exist_ok=True
            ),
        )

    def delete_branch(self, name: str) -> None:
        self._gone("delete a branch", lambda: self.api.delete_branch(self.repo_id, branch=name, repo_type="dataset"))

    def create_tag(self, name: str, commit: str, message: str) -> None:
        """Raises PublishError where the tag is at another commit."""
        self._ask(
            "tag",
            lambda: self.api.create_tag(
                self.repo_id, tag=name, revision=commit, tag_message=message, repo_type="dataset", exist_ok=True
            ),
        )
        if (there := self.refs().tags.get(name)) != commit:  # where one was already, the client is content with it
            raise PublishError(f"{self.repo_id}: the tag {name} is at {there}, not at {commit}: somebody else made it")

    def delete_tag(self, name: str) -> None:
        self._gone("delete a tag", lambda: self.api.delete_tag(self.repo_id, tag=name, repo_type="dataset"))

    def large_files(self) -> list[Any]:
        """All that the storage holds for this repository, of any commit."""
        return self._ask("list stored files", lambda: list(self.api.list_lfs_files(self.repo_id, repo_type="dataset")))

    def delete_for_good(self, files: Sequence[Any]) -> None:
        """From the storage and from every commit."""
        if files:
            self._ask(
                "delete stored files",
                lambda: self.api.permanently_delete_lfs_files(self.repo_id, files, repo_type="dataset"),
            )

    def set(self, **settings: Any) -> None:
        """`visibility`, `gated`."""
        self._ask(
            "change settings", lambda: self.api.update_repo_settings(self.repo_id, repo_type="dataset", **settings)
        )

    def _gone(self, what: str, act: Callable[[], T]) -> None:
        """What is to be deleted may be gone already: its answer may have been lost."""
        try:
            self._ask(what, act)
        except PublishError as error:
            if not isinstance(error.__cause__, RevisionNotFoundError):
                raise

    def _ask(
        self,
        what: str,
        act: Callable[[], T],
        landed: Callable[[], T | None] = lambda: None,
        passing: Collection[int] = PASSING,
    ) -> T:
        try:
            return self.patience.until_done(f"{self.repo_id}: {what}", act, landed, passing)
        except PublishError:
            raise
        except (HfHubHTTPError, RuntimeError, ConnectionError, ValueError) as error:
            cause = cause_of(error)
            # the branches of an older publish are deleted by a newer one
            kind = Moved if isinstance(cause, RevisionNotFoundError) else PublishError
            raise kind(f"{self.repo_id}: {what}: {_advice(error)}") from cause


def entry(file: RepoFile) -> Entry:
    return Entry(file.size, file.blob_id, file.lfs.sha256 if file.lfs else None)


def connect(repo_id: str, patience: Patience, *, may_be_anonymous: bool = False) -> Hub:
    """The repository `owner/name` with the token of HF_TOKEN, or else of `hf auth login`. Raises ConfigError."""
    if repo_id.count("/") != 1:
        raise ConfigError(f"{repo_id!r}: not owner/name, as repositories of the Hub are called")
    if not get_token() and not may_be_anonymous:
        raise ConfigError("publish: no token: set HF_TOKEN, or log in with `hf auth login`; it needs write access")
    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tells of every attempt
    set_client_factory(client)
    return Hub(HfApi(library_name="stackyard"), repo_id, patience)


def client() -> httpx2.Client:
    """The Hub's client, but that a server which says nothing is not waited for."""
    made = default_client_factory()
    made.timeout = httpx2.Timeout(TIMEOUT_S, connect=30.0)
    return made


def _status(error: BaseException | None) -> int | None:
    return error.response.status_code if isinstance(error, HfHubHTTPError) else None


def _advice(error: Exception) -> str:
    """What happened, and what to do."""
    cause = cause_of(error)
    status = _status(cause)
    said = told(cause) if isinstance(cause, HfHubHTTPError) else " ".join(str(cause).split())[:500]
    if isinstance(cause, GatedRepoError):
        return f"{said}; readers must ask for access on its page"
    if isinstance(cause, RevisionNotFoundError):
        return f"{said}; there is no such version or branch"
    if status == 401 or "401" in said:
        return f"{said}; there is no token, or it is wrong or has expired: set HF_TOKEN"
    if status == 403 or "403" in said:
        return f"{said}; the token may not do that: to publish it needs write access to this repository and its owner"
    if status == 404:
        return f"{said}; there is no such repository or owner, or the token may not see it"
    return said
