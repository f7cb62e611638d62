"""The hub as a server: its two origins, their log, and what goes wrong."""

import re
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from examples.git_server import PIECE_BYTES, Loopback, started
from tests.servers.hub import api, lfs
from tests.servers.hub.calls import Answer, Call, User, as_json, refused
from tests.servers.hub.objects import Objects
from tests.servers.hub.state import Refusal, Repository
from tests.servers.hub.xet import Cas
from tests.servers.raw import reset_connection

ESTABLISHED = b"\1"  # of Linux's states of a connection
READING = re.compile(r"/validate-yaml$|/preupload/|/paths-info/|/lfs/objects/batch$|/lfs/verify$")  # POSTs that do


@contextmanager
def serving(folder: Path, xet: bool = False) -> Iterator["Hub"]:
    """`with serving(folder) as hub: hub.url`. An error of the hub itself is raised when the block ends."""
    hub = Hub(folder.resolve(), xet)
    with started(hub.main), started(hub.cdn):
        yield hub
    if hub.errors:
        raise hub.errors[0]


@dataclass
class Request:
    """What one request was. `status` is what came of it, even if the answer was lost; None if it was not obeyed."""

    method: str
    path: str  # with the query, as it came
    origin: str  # hub or cdn
    start_s: float  # of time.monotonic()
    status: int | None = None
    bytes_up: int = 0


class Hub:
    """State, limits and log of a hub. Limits may be changed at any time; None is no limit."""

    page = 1_000  # entries of a listing
    max_folder_entries = 10_000
    multipart_bytes: int | None = None  # larger files are uploaded in parts of this size
    max_operations: int | None = None  # of a commit
    commits_per_hour: int | None = None  # of a repository

    def __init__(self, folder: Path, xet: bool) -> None:
        self.cas = Cas(folder / "cas") if xet else None
        self.objects = Objects(folder / "objects", self.cas)
        self.lock = threading.RLock()  # a request at a time changes the state
        self.repositories: dict[str, Repository] = {}
        self.tokens: dict[str, User] = {}
        self.parts: dict[str, dict[int, bytes]] = {}  # of multipart uploads, by sha256
        self.requests: list[Request] = []
        self.errors: list[Exception] = []
        self.clock: Callable[[], float] = time.time
        self.on_request: Callable[[Request, Literal["before", "after"]], None] = lambda request, when: None
        self._faults: list[FaultRule] = []
        self.main, self.cdn = Origin(self, "hub"), Origin(self, "cdn")
        self.url, self.cdn_url = self.main.url, self.cdn.url
        self.add_user("alice", "hf_alice")
        self.add_user("bob", "hf_bob")

    def add_user(
        self, name: str, token: str, *, role: Literal["read", "write"] = "write", orgs: tuple[str, ...] = ()
    ) -> None:
        """A token more; its user may be known by other ones."""
        self.tokens[token] = User(name, role, tuple(orgs))

    def add_repository(self, name: str, *, private: bool = False) -> Repository:
        self.repositories[name] = Repository(name, self.objects, private, clock=lambda: self.clock(), lock=self.lock)
        return self.repositories[name]

    def repository(self, name: str) -> Repository:
        """KeyError if it is not there."""
        return self.repositories[name]

    def fault(self, method: str, path: str, fault: "Fault", times: int | None = 1, skip: int = 0) -> "FaultRule":
        """For `times` requests (None: all) after the first `skip`, of those whose path with query `path` is found in.

        Requests that a rule made earlier has taken do not count.
        """
        rule = FaultRule(method, re.compile(path), fault, times, skip)
        self._faults.append(rule)
        return rule

    def fault_of(self, request: Request) -> "Fault":
        with self.lock:
            return next((rule.fault for rule in self._faults if rule.applies(request)), Handler.serve)

    def writes(self) -> list[Request]:
        """Requests that changed the state."""
        return [
            request
            for request in self.requests
            if request.method not in ("GET", "HEAD")
            and (request.status or 500) < 400
            and not READING.search(urlsplit(request.path).path)
        ]

    def uploaded_bytes(self) -> int:
        """Of large files since the start: by LFS as they were sent, by Xet what the store grew."""
        sent = sum(request.bytes_up for request in self.requests if request.method == "PUT" and request.origin == "cdn")
        return sent + (self.cas.stored_bytes() if self.cas else 0)


