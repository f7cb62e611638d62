"""A folder of git repositories to try stackyard on, made without network from the packages installed here.

`python -m examples.demo_corpus DEST` writes DEST/<owner>/<name>.git, one for each installed distribution, and under
DEST/made the awkward ones: empty, damaged, oddly named, hostile. The same environment gives the same commit ids.
`made/planted.git` tries to run a command when it is read carelessly: do not work in it with plain git.
"""

import argparse
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

BUILDER_VERSION = 1  # raise it when the same distributions would give other repositories
STAMP = ".demo-corpus.json"

# Without a cap a few scientific distributions would be most of the corpus. Files are taken in sorted path order.
MAX_DISTRIBUTION_BYTES = 20_000_000
MAX_DISTRIBUTION_FILES = 1_500
MAX_LIBRARY_BYTES = 1_000_000  # smaller compiled libraries stay, as the binaries that real repositories hold

DATE_S = 1_700_000_000  # of every commit, so that ids depend on content alone

AnyPath = str | bytes  # bytes where a path is not UTF-8
Files = Mapping[str, bytes] | Mapping[bytes, bytes] | Mapping[AnyPath, bytes]


class ForeignFolder(Exception):
    """A folder that the builder did not make stands where it would write."""


@dataclass(frozen=True)
class Stamp:
    """What a corpus was made from, and how much it holds: all zero until it is complete."""

    digest: str
    repositories: int = 0
    files: int = 0
    size_bytes: int = 0


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 built or up to date, 2 when DEST is somebody else's. One line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo_corpus", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("dest", type=Path, metavar="DEST", help="folder to make")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N distributions, by name")
    options = parser.parse_args(arguments)
    started_s, before = time.monotonic(), read_stamp(options.dest)
    try:
        build(options.dest, options.limit)
    except ForeignFolder as error:
        print(error, file=sys.stderr)
        return 2
    after = read_stamp(options.dest) or Stamp("")
    state = "up to date: " if before == after else ""
    counts = f"{after.repositories} repositories, {after.files:,} files, {after.size_bytes / 1e6:.1f} MB"
    print(f"{state}{counts}, {time.monotonic() - started_s:.1f} s", file=sys.stderr)
    return 0


def build(dest: Path, limit: int | None = None, made: bool = True, marker: Path | None = None) -> int:
    """Number of repositories in `dest`, which is written unless it is up to date.

    `limit` takes the first distributions by name; `made` adds the hand-made repositories; `marker` is the file that
    `made/planted.git` tries to create, DEST/PWNED unless given. Raises `ForeignFolder` before anything is touched.
    """
    dest = dest.resolve()
    building, marker = dest.with_name(dest.name + ".tmp"), marker or dest / "PWNED"
    digest, found = corpus_digest(limit, made, marker), read_stamp(dest)
    if found and found.digest == digest:
        return found.repositories
    for folder in (dest, building):
        if folder.exists() and not read_stamp(folder):
            raise ForeignFolder(f"{folder} exists and was not made by this builder: name another folder")
    remove(building)
    building.mkdir(parents=True)
    write_stamp(building, Stamp(digest))  # first, so that an interrupted build is known as ours
    sizes = list(write_all(building, limit, made, marker))
    stamp = Stamp(digest, len(sizes), sum(map(len, sizes)), sum(map(sum, sizes)))
    write_stamp(building, stamp)
    remove(dest)
    building.rename(dest)
    return stamp.repositories


def write_all(folder: Path, limit: int | None, made: bool, marker: Path) -> Iterator[list[int]]:
    """The file sizes in bytes of each repository, once it is written."""
    for repo_name, distribution in list(named_distributions().items())[:limit]:
        if files := distribution_files(distribution):
            write_repository(folder / f"{repo_name}.git", files)
            yield [len(content) for content in files.values()]
    if made:
        yield from write_made(folder / "made", marker)


# The stamp that tells our folders from others


