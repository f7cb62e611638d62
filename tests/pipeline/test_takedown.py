"""What was taken down is nowhere any more, does not come back, and nothing else has changed."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from examples.demo_corpus import write_repository
from pipeline import cli, inputs, storage, units
from pipeline.config import Config, Source, load
from pipeline.errors import ConfigError, WorkspaceError
from pipeline.explain import explain
from pipeline.sources.listing import list_repositories
from pipeline.takedown import requests
from pipeline.takedown.patch import Hits, _rewrite, to_delete
from pipeline.takedown.scope import Known
from pipeline.takedown.takedown import Takedown, takedown
from pipeline.verify import verify_release, verify_units
from pipeline.workspace import Workspace, opened
from schemas.release import ROWS
from schemas.repositories import LISTED
from tests.pipeline.conftest import Tree, extract, licence, release, rows, run, shard_hashes, text, write_corpus
from tests.pipeline.test_conservation import files_of_units

ROOT = Path(__file__).parents[2]
DAY = "2026-11-21"


def marked(name: str, suffix: str = "py", size: int = 900) -> bytes:
    """A text like no other, with a word that is nowhere else."""
    comment = {"py": "# ", "c": "// ", "go": "// "}[suffix]
    return f"{comment}secret_{name} of acme\n".encode() + text(suffix, name, size)


def nearly(content: bytes) -> bytes:
    """The text with a few other words at its end."""
    return content + b"\ndef added_by_somebody_else():\n    return 12\n"


# acme's files, and what others have of them. The first of equal paths by depth stays: acme's, but for `copied`.
SHARED, NEAR, COPIED = marked("shared"), marked("near", size=4_000), marked("copied")
TREES: dict[str, Tree] = {
    "acme/app": {
        "LICENSE": licence("acme"),
        "own.py": marked("own"),
        "shared.py": SHARED,
        "near.py": NEAR,
        "deep/down/copied.py": COPIED,
        "empty.py": b"",
        **{f"large{i}.py": marked(f"large{i}", size=500_000) for i in range(3)},
        "only.c": marked("only", "c"),
    },
    "acme/tool": {"tool.go": marked("tool", "go"), "second.go": marked("second", "go")},
    "other/copies": {
        "LICENSE": licence("other"),
        "src/shared.py": SHARED,
        "src/near.py": nearly(NEAR),
        "copied.py": COPIED,
        "bom.py": b"\xef\xbb\xbf" + SHARED,
        "mine.py": text("py", "mine", 800),
        "mine.go": text("go", "mine", 800),
    },
    **{f"many/r{i}": {f"{j}.py": text("py", f"{i} {j}", 30_000) for j in range(8)} for i in range(6)},
    "acmes/namesake": {"namesake.py": text("py", "namesake", 900)},
}
OF_APP = ["secret_own", "secret_shared", "secret_near", "secret_large0", "secret_large2", "secret_only"]
OF_TOOL = ["secret_tool", "secret_second"]
OF_COPIED = "secret_copied"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = {f"first/{name}": tree for name, tree in TREES.items()}
    return write_corpus(tmp_path_factory.mktemp("takedown"), names | {"second/own/empty": {}}, made=False)


@pytest.fixture(scope="module")
def released(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a release. To copy."""
    workspace = tmp_path_factory.mktemp("released") / "workspace"
    run(workspace, load(folder / "corpus.toml"))
    return workspace


@pytest.fixture
def workspace(released: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(released, tmp_path / "workspace"))


@pytest.fixture
def config(folder: Path, tmp_path: Path) -> Config:
    """With a file of takedowns of its own."""
    return configured(folder, tmp_path)


def configured(folder: Path, place: Path) -> Config:
    config = load(folder / "corpus.toml")
    return config.model_copy(
        update={"opt_out": config.opt_out.model_copy(update={"takedowns": str(place / "t.jsonl")})}
    )


def take(workspace: Path, config: Config, **asked: Any) -> Takedown:
    with opened(workspace, config) as space:
        return takedown(space, config, on=DAY, **asked)


