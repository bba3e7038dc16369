"""One element of the supply: may it serve now, and what did it do last?

A deployment, an account, a vendor: whatever can cool down, break or be cut.  `is_quiet` is the
fast path: an element that has no trouble answers `admits` with one attribute and `succeed`
with none.  All times are seconds on the caller's monotonic clock.

Two signals open the breaker's kind of trouble, cooldowns and consecutive failures, and they are
kept apart: a throttled deployment is not ill, and an ill one is not throttled.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FAILS_TO_OPEN: Final = 5  # Envoy's default for consecutive_5xx
OPEN_S: Final = 30.0  # Envoy's base_ejection_time, times the number of openings
OPEN_CAP_S: Final = 300.0  # Envoy's max_ejection_time
SUCCESSES_TO_CLOSE: Final = 3


class Breaker(StrEnum):
    """Closed serves; open does not; half-open lets one probe through at a time."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


@dataclass(slots=True)
class Element:
    """The state of one element.  Changed only by what attempts came to, and by operators."""

    name: str
    is_quiet: bool = True
    breaker: Breaker = Breaker.CLOSED
    fails: int = 0
    opens: int = 0
    successes: int = 0
    probe: int = 0  # number of the one attempt that is let through while not closed; 0: none
    probes: int = 0  # so far
    open_until: float = 0.0
    cool_until: float = 0.0
    is_cut: bool = False

    @property
    def is_probing(self) -> bool:
        """Whether the one probe is under way."""
        return self.probe != 0

    def admits(self, now: float) -> bool:
        """Whether an attempt may start.  Finds out, too, that a cooldown has ended."""
        if self.is_quiet:
            return True
        if self.is_cut or now < self.cool_until:
            return False
        if self.cool_until:
            self.cool_until = 0.0
            self._settle_down()
        if self.breaker is Breaker.CLOSED:
            return True
        return not self.probe and now >= self.open_until

    def ready_at(self, now: float) -> float:
        """When it may serve again; infinity when only a person can bring it back."""
        return float("inf") if self.is_cut else max(now, self.cool_until, self.open_until)

    def claim(self) -> int:
        """An attempt starts.  While the breaker is not closed it is the one probe.

        Gives the probe's number, which its end must name: what began before the breaker opened
        is late news and says nothing about now.  0 for an attempt that is no probe.
        """
        if self.is_quiet or self.breaker is Breaker.CLOSED:
            return 0
        self.probes += 1
        self.breaker, self.probe = Breaker.HALF_OPEN, self.probes
        return self.probe

    def release(self, probe: int = 0) -> None:
        """The attempt ended without a word on health: the client left, or erred."""
        if probe == self.probe:
            self.probe = 0

    def succeed(self, probe: int = 0) -> None:
        """A whole answer came."""
        if self.is_quiet or self._is_late(probe):
            return
        self.probe, self.fails = 0, 0
        if self.breaker is Breaker.HALF_OPEN:
            self.successes += 1
            if self.successes < SUCCESSES_TO_CLOSE:
                return
            self.breaker, self.opens, self.successes = Breaker.CLOSED, 0, 0
        self._settle_down()

    def fail(self, now: float, probe: int = 0) -> None:
        """A failure that says something about health."""
        if self._is_late(probe):
            return
        self.is_quiet, self.probe = False, 0
        self.fails += 1
        if self.breaker is Breaker.HALF_OPEN or self.fails >= FAILS_TO_OPEN:
            self.opens += 1
            self.breaker, self.successes, self.fails = Breaker.OPEN, 0, 0
            self.open_until = max(self.open_until, now + min(OPEN_S * self.opens, OPEN_CAP_S))

    def cool(self, until: float) -> None:
        """Rest until then; of two ends the later holds."""
        self.is_quiet = False
        self.cool_until = max(self.cool_until, until)

    def cut(self) -> None:
        """Out of service until somebody brings it back."""
        self.is_quiet, self.is_cut = False, True

    def restore(self) -> None:
        """Back in service; what it did before stays remembered."""
        self.is_cut = False
        self._settle_down()

    def _is_late(self, probe: int) -> bool:
        """Whether an attempt that is over began before the breaker opened."""
        return self.breaker is not Breaker.CLOSED and (not probe or probe != self.probe)

    def _settle_down(self) -> None:
        """Quiet again, unless something is left.

        A success does not end a cooldown: it may have been sent before the cooldown began.
        """
        self.is_quiet = (
            self.breaker is Breaker.CLOSED
            and not self.is_cut
            and not self.fails
            and not self.cool_until
        )
