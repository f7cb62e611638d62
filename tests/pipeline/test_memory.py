"""A release's memory does not grow with the length of files, and by no more than the stated bytes with their number."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from examples.demo_corpus import write_repository

pytestmark = pytest.mark.slow

BYTES_PER_FILE = 3_000  # stated in README.md, "What it needs"
WORDS = [f"name_{i}" for i in range(5_000)]


def corpus(folder: Path, repositories: int, files: int, words: int) -> Path:
    """Repositories of Python files without duplicates."""
    for number in range(repositories):
        chance = random.Random(f"{number}")
        texts = {f"m{i}.py": _text(chance, words) for i in range(files)}
        write_repository(folder / f"o/r{number}.git", texts)
    return folder


def _text(chance: random.Random, words: int) -> bytes:
    chosen = chance.choices(WORDS, k=words)
    return "\n".join(" ".join(chosen[i : i + 6]) for i in range(0, words, 6)).encode()


def peak_bytes(folder: Path) -> int:
    """The largest resident set of a release in one process."""
    configuration = folder.with_suffix(".toml")
    configuration.write_text(f'[[source]]\ndirectories = ["{folder.name}"]\nrights = "own"\n')
    call = [sys.executable, "-m", "pipeline"]
    options = [str(configuration), "--workspace", str(folder.with_suffix(".workspace")), "--workers", "1"]
    subprocess.run([*call, "list", *options[:-2]], check=True, capture_output=True)
    subprocess.run([*call, "extract", *options], check=True, capture_output=True)
    measured = [sys.executable, "-c", MEASURE, *call, "release", *options]
    return int(subprocess.run(measured, check=True, capture_output=True, text=True).stdout) * 1024


MEASURE = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def test_files_five_times_as_long_need_no_more_memory(tmp_path: Path) -> None:
    short = peak_bytes(corpus(tmp_path / "short", 40, 100, 3_000))
    long = peak_bytes(corpus(tmp_path / "long", 40, 100, 15_000))
    print(f"short {short / 1e6:.0f} MB, long {long / 1e6:.0f} MB")
    assert long <= 1.2 * short


def test_five_times_as_many_files_need_at_most_the_stated_bytes_each(tmp_path: Path) -> None:
    few = peak_bytes(corpus(tmp_path / "few", 40, 250, 40))
    many = peak_bytes(corpus(tmp_path / "many", 200, 250, 40))
    print(f"few {few / 1e6:.0f} MB, many {many / 1e6:.0f} MB, {(many - few) / 40_000:.0f} bytes a file")
    assert (many - few) / 40_000 <= BYTES_PER_FILE
