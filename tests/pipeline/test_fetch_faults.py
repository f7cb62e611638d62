"""Servers that fail and runs that are killed, together: the bytes of a run that nobody disturbed, nothing lost, nothing
fetched twice. And what is read again on purpose."""

import contextlib
import hashlib
import io
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest

from examples.demo_corpus import write_repository
from examples.git_server import Request, split_path
from pipeline import cli, corpus, storage, units
from pipeline.fetch import hosts
from tests.pipeline.conftest import Tree, licence, rows, shard_hashes, text
from tests.pipeline.test_bad_input import STACKYARD, installed, namespaced, problem
from tests.servers.git_http import (
    DMCA,
    EVERY,
    UNAUTHORIZED,
    Fault,
    FaultyHandler,
    FaultyServer,
    cut,
    flip,
    most_at_once,
    redirect,
    renamed,
    reset,
    reset_after,
    serving,
    status,
    visits,
    visits_too_early,
)

HOSTS, AT_ONCE, TIMEOUT_S = 3, 4, 20
MAX_AT_ONCE = HOSTS * AT_ONCE
CONFIGURATION = f"""
[[source]]
names = ["names.txt"]
rights = "own"

[fetch]
timeout_s = {TIMEOUT_S}
attempts = 4
backoff_s = 0.05
max_concurrent = {AT_ONCE}
max_starts_per_s = 1000.0
"""
HOST = """
[fetch.hosts."h{number}.test"]
url = "{url}"
private_addresses = true
"""
# Python imports this when it starts: few units, so that each has several repositories, and no long pauses.
SITE = """
from pipeline import units
from pipeline.fetch import hosts
units.MIN_UNITS = 4
hosts.RATE_LIMITED_S = 0.2
"""
POLL_S = 0.005


