"""A scanner of secrets over what is published: Kingfisher, which asks nobody whether they are valid."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl

KINGFISHER = Path(sys.executable).with_name("kingfisher")


def findings(folder: Path) -> list[dict[str, Any]]:
    """What it is sure of in a folder."""
    offline = ["--no-validate", "--no-update-check"]  # to validate is to send a secret to who gave it out
    command = [KINGFISHER, "scan", *offline, "--confidence", "high", "--format", "json", folder]
    said = subprocess.run(command, capture_output=True, text=True)
    found, _ = json.JSONDecoder().raw_decode(said.stdout)
    return list(found["findings"])


def write_texts(release: Path, folder: Path) -> int:
    """A file for each row of the shards; how many."""
    texts = pl.concat([pl.read_parquet(path, columns=["content"]) for path in release.glob("data/*/*.parquet")])[
        "content"
    ]
    folder.mkdir()
    for number, text in enumerate(texts):
        (folder / f"{number}.txt").write_text(text)
    return len(texts)


def test_nothing_published_is_a_secret(finished: Path, tmp_path: Path) -> None:
    assert write_texts(finished / "release", tmp_path / "texts") > 100
    assert findings(tmp_path / "texts") == []
    key = "ghp_" + "Zq3X" + "9vBn" * 7 + "2LwK1h"  # made here, so that no scanner finds it in this file
    (tmp_path / "texts/key.txt").write_text(f'token = "{key[:40]}"\n')
    assert len(findings(tmp_path / "texts")) == 1
