"""Repositories from a server that nobody trusts, through list and extract into tables.

G01 to G28 are the rows of the catalogue of faults that the fetch was designed against; more of them in test_fetch.py.
"""

import base64
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from examples.demo_corpus import MIT, init_repository, source, write_repository
from examples.git_server import Request, split_path
from pipeline import extract as extracting
from pipeline import inputs, report, storage, units
from pipeline.config import Config, Extract, Fetch, Host, Source
from pipeline.workspace import Workspace
from tests.pipeline.conftest import extract, shard_hashes
from tests.pipeline.guarded import HOST, World, guarded, settings
from tests.servers import git_http, hostile
from tests.servers.git_http import (
    EVERY,
    FaultyHandler,
    FaultyServer,
    cut,
    flip,
    password,
    redirect,
    renamed,
    reset,
    reset_after,
    status,
    visits,
    without_filter,
)
from tests.servers.hostile import FILE, FOLDER, LINK, ODD_NAMES, SUBMODULE

PLAIN = tuple(f"plain/name{number}" for number in range(6))


def run(world: World, names: Sequence[str], chosen: Fetch, **limits: int) -> Workspace:
    """list and extract, in this process."""
    folder = world.work / "given"
    folder.mkdir(exist_ok=True)
    (folder / "names.txt").write_text("\n".join(names))
    sources = [Source(names=["names.txt"], host=HOST, rights="own")]
    config = Config(folder=folder, source=sources, fetch=chosen, extract=Extract(**limits))
    return extract(world.work / "workspace", config)


def outcomes(space: Workspace) -> dict[str, dict[str, Any]]:
    """What became of every listed repository, by name: one outcome for each, and no row of any other."""
    found = inputs.gather(space)[1]
    assert found["repo_key"].is_unique().all()
    assert sorted(found["repo_key"]) == sorted(units.read_list(space)["repo_key"].to_pylist())
    rows = dict(files(space).group_by("repo_name").len().iter_rows())
    named = {row["repo_name"]: row for row in found.iter_rows(named=True)}
    assert rows == {name: row["entry_count"] for name, row in named.items() if row["entry_count"]}
    return named


def files(space: Workspace) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(unit.path("parquet")) for unit in units.units(space)])


def became(space: Workspace) -> dict[str, tuple[str, str | None]]:
    """Outcome and code by name."""
    return {name: (row["outcome"], row["code"]) for name, row in outcomes(space).items()}


def failed_attempts(space: Workspace) -> dict[str, list[str]]:
    """Codes of the attempts that failed, by name."""
    found: dict[str, list[str]] = {}
    for path in space.journal.glob("extract/g*/unit-*.json"):
        found |= storage.read_json(path)["failed_attempts"]
    return {key.removeprefix(f"{HOST}/"): codes for key, codes in found.items()}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """plain/NAME.git: ordinary repositories, each with a small file and one of 3 kB and more."""
    folder = tmp_path_factory.mktemp("served")
    for name in PLAIN:
        tree = {"LICENSE": MIT, "a.py": source(name[-5:], 2), "src/b.py": source(f"other{name[-1]}", 100)}
        write_repository(folder / f"{name}.git", tree)
    return folder


@pytest.fixture
def world(tmp_path: Path, served: Path) -> Iterator[World]:
    with guarded(tmp_path, served) as world:
        yield world


@pytest.fixture
def forge(world: World, served: Path) -> Iterator[FaultyServer]:
    with git_http.serving(served) as server:
        yield server


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, served: Path) -> Workspace:
    """PLAIN, fetched without a fault."""
    with guarded(tmp_path_factory.mktemp("undisturbed"), served) as world, git_http.serving(served) as server:
        space = run(world, PLAIN, settings(server.url))
        assert set(became(space).values()) == {("ok", None)}
        return space


# Odd and hostile repositories, all in one run


@dataclass
class Odd:
    """A run that is over."""

    space: Workspace
    requests: list[Request]
    outcomes: dict[str, dict[str, Any]]
    files: pl.DataFrame

    def rows(self, name: str) -> dict[str, dict[str, Any]]:
        """The repository's rows by path."""
        found = self.files.filter(pl.col("repo_name") == f"odd/{name}")
        return {row["path"]: row for row in found.iter_rows(named=True)}

    def asked(self, name: str) -> list[Request]:
        return [request for request in self.requests if split_path(request.path)[0] == f"odd/{name}"]


