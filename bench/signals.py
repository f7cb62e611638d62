"""MB/s of the signals that look for encoded data and for visible text, beside Python's `re` and `html.parser`.

    python -m bench.signals --megabytes 50

Times are CPU seconds, the best of several rounds in turns; on a shared machine only the ratios mean something. The
pages are made of the files: their lines as paragraphs, their words as links, scripts and comments in between.
"""

import argparse
import html
import re
import sysconfig
from html.parser import HTMLParser
from pathlib import Path

from bench.kernels import best_times, pack, read_files
from filters.encoded import find_encoded
from filters.html import visible_chars

PAGE_BYTES = 20_000
# As published: StarCoder2 paper, 3.1.
PUBLISHED = (
    re.compile(rb"[a-zA-Z0-9+/\n=]{64,}"),
    re.compile(rb"(?:\b(?:0x|\\x)?[0-9a-fA-F]{2}(?:,|\b\s*)){8,}"),
    re.compile(rb"(?:\\u[0-9a-fA-F]{4}){8,}"),
)


class Text(HTMLParser):
    """The characters outside of scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = self.chars = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.chars += len(" ".join(data.split()))


def page_of(file: bytes) -> bytes:
    """A page that shows the file's first lines."""
    lines = []
    for number, line in enumerate(file[:PAGE_BYTES].decode(errors="replace").splitlines()):
        first, *rest = html.escape(line).split(" ") if line else [""]
        lines.append(f'<p class="line" id="l{number}"><a href="#l{number}">{first}</a> {" ".join(rest)}</p>')
        if number % 20 == 0:
            lines.append(f"<!-- {number} --><script>if ({number} < count) show('l{number}')</script>")
    return "\n".join(["<!DOCTYPE html><html><body>", *lines, "</body></html>"]).encode()


def parse(pages: list[bytes]) -> None:
    for page in pages:
        parser = Text()
        parser.feed(page.decode())
        parser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=50, help="how much to read (default 50)")
    parser.add_argument("--peer-megabytes", type=int, default=2, help="how much of it the peers get (default 2)")
    parser.add_argument("--root", type=Path, default=Path(sysconfig.get_path("purelib")), help="where to read")
    arguments = parser.parse_args()

    files = read_files(arguments.root, arguments.megabytes * 1_000_000)
    # every n-th file, so that the peers' part is like the whole
    peer_files = files[:: max(1, arguments.megabytes // arguments.peer_megabytes)]
    pages, peer_pages = ([page_of(file) for file in some] for some in (files, peer_files))
    buffer, offsets = pack(files)
    times = best_times(
        {
            "encoded": lambda: find_encoded(buffer, offsets),
            "re": lambda: [expression.findall(file) for file in peer_files for expression in PUBLISHED],
            "visible": lambda: [visible_chars(page) for page in pages],
            "html.parser": lambda: parse(peer_pages),
        }
    )
    print(f"{'':12}{'files':>10}{'MB':>10}{'MB/s':>10}{'µs a file':>12}{'x its peer':>12}")
    texts = {"encoded": files, "re": peer_files, "visible": pages, "html.parser": peer_pages}
    rates = {name: sum(map(len, some)) / times[name] for name, some in texts.items()}
    for (name, some), peer in zip(texts.items(), ("re", "re", "html.parser", "html.parser"), strict=True):
        size, us = sum(map(len, some)) / 1e6, times[name] / len(some) * 1e6
        print(
            f"{name:12}{len(some):10}{size:10.1f}{rates[name] / 1e6:10.1f}{us:12.1f}{rates[name] / rates[peer]:12.1f}"
        )


if __name__ == "__main__":
    main()
