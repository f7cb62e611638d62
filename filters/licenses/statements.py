"""What a text says about licences as a whole: those that stand there in full, and those that its sentences name.

Only sentences outside of licences in full count. Several licences are a sum, and a choice only where one sentence says
so before the first licence in full; what takes a permissive licence back, or is a licence and not known, is UNKNOWN.
"""

import re
from collections.abc import Iterator
from itertools import islice

from filters.licenses import notices, texts
from filters.licenses.aliases import named
from filters.licenses.classes import license_type
from filters.licenses.comments import HEAD_BYTES
from filters.licenses.evidence import Evidence, Found
from filters.licenses.expressions import FILE, UNKNOWN, combine, ids, parse
from filters.licenses.families import GNU, ONE_MEANING, PUBLIC_DOMAIN, SOME_BSD, base, family
from filters.licenses.mentions import Mention, mentions
from filters.licenses.prose import MAX_SENTENCES, Sentence, sentences
from filters.licenses.readmes import is_of_other
from filters.licenses.tags import tags

# The largest licence of SPDX has 70 kB; files with the licences of everything a program is linked with have more.
MAX_BYTES = 262_144
# Fewer words than a licence can have: "Zope Foundation and Contributors", "TODO: add license".
MIN_LICENSE_WORDS = 12
_LICENSE_WORDS = re.compile(rb"(?i)licen[sc]e|permi(?:ssion|t)|\brights\b|agree|\bterms\b|grant|copyright")
MAX_CHOICE = 3
# A name in a sentence, and a name that is nearly all there is.
NOTICE_SCORE, NAME_SCORE, NAME_BYTES = 0.8, 0.5, 30
# The shortest licence with instructions at its end, the LGPL 3, has 900 5-grams.
LONG_SHINGLES = 900
DEDICATIONS = {"CC0-1.0", "Unlicense"}

# Numbers of the sentences that offer a choice, and what they offer.
Choice = tuple[range, list[str]]


def read_license(text: bytes, stated: Found | None = None) -> Found | None:
    """What a licence file says. UNKNOWN for what has enough words to be one, and is none that is known.

    `stated` is what the file's name says. A tag says it too, and both say it better than the text. Counts up to 256 kB.
    """
    text = text[:MAX_BYTES]
    found = read(text)
    stated = stated or read_tags(text[:HEAD_BYTES])
    if not stated and not found and len(text.split()) >= MIN_LICENSE_WORDS and _LICENSE_WORDS.search(text):
        return Found(UNKNOWN, (Evidence(UNKNOWN, "notice", NAME_SCORE, 1, _line(text, len(text.rstrip()))),))
    if not stated or not found:
        return stated or found
    bases = {base(name) for name in ids(stated.expression)}
    more = [each.expression for each in found.evidence if not bases.issuperset(map(base, ids(each.expression)))]
    return Found(combine("AND", [stated.expression, *more]), stated.evidence + found.evidence)


def read_tags(text: bytes) -> Found | None:
    """What the text's SPDX-License-Identifier tags say in sum."""
    found = [(expression, _line(text, place)) for expression, place in tags(text)]
    evidence = tuple(Evidence(expression, "tag", 1.0, line, line) for expression, line in found)
    return Found(combine("AND", [expression for expression, _ in found]), evidence) if found else None


def read_texts(text: bytes) -> Found | None:
    """The licences that stand in the text in full."""
    return _found(text, texts.match(text), [])


def read(text: bytes, *, is_source: bool = False, project: bytes | None = None) -> Found | None:
    """The licences that stand in the text in full, and what the sentences outside of them say.

    `is_source` for the comments of a source file. `project` is a readme's title: its other subjects do not count.
    """
    licences = texts.match(text)
    left = list(islice(_sentences_outside(text, licences, is_source), MAX_SENTENCES))
    if project is not None:
        left = [sentence for sentence in left if not is_of_other(sentence, project)]
    return _found(text, licences, left, is_source)


def _found(text: bytes, licences: list[texts.Match], left: list[Sentence], is_source: bool = False) -> Found | None:
    full = {licence.license_id: licence.license_id for licence in licences}
    mentioned = mentions(left, is_source=is_source)
    stated = _resolve(mentioned, full)
    for sentence, names in zip(left, stated, strict=True):
        names += [UNKNOWN] * notices.is_restricted(sentence, is_source=is_source)
        if is_source and names == [SOME_BSD]:
            names.clear()  # the repository's, which says of how many clauses
    choices = _choices(left, mentioned, stated, licences[0].spans[0][0] if licences else len(text))
    parts = _in_sum(licences, full, left, stated, choices)
    if not parts:
        return None
    if len(full) == texts.MAX_LICENCES or len(licences) == texts.MAX_COPIES or len(left) == MAX_SENTENCES:
        parts.append(UNKNOWN)  # there may be more
    evidence = [_of_text(text, licence, full[licence.license_id]) for licence in licences]
    evidence += [_of_sentence(name, sentence) for sentence, names in zip(left, stated, strict=True) for name in names]
    first = {each.expression: each for each in reversed(evidence)}
    kept = tuple(each for each in evidence if first[each.expression] is each)
    return Found(combine("AND", _with_exceptions(parts, left)), kept)


