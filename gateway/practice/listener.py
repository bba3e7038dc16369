"""A byte-exact HTTP/1.1 server on one port, which can stop and start listening at will.

While it does not listen its port stays bound, so that a client is refused and nobody else can
take the port before it heals.
"""

import asyncio
import errno
import socket
import ssl
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, assert_never, cast

from gateway.practice.http import BadMessageError, Message, MessageReader, render_head
from gateway.practice.steps import Close, Hang, Reset, Send, Step, Wait

BACKLOG = 2048
MAX_PENDING_BYTES = 1024 * 1024  # read ahead of a request that is being answered


class PortTakenError(Exception):
    """The address is in use; the text names the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who sent it and over which connection."""

    connection: int  # from 1 on this listener
    address: str
    served_before: int  # requests on this connection before this one


class Exchange(Protocol):
    """One request being answered, as the listener's owner sees it."""

    steps: Iterator[Step]

    def sent(self, data: bytes) -> None:
        """These bytes were written."""
        ...

    def ended(self, *, client_left: bool) -> None:
        """All steps were played, or the client went before."""
        ...


class Owner(Protocol):
    """Who decides what a listener says."""

    def begin(self, message: Message, peer: Peer) -> Exchange: ...

    def received(self, size_bytes: int) -> None:
        """So many bytes came, of a request or not."""
        ...

    def broken(self, head: bytes, body: bytes, peer: Peer) -> None:
        """What came never became a request."""
        ...


class Listener:
    """Owns a port and its connections."""

    def __init__(
        self, owner: Owner, host: str, port: int, tls: ssl.SSLContext | None, remedy: str
    ) -> None:
        self.owner = owner
        self.host = host
        self.port = port
        self.accepted = 0
        self.connections: set[Connection] = set()
        self._tls = tls
        self._remedy = remedy
        self._held: socket.socket | None = None  # bound and silent
        self._server: asyncio.Server | None = None
        self._starting: asyncio.Task[None] | None = None
        self.is_open = False

    def listen(self) -> None:
        """Accept connections from now on.  Raises PortTakenError."""
        if self.is_open:
            return
        self._held = self._held or self._bind()
        self._held.listen(BACKLOG)
        self.is_open = True
        # The kernel queues what comes until the loop takes over, a turn later.
        self._starting = asyncio.get_running_loop().create_task(self._serve(self._held))

    def refuse(self, *, crash: bool = False) -> None:
        """Stop listening and drop what is idle; a crash resets what is in flight too."""
        if self.is_open:
            self._close()
            self._held = self._bind()
        for connection in tuple(self.connections):
            if crash:
                connection.reset()
            elif not connection.is_busy:
                connection.close()

    async def stop(self) -> None:
        """Close everything, streams in flight included."""
        if self.is_open:
            self._close()
        self._drop_held()
        tasks = [c.task for c in self.connections if c.task is not None]
        for connection in tuple(self.connections):
            connection.reset()
        if tasks:
            await asyncio.wait(tasks, timeout=1)
        # One turn, in which the transports close their sockets.
        await asyncio.sleep(0)

    async def _serve(self, held: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self), sock=held, ssl=self._tls, backlog=BACKLOG
        )
        self._held = None  # the server's from now on

    def _close(self) -> None:
        self.is_open = False
        if self._server is not None:
            self._server.close()
            self._server = None
        elif self._starting is not None:
            self._starting.cancel()
            self._drop_held()

    def _drop_held(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    def _bind(self) -> socket.socket:
        held = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind((self.host, self.port))
        except OSError as error:
            held.close()
            if error.errno != errno.EADDRINUSE:
                raise
            raise PortTakenError(f"{self.host}:{self.port} is in use; {self._remedy}") from error
        held.setblocking(False)
        self.port = held.getsockname()[1]
        return held


class Connection(asyncio.Protocol):
    """One client's connection: requests one after the other, each answered by its own task."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._reader = MessageReader()
        self._served = 0
        self._has_left = False
        self._writable = asyncio.Event()
        self._writable.set()
        self.task: asyncio.Task[None] | None = None
        self.is_busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have all methods and are no subclass, so that isinstance would fail.
        self._transport = cast(asyncio.Transport, transport)
        self._listener.accepted += 1
        self._number = self._listener.accepted
        address = transport.get_extra_info("peername") or ("unknown", 0)
        self._address = f"{address[0]}:{address[1]}"
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._listener.connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._listener.owner.received(len(data))
        self._reader.feed(data)
        if not self.is_busy:
            self._next()
        elif len(self._reader.pending) > MAX_PENDING_BYTES:
            self.reset()  # no client pipelines a megabyte

    def eof_received(self) -> bool:
        return False  # close: a client that half-closes has gone

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_left = True
        self._listener.connections.discard(self)
        self._writable.set()
        if self.task is not None:
            self.task.cancel()
        elif any(self._reader.leftover):
            self._listener.owner.broken(*self._reader.leftover, self._peer())

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def close(self) -> None:
        """FIN once everything is written."""
        self._transport.close()

    def reset(self) -> None:
        """RST, now; what is still buffered is lost."""
        raw = self._transport.get_extra_info("socket")
        if raw is not None and not self._transport.is_closing():
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _peer(self) -> Peer:
        return Peer(connection=self._number, address=self._address, served_before=self._served)

    def _next(self) -> None:
        try:
            message = self._reader.take()
        except BadMessageError as error:
            self._listener.owner.broken(*self._reader.leftover, self._peer())
            self._reader = MessageReader()
            head = render_head(error.status, [("content-length", "0"), ("connection", "close")])
            self._transport.write(head)
            self._transport.close()
            return
        if message is not None:
            self.is_busy = True
            exchange = self._listener.owner.begin(message, self._peer())
            # Owned by the connection, which cancels it when the client goes.
            self.task = asyncio.get_running_loop().create_task(self._answer(message, exchange))

    async def _answer(self, message: Message, exchange: Exchange) -> None:
        try:
            keeps_alive = await self._play(exchange)
        finally:
            self.task = None
            self.is_busy = False
            exchange.ended(client_left=self._has_left)
        self._served += 1
        if not keeps_alive or not message.keeps_alive:
            self._transport.close()
        elif not self._has_left:
            self._next()

    async def _play(self, exchange: Exchange) -> bool:
        """Whether the connection can serve another request."""
        for step in exchange.steps:
            match step:
                case Send(data):
                    self._transport.write(data)
                    exchange.sent(data)
                    await self._writable.wait()
                case Wait(seconds):
                    await asyncio.sleep(seconds)
                case Hang():
                    await asyncio.get_running_loop().create_future()
                case Close():
                    self._transport.close()
                    return False
                case Reset():
                    self.reset()
                    return False
                case _:
                    assert_never(step)
        return True
