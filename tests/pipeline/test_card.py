"""The card: made from the manifest and a user's file, read back by the Hub's rules and by `datasets`."""

import copy
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import storage
from pipeline.card.bars import BARS, WORDS, WORDS_ON_DARK, WORDS_ON_LIGHT, Bar, chart
from pipeline.card.check import problems
from pipeline.card.columns import TEXT, columns, example
from pipeline.card.front import OURS, front_matter
from pipeline.card.made import MEANINGS, WITHHELD
from pipeline.card.text import CardText, read_text
from pipeline.card.write import card_files, write_card
from pipeline.config import Card, Config, Publish, Source, load
from pipeline.errors import ConfigError, CorpusError, ShardError, WorkspaceError
from pipeline.inputs import PASSED_OVER
from pipeline.summary import EXACT_DUPLICATE, NEAR_DUPLICATE
from pipeline.verify import verify_release
from schemas.release import CLUSTERS, LEDGER, ROWS
from schemas.repositories import WITHHELD as CODES_WITHHELD
from tests.pipeline.conftest import release, with_rules

WRITTEN = """---
license: odc-by
tags: [ours, code]
extra_gated_fields:
  I agree: checkbox
---
Read this first.

```bash
## no heading
```

## Funding

Nobody paid.

## purpose

To learn.

## Known limits

It is small.

## Citation

Cite us.
"""


@pytest.fixture
def manifest(finished: Path) -> dict[str, Any]:
    return copy.deepcopy(storage.read_json(finished / "release/manifest.json"))


def front(text: str) -> dict[str, Any]:
    return dict(yaml.safe_load(text.split("---\n")[1]))


def written(config: Config, folder: Path, text: str, to: str = "") -> CardText:
    """What `read_text` makes of a user's file."""
    (folder / "card.md").write_text(text, "utf-8")
    changes = {"folder": folder, "card": Card(file="card.md"), "publish": Publish(to=to)}
    return read_text(config.model_copy(update=changes))


def section(readme: str, heading: str) -> str:
    return readme.split(f"\n## {heading}\n")[1].split("\n## ")[0].strip()


# The user's file


def test_what_users_write_goes_to_its_place(config: Config, manifest: dict[str, Any], tmp_path: Path) -> None:
    readme = card_files(manifest, written(config, tmp_path, WRITTEN))["README.md"]
    headings = re.findall(r"^## (.+)$", readme, re.M)
    assert headings[:3] == ["no heading", "Purpose", "What is in it"] and headings[-2:] == ["Funding", "Citation"]
    assert readme.index("Read this first.") < readme.index("## Purpose")
    assert section(readme, "Purpose") == "To learn."
    assert section(readme, "Known limits").startswith("It is small.")
    assert len(section(readme, "Known limits")) > 500, "what is generated stays"
    assert section(readme, "Citation") == "Cite us."


def test_front_matter_of_users_goes_over_the_generated(
    config: Config, manifest: dict[str, Any], tmp_path: Path
) -> None:
    generated = front(card_files(manifest, CardText())["README.md"])
    found = front(card_files(manifest, written(config, tmp_path, WRITTEN))["README.md"])
    assert found["license"] == "odc-by" and "license_name" not in found
    assert found["tags"] == [*generated["tags"], "ours"]
    assert found["extra_gated_fields"] == {"I agree": "checkbox"}
    assert found["configs"] == generated["configs"] and found["dataset_info"] == generated["dataset_info"]
    assert generated["license"] == "other" and generated["license_link"] == "LICENSE.md"


def test_the_example_is_a_file_that_can_be_used() -> None:
    text = read_text(load(Path(__file__).parents[2] / "examples/folder.toml"))
    assert {"Purpose", "Removal requests", "Contact"} <= set(text.sections) and text.introduction


def test_without_a_file_nothing_is_added(config: Config) -> None:
    assert read_text(config) == CardText()