def _in_sum(
    licences: list[texts.Match],
    full: dict[str, str],
    left: list[Sentence],
    stated: list[list[str]],
    choices: list[Choice],
) -> list[str]:
    """Each choice, and each licence that is in none, in order of their places in the text."""
    offered = {name for _, names in choices for name in names} - {UNKNOWN}
    decided = {number for numbers, _ in choices for number in numbers}
    parts = [(left[numbers[0]].start, combine("OR", names)) for numbers, names in choices]
    parts += [(each.spans[0][0], full[each.license_id]) for each in licences if full[each.license_id] not in offered]
    for number, (sentence, names) in enumerate(zip(left, stated, strict=True)):
        if number not in decided:
            parts += [(sentence.start, name) for name in names if name not in offered]
    return list(dict.fromkeys(name for _, name in sorted(parts, key=lambda part: part[0])))


def _sentences_outside(text: bytes, licences: list[texts.Match], is_source: bool) -> Iterator[Sentence]:
    """The sentences that are no licence's; not those behind a long one that is not permissive.

    The instructions at the end of the GPL and the MPL name other licences, and nothing there makes a file permissive.
    """
    long = (
        licence.spans[0][0]
        for licence in licences
        if licence.shingles >= LONG_SHINGLES and license_type(licence.license_id) != "permissive"
    )
    end, place = min(long, default=len(text)), 0
    for start, after in sorted(span for licence in licences for span in licence.spans):
        yield from sentences(text, place, min(start, end), is_source=is_source)
        place = max(place, after)
    yield from sentences(text, place, end, is_source=is_source)


def _resolve(mentioned: list[list[Mention]], full: dict[str, str]) -> list[list[str]]:
    """For each sentence what its names mean beside each other and the licences in full.

    "GPL" is the GPL whose version is said elsewhere, "BSD" the one whose text stands there. A notice with "any later
    version" widens the text: `full` is changed.
    """
    known = [*full, *(mention.expression for each in mentioned for mention in each if mention.is_versioned)]
    resolved = []
    for each in mentioned:
        names = []
        for mention in each:
            name = _meaning(mention, known)
            if name in full and base(name) == base(mention.expression) and mention.is_versioned:
                full[name] = mention.expression
            names.append(name)
        resolved.append(names)
    return [list(dict.fromkeys(full.get(name, name) for name in names if name)) for names in resolved]


def _meaning(mention: Mention, known: list[str]) -> str | None:
    """The known licence that is meant, else what the mention says; None where that adds nothing to what is known."""
    said = mention.expression
    if said == PUBLIC_DOMAIN and not DEDICATIONS.isdisjoint(known):
        return None
    if said.startswith(FILE):
        # "CC0 1.0 (see LICENSE-CC0.txt)"
        return None if named(said.removeprefix(FILE)) in known else said
    name = family(said)
    same = [licence for licence in known if family(licence) == name]
    exact = next((licence for licence in same if base(licence) == base(said)), None)
    if exact or not same or (mention.is_versioned and name not in ONE_MEANING):
        is_vague = name in GNU and not mention.is_versioned and not same
        return None if is_vague and any(family(licence) in GNU for licence in known) else exact or said
    return same[0]


def _choices(left: list[Sentence], mentioned: list[list[Mention]], stated: list[list[str]], end: int) -> list[Choice]:
    """The two or three licences of each choice before `end`, and its sentences: one, or one with the list behind it.

    A choice with something unknown is none where it would be permissive: what is offered for pay may be all there is.
    """
    found = list[Choice]()
    for number, sentence in enumerate(left):
        is_list = number + 1 < len(left) and left[number + 1].in_list
        if sentence.start >= end or not (stated[number] or is_list):
            continue
        if not notices.is_choice(sentence, mentioned[number]):
            continue
        after = number + 1
        while len(stated[number]) < 2 and after < len(left) and left[after].in_list:
            after += 1
        numbers = range(number, after)
        names = list(dict.fromkeys(name for each in numbers for name in stated[each]))
        # the same choice in another order is the same
        names = next((offered for _, offered in found if set(offered) == set(names)), names)
        is_open = UNKNOWN not in names or license_type(combine("OR", names)) != "permissive"
        if 2 <= len(names) <= MAX_CHOICE and is_open:
            found.append((numbers, names))
    return found


def _with_exceptions(expressions: list[str], left: list[Sentence]) -> list[str]:
    """The exception that a sentence grants, at the first licence it can belong to."""
    for exception, name in notices.exceptions(left):
        for number, expression in enumerate(expressions):
            if name in expression and (joined := parse(f"{expression} WITH {exception}")):
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
