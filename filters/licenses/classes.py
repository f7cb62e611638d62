"""Whether an SPDX expression is permissive: by Blue Oak's list and ScanCode's categories, as The Stack v2 decides."""

from collections.abc import Collection
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache

from filters.licenses.expressions import REMEMBERED, operands, spdx_list
from filters.licenses.families import PERMISSIVE_FAMILIES


def license_type(expression: str | None, not_permissive: Collection[str] = ()) -> str:
    """The Stack's `license_type` of a normalised expression: permissive, non_permissive or no_license (None).

    AND is permissive if all of it is, OR if anything is, WITH as the licence before it. What SPDX does not list, and
    every LicenseRef but the permissive families, is not. `not_permissive` takes ids out, by name or by glob, without
    regard to case.

    >>> license_type("MIT OR GPL-2.0-only"), license_type("MIT AND GPL-2.0-only"), license_type(None)
    ('permissive', 'non_permissive', 'no_license')
    >>> license_type("CC-BY-4.0", not_permissive=["CC-BY-*"])
    'non_permissive'
    """
    if expression is None:
        return "no_license"
    return "permissive" if _is_permissive(expression, tuple(not_permissive)) else "non_permissive"


@lru_cache(REMEMBERED)
def _is_permissive(expression: str, not_permissive: tuple[str, ...]) -> bool:
    operator, parts = operands(expression)
    if operator:
        quantifier = all if operator == "AND" else any
        return quantifier(_is_permissive(part, not_permissive) for part in parts)
    spdx_id = expression.split(" WITH ")[0].removesuffix("+")
    if any(fnmatchcase(spdx_id.lower(), glob.lower()) for glob in not_permissive):
        return False
    return spdx_list().classes.get(spdx_id) == "permissive" or spdx_id in PERMISSIVE_FAMILIES


def check_patterns(not_permissive: Collection[str]) -> None:
    """Raises ValueError for the first that is no id, and as a glob matches none."""
    known = [*spdx_list().classes, *PERMISSIVE_FAMILIES]
    for pattern in not_permissive:
        if not any(fnmatchcase(spdx_id.lower(), pattern.lower()) for spdx_id in known):
            nearest = get_close_matches(pattern, known, n=1)
            hint = f"; did you mean `{nearest[0]}`?" if nearest else ""
            raise ValueError(f"{pattern!r} is no SPDX id and matches none{hint}")
