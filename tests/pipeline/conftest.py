"""What the pipeline's tests share: a small corpus of real repositories, and how to run it in this process."""

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from examples import demo_corpus
from examples.demo_corpus import MIT, write_repository
from pipeline import corpus as stages
from pipeline.config import Config, load
from pipeline.engine import Engine
from pipeline.workspace import Workspace, opened
from schemas.release import ROWS

Tree = dict[str, bytes]

CONFIGURATION = """
[[source]]
directories = ["first", "second", "demo"]
rights = "own"  # most of what tests write has no licence

[split]
validation_fraction = 0.12
test_fraction = 0.12

[release]
shard_bytes = 1_000_000  # the least there is
"""

SHAPES = {
    "c": "static int {a}_{b}(int {c})\n{{\n    return {c} + {n};\n}}\n",
    "go": "func {a}{b}({c} int) int {{\n\treturn {c} + {n}\n}}\n",
    "js": "function {a}{b}({c}) {{\n  return {c}.{a} * {n};\n}}\n",
    "md": "## The {a} of {b}\n\nA {c} has {n} of them.\n",
    "py": "def {a}_{b}({c}):\n    return {c}.{a} + {n}\n",
    "rs": "fn {a}_{b}({c}: u64) -> u64 {{\n    {c} + {n}\n}}\n",
    "sh": "{a}_{b}() {{\n  echo {c} {n}\n}}\n",
}
WORDS = [
    "anchor",
    "basin",
    "candle",
    "delta",
    "ember",
    "fathom",
    "garnet",
    "harbor",
    "inlet",
    "jetty",
    "keel",
    "lantern",
]
WORDS += ["mast", "narrow", "oar", "pier", "quay", "rudder", "sail", "tiller", "upwind", "vessel", "wharf", "yawl"]


def text(suffix: str, seed: str, size_bytes: int) -> bytes:
    """Source code of about this size: the same seed gives the same text, another seed another one."""
    chosen, parts, size = random.Random(f"{suffix} {seed}"), [], 0
    while size < size_bytes:
        a, b, c = chosen.choices(WORDS, k=3)
        parts.append(SHAPES[suffix].format(a=a, b=b, c=c, n=chosen.randrange(10**6)))
        size += len(parts[-1])
    return "\n".join(parts).encode()


def licence(owner: str) -> bytes:
    """One text for each owner: repositories that share one of few files are taken for one network."""
    return MIT.replace(b"The demo corpus", owner.encode())


