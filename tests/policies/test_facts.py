"""Facts are read strictly, and what is unknown is rendered at its worst."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from policies import Facts, PolicyError, read_facts
from policies.entities import ATTRIBUTES, FOREVER_DAYS, Shape, Worse, render_facts
from policies.facts import FACT_NAMES, Hosting, Regime
from policies.zones import GLOBAL, NOWHERE, read_zones
from tests.policies.starter_pack import OWN, ZONES

ZONES_READ = read_zones(ZONES)
NOBODY = Facts(id="nobody", vendor="v", account="a", model="m")
MINIMAL = {"vendor": "v", "account": "a", "model": "m"}


def _attribute(facts: Facts, path: str) -> Any:
    value: Any = render_facts(facts, ZONES_READ)["attrs"]
    for step in path.removeprefix("resource.").split("."):
        value = value[step]
    return value


def _ids(links: list[Mapping[str, Any]]) -> set[str]:
    return {link["__entity"]["id"] for link in links}


def test_a_mapping_of_facts_is_read() -> None:
    facts = read_facts(
        "x",
        {
            **MINIMAL,
            "hosting": "on_prem",
            "reachable_by": ["cn_nil"],
            "retention_days": 0,
            "dpa": None,
            "evidence": {"source": "s", "as_of": date(2026, 11, 1), "confidence": "contract"},
        },
    )

    assert (facts.id, facts.hosting, facts.retention_days) == ("x", Hosting.ON_PREM, 0)
    assert facts.reachable_by == {Regime.CN_NIL}
    assert facts.dpa is None
    assert facts.evidence[0].as_of == "2026-11-01"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"retension_days": 0}, "did you mean `retention_days`?", id="unknown-name"),
        pytest.param({"hosting": "onprem"}, "did you mean `on_prem`?", id="choice"),
        pytest.param({"reachable_by": ["us"]}, "unknown value `us`", id="regime"),
        pytest.param({"retention_days": -1}, "from 0 to 36500", id="negative"),
        pytest.param({"retention_days": True}, "from 0 to 36500", id="flag-for-number"),
        pytest.param({"retention_days": 40_000}, "from 0 to 36500", id="too-long"),
        pytest.param({"trains": 0}, "x.trains: must be true, false or null", id="number-for-flag"),
        pytest.param({"trains": "no"}, "x.trains: must be true, false or null", id="text-for-flag"),
        pytest.param({"law": False}, "put the name in quotes", id="bare-no"),
        pytest.param({"vendor": ""}, "x.vendor: must be a name", id="empty"),
        pytest.param({"evidence": {"source": "s"}}, "x.evidence.as_of", id="evidence"),
        pytest.param(
            {"evidence": {"source": "s", "as_of": "2026", "confidence": "sure"}},
            "unknown value `sure`", id="confidence",
        ),
        pytest.param(
            {"evidence": {"source": "s", "as_of": "2026", "confidence": "low", "expires": "soon"}},
            "x.evidence.expires", id="expires",
        ),
    ],
)  # fmt: skip
def test_a_wrong_fact_is_refused_by_name(changes: Mapping[str, Any], message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_facts("x", {**MINIMAL, **changes})

    assert message in str(caught.value)


_HAZARDS = [
    (path, item) for path, item in ATTRIBUTES.items()
    if path.startswith("resource") and item.worse is not Worse.FREE
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "shape", "worse"),
    [pytest.param(path, item.shape, item.worse, id=path) for path, item in _HAZARDS],
)
def test_the_unknown_is_rendered_at_its_worst(path: str, shape: Shape, worse: Worse) -> None:
    zone = {"__entity": {"type": "Zone", "id": GLOBAL}}
    if path.endswith((".within", ".may_touch")) and "subprocessors" not in path:
        # A zone is a link: GLOBAL is within nothing smaller and may touch all.
        assert _attribute(NOBODY, path.rpartition(".")[0]) == zone
        return
    rendered = _attribute(NOBODY, path)
    match shape, worse:
        case Shape.FLAG, _:
            assert rendered is (worse is Worse.MORE)
        case Shape.NUMBER, _:
            assert rendered == FOREVER_DAYS
        case Shape.CHOICE, _:
            assert rendered == "unknown" or rendered["__entity"]["id"] == "unknown"
        case Shape.ZONE, _:
            assert rendered == zone
        case Shape.SET, Worse.LESS:
            assert rendered == []
        case Shape.SET, _:
            everything = ZONES_READ.names if path.endswith("may_touch") else set(Regime)
            assert _ids(rendered) == everything


def test_every_fact_but_the_entitys_name_can_be_asked() -> None:
    asked = {item.fact for item in ATTRIBUTES.values()}

    assert set(FACT_NAMES) - asked == {"legal_entity"}


def test_no_sub_processors_are_within_every_zone_and_touch_none() -> None:
    path = "resource.operator.subprocessors"

    assert _attribute(OWN, f"{path}.within")["__entity"]["id"] == NOWHERE
    assert _attribute(OWN, f"{path}.may_touch") == []


def test_several_sub_processors_are_within_what_holds_them_all() -> None:
    facts = replace(OWN, subprocessors=frozenset({"FR", "CH"}))
    path = "resource.operator.subprocessors"

    assert _attribute(facts, f"{path}.within")["__entity"]["id"] == "EEA_CH"
    touched = _ids(_attribute(facts, f"{path}.may_touch"))
    assert {"FR", "CH", "EU"} <= touched
    assert not {"US", "DE"} & touched


@pytest.mark.parametrize("broker", [pytest.param(True, id="broker"), pytest.param(None, id="null")])
def test_what_a_broker_says_of_its_own_law_counts_for_nothing(broker: bool | None) -> None:
    facts = replace(OWN, broker=broker)

    assert _attribute(facts, "resource.operator") == _attribute(NOBODY, "resource.operator")
