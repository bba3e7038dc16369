"""Everything known about one client request, until it is settled.

A record: it is filled by the nine steps in their order and read by those after.  It has no
behaviour, so that no step can hide in it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.admission.limits import Lease
    from gateway.catalog import Route
    from gateway.routing.clearance import Clearance
    from policies.labels import Labels
    from providers.contract import ClientDialect, ClientRequest, Headers

_RUN = os.urandom(6).hex()  # names this process; the counter makes an id unique within it
_next_number = count().__next__


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who a request comes from, and the labels below which it cannot go."""

    key_id: str
    tenant: str
    app: str
    floor: str  # class
    tags: frozenset[str]
    purpose: str | None  # None: what labels.yaml says
    max_in_flight: int | None  # None: no cap of its own
    is_admin: bool


class Sink(Protocol):
    """The client's side.  All calls return at once; `write` says how many bytes are waiting."""

    def reply(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer; nothing follows."""
        ...

    def open(self, status: int, headers: Headers) -> None:
        """Begin a stream."""
        ...

    def write(self, data: bytes) -> int: ...

    def finish(self) -> None:
        """End a stream that `open` began."""
        ...

    def drop(self) -> None:
        """Give up on a client that takes nothing."""
        ...


class Underway(Protocol):
    """The client's side of an exchange that makes attempts; see `failover.driver`."""

    def client_left(self) -> None: ...

    def client_took_all(self) -> None: ...


class Attempt:
    """The attempt under way, as the ledger will want to know it.  Times are monotonic seconds."""

    __slots__ = ("first_token_at", "head_at", "headers", "number", "probe", "sent_at", "status")

    def __init__(self, number: int, sent_at: float, probe: int) -> None:
        self.number = number
        self.probe = probe  # what the deployment's breaker called it; 0: no probe
        self.sent_at = sent_at
        self.head_at = self.first_token_at = 0.0  # 0: did not come
        self.status = 0
        self.headers: Headers = []


class Exchange:
    """One client request.  Times are monotonic seconds unless the name says otherwise."""

    __slots__ = (
        "added", "began", "bytes_out", "clearance", "client", "created", "driver", "dropped",
        "excluded", "excluded_more", "id", "is_gone", "is_over", "is_stream", "labels", "lease",
        "permitted", "principal", "read_at", "request", "route", "route_name", "sent_at", "sink",
        "sources", "status", "substituted", "unable",
    )  # fmt: skip

    def __init__(self, client: ClientDialect, sink: Sink, began: float, wall_s: float) -> None:
        self.id = f"{_RUN}{_next_number():010x}"
        self.client = client
        self.sink = sink
        self.began = began
        self.created = int(wall_s)  # Unix seconds, for dialects that tell the time of an answer
        self.read_at = began  # when the last byte of the request had come
        self.sent_at = 0.0  # when the first attempt's bytes went out; 0 before
        self.status = 0  # of the answer to the client; 0 before
        self.bytes_out = 0  # of the answer's body
        self.substituted: str | None = None  # the model that answered in another's place
        self.is_gone = False  # the client left
        self.is_over = False  # answered and settled
        self.driver: Underway | None = None
        self.unable = ""  # why no deployment can carry the request; for the client
        self.dropped: tuple[str, ...] = ()
        self.added: tuple[str, ...] = ()
        # Filled by the steps accept, admit, label, resolve, clear, in the order of the pipeline.
        self.lease: Lease | None = None
        self.clearance: Clearance
        self.principal: Principal
        self.labels: Labels
        self.sources: Mapping[str, str]  # label -> what raised it
        self.request: ClientRequest
        self.is_stream = False
        self.route: Route
        self.route_name = ""  # "" while no route of ours is known: a client's text is no name
        self.permitted: tuple[str, ...] = ()
        self.excluded: Mapping[str, tuple[str, ...]] = {}  # deployment -> policies
        self.excluded_more = 0  # excluded deployments beyond those named
