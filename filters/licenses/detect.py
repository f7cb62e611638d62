"""What one file says about licences: tags first, then licences in full, then notices and names in what is left."""

import re
from collections.abc import Iterator
from typing import Literal

from filters.licenses import notices, texts
from filters.licenses.classes import license_type
from filters.licenses.evidence import Evidence, Found
from filters.licenses.expressions import UNKNOWN, combine, ids, parse
from filters.licenses.metadata import read_metadata
from filters.licenses.names import DOCUMENT_SUFFIXES, license_kind, spdx_id_of
from filters.licenses.notices import PUBLIC_DOMAIN, SOME_BSD, Mention
from filters.licenses.prose import Sentence, comments, license_part, sentences, title

HEAD_BYTES = 6_000
# The largest licence of SPDX has 70 kB; files with the licences of everything a program is linked with have more.
MAX_BYTES = 262_144
# Four of five source files have none of these in their head, and cost nothing more.
HINTS = (
    b"licen",
    b"spdx-",
    b"redistribut",
    b"permission",
    b"public domain",
    b"proprietary",
    b"unauthori",
)
# Fewer words than a licence can have: "Zope Foundation and Contributors", "TODO: add license".
MIN_LICENSE_WORDS = 12
_LICENSE_WORDS = re.compile(rb"(?i)licen[sc]e|permi(?:ssion|t)|\brights\b|agree|\bterms\b|grant|copyright")
MAX_CHOICE = 3
# A name in a sentence, and a name that is nearly all there is.
NOTICE_SCORE, NAME_SCORE, NAME_BYTES = 0.8, 0.5, 30
# The shortest licence with instructions at its end, the LGPL 3, has 900 5-grams.
LONG_SHINGLES = 900
GNU = {"AGPL", "GFDL", "GPL", "LGPL"}
# What people call by these names has many texts, and they are taken for each other.
FAMILIES = dict.fromkeys(("X11", "X11-distribute-modifications-variant", "curl", "HPND", "NTP", "ICU"), "MIT")
FAMILIES |= dict.fromkeys(("MIT-CMU", "MIT-Modern-Variant", "MIT-feh", "MIT-enna", "MIT-open-group"), "MIT")
FAMILIES |= {"PSF": "Python", "CNRI-Python": "Python"}
DEDICATIONS = {"CC0-1.0", "Unlicense"}
ONE_MEANING = {"MIT", "BSD", "Python"}

Where = Literal["license", "readme", "source", "document"]


def detect(path: str, text: bytes) -> Found | None:
    """The licences that the file states, None where it states none and so has its repository's.

    `text` is UTF-8. Licence files and readmes count up to 256 kB, of anything else only comments in the first 6,000
    bytes. Several are joined by AND, by OR only where one sentence offers the choice.
    """
    kind = license_kind(path)
    if kind == "header":
        return _in_head(path, text[:HEAD_BYTES])
    text = text[:MAX_BYTES]
    if kind == "metadata":
        found = read_metadata(path, text)
        return found if found or not path.endswith("debian/copyright") else _in_licence_file(None, text)
    if kind == "readme":
        return _read(license_part(text), "readme", title(text))
    return _in_licence_file(spdx_id_of(path), text)


def _in_head(path: str, head: bytes) -> Found | None:
    """Of a source file what its comments say. Of a document tags and whole licences: it writes about many things."""
    lower = head.lower()
    if not any(hint in lower for hint in HINTS):
        return None
    text = comments(head)
    is_document = path.rpartition(".")[2].lower() in DOCUMENT_SUFFIXES
    return _tagged(text) or _read(*((head, "document") if is_document else (text, "source")))


def _tagged(text: bytes) -> Found | None:
    tags = [(tag.expression, _line(text, tag.start)) for tag in notices.tags(text)]
    evidence = [Evidence(expression, "tag", 1.0, line, line) for expression, line in tags]
    return Found(combine("AND", [each.expression for each in evidence]), tuple(evidence)) if evidence else None


