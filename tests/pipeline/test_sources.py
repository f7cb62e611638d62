"""Folders and names to the list of repositories: what is found, what it is called, what is left out and why."""

import csv
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from examples.demo_corpus import init_repository, run_git, source, write_repository, write_worktree
from pipeline.config import Config, Source
from pipeline.errors import ConfigError
from pipeline.sources import list_repositories
from schemas.repositories import LISTED

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def mirrors(tmp_path: Path) -> Path:
    """A folder to put repositories into."""
    (tmp_path / "mirrors").mkdir()
    return tmp_path / "mirrors"


def listed(folder: Path, *sources: dict[str, Any]) -> list[dict[str, Any]]:
    """The list as rows."""
    table = list_repositories(Config(folder=folder, source=[Source(**given) for given in sources]))
    assert table.schema.equals(LISTED)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def complaint(folder: Path, **given: Any) -> str:
    """Why there is no list."""
    with pytest.raises(ConfigError) as caught:
        listed(folder, given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def excluded(rows: list[dict[str, Any]]) -> dict[str, tuple[str | None, str | None]]:
    """Why each repository is excluded."""
    return {row["repo_name"]: (row["excluded"], row["excluded_detail"]) for row in rows}


# Names


NAMED = [
    ("owner/name", "github.com", "owner/name", None),
    ("Owner/Name", "github.com", "Owner/Name", None),
    (f"owner/name@{COMMIT}", "github.com", "owner/name", COMMIT),
    ("owner/name.git", "github.com", "owner/name", None),
    ("owner/dotted.name", "github.com", "owner/dotted.name", None),
    ("https://github.com/owner/name", "github.com", "owner/name", None),
    ("https://github.com/owner/name/", "github.com", "owner/name", None),
    ("https://GitHub.com/owner/name.git", "github.com", "owner/name", None),
    (f"https://gitlab.com/group/sub/name@{COMMIT}", "gitlab.com", "group/sub/name", COMMIT),
    ("http://git.example.org:8080/Team/Name", "git.example.org:8080", "Team/Name", None),
]


@pytest.mark.parametrize(("text", "host", "repo_name", "commit"), NAMED)
def test_a_name(tmp_path: Path, text: str, host: str, repo_name: str, commit: str | None) -> None:
    (tmp_path / "names.txt").write_text(f"{text}\n")
    (row,) = listed(tmp_path, {"names": ["names.txt"]})
    assert (row["host"], row["repo_name"], row["asked_commit_id"]) == (host, repo_name, commit)
    assert (row["location"], row["object_bytes"], row["excluded"]) == (None, None, None)


def test_forges_that_fold_case_give_one_key(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("Owner/Name\nhttps://git.example.org/Owner/Name\n")
    keys = [row["repo_key"] for row in listed(tmp_path, {"names": ["names.txt"]})]
    assert keys == ["git.example.org/Owner/Name", "github.com/owner/name"]


def test_blank_lines_and_comments_are_no_names(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("# the first\n\n  a/b  \n#c/d\n\te/f\r\n")
    assert [row["repo_name"] for row in listed(tmp_path, {"names": ["names.txt"]})] == ["a/b", "e/f"]


@pytest.mark.parametrize("column", ["repo_name", "name", "repository"])
def test_names_come_from_csv_and_parquet_alike(tmp_path: Path, column: str) -> None:
    names = ["a/b", f"c/d@{COMMIT}", "https://gitlab.com/e/f"]
    (tmp_path / "names.txt").write_text("\n".join(names))
    with (tmp_path / "names.csv").open("w", newline="") as out:
        csv.writer(out).writerows([["stars", column], *(["7", name] for name in names)])
    pq.write_table(pa.table({"stars": [7] * 3, column: names}), tmp_path / "names.parquet")
    rows = {kind: listed(tmp_path, {"names": [f"names.{kind}"]}) for kind in ("txt", "csv", "parquet")}
    assert len(rows["txt"]) == 3
    assert rows["txt"] == rows["csv"] == rows["parquet"]


def test_the_list_is_sorted_by_key_whatever_the_order(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("b/b\na/a\n")
    (tmp_path / "two.txt").write_text("c/c\n")
    for names in (["one.txt", "two.txt"], ["two.txt", "one.txt"]):
        assert [row["repo_name"] for row in listed(tmp_path, {"names": names})] == ["a/a", "b/b", "c/c"]


BAD_NAMES = [
    "owner",
    "owner/na me",
    "owner/name@main",
    f"owner/name@{COMMIT.upper()}",
    f"owner/name@{COMMIT[:12]}",
    "git@github.com:owner/name.git",
    "ssh://git@github.com/owner/name",
    "file:///etc/passwd",
    "https://",
    "/owner/name",
    "owner//name",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_bad_name_is_told_with_its_file_and_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "names.txt").write_text(f"# first\nowner/good\n{name}\n")
    told = complaint(tmp_path, names=["names.txt"])
    assert f"{tmp_path / 'names.txt'}:3: {name!r}" in told


def test_a_bad_name_in_csv_and_parquet_is_told_with_its_row(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("name\na/b\nbad\n")
    pq.write_table(pa.table({"name": ["a/b", "bad"]}), tmp_path / "names.parquet")
    assert "names.csv:3: 'bad'" in complaint(tmp_path, names=["names.csv"])
    assert "names.parquet:2: 'bad'" in complaint(tmp_path, names=["names.parquet"])


def test_a_missing_name_in_csv_and_parquet_is_told_with_its_row(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("stars,name\n7,a/b\n7\n")
    pq.write_table(pa.table({"name": ["a/b", None]}), tmp_path / "names.parquet")
    pq.write_table(pa.table({"name": [1, 2]}), tmp_path / "numbers.parquet")
    assert "names.csv:3: " in complaint(tmp_path, names=["names.csv"])
    assert "names.parquet:2: " in complaint(tmp_path, names=["names.parquet"])
    assert "numbers.parquet:1: " in complaint(tmp_path, names=["numbers.parquet"])


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("gone.txt", None, "cannot be read"),
        ("names.json", b"[]", "must be a .txt, .csv or .parquet file"),
        ("names.txt", b"caf\xe9/name\n", "damaged"),
        ("names.csv", b"owner,stars\na,1\n", "no column repo_name, name or repository"),
        ("names.csv", b"", "no column repo_name, name or repository"),
        ("names.parquet", b"PAR1 and no more", "damaged"),
        ("empty.txt", b"# nothing\n", "no repository found"),
    ],
)
def test_a_bad_names_file_is_told(tmp_path: Path, file: str, content: bytes | None, expected: str) -> None:
    if content is not None:
        (tmp_path / file).write_bytes(content)
    told = complaint(tmp_path, names=[file])
    assert expected in told
    assert file in told or expected == "no repository found"


# Folders


def test_bare_repositories_and_work_trees_are_found_at_any_depth(mirrors: Path) -> None:
    write_repository(mirrors / "owner/bare.git", {"a.py": source("bare")})
    write_worktree(mirrors / "owner/tree")
    write_repository(mirrors / "host/group/sub/deep.git", {"a.py": source("deep")})
    init_repository(mirrors / "alone.git")
    (mirrors / "owner/notes").mkdir()
    (mirrors / "owner/notes/HEAD").write_text("a file that is called so\n")
    rows = listed(mirrors.parent, {"directories": ["mirrors"]})
    assert [(row["repo_key"], row["repo_name"], row["location"]) for row in rows] == [
        ("local/host/group/sub/deep", "host/group/sub/deep", "mirrors/host/group/sub/deep.git"),
        ("local/mirrors/alone", "mirrors/alone", "mirrors/alone.git"),  # a name has an owner
        ("local/owner/bare", "owner/bare", "mirrors/owner/bare.git"),
        ("local/owner/tree", "owner/tree", "mirrors/owner/tree"),
    ]
    assert {row["host"] for row in rows} == {"local"}
    packed = {row["repo_name"]: row["object_bytes"] for row in rows}
    packs = mirrors / "owner/bare.git/objects/pack"
    assert packed["owner/bare"] == sum(path.stat().st_size for path in packs.iterdir()) > 0
    assert packed["mirrors/alone"] == 0


def test_a_repository_inside_a_work_tree_is_not_listed(mirrors: Path) -> None:
    write_worktree(mirrors / "owner/outer")
    write_repository(mirrors / "owner/outer/vendor/inner.git", {"a.py": source("inner")})
    assert [row["repo_name"] for row in listed(mirrors.parent, {"directories": ["mirrors"]})] == ["owner/outer"]


def test_the_folder_may_be_a_repository_itself(mirrors: Path) -> None:
    write_repository(mirrors / "owner/name.git", {"a.py": source("itself")})
    (row,) = listed(mirrors.parent, {"directories": ["mirrors/owner/name.git"]})
    assert (row["repo_name"], row["location"]) == ("owner/name", "mirrors/owner/name.git")


def test_the_owner_is_a_folder_even_where_the_configuration_looks_up(mirrors: Path) -> None:
    write_repository(mirrors / "name.git", {"a.py": source("above")})
    (mirrors / "inner").mkdir()
    (row,) = listed(mirrors / "inner", {"directories": [".."]})
    assert (row["repo_name"], row["location"]) == ("mirrors/name", "../name.git")


def test_a_linked_work_tree_is_found(mirrors: Path) -> None:
    write_repository(mirrors / "owner/main.git", {"a.py": source("main")})
    run_git(mirrors / "owner/main.git", "worktree", "add", "-q", "--detach", str(mirrors / "owner/linked"))
    rows = listed(mirrors.parent, {"directories": ["mirrors"]})
    assert [row["repo_name"] for row in rows] == ["owner/linked", "owner/main"]


def test_symbolic_links_to_folders_are_not_followed(mirrors: Path, tmp_path: Path) -> None:
    write_repository(tmp_path / "elsewhere/secret.git", {"a.py": source("secret")})
    write_repository(mirrors / "owner/name.git", {"a.py": source("mine")})
    (mirrors / "owner/link.git").symlink_to(tmp_path / "elsewhere/secret.git")
    (mirrors / "elsewhere").symlink_to(tmp_path / "elsewhere")
    (mirrors / "owner/loop").symlink_to(mirrors)
    assert [row["repo_name"] for row in listed(tmp_path, {"directories": ["mirrors"]})] == ["owner/name"]


def test_case_of_folders_is_kept(mirrors: Path) -> None:
    for name in ("Name", "name"):
        write_repository(mirrors / f"owner/{name}.git", {"a.py": source("case")})
    rows = listed(mirrors.parent, {"directories": ["mirrors"]})
    assert [(row["repo_key"], row["excluded"]) for row in rows] == [
        ("local/owner/Name", None),
        ("local/owner/name", None),
    ]


def test_a_folder_whose_name_is_not_utf8_is_told(mirrors: Path) -> None:
    write_repository(mirrors / "owner/name.git", {"a.py": source("named")})
    (mirrors / "owner/name.git").rename(mirrors / "owner" / os.fsdecode(b"caf\xe9.git"))
    told = complaint(mirrors.parent, directories=["mirrors"])
    assert r"caf\xe9.git" in told
    assert "not UTF-8" in told


def test_a_missing_folder_and_a_folder_without_repositories_are_told(mirrors: Path) -> None:
    assert "'gone': no such folder" in complaint(mirrors.parent, directories=["gone"])
    assert "no repository found" in complaint(mirrors.parent, directories=["mirrors"])


# What is excluded


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"include": ["a/*"]}, {"b/one": "not in include", "b/two": "not in include"}),
        ({"exclude": ["*/two"]}, {"a/two": "*/two", "b/two": "*/two"}),
        (
            {"include": ["a/*", "b/*"], "exclude": ["b/*", "*/two"]},
            {"a/two": "*/two", "b/one": "b/*", "b/two": "b/*"},
        ),
        ({"include": ["a/one"]}, dict.fromkeys(("a/two", "b/one", "b/two"), "not in include")),
        ({"exclude": ["A/*"]}, {}),
    ],
)
def test_include_and_exclude(tmp_path: Path, given: dict[str, list[str]], expected: dict[str, str]) -> None:
    (tmp_path / "names.txt").write_text("a/one\na/two\nb/one\nb/two\n")
    rows = listed(tmp_path, {"names": ["names.txt"]} | given)
    assert len(rows) == 4, "what is excluded is still listed"
    assert excluded(rows) == {row["repo_name"]: (None, None) for row in rows} | {
        name: ("filter", detail) for name, detail in expected.items()
    }


