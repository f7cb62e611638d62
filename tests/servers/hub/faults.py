"""What may go wrong with a request: `hub.fault("POST", "/commit/", drop_after)`."""

from tests.servers.hub.calls import Answer
from tests.servers.hub.server import Fault, Handler


def status(code: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Fault:
    """An answer without doing anything: `status(429, {"Retry-After": "2"})`."""
    return lambda handler: handler.send(Answer(code, headers or {}, body))


def drop_before(handler: Handler) -> None:
    """RST, and nothing was done."""
    handler.reset()


def drop_midbody(handler: Handler) -> None:
    """RST after the first 100 bytes of the request's body."""
    handler.rfile.read(min(100, int(handler.headers.get("Content-Length", 100))))
    handler.reset()


def drop_after(handler: Handler) -> None:
    """It was done, but RST comes instead of the answer."""
    handler.process()
    handler.reset()


def delay(seconds: float) -> Fault:
    """Nothing for a while, then the answer."""

    def fault(handler: Handler) -> None:
        if handler.server.closing.wait(seconds):
            raise ConnectionAbortedError
        handler.serve()

    return fault


def expired(handler: Handler) -> None:
    """S3's answer to an address that was signed too long ago."""
    text = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    handler.send(Answer(403, {"Content-Type": "application/xml"}, text))


def cut(size_bytes: int) -> Fault:
    """The connection ends (FIN) after so many bytes of the body."""
    return lambda handler: handler.send(handler.process(), size_bytes)


def flip(handler: Handler) -> None:
    """One bit is wrong in the byte in the middle."""
    answer = handler.process()
    middle = len(answer.body) // 2
    answer.body = answer.body[:middle] + bytes([answer.body[middle] ^ 1]) + answer.body[middle + 1 :]
    handler.send(answer)