@pytest.mark.parametrize(
    ("to", "repository"), [("", None), ("org/set", "org/set"), ("file:///data/sets", None), ("s3://bucket/set", None)]
)
def test_the_repository_is_named_where_it_is_known(
    config: Config, manifest: dict[str, Any], tmp_path: Path, to: str, repository: str | None
) -> None:
    text = written(config, tmp_path, "", to)
    assert text.repository == repository
    assert f'load_dataset("{repository or "OWNER/NAME"}", ' in card_files(manifest, text)["README.md"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("---\nconfigs: []\n---\n", "configs in its front matter is made from the release; leave it out"),
        ("---\ndataset_info: {}\n---\n", "dataset_info in its front matter is made from the release"),
        ("---\na: [\n---\n", "its front matter is not YAML"),
        ("---\n- a list\n---\n", "its front matter has no keys"),
        ("---\na: 1\n", "its front matter has no end"),
        ("---\na: 1\na: 2\n---\n", "the key 'a' stands twice"),
        ("---\na: {b: 1, b: 2}\n---\n", "the key 'b' stands twice"),
        ("---\nlicense: mitt\n---\n", "license: 'mitt' is none that the Hub knows"),
        ("---\nlanguage: no\n---\n", "language: False is no text: quote it"),
        ("---\ntags: code\n---\n", "tags: not a list"),
        ("# A title\n", "`# A title`: the title is `name` in \\[release\\]"),
        ("## Thanks\n\n## THANKS\n", "two sections are called 'THANKS'"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(config: Config, tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=rf"^card: file: .*card\.md: {complaint}"):
        written(config, tmp_path, text)


def test_a_file_that_is_not_there_is_one_line(config: Config) -> None:
    with pytest.raises(ConfigError, match=r"gone\.md: cannot be read \(No such file"):
        read_text(config.model_copy(update={"card": Card(file="gone.md")}))


# What is generated


def test_every_heading_of_the_outline_is_there(manifest: dict[str, Any]) -> None:
    readme = card_files(manifest, CardText())["README.md"]
    assert re.findall(r"^## (.+)$", readme, re.M) == [
        "What is in it",
        "How to use it",
        "Columns",
        "How it was made",
        "Why files are not here",
        "Licences",
        "Sizes",
        "Duplicates",
        "Splits",
        "Licence and attribution",
        "Personal data and secrets",
        "Decontamination",
        "Known limits",
        "Removal requests",
        "How to reproduce it",
        "Citation",
    ]


def test_links_and_pictures_lead_to_files_of_the_release(finished: Path) -> None:
    release = finished / "release"
    links = re.findall(r"\]\(([^)]+)\)", (release / "README.md").read_text())
    relative = {link for link in links if not link.startswith(("http", "#"))}
    assert {"LICENSE.md", "manifest.json", "ledger/repositories.parquet", "plots/funnel.svg"} <= relative
    assert [link for link in relative if not (release / link).is_file()] == []


def test_every_column_and_threshold_is_named(manifest: dict[str, Any]) -> None:
    readme = card_files(manifest, CardText())["README.md"]
    for schema in (ROWS, LEDGER, CLUSTERS):
        assert columns(schema) in readme
    assert "A line longer than 1,000 characters; 100,000 in the `exempt` languages (`exempt`: `HTML, JSON, " in readme
    for name, row in manifest["reasons"].items():
        assert re.search(rf"\| `{name}` \| .+ \| {row['files']:,} \| {row['alone']:,} \|", readme), name


def test_the_example_is_a_row_with_the_ids_and_measures_of_its_text() -> None:
    row, lines = example(), TEXT.splitlines()
    assert pa.Table.from_pylist([row], ROWS).column_names == list(row)
    assert row["length_bytes"] == len(TEXT.encode()) and row["line_count"] == len(lines)
    assert row["max_line_length"] == max(map(len, lines))
    assert row["avg_line_length"] == sum(map(len, lines)) / len(lines)
    assert row["alphanum_fraction"] == sum(map(str.isalnum, TEXT)) / len(TEXT)
    assert row["token_count"] == len(re.findall(r"\w+", TEXT))
    assert row["content_id"] == hashlib.sha1(b"blob 46\0" + TEXT.encode()).hexdigest()


def test_every_reason_that_is_no_rule_has_a_meaning() -> None:
    assert set(MEANINGS) >= {*PASSED_OVER, EXACT_DUPLICATE, NEAR_DUPLICATE}


def test_the_words_of_a_release_are_summed(finished: Path, manifest: dict[str, Any]) -> None:
    import polars as pl

    rows = pl.read_parquet(finished / "release/data/*/*.parquet")
    by_language = dict(rows.group_by("language").agg(pl.col("token_count").sum()).iter_rows())
    found = {name: row["tokens"] for name, row in manifest["languages"].items() if row["kept"]}
    assert found == {name or "unknown": words for name, words in by_language.items()}
    assert f"{rows['token_count'].sum():,} words" in (finished / "release/README.md").read_text()


def test_what_has_changed_is_told_when_the_manifest_knows(manifest: dict[str, Any]) -> None:
    assert "Changes since" not in card_files(manifest, CardText())["README.md"]
    changes = {
        "rows": [12_000, 11_990],
        "languages": {"C": [7, 5]},
        "reasons": {"binary": [1, 2]},
        "licenses_added": ["ISC"],
    }
    manifest["base"] = {"version": "0.0.9", "manifest_sha256": "ab" * 32, "changes": changes}
    manifest["takedowns"] = {"requests": 2, "files": 10}
    manifest["reasons"]["takedown"] = {"files": 10, "alone": 10, "bytes": 99, "languages": {}}
    manifest["contents"]["takedowns/removed.parquet"] = {"bytes": 1, "rows": 10, "sha256": "0"}
    readme = card_files(manifest, CardText())["README.md"]
    told = section(readme, "Changes since 0.0.9")
    assert (
        "| files | 12,000 | 11,990 |" in told
        and "| `binary` | 1 | 2 |" in told
        and "| C | 7 | 5 |" in told
        and "new: ISC" in told
    )
    removal = section(readme, "Removal requests")
    assert (
        "| files that versions had, or may have had, and that went for them | 10 |" in removal
        and "(takedowns/removed.parquet)" in removal
    )


def test_changes_of_the_configuration_that_choose_rows_are_told(manifest: dict[str, Any]) -> None:
    changes = {
        "rules.long_line.max_chars": [1_000, 900],
        "dedup.min_similarity": [0.7, 0.85],
        "dedup.near_duplicates": [True, False],
        "license.not_permissive": [[], ["MPL-*", "EPL-*"]],
        "split.test_fraction": [0.02, 0.1],
        "extract.max_file_bytes": [1_048_576, 9],
        "source.1.exclude": [["a|b`c"], [str(i) for i in range(31)]],
        "source.2.host": [None, "codeberg.org"],
        "release.version": ["0.0.9", "0.1.0"],
        "release.name": ["Before", "After"],
    }
    manifest["base"] = {"version": "0.0.9", "changes": {"configuration": changes}}
    told = section(card_files(manifest, CardText())["README.md"], "Changes since 0.0.9")
    assert told.splitlines() == [
        "| configuration | 0.0.9 | now |",
        "| --- | --- | --- |",
        "| `dedup.min_similarity` | `0.7` | `0.85` |",
        "| `dedup.near_duplicates` | `True` | `False` |",
        "| `extract.max_file_bytes` | `1,048,576` | `9` |",
        "| `license.not_permissive` | nothing | `MPL-*, EPL-*` |",
        "| `rules.long_line.max_chars` | `1,000` | `900` |",
        "| `source.1.exclude` | `a\\|b'c` | 31 of them |",
        "| `source.2.host` | not there | `codeberg.org` |",
        "| `split.test_fraction` | `0.02` | `0.1` |",
    ]
    manifest["base"]["changes"] = {"configuration": {"release.version": ["0.0.9", "0.1.0"]}}
    assert section(card_files(manifest, CardText())["README.md"], "Changes since 0.0.9") == ""


OWN, SOME, OTHERS = "declares every source", "declares 1 of the 2 sources", "holds other people's files"
PERMISSIVE = "Only files under a permissive licence are here."
NON_PERMISSIVE_MAY = "Files without a licence are not here; files under a licence that is not permissive may be."
UNLICENSED_MAY = "Files under a licence that is not permissive are not here; files without a licence may be."
ANY = "Files are here whatever their licence, also without one."


@pytest.mark.parametrize(
    ("rights", "non_permissive", "without", "said"),
    [
        (["licensed", "licensed"], True, True, {OTHERS, PERMISSIVE}),
        (["licensed"], False, True, {OTHERS, NON_PERMISSIVE_MAY}),
        (["licensed"], True, False, {OTHERS, UNLICENSED_MAY}),
        (["licensed"], False, False, {OTHERS, ANY}),
        (["own"], True, True, {OWN}),
        (["own", "own"], False, False, {OWN}),
        (["own", "licensed"], True, True, {SOME, "sources hold other people's files", f"Of these: {PERMISSIVE}"}),
        (["licensed", "own"], False, False, {SOME, "sources hold other people's files", f"Of these: {ANY}"}),
    ],
)
def test_what_is_said_of_licences_is_what_the_rules_and_sources_ask(
    manifest: dict[str, Any], rights: list[str], non_permissive: bool, without: bool, said: set[str]
) -> None:
    sources(manifest, [{"directories": ["x"], "rights": each} for each in rights])
    manifest["configuration"]["rules"]["non_permissive_license"]["enabled"] = non_permissive
    manifest["configuration"]["rules"]["no_license"]["enabled"] = without
    files = card_files(manifest, CardText())
    sentences = {OWN, SOME, OTHERS, PERMISSIVE, NON_PERMISSIVE_MAY, UNLICENSED_MAY, ANY}
    for text in (section(files["README.md"], "Licence and attribution"), files["LICENSE.md"]):
        assert {sentence for sentence in said if sentence in text} == said
        unsaid = {sentence for sentence in sentences if not any(sentence in each for each in said)}
        assert [sentence for sentence in unsaid if sentence in text] == []


def sources(manifest: dict[str, Any], changes: list[dict[str, Any]]) -> None:
    """Puts such sources into the configuration, with the defaults of all other keys."""
    manifest["configuration"]["source"] = [Source(**change).model_dump(mode="json") for change in changes]


def test_files_without_a_licence_are_told_where_there_are_some(manifest: dict[str, Any]) -> None:
    row = {"license_type": "no_license", "license_expression": None, "files": 3, "bytes": 9, "tokens": 2}
    permissive = row | {"license_type": "permissive", "license_expression": "MIT"}
    for rows, told in (([permissive, row], True), ([permissive], False)):
        manifest["licenses"] = rows
        text = section(card_files(manifest, CardText())["README.md"], "Licence and attribution")
        assert ("For 3 files no licence was found" in text) is told


def test_licences_that_the_user_takes_for_not_permissive_are_named(manifest: dict[str, Any]) -> None:
    for patterns, said in (
        ([], "as in The Stack v2."),
        (["MPL-*", "ISC"], "as in The Stack v2, without `MPL-*`, `ISC`."),
    ):
        manifest["configuration"]["license"]["not_permissive"] = patterns
        assert said in card_files(manifest, CardText())["README.md"]


def test_private_code_is_not_called_public(manifest: dict[str, Any]) -> None:
    said = section(card_files(manifest, CardText())["README.md"], "Personal data and secrets")
    assert "that stand in a file stand here too" in said and "public" not in said


@pytest.mark.parametrize(
    ("kinds", "local", "forge"),
    [(["directories"], True, False), (["names"], False, True), (["gharchive", "directories"], True, True)],
)
def test_the_way_back_is_one_that_there_is(
    manifest: dict[str, Any], kinds: list[str], local: bool, forge: bool
) -> None:
    sources(manifest, [{kind: ["x"]} for kind in kinds])
    said = section(card_files(manifest, CardText())["README.md"], "Licence and attribution")
    assert ("The host `local` is no address" in said) is local
    assert ("https://{row['host']}/" in said) is forge and ("https://HOST/REPO_NAME" in said) is forge


@pytest.mark.parametrize(
    ("read", "said"), [(1, "1 repository was read.**"), (1_030, "1,030 repositories were read.**")]
)
def test_repositories_that_were_read_are_not_called_those_of_the_rows(
    manifest: dict[str, Any], read: int, said: str
) -> None:
    manifest["repositories"]["ok"] = read
    head = card_files(manifest, CardText())["README.md"].split("\n## ")[0]
    assert f" words; {said}" in head and "from 1" not in head


@pytest.mark.parametrize("heading", ["How it was made", "Why files are not here"])
def test_what_was_withheld_is_not_said_to_stand_in_the_ledger(manifest: dict[str, Any], heading: str) -> None:
    readme = card_files(manifest, CardText())["README.md"]
    said = section(readme, heading)
    assert all(f"`{reason}`" in WITHHELD for reason in CODES_WITHHELD) and WITHHELD in said
    assert not re.search(
        r"(?i)every (removed )?file|every repository|either here or", readme.split("## Columns")[0] + said
    )


def test_names_cannot_break_the_page(manifest: dict[str, Any]) -> None:
    manifest["alarms"] = [{"what": "near_duplicate", "kind": "owner", "name": "a|b<b>\nc", "taken": 5, "texts": 9}]
    manifest["name"] = "A name\nof {two} lines"
    readme = card_files(manifest, CardText())["README.md"]
    assert "| owner a\\|b&lt;b> c | 5 | 9 |" in readme
    assert "\n# A name of {two} lines\n" in readme and "title = {A name of two lines}," in readme


@pytest.mark.parametrize("layout", ["language", "single"])
def test_configurations_follow_the_layout(manifest: dict[str, Any], layout: str) -> None:
    if layout == "single":
        manifest["contents"] = {name: k for name, k in manifest["contents"].items() if not name.startswith("data/")}
        shard = {"rows": manifest["files"]["published"], "text_bytes": 5, "bytes": 3, "sha256": "", "digest": ""}
        manifest["contents"]["data/train-00000-of-00001.parquet"] = shard
    readme = card_files(manifest, CardText())["README.md"]
    configs = front(readme)["configs"]
    assert problems(readme, manifest) == []
    if layout == "single":
        assert configs == [
            {
                "config_name": "default",
                "default": True,
                "data_files": [{"split": "train", "path": "data/train-*"}],
            }
        ]
        assert 'load_dataset("OWNER/NAME", split="train", ' in readme
    else:
        assert [config["config_name"] for config in configs][:2] == ["default", "c"]


def many_languages(manifest: dict[str, Any], count: int) -> dict[str, Any]:
    """A manifest whose release has so many languages in all three splits."""
    shard = {"rows": 1, "text_bytes": 9, "bytes": 5, "sha256": "", "digest": ""}
    names = [f"data/language-{i:03d}/{split}-00000-of-00001.parquet" for i in range(count)
             for split in ("train", "validation", "test")]  # fmt: skip
    kept = {name: known for name, known in manifest["contents"].items() if not name.startswith("data/")}
    files = manifest["files"] | {"published": 3 * count}
    row = {"entries": 3, "entry_bytes": 9, "kept": 3, "text_bytes": 27, "tokens": 6}
    languages = {f"Language {i:03d}": row for i in range(count)}
    return manifest | {"contents": kept | dict.fromkeys(names, shard), "files": files, "languages": languages}


@pytest.mark.parametrize(("count", "described"), [(50, 51), (51, 1), (829, 1)])
def test_many_languages_keep_the_front_matter_small(manifest: dict[str, Any], count: int, described: int) -> None:
    readme = card_files(many := many_languages(manifest, count), CardText())["README.md"]
    assert len(readme.split("\n---\n")[0]) < (100_000 if count < 400 else 175_000)
    assert len(front(readme)["configs"]) == count + 1 and len(front(readme)["dataset_info"]) == described
    assert problems(readme, many) == []


# The validator


def test_the_own_card_has_no_problems(finished: Path, manifest: dict[str, Any]) -> None:
    assert problems((finished / "release/README.md").read_text(), manifest) == []


def test_datasets_understands_the_configurations(manifest: dict[str, Any]) -> None:
    from datasets import DatasetInfo, Features
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard

    data = DatasetCard(card_files(manifest, CardText())["README.md"]).data
    assert MetadataConfigs.from_dataset_card_data(data).get_default_config_name() == "default"
    features = Features.from_arrow_schema(ROWS)._to_yaml_list()
    assert all(info["features"] == features for info in data.dataset_info)
    assert DatasetInfo._from_yaml_dict(data.dataset_info[0]).splits["train"].num_examples > 0


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"license": "mitt"}, "license: 'mitt' is none that the Hub knows"),
        ({"license_name": None}, "license_name: missing"),
        ({"license_link": "TERMS.md"}, "license_link: TERMS.md is not in the release"),
        ({"language": False}, "language: False is no text: quote it"),
        ({"size_categories": ["1K<n<1M"]}, "size_categories: '1K<n<1M' is none of the Hub's"),
        ({"size_categories": ["1M<n<10M"]}, "size_categories: 1M<n<10M, and there are"),
        ({"configs": {}}, "configs: not a list"),
        ({"dataset_info": "x"}, "dataset_info: not a list of what has a config_name"),
    ],
)
def test_the_validator_finds_wrong_fields(manifest: dict[str, Any], change: dict[str, Any], problem: str) -> None:
    assert any(line.startswith(problem) for line in problems(changed(manifest, change), manifest))


