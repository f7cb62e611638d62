"""Vendored and documentation paths: GitHub Linguist's answers, and those of Python's `re` with the same patterns."""

import json
import re
from functools import cache
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.data.make_languages import render
from filters.vendored import is_documentation, is_vendored

DATA = files("filters").joinpath("data", "paths.json").read_text("utf-8")
PATTERNS: dict[str, list[str]] = json.loads(DATA)

# Path, whether vendored, whether documentation.
PATHS = [
    ("src/main.py", False, False),
    ("node_modules/a/index.js", True, False),
    ("a/node_modules/b.js", True, False),
    ("my_node_modules/a.js", False, False),
    ("node_modules", False, False),  # a file
    ("deps/a.c", True, False),
    ("src/deps/a.c", False, False),  # at the root only
    ("dist/app.js", True, False),
    ("web/dist/app.js", True, False),
    ("distance/app.js", False, False),
    ("cache/a", True, False),
    ("vendor/a.go", True, False),
    ("vendors/a.go", True, False),
    ("Vendor/a.go", True, False),
    ("3rdparty/a.c", True, False),
    ("src/third-party/a.c", True, False),
    ("ThirdParty/a.c", True, False),
    ("external/a.c", True, False),
    ("Externals/a.c", True, False),
    ("tests/fixtures/a.py", True, False),
    ("spec/fixtures/a.rb", True, False),
    ("fixtures/a.py", False, False),
    ("testdata/a.json", True, False),
    ("js/jquery-3.7.1.js", True, False),
    ("js/jquery-3.7.1.slim.js", False, False),
    ("js/jquery.js", True, False),
    ("js/jquery.min.js", True, False),
    ("js/app.js", False, False),
    ("css/bootstrap-theme.css", True, False),
    ("types/index.d.ts", True, False),
    ("configure", True, False),
    ("configure.ac", False, False),
    ("debian/rules", True, False),
    ("gradlew", True, False),
    (".github/workflows/a.yml", True, False),
    (".gitignore", True, False),
    ("Jenkinsfile", True, False),
    ("docs/_static/a.css", True, True),
    ("docs/index.md", False, True),
    ("Doc/a.rst", False, True),
    ("src/docs/a.rst", False, False),  # at the root only
    ("src/Documentation/a.txt", False, True),
    ("man/ls.1", False, True),
    ("examples/a.py", False, True),
    ("demo/a.py", False, True),
    ("samples/a.py", False, True),
    ("README", False, True),
    ("pkg/README.md", False, True),
    ("README_old", False, False),
    ("readme.rst", False, True),
    ("LICENSE", False, True),
    ("LICENCE.txt", False, True),
    ("COPYING.LESSER", False, True),
    ("CHANGELOG.md", False, True),
    ("CHANGES", False, True),
    ("CITATION.cff", False, True),
    ("INSTALL", False, True),
    ("install.py", False, False),
    ("", False, False),
    ("/", False, False),
    ("docs/\udce4.md", False, True),  # not UTF-8
    ("node_modules/\udce4.js", True, False),
]


@pytest.mark.parametrize(("path", "vendored", "documentation"), PATHS)
def test_path(path: str, vendored: bool, documentation: bool) -> None:
    assert (is_vendored(path), is_documentation(path)) == (vendored, documentation)


@cache
def _by_re(kind: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in PATTERNS[kind]), re.ASCII | re.MULTILINE)


def _words() -> list[str]:
    """The letters between the patterns' signs: of them paths are made that come near to matching."""
    words = {
        word for kind in ("vendored", "documentation") for text in PATTERNS[kind] for word in re.findall(r"\w+", text)
    }
    return sorted(words)


PARTS = st.one_of(
    st.sampled_from(_words()), st.sampled_from(["/", "/", ".", "-", "_", "1", ".js", ".css"]), st.text("aé \n")
)


@given(st.lists(PARTS, max_size=8).map("".join))
def test_answers_are_those_of_re(path: str) -> None:
    assert is_vendored(path) == (_by_re("vendored").search(path) is not None)
    assert is_documentation(path) == (_by_re("documentation").search(path) is not None)


@given(st.text(st.characters()))
def test_any_path_has_an_answer(path: str) -> None:
    assert isinstance(is_vendored(path) or is_documentation(path), bool)


def test_data_is_linguists() -> None:
    """168 and 18 patterns, as counted in vendor.yml and documentation.yml."""
    assert {kind: len(PATTERNS[kind]) for kind in ("vendored", "documentation")} == {
        "vendored": 168,
        "documentation": 18,
    }


def test_data_is_as_its_script_writes_it() -> None:
    content = {kind: PATTERNS[kind] for kind in ("vendored", "documentation")}
    assert render("paths", content) == DATA
