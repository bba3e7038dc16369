"""The starter pack does what its sentences say, and what must hold of any pack."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import Facts, Hop, Labels, PolicyEngine, Wanted
from policies.facts import FACT_NAMES, Cert, Hosting, Network, Regime, TransferBasis
from tests.policies.starter_pack import (
    CASES,
    LABELS,
    OWN,
    RULES,
    ZONES,
    build,
    make_hop,
    make_labels,
    read_fleet,
)

POLICY = build(read_fleet())
FLEET = tuple(POLICY.engine.facts)
ENGINE = POLICY.engine


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES["cases"]])
def test_case_of_the_pack(case: Mapping[str, Any]) -> None:
    labels, hop = make_labels(**case["request"]), make_hop(**case["request"])
    for id in case.get("allow", ()):
        decision = ENGINE.decide(labels, id, hop)
        assert decision.is_permitted, (id, decision)
    for id, rules in case.get("deny", {}).items():
        decision = ENGINE.decide(labels, id, hop)
        assert not decision.is_permitted, id
        assert not decision.errors
        if rules != "any":
            assert set(rules) <= set(decision.policies), id


def test_every_forbid_of_the_pack_decides_some_case() -> None:
    decided = {
        rule
        for case in CASES["cases"]
        for rules in case.get("deny", {}).values()
        if rules != "any"
        for rule in rules
    }

    forbids = {id for id, rule in ENGINE.rules.items() if rule.effect == "forbid"}
    assert decided == forbids


def test_two_permits_and_the_rest_forbids() -> None:
    effects = [rule.effect for rule in ENGINE.rules.values()]

    assert effects.count("permit") == 2
    assert set(effects) == {"permit", "forbid"}


def _all_labels(klass: str, must_have: str = "") -> list[Labels]:
    tags = sorted(LABELS["tags"])
    return [
        make_labels(**{"class": klass, "tags": chosen})
        for size in range(len(tags) + 1)
        for chosen in combinations(tags, size)
        if not must_have or must_have in chosen
    ]


def test_restricted_data_never_reaches_an_operator_under_the_cloud_act() -> None:
    reached = [
        id
        for labels in _all_labels("restricted")
        for id, decision in zip(FLEET, ENGINE.decide_many(labels, FLEET, Hop.INFER), strict=True)
        if decision.is_permitted and ENGINE.facts[id].reachable_by
    ]

    assert "own-qwen" in _permitted(make_labels(**{"class": "restricted"}))
    assert reached == []


def test_export_controlled_data_never_leaves_the_premises() -> None:
    for klass in LABELS["classes"]:
        for labels in _all_labels(klass, must_have="export_controlled"):
            assert _permitted(labels) <= {"own-qwen"}


def _permitted(labels: Labels, hop: Hop = Hop.INFER) -> set[str]:
    decisions = ENGINE.decide_many(labels, FLEET, hop)
    return {id for id, decision in zip(FLEET, decisions, strict=True) if decision.is_permitted}


zones = st.sampled_from(["GLOBAL", "EEA_CH", "EU", "DE", "CH", "UK", "US", "CN"])
any_labels = st.builds(
    Labels,
    tenant=st.sampled_from(["default", "acme"]),
    app=st.just("web"),
    klass=st.sampled_from(LABELS["classes"]),
    tags=st.frozensets(st.sampled_from(sorted(LABELS["tags"]))),
    purpose=st.sampled_from(LABELS["purposes"]),
    subjects=st.sampled_from([*LABELS["subjects"], "GLOBAL"]),
    mode=st.sampled_from(LABELS["modes"]),
)
any_wanted = st.builds(
    Wanted,
    klass=st.none() | st.sampled_from(LABELS["classes"]),
    tags=st.frozensets(st.sampled_from(sorted(LABELS["tags"])), max_size=2),
    purpose=st.none() | st.sampled_from(LABELS["purposes"]),
    subjects=st.none() | st.sampled_from([*LABELS["subjects"], "GLOBAL"]),
)
known_values: Mapping[str, st.SearchStrategy[Any]] = {
    "broker": st.booleans(),
    "hosting": st.sampled_from(Hosting),
    "network": st.sampled_from(Network),
    "processing": zones,
    "storage": zones,
    "legal_entity": st.just("somebody"),
    "law": zones,
    "parent_law": zones,
    "reachable_by": st.frozensets(st.sampled_from(Regime)),
    "subprocessors": st.frozensets(zones),
    "retention_days": st.sampled_from([0, 1, 30, 36_500]),
    "trains": st.booleans(),
    "human_review": st.booleans(),
    "dpa": st.booleans(),
    "baa": st.booleans(),
    "transfer_basis": st.sampled_from(TransferBasis),
    "weights_open": st.booleans(),
    "weights_origin": zones,
    "weights_family": st.sampled_from(["qwen", "gpt"]),
    "weights_licence": st.sampled_from(["apache-2.0", "closed"]),
    "certs": st.frozensets(st.sampled_from(Cert), max_size=2),
}
any_facts = st.fixed_dictionaries(dict(known_values)).map(lambda known: replace(OWN, **known))
good_or_any_facts = st.one_of(
    any_facts,
    st.lists(st.sampled_from(FACT_NAMES), max_size=3, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: known_values[name] for name in names}).map(
            lambda known: replace(OWN, **known)
        )
    ),
)


def test_a_strategy_exists_for_every_fact() -> None:
    assert set(known_values) == set(FACT_NAMES)


@settings(max_examples=60, deadline=None)
@given(facts=good_or_any_facts, labels=any_labels, hop=st.sampled_from(Hop))
def test_forgetting_a_fact_never_permits(facts: Facts, labels: Labels, hop: Hop) -> None:
    forgetful = [
        replace(facts, id=f"without-{name}", **{name: None})  # type: ignore[arg-type]
        for name in FACT_NAMES
    ]
    nothing = replace(facts, id="without-any", **dict.fromkeys(FACT_NAMES))  # type: ignore[arg-type]
    engine = build([facts, nothing, *forgetful]).engine

    known, *others = engine.decide_many(labels, list(engine.facts), hop)

    assert not known.errors
    if not known.is_permitted:
        assert not any(decision.is_permitted for decision in others)


@settings(max_examples=150, deadline=None)
@given(floor=any_labels, wanted=any_wanted, hop=st.sampled_from(Hop))
def test_raising_labels_never_permits_more(floor: Labels, wanted: Wanted, hop: Hop) -> None:
    raised = POLICY.vocabulary.raise_to(floor, wanted)

    assert _permitted(raised, hop) <= _permitted(floor, hop)


@settings(max_examples=60, deadline=None)
@given(labels=any_labels)
def test_island_never_permits_more(labels: Labels) -> None:
    normal = labels._replace(mode="normal")

    assert _permitted(labels._replace(mode="island")) <= _permitted(normal)


@cache
def _add_rule(text: str) -> PolicyEngine:
    return build(ENGINE.facts.values(), {**RULES, "99-more.cedar": text}).engine


@settings(max_examples=40, deadline=None)
@given(
    condition=st.sampled_from(
        [
            "true",
            'context.tags.contains(DataTag::"personal")',
            'resource.processing.may_touch.contains(Zone::"US")',
            "resource.handling.retention_days > 7",
            '!(resource.network == Network::"local")',
            "1 + 9223372036854775807 > 0",  # this one errs
        ]
    ),
    scope=st.sampled_from(
        ["principal, action, resource", 'principal in Tenant::"acme", action, resource']
    ),
    labels=any_labels,
)
def test_adding_a_forbid_never_permits_more(condition: str, scope: str, labels: Labels) -> None:
    more = f'@id("more") @reason("more") forbid ({scope}) when {{ {condition} }};'
    stricter = _add_rule(more)

    decisions = stricter.decide_many(labels, FLEET, Hop.INFER)

    permitted = {id for id, item in zip(FLEET, decisions, strict=True) if item.is_permitted}
    assert permitted <= _permitted(labels)


def test_all_zones_of_the_catalogue_are_in_the_pack() -> None:
    assert {"EEA_CH", "GLOBAL_EX_CN", "HK", "AE"} <= set(ZONES["zones"])