@pytest.fixture(autouse=True)
def _site(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for this process."""
    monkeypatch.setattr(units, "MIN_UNITS", 4)
    monkeypatch.setattr(hosts, "RATE_LIMITED_S", 0.2)


def write_configuration(folder: Path, names: Sequence[str], url: str) -> Path:
    """For repositories at `url`, some of each of HOSTS hosts."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"https://h{number % HOSTS}.test/{name}\n" for number, name in enumerate(names)]
    (folder / "names.txt").write_text("".join(lines))
    hosts = [HOST.format(number=number, url=url) for number in range(HOSTS)]
    (folder / "corpus.toml").write_text(CONFIGURATION + "".join(hosts))
    return folder / "corpus.toml"


def small(number: int) -> Tree:
    """Some hundred bytes to some kB; one file is in every fourth repository."""
    suffix = ("py", "go", "rs", "js")[number % 3]
    return {
        "LICENSE": licence(f"owner {number}"),
        "README.md": text("md", f"small {number}", 300),
        f"src/main.{suffix}": text(suffix, f"small {number}", 200 + number * 331 % 6_000),
        "lib/shared.py": text("py", f"shared by some {number % 4}", 1_500),
    }


# Faults

TRANSIENT: dict[str, Fault] = {
    "cut": cut(0.5),
    "reset": reset,
    "reset in the pack": reset_after(90),
    "one bit": flip(),
    "500": status(500),
    "503": status(503),
    "429": status(429, {"Retry-After": "1"}),
}
PERMANENT: dict[str, Fault] = {
    "gone": status(404),
    "private_or_missing": UNAUTHORIZED,
    "legal": DMCA,
    "server_error": status(500, content=b"<html>\0"),
    "redirect_denied": redirect("https://elsewhere.test/owner/name"),
}


@dataclass
class World:
    """Repositories in a folder, the names that are listed, and what is wrong with them: 30 %, by hash."""

    folder: Path
    names: list[str]
    transient: dict[str, str] = field(default_factory=dict)  # fault by name
    permanent: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, count: int) -> "World":
        names = [f"owner{number % 7}/name{number:03d}" for number in range(count)]
        for number, name in enumerate(names):
            write_repository(folder / f"{name}.git", small(number))
        (folder / "moved").mkdir()
        world = cls(folder, names)
        kinds = [*TRANSIENT, *PERMANENT, "renamed_to"]
        chosen = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[: count * 3 // 10]
        for number, name in enumerate(chosen):
            kind = kinds[number % len(kinds)]
            (world.transient if kind in TRANSIENT else world.permanent)[name] = kind
        for name, kind in world.permanent.items():
            if kind == "renamed_to":
                (folder / f"{name}.git").rename(folder / f"{moved(name)}.git")
        return world

    def spoil(self, server: FaultyServer) -> None:
        """Transient faults are lifted for good after one or two visits: whatever visits are lost, the end is one."""
        for number, (name, kind) in enumerate(self.transient.items()):
            server.fault(name, TRANSIENT[kind], times=1 + number % 2)
        for name, kind in self.permanent.items():
            server.fault(name, renamed(moved(name)) if kind == "renamed_to" else PERMANENT[kind])

    def outcomes(self) -> dict[str, tuple[str, str | None]]:
        """What must become of every repository: its outcome and code."""
        found: dict[str, tuple[str, str | None]] = dict.fromkeys(self.names, ("ok", None))
        for name, kind in self.permanent.items():
            found[name] = ("failed", kind)
            if kind == "renamed_to":
                found |= {name: ("excluded", kind), moved(name): ("ok", None)}
        return found


def moved(name: str) -> str:
    """The new name of a repository that was renamed."""
    return f"moved/{name.replace('/', '-')}"


# Runs


@dataclass
class Trial:
    """A workspace, and all that its processes know of: by its folder they are found."""

    folder: Path
    configuration: Path

    @classmethod
    def of(cls, folder: Path, world: World, server: FaultyServer) -> "Trial":
        world.spoil(server)
        trial = cls(folder, write_configuration(folder / "given", world.names, server.url))
        for name in ("site", "temporary", "home", "here"):
            (folder / name).mkdir()
        trial.site.write_text(SITE)
        return trial

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def site(self) -> Path:
        """What Python imports when a process of the run starts."""
        return self.folder / "site/sitecustomize.py"

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """`stackyard WORDS` with two workers in a process group of its own."""
        command = [sys.executable, "-m", "pipeline", words[0], str(self.configuration), *words[1:]]
        python = os.pathsep.join([str(self.folder / "site"), os.environ.get("PYTHONPATH", "")])
        own = {"TMPDIR": str(self.folder / "temporary"), "HOME": str(self.folder / "home"), "PYTHONPATH": python}
        with (self.folder / "stdout").open("wb") as out, (self.folder / "stderr").open("wb") as err:
            return subprocess.Popen(
                [*command, "--workspace", str(self.workspace)],
                stdout=out,
                stderr=err,
                env=os.environ | own,
                cwd=self.folder / "here",
                start_new_session=True,
            )

    def extract(self, *words: str) -> "subprocess.Popen[bytes]":
        return self.start("extract", "--workers", "2", *words)

    def finish(self, process: "subprocess.Popen[bytes]") -> None:
        """The run comes to its end and leaves nothing behind but its workspace."""
        assert process.wait(timeout=300) == 0, self.stderr
        assert "Traceback" not in self.stderr
        self.check_ended(within_s=2)
        assert not list(self.workspace.rglob(f"{storage.TEMPORARY}*"))
        assert not list(self.workspace.glob("fetched/*/*")), "of committed units"
        outside = [path for name in ("temporary", "home", "here") for path in self.folder.glob(f"{name}/**/*")]
        assert not [path for path in outside if path.is_file()]
        known = {"given", "here", "home", "site", "stderr", "stdout", "temporary", "workspace"}
        assert {path.name for path in self.folder.iterdir()} == known

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    def processes(self) -> dict[int, str]:
        """Command lines by id of all processes that know of the folder, git's among them."""
        return dict(_processes(os.fsencode(self.folder)))

    def workers(self) -> list[int]:
        return [number for number, command in self.processes().items() if "-m pipeline.worker" in command]

    def check_ended(self, within_s: float) -> None:
        """No process of the run lives on."""
        end = time.monotonic() + within_s
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(POLL_S)
        assert not left

    def stored(self) -> set[str]:
        """Names of the repositories with a result on disk: their unit is committed, or they are fetched."""
        found = set()
        for path in self.workspace.glob("files/g*/unit-*.list.parquet"):
            unit = path.with_name(path.name.removesuffix(".list.parquet"))
            fetched = self.workspace / "fetched" / unit.relative_to(self.workspace / "files")
            for index, name in enumerate(pl.read_parquet(path)["repo_name"]):
                state = fetched / f"{index:05d}.json"
                values = storage.read_json(state) if state.exists() else {}
                if unit.with_suffix(".json").exists() or values.get("fetched") or values.get("failed"):
                    found.add(name)
        return found

    def outcomes(self) -> dict[str, tuple[str, str | None]]:
        """Outcome and code by name; each repository stands in one unit."""
        found = rows(self.workspace, "files/g*/unit-*.outcomes.parquet", by=["repo_key"])
        assert found["repo_key"].is_unique().all()
        return {name: (outcome, code) for name, outcome, code in found["repo_name", "outcome", "code"].iter_rows()}


def _processes(mark: bytes) -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            command = (folder / "cmdline").read_bytes()
            if mark in command or mark in (folder / "environ").read_bytes():
                yield int(folder.name), command.replace(b"\0", b" ").decode()


def asked_for(requests: Sequence[Request]) -> set[str]:
    """The names of the repositories."""
    return {split_path(request.path)[0] for request in requests}


def stackyard(*words: object) -> "subprocess.CompletedProcess[str]":
    """The command, run in this process."""
    told, said, code = io.StringIO(), io.StringIO(), 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(told),
        contextlib.redirect_stderr(said),
    ):
        patch.setattr(sys, "argv", ["stackyard", *map(str, words)])
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
    return subprocess.CompletedProcess([str(word) for word in words], code, told.getvalue(), said.getvalue())