NAMED: dict[str, tuple[bytes, bytes]] = {  # repositories with one more entry of this mode and name
    "dots": (FOLDER, b".."),
    "dot": (FOLDER, b"."),
    "git": (FOLDER, b".git"),
    "git-upper": (FOLDER, b".GIT"),
    "git-short": (FOLDER, b"git~1"),
    "git-spaces": (FOLDER, b".git . "),
    "git-joined": (FOLDER, ".g\u200cit".encode()),
    "git-stream": (FOLDER, b".git::$INDEX_ALLOCATION"),
    "git-file": (FILE, b".git"),
    "no-name": (FILE, b""),
    "absolute": (FILE, b"/abs.py"),
    "slashes": (FILE, b"a/../../b.py"),
    "modules-link": (LINK, b".gitmodules"),
    "attributes-link": (LINK, b".gitattributes"),
    "git-like": (FILE, b".gitx"),
    "git-second": (FILE, b"git~2"),
    "three-dots": (FILE, b"..."),
}


def build_named(folder: Path) -> None:
    for name, (mode, entry) in NAMED.items():
        init_repository(folder / f"{name}.git")
        to = hostile.Repository(folder / f"{name}.git")
        inside = to.tree((FILE, b"x.py", to.blob(b"x = 1\n"))) if mode == FOLDER else to.blob(b"../../outside.py")
        to.commit(*sorted([(mode, entry, inside), to.ok()], key=lambda entry: entry[1]))


def build_pointing(to: hostile.Repository, trap: str) -> None:
    """Files that send whoever obeys them to the trap."""
    modules = f'[submodule "x"]\n\tpath = x\n\turl = {trap}/x\n'.encode()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0123456789abcdef' * 4}\nsize 98765\n"
    to.commit(
        (FILE, b".gitattributes", to.blob(b"*.bin filter=lfs diff=lfs merge=lfs -text\n")),
        (FILE, b".gitmodules", to.blob(modules)),
        (FILE, b".lfsconfig", to.blob(f"[lfs]\n\turl = {trap}/lfs\n".encode())),
        (FILE, b"lfs.py", to.blob(pointer.encode())),
        to.ok(),
        (SUBMODULE, b"x", "1" * 40),
    )


def bad_names(world: World, server: FaultyServer) -> list[str]:
    """G01, G02: what would run something, read a folder, or connect to the trap."""
    port, command = world.trap.port, f"touch% {world.marker}"
    return [
        *(f"ext::sh -c {command}", f"EXT::sh -c {command}", f"ext://sh -c {command}", "fd::17", "fd://17"),
        *(f"--upload-pack=touch {world.marker}", f"-cprotocol.ext.allow=always ext::sh -c {command}"),
        *(f"file://{server.folder}/odd/normal.git", f"{server.folder}/odd/normal.git", "../odd/normal.git"),
        *(f"git@127.0.0.1:{port}/a/b", f"ssh://127.0.0.1:{port}/a/b", f"git://127.0.0.1:{port}/a/b"),
        *(f"ssh://-oProxyCommand=touch%20{world.marker}/x", f"ftp://127.0.0.1:{port}/a/b"),
        *(f"http://127.0.0.1:{port}/a/b", f"http://2130706433:{port}/a/b", f"http://0x7f.1:{port}/a/b"),
        *(f"https://localhost:{port}/a/b", f"https://[::ffff:127.0.0.1]:{port}/a/b"),
        *(f"https://demo.test:{port}/a/b", f"https://demo.test@127.0.0.1:{port}/a/b"),
    ]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Odd:
    """All of hostile.py, NAMED, one that points at the trap, and bad names."""
    served = tmp_path_factory.mktemp("odd")
    built = [name for name in hostile.BUILDERS if name != "large-blob"]
    hostile.build(served / "odd", *built)
    for name in ("large-blob", "pointing"):
        init_repository(served / f"odd/{name}.git")
    hostile.large_blob(hostile.Repository(served / "odd/large-blob.git"), 64 << 20)
    build_named(served / "odd")
    with guarded(tmp_path_factory.mktemp("world"), served) as world, git_http.serving(served) as server:
        build_pointing(hostile.Repository(served / "odd/pointing.git"), f"http://127.0.0.1:{world.trap.port}")
        world.seal()
        names = [f"odd/{name}" for name in [*hostile.BUILDERS, "pointing", *NAMED]]
        chosen = settings(server.url)
        space = run(world, [*names, *bad_names(world, server)], chosen, max_files_per_repository=6_000)
        found = Odd(space, list(server.requests), outcomes(space), files(space))
        assert sum(row["code"] == "bad_url" for row in found.outcomes.values()) == len(bad_names(world, server))
    return found


