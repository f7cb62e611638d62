"""Words that name a licence, choose between several, or restrict: what a text says where it is no licence in full.

Everything is read sentence by sentence. A name counts where the sentence grants something under it; a choice counts
only inside one sentence, or in the list directly behind it. Patterns see small letters, and "licence" as "license".
"""

import re
from itertools import islice, pairwise
from typing import Any, NamedTuple

import re2

from filters.licenses.classes import FAMILY
from filters.licenses.expressions import UNKNOWN, file_reference, parse
from filters.licenses.prose import Sentence

# How far behind a name its version and "any later version" may stand.
NOTICE_BYTES = 330
# More names stand in no sentence.
MAX_NAMES = 50
# "BSD license" without a number: which of them, only a text in the same file says.
SOME_BSD, PUBLIC_DOMAIN = f"{FAMILY}BSD", f"{FAMILY}public-domain"
# A sentence that is a title: "The MIT License (MIT)"; in a comment nearly nothing but the name.
TITLE_BYTES, TITLE_EXTRA_BYTES = 90, 30
Match = Any  # of re or re2


class Mention(NamedTuple):
    """A licence that a sentence names or a file it points to. `is_versioned` where the version is said too."""

    expression: str
    start: int
    end: int
    is_versioned: bool


def _any_of(patterns: str) -> str:
    """One pattern a line. `#` is what stands before a version, `%` a version without a space, `~` what joins words."""
    lines = (line.strip() for line in patterns.splitlines())
    pattern = "|".join(line for line in lines if line).replace("~", "[- ]").replace("%", r"(?:v?\.?[0-9][0-9.]*)?")
    return pattern.replace("#", r"[ ,(-]*(?:version|ver\.?|v\.?)?[ -]*")


# What a licence is called, and its id; the first that fits at a place counts.
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
_NAMES = [tuple(line.split("  ", 1)) for line in _TABLE.strip().splitlines()]
# RE2 takes all of them in one pass.
_NAME = re2.compile(rf"\b(?:{'|'.join(f'({_any_of(pattern)})' for _, pattern in _NAMES)})s?\b".encode())
# What a sentence has that names a licence or the file of one; most have none of it.
_NAME_HINTS = tuple(
    b"licen public gpl gfdl mit x11 expat bsd apache asl al2 mpl epl eupl cddl afl osl artistic perl cc creative"
    b" attribution isc wtfpl zlib bsl psf ftl ofl ncsa zpl ms-pl mulan busl sspl rail polyform llama".split()
)


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
    _any_of(r"""
    \blicens(?:ed|ing)|\bunder\b|released|distribut|made available|subject to|governed|covered|terms of|applies
    license[\"'_ )\]]*(?:[:=|]|\bis\b|to use)|license-|@license|/licenses?/|see (?:the )?(?:gnu|license)
    free software|may (?:use|copy|obtain)|permission|dual|\bchoos|\bcopy(?:ing|left)\b|public~?domain
""").encode()
)
# The sentence talks about a licence and grants nothing under it.
_ABOUT = re2.compile(
    _any_of(r"""
    compatib|no longer|previously|formerly|used to be|contributor (?:license )?agreement|recommended|combine or link
""").encode()
)
# What follows these words is another's licence, or none.
_BEFORE_OTHER = re2.compile(
    rb"(?:unlike|instead of|similar(?:ly)? to|linked (?:with|against)|(?:not|n't) use|other than|rather than"
    rb"|not (?:be )?(?:(?:licensed|released|distributed|covered) )?(?:under|by|in))\b.{0,60}\z"
)

_LATER = re2.compile(
    _any_of(r"""
    any later|[0-9]\+|or-later|and (?:later|above|newer)|>=
    \bor[ ,(]*(?:at your (?:option|choice)[,)]*)? ?(?:any )?(?:later|newer|greater|above|higher)\b
""").encode()
)
_GNU_VERSION = re2.compile(
    rb"(?:version|v\.?|gpl|gpl-|gpl v|license,?|ver\.?)[ (]*(?:version |v\.?)?([123](?:\.[0-3])?)\b"
)
_VERSION_BEFORE = re2.compile(rb"version ([123](?:\.[0-3])?)[^.;]{0,60}of the (?:gnu )?\z")
_CC_VERSION = re2.compile(rb"[1-4]\.0")
GNU_VERSIONS = {
    "AGPL": {"1": "1.0", "3": "3.0"},
    "GFDL": {"1.1": "1.1", "1.2": "1.2", "1.3": "1.3"},
    "GPL": {"1": "1.0", "2": "2.0", "3": "3.0"},
    "LGPL": {"2": "2.0", "2.1": "2.1", "3": "3.0"},
}
# Where no version is said, the licence itself lets the user take any ever published.
GNU_ANY = {"AGPL": "3.0", "GFDL": "1.1", "GPL": "1.0", "LGPL": "2.0"}

