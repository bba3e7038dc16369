"""How late the loop runs, and what it leaves behind."""

from gateway.observe.lag import INTERVAL_S, LagMonitor
from tests.core_rig import HandLoop


def test_stall_is_seen_once_and_in_its_length() -> None:
    loop = HandLoop()
    lag = LagMonitor(loop, loop.now)  # type: ignore[arg-type]
    lag.start()
    loop.advance(0.1)
    assert lag.longest_s < 1e-6
    on_time = sum(lag.lateness.buckets)
    loop.time_s += 0.3  # held: nothing fires meanwhile
    loop.advance(0.0)
    assert sum(lag.lateness.buckets) == on_time + 1
    assert 0.29 < lag.take_longest() <= 0.3
    assert lag.take_longest() == 0.0


def test_stopped_monitor_leaves_no_timer() -> None:
    loop = HandLoop()
    lag = LagMonitor(loop, loop.now)  # type: ignore[arg-type]
    lag.start()
    lag.stop()
    lag.stop()
    loop.advance(10 * INTERVAL_S)
    assert sum(lag.lateness.buckets) == 0
