"""The configuration: the default file and the model say the same; what is wrong is named with its line."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filters.rules import PRESETS, RULES
from pipeline.config import SECTIONS, Config, Host, Source, default_file, load, resolved_rules
from pipeline.errors import ConfigError

SOURCE = '[[source]]\ndirectories = ["mirrors"]\n'  # two lines
KEYS = [name for name in Config.model_fields if name != "folder"]


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
    defaults = SECTIONS[section]().model_dump()
    defaults.pop("hosts", None)  # of forges, of which there is only an example
    assert written[section] == defaults


def test_the_default_source_has_the_defaults_beside_its_folder(written: dict[str, Any]) -> None:
    (source,) = written["source"]
    defaults = Source(directories=["mirrors"]).model_dump()
    assert list(source) == ["directories", "include", "exclude", "languages", "rights"]
    assert source == {name: defaults[name] for name in source}


def test_every_other_key_of_a_source_or_a_host_is_shown_in_a_comment() -> None:
    shown = {found[1] for found in re.finditer(r"^# (\w+) = ", default_file().read_text(), re.MULTILINE)}
    written = {"directories", "include", "exclude", "languages", "rights"}
    assert shown == {*Source.model_fields, *Host.model_fields} - written


def test_the_examples_in_comments_are_right(tmp_path: Path) -> None:
    text = re.sub(r"^# (\[|\w+ = )", r"\1", default_file().read_text(), flags=re.MULTILINE)
    (tmp_path / "c.toml").write_text(text)
    config = load(tmp_path / "c.toml")
    assert [bool(source.gharchive) for source in config.source] == [False, False, True]
    assert list(config.fetch.hosts) == ["git.example.com"]


def test_the_default_file_has_the_rules_in_their_order(written: dict[str, Any]) -> None:
    assert list(written["rules"]) == ["preset", *RULES]


@pytest.mark.parametrize("rule", RULES)
def test_the_default_file_says_what_the_rule_says(written: dict[str, Any], rule: str) -> None:
    assert {"enabled": True} | written["rules"][rule] == resolved_rules({})[rule]


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
    assert list(resolved) == KEYS
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
    ("x = 1\n" + SOURCE, f"c.toml:1: x: no such key; there are: {', '.join(KEYS)}"),
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
    (SOURCE + "[rules.zzz]\n", "c.toml:3: rules.zzz: no such rule; there are: other_language, "),
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
    *[
        (
            SOURCE + f'[rules.{rule}]\n{key} = ["C", "Htlm"]\n',
            f"c.toml:4: rules.{rule}.{key}: 'Htlm' is no language; did you mean `HTML`?",
        )
        for rule, key in [
            ("long_line", "exempt"),
            ("many_lines", "data"),
            ("few_letters", "digits_count"),
            ("odd_data_size", "languages"),
            ("other_language", "languages"),
        ]
    ],
    (
        SOURCE + "[rules.few_letters]\nmin_fraction = nan\n",
        "c.toml:4: rules.few_letters.min_fraction: needs a fraction",
    ),
    (SOURCE + "[rules.few_letters]\nmin_fraction = 25\n", "c.toml:4: rules.few_letters.min_fraction: needs a fraction"),
    (SOURCE + "[rules.generated]\nenabled = 0\n", "c.toml:4: rules.generated.enabled: needs true or false, not 0"),
    (SOURCE + "[rules]\nlong_line = 3\n", "c.toml:4: rules.long_line: is a rule: write [rules.long_line] and its keys"),
    (SOURCE + "[rules]\npresets = 'none'\n", "c.toml:4: rules.presets: no such key; did you mean `preset`?"),
    (SOURCE + "[rules]\nzzz = 'none'\n", "c.toml:4: rules.zzz: no such key; there are: preset"),
    (
        SOURCE + "[rules]\npreset = 'stack_v3'\n",
        "c.toml:4: rules.preset: 'stack_v3' is no preset; did you mean `stack_v2`?",
    ),
    (SOURCE + "[rules]\npreset = 0\n", "c.toml:4: rules.preset: 0 is no preset; there are: stack_v2, stack_v1, none"),
    (SOURCE + "[rules]\npreset = ['none']\n", "c.toml:4: rules.preset: ['none'] is no preset; did you mean `none`?"),
    (SOURCE + "[rules.preset]\n", "c.toml:3: rules.preset: {} is no preset; there are: "),
    ("rules = 3\n" + SOURCE, "c.toml:1: rules: "),
    ("source = []\n", "c.toml:1: source: "),
    ("[[source]]\n", "c.toml:1: source: needs exactly one of directories, names and gharchive"),
    (SOURCE + 'names = ["n.txt"]\n', "c.toml:1: source: needs exactly one of directories, names and gharchive"),
    (
        SOURCE + SOURCE + 'names = ["n.txt"]\n',
        "c.toml:3: source: needs exactly one of directories, names and gharchive",
    ),
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
    (
        SOURCE + 'languages = ["python"]\n',
        "c.toml:3: source.languages: 'python' is no language; did you mean `Python`?",
    ),
    (
        SOURCE + '[license]\nnot_permissive = ["Apache-3.0"]\n',
        "c.toml:4: license.not_permissive: 'Apache-3.0' is no SPDX id and matches none; did you mean `Apache-2.0`?",
    ),
    (SOURCE + "min_stars = 1\n", "c.toml:1: source: min_stars needs a source with gharchive"),
    (
        SOURCE + '[fetch.hosts."git.x"]\nurls = "https://git.x"\n',
        "c.toml:4: fetch.hosts.git.x.urls: no such key; did you mean `url`?",
    ),
    (SOURCE + '[fetch.hosts."git.x"]\nurl = "ssh://git.x"\n', "c.toml:4: fetch.hosts.git.x.url: "),
    (SOURCE + '[release]\nversion = "1"\n', "c.toml:4: release.version: "),
    ('folder = "x"\n' + SOURCE, "c.toml: `folder` is not a key"),
    (SOURCE + "[extract]\n[extract]\n", "c.toml: not TOML: "),
    (SOURCE + "[split]\ntest_fraction =\n", "c.toml: not TOML: Invalid value (at line 4"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_what_is_wrong_is_named_with_its_line(folder: Path, text: str, expected: str) -> None:
    assert complaint(text).startswith(expected)


def test_lists_that_are_not_languages_are_any_strings(folder: Path) -> None:
    text = (
        '[rules.other_path]\nexclude = ["**/x"]\n[rules.lock_file]\nnames = ["y"]\n[rules.plain_text]\nnames = ["z"]\n'
    )
    rules = loaded(SOURCE + text).resolved()["rules"]
    assert rules["other_path"] == {"enabled": True, "include": [], "exclude": ["**/x"]}
    assert rules["lock_file"]["names"] == ["y"]
    assert rules["plain_text"]["names"] == ["z"]


# Presets


def test_the_rules_values_stand_beside_the_defaults_they_replace(folder: Path) -> None:
    given = {"long_line": {"exempt": []}}
    assert resolved_rules(given)["long_line"] == {
        "enabled": True, "max_chars": 1_000, "exempt": [], "exempt_max_chars": 100_000,
    }  # fmt: skip


OFF = ["documentation", "few_alphanumerics", "odd_data_size"]


def enabled(rules: dict[str, Any]) -> set[str]:
    return {name for name, rule in resolved_rules(rules).items() if rule["enabled"]}


def test_stack_v2_is_the_default() -> None:
    assert resolved_rules({"preset": "stack_v2"}) == resolved_rules({})
    assert enabled({}) == set(RULES) - set(OFF)


def test_stack_v1_is_starcoders() -> None:
    rules = resolved_rules({"preset": "stack_v1"})
    assert rules["long_line"] | {"exempt_max_chars": 0} == {
        "enabled": True, "max_chars": 1_000, "exempt": [], "exempt_max_chars": 0,
    }  # fmt: skip
    assert rules["long_mean_line"] == {"enabled": True, "max_chars": 100, "exempt": []}
    assert rules["few_alphanumerics"] == {"enabled": True, "min_fraction": 0.25}
    assert rules["little_visible_text"] == {"enabled": True, "min_fraction": 0.2, "min_chars": 100}
    assert rules["odd_data_size"] == {
        "enabled": True, "min_chars": 100, "max_chars": 5_000, "languages": ["JSON", "YAML"],
    }  # fmt: skip
    off = {name for name, rule in rules.items() if not rule["enabled"]}
    assert off == {
        *("vendored", "lock_file", "documentation", "plain_text", "uncertain_encoding", "many_lines", "few_letters"),
        "encoded_data",
    }


def test_none_is_what_a_section_switches_on() -> None:
    assert enabled({"preset": "none"}) == set()
    assert enabled({"preset": "none", "long_line": {"max_chars": 7}}) == set()
    assert enabled({"preset": "none", "long_line": {"enabled": True}}) == {"long_line"}


def test_a_section_stands_before_the_preset_key_by_key(folder: Path) -> None:
    text = '[rules]\npreset = "stack_v1"\n[rules.odd_data_size]\nmax_chars = 7\n[rules.long_line]\nexempt = ["C"]\n'
    rules = loaded(SOURCE + text).resolved()["rules"]
    assert rules["odd_data_size"] == {"enabled": True, "min_chars": 100, "max_chars": 7, "languages": ["JSON", "YAML"]}
    assert rules["long_line"]["exempt"] == ["C"]


def test_presets_are_sections_that_load(folder: Path) -> None:
    for name, sections in PRESETS.items():
        written = "".join(
            f"[rules.{rule}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in section.items())
            for rule, section in sections.items()
        )
        assert loaded(SOURCE + written).resolved()["rules"] == resolved_rules({"preset": name})
