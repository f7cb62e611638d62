"""Whose licence a file has: its own, its nearest folder's, or none."""

# ruff: noqa: E501 - a case stays on its line

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.licenses.classes import license_type
from filters.licenses.scope import MAX_PATH_CHARS, Scoped, scope

UNKNOWN = "LicenseRef-unknown"
FILE = "LicenseRef-file-"

# What is said in the repository, a file of it, its expression, the path that says so. A path ending in "!" is vendored.
CASES: list[tuple[str, dict[str, str], str, str | None, str | None]] = [
    ("nothing is said", {}, "a.py", None, None),
    ("the top covers all below", {"LICENSE": "MIT"}, "a/b/c.py", "MIT", "LICENSE"),
    ("a folder covers only what is in it", {"a/LICENSE": "MIT"}, "b/c.py", None, None),
    ("a folder of a longer name is another", {"a/LICENSE": "MIT"}, "ab/c.py", None, None),
    ("the nearest wins", {"LICENSE": "MIT", "a/COPYING": "GPL-3.0-only"}, "a/b/c.py", "GPL-3.0-only", "a/COPYING"),
    ("and above it the top", {"LICENSE": "MIT", "a/COPYING": "GPL-3.0-only"}, "b/c.py", "MIT", "LICENSE"),
    ("also below docs", {"LICENSE": "MIT", "docs/LICENSE": "CC-BY-4.0"}, "docs/a.md", "CC-BY-4.0", "docs/LICENSE"),
    # the file itself
    ("a header beats folders", {"LICENSE": "MIT", "a.c": "GPL-2.0-only"}, "a.c", "GPL-2.0-only", "a.c"),
    ("and is the file's alone", {"LICENSE": "MIT", "a.c": "GPL-2.0-only"}, "b.c", "MIT", "LICENSE"),
    ("a licence file has its own", {"LICENSE": "MIT", "COPYING": "GPL-2.0-only"}, "LICENSE", "MIT", "LICENSE"),
    ("a licence that says nothing has its folder's", {"LICENSE": "MIT"}, "a/LICENSE", "MIT", "LICENSE"),
    ("metadata has its folder's", {"LICENSE": "GPL-2.0-only", "a/package.json": "MIT"}, "a/package.json", "MIT", "a/package.json"),
    ("webpack's is of its bundle (62)", {"LICENSE": "MIT", "app.js.LICENSE.txt": "ISC"}, "b.js", "MIT", "LICENSE"),
    # several licence files
    ("two are a sum", {"LICENSE": "MIT", "COPYING": "GPL-2.0-only"}, "a.c", "GPL-2.0-only AND MIT", "COPYING"),
    ("COPYING.LESSER is on COPYING", {"COPYING": "GPL-3.0-only", "COPYING.LESSER": "LGPL-3.0-only"}, "a.c", "LGPL-3.0-only", "COPYING"),
    ("LGPL-2.1 is on its own", {"COPYING": "GPL-2.0-only", "COPYING.LIB": "LGPL-2.1-only"}, "a.c", "GPL-2.0-only AND LGPL-2.1-only", "COPYING"),
    # metadata
    ("metadata alone", {"package.json": "MIT"}, "a/b.js", "MIT", "package.json"),
    ("the nearest metadata", {"LICENSE": "MIT", "a/package.json": "ISC"}, "a/b.js", "ISC", "a/package.json"),
    ("the same as the text", {"LICENSE": "MIT", "package.json": "MIT"}, "b.js", "MIT", "LICENSE"),
    ("another permissive is added (19)", {"LICENSE": "MIT", "package.json": "ISC"}, "b.js", "MIT AND ISC", "LICENSE"),
    ("text stricter", {"LICENSE": "GPL-3.0-only", "package.json": "MIT"}, "b.js", "GPL-3.0-only AND MIT", "LICENSE"),
    ("metadata stricter", {"LICENSE": "MIT", "package.json": "GPL-3.0-only"}, "b.js", "MIT AND GPL-3.0-only", "LICENSE"),
    ("unknown metadata", {"LICENSE": "MIT", "package.json": UNKNOWN}, "b.js", f"MIT AND {UNKNOWN}", "LICENSE"),
    ("text by its choice (20)", {"LICENSE": "ISC OR MIT", "package.json": "ISC"}, "b.js", "(ISC OR MIT) AND ISC", "LICENSE"),
    ("metadata differ", {"package.json": "MIT", "setup.py": "ISC"}, "b.js", "MIT AND ISC", "package.json"),
    ("some BSD is the text's", {"LICENSE": "BSD-3-Clause", "setup.py": "LicenseRef-family-BSD"}, "a.py", "BSD-3-Clause", "LICENSE"),
    ("some BSD is not MIT", {"LICENSE": "MIT", "setup.py": "LicenseRef-family-BSD"}, "a.py", "MIT AND LicenseRef-family-BSD", "LICENSE"),
    ("families in a sum (17)", {"LICENSE": "Apache-2.0 AND BSD-3-Clause", "setup.py": "LicenseRef-family-BSD AND LicenseRef-family-Apache"},
     "a.py", "Apache-2.0 AND BSD-3-Clause", "LICENSE"),
    ("a family that is not in the text", {"LICENSE": "Apache-2.0", "setup.py": "LicenseRef-family-BSD AND LicenseRef-family-Apache"},
     "a.py", "Apache-2.0 AND LicenseRef-family-BSD", "LICENSE"),
    ("some GPL is not the choice", {"LICENSE": "MIT OR GPL-2.0-only", "setup.py": "LicenseRef-family-GPL"}, "a.py",
     "(MIT OR GPL-2.0-only) AND LicenseRef-family-GPL", "LICENSE"),
    ("text does not tell -or-later", {"COPYING": "GPL-3.0-only", "setup.py": "GPL-3.0-or-later"}, "a.py", "GPL-3.0-or-later", "setup.py"),
    # a choice
    ("Rust's two texts", {"LICENSE-MIT": "MIT", "LICENSE-APACHE": "Apache-2.0", "Cargo.toml": "MIT OR Apache-2.0"}, "a.rs",
     "MIT OR Apache-2.0", "Cargo.toml"),
    ("without metadata no choice", {"LICENSE-MIT": "MIT", "LICENSE-APACHE": "Apache-2.0"}, "a.rs", "Apache-2.0 AND MIT", "LICENSE-APACHE"),
    ("one text of the choice", {"LICENSE-MIT": "MIT", "Cargo.toml": "MIT OR Apache-2.0"}, "a.rs", "MIT OR Apache-2.0", "Cargo.toml"),
    ("both texts of a choice", {"LICENSE-MIT": "MIT", "COPYING": "GPL-2.0-only", "Cargo.toml": "MIT OR GPL-2.0-only"}, "a.rs",
     "MIT OR GPL-2.0-only", "Cargo.toml"),
    ("only its strict text", {"COPYING": "GPL-2.0-only", "Cargo.toml": "MIT OR GPL-2.0-only"}, "a.rs",
     "GPL-2.0-only AND (MIT OR GPL-2.0-only)", "COPYING"),
    ("a text outside of it", {"LICENSE-MIT": "MIT", "COPYING": "GPL-2.0-only", "Cargo.toml": "MIT OR Apache-2.0"}, "a.rs",
     "GPL-2.0-only AND MIT AND (MIT OR Apache-2.0)", "COPYING"),
    ("metadata elsewhere", {"LICENSE-MIT": "MIT", "COPYING": "GPL-2.0-only", "a/Cargo.toml": "MIT OR GPL-2.0-only"}, "b.rs",
     "GPL-2.0-only AND MIT", "COPYING"),
    # readmes
    ("a readme alone", {"README.md": "MIT"}, "a/b.py", "MIT", "README.md"),
    ("not beside a licence", {"LICENSE": "MIT", "README.md": "GPL-3.0-only"}, "b.py", "MIT", "LICENSE"),
    ("not beside metadata", {"setup.py": "GPL-3.0-only", "README.md": "MIT"}, "b.py", "GPL-3.0-only", "setup.py"),
    ("not instead of a licence above", {"LICENSE": "GPL-3.0-only", "a/README.md": "MIT"}, "a/b.py", "MIT AND GPL-3.0-only", "a/README.md"),
    ("but added to it", {"LICENSE": "MIT", "a/README.md": "GPL-3.0-only"}, "a/b/c.py", "GPL-3.0-only AND MIT", "a/README.md"),
    ("not elsewhere", {"LICENSE": "MIT", "a/README.md": "GPL-3.0-only"}, "b/c.py", "MIT", "LICENSE"),
    ("two readmes", {"README.md": "MIT", "a/README.md": "ISC"}, "a/c.py", "MIT AND ISC", "README.md"),
    # REUSE
    ("LICENSES is for the folder it is in", {"LICENSES/MIT.txt": "MIT", "LICENSES/CC0-1.0.txt": "CC0-1.0"}, "a/b.py",
     "CC0-1.0 AND MIT", "LICENSES/CC0-1.0.txt"),
    ("where nothing else speaks", {"LICENSE": "MIT", "LICENSES/GPL-2.0-only.txt": "GPL-2.0-only"}, "b.py", "MIT", "LICENSE"),
    ("not even a readme", {"README": "MIT", "LICENSES/GPL-2.0-only.txt": "GPL-2.0-only"}, "b.py", "MIT", "README"),
    ("nor a header", {"b.py": "MIT", "LICENSES/GPL-2.0-only.txt": "GPL-2.0-only"}, "b.py", "MIT", "b.py"),
    ("each text is its own", {"LICENSES/MIT.txt": "MIT", "LICENSES/ISC.txt": "ISC"}, "LICENSES/ISC.txt", "ISC", "LICENSES/ISC.txt"),
    # references to files
    ("to siblings (3)", {"LICENSE": f"{FILE}LICENSE.APACHE OR {FILE}LICENSE.BSD", "LICENSE.APACHE": "Apache-2.0", "LICENSE.BSD": "GPL-2.0-only"},
     "LICENSE", "Apache-2.0 OR GPL-2.0-only", "LICENSE"),
    ("from metadata", {"LICENSE.txt": "MIT", "setup.py": f"{FILE}LICENSE.txt"}, "a.py", "MIT", "LICENSE.txt"),
    ("through two", {"Cargo.toml": f"{FILE}LICENSE", "LICENSE": f"{FILE}LICENSE.BSD", "LICENSE.BSD": "BSD-2-Clause"}, "a.rs", "BSD-2-Clause", "LICENSE"),
    ("from a header (41)", {"LICENSE": "BSD-3-Clause", "a/b.go": f"{FILE}LICENSE"}, "a/b.go", "BSD-3-Clause", "a/b.go"),
    ("the nearest", {"LICENSE": "MIT", "a/LICENSE": "ISC", "a/b/c.go": f"{FILE}LICENSE"}, "a/b/c.go", "ISC", "a/b/c.go"),
    ("not downwards", {"a/LICENSE": "ISC", "c.go": f"{FILE}LICENSE"}, "c.go", UNKNOWN, "c.go"),
    ("into a folder", {"legal/MIT.txt": "MIT", "setup.py": f"{FILE}legal-MIT.txt"}, "a.py", "MIT", "setup.py"),
    ("without its suffix", {"LICENSE.md": "MIT", "setup.py": f"{FILE}LICENSE"}, "a.py", "MIT", "LICENSE.md"),
    ("with another suffix", {"LICENSE.md": "MIT", "setup.py": f"{FILE}LICENSE.txt"}, "a.py", "MIT", "LICENSE.md"),
    ("in another case", {"License.MD": "MIT", "setup.py": f"{FILE}LICENSE.md"}, "a.py", "MIT", "License.MD"),
    ("the exact name first", {"COPYING.md": "GPL-2.0-only", "COPYING.txt": "MIT", "a.c": f"{FILE}COPYING.txt"}, "a.c", "MIT", "a.c"),
    ("else the first", {"COPYING.md": "ISC", "COPYING.txt": "MIT", "a.c": f"{FILE}COPYING"}, "a.c", "ISC", "a.c"),
    ("to nothing", {"setup.py": f"{FILE}TERMS"}, "a.py", UNKNOWN, "setup.py"),
    ("to itself", {"LICENSE": f"{FILE}LICENSE"}, "a.py", UNKNOWN, "LICENSE"),
    ("in a circle", {"LICENSE": f"{FILE}COPYING", "COPYING": f"{FILE}LICENSE"}, "LICENSE", UNKNOWN, "LICENSE"),
    ("beside more", {"LICENSE": f"MIT AND {FILE}NONE"}, "a.py", f"MIT AND {UNKNOWN}", "LICENSE"),
    # vendored
    ("nothing from the top", {"LICENSE": "MIT"}, "vendor/a.py!", None, None),
    ("its own header", {"LICENSE": "MIT", "vendor/a.py!": "ISC"}, "vendor/a.py!", "ISC", "vendor/a.py"),
    ("its own licence", {"LICENSE": "MIT", "vendor/x/LICENSE!": "ISC"}, "vendor/x/y/a.py!", "ISC", "vendor/x/LICENSE"),
    ("its own metadata", {"LICENSE": "MIT", "vendor/x/package.json!": "ISC"}, "vendor/x/a.js!", "ISC", "vendor/x/package.json"),
    ("not a neighbour's", {"vendor/x/LICENSE!": "ISC"}, "vendor/z/a.py!", None, None),
    ("an own licence that is not vendored", {"vendor/x/LICENSE": "ISC"}, "vendor/x/a.py!", None, None),
    ("a reference stays inside", {"LICENSE": "MIT", "vendor/a.go!": f"{FILE}LICENSE"}, "vendor/a.go!", UNKNOWN, "vendor/a.go"),
    ("others do not have theirs", {"LICENSE": "GPL-3.0-only", "a/LICENSE!": "MIT"}, "a/b.py", "GPL-3.0-only", "LICENSE"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "said", "file", "expression", "path"), CASES)
