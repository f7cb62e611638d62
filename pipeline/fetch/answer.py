"""What a failed fetch means: the server's status and headers first, git's words where there is none."""

import re
import signal
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin

from pipeline.fetch.address import Address
from pipeline.fetch.codes import FetchError, RespelledError
from pipeline.fetch.hosts import retry_after_s
from pipeline.git import printable
from pipeline.sources.names import REPO_NAME
from pipeline.sources.rows import repo_key

MAX_TRACE_BYTES = 1 << 20  # a server may send headers without end
HEADER = re.compile(rb"<= Recv header: (?:HTTP/[\d.]+ (\d{3})|([\w-]+): *([^\r\n]*))")
FSCK = re.compile(r"error: object [0-9a-f]+: (\w+):")
SIGNALS: dict[int, str] = {signal.SIGXCPU: "cpu", signal.SIGXFSZ: "too_big", signal.SIGKILL: "mem"}
DIED = re.compile(r"died of signal (\d+)")
STATUS_CODES = {
    401: "private_or_missing",
    403: "forbidden",
    404: "gone",
    410: "gone",
    429: "rate_limited",
    451: "legal",
}
# What git says, in the order in which it is looked for. From git 2.39, 2.47 and 2.55.
WORDS = (
    ("too_big", r"File too large"),
    ("mem", r"[Oo]ut of memory|cannot allocate memory|mmap failed|too large to fit into virtual memory"),
    ("slow", r"Operation too slow"),
    ("unsupported", r"mismatched algorithms|dumb http transport|object format|unsupported"),
    ("refused", r"Failed to connect|Could not connect|Connection refused|Couldn't connect"),
    ("commit_not_found", r"not our ref|unadvertised object"),
)
SERVER_FAILED = re.compile(r"remote: .*(fatal|error|aborting)|remote error|did not send all necessary objects")
# What git's check says of old or careless commits, and of files that only a work tree obeys (git-fsck(1)).
BENIGN = frozenset(
    [
        *("badDate", "badDateOverflow", "badEmail", "badName", "badTagName", "badTimezone", "missingEmail"),
        *("missingNameBeforeEmail", "missingSpaceBeforeDate", "missingSpaceBeforeEmail", "missingTaggerEntry"),
        *("badFilemode", "largePathname", "nullSha1", "zeroPaddedDate", "zeroPaddedFilemode"),
        *("gitmodulesBlob", "gitmodulesLarge", "gitmodulesMissing", "gitmodulesName", "gitmodulesParse"),
        *("gitmodulesPath", "gitmodulesSymlink", "gitmodulesUpdate", "gitmodulesUrl"),
        *("gitattributesBlob", "gitattributesLarge", "gitattributesLineLength", "gitattributesMissing"),
        *("gitattributesSymlink", "gitignoreSymlink", "mailmapSymlink"),
    ]
)


class Answer(NamedTuple):
    """The last response of a fetch; `status` is None when there was none."""

    status: int | None
    headers: dict[str, str]  # names in small letters

    @property
    def is_of_git(self) -> bool:
        """Whether git's smart protocol is spoken; an empty answer of anybody else looks like no refs at all."""
        return self.headers.get("content-type", "").startswith("application/x-git-upload-pack-")


def read_trace(path: Path) -> Answer:
    """The last response in what GIT_TRACE_CURL wrote."""
    status: int | None = None
    headers: dict[str, str] = {}
    if path.exists():
        with path.open("rb") as file:
            trace = file.read(MAX_TRACE_BYTES)
        for match in HEADER.finditer(trace):
            if match[1]:
                status, headers = int(match[1]), {}
            else:
                headers[match[2].decode().lower()] = match[3].decode("utf-8", "replace")
    return Answer(status, headers)


def own_words(said: str) -> str:
    """What our git said, without what the server said: a full disk there is no full disk here."""
    return "\n".join(line for line in said.split("\n") if not line.startswith("remote: "))


def fsck_id(said: str) -> str | None:
    """The message id of git's check, when that ended the fetch."""
    found = FSCK.search(own_words(said))
    return found[1] if found else None


def failure(address: Address, answer: Answer, said: str, exit_status: int) -> FetchError:
    """The error for a fetch that ended with a status other than 0; but for time-outs and full disks."""
    retry_after = _retry_after_s(answer)
    status = answer.status or 0
    if 300 <= status < 400:
        return redirected(address, answer.headers.get("location", ""))
    if status >= 400:
        code = STATUS_CODES.get(status, "server_error" if status >= 500 else "forbidden")
        if status == 403 and "DMCA" in said:
            code = "legal"
        elif status == 403 and (retry_after or answer.headers.get("x-ratelimit-remaining") == "0"):
            code = "rate_limited"
        return FetchError(code, f"the server answered {status}", retry_after)
    if check := fsck_id(said):
        return FetchError("fsck_hostile", f"git's check of what was sent: {printable(check)}")
    return FetchError(_code(said, exit_status), printable(_told(said)), retry_after)


def _retry_after_s(answer: Answer) -> float | None:
    """By the server's own clock, where it says what time it is."""
    if "retry-after" not in answer.headers:
        return None
    try:
        now = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        now = datetime.now(UTC)
    return retry_after_s(answer.headers["retry-after"], now if now.tzinfo else now.replace(tzinfo=UTC))


def _code(said: str, exit_status: int) -> str:
    own = own_words(said)
    died = DIED.search(own)
    # `timeout` ends like git, by its signal; or, when it has ended git, with 128 and the signal
    ended_by = int(died[1]) if died else -exit_status if exit_status < 0 else exit_status - 128
    otherwise = "corrupt_remote" if SERVER_FAILED.search(said) else "server_error"
    return SIGNALS.get(ended_by) or next((code for code, words in WORDS if re.search(words, own)), otherwise)


def _told(said: str) -> str:
    """The line that says most: the first of git's own that is fatal, else the first."""
    lines = [line for line in said.split("\n") if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal: ", "error: "))]
    return (fatal or lines or ["git said nothing"])[0]


def redirected(address: Address, location: str) -> FetchError:
    """`renamed_to` with the new owner/name, when that is on the same host; RespelledError when it is the same name;
    else `redirect_denied`."""
    try:
        target = urljoin(address.url + "/info/refs", location)
    except ValueError:
        return FetchError("redirect_denied", "redirected to no address")
    place = target.partition("?")[0].removesuffix("/info/refs")
    path, same = (url.removeprefix(address.base + "/").removesuffix(".git") for url in (place, address.url))
    if target.startswith(address.base + "/") and REPO_NAME.fullmatch(path) and place != address.url:
        is_same = repo_key(address.host, path) == repo_key(address.host, same)
        return RespelledError(place) if is_same else FetchError("renamed_to", path)
    return FetchError("redirect_denied", f"redirected to {printable(location)!r}")
