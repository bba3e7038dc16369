"""What httpx2 connects and reads through: our guard, our notes.

The library opens no socket that the egress guard has not let through, and every byte passes a
stream that notes for whom it was.
"""

import asyncio
import select
import socket
import ssl
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, Final

import anyio
import httpcore2
import httpx2
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.tls import TLSAttribute, TLSStream

from gateway.catalog import Origin
from gateway.clock import SYSTEM_CLOCK
from gateway.upstream.addresses import Address, Declared
from gateway.upstream.connection import explain
from gateway.upstream.egress import EgressGuard, set_options
from gateway.upstream.transport import FaultKind, Limits, Listener, Peer

# The library's own timers take no clock either.
now: Final = SYSTEM_CLOCK.monotonic

# The library does a call's socket work in the call's own task: so a stream knows whose it is.
CALL: ContextVar["HttpxCall"] = ContextVar("call")


class EndedError(Exception):
    """A call is over, for a reason that the library has no word for."""

    def __init__(self, kind: FaultKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class HttpxCall:
    """One request under way, driven by one task."""

    def __init__(self, listener: Listener) -> None:
        self.listener: Listener | None = listener
        self.task: asyncio.Task[None] | None = None
        self.peer: Peer | None = None
        self.stream: NotedStream | None = None
        self.sent_at = 0.0
        self.received_bytes = 0
        self.has_head = self.is_dialled = self.is_lost = False
        self.may_read = asyncio.Event()
        self.may_read.set()

    @property
    def reused(self) -> bool:
        """Whether the connection had carried another request before."""
        return self.sent_at > 0 and not self.is_dialled

    def cancel(self) -> None:
        """Drop the call; the library closes the connection when its task runs next."""
        self.listener = None
        if self.task is not None:
            self.task.cancel()

    def pause(self) -> None:
        """Stop reading after the piece that is under way."""
        self.may_read.clear()

    def resume(self) -> None:
        """Read on."""
        self.may_read.set()


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Opens the library's connections, at addresses that the guard let through."""

    def __init__(
        self,
        origin: Origin,
        host: str,
        declared: Declared,
        guard: EgressGuard,
        limits: Limits,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._origin, self._host, self._declared, self._guard = origin, host, declared, guard
        self.limits = limits
        self.loop = loop
        self.streams: set[NotedStream] = set()
        self.dialling = 0

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Dial the origin's own host; the arguments only repeat it."""
        assert timeout is not None
        deadline = self.loop.time() + timeout
        self.dialling += 1
        try:
            async with asyncio.timeout_at(deadline):
                stream = await self._guard.dial(
                    self._origin, self._host, self._declared, timeout, self._reach
                )
        except TimeoutError:
            raise EndedError(FaultKind.CONNECT, f"no connection within {timeout:g} s") from None
        except OSError as error:
            raise EndedError(*explain(error)) from error
        finally:
            self.dialling -= 1
        CALL.get().is_dialled = True
        return NotedStream(self, stream, deadline)

    async def _reach(self, address: Address) -> SocketStream:
        # Not anyio's own connect: cancelled at the wrong moment, it leaves the socket open.
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            set_options(connection)
            await self.loop.sock_connect(connection, (str(address), self._origin.port))
            return await SocketStream.from_socket(connection)
        except BaseException:
            connection.close()
            raise


class NotedStream(httpcore2.AsyncNetworkStream):
    """One connection; notes what passes for the call whose task reads or writes."""

    def __init__(self, backend: GuardedBackend, socket_stream: SocketStream, until: float) -> None:
        self._backend, self._deadline = backend, until
        self._stream: ByteStream = socket_stream
        self._peer: Peer | None = None
        self.call: HttpxCall | None = None
        backend.streams.add(self)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
    ) -> httpcore2.AsyncNetworkStream:
        """Shake hands within what is left of the connect deadline."""
        self._backend.dialling += 1
        try:
            async with asyncio.timeout_at(self._deadline):
                self._stream = await TLSStream.wrap(
                    self._stream,
                    hostname=server_hostname,
                    ssl_context=ssl_context,
                    standard_compatible=False,
                )
        except BaseException as error:
            await self.aclose()
            raise _named(error) from error
        finally:
            self._backend.dialling -= 1
        return self

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
    ) -> None:
        """Send, and note that something was."""
        if self.call is None:
            self._begin(CALL.get())
        if not buffer:
            return
        try:
            async with asyncio.timeout(timeout):
                await self._stream.send(buffer)
        except TimeoutError:
            raise httpcore2.WriteTimeout from None
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise httpcore2.WriteError(str(error)) from error

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
    ) -> bytes:
        """Receive, and note whether anything came or the connection is lost."""
        call = CALL.get()
        if not call.has_head and call.received_bytes > self._backend.limits.head_bytes:
            limit = self._backend.limits.head_bytes
            raise EndedError(FaultKind.TOO_LARGE, f"more than {limit} bytes without head or body")
        try:
            async with asyncio.timeout(timeout):
                data = await self._stream.receive(max_bytes)
        except TimeoutError:
            raise httpcore2.ReadTimeout from None
        except anyio.EndOfStream:
            call.is_lost = True
            return b""
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError) as error:
            call.is_lost = True
            raise httpcore2.ReadError(str(error)) from error
        call.received_bytes += len(data)
        return data

    async def aclose(self) -> None:
        """Close; the library calls this when a call is cancelled too."""
        self.call = None
        self._backend.streams.discard(self)
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:  # the library's signature
        """Answer what the library asks: the protocol spoken, and whether the peer has left."""
        if info == "ssl_object":
            return self._known(TLSAttribute.ssl_object)
        if info == "is_readable":
            return _is_readable(self._known(SocketAttribute.raw_socket))
        return None

    def _begin(self, call: HttpxCall) -> None:
        if self._peer is None:
            address = self._known(SocketAttribute.remote_address)
            tls = self._known(TLSAttribute.ssl_object)
            self._peer = Peer.of(str(address[0]), int(address[1]), tls)
        self.call, call.stream, call.peer = call, self, self._peer
        call.sent_at = now()

    def _known(self, attribute: Any) -> Any:  # anyio's typed attributes are of Any type
        return self._stream.extra(attribute, None)  # noqa: S610 - no query set


def _is_readable(connection: socket.socket) -> bool:
    if not hasattr(select, "poll"):  # Windows, whose select has no limit of 1,024 descriptors
        return bool(select.select([connection], [], [], 0)[0])
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _named(error: BaseException) -> BaseException:
    """Give what a failed handshake is called here; a cancel stays one."""
    if isinstance(error, TimeoutError):
        return EndedError(FaultKind.CONNECT, "no handshake in time")
    if isinstance(error, OSError):
        return EndedError(*explain(error))
    if isinstance(error, anyio.BrokenResourceError | anyio.EndOfStream):
        return EndedError(FaultKind.CONNECT, "lost in the handshake")
    return error


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """The library's own transport over a pool that knows our backend.

    The base class offers no way to name a backend, so its constructor is not called.
    """

    def __init__(
        self, backend: GuardedBackend, context: ssl.SSLContext | None, limits: Limits, kept: int
    ) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context,
            max_connections=limits.connections,
            max_keepalive_connections=kept,
            keepalive_expiry=limits.keepalive_s,
            network_backend=backend,
        )
