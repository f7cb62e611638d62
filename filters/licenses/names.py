"""What a file's name says it is: a licence, a readme, a package's metadata, or anything else."""

import re
from typing import Literal

from filters.licenses.expressions import parse

Kind = Literal["license", "metadata", "readme", "header"]

METADATA_NAMES = {
    "cargo.toml",
    "composer.json",
    "description",
    "dune-project",
    "meta.json",
    "meta.yml",
    "metadata",
    "mix.exs",
    "package.json",
    "pkg-info",
    "pom.xml",
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
}
METADATA_SUFFIXES = (".gemspec", ".cabal", ".nuspec")

# A licence file's name has one of these between the separators: LICENSE, MIT-LICENSE.txt, COPYING.LESSER, LICENSE_1_0.
# NOTICE and PATENTS accompany a licence and give none, so they are files like any other.
_WORD = re.compile(
    r"(?:un)?licen[sc]es?|licensing|copying(?:lib|v?[23])?|copyrights?|copyrightnotices?|copyleft|legal|eula|[al]?gplv?[23]?|unlicense"
)
# Names of licences are too short to stand among other words: "mit" is a licence file, "mit-lecture" is not.
_WHOLE = re.compile(
    r"mit|bsd|isc|ofl|cc0|wtfpl|[al]?gpl(?:[-_ ]?v?[23](?:[._]\d)?)?|(?:apache|bsd|mpl)(?:[-_ ]?[123](?:\.[0-9])?)?"
)
# Others' licences beside the project's own.
_OTHERS = re.compile(r"third|3rd|vendor|dependenc|bundled|notices|external|header|template|check|report")
# Only these hold prose. Everything else after the last dot is code (license.go) or part of the name (LICENSE.APACHE).
DOCUMENT_SUFFIXES = (
    "txt",
    "text",
    "md",
    "markdown",
    "mkd",
    "rst",
    "rtf",
    "html",
    "htm",
    "adoc",
    "asciidoc",
    "org",
    "pod",
)
_CODE = re.compile(
    r"py[xi]?|pl|pm|rb|go|rs|[chm]|cc|cpp|hpp|cxx|cs|java|kt|scala|swift|[cm]?[jt]sx?|php|sh|bat|ps1|exs?|erl|hs|ml|lua|r"
    r"|sql|json|ya?ml|toml|xml|xsd|ini|cfg|css|s[ac]ss|less|vue|svelte|svg|png|gif|jpe?g|ico|pdf|csv|tsv|tpl|tmpl|in|j2"
    r"|po|pot|mo|lock|map|snap|key|pem|proto|gradle|cmake|bzl|nix|el|clj|dart|vb|fs|(?:cs)?proj|tt|erb|ejs|hbs|ipynb"
)


def license_kind(path: str) -> Kind:
    """license, metadata or readme by the file's name; header for everything else, of which only the head counts.

    Webpack's `app.js.LICENSE.txt` is the licence of what was bundled, so it is a file like any other.

    >>> [license_kind(path) for path in ("a/MIT-LICENSE.txt", "license.go", "README.md", "package.json")]
    ['license', 'header', 'readme', 'metadata']
    """
    name = path.rpartition("/")[2].lower()
    if name in METADATA_NAMES or name.endswith(METADATA_SUFFIXES) or f"/{path}".endswith("/debian/copyright"):
        return "metadata"
    if spdx_id_of(path):
        return "license"
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        stem = name
    elif suffix not in DOCUMENT_SUFFIXES:
        if _CODE.fullmatch(suffix):
            return "header"
        stem = name
    if stem == "readme" or stem.startswith(("readme.", "readme-", "readme_")):
        return "readme"
    return "license" if _is_licence(stem) else "header"


def spdx_id_of(path: str) -> str | None:
    """The licence that REUSE keeps in a file of its name, `LICENSES/MIT.txt`; None for every other path.

    >>> spdx_id_of("LICENSES/MIT.txt"), spdx_id_of("docs/MIT.txt")
    ('MIT', None)
    """
    folder, _, name = path.rpartition("/")
    if folder.rpartition("/")[2] != "LICENSES" or not name.endswith((".txt", ".md", ".html")):
        return None
    stem = name.rpartition(".")[0]
    return None if " " in stem else parse(stem)


def _is_licence(stem: str) -> bool:
    if _OTHERS.search(stem) or re.search(r"\.(?:js|css)\.licen[sc]e\Z", stem):
        return False
    words = re.split(r"[-_. ]+", stem)
    # a word at either end: LICENSE-MIT, mit-license, but not test_license_parser
    return bool(_WHOLE.fullmatch(stem) or any(_WORD.fullmatch(word) for word in (words[0], words[-1])))
