"""Which licence each file of a repository is under: what it says itself, else what its nearest folder says."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from filters.licenses.classes import license_type
from filters.licenses.expressions import FILE, REMEMBERED, UNKNOWN, combine, file_reference, ids, operands
from filters.licenses.families import FAMILY, covers
from filters.licenses.names import license_kind

# Metadata names a licence file, which names others (LICENSE.APACHE); nobody goes further.
MAX_HOPS = 3
MAX_EXPRESSION_CHARS = 10_000
# Linux's PATH_MAX. The folders of a longer path are not looked at, and it has no licence by them.
MAX_PATH_CHARS = 4_096

_GNU_KIND = re.compile(r"-(?:only|or-later)\Z")
_PROSE_SUFFIX = re.compile(r"\.(?:txt|text|md|markdown|rst|html?|adoc)\Z")


class Scoped(NamedTuple):
    """`expression`: SPDX, None without a licence; `path`: the file whose statement it is, None without a licence;
    `others`: the files that were heard beside it."""

    expression: str | None
    path: str | None
    others: tuple[str, ...] = ()


NOTHING = Scoped(None, None)


def scope(paths: Sequence[str], license_found: Sequence[str | None], is_vendor: Sequence[bool | None]) -> list[Scoped]:
    """The licence of each file of one repository, in the order of `paths`, from what each file says by itself.

    A licence file, and the head of any other, hold for the file itself. All else has what the nearest folder upwards
    says: its licence files and metadata together; by its readme only with what is said above it; without any, by the
    files in REUSE's LICENSES. What differs is joined by AND, so that the stricter decides. Vendored files have their
    licence from vendored files alone, and the others from the others; null is not vendored.

    >>> a, _, b = scope(["a.c", "LICENSE", "vendor/b.c"], [None, "MIT", None], [False, False, True])
    >>> (a.expression, a.path), b.expression
    (('MIT', 'LICENSE'), None)
    """
    own, vendored = _Tree(), _Tree()
    trees = [vendored if flag else own for flag in is_vendor]
    by_itself = set()
    for path, found, tree in zip(paths, license_found, trees, strict=True):
        if found and tree.add(path, found):
            by_itself.add(path)
    return [
        tree.of_file(path) if path in by_itself else tree.of_folder(path.rpartition("/")[0])
        for path, tree in zip(paths, trees, strict=True)
    ]


class _Tree:
    """What is said in one repository: by file; by folder and kind; and the files that references can mean."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}
        self.folders: dict[str, dict[str, list[str]]] = {}
        self.named: dict[tuple[str, str], str] = {}
        self.answers: dict[str, Scoped] = {}
        self.followed: dict[tuple[str, int], str] = {}

    def add(self, path: str, found: str) -> bool:
        """Whether the statement is the file's own, and not only its folder's."""
        kind = license_kind(path)
        self.said[path] = found
        if kind != "header":
            folder, _, name = path.rpartition("/")
            above, _, last = folder.rpartition("/")
            self.folders.setdefault(folder, defaultdict(list))[kind].append(path)
            for place, key in ((folder, name), (above, f"{last}/{name}")):
                self.name(place, file_reference(key).lower(), path)
            if kind == "license" and last == "LICENSES":
                self.folders.setdefault(above, defaultdict(list))["reuse"].append(path)
        return kind in ("license", "header")

    def name(self, folder: str, reference: str, path: str) -> None:
        """By its name, and as `name*` by its name without a suffix; of several files the first in the alphabet."""
        for key in (reference, _PROSE_SUFFIX.sub("", reference) + "*"):
            self.named[folder, key] = min(path, self.named.get((folder, key), path))

    def of_file(self, path: str) -> Scoped:
        return Scoped(self.resolved(path), path)

    def of_folder(self, folder: str) -> Scoped:
        answer = self.answers.get(folder)
        if answer is None:
            answer = self.answers[folder] = self.nearest(folder)
        return answer

    def nearest(self, folder: str) -> Scoped:
        readmes: list[str] = []
        for place in _upwards(folder):
            if here := self.folders.get(place):
                answer = _agreed(self.together(here["license"]), self.together(here["metadata"]))
                if answer is NOTHING and not here["readme"]:
                    answer = self.together(here["reuse"])
                if answer is not NOTHING:
                    return _agreed(self.together(readmes), answer)
                readmes += here["readme"]
        return self.together(readmes)

    def together(self, paths: list[str]) -> Scoped:
        """What these files say in sum, by the name of the first."""
        if not paths:
            return NOTHING
        said = [self.resolved(path) for path in sorted(paths)]
        if any(expression.startswith("LGPL-3.0-") for expression in said):
            # COPYING beside COPYING.LESSER, which is built on it
            said = [expression for expression in said if expression not in ("GPL-3.0-only", "GPL-3.0-or-later")]
        first, *others = sorted(paths)
        return Scoped(_sum(said), first, tuple(others))

    def resolved(self, path: str, hops: int = MAX_HOPS) -> str:
        """The file's statement, with what other files say in place of references to them."""
        found = self.said[path]
        if FILE not in found:
            return found
        if (path, hops) not in self.followed:
            expression = self.follow(found, path.rpartition("/")[0], hops)
            self.followed[path, hops] = expression if len(expression) <= MAX_EXPRESSION_CHARS else UNKNOWN
        return self.followed[path, hops]

    def follow(self, expression: str, folder: str, hops: int) -> str:
        operator, parts = operands(expression)
        if operator:
            return combine(operator, [self.follow(part, folder, hops) for part in parts])
        if not expression.startswith(FILE):
            return expression
        target = self.target(expression.lower(), folder)
        return self.resolved(target, hops - 1) if target and hops else UNKNOWN

    def target(self, reference: str, folder: str) -> str | None:
        """The nearest file upwards of this name, or of this name with another suffix."""
        stem = _PROSE_SUFFIX.sub("", reference) + "*"
        for place in _upwards(folder):
            if path := self.named.get((place, reference)) or self.named.get((place, stem)):
                return path
        return None


