"""Breaker, cooldown and cut of one element."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.supply.element import Breaker, Element


def open_breaker(now: float = 0.0) -> Element:
    element = Element("e")
    for _ in range(5):
        element.fail(now)
    assert element.breaker is Breaker.OPEN
    return element


def test_four_failures_in_a_row_leave_it_closed_and_a_success_forgets_them() -> None:
    element = Element("e")
    for _ in range(4):
        element.fail(0)
    element.succeed()
    for _ in range(4):
        element.fail(0)
    assert element.breaker is Breaker.CLOSED and element.admits(0)


def test_open_breaker_refuses_until_its_time_and_then_lets_one_probe_through() -> None:
    element = open_breaker()
    assert not element.admits(29.9)
    assert element.admits(30.0)
    element.claim()
    assert element.breaker is Breaker.HALF_OPEN and not element.admits(30.0)


def test_three_good_probes_close_it() -> None:
    element = open_breaker()
    for turn in range(3):
        assert element.admits(31 + turn)
        element.succeed(element.claim())
    assert element.breaker is Breaker.CLOSED and element.is_quiet


def test_failed_probe_opens_it_for_longer() -> None:
    element = open_breaker()
    element.fail(30.0, element.claim())
    assert element.open_until == 90.0


def test_probe_whose_client_left_gives_the_slot_back() -> None:
    element = open_breaker()
    element.release(element.claim())
    assert element.admits(31.0)


def test_attempt_from_before_the_opening_does_not_free_the_probes_slot() -> None:
    element = Element("e")
    older = element.claim()
    for _ in range(5):
        element.fail(0.0)
    probe = element.claim()
    element.release(older)
    assert not element.admits(31.0), "the probe is still under way"
    element.release(probe)
    assert element.admits(31.0)


def test_of_two_cooldowns_the_later_end_holds() -> None:
    element = Element("e")
    element.cool(60.0)
    element.cool(5.0)
    assert not element.admits(59.0) and element.admits(60.0)


def test_cut_lasts_until_it_is_restored() -> None:
    element = Element("e")
    element.cut()
    assert not element.admits(1e9) and element.ready_at(0) == float("inf")
    element.restore()
    assert element.admits(0)


def test_restore_does_not_forget_an_open_breaker() -> None:
    element = open_breaker()
    element.cut()
    element.restore()
    assert not element.admits(10.0)


@given(st.lists(st.tuples(st.sampled_from(["fail", "cool", "succeed", "claim", "release"]),
                          st.floats(0, 100)), max_size=40))  # fmt: skip
def test_quiet_element_admits_and_a_cooling_one_does_not(steps: list[tuple[str, float]]) -> None:
    element, now = Element("e"), 0.0
    for name, wait in steps:
        now += wait
        if name == "cool":
            element.cool(now + 10)
        elif name == "fail":
            element.fail(now, element.probe)
        elif name == "claim":
            element.claim()
        else:
            getattr(element, name)(element.probe)
        if element.is_quiet:
            assert element.breaker is Breaker.CLOSED and now >= element.cool_until
        if element.admits(now):
            assert now >= element.cool_until and not element.is_cut
