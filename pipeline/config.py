"""The configuration: one TOML file, one frozen model. Secrets never stand in it."""

import difflib
import inspect
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from filters.language import LANGUAGES
from filters.rules import PRESETS, RULES, Languages, Rule
from pipeline.errors import ConfigError

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
Day = Annotated[date, Field(strict=False)]  # of TOML, or as text in what is resolved
DEFAULT_PRESET = "stack_v2"
KEEP_COLUMNS = ("license_type", "star_events_count", "fork_events_count", "first_seen", "path_depth", "length_bytes")


def check_languages(names: Iterable[str]) -> None:
    """Raises ValueError for the first that GitHub Linguist does not know."""
    unknown = sorted(set(names) - LANGUAGES)
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no language{_nearest_of(unknown[0])}")


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


SOURCE_KINDS = ("directories", "names", "gharchive")
OF_EVENTS = ("min_stars", "active_from", "active_to", "forks", "min_fork_stars")  # keys that need an archive's events


class Source(Section):
    """Where repositories come from: exactly one of `directories`, `names` and `gharchive`."""

    directories: list[str] = []
    names: list[str] = []
    gharchive: list[str] = []
    host: Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:\d+)?$")] = "github.com"
    include: list[str] = []
    exclude: list[str] = []
    min_stars: Annotated[int, Field(ge=0)] = 0
    active_from: Day | None = None
    active_to: Day | None = None
    forks: bool = True
    min_fork_stars: Annotated[int, Field(ge=0)] = 0
    languages: list[str] = []
    rights: Literal["licensed", "own"] = "licensed"

    @field_validator("languages")
    @classmethod
    def known(cls, languages: list[str]) -> list[str]:
        check_languages(languages)
        return languages

    @model_validator(mode="after")
    def one_kind(self) -> "Source":
        if sum(bool(getattr(self, kind)) for kind in SOURCE_KINDS) != 1:
            raise ValueError("needs exactly one of directories, names and gharchive, not empty")
        given = [key for key in OF_EVENTS if getattr(self, key) != type(self).model_fields[key].default]
        if given and not self.gharchive:
            raise ValueError(f"{given[0]} needs a source with gharchive: only its events tell")
        return self


class OptOut(Section):
    files: list[str] = []
    takedowns: Annotated[str, Field(min_length=1)] = "takedowns.jsonl"


class Host(Section):
    """How one forge is reached, where that is not https://HOST for everybody."""

    url: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+(/[\w./-]*)?$")] | None = None
    private_addresses: bool = False
    token_env: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")] | None = None
    max_concurrent: Positive | None = None
    max_starts_per_s: Annotated[float, Field(gt=0)] | None = None


class Fetch(Section):
    """Limits of one fetch, and the pace of each host. No forge publishes numbers for anonymous git: these are cautious
    guesses, beside the 4 GiB a pack and 600 s of silence that Software Heritage's loader allows."""

    timeout_s: Positive = 300
    max_pack_bytes: Annotated[int, Field(ge=1_000_000)] = 1_073_741_824
    max_memory_bytes: Annotated[int, Field(ge=100_000_000)] = 2_147_483_648
    max_cpu_s: Positive = 120
    min_bytes_per_s: Positive = 1_000
    slow_s: Positive = 30
    max_in_flight: Positive = 16
    attempts: Positive = 4
    backoff_s: Annotated[float, Field(gt=0)] = 2.0
    max_concurrent: Positive = 2
    max_starts_per_s: Annotated[float, Field(gt=0)] = 1.0
    contact: Annotated[str, Field(pattern=r"^[ -~]*$")] = ""
    hosts: dict[str, Host] = {}


class Extract(Section):
    max_file_bytes: Annotated[int, Field(gt=0, lt=2**31)] = 1_048_576
    max_files_per_repository: Positive = 1_000_000
    git_timeout_s: Positive = 3_600
    large_repository_bytes: Positive = 268_435_456


class License(Section):
    not_permissive: list[str] = []

    @field_validator("not_permissive")
    @classmethod
    def known(cls, patterns: list[str]) -> list[str]:
        if patterns:
            from filters.licenses.classes import check_patterns  # loads all of SPDX

            check_patterns(patterns)
        return patterns


class Dedup(Section):
    near_duplicates: bool = True
    min_similarity: Annotated[float, Field(ge=0.7, le=1)] = 0.7
    memory_bytes: Annotated[int, Field(ge=100_000_000)] = 2_000_000_000
    keep: list[Annotated[str, Field(pattern=rf"^({'|'.join(KEEP_COLUMNS)}) (asc|desc)$")]] = [
        "license_type asc",
        "star_events_count desc",
        "fork_events_count desc",
        "first_seen asc",
        "path_depth asc",
    ]


