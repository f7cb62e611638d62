"""Hostile and odd bare repositories, written object by object: git would refuse to make most of them.

`build(folder, "symlinks", "git-bomb")` writes folder/symlinks.git and folder/git-bomb.git. Those with a command in
them would create folder/PWNED, if anybody ran it. Where a file is harmless it is called ok.py.
"""

import hashlib
import shlex
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.demo_corpus import MIT, init_repository, source

MARKER = "PWNED"
FILE, PROGRAM, LINK, FOLDER, SUBMODULE = b"100644", b"100755", b"120000", b"40000", b"160000"
PERSON = b"x <x@example.invalid> 1700000000 +0000"

Entry = tuple[bytes, bytes, str]  # mode, name, id


@dataclass(frozen=True)
class Repository:
    """A bare repository to which anything can be written. HEAD is refs/heads/main."""

    path: Path
    hash: Callable[[bytes], Any] = hashlib.sha1

    @property
    def command(self) -> str:
        """What nobody may run."""
        return f"touch {shlex.quote(str(self.path.with_name(MARKER).absolute()))}"

    def object(self, kind: bytes, content: bytes) -> str:
        whole = b"%b %d\0%b" % (kind, len(content), content)
        oid: str = self.hash(whole).hexdigest()
        self.store(oid, [zlib.compress(whole, 1)])
        return oid

    def store(self, oid: str, stream: "Iterator[bytes] | list[bytes]") -> None:
        """The zlib stream of an object, in pieces."""
        path = self.path / "objects" / oid[:2] / oid[2:]
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            file.writelines(stream)

    def blob(self, content: bytes) -> str:
        return self.object(b"blob", content)

    def tree(self, *entries: Entry) -> str:
        """In the order given."""
        return self.object(b"tree", b"".join(b"%b %b\0%b" % (m, name, bytes.fromhex(oid)) for m, name, oid in entries))

    def commit(self, *entries: Entry, message: bytes = b"x\n", ref: str = "refs/heads/main") -> str:
        """A commit of a tree with these entries, to which a ref points."""
        tree = self.tree(*entries).encode()
        text = b"tree %b\nauthor %b\ncommitter %b\n\n%b" % (tree, PERSON, PERSON, message)
        return self.point(ref, self.object(b"commit", text))

    def point(self, ref: str, oid: str) -> str:
        (self.path / ref).write_text(f"{oid}\n")
        return oid

    def ok(self) -> Entry:
        return (FILE, b"ok.py", self.blob(b"print('ok')\n"))


def build(folder: Path, *names: str) -> None:
    """The repositories of these names, else all of BUILDERS: 22 MB and 5 s, most of it for `large-blob`."""
    for name in names or BUILDERS:
        path = folder / f"{name}.git"
        init_repository(path)
        BUILDERS[name](Repository(path))


# Trees with names that lead astray


def symlinks(to: Repository) -> None:
    """Links to a file of the machine, to the folder above and to themselves."""
    links = [(LINK, name, to.blob(target)) for name, target in [(b"passwd", b"/etc/passwd"), (b"self", b"self")]]
    to.commit(to.ok(), links[0], links[1], (LINK, b"up", to.blob(b"..")))


def dot_dot(to: Repository) -> None:
    """../../pwned, as folders named `..`."""
    above = to.tree((FOLDER, b"..", to.tree((FILE, b"pwned", to.blob(b"pwned")))))
    to.commit((FOLDER, b"..", above), to.ok())


def slash_names(to: Repository) -> None:
    """Names that are paths, absolute and upward."""
    pwned = to.blob(b"pwned")
    to.commit((FILE, b"/abs/x.py", pwned), (FILE, b"a/../../b.py", pwned), (FILE, b"a/b.py", pwned), to.ok())


def dot_git(to: Repository) -> None:
    """Hooks in every spelling of .git that some file system takes for it."""
    hook = to.blob(f"#!/bin/sh\n{to.command}\n".encode())
    hooks = to.tree((FOLDER, b"hooks", to.tree((PROGRAM, b"post-checkout", hook))))
    spellings = [b".GIT", b".g\xe2\x80\x8cit", b".git", b".git . ", b".git::$INDEX_ALLOCATION", b"git~1"]
    to.commit(*[(FOLDER, name, hooks) for name in spellings], to.ok())


