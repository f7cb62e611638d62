"""The licences that a sentence names and grants something under, and the licence files that it points to.

Patterns see small letters and "license" for "licence". A name counts where it must be a licence's: "MIT" in "the MIT
license", but not in "developed at MIT".
"""

import re
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import re2

from filters.licenses.expressions import file_reference
from filters.licenses.patterns import any_of
from filters.licenses.prose import Sentence

# How far behind a name its version and "any later version" may stand.
NOTICE_BYTES = 330
# More names stand in no sentence.
MAX_NAMES = 50
# A sentence that is a title: "The MIT License (MIT)"; in a comment nearly nothing but the name.
TITLE_BYTES, TITLE_EXTRA_BYTES = 90, 30
REMEMBERED = 4_096

# What a licence is called, and its id; the first that fits at a place counts. For #, % and ~ see `any_of`.
_TABLE = r"""
AGPL  (?:gnu )?affero (?:gnu )?general public license|agpl%
LGPL  (?:gnu )?(?:lesser|library|library or lesser|lesser or library) (?:gnu )?(?:general )?public license
LGPL  (?:gnu )?lgpl%|lesser gpl|library gpl
GFDL  (?:gnu )?free documentation license|gfdl
GPL  gnu/?gpl|(?:gnu )?general public license|(?:gnu )?gpl%|gnu public license|gnu license
Apache-1.1  apache(?: software)?(?: public)?(?: license)?#1\.1
Apache-2.0 WITH LLVM-exception  apache[^.,;]{0,20}2(?:\.0)? with (?:the )?llvm~exceptions?
Apache-2.0  apache(?: software)?(?: public)?~license,?(?:#2(?:\.0)?)?|apache#2(?:\.0)?|asl#2(?:\.0)?|al2\.0
Apache-2.0  apache\.org/licenses/license-2\.0
MPL-1.1  (?:mozilla public license|mpl)#1\.1
MPL-1.0  (?:mozilla public license|mpl)#1\.0
MPL-2.0  mozilla public license|mpl(?:#2(?:\.0)?)?|mozilla\.org/mpl/2\.0
EPL-1.0  (?:eclipse public license|epl)#1(?:\.0)?|epl-v10
EPL-2.0  eclipse public license|epl#2(?:\.0)?
BSD-3-Clause  eclipse distribution license
EUPL-1.2  european union public license|eupl
CDDL-1.0  common development and distribution license|cddl
AFL-2.1  (?:academic free license|afl)#2\.1
AFL-3.0  (?:academic free license|afl)#3\.0
OSL-3.0  (?:open software license|osl)#3\.0
Artistic-2.0  artistic(?: license)?#2(?:\.0)?
Artistic-1.0-Perl OR GPL-1.0-or-later  same terms as (?:the )?perl(?: ?5)?|perl 5 license
Artistic-1.0-Perl  (?:perl )?artistic license
LicenseRef-unknown  cc~by~n[cd][- a-z]*(?:[1-4]\.0)?|creativecommons\.org/licenses/by-n[cd]|noncommercial[- a-z]*license
CC-BY-SA  cc~by~sa(?:[- ]*[1-4]\.0)?|creativecommons\.org/licenses/by-sa(?:/[1-4]\.0)?|attribution~sharealike
CC-BY  cc~by(?:[- ]*[1-4]\.0)?|creativecommons\.org/licenses/by(?:/[1-4]\.0)?|creative commons attribution
CC0-1.0  cc0(?:~1\.0)?|creativecommons\.org/publicdomain/zero|creative commons zero
0BSD  (?:0|zero)~clause~bsd|bsd~(?:0|zero)~clause|0bsd
BSD-2-Clause  (?:2|two)~clause~\(?(?:free)?bsd|(?:free)?bsd~(?:2|two)~clause|simplified bsd|freebsd license
BSD-3-Clause  (?:3|three)~clause~\(?bsd|bsd~(?:3|three)~clause|(?:new|modified|revised|new or revised) bsd|bsd~new
BSD-4-Clause  (?:4|four)~clause~bsd|bsd~(?:4|four)~clause|(?:original|old) bsd
LicenseRef-family-BSD  bsd
MIT-0  mit no attribution|mit-0
MIT  opensource\.org/licenses?/mit(?:-license)?(?:\.php|\.html)?
MIT  (?:mit|x11)(?:[/-](?:x11|expat|mit|x consortium))?|expat
ISC  isc
LicenseRef-family-public-domain  (?:(?:in|into|to) (?:the )?|is )public domain|public domain (?:software|dedication)
Unlicense  unlicense
WTFPL  wtfpl%|do what the fuck you want to public license
Zlib  zlib(?:/libpng)?
BSL-1.0  boost(?: software)? license|bsl~1\.0
PSF-2.0  python software foundation license|psf~2\.0|psf license|psfl
Python-2.0  python license
FTL  freetype (?:project )?license|ftl
OFL-1.1  (?:sil )?open font license|ofl(?:~1\.1)?
NCSA  (?:university of illinois/)?ncsa(?: open source license)?
PostgreSQL  postgresql license
ZPL-2.1  zope public license|zpl(?:[- ]?2\.1)?
PHP-3.01  php license
Ruby  ruby(?:'s)? license
MS-PL  microsoft public license|ms-pl
BlueOak-1.0.0  blue oak model license
MulanPSL-2.0  mulan psl v2|mulan permissive software license
LicenseRef-unknown  business source license|busl|server side public license|sspl|elastic license|openrail
LicenseRef-unknown  polyform [a-z ]{1,30}license|(?:functional|fair) source license|sustainable use license
LicenseRef-unknown  hippocratic license|anti-996 license|confluent community license|llama [\d.]* ?community
LicenseRef-unknown  redis source available license
"""
_IDS, _PATTERNS = zip(*(line.split("  ", 1) for line in _TABLE.strip().splitlines()), strict=True)
# Without groups RE2 finds a name in one pass; which one it is, is asked once for each way to write it.
NAMES = rb"\b(?:" + b"|".join(map(any_of, _PATTERNS)) + rb")s?\b"
_NAME = re2.compile(NAMES)
_WHICH = re2.compile(b"(?:" + b"|".join(b"(" + any_of(pattern) + b")" for pattern in _PATTERNS) + b")s?")

