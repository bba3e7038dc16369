"""Renders facts, zones and tenants as Cedar entities, with every unknown at its worst.

The names a rule may ask are in `ATTRIBUTES`, with the direction in which each is bad: a *hazard*
is worse the more there is of it, an *assurance* is worse the less.  An unknown hazard is rendered
as all of it and an unknown assurance as none, and `lint.py` lets a rule ask each only the way
round that makes the unknown lose.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from policies.facts import Cert, Facts, Hosting, Network, Regime, TransferBasis
from policies.labels import OTHER, LabelVocabulary
from policies.zones import GLOBAL, NOWHERE, Zones

Json = Mapping[str, object]
UNKNOWN: Final = "unknown"
"""The enum value of an unknown choice: in every enum of the schema, and in no rule."""

FOREVER_DAYS: Final = 2**63 - 1
"""Retention that nobody has bounded: the largest number Cedar has."""


class Worse(StrEnum):
    """Which way a fact is bad; FREE ones are always known."""

    MORE = "more"
    LESS = "less"
    FREE = "free"


class Shape(StrEnum):
    """What Cedar can ask of it."""

    FLAG = "flag"
    NUMBER = "number"
    CHOICE = "choice"  # an enum entity, or a text
    SET = "set"
    ZONE = "zone"


@dataclass(frozen=True, slots=True)
class Attribute:
    """A path under `resource`, the fact it renders, and how a rule may ask it."""

    fact: str
    worse: Worse
    shape: Shape


def _zone_pair(path: str, fact: str) -> dict[str, Attribute]:
    return {
        f"{path}.within": Attribute(fact, Worse.LESS, Shape.ZONE),
        f"{path}.may_touch": Attribute(fact, Worse.MORE, Shape.SET),
    }


ATTRIBUTES: Final[Mapping[str, Attribute]] = {
    "resource.vendor": Attribute("vendor", Worse.FREE, Shape.CHOICE),
    "resource.account": Attribute("account", Worse.FREE, Shape.CHOICE),
    "resource.model": Attribute("model", Worse.FREE, Shape.CHOICE),
    "resource.broker": Attribute("broker", Worse.MORE, Shape.FLAG),
    "resource.hosting": Attribute("hosting", Worse.LESS, Shape.CHOICE),
    "resource.network": Attribute("network", Worse.LESS, Shape.CHOICE),
    **_zone_pair("resource.processing", "processing"),
    **_zone_pair("resource.storage", "storage"),
    **_zone_pair("resource.operator.law", "law"),
    **_zone_pair("resource.operator.parent", "parent_law"),
    **_zone_pair("resource.operator.subprocessors", "subprocessors"),
    "resource.operator.reachable_by.surely": Attribute("reachable_by", Worse.LESS, Shape.SET),
    "resource.operator.reachable_by.may": Attribute("reachable_by", Worse.MORE, Shape.SET),
    "resource.handling.retention_days": Attribute("retention_days", Worse.MORE, Shape.NUMBER),
    "resource.handling.trains": Attribute("trains", Worse.MORE, Shape.FLAG),
    "resource.handling.human_review": Attribute("human_review", Worse.MORE, Shape.FLAG),
    "resource.handling.dpa": Attribute("dpa", Worse.LESS, Shape.FLAG),
    "resource.handling.baa": Attribute("baa", Worse.LESS, Shape.FLAG),
    "resource.handling.transfer_basis": Attribute("transfer_basis", Worse.LESS, Shape.CHOICE),
    "resource.weights.open": Attribute("weights_open", Worse.LESS, Shape.FLAG),
    **_zone_pair("resource.weights.origin", "weights_origin"),
    "resource.weights.family": Attribute("weights_family", Worse.LESS, Shape.CHOICE),
    "resource.weights.licence": Attribute("weights_licence", Worse.LESS, Shape.CHOICE),
    "resource.certs": Attribute("certs", Worse.LESS, Shape.SET),
    **_zone_pair("context.subjects", "subjects"),
}

ENUMS: Final[Mapping[str, tuple[str, ...]]] = {
    "Hosting": (*Hosting, UNKNOWN),
    "Network": (*Network, UNKNOWN),
    "TransferBasis": (*TransferBasis, UNKNOWN),
    "Regime": tuple(Regime),
    "Cert": tuple(Cert),
}
"""What the schema must declare for the facts, value by value."""


def link(kind: str, id: str) -> Json:
    """A reference to an entity, as Cedar's JSON writes it."""
    return {"__entity": {"type": kind, "id": id}}


