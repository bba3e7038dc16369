"""A byte-scripted upstream: what a test writes down is what is on the wire, in clear or in TLS.

A script is a list: bytes are written, a float is a pause in seconds, HANG waits for the client to
go, CLOSE says goodbye (FIN, in TLS after close_notify), CUT sends FIN without any goodbye and RESET
sends RST.  `Peer.log` has every request down to its bytes, `Peer.open` the connections that are
open now, `Peer.lost` when each was lost (monotonic seconds).
"""

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum


class Step(Enum):
    """What a script can do besides writing and waiting."""

    HANG = "hang"
    CLOSE = "close"
    CUT = "cut"
    RESET = "reset"


HANG, CLOSE, CUT, RESET = Step.HANG, Step.CLOSE, Step.CUT, Step.RESET
Script = Sequence[bytes | float | Step]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it came; `attempt_id` is its x-request-id."""

    head: bytes
    body: bytes
    attempt_id: str
    connection: int  # counted from 1, by accept


class Peer:
    """`scripts` gives the script of the nth request; the last one repeats.

    `on_accept` is played the moment a connection is accepted, in clear, before any TLS: with it a
    handshake is cut or never answered.
    """

    def __init__(
        self,
        *scripts: Script | Callable[[Request], Script],
        tls: ssl.SSLContext | None = None,
        on_accept: Script | None = None,
    ) -> None:
        self.scripts = list(scripts)
        self.tls = tls
        self.on_accept = on_accept
        self.log: list[Request] = []
        self.open: set[PeerConnection] = set()
        self.accepted = 0
        self.lost: list[float] = []
        self.written = 0
        self.is_stopped = False

    async def start(self, host: str = "127.0.0.1") -> "Peer":
        """Listen on a free port of `host`."""
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(
            lambda: PeerConnection(self),
            host,
            0,
            backlog=2048,
            ssl=None if self.on_accept else self.tls,
        )
        self.port: int = self.server.sockets[0].getsockname()[1]
        return self

    async def __aenter__(self) -> "Peer":
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        self.stop()
        await asyncio.sleep(0.005)  # a connection being accepted is told, and goes too

    def script_for(self, request: Request) -> Script:
        """Log the request and say what to play."""
        self.log.append(request)
        script = self.scripts[min(len(self.log), len(self.scripts)) - 1]
        return script(request) if callable(script) else script

    def stop(self) -> None:
        """Close the listener and every connection, those being accepted too."""
        self.is_stopped = True
        self.server.close()
        for connection in tuple(self.open):
            connection.transport.abort()


class PeerConnection(asyncio.Protocol):
    """One accepted connection; requests on it are answered one after the other."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.buffer = b""
        self.task: asyncio.Task[None] | None = None
        peer.accepted += 1
        self.number = peer.accepted
        self.can_write = asyncio.Event()
        self.can_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment] # of a socket
        self.peer.open.add(self)
        if self.peer.is_stopped:
            self.transport.abort()
        elif self.peer.on_accept:
            self.task = asyncio.ensure_future(self.play(self.peer.on_accept))

    def connection_lost(self, error: Exception | None) -> None:
        self.peer.open.discard(self)
        self.peer.lost.append(time.monotonic())
        self.can_write.set()
        if self.task:
            self.task.cancel()

    def pause_writing(self) -> None:
        self.can_write.clear()

    def resume_writing(self) -> None:
        self.can_write.set()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, blank, rest = self.buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        lines = head.split(b"\r\n")[1:]
        fields = dict(line.lower().split(b": ", 1) for line in lines)
        size = int(fields.get(b"content-length", b"0"))
        if len(rest) < size:
            return
        self.buffer = rest[size:]
        request = Request(
            head=head,
            body=rest[:size],
            attempt_id=fields.get(b"x-request-id", b"").decode(),
            connection=self.number,
        )
        self.task = asyncio.ensure_future(self.play(self.peer.script_for(request)))

    async def play(self, script: Script) -> None:
        """Do what the script says, waiting while the client takes nothing."""
        for item in script:
            if isinstance(item, bytes):
                await self.can_write.wait()
                self.transport.write(item)
                self.peer.written += len(item)
            elif isinstance(item, float):
                await asyncio.sleep(item)
            elif item is HANG:
                await asyncio.Event().wait()
            elif item is CLOSE:
                self.transport.close()
            else:
                self._break(item)

    def _break(self, step: Step) -> None:
        descriptor = self.transport.get_extra_info("socket").fileno()
        # A second descriptor of the same connection: uvloop's own stand-in refuses shutdown.
        with socket.socket(fileno=socket.dup(descriptor)) as twin:
            if step is RESET:
                twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                twin.shutdown(socket.SHUT_WR)
        if step is RESET:
            self.transport.abort()


def whole(status: int, body: bytes, *headers: str, kind: str = "application/json") -> bytes:
    """Give a reply with a content-length."""
    lines = "".join(header + "\r\n" for header in headers)
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{lines}"
    return head.encode() + b"\r\n" + body


SSE_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
SSE_END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """Give one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def stream(*events: bytes, ends: bool = True) -> list[bytes | float | Step]:
    """Give a script that streams `events`, one chunk each."""
    return [SSE_HEAD, *map(chunk, events), *([SSE_END] if ends else [])]


async def until(claim: Callable[[], bool], seconds: float = 2.0) -> None:
    """Wait for `claim` to hold."""
    end = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < end, "never became true"
        await asyncio.sleep(0.002)
