"""An explanation names rule, law, fact, and what would pass."""

from dataclasses import replace

import pytest

from policies import Facts, Hop, UnknownLabelError, explain
from tests.policies.starter_pack import OWN, build, make_labels

NOBODY = Facts(id="nobody", vendor="v", account="a", model="m")
US = replace(
    OWN, id="us", hosting=NOBODY.hosting, law="US", parent_law="US", retention_days=30,
    reachable_by=frozenset(["us_cloud_act"]),  # type: ignore[arg-type]  # a StrEnum's text
)  # fmt: skip
ENGINE = build([OWN, NOBODY, US]).engine


def test_a_refusal_names_rule_reason_law_facts_and_ways_out() -> None:
    labels = make_labels(tags=["personal"])

    explanation = explain(ENGINE, labels, "us", Hop.INFER)

    (ground,) = explanation.grounds
    assert not explanation.decision.is_permitted
    assert (ground.id, ground.effect, ground.override) == (
        "personal-cloud-act", "forbid", "two-person",
    )  # fmt: skip
    assert "GDPR" in ground.law
    assert ground.file == "20-sovereignty.cedar"
    assert [(item.text, item.holds) for item in ground.because] == [
        ('context.tags.contains(DataTag::"personal")', True),
        ('resource.operator.reachable_by.may.contains(Regime::"us_cloud_act")', True),
    ]
    (way,) = ground.ways
    assert [(item.text, item.holds, item.facts) for item in way] == [
        ("resource.handling.retention_days == 0", False, ("retention_days: 30",)),
        ("resource.handling.dpa", True, ("dpa: true",)),
    ]


def test_each_alternative_of_an_unless_is_a_way_of_its_own() -> None:
    explanation = explain(ENGINE, make_labels(**{"class": "restricted"}), "us", Hop.INFER)

    ways = {ground.id: ground.ways for ground in explanation.grounds}["restricted-sovereign"]
    assert [len(way) for way in ways] == [1, 4]
    assert [item.holds for item in ways[1]] == [True, False, False, False]


def test_an_unknown_fact_is_called_unknown() -> None:
    explanation = explain(ENGINE, make_labels(), "nobody", Hop.INFER)

    assert "    would pass if ✗ !resource.handling.trains (trains: unknown)" in list(
        explanation.lines()
    )


def test_a_permit_names_the_rule_that_permits() -> None:
    lines = list(explain(ENGINE, make_labels(), "own", Hop.INFER).lines())

    assert lines[0] == "own: permitted by permit-labelled"
    assert "✓" in lines[2]


def test_a_tenants_rule_says_whose_it_is() -> None:
    labels = make_labels(tenant="acme", app="web", **{"class": "public"})

    (ground,) = explain(ENGINE, labels, "nobody", Hop.INFER).grounds

    assert ground.because[0].text == 'principal in Tenant::"acme"'
    assert ground.because[0].holds
    assert ground.because[1].facts == ("law: unknown", "parent_law: unknown")


def test_where_nothing_permits_the_permits_that_might_have_are_shown() -> None:
    permit = (
        '@id("public-alone") @reason("r") permit (principal, action, resource) '
        'when { context.class == DataClass::"public" };'
    )
    engine = build([OWN], {"a.cedar": permit}).engine

    explanation = explain(engine, make_labels(), "own", Hop.INFER)

    (ground,) = explanation.grounds
    assert explanation.decision.policies == ("no-permit",)
    assert (ground.id, ground.because[0].holds) == ("public-alone", False)


def test_an_unknown_deployment_has_no_grounds_but_an_error() -> None:
    explanation = explain(ENGINE, make_labels(), "ghost", Hop.INFER)

    assert explanation.grounds == ()
    assert list(explanation.lines()) == [
        "ghost: refused by unknown-deployment",
        "  deployment `ghost` has no facts",
    ]


def test_undeclared_labels_cannot_be_explained() -> None:
    with pytest.raises(UnknownLabelError, match="class `secret`"):
        explain(ENGINE, make_labels(**{"class": "secret"}), "own", Hop.INFER)


def test_the_hop_kind_is_explained_too() -> None:
    labels = make_labels(**{"class": "confidential"})
    engine = build([replace(OWN, hosting=NOBODY.hosting)]).engine

    infer, mirror = (explain(engine, labels, "own", hop) for hop in (Hop.INFER, Hop.MIRROR))

    assert infer.decision.is_permitted
    assert [ground.id for ground in mirror.grounds] == ["mirror-own-hosts"]