@pytest.mark.parametrize(
    ("number", "change", "problem"),
    [
        (1, {"default": True}, "configs: two are the default"),
        (1, {"config_name": None}, "configs: one has no config_name"),
        (1, {"config_name": "Default"}, "configs: two are called 'default'"),
        (1, {"config_name": "f*"}, "configs: 'f*' is no name that `datasets` takes"),
        (1, {"config_name": "a/b"}, "configs: 'a/b' is no name that `datasets` takes"),
        (1, {"config_name": "[x]"}, "configs: '[x]' is no name that `datasets` takes"),
        (1, {"data_files": "data/c/*"}, "configs: c: data_files: not a list of split and path"),
        (1, {"data_files": [{"split": "to-day", "path": "data/c/*"}]}, "configs: c: 'to-day' is no name of a split"),
        (1, {"data_files": [{"split": "all", "path": "data/c/*"}]}, "configs: c: 'all' is no name of a split"),
        (1, {"data_files": [{"split": "test", "path": "data/d/*"}]}, "configs: c: split test: no file"),
        (0, {"data_files": [{"split": "train", "path": "data/c/*"}]}, "configs: data/"),
    ],
)
def test_the_validator_finds_wrong_configurations(
    manifest: dict[str, Any], number: int, change: dict[str, Any], problem: str
) -> None:
    configs = front(card_files(manifest, CardText())["README.md"])["configs"]
    configs[number] |= change
    if number == 0:
        configs = configs[:1]
    assert any(line.startswith(problem) for line in problems(changed(manifest, {"configs": configs}), manifest))


