"""What an upstream said that is not an answer: an error body, kept small, judged, passed on."""

from gateway.exchange import Exchange
from gateway.relay.headers import JSON, NO_RETRY, Log, served
from gateway.routing.clearance import Candidate
from providers.contract import Charge, Headers, Kind, Verdict
from providers.faults.classify import classify

ERROR_BYTES = 65_536  # of an error body; the rest says nothing new
# A client's own error keeps its status where clients know it; everything else becomes 400, so
# that no vendor's 401 or 403 reaches a client and sends it into a login loop.
_PASSED = frozenset((400, 404, 409, 413, 415, 422))


class ErrorReply:
    """Collects the reply of an attempt whose head was not that of an answer."""

    __slots__ = ("_parts", "_size", "headers", "status")

    def __init__(self, status: int, headers: Headers) -> None:
        self.status, self.headers = status, headers
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> None:
        """Keep what is within the bound."""
        room = ERROR_BYTES - self._size
        if room > 0:
            self._parts.append(data[:room])
            self._size += min(len(data), room)

    @property
    def body(self) -> bytes:
        return b"".join(self._parts)

    def verdict(self, candidate: Candidate, wall_s: float) -> Verdict:
        """Judge by body first and status second."""
        if self.status == 200:
            return Verdict(Kind.CORRUPT_ANSWER, "not an answer", charge=Charge.UNKNOWN)
        vendor = candidate.deployment.account.vendor
        return classify(self.status, self.headers, self.body, vendor, now_unix_s=wall_s)

    def pass_on(self, exchange: Exchange, log: Log, candidate: Candidate) -> None:
        """Give the client its own error, in its dialect."""
        status = self.status if self.status in _PASSED else 400
        body = candidate.pair.error(self.status, self.body)
        exchange.status, exchange.bytes_out = status, len(body)
        exchange.sink.reply(status, [JSON, NO_RETRY, *served(exchange, log, candidate)], body)


def is_answer(status: int, headers: Headers, kind: bytes) -> bool:
    """Whether the head is that of an answer of this content type, sent as plain bytes.

    We ask for `identity`; a reply that is encoded all the same could be a bomb, and is no answer.
    """
    if status != 200:
        return False
    found = b""
    for name, value in headers:
        if name == b"content-type":
            found = value.lower()
        elif name == b"content-encoding" and value.lower() != b"identity":
            return False
    return found.startswith(kind)
