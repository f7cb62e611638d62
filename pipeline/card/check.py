"""Does a card hold, before anybody asks the Hub? What the Hub and `datasets` take badly, and numbers that are stale."""

import fnmatch
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from pipeline.card.front import MAX_DESCRIBED, SIZE_CATEGORIES, field_problems, read_front

BAD_IN_NAME = re.compile(r'[<>:/\\|?*"\[\]\x00-\x1f]')  # a folder's name must not have them, or they are a glob
SPLIT = re.compile(r"\w+(\.\w+)*")
MAX_FRONT_BYTES = 200_000  # Linguist's 829 languages in three splits take 175 kB, which `datasets` reads in two seconds
Folders = dict[str, list[str]]  # shards by folder
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^ {0,3}(```+|~~~+).*?^ {0,3}\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def problems(readme: str, manifest: Mapping[str, Any]) -> list[str]:
    """One line for each thing that is wrong with a card; of the manifest it needs the contents and the version."""
    if readme.startswith("\ufeff"):
        return ["begins with a byte order mark: the Hub would not see its front matter"]
    try:
        fields, body = read_front(readme.replace("\r\n", "\n"))
    except yaml.YAMLError as error:
        return [f"its front matter is not YAML: {' '.join(str(error).split())}"]
    except ValueError as error:
        return [str(error)]
    if not fields:
        return ["has no front matter"]
    return [
        *field_problems(fields),
        *_license_problems(fields, manifest),
        *_size_problems(fields, len(readme.encode()) - len("\n".join(body).encode()), manifest),
        *_config_problems(fields.get("configs", []), manifest),
        *_info_problems(fields, manifest),
        *_link_problems("\n".join(body), manifest),
    ]


def _license_problems(fields: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[str]:
    if "license" not in fields:
        yield "license: missing"
    if fields.get("license") == "other":
        for key in ("license_name", "license_link"):
            if not fields.get(key):
                yield f"{key}: missing, which `license: other` needs"
    link = str(fields.get("license_link") or "LICENSE.md")
    if "://" not in link and link not in {"LICENSE.md", *manifest["contents"]}:
        yield f"license_link: {link} is not in the release; give an address"


def _size_problems(fields: Mapping[str, Any], front_bytes: int, manifest: Mapping[str, Any]) -> Iterator[str]:
    rows = sum(known.get("rows", 0) for name, known in manifest["contents"].items() if name.startswith("data/"))
    ends = list(SIZE_CATEGORIES)
    given = fields.get("size_categories")
    for named in given if isinstance(given, list) else [given]:
        low = SIZE_CATEGORIES[ends[ends.index(named) - 1]] if named in ends[1:] else 0
        if named in ends and not low <= rows < SIZE_CATEGORIES[named]:
            yield f"size_categories: {named}, and there are {rows:,} rows"
    if front_bytes > MAX_FRONT_BYTES:
        yield f"its front matter has {front_bytes:,} bytes; more than {MAX_FRONT_BYTES:,} make every reader wait"


def _config_problems(configs: Any, manifest: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(configs, list):
        yield "configs: not a list"
        return
    folders = by_folder(manifest)
    named = _named(configs)
    if len(named) < len(configs):
        yield "configs: one has no config_name that is text"
    names = Counter(config["config_name"].casefold() for config in named)
    yield from (f"configs: two are called {name!r}, or alike but for case" for name, n in names.items() if n > 1)
    if sum(c["config_name"] == "default" or bool(c.get("default")) for c in named) > 1:
        yield "configs: two are the default"
    for config in named:
        name = config["config_name"]
        if not name.strip() or BAD_IN_NAME.search(name):
            yield f"configs: {name!r} is no name that `datasets` takes; with it, no configuration loads"
        yield from (f"configs: {name}: {line}" for line in _file_problems(config, folders))
    found = {name for config in named for _, names in splits(config, folders) for name in names}
    if missing := sorted({name for names in folders.values() for name in names} - found):
        yield f"configs: {missing[0]} is in none of them"


def _file_problems(config: Mapping[str, Any], folders: Folders) -> Iterator[str]:
    files = config.get("data_files")
    if not isinstance(files, list) or not all(isinstance(f, dict) and {*f} == {"split", "path"} for f in files):
        yield "data_files: not a list of split and path"
        return
    for split, names in splits(config, folders):
        if not SPLIT.fullmatch(split) or split == "all":
            yield f"{split!r} is no name of a split"
        if not names:
            yield f"split {split}: no file is so called: readers get an error"


def by_folder(manifest: Mapping[str, Any]) -> Folders:
    found: Folders = {}
    for name in manifest["contents"]:
        if name.startswith("data/"):
            found.setdefault(name.rpartition("/")[0], []).append(name)
    return found


def splits(config: Mapping[str, Any], folders: Folders) -> list[tuple[str, list[str]]]:
    """The shards by split that `datasets` will find for a configuration."""
    parts = _dicts(config.get("data_files"))
    return [(str(part.get("split")), _matching(str(part.get("path")), folders)) for part in parts]


def _dicts(values: Any) -> list[dict[Any, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _named(values: Any) -> list[dict[Any, Any]]:
    return [value for value in _dicts(values) if isinstance(value.get("config_name"), str)]


def _matching(pattern: str, folders: Folders) -> list[str]:
    folder = pattern.rpartition("/")[0]
    inside = [folder] if folder in folders else [name for name in folders if fnmatch.fnmatchcase(name, folder)]
    return [name for each in inside for name in folders[each] if fnmatch.fnmatchcase(name, pattern)]


def _info_problems(fields: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[str]:
    """Rows that `datasets` would count otherwise, and configurations that there are not."""
    infos = fields.get("dataset_info", [])
    if not isinstance(infos, list) or len(_named(infos)) < len(infos):
        yield "dataset_info: not a list of what has a config_name"
        return
    folders = by_folder(manifest)
    by_name = {config["config_name"]: config for config in _named(fields.get("configs"))}
    for info in infos:
        name = info["config_name"]
        if name not in by_name:
            yield f"dataset_info: {name!r} is no configuration"
            continue
        found = dict(splits(by_name[name], folders))
        said = {str(part.get("name")): part.get("num_examples") for part in _dicts(info.get("splits"))}
        rows = {split: sum(manifest["contents"][shard]["rows"] for shard in shards) for split, shards in found.items()}
        if said != rows:
            yield f"dataset_info: {name}: rows by split are {rows}, and it says {said}"
        download = sum(manifest["contents"][shard]["bytes"] for shards in found.values() for shard in shards)
        if info.get("download_size") != download:
            yield f"dataset_info: {name}: {download} bytes to download, and it says {info.get('download_size')}"
    if len(infos) > MAX_DESCRIBED + 1:
        yield f"dataset_info: more than {MAX_DESCRIBED} configurations make every reader wait"


def _link_problems(body: str, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Relative links to what is not there; and a version that is not this one."""
    known = {"README.md", "LICENSE.md", "manifest.json", *manifest["contents"]}
    for link in dict.fromkeys(LINK.findall(CODE.sub("", body))):
        if not re.match(r"[a-z]+:|#", link) and link not in known and not link.startswith("plots/"):
            yield f"links to {link}, which is not in the release"
    named = set(re.findall(r'revision="v([^"]+)"', body))
    yield from (
        f"names version {other}; this is {manifest['version']}" for other in sorted(named - {manifest["version"]})
    )
