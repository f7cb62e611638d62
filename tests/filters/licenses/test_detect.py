"""One file's licences: acceptance cases by number, with documents made of SPDX's texts and our own words."""

import textwrap
import time

import pytest

from filters.licenses.classes import license_type
from filters.licenses.comments import HEAD_BYTES
from filters.licenses.detect import detect
from filters.licenses.evidence import Evidence
from filters.licenses.prose import MAX_SENTENCES
from filters.licenses.texts import spdx_texts

TEXTS = spdx_texts()
MIT, GPL2, GPL3 = TEXTS["MIT"], TEXTS["GPL-2.0-only"], TEXTS["GPL-3.0-only"]
APACHE, BSD2, BSD3 = TEXTS["Apache-2.0"], TEXTS["BSD-2-Clause"], TEXTS["BSD-3-Clause"]
LGPL3_ALONE = TEXTS["LGPL-3.0-only"].partition("GNU GENERAL PUBLIC LICENSE\n")[0]
APACHE_NOTICE = """Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
in compliance with the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0"""
LATER_NOTICE = """{} is free software; you can redistribute it and/or modify it under the terms of the GNU {}General
Public License as published by the Free Software Foundation; either version {} of the License, or (at your
option) any later version."""
P, N, NONE = "permissive", "non_permissive", "no_license"


def joined(*parts: str) -> str:
    return "\n\n".join(parts)


def comment(text: str) -> str:
    return "/*\n" + textwrap.indent(text, " * ", lambda line: True) + "\n */\nint main(void);\n"


def curly(text: str) -> str:
    """As somebody puts a text into Markdown: a heading, curly quotes, stars for numbers."""
    return "# " + text.replace('"', "”").replace("\n1. ", "\n* ").replace("'", "’")


