"""uvicorn's HTTP/1.1 protocol with bounds of ours: how large a head, how slow, how many waiting.

uvicorn collects header fields without end, waits for them without end, and parses as many
pipelined requests as one read brings after every answer, all before a key is known.  It also
lets trailer fields in among the headers, tells only the newest request of a connection that its
client left, and writes a 400 into the middle of an answer under way.  Each is mended here by
what a subclass can do; uvicorn is pinned to one minor version, whose members these are.
Source: uvicorn 0.54.0 `protocols/http/httptools_impl.py`; RFC 9112 2.2, 5.4 and 9.3.2, RFC 9110
6.5.1 (trailers) and 15.5.9; read 2026-11-25.

A bound is judged where it costs nothing: a head that came in a read no larger than the bound
needs no sum, and a timer is armed only when a read ends within a head.
"""

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from gateway.admission.limits import Limits
from gateway.clock import FAR, Wheel
from gateway.errors import (
    HeadTooLargeError,
    InvalidRequestError,
    RequestError,
    RequestTimeoutError,
)
from providers.dialects.openai_errors import error_body

# Requests of one connection that wait for the answer under way.  Clients of ours never do it.
PIPELINED: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds that a client may take."""

    head_s: float = 10.0  # from the connection or the first byte to the end of the head
    body_s: float = 60.0  # between two reads of a body
    linger_s: float = 10.0  # to send what is left of a request that has been answered


DEFAULT_PATIENCE: Final = Patience()


def bounded(limits: Limits, wheel: Wheel, patience: Patience) -> "type[Bounded]":
    """The protocol class for one gateway; `limits.caps` is read anew for every request."""

    class OneGateways(Bounded):
        _limits, _wheel, _patience = limits, wheel, patience

    return OneGateways


IDLE: Final = 0  # between two requests
HEAD: Final = 1
BODY: Final = 2


class Event(Protocol):
    """What uvicorn sets when a request should look at its state again."""

    def set(self) -> None: ...


class Cycle(Protocol):
    """What is read and written of a request by its connection, uvicorn's part and ours."""

    keep_alive: bool
    disconnected: bool
    response_started: bool
    response_complete: bool

    @property
    def message_event(self) -> Event: ...


