"""HTTP/1.1 by hand: requests down to their bytes, replies exactly as a fault wants them.

No library writes a wrong content-length or half a chunk, and the log must hold what really came,
so both directions are done here.  The gateway's own wire uses another parser on purpose.
Source: RFC 9112, sections 2 to 7.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_BODY_BYTES: Final = 32 * 1024 * 1024

REASONS: Final = {
    200: "OK", 307: "Temporary Redirect", 400: "Bad Request", 401: "Unauthorized",
    402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 409: "Conflict", 413: "Payload Too Large",
    422: "Unprocessable Entity", 424: "Failed Dependency", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip

Fields = tuple[tuple[str, str], ...]
"""Header fields in their order."""


class BadMessageError(Exception):
    """What came is not a request; `status` is what a vendor's edge would answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One request as it came.  `head` ends with its blank line; `body` has no chunk framing."""

    head: bytes
    body: bytes
    method: str
    path: str  # without the query
    fields: Fields  # names in lower case

    def field(self, name: str) -> str | None:
        """The first value under a lower-case name."""
        return next((value for key, value in self.fields if key == name), None)

    @property
    def keeps_alive(self) -> bool:
        """Whether the client wants the connection for another request."""
        connection = (self.field("connection") or "").lower()
        if b" HTTP/1.0\r\n" in self.head[:4096]:
            return connection == "keep-alive"
        return connection != "close"


class MessageReader:
    """Turns the bytes of one connection into requests."""

    def __init__(self, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self.pending = bytearray()
        self._max_body_bytes = max_body_bytes
        self._head: Message | None = None
        self._chunks: list[bytes] = []
        self._chunked_bytes = 0

    def feed(self, data: bytes) -> None:
        """Take bytes as they come."""
        self.pending += data

    @property
    def leftover(self) -> tuple[bytes, bytes]:
        """Head and body bytes of a request that never became whole."""
        if self._head is None:
            return bytes(self.pending), b""
        return self._head.head, b"".join(self._chunks) + bytes(self.pending)

    def take(self) -> Message | None:
        """The next whole request, or None until more bytes come.  Raises BadMessageError."""
        if self._head is None:
            self._head = self._take_head()
        if self._head is None:
            return None
        body = self._take_body(self._head)
        if body is None:
            return None
        head, self._head = self._head, None
        return Message(
            head=head.head, body=body, method=head.method, path=head.path, fields=head.fields
        )

    def _take_head(self) -> Message | None:
        end = self.pending.find(b"\r\n\r\n")
        if end < 0 or end > MAX_HEAD_BYTES:
            if len(self.pending) > MAX_HEAD_BYTES:
                raise BadMessageError(431, f"the head is over {MAX_HEAD_BYTES} bytes")
            return None
        head = bytes(self.pending[: end + 4])
        del self.pending[: end + 4]
        return parse_head(head)

    def _take_body(self, head: Message) -> bytes | None:
        if (head.field("transfer-encoding") or "").lower() == "chunked":
            return self._take_chunked()
        text = head.field("content-length") or "0"
        if not (text.isascii() and text.isdigit()):
            raise BadMessageError(400, f"content-length {text!r} is not a number")
        length = int(text)
        if length > self._max_body_bytes:
            raise BadMessageError(413, f"the body is over {self._max_body_bytes} bytes")
        if len(self.pending) < length:
            return None
        body = bytes(self.pending[:length])
        del self.pending[:length]
        return body

    def _take_chunked(self) -> bytes | None:
        while True:
            line_end = self.pending.find(b"\r\n")
            if line_end < 0:
                if len(self.pending) > MAX_HEAD_BYTES:
                    raise BadMessageError(400, "a chunk's size line does not end")
                return None
            try:
                size = int(bytes(self.pending[:line_end]).split(b";")[0], 16)
            except ValueError:
                raise BadMessageError(400, "a chunk's size is not a hexadecimal number") from None
            if self._chunked_bytes + size > self._max_body_bytes or size < 0:
                raise BadMessageError(413, f"the body is over {self._max_body_bytes} bytes")
            # Trailers are not taken: no client of a model API sends them.
            end = line_end + 2 + size + 2
            if len(self.pending) < end:
                return None
            self._chunks.append(bytes(self.pending[line_end + 2 : end - 2]))
            self._chunked_bytes += size
            del self.pending[:end]
            if size == 0:
                body = b"".join(self._chunks)
                self._chunks, self._chunked_bytes = [], 0
                return body


def parse_head(head: bytes) -> Message:
    """Read a request's head, blank line included.  Raises BadMessageError."""
    lines = head[:-4].split(b"\r\n")
    words = lines[0].split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
        raise BadMessageError(400, "the request line is not METHOD TARGET HTTP/1.1")
    fields = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon:
            raise BadMessageError(400, "a header line has no colon")
        fields.append((name.decode("latin-1").lower(), value.strip().decode("latin-1")))
    return Message(
        head=head,
        body=b"",
        method=words[0].decode("latin-1"),
        path=words[1].decode("latin-1").partition("?")[0],
        fields=tuple(fields),
    )


def render_head(status: int, fields: Iterable[tuple[str, str]]) -> bytes:
    """A reply's head with its blank line; nothing is added to the fields."""
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def render_chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK: Final = b"0\r\n\r\n"
