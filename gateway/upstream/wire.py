"""The wire: our HTTP/1.1 client, one request per connection at a time, one pool per deployment.

Ours because the client library decides the cost of a request, because the egress guard and "was a
byte sent?" live at the socket, and because cancel and back-pressure must be exact.  What it
promises is in `transport`; figures are in docs/explanation/wire.md.

Free connections are used newest first, so that the surplus goes idle and closes.
"""

import asyncio
import ssl
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from gateway.catalog import Origin
from gateway.clock import FAR, Wheel
from gateway.errors import EgressDeniedError, PoolFullError
from gateway.upstream.addresses import Address, declare
from gateway.upstream.connection import Connection, Unasked, WireCall, explain
from gateway.upstream.egress import EgressGuard, ascii_host, set_options
from gateway.upstream.request import prepare, render_fields
from gateway.upstream.tls import TlsContexts
from gateway.upstream.transport import FaultKind, Limits, Listener, OnDefect, Prepared, Transport
from providers.contract import Headers


class Wire:
    """The connections to one deployment; a `transport.Transport`.

    Raises ValueError for a host or network that cannot be, CaFileError for its CA file.
    """

    def __init__(
        self,
        origin: Origin,
        wheel: Wheel,
        *,
        limits: Limits,
        guard: EgressGuard,
        tls: TlsContexts,
        loop: asyncio.AbstractEventLoop,
        on_defect: OnDefect | None = None,
    ) -> None:
        self.wheel, self.limits = wheel, limits
        self._origin, self._host = origin, ascii_host(origin.host)
        self._declared = declare(origin.networks)
        self._tls = tls.context(origin.ca_file) if origin.is_tls else None
        self._guard, self._loop = guard, loop
        self._on_defect = on_defect or self._log_defect
        self._open: set[Connection] = set()
        self._free: deque[Connection] = deque()
        self._dialling: set[WireCall] = set()
        # The pool is an entry of the wheel itself: it closes what has been idle for too long.
        self.due, self.slot = FAR, 0

    # -- the seam

    def prepare(self, path: bytes, headers: Headers) -> Prepared:
        """Render what every request to `path` has in common.  Raises ValueError."""
        origin = self._origin
        return prepare(self._host, origin.port, is_tls=origin.is_tls, path=path, headers=headers)

    def send(
        self,
        listener: Listener,
        prepared: Prepared,
        headers: Headers,
        body: bytes,
        *,
        fresh: bool = False,
    ) -> WireCall:
        """Send on a free connection at once, else dial.  Raises PoolFullError and ValueError."""
        head = b"%b%d\r\n%b\r\n" % (prepared.head, len(body), render_fields(headers))
        call = WireCall(listener, self, head, body)
        connection = None if fresh else self._take()
        if connection is not None:
            call.reused = True
            connection.start(call)
        else:
            self._dial(call)
        return call

    def close(self) -> None:
        """Close every connection and drop every call without a callback."""
        for connection in tuple(self._open):
            if connection.call is not None:
                connection.call.cancel()
            else:
                connection.abort()
        for call in tuple(self._dialling):
            call.cancel()
        self._free.clear()
        self.wheel.disarm(self)

    @property
    def open(self) -> int:
        """Connections that stand."""
        return len(self._open)

    @property
    def busy(self) -> int:
        """Connections that carry a call; metrics ask from a thread of their own."""
        return sum(connection.call is not None for connection in self._open.copy())

    @property
    def dialling(self) -> int:
        """Connections being made, and those whose making is being given up."""
        return len(self._dialling)

    @property
    def idle(self) -> int:
        """Connections kept for the next call."""
        return len(self._open) - self.busy

    # -- what a connection calls

    def opened(self, connection: Connection, call: WireCall) -> None:
        """Count a new connection instead of its dial."""
        self._dialled(call)
        self._open.add(connection)

    def closed(self, connection: Connection) -> None:
        """Forget a connection; the queue of free ones drops it when it comes upon it."""
        self._open.discard(connection)

    def freed(self, connection: Connection) -> None:
        """Keep a clean connection for the next call."""
        connection.idle_since = self.wheel.now()
        self._free.append(connection)
        if not self.slot:
            self.due = connection.idle_since + self.limits.keepalive_s
            self.wheel.arm(self)

    def told(self, listener: Listener, error: Exception) -> None:
        """Pass a listener's defect on."""
        self._on_defect(listener, error)

    def on_due(self, now: float) -> None:
        """Close what has been idle for too long: the wheel calls this."""
        oldest = now - self.limits.keepalive_s
        free = self._free
        while free and (free[0].is_dead or free[0].idle_since <= oldest):
            free.popleft().abort()
        if free:
            self.due = free[0].idle_since + self.limits.keepalive_s
            self.wheel.arm(self)

    # -- private

    def _take(self) -> Connection | None:
        free = self._free
        while free:
            connection = free.pop()
            if not connection.is_usable:
                connection.abort()
            elif self.wheel.now() - connection.idle_since < self.limits.keepalive_s:
                return connection
            else:
                connection.abort()
        return None

    def _dial(self, call: WireCall) -> None:
        while self._free and len(self._open) + len(self._dialling) >= self.limits.connections:
            self._free.popleft().abort()  # only a `fresh` call finds free ones here
        if len(self._open) + len(self._dialling) >= self.limits.connections:
            raise PoolFullError(f"{self.limits.connections} connections to {self._host} are in use")
        call.expect(self.limits.connect_s)
        self._dialling.add(call)
        # A task per dial, none per request: the pool owns it by its call, the wheel bounds it.
        call.task = self._loop.create_task(self._connect(call))
        # Not in a `finally` of the task: one cancelled before its first step never gets there.
        call.task.add_done_callback(partial(self._dialled, call))

    async def _connect(self, call: WireCall) -> None:
        try:
            raw = await self._guard.dial(
                self._origin, self._host, self._declared, self.limits.connect_s, self._reach
            )
            await self._begin(call, raw)
        except EgressDeniedError as error:
            self._dialled(call)
            call.fail(FaultKind.EGRESS, str(error))
        except OSError as error:
            self._dialled(call)
            call.fail(*explain(error))
        except Exception as error:  # noqa: BLE001 - a defect too must end the call
            self._dialled(call)
            call.fail(FaultKind.CONNECT, f"{type(error).__name__}: {error}")

    def _dialled(self, call: WireCall, task: asyncio.Task[None] | None = None) -> None:
        self._dialling.discard(call)
        call.task = None

    async def _reach(self, address: Address) -> asyncio.Transport:
        raw, _ = await self._loop.create_connection(Unasked, str(address), self._origin.port)
        return raw

    async def _begin(self, call: WireCall, raw: asyncio.Transport) -> None:
        """Shake hands where TLS is asked for, and send.

        From here on the socket is ours: nothing waits between the end of the handshake and the
        first byte, and a cancel before it must not leave the socket open.
        """
        connection = Connection(self, call)
        try:
            set_options(raw.get_extra_info("socket"))
            if self._tls is None:
                raw.set_protocol(connection)
                transport = raw
            else:
                transport = await self._shake_hands(connection, raw, self._tls)
            connection.begin(raw, transport)
        except BaseException:
            raw.abort()
            raise

    async def _shake_hands(
        self, connection: Connection, raw: asyncio.Transport, context: ssl.SSLContext
    ) -> asyncio.Transport:
        transport = await self._loop.start_tls(
            raw,
            connection,
            context,
            server_hostname=self._host,
            ssl_handshake_timeout=self.limits.connect_s + 1.0,  # the wheel's deadline comes first
        )
        if transport is None:
            raise ConnectionResetError("lost in the handshake")
        return transport

    def _log_defect(self, listener: Listener, error: Exception) -> None:
        context = {"message": f"{type(listener).__name__} failed in a callback", "exception": error}
        self._loop.call_exception_handler(context)


if TYPE_CHECKING:
    _seam: type[Transport] = Wire