ODD_NAMES = [
    b" .py",
    b"\x1b[31m.py",
    b'"quote".py',
    b"$(touch x).py",
    b"%00.py",
    b"--output=x.py",
    b"-rf.py",
    b"CON",
    b"a:b.py",
    b"aux.py",
    b"back\\slash.py",
    b"latin\xe9.py",
    b"new\nline.py",
    b"tab\t.py",
    b"trail. ",
    "\u202ertl.py".encode(),
    b"\xff\xfe.py",
]


def odd_names(to: Repository) -> None:
    """Names that break quoting, decoding, options, terminals or other systems; all of them legal."""
    blob = to.blob(b"x = 1\n")
    to.commit(*[(FILE, name, blob) for name in sorted(ODD_NAMES)])


def long_name(to: Repository, size_bytes: int = 200_000) -> None:
    """A name longer than any file system takes."""
    to.commit((FILE, b"n" * size_bytes + b".py", to.blob(b"x")), to.ok())


# Trees of a size or a shape


def deep_tree(to: Repository, depth: int = 5_000) -> None:
    """Folder in folder in folder."""
    tree = to.tree((FILE, b"x.py", to.blob(b"x")))
    for _ in range(depth - 1):
        tree = to.tree((FOLDER, b"d", tree))
    to.commit((FOLDER, b"d", tree), to.ok())


def git_bomb(to: Repository, levels: int = 10) -> None:
    """10 ** levels paths, of a dozen objects."""
    kind, oid = FILE, to.blob(b"bomb\n")
    for _ in range(levels - 1):
        kind, oid = FOLDER, to.tree(*[(kind, b"%d" % i, oid) for i in range(10)])
    to.commit(*[(kind, b"%d" % i, oid) for i in range(10)])


def duplicate_entries(to: Repository) -> None:
    """Three entries of one name: two texts and a folder."""
    folder = to.tree((FILE, b"z.py", to.blob(b"folder")))
    texts = [(FILE, b"a.py", to.blob(text)) for text in (b"first", b"second")]
    to.commit(texts[0], texts[1], (FOLDER, b"a.py", folder), to.ok())


def unsorted_entries(to: Repository) -> None:
    """Against git's order."""
    to.commit((FILE, b"z.py", to.blob(b"z")), to.ok(), (FILE, b"a.py", to.blob(b"a")))


def odd_modes(to: Repository) -> None:
    """Modes that old or foreign tools wrote: zero-padded, group-writable; and ones that mean nothing."""
    folder = to.tree((FILE, b"x.py", to.blob(b"x")))
    names = {b"a.py": b"0100644", b"b.py": b"100664", b"c.py": b"777", b"d.py": b"170000"}
    to.commit(*[(mode, name, to.blob(name)) for name, mode in names.items()], (b"040000", b"e", folder), to.ok())


# Files that ask for something


def submodules(to: Repository) -> None:
    """.gitmodules with a command, an option and a way out in the places of url, path and name."""
    command = to.command.replace("%", "%%").replace(" ", "% ")  # as the ext transport quotes a space
    modules = f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c {command}\n\tupdate = !{to.command}\n'
    modules += '[submodule "../../hooks"]\n\tpath = -u./x\n\turl = -u./x\n'
    to.commit((FILE, b".gitmodules", to.blob(modules.encode())), to.ok(), (SUBMODULE, b"x", "1" * 40))


def attributes(to: Repository) -> None:
    """.gitattributes that ask for filters, drivers and other encodings; .lfsconfig with an address inside a cloud."""
    asked = b"* filter=lfs diff=lfs merge=lfs export-ignore\n*.py filter=x working-tree-encoding=UTF-16 export-subst\n"
    lfs = to.blob(b"[lfs]\n\turl = http://169.254.169.254/\n")
    to.commit((FILE, b".gitattributes", to.blob(asked)), (FILE, b".lfsconfig", lfs), to.ok())


# Repositories whose HEAD is no ordinary commit


def empty(to: Repository) -> None:
    """No object and no ref."""


def unborn_head(to: Repository) -> None:
    """HEAD names main, and there is only other."""
    to.commit(to.ok(), ref="refs/heads/other")