def changed(manifest: dict[str, Any], change: dict[str, Any]) -> str:
    """The card with other front matter."""
    fields = front(card_files(manifest, CardText())["README.md"]) | change
    return f"---\n{yaml.safe_dump(fields)}---\n\n# A name\n"


def test_the_validator_finds_stale_numbers(manifest: dict[str, Any]) -> None:
    readme = card_files(manifest, CardText())["README.md"]
    shard = next(name for name in manifest["contents"] if name.startswith("data/c/"))
    manifest["contents"][shard]["rows"] += 1
    lines = problems(readme, manifest)
    assert [line.split(":")[1] for line in lines] == [" default", " c"] and "rows by split are" in lines[0]
    manifest["version"] = "9.9.9"
    assert problems(readme, manifest)[-1].endswith("this is 9.9.9")


@pytest.mark.parametrize(
    ("readme", "problem"),
    [
        ("\ufeff---\nlicense: mit\n---\n", "begins with a byte order mark"),
        ("# A name\n", "has no front matter"),
        ("---\nlicense: mit\nlicense: mit\n---\n", "the key 'license' stands twice"),
        ("---\na: [\n---\n", "its front matter is not YAML"),
        (
            "---\nlicense: mit\n---\n```\na[0](x)\n```\n`b[0](y)` [x](no/file)\n",
            "links to no/file, which is not in the release",
        ),
    ],
)
def test_the_validator_finds_what_is_no_card(manifest: dict[str, Any], readme: str, problem: str) -> None:
    assert any(line.startswith(problem) for line in problems(readme, manifest))
    assert not any(line.startswith(("links to x", "links to y")) for line in problems(readme, manifest))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["default", "train", "data/c/*", "other", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["config_name", "data_files", "split", "path", "splits", "name"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*OURS, "license", "license_link", "tags", "language"]), VALUES, min_size=1))
