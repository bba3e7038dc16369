"""The practice grid: vendors on loopback ports, their knobs and their logs.

async with Grid(seed=1, extra={"twin": "anthropic"}) as grid:
    grid.fail("aurora", "openai/429_requests", account="main", times=2)
    ...
    assert grid.log("twin") == []
"""

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Self

from gateway.practice.answer import Answer, Call
from gateway.practice.dialects import answer, read_credential, vendor_fields
from gateway.practice.faultbook import Alter, Fault, Wire, find_fault
from gateway.practice.http import BadMessageError, Fields, Message, parse_head
from gateway.practice.knobs import BadKnobError, Knob, Knobs
from gateway.practice.listener import Exchange, Listener, Peer
from gateway.practice.log import Log, Outcome, Request
from gateway.practice.play import Scene, plan
from gateway.practice.steps import Step
from gateway.practice.vendors import STANDARD, Flavour, Vendor, make_vendor

PORT_LOOK_EVERY_S: Final = 0.05
DEFAULT_WORDS: Final = 24
NONE: Final[Mapping[str, str]] = MappingProxyType({})
NO_PORTS: Final[Mapping[str, int]] = MappingProxyType({})


class Station:
    """One vendor at its port: what tests ask for an address, models and accounts."""

    def __init__(self, grid: "Grid", vendor: Vendor, host: str, port: int) -> None:
        remedy = f"stop what listens there, or give `--port {vendor.name}=0` for a free one"
        self.vendor = vendor
        self.log = Log()
        self.listener = Listener(self, host, port, grid.tls, remedy)
        self._grid = grid

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
        scheme = "http" if self._grid.tls is None else "https"
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
        fault = self._grid.knobs.meet(
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
            seed=self._grid.seed,
            words=self._grid.words,
            say=_forced_text(fault, request.model),
            tears_tool=fault is not None and fault.alter is Alter.TOOL_JSON,
        )
        fields: Fields = vendor_fields(call)
        scene = Scene(
            fields=fields,
            gap_s=self._grid.gap_s,
            model=request.model,
            request_id=call.request_id,
            wall_s=request.wall_s,
            served_before=peer.served_before,
        )
        healthy: Answer = answer(call)
        return _Exchange(request, plan(scene, healthy, fault), self._grid.now)

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
        request.ended_s = self._grid.now()

    def _record(self, message: Message, peer: Peer) -> Request:
        flavour = self.vendor.flavour
        request = Request(
            number=self.log.next_number(),
            vendor=self.name,
            connection=peer.connection,
            peer=peer.address,
            at_s=self._grid.now(),
            wall_s=self._grid.wall(),
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


class Grid:
    """All vendors.  Use it as an asynchronous context manager, in any running loop.

    `ports` maps names to ports, and 0, the default, means a free one.  `extra` maps the names
    of further vendors to flavours: openai, anthropic, mistral or vllm.  `gap_s` is the pause
    between two words of a stream.  `now` and `wall` are clocks: monotonic and Unix seconds.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        host: str = "127.0.0.1",
        ports: Mapping[str, int] = NO_PORTS,
        extra: Mapping[str, str] = NONE,
        gap_s: float = 0.001,
        words: int = DEFAULT_WORDS,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,  # noqa: TID251 - the grid's own clock, injectable
    ) -> None:
        self.seed = seed
        self.gap_s = gap_s
        self.words = words
        self.tls = tls
        self.now = now
        self.wall = wall
        self.knobs = Knobs(now)
        vendors = [*STANDARD, *(make_vendor(name, Flavour(kind)) for name, kind in extra.items())]
        self.stations: dict[str, Station] = {
            vendor.name: Station(self, vendor, host, ports.get(vendor.name, 0))
            for vendor in vendors
        }
        self._look: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        try:
            for station in self.stations.values():
                station.listener.listen()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Close every port and connection."""
        if self._look is not None:
            self._look.cancel()
        for station in self.stations.values():
            await station.listener.stop()

    def __getitem__(self, name: str) -> Station:
        """The vendor of that name.  Raises BadKnobError for a name that the grid has not."""
        station = self.stations.get(name)
        if station is None:
            raise BadKnobError(
                f"no vendor is called {name!r}; there are {', '.join(self.stations)}"
            )
        return station

    @property
    def aurora(self) -> Station:
        """OpenAI-like, US."""
        return self["aurora"]

    @property
    def borealis(self) -> Station:
        """Anthropic-like, US."""
        return self["borealis"]

    @property
    def europa(self) -> Station:
        """OpenAI-compatible with Mistral's manners, operated in the EU."""
        return self["europa"]

    @property
    def homegrid(self) -> Station:
        """Own vLLM."""
        return self["homegrid"]

    def log(self, name: str) -> list[Request]:
        """Every request that the vendor got, oldest first, within the log's bounds."""
        return self[name].log.requests()

    def connections(self, name: str) -> int:
        """Open connections at the vendor."""
        return len(self[name].listener.connections)

    def accepted(self, name: str) -> int:
        """Connections that the vendor ever accepted."""
        return self[name].listener.accepted

    def received_bytes(self, name: str) -> int:
        """Bytes that the vendor got since its log was cleared; 0 proves that nothing reached it."""
        return self[name].log.received_bytes

    def clear_logs(self) -> None:
        """Forget what every vendor got."""
        for station in self.stations.values():
            station.log.clear()

    def fail(
        self,
        name: str,
        fault: str,
        *,
        model: str | None = None,
        account: str | None = None,
        path: str | None = None,
        contains: bytes | None = None,
        times: int | None = None,
        for_s: float | None = None,
        on_s: float | None = None,
        every_s: float | None = None,
        after_events: int | None = None,
        delay_s: float | None = None,
    ) -> Knob:
        """Turn a knob: the fault of that id at that vendor, for what is in scope.

        `times` counts requests; `for_s` ends it; `on_s` in every `every_s` makes it flap.
        Raises UnknownFaultError and BadKnobError.
        """
        station = self[name]
        if model is not None and model not in station.vendor.models:
            raise BadKnobError(f"{name} has no model {model!r}; it has {', '.join(station.models)}")
        if account is not None and account not in station.accounts:
            known = ", ".join(station.accounts)
            raise BadKnobError(f"{name} has no account {account!r}; it has {known}")
        knob = self.knobs.turn(
            name,
            find_fault(fault),
            model=model,
            account=account,
            path=path,
            contains=contains,
            times=times,
            for_s=for_s,
            on_s=on_s,
            every_s=every_s,
            after_events=after_events,
            delay_s=delay_s,
        )
        self.refresh()
        return knob

    def heal(self, name: str | None = None, *, number: int | None = None) -> int:
        """Turn off all knobs, one vendor's, or one; gives how many."""
        if name is not None:
            self[name]  # raises for an unknown one
        healed = self.knobs.heal(name, number)
        self.refresh()
        return healed

    def refresh(self) -> None:
        """Open and close ports as knobs and clock say; runs by itself while one is timed."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
        for station in self.stations.values():
            fault = self.knobs.port_fault(station.name)
            if fault is None:
                station.listener.listen()
            else:
                station.listener.refuse(crash=fault.wire is Wire.CRASHED)
        self.knobs.active()
        if self.knobs.has_timed_ports:
            loop = asyncio.get_running_loop()
            self._look = loop.call_later(PORT_LOOK_EVERY_S, self.refresh)


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
