"""One HTTP/1.1 connection and the call it carries: callbacks, no coroutine.

A connection goes back to the pool only when the reply ended exactly where its framing says, nothing
came after it, reading was not paused and the request had left our buffers.  Everything else is
aborted, which does not wait for unsent bytes.

Parser callbacks only take notes and listeners run after the parser returned: an exception in a
parser callback would read as a malformed reply, and a cancel from inside one would free the parser
under its own feet.

Over TLS there are two transports.  Requests are written to `transport`, but reading is paused and
aborts are done at `raw`, the TCP below: uvloop's TLS drops what it holds undelivered when the peer
closes while reading is paused (its pull request 661, open on 2026-11-24), and its close waits up to
30 s for the peer's goodbye (its issue 471).
"""

import asyncio
import ssl
from typing import Final, Protocol

import httptools

from gateway.clock import FAR, Wheel
from gateway.upstream.transport import Fault, FaultKind, Limits, Listener, Peer
from providers.contract import Headers

# A lost race with the peer's keep-alive timer shows within a round trip.  A later loss is a peer
# that died while it worked on the request: sending it again could kill the next.
STALE_WINDOW_S: Final = 1.0

_DETAIL_CHARS: Final = 200
_SWITCHING_PROTOCOLS: Final = 101


class Keeper(Protocol):
    """The pool, as a connection sees it."""

    wheel: Wheel
    limits: Limits

    def opened(self, connection: "Connection", call: "WireCall") -> None: ...

    def closed(self, connection: "Connection") -> None: ...

    def freed(self, connection: "Connection") -> None: ...

    def told(self, listener: Listener, error: Exception) -> None: ...


class WireCall:
    """One request under way: the caller's handle on it, and the wheel's entry for it."""

    __slots__ = (
        "answered",
        "body",
        "connection",
        "due",
        "head",
        "is_paused",
        "keeper",
        "listener",
        "peer",
        "received_bytes",
        "reused",
        "sent_at",
        "slot",
        "task",
    )

    def __init__(self, listener: Listener, keeper: Keeper, head: bytes, body: bytes) -> None:
        self.listener: Listener | None = listener
        self.keeper = keeper
        self.head, self.body = head, body
        self.connection: Connection | None = None
        self.task: asyncio.Task[None] | None = None
        self.peer: Peer | None = None
        self.sent_at = 0.0
        self.answered = self.reused = self.is_paused = False
        self.received_bytes = 0
        self.due, self.slot = FAR, 0

    def cancel(self) -> None:
        """Close the connection now; no callback comes after this."""
        self.listener = None
        self.keeper.wheel.disarm(self)
        if self.connection is not None:
            self.connection.abort()
        elif self.task is not None:
            self.task.cancel()

    def pause(self) -> None:
        """Stop reading.  The silence is ours, so the timer rests; that of a dial goes on."""
        if self.is_paused or self.listener is None:
            return
        self.is_paused = True
        if self.connection is not None:
            self.due = FAR
            self.connection.pause()

    def resume(self) -> None:
        """Read on; counts as a sign of life."""
        if not self.is_paused or self.listener is None:
            return
        self.is_paused = False
        if self.connection is not None:
            self.expect(self.keeper.limits.silence_s)
            self.connection.resume()

    def expect(self, seconds: float) -> None:
        """Fail unless the deadline is moved within `seconds`."""
        self.due = self.keeper.wheel.now() + seconds
        self.keeper.wheel.arm(self)

    def on_due(self, now: float) -> None:
        """Give up: the wheel calls this."""
        limits = self.keeper.limits
        if self.sent_at:
            self.fail(FaultKind.SILENT, f"no byte for {limits.silence_s:g} s")
        else:
            self.fail(FaultKind.CONNECT, f"no connection within {limits.connect_s:g} s")

    def fail(self, kind: FaultKind, detail: str = "") -> None:
        """End with a fault, the connection closed; does nothing after `cancel`."""
        listener = self.listener
        self.cancel()
        if listener is None:
            return
        fault = Fault(kind, self.sent_at > 0, self.answered, detail[:_DETAIL_CHARS])
        try:
            listener.wire_fault(fault)
        except Exception as error:  # noqa: BLE001 - the listener's defect, told to who asked
            self.keeper.told(listener, error)

    def fail_listener(self, listener: Listener, error: Exception) -> None:
        """End because a callback of the listener raised."""
        self.cancel()
        self.keeper.told(listener, error)


