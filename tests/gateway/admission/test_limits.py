"""What is under way is counted, bounded and always given back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.limits import Caps, Lease, Limits
from gateway.errors import LimitReachedError
from tests.core_rig import PRINCIPAL, Core


def test_key_has_its_own_cap_and_hears_429() -> None:
    limits = Limits(Caps(in_flight=10, in_flight_per_key=2))
    held = [limits.enter(PRINCIPAL) for _ in range(2)]
    with pytest.raises(LimitReachedError, match="2 requests under way") as refused:
        limits.enter(PRINCIPAL)
    assert (refused.value.status, refused.value.retry_after_s) == (429, 1.0)
    limits.enter(replace(PRINCIPAL, key_id="key_2"))
    held.pop().give_back()
    limits.enter(PRINCIPAL)


def test_keys_own_number_wins_over_the_folders() -> None:
    limits = Limits(Caps(in_flight_per_key=5))
    principal = replace(PRINCIPAL, max_in_flight=1)
    limits.enter(principal)
    with pytest.raises(LimitReachedError):
        limits.enter(principal)


def test_everybodys_cap_is_503_and_counts_nothing() -> None:
    limits = Limits(Caps(in_flight=1))
    limits.enter(PRINCIPAL)
    with pytest.raises(LimitReachedError) as refused:
        limits.enter(replace(PRINCIPAL, key_id="key_2"))
    assert refused.value.status == 503
    assert limits.in_flight == 1


def test_lease_given_back_twice_counts_once() -> None:
    limits = Limits(Caps())
    first, second = limits.enter(PRINCIPAL), limits.enter(PRINCIPAL)
    first.hold(100)
    first.give_back()
    first.give_back()
    assert (limits.in_flight, limits.bodies_bytes) == (1, 0)
    first.hold(5)
    assert limits.bodies_bytes == 0, "a lease that was given back holds nothing"
    second.give_back()
    assert not limits._by_key


def test_memory_of_all_bodies_together_is_bounded() -> None:
    limits = Limits(Caps(bodies_bytes=100))
    first, second = limits.enter(PRINCIPAL), limits.enter(PRINCIPAL)
    first.hold(60)
    with pytest.raises(LimitReachedError) as refused:
        second.hold(41)
    assert refused.value.status == 503
    second.hold(40)
    first.give_back()
    assert limits.bodies_bytes == 40


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["enter", "hold", "give back", "reload"]),
            st.integers(0, 3),
            st.integers(0, 60),
        )
    )
)
def test_any_interleaving_stays_in_bounds_and_returns_to_zero(
    acts: list[tuple[str, int, int]],
) -> None:
    limits, leases = Limits(Caps(in_flight=6, in_flight_per_key=3, bodies_bytes=100)), []
    for act, which, size in acts:
        lease: Lease | None = leases[which % len(leases)] if leases else None
        try:
            if act == "enter":
                leases.append(limits.enter(replace(PRINCIPAL, key_id=f"key_{which}")))
            elif act == "hold" and lease is not None:
                lease.hold(size)
            elif act == "give back" and lease is not None:
                lease.give_back()
            elif act == "reload":
                limits.caps = replace(limits.caps, in_flight=size % 7)
        except LimitReachedError:
            pass
        assert 0 <= limits.in_flight <= 6
        assert 0 <= limits.bodies_bytes <= 100
        assert sum(limits._by_key.values()) == limits.in_flight
    for lease in leases:
        lease.give_back()
    assert (limits.in_flight, limits.bodies_bytes, limits._by_key) == (0, 0, {})


@pytest.mark.parametrize(
    ("caps", "status", "code"),
    [
        pytest.param(Caps(in_flight_per_key=0), 429, "limit_reached", id="key"),
        pytest.param(Caps(in_flight=0), 503, "limit_reached", id="all"),
        pytest.param(Caps(body_bytes=10), 413, "request_too_large", id="body"),
        pytest.param(Caps(bodies_bytes=10), 503, "limit_reached", id="bodies"),
    ],
)
def test_request_over_a_cap_is_answered_and_has_a_row(caps: Caps, status: int, code: str) -> None:
    core = Core(["a"], caps=caps)
    exchange, sink = core.ask()
    assert (sink.status, sink.code) == (status, code)
    assert (core.journal.rows[0].outcome, core.journal.rows[0].status) == (code, status)
    assert exchange.is_over
    core.check_at_rest()