# In whose words an exception is granted, which one, and what the ids contain that it can belong to.
_EXCEPTIONS = (
    (re2.compile(rb"llvm exceptions? to the apache"), "LLVM-exception", "Apache"),
    (
        re2.compile(rb"unlimited permission to link the compiled version of this (?:file|library)"),
        "GCC-exception-2.0",
        "GPL",
    ),
    (re2.compile(rb"gcc runtime library exception"), "GCC-exception-3.1", "GPL"),
    (re2.compile(rb"classpath[\" ]+exception|modules to produce an executable"), "Classpath-exception-2.0", "GPL"),
    (re2.compile(rb"user programs that use kernel services by normal system calls"), "Linux-syscall-note", "GPL"),
    (re2.compile(rb"bison parser skeleton"), "Bison-exception-2.2", "GPL"),
    (re2.compile(rb"configure script generated by autoconf"), "Autoconf-exception-generic", "GPL"),
    (re2.compile(rb"font exception|embeds? this font"), "Font-exception-2.0", "GPL"),
)

# "or" and "either" that offer no licence.
_NO_CHOICE = re.compile(
    rb"either (?:express(?:ed)?|implied|version)|express(?:ed)? or implied|and/or(?: modify| distribute| sell)"
    rb"|\bor,? ?\(?(?:at your (?:option|choice))?[),]* ?(?:any )?(?:later|newer|greater|above|higher)(?: version)?"
)
_CHOICE = re2.compile(
    _any_of(r"""
    \beither\b|\bat your (?:own )?(?:option|choice|discretion)|\byour choice\b|of your (?:choice|choosing)|alternatively
    (?:dual|tri|triple|double|multi)[- ]*(?:ly)?[ -]*licens|any (?:one )?of the following
    (?:may|can) choose|choose (?:one|between|either|which)
""").encode()
)
# A choice for each part is no choice.
_PARTS = re2.compile(
    _any_of(r"""
    respectively|depending|various|except|\bparts?\b|portions?|each (?:file|part)|some (?:files|of|functions)
    \bfiles? (?:are|is|in|may|under|follow)|to the (?:following )?files|\bexamples?\b|documentation\b|other code
""").encode()
)
_OR = re.compile(
    rb"[^.;]{0,100}\bor\b[^a-z]*(?:(?:under|the|terms|of|a|either|gnu|new|modified|simplified|revised|http|www|at)\b[^a-z]*)*\Z"
)
_SLASH = re.compile(rb"(?: ?v?[0-9.]{0,4}\+?)? ?(?:/|\|\|?) ?\Z")
_AND = re.compile(rb"\band\b|\bplus\b|&")
# As written: LICENSE.APACHE, MIT-LICENSE.txt, but not LICENSE.txt, which says nothing about which.
_FILE = re.compile(
    rb"(?<![\w/.-])(?:[\w.-]{1,40}/){0,3}((?:(?:UN)?LICEN[SC]ES?|COPYING)[-_.](?!(?i:txt|md|rst|html?|markdown|text|org)\b)"
    rb"[A-Za-z0-9][\w+.-]{0,40}|[A-Z0-9][\w+.]{0,30}[-_]LICEN[SC]ES?(?:\.(?:txt|md|rst))?(?![\w-]))"
)

