"""Numbers and tables of a card, in Markdown."""

from collections.abc import Iterable, Sequence
from typing import Any

UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; numbers with thousands separators, their columns to the right."""
    listed = list(rows)
    numeric = [all(isinstance(row[i], int) or row[i] == "" for row in listed) for i in range(len(head))]
    marks = ["---:" if right and listed else "---" for right in numeric]
    lines = [list(head), marks, *([cell(value) for value in row] for row in listed)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(value: Any) -> str:
    """A value as one cell of a table; nothing in it ends the cell or begins HTML."""
    if isinstance(value, int):
        return f"{value:,}"
    return " ".join(str(value).replace("<", "&lt;").replace("|", "\\|").split())


def folded(summary: str, block: str) -> str:
    """A block that readers open."""
    return f"<details>\n<summary>{summary}</summary>\n\n{block}\n\n</details>"


def size(count: int) -> str:
    """Bytes in the largest unit of 1,000 that leaves one before the point.

    >>> size(999), size(105_602_134), size(2_000_000_000)
    ('999 bytes', '105.6 MB', '2.0 GB')
    """
    power = min((len(str(count)) - 1) // 3, len(UNITS) - 1)
    return f"{count / 1000**power:,.1f} {UNITS[power]}" if power else f"{count} bytes"


def percent(part: int, whole: int) -> str:
    """A share, with one digit behind the point below 10 %.

    >>> percent(1, 3), percent(1, 30), percent(1, 3000), percent(0, 0)
    ('33 %', '3.3 %', '< 0.1 %', '0 %')
    """
    share = 100 * part / whole if whole else 0
    if 0 < share < 0.05:
        return "< 0.1 %"
    return f"{share:.1f} %" if 0 < share < 9.95 else f"{share:.0f} %"


def count(number: int, noun: str) -> str:
    """A number with its noun, in the plural unless it is one.

    >>> count(1, "file"), count(1200, "repository")
    ('1 file', '1,200 repositories')
    """
    plural = noun if number == 1 else noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {plural}"
