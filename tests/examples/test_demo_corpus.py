"""The demo corpus: the same ids every time, and every awkward repository is as awkward as it claims."""

import subprocess
import sys
from pathlib import Path

import pytest

from examples import demo_corpus
from examples.demo_corpus import AnyPath, build, main, read_stamp, run_git, write_repository


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of two distributions and everything made by hand."""
    dest = tmp_path_factory.mktemp("demo") / "corpus"
    build(dest, limit=2)
    return dest


@pytest.fixture
def site_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the only place where distributions are found."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    others = [entry for entry in sys.path if not list(Path(entry).glob("*.*-info"))]
    monkeypatch.setattr(sys, "path", [str(folder), *others])
    return folder


def install(site_packages: Path, name: str, files: dict[str, bytes], url: str = "") -> None:
    """A distribution as an installer leaves it."""
    info = f"{name}-1.0.dist-info"
    link = f"Project-URL: Funding, https://github.com/sponsors/someone\nProject-URL: Source, {url}\n" if url else ""
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{link}".encode()
    files = {path.replace("INFO", info): content for path, content in files.items()}
    files |= {f"{info}/METADATA": metadata, f"{info}/INSTALLER": b"pip\n"}
    for path, content in files.items():
        (site_packages / path).parent.mkdir(parents=True, exist_ok=True)
        (site_packages / path).write_bytes(content)
    (site_packages / info / "RECORD").write_text("".join(f"{path},,\n" for path in files))


def tree(repository: Path, ref: str = "HEAD") -> dict[bytes, tuple[str, str]]:
    """Mode and object id by path."""
    entries = run_git(repository, "ls-tree", "-r", "-z", ref).split(b"\0")[:-1]
    fields = [entry.split(b"\t", 1) for entry in entries]
    return {path: (meta[:6].decode(), meta[-40:].decode()) for meta, path in fields}


def contents(repository: Path) -> dict[bytes, bytes]:
    """Content by path of what is a blob."""
    files = {path: oid for path, (mode, oid) in tree(repository).items() if mode != "160000"}
    return {path: run_git(repository, "cat-file", "blob", oid) for path, oid in files.items()}


def repositories(corpus: Path) -> list[str]:
    """Paths of the repositories below the corpus, sorted."""
    return sorted(str(head.parent.relative_to(corpus)) for head in corpus.glob("*/**/HEAD"))


# The build


def test_same_ids_twice(corpus: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert build(again, limit=2) == len(repositories(corpus))
    assert repositories(again) == repositories(corpus)
    for name in repositories(corpus):
        refs = [
            run_git(folder / name, "for-each-ref", "--format=%(refname) %(objectname)") for folder in (corpus, again)
        ]
        assert refs[0] == refs[1], name
        assert bool(refs[0]) == (name != "made/empty.git")


def test_all_are_there(corpus: Path) -> None:
    expected = {f"made/{name}.git" for name in demo_corpus.TREES} | {"made/empty.git", "made/not-head.git"}
    found = set(repositories(corpus))
    assert expected | {"made/worktree/.git"} <= found
    assert len(found) == 15 + 2


def test_an_up_to_date_corpus_is_left_alone(corpus: Path) -> None:
    inode = corpus.stat().st_ino
    assert build(corpus, limit=2) == 17
    assert corpus.stat().st_ino == inode


def test_another_limit_builds_anew_and_an_interrupted_build_is_taken_up(tmp_path: Path) -> None:
    dest = tmp_path / "corpus"
    assert build(dest, limit=1, made=False) == 1
    dest.rename(tmp_path / "corpus.tmp")
    assert build(dest, limit=2, made=False) == 2
    assert build(dest, limit=1, made=False) == 1
    assert len(repositories(dest)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


@pytest.mark.parametrize("name", ["corpus", "corpus.tmp"])
def test_a_foreign_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "thesis.tex").write_text("years of work")
    assert main([str(tmp_path / "corpus"), "--limit", "1"]) == 2
    stderr = capsys.readouterr().err
    assert stderr.count("\n") == 1 and str(tmp_path / name) in stderr
    assert [path.name for path in tmp_path.rglob("*")] == [name, "thesis.tex"]


def test_main_reports_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "corpus"), "--limit", "1"]) == 0
    assert main([str(tmp_path / "corpus"), "--limit", "1"]) == 0
    output = capsys.readouterr()
    first, second = output.err.splitlines()
    assert first.startswith("16 repositories, ") and second.startswith("up to date: 16 repositories, ")
    assert output.out == ""


# Distributions


def test_what_is_taken_from_a_distribution(site_packages: Path, tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": b"",
        "pkg/_vendor/six.py": b"copy = 1\n",
        "pkg/__pycache__/x.cpython-311.pyc": b"\0",
        "pkg/small.so": b"\0" * 1_000_000,
        "pkg/large.so": b"\0" * 1_000_001,
        "pkg/large.so.25.0": b"\0" * 1_000_001,
        "pkg/large.bin": b"\0" * 1_000_001,
        "INFO/licenses/LICENSE": b"MIT\n",
        "INFO/licenses/vendored/COPYING": b"BSD\n",
        "INFO/WHEEL": b"Wheel-Version: 1.0\n",
        "INFO/direct_url.json": b"{}",
        "../bin/pkg": b"#!/usr/bin/python\n",
    }
    install(site_packages, "pkg", files)
    install(site_packages, "stackyard", {"own.py": b""})
    assert build(tmp_path / "corpus", made=False) == 1
    assert sorted(tree(tmp_path / "corpus/python/pkg.git")) == [
        b"LICENSE",
        b"PKG-INFO",
        b"pkg/__init__.py",
        b"pkg/_vendor/six.py",
        b"pkg/large.bin",
        b"pkg/small.so",
        b"vendored/COPYING",
    ]
    stamp = read_stamp(tmp_path / "corpus")
    assert stamp and (stamp.repositories, stamp.files) == (1, 7)


def test_caps_keep_licences_and_cut_in_path_order(
    site_packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site_packages, "zoo", {"b.py": b"bb", "a.py": b"aa", "c.py": b"cc", "INFO/LICENSE": b"MIT\n"})
    monkeypatch.setattr(demo_corpus, "MAX_DISTRIBUTION_FILES", 4)
    build(tmp_path / "corpus", made=False)
    assert sorted(tree(tmp_path / "corpus/python/zoo.git")) == [b"LICENSE", b"PKG-INFO", b"a.py", b"b.py"]


def test_names_come_from_the_forge_and_collisions_add_the_distribution(site_packages: Path, tmp_path: Path) -> None:
    for name, url in [
        ("core_extra", "https://github.com/Owner/Core/tree/main/extra"),
        ("core", "https://github.com/owner/core.git"),
        ("lab", "https://gitlab.com/group/lab/-/issues"),
        ("mine", "https://github.com/made/empty"),
        ("docs", "https://docs.example.org/github.com/x/y"),
    ]:
        install(site_packages, name, {f"{name}.py": b""}, url)
    build(tmp_path / "corpus", made=False)
    assert repositories(tmp_path / "corpus") == [
        "Owner/Core-core-extra.git",
        "group/lab.git",
        "owner/core.git",
        "python/docs.git",
        "python/mine.git",
    ]


# Repositories made by hand


def test_empty_has_no_commit(corpus: Path) -> None:
    assert run_git(corpus / "made/empty.git", "count-objects") == b"0 objects, 0 kilobytes\n"
    assert run_git(corpus / "made/empty.git", "symbolic-ref", "HEAD") == b"refs/heads/main\n"


def test_licences(corpus: Path) -> None:
    assert not [path for path in tree(corpus / "made/no-licence.git") if b"LICEN" in path]
    gpl = contents(corpus / "made/gpl.git")
    assert gpl[b"LICENSE"].startswith(b"GNU GENERAL PUBLIC LICENSE\nVersion 3")
    assert b"# it under the terms of the GNU General Public License" in gpl[b"app.py"]


def test_encodings(corpus: Path) -> None:
    files = contents(corpus / "made/encodings.git")
    assert files[b"utf16le_bom.py"].startswith(b"\xff\xfe") and files[b"utf16le_bom.py"].decode("utf-16")
    assert files[b"utf16be_without_bom.py"].startswith(b'\0"\0"') and files[b"utf16be_without_bom.py"].decode(
        "utf-16-be"
    )
    assert files[b"utf8_bom.py"].startswith(b"\xef\xbb\xbf#") and files[b"utf8_bom.py"].decode()
    assert "Été à Genève" in files[b"latin1.py"].decode("latin-1")
    assert "文字列" in files[b"shift_jis.py"].decode("shift_jis")
    for path in (b"latin1.py", b"shift_jis.py"):
        with pytest.raises(UnicodeDecodeError):
            files[path].decode()


def test_links(corpus: Path) -> None:
    assert tree(corpus / "made/submodule.git")[b"vendor/lib"] == ("160000", "1234567890" * 4)
    assert b"path = vendor/lib\n" in contents(corpus / "made/submodule.git")[b".gitmodules"]
    modes = {path: mode for path, (mode, _) in tree(corpus / "made/symlink.git").items()}
    assert [path for path, mode in modes.items() if mode == "120000"] == [b"absolute", b"inside.py", b"relative"]
    links = contents(corpus / "made/symlink.git")
    assert (links[b"absolute"], links[b"relative"]) == (b"/etc/hostname", b"../../../../etc/passwd")


def test_large_binary(corpus: Path) -> None:
    files = contents(corpus / "made/large-binary.git")
    assert len(files[b"noise.bin"]) == 3_000_000 and b"\0" in files[b"noise.bin"][:8_000]
    assert len(files[b"over_limit.txt"]) > 2 * 10**6 > 2**20 and b"\0" not in files[b"over_limit.txt"]
    assert files[b"weights.bin"].startswith(b"version https://git-lfs.github.com/spec/v1\noid sha256:")
    assert {b".env", b"id_rsa"} <= files.keys()


def test_generated(corpus: Path) -> None:
    files = contents(corpus / "made/generated.git")
    assert files[b"stringer.go"].startswith(b"// Code generated by stringer. DO NOT EDIT.\n")
    assert b"automatically generated" in files[b"parser.py"].splitlines()[1]
    assert b"schema_pb2.py" in files


def test_odd_paths(corpus: Path) -> None:
    paths = set(tree(corpus / "made/odd-paths.git"))
    assert {b"-rf.py", b"caf\xe9.py", b"new\nline.py", b"tab\there.py", b"back\\slash.py"} <= paths
    assert {b"dou\"ble 'single' quotes.py", b" spaces in / both parts .py", b"invoice\xe2\x80\xaefdp.py"} <= paths
    assert len(paths) == 9


def test_twins(corpus: Path) -> None:
    oids = {path: oid for path, (_, oid) in tree(corpus / "made/twins.git").items()}
    files = contents(corpus / "made/twins.git")
    assert oids[b"app.py"] == oids[b"copy/app.py"] != oids[b"utf16/app.py"]
    assert files[b"utf16/app.py"].decode("utf-16") == files[b"app.py"].decode()


@pytest.mark.parametrize(("name", "says"), [("broken", "corrupt"), ("missing-blob", "missing")])
def test_damage_shows_between_two_good_files(corpus: Path, name: str, says: str) -> None:
    repository = corpus / f"made/{name}.git"
    oids = {path: oid for path, (_, oid) in tree(repository).items()}
    for path in (b"a.py", b"c.py"):
        assert run_git(repository, "cat-file", "blob", oids[path]).startswith(b'"""About ')
    with pytest.raises(RuntimeError):
        run_git(repository, "cat-file", "blob", oids[b"b.py"])
    with pytest.raises(RuntimeError, match=says):
        run_git(repository, "fsck")


