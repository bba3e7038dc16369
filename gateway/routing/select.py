"""In which order are the candidates tried?  Tiers as written; in a tier, the least busy first.

Filter, score, pick: `resolve` and `clear` have filtered, the score is the number of attempts in
flight, and the engine picks the first that is ready.  Ties keep the order of `supply.yaml`.
"""

from collections.abc import Sequence

from gateway.routing.clearance import Candidate


def order(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Sort by tier, then by attempts in flight."""
    if len(candidates) < 2:
        return candidates
    return sorted(candidates, key=_burden)


def _burden(candidate: Candidate) -> tuple[int, int]:
    return candidate.tier, candidate.standing.in_flight
