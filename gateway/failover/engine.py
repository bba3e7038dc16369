"""The failover engine: `step(flight, event, now, chance)` returns the actions to take.  Pure.

No clock, no dice, no IO: the driver brings events and carries out actions, and a test or a
simulation does the same with a list.  `flight` is changed in place, which is as deterministic
as a new copy and costs nothing.

Events and actions are tuples that start with a small integer.  A frozen dataclass costs 0.5 us
to make and an enum member 0.05 us to read on Python 3.11; a request that goes well takes two
steps, and they should not show in a profile.  Deadlines are not actions but one number,
`flight.due`, that the driver's timer wheel reads when it gets there.

A failure ends with CHOOSE: the driver first applies RECORD to the supply state, then comes back
with NEXT, so that the choice sees an account that this very failure has cut.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from gateway.catalog import Deadlines
from gateway.clock import FAR
from gateway.failover.budget import Budget
from gateway.supply.reactions import REACTIONS, Scope
from providers.contract import COMPLETE, Charge, Kind, Verdict

# Events: (kind, payload)
START: Final = 0  # -
NEXT: Final = 1  # -              the driver has applied what the last step said; choose
BARRED: Final = 2  # Bar          nothing can go to the candidate that SEND named
CONTENT: Final = 3  # -           a byte that changes the client's state is waiting
ENDED: Final = 4  # Verdict       the reply is over and judged
TICK: Final = 5  # -              `due` has passed
GONE: Final = 6  # -              the client left
UNRECORDED: Final = 7  # -        the journal took no row: nothing may be sent

# Actions: (kind, payload...)
SEND: Final = 0  # (SEND, candidate, attempt number, on a fresh connection)
COMMIT: Final = 1  # (COMMIT,)  status, headers and held frames go out
CANCEL: Final = 2  # (CANCEL,)  close the upstream connection
RECORD: Final = 3  # (RECORD, candidate, Verdict)  tell the supply state, settle the attempt's row
CHOOSE: Final = 4  # (CHOOSE,)  come back with NEXT
DELIVER: Final = 5  # (DELIVER, Verdict)  the reply is good, or the client's own error: finish it
REFUSE: Final = 6  # (REFUSE, status, code, retry after in s)  nothing went out yet
BREAK: Final = 7  # (BREAK, code)  text went out: the dialect's error event, no last word
CLOSE: Final = 8  # (CLOSE, outcome)  settle the exchange; always last, exactly once

# A tuple whose first member says what the others are: typing each would cost an object each.
Event = tuple[int, Any]
Action = tuple[Any, ...]
Actions = Sequence[Action]

# Why nothing can go to a candidate.
BY_POLICY: Final = "policy"  # the newest policy no longer permits it
BY_REQUEST: Final = "request"  # it cannot carry a field of this request

STARTED: Final[Event] = (START, None)
CHOSEN: Final[Event] = (NEXT, None)
TICKED: Final[Event] = (TICK, None)
LEFT: Final[Event] = (GONE, None)
DENIED: Final[Event] = (BARRED, BY_POLICY)
UNABLE: Final[Event] = (BARRED, BY_REQUEST)
ROWLESS: Final[Event] = (UNRECORDED, None)
READY: Final[Event] = (CONTENT, None)

ATTEMPT_CAP: Final = 3  # over the whole chain
REPEAT_BASE_S: Final = 0.2
RETRY_AFTER_CAP_S: Final = 60.0
_NOTHING: Final[Actions] = ()
_COMMIT: Final[Actions] = ((COMMIT,),)

CHOOSING, WAITING, TRYING, SERVING, OVER = range(5)  # phases


class Option(Protocol):
    """What the engine asks of a candidate."""

    @property
    def account(self) -> str: ...

    @property
    def is_cut(self) -> bool: ...

    @property
    def is_broken(self) -> bool: ...

    def admits(self, now: float) -> bool: ...

    def ready_at(self, now: float) -> float: ...


class Flight:
    """All the engine knows of one exchange.  `due` is the next moment it must be ticked."""

    __slots__ = (
        "attempts", "barred", "blamed", "budget", "candidates", "current", "deadlines", "due",
        "empties", "ends_at", "failed", "first_s", "last", "phase", "repeated", "tried",
    )  # fmt: skip

    def __init__(
        self, candidates: Sequence[Option], budget: Budget, deadlines: Deadlines, now: float,
        *, is_stream: bool,
    ) -> None:  # fmt: skip
        self.candidates = candidates
        self.budget = budget
        self.deadlines = deadlines
        # A whole answer has no first token: it is silent while it is made.
        self.first_s = deadlines.first_token_s if is_stream else deadlines.whole_s
        self.phase = CHOOSING
        self.current: Option | None = None
        self.attempts = 0
        self.tried: list[Option] = []
        self.failed: list[Kind] = []
        self.barred: list[str] = []
        self.last: Verdict | None = None
        self.repeated = False
        self.blamed = 0  # attempts that failed by somebody else's fault
        self.empties = 0
        self.ends_at = now + deadlines.total_s
        self.due = self.ends_at

    def progress(self, now: float) -> None:
        """Something other than a comment arrived.  Not an event: it happens once per read."""
        if self.phase == TRYING:
            return  # role-only frames do not move the first-token deadline
        due = now + self.deadlines.idle_s
        self.due = due if due < self.ends_at else self.ends_at


def step(flight: Flight, event: Event, now: float, chance: float) -> Actions:
    """Decide what happens next.  `chance` is uniform in [0, 1) and spreads repeats."""
    if flight.phase == OVER:
        return _NOTHING  # late news about a settled exchange
    return _HANDLERS[event[0]](flight, event[1], now, chance)


def _start(flight: Flight, _: None, now: float, chance: float) -> Actions:
    flight.budget.deposit()
    first = flight.candidates[0]
    if first.admits(now):
        return (_send(flight, first, now),)
    return _choose(flight, None, now, chance)


def _choose(flight: Flight, _: None, now: float, chance: float) -> Actions:
    """Another deployment if one is ready, the same once more if that makes sense, else give up."""
    if flight.attempts >= ATTEMPT_CAP:
        return _exhausted(flight, now)
    if (
        flight.last is not None
        and flight.last.kind is Kind.STALE_CONNECTION
        and not flight.repeated
    ):
        # Nobody's fault, and at most once, since a fresh connection can't be stale: not budgeted.
        flight.repeated = True
        return (_send(flight, flight.tried[-1], now, fresh=True),)
    other = _another(flight, now)
    if other is not None:
        return (_send(flight, other, now),)
    if _repeatable(flight, now):
        return _repeat(flight, now, chance)
    return _exhausted(flight, now)


def _barred(flight: Flight, why: str, now: float, chance: float) -> Actions:
    """No byte went out, so it is no attempt; it is only never asked again."""
    barred = flight.tried.pop()
    flight.candidates = tuple(c for c in flight.candidates if c is not barred)
    flight.attempts -= 1
    flight.barred.append(why)
    flight.current = flight.tried[-1] if flight.tried else None
    flight.phase, flight.due = CHOOSING, flight.ends_at
    return _choose(flight, None, now, chance)


def _content(flight: Flight, _: None, now: float, chance: float) -> Actions:
    if flight.phase != TRYING:
        return _NOTHING
    flight.phase = SERVING
    flight.progress(now)
    return _COMMIT


def _ended(flight: Flight, verdict: Verdict, now: float, chance: float) -> Actions:
    if verdict.delivers:
        return _delivered(flight, verdict, verdict)
    if _is_agreed_empty(flight, verdict):
        return _delivered(flight, verdict, COMPLETE)
    if flight.phase == SERVING:
        return _broken(flight, verdict)
    if verdict.kind is Kind.CALLER_ERROR:
        return _delivered(flight, verdict, verdict)
    return _failed(flight, verdict)


def _tick(flight: Flight, _: None, now: float, chance: float) -> Actions:
    if now < flight.due:
        return _NOTHING
    if flight.phase == WAITING and now < flight.ends_at:
        return _wake(flight, now, chance)
    if flight.phase == SERVING:
        return _overdue_stream(flight, now)
    silent = Verdict(Kind.BROWNOUT, "silent", charge=Charge.UNKNOWN)
    if now < flight.ends_at:
        return ((CANCEL,), *_failed(flight, silent))
    record = ((CANCEL,), (RECORD, flight.current, silent)) if flight.phase == TRYING else ()
    flight.phase, flight.due = OVER, FAR
    refuse = (REFUSE, 504, "deadline_exceeded", -1.0)
    return (*record, refuse, (CLOSE, "deadline_exceeded"))


def _gone(flight: Flight, _: None, now: float, chance: float) -> Actions:
    """The client left: cancel, settle, and say nothing about anyone's health."""
    verdict = Verdict(Kind.CALLER_GONE, charge=Charge.UNKNOWN)
    is_busy = flight.phase in (TRYING, SERVING)
    record = ((CANCEL,), (RECORD, flight.current, verdict)) if is_busy else ()
    flight.phase, flight.due = OVER, FAR
    return (*record, (CLOSE, Kind.CALLER_GONE))