# Who may use it, for what, and against what pay.
_RESTRICTION = re2.compile(
    _any_of(r"""
    commons clause|\bproprietary\b|\bconfidential\b|closed~source|source~available|not open~source|not licensed
    unauthori[sz]ed (?:copying|use|reproduction|distribution|modification)
    non-?commercial|no commercial use|not (?:for|be used for|permitted for) (?:any )?commercial|commercial license
    (?:personal|internal|educational|academic|research|evaluation|private|testing)[\w ,/-]{0,40} (?:use|purposes?) only
    (?:only|solely) for (?:[\w-]+ ){0,3}(?:personal|internal|educational|academic|research|evaluation|private|non)
    commercial (?:use|purpose|usage|product)[^.;]{0,80}(?:require|prohibit|forbid|not |contact|purchase|obtain|govern)
    (?:purchase|buy|obtain|requires?|need|under|or|separate|sell|offer)[^.;]{0,40} commercial (?:[\w-]+ )?terms
    (?:not|prohibit\w*|forbid\w*|without|except|exclu\w+|no)\b[^.;]{0,120}(?:train|machine~learning|artificial intell)
    (?:not|prohibit\w*|forbid\w*|without|except|exclu\w+|no)\b[^.;]{0,120}\b(?:ai|llms?|ml)\b
    (?:train|machine~learning|artificial intell|\bai\b)[^.;]{0,120}(?:prohibit|forbid|not (?:allow|permit|grant))
    (?:may|must|shall|can|do) ?not (?:be )?(?:sell|sold|re-?sell|re-?sold|rent|redistribut)|not for (?:re-?)?sale
    no re-?distribution|additional (?:restriction|condition)s?|military|ethical
    no (?:license|permission|rights?)[\w, ]{0,40} (?:is|are) (?:hereby )?(?:granted|given)
""").encode()
)
_UNRESTRICTED = re2.compile(
    _any_of(r"""
    commercial,? (?:and|or|and/or|/|as well as) (?:for )?non-?commercial|for any purpose
    non-?commercial,? (?:and|or|and/or|/|as well as) (?:for )?commercial
    (?:in|with|for|or|and|into|of|many|other) (?:[\w-]+ ){0,2}proprietary
    proprietary (?:software|application|product|project|program|format|derivative)
    (?:no|without|any) (?:[\w-]+ ){0,2}additional (?:restriction|condition)
""").encode()
)
# Of a source file's comments only those that speak of rights restrict: a "proprietary format" does not.
_RIGHTS = re2.compile(rb"license|copyright|\brights?\b|confidential|permi|unauthori|prohibit|clause")

_SUBJECT = re.compile(rb"\W*([\w@./ '-]{1,60}?) (?:is|are|was|were|comes?) ")
_OWN = set(
    b"this the it its all our we you i code source software project library package program repository repo everything"
    b" license licensed released distributed copyright unless except work content both".split()
)
_OTHER = re.compile(
    rb"\b(?:bundl|includ|incorporat|depend|third[- ]part|(?:icons?|fonts?|logo|images?|uses|contains|thanks)\b)"
)
_URL = re.compile(rb"https?://\S+")

_TAG = re.compile(rb"SPDX-License-Identifier:[ \t]*([^\r\n]{1,500})", re.IGNORECASE)
_TAG_PREFIX = re.compile(rb"(?i)[^\w'`=]{0,20}(?:(?:dnl|rem|c|r?\"\"\"|r?'''|(?:spdx_)?comment)[^\w\"'`=]{0,10})?\Z")
_TAG_END = re.compile(rb"\*/|-->|--%>|#\}|\*\)|-\}|%\}|\*\}|\?>|\"\"\"|'''|\\n")
_EXPRESSION = re.compile(r"[\w.+():/ -]+")


def tags(text: bytes) -> list[Mention]:
    """The expression of each `SPDX-License-Identifier:` in a comment; UNKNOWN for what is no expression.

    A line that quotes it, as a string of a program does, is none.
    """
    found = []
    for match in _TAG.finditer(text):
        line = max(text.rfind(b"\n", 0, match.start()) + 1, match.start() - 60)
        value = _TAG_END.split(match[1], maxsplit=1)[0].decode("utf-8", "replace").strip(" \t*/#;-")
        if _TAG_PREFIX.fullmatch(text[line : match.start()]) and _EXPRESSION.fullmatch(value):
            # the closing bracket may be the comment's; what stands behind an id may be a remark
            expression = parse(value) or parse(value.rstrip(") ")) or parse(value.split()[0]) or UNKNOWN
            found.append(Mention(expression, match.start(), match.end(), True))
    return found


def mentions(sentences: list[Sentence], *, is_source: bool) -> list[list[Mention]]:
    """For each sentence the licences it names and grants something under, else the licence files it points to.

    In a source file's comment a name alone does not count; in a licence file or a readme it does.
    """
    return [_mentions(sentences, number, is_source) for number in range(len(sentences))]