@settings(max_examples=300, deadline=None)
def test_the_validator_answers_whatever_stands_there(fields: dict[str, Any]) -> None:
    shard = {"rows": 3, "bytes": 5, "text_bytes": 9}
    problems(f"---\n{yaml.safe_dump(fields)}---\n", {"version": "1.0.0", "contents": {"data/c/train-0.parquet": shard}})


def test_a_card_with_problems_is_not_written(manifest: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"README\.md: license_link: TERMS\.md is not in the release"):
        write_card(tmp_path, manifest, CardText({"license_link": "TERMS.md"}))
    assert list(tmp_path.iterdir()) == []


# In a release


def test_the_manifest_knows_the_card_and_making_it_again_changes_nothing(finished: Path, tmp_path: Path) -> None:
    release = shutil.copytree(finished / "release", tmp_path / "release")
    manifest = verify_release(release)
    (release / "plots/old.svg").write_text("left over")
    assert write_card(release, manifest, CardText()) == manifest
    assert verify_release(release) == manifest
    assert {"README.md", "LICENSE.md", "plots/funnel.svg"} <= set(manifest["contents"])


@pytest.mark.parametrize("name", ["README.md", "LICENSE.md", "plots/sizes.svg"])
def test_verify_finds_a_changed_card(finished: Path, tmp_path: Path, name: str) -> None:
    release = shutil.copytree(finished / "release", tmp_path / "release")
    (release / name).write_text((release / name).read_text() + " ")
    with pytest.raises(ShardError, match=f"{name}: damaged"):
        verify_release(release)


