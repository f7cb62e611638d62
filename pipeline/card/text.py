"""What people write of a dataset, in a Markdown file of their own: front matter, an introduction, sections."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import yaml

from pipeline.card.front import OURS, field_problems, read_front
from pipeline.config import Config
from pipeline.errors import ConfigError

FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
HEADING = re.compile(r"(#{1,2}) +(.+?)(?: +#+)? *")


@dataclass(frozen=True)
class CardText:
    """`sections`: by heading, in the order of the file. `repository`: owner/name on the Hub; None where not known."""

    fields: dict[str, Any] = field(default_factory=dict)
    introduction: str = ""
    sections: dict[str, str] = field(default_factory=dict)
    repository: str | None = None


def read_text(config: Config) -> CardText:
    """The file that `[card] file` names; empty without one. Raises ConfigError: one line with what to mend."""
    to = config.publish.to
    repository = to if to and "://" not in to else None
    if not config.card.file:
        return CardText(repository=repository)
    path = config.folder / config.card.file
    try:
        fields, lines = read_front(path.read_text("utf-8-sig"))
        introduction, sections = _parts(lines)
        _check_fields(fields)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"card: file: {path}: cannot be read ({reason})") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"card: file: {path}: its front matter is not YAML: {' '.join(str(error).split())}") from None
    except ValueError as error:
        raise ConfigError(f"card: file: {path}: {error}") from None
    return CardText(fields, introduction, sections, repository)


def _check_fields(fields: dict[str, Any]) -> None:
    if ours := [key for key in OURS if key in fields]:
        raise ValueError(f"{ours[0]} in its front matter is made from the release; leave it out")
    if problems := field_problems(fields):
        raise ValueError(problems[0])


def _parts(lines: Iterable[str]) -> tuple[str, dict[str, str]]:
    """What stands before the first heading, and what below each. Raises ValueError for a title or a second heading."""
    parts: dict[str, list[str]] = {"": []}
    heading, fence = "", ""
    for line in lines:
        mark = FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) and not line[mark.end() :].strip() else fence
        elif mark:
            fence = mark[1]
        elif found := HEADING.fullmatch(line):
            heading = found[2]
            if found[1] == "#":
                raise ValueError(f"`{line}`: the title is `name` in [release]; sections begin with ##")
            if heading.casefold() in (known.casefold() for known in parts):
                raise ValueError(f"two sections are called {heading!r}")
            parts[heading] = []
            continue
        parts[heading].append(line)
    written = {name: "\n".join(part).strip("\n") for name, part in parts.items()}
    return written.pop(""), written
