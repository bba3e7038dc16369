"""Tiers as written, the least busy first, ties as in the folder."""

from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from gateway.routing.select import order
from tests.core_rig import Core, chat


class Load(NamedTuple):
    in_flight: int


class Choice(NamedTuple):
    name: int
    tier: int
    standing: Load


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=12))
def test_order_is_by_tier_then_load_then_as_written(burdens: list[tuple[int, int]]) -> None:
    choices: Any = [Choice(n, tier, Load(load)) for n, (tier, load) in enumerate(burdens)]
    expected = sorted(choices, key=lambda c: (c.tier, c.standing.in_flight, c.name))
    assert list(order(choices)) == expected


def test_requests_under_way_are_spread_over_the_tier_and_none_goes_to_the_next() -> None:
    core = Core(["a", "b"], ["c"])
    for _ in range(4):
        core.ask(chat())
    assert [len(core.transports[name].calls) for name in "abc"] == [2, 2, 0]
