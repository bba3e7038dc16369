"""The shipped catalogue reads, keeps its nulls, and says where it comes from."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

import pytest

from policies import PolicyError, VendorFacts, read_vendor
from policies.facts import Confidence, check_zones
from policies.zones import read_zones
from tests.policies.starter_pack import CATALOGUE, ZONES, read_yaml

FILES = sorted(CATALOGUE.glob("*.yaml"))
EACH_FILE = pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in FILES])
PRACTICE = {"aurora", "borealis", "europa", "homegrid"}
TERMS = ("retention_days", "trains", "human_review", "dpa", "baa", "transfer_basis")
WORLD = read_zones(ZONES).names


@cache
def _read(name: str) -> VendorFacts:
    return read_vendor(read_yaml(CATALOGUE / f"{name}.yaml"), f"{name}.yaml")


@EACH_FILE
def test_a_file_of_the_catalogue_reads(path: Any) -> None:
    vendor = _read(path.stem)

    assert vendor.vendor == path.stem
    for row in vendor.rows.values():
        facts = row.make_facts(id="x", account="a", model="m")
        assert check_zones(facts, WORLD) == []
        assert facts.evidence


@EACH_FILE
def test_every_row_says_what_is_unknown_instead_of_leaving_it_out(path: Any) -> None:
    for row in _read(path.stem).rows.values():
        stated = {"processing", "storage", "law", "parent_law", "reachable_by", *TERMS}
        assert stated <= set(row.values), row.id


@EACH_FILE
def test_only_practice_vendors_are_invented_and_they_say_so(path: Any) -> None:
    vendor = _read(path.stem)
    text = path.read_text(encoding="utf-8")

    assert vendor.is_invented == (path.stem in PRACTICE)
    for row in vendor.rows.values():
        invented = {item.confidence is Confidence.INVENTED for item in row.evidence}
        assert invented == {vendor.is_invented}
    assert ("INVENTED FOR PRACTICE" if vendor.is_invented else "Not legal advice") in text


@EACH_FILE
def test_a_real_vendors_contract_terms_are_never_guessed(path: Any) -> None:
    vendor = _read(path.stem)
    if not vendor.is_invented:
        for row in vendor.rows.values():
            assert [row.values[name] for name in ("dpa", "baa", "transfer_basis")] == [None] * 3


def test_a_row_carries_what_the_request_must_say() -> None:
    row = _read("anthropic").row("us")

    assert row.transform.inject == {"inference_geo": "us"}
    assert row.transform.reserved_fields == {"inference_geo"}
    assert _read("bedrock").row("eu-profile").transform.model_prefix == "eu."


def test_a_vendors_odd_bundle_is_not_rounded_to_a_friendlier_zone() -> None:
    world = read_zones(ZONES)
    rows = [_read("openai").row("eu"), _read("mistral").row("eu"), _read("openrouter").row("eu")]

    zones = [row.make_facts(id="x", account="a", model="m").processing for row in rows]

    assert zones == ["EEA_CH", "EEA_CH", "EUROPE"]
    assert not any(world.within(zone, "EU") for zone in zones)


def test_a_contract_wins_over_the_catalogue_both_ways() -> None:
    row = _read("openai").row("eu")
    facts = row.make_facts(
        id="x", account="a", model="m",
        contract={"retention_days": 0, "dpa": True, "trains": None, "evidence": [
            {"source": "agreement of 3 May", "as_of": "2026-05-03", "confidence": "contract"}]},
    )  # fmt: skip

    assert (facts.retention_days, facts.dpa, facts.trains) == (0, True, None)
    assert facts.law == "US"
    assert facts.evidence[-1].confidence is Confidence.CONTRACT


def test_what_rests_on_expired_evidence_is_unknown() -> None:
    row = _read("openai").row("eu")
    last_day, day_after = date(2027, 2, 22), date(2027, 2, 23)

    def make(today: date) -> Any:
        return row.make_facts(id="x", account="a", model="m", contract={"dpa": True}, today=today)

    assert make(last_day).trains is False
    assert make(day_after).trains is None
    assert make(day_after).processing is None
    assert make(day_after).dpa is True  # the contract's own


def test_an_expired_contract_does_not_bring_back_a_better_claim() -> None:
    row = _read("scaleway").row("default")
    proof = {"source": "c", "as_of": "2026", "confidence": "contract", "expires": date(2026, 1, 1)}

    facts = row.make_facts(
        id="x", account="a", model="m",
        contract={"retention_days": 30, "evidence": [proof]}, today=date(2026, 11, 24),
    )  # fmt: skip

    assert row.values["retention_days"] == 0
    assert facts.retention_days is None


GOOD = {
    "schema": 1,
    "vendor": "v",
    "title": "V",
    "evidence": [{"source": "s", "as_of": "2026", "confidence": "low"}],
    "endpoints": [{"id": "one", "url": "https://v.example/v1"}],
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"schema": 2}, "schema: must be 1", id="schema"),
        pytest.param({"endpoint": []}, "did you mean `endpoints`?", id="unknown-key"),
        pytest.param({"evidence": None}, "evidence: is missing", id="no-evidence"),
        pytest.param({"evidence": {}}, "evidence: must be a list", id="evidence-no-list"),
        pytest.param({"endpoints": []}, "at least one row", id="no-rows"),
        pytest.param({"is_invented": 1}, "is_invented: must be true or false", id="invented"),
        pytest.param({"notes": "x"}, "notes: must be a list of texts", id="notes"),
        pytest.param(
            {"endpoints": [{"id": "a", "url": "u"}] * 2}, "`a` is there twice", id="twice"
        ),
        pytest.param(
            {"endpoints": [{"id": "a", "url": "u", "transfrom": {}}]},
            "endpoints[0].transfrom: unknown key (did you mean `transform`?)", id="row-key",
        ),
        pytest.param(
            {"endpoints": [{"id": "a", "url": "u", "transform": {"reserve": []}}]},
            "did you mean `reserved_fields`?", id="transform-key",
        ),
        pytest.param(
            {"endpoints": [{"id": "a", "url": "u", "note": 3}]}, "must be a text", id="note"
        ),
        pytest.param({"facts": {"trains": "maybe"}}, "facts.trains: must be true", id="fact"),
    ],
)  # fmt: skip
def test_a_wrong_catalogue_file_is_refused(changes: Mapping[str, Any], message: str) -> None:
    read_vendor(GOOD)
    with pytest.raises(PolicyError) as caught:
        read_vendor({**GOOD, **changes}, "v.yaml")

    assert message in str(caught.value)


def test_an_unknown_row_names_the_nearest() -> None:
    with pytest.raises(PolicyError, match="did you mean `datazone-eu`"):
        _read("azure_openai").row("datazone_eu", key="deployments.x.facts")


def test_an_unknown_fact_in_a_contract_names_the_nearest() -> None:
    with pytest.raises(PolicyError, match=r"x\.contract\.retention_day: .*`retention_days`"):
        _read("openai").row("eu").make_facts(
            id="x", account="a", model="m", contract={"retention_day": 0}
        )
