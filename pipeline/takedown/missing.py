"""What to tell of a request for something that is not here: most likely it is misspelt."""

import difflib
from collections.abc import Sequence

import polars as pl

from pipeline.takedown.requests import Request
from pipeline.takedown.scope import Known

OTHERWISE = "nothing was changed; with --unseen it is refused when it comes"
CLOSE_CHARS = 3  # by which the lengths of close names differ at most; spares comparing with millions


def not_here(request: Request, names: Sequence[str], known: Known) -> str:
    """One line: what of the request is not here, and the nearest name that is."""
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    if request.content_id:
        return f"takedown: no file here has the content_id or text_id {names[0]!r}; {OTHERWISE}"
    if names[0] in request.paths:
        exact = "paths must be exact, as `explain` and the ledger write them"
        return f"takedown: {request.repository} has no file {names[0]!r} here{more}: {exact}; {OTHERWISE}"
    nearest = _nearest(names[0], known.repositories, owner=request.owner is not None)
    advice = f"did you mean {nearest!r}? " if nearest else ""
    kind = "owner" if request.owner else "repository"
    return f"takedown: no {kind} here is called {names[0]!r}; {advice}{OTHERWISE}"


def _nearest(name: str, repositories: pl.DataFrame, owner: bool) -> str | None:
    """The nearest owner or owner/name; with its host when `name` is nearer to that."""
    names = pl.concat([repositories["repo_name"].str.to_lowercase(), repositories["repo_key"].str.to_lowercase()])
    if owner:
        names = names.str.replace("/[^/]*$", "")
    length = len(name)
    close = names.filter(names.str.len_chars().is_between(length - CLOSE_CHARS, length + CLOSE_CHARS))
    return next(iter(difflib.get_close_matches(name, sorted(set(close)), n=1)), None)
