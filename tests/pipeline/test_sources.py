"""Folders and names to the list of repositories: what is found, what it is called, what is left out and why."""

import csv
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from examples.demo_corpus import init_repository, run_git, source, write_repository, write_worktree
from pipeline.config import Config, Fetch, Host, OptOut, Source
from pipeline.errors import ConfigError
from pipeline.sources.listing import follow_renames, list_repositories
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
    ("https://git.example.org/Team/Name", "git.example.org", "Team/Name", None),
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
    (tmp_path / "names.txt").write_text("\ufeff# the first\n\n  a/b  \n#c/d\n\te/f # why\r\n")
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
    "owner/..",
    "../name",
    "owner/n\u00e4me",
    "owner/name/tree/main",  # a page of github.com
    "git@github.com:owner/name.git",
    "ssh://git@github.com/owner/name",
    "ssh://-oProxyCommand=touch%20PWNED/x",
    "ext::sh -c touch% PWNED",
    " ext::sh -c touch% PWNED",
    "EXT::sh -c touch% PWNED",
    "ext://sh",
    "fd::17",
    "file:///etc/passwd",
    "/etc/passwd",
    "--upload-pack=touch PWNED",
    "https://",
    "https://user:secret@github.com/owner/name",
    "https://github.com:8443/owner/name",
    "https://github.com/owner/name?a=b",
    "https://github.com/owner/name#readme",
    "https://[::1]/owner/name",
    "https://[::ffff:127.0.0.1]/owner/name",
    "https://127.0.0.1/owner/name",
    "http://2130706433/owner/name",
    "https://0x7f.1/owner/name",
    "https://localhost/../owner/name",
    "http://github.com/owner/name",
    "/owner/name",
    "owner//name",
    "https://github.com/[",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_bad_name_is_excluded_with_its_file_and_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "names.txt").write_text(f"# first\nowner/good\n{name}\n")
    bad, good = sorted(listed(tmp_path, {"names": ["names.txt"]}), key=lambda row: row["excluded"] is None)
    assert (good["repo_name"], good["excluded"]) == ("owner/good", None)
    assert (bad["host"], bad["excluded"], bad["url"], bad["location"]) == ("invalid", "bad_url", None, None)
    assert bad["excluded_detail"].startswith("names.txt:3: ")


