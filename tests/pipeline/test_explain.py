"""The story of one file, for each way a file can go."""

import shutil
from pathlib import Path

import pytest

from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.explain import explain
from pipeline.workspace import Workspace
from tests.pipeline.conftest import with_rules


@pytest.fixture
def space(finished: Path) -> Workspace:
    return Workspace(finished)


def story(text: str) -> dict[str, str]:
    """Its lines by their first word."""
    return {line.split()[0]: line for line in reversed(text.splitlines()) if line.strip()}


def test_a_kept_file_with_every_signal_and_rule(space: Workspace, config: Config) -> None:
    said = explain(space, config, "owner0/varied0", "lib/part0.py")
    lines = story(said)
    assert said.splitlines()[1] == "kept"
    assert lines["language"].split() == ["language", "Python", "(extension)"]
    assert lines["licence"].split()[1:3] == ["permissive:", "MIT"]
    assert "rights are your own" in lines["licence"]
    assert "LICENSE:1-" in said and " MIT  text " in said  # which lines of which file say so
    assert lines["long_line"].split()[1] == "no" and lines["no_license"].split()[1] == "no"
    assert "max_chars 1,000" in lines["long_line"]
    assert {"line_count", "alpha_count", "max_encoded_run", "token_count"} <= set(lines)


def test_a_file_that_a_rule_removes(space: Workspace, config: Config) -> None:
    said = explain(space, config, "local/rules/twins", "long.py")
    assert said.splitlines()[1].startswith("removed: ") and "long_line" in said.splitlines()[1]
    assert story(said)["long_line"].split()[1] == "yes"


def test_a_copy_names_the_file_that_stays(space: Workspace, config: Config) -> None:
    said = explain(space, config, "rules/twins", "deep/down/there/good.py")
    if "exact_duplicate" not in said:
        said = explain(space, config, "rules/twins", "deep/down/here/good.py")
    assert "removed: exact_duplicate" in said
    assert "yields to local/rules/twins" in said and "similarity estimated 1.000" in said
    kept = said.split("yields to ")[1].split("  ")[1]
    assert "stands for " in explain(space, config, "rules/twins", kept)


def test_other_thresholds_are_explained_without_a_release(space: Workspace, config: Config) -> None:
    said = explain(space, with_rules(config, long_line={"max_chars": 5}), "owner0/varied0", "lib/part0.py")
    assert said.splitlines()[1] == "removed: long_line"
    assert "run `stackyard release`" in said


def test_a_rule_that_is_off_says_so(space: Workspace, config: Config) -> None:
    said = explain(space, with_rules(config, long_line={"enabled": False}), "rules/twins", "long.py")
    assert story(said)["long_line"].split()[1] == "off"


def test_a_file_without_text(space: Workspace, config: Config) -> None:
    said = explain(space, config, "made/large-binary", "noise.bin")
    assert "removed: too_large" in said and "language" not in story(said)


@pytest.mark.parametrize(
    ("repository", "path", "message"),
    [
        ("rules/twin", "x.py", "rules/twin: not among the repositories listed; did you mean rules/twins?"),
        ("owner0/varied0", "lib/prt0.py", "lib/prt0.py: not in the tree of owner0/varied0; did you mean lib/part0.py?"),
    ],
)
def test_a_wrong_name_gets_the_nearest(
    space: Workspace, config: Config, repository: str, path: str, message: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        explain(space, config, repository, path)
    assert str(raised.value) == message


def test_it_changes_nothing(finished: Path, config: Config, tmp_path: Path) -> None:
    workspace = shutil.copytree(finished, tmp_path / "workspace")
    before = {path: path.stat().st_mtime_ns for path in workspace.rglob("*")}
    explain(Workspace(workspace), with_rules(config, long_line={"max_chars": 5}), "owner0/varied0", "lib/part0.py")
    assert {path: path.stat().st_mtime_ns for path in workspace.rglob("*")} == before