def holders(folder: Path, *words: str) -> list[str]:
    """The files below the folder that hold one of the words, plain or within the columns of a table."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if path.suffix == ".parquet":
            data += repr(pq.read_table(path).to_pylist()).encode()
        if any(word.encode() in data for word in words):
            found.append(path.relative_to(folder).as_posix())
    return found


def published(workspace: Path) -> pl.DataFrame:
    return rows(workspace / "release", "data/*/*.parquet")


def tombstones(workspace: Path) -> pl.DataFrame:
    return pl.read_parquet(workspace / "release/takedowns/removed.parquet")


def check(workspace: Path) -> dict[str, Any]:
    """The manifest, when all is whole and adds up."""
    verify_units(workspace)
    assert not (workspace / "purge").exists() and not (workspace / "release.next").exists()
    assert not list(workspace.rglob(f"{storage.TEMPORARY}*"))
    return verify_release(workspace / "release")


def test_the_corpus_is_as_the_tests_need_it(workspace: Path) -> None:
    kept = published(workspace)
    assert len(set(kept["path"]) & {"shared.py", "near.py", "copied.py"}) == 3
    assert not set(kept["path"]) & {"src/shared.py", "src/near.py", "bom.py", "deep/down/copied.py"}
    assert len(list((workspace / "release/data/python").glob("*"))) >= 3
    assert holders(workspace / "files", OF_COPIED) and holders(workspace / "release", *OF_APP)


# Selectors: what is asked, the words that must be gone, and the words that must stay

CASES: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "owner": ({"owner": "Acme"}, [*OF_APP, *OF_TOOL], [OF_COPIED]),
    "owner of a host": ({"owner": "local/acme"}, [*OF_APP, *OF_TOOL], [OF_COPIED]),
    "repository": ({"repository": "acme/app"}, OF_APP, [*OF_TOOL, OF_COPIED]),
    "address": ({"repository": "https://local/acme/Tool.git"}, OF_TOOL, OF_APP),
    "paths": (
        {"repository": "acme/app", "paths": ["shared.py", "only.c", "near.py"]},
        ["secret_shared", "secret_only", "secret_near"],
        ["secret_own", "secret_large1", OF_COPIED],
    ),
    "content": ({"content_id": "COPIED"}, [OF_COPIED], OF_APP),
    "text": ({"content_id": "SHARED text"}, ["secret_shared"], ["secret_near", OF_COPIED]),
}


def selected(asked: dict[str, Any], workspace: Path) -> dict[str, Any]:
    """With the ids of contents, which the corpus knows."""
    if "content_id" not in asked:
        return asked
    files = published(workspace)
    row = files.filter(path={"COPIED": "copied.py", "SHARED text": "shared.py"}[asked["content_id"]])
    return {"content_id": row["text_id" if asked["content_id"].endswith("text") else "content_id"][0].upper()}


@pytest.mark.parametrize("case", CASES)
def test_it_is_gone_from_everything_and_nothing_else_is(
    case: str, released: Path, workspace: Path, config: Config
) -> None:
    asked, gone, stay = CASES[case]
    before, units_before = published(workspace), files_of_units(workspace)
    before_manifest = json.loads((workspace / "release/manifest.json").read_text())
    done = take(workspace, config, **selected(asked, workspace))
    values = check(workspace)
    assert done.versions == ("0.1.0", values["version"]) == ("0.1.0", "0.1.1")
    assert holders(workspace, *gone) == []
    for word in stay:
        assert holders(workspace / "files", word) and holders(workspace / "release", word), word
    after = published(workspace)
    lost = before.join(after, "file_id", "anti")
    assert after.equals(before.join(lost, "file_id", "anti"))
    assert lost.height == done.published > 0
    tombs = tombstones(workspace)
    rows_gone = tombs.drop_nulls("text_id")
    assert set(rows_gone.rows()) == {(*ids, "0.1.1") for ids in lost.select("file_id", "text_id").rows()}
    assert tombs["file_id"].is_unique().all() and not set(tombs["file_id"]) & set(after["file_id"])
    assert values["takedowns"] == {"requests": 1, "files": tombs.height}
    former = released / "release/manifest.json"
    assert values["base"]["manifest_sha256"] == storage.sha256(former)
    assert values["base"]["changes"]["rows"] == [before.height, after.height]
    check_units(units_before, files_of_units(workspace), done)
    check_outcomes(workspace)
    check_unhit_files(released / "release", workspace / "release", set(lost["file_id"]))
    assert before_manifest["files"]["published"] - lost.height == values["files"]["published"]


def check_units(before: pl.DataFrame, after: pl.DataFrame, done: Takedown) -> None:
    """Rows are equal, or lost their text and their measures, or went with their repository."""
    same = after.filter(pl.col("unread_reason").ne_missing("takedown"))
    assert same.equals(before.join(same, "file_id", "semi"))
    stripped = after.filter(unread_reason="takedown")
    assert stripped.height == done.files
    assert before.height - after.height == done.repository_files
    measures = ["text_id", "text_bytes", "content", "encoding", "language", "line_count", "token_count", "signature"]
    assert stripped.select(measures).null_count().sum_horizontal().to_list() in ([stripped.height * len(measures)], [0])
    kept = ["repo_name", "path", "content_id", "commit_id", "license_found"]
    assert stripped.select(kept).equals(before.join(stripped, "file_id", "semi").select(kept))


def check_outcomes(workspace: Path) -> None:
    """What units say of their repositories is what they hold."""
    files = files_of_units(workspace).filter(pl.col("repo_name").is_not_null())
    texts = pl.col("text_id").is_not_null()
    counted = files.group_by("repo_name").agg(
        entries=pl.len().cast(pl.Int64), texts=texts.sum().cast(pl.Int64), size=pl.col("content").str.len_bytes().sum()
    )
    said = rows(workspace / "files", "g*/*.outcomes.parquet", by=["repo_key"]).filter(pl.col("entry_count") > 0)
    said = said.select("repo_name", "entry_count", "text_count", "text_bytes").sort("repo_name")
    assert said.rows() == counted.sort("repo_name").rows()


def check_unhit_files(former: Path, now: Path, lost: set[str]) -> None:
    """Shards without a hit are the same files, under the same name or another number."""
    hashes = {storage.sha256(path) for path in (now / "data").rglob("*.parquet")}
    for path in (former / "data").rglob("*.parquet"):
        hit = not lost.isdisjoint(pl.read_parquet(path, columns=["file_id"])["file_id"])
        assert (storage.sha256(path) in hashes) is not hit, path


def test_a_shard_written_anew_without_a_loss_is_the_same_file(workspace: Path, tmp_path: Path) -> None:
    for shard in sorted((workspace / "release/data").rglob("*.parquet")):
        _rewrite(shard, tmp_path / "shard.parquet", ROWS, np.empty(0, np.int64), 3, chunked=True)
        assert storage.sha256(tmp_path / "shard.parquet") == storage.sha256(shard), shard


NAMES = ["acme/app", "acme/tool", "local/acme/"]


def test_names_are_not_published(workspace: Path, config: Config) -> None:
    assert holders(workspace / "release", *NAMES)
    take(workspace, config, owner="acme")
    assert holders(workspace / "release", *NAMES) == []
    assert check(workspace)["repositories"]["codes"]["excluded(takedown)"] == 2


def test_shards_that_would_be_empty_are_dropped_and_the_others_numbered_anew(workspace: Path, config: Config) -> None:
    before = sorted(path.name for path in (workspace / "release/data/python").iterdir())
    take(workspace, config, repository="acme/app")
    after = sorted(path.name for path in (workspace / "release/data/python").iterdir())
    assert len(after) < len(before)
    assert not (workspace / "release/data/c").exists()
    for split in {name.split("-")[0] for name in after}:
        names = [name for name in after if name.startswith(split)]
        assert names == [f"{split}-{n:05d}-of-{len(names):05d}.parquet" for n in range(len(names))]


def test_a_patch_counts_what_a_whole_release_counts(workspace: Path, config: Config) -> None:
    take(workspace, config, owner="acme")
    take(workspace, config, repository="many/r1", paths=["3.py"])
    patched = check(workspace)
    release(workspace, config)
    whole = check(workspace)
    assert whole["version"] == "0.1.0"  # as the configuration says
    assert holders(workspace / "release", *NAMES) == []
    for name in ("files", "funnel", "repositories", "licenses", "sizes", "takedowns"):
        assert patched[name] == whole[name], name
    assert {name: row["files"] for name, row in patched["reasons"].items()} == {
        name: row["files"] for name, row in whole["reasons"].items()
    }


def test_a_version_that_is_public_is_not_given_again(workspace: Path, config: Config) -> None:
    shutil.copytree(workspace / "release", workspace / "published/0.1.1")
    assert take(workspace, config, owner="acme").versions == ("0.1.0", "0.1.2")
    assert check(workspace)["base"]["version"] == "0.1.0"


def publish_as(workspace: Path, version: str, to: str) -> None:
    """As if the release had been published as this version."""
    folder = workspace / "published" / version
    folder.mkdir(parents=True)
    values = storage.read_json(workspace / "release/manifest.json")
    storage.write_json(folder / "manifest.json", values | {"version": version})
    storage.write_json(folder / "published.json", {"to": to})


@pytest.mark.parametrize(("here", "base"), [("owner/here", "0.0.9"), ("owner/else", "0.1.0"), ("", "0.1.0")])
def test_changes_are_told_since_what_was_published_there(workspace: Path, config: Config, here: str, base: str) -> None:
    config = config.model_copy(update={"publish": config.publish.model_copy(update={"to": here})})
    for version, to in (("0.0.8", "owner/here"), ("0.0.9", "owner/here"), ("0.0.10", "x/y"), ("0.3.0", "owner/else")):
        publish_as(workspace, version, to)
    take(workspace, config, owner="acme")
    assert check(workspace)["base"]["version"] == base
    release(workspace, config)
    assert check(workspace).get("base", {}).get("version") == (base if here == "owner/here" else None)


def test_what_readers_delete_had_a_text_and_is_not_here_with_another(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    pl.DataFrame({"file_id": ["row", "changed", "other"]}).write_parquet(tmp_path / "data/train.parquet")
    files = [  # file_id, reasons, for_good
        ("row", ["superseded"], True),
        ("changed", ["superseded"], True),
        ("deleted", ["superseded"], True),
        ("unlisted", ["not_listed"], True),
        ("ruled", ["long_line", "exact_duplicate"], True),
        ("unread", ["binary"], True),
        ("back soon", ["near_duplicate"], False),
    ]
    removed = pl.DataFrame(files, ["file_id", "removal_reasons", "for_good"], orient="row")
    rows = pl.DataFrame({"file_id": ["row"], "text_id": ["text"]})
    found = to_delete(tmp_path, Hits(rows, removed, pl.DataFrame()))
    assert found.rows() == [("row", "text"), ("deleted", None), ("unlisted", None), ("ruled", None)]


def test_globs_of_sources_are_not_published(workspace: Path, config: Config) -> None:
    source = config.source[0].model_copy(update={"include": ["acme/*", "other/*"], "exclude": ["acme/secret"]})
    values = config.model_copy(update={"source": [source, *config.source[1:]]}).published()
    assert "acme" not in json.dumps(values)
    assert {"include", "exclude"} <= set(values["rules"]["other_path"])


def test_rows_that_only_an_older_version_had_are_named_for_readers(workspace: Path, config: Config) -> None:
    old = published(workspace).filter(pl.col("repo_name").str.starts_with("acme/"))
    fewer = {"large_file": {"max_bytes": 100_000}}
    stricter = config.model_copy(update={"rules": config.rules | fewer})
    release(workspace, stricter)
    kept = published(workspace).filter(pl.col("repo_name").str.starts_with("acme/"))
    assert 0 < kept.height < old.height
    take(workspace, stricter, owner="acme")
    values, named = check(workspace), tombstones(workspace)
    assert set(old["file_id"]) <= set(named["file_id"])
    assert set(named.drop_nulls("text_id")["file_id"]) == set(kept["file_id"])
    assert values["takedowns"]["files"] == named.height


def test_a_release_may_lose_all_of_its_rows(workspace: Path, config: Config) -> None:
    for owner in ("acme", "acmes", "other", "many"):
        take(workspace, config, owner=owner)
    values = check(workspace)
    assert values["files"]["published"] == values["files"]["text_bytes"] == 0
    assert values["version"] == "0.1.4" and values["files"]["entries"] == values["reasons"]["takedown"]["files"] == 3


def test_alarms_about_it_go_with_it(workspace: Path, config: Config) -> None:
    path = workspace / "release/manifest.json"
    values = storage.read_json(path)
    first = published(workspace).filter(repo_name="acme/app")["file_id"][0]
    whats = [("long_line", "owner", "local/acme"), ("long_line", "owner", "local/acmes"), ("long_line", "source", "0")]
    alarms = [{"what": what, "kind": kind, "name": name, "taken": 9, "texts": 10} for what, kind, name in whats]
    alarms.append({"what": f"cluster {first}", "kind": "language", "name": "Python", "taken": 9, "texts": 10})
    storage.write_json(path, values | {"alarms": alarms})
    take(workspace, config, repository="acme/app")
    assert check(workspace)["alarms"] == alarms[1:3]


# It does not come back


@pytest.mark.parametrize("order", [["path_depth desc"], ["length_bytes desc"]])
def test_the_next_best_copy_does_not_take_its_place(workspace: Path, config: Config, order: list[str]) -> None:
    take(workspace, config, repository="acme/app")
    other = config.model_copy(update={"dedup": config.dedup.model_copy(update={"keep": order})})
    release(workspace, other)
    assert holders(workspace, *OF_APP) == []
    check(workspace)
    assert "secret_copied" in "".join(published(workspace)["content"])


def test_a_new_fork_does_not_bring_it_back(folder: Path, config: Config, workspace: Path, tmp_path: Path) -> None:
    corpus = Path(shutil.copytree(folder, tmp_path / "corpus"))
    here = config.model_copy(update={"folder": corpus})
    take(workspace, here, owner="acme")
    twin = {"bom.py": b"\xef\xbb\xbf" + TREES["acme/app"]["own.py"], "own.go": text("go", "fork", 900)}
    write_repository(corpus / "first/fork/app.git", TREES["acme/app"] | twin)
    write_repository(corpus / "first/acme/newest.git", {"a.py": marked("newest")})
    extract(workspace, here)
    assert holders(workspace / "files", *OF_APP, "secret_newest") == []
    release(workspace, here)
    values = check(workspace)
    assert holders(workspace, *OF_APP, "secret_newest") == []
    fork = rows(workspace / "release", "data/*/*.parquet").filter(repo_name="fork/app")
    assert "own.go" in fork["path"].to_list()
    assert values["reasons"]["takedown"]["files"] >= 6
    assert values["repositories"]["codes"]["excluded(takedown)"] == 3


def test_another_workspace_with_the_same_file_obeys(
    folder: Path, config: Config, workspace: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(workspace, tmp_path / "other"))
    take(workspace, config, owner="acme")
    assert take(other, config).versions == ("0.1.0", "0.1.1")
    assert shard_hashes(other / "release") == shard_hashes(workspace / "release")
    assert shard_hashes(other / "files") == shard_hashes(workspace / "files")
    fresh = tmp_path / "fresh"
    run(fresh, config)
    assert holders(fresh, *OF_APP, *OF_TOOL) == []


def test_a_release_carries_out_what_was_asked_for_elsewhere(config: Config, workspace: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(workspace, tmp_path / "other"))
    take(workspace, config, owner="acme")
    release(other, config)
    assert holders(other, *OF_APP, *OF_TOOL) == []
    assert check(other)["takedowns"] == check(workspace)["takedowns"]


def test_what_was_planned_before_is_not_read(folder: Path, config: Config, tmp_path: Path) -> None:
    with opened(tmp_path / "workspace", config) as space:
        units.write_list(space, list_repositories(config))
        units.write_generation(space, units.unplanned(space), config.extract.large_repository_bytes)
    requests.merge(
        config, [requests.new([], DAY, owner="acme"), requests.new([], DAY, repository="many/r1", paths=["3.py"])]
    )
    extract(space.root, config)
    assert holders(space.root, "secret_own", "secret_large1", *OF_TOOL) == []
    outcomes = rows(space.files, "g*/*.outcomes.parquet", by=["repo_key"])
    assert outcomes.filter(outcome="excluded").select("repo_key", "code", "entry_count").rows() == [
        ("local/acme/app", "takedown", 0),
        ("local/acme/tool", "takedown", 0),
    ]
    files = files_of_units(space.root)
    assert files.filter(unread_reason="takedown").select("repo_name", "path").rows() == [("many/r1", "3.py")]


def test_a_file_of_requests_that_lost_some_stops_everything(config: Config, workspace: Path) -> None:
    take(workspace, config, owner="acme")
    requests.file(config).write_text("")
    for again in (release, take):
        with pytest.raises(ConfigError, match=r"t\.jsonl: has 0 requests, but 1 were carried out"):
            again(workspace, config)


# Opt-outs


def test_who_opted_out_is_not_named_and_leaves_with_the_next_takedown(
    folder: Path, config: Config, workspace: Path, tmp_path: Path
) -> None:
    (tmp_path / "out.txt").write_text("acme\n")
    out = config.model_copy(
        update={"opt_out": config.opt_out.model_copy(update={"files": [str(tmp_path / "out.txt")]})}
    )
    run(workspace, out)
    values = check(workspace)
    assert holders(workspace / "release", *NAMES, *OF_TOOL) == []
    assert holders(workspace / "files", *OF_TOOL)
    assert values["reasons"]["opt_out"]["files"] == values["files"]["passed_over"] == 12
    assert values["repositories"]["codes"]["excluded(opt_out)"] == 2
    assert "opted out: a list in [opt_out] names it" in explain(Workspace(workspace), out, "acme/app", "own.py")
    assert take(workspace, out).repository_files == 12
    assert holders(workspace, *OF_TOOL) == []
    assert check(workspace)["version"] == "0.1.0"  # nothing of it was there
    assert holders(workspace / "release", "secret_shared")  # nobody asked that copies go


def test_a_takedown_takes_who_opted_out_from_the_release(config: Config, workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "out.txt").write_text("acme\n")
    files = config.opt_out.model_copy(update={"files": [str(tmp_path / "out.txt")]})
    out = config.model_copy(update={"opt_out": files})
    done = take(workspace, out)
    values = check(workspace)
    assert (done.request, done.repository_files, done.files, done.versions) == (None, 12, 0, ("0.1.0", "0.1.1"))
    assert values["repositories"]["codes"]["excluded(opt_out)"] == 2
    assert values["takedowns"] == {"requests": 0, "files": tombstones(workspace).height}
    assert tombstones(workspace).drop_nulls().height == done.published
    assert values["reasons"]["opt_out"]["files"] == 3  # what yielded to acme's is still away, until the next release
    release(workspace, out)
    assert "opt_out" not in check(workspace)["reasons"]
    assert {"bom.py", "src/near.py"} <= set(published(workspace)["path"])
    assert not set(published(workspace)["file_id"]) & set(tombstones(workspace)["file_id"])


def test_what_was_fetched_and_noted_of_it_goes_too(config: Config, workspace: Path) -> None:
    unit = next(unit for unit in units.units(Workspace(workspace)) if "local/acme/tool" in keys_of(unit))
    fetched = workspace / "fetched" / unit.name / "00000.git/pack"
    fetched.parent.mkdir(parents=True)
    fetched.write_bytes(b"secret_tool")
    unit.path("json").unlink()  # so that it is still to be extracted
    notes = workspace / "journal/bugs"
    notes.mkdir(parents=True)
    (notes / "a.txt").write_text("local/acme/tool\nsecret_tool\n")
    (notes / "b.txt").write_text("local/acme/app\n")
    take(workspace, config, repository="acme/tool")
    assert not fetched.exists() and [path.name for path in notes.iterdir()] == ["b.txt"]


def keys_of(unit: units.Unit) -> list[str]:
    return pl.read_parquet(unit.path("list.parquet"))["repo_key"].to_list()


def test_what_is_left_is_explained(workspace: Path, config: Config) -> None:
    take(workspace, config, repository="acme/app", paths=["shared.py"])
    take(workspace, config, repository="acme/tool")
    space = Workspace(workspace)
    assert explain(space, config, "acme/tool", "tool.go").startswith("local/acme/tool  excluded: taken down: a request")
    for name, path in (("acme/app", "shared.py"), ("other/copies", "src/shared.py")):
        said = explain(space, config, name, path)
        assert "removed: takedown" in said and "taken down          a request means it" in said


# Being careful


def state(*folders: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for folder in folders for path in folder.rglob("*") if path.is_file()}


def test_a_dry_run_says_what_would_be_and_changes_nothing(workspace: Path, config: Config) -> None:
    before = state(workspace, config.folder)
    would = takedown(Workspace(workspace), config, on=DAY, owner="acme", dry_run=True)
    assert state(workspace, config.folder) == before and not requests.file(config).exists()
    assert take(workspace, config, owner="acme") == would


def test_doing_it_again_changes_nothing(workspace: Path, config: Config) -> None:
    take(workspace, config, owner="acme")
    before, asked = (shard_hashes(workspace / name) for name in ("files", "release")), requests.file(config).read_text()
    for selectors in ({"owner": "ACME"}, {}):
        again = take(workspace, config, **selectors)
        assert again.asked_before and "earlier runs have done" in str(again)
        assert (again.units, again.versions, again.published) == (0, None, 0)
    assert [*before] == [shard_hashes(workspace / name) for name in ("files", "release")]
    assert requests.file(config).read_text() == asked


def test_it_says_what_it_found(workspace: Path, config: Config) -> None:
    done = take(workspace, config, repository="acme/app")
    assert done.repositories == ["local/acme/app"] and done.repository_files == 10
    assert done.files == done.files_elsewhere == 3  # src/shared.py, bom.py and src/near.py of other/copies
    assert [(name, path, reason) for name, path, _, reason in done.copies] == [
        ("local/other/copies", "copied.py", "exact_duplicate")
    ]
    assert "0.1.0 -> 0.1.1" in str(done) and json.dumps(done.as_json())
    content_id = done.copies[0][2]
    assert take(workspace, config, content_id=content_id).published == 1
    assert holders(workspace, OF_COPIED) == []


@pytest.mark.parametrize(
    ("asked", "missing"),
    [
        ({"owner": "nobody"}, ["nobody"]),
        ({"repository": "acme/gone"}, ["acme/gone"]),
        ({"repository": "acme/app", "paths": ["gone.py", "own.py"]}, ["gone.py"]),
        ({"content_id": "0" * 40}, ["0" * 40]),
        ({"content_id": "0" * 32}, ["0" * 32]),
    ],
)
def test_what_is_not_here_is_said_and_only_remembered_when_that_is_meant(
    workspace: Path, config: Config, asked: dict[str, Any], missing: list[str]
) -> None:
    before = state(workspace / "files", workspace / "release")
    with pytest.raises(ConfigError) as raised:
        take(workspace, config, **asked)
    assert repr(missing[0]) in str(raised.value) and "--unseen" in str(raised.value) and "\n" not in str(raised.value)
    assert state(workspace / "files", workspace / "release") == before and not requests.file(config).exists()
    assert take(workspace, config, dry_run=True, **asked).not_found == missing
    assert take(workspace, config, unseen=True, **asked).not_found == missing
    assert len(requests.read(config)) == 1
    assert take(workspace, config, **asked).not_found == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"owner": "acmee"}, "no owner here is called 'acmee'; did you mean 'acme'? nothing was changed"),
        ({"owner": "local/acmee"}, "did you mean 'local/acme'?"),
        ({"repository": "acme/apps"}, "no repository here is called 'acme/apps'; did you mean 'acme/app'?"),
        ({"repository": "qqqq/zzz"}, "is called 'qqqq/zzz'; nothing was changed"),
        ({"repository": "acme/app", "paths": ["Own.py"]}, "acme/app has no file 'Own.py' here: paths must be exact"),
    ],
)
def test_the_nearest_name_is_told(workspace: Path, config: Config, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        take(workspace, config, **asked)
    assert said in str(raised.value)


@pytest.mark.parametrize("option", ["--owner", "--repository", "--content-id"])
def test_an_option_that_is_given_twice_is_an_error(
    option: str, folder: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["takedown", folder / "corpus.toml", "--workspace", workspace, option, "acme/app", option, "acme/tool"]
    monkeypatch.setattr(sys, "argv", ["stackyard", *map(str, words), "--dry-run"])
    with pytest.raises(SystemExit) as raised:
        cli.main()
    told = capsys.readouterr()
    assert (raised.value.code, told.out) == (2, "")
    assert told.err.startswith(f"stackyard: takedown: {option}: given 2 times") and told.err.count("\n") == 1


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"repository": "acme"}, "takedown: repository: must be owner/name"),
        ({"content_id": "abc"}, "takedown: content_id: must be a git blob id or a text_id"),
        ({"owner": "a", "repository": "a/b"}, "takedown: needs exactly one of owner, repository and content_id"),
        ({"paths": ["a"]}, "takedown: needs exactly one of owner, repository and content_id"),
        ({"owner": "a", "paths": ["a"]}, "takedown: paths need a repository"),
        ({"owner": "a b"}, "takedown: owner: "),
    ],
)
def test_a_wrong_selector_is_one_line_and_nothing_happens(
    workspace: Path, config: Config, asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        take(workspace, config, **asked)
    assert str(raised.value).startswith(message) and "\n" not in str(raised.value)
    assert not requests.file(config).exists()


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "{}", '{"id": 2, "date": "2026-11-21"}', '{"id": 2, "date": "x", "owner": "a"}'],
)
def test_a_bad_line_is_named(config: Config, line: str) -> None:
    requests.merge(config, [requests.new([], DAY, owner="a")])
    with requests.file(config).open("a") as file:
        file.write(f"\n{line}\n")
    with pytest.raises(ConfigError, match=r"t\.jsonl:3: .") as raised:
        requests.read(config)
    assert "\n" not in str(raised.value)


def test_a_card_that_somebody_has_changed_stops_it(workspace: Path, config: Config) -> None:
    with (workspace / "release/README.md").open("a") as card:
        card.write("mine\n")
    with pytest.raises(WorkspaceError, match="README"):
        take(workspace, config, owner="acme")
    assert not requests.file(config).exists()


# Killed at any moment


class Killed(BaseException):
    pass


@contextlib.contextmanager
def killing(patch: pytest.MonkeyPatch, after: int) -> Iterator[list[str]]:
    """The process is as if killed at its nth change of the disk: nothing is tidied up any more."""
    calls: list[str] = []

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if len(calls) >= after:
                raise Killed
            calls.append(name)
            return function(*arguments, **named)

        return call

    with patch.context() as patched:
        for name in ("sync", "delete_tree", "link_or_copy", "swap"):
            patched.setattr(storage, name, counted(name, getattr(storage, name)))
        for name in ("replace", "unlink", "rename"):
            patched.setattr(Path, name, counted(name, getattr(Path, name)))
        yield calls


@pytest.fixture(scope="module")
def two_steps(released: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What an undisturbed takedown makes of files and release."""
    place = tmp_path_factory.mktemp("undisturbed")
    workspace = Path(shutil.copytree(released, place / "workspace"))
    take(workspace, configured(folder, place), owner="acme")
    return {name: shard_hashes(workspace / name) for name in ("files", "release")}


