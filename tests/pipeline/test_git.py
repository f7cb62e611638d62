"""Repositories in folders, however they are made: read or named as failed, never obeyed, never changed."""

import contextlib
import hashlib
import os
import subprocess
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from examples import demo_corpus
from examples.demo_corpus import (
    B_PY,
    MIT,
    init_repository,
    loose_object,
    plant,
    run_git,
    source,
    three_modules,
    write_repository,
)
from pipeline import corpus as story
from pipeline import git, units
from pipeline.config import Config, Extract, Fetch, Source
from pipeline.engine import Engine
from pipeline.errors import ConfigError, RepositoryError
from pipeline.extract import ExtractUnit
from pipeline.read import Batch, read_files
from pipeline.sources.listing import list_repositories
from pipeline.workspace import Workspace


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`demo/made/`: the awkward repositories of the demo corpus; `demo/PWNED` appears when one is obeyed."""
    folder = tmp_path_factory.mktemp("git")
    demo_corpus.build(folder / "demo", limit=0)
    wrong = folder / "demo/more/wrong-hash.git"
    write_repository(wrong, {"LICENSE": MIT, "app.py": source("damaged")}, loose=True)
    replace_object(wrong, "HEAD:app.py", source("exchanged"))
    tree = folder / "demo/more/wrong-tree.git"
    write_repository(tree, {"LICENSE": MIT, "inner/a.py": source("a"), "inner/b.py": source("b")}, loose=True)
    replace_object(tree, "HEAD:inner", b"", kind="tree")  # git would list it as an empty folder
    write_sha256_repository(folder / "demo/more/sha256.git")
    return folder


@pytest.fixture(scope="module")
def before(folder: Path) -> dict[str, tuple[Any, ...]]:
    """The corpus before anything was read."""
    return listing(folder / "demo")


@pytest.fixture(scope="module")
def workspace(folder: Path, before: dict[str, tuple[Any, ...]]) -> Workspace:
    """The corpus extracted and released."""
    config = Config(folder=folder, source=[Source(directories=["demo"])])
    workspace = Workspace(folder / "workspace")
    units.write_list(workspace, list_repositories(config))
    story.extract(workspace, config, Engine(1))
    story.release(workspace, config, Engine(1))
    return workspace


@pytest.fixture(scope="module")
def outcomes(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """The row of OUTCOMES by repository."""
    table = pl.read_parquet(workspace.files / "g*/unit-*.outcomes.parquet")
    return {row["repo_name"]: row for row in table.iter_rows(named=True)}


@pytest.fixture(scope="module")
def files(workspace: Workspace) -> pl.DataFrame:
    """All rows of FILES."""
    return pl.read_parquet(workspace.files / "g*/unit-?????.parquet")


def replace_object(repository: Path, name: str, content: bytes, kind: str = "blob") -> None:
    """The object keeps its id, but is the zlib stream of another content."""
    oid = run_git(repository, "rev-parse", name).decode().strip()
    path = repository / "objects" / oid[:2] / oid[2:]
    path.unlink()  # git makes objects read-only
    path.write_bytes(zlib.compress(b"%s %d\0" % (kind.encode(), len(content)) + content))


def write_sha256_repository(path: Path) -> None:
    """A repository of git's other object format, with one commit of an empty tree."""
    path.mkdir(parents=True)
    run_git(path, "init", "-q", "--bare", "--object-format=sha256")
    tree = run_git(path, "mktree").decode().strip()
    person = ["-c", "user.name=x", "-c", "user.email=x"]
    commit = run_git(path, *person, "commit-tree", "-m", "x", tree).decode().strip()
    run_git(path, "update-ref", "HEAD", commit)


def listing(folder: Path) -> dict[str, tuple[Any, ...]]:
    """All that a write would change: names, modes, sizes, times and contents."""
    paths = [folder, *folder.rglob("*")]
    return {
        str(path.relative_to(folder)): (
            *(path.lstat().st_mode, path.lstat().st_size, path.lstat().st_mtime_ns, path.lstat().st_ctime_ns),
            path.read_bytes() if path.is_file() else None,
        )
        for path in paths
    }


