"""SPDX licence expressions: parsed, combined, and taken apart. Ids are SPDX's of list 3.29 or `LicenseRef-*`.

What each function answers is remembered for some thousand expressions.
"""

import json
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from license_expression import LicenseWithExceptionSymbol, Licensing

# What says that there is a licence, and not which of SPDX's.
UNKNOWN = "LicenseRef-unknown"
# Before the name of a file: what that file says.
FILE = "LicenseRef-file-"

# The longest real expressions (of a distribution's packages) have some hundreds of characters.
MAX_CHARS = 2_000
MAX_NESTING = 20
MAX_NAME_CHARS = 200
REMEMBERED = 4_096

# Deprecated by SPDX in favour of these. GNU's ids without -only or -or-later are a rule of their own.
REPLACED = {
    "bsd-2-clause-freebsd": "BSD-2-Clause",
    "bsd-2-clause-netbsd": "BSD-2-Clause",
    "bzip2-1.0.5": "bzip2-1.0.6",
    "ecos-2.0": "GPL-2.0-or-later WITH eCos-exception-2.0",
    "gpl-2.0-with-autoconf-exception": "GPL-2.0-only WITH Autoconf-exception-2.0",
    "gpl-2.0-with-bison-exception": "GPL-2.0-or-later WITH Bison-exception-2.2",
    "gpl-2.0-with-classpath-exception": "GPL-2.0-only WITH Classpath-exception-2.0",
    "gpl-2.0-with-font-exception": "GPL-2.0-only WITH Font-exception-2.0",
    "gpl-2.0-with-gcc-exception": "GPL-2.0-only WITH GCC-exception-2.0",
    "gpl-3.0-with-autoconf-exception": "GPL-3.0-only WITH Autoconf-exception-3.0",
    "gpl-3.0-with-gcc-exception": "GPL-3.0-only WITH GCC-exception-3.1",
    "standardml-nj": "SMLNJ",
    "wxwindows": "LGPL-2.0-or-later WITH WxWindows-exception-3.1",
}
_GNU = re.compile(r"((?:[al]?gpl|gfdl)-[\d.]+(?:-(?:no-)?invariants)?)(-only|-or-later)?(\+)?")
_REFERENCE = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")
_UPWARDS = re.compile(r"^(?:\.{0,2}/)+")
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9.-]")
_GRAMMAR = Licensing()


class SpdxList(NamedTuple):
    """`classes`: id to permissive, copyleft or unknown; `names`: id to full name; `exceptions`: ids."""

    classes: dict[str, str]
    names: dict[str, str]
    exceptions: list[str]


@cache
def spdx_list() -> SpdxList:
    """`licenses.json`, as `filters/data/make_licenses.py` writes it."""
    table = json.loads((files("filters") / "data" / "licenses.json").read_text("utf-8"))
    classes, names = ({spdx_id: row[field] for spdx_id, row in table["licenses"].items()} for field in (0, 1))
    return SpdxList(classes, names, table["exceptions"])


def parse(text: str) -> str | None:
    """The expression in SPDX's spelling: ids and operators in their case, no deprecated ids, AND and OR flattened.

    None for what is no expression, has an id that SPDX does not list, is longer than 2,000 characters, or is nested
    deeper than 20. Cost: about 0.1 ms.

    >>> parse("mit or (Apache-2.0 or GPL-2.0+)"), parse("MIT License")
    ('MIT OR Apache-2.0 OR GPL-2.0-or-later', None)
    """
    return _parse(text) if len(text) <= MAX_CHARS and _nesting(text) <= MAX_NESTING else None


@lru_cache(REMEMBERED)
def _parse(text: str) -> str | None:
    try:
        tree = _GRAMMAR.parse(text, simple=True)
    except Exception:
        # of no one kind: besides its own errors it lets out an IndexError, for "()"
        return None
    return _normalise(tree)


def combine(operator: str, expressions: Iterable[str]) -> str:
    """Normalised expressions under one "AND" or "OR": flattened, each operand once, in the order of first appearance.

    Raises ValueError where there is none.

    >>> combine("AND", ["MIT", "MIT OR Zlib", "MIT AND ISC"])
    'MIT AND (MIT OR Zlib) AND ISC'
    """
    return _combine(operator, tuple(expressions))