def check_taken_up(workspace: Path, config: Config, released: Path, expected: dict[str, dict[str, str]]) -> None:
    """After a kill all is whole; done once more, it is as if nothing had happened."""
    with opened(workspace, config):
        pass
    verify_units(workspace)
    verify_release(workspace / "release")
    assert shard_hashes(workspace / "release") in (expected["release"], shard_hashes(released / "release"))
    take(workspace, config, owner="acme")
    check(workspace)
    assert {name: shard_hashes(workspace / name) for name in ("files", "release")} == expected


def test_killed_at_any_change_it_is_whole_and_is_taken_up(
    released: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, two_steps: dict[str, dict[str, str]]
) -> None:
    after, step = 0, 13
    while True:
        place = tmp_path / str(after)
        workspace = Path(shutil.copytree(released, place / "workspace"))
        config = configured(folder, place)
        with killing(monkeypatch, after) as calls:
            try:
                take(workspace, config, owner="acme")
                break
            except Killed:
                pass
        check_taken_up(workspace, config, released, two_steps)
        shutil.rmtree(place)
        after += step
    assert len(calls) > 80 and {"sync", "replace", "delete_tree", "link_or_copy", "swap"} <= set(calls)


COMMAND = """
import sys
from pathlib import Path
from pipeline.config import load
from pipeline.takedown.patch import _rewrite
from pipeline.takedown.scope import Known
from pipeline.takedown.takedown import takedown
from pipeline.workspace import opened
config = load(Path(sys.argv[1]))
config = config.model_copy(update={"opt_out": config.opt_out.model_copy(update={"takedowns": sys.argv[3]})})
with opened(Path(sys.argv[2]), config) as space:
    takedown(space, config, on="2026-11-21", owner="acme")
"""


