"""Names, choices, restrictions and tags in single sentences."""

import pytest

from filters.licenses.comments import comment_lines
from filters.licenses.families import SOME_BSD
from filters.licenses.mentions import mentions
from filters.licenses.notices import is_choice, is_restricted
from filters.licenses.prose import Sentence, sentence, sentences
from filters.licenses.readmes import is_of_other, license_part
from filters.licenses.tags import tags


def one(text: str) -> Sentence:
    return sentence(text.encode())


def names(text: str, *, is_source: bool = False) -> list[str]:
    return [mention.expression for mention in mentions([one(text)], is_source=is_source)[0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Released under the MIT License.", ["MIT"]),
        ("Released under the MIT-style license.", []),
        ("Developed at MIT, released under another license.", []),
        ("License: MIT", ["MIT"]),
        ("mitigated under load", []),
        ("Licensed under the Apache Licence, Version 2.0", ["Apache-2.0"]),
        ("under the Apache License 1.1", ["Apache-1.1"]),
        ("GPLv3", ["GPL-3.0-only"]),
        ("GPL-2.0+", ["GPL-2.0-or-later"]),
        ("GPL 2.0", ["GPL-2.0-only"]),
        ("under the terms of the GPL", ["GPL-1.0-or-later"]),
        ("under version 2 of the GNU General Public License", ["GPL-2.0-only"]),
        ("the GNU Library General Public License, version 2 or any later version", ["LGPL-2.0-or-later"]),
        ("under the GPL 2 or the LGPL 2.1 or later", ["GPL-2.0-only", "LGPL-2.1-or-later"]),
        ("GNU Affero General Public License v3", ["AGPL-3.0-only"]),
        ("It is GPL compatible.", []),
        ("Unlike the GPL, it lets you do this.", []),
        ("distributed under the new BSD license", ["BSD-3-Clause"]),
        ("distributed under the BSD license", [SOME_BSD]),
        ("under the same terms as Perl itself", ["Artistic-1.0-Perl OR GPL-1.0-or-later"]),
        ("licensed under CC BY-NC 4.0", ["LicenseRef-unknown"]),
        ("licensed under CC-BY-SA 3.0", ["CC-BY-SA-3.0"]),
        ("See LICENSE.APACHE.", ["LicenseRef-file-LICENSE.APACHE"]),
        ("See LICENSE.txt and http://example.com/LICENSE-2.0.", []),
        ("--- COPYING.libtabe ---", []),
        ("Elastic License 2.0", ["LicenseRef-unknown"]),
        ("", []),
    ],
)
def test_names(text: str, expected: list[str]) -> None:
    assert names(text) == expected


def test_a_name_alone_counts_but_not_in_a_source_file() -> None:
    assert (names("MIT"), names("MIT", is_source=True)) == (["MIT"], [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Under either the MIT license or the ISC license.", True),
        ("Under the MIT license or the ISC license.", True),
        ("Under the MIT/ISC license.", True),
        ("Under the MIT license and the ISC license.", False),
        ("Dual licensed under the MIT license and the ISC license.", True),
        ("Under the MIT or the ISC license, depending on the file.", False),
        ("Under the GPL, either version 2, or (at your option) any later version.", False),
        ("Under the GPL, either version 2 or any later version, and the MIT license.", False),
        ("Under the GPL version 2 or later and the MIT license.", False),
        ("Under the MIT license; you can redistribute it and/or modify it under the GPL.", False),
        ("Under the MIT license and the GPL, without warranty, either express or implied.", False),
        ("Under the MIT or the ISC license, and the GPL.", False),
        ("Under the MIT license and the ISC license, at your option.", True),
    ],
)
def test_choice(text: str, expected: bool) -> None:
    sentence = one(text)
    assert is_choice(sentence, mentions([sentence], is_source=False)[0]) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Free for non-commercial use.", True),
        ("Free for commercial and non-commercial use.", False),
        ("You may not use it to train AI models.", True),
        ("Use for machine learning is prohibited.", True),
        ("It trains models.", False),
        ("Proprietary and confidential.", True),
        ("It can be used in proprietary software.", False),
        ("For personal use only.", True),
        ("You may not sell it.", True),
        ("A commercial license is required.", True),
        ("Commons Clause", True),
        ("Permission is granted for any purpose.", False),
    ],
)
def test_restriction(text: str, expected: bool) -> None:
    assert is_restricted(one(text), is_source=False) is expected


def test_in_source_a_restriction_speaks_of_rights() -> None:
    assert not is_restricted(one("For internal use only."), is_source=True)
    assert is_restricted(one("Licensed for internal use only."), is_source=True)


def test_a_readme_speaks_of_itself_by_its_title() -> None:
    sentence = one("Foo is licensed under MIT.")
    assert (is_of_other(sentence, b"Foo tool"), is_of_other(sentence, b"Bar")) == (False, True)
    assert not is_of_other(one("This is licensed under MIT."), b"Bar")
    assert is_of_other(one("It bundles jQuery (MIT)."), b"Bar")


def test_tags() -> None:
    text = b"# SPDX-License-Identifier: (mit or GPL-2.0+)\n/* SPDX-License-Identifier: ISC */\n"
    text += b'x = "SPDX-License-Identifier: X11"\n'
    assert list(tags(text)) == [("MIT OR GPL-2.0-or-later", 2), ("ISC", 48)]


def test_sentences_are_freed_of_markers_and_know_their_lines() -> None:
    text = b"/*\n * One sentence. Another\n * one.\n *\n * - an item\n */\n"
    found = [(each.text, each.first_line, each.last_line) for each in sentences(text, 0, len(text), is_source=True)]
    assert found == [(b"One sentence.", 2, 2), (b"Another one.", 2, 3), (b"an item", 5, 5)]


def test_lists_are_told_from_other_paragraphs() -> None:
    text = b"Choose:\n\n- one\n  more\n\n  of it\n- two\n\nEnd.\n"
    found = [(each.text, each.in_list) for each in sentences(text, 0, len(text), is_source=False)]
    assert found == [(b"Choose:", False), (b"one more", True), (b"of it", True), (b"two", True), (b"End.", False)]


def test_comments_keep_their_place_and_end_with_the_code() -> None:
    assert comment_lines(b"int x;\n// a\n/* b\n c */\ny") == [b"\n", b"// a\n", b"/* b\n", b" c */\n", b"\n"]
    assert b"// late\n" not in comment_lines(b"x\n" * 21 + b"// late\n")


def test_the_license_part_of_a_readme() -> None:
    text = b"# Foo\nIt is nice.\n## License\nMIT\n### Note\nYes\n## More\nNo\n"
    assert license_part(text).split() == [b"MIT", b"###", b"Note", b"Yes"]
    assert len(license_part(text)) == len(text)
