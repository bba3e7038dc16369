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
        self._cursor = 0  # the next slot to look at; those before it are never looked at again
        self._is_turning = False
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
            self.disarm(entry)
        self._put(entry, slot)

    def disarm(self, entry: Entry) -> None:
        """Forget the entry; nothing happens when it was not armed."""
        if entry.slot:
            bucket = self._slots.get(entry.slot)
            if bucket is not None:
                bucket.discard(entry)
            entry.slot = 0

    def _put(self, entry: Entry, slot: int) -> None:
        if self._timer is None and not self._is_turning:
            # A deadline may lie before the present tick; the turn starts at the earliest of both.
            self._cursor = min(int(self.now() / TICK_S), slot)
            self._timer = self.loop.call_later(TICK_S, self._turn)
        slot = max(slot, self._cursor)
        entry.slot = slot
        bucket = self._slots.get(slot)
        if bucket is None:
            bucket = self._slots[slot] = set()
        bucket.add(entry)

    def _turn(self) -> None:
        now = self.now()
        last = int(now / TICK_S)
        self._timer, self._is_turning = None, True
        try:
            while self._cursor <= last:
                slot = self._cursor
                # Moved first: what a visited entry arms must not land in the slot being emptied.
                self._cursor += 1
                for entry in self._slots.pop(slot, ()):
                    self._visit(entry, slot, now)
        finally:
            self._is_turning = False
            if self._slots:
                self._timer = self.loop.call_later(TICK_S, self._turn)

    def _visit(self, entry: Entry, slot: int, now: float) -> None:
        if not entry.slot or entry.slot > slot:
            return  # disarmed or moved by an entry visited before it in this turn
        entry.slot = 0
        due = entry.due
        if due > now:
            if due != FAR:
                self._put(entry, int(due / TICK_S) + 1)
        else:
            entry.on_due(now)