# Killed runs


def kill(trial: Trial, server: FaultyServer, requests: int, chosen: random.Random, whole_group: bool) -> None:
    """Starts a run and kills it, or one of its workers, when the server has seen so many requests."""
    process = trial.extract()
    while len(server.requests) < requests or not trial.workers():
        assert process.poll() is None, trial.stderr
        time.sleep(POLL_S)
    time.sleep(0.05 * chosen.random())
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    else:
        os.kill(chosen.choice(trial.workers()), signal.SIGKILL)
        assert process.wait(timeout=30) == 1
        assert "a worker process ended with signal 9" in trial.stderr and "Traceback" not in trial.stderr


def check_killed_runs(folder: Path, count: int, kills: int, seed: int) -> None:
    """Two workspaces, one of them disturbed, have the same bytes."""
    world, chosen = World.of(folder / "served", count), random.Random(seed)
    with serving(world.folder) as server:
        calm = Trial.of(folder / "calm", world, server)
        succeeds(calm, "list")
        succeeds(calm, "extract")
        assert calm.outcomes() == world.outcomes()
        undisturbed = list(server.requests)
    with serving(world.folder) as server:
        trial = Trial.of(folder / "disturbed", world, server)
        trial.finish(trial.start("list"))
        stored: list[tuple[int, set[str]]] = []
        for number in range(kills):
            requests = int(len(undisturbed) * (number + chosen.random()) / (kills + 1))
            kill(trial, server, requests, chosen, whole_group=number % 2 == 0)
            stored.append((len(server.requests), trial.stored()))
            if number % 3 == 0:
                trial.check_ended(within_s=TIMEOUT_S + 5)  # else the next run meets what is left of this one
        trial.finish(trial.start("extract", "--workers", "1"))  # which starts sooner
        again = {name for seen, names in stored for name in asked_for(server.requests[seen:]) & names}
    assert not again, "stored before the kill, and yet asked for after it"
    assert stored[-1][1] and len(visits(server.requests)) <= len(visits(undisturbed)) + kills * MAX_AT_ONCE
    assert trial.outcomes() == calm.outcomes() and len(trial.outcomes()) == count + list(
        world.permanent.values()
    ).count("renamed_to")
    for part in ("files", "repositories"):
        assert shard_hashes(trial.workspace / part) == shard_hashes(calm.workspace / part)