def test_planted_commands_run_when_read_carelessly_only(tmp_path: Path) -> None:
    marker = tmp_path / "a folder's 100%" / "PWNED"
    marker.parent.mkdir()
    build(tmp_path / "corpus", limit=0, marker=marker)
    planted = tmp_path / "corpus/made/planted.git"
    oids = {path: oid for path, (_, oid) in tree(planted).items()}
    assert run_git(planted, "cat-file", "blob", oids[b"a.py"]) and not marker.exists()
    for remote in ("origin", "mirror"):  # each of the two would do alone
        careless = ["git", f"--git-dir={planted}", "fetch", remote, oids[b"b.py"]]
        subprocess.run(careless, capture_output=True)
        assert marker.exists(), remote
        marker.unlink()
    subprocess.run(["git", f"--git-dir={planted}", "cat-file", "-e", oids[b"b.py"]], capture_output=True)
    assert marker.exists()
    assert (planted / "hooks/post-checkout").stat().st_mode & 0o111


def test_the_marker_is_beside_the_repositories(corpus: Path) -> None:
    assert f'fsmonitor = "touch {corpus}/PWNED"' in (corpus / "made/planted.git/config").read_text()
    assert not (corpus / "PWNED").exists()


def test_not_head_names_a_branch_that_does_not_exist(corpus: Path) -> None:
    repository = corpus / "made/not-head.git"
    assert run_git(repository, "symbolic-ref", "HEAD") == b"refs/heads/main\n"
    assert run_git(repository, "for-each-ref", "--format=%(refname)") == b"refs/heads/develop\n"
    assert list(tree(repository, "develop")) == [b"LICENSE", b"app.py"]


