"""What a package's metadata says about its licence, for the formats of Python, npm, Rust, PHP, Ruby, Java, R, Haskell,
Elixir, OCaml, Perl, .NET and Debian. Nothing is executed; what is not understood is LicenseRef-unknown."""

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from html import unescape
from itertools import islice
from typing import Any, NamedTuple

from filters.licenses.aliases import MAX_NAME_CHARS, understand
from filters.licenses.evidence import Evidence, Found
from filters.licenses.expressions import UNKNOWN, combine, file_reference, ids
from filters.licenses.families import covers
from filters.licenses.statements import read_license

# A bound for the parsers of JSON and TOML; far over what people write by hand.
MAX_BYTES = 1_048_576
# Bounds for what is hostile. The longest debian/copyright, of browsers and kernels, have some thousand paragraphs.
MAX_STATEMENTS = 2_000
MAX_VALUES = 100
# tomllib takes quadratic time for the parts of a key.
MAX_DOTS = 500


class Statement(NamedTuple):
    """One value of a licence field as an expression, how surely it is read, and its line, from 1."""

    expression: str
    score: float
    line: int


def read_metadata(path: str, text: bytes) -> Found | None:
    """What the file says; None where it says nothing, is of no format known here, is broken, or is over 1 MiB.

    A field that names a file is an operand LicenseRef-file-NAME. Several statements are summed; a list is a choice only
    where its format says so: in package.json, composer.json and pom.xml, with Cargo's slash and with R's bar.

    >>> found = read_metadata("a/Cargo.toml", b'[package]\\nlicense = "MIT/Apache-2.0"')
    >>> found.expression, found.evidence[0].first_line
    ('MIT OR Apache-2.0', 2)
    """
    reader = _reader(path)
    if reader is None or len(text) > MAX_BYTES:
        return None
    statements: dict[str, Statement] = {}
    try:
        for said in islice(reader(text.decode("utf-8-sig", "replace")), MAX_STATEMENTS):
            statements.setdefault(said.expression, said)
    except (ValueError, RecursionError):
        # of json and tomllib: broken, or nested too deeply
        return None
    if not statements:
        return None
    evidence = tuple(Evidence(said, "metadata", score, line, line) for said, score, line in statements.values())
    return Found(combine("AND", statements), evidence)


def _reader(path: str) -> Callable[[str], Iterable[Statement]] | None:
    name = path.rpartition("/")[2].lower()
    if name == "copyright":
        return _debian if f"/{path}".endswith("/debian/copyright") else None
    return _BY_NAME.get(name) or _BY_SUFFIX.get(name.rpartition(".")[2] if "." in name else "")


def _pyproject(text: str) -> list[Statement]:
    """PEP 639's string, PEP 621's table, and the fields of Poetry and Flit; then the classifiers."""
    data, line = _toml(text), _line_of(text, _TOML_KEY)
    tables = [_inside(data, *keys) for keys in (("project",), ("tool", "poetry"), ("tool", "flit", "metadata"))]
    fields = [said for table in tables for said in _value(table.get("license"), line)]
    return _with_classifiers(fields, [entry for table in tables for entry in _strings(table.get("classifiers"))], text)


def _setup_cfg(text: str) -> list[Statement]:
    fields = list[Statement]()
    for section in islice(_CFG_SECTION.finditer(text), MAX_VALUES):
        if field := _CFG_FIELD.search(text, *section.span(1)):
            fields += _value(field[1], _line_at(text, field.start()))
    return _with_classifiers(fields, _CLASSIFIER.findall(_without_comments(text)), text)


def _setup_py(text: str) -> list[Statement]:
    text = _without_comments(text)
    field = _PY_FIELD.search(text)
    fields = list(_value(field["long"] or field["short"], _line_at(text, field.start()))) if field else []
    return _with_classifiers(fields, _CLASSIFIER.findall(text), text)


def _pkg_info(text: str) -> list[Statement]:
    """The header of PKG-INFO and METADATA."""
    header = text.replace("\r", "").partition("\n\n")[0]
    if "Metadata-Version:" not in header:
        return []
    fields = [said for field, line in _fields(header) for said in _value(field, line)]
    return _with_classifiers(fields, _CLASSIFIER.findall(header), text)


