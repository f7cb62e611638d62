"""The card's body: its sections in order, and where the user's own go."""

import json
import re
from collections.abc import Mapping
from typing import Any

from pipeline import storage
from pipeline.card import columns, counts, made, rights, use
from pipeline.card.tables import count, folded, table
from pipeline.card.text import CardText

Manifest = Mapping[str, Any]
Sections = dict[str, list[str]]  # blocks by heading

FIRST = "Purpose"  # of the user's sections, the one that stands above what is generated
CITATION, REMOVAL = "Citation", "Removal requests"


def body(manifest: Manifest, text: CardText) -> str:
    """Markdown from the title on. A user's section stands above what is generated under its heading; Purpose stands
    first, Citation instead of the generated one, and headings that the card does not have follow each other."""
    own = {name.casefold(): (name, written) for name, written in text.sections.items()}
    generated = _generated(manifest, text, asked=REMOVAL.casefold() in own)
    known = {name.casefold() for name in (FIRST, *generated)}
    others = {name: [written] for key, (name, written) in own.items() if key not in known}
    last = {CITATION: generated.pop(CITATION)}
    first = {FIRST: [own[FIRST.casefold()][1]]} if FIRST.casefold() in own else {}
    parts = [f"# {' '.join(manifest['name'].split())}", *counts.summary(manifest)]
    parts += [text.introduction] if text.introduction else []
    for name, blocks in (first | generated | others | last).items():
        added = [own[name.casefold()][1]] if name in {**generated, **last} and name.casefold() in own else []
        parts += [f"## {name}", *added, *([] if added and name == CITATION else blocks)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _generated(manifest: Manifest, text: CardText, asked: bool) -> Sections:
    base = manifest.get("base")
    return {
        "What is in it": counts.contents(manifest),
        **({f"Changes since {base['version']}": counts.changes(base)} if base else {}),
        "How to use it": use.blocks(manifest, text.repository),
        "Columns": columns.blocks(manifest),
        "How it was made": made.steps(manifest),
        "Why files are not here": made.reasons(manifest),
        "Licences": counts.licences(manifest),
        "Sizes": counts.sizes(manifest),
        "Duplicates": made.duplicates(manifest),
        "Splits": made.splits(manifest),
        "Licence and attribution": rights.licences(manifest),
        "Personal data and secrets": rights.personal_data(manifest),
        "Decontamination": rights.decontamination(),
        "Known limits": rights.limits(manifest),
        REMOVAL: rights.removal(manifest, asked),
        "How to reproduce it": _reproduce(manifest),
        CITATION: [_citation(manifest, text.repository)],
    }


def license_file(manifest: Manifest) -> str:
    """LICENSE.md, to which `license_link` leads: whose the contents are, and every licence with its counts."""
    return "\n\n".join(
        [
            "# Licences of the files in this collection",
            f"This is version {manifest['version']} of {' '.join(manifest['name'].split())}. {rights.whose(manifest)}",
            "Each row names the licence that was found for its file, if any: `license_expression`, with the evidence "
            "in `license_path` and `license_evidence`. Nothing here grants more than those licences do.",
            table(counts.LICENCE_HEAD, counts.licence_rows(manifest)),
            "Texts of the licences: <https://spdx.org/licenses/>.\n",
        ]
    )


def _reproduce(manifest: Manifest) -> list[str]:
    configuration = json.dumps(manifest["configuration"], indent=1, sort_keys=True, ensure_ascii=False)
    hours = sum(found["hours"] for found in manifest["archives"].values())
    return [
        "The same repositories at the same commits, this configuration and these versions give the same bytes, "
        "whatever the number of workers or the order of the input. "
        "[`ledger/repositories.parquet`](ledger/repositories.parquet) has the commits"
        + (f", listed from {count(hours, 'hour')} of GH Archive" if hours else "")
        + ", [`manifest.json`](manifest.json) the SHA-256 of every file.",
        "```bash\nstackyard run corpus.toml && stackyard verify workspace/release\n```",
        table(["made with", ""], [(name, f"`{version}`") for name, version in sorted(manifest["versions"].items())]),
        f"Digest of the configuration: `{storage.digest(manifest['configuration'])}`; of what was extracted: "
        f"`{storage.digest(manifest['units'])}`.",
        folded("The configuration, defaults included", _fenced(configuration, "json")),
    ]


def _fenced(text: str, language: str) -> str:
    """A block of code whose end nothing inside can be."""
    fence = "`" * max([3, *(len(found) + 1 for found in re.findall(r"`{3,}", text))])
    return f"{fence}{language}\n{text}\n{fence}"


def _citation(manifest: Manifest, repository: str | None) -> str:
    """BibTeX without a year: there is no clock in a release."""
    name = re.sub(r"[\\{}\s]+", " ", manifest["name"]).strip()
    key = re.sub(r"[^a-z0-9]+", "_", f"{name} {manifest['version']}".lower()).strip("_")
    entry = [
        f"@misc{{{key},",
        f"  title = {{{name}}},",
        f"  version = {{{manifest['version']}}},",
        f"  howpublished = {{\\url{{https://huggingface.co/datasets/{repository or use.UNPUBLISHED}}}}},",
        "}",
    ]
    return "```bibtex\n" + "\n".join(entry) + "\n```"