Reasons = dict[str, str | None]
OK: Reasons = {"ok.py": None}
BECAME: dict[str, tuple[str, str | None, Reasons]] = {  # outcome, code, and reasons not to read by path
    "normal": ("ok", None, OK | {"LICENSE": None, "src/app.py": None}),
    "attributes": ("ok", None, OK | {".gitattributes": None, ".lfsconfig": None}),  # G07
    "submodules": ("ok", None, OK | {".gitmodules": None, "x": "submodule"}),
    "pointing": (
        "ok",
        None,
        OK
        | dict.fromkeys([".gitattributes", ".gitmodules", ".lfsconfig"])
        | {"lfs.py": "lfs_pointer", "x": "submodule"},
    ),
    "dot-git": ("failed", "fsck_hostile", {}),
    "symlinks": ("ok", None, OK | {"passwd": "symlink", "self": "symlink", "up": "symlink"}),  # G08
    "dot-dot": ("failed", "fsck_hostile", {}),  # G09
    "slash-names": ("failed", "fsck_hostile", {}),
    "long-name": ("ok", None, OK | {"n" * 200_000 + ".py": "bad_path"}),  # G11
    "deep-tree": ("ok", None, OK | {"d/" * 5_000 + "x.py": "bad_path"}),
    "git-bomb": ("failed", "too_many_files", {}),  # G12
    "large-blob": ("ok", None, OK | {"large.txt": "too_large"}),  # G13, G22
    "unborn-head": ("empty", None, {}),  # G19
    "empty": ("empty", None, {}),  # G20
    "head-is-blob": ("empty", None, {}),
    "head-is-tag": ("ok", None, OK),
    "sha256": ("failed", "unsupported", {}),
    "missing-blob": ("failed", "corrupt_remote", {}),  # G23
    "odd-modes": (  # G25; what is no file, no folder and no link is a submodule to git
        "ok",
        None,
        OK | {"a.py": None, "b.py": None, "c.py": "submodule", "d.py": "submodule", "e/x.py": None},
    ),
    "duplicate-entries": ("failed", "fsck_hostile", {}),  # G26
    "unsorted-entries": ("failed", "fsck_hostile", {}),
    "many-refs": ("ok", None, OK),  # G27
    "option-refs": ("ok", None, OK),
    "long-message": ("ok", None, OK),  # G28
    "dots": ("failed", "fsck_hostile", {}),  # G09, one by one
    "dot": ("failed", "fsck_hostile", {}),
    "git": ("failed", "fsck_hostile", {}),
    "git-upper": ("failed", "fsck_hostile", {}),
    "git-short": ("failed", "fsck_hostile", {}),
    "git-spaces": ("failed", "fsck_hostile", {}),
    "git-joined": ("failed", "fsck_hostile", {}),
    "git-stream": ("failed", "fsck_hostile", {}),
    "git-file": ("failed", "fsck_hostile", {}),
    "no-name": ("failed", "corrupt_remote", {}),  # git does not send it
    "absolute": ("failed", "fsck_hostile", {}),
    "slashes": ("failed", "fsck_hostile", {}),
    "modules-link": ("ok", None, OK | {".gitmodules": "symlink"}),
    "attributes-link": ("ok", None, OK | {".gitattributes": "symlink"}),
    "git-like": ("ok", None, OK | {".gitx": None}),
    "git-second": ("ok", None, OK | {"git~2": None}),
    "three-dots": ("ok", None, OK | {"...": None}),
}


