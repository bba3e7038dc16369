"""The engine never fails open, and says where a rule is wrong."""

from typing import Any

import cedarpy
import pytest

from policies import Decision, Facts, Hop, PolicyError
from policies.engine import render_request
from tests.policies.starter_pack import LABELS, OWN, RULES, SCHEMA, TENANTS, build, make_labels

PERMIT_ALL = '@id("all") @reason("all") permit (principal, action, resource);'
OVERFLOW = (
    '@id("errs") @reason("errs") forbid (principal, action, resource) '
    "when { 1 + 9223372036854775807 > 0 };"
)
NOBODY = Facts(id="nobody", vendor="v", account="a", model="m")


def _ask_cedar(engine: Any, request: dict[str, Any], *, with_schema: bool) -> cedarpy.AuthzResult:
    """Cedar by itself, with the engine's own handles."""
    schema = engine._schema if with_schema else None
    return cedarpy.is_authorized(request, engine._policies, engine._entities, schema)


def test_guard_an_erring_forbid_refuses() -> None:
    engine = build([OWN], {"a.cedar": PERMIT_ALL + OVERFLOW}).engine
    labels = engine.vocabulary.canonical(make_labels())

    raw = _ask_cedar(engine, render_request(labels, "own", Hop.INFER), with_schema=True)
    decision = engine.decide(labels, "own", Hop.INFER)

    assert raw.allowed and raw.diagnostics.errors  # Cedar alone skips it
    assert not decision.is_permitted
    assert decision.policies == ("evaluation-error",)
    assert "errs" in decision.errors[0]


def test_guard_an_unknown_deployment_is_refused_before_cedar() -> None:
    engine = build([OWN], {"a.cedar": PERMIT_ALL}).engine
    labels = engine.vocabulary.canonical(make_labels())

    raw = _ask_cedar(engine, render_request(labels, "owm", Hop.INFER), with_schema=True)
    decision = engine.decide(labels, "owm", Hop.INFER)

    assert raw.allowed and not raw.diagnostics.errors  # Cedar alone permits what does not exist
    assert decision == Decision(False, ("unknown-deployment",), ("deployment `owm` has no facts",))


def test_guard_the_schema_goes_along_with_every_evaluation() -> None:
    engine = build([OWN], {"a.cedar": PERMIT_ALL}).engine
    labels = engine.vocabulary.canonical(make_labels())._replace(klass="secret")
    request = render_request(labels, "own", Hop.INFER)

    raw = _ask_cedar(engine, request, with_schema=False)
    (decision,) = engine._ask([request], engine._policies)

    assert raw.allowed  # without a schema a value outside its enum passes
    assert not decision.is_permitted
    assert decision.policies == ("evaluation-error",)


def test_guard_an_unknown_label_value_is_refused_by_name() -> None:
    engine = build([OWN], {"a.cedar": PERMIT_ALL}).engine

    decision = engine.decide(make_labels(**{"class": "secret"}), "own", Hop.INFER)

    assert decision.policies == ("unknown-label",)
    assert "class `secret` is not declared" in decision.errors[0]


def test_what_no_permit_covers_is_refused() -> None:
    permit = PERMIT_ALL.removesuffix(";") + ' when { context.class == DataClass::"public" };'
    engine = build([OWN], {"a.cedar": permit}).engine

    assert engine.decide(make_labels(), "own", Hop.INFER) == Decision(False, ("no-permit",))


def test_a_deployment_of_which_nothing_is_known_serves_public_data_alone() -> None:
    engine = build([NOBODY]).engine

    assert engine.decide(make_labels(**{"class": "public"}), "nobody", Hop.INFER).is_permitted
    assert not engine.decide(make_labels(), "nobody", Hop.INFER).is_permitted


def test_labels_are_normalised_before_they_are_judged() -> None:
    permit = PERMIT_ALL.removesuffix(";") + ' when { context.class == DataClass::"public" };'
    engine = build([OWN], {"a.cedar": permit}).engine
    labels = make_labels(**{"class": "public", "tags": ["personal"]})

    assert not engine.decide(labels, "own", Hop.INFER).is_permitted


def test_each_hop_kind_is_an_action_of_its_own() -> None:
    forbid = '@id("m") @reason("m") forbid (principal, action == Action::"mirror", resource);'
    engine = build([OWN], {"a.cedar": PERMIT_ALL + forbid}).engine

    permitted = {hop: engine.decide(make_labels(), "own", hop).is_permitted for hop in Hop}

    assert permitted == {hop: hop is not Hop.MIRROR for hop in Hop}


def test_many_decisions_keep_the_order_of_the_ids() -> None:
    engine = build([OWN, NOBODY]).engine

    decisions = engine.decide_many(make_labels(), ["nobody", "ghost", "own"], Hop.INFER)

    assert [decision.is_permitted for decision in decisions] == [False, False, True]
    assert decisions[1].policies == ("unknown-deployment",)
    assert engine.decide_many(make_labels(), [], Hop.INFER) == []


