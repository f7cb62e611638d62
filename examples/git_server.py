"""A folder of repositories over HTTP on this machine, as a forge serves them: for the demo, the tests and the bench.

`python -m examples.git_server FOLDER` prints its address; FOLDER/owner/name.git is then at ADDRESS/owner/name. Only
127.0.0.1 hears it, and only fetching is served.

The repositories are not trusted (`made/planted.git` of the demo corpus is hostile on purpose), but git obeys the
configuration of what it serves. So every request is answered from a git folder of our own, made for it: HEAD and the
refs are copied there as bytes, and the objects are read where they are. The repository's configuration and hooks are
never loaded and nothing is written to it. What is damaged is served as it is.
"""

import argparse
import contextlib
import http.server
import os
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar, cast
from urllib.parse import unquote

PIECE_BYTES = 1 << 16
NOTED = ("Authorization", "Git-Protocol", "Host", "User-Agent")
COPIED = ("HEAD", "packed-refs", "refs", "shallow")  # all that git reads of a served folder besides its objects
CONFIG = """[core]
\trepositoryFormatVersion = 1
\tbare = true
[extensions]
\tobjectFormat = {object_format}
[http]
\tgetanyfile = false
\treceivepack = false
[uploadpack]
\tallowFilter = {allow_filter}
\tallowAnySHA1InWant = true
"""


def main(arguments: list[str] | None = None) -> int:
    """Serves until it is interrupted. The address is the first line on stdout."""
    parser = argparse.ArgumentParser(prog="python -m examples.git_server", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="holds OWNER/NAME.git")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port of 127.0.0.1 (default: a free one)")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        print(f"{options.folder}: no such folder", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), serving(options.folder, options.port) as server:
        print(server.url, flush=True)
        signal.pause()
    return 0


@dataclass
class Request:
    """What one request was. Times are those of time.monotonic(); bytes are those of the bodies."""

    method: str
    path: str
    headers: dict[str, str]  # of NOTED, those that came
    start_s: float
    end_s: float | None = None  # None while it lasts; taken before the client can see the end
    status: int | None = None  # None when nothing was answered
    answered: dict[str, str] = field(default_factory=dict)  # the answer's headers
    bytes_up: int = 0
    bytes_down: int = 0


class Loopback(socketserver.ThreadingTCPServer):
    """A server on 127.0.0.1, a thread for each connection. `closing` is set when they have to end."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, handler: type[socketserver.BaseRequestHandler], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.closing = threading.Event()
        self._talks: dict[threading.Thread, socket.socket] = {}

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        self._talks[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            del self._talks[threading.current_thread()]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing is said of clients that hang up."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """No thread and no connection is left."""
        self.closing.set()
        self.shutdown()
        talks = list(self._talks.items())
        for _, connection in talks:
            with contextlib.suppress(OSError):  # it ended by itself
                connection.shutdown(socket.SHUT_RDWR)
        for thread, _ in talks:
            thread.join(timeout=10)
        self.server_close()


AnyServer = TypeVar("AnyServer", bound=Loopback)


@contextmanager
def started(server: AnyServer) -> Iterator[AnyServer]:
    """The server, listening as long as the block lasts."""
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.close()


def serving(folder: Path, port: int = 0) -> contextlib.AbstractContextManager["GitServer"]:
    """`with serving(folder) as server: server.url`; port 0 takes a free one."""
    return started(GitServer(folder, port=port))


class Handler(http.server.BaseHTTPRequestHandler):
    """The requests of one connection, answered by `git http-backend`."""

    server: "GitServer"
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        headers = {name: self.headers[name] for name in NOTED if name in self.headers}
        self.request_seen = Request(self.command, self.path, headers, time.monotonic())
        self.server.requests.append(self.request_seen)
        try:
            self.answer()
        finally:
            self.end()

    do_POST = do_GET

    def answer(self) -> None:
        """What stands at the path, else 404."""
        self.serve()

    def serve(self, *, allow_filter: bool = True) -> None:
        """git's answer, passed on as it comes."""
        name, action = split_path(self.path)
        repository = find_repository(self.server.folder, name)
        if repository is None:
            return self.reply(404)
        with (
            skeleton(repository, allow_filter) as root,
            self.server.running(self.environment(root, repository, action)) as git,
        ):
            assert git.stdin and git.stdout
            pieces = self.body()
            with contextlib.suppress(BrokenPipeError), git.stdin as stdin:
                stdin.writelines(pieces)
            for _ in pieces:  # git did not want all of it
                pass
            status, headers = read_head(git.stdout)
            self.send_head(status, headers | {"Transfer-Encoding": "chunked"})
            self.send_pieces(iter(lambda: cast(Any, git.stdout).read1(PIECE_BYTES), b""))

    def environment(self, root: Path, repository: Path, action: str) -> dict[str, str]:
        """What the CGI standard and git want to know of the request; nothing of this process but PATH."""
        given = {
            "CONTENT_LENGTH": self.headers.get("Content-Length"),
            "CONTENT_TYPE": self.headers.get("Content-Type"),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol"),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding"),
            "QUERY_STRING": self.path.partition("?")[2],
        }
        return {name: value for name, value in given.items() if value is not None} | {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(root),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OBJECT_DIRECTORY": str(repository / "objects"),
            "GIT_PROJECT_ROOT": str(root),
            "PATH_INFO": f"/repository/{action}",
            "REMOTE_ADDR": "127.0.0.1",
            "REQUEST_METHOD": self.command,
        }

    def body(self) -> Iterator[bytes]:
        """The request's body in pieces, out of its chunks but compressed as it came."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline() or b"0", 16):
                self.request_seen.bytes_up += size
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        left = int(self.headers.get("Content-Length", 0))
        while left and (piece := self.rfile.read(min(left, PIECE_BYTES))):
            self.request_seen.bytes_up += len(piece)
            yield piece
            left -= len(piece)

    def reply(self, status: int, headers: dict[str, str] | None = None, content: bytes = b"") -> None:
        """A short answer, after which the connection ends."""
        for _ in self.body():  # a connection closed with something unread is reset, and the answer lost
            pass
        self.request_seen.bytes_down += len(content)
        self.end()
        self.send_head(status, (headers or {}) | {"Content-Length": str(len(content)), "Connection": "close"})
        self.wfile.write(content)

    def send_head(self, status: int, headers: dict[str, str]) -> None:
        self.request_seen.status, self.request_seen.answered = status, headers
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def send_pieces(self, pieces: Iterable[bytes]) -> None:
        """A body in chunks, with its end."""
        for piece in pieces:
            self.send_chunk(piece)
        self.end()
        self.wfile.write(b"0\r\n\r\n")

    def send_chunk(self, piece: bytes) -> None:
        self.request_seen.bytes_down += len(piece)
        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    def end(self) -> None:
        """Before the last bytes are sent, so that a client's next request starts later."""
        self.request_seen.end_s = self.request_seen.end_s or time.monotonic()

    def log_message(self, format: str, *args: Any) -> None:
        """Not on stderr: `requests` tells."""


