"""One loaded policy: rules, facts and labels that belong together, with their table.

Made anew by every reload, in a thread; the old one serves until the new one stands.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from policies.engine import PolicyEngine
from policies.facts import Facts
from policies.labels import LabelVocabulary, read_labels
from policies.table import DecisionTable
from policies.zones import Zones, read_zones

DIGEST_SHOWN: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the gateway holds in a snapshot."""

    engine: PolicyEngine
    table: DecisionTable
    vocabulary: LabelVocabulary
    zones: Zones

    @property
    def digest(self) -> str:
        """SHA-256 in hex over all that decisions depend on."""
        return self.engine.digest

    @property
    def digest_shown(self) -> str:
        """Its first 12 digits, for headers and logs."""
        return self.digest[:DIGEST_SHOWN]


def build_policy(
    *,
    schema: str,
    policies: Mapping[str, str],
    zones: Mapping[str, object],
    labels: Mapping[str, object],
    tenants: Mapping[str, object],
    facts: Iterable[Facts],
) -> Policy:
    """Check and parse everything once.

    `policies` maps file names to Cedar texts; `zones`, `labels` and `tenants` are the parsed YAML
    files.  Raises PolicyError with all problems of the first part that has any.
    """
    read = read_zones(zones)
    vocabulary = read_labels(labels, read, tenants)
    engine = PolicyEngine(schema=schema, policies=policies, vocabulary=vocabulary, facts=facts)
    return Policy(
        engine=engine, table=DecisionTable(engine), vocabulary=engine.vocabulary, zones=read
    )
