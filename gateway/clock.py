"""Time: a clock that tests can own, and a wheel that keeps thousands of deadlines in one timer.

A deadline here moves on every read and almost never fires.  `loop.call_at` plus `cancel` costs
a heap push and two objects each time; a slot set costs one add and one discard per request, and
moving a deadline *later* costs one attribute store: the entry is looked at in its old slot and
put where it belongs by then.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

TICK_S: Final = 0.05
FAR: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Clock:
    """`monotonic` for deadlines, in seconds from anywhere; `wall` for rows, in Unix seconds."""

    monotonic: Callable[[], float]
    wall: Callable[[], float]


# Not loop.time: uvloop's stands still for a whole turn and counts in milliseconds.
SYSTEM_CLOCK: Final = Clock(time.monotonic, time.time)  # noqa: TID251 - the one place


class Entry(Protocol):
    """Something with a deadline.  The owner moves `due` freely; `slot` is the wheel's."""

    slot: int  # 0 means "not armed"

    @property
    def due(self) -> float:
        """Monotonic seconds; FAR means never."""
        ...

    def on_due(self, now: float) -> None: ...


class Wheel:
    """Fires entries up to one tick (50 ms) late, never early."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, now: Callable[[], float] = SYSTEM_CLOCK.monotonic
    ) -> None:
        self.loop = loop
        self.now = now
        self._slots: dict[int, set[Entry]] = {}
        self._cursor = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no entry is armed."""
        return not any(self._slots.values())

    def arm(self, entry: Entry) -> None:
        """See that `entry` is looked at no later than its `due`; never due, it stays out."""
        due = entry.due
        if due == FAR:
            return
        slot = int(due / TICK_S) + 1
        old = entry.slot
        if old:
            if old <= slot:
                return
            self._slots[old].discard(entry)
        self._put(entry, slot)

    def disarm(self, entry: Entry) -> None:
        """Forget the entry; nothing happens when it was not armed."""
        if entry.slot:
            bucket = self._slots.get(entry.slot)
            if bucket is not None:
                bucket.discard(entry)
            entry.slot = 0

    def _put(self, entry: Entry, slot: int) -> None:
        if self._timer is not None and slot < self._cursor:
            slot = self._cursor  # its own slot has been visited and will not be again
        entry.slot = slot
        bucket = self._slots.get(slot)
        if bucket is None:
            bucket = self._slots[slot] = set()
        bucket.add(entry)
        if self._timer is None:
            # A deadline may lie before the present tick; the turn starts at the earliest of both.
            self._cursor = min(int(self.now() / TICK_S), slot)
            self._timer = self.loop.call_later(TICK_S, self._turn)

    def _turn(self) -> None:
        now = self.now()
        last = int(now / TICK_S)
        self._timer = None
        while self._cursor <= last:
            for entry in self._slots.pop(self._cursor, ()):
                self._visit(entry, now)
            self._cursor += 1
        # A visited entry may have armed another one, and with it the timer.
        if self._timer is None and self._slots:  # type: ignore[redundant-expr]
            self._timer = self.loop.call_later(TICK_S, self._turn)

    def _visit(self, entry: Entry, now: float) -> None:
        if not entry.slot or entry.slot > self._cursor:
            return  # disarmed or moved by an entry visited before it in this turn
        entry.slot = 0
        due = entry.due
        if due > now:
            if due != FAR:
                self._put(entry, max(int(due / TICK_S) + 1, self._cursor + 1))
        else:
            entry.on_due(now)