def _with_classifiers(fields: list[Statement], classifiers: Iterable[str], text: str) -> list[Statement]:
    """The fields and the classifiers, without those that another says as well or better.

    Classifiers only list: under "MIT OR GPL-2.0-only" both are expected, and "BSD License" is any BSD-3-Clause's.
    """
    told = fields
    for classifier in islice(classifiers, MAX_VALUES):
        kind, _, name = classifier.strip().rpartition(" :: ")
        if not kind.startswith("License") or name.lower() in ("osi approved", "dfsg approved"):
            continue
        for new in _value(name, _line_at(text, text.find(classifier))):
            if any(set(ids(new.expression)) <= set(ids(old.expression)) for old in told):
                continue
            if not any(covers(old.expression, new.expression) for old in told):
                told = [old for old in told if not covers(new.expression, old.expression)] + [new]
    return told


def _package_json(text: str) -> Iterator[Statement]:
    """npm: a string, an object, or the old array, which npm's documentation rewrites to OR."""
    data, line = _object(json.loads(text)), _line_of(text, _JSON_KEY)
    for value in (data.get("license"), data.get("licenses")):
        yield from _choice(value, line) if isinstance(value, list) else _value(value, line)


def _composer_json(text: str) -> Iterator[Statement]:
    """Composer: an array is a choice (getcomposer.org, "license")."""
    value, line = _object(json.loads(text)).get("license"), _line_of(text, _JSON_KEY)
    return _choice(value, line) if isinstance(value, list) else _value(value, line)


def _meta_json(text: str) -> Iterator[Statement]:
    """Perl's list, which leaves open how it is meant; PGXN's names and addresses."""
    value, line = _object(json.loads(text)).get("license"), _line_of(text, _JSON_KEY)
    for each in value if isinstance(value, list | dict) else [value]:
        yield from _value(each, line)


def _cargo(text: str) -> Iterator[Statement]:
    """A package's or a workspace's. The slash of old manifests is OR (the Cargo book, "license")."""
    data, line = _toml(text), _line_of(text, _TOML_KEY)
    for table in (_inside(data, "package"), _inside(data, "workspace", "package")):
        licence, file = table.get("license"), table.get("license-file")
        if isinstance(licence, str):
            yield from _choice(licence.split("/"), line) if "/" in licence else _value(licence, line)
        elif isinstance(file, str):
            yield Statement(file_reference(file), 1.0, line)


def _quoted(text: str) -> Iterator[Statement]:
    """Ruby's `spec.licenses = [...]` and Elixir's `licenses: [...]`: strings or a list of words."""
    text = _without_comments(text)
    if field := _RUBY_FIELD.search(text):
        words = field[1][3:].split() if field[1][0] in "%~" else _STRING.findall(field[1])
        for value in words:
            yield from _value(value, _line_at(text, field.start()))


def _dune(text: str) -> Iterator[Statement]:
    if field := _DUNE_FIELD.search(text):
        for quoted, word in _DUNE_VALUE.findall(field[1]):
            yield from _value(quoted or word, _line_at(text, field.start()))


def _cabal(text: str) -> Iterator[Statement]:
    """The field, or the file that it leaves the licence to."""
    fields = {field[1].lower(): field for field in reversed(list(_CABAL_FIELD.finditer(text)))}
    licence, file = fields.get("license"), fields.get("license-file") or fields.get("license-files")
    if licence and not (file and licence[2].strip() == "OtherLicense"):
        yield from _value(licence[2], _line_at(text, licence.start()))
    elif file:
        yield Statement(file_reference(file[2]), 1.0, _line_at(text, file.start()))


def _description(text: str) -> Iterator[Statement]:
    """R: `MIT + file LICENSE` is MIT with its copyright holders in a file; a bar is a choice."""
    if not re.search(r"^Package:", text, re.MULTILINE):
        return
    for field, line in _fields(text):
        yield from _choice([_R_FILE.sub("", part).strip() or part for part in field.split("|")], line)


