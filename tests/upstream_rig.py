"""A transport towards a scripted peer, a listener that records, and what must hold afterwards."""

import asyncio
import ssl
from collections.abc import Callable
from types import TracebackType

from gateway.catalog import Origin
from gateway.clock import SYSTEM_CLOCK, Wheel
from gateway.upstream.egress import EgressGuard, Resolve
from gateway.upstream.httpx_transport import HttpxTransport
from gateway.upstream.tls import TlsContexts
from gateway.upstream.transport import Call, Fault, Limits, Listener, Transport
from gateway.upstream.wire import Wire
from providers.contract import Headers
from tests.upstream_peer import Peer, until

LOOPBACK = ("127.0.0.0/8", "::1/128")


class Recorder:
    """Keeps what it is told; `on_head`, `on_body`, `on_end`, `on_fault` may act, or fail."""

    def __init__(self, **script: Callable[["Recorder"], None]) -> None:
        self.script = script
        self.call: Call | None = None
        self.order: list[str] = []
        self.status = 0
        self.headers: Headers = []
        self.body = b""
        self.fault: Fault | None = None
        self.over = asyncio.Event()

    def wire_head(self, status: int, headers: Headers) -> None:
        self.status, self.headers = status, headers
        self._note("head")

    def wire_body(self, data: bytes) -> None:
        assert data, "a piece of the body has at least one byte"
        self.body += data
        self._note("body")

    def wire_end(self) -> None:
        self.over.set()
        self._note("end")

    def wire_fault(self, fault: Fault) -> None:
        self.fault = fault
        self.over.set()
        self._note("fault")

    def _note(self, name: str) -> None:
        self.order.append(name)
        assert self.order.count("head") <= 1
        assert name != "end" or "head" in self.order
        assert not {"end", "fault"} & set(self.order[:-1]), f"{name} after the end"
        if f"on_{name}" in self.script:
            self.script[f"on_{name}"](self)

    async def done(self, seconds: float = 5.0) -> "Recorder":
        """Wait for end or fault."""
        await asyncio.wait_for(self.over.wait(), seconds)
        return self


class Rig:
    """One transport; `kind` is "wire", "httpx" or "httpx_kept"."""

    def __init__(
        self,
        peer: Peer,
        kind: str = "wire",
        *,
        host: str = "127.0.0.1",
        networks: tuple[str, ...] = LOOPBACK,
        limits: Limits | None = None,
        ca_file: str | None = None,
        is_tls: bool | None = None,
        resolve: Resolve | None = None,
        now: Callable[[], float] = SYSTEM_CLOCK.monotonic,
    ) -> None:
        self.peer, self.kind = peer, kind
        self.limits = limits or Limits(connect_s=1.0, silence_s=5.0, keepalive_s=30.0)
        self.defects: list[tuple[Listener, Exception]] = []
        loop = asyncio.get_running_loop()
        self.wheel = Wheel(loop, now)
        self.guard = EgressGuard(loop, resolve=resolve, now=now)
        origin = Origin(
            host=host,
            port=peer.port,
            is_tls=peer.tls is not None if is_tls is None else is_tls,
            ca_file=ca_file,
            networks=networks,
        )
        self.transport = self._build(origin, loop)
        self.prepared = self.transport.prepare(
            b"/v1/chat/completions", [(b"content-type", b"application/json")]
        )

    def _build(self, origin: Origin, loop: asyncio.AbstractEventLoop) -> Transport:
        limits, guard, tls = self.limits, self.guard, TlsContexts()
        if self.kind == "wire":
            return Wire(
                origin, self.wheel, limits=limits, guard=guard, tls=tls, loop=loop,
                on_defect=self.note_defect,
            )  # fmt: skip
        return HttpxTransport(
            origin, limits=limits, guard=guard, tls=tls, loop=loop, on_defect=self.note_defect,
            keeps_connections=self.kind == "httpx_kept",
        )  # fmt: skip

    def note_defect(self, listener: Listener, error: Exception) -> None:
        self.defects.append((listener, error))

    def send(
        self, body: bytes = b"{}", *, fresh: bool = False, **script: Callable[[Recorder], None]
    ) -> Recorder:
        """Send with a listener that records."""
        recorder = Recorder(**script)
        recorder.call = self.transport.send(recorder, self.prepared, [], body, fresh=fresh)
        assert recorder.order == [], "send never calls back"
        return recorder

    async def ask(self, body: bytes = b"{}", *, fresh: bool = False) -> Recorder:
        """Send and wait for the end."""
        return await self.send(body, fresh=fresh).done()

    async def __aenter__(self) -> "Rig":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.check()
        finally:
            self.transport.close()
            self.guard.close()
            await until(lambda: self.transport.open == 0)
            await asyncio.sleep(0.01)

    async def check(self) -> None:
        """No busy connection, no dial, no timer but the pool's own, and the peer agrees."""
        await until(lambda: self.transport.dialling == 0 and self.transport.busy == 0)
        # httpx2 learns that an idle connection was closed when it wants to use it.
        spare = 1 if self.kind == "httpx_kept" else 0
        await until(lambda: 0 <= self.transport.open - len(self.peer.open) <= spare)
        assert self.transport.open == self.transport.idle
        if isinstance(self.transport, Wire):
            self.wheel.disarm(self.transport)
        assert self.wheel.is_empty, "a timer is left"


def server_context(certificate: object) -> ssl.SSLContext:
    """Give a server's context with a certificate of trustme's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)  # type: ignore[attr-defined] # trustme.LeafCert
    return context
