"""One vendor at its port: it logs each request, sees which fault it meets, and answers."""

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from gateway.practice.answer import Call
from gateway.practice.dialects import answer, read_credential, vendor_fields
from gateway.practice.faultbook import Alter, Fault
from gateway.practice.http import BadMessageError, Message, parse_head
from gateway.practice.knobs import Knobs
from gateway.practice.listener import Exchange, Listener, Peer
from gateway.practice.log import Log, Outcome, Request
from gateway.practice.play import Scene, plan
from gateway.practice.steps import Step
from gateway.practice.vendors import Vendor


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What all vendors of one grid share."""

    seed: int
    host: str
    gap_s: float  # between two pieces of a stream
    words: int  # of an answer that nothing else bounds
    tls: ssl.SSLContext | None
    now: Callable[[], float]
    wall: Callable[[], float]
    knobs: Knobs


class Station:
    """What tests ask for an address, models and accounts."""

    def __init__(self, house: House, vendor: Vendor, port: int) -> None:
        remedy = f"stop what listens there, or give `--port {vendor.name}=0` for a free one"
        self.vendor = vendor
        self.log = Log()
        self.listener = Listener(self, house.host, port, house.tls, remedy)
        self._house = house

    @property
    def name(self) -> str:
        """The vendor's name."""
        return self.vendor.name

    @property
    def port(self) -> int:
        """The port, from the grid's start on."""
        return self.listener.port

    @property
    def base_url(self) -> str:
        """Scheme, host and port; no path."""
        scheme = "http" if self._house.tls is None else "https"
        return f"{scheme}://{self.listener.host}:{self.port}"

    @property
    def accounts(self) -> Mapping[str, str]:
        """Credentials by account."""
        return self.vendor.accounts

    @property
    def models(self) -> list[str]:
        """Names of the models."""
        return list(self.vendor.models)

    def begin(self, message: Message, peer: Peer) -> Exchange:
        """Log one request and decide what it meets."""
        request = self._record(message, peer)
        fault = self._house.knobs.meet(
            self.name,
            model=request.model,
            account=request.account,
            method=message.method,
            path=message.path,
            body=message.body,
        )
        request.fault = None if fault is None else fault.id
        call = Call(
            vendor=self.vendor,
            message=message,
            number=request.number,
            wall_s=request.wall_s,
            seed=self._house.seed,
            words=self._house.words,
            say=_forced_text(fault, request.model),
            tears_tool=fault is not None and fault.alter is Alter.TOOL_JSON,
        )
        scene = Scene(
            fields=vendor_fields(call),
            gap_s=self._house.gap_s,
            model=request.model,
            request_id=call.request_id,
            wall_s=request.wall_s,
            served_before=peer.served_before,
        )
        return _Exchange(request, plan(scene, answer(call), fault), self._house.now)

    def received(self, size_bytes: int) -> None:
        """Count bytes of any kind."""
        self.log.received_bytes += size_bytes

    def broken(self, head: bytes, body: bytes, peer: Peer) -> None:
        """Log what never became a request."""
        message = Message(head=head, body=body, method="", path="", fields=())
        try:
            if head.endswith(b"\r\n\r\n"):
                message = replace(parse_head(head), body=body)
        except BadMessageError:
            pass  # logged as the bytes that it is
        request = self._record(message, peer)
        request.outcome = Outcome.BROKEN
        request.ended_s = self._house.now()

    def _record(self, message: Message, peer: Peer) -> Request:
        flavour = self.vendor.flavour
        request = Request(
            number=self.log.next_number(),
            vendor=self.name,
            connection=peer.connection,
            peer=peer.address,
            at_s=self._house.now(),
            wall_s=self._house.wall(),
            head=message.head,
            body=message.body,
            method=message.method,
            path=message.path,
            attempt_id=message.field("x-request-id"),
            account=self.vendor.account_of(read_credential(flavour, message)),
            model=_read_model(message.body),
        )
        self.log.add(request)
        return request


class _Exchange:
    """Follows one request for the log."""

    def __init__(self, request: Request, steps: Iterator[Step], now: Callable[[], float]) -> None:
        self.steps = steps
        self._request = request
        self._now = now

    def sent(self, data: bytes) -> None:
        if not self._request.sent_bytes and data.startswith(b"HTTP/1.1 "):
            self._request.status = int(data[9:12])
        self._request.sent_bytes += len(data)

    def ended(self, *, client_left: bool) -> None:
        self._request.outcome = Outcome.CLIENT_LEFT if client_left else Outcome.ANSWERED
        self._request.ended_s = self._now()


def _forced_text(fault: Fault | None, model: str | None) -> str | None:
    if fault is None or fault.alter not in (Alter.SAY, Alter.NO_TEXT):
        return None
    return fault.value.replace("{{model}}", model or "")


def _read_model(body: bytes) -> str | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    model = value.get("model") if isinstance(value, dict) else None
    return model if isinstance(model, str) else None
