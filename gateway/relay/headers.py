"""The headers of every answer: who served, under which policy, after how many attempts.

An operator can reduce them to the request id, which finds the rest in the ledger.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from gateway.exchange import Exchange
from gateway.routing.clearance import Candidate
from providers.contract import Headers, Kind

JSON: Final = (b"content-type", b"application/json")
SSE: Final = (b"content-type", b"text/event-stream; charset=utf-8")
NO_RETRY: Final = (b"x-should-retry", b"false")
RETRY: Final = (b"x-should-retry", b"true")
# Nobody between us and the client may collect a stream before passing it on.
NO_CACHE: Final = (b"cache-control", b"no-store")


class Log(Protocol):
    """The part of a flight that the headers tell."""

    @property
    def attempts(self) -> int: ...
    @property
    def failed(self) -> Sequence[Kind]: ...


def named(exchange: Exchange) -> Headers:
    """What a refusal without any attempt says."""
    headers = [(b"x-switchgear-request-id", exchange.id.encode())]
    if exchange.clearance.snapshot.tells_supply:
        headers.append(exchange.clearance.header)
    return headers


def trace(exchange: Exchange, log: Log) -> Headers:
    """What every answer says once there was a choice of supply, errors included."""
    headers = named(exchange)
    if not exchange.clearance.snapshot.tells_supply:
        return headers
    headers.append((b"x-switchgear-attempts", b"%d" % log.attempts))
    if log.failed:
        headers.append((b"x-switchgear-failover", ",".join(log.failed).encode()))
    return headers


def served(exchange: Exchange, log: Log, candidate: Candidate) -> Headers:
    """What an answer from a deployment says."""
    if not exchange.clearance.snapshot.tells_supply:
        return named(exchange)
    headers = [*candidate.traits, *trace(exchange, log)]
    headers.append(
        (b"x-switchgear-overhead-ms", b"%.2f" % ((exchange.sent_at - exchange.read_at) * 1e3))
    )
    if exchange.dropped:
        headers.append((b"x-switchgear-dropped", ",".join(exchange.dropped).encode()))
    if exchange.added:
        headers.append((b"x-switchgear-added", ",".join(exchange.added).encode()))
    if exchange.substituted is not None:
        model = exchange.substituted.encode("ascii", "replace")[:128]
        printable = bytes(byte if 32 < byte < 127 else 63 for byte in model)
        headers.append((b"x-switchgear-substituted", printable))
    return headers
