"""Which language a file is in, as GitHub Linguist names it: by mode line, filename, shebang, suffix and content.

Linguist's order and rule: each step keeps, of the languages found so far, those it knows too; one survivor ends it.
Where Linguist would ask its classifier the language used most is taken, and the method says so: `ambiguous_extension`.
"""

import json
import re
from collections import defaultdict
from importlib.resources import files
from itertools import dropwhile

from filters.heuristics import is_xml, languages_by_content, mode

LINGUIST_VERSION = "9.6.0"
UNKNOWN = "unknown"  # where files without a language are counted and put

_JSON = files("filters").joinpath("data", "languages.json").read_text("utf-8")
_DATA: dict[str, dict[str, list[str]]] = json.loads(_JSON)["languages"]
LANGUAGES: frozenset[str] = frozenset(_DATA)

# Suffixes of so many things that Linguist lets only the content decide (its generic.yml).
GENERIC_SUFFIXES = {
    ".1",
    ".2",
    ".3",
    ".4",
    ".5",
    ".6",
    ".7",
    ".8",
    ".9",
    ".action",
    ".alg",
    ".app",
    ".cmp",
    ".msg",
    ".network",
    ".resource",
    ".sol",
    ".srv",
    ".stl",
    ".tag",
    ".target",
    ".url",
}

# Language: the suffixes, filenames and interpreters that it takes although other languages list them too.
# Content rules go before, so this is about what they leave: a .m that is Objective-C nearly always says so.
_MOST_USED = {
    "Apex": ".cls",
    "AsciiDoc": ".asc",
    "Assembly": ".asm",
    "BitBake": ".bb",
    "Brainfuck": ".b .bf",
    "C": ".h",
    "C#": ".cake .cs",
    "C++": ".cp .hh .inc",
    "Common Lisp": ".lisp .lsp",
    "D": ".d",
    "Eagle": ".brd",
    "Eiffel": ".e",
    "Elixir": ".ex",
    "F#": ".fs",
    "Fortran": ".f .for .fpp",
    "FreeMarker": ".ftl",
    "Frege": ".fr",
    "GAP": ".g .tst",
    "GDScript": ".gd",
    "GLSL": ".frag",
    "HLSL": ".fx",
    "HTML": ".html",
    "HiveQL": ".q",
    "Hosts File": "HOSTS hosts",
    "INI": ".cfg",
    "JSON": ".json .releaserc .yy",
    "JSON with Comments": ".eslintrc",
    "Java Properties": ".properties",
    "JavaScript": ".es .gs bun node",
    "KiCad Schematic": ".sch",
    "Lean 4": ".lean",
    "Lex": ".l",
    "Linear Programming": ".lp",
    "Lua": "lua",
    "MATLAB": ".m",
    "MQL5": ".mqh",
    "Markdown": ".md",
    "Microsoft Developer Studio Project": ".dsp",
    "Modula-2": ".mod",
    "NewLisp": ".nl",
    "Nushell": ".nu",
    "OCaml": ".ml ocaml",
    "Objective-C++": ".mm",
    "Odin": ".odin",
    "OpenCL": ".cl",
    "OpenEdge ABL": ".p",
    "PHP": ".php",
    "Parrot Assembly": "parrot",
    "Perl": ".cgi .fcgi .pl .pm .t perl",
    "Pkl": ".pkl",
    "Pod": ".pod",
    "Puppet": ".pp",
    "QMake": ".pro",
    "R": ".r",
    "RPC": ".x",
    "Raku": "perl6",
    "Ren'Py": ".rpy",
    "Roff": ".n",
    "Roff Manpage": ".1in .1m .1x .3in .3m .3p .3pm .3qt .3x .man .mdoc",
    "RouterOS Script": ".rsc",
    "Rust": ".rs",
    "SQL": ".ddl .prc .sql",
    "Scala": ".sc",
    "Scheme": ".scm",
    "ShaderLab": ".shader",
    "Starlark": ".star",
    "SubRip Text": ".srt",
    "SuperCollider": ".scd",
    "TSX": ".tsx",
    "Text": ".txt",
    "TypeScript": ".ts deno",
    "TypeSpec": ".tsp",
    "Unity3D Asset": ".mask",
    "Unix Assembly": ".s",
    "Verilog": ".v",
    "Visual Basic 6.0": ".bas .frm",
    "Wolfram Language": ".nb",
    "XML": ".csl .gst",
    "XML Property List": ".plist",
    "YAML": ".yaml .yml",
    "jq": ".jq",
    "mdsvex": ".svx",
    "pkg-config": ".pc",
    "xBase": ".ch",
}
MOST_USED: dict[str, str] = {key: language for language, keys in _MOST_USED.items() for key in keys.split()}


