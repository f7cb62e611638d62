"""A repository as a row of LISTED."""

from typing import Any

from schemas.repositories import LISTED

FOLDED_HOSTS = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org"})  # owner/name without case
Listed = dict[str, Any]


def repo_key(host: str, repo_name: str) -> str:
    """host/owner/name; names that the forge takes for one are one key."""
    return f"{host}/{repo_name.lower() if host in FOLDED_HOSTS else repo_name}"


def listed(host: str, repo_name: str, **known: Any) -> Listed:
    """A row of LISTED: what is not known is null."""
    found = {"repo_key": repo_key(host, repo_name), "host": host, "repo_name": repo_name}
    return dict.fromkeys(LISTED.names) | found | known
