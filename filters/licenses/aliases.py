"""What licences are called, other than by their SPDX id: names, abbreviations, classifiers, addresses."""

import re
from functools import cache, lru_cache

from filters.licenses.expressions import MAX_CHARS, REMEMBERED, UNKNOWN, combine, file_reference, parse, spdx_list
from filters.licenses.families import FAMILY, covers

MAX_NAME_CHARS = 200

# Expression to its names beyond SPDX's ids and full names. Compared are words and numbers: case, punctuation, "the",
# "license", "version" and a final ".0" make no difference, nor do the ways to say "or later". "MIT/X11" is one licence.
NAMES = {
    "0BSD": ("Zero-Clause BSD", "Free Public License 1.0"),
    "AGPL-3.0-only": ("GNU AGPLv3", "Affero GPLv3"),
    "AGPL-3.0-or-later": ("GNU AGPLv3+",),
    "Apache-1.1": ("Apache Software License 1.1",),
    "Apache-2.0": (
        "Apache Software License 2.0",
        "Apache Public License 2.0",
        "Apache Software Foundation License 2.0",
        "AL2",
        "ASF 2.0",
        "ASL 2.0",
        "apache.org/licenses/LICENSE-2.0",
    ),
    "Apache-2.0 WITH LLVM-exception": ("Apache 2.0 with LLVM exception",),
    "Artistic-1.0-Perl OR GPL-1.0-or-later": ("perl", "Perl 5", "Same terms as Perl itself"),
    "BSD-2-Clause": ("2-clause BSD", "Two-clause BSD", "BSD2", "Simplified BSD", "BSD Simplified", "FreeBSD"),
    "BSD-3-Clause": (
        "3-clause BSD",
        "Three-clause BSD",
        "BSD3",
        "New BSD",
        "New-style BSD",
        "BSD New",
        "Modified BSD",
        "Revised BSD",
        "Eclipse Distribution License 1.0",
        "EDL 1.0",
    ),
    "BSD-4-Clause": ("4-clause BSD", "BSD4", "Original BSD"),
    "BSL-1.0": ("Boost", "Boost Software License"),
    "CC-BY-4.0": ("Creative Commons Attribution 4.0", "creativecommons.org/licenses/by/4.0"),
    "CC-BY-NC-4.0": ("creativecommons.org/licenses/by-nc/4.0",),
    "CC-BY-NC-SA-4.0": ("creativecommons.org/licenses/by-nc-sa/4.0",),
    "CC-BY-SA-4.0": ("Creative Commons Attribution-ShareAlike 4.0", "creativecommons.org/licenses/by-sa/4.0"),
    "CC0-1.0": (
        "CC0",
        "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication",
        "Creative Commons CC0",
        "Creative Commons Zero",
        "creativecommons.org/publicdomain/zero/1.0",
    ),
    "CDDL-1.0": ("Common Development and Distribution License (CDDL) 1.0",),
    "CECILL-2.1": ("CEA CNRS Inria Logiciel Libre License 2.1",),
    "EPL-1.0": ("eclipse.org/legal/epl-v10",),
    "EPL-2.0": ("eclipse.org/legal/epl-2.0", "eclipse.org/legal/epl-v20"),
    "EUPL-1.1": ("European Union Public Licence 1.1 (EUPL 1.1)",),
    "EUPL-1.2": ("European Union Public Licence 1.2 (EUPL 1.2)",),
    "GPL-1.0-or-later": ("GPL+",),
    "GPL-2.0-only": ("GNU GPLv2", "GNU General Public License (GPL) version 2"),
    "GPL-2.0-only WITH Classpath-exception-2.0": (
        "GPL2 w/ CPE",
        "GPLv2+CE",
        "GNU General Public License, version 2, with the Classpath Exception",
        "GNU General Public License, version 2 (GPL2), with the classpath exception",
        "GNU General Public License (GPL), version 2, with the Classpath exception",
    ),
    "GPL-2.0-or-later": ("GNU GPLv2+",),
    "GPL-3.0-only": ("GNU GPLv3", "GNU General Public License (GPL) version 3"),
    "GPL-3.0-or-later": ("GNU GPLv3+",),
    "ISC": ("ISCL",),
    "JSON": ("json.org/license",),
    "LGPL-2.0-only": ("GNU Lesser General Public License v2",),
    "LGPL-2.0-or-later": ("GNU Lesser General Public License v2+",),
    "LGPL-2.1-only": ("GNU LGPLv2.1",),
    "LGPL-2.1-or-later": ("GNU LGPLv2.1+",),
    "LGPL-3.0-only": ("GNU LGPLv3",),
    "LGPL-3.0-or-later": ("GNU LGPLv3+",),
    "MIT": ("Expat", "MIT Expat", "MIT/X11", "MIT X", "X11 MIT"),
    "MPL-1.0": ("mozilla_1_0",),
    "MPL-1.1": ("mozilla_1_1",),
    "MPL-2.0": ("Mozilla 2.0", "mozilla.org/MPL/2.0"),
    "MulanPSL-2.0": ("Mulan PSL v2",),
    "OFL-1.1": ("SIL OFL 1.1",),
    "OpenSSL": ("OpenSSL/SSLeay",),
    "PSF-2.0": ("Python Software Foundation License", "PSF", "PSFL"),
    "Ruby": ("Ruby's",),
    "UPL-1.0": ("Universal Permissive License", "UPL"),
    "Unlicense": ("unlicense.org",),
    "Vim": ("Vim charityware",),
    "WTFPL": ("WTFPL 2", "wtfpl.net"),
    "Zlib": ("zlib/libpng",),
    # no version, so no id; the class is known, and classes.py lists the permissive ones
    f"{FAMILY}AFL": ("Academic Free License", "AFL"),
    f"{FAMILY}AGPL": ("AGPL", "GNU AGPL", "GNU Affero General Public License"),
    f"{FAMILY}Apache": ("Apache", "Apache Software License", "ASL"),
    f"{FAMILY}Artistic": ("Artistic",),
    f"{FAMILY}BSD": ("BSD", "Berkeley Software Distribution"),
    f"{FAMILY}CDDL": ("CDDL", "Common Development and Distribution License"),
    f"{FAMILY}EPL": ("EPL", "Eclipse Public License"),
    f"{FAMILY}EUPL": ("EUPL", "European Union Public Licence"),
    f"{FAMILY}GFDL": ("GFDL", "FDL", "GNU Free Documentation License"),
    f"{FAMILY}GPL": ("GPL", "GNU GPL", "GNU General Public License", "GNU Public License", "GNU"),
    f"{FAMILY}LGPL": (
        "LGPL",
        "GNU LGPL",
        "GNU Lesser General Public License",
        "GNU Library General Public License",
        "GNU Library or Lesser General Public License",
    ),
    f"{FAMILY}MPL": ("MPL", "Mozilla Public License"),
    f"{FAMILY}OFL": ("OFL", "SIL OFL", "SIL Open Font License"),
    f"{FAMILY}PHP": ("PHP",),
    f"{FAMILY}ZPL": ("ZPL", "Zope Public License"),
    f"{FAMILY}public-domain": ("Public Domain", "PD", "PublicDomain", "Public Domain Dedication"),
}