def _mentions(sentences: list[Sentence], number: int, is_source: bool) -> list[Mention]:
    text = sentences[number].text
    lower = _small(text)
    if not any(hint in lower for hint in _NAME_HINTS) or _ABOUT.search(lower):
        return []
    is_grant = bool(_GRANT.search(lower))
    has_file = (b"LICEN" in text or b"COPYING" in text) and (is_grant or not is_source)
    files = list(islice(_FILE.finditer(text), MAX_NAMES)) if has_file else []
    for file in files:
        lower = lower[: file.start()] + b" " * len(file[0]) + lower[file.end() :]
    if not is_grant and not is_source:
        is_grant = sentences[number].in_list or len(_URL.sub(b"", text)) <= TITLE_BYTES
    names = [match for match in islice(_NAME.finditer(lower), MAX_NAMES) if _counts(lower, match, is_grant)]
    if not names:
        return [Mention(file_reference(file[1].decode().rstrip(".")), *file.span(), True) for file in files]
    # the version may stand in the next sentence, but another name's version is not this one's
    behind = _small(b" ".join([b"", *(sentence.text for sentence in sentences[number + 1 : number + 3])]))
    other = _NAME.search(behind)
    whole = lower + (behind[: other.start()] if other else behind)
    ends = [
        next((after.start() for after in names[place:] if after.lastindex != name.lastindex), len(whole))
        for place, name in enumerate(names)
    ]
    return [_mention(lower, name, whole[name.start() : end]) for name, end in zip(names, ends, strict=True)]


def _small(text: bytes) -> bytes:
    return text.lower().replace(b"licence", b"license")


def _counts(text: bytes, name: Match, is_grant: bool) -> bool:
    """Whether the name is a licence's, in a sentence that grants something or is its title."""
    before, after = text[max(name.start() - 90, 0) : name.start()], text[name.end() : name.end() + 60]
    if _LIKE.match(after) or _BEFORE_OTHER.search(before):
        return False
    is_called_license = b"license" in name[0] or _AFTER.match(after)
    if not is_called_license and _BARE.fullmatch(name[0]) and not _BEFORE_BARE.search(before):
        return False
    # a title in a comment is "The MIT License", but not "Lexer for CDDL"
    return is_grant or bool(is_called_license and len(text) < len(name[0]) + TITLE_EXTRA_BYTES)


def _mention(text: bytes, match: Match, window: bytes) -> Mention:
    name = _NAMES[match.lastindex - 1][0]
    window = window[: len(match[0]) + NOTICE_BYTES]
    is_versioned = any(48 <= byte <= 57 for byte in match[0])
    if name in GNU_VERSIONS:
        version = _GNU_VERSION.search(window) or _VERSION_BEFORE.search(
            text[max(match.start() - 100, 0) : match.start()]
        )
        number = GNU_VERSIONS[name].get(version[1].decode().removesuffix(".0")) if version else None
        is_later = number is None or _LATER.search(window)
        name = f"{name}-{number or GNU_ANY[name]}-{'or-later' if is_later else 'only'}"
        is_versioned = number is not None
    elif name in ("CC-BY", "CC-BY-SA"):
        version = _CC_VERSION.search(window[: len(match[0]) + 40])
        name = f"{name}-{version[0].decode() if version else '4.0'}"
    return Mention(name, match.start(), match.end(), is_versioned)


def is_choice(sentence: Sentence, found: list[Mention]) -> bool:
    """Whether the sentence lets the reader choose: by a word of choice, or by "or" or "/" between the names.

    Not where each is for a part of the work, and not where "and" joins some of the names and "or" others.
    """
    text = _NO_CHOICE.sub(lambda match: b" " * len(match[0]), _small(sentence.text))
    if _PARTS.search(text):
        return False
    between = [text[one.end : other.start] for one, other in pairwise(found)]
    has_or = [bool(_OR.match(words) or _SLASH.match(words)) for words in between]
    has_and = any(_AND.search(words) and not joined for words, joined in zip(between, has_or, strict=True))
    return not has_and if any(has_or) else bool(_CHOICE.search(text))


def is_restricted(sentence: Sentence, *, is_source: bool) -> bool:
    """Whether the sentence takes back what a permissive licence gives.

    In a source file's comment only where it speaks of rights: code has "proprietary formats" too.
    """
    text = _small(sentence.text)
    if not _RESTRICTION.search(text) or (is_source and not _RIGHTS.search(text)):
        return False
    return bool(_RESTRICTION.search(_UNRESTRICTED.sub(b"", text)))


def is_of_other(sentence: Sentence, title: bytes) -> bool:
    """Whether a readme's sentence is about something else than the project, of which this is the title."""
    text = _small(sentence.text)
    subject = _SUBJECT.match(text)
    is_other = subject and set(_words(subject[1])).isdisjoint(_OWN.union(_words(title)))
    return bool(is_other or _OTHER.search(text))


def _words(text: bytes) -> list[bytes]:
    return re.findall(rb"[a-z0-9]+", text.lower())


def exceptions(sentences: list[Sentence]) -> list[tuple[str, str]]:
    """SPDX's exceptions in these sentences, each with how the ids begin that it belongs to."""
    text = _small(b" ".join(sentence.text for sentence in sentences))
    return [(name, family) for words, name, family in _EXCEPTIONS if words.search(text)]
