"""Zones: a hierarchy with several parents, in which the unknown is worst both ways."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import PolicyError, Zones
from policies.zones import GLOBAL, NOWHERE, read_zones

NAMES = ["A", "B", "C", "D", "E", "F"]


@st.composite
def hierarchies(draw: st.DrawFn) -> Zones:
    """Each zone may lie in any that comes before it, so that there are no circles."""
    parents = {
        name: draw(st.lists(st.sampled_from(NAMES[:place] or [GLOBAL]), max_size=3, unique=True))
        for place, name in enumerate(NAMES)
    }
    return read_zones({"zones": parents})


SMALL = read_zones(
    {"zones": {"EEA_CH": [], "EU": ["EEA_CH"], "DE": ["EU"], "CH": ["EEA_CH", "ADEQUATE"],
               "ADEQUATE": [], "CN": [], "CN_NORTH": ["CN"]}}
)  # fmt: skip
names = st.sampled_from([*NAMES, GLOBAL])


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        pytest.param("DE", "EU", True, id="child"),
        pytest.param("DE", "EEA_CH", True, id="grandchild"),
        pytest.param("DE", "DE", True, id="itself"),
        pytest.param("EU", "DE", False, id="not-upwards"),
        pytest.param("CH", "ADEQUATE", True, id="second-parent"),
        pytest.param("CH", "EU", False, id="neighbour"),
        pytest.param(None, "EU", False, id="unknown"),
        pytest.param(None, GLOBAL, True, id="unknown-is-somewhere"),
        pytest.param(GLOBAL, "EU", False, id="global"),
    ],
)
def test_within(inner: str | None, outer: str, expected: bool) -> None:
    assert SMALL.within(inner, outer) is expected


def test_unknown_may_touch_every_zone() -> None:
    assert SMALL.may_touch(None) == SMALL.may_touch(GLOBAL) == SMALL.names


def test_a_zone_may_touch_what_is_inside_it_and_not_its_neighbours() -> None:
    touched = SMALL.may_touch("EU")

    assert {"EU", "DE"} <= touched
    assert not {"CH", "CN", "ADEQUATE"} & touched


def test_a_part_of_a_zone_touches_the_zone() -> None:
    # A rule that forbids CN must catch an operator in a part of it.
    assert "CN" in SMALL.may_touch("CN_NORTH")


def test_zones_that_share_a_member_touch() -> None:
    assert "ADEQUATE" in SMALL.may_touch("EEA_CH")


@given(hierarchies(), names, names, names)
def test_within_is_reflexive_and_transitive(zones: Zones, a: str, b: str, c: str) -> None:
    assert zones.within(a, a)
    assert zones.within(a, GLOBAL)
    if zones.within(a, b) and zones.within(b, c):
        assert zones.within(a, c)


@given(hierarchies(), names, names)
def test_what_is_guaranteed_is_also_possible(zones: Zones, a: str, b: str) -> None:
    if zones.within(a, b):
        assert b in zones.may_touch(a)
        assert zones.may_touch(a) <= zones.may_touch(b)


@given(hierarchies(), names, names)
def test_touching_is_mutual(zones: Zones, a: str, b: str) -> None:
    assert (b in zones.may_touch(a)) == (a in zones.may_touch(b))


@given(hierarchies(), names, names)
def test_unknown_is_worst_both_ways(zones: Zones, a: str, b: str) -> None:
    assert zones.within(a, b) or not zones.within(None, b)
    assert zones.may_touch(a) <= zones.may_touch(None)


@given(hierarchies(), st.lists(names, min_size=1, max_size=3))
def test_a_join_holds_all_of_its_zones(zones: Zones, parts: list[str]) -> None:
    joined = zones.join(parts)

    assert all(zones.within(part, joined) for part in parts)
    # Nothing smaller holds them all, unless two zones do and neither is in the other.
    rivals = [name for name in zones.names if all(zones.within(part, name) for part in parts)]
    assert joined == GLOBAL or all(zones.within(joined, rival) for rival in rivals)


def test_the_join_of_nothing_is_nowhere() -> None:
    assert SMALL.join([]) == NOWHERE


def test_a_join_among_given_zones_skips_the_others() -> None:
    assert SMALL.join(["DE", "CH"]) == "EEA_CH"
    assert SMALL.join(["DE", "DE"], frozenset({"EEA_CH"})) == "EEA_CH"
    assert SMALL.join(["DE", "CN"], frozenset({"EEA_CH"})) == GLOBAL


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        pytest.param({"zones": {"DE": ["EUU"], "EU": []}}, "did you mean `EU`?", id="misspelt"),
        pytest.param({"zones": {"A": ["B"], "B": ["A"]}}, "lies in itself", id="circle"),
        pytest.param({"zones": {"A": ["A"]}}, "lies in itself", id="own-parent"),
        pytest.param({"zones": {"NOWHERE": []}}, "reserved", id="reserved"),
        pytest.param({"zones": {"GLOBAL": ["A"], "A": []}}, "reserved", id="root-has-parent"),
        pytest.param({"zone": {}}, "did you mean `zones`?", id="unknown-key"),
        pytest.param({"zones": {"A": "B", "B": []}}, "must be a list", id="text-for-list"),
        pytest.param({"zones": {"A": [False]}}, "put the name in quotes", id="bare-no"),
        pytest.param({"zones": {False: []}}, "keys that are no text", id="bare-no-as-key"),
        pytest.param({"zones": ["A"]}, "must be a mapping", id="list-for-mapping"),
        pytest.param({"zones": {"A": [3]}}, "must be a name", id="number"),
        pytest.param({"zones": {"A": ["B", "B"], "B": []}}, "more than once", id="repeated"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason(mapping: Mapping[str, Any], message: str) -> None:
    with pytest.raises(PolicyError, match=r"zones\.yaml") as caught:
        read_zones(mapping)

    assert message in str(caught.value)
