"""What a file's name says it is."""

import pytest

from filters.licenses.names import license_kind, spdx_id_of

KINDS = {
    "license": """LICENSE License.txt LICENCE.rst licenses.md COPYING copying.lesser COPYING3 COPYING.LIB LICENSE-MIT
        LICENSE.APACHE LICENSE-2.0.txt LICENSE_1_0.txt LICENSE_MPL_1.1.txt MIT-LICENSE.txt unlicense UNLICENSE.md
        copyright CopyrightNotice.txt src/LICENSE a/b/legal.md EULA.txt gpl-3.0.txt LGPL mit.md BSD OFL.txt
        
        LICENSES/MIT.txt LICENSES/LicenseRef-Foo.txt LICENSES/GPL-2.0-or-later.md""",
    "readme": "README readme.md Readme.rst README.zh.md README-en.txt docs/README",
    "metadata": """pyproject.toml setup.cfg setup.py package.json Cargo.toml composer.json foo.gemspec pom.xml
        DESCRIPTION
        foo.cabal mix.exs dune-project META.json META.yml foo.nuspec debian/copyright
        PKG-INFO x/METADATA""",
    "header": """a.py license.go test_licenses.py licenses.json LICENSE.py NOTICE NOTICE.txt PATENTS app.js.LICENSE.txt
        THIRD-PARTY-LICENSES ThirdPartyNotices.txt LICENSE-3RD-PARTY.txt license_header.txt licence-checker.md
        mitosis.txt readme.py LICENSES/notes.txt x.license.js permit.md AUTHORS""",
}


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, paths in KINDS.items() for path in paths.split()])
def test_kind(kind: str, path: str) -> None:
    assert license_kind(path) == kind


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("LICENSES/MIT.txt", "MIT"),
        ("sub/LICENSES/GPL-2.0-or-later.txt", "GPL-2.0-or-later"),
        ("LICENSES/LicenseRef-Foo.txt", "LicenseRef-Foo"),
        ("LICENSES/notes.txt", None),
        ("licenses/MIT.txt", None),
        ("MIT.txt", None),
        ("LICENSES/MIT OR ISC.txt", None),
    ],
)
def test_the_name_in_reuses_folder_is_the_licence(path: str, expected: str | None) -> None:
    assert spdx_id_of(path) == expected