def render_zones(zones: Zones) -> Iterator[Json]:
    """Every zone with its two answers, and NOWHERE, which is in all of them and touches none."""
    for name in sorted(zones.names):
        touched = [link("Zone", zone) for zone in sorted(zones.may_touch(name))]
        attributes = {"within": link("Zone", name), "may_touch": touched}
        yield _entity("Zone", name, attributes, [("Zone", zone) for zone in zones.parents[name]])
    attributes = {"within": link("Zone", NOWHERE), "may_touch": []}
    yield _entity("Zone", NOWHERE, attributes, [("Zone", zone) for zone in sorted(zones.names)])


def render_tenants(vocabulary: LabelVocabulary) -> Iterator[Json]:
    """Every tenant and app that canonical labels can have."""
    tenants = {name: apps or () for name, apps in vocabulary.tenants.items()} | {OTHER: ()}
    for tenant, apps in tenants.items():
        yield _entity("Tenant", tenant, {}, [])
        for app in (*apps, OTHER):
            yield _entity("App", f"{tenant}/{app}", {}, [("Tenant", tenant)])


def render_facts(facts: Facts, zones: Zones) -> Json:
    """One deployment, with every unknown at its worst.

    A broker's operator is not who runs the model: all it says of law is unknown.
    """
    is_broker = facts.broker is not False
    law, parent = (None, None) if is_broker else (facts.law, facts.parent_law)
    reach = None if is_broker else facts.reachable_by
    subprocessors = None if is_broker else facts.subprocessors
    attributes: Json = {
        "vendor": facts.vendor,
        "account": facts.account,
        "model": facts.model,
        "broker": is_broker,
        "hosting": _choice("Hosting", facts.hosting),
        "network": _choice("Network", facts.network),
        "processing": _zone(facts.processing),
        "storage": _zone(facts.storage),
        "operator": {
            "law": _zone(law),
            "parent": _zone(parent),
            "subprocessors": _zones(subprocessors, zones),
            "reachable_by": {
                "surely": _links("Regime", reach or ()),
                "may": _links("Regime", Regime if reach is None else reach),
            },
        },
        "handling": {
            "retention_days": _or(facts.retention_days, FOREVER_DAYS),
            "trains": facts.trains is not False,
            "human_review": facts.human_review is not False,
            "dpa": facts.dpa is True,
            "baa": facts.baa is True,
            "transfer_basis": _choice("TransferBasis", facts.transfer_basis),
        },
        "weights": {
            "open": facts.weights_open is True,
            "origin": _zone(facts.weights_origin),
            "family": facts.weights_family or UNKNOWN,
            "licence": facts.weights_licence or UNKNOWN,
        },
        "certs": _links("Cert", facts.certs or ()),
    }
    return _entity("Deployment", facts.id, attributes, [])


def _zones(names: frozenset[str] | None, zones: Zones) -> Json:
    """The pair for several zones at once: the smallest that holds all, and all they may touch."""
    if names is None:
        return {"within": link("Zone", GLOBAL), "may_touch": _links("Zone", zones.names)}
    touched = frozenset[str]().union(*(zones.may_touch(name) for name in names))
    return {"within": link("Zone", zones.join(names)), "may_touch": _links("Zone", touched)}


def _zone(name: str | None) -> Json:
    return link("Zone", GLOBAL if name is None else name)


def _choice(kind: str, value: StrEnum | None) -> Json:
    return link(kind, UNKNOWN if value is None else value.value)


def _links(kind: str, ids: Iterable[str]) -> list[Json]:
    return [link(kind, str(id)) for id in sorted(ids)]


def _or(value: int | None, worst: int) -> int:
    return worst if value is None else value


def _entity(kind: str, id: str, attributes: Json, parents: list[tuple[str, str]]) -> Json:
    return {
        "uid": {"type": kind, "id": id},
        "attrs": attributes,
        "parents": [{"type": above, "id": name} for above, name in parents],
    }
