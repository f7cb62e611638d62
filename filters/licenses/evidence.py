"""What one file says about licences."""

from typing import NamedTuple


class Evidence(NamedTuple):
    """One statement. `expression` is SPDX; `score` is 0 to 1; lines count from 1."""

    expression: str
    method: str  # text: a licence in full; notice: words that name one; tag: SPDX-License-Identifier; metadata; name
    score: float  # containment of the licence's word 5-grams for `text`; 1 for `tag` and `metadata`
    first_line: int
    last_line: int


class Found(NamedTuple):
    """What the file says altogether, as one SPDX expression, and why.

    A reference to a file beside it ("see LICENSE.APACHE") is an operand `LicenseRef-file-LICENSE.APACHE`, for the scope
    to resolve; what is a licence but none of SPDX's, or is restricted, is `LicenseRef-unknown`.
    """

    expression: str
    evidence: tuple[Evidence, ...]
