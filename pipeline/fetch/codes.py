"""What can become of a fetch, and what to do about it."""

from typing import NamedTuple

from pipeline.errors import RepositoryError


class Code(NamedTuple):
    """`attempts`: how often it is tried in one run, at most; None for as often as [fetch] attempts says, or the host
    can wait."""

    attempts: int | None
    meaning: str


# After security-reliability notes and Software Heritage's visit statuses.
CODES: dict[str, Code] = {
    "bad_addr": Code(1, "the host has an address that is not public"),
    "commit_not_found": Code(1, "the server does not have the commit asked for, or does not give it away"),
    "corrupt_local": Code(1, "what was fetched could not be read back from our disk, twice"),
    "corrupt_remote": Code(2, "the server lacks objects of its own repository"),
    "cpu": Code(1, "unpacking took more than max_cpu_s"),
    "dns": Code(None, "the host has no address"),
    "forbidden": Code(2, "403: nobody may read it, or not from here"),
    "fsck_hostile": Code(1, "git's check found names or objects that only harm"),
    "gone": Code(1, "404 or 410"),
    "legal": Code(1, "451, or taken down after a DMCA notice; earlier data is dropped, too"),
    "mem": Code(1, "git needed more than max_memory_bytes"),
    "private_or_missing": Code(1, "401: the forge does not say which"),
    "rate_limited": Code(None, "429, or 403 with Retry-After"),
    "redirect_denied": Code(1, "redirected to where it must not be followed"),
    "renamed_to": Code(1, "moved to another name on the same host, which is listed in its place"),
    "refused": Code(None, "the host could not be connected to"),
    "server_error": Code(None, "5xx, a broken connection or answer"),
    "slow": Code(2, "less than min_bytes_per_s for slow_s"),
    "timeout": Code(2, "not done within timeout_s; the second time it has four times as long"),
    "too_big": Code(1, "more than max_pack_bytes"),
    "unsupported": Code(1, "SHA-256 objects, or a server without git's smart protocol"),
}


UNREACHABLE = frozenset({"dns", "refused"})  # nobody reached the host
OF_THE_HOST = UNREACHABLE | {"rate_limited"}  # no repository's fault: the whole host waits


class FetchError(RepositoryError):
    """A fetch failed with one of CODES. `retry_after_s`: how long the server wants to be left alone."""

    def __init__(self, code: str, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(code, detail)
        self.retry_after_s = retry_after_s


class RespelledError(FetchError):
    """The server has the same repository under another spelling, at `url`."""

    def __init__(self, url: str) -> None:
        super().__init__("redirect_denied", "redirected from one spelling to another, twice")
        self.url = url
