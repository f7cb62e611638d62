"""What users get wrong, and what disks do: one clear line on stderr, the right exit code, never a traceback."""

import fcntl
import hashlib
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from examples.demo_corpus import init_repository, source, write_repository

STACKYARD = Path(sys.executable).with_name("stackyard")
PRELOADED = ["pipeline.corpus", "pipeline.report", "pipeline.verify", "pipeline.cli", "pytest"]
PROGRESS = re.compile(r"\w+: \d+ of \d+ (units|parts|shards), [\d.]+ s")
OWN = '[[source]]\nrights = "own"\n'
SOURCE = '[[source]]\ndirectories = ["mirrors"]\n'  # two lines


@pytest.fixture(scope="module", autouse=True)
def _server() -> Iterator[None]:
    """Processes are forked from one that has imported Beam and everything else, which takes seconds."""
    SERVER.set_forkserver_preload(PRELOADED)
    yield


SERVER = multiprocessing.get_context("forkserver")
CALL = """
import os, resource, sys
os.chdir(folder)
if file_bytes:
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
for number, name in ((1, "out"), (2, "err")):
    os.dup2(os.open(f"{told}/{name}", os.O_WRONLY | os.O_CREAT), number)
sys.argv = ["stackyard", *arguments]
from pipeline.cli import main
main()
"""


def stackyard(folder: Path, *arguments: object, file_bytes: int = 0) -> subprocess.CompletedProcess[str]:
    """The command, run in a folder by a process of its own, which cannot write larger files than `file_bytes`."""
    words = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as told:
        names = {"folder": str(folder), "told": told, "arguments": words, "file_bytes": file_bytes}
        process = SERVER.Process(target=exec, args=(CALL, names))
        process.start()
        process.join(timeout=300)
        out, err = (Path(told, name).read_text() for name in ("out", "err"))
    assert process.exitcode is not None, "it hangs"
    return subprocess.CompletedProcess(words, process.exitcode, out, err)