class GitServer(Loopback):
    """The repositories of a folder. `requests` grows by each request as it starts."""

    def __init__(self, folder: Path, handler: type[Handler] = Handler, port: int = 0) -> None:
        super().__init__(handler, port)
        self.folder = folder.resolve()
        self.requests: list[Request] = []
        self._children: set[subprocess.Popen[bytes]] = set()
        self._ending = threading.Lock()

    @contextmanager
    def running(self, environment: dict[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
        """git's server process; none of its children is left at the end."""
        pipe = subprocess.PIPE
        with subprocess.Popen(
            ["git", "http-backend"],
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        ) as process:
            self._children.add(process)
            try:
                if self.closing.is_set():
                    raise ConnectionAbortedError
                yield process
            finally:
                self._kill(process)

    def _kill(self, process: "subprocess.Popen[bytes]") -> None:
        """Once, and before anybody waits for it: its number may belong to another process afterwards."""
        with self._ending, contextlib.suppress(KeyError, ProcessLookupError):
            self._children.remove(process)
            os.killpg(process.pid, signal.SIGKILL)

    def close(self) -> None:
        self.closing.set()
        for process in list(self._children):
            self._kill(process)
        super().close()


def split_path(path: str) -> tuple[str, str]:
    """`owner/name` and what is wanted of it, without the query; two empty strings for any other path.

    >>> split_path("/owner/name.git/info/refs?service=git-upload-pack")
    ('owner/name', 'info/refs')
    """
    found = re.fullmatch(r"/(.+?)(?:\.git)?/(info/refs|git-upload-pack)", unquote(path.partition("?")[0]))
    return (found[1], found[2]) if found else ("", "")


def find_repository(folder: Path, name: str) -> Path | None:
    """The git folder of `owner/name`: bare with or without .git, else that of a checkout. None outside `folder`."""
    if not name or not {"", ".", ".."}.isdisjoint(name.split("/")):
        return None
    candidates = [folder / f"{name}.git", folder / name, folder / name / ".git"]
    return next((path for path in candidates if (path / "HEAD").is_file() and (path / "objects").is_dir()), None)


@contextmanager
def skeleton(repository: Path, allow_filter: bool) -> Iterator[Path]:
    """A folder that holds `repository`: the refs of the one given, and our configuration."""
    with tempfile.TemporaryDirectory(prefix="git-server-") as root:
        bones = Path(root) / "repository"
        bones.mkdir()
        for name in COPIED:
            if (repository / name).is_dir():
                shutil.copytree(repository / name, bones / name, symlinks=True)
            elif (repository / name).is_file():
                shutil.copyfile(repository / name, bones / name)
        values = {"object_format": object_format(repository), "allow_filter": str(allow_filter).lower()}
        (bones / "config").write_text(CONFIG.format(**values), encoding="utf-8")
        yield Path(root)


def object_format(repository: Path) -> str:
    """sha1 or sha256, by the text of the configuration: git is not asked, because it would obey the rest, too."""
    with contextlib.suppress(OSError):
        if re.search(rb"objectformat\s*=\s*\"?sha256", (repository / "config").read_bytes().lower()):
            return "sha256"
    return "sha1"


def read_head(out: IO[bytes]) -> tuple[int, dict[str, str]]:
    """Status and headers of a CGI answer; 500 when the program ended without one."""
    headers = {}
    while line := out.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name] = value.strip()
    return int(headers.pop("Status", "200" if headers else "500").split()[0]), headers


if __name__ == "__main__":
    sys.exit(main())