def _meta_yml(text: str) -> Iterator[Statement]:
    if field := _YML_FIELD.search(text):
        for value in [field[1]] if field[1].strip() else _YML_ITEM.findall(field[2]):
            yield from _value(value, _line_at(text, field.start()))


def _pom(text: str) -> Iterator[Statement]:
    """Maven: of several licences the user may select any (the model's description of `licenses`)."""
    text = _without_xml_comments(text)
    start = text.find("<licenses>")
    if start >= 0:
        licences = text[start:].partition("</licenses>")[0].split("<license>")[1:]
        yield from _choice([_element(one, "name") or _element(one, "url") for one in licences], _line_at(text, start))


def _nuspec(text: str) -> Iterator[Statement]:
    text = _without_xml_comments(text)
    line = _line_of(text, _NUSPEC_KEY)
    if field := _NUSPEC_FIELD.search(text):
        value = unescape(field[2])
        yield from [Statement(file_reference(value), 1.0, line)] if field[1] == "file" else _value(value, line)
    else:
        # the address that NuGet itself puts where there is no other
        yield from _value(_element(text, "licenseUrl").replace("https://aka.ms/deprecateLicenseUrl", ""), line)


def _debian(text: str) -> Iterator[Statement]:
    """DEP-5: the short name in each paragraph about files; the other paragraphs hold texts."""
    if not text.startswith("Format"):
        return
    about_files, licence = False, list[Statement]()
    for number, line in enumerate([*text.split("\n"), ""], 1):
        if not line.strip():
            yield from licence if about_files else ()
            about_files, licence = False, []
        elif line.startswith("Files:"):
            about_files = True
        elif line.startswith("License:"):
            licence = list(_value(line.removeprefix("License:"), number))


def _value(value: object, line: int) -> Iterator[Statement]:
    """The statement of one value: a name or a licence in full, an object with either, or one that names a file."""
    if isinstance(value, dict):
        if isinstance(value.get("file"), str):
            yield Statement(file_reference(value["file"]), 1.0, line)
            return
        value = next((value[key] for key in ("type", "name", "text", "url") if value.get(key)), None)
    if isinstance(value, str) and (understood := understand(value)):
        if understood[0] == UNKNOWN and len(value) > MAX_NAME_CHARS:
            understood = _in_full(value) or understood
        yield Statement(*understood, line)


def _in_full(value: str) -> tuple[str, float] | None:
    """What the text of a licence says, and how surely; None where none stands there in full, as in a list of names."""
    found = read_license(value.encode("utf-8", "replace"))
    if not found or all(each.method != "text" for each in found.evidence):
        return None
    return found.expression, min(each.score for each in found.evidence)


def _choice(values: Iterable[object], line: int) -> Iterator[Statement]:
    """One statement for a list of alternatives; as sure as its least sure one."""
    if parts := [said for value in islice(values, MAX_VALUES) for said in _value(value, line)]:
        yield Statement(combine("OR", [said.expression for said in parts]), min(said.score for said in parts), line)


def _fields(text: str) -> Iterator[tuple[str, int]]:
    """Value and line of the fields License and License-Expression, in the form of mail headers."""
    for field in islice(_HEADER_FIELD.finditer(text), MAX_VALUES):
        yield field[1], _line_at(text, field.start())


def _toml(text: str) -> dict[str, Any]:
    if max(line.count(".") for line in text.split("\n")) > MAX_DOTS:
        raise ValueError(f"a line of TOML with more than {MAX_DOTS} dots")
    return tomllib.loads(text)


def _inside(data: object, *keys: str) -> dict[str, Any]:
    for key in keys:
        data = _object(data).get(key)
    return _object(data)


def _object(data: object) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}


def _strings(values: object) -> list[str]:
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def _element(text: str, name: str) -> str:
    """The text of the first element of this name; "" where there is none."""
    return unescape(text.partition(f"<{name}>")[2].partition(f"</{name}>")[0][:1000])


def _without_comments(text: str) -> str:
    """The same lines, those that begin with a # empty."""
    return "\n".join("" if line.lstrip().startswith("#") else line for line in text.split("\n"))


