"""A bar chart as SVG: the same bars, the same bytes; no fonts, scripts or colours of the page are needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

# Contrast at least 4.2 on white as on #0b0f19, the Hub's dark page. Where the system says which it is, words have 6 on
# it and still 3 on the other: the page has a switch of its own.
WORDS, BARS = "#6f7a88", "#4078c0"
WORDS_ON_LIGHT, WORDS_ON_DARK = "#59636e", "#8b949e"
STYLE = f"""<style>
@media (prefers-color-scheme: light) {{ text {{ fill: {WORDS_ON_LIGHT} }} }}
@media (prefers-color-scheme: dark) {{ text {{ fill: {WORDS_ON_DARK} }} }}
</style>"""
WIDTH, LABELS, VALUES, LINE, TOP = 760, 240, 150, 26, 40
MAX_LABEL = 26  # characters, of up to 9 pixels


@dataclass(frozen=True)
class Bar:
    """`shown` is the value in words."""

    label: str
    value: int
    shown: str


def chart(title: str, bars: Sequence[Bar]) -> str:
    """Horizontal bars, the longest as wide as there is room."""
    height = TOP + LINE * len(bars) + 8
    longest = max((bar.value for bar in bars), default=0) or 1
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title" '
            'font-family="system-ui, -apple-system, Segoe UI, Liberation Sans, Arial, sans-serif" font-size="14">',
            STYLE,
            f'<title id="title">{_plain(title)}</title>',
            f'<text x="0" y="18" fill="{WORDS}" font-size="16" font-weight="600">{_plain(title)}</text>',
            f'<path d="M{LABELS} {TOP - 6}V{height - 6}" stroke="{WORDS}" stroke-opacity="0.5"/>',
            *(line for place, bar in enumerate(bars) for line in _bar(bar, TOP + LINE * place, longest)),
            "</svg>\n",
        ]
    )


def _bar(bar: Bar, top: int, longest: int) -> list[str]:
    width = round((WIDTH - LABELS - VALUES) * bar.value / longest, 1)
    label = bar.label if len(bar.label) <= MAX_LABEL else bar.label[: MAX_LABEL - 1] + "…"
    return [
        f"<g><title>{_plain(f'{bar.label}: {bar.shown}')}</title>",
        f'<text x="{LABELS - 10}" y="{top + 14}" fill="{WORDS}" text-anchor="end">{_plain(label)}</text>',
        f'<rect x="{LABELS}" y="{top}" width="{max(width, 1.0)}" height="18" rx="2" fill="{BARS}"/>',
        f'<text x="{LABELS + max(width, 1.0) + 8}" y="{top + 14}" fill="{WORDS}">{_plain(bar.shown)}</text></g>',
    ]


def _plain(words: str) -> str:
    """As text of XML, which has no control characters."""
    return escape("".join(letter if letter.isprintable() else " " for letter in words))
