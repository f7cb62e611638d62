"""What a card draws: text by language, files by licence and by size, and how many files each step leaves."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.card.bars import Bar, chart
from pipeline.card.tables import percent, size
from pipeline.summary import SIZES

SHOWN = 15  # bars; the rest is one
PLOTS = ("languages", "licenses", "sizes", "funnel")


def plots(manifest: Mapping[str, Any]) -> dict[str, str]:
    """SVG by the name of its file; none without a row."""
    if not manifest["files"]["published"]:
        return {}
    return {f"plots/{name}.svg": chart(title(name), bars(name, manifest)) for name in PLOTS}


def shown(name: str, manifest: Mapping[str, Any]) -> list[str]:
    """Markdown that shows a plot, with its first values in words; nothing where there is none."""
    if not manifest["files"]["published"]:
        return []
    words = ", ".join(f"{bar.label} {bar.shown}" for bar in bars(name, manifest)[:5])
    return [f"![{title(name)}: {words}](plots/{name}.svg)".replace("\n", " ")]


def title(name: str) -> str:
    return {
        "languages": "Bytes of text by language",
        "licenses": "Files by licence",
        "sizes": "Files by size",
        "funnel": "Files left after each step",
    }[name]


def bars(name: str, manifest: Mapping[str, Any]) -> list[Bar]:
    """The bars of a plot."""
    if name == "languages":
        texts = {name: row["text_bytes"] for name, row in manifest["languages"].items() if row["kept"]}
        return _ordered(texts, sum(texts.values()), "languages", size)
    if name == "licenses":
        files: dict[str, int] = {}
        for row in manifest["licenses"]:
            named = row["license_expression"] or "none found"
            files[named] = files.get(named, 0) + row["files"]
        return _ordered(files, manifest["files"]["published"], "licences", "{:,}".format)
    if name == "sizes":
        rows = manifest["sizes"]
        return [_bar(size_names()[row["size"]], row["files"], manifest["files"]["published"]) for row in rows]
    steps = funnel(manifest)
    return [_bar(step, left, steps[0][1]) for step, left in steps]


def size_names() -> list[str]:
    """The classes of SIZES, in words."""
    return [f"up to {end >> 10} KiB" for end in SIZES] + [f"over {SIZES[-1] >> 10} KiB"]


def funnel(manifest: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Files left after each step; the last are the rows of the release."""
    files, steps = manifest["files"], manifest["funnel"]
    return [
        ("in all trees read", files["entries"]),
        ("of repositories that count", steps["files"]),
        ("with a text", steps["texts"]),
        ("that no rule removes", steps["passing"]),
        ("without exact copies", steps["distinct"]),
        ("without near-duplicates", files["published"]),
    ]


def _ordered(values: Mapping[str, int], whole: int, noun: str, words: Any) -> list[Bar]:
    """The largest first, and the others in one bar."""
    ordered: Sequence[tuple[str, int]] = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    if rest := ordered[SHOWN:]:
        ordered = [*ordered[:SHOWN], (f"{len(rest):,} more {noun}", sum(value for _, value in rest))]
    return [Bar(name, value, f"{words(value)} ({percent(value, whole)})") for name, value in ordered]


def _bar(name: str, value: int, whole: int) -> Bar:
    return Bar(name, value, f"{value:,} ({percent(value, whole)})")
