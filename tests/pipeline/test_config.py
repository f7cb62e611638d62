"""The configuration: the default file and the model say the same; what is wrong is named with its line."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filters.rules import RULES
from pipeline.config import SECTIONS, Config, Source, default_file, load, resolved_rules
from pipeline.errors import ConfigError

SOURCE = '[[source]]\ndirectories = ["mirrors"]\n'  # two lines


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(text: str) -> Config:
    """The configuration `c.toml` with this text."""
    Path("c.toml").write_text(text)
    return load(Path("c.toml"))


def complaint(text: str) -> str:
    """What is wrong with the configuration `c.toml` with this text."""
    with pytest.raises(ConfigError) as caught:
        loaded(text)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    return str(caught.value)


# The default file


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """The default file as it is written."""
    return tomllib.loads(default_file().read_text())


def test_the_default_file_has_every_section(written: dict[str, Any]) -> None:
    assert set(written) == {*SECTIONS, "rules"}


@pytest.mark.parametrize("section", [name for name in SECTIONS if name != "source"])
def test_the_default_file_says_what_the_model_says(written: dict[str, Any], section: str) -> None:
    assert written[section] == SECTIONS[section]().model_dump()


def test_the_default_source_has_the_defaults_beside_its_folder(written: dict[str, Any]) -> None:
    (source,) = written["source"]
    defaults = Source(directories=["mirrors"]).model_dump()
    assert source == {name: value for name, value in defaults.items() if name != "names"}


def test_the_default_file_has_the_rules_in_their_order(written: dict[str, Any]) -> None:
    assert list(written["rules"]) == list(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_the_default_file_says_what_the_rule_says(written: dict[str, Any], rule: str) -> None:
    defaults = resolved_rules({})[rule]
    assert defaults["enabled"] is True
    assert {"enabled": True} | written["rules"][rule] == defaults


def test_the_default_file_loads_to_the_defaults() -> None:
    defaults = Config(folder=Path(), source=[Source(directories=["mirrors"])])
    assert load(default_file()).resolved() == defaults.resolved()


def test_every_number_of_the_default_file_has_a_comment() -> None:
    numbers = re.findall(r"^\w+ = [\d_.]+\b.*$", default_file().read_text(), re.MULTILINE)
    assert len(numbers) > 10
    assert [line for line in numbers if "#" not in line] == []


# What is resolved


def strings(value: Any) -> Iterator[str]:
    """All strings in a JSON value, keys included."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, str):
        yield value