# Case number, what it is, path, text, expression, class.
CASES: list[tuple[int, str, str, str, str | None, str]] = [
    (
        1,
        "choice above two texts",
        "LICENSE.markdown",
        joined("Zipper is dual licensed. You may use it under the MIT license *or* the GPLv3.", MIT, GPL3),
        "MIT OR GPL-3.0-only",
        P,
    ),
    (
        2,
        "either of two, mostly GPL",
        "LICENSE",
        joined(
            "You may use it under the terms of either the BSD License or the GNU General Public License "
            "(GPL)\nVersion 2.",
            BSD3,
            GPL2,
        ),
        "BSD-3-Clause OR GPL-2.0-only",
        P,
    ),
    (
        3,
        "points to files beside it",
        "LICENSE",
        "The software can be had under the terms of *either* of the licenses\nfound in LICENSE.APACHE or LICENSE.BSD. "
        "Contributions are made under *both*.",
        "LicenseRef-file-LICENSE.APACHE OR LicenseRef-file-LICENSE.BSD",
        N,
    ),
    (4, "the sibling", "LICENSE.BSD", BSD2, "BSD-2-Clause", P),
    (
        5,
        "linking exception",
        "COPYING",
        joined(
            "Only version 2 of the GPL is meant.",
            "In addition to the permissions in the GNU General Public License, the authors give you unlimited\n"
            "permission to link the compiled version of this library into combinations with other programs.",
            GPL2,
        ),
        "GPL-2.0-only WITH GCC-exception-2.0",
        N,
    ),
    (
        6,
        "one in full, one in a line",
        "LICENCE",
        joined("* files: all\n  MPL-2.0 2015 (c) Jane Doe.\n* files: bar.py\n  MIT 2013 (c) John Doe.", MIT),
        "MPL-2.0 AND MIT",
        N,
    ),
    (
        7,
        "notice only",
        "LICENSE",
        "This package has data in it.\n\nThis Source Code Form is subject to the terms of the Mozilla "
        "Public License, v. 2.0.",
        "MPL-2.0",
        N,
    ),
    (
        8,
        "named in the head",
        "LICENSE.txt",
        joined(
            "Client\nLicensed Apache Version 2.0",
            "The plugin has code of a parser\nCopyright (c) 2014 X\nLicensed MIT",
            APACHE,
        ),
        "Apache-2.0 AND MIT",
        P,
    ),
    (
        9,
        "alternative for some files",
        "LICENSE",
        joined(
            LATER_NOTICE.format("It", "Lesser ", 3),
            "Alternative licenses\n--------------------",
            "The following licence applies (at your option) to the files that follow the pattern x/*.c:",
            TEXTS["Zlib"],
        ),
        "LGPL-3.0-or-later AND Zlib",
        N,
    ),
    (10, "LGPL-3.0 without the GPL", "doc/COPYING.LESSER", LGPL3_ALONE, "LGPL-3.0-only", N),
    (11, "MPL-1.1 names the GPL", "LICENSE_MPL_1.1.txt", TEXTS["MPL-1.1"], "MPL-1.1", N),
    (
        12,
        "three to choose from",
        "LICENSE.rst",
        "`x` is licensed under the\n`GPL 2.0 <LICENSE_GPL2.0.txt>`_\nor the\n`LGPL 2.1 "
        "<LICENSE_LGPL_2.1.txt>`_\nor the\n"
        "`MPL 1.1 <LICENSE_MPL_1.1.txt>`_,\nat your option.",
        "GPL-2.0-only OR LGPL-2.1-only OR MPL-1.1",
        N,
    ),
    (
        13,
        "table of what is GPL compatible",
        "LICENSE",
        joined(
            "A. HISTORY OF THE SOFTWARE",
            "    Release         Owner       GPL-compatible? (1)\n    1.6.1           CNRI        no",
            "(1) GPL-compatible doesn't mean that it is distributed under the GPL.  All our licenses, unlike the GPL,\n"
            "let you distribute a modified version without making your changes open source.",
            "Examples and recipes in the documentation are dual licensed under the PSF License Version 2 and the\n"
            "Zero-Clause BSD license.",
            TEXTS["Python-2.0"],
        ),
        "Python-2.0 AND 0BSD",
        P,
    ),
    (
        14,
        "second licence by file",
        "LICENSE",
        joined(
            "These files are derived from Foo and are subject to the same license as Foo:\n\n\tsrc/x.h",
            "See LICENSE.PSF for details.",
            MIT,
        ),
        "LicenseRef-file-LICENSE.PSF AND MIT",
        N,
    ),
    (
        15,
        "named and in full",
        "LICENSE",
        joined("Pil is licensed under the open source MIT-CMU License:", TEXTS["MIT-CMU"]),
        "MIT-CMU",
        P,
    ),
    (
        16,
        "with appendix",
        "LICENSE.txt",
        joined(APACHE, "-" * 40, "src/x has code of Y:", BSD3, TEXTS["Zlib"]),
        "Apache-2.0 AND BSD-3-Clause AND Zlib",
        P,
    ),
    (
        17,
        "new and old code",
        "LICENSE",
        joined(APACHE_NOTICE, "The above license applies to all new contributions.", BSD3),
        "Apache-2.0 AND BSD-3-Clause",
        P,
    ),
    (
        18,
        "Artistic or GPL",
        "LICENSE",
        "x is free software; you can redistribute it and/or modify it under either the Artistic License "
        "or the\nGNU General Public License (version 2 or later).",
        "Artistic-1.0-Perl OR GPL-2.0-or-later",
        P,
    ),
    (19, "text of its own", "LICENSE", MIT, "MIT", P),
    (
        20,
        "two in one file",
        "LICENSE",
        joined(
            "This software is dual-licensed under the ISC and MIT licenses.\nYou may use it under EITHER of them.",
            TEXTS["ISC"],
            MIT,
        ),
        "ISC OR MIT",
        P,
    ),
    (21, "with views and conclusions", "LICENSE.BSD", TEXTS["BSD-2-Clause-Views"], "BSD-2-Clause-Views", P),
    (
        22,
        "no attribution",
        "LICENSE",
        joined("All is licensed as follows:", textwrap.indent(TEXTS["MIT-0"], "    ")),
        "MIT-0",
        P,
    ),
    (23, "the name lies", "COPYING-MIT", joined("COPYRIGHT AND PERMISSION NOTICE", TEXTS["curl"]), "curl", P),
    (
        24,
        "old MIT",
        "COPYING",
        joined('The files are licensed under the so-called "Old MIT" license.', TEXTS["MIT-Modern-Variant"]),
        "MIT-Modern-Variant",
        P,
    ),
    (25, "Blue Oak", "LICENSE.md", curly(TEXTS["BlueOak-1.0.0"]), "BlueOak-1.0.0", P),
    (26, "without appendix", "LICENSE", APACHE.partition("END OF TERMS AND CONDITIONS")[0], "Apache-2.0", P),
    (27, "in a comment", "CopyrightNotice.txt", comment(TEXTS["0BSD"]), "0BSD", P),
    (28, "two clauses", "LICENSE.BSD", joined("Copyright (c) Me", BSD2), "BSD-2-Clause", P),
    (
        29,
        "GPL or for pay, parts MIT",
        "LICENSE.md",
        joined(
            "Licensed under a dual-license model, this software is available under:",
            "* the [GNU General Public License Version 2 or "
            "later](https://www.gnu.org/licenses/gpl.html),\n* or commercial license terms from Foo.",
            "The following library is included under the [MIT license](https://opensource.org/licenses/MIT):",
            "* bar - Copyright (c) Jane.",
        ),
        "(GPL-2.0-or-later OR LicenseRef-unknown) AND MIT",
        N,
    ),
    (
        30,
        "by URL",
        "LICENSE.txt",
        "Commercial use of this software is governed by the License Agreement found "
        "at:\n\nhttps://example.com/license\n\nBy using it you agree to these terms.",
        "LicenseRef-unknown",
        N,
    ),
    (31, "four words", "COPYRIGHT.txt", "Foo Foundation and Contributors", None, NONE),
    (
        32,
        "Commons Clause",
        "LICENSE",
        joined(
            '"Commons Clause" License Condition v1.0',
            "The Software is provided to you subject to the condition below: you may not Sell it.",
            MIT,
        ),
        "LicenseRef-unknown AND MIT",
        N,
    ),
    (
        33,
        "non-commercial",
        "LICENSE",
        joined(MIT, "It is free for non-commercial use."),
        "MIT AND LicenseRef-unknown",
        N,
    ),
    (
        34,
        "no training",
        "LICENSE",
        joined(MIT, "The Software may not be used to train machine learning models."),
        "MIT AND LicenseRef-unknown",
        N,
    ),
    (
        35,
        "BUSL",
        "LICENSE",
        joined("Licensed Work: X\nChange License: Apache License, Version 2.0", TEXTS["BUSL-1.1"]),
        "Apache-2.0 AND BUSL-1.1",
        N,
    ),
    (36, "FSL", "LICENSE.md", joined("Notice\n\nCopyright 2024 X", TEXTS["FSL-1.1-MIT"]), "FSL-1.1-MIT", N),
    (37, "BSD with a brand clause", "LICENSE", TEXTS["BSD-3-Clause-OpenWebUI"], "BSD-3-Clause-OpenWebUI", N),
    (38, "not Evil", "LICENSE", TEXTS["JSON"], "JSON", license_type("JSON")),
    (39, "fonts", "OFL.txt", TEXTS["OFL-1.1"], "OFL-1.1", N),
    (40, "NC", "LICENSE", TEXTS["CC-BY-NC-4.0"], "CC-BY-NC-4.0", N),
    (40, "SA", "LICENSE", TEXTS["CC-BY-SA-4.0"], "CC-BY-SA-4.0", N),
    (
        41,
        "see LICENSE",
        "x.go",
        "// Copyright 2020 The X Authors. All rights reserved.\n// Use of this source code is governed "
        "by a BSD-style\n// license that can be found in the LICENSE file.\npackage x\n",
        None,
        NONE,
    ),
    (
        42,
        "version 2 only",
        "x.c",
        comment(
            "This file is licensed to you under the GNU General Public License, version 2,\nas published by "
            "the Free Software Foundation."
        ),
        "GPL-2.0-only",
        N,
    ),
    (43, "any later version", "x.c", comment(LATER_NOTICE.format("This", "", 2)), "GPL-2.0-or-later", N),
    (44, "tag with OR", "x.c", "// SPDX-License-Identifier: (GPL-2.0-only OR MIT)\nint x;\n", "GPL-2.0-only OR MIT", P),
    (
        45,
        "tag with WITH",
        "x.cpp",
        "// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception\n",
        "Apache-2.0 WITH LLVM-exception",
        P,
    ),
    (46, "under a heading", "README.md", "# Foo\n\nText.\n\n## License\n\nMIT (c) Jane\n", "MIT", P),
    (
        47,
        "of a dependency",
        "README.md",
        "# Foo\n\nThis project is proprietary. It bundles jQuery, which is MIT licensed.\n\n## "
        "Used\n\njQuery is licensed under the MIT license.\n",
        None,
        NONE,
    ),
    (
        47,
        "of a dependency, under the heading",
        "README.md",
        "# Foo\n\n## License\n\nFoo is proprietary. jQuery is licensed under the MIT license.\n",
        "LicenseRef-unknown",
        N,
    ),
    (
        48,
        "list of two",
        "README.md",
        "# x\n\n## License\n\nLicensed under either of\n\n * Apache License, Version 2.0\n   "
        "([LICENSE-APACHE](LICENSE-APACHE) or http://www.apache.org/licenses/LICENSE-2.0)\n"
        " * MIT license\n   ([LICENSE-MIT](LICENSE-MIT) or http://opensource.org/licenses/MIT)\n\nat your option.\n",
        "Apache-2.0 OR MIT",
        P,
    ),
    (49, "Unlicense", "UNLICENSE", TEXTS["Unlicense"], "Unlicense", P),
    (50, "to do", "LICENSE", "TODO: add license\n", None, NONE),
    (51, "the name alone", "LICENSE", "MIT\n", "MIT", P),
    (52, "CC0 in Markdown", "LICENSE.md", curly(TEXTS["CC0-1.0"]), "CC0-1.0", P),
    (53, "AGPL in Markdown", "license.md", curly(TEXTS["AGPL-3.0-only"]), "AGPL-3.0-only", N),
    (
        54,
        "FreeType or GPL",
        "LICENSE.TXT",
        "It is distributed under two licenses.  This means that *you* must choose *one* of the two described below.\n\n"
        "  - The FreeType License, found in `FTL.TXT', which is similar to the BSD license *with* an "
        "advertising clause.\n"
        "    It is suited to products which don't use the GNU General Public License.\n\n"
        "    Note that this license is compatible to the GPL version 3.\n\n"
        "  - The GNU General Public License version 2, found in `GPLv2.TXT'  (any\n    later version "
        "can be used also).\n",
        "FTL OR GPL-2.0-or-later",
        P,
    ),
    (
        55,
        "like the PSF's",
        "LICENSE",
        joined(
            "License agreement for Plot",
            "1. This LICENSE AGREEMENT is between the team and whoever uses the software. The team grants a license.",
        ),
        "LicenseRef-unknown",
        N,
    ),
    (
        56,
        "two texts, one choice",
        "LICENSE.txt",
        joined(
            "x is dual-licensed software. It is available under the terms of the MIT license, or the "
            "Academic Free\nLicense version 2.1.",
            MIT,
            TEXTS["AFL-2.1"],
        ),
        "MIT OR AFL-2.1",
        P,
    ),
    (
        57,
        "option of any later version",
        "LICENSE",
        joined(LATER_NOTICE.format("ECL", "Lesser ", "2.1"), "src/x is under the following licence:", BSD2),
        "LGPL-2.1-or-later AND BSD-2-Clause",
        N,
    ),
    (
        58,
        "choice, and parts",
        "src/LICENSE.txt",
        joined(
            "R is distributed under the MIT license and the Apache License, version 2.0, at your option.",
            "The runtime has parts that are distributed under the GNU Lesser General Public License, version 3.",
        ),
        "(MIT OR Apache-2.0) AND LGPL-3.0-only",
        N,
    ),
    (
        59,
        "stanzas",
        "COPYING",
        joined("Files: *", "License: BSD-3-Clause", "Files: x/*", "License: LGPL-3.0+"),
        "BSD-3-Clause AND LGPL-3.0-or-later",
        N,
    ),
    (
        60,
        "remark on the GPL",
        "LICENCE",
        joined(MIT, "Some functions in the Functions directory are distributed under the GNU General Public License."),
        "MIT AND GPL-1.0-or-later",
        N,
    ),
    (61, "names the GPL", "LICENSE", TEXTS["Python-2.0"], "Python-2.0", P),
    (62, "of a bundle", "dist/app.js.LICENSE.txt", "/*! lib | MIT license */\n", None, NONE),
]


