"""Relays a stream: holds what is before the commit, sends whole events after it.

Before the commit nothing has gone out, so the next attempt starts with an empty hand.  The
reader withholds the last word until the answer is whole; the relay withholds everything until
something changes the client's state, or 32 KiB are held.
"""

from gateway.exchange import Exchange
from gateway.relay.headers import NO_CACHE, SSE, Log, served
from gateway.relay.refusal import refuse
from gateway.relay.reply import ErrorReply, is_answer
from gateway.relay.substitution import judge_model
from gateway.routing.clearance import Candidate
from providers.contract import (
    CONTENT,
    FAILED,
    NOTHING,
    Headers,
    Kind,
    StreamReader,
    Usage,
    Verdict,
)

HELD_BYTES = 32_768  # role-only, created and ping frames kept back; more than this commits


class StreamRelay:
    """One per exchange; `begin` resets it for each attempt."""

    __slots__ = (
        "_candidate", "_error", "_exchange", "_held", "_held_bytes", "_reader", "is_open",
        "waiting_bytes",
    )  # fmt: skip

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._reader: StreamReader | None = None
        self._error: ErrorReply | None = None
        self.is_open = False  # status and headers went out
        self.waiting_bytes = 0  # given to the client's side and not yet taken

    def begin(self, candidate: Candidate) -> None:
        """An attempt starts."""
        self._candidate = candidate
        self._reader = self._error = None
        self._held: list[bytes] | None = []
        self._held_bytes = 0

    def head(self, status: int, headers: Headers) -> None:
        """The upstream's status and headers came."""
        if is_answer(status, headers, b"text/event-stream"):
            exchange = self._exchange
            self._reader = self._candidate.pair.stream(exchange.request, created=exchange.created)
        else:
            self._error = ErrorReply(status, headers)

    def body(self, data: bytes) -> int:
        """Take bytes as they come; the highest signal in them."""
        reader = self._reader
        if reader is None:
            if self._error is not None:
                self._error.add(data)
            return NOTHING
        out, signal = reader.feed(data)
        held = self._held
        if held is None:
            if out:
                self._write(out)
            return signal
        if signal == FAILED:
            return FAILED  # nothing went out: what is held dies with the attempt
        if out:
            held.append(out)
            self._held_bytes += len(out)
            if self._held_bytes > HELD_BYTES:
                signal = CONTENT
        if signal == CONTENT:
            reader.fault = judge_model(self._exchange, self._candidate, reader.model)
            return CONTENT if reader.fault is None else FAILED
        return signal

    def end(self, wall_s: float) -> Verdict:
        """The reply is over: what is it worth?"""
        if self._reader is not None:
            verdict = self._reader.verdict()
            if self._held is None:
                return verdict
            return judge_model(self._exchange, self._candidate, self._reader.model) or verdict
        assert self._error is not None, "a reply ends after its head"
        return self._error.verdict(self._candidate, wall_s)

    def client_took_all(self) -> None:
        """What was counted at the last write waits no longer; a read may bring nothing to write."""
        self.waiting_bytes = 0

    @property
    def fault(self) -> Verdict:
        """Why the reader signalled FAILED."""
        fault = self._reader.fault if self._reader else None
        assert fault is not None, "asked only after FAILED"
        return fault

    @property
    def is_done(self) -> bool:
        """All is said: whether the connection ends well is no matter."""
        return self._reader is not None and self._reader.is_done

    @property
    def usage(self) -> Usage | None:
        return self._reader.usage if self._reader else None

    @property
    def model(self) -> str | None:
        return self._reader.model if self._reader else None

    @property
    def is_flawed(self) -> bool:
        """The model's answer is whole but a tool's arguments do not parse."""
        return self._reader is not None and self._reader.is_flawed

    def commit(self, log: Log) -> None:
        """Status, headers and held frames go out."""
        held, self._held = self._held or [], None
        exchange = self._exchange
        exchange.sink.open(200, [SSE, NO_CACHE, *served(exchange, log, self._candidate)])
        exchange.status, self.is_open = 200, True
        self._write(b"".join(held))

    def deliver(self, log: Log, verdict: Verdict) -> None:
        """The answer is whole: its last word goes out.  Or the client's own error does."""
        exchange = self._exchange
        if self._reader is None:
            assert self._error is not None, "delivered without a reply"
            self._error.pass_on(exchange, log, self._candidate)
            return
        if verdict.kind is Kind.CALLER_ERROR:
            # Told inside a 200: there is no body of the vendor's that a client would understand.
            refuse(exchange, log, 400, "refused_by_vendor", -1.0)
            return
        if self._held is not None:
            self.commit(log)
        self._write(self._reader.end())
        exchange.sink.finish()

    def refuse(self, log: Log, status: int, code: str, retry_after_s: float) -> None:
        """Nothing went out, and nothing will."""
        refuse(self._exchange, log, status, code, retry_after_s)

    def break_off(self, code: str) -> None:
        """Text went out and no more will come: say so in the client's dialect."""
        exchange = self._exchange
        self._write(exchange.client.stream_error(code, _BREAKS[code]))
        exchange.sink.finish()

    def _write(self, data: bytes) -> None:
        if data:
            self._exchange.bytes_out += len(data)
            self.waiting_bytes = self._exchange.sink.write(data)


_BREAKS = {
    "stream_broken": "the answer broke off upstream and cannot be completed",
    "deadline_exceeded": "the answer was not complete when its deadline passed",
    "internal": "the gateway failed while it relayed the answer",
}
