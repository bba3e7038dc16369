"""The practice grid: vendors on loopback ports, their knobs and their logs.

async with Grid(seed=1, extra={"twin": "anthropic"}) as grid:
    grid.fail("aurora", "openai/429_requests", account="main", times=2)
    ...
    assert grid.log("twin") == []
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Self, Unpack

from gateway.practice.faultbook import Wire, find_fault
from gateway.practice.knobs import BadKnobError, Knob, Knobs, Scope
from gateway.practice.log import Request
from gateway.practice.station import House, Station
from gateway.practice.vendors import STANDARD, Flavour, make_vendor

PORT_LOOK_EVERY_S: Final = 0.05
DEFAULT_WORDS: Final = 24
NO_VENDORS: Final[Mapping[str, str]] = MappingProxyType({})
FREE_PORTS: Final[Mapping[str, int]] = MappingProxyType({})


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
        ports: Mapping[str, int] = FREE_PORTS,
        extra: Mapping[str, str] = NO_VENDORS,
        gap_s: float = 0.001,
        words: int = DEFAULT_WORDS,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,  # noqa: TID251 - the grid's own clock, injectable
    ) -> None:
        self.knobs = Knobs(now)
        house = House(
            seed=seed,
            host=host,
            gap_s=gap_s,
            words=words,
            tls=tls,
            now=now,
            wall=wall,
            knobs=self.knobs,
        )
        vendors = [*STANDARD, *(make_vendor(name, Flavour(kind)) for name, kind in extra.items())]
        self.stations: dict[str, Station] = {
            vendor.name: Station(house, vendor, ports.get(vendor.name, 0)) for vendor in vendors
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

    def fail(self, name: str, fault: str, **scope: Unpack[Scope]) -> Knob:
        """Turn a knob: the fault of that id at that vendor, for what is in scope.

        `times` counts requests; `for_s` ends it; `on_s` in every `every_s` makes it flap.
        Raises UnknownFaultError and BadKnobError.
        """
        station = self[name]
        model, account = scope.get("model"), scope.get("account")
        if model is not None and model not in station.vendor.models:
            raise BadKnobError(f"{name} has no model {model!r}; it has {', '.join(station.models)}")
        if account is not None and account not in station.accounts:
            known = ", ".join(station.accounts)
            raise BadKnobError(f"{name} has no account {account!r}; it has {known}")
        knob = self.knobs.turn(name, find_fault(fault), **scope)
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
