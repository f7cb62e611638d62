"""A server that misbehaves by path, written on plain sockets: `server.url + "/silence/any"` accepts and says nothing.

The first part of the path names the behaviour, one of BEHAVIOURS. Each answers every request of a visit: the GET of
info/refs, and the POSTs of git's protocol v2 that list refs and fetch.
"""

import contextlib
import hashlib
import itertools
import os
import random
import socket
import socketserver
import struct
import zlib
from collections.abc import Iterable

from examples.git_server import Loopback, started

FLUSH, DELIMITER = b"0000", b"0001"
COMMIT, TREE, BLOB = 1, 2, 3  # kinds of objects in a pack


def serving() -> contextlib.AbstractContextManager["RawServer"]:
    """`with serving() as server: server.url`. However long a behaviour would last, it ends with the block."""
    return started(RawServer(Talk))


class RawServer(Loopback):
    """`requests` holds method and path of each request, as it starts."""

    def __init__(self, handler: type["Talk"]) -> None:
        super().__init__(handler)
        self.requests: list[tuple[str, str]] = []


class Talk(socketserver.StreamRequestHandler):
    """One connection, which brings one request."""

    server: RawServer
    disable_nagle_algorithm = True

    def handle(self) -> None:
        self.method, self.path, _ = self.rfile.readline().decode("latin-1").split()
        self.server.requests.append((self.method, self.path))
        length = 0
        while header := self.rfile.readline().strip():
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        self.body = self.rfile.read(length)
        BEHAVIOURS[self.path.split("/")[1]](self)

    def pause(self, seconds: float) -> None:
        """Raises ConnectionAbortedError when the server ends meanwhile."""
        if self.server.closing.wait(seconds):
            raise ConnectionAbortedError

    def send_head(self, status: str = "200 OK", *headers: str) -> None:
        kind = "result" if self.method == "POST" else "advertisement"
        standard = ["Connection: close"]
        if not any(header.startswith("Content-Type") for header in headers):
            standard.append(f"Content-Type: application/x-git-upload-pack-{kind}")
        self.wfile.write("\r\n".join([f"HTTP/1.1 {status}", *standard, *headers, "", ""]).encode())

    def send(self, pieces: Iterable[bytes]) -> None:
        """A good head and these bytes."""
        self.send_head()
        self.wfile.writelines(pieces)

    def speak(self, refs: Iterable[bytes], pack: Iterable[bytes] = ()) -> None:
        """A good advertisement, then as told."""
        if self.method == "GET":
            self.send([ADVERTISEMENT])
        else:
            self.send(refs if b"command=ls-refs" in self.body else pack)


# What git's protocol is made of


def packet(content: bytes) -> bytes:
    """A line with its length.

    >>> packet(b"done\\n")
    b'0009done\\n'
    """
    return b"%04x%b" % (len(content) + 4, content)


CAPABILITIES = [b"version 2\n", b"agent=git/raw\n", b"ls-refs=unborn\n", b"fetch=shallow filter\n"]
CAPABILITIES += [b"object-format=sha1\n"]
SERVICE = packet(b"# service=git-upload-pack\n") + FLUSH
ADVERTISEMENT = SERVICE + b"".join(map(packet, CAPABILITIES)) + FLUSH


def stored(kind: int, content: bytes) -> bytes:
    """An object as it stands in a pack: kind and size in groups of 4, then 7 bits, and the zlib stream."""
    size, header = len(content) >> 4, [kind << 4 | len(content) & 15]
    while size:
        header[-1] |= 128
        header.append(size & 127)
        size >>= 7
    return bytes(header) + zlib.compress(content, 0)


def pack_head(objects: int) -> bytes:
    return struct.pack(">4sII", b"PACK", 2, objects)


def band(content: bytes) -> bytes:
    """Bytes of a pack, as packets of the side band."""
    return b"".join(packet(b"\1" + content[i : i + 65_000]) for i in range(0, len(content), 65_000))


def object_id(kind: bytes, content: bytes) -> bytes:
    return hashlib.sha1(b"%b %d\0%b" % (kind, len(content), content)).hexdigest().encode()


EMPTY_TREE_ID = object_id(b"tree", b"")
PERSON = b"x <x@example.invalid> 1700000000 +0000"
COMMIT_TEXT = b"tree %b\nauthor %b\ncommitter %b\n\nx\n" % (EMPTY_TREE_ID, PERSON, PERSON)
COMMIT_ID = object_id(b"commit", COMMIT_TEXT)
HEAD_LINE = packet(COMMIT_ID + b" HEAD symref-target:refs/heads/main\n")
REFS = HEAD_LINE + packet(COMMIT_ID + b" refs/heads/main\n")


def answer_head(talk: Talk) -> bytes:
    """What stands before the pack; it has to tell the border of a shallow history to who asked for one."""
    shallow = packet(b"shallow-info\n") + packet(b"shallow " + COMMIT_ID + b"\n") + DELIMITER
    return (shallow if b"deepen" in talk.body else b"") + packet(b"packfile\n")