def corpus_digest(limit: int | None, made: bool, marker: Path) -> str:
    """SHA-256 of all that decides what the corpus holds."""
    versions = [(name, distribution.version) for name, distribution in installed().items()]
    inputs = [BUILDER_VERSION, versions, limit, made, str(marker)]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def read_stamp(folder: Path) -> Stamp | None:
    """The stamp of `folder`; None when it has none of ours."""
    try:
        return Stamp(**json.loads((folder / STAMP).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def write_stamp(folder: Path, stamp: Stamp) -> None:
    """Marks `folder` as ours."""
    (folder / STAMP).write_text(json.dumps(asdict(stamp), indent=1) + "\n", encoding="utf-8")


def remove(folder: Path) -> None:
    """No folder there. The stamp goes last, so that a removal cut short can be taken up again."""
    if not folder.exists():
        return
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != STAMP:
            entry.unlink()
    (folder / STAMP).unlink()
    folder.rmdir()


# Installed distributions

OWN_NAME = "stackyard"
FORGE_URL = re.compile(r"https?://(?:www\.)?(?:github|gitlab)\.com/([\w.-]+)/([\w.-]+)", re.ASCII | re.IGNORECASE)
SOURCE_LABEL = re.compile(r"source|repository|code|github", re.IGNORECASE)
NOT_OWNERS = {"sponsors", "orgs", "users", "made"}  # pages of the forge, and our own folder
METADATA_FOLDER = re.compile(r"[^/]+\.(?:dist|egg)-info/")
LICENCE_NAME = re.compile(r"licen[cs]e|copying|copyright|notice|authors", re.IGNORECASE)
LIBRARY = re.compile(r"\.(?:so|dylib|dll|a|o|lib|pyd)(?:\.\d+)*$", re.IGNORECASE)


def installed() -> dict[str, Distribution]:
    """Distributions by normalized name, sorted; the first on the path where there are several."""
    found: dict[str, Distribution] = {}
    for distribution in distributions():
        name = normalized(distribution.metadata["Name"] or "")
        if name not in {"", OWN_NAME}:
            found.setdefault(name, distribution)
    return dict(sorted(found.items()))


def normalized(name: str) -> str:
    """A distribution's name as indexes compare it: `typing_extensions` is `typing-extensions`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def named_distributions() -> dict[str, Distribution]:
    """Distributions by `owner/name`, in order of the distribution's name.

    Where several point at one repository, the one of the same name keeps it and the others add theirs.
    """
    found = installed()
    repo_names = {name: repo_name_of(name, distribution) for name, distribution in found.items()}
    claims = Counter(repo_name.lower() for repo_name in repo_names.values())
    named = {}
    for name, repo_name in repo_names.items():
        alone = claims[repo_name.lower()] == 1 or normalized(repo_name.partition("/")[2]) == name
        named[repo_name if alone else f"{repo_name}-{name}"] = found[name]
    return named


def repo_name_of(name: str, distribution: Distribution) -> str:
    """`owner/name` from the project's links, those to its source first; `python/<name>` without one."""
    links = [link.partition(",")[::2] for link in distribution.metadata.get_all("Project-URL") or []]
    links.sort(key=lambda link: not SOURCE_LABEL.search(link[0]))
    urls = [url.strip() for _, url in links] + (distribution.metadata.get_all("Home-page") or [])
    for url in urls:
        if (found := FORGE_URL.match(url)) and found[1].lower() not in NOT_OWNERS:
            return f"{found[1]}/{found[2].rstrip('.').removesuffix('.git')}"
    return f"python/{name}"


def distribution_files(distribution: Distribution) -> dict[str, bytes]:
    """Content by path in the repository, within the caps. Vendored copies stay in."""
    files: dict[str, bytes] = {}
    size_bytes = 0
    for path, source in paths_taken(distribution).items():
        content = source.read_bytes()
        size_bytes += len(content)
        if size_bytes > MAX_DISTRIBUTION_BYTES or len(files) == MAX_DISTRIBUTION_FILES:
            break
        files[path] = content
    return files


def paths_taken(distribution: Distribution) -> dict[str, Path]:
    """The installed file for each path in the repository; licences and metadata first, so that no cap takes them."""
    taken: dict[str, Path] = {}
    listed = sorted((METADATA_FOLDER.match(str(path)) is None, path.as_posix()) for path in distribution.files or [])
    for _, installed_path in listed:
        source = Path(str(distribution.locate_file(installed_path)))
        path = path_in_repository(installed_path)
        if path and source.is_file() and not is_large_library(source):
            taken.setdefault(path, source)
    return taken


def path_in_repository(installed_path: str) -> str | None:
    """Where an installed file goes; None for what the installer made and what lies outside site-packages."""
    parts = installed_path.split("/")
    if ".." in parts or "__pycache__" in parts or installed_path.startswith("/"):
        return None
    if installed_path.endswith((".pyc", ".pth")):
        return None
    folder = METADATA_FOLDER.match(installed_path)
    if folder is None:
        return installed_path
    path = installed_path[folder.end() :]
    if path in {"METADATA", "PKG-INFO"}:
        return "PKG-INFO"
    if path.startswith("licenses/"):
        return path.removeprefix("licenses/")
    return path if LICENCE_NAME.match(path) else None


def is_large_library(source: Path) -> bool:
    """Whether the file is compiled code too large to be worth its time."""
    return LIBRARY.search(source.name) is not None and source.stat().st_size > MAX_LIBRARY_BYTES


# Repositories made by hand

MIT = b"""MIT License

Copyright (c) 2023 The demo corpus

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""
GPL = b"""GNU GENERAL PUBLIC LICENSE
Version 3, 29 June 2007

This program is free software: you can redistribute it and/or modify
it under the terms of the GNU General Public License as published by
the Free Software Foundation, either version 3 of the License, or
(at your option) any later version.

This program is distributed in the hope that it will be useful,
but WITHOUT ANY WARRANTY; without even the implied warranty of
MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
GNU General Public License for more details.
"""
FRENCH = "# Été à Genève : la bibliothèque où l'élève naïf a reçu ses clés, déjà fêlées par le gel.\n"
JAPANESE = "# この関数は入力された文字列を読み込み、行ごとに分けて結果を返します。\n# 空の行は無視されます。\n"


def write_made(folder: Path, marker: Path) -> Iterator[list[int]]:
    """The file sizes in bytes of each hand-made repository, once all are written under `folder`."""
    trees = {name: make() for name, make in TREES.items()}
    for name, files in trees.items():
        write_repository(folder / f"{name}.git", files, modes=MODES.get(name), loose=name in DAMAGED)
    truncate(loose_object(folder / "broken.git", B_PY))
    loose_object(folder / "missing-blob.git", B_PY).unlink()
    plant(folder / "planted.git", marker)
    trees["not-head"] = {"LICENSE": MIT, "app.py": source("unborn")}
    write_repository(folder / "not-head.git", trees["not-head"], branch="develop", head="main")
    trees["worktree"] = write_worktree(folder / "worktree")
    trees["empty"] = {}
    init_repository(folder / "empty.git")
    for files in trees.values():
        yield [len(content) for content in files.values()]


def source(topic: str, functions: int = 12) -> bytes:
    """A Python module. Two topics share so few words that no near-duplicate test pairs them."""
    numbers = hashlib.shake_256(topic.encode()).digest(functions)
    bodies = [f"def {topic}_{n}(value):\n    return {topic} * {n} + value - {i}\n" for i, n in enumerate(numbers)]
    return "\n\n".join([f'"""About {topic}."""\n\n{topic} = {len(topic)}\n', *bodies]).encode()


def no_licence() -> Files:
    """Sources without a word on rights."""
    return {"README.md": b"# Nobody said who may use this\n", "app.py": source("unlicensed")}


def gpl() -> Files:
    """Copyleft in the licence file and in the header."""
    header = b"".join(b"# " + line + b"\n" for line in GPL.splitlines()[3:])
    return {"LICENSE": GPL, "app.py": header + source("copyleft")}


def encodings() -> Files:
    """One text file for each encoding that a decoder must tell apart."""
    return {
        "LICENSE": MIT,
        "latin1.py": FRENCH.encode("latin-1") * 3 + source("latin"),
        "shift_jis.py": JAPANESE.encode("shift_jis") * 3 + source("jis"),
        "utf16be_without_bom.py": source("bigendian").decode().encode("utf-16-be"),
        "utf16le_bom.py": b"\xff\xfe" + source("littleendian").decode().encode("utf-16-le"),
        "utf8_bom.py": b"\xef\xbb\xbf" + FRENCH.encode() + source("marked"),
    }


def submodule() -> Files:
    """A gitlink, whose content is the id of a commit held elsewhere."""
    modules = b'[submodule "vendor/lib"]\n\tpath = vendor/lib\n\turl = https://example.invalid/lib.git\n'
    return {".gitmodules": modules, "LICENSE": MIT, "app.py": source("gitlink"), "vendor/lib": b"1234567890" * 4}


def symlink() -> Files:
    """Links that leave the repository, relative and absolute, beside a harmless one."""
    return {
        "LICENSE": MIT,
        "absolute": b"/etc/hostname",
        "app.py": source("linked"),
        "inside.py": b"app.py",
        "relative": b"../../../../etc/passwd",
    }


def large_binary() -> Files:
    """What must be refused by size, by kind or by name. The secrets are not secrets."""
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0123456789abcdef' * 4}\nsize 987654321\n"
    return {
        ".env": b"PASSWORD=not-a-password\nTOKEN=not-a-token\n",
        "LICENSE": MIT,
        "app.py": source("large"),
        "id_rsa": b"not a private key\n",
        "noise.bin": hashlib.shake_256(b"noise").digest(3_000_000),
        "over_limit.txt": b"".join(b"line %06d of a text that is too long\n" % i for i in range(52_000)),
        "weights.bin": pointer.encode(),
    }


def generated() -> Files:
    """Files that a program wrote and that say so in three ways."""
    return {
        "LICENSE": MIT,
        "app.py": source("handwritten"),
        "parser.py": b"# A parser.\n# This file was automatically generated from grammar.y\n" + source("parser"),
        "schema_pb2.py": b"# Generated by the protocol buffer compiler.  DO NOT EDIT!\n" + source("schema"),
        "stringer.go": b"// Code generated by stringer. DO NOT EDIT.\n\npackage demo\n\nconst names = `RedGreenBlue`\n",
    }


def odd_paths() -> Files:
    """Paths that break quoting, decoding, option parsing and eyes."""
    paths: list[bytes] = [
        b"-rf.py",
        b"caf\xe9.py",  # Latin-1, so not UTF-8
        b"dou\"ble 'single' quotes.py",
        b"new\nline.py",
        b"tab\there.py",
        b" spaces in / both parts .py",
        b"back\\slash.py",
        "invoice\u202efdp.py".encode(),  # right-to-left override: shown as "invoiceyp.pdf"
    ]
    return {b"LICENSE": MIT} | {path: source(f"path{i}") for i, path in enumerate(paths)}


def twins() -> Files:
    """The same text three times: twice byte for byte, once in another encoding."""
    text = source("twin")
    twin = b"\xff\xfe" + text.decode().encode("utf-16-le")
    return {"LICENSE": MIT, "app.py": text, "copy/app.py": text, "utf16/app.py": twin}


def three_modules() -> dict[str, bytes]:
    """Modules a, b, c: b is the one that `broken`, `missing-blob` and `planted` lose."""
    return {"LICENSE": MIT, "a.py": source("first"), "b.py": B_PY, "c.py": source("third")}


def planted() -> Files:
    """Modules with attributes that ask for the configured filter."""
    return {".gitattributes": b"*.py filter=planted diff=planted\n"} | three_modules()


TREES: dict[str, Callable[[], Files]] = {
    "no-licence": no_licence,
    "gpl": gpl,
    "encodings": encodings,
    "submodule": submodule,
    "symlink": symlink,
    "large-binary": large_binary,
    "generated": generated,
    "odd-paths": odd_paths,
    "twins": twins,
    "broken": three_modules,
    "missing-blob": three_modules,
    "planted": planted,
}
MODES: dict[str, Mapping[AnyPath, str]] = {
    "submodule": {"vendor/lib": "160000"},
    "symlink": {"absolute": "120000", "inside.py": "120000", "relative": "120000"},
}
DAMAGED = {"broken", "missing-blob", "planted"}  # written as loose objects, so that one can be harmed
B_PY = source("second", functions=200)


def truncate(path: Path) -> None:
    """The first half of the file."""
    content = path.read_bytes()
    path.unlink()  # git makes objects read-only
    path.write_bytes(content[: len(content) // 2])


def plant(repository: Path, marker: Path) -> None:
    """A repository that creates `marker` when it is read carelessly: by configuration, by hooks, by a lazy fetch."""
    loose_object(repository, B_PY).unlink()
    (repository / "config").write_text(planted_config(f"touch {shlex.quote(str(marker))}"), encoding="utf-8")
    (repository / "hooks").mkdir()
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        hook = repository / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {shlex.quote(str(marker))}\n", encoding="utf-8")
        hook.chmod(0o755)


def planted_config(command: str) -> str:
    """A configuration that names `command` wherever git would run one."""
    escaped = command.replace("\\", "\\\\").replace('"', '\\"')
    one_word = escaped.replace("%", "%%").replace(" ", "% ")  # as the ext transport quotes a space
    return f"""[core]
\trepositoryFormatVersion = 1
\tbare = true
\tfsmonitor = "{escaped}"
\thooksPath = hooks
\tsshCommand = "{escaped}"
\tgitProxy = "{escaped}"
\taskPass = "{escaped}"
\tpager = "{escaped}"
\teditor = "{escaped}"
[alias]
\tst = "!{escaped}"
\tls = "!{escaped}"
[credential]
\thelper = "!{escaped}"
[diff]
\texternal = "{escaped}"
[diff "planted"]
\tcommand = "{escaped}"
\ttextconv = "{escaped}"
[filter "planted"]
\tsmudge = "{escaped}"
\tclean = "{escaped}"
\trequired = true
[protocol "ext"]
\tallow = always
[extensions]
\tpartialClone = origin
[remote "origin"]
\tpromisor = true
\tpartialCloneFilter = blob:none
\turl = "ext::sh -c {one_word}"
\tuploadpack = "{escaped}; "
[remote "mirror"]
\tpromisor = true
\turl = .
\tuploadpack = "{escaped}; "
"""


def write_worktree(folder: Path) -> Files:
    """The committed files of a checkout in which `app.py` was changed and `untracked.py` added since."""
    committed = {"LICENSE": MIT, "app.py": source("committed")}
    write_repository(folder / ".git", committed, bare=False)
    run_git(folder / ".git", "read-tree", "HEAD")
    dirty = {"app.py": source("uncommitted"), "untracked.py": source("untracked")}
    for path, content in (committed | dirty).items():
        (folder / path).write_bytes(content)
    return committed


# Writing one repository


def write_repository(
    path: Path,
    files: Files,
    *,
    modes: Mapping[AnyPath, str] | None = None,
    branch: str = "main",
    head: str | None = None,
    loose: bool = False,
    bare: bool = True,
) -> str:
    """Commit id of a new repository at `path` with one commit that holds `files`.

    `modes` are those other than 100644: 100755, 120000 (content is the target), 160000 (content is the commit id).
    HEAD names `head`, or `branch` where it is None. `loose` writes a file for each object rather than one pack.
    Same arguments, same id. One git process; about 10 ms and 20 to 40 MB/s.
    """
    init_repository(path, head or branch, bare)
    modes_by_path = {as_bytes(key): mode for key, mode in (modes or {}).items()}
    lines = [b"feature done\ncommit refs/heads/%s\nmark :1\n" % branch.encode()]
    lines.append(b"committer Demo Corpus <demo@example.invalid> %d +0000\ndata 9\nSnapshot\n\n" % DATE_S)
    for key, content in files.items():
        lines.append(file_command(as_bytes(key), modes_by_path.get(as_bytes(key), "100644"), content))
    lines.append(b"\nget-mark :1\ndone\n")
    unpack_limit = 1_000_000 if loose else 1  # objects; fewer are unpacked into files
    options = ["-c", "core.compression=1", "-c", "core.logAllRefUpdates=false"]
    options += ["-c", f"fastimport.unpackLimit={unpack_limit}"]
    return run_git(path, *options, "fast-import", "--quiet", "--depth=0", stdin=b"".join(lines)).decode().strip()


def file_command(path: bytes, mode: str, content: bytes) -> bytes:
    """The fast-import command that puts one file into the commit."""
    quoted = b'"%s"' % path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    if mode == "160000":
        return b"M 160000 %s %s\n" % (content, quoted)
    return b"M %s inline %s\ndata %d\n%s\n" % (mode.encode(), quoted, len(content), content)


def init_repository(path: Path, head: str = "main", bare: bool = True) -> None:
    """A repository without commits. Made by hand, which saves a process and does not depend on git's templates."""
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (path / folder).mkdir(parents=True)
    (path / "HEAD").write_text(f"ref: refs/heads/{head}\n", encoding="utf-8")
    config = f"[core]\n\trepositoryFormatVersion = 0\n\tfileMode = true\n\tbare = {str(bare).lower()}\n"
    (path / "config").write_text(config, encoding="utf-8")


def run_git(repository: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """What git prints, run in an environment that no configuration of the user or the machine reaches."""
    environment = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    environment |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}
    environment["HOME"] = str(repository)  # which holds no .config/git
    command = ["git", f"--git-dir={repository}", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def loose_object(repository: Path, content: bytes) -> Path:
    """The file that holds the blob of `content` in a repository written with `loose`."""
    oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    return repository / "objects" / oid[:2] / oid[2:]


def as_bytes(path: AnyPath) -> bytes:
    """The path as git stores it."""
    return path if isinstance(path, bytes) else path.encode()


if __name__ == "__main__":
    sys.exit(main())