def test_a_key_listed_twice_counts_once(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("Owner/Name\nother/name\nhttps://github.com/owner/name.git\n")
    rows = listed(tmp_path, {"names": ["names.txt"]})
    twice = [row for row in rows if row["repo_key"] == "github.com/owner/name"]
    assert len(rows) == 3
    assert [(row["excluded"], row["excluded_detail"]) for row in twice] == [
        (None, None),
        ("duplicate_of", "github.com/owner/name"),
    ]


def test_of_two_folders_with_one_name_the_first_source_counts(mirrors: Path) -> None:
    for folder in ("one", "two"):
        write_repository(mirrors / folder / "owner/name.git", {"a.py": source(folder)})
    sources = [{"directories": [f"mirrors/{folder}"]} for folder in ("one", "two")]
    rows = listed(mirrors.parent, *sources)
    assert [(row["source"], row["location"], row["excluded"]) for row in rows] == [
        (0, "mirrors/one/owner/name.git", None),
        (1, "mirrors/two/owner/name.git", "duplicate_of"),
    ]


def test_what_one_source_excludes_another_may_bring(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("a/b\n")
    rows = listed(tmp_path, {"names": ["names.txt"], "exclude": ["a/*"]}, {"names": ["names.txt"]})
    assert [(row["source"], row["excluded"]) for row in rows] == [(1, None), (0, "filter")]