def test_a_killed_run_among_faults_ends_with_the_same_bytes(tmp_path: Path) -> None:
    check_killed_runs(tmp_path, count=60, kills=2, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_run_killed_many_times_among_faults_ends_with_the_same_bytes(tmp_path: Path, seed: int) -> None:
    check_killed_runs(tmp_path, count=500, kills=10, seed=seed)


# What a killed run leaves


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Twelve repositories and no fault."""
    names = [f"owner/name{number:02d}" for number in range(12)]
    for number, name in enumerate(names):
        write_repository(tmp_path / f"served/{name}.git", small(number))
    return World(tmp_path / "served", names)


@pytest.fixture
def server(world: World) -> Iterator[FaultyServer]:
    with serving(world.folder) as server:
        yield server


@pytest.fixture
def trial(tmp_path: Path, world: World, server: FaultyServer) -> Trial:
    """All of them listed."""
    trial = Trial.of(tmp_path / "trial", world, server)
    succeeds(trial, "list")
    return trial


def succeeds(trial: Trial, *words: object) -> str:
    """What the command prints that is run in this process."""
    step, *options = words
    workers = () if step == "list" else ("--workers", 1)
    done = stackyard(step, trial.configuration, "--workspace", trial.workspace, *workers, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def hold() -> Iterator[threading.Event]:
    """Visits with the fault `held` wait for it."""
    event = threading.Event()
    yield event
    event.set()


def held(until: threading.Event) -> Fault:
    """git's answers, once the event is set."""

    def fault(handler: FaultyHandler) -> None:
        until.wait()
        handler.serve()

    return fault


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(POLL_S)


def test_renames_are_followed_after_a_kill(trial: Trial, world: World, server: FaultyServer) -> None:
    server.fault("owner/name03", renamed("owner/other"))
    write_repository(world.folder / "owner/other.git", small(3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "follow_renames", lambda *_: 1 / 0)  # all units are committed, and nothing follows
        with pytest.raises(ZeroDivisionError):
            stackyard("extract", trial.configuration, "--workspace", trial.workspace, "--workers", 1)
    succeeds(trial, "extract")
    assert trial.outcomes()["owner/other"] == ("ok", None)


def test_what_was_fetched_for_a_committed_unit_goes(trial: Trial) -> None:
    succeeds(trial, "extract")
    for commit in trial.workspace.glob("files/g001/unit-?????.json"):
        write_repository(trial.workspace / f"fetched/g001/{commit.stem}/00000.git", small(0))  # killed before it went
    succeeds(trial, "extract")
    assert not list(trial.workspace.glob("fetched/g001/unit-*"))


@pytest.mark.slow
def test_git_that_outlives_its_run_does_not_disturb_the_next(
    trial: Trial, server: FaultyServer, hold: threading.Event
) -> None:
    trial.configuration.write_text(trial.configuration.read_text().replace("attempts = 4", "attempts = 1"))
    server.fault(EVERY, held(hold))
    for expected in (1, 2):
        process = trial.start("extract", "--workers", "1")
        wait_for(lambda: [*visited(server).values()].count(expected) >= 2)  # noqa: B023
        if expected == 1:
            process.kill()
            process.wait()
    hold.set()
    trial.finish(process)
    assert set(trial.outcomes().values()) == {("ok", None)}


def visited(server: FaultyServer) -> Counter[str]:
    """How often each repository was."""
    return Counter(split_path(visit.path)[0] for visit in visits(server.requests))


TWICE = """
import sys
from pathlib import Path
from pipeline import config, units
from pipeline.extract import ExtractUnit
from pipeline.workspace import Workspace
settings, workspace = config.load(Path(sys.argv[1])), Workspace(Path(sys.argv[2]))
work = ExtractUnit(str(settings.folder), workspace, settings.extract, settings.fetch, skip_committed=False)
print("ready", flush=True)
sys.stdin.readline()
for unit in units.units(workspace):
    work(unit.id)
"""


def extract_twice(trial: Trial) -> None:
    """The planned units, by two processes at once."""
    command = [sys.executable, "-c", TWICE, str(trial.configuration), str(trial.workspace)]
    pipe = subprocess.PIPE
    both = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    for process in both:
        assert process.stdout and process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], said


@pytest.mark.parametrize("kind", ["folders", "fetched"])
def test_the_same_units_by_two_processes_at_once(trial: Trial, world: World, kind: str) -> None:
    if kind == "folders":
        source = f'[[source]]\ndirectories = ["{world.folder}"]\n'
        trial = Trial(trial.folder / "folders", trial.configuration)
        trial.configuration.write_text(source)
        succeeds(trial, "list")
    succeeds(trial, "extract")
    once = shard_hashes(trial.workspace / "files")
    for path in trial.workspace.glob("files/g001/unit-?????.*"):
        if not path.name.endswith(".list.parquet"):
            path.unlink()
    extract_twice(trial)
    assert shard_hashes(trial.workspace / "files") == once


# Deaths of workers

POISON = """
import os
import resource
from pipeline import extract
read_files = extract.read_files


def dying(snapshot, host, repo_name, *rest, **options):
    if repo_name == "owner/name05":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.abort()
    return read_files(snapshot, host, repo_name, *rest, **options)


extract.read_files = dying
"""
PARALLEL = """
from pipeline import corpus
corpus.PARALLEL_OBJECT_BYTES = -1
"""


def outcome_of_poison(trial: Trial) -> list[tuple[str, str, str, str]]:
    """The rows of all that is not ok."""
    found = rows(trial.workspace, "files/g001/unit-*.outcomes.parquet", by=["repo_key"])
    assert found.height == 12
    return found.filter(pl.col("outcome") != "ok")["repo_name", "outcome", "code", "detail"].rows()


FAILED = [("owner/name05", "failed", "bug", "2 worker processes died while they read it")]


def test_a_repository_that_kills_workers_fails_and_the_rest_completes(trial: Trial) -> None:
    trial.site.write_text(SITE + PARALLEL + POISON)
    for _ in range(2):
        assert trial.extract().wait(timeout=120) == 1
        lines = [line for line in trial.stderr.splitlines() if not line.startswith("extract: ")]
        assert [line.split(" (")[0] for line in lines] == ["stackyard: extract: a worker process ended with signal 6"]
    assert trial.extract().wait(timeout=120) == 0, trial.stderr
    assert outcome_of_poison(trial) == FAILED


def test_a_repository_that_killed_workers_can_be_tried_again(trial: Trial) -> None:
    storage.write_json(trial.workspace / "journal/deaths.json", {"h2.test/owner/name05": 2})
    succeeds(trial, "extract")
    assert outcome_of_poison(trial) == FAILED
    succeeds(trial, "extract", "--retry", "bug")
    assert generation(trial, 2) == {"owner/name05": ("ok", None)}


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_repository_that_kills_the_run_itself_fails_as_well(trial: Trial, workers: str) -> None:
    trial.site.write_text(SITE + POISON)
    ends = [trial.start("extract", "--workers", workers).wait(timeout=120) for _ in range(4)]
    assert ends == [-signal.SIGABRT, 1, 1, 0]
    assert outcome_of_poison(trial) == FAILED


# Full disks


def test_a_disk_that_is_full_of_what_was_fetched(tmp_path: Path) -> None:
    names = [f"owner/name{number}" for number in range(4)]
    for number, name in enumerate(names):
        write_repository(tmp_path / f"served/{name}.git", small(number))
    noise = {f"{i}.py": random.Random(i).randbytes(300_000).hex().encode() for i in range(20)}  # packs to half of it
    write_repository(tmp_path / "served/owner/large.git", noise | small(4))
    names.append("owner/large")
    (tmp_path / "disk").mkdir()
    script = """
        mount -t tmpfs -o size=5m tmpfs disk
        "$0" list given/corpus.toml --workspace disk/workspace > listed || exit 98
        "$0" extract given/corpus.toml --workspace disk/workspace --workers 2; code=$?
        cp -r disk/workspace full
        mount -o remount,size=64m disk
        "$0" extract given/corpus.toml --workspace disk/workspace --workers 1 2> again || exit 99
        cp -r disk/workspace workspace
        exit $code
    """
    *words, _, _ = namespaced(script)
    with serving(tmp_path / "served") as server:
        given = write_configuration(tmp_path / "given", names, server.url)
        given.write_text(given.read_text().replace("attempts = 4", "attempts = 1"))  # a full disk counts for none
        done = subprocess.run([*words, script, str(STACKYARD)], cwd=tmp_path, capture_output=True, text=True)
        seen = visited(server)
    told = problem(done, 1)
    assert told.startswith("stackyard: ") and "No space left on device" in told
    assert not list((tmp_path / "full").rglob(f"{storage.TEMPORARY}*")), "what could not be finished is gone"
    assert (tmp_path / "again").read_text().count("\n") == 1, "only progress"
    assert "5 listed: 5 ok" in done.stdout
    assert not list((tmp_path / "workspace/fetched").glob("*/*"))
    assert max(seen.values()) <= 3, "no repository is asked for again and again"
    succeeded = stackyard("verify", tmp_path / "workspace")  # there is no release yet
    assert "units are as their commits say" in succeeded.stdout


def test_a_limit_of_the_user_is_no_fault_of_repositories(trial: Trial) -> None:
    without_rights = ("setpriv", "--bounding-set=-sys_resource") if os.geteuid() == 0 else ()
    words = [*without_rights, "sh", "-c", 'ulimit -f 20000; exec "$@"', "sh"]
    done = installed(trial.folder, "extract", trial.configuration, "--workspace", trial.workspace, before=words)
    assert done.returncode == 0, done.stderr
    assert set(trial.outcomes().values()) == {("ok", None)}


# Hosts that want less


def at_most(allowed: int) -> Fault:
    """git's answers as long as no more requests than these run; to more, 429 for a second."""

    def fault(handler: FaultyHandler) -> None:
        if sum(request.end_s is None for request in list(handler.server.requests)) > allowed:
            return handler.reply(429, {"Retry-After": "1"})
        time.sleep(0.05)  # so that there are many at once
        handler.serve()

    return fault


def test_a_storm_of_429s_slows_us_down_and_fails_nothing(tmp_path: Path) -> None:
    names = [f"owner/name{number:02d}" for number in range(16)]
    for number, name in enumerate(names):
        write_repository(tmp_path / f"served/{name}.git", small(number))
    with serving(tmp_path / "served") as server:
        server.fault(EVERY, at_most(2))
        trial = Trial.of(tmp_path / "trial", World(tmp_path / "served", names), server)
        trial.configuration.with_name("names.txt").write_text("".join(f"https://h0.test/{name}\n" for name in names))
        trial.configuration.write_text(
            trial.configuration.read_text().replace("max_concurrent = 4", "max_concurrent = 8")
        )
        succeeds(trial, "list")
        trial.finish(trial.extract())
        assert set(trial.outcomes().values()) == {("ok", None)}
        refused = [request for request in server.requests if request.status == 429]
        assert refused and not visits_too_early(server.requests)
        assert storage.read_json(trial.workspace / "journal/hosts/h0.test.json")["limit"] <= 2
        later = [request for request in server.requests if request.start_s > max(r.start_s for r in refused)]
        assert len(later) > len(names) and max(most_at_once(later).values()) <= 2


# Again, on purpose


def released(trial: Trial) -> dict[str, dict[str, str]]:
    """The texts of a release by path by repository."""
    succeeds(trial, "release")
    found: dict[str, dict[str, str]] = {}
    for name, path, content in rows(trial.workspace, "release/data/*/*.parquet")["repo_name", "path", "content"].rows():
        found.setdefault(name, {})[path] = content
    return found


LATER = {"later.py": text("py", "later", 400)}


def commit_later(world: World) -> str:
    """Name of a repository in whose HEAD there is one file more."""
    shutil.rmtree(world.folder / "owner/name03.git")
    write_repository(world.folder / "owner/name03.git", small(3) | LATER)
    return "owner/name03"


def generation(trial: Trial, number: int) -> dict[str, tuple[str, str | None]]:
    """Outcome and code by name of what was read in a generation."""
    found = rows(trial.workspace, f"files/g{number:03d}/unit-*.outcomes.parquet", by=["repo_key"])
    return {name: (outcome, code) for name, outcome, code in found["repo_name", "outcome", "code"].iter_rows()}


def test_only_the_failures_asked_for_are_tried_again(trial: Trial, server: FaultyServer) -> None:
    server.fault("owner/name01", status(500))
    server.fault("owner/name02", status(404))
    server.fault("owner/name03", status(403))
    succeeds(trial, "extract")
    first, seen = shard_hashes(trial.workspace / "files/g001"), len(server.requests)
    for name in ("owner/name01", "owner/name02"):
        server.heal(name)
    succeeds(trial, "extract", "--retry", "server_error", "--retry", "slow")
    assert generation(trial, 2) == {"owner/name01": ("ok", None)}
    assert asked_for(server.requests[seen:]) == {"owner/name01"}
    assert "10 ok, 2 failed" in succeeds(trial, "extract")  # nothing more
    succeeds(trial, "extract", "--retry", "all")
    assert generation(trial, 3) == {"owner/name02": ("ok", None), "owner/name03": ("failed", "forbidden")}
    assert "11 ok, 1 failed" in succeeds(trial, "extract", "--retry", "gone")
    assert {path.name for path in (trial.workspace / "files").iterdir()} == {"g001", "g002", "g003"}
    assert shard_hashes(trial.workspace / "files/g001") == first
    assert len(released(trial)) == 11


def test_an_unknown_code_is_told_before_anything_is_done(trial: Trial, server: FaultyServer) -> None:
    done = stackyard("extract", trial.configuration, "--workspace", trial.workspace, "--retry", "sever_error")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        "stackyard: --retry sever_error: no failure has this code; there are: all, .*gone, .*server_error, .*\n",
        done.stderr,
    )
    assert not server.requests and not (trial.workspace / "files").exists()


