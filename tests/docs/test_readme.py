"""What the README tells people to type works as written."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from examples.demo_corpus import build

README = (Path(__file__).parents[2] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The README's code blocks in one language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `mirrors` in it."""
    path = tmp_path_factory.mktemp("readme")
    build(path / "mirrors", limit=6)
    (path / "examples").mkdir()
    (path / "examples/demo.toml").write_text('[[source]]\ndirectories = ["../mirrors"]\n')
    run(["stackyard", "run", "examples/demo.toml", "--workspace", "build/workspace"], path)
    return path


def run(command: list[str], folder: Path, **environment: str) -> str:
    home = {"HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1"}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=folder, env=os.environ | home | {"PATH": path} | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_shell_commands_run_in_a_folder_with_mirrors(folder: Path) -> None:
    printed = [run(["bash", "-euc", script], folder) for script in blocks("bash")]
    assert " kept, " in printed[0] and (folder / "workspace/release/README.md").exists()
    assert "removed: generated" in printed[1]


def test_the_python_examples_run_on_the_release_of_make_run(folder: Path) -> None:
    printed = [run([sys.executable, "-c", script], folder) for script in blocks("python")]
    assert "/" in printed[0]
    assert "generated" in printed[1]


def test_every_command_of_the_table_is_a_command() -> None:
    table = set(re.findall(r"^\| `stackyard (\w+)", README, re.MULTILINE))
    listed = set(re.findall(r"^  (\w+) ", run(["stackyard", "--help"], Path()).split("Commands:")[1], re.MULTILINE))
    assert table == listed