def test_the_policies_that_decided_are_all_named() -> None:
    engine = build([NOBODY]).engine
    labels = make_labels(**{"class": "restricted", "tags": ["personal"]})

    assert engine.decide(labels, "nobody", Hop.INFER).policies == (
        "confidential-in-eea",
        "no-training",
        "personal-agreement",
        "personal-cloud-act",
        "restricted-sovereign",
    )


FORBID = '@id("f") @reason("r") forbid (principal, action, resource) when '


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            PERMIT_ALL + "\n\n// why\n" + FORBID + "{ true", "a.cedar:4: is no Cedar policy",
            id="syntax",
        ),
        pytest.param(
            PERMIT_ALL + "\n" + FORBID + "{ resource.handling.trans };",
            "a.cedar:2: f: attribute `handling.trans`", id="attribute",
        ),
        pytest.param(
            FORBID + '{ context.class == DataClass::"secret" };',
            'a.cedar:1: f: entity `DataClass::"secret"`', id="enum-value",
        ),
        pytest.param(
            FORBID.replace("action,", 'action == Action::"infre",') + "{ true };",
            "a.cedar:1: f: ", id="action",
        ),
        pytest.param(
            "permit (principal, action, resource);", "a.cedar:1: a permit has no @id", id="no-id"
        ),
        pytest.param(
            PERMIT_ALL + "\n" + PERMIT_ALL, "a.cedar:2: all: is also in a.cedar:1", id="twice"
        ),
        pytest.param(
            PERMIT_ALL.replace('"all"', '"no-permit"'), "no-permit: is a reserved id", id="reserved"
        ),
        pytest.param(
            '@id("t") @reason("t") permit (principal == ?principal, action, resource);',
            "a.cedar:1: is a template", id="template",
        ),
        pytest.param("// nothing\n", "no rules at all", id="empty"),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        build([OWN], {"a.cedar": text})

    assert message in str(caught.value)


def test_all_wrong_statements_are_told_at_once() -> None:
    with pytest.raises(PolicyError) as caught:
        build([OWN], {"a.cedar": "permit x;\n", "b.cedar": PERMIT_ALL + "\nforbid y;"})

    assert [(problem.file, problem.line) for problem in caught.value.problems] == [
        ("a.cedar", 1),
        ("b.cedar", 2),
    ]


def test_a_wrong_schema_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"schema\.cedarschema"):
        build([OWN], schema=SCHEMA.replace("trains: Bool", "trains: Bol"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param('"minors", ', "", "DataTag: does not declare `minors`", id="tag"),
        pytest.param('"cn_nil", ', "", "Regime: does not declare `cn_nil`", id="regime"),
        pytest.param("  certs: Set<Cert>,\n", "", "does not fit the facts", id="attribute-less"),
        pytest.param("  broker: Bool,", "  broker: Long,", "does not fit the facts", id="type"),
    ],
)
def test_a_schema_that_disagrees_with_labels_or_facts_is_refused(
    old: str, new: str, message: str
) -> None:
    assert old in SCHEMA
    with pytest.raises(PolicyError) as caught:
        build([OWN], {"a.cedar": PERMIT_ALL}, schema=SCHEMA.replace(old, new))

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        pytest.param(
            [Facts(id="x", vendor="v", account="a", model="m", law="DEE")],
            "x.law: has the unknown value `DEE`", id="zone",
        ),
        pytest.param(
            [Facts(id="x", vendor="v", account="a", model="m", subprocessors=frozenset({"USA"}))],
            "did you mean `US`?", id="zone-of-a-sub-processor",
        ),
        pytest.param([OWN, OWN], "own: has facts twice", id="twice"),
    ],
)  # fmt: skip
def test_facts_that_cannot_be_are_refused(facts: list[Facts], message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        build(facts)

    assert message in str(caught.value)


def test_the_digest_is_free_of_spelling_comments_and_order() -> None:
    respelt = {
        f"z-{name}": "// a comment\n" + text.replace("  ", "    ")
        for name, text in reversed(RULES.items())
    }
    schema = SCHEMA.replace("  vendor: String,", "  vendor: String,  // who sells it")

    digest = build([OWN, NOBODY]).digest

    assert len(digest) == 64
    assert build([NOBODY, OWN], respelt, schema=schema).digest == digest
    assert build([OWN, NOBODY]).digest_shown == digest[:12]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"facts": [Facts(id="own", vendor="v", account="a", model="m")]}, id="facts"),
        pytest.param({"rules": {**RULES, "99.cedar": FORBID + "{ false };"}}, id="rules"),
        pytest.param({"labels": {**LABELS, "subjects": ["EU"]}}, id="labels"),
        pytest.param({"tenants": {"tenants": {**TENANTS["tenants"], "new": {}}}}, id="tenants"),
        pytest.param({"schema": SCHEMA + "\nentity More;"}, id="schema"),
    ],
)
def test_the_digest_changes_with_everything_that_decides(changed: dict[str, Any]) -> None:
    assert build(**{"facts": [OWN], **changed}).digest != build([OWN]).digest