class Split(Section):
    validation_fraction: Fraction = 0.02
    test_fraction: Fraction = 0.02
    shared_fraction: Annotated[float, Field(gt=0, le=1)] = 0.5

    @model_validator(mode="after")
    def some_left_to_train(self) -> "Split":
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError("validation_fraction and test_fraction leave nothing to train on")
        return self


class Alarms(Section):
    max_share: Fraction = 0.5
    min_files: Positive = 1_000


class Release(Section):
    name: Annotated[str, Field(min_length=1)] = "My code dataset"
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")] = "0.1.0"
    shard_bytes: Annotated[int, Field(ge=1_000_000, le=2_000_000_000)] = 256_000_000
    compression_level: Annotated[int, Field(ge=1, le=19)] = 3
    layout: Literal["language", "single"] = "language"
    order: Literal["path", "hash"] = "path"


class Card(Section):
    """What people write of the dataset: `file` holds front matter and sections that every card takes over."""

    file: str = ""


class Publish(Section):
    """Where releases are published. `to`: owner/name on the Hub, or a folder or fsspec address with a scheme."""

    to: str = ""
    visibility: Literal["private", "public"] = "private"
    gated: Literal["no", "auto", "manual"] = "no"
    own_code: bool = False
    files_per_commit: Annotated[int, Field(gt=0, le=1_000)] = 100
    commits_per_hour: Positive = 100
    patience_s: Positive = 21_600

    @field_validator("to")
    @classmethod
    def address(cls, to: str) -> str:
        scheme = to.partition("://")[0]
        if to and (scheme in ("hf", "http", "https") or not re.fullmatch(r"[\w.-]+/[\w.-]+|[\w+]+://.+", to)):
            raise ValueError(
                f"{to!r} is not owner/name on the Hub, and no address with a scheme like file:///data/sets"
            )
        return to


class Config(Section):
    """What a run does. `folder` is where relative paths of the sources start."""

    folder: Path
    source: Annotated[list[Source], Field(min_length=1)]
    opt_out: OptOut = OptOut()
    fetch: Fetch = Fetch()
    extract: Extract = Extract()
    rules: dict[str, Any] = {}
    license: License = License()
    dedup: Dedup = Dedup()
    split: Split = Split()
    alarms: Alarms = Alarms()
    release: Release = Release()
    card: Card = Card()
    publish: Publish = Publish()

    def resolved(self) -> dict[str, Any]:
        """Every value in force, defaults included, as JSON values; without the folder."""
        values = self.model_dump(mode="json", exclude={"folder"}, exclude_none=True)
        return values | {"rules": resolved_rules(self.rules)}

    def published(self) -> dict[str, Any]:
        """As `resolved`, with nothing of this machine: of absolute paths only the last part, and not how to fetch or
        where to publish; nor the card's text, which is in the card; nor `include` and `exclude` of sources, which may
        name somebody who wants to be named no more."""
        values = self.resolved()
        for section in ("fetch", "publish", "card"):
            del values[section]
        del values["opt_out"]["takedowns"]
        for source in values["source"]:
            for globs in {"include", "exclude"}.intersection(source):
                del source[globs]
        for section in [*values["source"], values["opt_out"]]:
            for kind in {*SOURCE_KINDS, "files"}.intersection(section):
                section[kind] = [Path(name).name if Path(name).is_absolute() else name for name in section[kind]]
        return values


SECTIONS: dict[str, type[Section]] = {
    "source": Source,
    "opt_out": OptOut,
    "fetch": Fetch,
    "extract": Extract,
    "license": License,
    "dedup": Dedup,
    "split": Split,
    "alarms": Alarms,
    "release": Release,
    "card": Card,
    "publish": Publish,
}


