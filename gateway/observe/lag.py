"""How late does the event loop run?  Whatever holds it holds every open stream.

A timer of 10 ms that measures how late it fires.  A stall is seen in proportion to its length,
so the histogram tells the share of time in which the loop was held; the longest stall since the
last scrape is kept apart, since that is the one to look for.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.observe.histogram import Histogram

INTERVAL_S: Final = 0.01
BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class LagMonitor:
    """Runs on its loop from `start` to `stop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, now: Callable[[], float]) -> None:
        self._loop, self._now = loop, now
        self._timer: asyncio.TimerHandle | None = None
        self._expected = 0.0
        self.lateness = Histogram(BOUNDS_S)
        self.longest_s = 0.0  # since `take_longest`

    def start(self) -> None:
        """Begin to measure."""
        self._expected = self._now() + INTERVAL_S
        self._timer = self._loop.call_later(INTERVAL_S, self._tick)

    def stop(self) -> None:
        """Leave no timer behind."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def take_longest(self) -> float:
        """The longest stall in seconds since this was asked last."""
        longest, self.longest_s = self.longest_s, 0.0
        return longest

    def _tick(self) -> None:
        # uvloop counts timers in whole milliseconds and may fire one early.
        late_s = max(self._now() - self._expected, 0.0)
        self.lateness.observe(late_s)
        self.longest_s = max(self.longest_s, late_s)
        self.start()
