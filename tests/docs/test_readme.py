"""What the README tells people to type works as written."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples import demo
from examples.archive_hour import write_hour
from examples.demo_corpus import TREES, write_repository
from examples.git_server import serving
from pipeline.config import load
from tests.docs.terminal import Stackyard, Terminal, terminal

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The README's code blocks in one language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, stackyard: Stackyard) -> Iterator[Terminal]:
    """A terminal in a folder with `mirrors` in it, and `build` as `make run` leaves it, but with fewer repositories."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("generated", "gpl", "twins"):
        write_repository(folder / f"build/demo/made/{name}.git", TREES[name]())
    (folder / "mirrors").symlink_to(folder / "build/demo")
    write_hour(folder / "build" / demo.HOUR, demo.repo_names(folder / "build/demo"))
    template = (ROOT / "examples/demo.toml").read_text()
    with serving(folder / "build/demo") as server:
        (folder / "build/demo.toml").write_text(template + demo.FORGE.format(url=server.url))
        variables = {"STACKYARD_FORGE": server.url, "HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1"}
        with terminal(folder, stackyard.path, **stackyard.variables, **variables) as shell:
            typed(shell, "stackyard run build/demo.toml --workspace build/workspace")
            yield shell


def typed(shell: Terminal, script: str) -> str:
    """What is printed."""
    answer = shell.type(script)
    assert answer.code == 0, answer.printed
    return answer.printed


def test_the_shell_commands_run_in_a_folder_with_mirrors(shell: Terminal) -> None:
    printed = [typed(shell, script) for script in blocks("bash")]
    assert " kept, " in printed[0] and "card          workspace/release/README.md" in printed[0]
    assert "removed: generated" in printed[1]


def test_the_python_examples_run_on_the_release_of_make_run(shell: Terminal) -> None:
    printed = [typed(shell, f"python - <<'END'\n{script}END") for script in blocks("python")]
    assert "/" in printed[0]
    assert "generated" in printed[1]


def test_every_source_of_the_configuration_is_one_on_its_own(tmp_path: Path) -> None:
    block, publish = blocks("toml")
    sources = re.findall(r"\[\[source\]\]\n(?:.+\n)+", block)
    for source in sources:
        (tmp_path / "c.toml").write_text(source)
        assert len(load(tmp_path / "c.toml").source) == 1
    (tmp_path / "c.toml").write_text(block + publish)
    kinds = [(bool(s.directories), bool(s.names), bool(s.gharchive)) for s in load(tmp_path / "c.toml").source]
    assert kinds == [(True, False, False), (False, True, False), (False, False, True)]
    assert len(sources) == 3


def test_every_command_and_option_of_the_table_is_one(shell: Terminal) -> None:
    table = dict(re.findall(r"^\| `stackyard (\w+).*?` \| (.*) \|$", README, re.MULTILINE))
    commands = typed(shell, "stackyard --help").split("Commands:")[1]
    assert table.keys() == set(re.findall(r"^  (\w+) ", commands, re.MULTILINE))
    for command, does in table.items():
        assert set(re.findall(r"--\w+", does)) <= set(re.findall(r"--\w+", typed(shell, f"stackyard {command} --help")))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "examples/README.md", *Path("runbooks").glob("*.md")])
def test_every_page_that_is_linked_is_there(page: str) -> None:
    text = (ROOT / page).read_text()
    assert not [
        link for link in re.findall(r"\]\(([^)#:]+)\)", text) if not (ROOT / page).parent.joinpath(link).exists()
    ]
