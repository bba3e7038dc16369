"""How much may be under way: requests of all and of one key, and the memory their bodies take.

Counters on the loop's thread, so that taking and giving back need no lock.  A lease is given
back once, when its exchange is settled, whatever ended it.
"""

from dataclasses import dataclass

from gateway.errors import LimitReachedError
from gateway.exchange import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Upper bounds; bodies in bytes."""

    in_flight: int = 2_000
    in_flight_per_key: int = 500  # unless the key has its own
    body_bytes: int = 10 * 1024 * 1024
    bodies_bytes: int = 256 * 1024 * 1024  # of all requests together
    header_bytes: int = 64 * 1024  # request line and fields
    header_count: int = 100


class Lease:
    """One request's share of the caps."""

    __slots__ = ("_body_bytes", "_key_id", "_limits")

    def __init__(self, limits: "Limits", key_id: str) -> None:
        self._limits: Limits | None = limits
        self._key_id = key_id
        self._body_bytes = 0

    def hold(self, size_bytes: int) -> None:
        """Account for body bytes that came.  Raises LimitReachedError."""
        limits = self._limits
        if limits is None:
            return
        if limits.bodies_bytes + size_bytes > limits.caps.bodies_bytes:
            raise LimitReachedError("too much memory is held by request bodies", status=503)
        limits.bodies_bytes += size_bytes
        self._body_bytes += size_bytes

    def give_back(self) -> None:
        """Return the share; asking twice does no harm."""
        limits, self._limits = self._limits, None
        if limits is not None:
            limits.leave(self._key_id, self._body_bytes)


class Limits:
    """What is under way now.  `caps` is replaced by a reload."""

    def __init__(self, caps: Caps) -> None:
        self.caps = caps
        self.in_flight = 0
        self.bodies_bytes = 0
        self._by_key: dict[str, int] = {}

    def enter(self, principal: Principal) -> Lease:
        """Take a share for one request.  Raises LimitReachedError: 429 for a key, 503 for all."""
        if self.in_flight >= self.caps.in_flight:
            raise LimitReachedError("the gateway has as many requests as it may", status=503)
        key_id = principal.key_id
        under_way = self._by_key.get(key_id, 0)
        if under_way >= (principal.max_in_flight or self.caps.in_flight_per_key):
            raise LimitReachedError(f"this key has {under_way} requests under way, its maximum")
        self.in_flight += 1
        self._by_key[key_id] = under_way + 1
        return Lease(self, key_id)

    def leave(self, key_id: str, body_bytes: int) -> None:
        """Called by the lease."""
        self.in_flight -= 1
        self.bodies_bytes -= body_bytes
        left = self._by_key[key_id] - 1
        if left:
            self._by_key[key_id] = left
        else:
            del self._by_key[key_id]