@pytest.mark.parametrize(
    ("path", "text", "expression", "kind"),
    [pytest.param(*case[2:], id=f"{case[0]}-{case[1].replace(' ', '-')}") for case in CASES],
)
def test_acceptance_case(path: str, text: str, expression: str | None, kind: str) -> None:
    found = detect(path, text.encode())
    assert (found.expression if found else None) == expression
    assert (license_type(expression) if expression else NONE) == kind


HEADERS = [
    ("a tag in a string is no tag", "x.py", 'NOTICE = "SPDX-License-Identifier: MIT"\n', None),
    (
        "two tags",
        "x.py",
        "# SPDX-License-Identifier: MIT\n# SPDX-License-Identifier: gpl-2.0+\n",
        "MIT AND GPL-2.0-or-later",
    ),
    ("tag in HTML", "x.html", "<!-- SPDX-License-Identifier: BSD-3-Clause -->\n", "BSD-3-Clause"),
    ("tag in a Vim comment", "x.vim", '" SPDX-License-Identifier: Vim\n', "Vim"),
    ("tag that is none", "x.c", "// SPDX-License-Identifier: Foo\n", "LicenseRef-unknown"),
    ("tag to fill in", "x.c", "// SPDX-License-Identifier: <id>\n", None),
    ("tag below the head", "x.c", "//" + " " * HEAD_BYTES + "\n// SPDX-License-Identifier: MIT\n", None),
    ("in full", "x.js", comment(MIT), "MIT"),
    ("in a docstring", "x.py", f'"""Does this.\n\n{APACHE_NOTICE}\n"""\nimport x\n', "Apache-2.0"),
    ("behind the first lines", "x.php", f"<?php\nnamespace X;\n{comment(APACHE_NOTICE)}", "Apache-2.0"),
    ("in a string", "x.py", f'TEXT = """\n{MIT}"""\n', None),
    ("in code", "x.py", 'parser.add(help="released under the MIT license")\n', None),
    ("__license__", "x.py", '__license__ = "MIT"\n', "MIT"),
    ("label", "x.css", "/* Theme: X\n * License: GPLv2 or later */\n", "GPL-2.0-or-later"),
    ("a lexer for it", "x.py", "# Lexer for CDDL, which is no license.\n", None),
    ("BSD of the repository", "x.py", "# Licensed under the BSD license, see LICENSE.\n", None),
    (
        "two to choose from",
        "x.rs",
        "// Licensed under the Apache License, Version 2.0 <LICENSE-APACHE or\n// http://x.y> or the "
        "MIT license\n// <LICENSE-MIT>, at your option.\n",
        "Apache-2.0 OR MIT",
    ),
    (
        "proprietary",
        "x.c",
        "/* Unauthorized copying of this file is strictly prohibited. Proprietary and confidential. */\n",
        "LicenseRef-unknown",
    ),
    ("all rights reserved", "x.c", "/* Copyright X. All rights reserved. See the license. */\n", None),
    ("proprietary format", "x.c", "/* Reads a proprietary format; needs no license. */\n", None),
    ("public domain", "x.c", "/* This file is in the public domain. */\n", "LicenseRef-family-public-domain"),
    ("a document on others", "docs/deps.md", "* foo is released under the MIT license\n", None),
    (
        "LLVM",
        "x.h",
        "// Part of the LLVM Project, under the Apache License v2.0 with LLVM Exceptions.\n",
        "Apache-2.0 WITH LLVM-exception",
    ),
    (
        "Apache and BSD",
        "x.py",
        "# This file is dual licensed under the terms of the Apache License, Version\n# 2.0, and the BSD License. See "
        "the LICENSE file in the root of this repository\n# for complete details.\n",
        "Apache-2.0 OR LicenseRef-family-BSD",
    ),
    ("a function's docstring", "x.py", f'def f():\n    """Licensed.\n\n    {APACHE_NOTICE}\n    """\n', None),
    ("a string's end is no docstring", "x.py", 'X = """\n"""\nY = "released under the MIT license"\n', None),
    ("the GPL by its name alone", "x.c", "/* Released under GPLv3. */\n", "GPL-3.0-only"),
    (
        "a copyleft part below",
        "x.c",
        comment(joined(MIT, "Notes.", "Based on y, released under MPL 2.0.")),
        "MIT AND MPL-2.0",
    ),
    (
        "a restriction above",
        "x.c",
        comment(joined("Copyright Foo Inc. and not for commercial use.", "Notes.", APACHE_NOTICE)),
        "LicenseRef-unknown AND Apache-2.0",
    ),
    (
        "a restriction below",
        "x.c",
        comment(joined(APACHE_NOTICE, "Notes.", "All rights reserved, no use to train AI models.")),
        "Apache-2.0 AND LicenseRef-unknown",
    ),
    ("about identifiers", "x.c", comment(joined(MIT, "Any LicenseRef-Proprietary is taken.")), "MIT"),
    ("nothing", "x.c", "int x;\n", None),
    ("empty", "x.c", "", None),
]

