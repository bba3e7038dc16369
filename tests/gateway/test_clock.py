"""The wheel loses no deadline: neither one that has passed, nor any after a stall of the loop."""

import asyncio
from collections.abc import Callable

import pytest

from gateway.clock import TICK_S, Wheel


class Reminder:
    """An entry that notes when it was told, and then does something."""

    def __init__(self, due: float, act: Callable[[], None] = lambda: None) -> None:
        self.due, self.slot, self.told_at = due, 0, 0.0
        self._act = act

    def on_due(self, now: float) -> None:
        self.told_at = now
        self._act()


class Time:
    """Seconds that the test owns."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Loop:
    """The two calls that the wheel makes of a loop, turned by hand."""

    def __init__(self) -> None:
        self.turns: list[Callable[[], None]] = []

    def call_later(self, _: float, turn: Callable[[], None]) -> object:
        self.turns.append(turn)
        return turn


@pytest.fixture
def time() -> Time:
    return Time()


def turns(loop: Loop, time: Time, seconds: float, stall_s: float = TICK_S) -> None:
    """Let time pass, with a turn after every `stall_s`."""
    end = time.now + seconds
    while time.now < end:
        time.now += stall_s
        pending, loop.turns = loop.turns, []
        for turn in pending:
            turn()


def make(time: Time) -> tuple[Wheel, Loop]:
    loop = Loop()
    # The wheel asks a loop for one thing, and a test that owns time cannot use a real one.
    return Wheel(loop, time), loop  # type: ignore[arg-type]


def test_deadline_fires_within_one_tick_and_never_early(time: Time) -> None:
    wheel, loop = make(time)
    entry = Reminder(time.now + 0.333)
    wheel.arm(entry)
    turns(loop, time, 1.0, 0.01)
    assert 1_000.333 <= entry.told_at <= 1_000.333 + TICK_S + 0.011


def test_deadline_that_has_passed_fires_in_the_next_turn_of_a_busy_wheel(time: Time) -> None:
    wheel, loop = make(time)
    wheel.arm(Reminder(time.now + 60))
    turns(loop, time, 0.3)
    late = Reminder(time.now - 0.2)
    wheel.arm(late)
    turns(loop, time, 2 * TICK_S)
    assert late.told_at


def test_stall_of_the_loop_loses_no_deadline(time: Time) -> None:
    """An entry told in the turn after a stall arms itself again, as the driver does."""
    wheel, loop = make(time)
    first = Reminder(time.now + 0.05)
    first._act = lambda: again(wheel, first, time.now + 10)
    others = [Reminder(time.now + 0.05 * n) for n in range(2, 8)]
    for entry in (first, *others):
        wheel.arm(entry)
    turns(loop, time, 1.0, stall_s=0.5)
    assert all(entry.told_at for entry in others)


def test_entry_armed_for_the_past_while_others_are_told_is_not_lost(time: Time) -> None:
    wheel, loop = make(time)
    late = Reminder(time.now - 5)
    wheel.arm(Reminder(time.now + 0.05, lambda: wheel.arm(late)))
    turns(loop, time, 0.3)
    assert late.told_at


def test_entry_moved_earlier_while_its_own_slot_is_told_is_not_lost(time: Time) -> None:
    wheel, loop = make(time)
    late = Reminder(time.now + 0.05)
    pair = [Reminder(time.now + 0.05, lambda: again(wheel, late, time.now - 5)) for _ in range(3)]
    for entry in (late, *pair):
        wheel.arm(entry)
    turns(loop, time, 0.3)
    assert late.told_at and all(entry.told_at for entry in pair)


def again(wheel: Wheel, entry: Reminder, due: float) -> None:
    entry.due = due
    wheel.arm(entry)


async def test_wheel_turns_on_a_real_loop() -> None:
    loop = asyncio.get_running_loop()
    told = loop.create_future()
    wheel = Wheel(loop)
    wheel.arm(Reminder(wheel.now() + 0.01, lambda: told.set_result(None)))
    await asyncio.wait_for(told, 1)
    assert wheel.is_empty
