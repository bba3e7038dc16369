"""One exchange under way: turns what happens into events and carries out the actions.

The wire, the timer wheel and the client's side report to a `Driver`; it asks the engine and
does what the engine says.  Everything runs in callbacks on the loop's thread, so that no action
can interleave with another and no task is needed.  Every entry is guarded: a defect of ours
must end this exchange and settle its rows, never hang it.
"""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final, Protocol

from gateway.clock import FAR, Clock, Wheel
from gateway.errors import JournalFullError, PoolFullError
from gateway.exchange import Attempt, Exchange
from gateway.failover import engine
from gateway.failover.engine import Action, Event, Flight
from gateway.failover.verdict import judge_fault
from gateway.ledger.journal import Journal
from gateway.ledger.rows import attempt_row, closed_row, exchange_row, settled_row
from gateway.observe.metrics import Metrics
from gateway.routing.clearance import Candidate, Clearance
from gateway.supply.reactions import NOT_EVENTS
from gateway.upstream.transport import Call, Fault
from providers.contract import CONTENT, FAILED, NOTHING, Charge, Headers, Kind, Usage, Verdict
from providers.errors import UnsupportedRequestError

log = logging.getLogger("switchgear.exchange")

HIGH_WATER_BYTES: Final = 65_536  # waiting for the client: above it the upstream is not read
LINGER_S: Final = 1.0  # between the last word of a stream and the end that a peer forgets
STALL_S: Final = 60.0  # a client that takes no byte for so long has left


class Relay(Protocol):
    """The answer's way to the client; see `gateway.relay`."""

    @property
    def waiting_bytes(self) -> int: ...
    @property
    def is_open(self) -> bool: ...
    @property
    def is_done(self) -> bool: ...
    @property
    def fault(self) -> Verdict: ...
    @property
    def usage(self) -> Usage | None: ...
    @property
    def model(self) -> str | None: ...
    @property
    def is_flawed(self) -> bool: ...
    def begin(self, candidate: Candidate) -> None: ...
    def head(self, status: int, headers: Headers) -> None: ...
    def body(self, data: bytes) -> int: ...
    def end(self, wall_s: float) -> Verdict: ...
    def client_took_all(self) -> None: ...
    def commit(self, log: Flight) -> None: ...
    def deliver(self, log: Flight, verdict: Verdict) -> None: ...
    def refuse(self, log: Flight, status: int, code: str, retry_after_s: float) -> None: ...
    def break_off(self, code: str) -> None: ...


@dataclass(slots=True, kw_only=True)
class Services:
    """What exchanges share.  `clearance` is replaced as a whole by every reload."""

    clearance: Clearance
    journal: Journal
    metrics: Metrics
    wheel: Wheel
    clock: Clock
    chance: Callable[[], float]
    high_water_bytes: int = HIGH_WATER_BYTES
    stall_s: float = STALL_S


