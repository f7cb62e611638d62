"""Requests and answers as routes see them, and who may do what."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tests.servers.hub.state import PULL, Refusal, Repository

if TYPE_CHECKING:
    from tests.servers.hub.server import Hub


@dataclass(frozen=True)
class User:
    name: str
    role: Literal["read", "write"]  # of the token
    orgs: tuple[str, ...] = ()


@dataclass
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def as_json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, {"Content-Type": "application/json"} | (headers or {}), json.dumps(value).encode())


@dataclass
class Call:
    """A request as routes see it. On the hub the body was read; on the other origin `pieces` brings it."""

    hub: "Hub"
    method: str
    path: str
    query: dict[str, str]
    headers: Any
    user: User | None
    body: bytes
    pieces: Iterator[bytes]

    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    def flag(self, name: str) -> bool:
        return self.query.get(name, "false").lower() in ("true", "1")

    def signed_in(self) -> User:
        if self.user is None:
            raise Refusal(401, "Invalid username or password.")
        return self.user

    def find(self, name: str, need: str = "read", revision: str = "") -> Repository:
        """The repository, if the user may do with it what is needed.

        read: its tree. download: its files. propose: a pull request. write: anything. write to revision: like write,
        or like propose if the revision is, or becomes, a pull request.
        """
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.private and not self.is_member(repository)):
            raise Refusal(404 if self.user else 401, "Repository not found", "RepoNotFound")
        if need == "download" and repository.gated and not self.is_member(repository):
            where = f"Access to dataset {name} is restricted"
            if self.user is None:
                raise Refusal(401, f"{where}. You must have access to it and be authenticated.", "GatedRepo")
            if self.user.name not in repository.granted:
                raise Refusal(403, f"{where} and you are not in the authorized list.", "GatedRepo")
        if need in ("propose", "write", "write to revision"):
            if self.signed_in().role == "read":
                raise Refusal(403, "Forbidden: you must use a write token to upload to a repository.")
            pull = need == "write to revision" and ("create_pr" in self.query or PULL.fullmatch(revision))
            if not (need == "propose" or pull or self.is_member(repository)):
                raise Refusal(403, "Forbidden: Authorization error.")
        return repository

    def is_member(self, repository: Repository) -> bool:
        return self.user is not None and repository.namespace in (self.user.name, *self.user.orgs)


def refused(refusal: Refusal) -> Answer:
    headers = {"X-Error-Message": refusal.message} | refusal.headers
    headers |= {"X-Error-Code": refusal.code} if refusal.code else {}
    return as_json({"error": refusal.message, **refusal.more}, refusal.status, headers)