def test_a_retry_that_is_killed_ends_with_the_same_bytes(
    trial: Trial, world: World, server: FaultyServer, hold: threading.Event, tmp_path: Path
) -> None:
    for name in world.names[::2]:
        server.fault(name, status(500))
    succeeds(trial, "extract")
    for name in world.names[::2]:
        server.heal(name)
    calm = Trial(tmp_path / "calm", trial.configuration)
    shutil.copytree(trial.workspace, calm.workspace)
    succeeds(calm, "extract", "--retry", "server_error")
    server.fault(world.names[6], held(hold), times=1)
    process = trial.start("extract", "--workers", "1", "--retry", "server_error")
    seen = visited(server)[world.names[6]]
    wait_for(lambda: visited(server)[world.names[6]] > seen and list(trial.workspace.glob("fetched/g002/*/*.git")))
    process.kill()
    process.wait()
    hold.set()
    succeeds(trial, "extract", "--retry", "server_error")
    assert shard_hashes(trial.workspace / "files") == shard_hashes(calm.workspace / "files")


def test_a_refresh_reads_what_moved_and_asks_for_little_else(trial: Trial, world: World, server: FaultyServer) -> None:
    write_repository(
        world.folder / "owner/heavy.git", {"noise.txt": random.Random(1).randbytes(300_000).hex().encode()}
    )
    names = trial.configuration.with_name("names.txt")
    names.write_text(names.read_text() + "https://h1.test/owner/heavy\nhttps://h2.test/owner/name00@" + "0" * 40 + "\n")
    succeeds(trial, "list")
    succeeds(trial, "extract")
    first, before, seen = shard_hashes(trial.workspace / "files/g001"), released(trial), len(server.requests)
    moved_on = commit_later(world)
    server.fault("owner/name04", DMCA)
    server.fault("owner/name05", status(404))
    succeeds(trial, "extract", "--refresh")
    read = generation(trial, 2)
    assert {name: found for name, found in read.items() if found != ("unchanged", None)} == {
        moved_on: ("ok", None),
        "owner/name04": ("failed", "legal"),
        "owner/name05": ("failed", "gone"),
    }
    assert len(read) == 13
    down_bytes = dict.fromkeys(read, 0)
    for request in server.requests[seen:]:
        down_bytes[split_path(request.path)[0]] += request.bytes_down
    assert max(size for name, size in down_bytes.items() if read[name][0] == "unchanged") < 2_000
    after = released(trial)
    assert set(before) - set(after) == {"owner/name04"}, "taken down; what is gone stays"
    assert set(LATER) <= set(after[moved_on]) and not set(LATER) & set(before[moved_on])
    assert shard_hashes(trial.workspace / "files/g001") == first