@pytest.mark.parametrize("name", BECAME)
def test_what_becomes_of_an_odd_repository(odd: Odd, name: str) -> None:
    outcome, code, reasons = BECAME[name]
    row = odd.outcomes[f"odd/{name}"]
    assert (row["outcome"], row["code"]) == (outcome, code), row["detail"]
    assert {path: row["unread_reason"] for path, row in odd.rows(name).items()} == reasons
    assert (row["detail"] or "").isprintable()


def test_every_odd_repository_is_in_the_table(odd: Odd) -> None:
    known = {f"odd/{name}" for name in [*BECAME, "odd-names"]}
    assert known == {name for name, row in odd.outcomes.items() if row["code"] != "bad_url"}
    assert report.status(odd.space).replace("\n", "").isprintable()


def test_odd_names_are_kept_as_they_are(odd: Odd) -> None:
    rows = odd.rows("odd-names")  # G10
    assert sorted(row["path_raw"] or path.encode() for path, row in rows.items()) == sorted(ODD_NAMES)
    assert {path for path, row in rows.items() if row["path_raw"]} == {"latin\\xe9.py", "\\xff\\xfe.py"}
    assert {row["content"] for row in rows.values()} == {"x = 1\n"}


def test_what_gits_check_forgives_is_noted(odd: Odd) -> None:
    notes = {name: odd.outcomes[f"odd/{name}"]["detail"] for name in ("odd-modes", "submodules", "normal")}  # G25
    assert notes == {
        "odd-modes": "git's check: zeroPaddedFilemode",
        "submodules": "git's check: gitmodulesUpdate",
        "normal": None,
    }


def test_nothing_is_asked_of_the_server_while_reading(odd: Odd) -> None:
    """G22: a visit is the advertisement, the refs and the pack, and there are two where git's check forgives."""
    read = {name for name, (outcome, _, _) in BECAME.items() if outcome == "ok"}
    twice = {"odd-modes", "submodules", "modules-link"}
    assert {name: len(odd.asked(name)) for name in read} == {name: 6 if name in twice else 3 for name in read}


def test_of_many_refs_only_one_is_read(odd: Odd) -> None:
    _, refs, _ = odd.asked("many-refs")  # G27
    assert refs.method == "POST" and refs.bytes_down < 1_000


def test_of_symlinks_and_large_files_nothing_is_read(odd: Odd) -> None:
    unread = [row for name in ("symlinks", "large-blob") for row in odd.rows(name).values() if row["unread_reason"]]
    assert len(unread) == 4
    assert all(row["content"] is None and row["text_id"] is None for row in unread)
    assert sum(request.bytes_down for request in odd.asked("large-blob")) < 2_000


# The same rows whatever the server does


def test_a_server_without_filters_gives_the_same_rows(
    world: World, forge: FaultyServer, tmp_path_factory: pytest.TempPathFactory, served: Path
) -> None:
    """G21, byte for byte: files over the limit are left out by it, or by us."""
    forge.fault(EVERY, without_filter)
    unfiltered = run(world, PLAIN, settings(forge.url), max_file_bytes=2_000)
    sent_bytes = sum(request.bytes_down for request in forge.requests)
    del forge.requests[:]
    forge.heal(EVERY)
    with guarded(tmp_path_factory.mktemp("filtered"), served) as other:
        filtered = run(other, PLAIN, settings(forge.url), max_file_bytes=2_000)
    assert shard_hashes(unfiltered.files) == shard_hashes(filtered.files)
    assert files(filtered).filter(unread_reason="too_large")["path"].to_list() == ["src/b.py"] * len(PLAIN)
    assert sum(request.bytes_down for request in forge.requests) < sent_bytes


def test_faults_that_pass_leave_no_trace_in_the_rows(world: World, forge: FaultyServer, undisturbed: Workspace) -> None:
    faults = [reset, reset_after(500), cut(0.1), cut(0.99), flip(), status(503)]  # G17
    for name, fault in zip(PLAIN, faults, strict=True):
        forge.fault(name, fault, times=1)
    space = run(world, PLAIN, settings(forge.url))
    assert failed_attempts(space) == {name: ["server_error"] for name in PLAIN}
    assert shard_hashes(space.files) == shard_hashes(undisturbed.files)