def test_hosts_that_are_configured_may_be_numbers_and_speak_http(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("http://127.0.0.1:8080/owner/name\nhttps://git.local/a/b/c.git\n")
    fetch = Fetch(hosts={"127.0.0.1:8080": Host(url="http://127.0.0.1:8080"), "git.local": Host()})
    table = list_repositories(Config(folder=tmp_path, source=[Source(names=["names.txt"])], fetch=fetch))
    assert table["repo_key"].to_pylist() == ["127.0.0.1:8080/owner/name", "git.local/a/b/c"]
    assert table["excluded"].to_pylist() == [None, None]


def test_only_bad_names_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("name\nbad\nworse\n")
    assert "names.csv:2: 'bad'" in complaint(tmp_path, names=["names.csv"])


def test_a_missing_name_in_csv_and_parquet_is_told_with_its_row(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("stars,name\n7,a/b\n7\n")
    pq.write_table(pa.table({"name": ["a/b", None]}), tmp_path / "names.parquet")
    pq.write_table(pa.table({"name": [1, 2]}), tmp_path / "numbers.parquet")
    for name in ("names.csv:3", "names.parquet:2"):
        rows = listed(tmp_path, {"names": [name.partition(":")[0]]})
        assert [row["excluded_detail"][: len(name)] for row in rows if row["excluded"]] == [name]
    assert "numbers.parquet:1: " in complaint(tmp_path, names=["numbers.parquet"])


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("gone.txt", None, "cannot be read"),
        ("names.json", b"[]", "must be a .txt, .csv or .parquet file"),
        ("names.txt", b"caf\xe9/name\n", "damaged"),
        ("names.csv", b"owner,stars\na,1\n", "no column repo_name, name, repository or url"),
        ("names.csv", b"", "no column repo_name, name, repository or url"),
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


OPT_OUTS = [
    ("other", set()),
    ("owner", {"owner/one", "owner/two"}),
    ("OWNER/One", {"owner/one"}),
    ("https://github.com/owner/one.git", {"owner/one"}),
    ("github.com/owner", {"owner/one", "owner/two"}),
    ("https://gitlab.com/owner/one", set()),
    ("group/sub/", {"group/sub/deep"}),
    ("# owner\nown\nowner/on", set()),
]


@pytest.mark.parametrize(("lines", "expected"), OPT_OUTS)
def test_who_opted_out_is_excluded(tmp_path: Path, lines: str, expected: set[str]) -> None:
    (tmp_path / "names.txt").write_text("owner/one\nowner/two\nowner2/one\nhttps://gitlab.com/group/sub/deep\n")
    (tmp_path / "out.txt").write_text(f"# a comment\n{lines}  # why\n")
    config = Config(folder=tmp_path, source=[Source(names=["names.txt"])], opt_out=OptOut(files=["out.txt"]))
    rows = list_repositories(config).to_pylist()
    assert {row["repo_name"] for row in rows if row["excluded"] == "opt_out"} == expected
    assert len(rows) == 4


def test_an_opt_out_list_that_cannot_be_read_stops_the_listing(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("owner/one\n")
    config = Config(folder=tmp_path, source=[Source(names=["names.txt"])], opt_out=OptOut(files=["gone.txt"]))
    with pytest.raises(ConfigError, match=r"opt_out: files: .*gone\.txt: cannot be read"):
        list_repositories(config)


# New names


def follow(folder: Path, names: str, *renames: tuple[str, str], **given: Any) -> list[dict[str, Any]]:
    (folder / "names.txt").write_text(names)
    config = Config(folder=folder, source=[Source(names=["names.txt"], **given.pop("source", {}))], **given)
    rows: list[dict[str, Any]] = list_repositories(config, renames=renames).to_pylist()
    assert list_repositories(config).equals(follow_renames(list_repositories(config), (), config))
    assert follow_renames(list_repositories(config), renames, config).to_pylist() == rows
    return rows


def test_a_new_name_is_listed_in_the_place_of_the_old(tmp_path: Path) -> None:
    rows = follow(tmp_path, "a/old\n", ("github.com/a/old", "b/New"))
    assert [(row["repo_key"], row["repo_name"], row["url"]) for row in rows] == [
        ("github.com/a/old", "a/old", "https://github.com/a/old.git"),
        ("github.com/b/new", "b/New", "https://github.com/b/New.git"),
    ]


def test_a_new_name_that_is_listed_already_stays_one(tmp_path: Path) -> None:
    rows = follow(tmp_path, "a/old\nb/new\n", ("github.com/a/old", "b/new"), ("github.com/b/new", "a/old"))
    assert [row["repo_name"] for row in rows] == ["a/old", "b/new"]


def test_renames_are_followed_three_times(tmp_path: Path) -> None:
    chain = [(f"github.com/a/{i}", f"a/{i + 1}") for i in range(9)]
    assert [row["repo_name"] for row in follow(tmp_path, "a/0\n", *chain)] == ["a/0", "a/1", "a/2", "a/3"]


def test_a_new_name_is_filtered_as_a_listed_one(tmp_path: Path) -> None:
    (tmp_path / "out.txt").write_text("b\n")
    rows = follow(
        tmp_path,
        "a/1\na/2\n",
        ("github.com/a/1", "b/1"),
        ("github.com/a/2", "c/2"),
        source={"include": ["a/*"]},
        opt_out=OptOut(files=["out.txt"]),
    )
    assert excluded(rows) == {
        "a/1": (None, None),
        "a/2": (None, None),
        "b/1": ("opt_out", None),
        "c/2": ("filter", "not in include"),
    }


def test_who_opted_out_is_out_under_a_new_name_too(tmp_path: Path) -> None:
    (tmp_path / "out.txt").write_text("a/old\n")
    renames = (("github.com/a/old", "b/new"), ("github.com/b/new", "c/newest"))
    rows = follow(tmp_path, "a/old\nc/newest\nd/other\n", *renames, opt_out=OptOut(files=["out.txt"]))
    assert {row["repo_name"] for row in rows if row["excluded"] is None} == {"d/other"}


def test_what_one_source_excludes_another_may_bring(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("a/b\n")
    rows = listed(tmp_path, {"names": ["names.txt"], "exclude": ["a/*"]}, {"names": ["names.txt"]})
    assert [(row["source"], row["excluded"]) for row in rows] == [(1, None), (0, "filter")]
