"""Writes the card's files into a release, and names them in its manifest."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline import storage
from pipeline.card.check import problems
from pipeline.card.front import front_matter
from pipeline.card.plots import plots
from pipeline.card.sections import body, license_file
from pipeline.card.text import CardText
from pipeline.errors import CorpusError, WorkspaceError

README, LICENSE, PLOTS = "README.md", "LICENSE.md", "plots"


def write_card(folder: Path, manifest: dict[str, Any], text: CardText) -> dict[str, Any]:
    """README.md, LICENSE.md and plots/ stand in the folder; returns the manifest with them in its contents.

    Raises CorpusError where the Hub or `datasets` would not take the card.
    """
    others = {name: known for name, known in manifest["contents"].items() if not _ours(name)}
    bare = manifest | {"contents": others}
    files = card_files(bare, text)
    if wrong := problems(files[README], bare):
        raise CorpusError("\n".join(f"{folder / README}: {line}" for line in wrong))
    storage.delete_tree(folder / PLOTS)
    for name, written in files.items():
        with storage.commit(folder / name) as temporary:
            temporary.write_text(written, "utf-8")
    found = {name: _known(folder / name) for name in files}
    return manifest | {"contents": dict(sorted((others | found).items()))}


def card_files(manifest: Mapping[str, Any], text: CardText) -> dict[str, str]:
    """The text of each file of the card, by name: the same before the manifest is written and after it is read."""
    manifest = json.loads(json.dumps(manifest, sort_keys=True))
    fields = front_matter(manifest, text.fields)
    front = yaml.safe_dump(fields, default_flow_style=None, sort_keys=False, allow_unicode=True, width=1_000)
    return {
        README: f"---\n{front}---\n\n{body(manifest, text)}",
        LICENSE: license_file(manifest),
        **plots(manifest),
    }


def check_untouched(release: Path) -> None:
    """Raises WorkspaceError when somebody has changed the card of this release: a new one would take its place."""
    readme = release / README
    if not readme.exists() or not (release / "manifest.json").exists():
        return
    known = storage.read_json(release / "manifest.json")["contents"].get(README, {})
    if storage.sha256(readme) != known.get("sha256"):
        raise WorkspaceError(
            f"{readme}: is not as it was released, and the next release makes it anew; move what you wrote to a file "
            "that `file` in [card] names, then delete this one"
        )


def _ours(name: str) -> bool:
    return name in (README, LICENSE) or name.startswith(f"{PLOTS}/")


def _known(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": storage.sha256(path)}
