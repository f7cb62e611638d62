"""Licences that one name is used for: "GPL" of any version, "BSD" of any number of clauses, "MIT" of many wordings.

A statement that says the family alone is `LicenseRef-family-BSD` and the like, unless the licence itself stands nearby.
"""

import re

from filters.licenses.expressions import ids

FAMILY = "LicenseRef-family-"
# Every SPDX licence of these is permissive; of the other families (GPL, MPL and so on) none is.
PERMISSIVE_FAMILIES = {FAMILY + name for name in ("AFL", "Apache", "Artistic", "BSD", "PHP", "ZPL", "public-domain")}
SOME_BSD, PUBLIC_DOMAIN = FAMILY + "BSD", FAMILY + "public-domain"

GNU = {"AGPL", "GFDL", "GPL", "LGPL"}
# The texts that people call by a name which is not how their ids begin.
CALLED = {
    "MIT": (
        "X11 X11-distribute-modifications-variant curl HPND NTP ICU"
        " MIT-CMU MIT-Modern-Variant MIT-feh MIT-enna MIT-open-group"
    ),
    "Python": "PSF CNRI-Python",
}
# Of these a number in the name makes no other licence where one text of the family stands in the file.
ONE_MEANING = {"BSD", *CALLED}
_FAMILY_OF = {text: name for name, texts in CALLED.items() for text in texts.split()}


def family(licence: str) -> str:
    """The id without its version, or what its text is called.

    >>> family("GPL-2.0-only"), family("BSD-3-Clause"), family("X11")
    ('GPL', 'BSD', 'MIT')
    """
    name = re.split(r"-\d", licence, maxsplit=1)[0]
    return "BSD" if "BSD" in licence else _FAMILY_OF.get(name, name)


def base(licence: str) -> str:
    """The id without -only or -or-later, which the text of a licence does not tell."""
    return licence.removesuffix("-only").removesuffix("-or-later")


def covers(expression: str, name: str) -> bool:
    """Whether `name` is LicenseRef-family-* and says nothing that the expression does not say better.

    >>> covers("BSD-3-Clause", "LicenseRef-family-BSD"), covers("MIT", "LicenseRef-family-BSD")
    (True, False)
    """
    prefix = name.removeprefix(FAMILY)
    return prefix != name and any(licence.startswith(prefix) for licence in ids(expression))
