"""The part of a readme that is about the project's licence, not about those of what it uses.

Places are kept: what is left out becomes spaces, so that a byte stands in the line it stood in.
"""

import re

from filters.licenses.prose import Sentence

MAX_LEVEL = 6
_HEADING = re.compile(
    rb"^[ \t]{0,3}(?P<marks>#{1,6})[ \t]*(?P<atx>[^\n]{1,100})$"
    rb"|^(?P<underlined>[^\s#][^\n]{0,100})\n(?P<ruler>([=\-~^*])\5{2,})[ \t]*$"
    rb"|^[ \t]*<h(?P<level>[1-6])[^>\n]{0,100}>(?P<html>[^\n]{1,100})$"
    rb"|^(?:\*\*|__)(?P<bold>[^*_\n]{1,60}):?(?:\*\*|__):?[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_FENCED = re.compile(rb"^[ \t]*(`{3}|~{3})[^\n]*\n(?:(?![ \t]*\1)[^\n]*\n)*", re.MULTILINE)
# A heading is the licence's if it has one of the first words, and none that is not here.
_LICENSE_TITLE = frozenset(b"license licence licenses licences licensing copying".split())
_WITH_TITLE = _LICENSE_TITLE.union(
    b"a agreement apache author authors bsd by cc code contributing contributors copyright credits details".split(),
    b"exception gpl gplv info information isc legal lgpl linking mit mpl notice of open our project public".split(),
    b"software source terms the this and with".split(),
)
_OWN_SENTENCE = re.compile(
    rb"(?im)^[ \t*_>-]{0,8}(?:this|the) (?:project|software|library|package|program|module|repository|repo|code"
    rb"|codebase|source code|tool|application|app|plugin|crate|gem|framework|work)(?: itself)? (?:is|are)"
    rb" (?:[\w-]+ ){0,3}?(?:licen[sc]ed|released|distributed|available|provided|published|open[- ]sourced)\s"
    rb"[^\n]*(?:\n[^\n]+){0,3}"
    rb"|^[ \t*_>-]{0,8}licen[sc]e[*_]{0,2}:[*_ ][^\n]{1,200}"
)
_NAME = re.compile(rb"[a-z0-9]+")
_SUBJECT = re.compile(rb"\W*([\w@./ '-]{1,60}?) (?:is|are|was|were|comes?) ")
_OWN = frozenset(
    b"this the it its all our we you i code source software project library package program repository repo everything"
    b" license licensed released distributed copyright unless except work content both".split()
)
_OTHER = re.compile(
    rb"\b(?:bundl|includ|incorporat|depend|third[- ]part|(?:icons?|fonts?|logo|images?|uses|contains|thanks)\b)"
)


def license_part(text: bytes) -> bytes:
    """What stands under a licence heading, and sentences like "This project is licensed under …".

    A section ends with the next heading of its level or above; all of it that is not about the licence is blank.
    """
    prose = _FENCED.sub(lambda match: _blank(match[0]), text)
    kept = [match.span() for match in _OWN_SENTENCE.finditer(prose)]
    ends = dict[int, int]()  # level to where a section of that level ends
    headings = list(_HEADING.finditer(prose))
    name = _words(headings[0]) if headings else set()
    for match in reversed(headings):
        level, words = _level(match), _words(match)
        if words & _LICENSE_TITLE and (
            words <= _WITH_TITLE or (match is not headings[0] and words - _WITH_TITLE <= name)
        ):
            kept.append((match.end(), ends.get(level, len(text))))
        ends |= {deeper: match.start() for deeper in range(level, MAX_LEVEL + 1)}
    return _only(text, sorted(kept))


def title(text: bytes) -> bytes:
    """The first heading."""
    heading = _HEADING.search(text)
    return _title(heading) if heading else b""


def is_of_other(sentence: Sentence, project: bytes) -> bool:
    """Whether the sentence is about something else than the project, of which this is the readme's title."""
    subject = _SUBJECT.match(sentence.small)
    is_other = subject and _OWN.union(_NAME.findall(project.lower())).isdisjoint(_NAME.findall(subject[1]))
    return bool(is_other or _OTHER.search(sentence.small))


def _words(heading: re.Match[bytes]) -> set[bytes]:
    return set(re.findall(rb"[a-z]{2,}", _title(heading).lower()))


def _level(match: re.Match[bytes]) -> int:
    if match["marks"]:
        return len(match["marks"])
    if match["level"]:
        return int(match["level"])
    return 1 if match["ruler"] and match["ruler"].startswith(b"=") else 2 if match["ruler"] else 6


def _title(match: re.Match[bytes]) -> bytes:
    title = match["atx"] or match["underlined"] or match["html"] or match["bold"]
    return re.sub(rb"<[^<>]{0,100}>|\([^()]{0,200}\)|[^\w\s-]", b"", title)


def _only(text: bytes, spans: list[tuple[int, int]]) -> bytes:
    """The text with everything outside of these spans blank, but for the ends of lines."""
    parts, place = [], 0
    for start, end in spans:
        if end > place:
            start = max(start, place)
            parts += [_blank(text[place:start]), text[start:end]]
            place = end
    return b"".join([*parts, _blank(text[place:])])


def _blank(text: bytes) -> bytes:
    return re.sub(rb"[^\n]", b" ", text)
