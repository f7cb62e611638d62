"""The loopback git server with faults: `server.fault("owner/name", cut(0.5), times=2)`, and what clients did to it.

A fault is a function that answers a request. It is chosen for a visit: the GET of info/refs, and the POSTs on the same
repository until the next GET. Faults of the pack leave the visit's other answers alone.
"""

import base64
import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from examples.git_server import GitServer, Handler, Request, split_path, started
from tests.servers.raw import reset_connection

EVERY = "*"  # instead of owner/name: every repository that has no fault of its own


def serving(folder: Path) -> contextlib.AbstractContextManager["FaultyServer"]:
    """`with serving(folder) as server: server.url`."""
    return started(FaultyServer(folder))


class FaultyHandler(Handler):
    """Answers as the visit's fault says."""

    server: "FaultyServer"
    send_pack: "SendPack | None" = None

    def answer(self) -> None:
        self.server.fault_of(self.path)(self)

    def send_pieces(self, pieces: Iterable[bytes]) -> None:
        if send_pack := self.send_pack:
            self.send_pack, whole = None, b"".join(pieces)
            if spans := pack_spans(whole):
                return send_pack(self, whole, spans)
            pieces = [whole]
        super().send_pieces(pieces)

    def reset(self) -> None:
        """RST, and no further request on this connection."""
        self.close_connection = True
        reset_connection(self.connection)


Fault = Callable[[FaultyHandler], None]
Spans = list[range]
SendPack = Callable[[FaultyHandler, bytes, Spans], None]  # sends an answer; the ranges in it are the pack's bytes


class FaultyServer(GitServer):
    """A server whose visits can be spoilt."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, FaultyHandler)
        self._faults: dict[str, Iterator[Fault]] = {}
        self._visits: dict[str, Fault] = {}

    def fault(self, name: str, fault: Fault, times: int | None = None) -> None:
        """For the next `times` visits, else for all; after what was asked for this repository before."""
        faults = itertools.repeat(fault) if times is None else itertools.repeat(fault, times)
        self._faults[name] = itertools.chain(self._faults.get(name, ()), faults)

    def heal(self, name: str) -> None:
        """No more faults for the repository."""
        self._faults.pop(name, None)

    def fault_of(self, path: str) -> Fault:
        name, action = split_path(path)
        if action == "info/refs":
            own, common = (self._faults.get(key, iter(())) for key in (name, EVERY))
            self._visits[name] = next(own, None) or next(common, Handler.serve)
        return self._visits.get(name, Handler.serve)


# Faults


def status(code: int, headers: dict[str, str] | None = None, content: bytes = b"") -> Fault:
    """An answer without git: `status(429, {"Retry-After": "2"})`."""
    return lambda handler: handler.reply(code, headers, content)


UNAUTHORIZED = status(401, {"WWW-Authenticate": 'Basic realm="GitHub"'})
DMCA = status(403, {"Content-Type": "text/plain"}, b"Repository unavailable due to DMCA takedown.\n")


def redirect(location: str, code: int = 301) -> Fault:
    """To any address, whatever its scheme."""
    return status(code, {"Location": location})


def renamed(name: str, code: int = 301) -> Fault:
    """To the same place of another repository of this server, as forges answer for a repository that moved."""

    def fault(handler: FaultyHandler) -> None:
        asked, rest = handler.path.partition("?")[::2]
        location = f"{handler.server.url}/{name}.git/{split_path(asked)[1]}?{rest}"
        handler.reply(code, {"Location": location})

    return fault


def password(secret: str) -> Fault:
    """git's answer to requests with HTTP Basic and this password, whoever the user; 401 to others."""

    def fault(handler: FaultyHandler) -> None:
        scheme, _, encoded = handler.headers.get("Authorization", "").partition(" ")
        with contextlib.suppress(ValueError):
            if scheme == "Basic" and base64.b64decode(encoded).partition(b":")[2] == secret.encode():
                return handler.serve()
        UNAUTHORIZED(handler)

    return fault