def test_scope(what: str, said: dict[str, str], file: str, expression: str | None, path: str | None) -> None:
    assert scoped(said, file)[:2] == (expression, path)


def test_every_file_that_was_heard_is_named() -> None:
    files = {"LICENSE-MIT": "MIT", "COPYING": "GPL-2.0-only", "package.json": "ISC", "README.md": "Zlib"}
    assert scoped(files, "a.js") == Scoped("GPL-2.0-only AND MIT AND ISC", "COPYING", ("LICENSE-MIT", "package.json"))
    assert scoped({"LICENSE": "MIT", "setup.py": "MIT"}, "a.py").others == ("setup.py",)
    choice = {"LICENSE-MIT": "MIT", "Cargo.toml": "MIT OR Apache-2.0"}
    assert scoped(choice, "a.rs") == Scoped("MIT OR Apache-2.0", "Cargo.toml", ("LICENSE-MIT",))


def scoped(said: dict[str, str], file: str) -> Scoped:
    files = dict.fromkeys([file]) | said
    paths = [path.removesuffix("!") for path in files]
    return scope(paths, list(files.values()), [path.endswith("!") for path in files])[list(files).index(file)]


def test_every_file_has_an_answer_in_its_place_and_null_is_not_vendored() -> None:
    assert scope([], [], []) == []
    files = ["a.py", "LICENSE", "b.py", "vendor/c.py"]
    assert scope(files, [None, "MIT", "ISC", None], [None, None, False, True]) == [
        Scoped("MIT", "LICENSE"),
        Scoped("MIT", "LICENSE"),
        Scoped("ISC", "b.py"),
        Scoped(None, None),
    ]
    with pytest.raises(ValueError, match="shorter"):
        scope(files, [None], [None])


