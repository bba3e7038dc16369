"""The seam to upstreams: one request, callbacks, facts about its end, no decision.

Two things stand behind it: `wire.Wire`, the client of the hot path, and `httpx_transport`, the
fallback over a library.  One conformance suite runs over both.

**It never retries.**  Whether a request may be sent again is the engine's decision, since a second
send is a second attempt: a permit, a row, perhaps a second charge.  A `Fault` tells what that
decision needs: was any byte handed to the socket, and did any byte come back.

**What a listener may rely on.**  `send` never calls it: the first callback comes in a later turn
of the loop.  Then `wire_head` once, `wire_body` any number of times with at least one byte each,
and exactly one of `wire_end` or `wire_fault`.  Nothing comes after `Call.cancel`, from inside a
callback too.  What came in the same read as an error is not delivered: nothing of it has gone to a
client, so that failing over is still invisible.

**What a listener owes.**  Nothing: an exception in a callback ends its call, closes its connection,
leaves the pool whole, and is told to `OnDefect` once; no callback follows, not even `wire_fault`.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from ssl import SSLObject
from typing import NamedTuple, Protocol

from providers.contract import Headers


class FaultKind(StrEnum):
    """Why a call ended without a whole reply."""

    CONNECT = "connect"  # no such name, refused, unreachable, no handshake in time: nothing sent
    EGRESS = "egress"  # the name resolves to an address that the deployment does not declare
    TLS = "tls"  # the peer did not prove that it is the host: expired, other name, unknown CA
    STALE = "stale"  # the keep-alive race: reused, no byte of an answer, lost at once
    RESET = "reset"  # lost before a whole head
    TRUNCATED = "truncated"  # lost after the head, before the end that the framing promised
    MALFORMED = "malformed"  # not HTTP/1.x, or an upgrade nobody asked for
    TOO_LARGE = "too_large"  # head or body beyond `Limits`
    SILENT = "silent"  # no byte for `Limits.silence_s`; the engine's own deadlines come earlier


class Fault(NamedTuple):
    """The end of a call without a whole reply.  `detail` is for logs, at most 200 characters."""

    kind: FaultKind
    sent: bool  # some byte of the request was handed to the socket
    answered: bool  # some byte of a reply came
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who is at the other end: for the ledger."""

    address: str  # numeric
    port: int
    certificate_sha256: str | None = None  # of the DER certificate, hex; None without TLS

    @classmethod
    def of(cls, address: str, port: int, tls: SSLObject | None) -> "Peer":
        """Read the certificate, if there is one, off a finished handshake."""
        certificate = tls.getpeercert(binary_form=True) if tls is not None else None
        digest = hashlib.sha256(certificate).hexdigest() if certificate else None
        return cls(address=address, port=port, certificate_sha256=digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds and bytes.  The engine's deadlines are shorter than `silence_s`, a far backstop."""

    connect_s: float = 2.0  # resolve, connect and handshake together
    silence_s: float = 900.0  # between two reads, and before the first
    keepalive_s: float = (
        4.0  # below the 5 s of uvicorn, the shortest of all, so that we close first
    )
    head_bytes: int = 32_768  # and anything else that is not body: interim heads, trailers
    body_bytes: int = 64 * 1024 * 1024
    connections: int = 1_000  # open and being opened together


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What is the same in every request to one path of a deployment; made by `Transport.prepare`.

    Holds the vendor's credential, so its text is kept out of `repr`.
    """

    path: bytes
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    head: bytes = field(repr=False)  # rendered, up to and with "content-length: "


class Listener(Protocol):
    """Who made a call.  See the module for order and exceptions."""

    def wire_head(self, status: int, headers: Headers) -> None:
        """Take status (200 or above) and headers, names in lower case; interim replies are gone."""
        ...

    def wire_body(self, data: bytes) -> None:
        """Take some of the body, without its framing, still in its content coding."""
        ...

    def wire_end(self) -> None:
        """The reply ended where its framing said."""
        ...

    def wire_fault(self, fault: Fault) -> None:
        """There will be no whole reply."""
        ...


OnDefect = Callable[[Listener, Exception], None]
"""Told of an exception that a listener let escape; its call is over by then."""


class Call(Protocol):
    """One request under way."""

    @property
    def peer(self) -> Peer | None:
        """None until there is a connection; stays readable after the end."""
        ...

    @property
    def reused(self) -> bool:
        """Whether the connection had carried another request before."""
        ...

    def cancel(self) -> None:
        """Close the connection without waiting; no callback comes after this.  May be repeated."""
        ...

    def pause(self) -> None:
        """Stop reading, so that the peer must wait.  What was read already is still delivered.

        The silence is ours now: `silence_s` rests.
        """
        ...

    def resume(self) -> None:
        """Read on."""
        ...


class Transport(Protocol):
    """The connections to one deployment."""

    def prepare(self, path: bytes, headers: Headers) -> Prepared:
        """Check and render what every request has in common; done once, at load.

        Raises ValueError for a path or field that could not be sent as it is, and for the fields
        that the transport itself writes.
        """
        ...

    def send(
        self,
        listener: Listener,
        prepared: Prepared,
        headers: Headers,
        body: bytes,
        *,
        fresh: bool = False,
    ) -> Call:
        """POST `body` on a free connection, or on a new one, which `fresh` demands.

        Raises PoolFullError when `Limits.connections` are in use, and ValueError for a header that
        would break the framing.
        """
        ...

    def close(self) -> None:
        """Close every connection and drop every call; no callback comes after this."""
        ...

    @property
    def open(self) -> int:
        """Connections that stand: `busy` and `idle` together."""
        ...

    @property
    def busy(self) -> int:
        """Connections that carry a call."""
        ...

    @property
    def dialling(self) -> int:
        """Connections being made."""
        ...

    @property
    def idle(self) -> int:
        """Connections kept for the next call."""
        ...
