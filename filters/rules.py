"""Every rule, in order: a named decision over stored columns. A rule says where the defect holds; it removes nothing.

Rules are about texts: `label` lets none hold for a file without one, which has its own reason. A null never holds.
"""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

import polars as pl

# A threshold of this type is checked against the names that Linguist knows.
Languages = Annotated[Sequence[str], "names of GitHub Linguist"]

# The Stack v2 lets lines of markup and data be long: StarCoder2 paper, 3.1.
MARKUP = ("HTML", "JSON", "Markdown", "Roff", "Roff Manpage", "SMT", "TeX", "Text", "XML")

# What package managers write beside what people write: those of Linguist's list of generated names, and those that it
# leaves to a language of their own.
LOCK_FILES = (
    *(".terraform.lock.hcl", "Cargo.lock", "Cartfile.resolved", "Chart.lock", "Gemfile.lock", "Gopkg.lock"),
    *("JuliaManifest.toml", "MODULE.bazel.lock", "Manifest.toml", "Package.resolved", "Pipfile.lock", "Podfile.lock"),
    *("bun.lock", "cabal.project.freeze", "composer.lock", "conan.lock", "conda-lock.yml", "deno.lock"),
    *("dub.selections.json", "flake.lock", "gems.locked", "glide.lock", "go.sum", "go.work.sum", "gradle.lockfile"),
    *("lake-manifest.json", "mise.lock", "mix.lock", "npm-shrinkwrap.json", "package-lock.json", "packages.lock.json"),
    *("packrat.lock", "paket.lock", "pdm.lock", "pixi.lock", "pnpm-lock.yaml", "poetry.lock", "pubspec.lock"),
    *("rebar.lock", "renv.lock", "shard.lock", "spago.lock", "stack.yaml.lock", "uv.lock", "vcpkg-lock.json"),
    *("yarn.lock",),
)

# What rules read and FILES does not have: the caller joins it. Without the last two no file is one's own, and no source
# leaves languages out; without the first, the licence rules cannot be asked.
JOINED = ("license_type", "is_own", "source_language")


class Rule(NamedTuple):
    """`holds` gives the expression for its keyword thresholds.

    `value` is what it measures, null where nothing is; a function of the thresholds where these decide what that is.
    `on` is whether it is enabled unless a preset or the configuration says otherwise.
    """

    holds: Callable[..., pl.Expr]
    value: pl.Expr | Callable[..., pl.Expr]
    on: bool = True


def ratio(part: str, whole: str) -> pl.Expr:
    """One division of two stored counts; null where the whole is 0."""
    return pl.when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole))


def other_language(*, languages: Languages = ()) -> pl.Expr:
    """A text in none of the `languages`, or in none of its source's own; an empty list asks for all.

    Why: a dataset for some languages; what no language is known of is left out with the others.
    Source: no number; both lists are the user's. `source_language` is joined: false where the source's list leaves the
    file's language out.
    >>> reasons(other_language, "x", languages=["C", "Go"]), reasons(other_language, "x", languages=["Python"])
    (['other_language'], [])
    """
    listed = _in(languages) if languages else pl.lit(True)
    return ~(listed & pl.col("source_language"))


