"""What a sentence makes of the licences it names: a choice between them, a restriction, an exception."""

import re
from itertools import pairwise

import re2

from filters.licenses.mentions import Mention
from filters.licenses.patterns import any_of
from filters.licenses.prose import Sentence

# "or" and "either" that offer no licence.
_NO_CHOICE = re.compile(
    rb"either (?:express(?:ed)?|implied|version)|express(?:ed)? or implied|and/or(?: modify| distribute| sell)"
    rb"|\bor,? ?\(?(?:at your (?:option|choice))?[),]* ?(?:any )?(?:later|newer|greater|above|higher)(?: version)?"
)
_CHOICE = re2.compile(
    any_of(r"""
    \beither\b|\bat your (?:own )?(?:option|choice|discretion)|\byour choice\b|of your (?:choice|choosing)|alternatively
    (?:dual|tri|triple|double|multi)[- ]*(?:ly)?[ -]*licens|any (?:one )?of the following
    (?:may|can) choose|choose (?:one|between|either|which)
""")
)
# A choice for each part is no choice.
_PARTS = re2.compile(
    any_of(r"""
    respectively|depending|various|except|\bparts?\b|portions?|each (?:file|part)|some (?:files|of|functions)
    \bfiles? (?:are|is|in|may|under|follow)|to the (?:following )?files|\bexamples?\b|documentation\b|other code
""")
)
_OR = re.compile(
    rb"[^.;]{0,100}\bor\b[^a-z]*(?:(?:under|the|terms|of|a|either|gnu|new|modified|simplified|revised|http|www|at)\b[^a-z]*)*\Z"
)
_SLASH = re.compile(rb"(?: ?v?[0-9.]{0,4}\+?)? ?(?:/|\|\|?) ?\Z")
_AND = re.compile(rb"\band\b|\bplus\b|&")

# Who may use it, for what, and against what pay.
_RESTRICTION = re2.compile(
    any_of(r"""
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
""")
)
# Each of them has one of these, which are found thirty times as fast.
_WORDS = any_of(r"""
    commons clause|proprietary|confidential|closed~source|source~available|not open~source|not licensed|unauthori[sz]ed
    commercial|(?:use|purposes?) only|(?:only|solely) for|train|machine~learning|artificial intell|\b(?:ai|llms?|ml)\b
    not (?:be )?(?:sell|sold|re-?sell|re-?sold|rent|redistribut)|not for (?:re-?)?sale|no re-?distribution
    additional (?:restriction|condition)|military|ethical|no (?:license|permission|rights?)
""")
_WORD = re2.compile(_WORDS)
# Of a source file's comments only those that speak of rights restrict: a "proprietary format" does not.
_RIGHTS = rb"license|copyright|\brights?\b|confidential|permi|unauthori|prohibit|clause"
_RIGHT = re2.compile(_RIGHTS)
_SAME_SENTENCE = rb"(?:[^.]|\.[^ \n]|\b(?:v|ver|inc|no|etc|e\.g|i\.e)\.[ \n])*"
# What every restriction in a source file's comments has, before they are cut into sentences.
RESTRICTION_IN_SOURCE = b"(?:%b)%b(?:%b)|(?:%b)%b(?:%b)" % (
    *(_RIGHTS, _SAME_SENTENCE, _WORDS),
    *(_WORDS, _SAME_SENTENCE, _RIGHTS),
)
_UNRESTRICTED = re2.compile(
    any_of(r"""
    commercial,? (?:and|or|and/or|/|as well as) (?:for )?non-?commercial|for any purpose
    non-?commercial,? (?:and|or|and/or|/|as well as) (?:for )?commercial
    (?:in|with|for|or|and|into|of|many|other|including|if it is) (?:[\w-]+ ){0,2}proprietary
    proprietary (?:software|application|product|project|program|format|derivative)
    (?:no|without|any) (?:[\w-]+ ){0,2}additional (?:restriction|condition)|licenseref-[a-z0-9.-]+
""")
)
# In whose words an exception is granted, which one, and what the ids contain that it can belong to.
_EXCEPTIONS = (
    (rb"llvm exceptions? to the apache", "LLVM-exception", "Apache"),
    (rb"unlimited permission to link the compiled version of this (?:file|library)", "GCC-exception-2.0", "GPL"),
    (rb"gcc runtime library exception", "GCC-exception-3.1", "GPL"),
    (rb"classpath[\" ]+exception|modules to produce an executable", "Classpath-exception-2.0", "GPL"),
    (rb"user programs that use kernel services by normal system calls", "Linux-syscall-note", "GPL"),
    (rb"bison parser skeleton", "Bison-exception-2.2", "GPL"),
    (rb"configure script generated by autoconf", "Autoconf-exception-generic", "GPL"),
    (rb"font exception|embeds? this font", "Font-exception-2.0", "GPL"),
)
_ANY_EXCEPTION = re2.compile(b"|".join(words for words, _, _ in _EXCEPTIONS))


def is_choice(sentence: Sentence, found: list[Mention]) -> bool:
    """Whether the sentence lets the reader choose: by a word of choice, or by "or" or "/" between the names.

    Not where each is for a part of the work, and not where "and" joins some of the names and "or" others.
    """
    text = _NO_CHOICE.sub(lambda match: b" " * len(match[0]), sentence.small)
    # "this file is" speaks of all of it
    if _PARTS.search(text.replace(b"this file", b"this work")):
        return False
    between = [text[one.end : other.start] for one, other in pairwise(found)]
    has_or = [bool(_OR.match(words) or _SLASH.match(words)) for words in between]
    has_and = any(_AND.search(words) and not joined for words, joined in zip(between, has_or, strict=True))
    return not has_and if any(has_or) else bool(_CHOICE.search(text))


def is_restricted(sentence: Sentence, *, is_source: bool) -> bool:
    """Whether the sentence takes back what a permissive licence gives.

    In a source file's comment only where it speaks of rights: code has "proprietary formats" too.
    """
    text = sentence.small
    if not _WORD.search(text) or not _RESTRICTION.search(text) or (is_source and not _RIGHT.search(text)):
        return False
    return bool(_RESTRICTION.search(_UNRESTRICTED.sub(b"", text)))


def exceptions(sentences: list[Sentence]) -> list[tuple[str, str]]:
    """SPDX's exceptions in these sentences, each with how the ids begin that it belongs to."""
    text = b" ".join(sentence.small for sentence in sentences)
    if not _ANY_EXCEPTION.search(text):
        return []
    return [(name, family) for words, name, family in _EXCEPTIONS if re2.search(words, text)]