def test_a_refresh_of_folders(trial: Trial, world: World) -> None:
    trial = Trial(trial.folder / "folders", trial.configuration)
    trial.configuration.write_text(f'[[source]]\ndirectories = ["{world.folder}"]\nrights = "own"\n')
    succeeds(trial, "list")
    succeeds(trial, "extract")
    moved_on = commit_later(world)
    shutil.rmtree(world.folder / "owner/name04.git")
    succeeds(trial, "extract", "--refresh")
    changed = {name: found for name, found in generation(trial, 2).items() if found != ("unchanged", None)}
    assert changed == {moved_on: ("ok", None), "owner/name04": ("failed", "not_found")}
    found = released(trial)
    assert set(found[moved_on]) > set(LATER) and len(found) == 12


def test_ctrl_c_ends_a_run_that_waits_for_a_host(tmp_path: Path) -> None:
    given = write_configuration(
        tmp_path / "given", [f"owner/name{i}" for i in range(20)], "http://127.0.0.1:9"
    )  # nobody there
    given.write_text(given.read_text().replace("attempts = 4", "attempts = 50"))
    command = [STACKYARD, "run", given, "--workspace", tmp_path / "workspace", "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: bool(list((tmp_path / "workspace").glob("journal/hosts/*.json"))))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)  # it would wait for hours
    assert process.returncode == 130
    assert "stopped; nothing committed is lost" in said