def test_verify_finds_strays_and_tolerates_what_the_hub_adds(finished: Path, tmp_path: Path) -> None:
    release = shutil.copytree(finished / "release", tmp_path / "release")
    (release / ".cache/huggingface").mkdir(parents=True)
    for name in (".gitattributes", ".cache/huggingface/README.md.metadata"):
        (release / name).write_text("")
    verify_release(release)
    (release / "notes.txt").write_text("")
    with pytest.raises(ShardError, match=r"notes\.txt: not in the manifest"):
        verify_release(release)


def test_a_release_takes_the_users_file(config: Config, finished: Path, tmp_path: Path) -> None:
    workspace = shutil.copytree(finished, tmp_path / "workspace")
    (tmp_path / "card.md").write_text(WRITTEN)
    with_card = config.model_copy(update={"card": Card(file=str(tmp_path / "card.md"))})
    release(workspace, with_rules(with_card, long_line={"max_chars": 900}))
    readme = (workspace / "release/README.md").read_text()
    assert "Read this first." in readme and "A line longer than 900 characters" in readme
    verify_release(workspace / "release")


def test_an_edited_card_stops_the_next_release(config: Config, finished: Path, tmp_path: Path) -> None:
    workspace = shutil.copytree(finished, tmp_path / "workspace")
    readme = workspace / "release/README.md"
    text = readme.read_text()
    readme.write_text(text + "\nMine.\n")
    with pytest.raises(WorkspaceError, match=r"README\.md: is not as it was released.*move what you wrote to a file"):
        release(workspace, config)
    assert readme.read_text().endswith("Mine.\n")
    readme.unlink()
    release(workspace, config)
    assert readme.read_text() == text


