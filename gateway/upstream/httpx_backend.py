"""What httpx2 connects and reads through: our guard, our notes.

The library opens no socket that the egress guard has not let through, and every byte passes a
stream that notes for whom it was.
"""

import asyncio
import ssl
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, Final

import httpcore2
import httpx2

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
        self._sockets = httpcore2.AnyIOBackend()
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
                inner = await self._guard.dial(
                    self._origin, self._host, self._declared, timeout, self._reach
                )
        except TimeoutError:
            raise EndedError(FaultKind.CONNECT, f"no connection within {timeout:g} s") from None
        except OSError as error:
            raise EndedError(*explain(error)) from error
        finally:
            self.dialling -= 1
        CALL.get().is_dialled = True
        return NotedStream(self, inner, deadline)

    async def _reach(self, address: Address) -> httpcore2.AsyncNetworkStream:
        try:
            stream = await self._sockets.connect_tcp(str(address), self._origin.port)
        except httpcore2.ConnectError as error:
            raise ConnectionError(str(error)) from error
        set_options(stream.get_extra_info("socket"))
        return stream


class NotedStream(httpcore2.AsyncNetworkStream):
    """One connection; notes what passes for the call whose task reads or writes."""

    def __init__(
        self, backend: GuardedBackend, inner: httpcore2.AsyncNetworkStream, deadline: float
    ) -> None:
        self._backend, self._inner, self._deadline = backend, inner, deadline
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
        left_s = max(self._deadline - self._backend.loop.time(), 0.001)
        self._backend.dialling += 1
        try:
            self._inner = await self._inner.start_tls(ssl_context, server_hostname, left_s)
        except httpcore2.ConnectTimeout:
            raise EndedError(FaultKind.CONNECT, "no handshake in time") from None
        except httpcore2.ConnectError as error:
            cause = error.__cause__
            known = cause if isinstance(cause, OSError) else ConnectionError(str(error))
            raise EndedError(*explain(known)) from error
        finally:
            self._backend.dialling -= 1
            if not isinstance(self._inner.get_extra_info("ssl_object"), ssl.SSLObject):
                await self.aclose()
        return self

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
    ) -> None:
        """Send, and note that something was."""
        if self.call is None:
            self._begin(CALL.get())
        await self._inner.write(buffer, timeout)

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
            data = await self._inner.read(max_bytes, timeout)
        except httpcore2.ReadError:
            call.is_lost = True
            raise
        call.received_bytes += len(data)
        call.is_lost = not data
        return data

    async def aclose(self) -> None:
        """Close; the library calls this when a call is cancelled too."""
        self.call = None
        self._backend.streams.discard(self)
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> Any:  # the library's signature
        """Answer for the socket below."""
        return self._inner.get_extra_info(info)

    def _begin(self, call: HttpxCall) -> None:
        if self._peer is None:
            address = self._inner.get_extra_info("server_addr") or ("", 0)
            tls = self._inner.get_extra_info("ssl_object")
            self._peer = Peer.of(address[0], address[1], tls)
        self.call, call.stream, call.peer = call, self, self._peer
        call.sent_at = now()


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
