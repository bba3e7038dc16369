"""The same seam over httpx2: the fallback, and the proof that the seam is one.

Everything that names, checks or counts is ours: the egress guard decides the address, redirects and
proxies from the environment are off, and the bytes pass through a stream of ours, which notes
whether any were sent or came back.  Parsing and pooling are the library's.

Each call has a connection of its own: the library does not notice bytes that follow an answer, and
would give them to the next call, which may be another tenant's.  What else it cannot do is listed
in docs/explanation/wire.md, with its cost.
"""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import httpx2

from gateway.catalog import Origin
from gateway.errors import EgressDeniedError, PoolFullError
from gateway.upstream.addresses import declare
from gateway.upstream.connection import STALE_WINDOW_S
from gateway.upstream.egress import EgressGuard, ascii_host
from gateway.upstream.httpx_backend import (
    CALL,
    EndedError,
    GuardedBackend,
    GuardedTransport,
    HttpxCall,
    now,
)
from gateway.upstream.request import prepare, render_fields
from gateway.upstream.tls import TlsContexts
from gateway.upstream.transport import (
    Fault,
    FaultKind,
    Limits,
    Listener,
    OnDefect,
    Prepared,
    Transport,
)
from providers.contract import Headers

_DETAIL_CHARS: Final = 200
_SWITCHING_PROTOCOLS: Final = 101