def installed(folder: Path, *arguments: object, before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """The installed command, run in a folder. `before` are the words of a command that starts it."""
    command = [*before, str(STACKYARD), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def succeeds(folder: Path, *arguments: object) -> str:
    """What the command prints."""
    done = stackyard(folder, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def problems(done: subprocess.CompletedProcess[str], code: int) -> list[str]:
    """The lines that say what is wrong; the first begins with `stackyard: `."""
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    lines = [line for line in done.stderr.splitlines() if not PROGRESS.fullmatch(line)]
    assert lines and lines[0].startswith("stackyard: "), done.stderr
    assert done.returncode == code, done.stderr
    return lines


def problem(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line that says what is wrong."""
    (line,) = problems(done, code)
    return line


def flip(path: Path, place: int) -> None:
    """One bit of the file is another."""
    content = bytearray(path.read_bytes())
    content[place] ^= 0x10
    path.write_bytes(content)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration by `init`, mirrors, and a workspace in which `run` has made a release."""
    folder = tmp_path_factory.mktemp("base")
    write_repository(folder / "mirrors/o/one.git", {"a.py": source("first"), "b.js": b"let word = 1 + 2;\n" * 9})
    write_repository(folder / "mirrors/o/two.git", {"c.py": source("second"), "d.py": source("first")})
    for words in (["init"], ["run", "corpus.toml", "--workers", "1"]):
        done = installed(folder, *words)
        assert done.returncode == 0, done.stderr
        written = (folder / "corpus.toml").read_text()
        (folder / "corpus.toml").write_text(written.replace('rights = "licensed"', 'rights = "own"'))
    return folder


@pytest.fixture
def folder(base: Path, tmp_path: Path) -> Path:
    """A folder with the mirrors only."""
    (tmp_path / "mirrors").symlink_to(base / "mirrors")
    return tmp_path


@pytest.fixture
def extracted(base: Path, folder: Path) -> Path:
    """A folder with a configuration and a workspace that has units and no release."""
    shutil.copy(base / "corpus.toml", folder)
    keep_out = shutil.ignore_patterns("work", "release", "journal")
    shutil.copytree(base / "workspace", folder / "workspace", ignore=keep_out)
    return folder


# From nothing to a release


def test_init_then_run_works_in_an_empty_folder(base: Path) -> None:
    done = stackyard(base, "verify", "workspace/release")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "workspace/release: 11 files and 3 rows are as the manifest says\n"
    names = sorted(path.name for path in base.iterdir())
    assert names == ["corpus.toml", "mirrors", "workspace"]


def test_init_does_not_overwrite(folder: Path) -> None:
    (folder / "corpus.toml").write_text("# mine\n")
    assert "corpus.toml: exists" in problem(stackyard(folder, "init"), 2)
    assert (folder / "corpus.toml").read_text() == "# mine\n"
    assert problem(stackyard(folder, "init", "gone/c.toml"), 2).startswith(
        "stackyard: gone/c.toml: cannot be written ("
    )


# Configurations

CONFIGURATIONS = {
    "not TOML": (b"[[source]\n", r"c\.toml: not TOML: .*line 1"),
    "not UTF-8": (SOURCE.encode() + b"# caf\xe9\n", r"c\.toml: cannot be read \(not UTF-8\)"),
    "unknown key": (f"{SOURCE}[extract]\nmax_file_byte = 3\n", r"c\.toml:4: .*did you mean `max_file_bytes`\?"),
    "unknown rule": (f"{SOURCE}\n[rules.long_lines]\n", r"c\.toml:4: .*did you mean `long_line`\?"),
    "threshold of another type": (
        f'{SOURCE}[rules.long_line]\nmax_chars = "7"\n',
        r"c\.toml:4: rules\.long_line\.max_chars: needs a whole number, 0 or more, not '7'",
    ),
    "two kinds in a source": (
        f'{SOURCE}names = ["n.txt"]\n',
        r"c\.toml:1: source: needs exactly one of directories, names and gharchive",
    ),
    "nothing left to train on": (
        f"{SOURCE}[split]\nvalidation_fraction = 0.4\ntest_fraction = 0.6\n",
        r"c\.toml:3: split: .* leave nothing to train on",
    ),
    "no source": ("[extract]\n", r"c\.toml: source: is missing"),
    "missing folder": ('[[source]]\ndirectories = ["gone"]\n', r"source: directories: 'gone': no such folder"),
    "empty folder": ('[[source]]\ndirectories = ["empty"]\n', r"source: no repository found"),
    "folder without repositories": ('[[source]]\ndirectories = ["texts"]\n', r"source: no repository found"),
    "only bad lines": ('[[source]]\nnames = ["bad.txt"]\n', r"source: names: bad\.txt:1: 'no owner': must be owner/"),
    "missing names": ('[[source]]\nnames = ["gone.txt"]\n', r"source: names: gone\.txt: cannot be read \(No such file"),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_wrong_configuration_is_told(folder: Path, name: str) -> None:
    content, expected = CONFIGURATIONS[name]
    (folder / "c.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "bad.txt").write_text("no owner\n")
    (folder / "empty").mkdir()
    (folder / "texts/inner").mkdir(parents=True)
    (folder / "texts/inner/HEAD").write_text("a text\n")
    assert re.match(f"stackyard: {expected}", problem(stackyard(folder, "list", "c.toml"), 2))
    assert not (folder / "workspace").exists(), "nothing is made before all is known to be right"


def test_a_missing_configuration_is_told(folder: Path) -> None:
    for command in ("list", "extract", "release", "run", "status"):
        told = problem(stackyard(folder, command, "gone.toml"), 2)
        assert told.startswith("stackyard: gone.toml: cannot be read (No such file or directory); `stackyard init`")
    assert list(folder.iterdir()) == [folder / "mirrors"]


# Workspaces


def test_a_workspace_of_another_source_is_refused(extracted: Path) -> None:
    (extracted / "other.toml").write_text('[[source]]\ndirectories = ["mirrors/o"]\n')
    told = problem(stackyard(extracted, "run", "other.toml"), 2)
    assert "workspace: was made from other [[source]] tables; their order, their kinds and their directories" in told
    (extracted / "other.toml").write_text('[[source]]\nnames = ["n.txt"]\n' + SOURCE)
    (extracted / "n.txt").write_text("a/b\n")
    assert "new ones come last" in problem(stackyard(extracted, "list", "other.toml"), 2)
    (extracted / "other.toml").write_text(SOURCE + "[extract]\nmax_file_bytes = 7\n")
    assert "was made with another [extract]" in problem(stackyard(extracted, "list", "other.toml"), 2)
    (extracted / "other.toml").write_text(SOURCE + "[split]\ntest_fraction = 0.5\n")
    succeeds(extracted, "list", "other.toml")
    (extracted / "other.toml").write_text(SOURCE + 'exclude = ["no/thing"]\n[[source]]\nnames = ["n.txt"]\n')
    succeeds(extracted, "list", "other.toml")
    assert "new ones come last" in problem(stackyard(extracted, "list", "corpus.toml"), 2)


def test_two_runs_cannot_share_a_workspace(extracted: Path) -> None:
    with (extracted / "workspace/.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = problem(stackyard(extracted, "run", "corpus.toml"), 2)
    assert told == "stackyard: workspace: another stackyard run is using it; wait for it or use --workspace DIR"
    succeeds(extracted, "list", "corpus.toml")


def test_steps_out_of_order_are_told(folder: Path) -> None:
    (folder / "c.toml").write_text(SOURCE)
    for command in ("extract", "release"):
        told = problem(stackyard(folder, command, "c.toml"), 2)
        assert told == "stackyard: workspace: nothing listed yet; run `stackyard list c.toml` first"
    assert "nothing listed yet" in succeeds(folder, "status", "c.toml")
    succeeds(folder, "list", "c.toml")
    told = problem(stackyard(folder, "release", "c.toml"), 2)
    assert re.search("nothing extracted yet; run `stackyard extract", told)


def test_a_workspace_that_is_a_file_is_told(folder: Path) -> None:
    (folder / "c.toml").write_text(SOURCE)
    (folder / "workspace").write_text("not a folder\n")
    assert "workspace: not a folder; use --workspace" in problem(stackyard(folder, "list", "c.toml"), 2)


def test_a_folder_with_other_files_is_not_taken_for_a_workspace(folder: Path) -> None:
    (folder / "c.toml").write_text(SOURCE)
    (folder / "mine/release").mkdir(parents=True)
    (folder / "mine/release/NOTES.md").write_text("mine\n")
    told = problem(stackyard(folder, "run", "c.toml", "--workspace", "mine"), 2)
    assert told == "stackyard: mine: holds other files (release) and is no workspace; use --workspace DIR"
    assert (folder / "mine/release/NOTES.md").read_text() == "mine\n"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["extra.toml"], "extra.toml: not an option of Apache Beam, given as --name=value"),
        (
            ["--direct_num_worker=3"],
            "--direct_num_worker=3: not an option of Apache Beam, given as --name=value; did you",
        ),
        (["--runner=Nope"], "--runner=Nope: not one that stackyard is run on; there are: "),
    ],
)
def test_an_option_that_beam_does_not_have_is_told(folder: Path, options: list[str], expected: str) -> None:
    (folder / "c.toml").write_text(SOURCE)
    assert problem(stackyard(folder, "run", "c.toml", "--", *options), 2).startswith(f"stackyard: {expected}")


def test_a_language_that_is_none_is_told(folder: Path) -> None:
    (folder / "c.toml").write_text(SOURCE + '[rules.long_line]\nexempt = ["Htlm"]\n')
    told = problem(stackyard(folder, "run", "c.toml"), 2)
    assert re.match(r"stackyard: c\.toml:\d+: rules\.long_line\.exempt: 'Htlm' is no language; did you mean `H", told)


def test_when_no_repository_can_be_read_nothing_is_released(folder: Path) -> None:
    (folder / "names.txt").write_text("owner/name\n")
    (folder / "c.toml").write_text(
        '[[source]]\nnames = ["names.txt"]\nhost = "git.test"\n[fetch]\nattempts = 1\n'
        '[fetch.hosts."git.test"]\nurl = "http://127.0.0.1:9"\n'
    )
    told = problem(stackyard(folder, "run", "c.toml"), 1)
    assert told.startswith(
        "stackyard: release: all 1 repositories failed; the first, git.test/owner/name: bad_addr: 127.0.0.1 is at"
    )
    assert not (folder / "workspace/release").exists()


def test_a_limited_extract_is_released_only_as_partial(folder: Path) -> None:
    write_repository(folder / "more/o/three.git", {"e.py": source("third")})
    (folder / "c.toml").write_text(OWN + 'directories = ["mirrors", "more"]\n')
    for _ in range(2):  # again: nothing is left within the limit
        assert "1 ok, 2 pending" in succeeds(folder, "run", "c.toml", "--limit", 1, "--workers", 1)
    told = problem(stackyard(folder, "release", "c.toml", "--workers", 1), 1)
    assert "release: 2 of 3 repositories are not extracted yet; run `stackyard extract`" in told
    assert "--partial" in told
    assert "1 ok, 2 pending" in succeeds(folder, "release", "c.toml", "--partial", "--workers", 1)
    assert (
        "2 repositories were not extracted yet: this release is partial."
        in (folder / "workspace/release/README.md").read_text()
    )


# Disks


def namespaced(script: str) -> tuple[str, ...]:
    """The words that run a shell script in which mounts end with it; the test is skipped where none are allowed."""
    words = ("unshare", "--mount", "--propagation", "private", "sh", "-c")
    if os.geteuid():
        words = (words[0], "--map-root-user", *words[1:])
    probe = [*words, "mount -t tmpfs tmpfs /mnt"]
    if not shutil.which("unshare") or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small or read-only file system here")
    return (*words, script, "sh")


def test_a_full_disk_is_told_and_the_run_goes_on_with_more_room(folder: Path) -> None:
    noise = {f"{i}.py": hashlib.shake_256(b"%d" % i).hexdigest(250_000).encode() for i in range(6)}
    for i in range(3):
        write_repository(folder / f"large/o/name-{i}.git", noise | {"a.py": source(f"topic{i}")})
    (folder / "c.toml").write_text(OWN + 'directories = ["large"]\n')
    (folder / "disk").mkdir()
    script = """
        mount -t tmpfs -o size=4m tmpfs disk
        "$@" --workers 2; code=$?
        cp -r disk/workspace full
        mount -o remount,size=64m disk
        "$@" --workers 1 2> again || exit 99
        cp -r disk/workspace .
        exit $code
    """
    run = ("run", "c.toml", "--workspace", "disk/workspace")
    done = installed(folder, *run, before=namespaced(script))
    told = problem(done, 1)
    assert told.startswith("stackyard: extract: ")
    assert "No space left on device" in told
    assert not list((folder / "full").rglob(".tmp-*")), "what could not be finished is gone"
    assert all(PROGRESS.fullmatch(line) for line in (folder / "again").read_text().splitlines())
    assert "3 listed: 3 ok" in done.stdout
    succeeds(folder, "verify", "workspace/release")


def test_a_limit_on_the_size_of_files_is_told(folder: Path) -> None:
    (folder / "c.toml").write_text(SOURCE)
    assert "File too large" in problem(stackyard(folder, "run", "c.toml", "--workers", 1, file_bytes=6_000), 1)
    succeeds(folder, "run", "c.toml", "--workers", 1)


def test_a_read_only_workspace_is_told(extracted: Path) -> None:
    bound = namespaced('mount --bind workspace workspace; mount -o remount,bind,ro workspace; "$@"')
    told = problem(installed(extracted, "run", "corpus.toml", before=bound), 2)
    assert told == "stackyard: workspace: cannot be written (Read-only file system); use --workspace DIR"
    inside = ("--workspace", "workspace/inner")
    told = problem(installed(extracted, "list", "corpus.toml", *inside, before=bound), 2)
    assert told == "stackyard: workspace/inner: cannot be written (Read-only file system); use --workspace DIR"
    done = installed(extracted, "status", "corpus.toml", before=bound)
    assert (done.returncode, done.stderr) == (0, ""), "looking writes nothing"


# Damaged workspaces


def unit_file(workspace: Path, suffix: str) -> Path:
    """A file of the first unit."""
    return min(workspace.glob("files/g001/unit-?????.json")).with_suffix(f".{suffix}")


def column_place(path: Path, column: str) -> int:
    """The middle of a column's first page."""
    group = pq.read_metadata(path).row_group(0)
    chunk = next(c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == column)
    return int(chunk.data_page_offset + chunk.total_compressed_size * 2 // 3)


def flip_column(suffix: str, column: str) -> Callable[[Path], Path]:
    """Flips a bit of the column."""

    def harm(workspace: Path) -> Path:
        path = unit_file(workspace, suffix)
        flip(path, column_place(path, column))
        return path

    return harm


def overwrite(name: str, content: str) -> Callable[[Path], Path]:
    """Writes other content; `unit` names the first unit's file."""

    def harm(workspace: Path) -> Path:
        path = unit_file(workspace, name.partition(".")[2]) if name.startswith("unit.") else workspace / name
        path.write_text(content)
        return path

    return harm


def cut_short(workspace: Path) -> Path:
    """The unit file ends in the middle."""
    path = unit_file(workspace, "parquet")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def lost(workspace: Path) -> Path:
    """The unit file is gone."""
    path = unit_file(workspace, "parquet")
    path.unlink()
    return path


AGAIN = r"delete (\S+/unit-\d+\.json) and extract again"
DAMAGES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "text": (flip_column("parquet", "content"), rf"damaged \(.*CRC.*\); {AGAIN}"),
    "a signal": (flip_column("parquet", "alpha_count"), rf"damaged \(.*CRC.*\); {AGAIN}"),
    "an outcome": (flip_column("outcomes.parquet", "repo_key"), rf"damaged \(.*CRC.*\); {AGAIN}"),
    "cut short": (cut_short, rf"damaged \(.*\); {AGAIN}"),
    "lost": (lost, rf"missing; {AGAIN}"),
    "commit is no JSON": (overwrite("unit.json", '{"files": {'), rf"damaged \(.*\); {AGAIN}"),
    "commit of other keys": (overwrite("unit.json", "{}"), rf"damaged \(.*\); {AGAIN}"),
    "plan": (overwrite("files/g001/generation.json", "{"), r"damaged \(.*\); put it back from a copy, or use another"),
    "list": (overwrite("repositories/repositories.parquet", "PAR1"), r"damaged \(.*\); run `stackyard list` again"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_workspace_is_told_and_how_to_mend_it(base: Path, extracted: Path, name: str) -> None:
    harm, expected = DAMAGES[name]
    path = harm(extracted / "workspace")
    told = problem(stackyard(extracted, "release", "corpus.toml", "--workers", 1), 1)
    found = re.fullmatch(rf"stackyard: {re.escape(str(path))}: {expected}.*", told)
    assert found, told
    assert not (extracted / "workspace/release").exists()
    if name in ("a signal", "list"):  # do what it says
        for commit in found.groups():
            Path(commit).unlink()
        succeeds(extracted, "run", "corpus.toml", "--workers", 1)
        manifests = [folder / "workspace/release/manifest.json" for folder in (base, extracted)]
        assert manifests[0].read_bytes() == manifests[1].read_bytes(), "and it is as if nothing had been"


# Damaged releases


@pytest.fixture
def release(base: Path, tmp_path: Path) -> Path:
    """A copy of the release."""
    return Path(shutil.copytree(base / "workspace/release", tmp_path / "release"))


def test_verify_finds_all_that_is_wrong_with_the_files(release: Path) -> None:
    shard = release / "data/python/train-00000-of-00001.parquet"
    flip(shard, column_place(shard, "content"))
    (release / "data/javascript/train-00000-of-00001.parquet").unlink()
    flip(release / "ledger/ledger-00000-of-00001.parquet", 40)
    (release / "data/python/train-00001-of-00001.parquet").write_bytes(b"more")
    told = problems(stackyard(release.parent, "verify", "release"), 1)
    assert [line.removeprefix("stackyard: ") for line in told] == [
        "release/data/javascript/train-00000-of-00001.parquet: missing",
        "release/data/python/train-00000-of-00001.parquet: damaged: its SHA-256 is not the manifest's",
        "release/ledger/ledger-00000-of-00001.parquet: damaged: its SHA-256 is not the manifest's",
        "release/data/python/train-00001-of-00001.parquet: not in the manifest",
    ]


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (lambda text: text[: len(text) // 2], r"release/manifest\.json: damaged: "),
        (lambda text: text.replace('"contents"', '"contentz"'), r"release/manifest\.json: damaged: "),
        (lambda text: "[]", r"release/manifest\.json: damaged: "),
        (lambda text: text.replace('"published": 3', '"published": 2'), r"release/manifest\.json: the sums differ: "),
    ],
)
def test_verify_finds_a_damaged_manifest(release: Path, harm: Callable[[str], str], expected: str) -> None:
    manifest = release / "manifest.json"
    changed = harm(manifest.read_text())
    assert changed != manifest.read_text()
    manifest.write_text(changed)
    assert re.match(f"stackyard: {expected}", problem(stackyard(release.parent, "verify", "release"), 1))


def test_verify_of_what_is_no_release_is_told(base: Path, tmp_path: Path) -> None:
    assert problem(stackyard(tmp_path, "verify", "gone"), 1) == "stackyard: gone: no such folder"
    mirrors = base / "mirrors"
    told = problem(stackyard(tmp_path, "verify", mirrors), 1)
    assert told == f"stackyard: {mirrors}: no manifest.json: not a release"


def test_a_repository_that_fails_does_not_fail_the_run(folder: Path) -> None:
    write_repository(folder / "bad/o/good.git", {"a.py": source("good")})
    write_repository(folder / "bad/o/unborn.git", {"a.py": source("unborn")}, branch="develop", head="main")
    init_repository(folder / "bad/o/empty.git")
    (folder / "c.toml").write_text(OWN + 'directories = ["bad"]\n')
    printed = succeeds(folder, "run", "c.toml", "--workers", 1)
    assert "3 listed: 1 ok, 1 empty, 1 failed" in printed
    assert "1 failed(unborn_head)" in printed