def _in_licence_file(named: str | None, text: bytes) -> Found | None:
    """A tag or REUSE's file name says it better than the text, where it is the text's licence.

    UNKNOWN for what has enough words to be a licence, and is none that is known.
    """
    found = _read(text, "license")
    stated = Found(named, (Evidence(named, "name", 1.0, 1, 1),)) if named else _tagged(text[:HEAD_BYTES])
    if not stated and not found and len(text.split()) >= MIN_LICENSE_WORDS and _LICENSE_WORDS.search(text):
        return Found(UNKNOWN, (Evidence(UNKNOWN, "notice", NAME_SCORE, 1, _line(text, len(text.rstrip()))),))
    if not stated or not found:
        return stated or found
    bases = {_base(name) for name in ids(stated.expression)}
    more = [each.expression for each in found.evidence if not bases.issuperset(map(_base, ids(each.expression)))]
    return Found(combine("AND", [stated.expression, *more]), stated.evidence + found.evidence)


def _read(text: bytes, where: Where, project: bytes = b"") -> Found | None:
    """What the text says as a whole: its licences in full, and of the sentences outside of them the rest."""
    licences = texts.match(text)
    is_source = where == "source"
    left = [] if where == "document" else _sentences_outside(text, licences, is_source)
    if where == "readme":
        left = [sentence for sentence in left if not notices.is_of_other(sentence, project)]
    full = {licence.license_id: licence.license_id for licence in licences}
    named = notices.mentions(left, is_source=is_source)
    stated = _resolve(named, full)
    for sentence, names in zip(left, stated, strict=True):
        names += [UNKNOWN] * notices.is_restricted(sentence, is_source=is_source)
    choices = _choices(left, named, stated, licences[0].spans[0][0] if licences else len(text))
    offered = {name for _, names in choices for name in names} - {UNKNOWN}
    decided = {number for numbers, _ in choices for number in numbers}

    evidence = [_of_text(text, licence, full[licence.license_id]) for licence in licences]
    parts = [(licence.spans[0][0], full[licence.license_id]) for licence in licences]
    parts = [part for part in parts if part[1] not in offered]
    parts += [(left[numbers[0]].start, combine("OR", names)) for numbers, names in choices]
    for number, (sentence, names) in enumerate(zip(left, stated, strict=True)):
        for name in names:
            if name != SOME_BSD or not is_source:
                evidence.append(_of_sentence(name, sentence))
                parts += [(sentence.start, name)] * (number not in decided and name not in offered)
    if not parts:
        return None
    if len(full) == texts.MAX_LICENCES or len(licences) == texts.MAX_COPIES:
        parts.append((len(text), UNKNOWN))  # there may be more
    ordered = dict.fromkeys(name for _, name in sorted(parts, key=lambda part: part[0]))
    first = {each.expression: each for each in reversed(evidence)}
    kept = tuple(each for each in evidence if first[each.expression] is each)
    return Found(combine("AND", _with_exceptions(list(ordered), left)), kept)


def _sentences_outside(text: bytes, licences: list[texts.Match], is_source: bool) -> list[Sentence]:
    """The sentences that are no licence's; not those behind a long one that is not permissive.

    The instructions at the end of the GPL and the MPL name other licences, and nothing there makes a file permissive.
    """
    long = (
        licence.spans[0][0]
        for licence in licences
        if licence.shingles >= LONG_SHINGLES and license_type(licence.license_id) != "permissive"
    )
    end = min(long, default=len(text))
    gaps = ((first, min(last, end)) for first, last in _gaps(text, licences) if first < end)
    return [sentence for first, last in gaps for sentence in sentences(text, first, last, is_source=is_source)]


def _gaps(text: bytes, licences: list[texts.Match]) -> Iterator[tuple[int, int]]:
    """What no licence in full covers."""
    place = 0
    for start, end in sorted(span for licence in licences for span in licence.spans):
        if start > place:
            yield place, start
        place = max(place, end)
    yield place, len(text)