def other_path(*, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> pl.Expr:
    """A path that no glob of `include` matches, where there is one, or that a glob of `exclude` matches.

    A glob is compared with the whole path in the repository, in the same case: `*` is any part of a name, `?` one
    character of it, `**/` any folders or none, and `**` elsewhere anything at all; nothing else is special.

    Why: tests, examples or a folder of data, where a user knows their repositories.
    Source: no number; both lists are the user's.
    >>> reasons(other_path, "x", path="a/tests/b.py", exclude=["**/tests/**"]), reasons(other_path, "x", path="b.py")
    (['other_path'], [])
    """
    path = pl.col("path")
    included = path.str.contains(glob_pattern(include)) if include else pl.lit(True)
    return ~included | path.str.contains(glob_pattern(exclude))


def unknown_language() -> pl.Expr:
    """A text whose language Linguist does not know.

    Why: readers choose by language; data files without an extension hide here.
    Source: The Stack v2 publishes the files that go-enry can name.
    >>> reasons(unknown_language, "x", language=None), reasons(unknown_language, "x", language="Python")
    (['unknown_language'], [])
    """
    return pl.col("language").is_null()


def vendored() -> pl.Expr:
    """A copy of other people's code: its path is one that Linguist calls vendored.

    Why: it stands in thousands of repositories, in many versions, under licences of its own.
    Source: The Stack v2 publishes the flag (`is_vendor`, go-enry) and leaves the decision to its readers.
    >>> reasons(vendored, "x", is_vendor=True), reasons(vendored, "x", is_vendor=False)
    (['vendored'], [])
    """
    return pl.col("is_vendor")


def lock_file(*, names: Sequence[str] = LOCK_FILES) -> pl.Expr:
    """A file in which a package manager keeps the versions it has chosen: its name is one of `names`, case included.

    Why: long lists of names and hashes, written by a program; those with an own language are not called generated.
    Source: Linguist's list of generated names; Common Pile drops lock files (go.sum and others are languages there).
    >>> reasons(lock_file, "x", path="web/yarn.lock"), reasons(lock_file, "x", path="web/yarn.lock.py")
    (['lock_file'], [])
    """
    return _file_name().is_in(list(names))


def documentation() -> pl.Expr:
    """A file of documentation: its path is one that Linguist calls so.

    Why: a dataset of code only. Off by default: prose about code is wanted by most.
    Source: GitHub leaves these files out of a repository's languages.
    >>> reasons(documentation, "x", is_documentation=True), reasons(documentation, "x", is_documentation=False)
    (['documentation'], [])
    """
    return pl.col("is_documentation")


def plain_text(
    *, names: Sequence[str] = ("*requirement*", "cmakelists", "description", "notes", "readme", "todo")
) -> pl.Expr:
    """A file in the language Text whose name is none of `names`: globs of names in small letters without their suffix.

    Why: most of Text is data, logs, word lists and books; licence texts are here too.
    Source: The Stack v2 (StarCoder2 paper, 3.1), which keeps only these names.
    >>> reasons(plain_text, "x", path="words.txt", language="Text"), reasons(plain_text, "x", path="words.md")
    (['plain_text'], [])
    """
    stem = _file_name().str.to_lowercase().str.replace(r"\.[^.]*$", "")
    return _in(["Text"]) & ~stem.str.contains(glob_pattern(names))


def non_permissive_license() -> pl.Expr:
    """A file under a licence that is not permissive; not where the source says that it is one's own.

    Why: what such a licence asks for cannot be met in a dataset, or is not known.
    Source: The Stack v1 and v2; permissive is what Blue Oak's list or ScanCode's categories call so.
    >>> reasons(non_permissive_license, "x", license_type="non_permissive"), reasons(non_permissive_license, "x")
    (['non_permissive_license'], [])
    """
    return _license_type_is("non_permissive")


def no_license() -> pl.Expr:
    """A file for which no licence was found; not where the source says that it is one's own.

    Why: without a licence all rights are reserved. Stricter than The Stack v2, which keeps such files and was asked
    not to (bigcode-project/opt-out-v2#2758).
    Source: The Stack v1 has permissive files only.
    >>> reasons(no_license, "x", license_type="no_license"), reasons(no_license, "x", license_type="permissive")
    (['no_license'], [])
    """
    return _license_type_is("no_license")


def empty_file() -> pl.Expr:
    """A text without a character.

    Why: there is nothing to learn from it, and all of them are equal.
    >>> reasons(empty_file, ""), reasons(empty_file, "x")
    (['empty_file'], [])
    """
    return pl.col("length_chars") == 0


def large_file(*, max_bytes: int = 1_048_576) -> pl.Expr:
    """A text of more than `max_bytes` bytes.

    Why: data and generated code; one file would outweigh a repository.
    Source: The Stack v2 uses 10 MiB; 1 MiB is what `[extract] max_file_bytes` reads by default.
    >>> reasons(large_file, "xyz", max_bytes=2), reasons(large_file, "xy", max_bytes=2)
    (['large_file'], [])
    """
    return pl.col("length_bytes") > max_bytes


def uncertain_encoding(*, min_confidence: float = 0.5) -> pl.Expr:
    """A text whose encoding is a guess, less sure than `min_confidence`.

    Why: read in the wrong encoding, every letter beyond ASCII is another one.
    Source: 1 is proof, 0.9 strong evidence and 0.2 a way to read the bytes at all (`filters/text.py`).
    >>> reasons(uncertain_encoding, "x", encoding_confidence=0.2), reasons(uncertain_encoding, "x")
    (['uncertain_encoding'], [])
    """
    return pl.col("encoding_confidence") < min_confidence


def long_line(*, max_chars: int = 1_000, exempt: Languages = MARKUP, exempt_max_chars: int = 100_000) -> pl.Expr:
    """A line longer than `max_chars` characters; `exempt_max_chars` in the `exempt` languages.

    Why: minified, generated or embedded data; a model learns nothing from it.
    Source: The Stack v2; bigcode-dataset `line_max` 1000, after Codex (arXiv:2107.03374).
    >>> reasons(long_line, "x" * 1001), reasons(long_line, "x" * 1000)
    (['long_line'], [])
    """
    limit = pl.when(_in(exempt)).then(exempt_max_chars).otherwise(max_chars)
    return pl.col("max_line_length") > limit


def long_mean_line(*, max_chars: int = 100, exempt: Languages = MARKUP) -> pl.Expr:
    """Lines longer than `max_chars` characters in the mean; not in the `exempt` languages.

    Why: as `long_line`, for data cut into lines.
    Source: The Stack v2; Codex (arXiv:2107.03374).
    >>> reasons(long_mean_line, "x" * 101), reasons(long_mean_line, "x" * 100)
    (['long_mean_line'], [])
    """
    return (ratio("line_chars", "line_count") > max_chars) & ~_in(exempt)


def many_lines(
    *,
    max_lines: int = 100_000,
    data: Languages = ("Graphviz (DOT)", "JSON", "Text", "Web Ontology Language", "YAML"),
    data_max_lines: int = 512,
) -> pl.Expr:
    """More than `max_lines` lines; more than `data_max_lines` in the `data` languages.

    Why: long files of data languages are data.
    Source: The Stack v2 (StarCoder2 paper, 3.1): 100,000; 512 for Text, JSON, YAML, OWL and DOT.
    >>> reasons(many_lines, "x\\n" * 513, language="JSON"), reasons(many_lines, "x\\n" * 512, language="JSON")
    (['many_lines'], [])
    """
    return pl.col("line_count") > pl.when(_in(data)).then(data_max_lines).otherwise(max_lines)


def few_letters(
    *, min_fraction: float = 0.25, digits_count: Languages = ("Motorola 68K Assembly", "WebAssembly")
) -> pl.Expr:
    """Less than `min_fraction` of the characters are letters; letters or digits in the `digits_count` languages.

    Why: tables of numbers, encoded data, drawings.
    Source: The Stack v2 (StarCoder2 paper, 3.1).
    >>> reasons(few_letters, "x---."), reasons(few_letters, "x---")
    (['few_letters'], [])
    """
    return letters_fraction(digits_count=digits_count) < min_fraction


def letters_fraction(*, digits_count: Languages, **_: Any) -> pl.Expr:
    """What `few_letters` compares; null for an empty text."""
    return (
        pl.when(_in(digits_count))
        .then(ratio("alnum_count", "length_chars"))
        .otherwise(ratio("alpha_count", "length_chars"))
    )


def few_alphanumerics(*, min_fraction: float = 0.25) -> pl.Expr:
    """Less than `min_fraction` of the characters are letters or digits.

    Why: as `few_letters`; milder. Off by default: The Stack v2 has `few_letters` instead.
    Source: The Stack v1 (bigcode-dataset `alpha_frac` 0.25), after Codex (arXiv:2107.03374).
    >>> reasons(few_alphanumerics, "1---."), reasons(few_alphanumerics, "1---")
    (['few_alphanumerics'], [])
    """
    return ratio("alnum_count", "length_chars") < min_fraction


def odd_data_size(*, min_chars: int = 50, max_chars: int = 5_000, languages: Languages = ("JSON", "YAML")) -> pl.Expr:
    """A file in one of the `languages` with fewer than `min_chars` or more than `max_chars` characters.

    Why: short ones say nothing, long ones are data. Off by default: The Stack v2 limits their lines (`many_lines`).
    Source: DeepSeek-Coder, Granite and RefineCode keep 50 to 5,000; The Stack v1 100 to 5,000.
    >>> reasons(odd_data_size, "x" * 49, language="JSON"), reasons(odd_data_size, "x" * 50, language="JSON")
    (['odd_data_size'], [])
    """
    return _in(languages) & ~pl.col("length_chars").is_between(min_chars, max_chars)


def encoded_data(*, max_run_chars: int = 1_024, max_fraction: float = 0.5) -> pl.Expr:
    """Encoded data: a run longer than `max_run_chars` characters, or more than `max_fraction` of the text in runs.

    Why: pictures, keys and programs inside of source code; nothing can be learned from their characters.
    Source: The Stack v2 (StarCoder2 paper, 3.1); what a run is: `filters/encoded.py`.
    >>> reasons(encoded_data, "x = " + "QUJD" * 257), reasons(encoded_data, "QUJD" * 16 + " and plain words after " * 3)
    (['encoded_data'], [])
    """
    too_long = pl.col("max_encoded_run") > max_run_chars
    return too_long | (ratio("encoded_chars", "length_chars") > max_fraction)


def little_visible_text(*, min_fraction: float = 0.2, min_chars: int = 100) -> pl.Expr:
    """An HTML page that shows fewer than `min_chars` characters, or less than `min_fraction` of its own.

    Why: templates, redirects, and pages that a script fills.
    Source: The Stack v2 (StarCoder2 paper, 3.1): at least 100 characters and 20 %; The Stack v1 wants more than these.
    >>> page = "<p>" + "x" * 99 + "</p>"
    >>> reasons(little_visible_text, page, language="HTML"), reasons(little_visible_text, page + "y", language="HTML")
    (['little_visible_text'], [])
    """
    too_few = pl.col("visible_chars") < min_chars
    return too_few | (ratio("visible_chars", "length_chars") < min_fraction)


def generated() -> pl.Expr:
    """A program wrote it: its path, a marker in its head, or the shape of minified code says so.

    Why: it repeats its generator, and nobody reads it.
    Source: The Stack v2 (Linguist's rules and five phrases in the first five lines); `filters/generated.py`.
    >>> reasons(generated, "x", generated_by="phrase"), reasons(generated, "x", generated_by=None)
    (['generated'], [])
    """
    return pl.col("generated_by").is_not_null()


def glob_pattern(globs: Sequence[str]) -> str:
    """A regular expression, for Polars' linear engine, that finds the whole paths which one of the globs matches.

    >>> glob_pattern(["**/a?.c", "doc/**"])
    '(?s)^(?:(?:.*/)?a[^/]\\\\.c|doc/.*)$'
    """
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = [re.split(r"(^\*\*/|(?<=/)\*\*/|\*\*|\*|\?)", glob) for glob in globs]
    patterns = ["".join(special.get(part) or pl.escape_regex(part) for part in glob) for glob in parts]
    return f"(?s)^(?:{'|'.join(patterns)})$"


def _in(languages: Sequence[str]) -> pl.Expr:
    """True where the language is one of these; false, not null, where there is none."""
    return pl.col("language").is_in(list(languages)).fill_null(False)


def _file_name() -> pl.Expr:
    return pl.col("path").str.split("/").list.last()


def _license_type_is(kind: str) -> pl.Expr:
    return (pl.col("license_type") == kind) & ~pl.col("is_own").fill_null(False)


NOTHING = pl.lit(None, dtype=pl.Float64)

# In this order users see them: what costs least to say comes first, so what a name says before what a text says.
RULES = {
    rule.holds.__name__: rule
    for rule in (
        Rule(other_language, NOTHING),
        Rule(other_path, NOTHING),
        Rule(unknown_language, NOTHING),
        Rule(vendored, NOTHING),
        Rule(lock_file, NOTHING),
        Rule(documentation, NOTHING, on=False),
        Rule(plain_text, NOTHING),
        Rule(non_permissive_license, NOTHING),
        Rule(no_license, NOTHING),
        Rule(empty_file, NOTHING),
        Rule(large_file, pl.col("length_bytes")),
        Rule(uncertain_encoding, pl.col("encoding_confidence")),
        Rule(long_line, pl.col("max_line_length")),
        Rule(long_mean_line, ratio("line_chars", "line_count")),
        Rule(many_lines, pl.col("line_count")),
        Rule(few_letters, letters_fraction),
        Rule(few_alphanumerics, ratio("alnum_count", "length_chars"), on=False),
        Rule(odd_data_size, pl.col("length_chars"), on=False),
        Rule(encoded_data, pl.col("max_encoded_run")),
        Rule(little_visible_text, ratio("visible_chars", "length_chars")),
        Rule(generated, NOTHING),
    )
}

# Sections that stand before those of the configuration, by name.
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    # The rules as they are. Left out: the 130 suffixes that were dropped after a look at them. Beyond it: vendored,
    # lock_file and no_license.
    "stack_v2": {},
    # StarCoder's. Left out: files that begin with `<?xml version=`, and the thresholds by suffix. Beyond it: of what
    # `generated` looks for, StarCoder has three keywords.
    "stack_v1": {
        "few_alphanumerics": {"enabled": True},
        "odd_data_size": {"enabled": True, "min_chars": 100},
        "long_line": {"exempt": []},
        "long_mean_line": {"exempt": []},
        **{
            name: {"enabled": False}
            for name in ("vendored", "lock_file", "plain_text", "uncertain_encoding", "many_lines", "few_letters")
        },
        "encoded_data": {"enabled": False},
    },
    "none": {name: {"enabled": False} for name in RULES},
}
