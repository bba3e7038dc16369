"""What is known of one deployment: who runs it, under whose law, where, and on what terms.

None means unknown, and unknown is the worst value: it trains, keeps for ever, is reviewed, has no
agreement, and every regime reaches it.  `entities.py` renders that for Cedar; nothing here
guesses.  The legal readings are the operator's: these are facts with evidence, not advice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Final

from policies.errors import Problem
from policies.reading import Reader, kind_of

RETENTION_DAYS_MAX: Final = 36_500


class Hosting(StrEnum):
    """Whose machines serve; rented ones are `own_cloud`, with the landlord's law."""

    ON_PREM = "on_prem"
    OWN_CLOUD = "own_cloud"
    DEDICATED = "dedicated"
    SHARED = "shared"


class Network(StrEnum):
    """How the deployment is reached."""

    INTERNET = "internet"
    PRIVATE_LINK = "private_link"
    VPC = "vpc"
    LOCAL = "local"
    AIR_GAPPED = "air_gapped"


class Regime(StrEnum):
    """Laws that can compel an operator, wherever the data sits."""

    US_CLOUD_ACT = "us_cloud_act"
    US_FISA_702 = "us_fisa_702"
    CN_NIL = "cn_nil"
    UK_IPA = "uk_ipa"


class TransferBasis(StrEnum):
    """GDPR chapter V: on what ground personal data may leave."""

    NOT_NEEDED = "not_needed"
    ADEQUACY = "adequacy"
    DPF = "dpf"
    SCC = "scc"
    BCR = "bcr"


class Cert(StrEnum):
    """Certificates whose scope covers the service; one that does not is left out."""

    ISO27001 = "iso27001"
    SOC2 = "soc2"
    C5_TYPE1 = "c5_type1"
    C5_TYPE2 = "c5_type2"
    SECNUMCLOUD = "secnumcloud"
    HDS = "hds"
    FEDRAMP_HIGH = "fedramp_high"


class Confidence(StrEnum):
    """How good the evidence is."""

    HIGH = "high"  # the vendor's own document was read
    MEDIUM = "medium"  # a secondary source, or an older page of the vendor
    LOW = "low"  # background knowledge: verify before a rule rests on it
    CONTRACT = "contract"  # the operator's own agreement or machine
    INVENTED = "invented"  # practice vendors


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Where facts come from and how long they may be believed."""

    source: str
    as_of: str  # ISO date, or as much of one as the source carried
    confidence: Confidence
    expires: date | None = None

    def is_expired(self, today: date | None) -> bool:
        """Past its last day; never, where no day is known."""
        return self.expires is not None and today is not None and self.expires < today


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One deployment: vendor, endpoint, contract and model.  None is unknown."""

    id: str
    vendor: str
    account: str
    model: str
    broker: bool | None = None  # passes requests on to operators of its choice
    hosting: Hosting | None = None
    network: Network | None = None
    processing: str | None = None  # smallest zone guaranteed to contain inference
    storage: str | None = None  # the same for what is kept
    legal_entity: str | None = None
    law: str | None = None  # zone where the contracting operator is established
    parent_law: str | None = None  # the same for the ultimate parent
    reachable_by: frozenset[Regime] | None = None
    subprocessors: frozenset[str] | None = None  # zones whose law they are under
    retention_days: int | None = None  # 0: zero retention in force, by contract and by setting
    trains: bool | None = None
    human_review: bool | None = None
    dpa: bool | None = None
    baa: bool | None = None
    transfer_basis: TransferBasis | None = None
    weights_open: bool | None = None
    weights_origin: str | None = None  # zone of who made the weights: not the operator's
    weights_family: str | None = None
    weights_licence: str | None = None
    certs: frozenset[Cert] | None = None
    evidence: tuple[Evidence, ...] = ()


IDENTITY: Final = ("id", "vendor", "account", "model")
FACT_NAMES: Final = tuple(
    field.name for field in fields(Facts) if field.name not in (*IDENTITY, "evidence")
)
"""Every fact that may be unknown."""

ZONE_FACTS: Final = ("processing", "storage", "law", "parent_law", "weights_origin")
_TEXT_FACTS: Final = ("legal_entity", "weights_family", "weights_licence")
_CHOICES: Final[Mapping[str, type[StrEnum]]] = {
    "hosting": Hosting,
    "network": Network,
    "transfer_basis": TransferBasis,
}


