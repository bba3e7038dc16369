"""Writes `docs/reference/supply-events.md` from the reactions: `python -m docs.generate_events`.

The page can't drift: a test renders it again and compares.  What a kind means is told here; what
is done about it is read from `gateway/supply/reactions.py`.
"""

from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gateway.failover.engine import ATTEMPT_CAP
from gateway.practice.faultbook import load_faults
from gateway.supply.element import FAILS_TO_OPEN, OPEN_CAP_S, OPEN_S, SUCCESSES_TO_CLOSE
from gateway.supply.reactions import NOT_EVENTS, REACTIONS, Reaction
from providers.contract import Kind

PAGE = Path(__file__).parent / "reference" / "supply-events.md"
EXAMPLES: Final = 3

MEANINGS: Final = MappingProxyType(
    {
        Kind.THROTTLED: "The vendor limits the rate. It passes by itself.",
        Kind.OVERLOADED: "The vendor has no capacity, whatever your limits are.",
        Kind.QUOTA_EXHAUSTED: "A budget, credit or quota of a period is used up.",
        Kind.CREDENTIAL_REJECTED: "The vendor's key is wrong, revoked or not valid from here.",
        Kind.ACCOUNT_CUT_OFF: "The account or organisation is disabled, closed or on hold.",
        Kind.JURISDICTION_DENIED: "The vendor does not serve this country, region or address.",
        Kind.MODEL_WITHDRAWN: "The model is gone, or never was open to this account.",
        Kind.UPSTREAM_FAULT: "The vendor failed: a 5xx, a reset, an error told inside a 200.",
        Kind.UNREACHABLE: "No connection: name, address, TCP or TLS.",
        Kind.BROWNOUT: "Silence: a deadline passed without an answer, or without its next part.",
        Kind.BROKEN_STREAM: "A stream broke off, or ended without saying that it is whole.",
        Kind.CORRUPT_ANSWER: "A 200 that is no answer: empty, HTML, cut JSON, an unasked coding.",
        Kind.SUBSTITUTED: "Another model answered than the one that was asked.",
        Kind.OK: "A whole answer.",
        Kind.REFUSED: "The model or its safety layer declined. Delivered as it is.",
        Kind.CALLER_ERROR: "The request is wrong, such as too long a prompt. Passed to the client.",
        Kind.CALLER_GONE: "The client left. The vendor's connection was closed.",
        Kind.STALE_CONNECTION: "A kept connection was closed as the request went out. Sent once "
        "more on a new one, as a second attempt.",
        Kind.LOCAL: "Ours: no free connection, a defect, the exchange's own deadline.",
    }
)

_HEAD = """\
# Supply events

<!-- Generated from gateway/supply/reactions.py by `python -m docs.generate_events`. Do not edit. -->

Every attempt ends in one verdict. Thirteen kinds are trouble at the supply; they are counted in
`switchgear_supply_events_total`, named in the header `x-switchgear-failover`, and written into the
attempt's row. A refusal is judged by its body first (machine code, then message) and by its status
last: a cut-off often comes as a 400 or a 429.

| kind | what happened | what is blamed | cooldown | breaker | may be tried again at once | try it |
|---|---|---|---|---|---|---|
"""

_AFTER = f"""
- **Cooldown** is what holds when the vendor names no wait; `retry-after` and reset headers win. Of
  two ends the later one holds.
- **Cut** lasts until somebody restores the element (`POST /admin/supply/SCOPE/NAME/restore`) or the
  gateway restarts. A reload does not restore it.
- **Breaker**: {FAILS_TO_OPEN} failures in a row open a deployment's breaker for {OPEN_S:.0f} s, longer each
  time, {OPEN_CAP_S:.0f} s at most. Then one probe at a time is let through, and {SUCCESSES_TO_CLOSE} whole answers close it.
  A failed probe opens it again.
- **May be tried again at once**: at the same deployment, once, after a spread wait, when no other is
  left and the retry budget allows it. A request makes {ATTEMPT_CAP} attempts at most.
- After the first text has gone out nothing is tried again, whatever the kind: the stream ends in an
  error event and the attempt counts as `broken_stream`.
- A substituted answer is delivered with the header `x-switchgear-substituted`, and counted. On a
  strict route it is discarded, and the deployment is blamed.

## What is nobody's fault

These are verdicts too, and no events. Nothing is blamed.

| kind | what happened |
|---|---|
"""


def render() -> str:
    """The whole page."""
    events = (kind for kind in Kind if kind not in NOT_EVENTS)
    others = (kind for kind in Kind if kind in NOT_EVENTS)
    rows = "".join(map(_row, events))
    return _HEAD + rows + _AFTER + "".join(f"| `{k}` | {MEANINGS[k]} |\n" for k in others)


def _row(kind: Kind) -> str:
    reaction = REACTIONS[kind]
    cells = (
        f"`{kind}`",
        MEANINGS[kind],
        _blame(reaction),
        f"{reaction.cooldown_s:.0f} s" if reaction.cooldown_s else "-",
        "counts" if reaction.is_health else "-",
        "yes" if reaction.may_repeat else "-",
        ", ".join(f"`{name}`" for name in _examples(kind)),
    )
    return f"| {' | '.join(cells)} |\n"


def _blame(reaction: Reaction) -> str:
    return f"{reaction.blames}, **cut**" if reaction.is_cut else str(reaction.blames)


def _examples(kind: Kind) -> Iterator[str]:
    found = [fault.id for fault in load_faults().values() if fault.expect == kind]
    yield from found[:EXAMPLES]


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
