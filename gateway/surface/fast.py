"""The fast adaptor: hot paths served inside uvicorn's protocol, without task, coroutine or message.

ASGI costs a task, a coroutine and four messages a request, and its client's leaving must be
watched for.  Here the parser's callbacks call the pipeline, the pipeline's answers go to the
transport, and a lost connection is a callback.  Whatever is no plain hot request (other paths,
`Expect`, an upgrade, HTTP/1.0, a request behind one under way) goes the ordinary way through
ASGI, and so does everything when this uvicorn is not the one whose members are used here.
Source: uvicorn 0.54.0 `protocols/http/httptools_impl.py`, `server.py`; read 2026-11-25.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

import uvicorn
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.errors import BadKeyError, InternalError
from gateway.exchange import Exchange
from gateway.pipeline import Pipeline
from gateway.surface.asgi import late, turn_away
from gateway.surface.paths import SERVED
from gateway.surface.protocol import BODY, IDLE, Bounded, Event, Patience
from providers import registry
from providers.contract import ClientDialect, Headers

log = logging.getLogger("switchgear.surface")

COPIED_BYTES: Final = 16_384  # a body up to this is cheaper copied behind its head than alone
UVICORN: Final = "0.54."  # as pyproject.toml pins it
_METHODS: Final = (
    "_start_asgi_task", "connection_lost", "data_received", "on_body", "on_headers_complete",
    "on_message_complete", "on_response_complete", "resume_writing", "shutdown",
)  # fmt: skip
_STATE: Final = (
    "cycle", "expect_100_continue", "flow", "headers", "parser", "pipeline",
    "timeout_keep_alive_task", "transport", "url",
)  # fmt: skip


def find_misfit(loop: asyncio.AbstractEventLoop) -> str:
    """Why this uvicorn cannot be served from within; empty when it can."""
    if not uvicorn.__version__.startswith(UVICORN):
        return f"uvicorn is {uvicorn.__version__}, and only {UVICORN}x is known from within"
    config = uvicorn.Config(
        _nothing, http=HttpToolsProtocol, ws="none", lifespan="off", log_config=None
    )
    protocol = HttpToolsProtocol(config, ServerState(), {}, loop)
    protocol.on_message_begin()
    lacking = [name for name in (*_METHODS, *_STATE) if not hasattr(protocol, name)]
    flow = FlowControl(asyncio.Transport())
    lacking += [name for name in ("resume_reading", "write_paused") if not hasattr(flow, name)]
    return f"uvicorn {uvicorn.__version__} has no {', '.join(lacking)}" if lacking else ""


async def _nothing(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """An application for a protocol that is only looked at."""


def fast(pipeline: Pipeline, patience: Patience) -> type[Bounded]:
    """The protocol class for the data plane of one gateway."""
    hot = {path.encode(): registry.dialect(dialect) for path, dialect in SERVED.items()}

    class OneGateways(Fast):
        _limits, _wheel, _patience = pipeline.limits, pipeline.services.wheel, patience
        _pipeline = pipeline
        _hot = hot

    return OneGateways


class FastCycle:
    """The exchange's sink; to uvicorn the request under way, of which it reads four members.

    It and its protocol refer to each other until the answer is out or the client gone, it and
    the exchange likewise: left to the collector, such rings cost pauses of 60 ms.
    """

    __slots__ = (
        "_dialect", "_exchange", "_is_reading", "_parts", "_pipeline", "_protocol", "_size",
        "disconnected", "keep_alive", "response_complete", "response_started",
    )  # fmt: skip

    def __init__(self, protocol: "Fast", pipeline: Pipeline, dialect: ClientDialect) -> None:
        self._protocol: Fast | None = protocol
        self._pipeline, self._dialect = pipeline, dialect
        self._exchange: Exchange | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._is_reading = True
        self.keep_alive: bool = protocol.parser.should_keep_alive()
        self.disconnected = self.response_started = self.response_complete = False

    # The parser.

    def begin(self, headers: Headers) -> None:
        """Admit, before any of the body is kept."""
        try:
            exchange = self._pipeline.admit(self._dialect, self, headers)
        except BadKeyError as error:
            turn_away(self, self._dialect, error)
            return
        if not exchange.is_over:
            self._exchange = exchange

    def take(self, data: bytes) -> None:
        """Keep what came of the body, bounded as it comes; nothing once it is answered."""
        exchange = self._exchange
        if exchange is not None:
            self._size += len(data)
            if self._pipeline.hold(exchange, len(data), self._size):
                self._parts.append(data)

    def run(self) -> None:
        """The body is whole."""
        exchange, self._is_reading = self._exchange, False
        if exchange is not None:
            parts, self._parts = self._parts, []
            self._pipeline.run(exchange, parts[0] if len(parts) == 1 else b"".join(parts))

    def refuse_late(self, body_s: float) -> None:
        """The body stopped coming."""
        if self._exchange is not None:
            self._pipeline.refuse(self._exchange, late(body_s))

    def fail(self) -> None:
        """A defect of ours kept the request from being taken in."""
        self.keep_alive = False
        if self._exchange is not None:
            error = InternalError("the gateway failed; the request id finds why")
            self._pipeline.refuse(self._exchange, error)
        elif self._protocol is not None:
            turn_away(self, self._dialect, InternalError("the gateway failed"))

    # The connection.

    @property
    def message_event(self) -> Event:
        """What uvicorn sets; a reference to itself would be a ring."""
        return self

    def set(self) -> None:
        """Look at the state again: the one thing that uvicorn changes is `disconnected`."""
        if not self.disconnected:
            return
        exchange = self._exchange
        self._let_go()
        if exchange is None or exchange.is_over:
            return
        if self._is_reading:
            self._pipeline.give_up(exchange)
        else:
            self._pipeline.leave(exchange)

    def took_all(self) -> None:
        """The transport's buffer is low again."""
        exchange = self._exchange
        if exchange is not None and exchange.driver is not None:
            exchange.driver.client_took_all()

    # The exchange's sink.

    def reply(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer in one write."""
        self._start(status, headers, b"content-length: %d\r\n" % len(body), body)
        self._complete()

    def open(self, status: int, headers: Headers) -> None:
        """Send the head of a stream."""
        self._start(status, headers, b"transfer-encoding: chunked\r\n", b"")

    def write(self, data: bytes) -> int:
        """Send a chunk; how much waits, once the transport has asked for a pause.

        Below that nobody says when it is taken, so nothing may wait for it.
        """
        protocol = self._protocol
        if protocol is None:
            return 0
        if data:
            protocol.transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        return protocol.transport.get_write_buffer_size() if protocol.flow.write_paused else 0

    def finish(self) -> None:
        """Send the end of a stream."""
        if self._protocol is not None:
            self._protocol.transport.write(b"0\r\n\r\n")
            self._complete()

    def drop(self) -> None:
        """Cut off a client that takes nothing, with what it has not taken."""
        if self._protocol is not None:
            self._protocol.transport.abort()

    def _start(self, status: int, headers: Headers, framing: bytes, body: bytes) -> None:
        protocol = self._protocol
        if protocol is None:
            return
        self.response_started = True
        fields = b"".join([b"%b: %b\r\n" % field for field in headers])
        if fields.count(b"\n") != len(headers) or fields.count(b"\r") != len(headers):
            # A value that ends its line would be a header, or an answer, of somebody else's.
            log.error("a header of an answer has more than one line")
            protocol.transport.abort()
            return
        close = b"" if self.keep_alive else b"connection: close\r\n"
        head = b"%b%b%b%b\r\n" % (STATUS_LINE[status], fields, framing, close)
        if len(body) > COPIED_BYTES:
            protocol.transport.writelines((head, body))
        else:
            protocol.transport.write(head + body)

    def _complete(self) -> None:
        protocol = self._protocol
        if protocol is None:
            return
        self._let_go()
        self.response_complete = True
        if not self.keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()

    def _let_go(self) -> None:
        self._protocol = self._exchange = None
        self._parts = []


class Fast(Bounded):
    """The bounds of every connection, and the hot paths."""

    _pipeline: Pipeline
    _hot: Mapping[bytes, ClientDialect]

    _reads: FastCycle | None = None  # whose bytes the parser is at

    # The parser.

    def on_headers_complete(self) -> None:
        """Begin a plain hot request; let uvicorn begin any other."""
        dialect = self._hot.get(self.url)
        self._reads = None
        if self._newest is not None and self._is_quiet() and self.transport.is_closing():
            # Behind the last answer of this connection, which went out within this read.
            self._expect_body(self._newest)
        elif dialect is None or not self._is_plain():
            super().on_headers_complete()
            if self._is_driven():
                # uvicorn reads no further behind a request that waits, but the client's leaving
                # is only seen by reading.  `PIPELINED` bounds what may come.
                self.flow.resume_reading()
        else:
            self._begin(dialect)

    def on_body(self, body: bytes) -> None:
        """A body grows."""
        if self._reads is None:
            super().on_body(body)
        else:
            self._has_moved = True
            self._guard(self._reads, self._reads.take, body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        if self._reads is None:
            super().on_message_complete()
        else:
            self._phase = IDLE
            self._guard(self._reads, self._reads.run)

    # The transport.

    def resume_writing(self) -> None:
        """The client takes again."""
        super().resume_writing()
        if isinstance(self._serving, FastCycle):
            self._serving.took_all()

    # The wheel.

    def on_due(self, now: float) -> None:
        """The client took too long."""
        if self._phase == BODY and self._reads is not None and not self._is_quiet():
            self._reads.refuse_late(self._patience.body_s)
        else:
            super().on_due(now)

    def _await_body(self) -> None:
        if self._reads is None:
            super()._await_body()
        elif self._has_moved:
            self._expect(self._patience.body_s)

    # The server.

    def cut(self) -> None:
        """The drain is over: end what is under way here as if its client had left."""
        if self._is_driven():
            self.transport.abort()

    # The rest.

    def _begin(self, dialect: ClientDialect) -> None:
        cycle = FastCycle(self, self._pipeline, dialect)
        self.cycle = cycle  # type: ignore[assignment]  # to uvicorn it looks like its own
        self._serving = self._reads = cycle
        headers = self.headers
        self._expect_body(cycle)
        self._has_moved = True
        self._guard(cycle, cycle.begin, headers)

    def _is_plain(self) -> bool:
        """Whether nothing but method, headers and body need be looked at.

        More than one of a read would be served within one turn of the loop, as many as it holds.
        """
        parser = self.parser
        return (
            parser.get_method() == b"POST"
            and self._heads < 2
            and self._is_quiet()
            and not self.expect_100_continue
            and not parser.should_upgrade()
            and parser.get_http_version() == "1.1"
            and not self._is_head_over()
        )

    def _is_driven(self) -> bool:
        serving = self._serving
        return isinstance(serving, FastCycle) and not serving.response_complete

    def _guard(self, cycle: FastCycle, act: Callable[..., None], *arguments: object) -> None:
        try:
            act(*arguments)
        except Exception:  # the edge: the parser would call it a malformed request
            log.exception("a request could not be taken in")
            cycle.fail()