@pytest.mark.parametrize("sign", ["t.jsonl", "workspace/purge/g001/*.json", "workspace/release.next/ledger/*"])
def test_killed_by_the_system_it_is_taken_up(
    sign: str, released: Path, folder: Path, tmp_path: Path, two_steps: dict[str, dict[str, str]]
) -> None:
    workspace = Path(shutil.copytree(released, tmp_path / "workspace"))
    arguments = [str(folder / "corpus.toml"), str(workspace), str(tmp_path / "t.jsonl")]
    process = subprocess.Popen([sys.executable, "-c", COMMAND, *arguments], cwd=ROOT)
    while process.poll() is None and not list(tmp_path.glob(sign)):
        time.sleep(0.001)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    assert process.wait() in (0, -signal.SIGKILL)
    check_taken_up(workspace, configured(folder, tmp_path), released, two_steps)


# Names


def listed(
    folder: Path, names: str, *asked: dict[str, Any], renames: tuple[tuple[str, str], ...] = ()
) -> dict[str, Any]:
    """Why each name that a file lists is excluded, when this was asked for before."""
    (folder / "names.txt").write_text(names)
    config = Config(folder=folder, source=[Source(names=["names.txt"])])
    requests.merge(config, [requests.new([], DAY, **selectors) for selectors in asked])
    rows = list_repositories(config, renames=renames).to_pylist()
    return {
        row["repo_name"]: row["excluded"]
        for row in rows
        if row["host"] != "gitlab.com" or "owner" not in row["repo_name"]
    }


