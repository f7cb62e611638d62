"""What the next version of a release costs to upload: bytes that hf_xet finds to be new, beside the same rows written
without content-defined chunking.

    python -m bench.republish [COPIES]

The store is hf_xet's own, in a folder; the uploader knows nothing of earlier ones, as on a fresh machine. Exit code 1
when three repositories of average size opt out and 20 % of the next version's bytes or more are new. 178 MB of Parquet
at 8 copies; some six minutes and 4 GB of disk. Only the shares and ratios mean something on a shared machine.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import polars as pl

from bench.corpus import build_copies
from pipeline import parquet
from pipeline.config import Release
from schemas.release import ROWS

BUILD = Path("build/bench")
HERE = BUILD / "republish"
MAX_NEW = 0.20  # of the bytes, after three repositories opted out
FIRST = 0.9  # of the repositories are in the first generation
EXCLUDED = "**/*z*"  # of the demo corpus some 1 % of the rows
LEVEL = Release().compression_level


CHANGES = {
    "the same rows, smaller shards": ("base", "smaller"),
    "three repositories opted out": ("base", "opt_out"),
    "three opted out, order = hash": ("hash", "hash_opt_out"),
    "some 1 % of the rows gone": ("base", "rows"),
    "a later generation": ("first", "base"),
}


def main() -> int:
    copies = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    build_copies(Path("build/demo"), BUILD / f"corpus-{copies}", copies)
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir(parents=True)
    make_versions(f"corpus-{copies}")
    plain_s = {path.name: rewrite(path, path.with_name(f"{path.name}-plain"), chunked=False) for path in versions()}
    base = HERE / "base"
    chunked_s, factor = rewrite(base, HERE / "again", chunked=True), size(base) / size(HERE / "base-plain")
    print(f"{rows(base):,} rows, {size(base) / 1e6:.0f} MB in {len(shards(base))} shards")
    print(
        f"content-defined chunking: {chunked_s / plain_s['base']:.2f} times the seconds, {factor:.3f} times the bytes"
    )
    print(f"order = hash: {size(HERE / 'hash') / size(base):.3f} times the bytes\n")
    print(f"{'':34}{'rows':>8}{'new MB':>9}{'new':>8}{'plain':>8}")
    new = {what: line(what, *names) for what, names in CHANGES.items()}
    return int(new["three repositories opted out"] >= MAX_NEW)


def line(what: str, old: str, new: str) -> float:
    """A line of the table; the share of the new version's bytes that is new."""
    added = new_bytes(HERE / "store", HERE / old, HERE / new)
    plain = new_bytes(HERE / "store", HERE / f"{old}-plain", HERE / f"{new}-plain") / size(HERE / f"{new}-plain")
    share, more = added / size(HERE / new), rows(HERE / new) - rows(HERE / old)
    print(f"{what:34}{more:+8,}{added / 1e6:9.1f}{share:8.1%}{plain:8.1%}", flush=True)
    return share


# Versions


def make_versions(corpus: str) -> None:
    """A folder for each version, made by the command line."""
    count = int(stackyard("list", corpus).split()[0].replace(",", ""))
    stackyard("extract", corpus, "--limit", str(round(FIRST * count)))
    release("first", corpus, "--partial")
    stackyard("extract", corpus)
    release("base", corpus)
    release("smaller", corpus, text=f"[release]\nshard_bytes = {Release().shard_bytes * 4 // 5}\n")
    release("hash", corpus, text='[release]\norder = "hash"\n')
    release("rows", corpus, text=f'[rules.other_path]\nexclude = ["{EXCLUDED}"]\n')
    (HERE / "out.txt").write_text("\n".join(average_repositories(HERE / "base", count)))
    opted_out = '[opt_out]\nfiles = ["out.txt"]\n'
    stackyard("list", corpus, text=opted_out)
    release("opt_out", corpus, text=opted_out)
    release("hash_opt_out", corpus, text=opted_out + '[release]\norder = "hash"\n')


def versions() -> list[Path]:
    return [HERE / name for name in sorted({name for names in CHANGES.values() for name in names})]


def release(name: str, corpus: str, *options: str, text: str = "") -> None:
    """A version of this name, which the next one leaves alone."""
    stackyard("release", corpus, *options, text=text)
    shutil.copytree(HERE / "workspace/release", HERE / name, copy_function=os.link)


def stackyard(step: str, corpus: str, *options: str, text: str = "") -> str:
    """What the step prints. `text`: what the configuration says beside the source."""
    configuration = HERE / "corpus.toml"
    configuration.write_text(f'[[source]]\ndirectories = ["../{corpus}"]\nrights = "own"\n{text}')
    command = [sys.executable, "-m", "pipeline", step, str(configuration), "--workspace", str(HERE / "workspace")]
    return subprocess.run([*command, *options], check=True, capture_output=True, text=True).stdout


def average_repositories(release: Path, count: int) -> list[str]:
    """Three repositories of different names whose bytes of text are nearest to the mean."""
    texts = pl.concat(
        pl.read_parquet(path, columns=["repo_name", "content"]).select("repo_name", pl.col("content").str.len_bytes())
        for path in shards(release)
    )
    sums = (
        texts.group_by("repo_name")
        .agg(pl.col("content").sum())
        .with_columns(
            name=pl.col("repo_name").str.split("/").list.last(),
            distance=(pl.col("content") - pl.col("content").sum() / count).abs(),
        )
    )
    return (
        sums.sort("distance", "repo_name").unique("name", keep="first", maintain_order=True)["repo_name"].to_list()[:3]
    )


def rewrite(version: Path, target: Path, *, chunked: bool) -> float:
    """Processor seconds for writing the same row groups once more."""
    seconds = 0.0
    for path in shards(version):
        copy = target / path.relative_to(version)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with parquet.opened(path) as file, parquet.writer(copy, ROWS, LEVEL, chunked=chunked) as writer:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group).cast(ROWS)
                start_s = time.process_time()
                writer.write_table(table, row_group_size=table.num_rows)
                seconds += time.process_time() - start_s
    return seconds


# What is uploaded


def new_bytes(store: Path, old: Path, new: Path) -> int:
    """Bytes that a store with the old version's shards gets with those of the new one."""
    shutil.rmtree(store, ignore_errors=True)
    before = stored_bytes(store, old)
    for known in ("shard-cache", "shard-session"):
        shutil.rmtree(store / "xet" / known, ignore_errors=True)  # of this machine
    return stored_bytes(store, new) - before


def stored_bytes(store: Path, release: Path) -> int:
    """Bytes in the store when the release's shards are in it, too."""
    os.environ.setdefault("HF_HOME", str(store.parent.absolute() / "hf"))  # its logs
    import hf_xet

    store.mkdir(parents=True, exist_ok=True)
    connection = {"endpoint": f"local://{store.absolute()}", "token": "-", "token_expiry_unix_secs": 2**32}
    with hf_xet.XetSession().new_upload_commit(**connection) as commit:
        for path in shards(release):
            commit.start_upload_file(str(path), sha256=hf_xet.COMPUTE_SHA256)
    return sum(path.stat().st_size for path in (store / "xet/xorbs/xorbs").iterdir())


def shards(release: Path) -> list[Path]:
    return sorted(release.glob("data/**/*.parquet"))


def size(release: Path) -> int:
    return sum(path.stat().st_size for path in shards(release))


def rows(release: Path) -> int:
    return sum(parquet.row_count(path) for path in shards(release))


if __name__ == "__main__":
    sys.exit(main())