def whole_answer(talk: Talk) -> bytes:
    """A good pack: a commit of the empty tree."""
    pack = pack_head(2) + stored(COMMIT, COMMIT_TEXT) + stored(TREE, b"")
    return answer_head(talk) + band(pack + hashlib.sha1(pack).digest()) + FLUSH


# Behaviours


def good(talk: Talk) -> None:
    """Nothing is wrong: the others differ from this in one thing."""
    talk.speak([REFS + FLUSH], [whole_answer(talk)])


def silence(talk: Talk) -> None:
    """Accepted, and never a word."""
    talk.connection.recv(1)  # until the client hangs up, or the server ends


def drip(talk: Talk) -> None:
    """2 bytes per second, of a good advertisement without end."""
    talk.send_head()
    for byte in itertools.cycle(ADVERTISEMENT):
        talk.wfile.write(bytes([byte]))
        talk.pause(0.5)


def trickle(talk: Talk) -> None:
    """2,000 bytes per second without end: no limit on slowness meets it."""
    talk.send([ADVERTISEMENT.removesuffix(FLUSH)])
    while True:
        talk.wfile.write(packet(b"x" * 195 + b"\n"))
        talk.pause(0.1)


def garbage(talk: Talk) -> None:
    """Random bytes."""
    talk.send([random.Random(0).randbytes(5_000)])


def html(talk: Talk) -> None:
    """A page, as captive portals give."""
    talk.send_head("200 OK", "Content-Type: text/html")
    talk.wfile.write(b"<html><body>Please sign in</body></html>\n")


def truncated_line(talk: Talk) -> None:
    """A packet of 255 bytes that ends after 14."""
    talk.speak([b"00ff" + COMMIT_ID[:10]])


def truncated_pack(talk: Talk) -> None:
    """A pack without its last 30 bytes, at the end of a complete HTTP answer."""
    talk.speak([REFS + FLUSH], [whole_answer(talk)[:-30]])


def reset(talk: Talk) -> None:
    """RST instead of an answer."""
    reset_connection(talk.connection)


def endless_refs(talk: Talk) -> None:
    """Refs without end, about 1 kB each."""
    line = COMMIT_ID + b" refs/heads/" + b"x" * 900
    talk.speak(b"".join(packet(b"%b%d\n" % (line, n * 1000 + i)) for i in range(1000)) for n in itertools.count())


def endless_pack(talk: Talk) -> None:
    """Random blobs without end."""
    noise = random.Random(0)
    blobs = (band(stored(BLOB, noise.randbytes(60_000))) for _ in itertools.count())
    talk.speak([REFS + FLUSH], itertools.chain([answer_head(talk) + band(pack_head(1_000_000))], blobs))


def many_objects(talk: Talk) -> None:
    """A pack that claims 4,000,000,000 objects and holds none."""
    talk.speak([REFS + FLUSH], [answer_head(talk) + band(pack_head(4_000_000_000)) + FLUSH])


def unborn(talk: Talk) -> None:
    """HEAD names a branch outside the repository, which does not exist: CVE-2026-113408."""
    talk.speak([packet(b"unborn HEAD symref-target:refs/heads/../../../TARGET\n") + FLUSH])


BAD_REFS = [b"refs/heads/../../../../TARGET", b"refs/heads/--upload-pack=x", b"refs/heads/a b", b"refs/heads/\x1b[31m"]
BAD_REFS += [b"../TARGET", b"/TARGET", b"-x", b"config", b"refs/heads/x.lock", b"refs/heads/\xff"]


def bad_refs(talk: Talk) -> None:
    """A good HEAD and a good pack, between refs whose names no ref may have."""
    lines = b"".join(packet(COMMIT_ID + b" " + name + b"\n") for name in BAD_REFS)
    talk.speak([HEAD_LINE + lines + FLUSH], [whole_answer(talk)])


def redirect_self(talk: Talk) -> None:
    """To where it was."""
    talk.send_head("302 Found", f"Location: {talk.path}", "Content-Length: 0")


def redirect_endless(talk: Talk) -> None:
    """From /redirect-endless/7 to /redirect-endless/8, and so on: a loop that never comes back."""
    _, behaviour, number, *rest = talk.path.split("/")
    following = int(number) + 1 if number.isdigit() else 1
    talk.send_head("302 Found", f"Location: {'/'.join(['', behaviour, str(following), *rest])}", "Content-Length: 0")


BEHAVIOURS = {
    function.__name__.replace("_", "-"): function
    for function in (
        good,
        silence,
        drip,
        trickle,
        garbage,
        html,
        truncated_line,
        truncated_pack,
        reset,
        endless_refs,
        endless_pack,
        many_objects,
        unborn,
        bad_refs,
        redirect_self,
        redirect_endless,
    )
}


def reset_connection(connection: socket.socket) -> None:
    """The connection ends with RST, and at once: what was sent and not read yet may be lost."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())  # close() would wait for the files made of it, and the server would send FIN first