def _unrecorded(flight: Flight, _: None, now: float, chance: float) -> Actions:
    flight.phase, flight.due = OVER, FAR
    return ((REFUSE, 503, "ledger_unavailable", 1.0), (CLOSE, "ledger_unavailable"))


_HANDLERS: Final[tuple[Callable[[Flight, Any, float, float], Actions], ...]] = (
    _start, _choose, _barred, _content, _ended, _tick, _gone, _unrecorded,
)  # fmt: skip


def _send(flight: Flight, candidate: Option, now: float, *, fresh: bool = False) -> Action:
    flight.phase, flight.current = TRYING, candidate
    flight.attempts += 1
    flight.tried.append(candidate)
    due = now + flight.first_s
    flight.due = due if due < flight.ends_at else flight.ends_at
    return (SEND, candidate, flight.attempts, fresh)


def _delivered(flight: Flight, verdict: Verdict, record: Verdict) -> Actions:
    flight.phase, flight.due = OVER, FAR
    return ((DELIVER, verdict), (RECORD, flight.current, record), (CLOSE, record.kind))


def _failed(flight: Flight, verdict: Verdict) -> Actions:
    """Before commit: remember, blame, and let the driver come back for the choice."""
    flight.failed.append(verdict.kind)
    flight.last = verdict
    flight.blamed += REACTIONS[verdict.kind].blames is not Scope.NOBODY
    flight.phase, flight.due = CHOOSING, flight.ends_at
    return ((RECORD, flight.current, verdict), (CHOOSE,))


