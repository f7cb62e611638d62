"""A run that is killed at any moment is taken up again, ends with the same bytes, and harms no release."""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline import storage, units
from pipeline.config import Config
from pipeline.workspace import Workspace
from tests.pipeline.conftest import release, shard_hashes, with_rules

ROOT = Path(__file__).parents[2]
# The command as it is, but that worker processes start also for little work: to extract, to write shards, for both.
EXTRACT, WRITE = "corpus.PARALLEL_OBJECT_BYTES = -1", "corpus.PARALLEL_TEXT_BYTES = -1"
POLL_S = 0.002

# What a stage makes first, as a pattern in the workspace: four of extract, then those of release.
SIGNS = {
    "start": "",
    "plan": "repositories/*",
    "extract": "work/*unit-*",
    "units": "files/g*/unit-*.json",
    "labels": "work/labels-*/**/*",
    "decisions": "work/decisions-*/**/*",
    "shards": "release.next/data/*/*",
    "ledger": "release.next/ledger/*",
    "swap": "release.next/manifest.json",
}


@dataclass
class Trial:
    """A workspace with an old release and units still to be extracted, and what must come out."""

    configuration: Path
    workspace: Path
    temporary: Path  # TMPDIR of the runs, by which their processes are known
    old: dict[str, str]
    expected: dict[str, str]
    parallel: str = EXTRACT

    def start(self) -> "subprocess.Popen[bytes]":
        """`stackyard run` with two workers in a process group of its own."""
        code = f"from pipeline import cli, corpus; {self.parallel}; cli.main()"
        command = [sys.executable, "-c", code, "run", str(self.configuration), "--workspace", str(self.workspace)]
        environment = os.environ | {"TMPDIR": str(self.temporary)}
        with (
            (self.workspace.with_name("stdout")).open("wb") as out,
            (self.workspace.with_name("stderr")).open("wb") as e,
        ):
            return subprocess.Popen(
                [*command, "--workers", "2"], stdout=out, stderr=e, env=environment, cwd=ROOT, start_new_session=True
            )

    @property
    def stderr(self) -> str:
        return self.workspace.with_name("stderr").read_text()

    def processes(self) -> dict[int, str]:
        """Command lines by id of all processes that the runs started and that live."""
        return dict(_processes(str(self.temporary).encode()))

    def workers(self) -> list[int]:
        """Ids of the worker processes."""
        return [number for number, command in self.processes().items() if "-m pipeline.worker" in command]

    def check_ended(self, within_s: float) -> None:
        """No process of the run lives on."""
        end = time.monotonic() + within_s
        while self.processes() and time.monotonic() < end:
            time.sleep(0.02)
        assert not self.processes()

    def check_release(self) -> None:
        """The release is the old one or the new one, and whole."""
        folder = self.workspace / "release"
        subprocess.run(
            [sys.executable, "-m", "pipeline", "verify", str(folder)], check=True, capture_output=True, cwd=ROOT
        )
        assert shard_hashes(folder) in (self.old, self.expected)

    def check_finished(self) -> None:
        """The release is the new one, and nothing unfinished lies about."""
        assert shard_hashes(self.workspace / "release") == self.expected
        assert not list(self.workspace.rglob(f"{storage.TEMPORARY}*"))
        assert not (self.workspace / "release.next").exists()
        assert not [path for path in self.temporary.rglob("*") if path.is_file()]


def _processes(mark: bytes) -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes():
                yield int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # ended meanwhile, or somebody else's