def delay(seconds: float) -> Fault:
    """Nothing for a while, then git's answer; once a visit."""

    def fault(handler: FaultyHandler) -> None:
        if handler.command == "GET":
            handler.server.closing.wait(seconds)
        handler.serve()

    return fault


def without_filter(handler: FaultyHandler) -> None:
    """git without support for partial clones: it neither offers nor accepts filters."""
    handler.serve(allow_filter=False)


def reset(handler: FaultyHandler) -> None:
    """RST instead of an answer."""
    handler.reset()


def spoilt(send_pack: SendPack) -> Fault:
    """git's answers, but the one with the pack is sent by `send_pack`."""

    def fault(handler: FaultyHandler) -> None:
        handler.send_pack = send_pack
        handler.serve()

    return fault


def cut(fraction: float) -> Fault:
    """The connection ends (FIN) after this fraction of the pack."""

    def send(handler: FaultyHandler, answer: bytes, spans: Spans) -> None:
        handler.send_chunk(answer[: position(spans, fraction)])
        handler.close_connection = True

    return spoilt(send)


def reset_after(size_bytes: int) -> Fault:
    """RST after so many bytes of the pack."""

    def send(handler: FaultyHandler, answer: bytes, spans: Spans) -> None:
        handler.send_chunk(answer[: position(spans, size_bytes / sum(map(len, spans)))])
        handler.reset()

    return spoilt(send)


def flip(fraction: float = 0.5) -> Fault:
    """One bit is wrong in the pack's byte at this fraction."""

    def send(handler: FaultyHandler, answer: bytes, spans: Spans) -> None:
        place = position(spans, fraction)
        handler.send_pieces([answer[:place], bytes([answer[place] ^ 1]), answer[place + 1 :]])

    return spoilt(send)


def pack_spans(answer: bytes) -> Spans:
    """Where the pack's bytes stand in an answer of git: in the packets of side band 1. [] where there is none."""
    spans, place = [], 0
    while place < len(answer):
        size = int(answer[place : place + 4], 16)
        if answer[place + 4 : place + 5] == b"\1":
            spans.append(range(place + 5, place + size))
        place += max(size, 4)
    return spans


def position(spans: Spans, fraction: float) -> int:
    """The place in the answer of the pack's byte at this fraction, the last one at most.

    >>> position([range(10, 14), range(20, 24)], 0.5)
    20
    """
    size = sum(map(len, spans))
    left = min(int(fraction * size), size - 1)
    for span in spans:
        if left < len(span):
            break
        left -= len(span)
    return span[left]


# What clients did


def visits(requests: Iterable[Request]) -> list[Request]:
    """The first request of each visit, by time."""
    return sorted((r for r in requests if "/info/refs" in r.path), key=lambda r: r.start_s)


def most_at_once(requests: Iterable[Request]) -> dict[str, int]:
    """The most requests that were open together, by the host asked for. Open ones count until they end."""
    hosts: dict[str, list[tuple[float, int]]] = {}
    for request in requests:
        edges = hosts.setdefault(request.headers.get("Host", ""), [])
        edges += [(request.start_s, 1), (request.end_s or float("inf"), -1)]
    # at equal times ends stand before starts
    return {host: max(itertools.accumulate(step for _, step in sorted(edges))) for host, edges in hosts.items()}


def visits_too_early(requests: Iterable[Request], grace_s: float = 0.5) -> list[Request]:
    """Visits to a host that had said Retry-After (in seconds) and whose time was not over.

    What starts within `grace_s` of that answer was on its way already.
    """
    known = list(requests)
    pauses = [
        (r.headers.get("Host"), r.end_s + grace_s, r.end_s + float(r.answered["Retry-After"]))
        for r in known
        if r.end_s and r.answered.get("Retry-After", "").isdigit()
    ]
    return [
        visit
        for visit in visits(known)
        if any(visit.headers.get("Host") == host and start < visit.start_s < end for host, start, end in pauses)
    ]