def test_the_list_leaves_out_what_was_taken_down(tmp_path: Path) -> None:
    names = (
        "Owner/One\nowner/two\nowner2/one\nother/one\nhttps://gitlab.com/group/sub/deep\nhttps://gitlab.com/owner/one\n"
    )
    found = listed(
        tmp_path, names, {"repository": "github.com/owner/one"}, {"owner": "group"}, {"repository": "group/sub"}
    )
    assert {name for name, why in found.items() if why == "takedown"} == {"Owner/One", "group/sub/deep"}


def test_a_repository_is_taken_down_under_all_its_names(tmp_path: Path) -> None:
    renames = (("github.com/a/old", "b/New"), ("github.com/b/new", "c/newest"))
    found = listed(tmp_path, "a/old\nd/other\n", {"repository": "b/new"}, renames=renames)
    assert found == {"a/old": "takedown", "b/New": "takedown", "c/newest": "takedown", "d/other": None}


def test_nothing_published_tells_the_name_of_another() -> None:
    known = {"host": "github.com", "detail": None, "fork_of": None, "outcome": "ok", "code": None}
    gone = {"outcome": "excluded", "code": "takedown"}
    table = pl.DataFrame(
        [
            known | gone | {"repo_key": "github.com/a/b", "repo_name": "A/b"},
            known | {"repo_key": "github.com/c/fork", "repo_name": "c/fork", "fork_of": "github.com/a/b"},
            known | {"repo_key": "github.com/c/of", "repo_name": "c/of", "fork_of": "github.com/x/y"},
            known | {"repo_key": "github.com/c/moved", "repo_name": "c/moved", "detail": "A/b", "code": "renamed_to"},
            known
            | {"repo_key": "github.com/c/else", "repo_name": "c/else", "fork_of": "github.com/a/bc", "detail": "x"},
        ]
    )
    told = inputs.published(table, ["github.com/x/y"]).select("repo_name", "fork_of", "detail").rows()
    assert told == [
        ("c/fork", None, None),
        ("c/of", None, None),
        ("c/moved", None, None),
        ("c/else", "github.com/a/bc", "x"),
    ]


def test_what_others_were_forked_from_is_known_by_its_name(tmp_path: Path) -> None:
    space = Workspace(tmp_path)
    config = Config(folder=tmp_path, source=[Source(names=["names.txt"])])
    (tmp_path / "names.txt").write_text("c/fork\n")
    fork = list_repositories(config).to_pylist()[0] | {"fork_of": "github.com/acme/app"}
    units.write_list(space, pa.Table.from_pylist([fork], LISTED))
    asked = [requests.new([], DAY, owner="acme")]
    assert Known.of(space).scope(asked).repositories == {"github.com/acme/app": "takedown"}
