"""Is this the model that was asked for?  Vendors have been seen to answer with another one.

Checked before the commit, while the answer can still be discarded.  A strict route does that and
fails over; others deliver it, name the model in a header, and the supply event is recorded.
"""

from gateway.exchange import Exchange
from gateway.routing.clearance import Candidate
from providers.answers_as import matches
from providers.contract import Charge, Kind, Verdict


def judge_model(exchange: Exchange, candidate: Candidate, model: str | None) -> Verdict | None:
    """A verdict when the answer must be discarded; otherwise notes what there is to note."""
    deployment = candidate.deployment
    expected = deployment.answers_as or (deployment.target.model,)
    if model is None or matches(model, expected):
        return None
    if exchange.route.is_strict:
        return Verdict(Kind.SUBSTITUTED, "another model", charge=Charge.FULL)
    exchange.substituted = model
    return None
