"""Rules that Cedar accepts and that would fail open are refused."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import Hop, PolicyError
from policies.engine import _parse_rules
from policies.entities import ATTRIBUTES, ENUMS, Shape
from policies.facts import FACT_NAMES, Cert, Hosting, Regime, TransferBasis
from policies.lint import lint_rules
from tests.policies.starter_pack import OWN, build, make_labels

PERMIT_ALL = '@id("all") @reason("all") permit (principal, action, resource);'
WITHIN = 'resource.processing.within in Zone::"EU"'
TOUCH = 'resource.processing.may_touch.contains(Zone::"CN")'


def _forbid(clauses: str) -> str:
    return f'@id("f") @reason("r") forbid (principal, action, resource) {clauses};'


def _lint(text: str) -> str:
    problems = lint_rules(_parse_rules({"a.cedar": text}).values(), {})
    return "\n".join(map(str, problems))


@pytest.mark.parametrize(
    "clauses",
    [
        pytest.param(f"unless {{ {WITHIN} }}", id="within-in-unless"),
        pytest.param(f"when {{ {TOUCH} }}", id="may-touch-in-when"),
        pytest.param("when { resource.handling.trains }", id="hazard-in-when"),
        pytest.param("unless { !resource.handling.trains }", id="no-hazard-in-unless"),
        pytest.param("unless { resource.handling.trains == false }", id="hazard-is-false"),
        pytest.param("when { resource.handling.trains != false }", id="hazard-is-not-false"),
        pytest.param("unless { resource.handling.retention_days == 0 }", id="retains-nothing"),
        pytest.param("when { resource.handling.retention_days != 0 }", id="retains-something"),
        pytest.param("unless { resource.handling.retention_days <= 30 }", id="retains-little"),
        pytest.param("unless { 30 >= resource.handling.retention_days }", id="the-other-side"),
        pytest.param("when { resource.handling.retention_days > 30 }", id="retains-much"),
        pytest.param("when { !resource.handling.dpa }", id="no-assurance-in-when"),
        pytest.param('when { resource.hosting != Hosting::"on_prem" }', id="is-not-surely"),
        pytest.param(
            'unless { [Hosting::"on_prem", Hosting::"own_cloud"].contains(resource.hosting) }',
            id="one-of",
        ),
        pytest.param("unless { resource.operator.reachable_by.may.isEmpty() }", id="none-reaches"),
        pytest.param(
            'unless { [Regime::"uk_ipa"].containsAll(resource.operator.reachable_by.may) }',
            id="at-most-this-one-reaches",
        ),
        pytest.param('unless { resource.certs.contains(Cert::"hds") }', id="certified"),
        pytest.param(
            'when { context.subjects.may_touch.contains(Zone::"US") }', id="subjects-may-be"
        ),
        pytest.param(
            f'when {{ if context.class == DataClass::"public" then false else {TOUCH} }}',
            id="if-on-a-label",
        ),
        pytest.param('when { resource.vendor == "openai" }', id="always-known"),
        pytest.param('when { resource == Deployment::"own" }', id="the-deployment-itself"),
        pytest.param("when { resource has hosting }", id="has"),
    ],
)
def test_a_fact_asked_the_right_way_round_is_accepted(clauses: str) -> None:
    assert _lint(_forbid(clauses)) == ""


@pytest.mark.parametrize(
    ("clauses", "message"),
    [
        pytest.param(f"when {{ {WITHIN} }}", "processing.within so that", id="within-in-when"),
        pytest.param(f"unless {{ {TOUCH} }}", "may_touch so that", id="may-touch-in-unless"),
        pytest.param(f"when {{ !({WITHIN}) }}", "negates", id="within-negated"),
        pytest.param(f"unless {{ !({TOUCH}) }}", "negates", id="may-touch-negated"),
        pytest.param("when { !resource.handling.trains }", "trains so that", id="hazard-absent"),
        pytest.param("when { resource.handling.dpa }", "require it in `unless`", id="assurance"),
        pytest.param("unless { resource.broker }", "forbid it in `when`", id="hazard-required"),
        pytest.param(
            'when { resource.hosting == Hosting::"shared" }', "hosting so that", id="choice-in-when"
        ),
        pytest.param(
            "when { resource.handling.retention_days < 5 }", "so that", id="retains-little-is-bad"
        ),
        pytest.param(
            "unless { resource.handling.retention_days == 30 }", "with `==`", id="number-equal"
        ),
        pytest.param(
            "when { resource.handling.retention_days + 1 > 5 }", "with `>`", id="arithmetic"
        ),
        pytest.param(
            "when { resource.operator.reachable_by.may.isEmpty() }", "so that", id="empty-is-bad"
        ),
        pytest.param(
            'unless { resource.processing.within == Zone::"EU" }',
            "asked with `in`",
            id="zone-equal",
        ),
        pytest.param(
            'unless { resource.processing in Zone::"EU" }',
            "resource.processing.within or resource.processing.may_touch", id="bare-zone",
        ),
        pytest.param(
            "unless { resource.handling.dpa == resource.handling.baa }", "compares", id="two-facts"
        ),
        pytest.param(
            f"when {{ if {WITHIN} then true else false }}", "with `if`", id="if-on-a-fact"
        ),
        pytest.param('unless { resource.weights.family like "q*" }', "with `like`", id="like"),
        pytest.param(
            'unless { resource.weights.family == "unknown" }', "with `==`", id="unknown-text"
        ),
        pytest.param(
            'unless { resource.hosting == Hosting::"unknown" }', 'names Hosting::"unknown"',
            id="unknown-choice",
        ),
        pytest.param(
            'unless { resource.processing.within in Zone::"NOWHERE" }', "no place at all",
            id="nowhere",
        ),
    ],
)  # fmt: skip
def test_a_fact_asked_the_wrong_way_round_is_refused(clauses: str, message: str) -> None:
    assert message in _lint(_forbid(clauses))


def test_in_a_permit_the_sides_are_turned() -> None:
    permit = '@id("p") @reason("r") permit (principal, action, resource) '

    assert _lint(f"{permit} when {{ {WITHIN} }};") == ""
    assert "may_touch so that" in _lint(f"{permit} when {{ {TOUCH} }};")
    assert _lint(f"{permit} unless {{ {TOUCH} }};") == ""


def test_a_rule_without_a_reason_is_refused() -> None:
    text = _forbid("when { true }").replace('@reason("r") ', "")

    assert "f: has no @reason" in _lint(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            _forbid('unless { resource.processing.within in Zone::"EAA_CH" }'),
            'a.cedar:1: f: names Zone::"EAA_CH", which is not declared (did you mean `EEA_CH`?)',
            id="zone",
        ),
        pytest.param(
            _forbid("").replace("principal,", 'principal in Tenant::"acmee",'),
            'Tenant::"acmee", which is not declared (did you mean `acme`?)', id="tenant",
        ),
        pytest.param(
            _forbid("").replace("principal,", 'principal == App::"acme/wep",'),
            'App::"acme/wep", which is not declared (did you mean `acme/web`?)', id="app",
        ),
        pytest.param(
            _forbid("").replace("resource)", 'resource == Deployment::"owm")'),
            'Deployment::"owm", which is not declared (did you mean `own`?)', id="deployment",
        ),
        pytest.param(
            _forbid('when { [Zone::"MARS"].contains(context.subjects) }'),
            'Zone::"MARS", which is not declared', id="inside-a-set",
        ),
    ],
)  # fmt: skip
def test_a_misspelt_id_is_refused_with_the_nearest(text: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        build([OWN], {"a.cedar": text})

    assert message in str(caught.value)


_VALUES: Mapping[str, tuple[str, ...]] = {
    "resource.hosting": tuple(f'Hosting::"{value}"' for value in ENUMS["Hosting"]),
    "resource.network": tuple(f'Network::"{value}"' for value in ENUMS["Network"]),
    "resource.handling.transfer_basis": ('TransferBasis::"scc"', 'TransferBasis::"unknown"'),
    "resource.weights.family": ('"qwen"', '"unknown"'),
    "resource.weights.licence": ('"mit"', '"unknown"'),
    "resource.operator.reachable_by.surely": ('Regime::"cn_nil"', 'Regime::"uk_ipa"'),
    "resource.operator.reachable_by.may": ('Regime::"cn_nil"', 'Regime::"uk_ipa"'),
    "resource.certs": ('Cert::"hds"', 'Cert::"soc2"'),
}
_ZONE_VALUES = ('Zone::"EU"', 'Zone::"CN"', 'Zone::"GLOBAL"')
_PATHS = [path for path, item in ATTRIBUTES.items() if item.worse != "free"]


def _forms(path: str) -> list[str]:
    """Every comparison that Cedar has for the shape, right and wrong ways round."""
    values = _VALUES.get(path, _ZONE_VALUES)
    pair = f"[{values[0]}, {values[1]}]"
    match ATTRIBUTES[path].shape:
        case Shape.FLAG:
            return [path, f"{path} == true", f"{path} == false", f"{path} != true"]
        case Shape.NUMBER:
            ops = ("==", "!=", "<", "<=", ">", ">=")
            return [f"{path} {op} {n}" for op in ops for n in (0, 1, 30)] + [f"30 > {path}"]
        case Shape.CHOICE:
            return [
                *(f"{path} {op} {value}" for op in ("==", "!=") for value in values),
                f"{pair}.contains({path})",
            ]
        case Shape.SET:
            return [
                *(f"{path}.contains({value})" for value in values),
                f"{path}.containsAny({pair})",
                f"{path}.containsAll({pair})",
                f"{pair}.containsAll({path})",
                f"{pair}.containsAny({path})",
                f"{path}.isEmpty()",
                f"{path} == {pair}",
            ]
        case Shape.ZONE:
            return [f"{path} {op} {value}" for op in ("in", "==") for value in values]


atoms = st.sampled_from(_PATHS).flatmap(lambda path: st.sampled_from(_forms(path)))
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        inner.map(lambda part: f"!({part})"),
        st.builds("({}) && ({})".format, inner, inner),
        st.builds("({}) || ({})".format, inner, inner),
        st.builds('if context.mode == Mode::"alert" then ({}) else ({})'.format, inner, inner),
    ),
    max_leaves=3,
)
clauses = st.builds("{} {{ {} }}".format, st.sampled_from(["when", "unless"]), conditions)
heads = st.builds("{} (principal, action, resource) {}".format,
                  st.sampled_from(["permit", "forbid"]), clauses)  # fmt: skip
zones = st.sampled_from(["GLOBAL", "EU", "DE", "US", "CN"])
known_facts = st.fixed_dictionaries(
    {
        "broker": st.booleans(),
        "hosting": st.sampled_from(Hosting),
        "processing": zones,
        "law": zones,
        "parent_law": zones,
        "reachable_by": st.frozensets(st.sampled_from(Regime), max_size=2),
        "subprocessors": st.frozensets(zones, max_size=2),
        "retention_days": st.sampled_from([0, 1, 30, 31]),
        "trains": st.booleans(),
        "dpa": st.booleans(),
        "transfer_basis": st.sampled_from(TransferBasis),
        "weights_open": st.booleans(),
        "weights_origin": zones,
        "certs": st.frozensets(st.sampled_from(Cert), max_size=2),
    }
).map(lambda known: replace(OWN, **known))


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(heads, min_size=4, max_size=16), facts=known_facts, permits=st.booleans())
def test_whatever_rules_pass_forgetting_a_fact_never_permits(
    texts: list[str], facts: Any, permits: bool
) -> None:
    rules = [f'@id("r{number}") @reason("r") {text};' for number, text in enumerate(texts)]
    passed = [rule for rule in rules if not _lint(rule)]
    forgetful = [replace(facts, id=f"no-{name}", **{name: None}) for name in FACT_NAMES]
    engine = build(
        [facts, *forgetful], {"a.cedar": "\n".join([*passed, *([PERMIT_ALL] if permits else [])])}
    ).engine if passed or permits else None  # fmt: skip
    if engine is None:
        return

    known, *others = engine.decide_many(make_labels(), list(engine.facts), Hop.INFER)

    assert not known.errors
    if not known.is_permitted:
        assert not any(decision.is_permitted for decision in others)