def test_package_json_without_a_licence_does_not_stop_inheritance() -> None:
    paths = ["LICENSE", "packages/a/package.json", "packages/a/b.js"]
    assert set(scope(paths, ["MIT", None, None], [False] * 3)) == {Scoped("MIT", "LICENSE")}


def test_hostile_paths_and_references() -> None:
    inside = "a/" * (MAX_PATH_CHARS // 2) + "b.py"
    assert scoped({"LICENSE": "MIT"}, inside) == Scoped("MIT", "LICENSE")
    assert scoped({"LICENSE": "MIT"}, "a/" + inside) == Scoped(None, None)
    assert scoped({"LICENSE": "MIT"}, "a/" * 1_000_000) == Scoped(None, None)
    references = " AND ".join(f"{FILE}LICENSE-{i}" for i in range(200))
    assert scoped({f"LICENSE-{i}": references for i in range(200)}, "a.py").expression == UNKNOWN


FOLDERS = ["", "a/", "a/b/", "vendor/", "vendor/x/"]
NAMES = [
    "LICENSE",
    "COPYING",
    "LICENSE-MIT",
    "package.json",
    "setup.py",
    "README.md",
    "LICENSES/MIT.txt",
    "c.py",
    "d.py",
]
COPYLEFT = ["GPL-2.0-only", "GPL-3.0-or-later", "LGPL-3.0-only", "MPL-2.0", UNKNOWN]
SAID = [
    *COPYLEFT,
    "MIT",
    "Apache-2.0",
    "MIT OR Apache-2.0",
    "MIT OR GPL-2.0-only",
    "GPL-2.0-only OR LGPL-3.0-only OR MIT",
    "(MIT OR GPL-3.0-or-later) AND MPL-2.0",
    "LicenseRef-family-BSD",
    "LicenseRef-family-GPL",
    f"{FILE}LICENSE",
    f"MIT OR {FILE}COPYING",
]
PATHS = st.builds(str.__add__, st.sampled_from(FOLDERS), st.sampled_from(NAMES))
REPOSITORIES = st.dictionaries(PATHS, st.none() | st.sampled_from(SAID), min_size=1, max_size=12)


def scope_all(files: dict[str, str | None]) -> dict[str, Scoped]:
    vendored = [path.startswith("vendor/") for path in files]
    return dict(zip(files, scope(list(files), list(files.values()), vendored), strict=True))


@given(REPOSITORIES, st.randoms(use_true_random=False))
def test_the_order_of_the_files_does_not_matter(files: dict[str, str | None], order: random.Random) -> None:
    shuffled = list(files.items())
    order.shuffle(shuffled)
    assert scope_all(dict(shuffled)) == scope_all(files)


@given(REPOSITORIES, PATHS, st.sampled_from(COPYLEFT))
def test_a_copyleft_licence_more_never_makes_a_file_permissive(
    files: dict[str, str | None], place: str, copyleft: str
) -> None:
    before = scope_all({path: said for path, said in files.items() if path != place} | {place: None})
    after = scope_all({path: said for path, said in files.items() if path != place} | {place: copyleft})
    made = [
        path
        for path in after
        if "permissive" == license_type(after[path].expression) != license_type(before[path].expression)
    ]
    assert made == []


@given(REPOSITORIES)
def test_a_vendored_file_has_nothing_of_the_repository(files: dict[str, str | None]) -> None:
    vendored = {path: said for path, said in files.items() if path.startswith("vendor/")}
    assert scope_all(vendored).items() <= scope_all(files).items()
