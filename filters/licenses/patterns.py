"""How long patterns of words are written here: one a line, with short signs for what recurs."""


def any_of(patterns: str) -> bytes:
    """One pattern from many lines.

    `#` is what stands before a version, `%` a version without a space, `~` what joins words.

    >>> any_of("mit~0")
    b'mit[- ]0'
    """
    lines = (line.strip() for line in patterns.splitlines())
    pattern = "|".join(line for line in lines if line).replace("~", "[- ]").replace("%", r"(?:v?\.?[0-9][0-9.]*)?")
    return pattern.replace("#", r"[ ,(-]*(?:version|ver\.?|v\.?)?[ -]*").encode()