def batches(folder: Path, bones: git.Skeleton, limits: Extract) -> Iterator[Batch]:
    """The repository's batches; none when it has no commit."""
    if snapshot := git.open_snapshot(folder, bones):
        yield from read_files(snapshot, "local", "owner/name", 0, bones, limits, fetched=False)


def read(folder: Path, timeout_s: int = 60, **limits: int) -> list[Batch]:
    """The repository's batches."""
    with git.skeleton(timeout_s) as bones:
        return list(batches(folder, bones, Extract(**limits)))


def texts(folder: Path) -> dict[bytes, bytes | None]:
    """Blob by path."""
    return {entry.path: blob for batch in read(folder) for entry, blob in zip(batch.entries, batch.blobs, strict=True)}


def failure(folder: Path, timeout_s: int = 60, **limits: int) -> RepositoryError:
    """Why the repository cannot be read."""
    with pytest.raises(RepositoryError) as caught:
        read(folder, timeout_s, **limits)
    return caught.value


def rows_of(files: pl.DataFrame, repo_name: str) -> dict[str, dict[str, Any]]:
    """Rows of FILES by path."""
    return {row["path"]: row for row in files.filter(pl.col("repo_name") == repo_name).iter_rows(named=True)}


def command_lines() -> dict[int, str]:
    """Of all processes by their id; those that have ended and wait to be forgotten have none."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            found[int(path.parent.name)] = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return found


# Hostile repositories


def test_the_plant_is_live(tmp_path: Path) -> None:
    write_repository(tmp_path / "planted.git", demo_corpus.planted(), loose=True)
    plant(tmp_path / "planted.git", tmp_path / "PWNED")
    oid = hashlib.sha1(b"blob %d\0" % len(B_PY) + B_PY).hexdigest()
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(
        ["git", "--git-dir=planted.git", "cat-file", "-e", oid], cwd=tmp_path, env=plain, capture_output=True
    )
    assert (tmp_path / "PWNED").exists(), "a careless reader would not be found out by the next test"


def test_a_planted_repository_runs_nothing(folder: Path, outcomes: dict[str, Any], files: pl.DataFrame) -> None:
    assert outcomes["made/planted"]["outcome"] == "ok"
    assert not (folder / "demo/PWNED").exists()
    rows = rows_of(files, "made/planted")
    assert rows["a.py"]["content"].encode() == source("first")
    assert (rows["b.py"]["content"], rows["b.py"]["unread_reason"]) == (None, "missing_blob")


def test_symbolic_links_are_rows_without_content(files: pl.DataFrame) -> None:
    rows = rows_of(files, "made/symlink")
    links = {path: row for path, row in rows.items() if row["file_mode"] == 0o120000}
    assert set(links) == {"absolute", "inside.py", "relative"}
    for row in links.values():
        assert (row["unread_reason"], row["content"], row["text_id"], row["language"]) == ("symlink", None, None, None)
    assert rows["app.py"]["content"].encode() == source("linked")


def test_what_links_point_at_is_nowhere(workspace: Workspace) -> None:
    secret = Path("/etc/passwd").read_text().splitlines()[0]
    read_tables = 0
    for path in workspace.root.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path
        if path.suffix == ".parquet":
            table = pl.read_parquet(path)
            strings = table.select(pl.col(pl.String))
            assert not any(column.str.contains(secret, literal=True).any() for column in strings), path
            read_tables += strings.width > 0
    assert read_tables > 10


def test_nothing_is_written_into_the_sources(
    folder: Path, before: dict[str, tuple[Any, ...]], workspace: Workspace
) -> None:
    assert workspace.release.exists()
    assert listing(folder / "demo") == before


def test_replacements_and_grafts_are_not_followed(tmp_path: Path) -> None:
    repository = tmp_path / "replaced.git"
    write_repository(repository, {"app.py": source("original"), "other.py": source("replacement")})
    run_git(repository, "replace", "HEAD:app.py", "HEAD:other.py")
    shown = run_git(repository, "cat-file", "blob", "HEAD:app.py")
    assert shown == source("replacement")
    assert texts(repository)[b"app.py"] == source("original")


# Outcomes


@pytest.mark.parametrize(
    ("repo_name", "outcome", "code"),
    [
        ("made/broken", "failed", "corrupt"),
        ("made/empty", "empty", None),
        ("made/not-head", "failed", "unborn_head"),
        ("made/missing-blob", "ok", None),
        ("more/sha256", "failed", "unsupported"),
        ("more/wrong-hash", "failed", "corrupt"),
        ("more/wrong-tree", "failed", "corrupt"),
    ],
)
def test_outcome(
    outcomes: dict[str, dict[str, Any]], files: pl.DataFrame, repo_name: str, outcome: str, code: str | None
) -> None:
    row = outcomes[repo_name]
    assert (row["outcome"], row["code"]) == (outcome, code)
    assert len(rows_of(files, repo_name)) == row["entry_count"]
    assert (row["entry_count"] > 0) == (outcome == "ok"), "a failed repository gives no row, however far it came"
    assert (row["detail"] is not None) == (outcome == "failed")
    assert "\n" not in (row["detail"] or "")


def test_no_repository_failed_with_a_bug(outcomes: dict[str, dict[str, Any]]) -> None:
    assert {name for name, row in outcomes.items() if row["outcome"] == "failed"} == {
        *("made/broken", "made/not-head", "more/sha256", "more/wrong-hash", "more/wrong-tree")
    }


def test_a_submodule_is_a_row(files: pl.DataFrame) -> None:
    row = rows_of(files, "made/submodule")["vendor/lib"]
    assert (row["file_mode"], row["unread_reason"], row["content"]) == (0o160000, "submodule", None)
    assert (row["content_id"], row["length_bytes"]) == ("1234567890" * 4, None)


def test_a_missing_blob_is_a_row(files: pl.DataFrame) -> None:
    rows = rows_of(files, "made/missing-blob")
    row = rows["b.py"]
    assert (row["unread_reason"], row["content"], row["length_bytes"]) == ("missing_blob", None, None)
    assert row["content_id"] == hashlib.sha1(b"blob %d\0" % len(B_PY) + B_PY).hexdigest()
    assert {path: row["content"].encode() for path, row in rows.items() if path != "b.py"} == {
        path: content for path, content in three_modules().items() if path != "b.py"
    }


def test_a_worktree_is_read_at_head(files: pl.DataFrame) -> None:
    rows = rows_of(files, "made/worktree")
    assert set(rows) == {"LICENSE", "app.py"}, "untracked.py is not committed"
    assert rows["app.py"]["content"].encode() == source("committed")


def test_a_linked_worktree_is_read_at_its_own_head(tmp_path: Path) -> None:
    write_repository(tmp_path / "main.git", {"app.py": source("main")})
    other = write_repository(tmp_path / "side.git", {"app.py": source("side")})
    run_git(tmp_path / "main.git", "-c", "protocol.file.allow=always", "fetch", "-q", str(tmp_path / "side.git"), other)
    run_git(tmp_path / "main.git", "worktree", "add", "-q", "--detach", str(tmp_path / "linked"), other)
    assert (tmp_path / "linked/.git").is_file()
    assert texts(tmp_path / "linked") == {b"app.py": source("side")}
    assert texts(tmp_path / "main.git") == {b"app.py": source("main")}


@pytest.mark.parametrize("name", ["new\nline", "line\u2028separator", "sp ace", "caf\u00e9", "-n"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    write_repository(tmp_path / name, {"app.py": source("named")})
    assert texts(tmp_path / name) == {b"app.py": source("named")}


def test_a_detached_head_is_read(tmp_path: Path) -> None:
    commit = write_repository(tmp_path / "a.git", {"app.py": source("detached")})
    (tmp_path / "a.git/HEAD").write_text(f"{commit}\n")
    batches = read(tmp_path / "a.git")
    assert [batch.commit_id for batch in batches] == [commit]


def test_odd_paths_are_kept_as_they_are(files: pl.DataFrame) -> None:
    rows = rows_of(files, "made/odd-paths")
    latin = "caf\\xe9.py"
    assert set(rows) == {
        "LICENSE", "-rf.py", latin, "dou\"ble 'single' quotes.py", "new\nline.py", "tab\there.py",
        " spaces in / both parts .py", "back\\slash.py", "invoice\u202efdp.py",
    }  # fmt: skip
    assert {path: row["path_raw"] for path, row in rows.items() if row["path_raw"] is not None} == {
        latin: b"caf\xe9.py"
    }
    for path, row in rows.items():
        raw = row["path_raw"] or path.encode()
        assert row["file_id"] == hashlib.blake2b(b"local/made/odd-paths\0" + raw, digest_size=16).digest()
        assert row["content"] is not None


def test_two_paths_that_look_alike_are_two_files(tmp_path: Path) -> None:
    paths = {b"caf\xe9.py": source("raw"), b"caf\\xe9.py": source("escaped")}
    write_repository(tmp_path / "a.git", paths)
    assert texts(tmp_path / "a.git") == paths


# Damage


def test_a_damaged_folder_says_what_it_lacks(tmp_path: Path) -> None:
    made = {"a.py": source("first"), "inner/b.py": B_PY}
    for name in ("commit", "tree", "root", "forged"):
        write_repository(tmp_path / f"{name}.git", made, loose=True)
    for name, lost in (("commit", "HEAD"), ("tree", "HEAD:inner")):
        oid = run_git(tmp_path / f"{name}.git", "rev-parse", lost).decode().strip()
        (tmp_path / f"{name}.git/objects" / oid[:2] / oid[2:]).unlink()
    inner = run_git(tmp_path / "root.git", "cat-file", "tree", "HEAD:inner")
    replace_object(tmp_path / "root.git", "HEAD^{tree}", inner, kind="tree")
    forged = run_git(tmp_path / "forged.git", "cat-file", "commit", "HEAD").replace(b"Snapshot", b"Snapsh0t")
    replace_object(tmp_path / "forged.git", "HEAD", forged, kind="commit")
    for name in ("commit", "tree", "root", "forged"):
        error = failure(tmp_path / f"{name}.git")
        assert error.code == "corrupt", name
        assert str(tmp_path) not in error.detail, "the workspace does not tell where the sources lie"


def test_an_object_of_another_kind_is_corrupt(tmp_path: Path) -> None:
    write_repository(tmp_path / "a.git", {"a.py": source("first")}, loose=True)
    replace_object(tmp_path / "a.git", "HEAD:a.py", b"", kind="tree")
    assert failure(tmp_path / "a.git").code == "corrupt"


def test_folders_that_are_no_repository(tmp_path: Path) -> None:
    (tmp_path / "lookalike/objects").mkdir(parents=True)
    (tmp_path / "lookalike/HEAD").write_text("hello\n")
    init_repository(tmp_path / "misconfigured.git")
    (tmp_path / "misconfigured.git/config").write_text("[core\n")
    assert failure(tmp_path / "lookalike").code == "not_git"
    assert failure(tmp_path / "misconfigured.git").code == "not_git"
    assert failure(tmp_path / "gone.git").code == "not_found"


# Limits


def test_more_files_than_allowed_is_a_failure(tmp_path: Path) -> None:
    write_repository(tmp_path / "a.git", {f"{i}.py": b"x\n" for i in range(3)})
    assert failure(tmp_path / "a.git", max_files_per_repository=2).code == "too_many_files"
    assert len(texts(tmp_path / "a.git")) == 3
    assert sum(len(batch.entries) for batch in read(tmp_path / "a.git", max_files_per_repository=3)) == 3


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    write_repository(tmp_path / "a.git", {"four.py": b"xxxx", "five.py": b"xxxxx"})
    (batch,) = read(tmp_path / "a.git", max_file_bytes=4)
    known = zip([entry.path for entry in batch.entries], batch.blobs, batch.reasons, strict=True)
    assert sorted(known) == [(b"five.py", None, "too_large"), (b"four.py", b"xxxx", None)]


def hanging_git(folder: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """First on the PATH: a git that sleeps instead of running `command`. Gives the file with its process id."""
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    folder.mkdir()
    script = folder / "git"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *{command}*) echo $$ > {folder}/pid; exec sleep 100;; esac\nexec {real} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder / "pid"


@pytest.mark.parametrize("command", ["show-object-format", "ls-tree", "cat-file"])
def test_a_git_that_hangs_is_ended(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_repository(tmp_path / "a.git", {"a.py": source("first")})
    pid = hanging_git(tmp_path / "bin", command, monkeypatch)
    error = failure(tmp_path / "a.git", timeout_s=1)
    assert error.code == "timeout"
    assert "git_timeout_s" in error.detail
    assert not command_lines().get(int(pid.read_text()))


def test_no_git_process_is_left(folder: Path) -> None:
    with git.skeleton(60) as bones:
        for repository in sorted((folder / "demo/made").iterdir()):
            reading = batches(repository, bones, Extract())
            try:
                next(reading, None)
            except RepositoryError:
                continue
            finally:
                reading.close()  # type: ignore[attr-defined]  # a reader that stops in the middle
        snapshot = git.open_snapshot(folder / "demo/made/large-binary.git", bones)
        assert snapshot
        large = next(e for e in git.list_entries(snapshot, bones, 100) if e.path == b"noise.bin")
        blobs = git.read_objects(snapshot, [large.content_id] * 4, bones)
        assert len(next(blobs) or b"") == 3_000_000
        assert any(str(bones.folder) in line for line in command_lines().values()), "git still has blobs to give"
        blobs.close()  # type: ignore[attr-defined]
        assert not any(str(bones.folder) in line for line in command_lines().values())
    assert not bones.folder.exists()


def test_too_old_a_git_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\necho git version 2.39.3\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    git.version.cache_clear()
    with pytest.raises(ConfigError, match=r"2\.39\.3: too old, needs 2\.39\.4"):
        git.version()
    git.version.cache_clear()


# What becomes of a unit


@pytest.mark.parametrize(
    ("version", "patched"),
    [
        ("2.39.5", False),
        ("2.50.1", False),
        ("2.50.2", True),
        ("2.51.2", False),
        ("2.51.3.windows.1", True),
        ("2.55.0", False),
        ("2.56.0", False),
        ("2.56.1", True),
        ("2.57.0-rc1", True),
        ("3.0", True),
    ],
)
def test_versions_with_the_known_fixes(version: str, patched: bool) -> None:
    assert git.is_patched(version) is patched


def test_this_git_has_the_known_fixes_or_does_not_need_them_yet() -> None:
    assert git.is_patched(git.version()) or datetime.now(UTC).date() <= git.WAIVED_UNTIL, (
        "see PATCHED in pipeline/git.py"
    )


def test_the_same_unit_twice_is_the_same_bytes(folder: Path, workspace: Workspace, tmp_path: Path) -> None:
    unit = next(unit for unit in units.units(workspace) if unit.commit()["rows"] > 5)
    again = Workspace(tmp_path / "again")
    target = units.Unit.of(again, unit.id)
    target.path("list.parquet").parent.mkdir(parents=True)
    target.path("list.parquet").write_bytes(unit.path("list.parquet").read_bytes())
    ExtractUnit(str(folder), again, Extract(), Fetch())(unit.id)
    assert target.commit() == unit.commit()
    units.check(unit)


def test_the_missing_object_is_really_missing(folder: Path) -> None:
    assert not loose_object(folder / "demo/made/missing-blob.git", B_PY).exists()
