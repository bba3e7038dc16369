"""The zones of the world as policy sees them: a hierarchy in which a zone may have several parents.

A zone is asked in two ways, so that an unknown place is worst in both.  `within` is a guarantee
("it surely stays inside"), `may_touch` a possibility ("it might reach there").  An unknown place
is GLOBAL: within nothing smaller, and possibly anywhere.

Zones are taken to be disjoint unless the file says that one is inside the other or that both hold
a third.  So a bundle such as EEA_CH must name its members.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce

from policies.errors import nearest
from policies.reading import Reader

GLOBAL = "GLOBAL"
NOWHERE = "NOWHERE"
"""Inside every zone: where the sub-processors of someone who has none are.  Never in a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zones:
    """Every zone with all the zones that hold it and all that it holds, itself included."""

    parents: Mapping[str, tuple[str, ...]]
    holders: Mapping[str, frozenset[str]]
    members: Mapping[str, frozenset[str]]

    @property
    def names(self) -> frozenset[str]:
        """All zones, GLOBAL included."""
        return frozenset(self.parents)

    def within(self, inner: str | None, outer: str) -> bool:
        """Is `inner` guaranteed to lie in `outer`?  None, an unknown place, lies in GLOBAL alone.

        Raises KeyError for a zone that is not declared.
        """
        return outer in self.holders[GLOBAL if inner is None else inner]

    def may_touch(self, zone: str | None) -> frozenset[str]:
        """Every zone that something in `zone` could be in; all zones for None or GLOBAL.

        That is the zone, the zones inside it, and whatever holds one of those: a rule about CN
        must catch what is in a part of CN.  Raises KeyError for a zone that is not declared.
        """
        if zone is None:
            return self.names
        return frozenset().union(*(self.holders[member] for member in self.members[zone]))

    def join(self, zones: Iterable[str], among: frozenset[str] | None = None) -> str:
        """The one smallest zone (of `among`) that holds all of `zones`; GLOBAL if none is smallest.

        NOWHERE for no zones at all.
        """
        held = [self.holders[zone] for zone in zones]
        if not held:
            return NOWHERE
        common = reduce(frozenset.intersection, held)
        common &= (self.names if among is None else among) | {GLOBAL}
        smallest = [zone for zone in common if common <= self.holders[zone]]
        return smallest[0] if smallest else GLOBAL


def read_zones(mapping: Mapping[str, object], file: str = "zones.yaml") -> Zones:
    """Read `zones: {CHILD: [PARENT, …]}`; a zone without parents lies in GLOBAL.

    Raises PolicyError for undeclared parents, circles and reserved names.
    """
    reader = Reader(file)
    declared = reader.mapping(reader.mapping(mapping, "", ("zones",)).get("zones"), "zones")
    parents = {name: reader.words(value, f"zones.{name}") for name, value in declared.items()}
    for name in parents:
        if name in (NOWHERE, GLOBAL) and (name == NOWHERE or parents[name]):
            reader.report(f"zones.{name}", "is a reserved name", "GLOBAL is always the root")
    parents[GLOBAL] = ()
    for name, above in parents.items():
        for parent in above:
            if parent not in parents:
                known = set(parents) - {name}
                reader.report(
                    f"zones.{name}",
                    f"lies in the undeclared zone `{parent}`",
                    nearest(parent, known),
                )
    reader.finish()
    rooted = {
        name: above or ((GLOBAL,) if name != GLOBAL else ()) for name, above in parents.items()
    }
    holders = _close(rooted, reader)
    members = {
        name: frozenset(inner for inner, above in holders.items() if name in above)
        for name in rooted
    }
    return Zones(parents=rooted, holders=holders, members=members)


def _close(parents: Mapping[str, tuple[str, ...]], reader: Reader) -> dict[str, frozenset[str]]:
    """Every zone with itself and all that hold it, by passing over the file until nothing grows."""
    holders = {name: frozenset((name,)) for name in parents}
    grown = True
    while grown:
        grown = False
        for name, above in parents.items():
            wider = holders[name].union(*(holders[parent] for parent in above))
            grown |= wider != holders[name]
            holders[name] = wider
    for name, above in parents.items():
        for parent in above:
            if name in holders[parent]:
                reader.report(f"zones.{name}", f"lies in itself, through `{parent}`")
    reader.finish()
    return holders