def _languages_by(field: str) -> dict[str, tuple[str, ...]]:
    """Key of `field` to the languages that list it, by name."""
    languages = defaultdict(list)
    for language in sorted(_DATA):
        for key in _DATA[language].get(field, ()):
            languages[key].append(language)
    return {key: tuple(names) for key, names in languages.items()}


FILENAMES = _languages_by("filenames")
INTERPRETERS = _languages_by("interpreters")
SUFFIXES = {
    suffix.lower(): languages
    for suffix, languages in _languages_by("extensions").items()
    if suffix.lower() not in GENERIC_SUFFIXES
}
# As a mode line may name a language: its name, a dash for each space, and what else it is called.
ALIASES = {
    alias: language
    for language, facts in _DATA.items()
    for alias in (language.lower().replace(" ", "-"), *facts.get("aliases", ()))
}
_LONGEST_SUFFIX_CHARS = max(map(len, SUFFIXES))

_EXEC_TRICK = re.compile(rb"exec (\w+).+\$0.+\$@")
_MAN_SECTION = re.compile(r"\.(?:[1-9](?![0-9])[a-z_0-9]*|0p)(?:\.in)?\Z", re.IGNORECASE)


def detect_language(path: str, text: bytes) -> tuple[str | None, str | None]:
    """Linguist's name and the method that found it; (None, None) where nothing is known.

    `text` is the whole file; its first 51,200 bytes are read, and the last 4,096 for a mode line. Methods: modeline,
    filename, shebang, extension, content, ambiguous_extension. Beyond Linguist 9.6: `Dockerfile.*` where the suffix
    says nothing, JavaScript for `node`, versions after any interpreter's name (`perl5.30`), man pages of any section
    (`.3ssl`) by their content, and empty files by name.

    >>> detect_language("src/parser.py", b""), detect_language("bin/run", b"#!/usr/bin/env python3")
    (('Python', 'extension'), ('Python', 'shebang'))
    """
    name = path.rpartition("/")[2]
    if declared := ALIASES.get(mode(text) or ""):
        return declared, "modeline"
    languages: tuple[str, ...] = ()
    decided_by, decided_key = "", None
    for method, key, index in (
        ("filename", name, FILENAMES),
        ("shebang", interpreter(text), INTERPRETERS),
        ("extension", _suffix(name), SUFFIXES),
    ):
        found = index.get(key, ()) if key else ()
        both = tuple(language for language in found if language in languages) if languages else found
        if len(both) == 1:
            return both[0], method
        if both:
            languages, decided_by, decided_key = both, method, key
    if not languages and _is_dockerfile(name):
        return "Dockerfile", "filename"
    # after a shebang that the suffix says nothing about, the suffix's rules do not either
    by_content = () if decided_by == "shebang" else _by_content(name, text, languages)
    if len(by_content) == 1:
        return by_content[0], "content"
    if not languages:
        return None, None
    if decided_by == "extension":
        decided_by = "ambiguous_extension"
    return _most_used(by_content or languages, decided_key), decided_by


