"""The card's front matter: what the Hub shows and searches, and where `datasets` finds each configuration's files."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import pyarrow as pa
import yaml

from pipeline.card.hub_licenses import LICENSES
from pipeline.networks import SPLITS
from schemas.release import ROWS

OURS = ("configs", "dataset_info", "size_categories")  # made from the release: users cannot say otherwise
MAX_DESCRIBED = 50  # languages; 400 with 20 columns each take `datasets` three seconds to read
SIZE_CATEGORIES = {
    "n<1K": 10**3, "1K<n<10K": 10**4, "10K<n<100K": 10**5, "100K<n<1M": 10**6, "1M<n<10M": 10**7,
    "10M<n<100M": 10**8, "100M<n<1B": 10**9, "1B<n<10B": 10**10, "10B<n<100B": 10**11, "100B<n<1T": 10**12,
}  # fmt: skip
LARGEST = "n>1T"


def front_matter(manifest: Mapping[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """What is generated, with the user's `fields` over it; tags are joined."""
    generated = _described(manifest) | _made_from(manifest)
    if fields.get("license", "other") != "other":
        generated = {key: value for key, value in generated.items() if not key.startswith("license_")}
    tags = dict.fromkeys([*generated["tags"], *fields.get("tags", [])])
    return generated | fields | {"tags": list(tags)}


def _described(manifest: Mapping[str, Any]) -> dict[str, Any]:
    permissive = all(row["license_type"] == "permissive" for row in manifest["licenses"])
    return {
        "pretty_name": manifest["name"],
        "license": "other",
        "license_name": "per-file-permissive" if permissive else "per-file",
        "license_link": "LICENSE.md",
        "language": ["code"],
        "task_categories": ["text-generation"],
        "tags": ["code", "source-code", "pretraining", "deduplicated"],
        "annotations_creators": ["no-annotation"],
        "language_creators": ["found"],
        "multilinguality": ["multilingual"],
        "source_datasets": ["original"],
    }


def _made_from(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The keys in OURS."""
    rows, found = manifest["files"]["published"], configurations(manifest)
    made: dict[str, Any] = {
        "size_categories": [next((name for name, end in SIZE_CATEGORIES.items() if rows < end), LARGEST)]
    }
    if rows:
        described = list(found) if len(found) <= 1 + MAX_DESCRIBED else ["default"]
        made["configs"] = [_config(name, shards) for name, shards in found.items()]
        made["dataset_info"] = [_info(name, found[name], manifest["contents"]) for name in described]
    return made


def configurations(manifest: Mapping[str, Any]) -> dict[str, list[str]]:
    """The shards of each configuration, `default` first. A language has one where it has a folder."""
    shards = sorted(name for name in manifest["contents"] if name.startswith("data/"))
    by_folder: defaultdict[str, list[str]] = defaultdict(list)
    for name in shards:
        if name.count("/") == 2:
            by_folder[name.split("/")[1]].append(name)
    return {"default": shards} | dict(sorted(by_folder.items()))


def by_split(shards: Iterable[str]) -> dict[str, list[str]]:
    """The splits that there are with their shards: a split without a file would be an error for readers."""
    found = {split: [name for name in shards if name.rpartition("/")[2].startswith(f"{split}-")] for split in SPLITS}
    return {split: names for split, names in found.items() if names}


def _config(name: str, shards: list[str]) -> dict[str, Any]:
    """Every split by a pattern of its own: for a mere `data_dir` the readers of every configuration wait until the
    folders of all are listed, 20 s for 600 languages on a disk."""
    folder = {"default": "data/*" if shards[0].count("/") == 2 else "data"}.get(name, f"data/{name}")
    files = [{"split": split, "path": f"{folder}/{split}-*"} for split in by_split(shards)]
    return {"config_name": name} | ({"default": True} if name == "default" else {}) | {"data_files": files}


def _info(name: str, shards: list[str], contents: Mapping[str, Any]) -> dict[str, Any]:
    """What `datasets` checks when it loads: columns, and rows by split. `num_bytes` is that of the texts."""

    def total(names: Iterable[str], key: str) -> int:
        return sum(contents[name][key] for name in names)

    return {
        "config_name": name,
        "features": [_feature(column) for column in ROWS],
        "splits": [
            {"name": split, "num_bytes": total(names, "text_bytes"), "num_examples": total(names, "rows")}
            for split, names in by_split(shards).items()
        ],
        "download_size": total(shards, "bytes"),
        "dataset_size": total(shards, "text_bytes"),
    }


def _feature(column: pa.Field) -> dict[str, str]:
    """As `datasets` prints it; a type that it prints otherwise fails a test."""
    if pa.types.is_list(column.type):
        return {"name": column.name, "list": str(column.type.value_type)}
    return {"name": column.name, "dtype": {"double": "float64"}.get(str(column.type), str(column.type))}


# Reading it


class _Loader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, as it is for `datasets`; other readers take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                raise ValueError(f"the key {key!r} stands twice in its front matter")
        return super().construct_mapping(node, deep)


def read_front(text: str) -> tuple[dict[str, Any], list[str]]:
    """Front matter, and the lines of the body. Raises ValueError or yaml.YAMLError where it cannot be read."""
    lines = text.split("\n")
    if lines[0] != "---":
        return {}, lines
    if "---" not in lines[1:]:
        raise ValueError("its front matter has no end: a second line ---")
    end = lines.index("---", 1)
    fields = yaml.load("\n".join(lines[1:end]), _Loader)  # a SafeLoader
    if fields is None:
        return {}, lines[end + 1 :]
    if not isinstance(fields, dict):
        raise ValueError("its front matter has no keys")
    return fields, lines[end + 1 :]


def field_problems(fields: Mapping[str, Any]) -> list[str]:
    """What the Hub would not understand in front matter, one line each."""
    found = [f"the key {key!r} is no text: quote it" for key in fields if not isinstance(key, str)]
    for key in ("language", "license", "tags", "task_categories", "size_categories"):
        given = fields.get(key, [])
        values = given if isinstance(given, list) else [given]
        found += [f"{key}: {value!r} is no text: quote it" for value in values if not isinstance(value, str)]
        words = [value for value in values if isinstance(value, str)]
        if key == "tags" and not isinstance(given, list):
            found.append("tags: not a list")
        if key == "license":
            found += [
                f"license: {word!r} is none that the Hub knows; use other" for word in words if word not in LICENSES
            ]
        if key == "size_categories":
            known = {*SIZE_CATEGORIES, LARGEST}
            found += [f"size_categories: {word!r} is none of the Hub's" for word in words if word not in known]
    return found
