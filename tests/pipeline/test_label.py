"""What a source asks for, and where a file's licence comes from, seen in a release."""

import json
from pathlib import Path

import polars as pl
import pytest

from examples.demo_corpus import GPL, MIT, write_repository
from pipeline.config import Config, License, load
from tests.pipeline.conftest import rows, run, text

CONFIGURATION = """
[[source]]
directories = ["open"]

[[source]]
directories = ["ours"]
{ours}
"""
HEADER = b"# SPDX-License-Identifier: GPL-2.0-only\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An open repository with several licences, and one of ours without."""
    path = tmp_path_factory.mktemp("label")
    tree = {
        "LICENSE": MIT,
        "a.py": text("py", "a", 600),
        "header.py": HEADER + text("py", "header", 600),
        "part/COPYING": GPL,
        "two/LICENSE": MIT,
        "two/package.json": b'{"license": "GPL-3.0-only"}\n',
        "two/f.js": text("js", "f", 600),
        "part/deep/b.py": text("py", "b", 600),
        "vendor/c.c": text("c", "c", 600),
    }
    write_repository(path / "open/o/open.git", tree)
    write_repository(path / "ours/o/ours.git", {"d.py": text("py", "d", 600), "e.go": text("go", "e", 600)})
    return path


def configured(folder: Path, ours: str = "") -> Config:
    (folder / "corpus.toml").write_text(CONFIGURATION.format(ours=ours))
    return load(folder / "corpus.toml")


@pytest.fixture(scope="module")
def workspace(folder: Path) -> Path:
    return folder / "workspace"


def reasons(release: Path) -> dict[str, list[str]]:
    """Of every removed file its reasons."""
    ledger = rows(release, "ledger/ledger-*.parquet").group_by("path").agg(pl.col("reason"))
    return {path: sorted(found) for path, found in ledger.iter_rows()}


def test_a_file_has_the_licence_of_its_header_or_its_nearest_directory(folder: Path, workspace: Path) -> None:
    release = run(workspace, configured(folder))
    kept = rows(release, "data/*/*.parquet").filter(path="a.py").row(0, named=True)
    assert (kept["license_type"], kept["license_expression"]) == ("permissive", "MIT")
    assert (kept["license_path"], kept["detected_licenses"]) == ("LICENSE", ["MIT"])
    (evidence,) = json.loads(kept["license_evidence"])
    assert evidence["license"] == "MIT" and evidence["method"] == "text" and evidence["lines"][0] < evidence["lines"][1]
    ledger = rows(release, "ledger/ledger-*.parquet")
    found = {row["path"]: row for row in ledger.iter_rows(named=True)}
    assert (found["header.py"]["license_expression"], found["header.py"]["license_path"]) == (
        "GPL-2.0-only",
        "header.py",
    )
    assert found["part/deep/b.py"]["license_path"] == "part/COPYING"
    assert found["part/deep/b.py"]["license_type"] == "non_permissive"
    heard = json.loads(found["two/f.js"]["license_evidence"])
    assert found["two/f.js"]["license_expression"] == "MIT AND GPL-3.0-only"
    assert [(each["path"], each["license"]) for each in heard] == [
        ("two/LICENSE", "MIT"),
        ("two/package.json", "GPL-3.0-only"),
    ]
    assert reasons(release)["vendor/c.c"] == ["no_license", "vendored"]  # copied code has not its project's licence
    assert reasons(release)["d.py"] == reasons(release)["e.go"] == ["no_license"]


def test_code_of_ones_own_needs_no_licence(folder: Path, workspace: Path) -> None:
    release = run(workspace, configured(folder, 'rights = "own"'))
    kept = rows(release, "data/*/*.parquet")
    assert {"d.py", "e.go"} <= set(kept["path"])
    assert set(kept.filter(repo_name="o/ours")["license_type"]) == {"no_license"}
    assert "header.py" in reasons(release), "another source's rights are as they were"


def test_a_source_may_want_some_languages(folder: Path, workspace: Path) -> None:
    release = run(workspace, configured(folder, 'rights = "own"\nlanguages = ["Go"]'))
    assert reasons(release)["d.py"] == ["other_language"]
    assert {"a.py", "e.go"} <= set(rows(release, "data/*/*.parquet")["path"])


def test_a_licence_can_be_taken_from_the_permissive(folder: Path, workspace: Path) -> None:
    config = configured(folder).model_copy(update={"license": License(not_permissive=["MI*"])})
    assert reasons(run(workspace, config))["a.py"] == ["non_permissive_license"]
