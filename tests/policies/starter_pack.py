"""The starter pack as the tests use it: its files, its deployments, its cases."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

import policies
from policies import Facts, Hop, Labels, Policy, build_policy, read_vendor

ROOM = Path(policies.__file__).parent
PACK = ROOM / "packs" / "starter"
CATALOGUE = ROOM / "catalogue"


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def read_rules() -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in PACK.glob("*.cedar")}


SCHEMA = (PACK / "schema.cedarschema").read_text(encoding="utf-8")
RULES = read_rules()
ZONES = read_yaml(PACK / "zones.yaml")
LABELS = read_yaml(PACK / "labels.yaml")
TENANTS = read_yaml(PACK / "tenants.yaml")
CASES = read_yaml(PACK / "tests" / "cases.yaml")


def build(
    facts: Iterable[Facts] = (),
    rules: Mapping[str, str] = RULES,
    *,
    schema: str = SCHEMA,
    zones: Mapping[str, Any] = ZONES,
    labels: Mapping[str, Any] = LABELS,
    tenants: Mapping[str, Any] = TENANTS,
) -> Policy:
    return build_policy(
        schema=schema, policies=rules, zones=zones, labels=labels, tenants=tenants, facts=facts
    )


def read_fleet() -> Iterator[Facts]:
    for id, entry in CASES["deployments"].items():
        vendor, row = entry["catalogue"].split("/")
        rows = read_vendor(read_yaml(CATALOGUE / f"{vendor}.yaml"), vendor)
        yield rows.row(row).make_facts(
            id=id, account=f"{vendor}-main", model="large", contract=entry.get("contract")
        )


def make_labels(**request: Any) -> Labels:
    return Labels(
        tenant=request.get("tenant", "default"),
        app=request.get("app", "chat"),
        klass=request.get("class", "internal"),
        tags=frozenset(request.get("tags", ())),
        purpose=request.get("purpose", "production"),
        subjects=request.get("subjects", "EU"),
        mode=request.get("mode", "normal"),
    )


def make_hop(**request: Any) -> Hop:
    return Hop(request.get("hop", "infer"))


OWN = Facts(
    id="own",
    vendor="homegrid",
    account="own",
    model="qwen",
    broker=False,
    hosting=policies.facts.Hosting.ON_PREM,
    network=policies.facts.Network.LOCAL,
    processing="DE",
    storage="DE",
    law="DE",
    parent_law="DE",
    reachable_by=frozenset(),
    subprocessors=frozenset(),
    retention_days=0,
    trains=False,
    human_review=False,
    dpa=True,
    baa=True,
    transfer_basis=policies.facts.TransferBasis.NOT_NEEDED,
    weights_open=True,
    weights_origin="CN",
    weights_family="qwen",
    weights_licence="apache-2.0",
    certs=frozenset(),
)
"""A deployment about which everything is known, and all of it is good."""