def _without_xml_comments(text: str) -> str:
    """The text without comments, but with their line ends. Splits, as a pattern takes quadratic time."""
    first, *rest = text.split("<!--")
    return first + "".join(
        "\n" * before.count("\n") + after for before, _, after in (part.partition("-->") for part in rest)
    )


def _line_at(text: str, place: int) -> int:
    return text.count("\n", 0, max(place, 0)) + 1


def _line_of(text: str, key: re.Pattern[str]) -> int:
    field = key.search(text)
    return _line_at(text, field.start()) if field else 1


_TOML_KEY = re.compile(r"^[ \t]*(?:\[[\w.]*license\]|[\"']?license(?:-file)?[\"']?[ \t]*[=.])", re.MULTILINE)
_JSON_KEY = re.compile(r"\"licenses?\"\s*:")
_NUSPEC_KEY = re.compile(r"<license")
_CFG_SECTION = re.compile(r"^\[metadata\][ \t\r]*((?:\n(?!\[).*)*)", re.MULTILINE)
_CFG_FIELD = re.compile(r"^license[ \t]*[=:](.*(?:\n[ \t]+\S.*|\n[ \t]*(?=\n))*)", re.MULTILINE | re.IGNORECASE)
_PY_FIELD = re.compile(
    r"(?<![a-z0-9])_{0,2}licen[cs]e_{0,2}[\"']?[ \t]*[=:][ \t]*"
    r"(?:(?P<quotes>\"{3}|'{3})(?P<long>.+?)(?P=quotes)|[\"'](?P<short>[^\"'\n]{1,200})[\"'])",
    re.IGNORECASE | re.DOTALL,
)
_CLASSIFIER = re.compile(r"License :: [^\"'\n\r,]+")
_HEADER_FIELD = re.compile(r"^License(?:-Expression)?:(.*(?:\n[ \t].*)*)", re.MULTILINE | re.IGNORECASE)
_RUBY_FIELD = re.compile(
    r"\blicen[cs]es?[ \t]*[=:]\s*(\[[^\]]{0,300}\]|[%~]w[\[({<|/][^\])}>|/]{0,300}|\"[^\"\n]{0,200}\"|'[^'\n]{0,200}')"
)
_STRING = re.compile(r"[\"']([^\"'\n]*)[\"']")
_DUNE_FIELD = re.compile(r"\(license\s+((?:\"[^\"]*+\"|[^\"()])*+)\)")
_DUNE_VALUE = re.compile(r"\"([^\"]*)\"|([^\s\"]+)")
_CABAL_FIELD = re.compile(
    r"^[ \t]*(license(?:-files?)?)[ \t]*:[ \t]*(?:\r?\n[ \t]+)?(\S.*)", re.MULTILINE | re.IGNORECASE
)
_R_FILE = re.compile(r"\+\s*file\s+licen[cs]e.*", re.IGNORECASE)
_YML_FIELD = re.compile(r"^license:(.*)\n?((?:[ \t]*-.*\n?)*)", re.MULTILINE)
_YML_ITEM = re.compile(r"-(.*)")
_NUSPEC_FIELD = re.compile(r"<license\s[^<>]{0,100}?type\s*=\s*[\"'](expression|file)[\"'][^<>]{0,100}>([^<]{1,300})<")

_BY_NAME: dict[str, Callable[[str], Iterable[Statement]]] = {
    "cargo.toml": _cargo,
    "composer.json": _composer_json,
    "description": _description,
    "dune-project": _dune,
    "meta.json": _meta_json,
    "meta.yml": _meta_yml,
    "metadata": _pkg_info,
    "mix.exs": _quoted,
    "package.json": _package_json,
    "pkg-info": _pkg_info,
    "pom.xml": _pom,
    "pyproject.toml": _pyproject,
    "setup.cfg": _setup_cfg,
    "setup.py": _setup_py,
}
_BY_SUFFIX: dict[str, Callable[[str], Iterable[Statement]]] = {
    "cabal": _cabal,
    "gemspec": _quoted,
    "nuspec": _nuspec,
}