def read_fact_values(reader: Reader, value: object, key: str) -> dict[str, object]:
    """Read a mapping of fact names; an absent name and an explicit null both stay unknown.

    Explicit nulls are in the result, so that a contract can take a catalogue's claim back.
    """
    mapping = reader.mapping(value, key, FACT_NAMES)
    return {
        name: None if raw is None else _read_fact(reader, name, raw, f"{key}.{name}")
        for name, raw in mapping.items()
        if name in FACT_NAMES
    }


def read_evidence(reader: Reader, value: object, key: str) -> Evidence | None:
    """Read `{source, as_of, confidence, expires}`."""
    mapping = reader.mapping(value, key, ("source", "as_of", "confidence", "expires"))
    source = reader.word(mapping.get("source"), f"{key}.source")
    as_of = mapping.get("as_of")  # YAML makes a date of 2026-10-18 and a number of 2026
    confidence = reader.choice(mapping.get("confidence"), f"{key}.confidence", Confidence)
    if not isinstance(as_of, str | int | date) or isinstance(as_of, bool):
        reader.report(f"{key}.as_of", f"must be a date such as 2026-10, is {kind_of(as_of)}")
    expires = mapping.get("expires")
    if expires is not None and type(expires) is not date:
        reader.report(f"{key}.expires", "must be a date such as 2027-02-22")
    if source is None or confidence is None:
        return None
    return Evidence(
        source=source,
        as_of=str(as_of),
        confidence=Confidence(confidence),
        expires=expires if type(expires) is date else None,
    )


def read_facts(id: str, mapping: Mapping[str, object], file: str = "facts") -> Facts:
    """Facts of a deployment that the operator states whole.  Raises PolicyError."""
    reader = Reader(file)
    known = (*IDENTITY[1:], "evidence", *FACT_NAMES)
    checked = reader.mapping(mapping, id, known)
    identity = {
        name: reader.word(checked[name], f"{id}.{name}") or "" if name in checked else ""
        for name in IDENTITY[1:]
    }
    values = read_fact_values(
        reader, {name: checked[name] for name in FACT_NAMES if name in checked}, id
    )
    evidence = (
        read_evidence(reader, checked["evidence"], f"{id}.evidence")
        if "evidence" in checked
        else None
    )
    reader.finish()
    return make_facts(id, identity, values, () if evidence is None else (evidence,))


def make_facts(
    id: str,
    identity: Mapping[str, str],
    values: Mapping[str, object],
    evidence: tuple[Evidence, ...],
) -> Facts:
    """Join what the readers above have checked."""
    # The values come from `read_fact_values`, which gives each name its own type.
    return Facts(id=id, evidence=evidence, **identity, **values)  # type: ignore[arg-type]


def check_zones(facts: Facts, zones: frozenset[str]) -> list[Problem]:
    """Zones that the facts name and nobody declared."""
    reader = Reader("facts")
    for name in ZONE_FACTS:
        zone = getattr(facts, name)
        if zone is not None:
            reader.choice(zone, f"{facts.id}.{name}", zones)
    for zone in sorted(facts.subprocessors or ()):
        reader.choice(zone, f"{facts.id}.subprocessors", zones)
    return reader.problems


def _read_fact(reader: Reader, name: str, raw: object, key: str) -> object:
    """One value by the type of its field; None, and a problem, when it has another."""
    if name in _CHOICES:
        word = reader.choice(raw, key, _CHOICES[name])
        return None if word is None else _CHOICES[name](word)
    if name in (*ZONE_FACTS, *_TEXT_FACTS):
        return reader.word(raw, key)
    if name == "subprocessors":
        return frozenset(reader.words(raw, key))
    if name in ("reachable_by", "certs"):
        kind: type[StrEnum] = Regime if name == "reachable_by" else Cert
        words = (reader.choice(word, key, kind) for word in reader.words(raw, key))
        return frozenset(kind(word) for word in words if word is not None)
    if name == "retention_days":
        if type(raw) is not int or not 0 <= raw <= RETENTION_DAYS_MAX:
            reader.report(key, f"must be a number of days from 0 to {RETENTION_DAYS_MAX}")
            return None
        return raw
    if type(raw) is not bool:
        reader.report(key, f"must be true, false or null, is {kind_of(raw)}")
        return None
    return raw
