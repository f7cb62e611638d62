"""The file of takedowns: one request a line, beside the configuration, so that it outlives every workspace.

It holds names and is private. Nothing of it is published but how many requests there are.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from filters.paths import display_path
from pipeline import storage
from pipeline.config import Config
from pipeline.errors import ConfigError

Day = Annotated[date, Field(strict=False)]
Name = Annotated[str, Field(pattern=r"^[^/\s][^\s]*$")]
TextId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
ContentId = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


class Request(BaseModel):
    """What must go: an owner or group with all repositories, a repository or some of its paths, or one content by its
    git blob id or text_id. Names are without case, and may begin with a host.

    `texts`, `contents`: what was published of it and of what yielded to that, which must not take its place either.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: Annotated[int, Field(gt=0)]
    date: Day
    owner: Name | None = None
    repository: Annotated[str, Field(pattern=r"^[^/\s]+(/[^/\s]+)+$")] | None = None
    paths: Annotated[tuple[str, ...], Field(strict=False)] = ()
    content_id: TextId | ContentId | None = None
    texts: Annotated[frozenset[TextId], Field(strict=False)] = frozenset()
    contents: Annotated[frozenset[ContentId], Field(strict=False)] = frozenset()

    @model_validator(mode="after")
    def one_of_them(self) -> "Request":
        if sum(given is not None for given in (self.owner, self.repository, self.content_id)) != 1:
            raise ValueError("needs exactly one of owner, repository and content_id")
        if self.paths and not self.repository:
            raise ValueError("paths need a repository")
        return self

    @property
    def means_all(self) -> bool:
        """Whether it means whole repositories."""
        return self.content_id is None and not self.paths

    @property
    def selectors(self) -> tuple[object, ...]:
        """What was asked for."""
        return self.owner, self.repository, self.content_id, frozenset(self.paths)

    def blocking(self, texts: Iterable[str], contents: Iterable[str]) -> "Request":
        """The request, which keeps these away, too."""
        return self.model_copy(update={"texts": self.texts.union(texts), "contents": self.contents.union(contents)})

    def without_blocked(self) -> "Request":
        """What was asked for alone."""
        return self.model_copy(update={"texts": frozenset(), "contents": frozenset()})

    def line(self) -> str:
        """As it stands in the file; equal requests are equal lines."""
        values = self.model_dump(mode="json", exclude_defaults=True)
        ordered = {name: sorted(value) if isinstance(value, list) else value for name, value in values.items()}
        return json.dumps(ordered, ensure_ascii=False)


def file(config: Config) -> Path:
    """Where the configuration says that the requests are."""
    return config.folder / config.opt_out.takedowns


def read(config: Config) -> list[Request]:
    """All requests; none where there is no file. Raises ConfigError: what is not understood would come back."""
    path = file(config)
    try:
        lines = path.read_text("utf-8").split("\n")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"opt_out: takedowns: {path}: cannot be read ({reason})") from None
    found: list[Request] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found.append(Request.model_validate_json(line))
            except ValidationError as error:
                raise ConfigError(f"{path}:{number}: {_reason(error)}") from None
    return found


def merge(config: Config, asked: Sequence[Request]) -> None:
    """The file has all of these, too, each with what it blocks; in one step, and whoever else writes it waits."""
    file(config).parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(file(config).parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        before = read(config)
        after = list(before)
        for request in asked:
            at = next((n for n, known in enumerate(after) if known.selectors == request.selectors), len(after))
            known = after[at] if at < len(after) else request.model_copy(update={"id": _next_id(after)})
            after[at : at + 1] = [known.blocking(request.texts, request.contents)]
        if after != before:
            with storage.commit(file(config)) as temporary:
                temporary.write_text("".join(f"{request.line()}\n" for request in after), "utf-8")
    finally:
        os.close(folder)


def new(asked: Sequence[Request], on: str, **selectors: Any) -> Request:
    """The next request: `owner`, `repository` with or without `paths`, or `content_id`. Raises ConfigError."""
    given: dict[str, Any] = {kind: _name(value) for kind, value in selectors.items() if isinstance(value, str)}
    if paths := selectors.get("paths"):
        given["paths"] = sorted({display_path(os.fsencode(path)) for path in paths})
    try:
        return Request.model_validate({"id": _next_id(asked), "date": on, **given})
    except ValidationError as error:
        raise ConfigError(f"takedown: {_reason(error)}") from None


def _next_id(known: Sequence[Request]) -> int:
    return max((request.id for request in known), default=0) + 1


def _name(text: str) -> str:
    """An owner, owner/name or an address as a request has it."""
    return text.strip().lower().rpartition("://")[2].rstrip("/").removesuffix(".git")


def _reason(error: ValidationError) -> str:
    """What is wrong with the first key that is, in one line."""
    first = error.errors()[0]
    key, message = first["loc"][0] if first["loc"] else "", str(first["msg"]).removeprefix("Value error, ")
    wanted = {
        "repository": "must be owner/name",
        "content_id": "must be a git blob id or a text_id",
        "id": "must be 1 or more",
    }
    return f"{key}: {wanted.get(str(key), message)}" if key else message
