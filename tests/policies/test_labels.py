"""Labels are declared, normalised, and only ever raised."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import Labels, LabelVocabulary, PolicyError, UnknownLabelError, Wanted
from policies.labels import read_labels
from policies.zones import read_zones
from tests.policies.starter_pack import LABELS, TENANTS, ZONES, make_labels

ZONES_READ = read_zones(ZONES)
WORDS = read_labels(LABELS, ZONES_READ, TENANTS).naming(frozenset({"acme"}), frozenset())
CLASSES = LABELS["classes"]

any_labels = st.builds(
    Labels,
    tenant=st.sampled_from(["default", "acme", "other"]),
    app=st.sampled_from(["web", "batch", "other"]),
    klass=st.sampled_from(CLASSES),
    tags=st.frozensets(st.sampled_from(sorted(LABELS["tags"]))),
    purpose=st.sampled_from(LABELS["purposes"]),
    subjects=st.sampled_from([*LABELS["subjects"], "GLOBAL"]),
    mode=st.sampled_from(LABELS["modes"]),
)
any_wanted = st.builds(
    Wanted,
    klass=st.none() | st.sampled_from(CLASSES),
    tags=st.frozensets(st.sampled_from(sorted(LABELS["tags"]))),
    purpose=st.none() | st.sampled_from(LABELS["purposes"]),
    subjects=st.none() | st.sampled_from([*LABELS["subjects"], "GLOBAL"]),
)


@pytest.mark.parametrize(
    ("tag", "klass"),
    [
        pytest.param("personal", "internal", id="personal"),
        pytest.param("special_category", "confidential", id="special-category"),
        pytest.param("minors", "confidential", id="minors"),
        pytest.param("health", "confidential", id="health"),
        pytest.param("export_controlled", "restricted", id="export-controlled"),
    ],
)
def test_a_tag_implies_a_least_class(tag: str, klass: str) -> None:
    assert WORDS.normalise(make_labels(**{"class": "public", "tags": [tag]})).klass == klass


def test_normalising_keeps_a_higher_class() -> None:
    labels = make_labels(**{"class": "restricted", "tags": ["personal"]})

    assert WORDS.normalise(labels) is labels


@given(any_labels, any_wanted)
def test_raising_lowers_nothing(floor: Labels, wanted: Wanted) -> None:
    raised = WORDS.raise_to(floor, wanted)

    assert CLASSES.index(raised.klass) >= CLASSES.index(floor.klass)
    assert CLASSES.index(raised.klass) >= CLASSES.index(wanted.klass or "public")
    assert raised.tags == floor.tags | wanted.tags
    assert LABELS["purposes"].index(raised.purpose) >= LABELS["purposes"].index(floor.purpose)
    assert ZONES_READ.may_touch(floor.subjects) <= ZONES_READ.may_touch(raised.subjects)
    assert (raised.tenant, raised.app, raised.mode) == (floor.tenant, floor.app, floor.mode)


@given(any_labels, any_wanted)
def test_raising_twice_changes_nothing_more(floor: Labels, wanted: Wanted) -> None:
    once = WORDS.raise_to(floor, wanted)

    assert WORDS.raise_to(once, wanted) == once


@given(any_labels)
def test_canonical_labels_stay_as_they_are(labels: Labels) -> None:
    canonical = WORDS.canonical(labels)

    assert WORDS.canonical(canonical) == canonical
    assert hash(WORDS.canonical(labels)) == hash(canonical)


def test_asking_for_less_keeps_the_floor() -> None:
    floor = make_labels(**{"class": "restricted", "purpose": "development"})

    assert WORDS.raise_to(floor, Wanted(klass="public", purpose="production")) == floor


def test_two_subjects_become_the_smallest_declared_zone_with_both() -> None:
    floor = make_labels(subjects="CH")

    assert WORDS.raise_to(floor, Wanted(subjects="EU")).subjects == "EEA_CH"
    assert WORDS.raise_to(floor, Wanted(subjects="US")).subjects == "GLOBAL"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"klass": "confidental"}, "class `confidental` .*`confidential`", id="class"),
        pytest.param({"tags": frozenset({"persnal"})}, "tag `persnal` .*`personal`", id="tag"),
        pytest.param({"purpose": "prod"}, "purpose `prod` .*`production`", id="purpose"),
        pytest.param({"subjects": "EUU"}, "subjects `EUU` .*`EU`", id="subjects"),
        pytest.param({"mode": "iland"}, "mode `iland` .*`island`", id="mode"),
        pytest.param({"tenant": "acmee"}, "tenant `acmee` is not in tenants.yaml$", id="tenant"),
        pytest.param(
            {"tenant": "acme", "app": "wep"},
            "app `wep` is not in tenants.yaml under `acme`",
            id="app",
        ),
    ],
)
def test_an_undeclared_value_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownLabelError, match=message):
        WORDS.canonical(make_labels()._replace(**change))


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(Wanted(klass="secret"), id="class"),
        pytest.param(Wanted(tags=frozenset({"secret"})), id="tag"),
        pytest.param(Wanted(purpose="fun"), id="purpose"),
        pytest.param(Wanted(subjects="MARS"), id="subjects"),
    ],
)
def test_wanting_an_undeclared_value_is_refused(wanted: Wanted) -> None:
    with pytest.raises(UnknownLabelError, match="is not declared"):
        WORDS.raise_to(make_labels(), wanted)


def test_tenants_and_apps_that_no_rule_names_share_one_entry() -> None:
    first = WORDS.canonical(make_labels(tenant="default", app="one"))
    second = WORDS.canonical(make_labels(tenant="default", app="two"))

    assert first == second
    assert (first.tenant, first.app) == ("other", "other")


def test_a_named_tenant_keeps_its_name_and_a_named_app_both() -> None:
    labels = make_labels(tenant="acme", app="web")
    by_app = WORDS.naming(frozenset(), frozenset({"acme/web"}))

    assert WORDS.canonical(labels)[:2] == ("acme", "other")
    assert by_app.canonical(labels)[:2] == ("acme", "web")
    assert by_app.canonical(labels._replace(app="batch"))[:2] == ("other", "other")


def _read(changes: Mapping[str, Any], tenants: Mapping[str, Any] = TENANTS) -> LabelVocabulary:
    return read_labels({**LABELS, **changes}, ZONES_READ, tenants)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"classes": []}, "classes: must name at least one", id="no-classes"),
        pytest.param({"tags": {"x": "interna"}}, "did you mean `internal`?", id="least-class"),
        pytest.param({"subjects": ["EUU"]}, "did you mean `EU`?", id="subjects"),
        pytest.param({"clases": []}, "did you mean `classes`?", id="unknown-key"),
        pytest.param({"purposes": "all"}, "must be a list", id="text-for-list"),
    ],
)
def test_a_wrong_labels_file_is_refused(changes: Mapping[str, Any], message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        _read(changes)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("tenants", "message"),
    [
        pytest.param({"tenants": {"other": {}}}, "`other` is reserved", id="reserved"),
        pytest.param({"tenants": {"a": {"apps": ["x/y"]}}}, "`x/y` cannot be", id="slash"),
        pytest.param({"tenants": {"a": {"app": []}}}, "did you mean `apps`?", id="unknown-key"),
    ],
)
def test_a_wrong_tenants_file_is_refused(tenants: Mapping[str, Any], message: str) -> None:
    with pytest.raises(PolicyError, match=r"tenants\.yaml") as caught:
        _read({}, tenants)

    assert message in str(caught.value)