# What a field holds when nobody has filled it in.
NOTHING = {"", "-", "?", "n/a", "na", "nil", "none", "null", "tbd", "todo", "undefined", "unknown", "unspecified"}
NOTHING |= {"dual license"}

_LATER = re.compile(
    r",?\s*\b(?:or|and)[\s-]*(?:\(?at your option\)?,?)?\s*(?:any\s+)?"
    r"(?:above|greater|higher|later|newer)(?:\s+versions?)?\b",
    re.IGNORECASE,
)
_AT_LEAST = re.compile(r">=\s*([\d.]+)")
_PUNCTUATED = re.compile(r"[A-Za-z0-9\s.,:()_/+>='*\"-]*")
_JOINED_VERSION = re.compile(r"(?<=[a-z])v(?=\d)")
_UNDERSCORE_DOT = re.compile(r"(?<=\d)_(?=\d)")
_WORD = re.compile(r"[a-z]+|\d+(?:\.\d+)*|\+")
_NOISE = {"http", "https", "www", "html", "htm", "php", "txt", "en", "only", "the", "version", "v", "ver"} | {
    f"licen{letter}e{ending}" for letter in "cs" for ending in ("", "s", "d")
}
_HOST = re.compile(r"^(?:opensource|spdx|nuget|gnu) org (?:old |copyleft )?")
_ABBREVIATED = re.compile(r"([^()]+)\(([^()]+)\)\s*")
_FILE = re.compile(
    r"(?:(?:see|refer to|read|in|file:?)\s+)*(?:the\s+)?"
    r"((?:[\w.-]+/)*(?:licen[cs]es?|copying|copyright)[\w.-]*)(?:\s+file)?\.?",
    re.IGNORECASE,
)
_FORGE = re.compile(
    r"https?://(?:\w+\.)?(?:github|githubusercontent|gitlab|bitbucket)\.(?:com|org)/\S*/(licen[cs]e[\w.-]*)", re.I
)
_NPM_FILE = re.compile(r"see licen[cs]e in (.+)", re.IGNORECASE | re.DOTALL)
_CHOICE = re.compile(r"\s+or\s+|\s*\|+\s*", re.IGNORECASE)
_SUM = re.compile(r"\s+and\s+|\s*[,;&/]\s*", re.IGNORECASE)