def test_worktree_is_dirty(corpus: Path) -> None:
    folder = corpus / "made/worktree"
    status = run_git(folder / ".git", f"--work-tree={folder}", "status", "--porcelain")
    assert status == b" M app.py\n?? untracked.py\n"


# Writing one repository


def test_write_repository_round_trip(tmp_path: Path) -> None:
    files: dict[AnyPath, bytes] = {
        "a/b.py": b"x = 1\n",
        b'\xff\n"\\': b"",
        "run": b"#!/bin/sh\ndata 3\n",
        "é": b"no newline",
    }
    first = write_repository(tmp_path / "one.git", files, modes={"run": "100755"})
    reordered = dict(reversed(files.items()))
    assert write_repository(tmp_path / "deep/two.git", reordered, modes={b"run": "100755"}, loose=True) == first
    assert run_git(tmp_path / "one.git", "rev-parse", "HEAD").decode().strip() == first
    expected = {path if isinstance(path, bytes) else path.encode(): content for path, content in files.items()}
    for name in ("one.git", "deep/two.git"):
        assert contents(tmp_path / name) == expected
        assert tree(tmp_path / name)[b"run"][0] == "100755"
        run_git(tmp_path / name, "fsck", "--strict")
    assert write_repository(tmp_path / "three.git", files) != first


def test_write_repository_leaves_what_is_there(tmp_path: Path) -> None:
    write_repository(tmp_path / "one.git", {"a": b""})
    with pytest.raises(FileExistsError):
        write_repository(tmp_path / "one.git", {"b": b""})