def _by_content(name: str, text: bytes, languages: tuple[str, ...]) -> tuple[str, ...]:
    """The languages that the content speaks for: by its suffix any, whether found so far or not, as in Linguist."""
    if not text:
        return ()
    if not languages and is_xml(text):
        return ("XML",)
    # the section of a man page may have letters: EVP_sign.3ssl
    is_man_page = not languages and _MAN_SECTION.search(name)
    return languages_by_content(".1" if is_man_page else _last_suffix(name), text)


def _suffix(name: str) -> str | None:
    """The longest suffix that a language lists, in lower case ('.gradle.kts' before '.kts'); else None."""
    end = name.lower().rstrip(".")[-_LONGEST_SUFFIX_CHARS:]
    dot = end.find(".")
    while dot >= 0:
        if end[dot:] in SUFFIXES:
            return end[dot:]
        dot = end.find(".", dot + 1)
    return None


def interpreter(head: bytes) -> str | None:
    """The program named by the shebang, as `INTERPRETERS` knows it; None without one. Linguist's reading of the line.

    >>> interpreter(b"#!/usr/bin/env -S uv run --script"), interpreter(b"#! /usr/bin/python3.11 -u")
    ('uv', 'python3')
    """
    if not head.startswith(b"#!"):
        return None
    lines = head[:4096].split(b"\n", 5)[:5]
    words = lines[0][2:].decode("latin-1").split()
    if words and words[0].rpartition("/")[2] == "env":
        words = list(dropwhile(lambda word: word.startswith("-") or "=" in word, words[1:]))
    if not words:
        return None
    program = words[0].rpartition("/")[2]
    if program == "sh":
        program = _exec_trick(lines) or program
    if program == "osascript" and any(word.startswith("-l") for word in words):
        return None  # another language than the interpreter's own
    return _without_version(program)


def _exec_trick(lines: list[bytes]) -> str | None:
    """The program to which a shell script hands itself over in its first lines: exec tclsh "$0" "$@"; else None."""
    # 200 bytes of a line, so that a hostile one costs no time
    found = (_EXEC_TRICK.search(line[:200]) for line in lines)
    return next((match[1].decode("latin-1") for match in found if match), None)


def _without_version(program: str) -> str | None:
    """The first that is known of python3.11, python3, python; else None."""
    names = (program, re.sub(r"\.\d+\Z", "", program), program.rstrip("0123456789.-"))
    return next((name for name in names if name in INTERPRETERS), None)


def _most_used(languages: tuple[str, ...], key: str | None) -> str:
    """One of several: as `MOST_USED` says, else the one whose first suffix it is, else the first by name."""
    declared = MOST_USED.get(key or "")
    if declared in languages:
        return declared
    return next((name for name in languages if _DATA[name].get("extensions", [""])[0].lower() == key), languages[0])


def _last_suffix(name: str) -> str:
    dot = name.rfind(".")
    return name[dot:].lower() if dot >= 0 else ""


def _is_dockerfile(name: str) -> bool:
    return name.startswith("Dockerfile.") and len(name) > len("Dockerfile.")


def slug(language: str | None) -> str:
    """The language's folder and configuration name: [a-z0-9+._-] only, decided once and safe for every reader.

    `unknown`, which is no language's name, for None.

    Different for any two of `LANGUAGES`; never starts with a dot, a dash or an underscore (readers skip such folders).
    Raises ValueError where nothing would be left.

    >>> [slug(language) for language in ("C++", "C#", "F*", "Jupyter Notebook", None)]
    ['c++', 'c-sharp', 'f-star', 'jupyter-notebook', 'unknown']
    """
    words = (
        (UNKNOWN if language is None else language)
        .lower()
        .replace("#", " sharp ")
        .replace("*", " star ")
        .replace("'", "")
    )
    name = re.sub(r"[^a-z0-9+._]+", "-", words).strip("-._")
    if not name:
        raise ValueError(f"language {language!r} has no letter or digit to name a folder by")
    return name