def understand(statement: str) -> tuple[str, float] | None:
    """What the value of a licence field says, as an expression, and how surely: 1, or 0.9 by one of its names.

    None for a field that is not filled in; LicenseRef-unknown for what is not understood, or not all of it.
    A list with "or" is a choice; every other list is a sum, the slash too: what is meant by it is not known.

    >>> understand("GPL-2.0+ or MIT"), understand("The MIT License"), understand("Apache 2 / BSD"), understand("TODO")
    (('GPL-2.0-or-later OR MIT', 1.0), ('MIT', 0.9), ('Apache-2.0 AND LicenseRef-family-BSD', 0.9), None)
    """
    text = " ".join(statement.split()).strip(" \"'")
    return _understand(text) if len(text) <= MAX_CHARS else (UNKNOWN, 1.0)


@lru_cache(REMEMBERED)
def _understand(text: str) -> tuple[str, float] | None:
    if text.lower().rstrip(".") in NOTHING:
        return None
    if expression := parse(text):
        return expression, 1.0
    if len(text) > MAX_NAME_CHARS:
        return UNKNOWN, 1.0
    if file := _NPM_FILE.fullmatch(text) or _FILE.fullmatch(text) or _FORGE.fullmatch(text):
        return file_reference(file[1]), 1.0
    expression = named(text) or _list(_LATER.sub("+", text))
    return (expression, 0.9) if expression else (UNKNOWN, 1.0)


def named(name: str) -> str | None:
    """The licence of this name; None where none is known. A short form in brackets must be the same licence's.

    >>> named("Apache License, Version 2.0"), named("MIT License (Expat)"), named("MIT License (non-commercial)")
    ('Apache-2.0', 'MIT', None)
    """
    if not _PUNCTUATED.fullmatch(name):
        # nothing that changes the meaning may be lost with what is no letter
        return None
    if expression := _table().get(_key(name)):
        return expression
    if brackets := _ABBREVIATED.fullmatch(name):
        long, short = (_table().get(_key(part)) for part in brackets.groups())
        if long and short and (long == short or covers(long, short)):
            return long
        if long and short and covers(short, long):
            return short
    return None


def _list(text: str) -> str | None:
    """A list with every part understood; None where one is not, as in a list with both "or" and commas."""
    choice = _CHOICE.split(text)
    expressions = [parse(part) or named(part) for part in (choice if len(choice) > 1 else _SUM.split(text))]
    known = [expression for expression in expressions if expression]
    return combine("OR" if len(choice) > 1 else "AND", known) if len(known) == len(expressions) else None


@cache
def _table() -> dict[str, str]:
    """Key to expression, of SPDX's ids and full names and of NAMES."""
    spdx = [(spdx_id, name) for spdx_id, full_name in spdx_list().names.items() for name in (spdx_id, full_name)]
    by_hand = {_key(name): expression for expression, names in NAMES.items() for name in names}
    return {_key(name): parse(spdx_id) or UNKNOWN for spdx_id, name in spdx} | by_hand


def _key(name: str) -> str:
    """The words of a name that tell licences apart, and its numbers.

    >>> _key("Apache License, Version 2.0"), _key("http://www.apache.org/licenses/LICENSE-2.0.txt"), _key("GPLv3+")
    ('apache 2', 'apache org 2', 'gpl 3 +')
    """
    text = _AT_LEAST.sub(r"\1+", _LATER.sub("+", name.lower()))
    text = _UNDERSCORE_DOT.sub(".", _JOINED_VERSION.sub(" ", text))
    words = [word for word in _WORD.findall(text) if word not in _NOISE]
    return _HOST.sub("", " ".join(word.removesuffix(".0") for word in words))