class Unasked(asyncio.Protocol):
    """Holds a connection until the request goes out; a peer that speaks first is dropped."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.abort()  # type: ignore[attr-defined] # the loop's, made of a socket


class Connection(asyncio.Protocol):
    """One socket, in clear or in TLS."""

    __slots__ = (
        "_bare_bytes",
        "_ends_at_close",
        "_has_extra",
        "_head_bytes",
        "_headers",
        "_is_complete",
        "_is_head_told",
        "_is_kept",
        "_parser",
        "_parts",
        "_said_goodbye",
        "_status",
        "call",
        "idle_since",
        "is_dead",
        "keeper",
        "peer",
        "raw",
        "transport",
    )

    def __init__(self, keeper: Keeper, call: WireCall) -> None:
        self.keeper = keeper
        self.call: WireCall | None = call
        self.peer: Peer | None = None
        self.is_dead = False
        self.idle_since = 0.0
        self.raw: asyncio.Transport | None = None
        self.transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._said_goodbye = False
        self._headers: Headers = []
        self._parts: list[bytes] = []
        self._head_bytes = self._bare_bytes = self._status = 0
        self._is_head_told = self._is_complete = self._is_kept = self._has_extra = False
        self._ends_at_close = True  # until a header says where the body ends

    # -- what the dialler and the pool call

    def begin(self, raw: asyncio.Transport, transport: asyncio.Transport) -> None:
        """Take a connection that stands, handshake over, and send the call at once.

        Raises ConnectionResetError if it was lost already.
        """
        call = self.call
        if raw.is_closing() or self.is_dead or call is None:
            raise ConnectionResetError("closed by the peer before the request")
        self.raw, self.transport = raw, transport
        self._parser = httptools.HttpResponseParser(self)
        address = raw.get_extra_info("peername") or ("", 0)
        self.peer = Peer.of(address[0], address[1], transport.get_extra_info("ssl_object"))
        self.keeper.opened(self, call)
        self.start(call)

    def start(self, call: WireCall) -> None:
        """Send `call`; the connection is free."""
        assert self.transport is not None
        self.call, call.connection, call.peer = call, self, self.peer
        wheel = self.keeper.wheel
        call.sent_at = now = wheel.now()
        if call.is_paused:
            call.due = FAR
            self.pause()
        else:
            call.due = now + self.keeper.limits.silence_s
            wheel.arm(call)
        self.transport.writelines((call.head, call.body))
        call.head = call.body = b""

    @property
    def is_usable(self) -> bool:
        """Whether an idle connection has not been lost meanwhile."""
        return not self.is_dead and self.transport is not None and not self.transport.is_closing()

    def pause(self) -> None:
        """Stop reading, if there is still something to read from."""
        if self.raw is not None and not self.raw.is_closing():
            self.raw.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self.raw is not None and not self.raw.is_closing():
            self.raw.resume_reading()

    def abort(self) -> None:
        """Close without waiting; may be repeated."""
        raw = self.raw
        self._leave()
        if raw is not None:
            raw.abort()

    # -- what the loop calls

    def eof_received(self) -> None:
        """Note that the peer said that it is done: FIN, in TLS its close_notify."""
        transport = self.transport
        self._said_goodbye = transport is not None and _is_goodbye(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """End the call, if there is one: the peer closed, or the network did."""
        if self.peer is None:
            self.is_dead = True  # in the handshake: the dialler tells why
            return
        call = self.call
        has_head = self._is_head_told
        is_whole = has_head and self._ends_at_close and self._said_goodbye and error is None
        self._leave()
        if call is None or call.listener is None:
            return
        call.connection = None
        if is_whole:
            self._finish(call)
        else:
            call.fail(self._loss(call, has_head), f"connection lost: {error or 'closed by peer'}")

    def data_received(self, data: bytes) -> None:
        """Feed the parser and tell the listener what it found."""
        call = self.call
        parser = self._parser
        if call is None or parser is None:
            # Nobody asked: a late or second answer must never meet a new request.
            self.abort()
            return
        call.answered = True
        call.received_bytes += len(data)
        self._bare_bytes += len(data)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._is_complete or self._status == _SWITCHING_PROTOCOLS:
                call.fail(FaultKind.MALFORMED, f"{type(error).__name__}: {error}")
                return
            self._has_extra = True  # the answer is whole; what follows it is not ours
        if not call.is_paused:
            call.due = self.keeper.wheel.now() + self.keeper.limits.silence_s
        self._deliver(call)

    # -- what the parser calls: notes only

    def on_message_begin(self) -> None:
        if self._is_complete:
            self._has_extra = True

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._status or self._head_bytes > self.keeper.limits.head_bytes:
            return  # trailers are dropped; an oversized head is refused after the feed
        lowered = name.lower()
        if lowered == b"content-length" or lowered == b"transfer-encoding":
            self._ends_at_close = False
        self._headers.append((lowered, value))

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        if self._is_complete:
            return  # the head of a second answer; `_has_extra` is set
        status = self._parser.get_status_code()
        if status >= 200 or status == _SWITCHING_PROTOCOLS:
            self._status = status
        else:
            self._headers = []  # 100 and 103 are not the answer
            self._ends_at_close = True

    def on_body(self, body: bytes) -> None:
        if not self._is_complete:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        if self._status and not self._is_complete:
            assert self._parser is not None
            self._is_complete = True
            self._is_kept = self._parser.should_keep_alive()

    # -- private

    def _reset(self) -> None:
        self._headers = []
        self._parts = []
        self._head_bytes = self._bare_bytes = self._status = 0
        self._is_head_told = self._is_complete = self._is_kept = self._has_extra = False
        self._ends_at_close = True

    def _deliver(self, call: WireCall) -> None:
        """Tell head, body and end, as far as they came; stop as soon as the listener cancels."""
        too_much = self._excess(call)
        if too_much:
            call.fail(FaultKind.TOO_LARGE, too_much)
            return
        if self._status == _SWITCHING_PROTOCOLS:
            call.fail(FaultKind.MALFORMED, "101: nobody asked for another protocol")
            return
        listener = call.listener
        assert listener is not None  # a cancelled call has no connection
        try:
            if self._status and not self._is_head_told:
                self._is_head_told = True
                headers, self._headers = self._headers, []
                listener.wire_head(self._status, headers)
                if call.listener is None:
                    return
            if self._parts:
                parts, self._parts = self._parts, []
                listener.wire_body(parts[0] if len(parts) == 1 else b"".join(parts))
                if call.listener is None:
                    return
        except Exception as error:  # noqa: BLE001 - the listener's defect, told to who asked
            call.fail_listener(listener, error)
            return
        if self._is_complete:
            self._release(call)
            self._finish(call)

    def _excess(self, call: WireCall) -> str:
        """Say which limit has been passed, if one has.

        Bytes that bring neither a head nor body are counted as well: interim replies without end,
        one header that never ends, chunk extensions, trailers.
        """
        limits = self.keeper.limits
        if self._head_bytes > limits.head_bytes:
            return f"more than {limits.head_bytes} bytes of headers"
        if self._parts or (self._status and not self._is_head_told):
            self._bare_bytes = 0
        elif self._bare_bytes > limits.head_bytes:
            return f"more than {limits.head_bytes} bytes without head or body"
        if call.received_bytes > limits.head_bytes + limits.body_bytes:
            return f"more than {limits.body_bytes} bytes of body"
        return ""

    def _release(self, call: WireCall) -> None:
        """Give the connection back, or close it when anything about it is in doubt."""
        self.call = call.connection = None
        if self._is_kept and not self._has_extra and not call.is_paused and self._is_drained():
            self._reset()
            self.keeper.freed(self)
        else:
            self.abort()

    def _is_drained(self) -> bool:
        assert self.raw is not None and self.transport is not None
        return not self.raw.get_write_buffer_size() and (
            self.transport is self.raw or not self.transport.get_write_buffer_size()
        )

    def _finish(self, call: WireCall) -> None:
        listener, call.listener = call.listener, None
        self.keeper.wheel.disarm(call)
        if listener is None:
            return
        try:
            listener.wire_end()
        except Exception as error:  # noqa: BLE001 - the listener's defect, told to who asked
            self.keeper.told(listener, error)

    def _loss(self, call: WireCall, has_head: bool) -> FaultKind:
        if has_head:
            return FaultKind.TRUNCATED
        if call.answered or not call.reused:
            return FaultKind.RESET
        is_race = self.keeper.wheel.now() - call.sent_at < STALE_WINDOW_S
        return FaultKind.STALE if is_race else FaultKind.RESET

    def _leave(self) -> None:
        """Forget call, parser and transports: each of them knows us, and rings wait for the gc."""
        self.is_dead = True
        self.call = None
        self._parser = None
        self.raw = self.transport = None
        self.keeper.closed(self)


def _is_goodbye(transport: asyncio.Transport) -> bool:
    """Whether the end of what came is the peer's own word: anybody on the path can send a FIN.

    uvloop keeps a FIN without close_notify from us, asyncio does not; a read tells them apart.
    """
    tls = transport.get_extra_info("ssl_object")
    if tls is None:
        return True
    try:
        return not tls.read(1)
    except ssl.SSLError:
        return False


def explain(error: OSError) -> tuple[FaultKind, str]:
    """Say what kind of fault a failed dial is.

    Only a certificate that does not prove the name is an identity fault: it takes the host out of
    service.  A handshake that breaks or finds no common version is a host that does not answer.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return FaultKind.TLS, error.verify_message or str(error)
    return FaultKind.CONNECT, str(error) or type(error).__name__
