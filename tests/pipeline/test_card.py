"""The card: what people wrote stays, what is generated is made anew, and verify tells the two apart."""

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline import storage
from pipeline.card import BEGIN, END, card, generated_digest
from pipeline.config import Config
from pipeline.errors import CorpusError, ShardError
from pipeline.verify import verify_release
from tests.pipeline.conftest import release, with_rules


@pytest.fixture
def manifest(finished: Path) -> dict[str, Any]:
    return copy.deepcopy(storage.read_json(finished / "release/manifest.json"))


def front(text: str) -> dict[str, Any]:
    return dict(yaml.safe_load(text.split("---\n")[1]))


def edited(text: str) -> str:
    """As a user leaves it: text on both sides, a licence, a tag and a key of their own."""
    text = text.replace("license: other", "license: apache-2.0\nannotations_creators:\n- expert-generated")
    text = text.replace("- deduplicated", "- deduplicated\n- ours")
    return text.replace(BEGIN, f"Read this first.\n\n{BEGIN}").replace(END, f"{END}\n\n## Thanks\n\nTo all.")


def test_what_people_wrote_stays_and_the_rest_is_new(manifest: dict[str, Any]) -> None:
    before = edited(card(manifest))
    manifest["name"] = "Another name"
    after = card(manifest, before)
    assert "Read this first." in after and after.endswith("## Thanks\n\nTo all.\n")
    assert "# Another name" in after and after.count(BEGIN) == after.count(END) == 1
    assert front(after) | {"pretty_name": ""} == front(before) | {"pretty_name": ""}
    assert front(after)["pretty_name"] == "Another name"
    assert front(after)["license"] == "apache-2.0" and front(after)["tags"][-1] == "ours"


def test_making_it_again_changes_nothing(manifest: dict[str, Any]) -> None:
    once = card(manifest)
    assert card(manifest, once) == once
    assert card(manifest, edited(once)) == card(manifest, card(manifest, edited(once)))


def test_a_card_of_somebody_else_stays_above(manifest: dict[str, Any]) -> None:
    assert card(manifest, "# Mine\n").split(BEGIN)[0].endswith("# Mine\n\n")


@pytest.mark.parametrize("line", [BEGIN, END])
def test_a_card_without_one_of_its_marks_is_an_error_and_not_overwritten(manifest: dict[str, Any], line: str) -> None:
    with pytest.raises(CorpusError, match="put it back: <!-- stackyard"):
        card(manifest, edited(card(manifest)).replace(line, ""))


@pytest.mark.parametrize("broken", ["---\na: [\n---\n", "---\n- a list\n---\n"])
def test_front_matter_that_cannot_be_read_is_an_error(manifest: dict[str, Any], broken: str) -> None:
    with pytest.raises(CorpusError, match=r"README\.md: its front matter"):
        card(manifest, broken)


def test_the_digest_is_of_what_is_generated(manifest: dict[str, Any]) -> None:
    text = card(manifest)
    assert generated_digest(edited(text)) == generated_digest(text)
    assert generated_digest(text.replace("## Languages", "## Tongues")) != generated_digest(text)
    assert generated_digest(text.replace("config_name: default", "config_name: all")) != generated_digest(text)


def test_a_release_keeps_the_text_and_verify_accepts_it(config: Config, finished: Path, tmp_path: Path) -> None:
    workspace = shutil.copytree(finished, tmp_path / "workspace")
    readme = workspace / "release/README.md"
    readme.write_text(edited(readme.read_text()))
    verify_release(workspace / "release")
    release(workspace, with_rules(config, long_line={"max_chars": 900}))
    assert "Read this first." in readme.read_text() and "max_chars 900" in readme.read_text()
    verify_release(workspace / "release")
    readme.write_text(readme.read_text().replace("| train |", "| trian |"))
    with pytest.raises(ShardError, match="generated part"):
        verify_release(workspace / "release")