GNU_VERSIONS = {
    "AGPL": {"1": "1.0", "3": "3.0"},
    "GFDL": {"1.1": "1.1", "1.2": "1.2", "1.3": "1.3"},
    "GPL": {"1": "1.0", "2": "2.0", "3": "3.0"},
    "LGPL": {"2": "2.0", "2.1": "2.1", "3": "3.0"},
}
# Where no version is said, the licence itself lets the user take any ever published.
GNU_ANY = {"AGPL": "3.0", "GFDL": "1.1", "GPL": "1.0", "LGPL": "2.0"}
_GNU_VERSION = re2.compile(
    rb"(?:version|v\.?|gpl|gpl-|gpl v|license,?|ver\.?)[ (]*(?:version |v\.?)?([123](?:\.[0-3])?)\b"
)
_VERSION_BEFORE = re2.compile(rb"version ([123](?:\.[0-3])?)[^.;]{0,60}of the (?:gnu )?\z")
_LATER = re2.compile(
    any_of(r"""
    any later|[0-9]\+|or-later|and (?:later|above|newer)|>=
    \bor[ ,(]*(?:at your (?:option|choice)[,)]*)? ?(?:any )?(?:later|newer|greater|above|higher)\b
""")
)
_CC_VERSION = re2.compile(rb"[1-4]\.0")

# Too much a word of other things to be a licence by itself; directly behind these words it is one.
_BARE = re.compile(rb"(?:mit|x11|isc|bsd|zlib|expat|mpl|ncsa|ftl|unlicense|artistic)\b[/\w-]*")
_BEFORE_BARE = re.compile(
    rb"(?:\b(?:under|license[ds]?|licenses?:|both|either|or|and|of|terms|is|as|dual)|[:=/,(|>&+-]|\A)"
    rb"[ \"'_\[(<]*(?:the |an? |new |modified )*[\"'_\[(<]*\Z"
)
_AFTER = re.compile(rb"[\"')\]_]*(?:[ -]+(?:software|public|open[- ]source|free|no attribution))*[ -]+license")
# "MIT-style" says what it is like, not what it is.
_LIKE = re.compile(rb"[\"')\]_]*[- ](?:style|like|type|variant|derivative|inspired)\b")
_GRANT = re2.compile(
    any_of(r"""
    \blicens(?:ed|ing)|\bunder\b|released|distribut|made available|subject to|governed|covered|terms of|applies
    license[\"'_ )\]]*(?:[:=|]|\bis\b|to use)|license-|@license|/licenses?/|see (?:the )?(?:gnu|license)
    free software|may (?:use|copy|obtain)|permission|dual|\bchoos|\bcopy(?:ing|left)\b|public~?domain
""")
)
# The sentence talks about a licence and grants nothing under it.
_ABOUT = re2.compile(
    any_of(r"""
    compatib|no longer|previously|formerly|used to be|contributor (?:license )?agreement|recommended|combine or link
""")
)
# What follows these words is another's licence, or none.
_BEFORE_OTHER = re2.compile(
    rb"(?:unlike|instead of|similar(?:ly)? to|linked (?:with|against)|(?:not|n't) use|other than|rather than"
    rb"|not (?:be )?(?:(?:licensed|released|distributed|covered) )?(?:under|by|in))\b.{0,60}\z"
)
# As written: LICENSE.APACHE, MIT-LICENSE.txt, but not LICENSE.txt, which says nothing about which.
_FILE = re.compile(
    rb"(?<![\w/.-])(?:[\w.-]{1,40}/){0,3}((?:(?:UN)?LICEN[SC]ES?|COPYING)[-_.](?!(?i:txt|md|rst|html?|markdown|text|org)\b)"
    rb"[A-Za-z0-9][\w+.-]{0,40}|[A-Z0-9][\w+.]{0,30}[-_]LICEN[SC]ES?(?:\.(?:txt|md|rst))?(?![\w-]))"
)
# Else it is the title of what stands below: "--- COPYING.libtabe ---".
_POINTS = re2.compile(rb"licen|gpl|\bsee\b|\bfiles?\b")
_URL = re.compile(rb"https?://\S+")


