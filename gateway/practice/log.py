"""The log of one vendor: every request down to its bytes, bounded by count and by size.

Tests judge policy by it, so it also keeps what never became a request, and counts connections
and bytes by themselves.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_REQUESTS: Final = 20_000
MAX_BYTES: Final = 128 * 1024 * 1024


class Outcome(StrEnum):
    """How the vendor's side of a request ended."""

    OPEN = "open"
    ANSWERED = "answered"  # all that was meant to be sent was sent
    CLIENT_LEFT = "client_left"
    BROKEN = "broken"  # what came is no request
    STOPPED = "stopped"  # the grid was stopped first


@dataclass(slots=True, kw_only=True)
class Request:
    """One request.  The members from `status` on are filled while it is answered."""

    number: int  # in this vendor's log, from 1
    vendor: str
    connection: int  # of this vendor, from 1
    peer: str  # address and port of the client
    at_s: float  # monotonic seconds, when its last byte was read
    wall_s: float
    head: bytes  # with its blank line
    body: bytes  # without chunk framing
    method: str
    path: str
    attempt_id: str | None  # the header x-request-id
    account: str | None  # whose credential it showed; None for nobody's
    model: str | None
    fault: str | None = None  # the id of the fault that it met
    status: int | None = None  # None until a head is sent
    sent_bytes: int = 0
    outcome: Outcome = Outcome.OPEN
    ended_s: float | None = None  # monotonic seconds

    @property
    def size_bytes(self) -> int:
        """What keeping it costs, about."""
        return len(self.head) + len(self.body)


class Log:
    """Newest last.  `dropped` counts what the bounds pushed out."""

    def __init__(self, max_requests: int = MAX_REQUESTS, max_bytes: int = MAX_BYTES) -> None:
        self._requests: deque[Request] = deque()
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self._bytes = 0
        self.last_number = 0
        self.dropped = 0
        self.received_bytes = 0  # of everything, TLS aside

    def next_number(self) -> int:
        """The number for the next request."""
        self.last_number += 1
        return self.last_number

    def add(self, request: Request) -> None:
        """Keep one, and let go of the oldest above the bounds."""
        self._requests.append(request)
        self._bytes += request.size_bytes
        while len(self._requests) > self._max_requests or self._bytes > self._max_bytes:
            self._bytes -= self._requests.popleft().size_bytes
            self.dropped += 1

    def requests(self) -> list[Request]:
        """All that is kept, oldest first."""
        return list(self._requests)

    def clear(self) -> None:
        """Forget requests and byte counts; numbers go on."""
        self._requests.clear()
        self._bytes = self.dropped = self.received_bytes = 0