# Damage of our own disk


def damaging(monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None], times: int) -> None:
    """Stores are spoilt between being fetched and being read, each for so many times."""
    opened: dict[Path, int] = {}

    def open_spoilt(folder: Path, *others: Any) -> Any:
        opened[folder] = opened.get(folder, 0) + 1
        if opened[folder] <= times:
            spoil(folder)
        return open_fetched(folder, *others)

    open_fetched = extracting.open_fetched
    monkeypatch.setattr(extracting, "open_fetched", open_spoilt)


def flip_bit(store: Path) -> None:
    """In the middle of the pack, at another place in each repository."""
    (path,) = store.glob("objects/pack/*.pack")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 + int.from_bytes(os.fsencode(store.parent.name)) % 100] ^= 4
    path.chmod(0o644)
    path.write_bytes(content)


def lose_pack(store: Path) -> None:
    for path in store.glob("objects/pack/*"):
        path.unlink()


@pytest.mark.parametrize("spoil", [flip_bit, lose_pack])
def test_what_was_damaged_on_our_disk_is_fetched_again(
    world: World,
    forge: FaultyServer,
    undisturbed: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path], None],
) -> None:
    damaging(monkeypatch, spoil, times=1)  # G24
    space = run(world, PLAIN, settings(forge.url))
    assert failed_attempts(space) == {name: ["corrupt_local"] for name in PLAIN}
    assert shard_hashes(space.files) == shard_hashes(undisturbed.files)


