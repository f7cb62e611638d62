"""Languages of whole files. Expected values: GitHub Linguist 9.6.0, except where a line says ours."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import language as linguist
from filters.data.make_languages import render
from filters.generated import generated_by
from filters.language import LANGUAGES, detect_language, interpreter, slug
from filters.vendored import is_documentation, is_vendored

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

# Several languages list the suffix; the one used most is taken where content says nothing.
AMBIGUOUS_SUFFIXES = [
    (".asm", "Assembly"),
    (".bas", "Visual Basic 6.0"),
    (".bb", "BitBake"),
    (".bf", "Brainfuck"),
    (".cfg", "INI"),
    (".cgi", "Perl"),
    (".cl", "OpenCL"),
    (".cls", "Apex"),
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
    (".inc", "C++"),
    (".jq", "jq"),
    (".json", "JSON"),
    (".l", "Lex"),
    (".lean", "Lean 4"),
    (".lisp", "Common Lisp"),
    (".m", "MATLAB"),
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
    ("Token.sol", b"some words\n"),
    ("mesh.stl", b"solid\n"),
    ("h", b"class A {};\n"),  # a name is no suffix
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


MAN_PAGES = [
    ("ls.1", b'.\\" a comment\n.TH LS 1\n.SH NAME\n', "Roff Manpage"),
    ("ls.1", b".Dd May 1\n.Dt LS 1\n.Sh NAME\n", "Roff Manpage"),
    ("ls.1", b".TH LS 1\n", "Roff"),
    ("ls.1.in", b".TH LS 1\n.SH NAME\n", "Roff Manpage"),
    ("EVP_sign.3ssl", b".TH EVP_sign 3ssl\n.SH NAME\n", "Roff Manpage"),
    ("server.log.1", b"started\n", "Text"),
    ("ls.10", b".TH LS 1\n.SH NAME\n", None),
    ("ls.1", b"", None),
]


@pytest.mark.parametrize(("path", "text", "language"), MAN_PAGES)
def test_man_page(path: str, text: bytes, language: str | None) -> None:
    assert detect_language(path, text)[0] == language


METHODS = [
    ("a.txt", b"-*- ruby -*-\n", "Ruby", "modeline"),
    ("Makefile", b"# vim: ft=sh\n", "Shell", "modeline"),  # before the filename
    ("a.py", b"# vim: ft=nosuch\n", "Python", "extension"),
    ("a.py", b"# -*- coding: utf-8 -*-\n", "Python", "extension"),
    ("a.h", b"class A {};\n", "C++", "content"),
    ("a.h", b"int a;\n", "C", "content"),  # the rule for what is left
    ("a.m", b"x = 3;\n", "MATLAB", "ambiguous_extension"),
    ("a.mod", b"some words\n", "Linux Kernel Module", "ambiguous_extension"),  # a rule with two languages, AMPL too
    (".eslintrc", b"a: 1\n", "YAML", "content"),  # a filename that two languages list
    ("Token.sol", b"pragma solidity ^0.8.0;\n", "Solidity", "content"),
    ("foo.conf", b'<?xml version="1.0"?>\n', "XML", "content"),
    ("foo.conf", b'\n\n<?xml version="1.0"?>\n', None, None),
    ("a.py", b'<?xml version="1.0"?>\n', "Python", "extension"),
]


@pytest.mark.parametrize(("path", "text", "language", "method"), METHODS)
def test_method(path: str, text: bytes, language: str | None, method: str | None) -> None:
    assert detect_language(path, text) == (language, method)


# Case number, path, text, language, and of the flags V(endored), D(ocumentation) and G(enerated) those that hold.
CASES = [
    (1, "list.h", b"struct node {\n    struct node *next;\n};\n", "C", ""),
    (2, "box.h", b"#include <vector>\nclass Box {\npublic:\n    int size;\n};\n", "C++", ""),
    (3, "View.h", b"#import <UIKit/UIKit.h>\n@interface View : UIView\n@end\n", "Objective-C", ""),
    (4, "a.h", b"/* -*- mode: c++ -*- */\nint f();\n", "C++", ""),
    (5, "a.h", b'#ifdef __cplusplus\nextern "C" {\n#endif\nint f(void);\n', "C", ""),
    (6, "f.m", b"function y = f(x)\n% F doubles.\ny = 2 * x;\n", "MATLAB", ""),
    (7, "View.m", b'#import "View.h"\n@implementation View\n@end\n', "Objective-C", ""),
    (8, "hello.m", b":- module hello.\n:- interface.\n", "Mercury", ""),
    (9, "Foo.m", b'BeginPackage["Foo`"]\n(* doubles *)\n', "Wolfram Language", ""),
    (10, "a.m", b"x = 3;\n", "MATLAB", ""),
    (11, "a.pl", b"use strict;\nprint 1;\n", "Perl", ""),
    (12, "a.pl", b":- module(a, [b/1]).\nb(X) :- c(X).\n", "Prolog", ""),
    (13, "app.pro", b"QT += core gui\nSOURCES += a.cpp\n", "QMake", ""),
    (14, "double.pro", b"function double, x\n  return, 2 * x\nend\n", "IDL", ""),
    (15, "a.ts", b"import { b } from './b';\nexport const c: number = b;\n", "TypeScript", ""),
    (16, "de.ts", b'<!DOCTYPE TS>\n<TS version="2.1">\n</TS>\n', "XML", ""),
    (17, "App.tsx", b"import React from 'react';\nexport const App = () => <p/>;\n", "TSX", ""),
    (18, "map.tsx", b'<?xml version="1.0"?>\n<tileset name="a"/>\n', "XML", ""),
    (19, "adder.v", b"module adder(input a);\nendmodule\n", "Verilog", ""),
    (20, "Nat.v", b"Theorem a : True.\nProof.\n  exact I.\nQed.\n", "Rocq Prover", ""),
    (21, "main.v", b"fn main() {\n\tprintln('a')\n}\n", "V", ""),
    (22, "a.cls", b"\\NeedsTeXFormat{LaTeX2e}\n\\ProvidesClass{a}\n", "TeX", ""),
    (23, "A.cls", b"VERSION 1.0 CLASS\nBEGIN\n  MultiUse = -1\nEND\n", "VBA", ""),
    (24, "A.cls", b"public with sharing class A {\n}\n", "Apex", ""),
    (25, "a.inc", b"<?php\necho 1;\n", "PHP", ""),
    (26, "a.inc", b"%macro push2 2\n    mov eax, %1\n%endmacro\n", "Assembly", ""),
    (27, "zlib.inc", b'SRC_URI = "git://example.org/zlib"\n', "BitBake", ""),
    (28, "a.sql", b"CREATE FUNCTION a() RETURNS int AS $$ BEGIN END; $$ LANGUAGE plpgsql;\n", "PLpgSQL", ""),
    (29, "a.sql", b"CREATE PACKAGE BODY a AS\nBEGIN\n  DBMS_OUTPUT.PUT_LINE('b');\nEND;\n", "SQL", ""),  # not PLSQL
    (30, "a.sql", b"SELECT a FROM b;\n", "SQL", ""),
    (31, "a.sql", b"SET ANSI_NULLS ON\nGO\nSELECT 1\n", "TSQL", ""),
    (32, "a.r", b"x <- 1\n", "R", ""),
    (32, "a.r", b'REBOL [Title: "a"]\n', "Rebol", ""),
    (33, "a.rs", b"use std::fs;\nfn main() {}\n", "Rust", ""),
    (33, "a.rs", b"#pragma version(1)\n#pragma rs java_package_name(a)\n", "RenderScript", ""),
    (34, "a.fs", b"module A\nlet x = 1\n", "F#", ""),
    (34, "a.fs", b": square dup * ;\n", "Forth", ""),
    (34, "a.fs", b"#version 330\nvoid main() {}\n", "GLSL", ""),
    (35, "a.d", b"module a;\nimport std.stdio;\n", "D", ""),
    (35, "a.d", b"main.o: main.c \\\n  main.h\n", "Makefile", ""),
    (35, "a.d", b"syscall::read:entry\n{\n}\n", "DTrace", ""),
    (36, "a.t", b"use Test::More;\nok(1);\n", "Perl", ""),
    (37, "a.md", b"# Title\n\nSome words.\n", "Markdown", ""),
    (37, "i386.md", b';; Moves.\n(define_insn "movsi"\n  [(set)])\n', "GCC Machine Description", ""),
    (38, "run", b"#!/usr/bin/env python3\n", "Python", ""),
    (39, "run", b"#!/usr/bin/env -S uv run --script\n", "Python", ""),
    (40, "run", b'#!/bin/sh\n# \\\nexec tclsh "$0" "$@"\n', "Tcl", ""),
    (41, "run", b"#!/bin/bash -e\n", "Shell", ""),
    (42, "run", b"#! /usr/bin/perl6\n", "Raku", ""),
    (43, "notes", b"Some words.\n", None, ""),
    (44, "a.cgi", b"#!/usr/bin/python\n", "Python", ""),
    (45, "run", b"#!/usr/bin/env node\n", "JavaScript", ""),  # ours; Linguist: TypeScript
    (46, "CMakeLists.txt", b"project(a)\n", "CMake", ""),
    (47, "requirements.txt", b"numpy\n", "Pip Requirements", ""),
    (48, "Jenkinsfile", b"pipeline {}\n", "Groovy", "V"),
    (49, "Vagrantfile", b"Vagrant.configure\n", "Ruby", "V"),
    (50, "tsconfig.json", b"{}\n", "JSON with Comments", ""),
    (51, "go.mod", b"module a\n", "Go Module", ""),
    (52, "BUILD", b"cc_library()\n", "Starlark", ""),
    (53, "configure.ac", b"AC_INIT\n", "M4Sugar", ""),
    (54, "foo.ipynb", b"{}\n", "Jupyter Notebook", ""),
    (55, "Makefile.am", b"SUBDIRS = a\n", "Makefile", ""),
    (56, ".bashrc", b"alias l=ls\n", "Shell", ""),
    (57, "Cargo.lock", b"version = 3\n", "TOML", "G"),
    (58, "Pipfile.lock", b"{}\n", "JSON", "G"),
    (59, "foo.1", b".TH FOO 1\n.SH NAME\nfoo\n", "Roff Manpage", ""),
    (60, "README", b"Some words.\n", None, "D"),
    (61, "foo.conf", b"a = 1\n", None, ""),
    (62, "Dockerfile.dev", b"FROM a\n", "Dockerfile", ""),  # ours; Linguist: none
    (63, "foo.plist", b'<?xml version="1.0"?>\n<plist version="1.0">\n', "XML Property List", ""),
    (64, "a.php", b"<?hh\n", "Hack", ""),
    (65, "a.cl", b"__kernel void a() {\n}\n", "OpenCL", ""),
    (65, "a.cl", b"(defun a () 1)\n", "Common Lisp", ""),
    (66, "a.sol", b"pragma solidity ^0.8.0;\n", "Solidity", ""),
    (67, "a.s", b"\tmovl %eax, %ebx\n", "Unix Assembly", ""),
    (68, "a.gs", b"function onOpen() {\n}\n", "JavaScript", ""),
    (69, "a.bf", b"++[>+>-<<]\n", "Brainfuck", ""),
    (70, "a.bas", b'Attribute VB_Name = "A"\n', "Visual Basic 6.0", ""),
    (71, "a.f", b"      program a\n      end\n", "Fortran", ""),
    (71, "a.f90", b"program a\nend\n", "Fortran Free Form", ""),
    (72, "a.gradle", b"plugins {}\n", "Gradle", ""),
    (72, "a.gradle.kts", b"plugins {}\n", "Gradle Kotlin DSL", ""),
    (73, "a.ino", b"void loop() {}\n", "C++", ""),
    (74, "a.cu", b"__global__ void a() {}\n", "Cuda", ""),
    (75, "a.pyx", b"cdef int a\n", "Cython", ""),
    (76, "js/jquery.min.js", b"x" * 200, "JavaScript", "VG"),
    (77, "node_modules/x", b"a\n", None, "VG"),
    (78, "dist/app.js", b"a();\n", "JavaScript", "V"),
    (79, "third_party/a.py", b"a()\n", "Python", "V"),
    (79, "deps/a.py", b"a()\n", "Python", "V"),
    (79, "extern/a.py", b"a()\n", "Python", "V"),
    (79, "tests/fixtures/a.py", b"a()\n", "Python", "V"),
    (80, "docs/a.py", b"a()\n", "Python", "D"),
    (81, "examples/a.py", b"a()\n", "Python", "D"),
    (82, "x.pb.go", b"// Code generated by protoc-gen-go. DO NOT EDIT.\n", "Go", "G"),
    (82, "x_pb2.py", b"# Generated by the protocol buffer compiler.  DO NOT EDIT!\n", "Python", "G"),
    (82, "mock.go", b"// Code generated by mockgen. DO NOT EDIT.\npackage a\n", "Go", "G"),
    (83, "package-lock.json", b"{}\n", "JSON", "G"),
    (84, "configure", b"#! /bin/sh\n", "Shell", "V"),
    (84, "aclocal.m4", b"AC_DEFUN([A])\n", "M4Sugar", "V"),
    (85, "gradlew", b"#!/bin/sh\n", "Shell", "VG"),
    (86, "x.min.css", b"a{}\n", "CSS", "VG"),  # ours: generated by its name; Linguist: by its long lines only
    (87, "a.css.map", b"{}\n", None, "G"),
    (88, "a.c", b"/* Generated by Cython 3.0.8 */\n", "C", "G"),
    (89, "parser.tab.c", b"/* A Bison parser, made by GNU Bison 3.8.2.  */\n", "C", "G"),  # ours; Linguist: not G
    (89, "lex.yy.c", b'#line 2 "lex.yy.c"\n/* A lexical scanner generated by flex */\n', "C", "G"),  # ours likewise
]


@pytest.mark.parametrize(("number", "path", "text", "language", "flags"), CASES)
def test_acceptance(number: int, path: str, text: bytes, language: str | None, flags: str) -> None:
    holds = {"V": is_vendored(path), "D": is_documentation(path), "G": generated_by(path, text) is not None}
    assert detect_language(path, text)[0] == language
    assert "".join(flag for flag in holds if holds[flag]) == flags


def test_every_acceptance_case_is_there() -> None:
    assert {number for number, *_ in CASES} == set(range(1, 90))


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
    assert method in {None, "modeline", "filename", "shebang", "extension", "content", "ambiguous_extension"}


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
    text = DATA.read_text("utf-8")
    assert render("languages", {"languages": linguist._DATA}) == text
    assert len(text) < 200_000
