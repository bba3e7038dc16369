"""Readers that give what a table says, and a relay with an attempt begun over one."""

from typing import Any

from gateway.exchange import Exchange
from gateway.relay.stream import StreamRelay
from gateway.relay.whole import WholeRelay
from providers.contract import (
    COMPLETE,
    FAILED,
    Kind,
    Usage,
    Verdict,
)
from tests.core_rig import Core, KeptSink

BROKEN = Verdict(Kind.BROKEN_STREAM, "cut")


class Log:
    """The part of a flight that the headers tell."""

    def __init__(self, attempts: int = 1, failed: tuple[Kind, ...] = ()) -> None:
        self.attempts, self.failed = attempts, failed


class TableReader:
    """A stream reader that gives what the table says, one entry a read."""

    def __init__(self, *table: tuple[bytes, int], verdict: Verdict = COMPLETE) -> None:
        self.table, self._verdict = list(table), verdict
        self.fault: Verdict | None = None
        self.usage: Usage | None = None
        self.model: str | None = "large"
        self.is_done = self.is_flawed = False

    def feed(self, data: bytes) -> tuple[bytes, int]:
        out, signal = self.table.pop(0)
        if signal == FAILED:
            self.fault = BROKEN
        return out, signal

    def verdict(self) -> Verdict:
        return self.fault or self._verdict

    def end(self) -> bytes:
        return b"<end>"


class TablePair:
    """Translates nothing; the readers are the test's."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def stream(self, *_: object, **__: object) -> Any:
        return self._reader

    def whole(self, *_: object, **__: object) -> Any:
        return self._reader

    def error(self, status: int, body: bytes) -> bytes:
        return b"told:%d:%b" % (status, body)


class Reached:
    """The parts of a candidate that relays read, over a real deployment."""

    def __init__(self, core: Core, pair: TablePair) -> None:
        candidate = core.call("a").listener._candidate  # type: ignore[union-attr]
        self.deployment, self.traits, self.pair = candidate.deployment, candidate.traits, pair


def begin(reader: Any, *, is_stream: bool = True, is_strict: bool = False) -> Any:
    """A relay, its exchange and its client, with an attempt begun."""
    core = Core(["a"], is_strict=is_strict)
    exchange, _ = core.ask(is_stream=is_stream)
    exchange.sink = sink = KeptSink()
    relay = StreamRelay(exchange) if is_stream else WholeRelay(exchange)
    relay.begin(Reached(core, TablePair(reader)))  # type: ignore[arg-type]
    return relay, exchange, sink


class TableWhole:
    """A whole reader."""

    usage, is_flawed = None, False

    def __init__(self, verdict: Verdict = COMPLETE, model: str = "large") -> None:
        self._verdict, self.model = verdict, model

    def read(self, body: bytes) -> tuple[Verdict, bytes]:
        return self._verdict, b"<" + body + b">"


def exchange_of(*, is_strict: bool = False) -> tuple[Exchange, Any]:
    core = Core(["a"], is_strict=is_strict)
    exchange, _ = core.ask()
    return exchange, Reached(core, TablePair(None))