def test_what_is_resolved_is_json_without_absolute_paths(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(SOURCE + "[rules.long_line]\nmax_chars = 7\n")
    config = load(tmp_path / "c.toml")
    assert config.folder == tmp_path
    resolved = config.resolved()
    assert json.loads(json.dumps(resolved, allow_nan=False)) == resolved
    found = list(strings(resolved))
    assert "mirrors" in found
    assert [text for text in found if str(tmp_path) in text or Path(text).is_absolute()] == []


def test_what_is_resolved_has_every_value_in_force(folder: Path) -> None:
    resolved = loaded(SOURCE + "[rules.long_line]\nmax_chars = 7\n[rules.generated]\nenabled = false\n").resolved()
    assert list(resolved) == ["source", "extract", "rules", "dedup", "split", "release"]
    assert list(resolved["rules"]) == list(RULES)
    assert resolved["rules"]["long_line"]["max_chars"] == 7
    assert resolved["rules"]["long_line"]["exempt_max_chars"] == 100_000
    assert resolved["rules"]["generated"] == {"enabled": False}
    assert resolved["extract"]["git_timeout_s"] == 3_600


def test_what_is_resolved_loads_to_itself(folder: Path) -> None:
    """A release can be made again from its manifest."""
    config = loaded(SOURCE + "[rules.long_line]\nmax_chars = 7\n[split]\ntest_fraction = 0.5\n")
    again = Config(folder=Path(), **config.resolved())
    assert again.resolved() == config.resolved()


def test_a_whole_number_may_stand_for_a_fraction(folder: Path) -> None:
    assert loaded(SOURCE + "[rules.few_letters]\nmin_fraction = 1\n").rules == {"few_letters": {"min_fraction": 1}}
    assert loaded(SOURCE + "[split]\ntest_fraction = 0\n").split.test_fraction == 0


# What is wrong, and where

WRONG = [
    ("", "c.toml: source: is missing"),
    ("x = 1\n" + SOURCE, "c.toml:1: x: no such key; there are: source, extract, rules, dedup, split, release"),
    (SOURCE + "[extrct]\n", "c.toml:3: extrct: no such key; did you mean `extract`?"),
    (
        SOURCE + "\n# more\n[extract]\ngit_timeout = 3\n",
        "c.toml:6: extract.git_timeout: no such key; did you mean `git_",
    ),
    (SOURCE + '[extract]\n"git_timeout" = 3\n', "c.toml:4: extract.git_timeout: no such key"),
    (SOURCE + '[extract]\nmax_file_bytes = "3"\n', "c.toml:4: extract.max_file_bytes: "),
    (SOURCE + "[extract]\nmax_file_bytes = 3.0\n", "c.toml:4: extract.max_file_bytes: "),
    (SOURCE + "[extract]\nmax_file_bytes = true\n", "c.toml:4: extract.max_file_bytes: "),
    (SOURCE + "[extract]\nmax_file_bytes = 2147483648\n", "c.toml:4: extract.max_file_bytes: "),
    (SOURCE + "[ extract ]\ngit_timeout_s=0\n", "c.toml:4: extract.git_timeout_s: "),
    (SOURCE + "[rules.long_lines]\n", "c.toml:3: rules.long_lines: no such rule; did you mean `long_line`?"),
    (SOURCE + "[rules.zzz]\n", "c.toml:3: rules.zzz: no such rule; there are: empty_file, "),
    (
        SOURCE + "[rules.long_line]\nmax_char = 1\n",
        "c.toml:4: rules.long_line.max_char: no such key; did you mean `max_",
    ),
    (SOURCE + "[rules.empty_file]\nmax = 1\n", "c.toml:4: rules.empty_file.max: no such key; there are: enabled"),
    (SOURCE + '[rules.long_line]\nmax_chars = "1"\n', "c.toml:4: rules.long_line.max_chars: needs a whole number"),
    (SOURCE + "[rules.long_line]\nmax_chars = 1.5\n", "c.toml:4: rules.long_line.max_chars: needs a whole number"),
    (SOURCE + "[rules.long_line]\nmax_chars = true\n", "c.toml:4: rules.long_line.max_chars: needs a whole number"),
    (SOURCE + "[rules.long_line]\nmax_chars = -1\n", "c.toml:4: rules.long_line.max_chars: needs a whole number, 0"),
    (SOURCE + f"[rules.long_line]\nmax_chars = {2**63}\n", "c.toml:4: rules.long_line.max_chars: needs a whole number"),
    (
        SOURCE + '[rules.long_line]\nexempt = "C"\n',
        "c.toml:4: rules.long_line.exempt: needs a list of strings, not 'C'",
    ),
    (
        SOURCE + "[rules.long_line]\nexempt = [1]\n",
        "c.toml:4: rules.long_line.exempt: needs a list of strings, not [1]",
    ),
    (
        SOURCE + "[rules.few_letters]\nmin_fraction = nan\n",
        "c.toml:4: rules.few_letters.min_fraction: needs a fraction",
    ),
    (SOURCE + "[rules.few_letters]\nmin_fraction = 25\n", "c.toml:4: rules.few_letters.min_fraction: needs a fraction"),
    (SOURCE + "[rules.generated]\nenabled = 0\n", "c.toml:4: rules.generated.enabled: needs true or false, not 0"),
    (SOURCE + "[rules]\nlong_line = 3\n", "c.toml:4: rules.long_line: "),
    ("rules = 3\n" + SOURCE, "c.toml:1: rules: "),
    ("source = []\n", "c.toml:1: source: "),
    ("[[source]]\n", "c.toml:1: source: needs exactly one of directories and names"),
    (SOURCE + 'names = ["n.txt"]\n', "c.toml:1: source: needs exactly one of directories and names"),
    (SOURCE + SOURCE + 'names = ["n.txt"]\n', "c.toml:3: source: needs exactly one of directories and names"),
    (SOURCE + SOURCE + "includ = []\n", "c.toml:5: source.includ: no such key; did you mean `include`?"),
    (SOURCE + '[[source]]\ndirectories = "x"\n', "c.toml:4: source.directories: "),
    (
        SOURCE + "[split]\ntest_fraction = 0.5\nvalidation_fraction = 0.5\n",
        "c.toml:3: split: validation_fraction and te",
    ),
    (SOURCE + "[split]\ntest_fraction = 1.5\n", "c.toml:4: split.test_fraction: "),
    (SOURCE + "[split]\ntest_fraction = nan\n", "c.toml:4: split.test_fraction: "),
    (SOURCE + "[split]\nshared_fraction = 0\n", "c.toml:4: split.shared_fraction: "),
    (SOURCE + '[dedup]\nkeep = ["stars desc"]\n', "c.toml:4: dedup.keep: "),
    (SOURCE + '[release]\nversion = "1"\n', "c.toml:4: release.version: "),
    ('folder = "x"\n' + SOURCE, "c.toml: `folder` is not a key"),
    (SOURCE + "[extract]\n[extract]\n", "c.toml: not TOML: "),
    (SOURCE + "[split]\ntest_fraction =\n", "c.toml: not TOML: Invalid value (at line 4"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_what_is_wrong_is_named_with_its_line(folder: Path, text: str, expected: str) -> None:
    assert complaint(text).startswith(expected)


def test_the_rules_values_stand_beside_the_defaults_they_replace(folder: Path) -> None:
    given = {"long_line": {"exempt": []}}
    assert resolved_rules(given)["long_line"] == {
        "enabled": True, "max_chars": 1_000, "exempt": [], "exempt_max_chars": 100_000,
    }  # fmt: skip