class Origin(Loopback):
    """A server of the hub. The other one plays the storage, so that clients meet a second origin."""

    def __init__(self, hub: Hub, name: str) -> None:
        super().__init__(Handler)
        self.hub, self.name = hub, name


class Handler(BaseHTTPRequestHandler):
    """The requests of one connection."""

    server: Origin
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        hub = self.server.hub
        self.request_seen = Request(self.command, self.path, self.server.name, time.monotonic())
        self.pieces = self.body()
        hub.requests.append(self.request_seen)
        hub.on_request(self.request_seen, "before")
        if self.connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) != ESTABLISHED:
            raise ConnectionAbortedError  # killed just now, with all that is needed on its way
        hub.fault_of(self.request_seen)(self)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def serve(self) -> None:
        self.send(self.process())

    def process(self) -> Answer:
        """Does what is asked."""
        hub = self.server.hub
        try:
            answer = self.route()
        except Refusal as refusal:
            answer = refused(refusal)
        except ConnectionError:  # the client is gone
            raise
        except Exception as error:
            hub.errors.append(error)
            answer = as_json({"error": traceback.format_exc()}, 500)
        self.request_seen.status = answer.status
        hub.on_request(self.request_seen, "after")
        return answer

    def route(self) -> Answer:
        hub, url = self.server.hub, urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        call = Call(hub, self.command, url.path, query, self.headers, None, b"", self.pieces)
        if self.server is hub.cdn:
            return lfs.answer_storage(call)
        call.body = b"".join(self.pieces)
        if token := self.headers.get("Authorization", "").removeprefix("Bearer "):
            if token not in hub.tokens:
                raise Refusal(401, "Invalid credentials in Authorization header")
            call.user = hub.tokens[token]
        with nullcontext() if "/xet-" in url.path else hub.lock:  # tokens wait for other clients
            return api.answer(call)

    def body(self) -> Iterator[bytes]:
        """The request's body in pieces. Raises ConnectionAbortedError when the client goes before its end."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().strip() or b"-1", 16):
                yield self.exactly(size)
                self.rfile.readline()
            self.rfile.readline()
        left = int(self.headers.get("Content-Length", 0))
        while left:
            piece = self.exactly(min(left, PIECE_BYTES))
            left -= len(piece)
            yield piece

    def exactly(self, size: int) -> bytes:
        piece = self.rfile.read(size) if size > 0 else b""
        self.request_seen.bytes_up += len(piece)
        if len(piece) != size:
            raise ConnectionAbortedError
        return piece

    def send(self, answer: Answer, size: int | None = None) -> None:
        """Of the body only the first `size` bytes, and then the connection ends."""
        for _ in self.pieces:  # what was not read would be taken for the next request
            pass
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[:size])
        self.close_connection |= size is not None

    def reset(self) -> None:
        """RST, and no further request on this connection."""
        self.close_connection = True
        reset_connection(self.connection)

    def log_message(self, format: str, *args: Any) -> None:
        """Not on stderr: `requests` tells."""


Fault = Callable[[Handler], None]


@dataclass
class FaultRule:
    """`seen` counts the requests that it is about, also those it left alone."""

    method: str
    path: re.Pattern[str]
    fault: Fault
    times: int | None
    skip: int
    seen: int = 0

    def applies(self, request: Request) -> bool:
        if request.method != self.method or not self.path.search(request.path):
            return False
        self.seen += 1
        return self.seen > self.skip and (self.times is None or self.seen <= self.skip + self.times)