def resolved_rules(rules: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Every rule with all its thresholds and `enabled`, in rule order: a section's keys stand before the preset's."""
    preset = PRESETS[rules.get("preset", DEFAULT_PRESET)]
    return {name: _defaults(rule) | preset.get(name, {}) | rules.get(name, {}) for name, rule in RULES.items()}


def _defaults(rule: Rule) -> dict[str, Any]:
    """`enabled` and the rule's thresholds, as JSON values."""
    thresholds = {name: p.default for name, p in inspect.signature(rule.holds).parameters.items()}
    lists = {name: list(value) for name, value in thresholds.items() if isinstance(value, tuple)}
    return {"enabled": rule.on} | thresholds | lists


def load(path: Path) -> Config:
    """The configuration in a TOML file. Raises ConfigError: one line with the file, the line and what to do."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{path}: cannot be read ({reason}); `stackyard init` writes a configuration") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    try:
        config = Config(folder=path.parent, **values)
        _check_rules(config.rules)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(_sentence(path, text, first["loc"], _reason(first))) from None
    except _RuleError as error:
        raise ConfigError(_sentence(path, text, error.location, str(error))) from None
    except TypeError:
        raise ConfigError(f"{path}: `folder` is not a key of a configuration") from None
    return config


class _RuleError(Exception):
    def __init__(self, location: tuple[str, ...], message: str) -> None:
        super().__init__(message)
        self.location = location


def _check_rules(rules: Mapping[str, Any]) -> None:
    """The preset exists, every section names a rule, every key one of its thresholds, every value has its type."""
    preset = rules.get("preset", DEFAULT_PRESET)
    if preset not in list(PRESETS):  # a list, because the value may be anything
        raise _RuleError(("rules", "preset"), f"{preset!r} is no preset{_nearest(preset, PRESETS)}")
    for name, given in rules.items():
        if name == "preset":
            continue
        if name not in RULES:
            names = RULES if isinstance(given, dict) else ["preset"]
            raise _RuleError(("rules", name), f"no such {'rule' if names is RULES else 'key'}{_nearest(name, names)}")
        if not isinstance(given, dict):
            raise _RuleError(("rules", name), f"is a rule: write [rules.{name}] and its keys below")
        for key, value in given.items():
            if reason := _complaint(RULES[name], key, value):
                raise _RuleError(("rules", name, key), reason)


def _complaint(rule: Rule, key: str, value: Any) -> str | None:
    """What is wrong with a rule's key; None where nothing is."""
    defaults = _defaults(rule)
    if key not in defaults:
        return f"no such key{_nearest(key, defaults)}"
    if not _fits(value, defaults[key]):
        return f"needs {WANTED[type(defaults[key])]}, not {value!r}"
    parameter = inspect.signature(rule.holds).parameters.get(key)
    if parameter and parameter.annotation == Languages:
        try:
            check_languages(value)
        except ValueError as error:
            return str(error)
    return None


WANTED = {
    bool: "true or false",
    int: "a whole number, 0 or more",
    float: "a fraction, 0 to 1",
    list: "a list of strings",
}


def _fits(value: Any, default: Any) -> bool:
    if isinstance(default, list):
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    return type(value) is type(default) and (isinstance(default, bool) or 0 <= value < 2**63)


def _reason(error: Any) -> str:
    """What is wrong, in the words of a sentence; the nearest key where one is unknown."""
    if error["type"] == "extra_forbidden":
        return f"no such key{_nearest(error['loc'][-1], _keys(error['loc'][:-1]))}"
    if error["type"] == "missing":
        return "is missing"
    if error["loc"] == ("source",):
        return "write [[source]], with double brackets: there may be several"
    if error["type"] == "string_pattern_mismatch" and error["loc"][:2] == ("dedup", "keep"):
        return f"{error['input']!r}: must be one of {', '.join(KEEP_COLUMNS)}, then asc or desc"
    if error["type"] == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    if not isinstance(error["input"], dict):
        return f"{str(error['msg']).removeprefix('Value error, ')}, not {error['input']!r}"
    return str(error["msg"]).removeprefix("Value error, ")


def _keys(location: tuple[Any, ...]) -> list[str]:
    """The keys that may stand at this place of the configuration."""
    section = next((part for part in location if isinstance(part, str)), "")
    model = Host if location[1:2] == ("hosts",) and len(location) == 3 else SECTIONS.get(section, Config)
    return [name for name in model.model_fields if name != "folder"]


def _nearest(name: Any, names: Any) -> str:
    found = difflib.get_close_matches(str(name), list(names), n=1, cutoff=0.5)
    return f"; did you mean `{found[0]}`?" if found else f"; there are: {', '.join(names)}"


def _nearest_of(language: str) -> str:
    names = {name.lower(): name for name in sorted(LANGUAGES)}
    found = difflib.get_close_matches(language.lower(), names, n=1)
    return f"; did you mean `{names[found[0]]}`?" if found else " that GitHub Linguist knows"


def _sentence(path: Path, text: str, location: tuple[Any, ...], reason: str) -> str:
    """`file:line: [section] key: reason`."""
    names = [str(part) for part in location if not isinstance(part, int)]
    index = next((part for part in location if isinstance(part, int)), 0) if location[:1] == ("source",) else 0
    line = _line(text, names, index)
    return f"{path}{f':{line}' if line else ''}: {'.'.join(names)}: {reason}"


def _line(text: str, names: list[str], index: int) -> int | None:
    """The line where a key stands, else its section, else None. `index` counts the [[source]] tables."""
    inside, whole = f"{'.'.join(names[:-1])}#{index}", f"{'.'.join(names)}#{index}"
    key = re.compile(rf"\s*[\"']?{re.escape(names[-1])}[\"']?\s*=")
    section, found = "#0", None
    seen: Counter[str] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        if table := re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line):
            name = table[1].replace('"', "")
            section = f"{name}#{seen[name]}"
            seen[name] += 1
            found = number if section in (inside, whole) else found
        elif section == inside and key.match(line):
            return number
    return found


def default_file() -> Path:
    """The commented default configuration: at the top of the source tree, inside the package when installed."""
    here = Path(__file__).parent
    return next(path for path in (here / "corpus.toml", here.parent / "corpus.toml") if path.exists())
