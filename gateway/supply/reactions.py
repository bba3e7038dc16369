"""What each kind of trouble does to the supply: whom it blames, for how long, and how hard.

Source: the catalogue of faults behind `docs/reference/supply-events.md`.  Defaults only: a wait
that the vendor names wins over `cooldown_s`.
"""

from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from providers.contract import Kind

NOT_EVENTS: Final = frozenset(
    (Kind.OK, Kind.REFUSED, Kind.CALLER_ERROR, Kind.CALLER_GONE, Kind.STALE_CONNECTION, Kind.LOCAL)
)
"""Ends of an attempt that say nothing about the supply; the 13 others are supply events."""


class Scope(StrEnum):
    """The element that a verdict speaks about."""

    NOBODY = "nobody"
    DEPLOYMENT = "deployment"
    ACCOUNT = "account"


class Reaction(NamedTuple):
    """What the supply state and the engine do about a kind."""

    blames: Scope = Scope.DEPLOYMENT
    is_health: bool = False  # counts in the deployment's breaker
    cooldown_s: float = 0.0
    is_cut: bool = False
    may_repeat: bool = False  # the same deployment may be tried once more when no other is left


_ACCOUNT_CUT: Final = Reaction(blames=Scope.ACCOUNT, is_cut=True)
_HEALTH: Final = Reaction(is_health=True)
_NOBODY: Final = Reaction(blames=Scope.NOBODY)

REACTIONS: Final = MappingProxyType(
    {
        Kind.OK: _NOBODY,
        Kind.REFUSED: _NOBODY,
        Kind.CALLER_ERROR: _NOBODY,
        Kind.CALLER_GONE: _NOBODY,
        Kind.LOCAL: _NOBODY,
        Kind.STALE_CONNECTION: Reaction(blames=Scope.NOBODY, may_repeat=True),
        Kind.THROTTLED: Reaction(cooldown_s=5.0),
        Kind.OVERLOADED: Reaction(cooldown_s=10.0, is_health=True, may_repeat=True),
        Kind.QUOTA_EXHAUSTED: _ACCOUNT_CUT,
        Kind.ACCOUNT_CUT_OFF: _ACCOUNT_CUT,
        Kind.JURISDICTION_DENIED: _ACCOUNT_CUT,
        # A vendor's own login may be down: the account rests, and is tried again.
        Kind.CREDENTIAL_REJECTED: Reaction(blames=Scope.ACCOUNT, cooldown_s=5.0),
        Kind.MODEL_WITHDRAWN: Reaction(is_cut=True),
        Kind.UPSTREAM_FAULT: Reaction(is_health=True, may_repeat=True),
        Kind.UNREACHABLE: Reaction(is_health=True, cooldown_s=5.0),
        Kind.BROWNOUT: _HEALTH,
        Kind.BROKEN_STREAM: _HEALTH,
        Kind.CORRUPT_ANSWER: _HEALTH,
        Kind.SUBSTITUTED: _HEALTH,
    }
)
