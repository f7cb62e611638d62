"""Dependencies point downward only, and what does not need Beam does not load it: importing Beam takes seconds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import filters
import pipeline
import schemas

WITH_BEAM = {"corpus", "engine", "transforms", "worker"}
HEAVY = ("apache_beam", "polars", "pyarrow", "numpy", "numba", "pipeline.config", "filters")


def modules(package: object) -> list[str]:
    """The package and its modules."""
    name, folder = package.__name__, Path(str(package.__file__)).parent  # type: ignore[attr-defined]
    paths = (path.relative_to(folder).with_suffix("") for path in folder.rglob("*.py"))
    return [name, *sorted(f"{name}.{'.'.join(path.parts)}" for path in paths if not path.stem.startswith("__"))]


def loaded_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after this code."""
    script = f"{code}\nimport json, sys\nprint('\\n' + json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def called(*arguments: str) -> str:
    """Code that runs the command line within the interpreter."""
    return f"""import sys
from pipeline.cli import main
sys.argv = ["stackyard", *{list(arguments)!r}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


def test_schemas_import_neither_filters_nor_pipeline() -> None:
    loaded = loaded_after("\n".join(f"import {name}" for name in modules(schemas)))
    assert "schemas.files" in loaded
    assert sorted(loaded & {"filters", "pipeline", "apache_beam", "polars"}) == []


def test_filters_do_not_import_pipeline() -> None:
    loaded = loaded_after("\n".join(f"import {name}" for name in modules(filters)))
    assert "filters.rules" in loaded
    assert sorted(loaded & {"pipeline", "apache_beam"}) == []


def test_only_graphs_and_transforms_import_beam() -> None:
    names = [name for name in modules(pipeline) if name.removeprefix("pipeline.") not in WITH_BEAM]
    loaded = loaded_after("\n".join(f"import {name}" for name in names))
    assert {"pipeline.extract", "pipeline.shards", "pipeline.cli"} <= loaded
    assert "apache_beam" not in loaded


def test_modules_said_to_import_beam_do() -> None:
    loaded = loaded_after("import pipeline.transforms")
    assert {"apache_beam", "pipeline.engine"} <= loaded
    sources = {name: (Path(pipeline.__file__).parent / f"{name}.py").read_text() for name in WITH_BEAM}
    assert not [name for name, text in sources.items() if "apache_beam" not in text and "pipeline.engine" not in text]


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    loaded = loaded_after(called(*arguments))
    assert "typer" in loaded
    assert sorted(loaded & set(HEAVY)) == []


def test_the_installed_command_answers() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("stackyard"), "--help"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("init", "list", "extract", "release", "run", "status", "verify"):
        assert f"  {command} " in done.stdout


def test_list_and_status_do_without_beam(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("owner/name\n")
    (tmp_path / "corpus.toml").write_text('[[source]]\nnames = ["names.txt"]\n')
    workspace = ["--workspace", str(tmp_path / "workspace")]
    code = called("list", str(tmp_path / "corpus.toml"), *workspace)
    loaded = loaded_after(code + called("status", str(tmp_path / "corpus.toml"), *workspace))
    assert "pipeline.sources" in loaded
    assert "apache_beam" not in loaded