FILES = [
    ("REUSE's name widens the text", "LICENSES/GPL-2.0-or-later.txt", GPL2, "GPL-2.0-or-later"),
    (
        "REUSE's name does not lift a restriction",
        "LICENSES/MIT.txt",
        MIT + "\nNot for commercial use.",
        "MIT AND LicenseRef-unknown",
    ),
    ("REUSE's own licence", "LICENSES/LicenseRef-Foo.txt", "Do as you like with it.", "LicenseRef-Foo"),
    ("tag above the text", "COPYING", joined("SPDX-License-Identifier: GPL-2.0-or-later", GPL2), "GPL-2.0-or-later"),
    ("notice widens the text", "COPYING", joined(LATER_NOTICE.format("It", "", 3), GPL3), "GPL-3.0-or-later"),
    (
        "or, for parts",
        "LICENSE",
        "Files are under the MIT license or the GPL version 2, depending on the file.",
        "MIT AND GPL-2.0-only",
    ),
    (
        "alternatively, behind the text",
        "LICENSE",
        joined(BSD3, "Alternatively, it may be distributed under the terms of the GPL version 2."),
        "BSD-3-Clause AND GPL-2.0-only",
    ),
    (
        "four to choose from",
        "LICENSE",
        "Choose one of the MIT license, the ISC license, the Zlib license or the GPL version 2.",
        "MIT AND ISC AND Zlib AND GPL-2.0-only",
    ),
    (
        "permissive or for pay",
        "LICENSE",
        "Dual licensed: the MIT license or a commercial license.",
        "MIT AND LicenseRef-unknown",
    ),
    (
        "like MIT",
        "LICENSE",
        "This is under an MIT-style license with terms of our own, which you can read when you ask us.",
        "LicenseRef-unknown",
    ),
    ("commercial and non-commercial", "LICENSE", joined(MIT, "Free for commercial and non-commercial use."), "MIT"),
    (
        "use in other programs",
        "LICENSE",
        joined(MIT, "It lets other (including proprietary) programs use the library's headers."),
        "MIT",
    ),
    (
        "named, and in a file",
        "LICENSE",
        joined(MIT, "Images: Creative Commons CC0 1.0 Universal", "(see LICENSE-CC0.txt)"),
        "MIT AND CC0-1.0",
    ),
    (
        "one choice said twice",
        "LICENSE",
        joined("Under the MIT license or the ISC license.", "You can choose the ISC license or the MIT license."),
        "MIT OR ISC",
    ),
    ("BSD without a number", "LICENSE", "BSD", "LicenseRef-family-BSD"),
    (
        "all rights reserved",
        "LICENSE",
        "Copyright 2020 Foo Inc.\nAll rights reserved. Ask for the terms of use before you copy anything of it.",
        "LicenseRef-unknown",
    ),
    ("code block in a readme", "README.md", "# x\n\n```sh\n# License\nMIT\n```\n", None),
    ("section ends", "README.md", "# x\n\n## License\n\nSee LICENSE.\n\n## Used\n\nThe MIT License.\n", None),
    ("underlined heading", "README.rst", "x\n=\n\nLicense\n-------\n\nISC\n", "ISC"),
    ("sentence", "README", "Foo\n\nThis project is licensed under the MIT license.\n", "MIT"),
    ("third parties", "README.md", "# x\n\n## Third-party licenses\n\nMIT\n", None),
    ("no licence yet", "README.md", "# x\n\nHello.\n", None),
]