def _agreed(text: Scoped, metadata: Scoped) -> Scoped:
    """The metadata, where it says the text's licences and perhaps more; else both.

    More may be that there is a choice, but not for a text that is only of its strict side, as GPL's beside MIT OR GPL.
    """
    if text.expression is None or metadata.expression is None:
        return metadata if text.expression is None else text
    if text.expression == metadata.expression:
        return _beside(text, metadata)
    said = _licences(text.expression)
    if said <= _licences(metadata.expression) and _is_no_stricter(text.expression, metadata.expression):
        return _beside(metadata, text)
    return _beside(text, metadata)._replace(expression=_sum([text.expression, metadata.expression]))


def _beside(first: Scoped, second: Scoped) -> Scoped:
    """The first, with the files of the second."""
    return first._replace(others=(*first.others, *(path for path in (second.path, *second.others) if path)))


def _is_no_stricter(text: str, metadata: str) -> bool:
    return license_type(metadata) != "permissive" or any(license_type(licence) == "permissive" for licence in ids(text))


def _sum(expressions: list[str]) -> str:
    """Under AND, without "some BSD" where another part is BSD-3-Clause."""
    parts = [part for said in expressions for part in _parts(said)]
    families = {part for part in parts if part.startswith(FAMILY)}
    left_out = {said for said in families if any(_is_only(other, said) for other in parts)}
    return combine("AND", [part for part in parts if part not in left_out])


def _parts(expression: str) -> tuple[str, ...]:
    operator, parts = operands(expression)
    return (expression,) if operator == "OR" else parts


def _is_only(expression: str, family: str) -> bool:
    return all(covers(licence, family) for licence in ids(expression))


@lru_cache(REMEMBERED)
def _licences(expression: str) -> frozenset[str]:
    """Without -only and -or-later, which the text of a licence does not tell."""
    return frozenset(_GNU_KIND.sub("", licence) for licence in ids(expression))


def _upwards(folder: str) -> Iterator[str]:
    """The folder, those it is in, and the repository's top, ""."""
    if len(folder) <= MAX_PATH_CHARS:
        while folder:
            yield folder
            folder = folder.rpartition("/")[0]
        yield ""