def head_is_blob(to: Repository) -> None:
    """main is a blob."""
    to.point("refs/heads/main", to.blob(b"hello\n"))


def head_is_tag(to: Repository) -> None:
    """main is an annotated tag of a commit."""
    commit = to.commit(to.ok()).encode()
    text = b"object %b\ntype commit\ntag v1\ntagger %b\n\nx\n" % (commit, PERSON)
    to.point("refs/heads/main", to.object(b"tag", text))


def sha256(to: Repository) -> None:
    """git's other object format."""
    config = "[core]\n\trepositoryFormatVersion = 1\n\tbare = true\n[extensions]\n\tobjectFormat = sha256\n"
    (to.path / "config").write_text(config)
    new = Repository(to.path, hashlib.sha256)
    new.commit(new.ok())


def missing_blob(to: Repository) -> None:
    """A tree names a blob that is not there."""
    to.commit((FILE, b"missing.py", "2" * 40), to.ok())


# Repositories of a size


def many_refs(to: Repository, count: int = 300_000) -> None:
    """As many branches, all of one commit."""
    pack_refs(to, to.commit(to.ok()), [f"refs/heads/b{i:07d}" for i in range(count)])


def option_refs(to: Repository) -> None:
    """Branches named like options and like commands."""
    names = ["--upload-pack=touch${IFS}PWNED", "-x", "$(touch${IFS}PWNED)", "a;b", "`id`", "main|id"]
    pack_refs(to, to.commit(to.ok()), [f"refs/heads/{name}" for name in names])


def pack_refs(to: Repository, oid: str, names: list[str]) -> None:
    """packed-refs, which no check of names guards."""
    lines = [f"{oid} {name}\n" for name in sorted(names)]
    (to.path / "packed-refs").write_text("".join(["# pack-refs with: peeled fully-peeled sorted \n", *lines]))


def long_message(to: Repository, size_bytes: int = 50_000_000) -> None:
    """A commit message that compresses a thousandfold."""
    to.commit(to.ok(), message=b"A" * size_bytes)


def large_blob(to: Repository, size_bytes: int = 3 << 30) -> None:
    """Zeros, a thousandfold smaller on disk; never in memory. `size_bytes` is a multiple of 1 MiB."""
    header, zeros = b"blob %d\0" % size_bytes, bytes(1 << 20)
    digest = to.hash(header)
    for _ in range(size_bytes // len(zeros)):
        digest.update(zeros)
    to.store(digest.hexdigest(), zlib_stream(header, zeros, size_bytes // len(zeros)))
    to.commit((FILE, b"large.txt", digest.hexdigest()), to.ok())


def zlib_stream(header: bytes, block: bytes, times: int) -> Iterator[bytes]:
    """The stream of `header` and `times` blocks of zeros, each compressed to the same bytes after a full flush."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    yield b"\x78\xda" + deflate.compress(header) + deflate.flush(zlib.Z_FULL_FLUSH)
    repeated = deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)
    yield from (repeated for _ in range(times))
    high, low = divmod(zlib.adler32(header), 1 << 16)
    high = (high + low * len(block) * times) % 65_521  # Adler-32: zeros leave the sum, and add it to the sum of sums
    yield deflate.flush() + (high << 16 | low).to_bytes(4, "big")


def normal(to: Repository) -> None:
    """Nothing is wrong with it."""
    app = to.tree((FILE, b"app.py", to.blob(source("normal"))))
    to.commit((FILE, b"LICENSE", to.blob(MIT)), to.ok(), (FOLDER, b"src", app))


BUILDERS: dict[str, Callable[[Repository], None]] = {
    builder.__name__.replace("_", "-"): builder
    for builder in (
        normal,
        symlinks,
        dot_dot,
        slash_names,
        dot_git,
        odd_names,
        long_name,
        deep_tree,
        git_bomb,
        duplicate_entries,
        unsorted_entries,
        odd_modes,
        submodules,
        attributes,
        empty,
        unborn_head,
        head_is_blob,
        head_is_tag,
        sha256,
        missing_blob,
        many_refs,
        option_refs,
        long_message,
        large_blob,
    )
}