class Mention(NamedTuple):
    """A licence that a sentence names or a file it points to. `is_versioned` where the version is said too."""

    expression: str
    start: int
    end: int
    is_versioned: bool


def mentions(sentences: list[Sentence], *, is_source: bool) -> list[list[Mention]]:
    """For each sentence the licences it names and grants something under, else the licence files it points to.

    In a source file's comment a name alone does not count; in a licence file or a readme it does.
    """
    return [_mentions(sentences, number, is_source) for number in range(len(sentences))]


def _mentions(sentences: list[Sentence], number: int, is_source: bool) -> list[Mention]:
    text, small = sentences[number].text, sentences[number].small
    may_have_file = (b"LICEN" in text or b"COPYING" in text) and _POINTS.search(small)
    if not (may_have_file or _NAME.search(small)) or _ABOUT.search(small):
        return []
    is_grant = bool(_GRANT.search(small))
    files = list(islice(_FILE.finditer(text), MAX_NAMES)) if may_have_file and (is_grant or not is_source) else []
    for file in files:
        small = small[: file.start()] + b" " * len(file[0]) + small[file.end() :]
    if not is_grant and not is_source:
        is_grant = sentences[number].in_list or len(_URL.sub(b"", text)) <= TITLE_BYTES
    spans = (match.span() for match in islice(_NAME.finditer(small), MAX_NAMES))
    names = [(start, end) for start, end in spans if _counts(small, start, end, is_grant)]
    if not names:
        return [Mention(file_reference(file[1].decode().rstrip(".")), *file.span(), True) for file in files]
    # the version may stand in the next sentence, but another name's version is not this one's
    behind = b" ".join([b"", *(sentence.small for sentence in sentences[number + 1 : number + 3])])
    other = _NAME.search(behind)
    whole = small + (behind[: other.start()] if other else behind)
    rows = [_row(small[start:end]) for start, end in names]
    found = []
    for at, (start, end) in enumerate(names):
        after = (names[later][0] for later in range(at + 1, len(names)) if rows[later] != rows[at])
        window = whole[start : min(next(after, len(whole)), end + NOTICE_BYTES)]
        expression, is_versioned = _with_version(_IDS[rows[at]], small[start:end], small[:start], window)
        found.append(Mention(expression, start, end, is_versioned))
    return found


@lru_cache(REMEMBERED)
def _row(name: bytes) -> int:
    """Which row of the table calls a licence so."""
    match = _WHICH.fullmatch(name)
    row: int = match.lastindex - 1
    return row


def _counts(text: bytes, start: int, end: int, is_grant: bool) -> bool:
    """Whether the name at this place is a licence's, in a sentence that grants something or is its title."""
    name, before, after = text[start:end], text[max(start - 90, 0) : start], text[end : end + 60]
    if _LIKE.match(after) or _BEFORE_OTHER.search(before):
        return False
    is_called_license = b"license" in name or _AFTER.match(after)
    if not is_called_license and _BARE.fullmatch(name) and not _BEFORE_BARE.search(before):
        return False
    # a title in a comment is "The MIT License", but not "Lexer for CDDL"
    return is_grant or bool(is_called_license and len(text) < len(name) + TITLE_EXTRA_BYTES)


def _with_version(licence: str, name: bytes, before: bytes, window: bytes) -> tuple[str, bool]:
    """The licence with the version that is said, and whether one is: in the window from its name on, or before it."""
    is_versioned = any(48 <= byte <= 57 for byte in name)
    if licence in GNU_VERSIONS:
        version = _GNU_VERSION.search(window) or _VERSION_BEFORE.search(before[-100:])
        number = GNU_VERSIONS[licence].get(version[1].decode().removesuffix(".0")) if version else None
        is_later = number is None or _LATER.search(window)
        return f"{licence}-{number or GNU_ANY[licence]}-{'or-later' if is_later else 'only'}", number is not None
    if licence in ("CC-BY", "CC-BY-SA"):
        version = _CC_VERSION.search(window[: len(name) + 40])
        return f"{licence}-{version[0].decode() if version else '4.0'}", is_versioned
    return licence, is_versioned
