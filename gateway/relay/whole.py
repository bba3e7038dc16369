"""Relays an answer in one piece: collected, judged, then sent; until then all can fail over."""

from gateway.exchange import Exchange
from gateway.relay.headers import JSON, Log, served
from gateway.relay.refusal import refuse
from gateway.relay.reply import ErrorReply, is_answer
from gateway.relay.substitution import judge_model
from gateway.routing.clearance import Candidate
from providers.contract import PROGRESS, Headers, Kind, Usage, Verdict, WholeReader


class WholeRelay:
    """One per exchange; `begin` resets it for each attempt.  The wire bounds the size."""

    __slots__ = ("_answer", "_candidate", "_error", "_exchange", "_parts", "_reader")

    waiting_bytes = 0  # nothing goes out before the end
    is_open = False  # and then all of it does
    is_done = False  # only the framing tells that the last byte came

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._reader: WholeReader | None = None
        self._error: ErrorReply | None = None

    def begin(self, candidate: Candidate) -> None:
        """An attempt starts."""
        self._candidate = candidate
        self._reader = self._error = None
        self._parts: list[bytes] = []
        self._answer = b""

    def head(self, status: int, headers: Headers) -> None:
        """The upstream's status and headers came."""
        # Some vendors name no content type; what is not an answer does not parse as one.
        if is_answer(status, headers, b""):
            exchange = self._exchange
            self._reader = self._candidate.pair.whole(exchange.request, created=exchange.created)
        else:
            self._error = ErrorReply(status, headers)

    def body(self, data: bytes) -> int:
        """Keep bytes as they come."""
        if self._reader is not None:
            self._parts.append(data)
        elif self._error is not None:
            self._error.add(data)
        return PROGRESS

    def end(self, wall_s: float) -> Verdict:
        """The reply is over: what is it worth?"""
        if self._reader is None:
            assert self._error is not None, "a reply ends after its head"
            return self._error.verdict(self._candidate, wall_s)
        parts = self._parts
        verdict, self._answer = self._reader.read(parts[0] if len(parts) == 1 else b"".join(parts))
        if not verdict.delivers:
            return verdict
        return judge_model(self._exchange, self._candidate, self._reader.model) or verdict

    def client_took_all(self) -> None:
        """Nothing goes out before the end, so nothing waits."""

    @property
    def fault(self) -> Verdict:
        raise AssertionError("a whole answer fails at its end, not before")

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
        raise AssertionError("a whole answer goes out in one piece")

    def deliver(self, log: Log, verdict: Verdict) -> None:
        """The answer, or the client's own error, goes out."""
        exchange = self._exchange
        if self._reader is None:
            assert self._error is not None, "delivered without a reply"
            self._error.pass_on(exchange, log, self._candidate)
            return
        if verdict.kind is Kind.CALLER_ERROR:
            # Told inside a 200: there is no body of the vendor's that a client would understand.
            refuse(exchange, log, 400, "refused_by_vendor", -1.0)
            return
        exchange.status, exchange.bytes_out = 200, len(self._answer)
        exchange.sink.reply(200, [JSON, *served(exchange, log, self._candidate)], self._answer)

    def refuse(self, log: Log, status: int, code: str, retry_after_s: float) -> None:
        """Nothing went out, and nothing will."""
        refuse(self._exchange, log, status, code, retry_after_s)

    def break_off(self, code: str) -> None:
        raise AssertionError("a whole answer is never half sent")
