"""Permissive or not: the table of ids, and what operators make of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.licenses.classes import check_patterns, license_type
from filters.licenses.expressions import combine, spdx_list
from filters.licenses.families import PERMISSIVE_FAMILIES

CLASSES = {
    "permissive": [
        "MIT", "Apache-2.0", "BSD-3-Clause", "ISC", "0BSD", "Unlicense", "CC0-1.0", "Zlib", "BlueOak-1.0.0", "MIT-CMU",
        # Blue Oak, not ScanCode
        "Artistic-2.0", "Artistic-1.0-Perl", "Ruby", "Vim", "Qhull",
        # ScanCode, not Blue Oak
        "CC-BY-4.0", "JSON", "Unicode-3.0", "Python-2.0.1", "PSF-2.0",
    ],
    "copyleft": [
        "GPL-2.0-only", "GPL-3.0-or-later", "AGPL-3.0-only", "LGPL-2.1-only", "MPL-2.0", "EPL-2.0", "CDDL-1.0",
        "EUPL-1.2", "OFL-1.1", "MS-RL", "CC-BY-SA-4.0", "GFDL-1.3-only",
    ],
    "unknown": [
        # no open source, or restricted
        "SSPL-1.0", "BUSL-1.1", "Elastic-2.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0",
        "PolyForm-Noncommercial-1.0.0",
        # newer than ScanCode's index
        "BSD-3-Clause-OpenWebUI", "OpenMDW-1.0", "Hippocratic-3.0-core",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "spdx_id"), [(name, spdx_id) for name, given in CLASSES.items() for spdx_id in given])
def test_class_of_an_id(name: str, spdx_id: str) -> None:
    assert spdx_list().classes[spdx_id] == name
    assert license_type(spdx_id) == ("permissive" if name == "permissive" else "non_permissive")


def test_the_table_has_every_id_of_its_list_in_one_of_three_classes() -> None:
    classes = list(spdx_list().classes.values())
    assert {name: classes.count(name) for name in set(classes)} == {"permissive": 449, "copyleft": 192, "unknown": 99}
    assert len(spdx_list().exceptions) == 86


TYPES = [
    (None, "no_license"),
    ("MIT", "permissive"),
    ("MIT AND Apache-2.0", "permissive"),
    ("MIT AND GPL-2.0-only", "non_permissive"),
    ("MIT OR GPL-2.0-only", "permissive"),
    ("GPL-2.0-only OR LGPL-3.0-only", "non_permissive"),
    ("(MIT OR GPL-2.0-only) AND ISC", "permissive"),
    ("(MIT AND GPL-2.0-only) OR MPL-2.0", "non_permissive"),
    ("(GPL-2.0-only OR MIT) AND (Apache-2.0 OR GPL-3.0-only)", "permissive"),
    ("Apache-2.0 WITH LLVM-exception", "permissive"),
    ("GPL-2.0-only WITH Classpath-exception-2.0", "non_permissive"),
    ("AFL-3.0+", "permissive"),
    ("MPL-1.1+", "non_permissive"),
    ("LicenseRef-unknown", "non_permissive"),
    ("LicenseRef-MIT", "non_permissive"),
    ("DocumentRef-x:LicenseRef-family-BSD", "non_permissive"),
    ("MIT AND LicenseRef-x", "non_permissive"),
    ("MIT OR LicenseRef-x", "permissive"),
    ("Unheard-Of-1.0", "non_permissive"),
    ("LicenseRef-family-BSD", "permissive"),
    ("LicenseRef-family-public-domain", "permissive"),
    ("LicenseRef-family-GPL", "non_permissive"),
    ("LicenseRef-file-LICENSE", "non_permissive"),
]


@pytest.mark.parametrize(("expression", "name"), TYPES)
def test_license_type(expression: str | None, name: str) -> None:
    assert license_type(expression) == name


@pytest.mark.parametrize(
    ("expression", "taken_out", "name"),
    [
        ("CC-BY-4.0", ["CC-BY-*"], "non_permissive"),
        ("CC0-1.0", ["CC-BY-*"], "permissive"),
        ("CC-BY-4.0 OR MIT", ["CC-BY-*"], "permissive"),
        ("CC-BY-4.0 AND MIT", ["CC-BY-*"], "non_permissive"),
        ("JSON", ["JSON"], "non_permissive"),
        ("JSON", ["json"], "non_permissive"),
        ("Apache-2.0 WITH LLVM-exception", ["Apache-2.0"], "non_permissive"),
        ("AFL-3.0+", ["AFL-3.0"], "non_permissive"),
        ("MIT-0", ["MIT"], "permissive"),
        ("LicenseRef-family-BSD", ["LicenseRef-*"], "non_permissive"),
        ("MIT", [], "permissive"),
        (None, ["*"], "no_license"),
    ],
)
def test_a_user_takes_ids_out(expression: str | None, taken_out: list[str], name: str) -> None:
    assert license_type(expression, taken_out) == name


def test_a_family_is_permissive_if_every_licence_that_it_can_mean_is() -> None:
    meant = {
        "AFL": ["AFL-1.1", "AFL-1.2", "AFL-2.0", "AFL-2.1", "AFL-3.0"],
        "Apache": ["Apache-1.0", "Apache-1.1", "Apache-2.0"],
        "Artistic": ["Artistic-1.0", "Artistic-1.0-Perl", "Artistic-1.0-cl8", "Artistic-2.0", "ClArtistic"],
        "BSD": ["0BSD", "BSD-1-Clause", "BSD-2-Clause", "BSD-3-Clause", "BSD-4-Clause"],
        "PHP": ["PHP-3.0", "PHP-3.01"],
        "ZPL": ["ZPL-1.1", "ZPL-2.0", "ZPL-2.1"],
        "public-domain": ["CC0-1.0", "Unlicense"],
    }
    assert {f"LicenseRef-family-{name}" for name in meant} == PERMISSIVE_FAMILIES
    assert {license_type(spdx_id) for spdx_ids in meant.values() for spdx_id in spdx_ids} == {"permissive"}


OPERANDS = st.sampled_from(["MIT", "MIT OR GPL-2.0-only", "GPL-2.0-only AND MIT", "MPL-1.1+", "LicenseRef-x"])
EXPRESSIONS = st.builds(combine, st.sampled_from(["AND", "OR"]), st.lists(OPERANDS, min_size=1, max_size=3))


@given(EXPRESSIONS, EXPRESSIONS)
def test_and_is_the_worst_and_or_the_best(one: str, other: str) -> None:
    types = {license_type(one), license_type(other)}
    assert license_type(combine("AND", [one, other])) == min(types)
    assert license_type(combine("OR", [one, other])) == max(types)


def test_what_is_taken_out_must_be_known() -> None:
    check_patterns(["MIT", "cc-by-*", "LicenseRef-family-BSD", "*"])
    with pytest.raises(ValueError, match=r"'GLP-\*' is no SPDX id and matches none"):
        check_patterns(["MIT", "GLP-*"])