@pytest.fixture(scope="module")
def interrupted(config: Config, finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a release by other rules, and with half of the units still to be extracted."""
    workspace = Path(shutil.copytree(finished, tmp_path_factory.mktemp("interrupted") / "workspace"))
    release(workspace, with_rules(config, large_file={"max_bytes": 3_000}))
    for unit in units.units(Workspace(workspace))[::2]:
        for suffix in ("parquet", "signatures.npy", "outcomes.parquet", "json"):
            unit.path(suffix).unlink()
    shutil.rmtree(workspace / "work")
    return workspace


@pytest.fixture
def trial(corpus: Path, config: Config, interrupted: Path, expected: dict[str, str], tmp_path: Path) -> Iterator[Trial]:
    workspace, temporary = Path(shutil.copytree(interrupted, tmp_path / "workspace")), tmp_path / "temporary"
    temporary.mkdir()
    trial = Trial(corpus / "corpus.toml", workspace, temporary, shard_hashes(workspace / "release"), expected)
    assert trial.old != expected
    yield trial
    for process in trial.processes():  # of a test that failed
        os.kill(process, signal.SIGKILL)


def until(sign: str, workspace: Path, running: Callable[[], bool]) -> None:
    """Returns when something new matches the sign's pattern, or the run has ended."""
    pattern = SIGNS[sign]
    before = set(workspace.glob(pattern)) if pattern else set()
    while pattern and running():
        with contextlib.suppress(FileNotFoundError):  # a folder that goes while it is listed
            if set(workspace.glob(pattern)) - before:
                return
        time.sleep(POLL_S)


def kill_once(trial: Trial, sign: str, delay_s: float, whole_group: bool) -> bool:
    """Starts a run and kills it so long after the sign: all its processes, or the first and the others must follow.

    False when it had ended before.
    """
    process = trial.start()
    until(sign, trial.workspace, lambda: process.poll() is None)
    time.sleep(delay_s)
    ended = process.poll()
    if ended is None:
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
        process.wait()
    trial.check_ended(within_s=2)
    trial.check_release()
    assert ended in (None, 0), trial.stderr
    return ended is None


def finish(trial: Trial) -> None:
    """Runs to the end."""
    assert trial.start().wait(timeout=300) == 0, trial.stderr
    assert "Traceback" not in trial.stderr
    trial.check_ended(within_s=2)
    trial.check_finished()


def kill_worker(trial: Trial, sign: str, delay_s: float) -> None:
    """Starts a run and kills one of its workers so long after the sign: the run fails soon, and says why."""
    process = trial.start()
    until(sign, trial.workspace, lambda: process.poll() is None)
    while process.poll() is None and not trial.workers():
        time.sleep(POLL_S)
    time.sleep(delay_s)
    killed = time.monotonic()
    os.kill(max(trial.workers()), signal.SIGKILL)
    assert process.wait(timeout=30) == 1
    assert time.monotonic() - killed < 15
    said = [line for line in trial.stderr.splitlines() if not re.match(r"\w+: \d+ of \d+ \w+, \d", line)]
    stage = "extract" if sign in ("plan", "extract", "units") else "write"
    assert [line.split(" (")[0] for line in said] == [f"stackyard: {stage}: a worker process ended with signal 9"]
    trial.check_ended(within_s=2)
    trial.check_release()


def test_a_run_killed_three_times_ends_with_the_same_bytes(trial: Trial) -> None:
    kill_worker(trial, "extract", 0.0)
    assert kill_once(trial, "units", 0.05, whole_group=False)
    trial.parallel = "pass"  # the rest in one process, which starts sooner
    assert kill_once(trial, "shards", 0.0, whole_group=True)
    finish(trial)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_run_killed_many_times_ends_with_the_same_bytes(trial: Trial, interrupted: Path, seed: int) -> None:
    trial.parallel = f"{EXTRACT}; {WRITE}"
    chosen, signs = random.Random(seed), list(SIGNS)
    moments = chosen.choices(signs[:4], k=2) + sorted(chosen.choices(signs[4:], k=3), key=signs.index)
    for sign in moments:
        while not kill_once(trial, sign, chosen.random() * chosen.choice([0.02, 0.2, 1]), chosen.random() < 0.5):
            trial.check_finished()  # it came to the end before: from the beginning again
            shutil.rmtree(trial.workspace)
            shutil.copytree(interrupted, trial.workspace)
    finish(trial)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sign", "delay_s"),
    [
        ("plan", 0.0),  # as soon as the process is there
        ("extract", 0.3),
        ("units", 0.0),
        ("decisions", 0.0),
        ("shards", 0.0),
    ],
)
def test_a_run_whose_worker_is_killed_says_so_and_can_be_repeated(trial: Trial, sign: str, delay_s: float) -> None:
    trial.parallel = f"{EXTRACT}; {WRITE}"
    kill_worker(trial, sign, delay_s)
    finish(trial)