class Driver:
    """Listener of the wire and entry of the wheel."""

    __slots__ = (
        "_attempt", "_call", "_candidate", "_exchange", "_flight", "_is_told", "_next",
        "_relay", "_services", "_stalls_at", "slot",
    )  # fmt: skip

    def __init__(
        self, exchange: Exchange, relay: Relay, flight: Flight, services: Services
    ) -> None:
        self._exchange, self._relay = exchange, relay
        self._flight, self._services = flight, services
        self._candidate: Candidate | None = None  # the last that something was sent to
        self._attempt: Attempt | None = None
        self._call: Call | None = None
        self._next: Event | None = None  # what an action has to tell the engine
        self._stalls_at = 0.0
        self._is_told = False  # the client has its answer, its refusal or its error event
        self.slot = 0

    def start(self) -> None:
        """The first try; everything after it is a callback."""
        self._step(engine.STARTED)

    # The client's side.

    def client_left(self) -> None:
        """The client is gone; says nothing once the exchange is settled."""
        self._step(engine.LEFT)

    def client_took_all(self) -> None:
        """The client's buffer is empty again."""
        if self._stalls_at:
            self._stalls_at = 0.0
            self._relay.client_took_all()
            # The pause was the client's silence, not the vendor's.
            self._flight.progress(self._services.wheel.now())
            self._services.wheel.arm(self)
            self._hasten()
            if self._call is not None:
                self._call.resume()

    # The wheel's entry.

    @property
    def due(self) -> float:
        """A stalled client has its own deadline; while it lasts the vendor has none."""
        return self._stalls_at or self._flight.due

    def on_due(self, now: float) -> None:
        """A deadline passed."""
        self._guard(self._give_up_waiting)
        self._services.wheel.arm(self)

    def _give_up_waiting(self) -> None:
        if self._stalls_at:
            self._stalls_at = 0.0
            self._act(engine.LEFT)
            self._exchange.sink.drop()
        elif self._relay.is_done and self._call is not None:
            self._cancel(())  # all is said; the peer only forgot to end the message
            self._judge_end()
        else:
            self._act(engine.TICKED)

    # The wire's listener.

    def wire_head(self, status: int, headers: Headers) -> None:
        attempt = self._attempt
        if attempt is not None:
            attempt.head_at = self._services.wheel.now()
            attempt.status, attempt.headers = status, headers
            self._guard(self._relay.head, status, headers)

    def wire_body(self, data: bytes) -> None:
        self._guard(self._take, data)

    def wire_end(self) -> None:
        self._guard(self._judge_end)

    def wire_fault(self, fault: Fault) -> None:
        self._guard(self._judge_fault, fault)

    # What the wire brought.

    def _judge_fault(self, fault: Fault) -> None:
        if self._relay.is_done:
            self._judge_end()
        else:
            self._act((engine.ENDED, judge_fault(fault)))

    def _take(self, data: bytes) -> None:
        relay = self._relay
        signal = relay.body(data)
        if signal == FAILED:
            self._cancel(())
            self._act((engine.ENDED, relay.fault))
            return
        if signal != NOTHING:
            now = self._services.wheel.now()
            self._flight.progress(now)
            if signal == CONTENT:
                attempt = self._attempt
                if attempt is not None and not attempt.first_token_at:
                    attempt.first_token_at = now
                    self._act(engine.READY)  # the first alone: a step for every event is 0.6 us
        if relay.is_done:
            self._hasten()
        if relay.waiting_bytes > self._services.high_water_bytes:
            self._pause()

    def _judge_end(self) -> None:
        self._act((engine.ENDED, self._relay.end(self._services.clock.wall())))

    def _hasten(self) -> None:
        """All is said, and the client waits for the last word: only the framing's end is open."""
        if self._relay.is_done:
            due = self._services.wheel.now() + LINGER_S
            self._flight.due = min(self._flight.due, due)
            self._services.wheel.arm(self)

    def _pause(self) -> None:
        if self._call is not None and not self._stalls_at:
            self._call.pause()
            self._stalls_at = self._services.wheel.now() + self._services.stall_s
            self._services.wheel.arm(self)

    # The engine's actions.

    def _step(self, event: Event) -> None:
        self._guard(self._act, event)

    def _act(self, event: Event) -> None:
        self._carry_out(event)
        # In turn and not from inside an action: a tightened policy may bar hundreds in a row.
        while self._next is not None:
            event, self._next = self._next, None
            self._carry_out(event)
            self._services.wheel.arm(self)

    def _carry_out(self, event: Event) -> None:
        services = self._services
        for action in engine.step(self._flight, event, services.wheel.now(), services.chance()):
            _ACTS[action[0]](self, action)

    def _send(self, action: Action) -> None:
        """Ask the newest policy, write the row, send: in this order, always."""
        candidate: Candidate = action[1]
        number: int = action[2]
        exchange, services = self._exchange, self._services
        if services.clearance is not exchange.clearance and not services.clearance.permits(
            exchange.labels, candidate, exchange.client.dialect
        ):
            self._next = engine.DENIED
            return
        body = self._render(candidate)
        if body is None:
            self._next = engine.UNABLE
            return
        row = attempt_row(exchange, candidate.deployment, number, services.clock.wall(), len(body))
        try:
            if exchange.sent_at:
                services.journal.permit(row)
            else:
                services.journal.permit(exchange_row(exchange, row.at), row)
        except JournalFullError:
            log.exception("no row could be written for exchange %s", exchange.id)
            self._next = engine.ROWLESS
            return
        now = services.wheel.now()
        exchange.sent_at = exchange.sent_at or now
        exchange.substituted = None
        probe = candidate.standing.claim()
        self._candidate, self._attempt = candidate, Attempt(number, now, probe)
        self._relay.begin(candidate)
        headers = [(b"x-request-id", row.id.encode())]
        try:
            self._call = candidate.transport.send(
                self, candidate.prepared, headers, body, fresh=action[3]
            )
        except PoolFullError:
            self._next = (engine.ENDED, Verdict(Kind.LOCAL, "pool full"))
            return
        services.wheel.arm(self)

    def _render(self, candidate: Candidate) -> bytes | None:
        """The body for this deployment; None when it cannot carry what the request has."""
        exchange = self._exchange
        try:
            out = candidate.pair.request(exchange.request, candidate.deployment.target)
        except UnsupportedRequestError as error:
            exchange.unable = str(error)
            return None
        if out.dropped and exchange.route.is_strict:
            exchange.unable = f"a strict route drops no field: {', '.join(out.dropped)}"
            return None
        exchange.dropped, exchange.added = out.dropped, out.added
        return out.body

    def _commit(self, _: Action) -> None:
        self._relay.commit(self._flight)
        # Idle may end before the first token was due, and the wheel looks only where it was told.
        self._services.wheel.arm(self)

    def _cancel(self, _: Action) -> None:
        if self._call is not None:
            self._call.cancel()

    def _record(self, action: Action) -> None:
        candidate: Candidate = action[1]
        verdict: Verdict = action[2]
        services, exchange, attempt = self._services, self._exchange, self._attempt
        assert attempt is not None, "only what was sent is recorded"
        now = services.wheel.now()
        peer = self._call.peer if self._call is not None else None
        self._call = self._attempt = None
        candidate.standing.settle(verdict, now, attempt.probe)
        row = settled_row(exchange, candidate.deployment, attempt, verdict, self._relay, peer, now)
        services.journal.settle(row)
        usage = self._relay.usage
        services.metrics.attempt(exchange, candidate.deployment, verdict.kind, attempt, usage, now)
        if exchange.substituted is not None:
            services.metrics.supply_event(candidate.deployment, Kind.SUBSTITUTED)
        elif verdict.kind not in NOT_EVENTS:
            services.metrics.supply_event(candidate.deployment, verdict.kind)

    def _choose(self, _: Action) -> None:
        self._next = engine.CHOSEN

    def _deliver(self, action: Action) -> None:
        self._relay.deliver(self._flight, action[1])
        self._is_told = True

    def _refuse(self, action: Action) -> None:
        _, status, code, retry_after_s = action
        self._relay.refuse(self._flight, status, code, retry_after_s)
        self._is_told = True

    def _break(self, action: Action) -> None:
        self._relay.break_off(action[1])
        self._is_told = True

    def _close(self, action: Action) -> None:
        services, exchange = self._services, self._exchange
        services.wheel.disarm(self)
        self._stalls_at = 0.0
        if exchange.lease is not None:
            exchange.lease.give_back()
        # Exchange and driver refer to each other: left to the collector, such rings cost 60 %
        # more CPU under load, and pauses.
        exchange.driver, exchange.is_over = None, True
        now = services.wheel.now()
        if not exchange.sent_at:
            self._write_refusal(action[1])
        else:
            services.journal.settle(closed_row(exchange, action[1], self._flight.attempts, now))
        services.metrics.exchange(exchange, action[1], self._candidate, self._relay.usage, now)

    def _write_refusal(self, outcome: str) -> None:
        """No attempt was made, so the exchange has no row yet."""
        try:
            row = exchange_row(self._exchange, self._services.clock.wall(), outcome)
            self._services.journal.permit(row)
        except JournalFullError:
            # Nothing was sent and the client was told; the log line is the only trace left.
            log.exception("no row could be written for exchange %s", self._exchange.id)

    # Defects of ours.

    def _guard(self, act: Callable[..., None], *arguments: Any) -> None:
        try:
            act(*arguments)
        except Exception:
            log.exception("exchange %s", self._exchange.id)
            if not self._exchange.is_over:
                self._abandon()

    def _abandon(self) -> None:
        """Cancel, tell the client in the way that is still open, settle both rows.

        The engine may have ended the flight already: its last actions are where the defect was.
        """
        self._flight.phase, self._flight.due = engine.OVER, FAR
        try:
            with ExitStack() as steps:  # in reverse order, each even if the one before it fails
                steps.callback(self._close, (engine.CLOSE, "internal"))
                steps.callback(self._record_defect)
                steps.callback(self._tell_defect)
                steps.callback(self._cancel, ())
        except Exception:
            log.exception("exchange %s was abandoned with a second defect", self._exchange.id)

    def _tell_defect(self) -> None:
        if self._is_told:
            return
        if self._relay.is_open:
            self._relay.break_off("internal")
        else:
            self._relay.refuse(self._flight, 500, "internal", -1.0)

    def _record_defect(self) -> None:
        if self._attempt is not None:
            verdict = Verdict(Kind.LOCAL, "internal", charge=Charge.UNKNOWN)
            self._record((engine.RECORD, self._candidate, verdict))


_ACTS: Final[tuple[Callable[[Driver, Action], None], ...]] = (
    Driver._send, Driver._commit, Driver._cancel, Driver._record, Driver._choose,
    Driver._deliver, Driver._refuse, Driver._break, Driver._close,
)  # fmt: skip