def test_what_is_damaged_twice_fails(world: World, forge: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    damaging(monkeypatch, flip_bit, times=2)  # G24
    space = run(world, PLAIN[:1], settings(forge.url))
    assert became(space) == {PLAIN[0]: ("failed", "corrupt_local")}
    assert len(visits(forge.requests)) == 2 and not files(space).height


# Names


def test_a_name_with_a_commit_is_read_at_that_commit(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    served = tmp_path_factory.mktemp("commits")
    commits = []
    for name in ("old", "unknown"):
        init_repository(served / f"at/{name}.git")
        repository = hostile.Repository(served / f"at/{name}.git")
        commits.append(repository.commit((FILE, b"old.py", repository.blob(b"old = 1\n")), ref="refs/heads/old"))
        repository.commit(repository.ok())
    with git_http.serving(served) as server:
        space = run(world, [f"at/old@{commits[0]}", f"at/unknown@{'1' * 40}"], settings(server.url))
    assert became(space) == {"at/old": ("ok", None), "at/unknown": ("failed", "commit_not_found")}
    assert outcomes(space)["at/old"]["commit_id"] == commits[0]
    assert files(space).select("path", "commit_id").rows() == [("old.py", commits[0])]


def test_a_renamed_repository_is_read_under_its_new_name(
    world: World, forge: FaultyServer, undisturbed: Workspace
) -> None:
    forge.fault("old/name", renamed(PLAIN[0]))  # G04
    forge.fault("old/gone", renamed("new/gone"))
    forge.fault("old/strayed", redirect(f"http://127.0.0.1:{world.trap.port}/{PLAIN[0]}.git"))
    space = run(world, ["old/name", "old/gone", "old/strayed"], settings(forge.url))
    assert became(space) == {
        "old/name": ("excluded", "renamed_to"),
        PLAIN[0]: ("ok", None),
        "old/gone": ("excluded", "renamed_to"),
        "new/gone": ("failed", "gone"),
        "old/strayed": ("failed", "redirect_denied"),
    }
    assert outcomes(space)["old/name"]["detail"] == PLAIN[0]
    expected = files(undisturbed).filter(repo_name=PLAIN[0]).drop("repository_index")
    assert files(space).drop("repository_index").equals(expected)
    assert units.generations(space) == [1, 2]


def test_renames_in_a_circle_end(world: World, forge: FaultyServer) -> None:
    forge.fault("a/a", renamed("b/b"))
    forge.fault("b/b", renamed("a/a"))
    space = run(world, ["a/a", PLAIN[0]], settings(forge.url))
    assert became(space) == {
        "a/a": ("excluded", "renamed_to"),
        "b/b": ("excluded", "renamed_to"),
        PLAIN[0]: ("ok", None),
    }


def test_renames_without_end_are_followed_three_times(world: World, forge: FaultyServer) -> None:
    for number in range(9):
        forge.fault(f"name/{number}", renamed(f"name/{number + 1}"))
    space = run(world, ["name/0"], settings(forge.url))
    assert [split_path(visit.path)[0] for visit in visits(forge.requests)] == [f"name/{number}" for number in range(4)]
    assert became(space)["name/0"] == ("excluded", "renamed_to")


# Secrets

TOKEN = "kept-to-ourselves"


class Eavesdropper:
    """Looks at all that others can see of our processes and files, until the block ends."""

    def __init__(self, world: World, *words: str) -> None:
        self.world, self.words = world, [word.encode() for word in words]
        self.heard: set[str] = set()
        self.git_seen = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self) -> "Eavesdropper":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _listen(self) -> None:
        while not self._over.wait(0.005):
            for number, command in self.world.processes().items():
                self.git_seen += b"--git-dir=" in command
                for name in ("cmdline", "environ"):
                    self.look(Path(f"/proc/{number}/{name}"))
            for folder, _, names in os.walk(self.world.folder):
                for name in names:
                    self.look(Path(folder, name))

    def look(self, path: Path) -> None:
        with contextlib.suppress(OSError):  # it ended, or is gone
            content = path.read_bytes()
            self.heard |= {f"{path}: {word!r}" for word in self.words if word in content}


def test_a_token_is_seen_nowhere(
    world: World,
    forge: FaultyServer,
    undisturbed: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def slow_password(handler: FaultyHandler) -> None:
        handler.server.closing.wait(0.3)
        password(TOKEN)(handler)

    monkeypatch.setenv("DEMO_TOKEN", TOKEN)
    forge.fault(EVERY, slow_password)
    forge.fault(PLAIN[0], status(500), times=1)
    sent = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    with Eavesdropper(world, TOKEN, sent) as all_ears:
        space = run(world, PLAIN, settings(forge.url, Host(token_env="DEMO_TOKEN")))
    assert {request.headers.get("Authorization") for request in forge.requests} == {None, f"Basic {sent}"}
    assert shard_hashes(space.files) == shard_hashes(undisturbed.files)
    assert all_ears.git_seen
    assert not all_ears.heard
    for path in space.root.rglob("*.parquet"):
        strings = pl.read_parquet(path).select(pl.col(pl.String))
        assert not any(column.str.contains(TOKEN, literal=True).any() for column in strings), path
    for text in capfd.readouterr():
        assert TOKEN not in text and sent not in text


def test_a_wrong_token_is_as_none(world: World, forge: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_TOKEN", "wrong")
    forge.fault(PLAIN[0], password(TOKEN))
    space = run(world, PLAIN[:2], settings(forge.url, Host(token_env="DEMO_TOKEN")))
    assert became(space) == {PLAIN[0]: ("failed", "private_or_missing"), PLAIN[1]: ("ok", None)}


@pytest.mark.parametrize("command", ["run", "extract"])
def test_a_token_that_is_not_there_stops_a_run_before_it_starts(
    world: World, forge: FaultyServer, command: str
) -> None:
    (world.work / "names.txt").write_text(f"{PLAIN[0]}\n")
    (world.work / "corpus.toml").write_text(
        f'[[source]]\nnames = ["names.txt"]\nhost = "{HOST}"\n'
        f'[fetch.hosts."{HOST}"]\nurl = "{forge.url}"\nprivate_addresses = true\ntoken_env = "DEMO_TOKEN"\n'
    )
    words = [command, str(world.work / "corpus.toml"), "--workspace", str(world.work / "workspace")]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-m", "pipeline", *words], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("stackyard: fetch.hosts: the environment variable DEMO_TOKEN (token_env) is not set\n")
    assert not (world.work / "workspace").exists() and not forge.requests