@lru_cache(REMEMBERED)
def _combine(operator: str, expressions: tuple[str, ...]) -> str:
    parts = dict.fromkeys(part for expression in expressions for part in _parts_under(operator, expression))
    if not parts:
        raise ValueError(f"{operator} of no expressions")
    if len(parts) == 1:
        return next(iter(parts))
    return f" {operator} ".join(f"({part})" if operands(part)[0] else part for part in parts)


def _parts_under(operator: str, expression: str) -> tuple[str, ...]:
    top, parts = operands(expression)
    return parts if top in ("", operator) else (expression,)


@lru_cache(REMEMBERED)
def operands(expression: str) -> tuple[str, tuple[str, ...]]:
    """The outermost operator, "AND" or "OR", and what it joins; "" and the expression itself where there is none.

    >>> operands("MIT AND (ISC OR Zlib)"), operands("MIT")
    (('AND', ('MIT', 'ISC OR Zlib')), ('', ('MIT',)))
    """
    operator, depth, words, parts = "", 0, list[str](), list[str]()
    for word in expression.split():
        if depth == 0 and word in ("AND", "OR"):
            operator = word
            parts.append(" ".join(words))
            words = []
        else:
            depth += word.count("(") - word.count(")")
            words.append(word)
    parts.append(" ".join(words))
    # an operand with a bracket is one bracket: only AND and OR in each other are given any
    return operator, tuple(part[1:-1] if part.startswith("(") else part for part in parts)


def file_reference(name: str) -> str:
    """The operand that stands for what another file says, by its path from the folder of the file that names it.

    >>> file_reference("LICENSE.APACHE"), file_reference("licences/My Terms.txt")
    ('LicenseRef-file-LICENSE.APACHE', 'LicenseRef-file-licences-My-Terms.txt')
    """
    path = _UPWARDS.sub("", name.strip().replace("\\", "/"))
    return FILE + _NOT_IN_IDS.sub("-", path[:MAX_NAME_CHARS])


def ids(expression: str) -> list[str]:
    """The licences in a normalised expression, sorted, each once, without the names of exceptions.

    >>> ids("MIT OR GPL-2.0-only WITH Classpath-exception-2.0")
    ['GPL-2.0-only', 'MIT']
    """
    return list(_ids(expression))


@lru_cache(REMEMBERED)
def _ids(expression: str) -> tuple[str, ...]:
    words = expression.replace("(", "").replace(")", "").split()
    licences = {word for before, word in zip(["", *words], words, strict=False) if before != "WITH"}
    return tuple(sorted(licences - {"AND", "OR", "WITH"}))


def _nesting(text: str) -> int:
    depth = deepest = 0
    for bracket in text:
        depth += (bracket == "(") - (bracket == ")")
        deepest = max(deepest, depth)
    return deepest


def _normalise(tree: Any) -> str | None:
    """The expression that license_expression parsed, with SPDX's ids; None where an id is none, or there is no tree."""
    if isinstance(tree, _GRAMMAR.AND | _GRAMMAR.OR):
        parts = [_normalise(part) for part in tree.args]
        known = tuple(part for part in parts if part)
        return _combine(tree.__class__.__name__, known) if len(known) == len(parts) else None
    if isinstance(tree, LicenseWithExceptionSymbol):
        licence = _licence_id(tree.license_symbol.key)
        # an AdditionRef is anybody's text, and may take away what the licence gives: none of SPDX's exceptions does
        exception = _lower_case_exceptions().get(tree.exception_symbol.key.lower())
        return f"{licence} WITH {exception}" if licence and exception and " " not in licence else None
    return None if tree is None else _licence_id(tree.key)


def _licence_id(key: str) -> str | None:
    """SPDX's spelling of an id, without regard to case; `+` stays, except where GNU's ids say it otherwise."""
    if _REFERENCE.fullmatch(key):
        return key
    key = key.lower()
    if gnu := _GNU.fullmatch(key):
        family, kind, plus = gnu.groups()
        return _lower_case_ids().get(family + ("-or-later" if plus else kind or "-only"))
    if key in REPLACED:
        return REPLACED[key]
    licence = _lower_case_ids().get(key.removesuffix("+"))
    return f"{licence}+" if licence and key.endswith("+") else licence


@cache
def _lower_case_ids() -> dict[str, str]:
    return {spdx_id.lower(): spdx_id for spdx_id in spdx_list().classes}


@cache
def _lower_case_exceptions() -> dict[str, str]:
    return {spdx_id.lower(): spdx_id for spdx_id in spdx_list().exceptions}
