"""Who may serve this request?  The only place that makes a `Candidate`.

A lookup in a table that policy filled; an entry that is not there is a refusal.  Decisions cost
0.1 ms each and hold the interpreter, so at most `AT_MOST` are taken in one turn of the loop, for
all requests together, and `clear` says that it has not finished: the caller comes back in the
next turn.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.catalog import Deployment, Route
from gateway.ledger.entry import bound_excluded
from gateway.routing.resolve import Way, find_way
from gateway.snapshot import Snapshot
from gateway.supply.state import Standing, Supply
from gateway.upstream.gate import Gate
from gateway.upstream.transport import Prepared, Transport
from policies.engine import UNKNOWN_LABEL, Decision
from policies.errors import UnknownLabelError
from policies.labels import Hop, Labels
from providers.contract import Dialect, Pair

AT_MOST: Final = 20
ENTRIES: Final = 10_000
UNDECLARED: Final = Decision(False, (UNKNOWN_LABEL,))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """A deployment that policy has permitted for these labels, and how to reach it."""

    deployment: Deployment
    standing: Standing
    pair: Pair
    transport: Transport
    prepared: Prepared
    tier: int
    traits: tuple[tuple[bytes, bytes], ...]  # response headers that name it

    @property
    def account(self) -> str:
        """The unit of a suspension: a failover to another one is free."""
        return self.deployment.account.name

    @property
    def is_cut(self) -> bool:
        return self.standing.is_cut

    @property
    def is_broken(self) -> bool:
        return self.standing.is_broken

    def admits(self, now: float) -> bool:
        return self.standing.admits(now)

    def ready_at(self, now: float) -> float:
        return self.standing.ready_at(now)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cleared:
    """What policy said of one route for one set of labels."""

    candidates: tuple[Candidate, ...]  # in the order of the route
    permitted: tuple[str, ...]  # names of the deployments that policy permits
    excluded: Mapping[str, tuple[str, ...]]  # deployment -> policies that refused it, bounded
    excluded_more: int  # excluded deployments beyond those named
    is_reached: bool  # every deployment of the route can be asked in the client's dialect


class Clearance:
    """Decisions under one snapshot, and the ways to what they permit."""

    def __init__(
        self,
        snapshot: Snapshot,
        supply: Supply,
        gate: Gate,
        soon: Callable[[Callable[[], None]], object],
    ) -> None:
        """`soon` is the loop's `call_soon`: it begins the turn that may decide again."""
        self.snapshot = snapshot
        self._supply, self._gate, self._soon = supply, gate, soon
        self._has_decided = False  # in this turn of the loop
        self._table, self._vocabulary = snapshot.policy.table, snapshot.policy.vocabulary
        self._cleared: dict[tuple[Labels, str, Dialect], Cleared] = {}
        # Apart from `_cleared`: labels have many combinations, the supply has not.
        self._candidates: dict[tuple[str, Dialect, int], Candidate] = {}
        self.ways: Mapping[Dialect, Mapping[str, Way]] = MappingProxyType(
            {dialect: _ways(snapshot, dialect) for dialect in Dialect}
        )
        self.header = (b"x-switchgear-policy", snapshot.policy.digest_shown.encode())

    def clear(self, labels: Labels, route: Route, dialect: Dialect) -> Cleared | None:
        """The candidates of a route; None when it takes another turn to decide."""
        key = (labels, route.name, dialect)
        found = self._cleared.get(key)
        if found is not None:
            return found
        hop, names = _HOPS[dialect], [d.name for d in route.deployments]
        canonical = self._canonical(labels)
        if canonical is not None and not self._decide_some(canonical, names, hop):
            return None
        if len(self._cleared) >= ENTRIES:
            self._cleared.clear()
        found = self._cleared[key] = self._gather(canonical, route, dialect, hop)
        return found

    def permits(self, labels: Labels, candidate: Candidate, dialect: Dialect) -> bool:
        """Whether this snapshot permits what another one made a candidate.

        The record must be the same too: facts were judged for this URL, not for a former one.
        """
        name = candidate.deployment.name
        if self.snapshot.catalog.deployments.get(name) != candidate.deployment:
            return False
        return self._decide(self._canonical(labels), name, _HOPS[dialect]).is_permitted

    def decide_some(self, labels: Labels, route: Route) -> bool:
        """Take some of the decisions that `sees` needs; whether all are taken."""
        canonical = self._canonical(labels)
        if canonical is None:
            return True
        names = [d.name for d in route.deployments]
        return all(self._decide_some(canonical, names, hop) for hop in (Hop.INFER, Hop.EMBED))

    def sees(self, labels: Labels, route: Route) -> bool:
        """Whether any deployment of the route is permitted, for any hop that it could serve."""
        canonical = self._canonical(labels)
        hops = (Hop.INFER, Hop.EMBED)
        return any(
            self._decide(canonical, deployment.name, hop).is_permitted
            for deployment in route.deployments
            for hop in hops
        )

    def _canonical(self, labels: Labels) -> Labels | None:
        """The table's key; None for labels that are no longer declared, which permit nothing."""
        try:
            return self._vocabulary.canonical(labels)
        except UnknownLabelError:
            return None

    def _decide_some(self, canonical: Labels, names: Sequence[str], hop: Hop) -> bool:
        """Whether all are decided now.  Whoever asks first in a turn takes its decisions."""
        if not self._table.missing(canonical, names, hop):
            return True
        if self._has_decided:
            return False
        self._has_decided = True
        self._soon(self._begin_turn)
        return not self._table.fill(canonical, names, hop, at_most=AT_MOST)

    def _begin_turn(self) -> None:
        self._has_decided = False

    def _decide(self, canonical: Labels | None, name: str, hop: Hop) -> Decision:
        if canonical is None:
            return UNDECLARED
        return self._table.decide(canonical, name, hop)

    def _gather(
        self, canonical: Labels | None, route: Route, dialect: Dialect, hop: Hop
    ) -> Cleared:
        candidates: list[Candidate] = []
        permitted: list[str] = []
        excluded: dict[str, tuple[str, ...]] = {}
        for tier, deployments in enumerate(route.tiers):
            for deployment in deployments:
                decision = self._decide(canonical, deployment.name, hop)
                way = self.ways[dialect].get(deployment.name)
                if not decision.is_permitted:
                    excluded[deployment.name] = decision.policies
                    continue
                permitted.append(deployment.name)
                if way is not None:
                    candidates.append(self._candidate(way, dialect, tier))
        named, more = bound_excluded(excluded)
        return Cleared(
            candidates=tuple(candidates),
            permitted=tuple(permitted),
            excluded=named,
            excluded_more=more,
            is_reached=all(d.name in self.ways[dialect] for d in route.deployments),
        )

    def _candidate(self, way: Way, dialect: Dialect, tier: int) -> Candidate:
        deployment = way.deployment
        key = (deployment.name, dialect, tier)
        found = self._candidates.get(key)
        if found is not None:
            return found
        transport, prepared = self._gate.reach(deployment, way.path)
        found = self._candidates[key] = Candidate(
            deployment=deployment,
            standing=self._supply.standing(deployment),
            pair=way.pair,
            transport=transport,
            prepared=prepared,
            tier=tier,
            traits=(
                (b"x-switchgear-deployment", deployment.name.encode()),
                (b"x-switchgear-vendor", deployment.account.vendor.name.encode()),
                (b"x-switchgear-zone", deployment.zone.encode()),
            ),
        )
        return found


_HOPS = MappingProxyType(
    {d: Hop.EMBED if d is Dialect.OPENAI_EMBEDDINGS else Hop.INFER for d in Dialect}
)


def _ways(snapshot: Snapshot, dialect: Dialect) -> Mapping[str, Way]:
    found = (find_way(d, dialect) for d in snapshot.catalog.deployments.values())
    return MappingProxyType({way.deployment.name: way for way in found if way is not None})