def _resolve(named: list[list[Mention]], full: dict[str, str]) -> list[list[str]]:
    """For each sentence what its names mean beside each other and the licences in full.

    "GPL" is the GPL whose version is said elsewhere, "BSD" the one whose text stands there. A notice with "any later
    version" widens the text: `full` is changed.
    """
    known = [*full, *(mention.expression for mentions in named for mention in mentions if mention.is_versioned)]
    resolved = []
    for mentions in named:
        names = []
        for mention in mentions:
            name = _meaning(mention, known)
            if name in full and _base(name) == _base(mention.expression) and mention.is_versioned:
                full[name] = mention.expression
            names.append(name)
        resolved.append(names)
    return [list(dict.fromkeys(full.get(name, name) for name in names if name)) for names in resolved]


def _meaning(mention: Mention, known: list[str]) -> str | None:
    """The known licence that is meant, else what the mention says; None where that adds nothing to what is known."""
    if mention.expression == PUBLIC_DOMAIN and not DEDICATIONS.isdisjoint(known):
        return None
    family = _family(mention.expression)
    same = [name for name in known if _family(name) == family]
    exact = next((name for name in same if _base(name) == _base(mention.expression)), None)
    if exact or not same or (mention.is_versioned and family not in ONE_MEANING):
        is_vague = family in GNU and not mention.is_versioned and not same
        return None if is_vague and any(_family(name) in GNU for name in known) else exact or mention.expression
    return same[0]


def _base(name: str) -> str:
    return name.removesuffix("-only").removesuffix("-or-later")


def _family(name: str) -> str:
    """The name without its version; the many texts that people call MIT, BSD or Python are one family each."""
    family = re.split(r"-\d", name, maxsplit=1)[0]
    return "BSD" if "BSD" in name else FAMILIES.get(family, family)


def _choices(
    left: list[Sentence], named: list[list[Mention]], stated: list[list[str]], end: int
) -> list[tuple[range, list[str]]]:
    """The two or three licences of each choice before `end`, and its sentences: one, or one with the list behind it.

    A choice with something unknown is none where it would be permissive: what is offered for pay may be all there is.
    """
    found = []
    for number, sentence in enumerate(left):
        is_list = number + 1 < len(left) and left[number + 1].in_list
        if sentence.start >= end or not (stated[number] or is_list):
            continue
        if not notices.is_choice(sentence, named[number]):
            continue
        after = number + 1
        while len(stated[number]) < 2 and after < len(left) and left[after].in_list:
            after += 1
        numbers = range(number, after)
        names = list(dict.fromkeys(name for each in numbers for name in stated[each]))
        is_open = UNKNOWN not in names or license_type(combine("OR", names)) != "permissive"
        if 2 <= len(names) <= MAX_CHOICE and is_open:
            found.append((numbers, names))
    return found


def _with_exceptions(expressions: list[str], left: list[Sentence]) -> list[str]:
    """The exception that a sentence grants, at the first licence it can belong to."""
    for exception, family in notices.exceptions(left):
        for number, expression in enumerate(expressions):
            if family in expression and (joined := parse(f"{expression} WITH {exception}")):
                expressions = [*expressions[:number], joined, *expressions[number + 1 :]]
                break
    return expressions


def _of_text(text: bytes, licence: texts.Match, name: str) -> Evidence:
    first, last = licence.spans[0][0], licence.spans[-1][1]
    return Evidence(name, "text", round(licence.score, 3), _line(text, first), _line(text, last))


def _of_sentence(name: str, sentence: Sentence) -> Evidence:
    score = NAME_SCORE if len(sentence.text) <= NAME_BYTES else NOTICE_SCORE
    return Evidence(name, "notice", score, sentence.first_line, sentence.last_line)


def _line(text: bytes, place: int) -> int:
    return text.count(b"\n", 0, place) + 1