@pytest.mark.parametrize(
    ("path", "text", "expression"), [pytest.param(*row[1:], id=row[0].replace(" ", "-")) for row in HEADERS + FILES]
)
def test_one_file(path: str, text: str, expression: str | None) -> None:
    found = detect(path, text.encode())
    assert (found.expression if found else None) == expression


def test_evidence_says_where_and_how_surely() -> None:
    text = joined("# A title", "Some words.", "It is under the terms of the ISC license and this one:", MIT)
    found = detect("LICENSE.md", text.encode())
    assert found and found.evidence == (
        Evidence("MIT", "text", 1.0, 7, 7 + MIT.rstrip().count("\n")),
        Evidence("ISC", "notice", 0.8, 5, 5),
    )


def test_the_same_comment_further_down_is_said_to_stand_there() -> None:
    header = "# Licensed under the MIT license.\n"
    found = [detect("x.py", ("import x\n" * lines + header).encode()) for lines in (0, 3)]
    assert [each and each.evidence[0][3:] for each in found] == [(1, 1), (4, 4)]


def test_a_licence_file_is_read_so_far() -> None:
    filler = "x y z\n" * 50_000
    assert detect("LICENSE", (MIT + filler).encode()) is not None
    assert detect("LICENSE", (filler + MIT).encode()) is None


def test_behind_too_many_sentences_there_may_be_more() -> None:
    found = [detect("LICENSE", b"License: MIT\n\n" * count) for count in (MAX_SENTENCES - 1, MAX_SENTENCES)]
    assert [each and each.expression for each in found] == ["MIT", "MIT AND LicenseRef-unknown"]


@pytest.mark.parametrize(
    "unit",
    [
        "\n",
        "a\n\n",
        "License: MIT\n\n",
        "mit ",
        "license or ",
        "# license\n",
        "LICENSE.A ",
        "a. ",
        "(c) ",
        "<",
        "`",
        "\0",
        "x\n",
    ],
)
@pytest.mark.parametrize("path", ["LICENSE", "README.md", "x.c"])
def test_odd_text_takes_no_time(path: str, unit: str) -> None:
    start = time.process_time()
    detect(path, (unit * 100_000)[:100_000].encode())
    assert time.process_time() - start < 1