class Bounded(HttpToolsProtocol):
    """Also an entry of the wheel: `due` is when the client's patience with us ends, or ours."""

    _limits: Limits
    _wheel: Wheel
    _patience: Patience

    due = FAR
    slot = 0
    _phase = IDLE
    _read_bytes = 0  # of the read at hand
    _taken_bytes = 0  # of a head, or since the last byte of a body, in earlier reads
    _is_deaf = False  # what else comes is dropped
    _heads = 0  # that began in the read at hand
    _has_moved = False  # a head began, or a body grew, in the read at hand
    _newest: Cycle | None = None
    _serving: Cycle | None = None  # whose application runs

    # The transport.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first head is waited for from here on."""
        super().connection_made(transport)
        self._expect(self._patience.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request under way, and not only the newest."""
        self._wheel.disarm(self)
        serving, self._serving = self._serving, None
        if serving is not None and not serving.response_complete:
            serving.disconnected = True
            serving.message_event.set()
        super().connection_lost(exc)
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        """Parse, then see what a read that ended within a request means."""
        if self._is_deaf:
            return
        self._read_bytes, self._has_moved, self._heads = len(data), False, 0
        super().data_received(data)
        if self._phase == IDLE and self._is_watched():
            self._wheel.disarm(self)
        elif self._takes_more():
            self._look_at_rest()

    # The parser.

    def on_message_begin(self) -> None:
        """A head begins."""
        self._phase, self._taken_bytes, self._has_moved = HEAD, 0, True
        self._heads += 1
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Hand the request to the application, or to the one that refuses it, in its turn."""
        if len(self.pipeline) >= PIPELINED:
            raise _TooManyWaitingError
        app = self.app
        if self._is_head_over():
            self.app = _refuse_head
        super().on_headers_complete()
        self.app = app
        self._expect_body(self.cycle)
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False  # the parser takes nothing after an upgrade

    def on_body(self, body: bytes) -> None:
        """A body grows."""
        self._has_moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._phase = IDLE
        super().on_message_complete()

    # What uvicorn does with them.

    def on_response_complete(self) -> None:
        """A client that still sends what was already answered may do so for a while."""
        super().on_response_complete()
        if self._phase == BODY and self._is_quiet() and not self.transport.is_closing():
            self._expect(self._patience.linger_s)

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP."""
        self._reject(InvalidRequestError(msg))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._serving = cycle
        super()._start_asgi_task(cycle, app)

    # The wheel.

    def on_due(self, now: float) -> None:
        """The client took too long."""
        if self._phase == HEAD:
            seconds = self._patience.head_s
            self._reject(RequestTimeoutError(f"the head was not whole after {seconds:g} s"))
        else:
            self.transport.close()

    # The rest.

    def _is_quiet(self) -> bool:
        """Whether no answer is owed for what came so far."""
        return self._newest is None or self._newest.response_complete

    def _is_watched(self) -> bool:
        """Whether an answer is under way, or uvicorn's timer runs since it is out."""
        return not self._is_quiet() or self.timeout_keep_alive_task is not None

    def _takes_more(self) -> bool:
        return not self._is_deaf and not self.transport.is_closing()

    def _look_at_rest(self) -> None:
        if self._phase == BODY and not self._is_quiet():
            self._await_body()
        elif not self.slot:
            self._expect(self._patience.head_s)
        # Fields and trailers that have not ended are seen by no callback, only by their bytes.
        self._taken_bytes = 0 if self._has_moved else self._taken_bytes + self._read_bytes
        is_over = self._taken_bytes > self._limits.caps.header_bytes
        if is_over or len(self.headers or ()) > self._limits.caps.header_count:
            self._reject(_head_too_large(self._limits))

    def _expect_body(self, cycle: Cycle) -> None:
        """A head was taken."""
        self._newest, self._phase, self._taken_bytes = cycle, BODY, 0
        # Trailer fields are appended to whatever list is here: they are no headers.
        self.headers = []

    def _await_body(self) -> None:
        """A read ended within a body that somebody waits for."""
        self._wheel.disarm(self)  # the application has a deadline of its own for bodies

    def _is_head_over(self) -> bool:
        caps, headers = self._limits.caps, self.headers
        if len(headers) > caps.header_count:
            return True
        if self._taken_bytes + self._read_bytes <= caps.header_bytes:
            return False
        fields = sum(len(name) + len(value) + 4 for name, value in headers)
        return len(self.url) + fields > caps.header_bytes

    def _expect(self, seconds: float) -> None:
        self.due = self._wheel.now() + seconds
        self._wheel.arm(self)

    def _reject(self, error: RequestError) -> None:
        """Answer what is no request, and take no more from this connection.

        An answer under way is not written into: the connection ends with it.
        """
        self._is_deaf = True
        owes_answer = self._phase != BODY or self._forsake()
        if not self._is_quiet():
            assert self._newest is not None, "an answer is under way"
            self._newest.keep_alive = False
            self._wheel.disarm(self)
            return
        if owes_answer:
            self.transport.write(_answer(error))
        self._phase = IDLE
        self._hang_up()

    def _forsake(self) -> bool:
        """Give up a request whose body is broken; True when nobody has answered it yet."""
        broken = self._newest
        assert broken is not None, "a body has a head"
        if broken.response_started:
            return False
        if broken is self._serving:
            self._newest = None
            broken.disconnected = True  # the application is told, and writes its row
            broken.message_event.set()
        else:
            self.pipeline.popleft()
            self._newest = self.pipeline[0][0] if self.pipeline else self._serving
        return True

    def _hang_up(self) -> None:
        """Close our side alone: closing both while the client still sends would reset the
        connection, and the client might never read the answer."""
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._expect(self._patience.linger_s)
        else:
            self.transport.close()


class _TooManyWaitingError(Exception):
    """Stops the parser."""


def _head_too_large(limits: Limits) -> HeadTooLargeError:
    caps = limits.caps
    return HeadTooLargeError(
        f"the head is over {caps.header_bytes} bytes or has over {caps.header_count} fields"
    )


def _answer(error: RequestError) -> bytes:
    body = error_body(error.status, error.code, str(error))
    fields = b"".join(b"%b: %b\r\n" % field for field in _fields(body))
    return b"%b%bconnection: close\r\n\r\n%b" % (STATUS_LINE[error.status], fields, body)


def _fields(body: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"application/json"),
        (b"x-should-retry", b"false"),
        (b"content-length", b"%d" % len(body)),
    ]


async def _refuse_head(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    error = HeadTooLargeError("the head has too many bytes or fields")
    body = error_body(error.status, error.code, str(error))
    await send({"type": "http.response.start", "status": error.status, "headers": _fields(body)})
    await send({"type": "http.response.body", "body": body, "more_body": False})
