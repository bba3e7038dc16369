"""The wheel: never early, at most a tick late, and nothing is lost in it."""

import asyncio

import pytest

from gateway.clock import FAR, TICK_S, Wheel


class Alarm:
    """An entry that notes when it rang."""

    def __init__(self, due: float) -> None:
        self.due, self.slot = due, 0
        self.rang: list[float] = []

    def on_due(self, now: float) -> None:
        self.rang.append(now)


async def test_alarm_rings_once_within_a_tick_and_never_early():
    wheel = Wheel(asyncio.get_running_loop())
    alarm = Alarm(wheel.now() + 0.12)
    wheel.arm(alarm)
    await asyncio.sleep(0.12 + 4 * TICK_S)
    assert len(alarm.rang) == 1 and alarm.rang[0] >= alarm.due
    assert wheel.is_empty


@pytest.mark.parametrize("is_turning", [True, False])
async def test_deadline_that_has_passed_rings_at_the_next_turn(is_turning):
    wheel = Wheel(asyncio.get_running_loop())
    if is_turning:
        wheel.arm(Alarm(wheel.now() + 60))
        await asyncio.sleep(4 * TICK_S)
    late = Alarm(wheel.now() - 3 * TICK_S)
    wheel.arm(late)
    await asyncio.sleep(4 * TICK_S)
    assert len(late.rang) == 1


async def test_deadline_moved_later_rings_then():
    wheel = Wheel(asyncio.get_running_loop())
    alarm = Alarm(wheel.now() + 0.05)
    wheel.arm(alarm)
    alarm.due = wheel.now() + 0.25
    await asyncio.sleep(0.2)
    assert not alarm.rang
    await asyncio.sleep(0.05 + 4 * TICK_S)
    assert len(alarm.rang) == 1


async def test_disarmed_or_far_never_rings():
    wheel = Wheel(asyncio.get_running_loop())
    alarm, far = Alarm(wheel.now() + 0.05), Alarm(FAR)
    wheel.arm(alarm)
    wheel.arm(far)
    wheel.disarm(alarm)
    wheel.disarm(far)
    await asyncio.sleep(4 * TICK_S)
    assert not alarm.rang and not far.rang and wheel.is_empty