def _broken(flight: Flight, verdict: Verdict) -> Actions:
    """After commit nothing is tried again: the client has already seen text."""
    broken = Verdict(
        Kind.BROKEN_STREAM, verdict.detail or verdict.kind, charge=Charge.PARTIAL
    )  # fmt: skip
    flight.phase, flight.due = OVER, FAR
    return ((RECORD, flight.current, broken), (BREAK, "stream_broken"), (CLOSE, broken.kind))


def _overdue_stream(flight: Flight, now: float) -> Actions:
    if now < flight.ends_at:
        return ((CANCEL,), *_broken(flight, Verdict(Kind.BROWNOUT, "idle")))
    # It was the exchange that took too long, not this deployment: nobody is blamed.
    overdue = Verdict(Kind.LOCAL, "total deadline", charge=Charge.PARTIAL)
    flight.phase, flight.due = OVER, FAR
    return (
        (CANCEL,),
        (RECORD, flight.current, overdue),
        (BREAK, "deadline_exceeded"),
        (CLOSE, "deadline_exceeded"),
    )


def _is_agreed_empty(flight: Flight, verdict: Verdict) -> bool:
    """An empty answer is a fault once; two deployments that agree mean it."""
    if verdict.kind is not Kind.CORRUPT_ANSWER or verdict.detail != "empty":
        return False
    flight.empties += 1
    return flight.empties > 1


def _another(flight: Flight, now: float) -> Option | None:
    """The best candidate that was not tried yet, is ready, and whose try can be afforded."""
    for candidate in flight.candidates:
        if candidate in flight.tried or not candidate.admits(now):
            continue
        if _is_free(flight, candidate) or flight.budget.withdraw(now):
            return candidate
    return None


def _is_free(flight: Flight, candidate: Option) -> bool:
    """The first move to another account is free, so that a vendor's outage is carried whole."""
    if not flight.blamed:
        return True
    return flight.blamed == 1 and candidate.account != flight.tried[-1].account


def _repeatable(flight: Flight, now: float) -> bool:
    last = flight.last
    if last is None or flight.repeated or not REACTIONS[last.kind].may_repeat:
        return False
    # A cooling deployment is not ready now, but may be within what is left of the deadline.
    same = flight.tried[-1]
    if same.is_cut or same.is_broken or same not in flight.candidates:
        return False
    is_soon = last.retry_after_s <= 0 or now + last.retry_after_s < flight.ends_at
    return is_soon and flight.budget.withdraw(now)


def _repeat(flight: Flight, now: float, chance: float) -> Actions:
    """Once more at the same deployment, after a spread wait."""
    flight.repeated = True
    flight.phase = WAITING
    wait_s = REPEAT_BASE_S * (0.5 + chance)
    if flight.last is not None and flight.last.retry_after_s > wait_s:
        wait_s = flight.last.retry_after_s
    flight.due = min(flight.ends_at, now + wait_s)
    return _NOTHING


def _wake(flight: Flight, now: float, chance: float) -> Actions:
    """The wait is over.  In the meantime others may have opened its breaker, or cut it."""
    same = flight.tried[-1]
    if same.is_cut or same.is_broken:
        flight.phase = CHOOSING
        return _choose(flight, None, now, chance)
    return (_send(flight, same, now),)


def _exhausted(flight: Flight, now: float) -> Actions:
    """Nothing is left: say why in the terms of what stood in the way."""
    ready_s = min((c.ready_at(now) for c in flight.candidates), default=FAR) - now
    flight.phase, flight.due = OVER, FAR
    if not flight.candidates and not flight.failed:
        # Every candidate was barred before a byte went out: no outage, a refusal.
        is_request = BY_REQUEST in flight.barred
        status, code = (400, "invalid_request") if is_request else (403, "policy_no_route")
        return ((REFUSE, status, code, -1.0), (CLOSE, code))
    # What is ready now has just failed: that a wait would help is not known, and a client that
    # tried again would multiply attempts that are capped here.
    is_wait = 0.0 < ready_s < FAR
    retry_after_s = min(max(ready_s, 1.0), RETRY_AFTER_CAP_S) if is_wait else -1.0
    return ((REFUSE, 503, "supply_exhausted", retry_after_s), (CLOSE, "supply_exhausted"))
