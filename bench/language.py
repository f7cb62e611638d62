"""Files a second of what name and content say together, beside peers that guess a language, in one run on one core.

    python -m bench.language --files 12000

Times are CPU seconds, the best of several rounds in turns; on a shared machine only the ratios mean something.
"""

import argparse
import sysconfig
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.kernels import best_times
from filters import text
from filters.generated import generated_by
from filters.language import SUFFIXES, detect_language
from filters.vendored import is_documentation, is_vendored

Files = list[tuple[str, bytes]]
PEERS = ("pygments", "identify")


def read_files(root: Path, count: int) -> Files:
    """Up to `count` files under `root` in path order, each under 1 MiB and a text, with their paths below `root`."""
    files: Files = []
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        if path.stat().st_size < 1 << 20 and (decoded := text.decode(path.read_bytes())):
            files.append((path.relative_to(root).as_posix(), decoded.utf8))
        if len(files) == count:
            break
    return files


def is_ambiguous(path: str) -> bool:
    return len(SUFFIXES.get(path[path.rfind(".") :].lower(), ())) > 1


def peer_calls(files: Files) -> dict[str, Callable[[], object]]:
    """A call for each peer that is installed; says how to install the others."""
    calls: dict[str, Callable[[], object]] = {}
    for peer in PEERS:
        try:
            calls[f"{peer} {version(peer)}"] = _peer(peer, files)
        except ImportError:
            print(f"{peer} is not installed: pip install {peer}")
    return calls


def _peer(peer: str, files: Files) -> Callable[[], object]:
    if peer == "identify":
        tags: Any = import_module("identify.identify").tags_from_filename
        return lambda: [tags(path) for path, _ in files]
    lexers: Any = import_module("pygments.lexers")

    def guess(path: str, data: bytes) -> object:
        try:
            return lexers.guess_lexer_for_filename(path, data.decode())
        except lexers.ClassNotFound:
            return None

    return lambda: [guess(path, data) for path, data in files]


def everything(path: str, data: bytes) -> object:
    return detect_language(path, data), is_vendored(path), is_documentation(path), generated_by(path, data)


def own_calls(files: Files) -> dict[str, Callable[[], object]]:
    ambiguous = [(path, data) for path, data in files if is_ambiguous(path)]
    return {
        "detect_language": lambda: [detect_language(path, data) for path, data in files],
        "  ambiguous ones": lambda: [detect_language(path, data) for path, data in ambiguous],
        "is_vendored": lambda: [is_vendored(path) for path, _ in files],
        "is_documentation": lambda: [is_documentation(path) for path, _ in files],
        "generated_by": lambda: [generated_by(path, data) for path, data in files],
        "all four": lambda: [everything(path, data) for path, data in files],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=12_000, help="how many to read (default 12000)")
    parser.add_argument("--peer-files", type=int, default=500, help="how many of them the peers get (default 500)")
    parser.add_argument("--root", type=Path, default=Path(sysconfig.get_path("purelib")), help="where to read")
    arguments = parser.parse_args()

    files = read_files(arguments.root, arguments.files)
    # every n-th file, so that the peers' part is like the whole
    peer_files = files[:: max(1, len(files) // arguments.peer_files)]
    own, peers = own_calls(files), peer_calls(peer_files)
    counts = dict.fromkeys(own, len(files)) | dict.fromkeys(peers, len(peer_files))
    counts["  ambiguous ones"] = sum(is_ambiguous(path) for path, _ in files)
    times = best_times(own | peers)
    print(f"{len(files)} files, {sum(len(data) for _, data in files) / 1e6:.1f} MB")
    print(f"{'':20}{'files':>8}{'files/s':>12}{'µs a file':>12}")
    for name, seconds in times.items():
        print(f"{name:20}{counts[name]:8}{counts[name] / seconds:12.0f}{seconds / counts[name] * 1e6:12.1f}")


if __name__ == "__main__":
    main()