# Pictures


def test_a_chart_is_xml_with_words_for_those_who_do_not_see_it() -> None:
    drawn = chart("Files <by> size", [Bar("a & b", 10, "10 (77 %)"), Bar("c\x00" + "d" * 40, 3, "3"), Bar("e", 0, "0")])
    root = ElementTree.fromstring(drawn)
    space = {"s": "http://www.w3.org/2000/svg"}
    assert root.findtext("s:title", namespaces=space) == "Files <by> size"
    widths = [float(bar.get("width", "")) for bar in root.iterfind(".//s:rect", space)]
    assert widths[1] == pytest.approx(widths[0] * 0.3) and widths[2] == 1
    labels = [found.text for found in root.iterfind(".//s:g/s:text", space)][::2]
    assert labels == ["a & b", "c " + "d" * 23 + "…", "e"]


@pytest.mark.parametrize(
    ("colour", "on_light", "on_dark"),
    [(WORDS, 4.2, 4.2), (BARS, 4.2, 4.2), (WORDS_ON_LIGHT, 6, 3), (WORDS_ON_DARK, 3, 6)],
)
def test_colours_stand_out_on_light_and_dark(colour: str, on_light: float, on_dark: float) -> None:
    assert contrast(colour, "#ffffff") > on_light and contrast(colour, "#0b0f19") > on_dark


def contrast(colour: str, page: str) -> float:
    bright, dark = sorted((luminance(colour), luminance(page)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """WCAG's relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_values_are_drawn_with_their_share(finished: Path, manifest: dict[str, Any]) -> None:
    drawn = (finished / "release/plots/funnel.svg").read_text()
    assert f"{manifest['files']['entries']:,} (100 %)" in drawn
    assert f"{manifest['files']['published']:,} (" in drawn
    assert json.dumps(front_matter(manifest, {})["size_categories"]) == '["n<1K"]'
