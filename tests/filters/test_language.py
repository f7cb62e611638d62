"""Languages by filename, shebang and suffix. Expected values: GitHub Linguist 9.6.0, except where a line says ours."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import language as linguist
from filters.data.make_languages import render
from filters.language import LANGUAGES, detect_language, interpreter, slug

DATA = Path(linguist.__file__).parent / "data" / "languages.json"

FILENAMES = [
    ("CMakeLists.txt", "CMake"),
    ("requirements.txt", "Pip Requirements"),
    ("Jenkinsfile", "Groovy"),
    ("Vagrantfile", "Ruby"),
    ("tsconfig.json", "JSON with Comments"),
    ("go.mod", "Go Module"),
    ("go.sum", "Go Checksums"),
    ("BUILD", "Starlark"),
    ("third_party/zlib/BUILD", "Starlark"),
    ("configure.ac", "M4Sugar"),
    (".bashrc", "Shell"),
    ("Cargo.lock", "TOML"),
    ("Pipfile.lock", "JSON"),
    ("Makefile", "Makefile"),
    ("Makefile.am", "Makefile"),
    ("Dockerfile", "Dockerfile"),
    ("docker/Dockerfile.dev", "Dockerfile"),  # ours; Linguist: none
    ("Dockerfile.x86_64", "Dockerfile"),  # ours; Linguist: none
    (".eslintrc", "JSON with Comments"),  # or YAML
    ("etc/hosts", "Hosts File"),  # or INI
    (".releaserc", "JSON"),  # or YAML
]

SUFFIXES = [
    ("foo.ipynb", "Jupyter Notebook"),
    ("main.py", "Python"),
    ("MAIN.PY", "Python"),
    ("a.b/main.py", "Python"),
    (".py", "Python"),
    ("main.py.", "Python"),
    ("run.sh", "Shell"),
    ("lib/main.go", "Go"),
    ("a.java", "Java"),
    ("x.f90", "Fortran Free Form"),
    ("app.gradle", "Gradle"),
    ("app.gradle.kts", "Gradle Kotlin DSL"),
    ("build.kts", "Kotlin"),
    ("config.h.in", "C"),
    ("view.html.erb", "HTML+ERB"),
    ("view.blade.php", "Blade"),
    ("sketch.ino", "C++"),
    ("kernel.cu", "Cuda"),
    ("fast.pyx", "Cython"),
    ("Dockerfile.md.py", "Python"),
    ("Makefile.\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}.c", "C"),
]

# Several languages list the suffix; the one used most is taken until content decides.
AMBIGUOUS_SUFFIXES = [
    (".asm", "Assembly"),
    (".bas", "Visual Basic 6.0"),
    (".bb", "BitBake"),
    (".bf", "Brainfuck"),
    (".cfg", "INI"),
    (".cgi", "Perl"),
    (".cl", "OpenCL"),
    (".cls", "TeX"),
    (".cs", "C#"),
    (".d", "D"),
    (".ex", "Elixir"),
    (".f", "Fortran"),
    (".for", "Fortran"),
    (".frag", "GLSL"),
    (".fs", "F#"),
    (".gs", "JavaScript"),
    (".h", "C"),
    (".hh", "C++"),
    (".html", "HTML"),
    (".inc", "PHP"),
    (".jq", "jq"),
    (".json", "JSON"),
    (".l", "Lex"),
    (".lean", "Lean 4"),
    (".lisp", "Common Lisp"),
    (".m", "Objective-C"),
    (".man", "Roff Manpage"),
    (".md", "Markdown"),
    (".ml", "OCaml"),
    (".mm", "Objective-C++"),
    (".p", "OpenEdge ABL"),
    (".php", "PHP"),
    (".pl", "Perl"),
    (".plist", "XML Property List"),
    (".pm", "Perl"),
    (".pp", "Puppet"),
    (".pro", "QMake"),
    (".properties", "Java Properties"),
    (".r", "R"),
    (".R", "R"),
    (".rs", "Rust"),
    (".s", "Unix Assembly"),
    (".scm", "Scheme"),
    (".spec", "RPM Spec"),
    (".sql", "SQL"),
    (".t", "Perl"),
    (".ts", "TypeScript"),
    (".tsx", "TSX"),
    (".txt", "Text"),
    (".v", "Verilog"),
    (".yaml", "YAML"),
    (".yml", "YAML"),
    (".3pm", "Roff Manpage"),
    # not declared: the language whose first suffix it is, though another stands before it by name
    (".toc", "World of Warcraft Addon Data"),
    (".vcf", "vCard"),
    # the first suffix of two, BibTeX Style and BuildStream: the first by name
    (".bst", "BibTeX Style"),
]

SHEBANGS = [
    ("run", b"#!/usr/bin/env python3", "Python", "shebang"),
    ("run", b"#!/usr/bin/env -S uv run --script\n", "Python", "shebang"),
    ("run", b"#!/usr/bin/env -i PATH=/bin ruby -w\n", "Ruby", "shebang"),
    ("run", b'#!/bin/sh\n# \\\nexec tclsh "$0" "$@"\n', "Tcl", "shebang"),
    ("run", b'#!/bin/sh\n\n\n\n\nexec tclsh "$0" "$@"\n', "Shell", "shebang"),  # the sixth line is too late
    ("run", b"#!/bin/bash -e\n", "Shell", "shebang"),
    ("run", b"#! /usr/bin/perl6\n", "Raku", "shebang"),
    ("run", b"#!/usr/bin/perl", "Perl", "shebang"),
    ("run", b"#!perl -w\n", "Perl", "shebang"),
    ("run", b"#!/usr/bin/python3.11\r\n", "Python", "shebang"),
    ("run", b"#!/usr/bin/perl5.30.1\n", "Perl", "shebang"),  # ours; Linguist: none
    ("run", b"#!/usr/bin/tclsh8.6\n", "Tcl", "shebang"),  # ours; Linguist: none
    ("run", b"#!/usr/bin/env node\n", "JavaScript", "shebang"),  # ours; Linguist: TypeScript
    ("run", b"#!/usr/bin/env deno\n", "TypeScript", "shebang"),
    ("run", b"#!/usr/bin/osascript\n", "AppleScript", "shebang"),
    ("run", b"#!/usr/bin/osascript -l JavaScript\n", None, None),
    ("merge.js", b"#!/usr/bin/env osascript -l JavaScript\n", "JavaScript", "extension"),
    ("a.cgi", b"#!/usr/bin/python\n", "Python", "shebang"),
    ("a.pl", b"#!/usr/bin/env python\n", "Python", "shebang"),  # a shebang of one language is stronger than a suffix
    ("a.t", b"#!/usr/bin/perl\n", "Perl", "extension"),  # Perl or Pod, and Perl, Raku, Terra or Turing
    ("a.ts", b"#!/usr/bin/env node\n", "TypeScript", "extension"),
    ("a.mjs", b"#!/usr/bin/env node\n", "JavaScript", "extension"),
    ("a.txt", b"#!/usr/bin/env node\n", "JavaScript", "shebang"),
    ("Rakefile", b"#!/usr/bin/env python\n", "Ruby", "filename"),  # a filename is stronger than a shebang
    ("a.py", b"#!/opt/unknown\n", "Python", "extension"),
]

NOTHING = [
    ("README", b"Some words.\n"),  # Linguist: none
    ("notes", b"Some words.\n"),
    ("foo.conf", b"a = 1\n"),
    ("server.log.1", b"started\n"),
    ("Token.sol", b"pragma solidity ^0.8.0;\n"),  # content decides among the generic suffixes, in a later change
    ("mesh.stl", b"solid\n"),
    ("Dockerfile.", b"FROM a\n"),
    ("run", b"#!"),
    ("run", b"#!/"),
    ("run", b"#!/usr/bin/env"),
    ("run", b"#!/usr/bin/env -S A=b"),
    ("run", b"\n#!/bin/sh"),
    ("", b""),
    ("a/", b""),
    ("...", b""),
]


@pytest.mark.parametrize(("path", "language"), FILENAMES)
def test_filename(path: str, language: str) -> None:
    assert detect_language(path, b"") == (language, "filename")


@pytest.mark.parametrize(("path", "language"), SUFFIXES)
def test_suffix(path: str, language: str) -> None:
    assert detect_language(path, b"") == (language, "extension")


@pytest.mark.parametrize(("suffix", "language"), AMBIGUOUS_SUFFIXES)
def test_ambiguous_suffix_takes_the_language_used_most(suffix: str, language: str) -> None:
    assert detect_language(f"src/a{suffix}", b"") == (language, "ambiguous_extension")


@pytest.mark.parametrize(("path", "head", "language", "method"), SHEBANGS)
def test_shebang(path: str, head: bytes, language: str | None, method: str | None) -> None:
    assert detect_language(path, head) == (language, method)


@pytest.mark.parametrize(("path", "head"), NOTHING)
def test_nothing_known(path: str, head: bytes) -> None:
    assert detect_language(path, head) == (None, None)


@pytest.mark.parametrize("suffix", sorted(linguist.GENERIC_SUFFIXES))
def test_generic_suffix_says_nothing(suffix: str) -> None:
    assert detect_language(f"a{suffix}", b"") == (None, None)


@pytest.mark.parametrize(
    ("path", "head", "language"),
    [
        ("ls.1", b'.\\" a comment\n.TH LS 1\n', "Roff Manpage"),
        ("ls.1", b".Dd May 1\n.Dt LS 1\n", "Roff Manpage"),
        ("EVP_sign.3ssl", b".TH EVP_sign 3ssl\n", "Roff Manpage"),
        ("ls.1", b"see .TH LS 1\n", None),
        ("ls.10", b".TH LS 1\n", None),
    ],
)
def test_man_page(path: str, head: bytes, language: str | None) -> None:
    assert detect_language(path, head)[0] == language


def test_most_used_languages_are_candidates() -> None:
    """A renamed language or a suffix that has only one candidate makes a row of the table meaningless."""
    indexes = {**linguist.FILENAMES, **linguist.INTERPRETERS, **linguist.SUFFIXES}
    rows = linguist.MOST_USED.items()
    assert [key for key, name in rows if len(indexes[key]) < 2 or name not in indexes[key]] == []


def test_every_ambiguous_filename_and_interpreter_is_declared() -> None:
    indexes = {**linguist.FILENAMES, **linguist.INTERPRETERS}
    assert {key for key, names in indexes.items() if len(names) > 1} <= set(linguist.MOST_USED)


paths = st.one_of(
    st.text(st.characters()),
    st.tuples(st.text(st.characters()), st.sampled_from(sorted(linguist.SUFFIXES))).map("".join),
    st.sampled_from(sorted(linguist.FILENAMES)),
)
heads = st.one_of(
    st.binary(),
    st.binary().map(b"#!".__add__),
    st.tuples(st.sampled_from([b"#!/bin/sh\n", b"#!/usr/bin/env "]), st.binary()).map(b"".join),
    st.sampled_from(sorted(linguist.INTERPRETERS)).map(lambda name: b"#!/bin/" + name.encode()),
)


@given(paths, heads)
def test_any_path_and_head_has_a_known_language_or_none(path: str, head: bytes) -> None:
    language, method = detect_language(path, head)
    assert (language is None) == (method is None)
    assert language is None or language in LANGUAGES
    assert method in {None, "filename", "shebang", "extension", "ambiguous_extension"}


def test_hostile_first_lines_cost_no_time() -> None:
    """Microseconds; without the limit on a line it is seconds, as each `exec` is tried with each two `$`."""
    start = time.process_time()
    assert interpreter(b"#!/bin/sh\n" + b"exec a" * 300 + b"$0" * 1100) == "sh"
    assert time.process_time() - start < 0.2


SLUGS = [
    ("C", "c"),
    ("C++", "c++"),
    ("C#", "c-sharp"),
    ("F#", "f-sharp"),
    ("F*", "f-star"),
    ("Q#", "q-sharp"),
    ("q", "q"),
    ("Pro*C", "pro-star-c"),
    ("Objective-C++", "objective-c++"),
    ("Jupyter Notebook", "jupyter-notebook"),
    ("Cap'n Proto", "capn-proto"),
    ("Graphviz (DOT)", "graphviz-dot"),
    ("HTML+ERB", "html+erb"),
    ("ASP.NET", "asp.net"),
]


@pytest.mark.parametrize(("language", "folder"), SLUGS)
def test_slug(language: str, folder: str) -> None:
    assert slug(language) == folder


def test_slugs_of_all_languages_are_safe_and_different() -> None:
    slugs = [slug(language) for language in LANGUAGES]
    assert [name for name in slugs if not re.fullmatch(r"[a-z0-9][a-z0-9+._-]*", name)] == []
    assert len({name.casefold() for name in slugs}) == len(LANGUAGES)


@pytest.mark.parametrize("language", ["", "...", "(-)", "\N{CJK UNIFIED IDEOGRAPH-4E00}"])
def test_slug_of_nothing_is_an_error(language: str) -> None:
    with pytest.raises(ValueError, match="has no letter or digit"):
        slug(language)


def test_data_is_linguists() -> None:
    """829 languages and 1,483 suffixes, 22 of them generic, as counted in its languages.yml."""
    assert linguist.LINGUIST_VERSION in DATA.read_text("utf-8").splitlines()[1]
    assert len(LANGUAGES) == 829
    assert len(linguist.SUFFIXES) + len(linguist.GENERIC_SUFFIXES) == 1483


def test_data_is_as_its_script_writes_it() -> None:
    assert render(linguist._DATA) == DATA.read_text("utf-8")
    assert DATA.stat().st_size < 200_000