def varied(seed: str, python_bytes: int) -> Tree:
    """A repository of several languages. Some of its files are in every such repository, some in every second."""
    files = {
        "LICENSE": licence(seed),
        "README.md": text("md", seed, 700),
        "vendor/common.c": text("c", "common", 3_000),
    }
    for suffix in sorted(SHAPES):
        files |= {f"src/{suffix}/{i}.{suffix}": text(suffix, f"{seed} {i}", 400 + 700 * i) for i in range(3)}
    files |= {f"lib/part{i}.py": text("py", f"{seed} part {i}", python_bytes // 4) for i in range(4)}
    shared = hashlib.sha256(seed.encode()).digest()[0] % 2
    return files | {"lib/shared.py": text("py", f"shared {shared}", 5_000), "go/shared.go": text("go", "shared", 900)}


def twins_and_rules() -> Tree:
    """Equal texts, of which a rule takes the copy that would stay if only the order of keeping counted."""
    good, long, bare = text("py", "good twin", 900), b"x = [" + b"'word', " * 400 + b"]\n", text("sh", "bare", 500)
    return {
        "LICENSE": licence("twins"),
        "good": good,  # no suffix, so no language
        "deep/down/here/good.py": good,
        "deep/down/there/good.py": good,
        "long.py": long,
        "down/long.py": long,
        "down/long.md": long,  # prose may have long lines
        "nameless": bare,
        "down/nameless": bare,
        "empty.py": b"",
        "down/empty.py": b"",
        "numbers.json": b"[" + b"12345, " * 300 + b"0]\n",
        "utf16.py": b"\xff\xfe" + good.decode().encode("utf-16-le"),
    }


def trees() -> dict[str, Tree]:
    """Files by path by repository, which is first/OWNER/NAME or second/OWNER/NAME."""
    found = {f"{'first' if i % 2 else 'second'}/owner{i % 3}/varied{i}": varied(str(i), 400_000) for i in range(9)}
    origin = varied("origin", 20_000)
    return found | {
        "first/forks/origin": origin,
        "second/forks/fork": origin | {"README.md": text("md", "the fork", 400)},
        "first/rules/twins": twins_and_rules(),
        "second/rules/twins": twins_and_rules() | {"other.py": text("py", "other", 800)},
        "first/large/rust": {f"src/{i:02d}.rs": text("rs", f"large {i}", 60_000) for i in range(24)},
        "second/large/many": {f"{i % 7}/{i:03d}.py": text("py", f"many {i}", 300) for i in range(200)},
    }


def write_corpus(folder: Path, repositories: dict[str, Tree], *, made: bool = True) -> Path:
    """The folder with these repositories and, under demo/made, the awkward ones. In it: corpus.toml."""
    for name, files in repositories.items():
        write_repository(folder / f"{name}.git", files)
    demo_corpus.build(folder / "demo", limit=0, made=made)
    (folder / "corpus.toml").write_text(CONFIGURATION)
    return folder


def with_rules(config: Config, **rules: dict[str, Any]) -> Config:
    """The configuration with other thresholds."""
    return config.model_copy(update={"rules": rules})


def run(
    workspace: Path, config: Config, workers: int = 1, *, limit: int | None = None, beam_options: Sequence[str] = ()
) -> Path:
    """list, extract and release; the release's folder."""
    engine = Engine(workers, beam_options)
    with opened(workspace, config) as space:
        stages.list_names(space, config, engine)
        stages.extract(space, config, engine, limit)
        stages.release(space, config, engine, partial=limit is not None)
    return space.release


def extract(workspace: Path, config: Config, workers: int = 1) -> Workspace:
    """list and extract."""
    engine = Engine(workers)
    with opened(workspace, config) as space:
        stages.list_names(space, config, engine)
        stages.extract(space, config, engine)
    return space


def release(workspace: Path, config: Config, workers: int = 1) -> Path:
    """release alone; its folder."""
    with opened(workspace, config) as space:
        stages.release(space, config, Engine(workers))
    return space.release


def shard_hashes(folder: Path, *inside: str) -> dict[str, str]:
    """SHA-256 by relative path of everything in a release, or of some folders in it. Folders count, too."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for name, path in found.items()
        if not inside or name.split("/")[0] in inside
    }


def rows(folder: Path, pattern: str, *, by: Sequence[str] = ("file_id",)) -> pl.DataFrame:
    """The rows of some Parquet files, in an order that does not depend on the files; without files no row of ROWS."""
    tables = [pl.read_parquet(path, hive_partitioning=False) for path in sorted(folder.glob(pattern))]
    return pl.concat(tables or [pl.DataFrame(ROWS.empty_table())]).sort(by)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifteen repositories of ours and fifteen awkward ones."""
    return write_corpus(tmp_path_factory.mktemp("corpus"), trees())


@pytest.fixture(scope="session")
def config(corpus: Path) -> Config:
    return load(corpus / "corpus.toml")


@pytest.fixture(scope="session")
def finished(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace after an undisturbed run by one worker. To look at, or to copy: not to change."""
    workspace = tmp_path_factory.mktemp("finished") / "workspace"
    run(workspace, config)
    return workspace


@pytest.fixture(scope="session")
def expected(finished: Path) -> dict[str, str]:
    """The hashes of the undisturbed run's release."""
    return shard_hashes(finished / "release")
