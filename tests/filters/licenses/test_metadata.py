"""What package metadata says: every format, the names of licences, and what is not understood."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.licenses.aliases import MAX_NAME_CHARS, NAMES, named, understand
from filters.licenses.expressions import parse, spdx_list
from filters.licenses.metadata import _BY_NAME, _BY_SUFFIX, MAX_BYTES, read_metadata
from filters.licenses.texts import spdx_texts

FAMILY = "LicenseRef-family-"
UNKNOWN = "LicenseRef-unknown"

# name, what is understood, how surely
UNDERSTOOD = [
    ("MIT", "MIT", 1.0),
    ("(MIT OR Apache-2.0)", "MIT OR Apache-2.0", 1.0),
    ("GPL-2.0+", "GPL-2.0-or-later", 1.0),
    ("LicenseRef-Mine", "LicenseRef-Mine", 1.0),
    ("MIT License", "MIT", 0.9),
    ("The MIT License (MIT)", "MIT", 0.9),
    ("MIT/X11", "MIT", 0.9),
    ("Expat", "MIT", 0.9),
    ("Apache 2.0", "Apache-2.0", 0.9),
    ("Apache2", "Apache-2.0", 0.9),
    ("ASL 2.0", "Apache-2.0", 0.9),
    ("Apache License, Version 2.0", "Apache-2.0", 0.9),
    ("The Apache Software License, Version 2.0", "Apache-2.0", 0.9),
    ("http://www.apache.org/licenses/LICENSE-2.0.txt", "Apache-2.0", 0.9),
    ("https://opensource.org/licenses/BSD-3-Clause", "BSD-3-Clause", 0.9),
    ("http://www.opensource.org/licenses/mit-license.php", "MIT", 0.9),
    ("https://www.gnu.org/licenses/gpl-3.0.en.html", "GPL-3.0-only", 0.9),
    ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0", 0.9),
    ("New BSD", "BSD-3-Clause", 0.9),
    ("BSD 3-Clause", "BSD-3-Clause", 0.9),
    ("3-Clause BSD License", "BSD-3-Clause", 0.9),
    ("BSD (3-clause)", "BSD-3-Clause", 0.9),
    ("Simplified BSD", "BSD-2-Clause", 0.9),
    ("GPLv3", "GPL-3.0-only", 0.9),
    ("GPL v3", "GPL-3.0-only", 0.9),
    ("GPL-3", "GPL-3.0-only", 0.9),
    ("GPLv3+", "GPL-3.0-or-later", 0.9),
    ("GPL (>= 2)", "GPL-2.0-or-later", 0.9),
    ("GPL version 2 or (at your option) any later version", "GPL-2.0-or-later", 0.9),
    ("GNU GPL 3", "GPL-3.0-only", 0.9),
    ("GNU LGPL v2.1", "LGPL-2.1-only", 0.9),
    ("LGPL-2.1+", "LGPL-2.1-or-later", 1.0),
    ("GNU Lesser General Public License v3.0", "LGPL-3.0-only", 0.9),
    ("GNU Affero General Public License, version 3", "AGPL-3.0-only", 0.9),
    ("Mozilla Public License, v. 2.0", "MPL-2.0", 0.9),
    ("Eclipse Public License - v 2.0", "EPL-2.0", 0.9),
    ("GPL2 w/ CPE", "GPL-2.0-only WITH Classpath-exception-2.0", 0.9),
    ("zlib/libpng", "Zlib", 0.9),
    ("Apache-2.0 with LLVM exception", "Apache-2.0 WITH LLVM-exception", 0.9),
    ("Perl_5", "Artistic-1.0-Perl OR GPL-1.0-or-later", 0.9),
    ("Unlicense", "Unlicense", 1.0),
    # no version: a class, no id
    ("BSD", FAMILY + "BSD", 0.9),
    ("BSD License", FAMILY + "BSD", 0.9),
    ("Apache", FAMILY + "Apache", 0.9),
    ("GPL", FAMILY + "GPL", 0.9),
    ("LGPL", FAMILY + "LGPL", 0.9),
    ("Public Domain", FAMILY + "public-domain", 0.9),
    # lists
    ("MIT License or Apache 2.0", "MIT OR Apache-2.0", 0.9),
    ("GPLv2 or later or MIT", "GPL-2.0-or-later OR MIT", 0.9),
    ("MIT and BSD", f"MIT AND {FAMILY}BSD", 0.9),
    ("MIT/Apache-2.0", "MIT AND Apache-2.0", 0.9),
    ("MPL 1.1/GPL 2.0/LGPL 2.1", "MPL-1.1 AND GPL-2.0-only AND LGPL-2.1-only", 0.9),
    ("MIT, BSD or GPL", UNKNOWN, 1.0),  # which of them?
    ("MIT or commercial", UNKNOWN, 1.0),
    ("MIT/X11 or GPLv2", "MIT OR GPL-2.0-only", 0.9),
    # other files
    ("SEE LICENSE IN LICENSE.md", "LicenseRef-file-LICENSE.md", 1.0),
    ("SEE LICENSE IN my terms.txt", "LicenseRef-file-my-terms.txt", 1.0),
    ("see LICENSE file", "LicenseRef-file-LICENSE", 1.0),
    ("LICENSE.txt", "LicenseRef-file-LICENSE.txt", 1.0),
    ("file: COPYING", "LicenseRef-file-COPYING", 1.0),
    ("https://github.com/o/r/blob/main/LICENSE.md", "LicenseRef-file-LICENSE.md", 1.0),
    # a licence, and not known which
    ("UNLICENSED", UNKNOWN, 1.0),
    ("Proprietary", UNKNOWN, 1.0),
    ("All rights reserved", UNKNOWN, 1.0),
    ("BSD-style", UNKNOWN, 1.0),
    ("MIT-like", UNKNOWN, 1.0),
    ("non-MIT", UNKNOWN, 1.0),
    ("MIT (non-commercial)", UNKNOWN, 1.0),
    ("MIT (GPL)", UNKNOWN, 1.0),
    ("MIT, 非商用", UNKNOWN, 1.0),
    ("MIT?", UNKNOWN, 1.0),
    ("!MIT", UNKNOWN, 1.0),
    ("https://example.com/LICENSE", UNKNOWN, 1.0),
    ("MIT License " * 200, UNKNOWN, 1.0),  # a text is no name
    ("MIT" + 5_000 * " ", "MIT", 1.0),
    ("MIT" + 5_000 * " " + "without the right to sell", UNKNOWN, 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "expression", "score"), UNDERSTOOD)
def test_understand(name: str, expression: str, score: float) -> None:
    assert understand(name) == (expression, score)


@pytest.mark.parametrize("name", ["", " ", "TODO", "Dual License", "unknown", "UNKNOWN", "None", "N/A", "-", "''"])
def test_an_empty_field_says_nothing(name: str) -> None:
    assert understand(name) is None


def test_a_name_has_a_limit() -> None:
    assert understand("MIT " + "license " * 24) == ("MIT", 0.9)
    assert len("MIT " + "license " * 25) > MAX_NAME_CHARS and understand("MIT " + "license " * 25) == (UNKNOWN, 1.0)


# The classifiers of licences that projects use, without "License :: OSI Approved :: ".
TROVE = {
    "Academic Free License (AFL)": FAMILY + "AFL",
    "Apache Software License": FAMILY + "Apache",
    "Artistic License": FAMILY + "Artistic",
    "BSD License": FAMILY + "BSD",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "Common Development and Distribution License 1.0 (CDDL-1.0)": "CDDL-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU Free Documentation License (FDL)": FAMILY + "GFDL",
    "GNU General Public License (GPL)": FAMILY + "GPL",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Library or Lesser General Public License (LGPL)": FAMILY + "LGPL",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PostgreSQL License": "PostgreSQL",
    "Python Software Foundation License": "PSF-2.0",
    "SIL Open Font License 1.1 (OFL-1.1)": "OFL-1.1",
    "The Unlicense (Unlicense)": "Unlicense",
    "Universal Permissive License (UPL)": "UPL-1.0",
    "University of Illinois/NCSA Open Source License": "NCSA",
    "Zero-Clause BSD (0BSD)": "0BSD",
    "Zope Public License": FAMILY + "ZPL",
    "zlib/libpng License": "Zlib",
    "Other/Proprietary License": UNKNOWN,
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "Public Domain": FAMILY + "public-domain",
}


@pytest.mark.parametrize("name", TROVE)
def test_classifiers(name: str) -> None:
    text = f'[project]\nclassifiers = ["Topic :: X", "License :: OSI Approved :: {name}"]'.encode()
    found = read_metadata("pyproject.toml", text)
    assert found and (found.expression, found.evidence[0].first_line) == (TROVE[name], 2)


def test_every_name_by_hand_is_a_normalised_expression() -> None:
    assert all(expression.startswith(FAMILY) or parse(expression) == expression for expression in NAMES)


def test_no_two_licences_share_a_name() -> None:
    names = [
        (name, parse(spdx_id)) for spdx_id, full_name in spdx_list().names.items() for name in (spdx_id, full_name)
    ]
    names += [(name, expression) for expression, by_hand in NAMES.items() for name in by_hand]
    # None: names with "é", "–" or "!"
    assert [(name, expression) for name, expression in names if named(name) not in (expression, None)] == []


MIT, GPL3 = spdx_texts()["MIT"], spdx_texts()["GPL-3.0-only"]


def folded(text: str) -> str:
    return text.replace("\n", "\n        ")


# path, text, expression
READ = [
    # Python
    ("pyproject.toml", '[project]\nlicense = "MIT OR Apache-2.0"', "MIT OR Apache-2.0"),
    ("pyproject.toml", '[project]\nlicense = {text = "BSD 3-Clause"}', "BSD-3-Clause"),
    ("pyproject.toml", '[project]\nlicense = {file = "LICENSE.txt"}', "LicenseRef-file-LICENSE.txt"),
    ("pyproject.toml", '[project.license]\nfile = "../LICENSE"', "LicenseRef-file-LICENSE"),
    ("pyproject.toml", '[tool.poetry]\nlicense = "MIT"', "MIT"),
    ("pyproject.toml", '[tool.black]\nlicense = "MIT"', None),
    ("pyproject.toml", '[project]\nname = "x"\nlicense-files = ["LICENSE"]', None),
    ("pyproject.toml", "[project]\nlicense = 3", None),
    ("pyproject.toml", '[project]\nlicense = "MIT"\nclassifiers = ["License :: OSI Approved :: MIT License"]', "MIT"),
    ("pyproject.toml", '[project]\nlicense = "MIT OR Apache-2.0"\nclassifiers = ['
     '"License :: OSI Approved :: MIT License", "License :: OSI Approved :: Apache Software License"]',
     "MIT OR Apache-2.0"),
    ("pyproject.toml", '[project]\nlicense = "BSD"\nclassifiers = ["License :: OSI Approved :: BSD License"]',
     FAMILY + "BSD"),
    ("pyproject.toml", '[project]\nlicense = {text = "GPL"}\nclassifiers = '
     '["License :: OSI Approved :: GNU General Public License v3 (GPLv3)"]',
     "GPL-3.0-only"),
    ("pyproject.toml", '[project]\nlicense = "MIT"\nclassifiers = '
     '["License :: OSI Approved :: GNU General Public License v3 (GPLv3)"]',
     "MIT AND GPL-3.0-only"),
    ("pyproject.toml", '[project]\nclassifiers = ["License :: OSI Approved"]', None),
    ("pyproject.toml", "[project", None),
    ("setup.cfg", "[metadata]\nname = x\nlicense = MIT\n", "MIT"),
    ("setup.cfg", "[metadata]\nlicense: Apache License 2.0\nlicense_file = LICENSE\n", "Apache-2.0"),
    ("setup.cfg", "[metadata]\nlicense_files = LICENSE\n", None),
    ("setup.cfg", "[flake8]\nlicense = MIT\n", None),
    ("setup.cfg", "[metadata]\nclassifiers =\n    Topic :: X\n    License :: OSI Approved :: MIT License\n", "MIT"),
    ("setup.cfg", "[metadata]\nclassifiers =\n    # License :: OSI Approved :: MIT License\n", None),
    ("setup.py", 'setup(name="x",\n    license="BSD-2-Clause",\n)', "BSD-2-Clause"),
    ("setup.py", "setup(license='MIT', classifiers=['License :: OSI Approved :: MIT License'])", "MIT"),
    ("setup.py", "__license__ = 'GPLv3'", "GPL-3.0-only"),
    ("setup.py", "META = {'license': 'MIT'}", "MIT"),
    ("setup.py", "# license='MIT'\nsetup()", None),
    ("setup.py", "setup(license=read('LICENSE'), license_files=['MIT'])", None),
    ("setup.py", "setup(license='custom')\n__import__('os').abort()", UNKNOWN),
    ("x.egg-info/PKG-INFO", "Metadata-Version: 2.1\nName: x\nLicense: MIT\n\nLicense: GPL-3.0-only", "MIT"),
    ("x.dist-info/METADATA", "Metadata-Version: 2.4\nLicense-Expression: MIT AND ISC\n", "MIT AND ISC"),
    ("METADATA", "Metadata-Version: 2.1\r\nLicense:\nClassifier: License :: OSI Approved :: ISC License (ISCL)\r\n\r\n",
     "ISC"),
    ("METADATA", "License: MIT", None),
    # a licence in full
    ("pyproject.toml", f'[project]\nlicense = {{text = """{MIT}"""}}', "MIT"),
    ("setup.cfg", f"[metadata]\nlicense =\n    {folded(MIT)}\nauthor = x\n", "MIT"),
    ("setup.cfg", "[metadata]\nlicense =\n    MIT\nauthor = ISC\n", "MIT"),
    ("setup.py", f'setup(license="""{MIT}""")', "MIT"),
    ("PKG-INFO", f"Metadata-Version: 2.1\nLicense: {folded(MIT)}\n"
     "Classifier: License :: OSI Approved :: MIT License\n\nA body.", "MIT"),
    ("PKG-INFO", f"Metadata-Version: 2.1\nLicense: {folded(GPL3)}\n", "GPL-3.0-only"),
    ("PKG-INFO", f"Metadata-Version: 2.1\nLicense: {folded(MIT)}Not for commercial use.\n", f"MIT AND {UNKNOWN}"),
    ("PKG-INFO", "Metadata-Version: 2.1\nLicense: " + 50 * "MIT AND " + "Foo-1.0\n", UNKNOWN),
    ("PKG-INFO", "Metadata-Version: 2.1\nLicense: " + 9 * "You may look at it, and no more. " + "\n", UNKNOWN),
    # npm
    ("package.json", '{"license": "MIT"}', "MIT"),
    ("package.json", '{"license": "(MIT OR GPL-3.0)"}', "MIT OR GPL-3.0-only"),
    ("package.json", '{"license": {"type": "ISC", "url": "x"}}', "ISC"),
    ("package.json", '{"license": {"url": "http://opensource.org/licenses/MIT"}}', "MIT"),
    ("package.json", '{"licenses": [{"type": "MIT"}, {"type": "GPL-2.0"}]}', "MIT OR GPL-2.0-only"),
    ("package.json", '{"licenses": ["MIT", "Custom"]}', f"MIT OR {UNKNOWN}"),
    ("package.json", '{"license": "SEE LICENSE IN LICENCE.txt"}', "LicenseRef-file-LICENCE.txt"),
    ("package.json", '{"license": "UNLICENSED"}', UNKNOWN),
    ("package.json", '{"license": "Unlicense"}', "Unlicense"),
    ("package.json", '{"license": "BSD"}', FAMILY + "BSD"),
    ("package.json", '{"name": "x", "dependencies": {"license": "MIT"}}', None),
    ("package.json", '{"license": null, "licenses": []}', None),
    ("package.json", '["MIT"]', None),
    ("package.json", '{"license": "MIT"', None),
    ("package.json", '\ufeff{"license": "MIT"}', "MIT"),
    # Rust
    ("Cargo.toml", '[package]\nlicense = "MIT OR Apache-2.0"', "MIT OR Apache-2.0"),
    ("Cargo.toml", '[package]\nlicense = "MIT/Apache-2.0"', "MIT OR Apache-2.0"),
    ("Cargo.toml", '[package]\nlicense-file = "LICENSE.md"', "LicenseRef-file-LICENSE.md"),
    ("Cargo.toml", "[package]\nlicense.workspace = true", None),
    ("Cargo.toml", '[workspace.package]\nlicense = "MIT"', "MIT"),
    ("Cargo.toml", '[dependencies]\nlicense = "1.0"', None),
    # PHP
    ("composer.json", '{"license": "proprietary"}', UNKNOWN),
    ("composer.json", '{"license": ["LGPL-2.1-only", "GPL-3.0+"]}', "LGPL-2.1-only OR GPL-3.0-or-later"),
    # Ruby, Elixir
    ("x.gemspec", "Gem::Specification.new do |s|\n  s.license = 'MIT'.freeze", "MIT"),
    ("x.gemspec", 's.licenses = ["MIT", "Ruby"]', "MIT AND Ruby"),
    ("x.gemspec", "s.licenses = [\n  'MIT'\n]", "MIT"),
    ("x.gemspec", "s.licenses = %w[MIT WTFPL]", "MIT AND WTFPL"),
    ("x.gemspec", "# s.license = 'MIT'", None),
    ("x.gemspec", "s.license_file = 'MIT'", None),
    ("mix.exs", '  defp package do\n    [licenses: ["Apache 2.0"], links: %{}]', "Apache-2.0"),
    ("mix.exs", "[licenses: ~w(MIT)]", "MIT"),
    # Java, .NET
    ("pom.xml", "<project><licenses><license><name>Apache License, Version 2.0</name></license></licenses></project>",
     "Apache-2.0"),
    ("pom.xml", "<licenses>\n<license><name>\nGPLv2\n</name></license><license><name>MIT</name></license></licenses>",
     "GPL-2.0-only OR MIT"),
    ("pom.xml", "<licenses><license><url>https://opensource.org/licenses/MIT</url></license></licenses>", "MIT"),
    ("pom.xml", "<!-- <licenses><license><name>MIT</name></license></licenses> -->", None),
    ("pom.xml", "<project><name>MIT</name></project>", None),
    ("x.nuspec", '<license type="expression">MIT OR Apache-2.0</license>', "MIT OR Apache-2.0"),
    ("x.nuspec", '<license type="file">docs\\LICENSE.txt</license>', "LicenseRef-file-docs-LICENSE.txt"),
    ("x.nuspec", "<licenseUrl>https://licenses.nuget.org/MIT</licenseUrl>", "MIT"),
    ("x.nuspec", "<licenseUrl>https://aka.ms/deprecateLicenseUrl</licenseUrl>", None),
    ("x.nuspec", "<licenseUrl>https://example.com/terms</licenseUrl>", UNKNOWN),
    # R
    ("DESCRIPTION", "Package: x\nLicense: MIT + file LICENSE\n", "MIT"),
    ("DESCRIPTION", "Package: x\nLicense: GPL (>= 2)\n", "GPL-2.0-or-later"),
    ("DESCRIPTION", "Package: x\nLicense: GPL-2 | GPL-3\n", "GPL-2.0-only OR GPL-3.0-only"),
    ("DESCRIPTION", "Package: x\nLicense: file LICENSE\n", "LicenseRef-file-LICENSE"),
    ("DESCRIPTION", "Package: x\nLicense: BSD_3_clause +\n    file LICENSE\n", "BSD-3-Clause"),
    ("DESCRIPTION", "License: MIT\n", None),  # not R's
    # Haskell, OCaml
    ("x.cabal", "name: x\nlicense: BSD3\nlicense-file: LICENSE\n", "BSD-3-Clause"),
    ("x.cabal", "License:             GPL-3\n", "GPL-3.0-only"),
    ("x.cabal", "license:\nauthor: MIT\n", None),
    ("x.cabal", "license-file: LICENSE\n", "LicenseRef-file-LICENSE"),
    ("x.cabal", "license: OtherLicense\nlicense-file: LICENSE\n", "LicenseRef-file-LICENSE"),
    ("x.cabal", "license: AllRightsReserved\n", UNKNOWN),
    ("dune-project", "(lang dune 3.0)\n(license MIT)\n", "MIT"),
    ("dune-project", '(license "LGPL-2.1-only WITH OCaml-LGPL-linking-exception")',
     "LGPL-2.1-only WITH OCaml-LGPL-linking-exception"),
    ("dune-project", '(license MIT "ISC")', "MIT AND ISC"),
    ("dune-project", '(license "(MIT OR ISC)")', "MIT OR ISC"),
    # Perl
    ("META.json", '{"license": ["perl_5"]}', "Artistic-1.0-Perl OR GPL-1.0-or-later"),
    ("META.json", '{"license": ["mit", "apache_2_0"]}', "MIT AND Apache-2.0"),
    ("META.json", '{"license": {"PostgreSQL": "http://x"}}', "PostgreSQL"),
    ("META.json", '{"license": ["unknown"]}', None),
    ("META.json", '{"license": "mit"}', "MIT"),
    ("META.json", "{}", None),
    ("META.yml", "---\nlicense: perl\n", "Artistic-1.0-Perl OR GPL-1.0-or-later"),
    ("META.yml", "license:\n  - 'lgpl_2_1'\n  - mit\nname: x\n", "LGPL-2.1-only AND MIT"),
    # Debian
    ("debian/copyright", "Format: https://x/\n\nFiles: *\nLicense: Expat\n text\n\nFiles: a/*\nLicense: GPL-2+\n",
     "MIT AND GPL-2.0-or-later"),
    ("a/debian/copyright", "Format: x\n\nFiles: *\nLicense: GPL-1+ or Artistic\n",
     f"GPL-1.0-or-later OR {FAMILY}Artistic"),
    ("debian/copyright", "Format: x\n\nFiles: *\nLicense: Expat\n\nLicense: GPL-3\n text\n", "MIT"),
    ("debian/copyright", "Format: x\n\nLicense: GPL-3\nFiles: *\n", "GPL-3.0-only"),
    ("debian/copyright", "Files: *\nLicense: Expat\n", None),
    ("copyright", "Format: x\n\nFiles: *\nLicense: Expat\n", None),
    # others
    ("a/README.md", "license: MIT", None),
    ("x.toml", '[package]\nlicense = "MIT"', None),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text", "expression"), READ)
def test_read_metadata(path: str, text: str, expression: str | None) -> None:
    found = read_metadata(f"some/where/{path}", text.encode())
    assert (found and found.expression) == expression
    assert found is None or {evidence.method for evidence in found.evidence} == {"metadata"}


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        ("pyproject.toml", '[project]\nname = "x"\nlicense-files = []\nlicense = "MIT"\n', 4),
        ("pyproject.toml", '[project]\n\n[project.license]\ntext = "MIT"\n', 3),
        ("Cargo.toml", '[package]\nlicense-file = "X"\n', 2),
        ("setup.cfg", "\n[metadata]\n\nlicense = MIT", 4),
        ("setup.py", "setup(\n  license='MIT')", 2),
        ("package.json", '{\n "name": "license",\n "license": "MIT"}', 3),
        ("x.gemspec", "\n\ns.license = 'MIT'", 3),
        ("pom.xml", "<!--\n\n-->\n<licenses><license><name>MIT</name></license></licenses>", 4),
        ("x.nuspec", '<a>\n<license type="expression">MIT</license>', 2),
        ("DESCRIPTION", "Package: x\nTitle: y\nLicense: MIT\n", 3),
        ("x.cabal", "name: x\nlicense: MIT\n", 2),
        ("dune-project", "(lang dune 3.0)\n\n(license MIT)\n", 3),
        ("META.yml", "---\nlicense: mit\n", 2),
        ("PKG-INFO", "Metadata-Version: 1\nLicense: MIT\n", 2),
        ("debian/copyright", "Format: x\n\n\nFiles: *\nCopyright: y\nLicense: Expat\n", 6),
    ],
)
def test_the_line_of_the_key(path: str, text: str, line: int) -> None:
    found = read_metadata(path, text.encode())
    assert found and [(one.first_line, one.last_line) for one in found.evidence] == [(line, line)]


def test_evidence_is_each_statement_once() -> None:
    text = b"Format: x\n\nFiles: a\nLicense: MIT\n\nFiles: b\nLicense: Expat\n\nFiles: c\nLicense: ISC\n"
    found = read_metadata("debian/copyright", text)
    assert found and [(one.expression, one.score, one.first_line) for one in found.evidence] == [
        ("MIT", 1.0, 4),
        ("ISC", 1.0, 10),
    ]


def test_a_large_file_is_not_read() -> None:
    text = b'{"license": "MIT"}'
    assert read_metadata("package.json", text.ljust(MAX_BYTES))
    assert read_metadata("package.json", text.ljust(MAX_BYTES + 1)) is None


PATHS = [*_BY_NAME, *(f"x.{suffix}" for suffix in _BY_SUFFIX), "debian/copyright"]


@given(st.sampled_from(PATHS), st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read(path: str, text: bytes) -> None:
    found = read_metadata(path, text)
    assert found is None or found.expression


@given(
    st.sampled_from([(path, text) for path, text, expression in READ if expression]),
    st.integers(0, 200),
    st.text("\"'[](){}<>=:|/&+\n %~licenseMIT,OR", max_size=6),
)
def test_damaged_metadata_is_read(known: tuple[str, str], place: int, damage: str) -> None:
    path, text = known
    found = read_metadata(path, (text[:place] + damage + text[place:]).encode())
    assert found is None or found.expression


@given(st.text())
def test_any_name_is_understood_or_not(name: str) -> None:
    understood = understand(name)
    assert understood is None or understood[0]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "piece",
    ["[", "(license ", "license", "license = ", '"license": "', "<licenses>", "<!--", "<license type=", " ", "_", "\n",
     "Files: x\nLicense: y%d\n\n", "License: MIT %d\n", "License :: OSI Approved :: x%d\n", "s.licenses = [", "-\n",
     "a.", "license:\n -"],
)  # fmt: skip
def test_hostile_repetition_takes_linear_time(path: str, piece: str) -> None:
    """A tenth of a megabyte in at most a second; a quadratic pattern takes tens of them."""
    head = {"debian/copyright": "Format: x\n\n", "description": "Package: x\n", "pkg-info": "Metadata-Version: 1\n"}
    text = head.get(path, "") + "".join(piece % i if "%" in piece else piece for i in range(100_000 // len(piece)))
    start = time.process_time()
    read_metadata(path, text.encode())
    assert time.process_time() - start < 1