class HttpxTransport:
    """The connections to one deployment; a `transport.Transport`.

    `keeps_connections` is for peers that are trusted to end where they say.  Raises ValueError for
    a host or network that cannot be, CaFileError for its CA file.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        limits: Limits,
        guard: EgressGuard,
        tls: TlsContexts,
        loop: asyncio.AbstractEventLoop,
        on_defect: OnDefect | None = None,
        keeps_connections: bool = False,
    ) -> None:
        self._origin, self._host, self._limits = origin, ascii_host(origin.host), limits
        self._loop = loop
        self._on_defect = on_defect or self._log_defect
        self._backend = GuardedBackend(
            origin, self._host, declare(origin.networks), guard, limits, loop
        )
        context = tls.context(origin.ca_file) if origin.is_tls else None
        self._once = self._build(context, 0)
        self._kept = self._build(context, limits.connections) if keeps_connections else self._once
        scheme, host = ("https" if origin.is_tls else "http"), self._host
        name = f"[{host}]" if ":" in host else host
        self._base = httpx2.URL(f"{scheme}://{name}:{origin.port}")
        self._calls: set[HttpxCall] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    # -- the seam

    def prepare(self, path: bytes, headers: Headers) -> Prepared:
        """Check what every request to `path` has in common.  Raises ValueError."""
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
    ) -> HttpxCall:
        """Send in a task of its own.  Raises PoolFullError and ValueError."""
        render_fields(headers)
        if len(self._calls) >= self._limits.connections:
            limit = self._limits.connections
            raise PoolFullError(f"{limit} connections to {self._host} are in use")
        call = HttpxCall(listener)
        request = httpx2.Request(
            "POST",
            self._base.copy_with(raw_path=prepared.path),
            headers=[*prepared.headers, *headers],
            content=body,
        )
        client = self._once if fresh else self._kept
        self._calls.add(call)
        call.task = self._own(self._run(call, client, request))
        return call

    def close(self) -> None:
        """Drop every call and close every connection."""
        for call in tuple(self._calls):
            call.cancel()
        self._own(self._close())

    @property
    def open(self) -> int:
        """Connections that stand."""
        return len(self._backend.streams)

    @property
    def busy(self) -> int:
        """Connections that carry a call."""
        return sum(stream.call is not None for stream in self._backend.streams)

    @property
    def dialling(self) -> int:
        """Connections being made."""
        return self._backend.dialling

    @property
    def idle(self) -> int:
        """Connections kept for the next call."""
        return self.open - self.busy

    # -- private

    def _build(self, context: ssl.SSLContext | None, kept: int) -> httpx2.AsyncClient:
        limits = self._limits
        return httpx2.AsyncClient(
            transport=GuardedTransport(self._backend, context, limits, kept),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(limits.silence_s, connect=limits.connect_s),
        )

    def _own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # A task per call is what this library costs; the transport owns it until it ends.
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _close(self) -> None:
        await self._once.aclose()
        await self._kept.aclose()

    async def _run(
        self, call: HttpxCall, client: httpx2.AsyncClient, request: httpx2.Request
    ) -> None:
        CALL.set(call)  # in the context of this task alone
        failure: tuple[FaultKind, str] | None = None
        try:
            await self._exchange(call, client, request)
        except EgressDeniedError as error:
            failure = FaultKind.EGRESS, str(error)
        except EndedError as error:
            failure = error.kind, str(error)
        except httpx2.HTTPError as error:
            failure = _kind_of(call, error), f"{type(error).__name__}: {error}"
        except Exception as error:  # noqa: BLE001 - a library's defect too must end the call
            kind = FaultKind.TRUNCATED if call.has_head else FaultKind.RESET
            failure = kind, f"{type(error).__name__}: {error}"
        finally:
            self._let_go(call)
        listener, call.listener = call.listener, None
        if listener is None:
            return
        if failure is None:
            self._guarded(listener, listener.wire_end)
        else:
            kind, detail = failure
            fault = Fault(kind, call.sent_at > 0, call.received_bytes > 0, detail[:_DETAIL_CHARS])
            self._guarded(listener, lambda: listener.wire_fault(fault))

    def _let_go(self, call: HttpxCall) -> None:
        self._calls.discard(call)
        call.task = None
        if call.stream is not None and call.stream.call is call:
            call.stream.call = None
        call.stream = None

    async def _exchange(
        self, call: HttpxCall, client: httpx2.AsyncClient, request: httpx2.Request
    ) -> None:
        response = await client.send(request, stream=True)
        try:
            call.has_head = True
            headers = [(name.lower(), value) for name, value in response.headers.raw]
            self._check_head(response.status_code, headers)
            self._tell(call, lambda to: to.wire_head(response.status_code, headers))
            await self._read(call, response)
        finally:
            await response.aclose()

    async def _read(self, call: HttpxCall, response: httpx2.Response) -> None:
        body_bytes = 0
        pieces = response.aiter_raw()
        while call.listener is not None:
            await call.may_read.wait()
            data = await anext(pieces, None)
            if data is None:
                return
            body_bytes += len(data)
            if body_bytes > self._limits.body_bytes:
                limit = self._limits.body_bytes
                raise EndedError(FaultKind.TOO_LARGE, f"more than {limit} bytes of body")
            if data:
                self._tell(call, partial(_tell_body, data))

    def _check_head(self, status: int, headers: Headers) -> None:
        if status == _SWITCHING_PROTOCOLS:
            raise EndedError(FaultKind.MALFORMED, "101: nobody asked for another protocol")
        limit = self._limits.head_bytes
        if sum(len(name) + len(value) for name, value in headers) > limit:
            raise EndedError(FaultKind.TOO_LARGE, f"more than {limit} bytes of headers")

    def _tell(self, call: HttpxCall, tell: Callable[[Listener], None]) -> None:
        listener = call.listener
        if listener is not None and not self._guarded(listener, lambda: tell(listener)):
            call.listener = None

    def _guarded(self, listener: Listener, tell: Callable[[], None]) -> bool:
        try:
            tell()
        except Exception as error:  # noqa: BLE001 - the listener's defect, told to who asked
            self._on_defect(listener, error)
            return False
        return True

    def _log_defect(self, listener: Listener, error: Exception) -> None:
        context = {"message": f"{type(listener).__name__} failed in a callback", "exception": error}
        self._loop.call_exception_handler(context)


def _tell_body(data: bytes, listener: Listener) -> None:
    listener.wire_body(data)


def _kind_of(call: HttpxCall, error: httpx2.HTTPError) -> FaultKind:
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return FaultKind.CONNECT
    if isinstance(error, httpx2.TimeoutException):
        return FaultKind.SILENT
    if not call.is_lost:
        return FaultKind.MALFORMED
    if call.has_head:
        return FaultKind.TRUNCATED
    if call.received_bytes or not call.reused or now() - call.sent_at >= STALE_WINDOW_S:
        return FaultKind.RESET
    return FaultKind.STALE


if TYPE_CHECKING:
    _seam: type[Transport] = HttpxTransport
