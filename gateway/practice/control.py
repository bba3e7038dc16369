"""The grid's control port: knobs, logs and addresses over HTTP, for people and other processes.

    GET /grid                    addresses, accounts, models and counts
    GET /faults                  every fault with its description
    GET, POST, DELETE /knobs     DELETE /knobs/NAME heals one vendor
    GET, DELETE /log             GET /log/NAME for one vendor

A POST needs `content-type: application/json`, which a web page cannot send across origins.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Self

from gateway.practice.answer import to_json
from gateway.practice.faultbook import UnknownFaultError, load_faults
from gateway.practice.grid import Grid
from gateway.practice.http import Message, render_head
from gateway.practice.knobs import BadKnobError, Knob, Scope
from gateway.practice.listener import Listener, Peer
from gateway.practice.log import Request
from gateway.practice.steps import Send, Step

JsonObject = dict[str, object]

SCOPE_TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "model": str,
    "account": str,
    "path": str,
    "contains": str,
    "times": int,
    "for_s": (int, float),
    "on_s": (int, float),
    "every_s": (int, float),
    "after_events": int,
    "delay_s": (int, float),
}


class Control:
    """Serves one grid.  An asynchronous context manager, to be entered after the grid."""

    def __init__(self, grid: Grid, host: str = "127.0.0.1", port: int = 0) -> None:
        remedy = "stop what listens there, or give `--port control=0` for a free one"
        self.grid = grid
        self.listener = Listener(self, host, port, None, remedy)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.listener.host}:{self.listener.port}"

    async def __aenter__(self) -> Self:
        self.listener.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.listener.stop()

    def describe(self) -> JsonObject:
        """Addresses and counts."""
        vendors = {}
        for name, station in self.grid.stations.items():
            vendors[name] = {
                "base_url": station.base_url,
                "port": station.port,
                "flavour": station.vendor.flavour,
                "place": station.vendor.place,
                "models": station.models,
                "accounts": dict(station.accounts),
                "is_open": station.listener.is_open,
                "connections": self.grid.connections(name),
                "requests": station.log.last_number,
                "received_bytes": station.log.received_bytes,
            }
        return {"control": self.url, "vendors": vendors}

    def begin(self, message: Message, peer: Peer) -> "_Said":
        """Answer one request."""
        try:
            status, value = self._answer(message)
        except (BadKnobError, UnknownFaultError) as error:
            status, value = 400, {"error": str(error)}
        return _Said(status, value)

    def received(self, size_bytes: int) -> None:
        """Nothing is counted here."""

    def broken(self, head: bytes, body: bytes, peer: Peer) -> None:
        """Nothing is logged here."""

    def _answer(self, message: Message) -> tuple[int, JsonObject]:
        _, first, *rest = [*message.path.split("/"), ""]
        routes: Mapping[tuple[str, str], Callable[[Message, str | None], JsonObject]] = {
            ("GET", "grid"): lambda _message, _name: self.describe(),
            ("GET", "faults"): lambda _message, _name: {"faults": describe_faults()},
            ("GET", "knobs"): lambda _message, _name: {"knobs": self._knobs()},
            ("POST", "knobs"): lambda given, _name: self._turn(given),
            ("DELETE", "knobs"): lambda _message, name: {"healed": self.grid.heal(name)},
            ("GET", "log"): lambda _message, name: self._log(name),
            ("DELETE", "log"): lambda _message, _name: self._clear(),
        }
        route = routes.get((message.method, first))
        if route is None:
            known = ", ".join(f"{method} /{path}" for method, path in routes)
            return 404, {"error": f"no {message.method} {message.path}; there are {known}"}
        return 200, route(message, next(filter(None, rest), None))

    def _knobs(self) -> list[JsonObject]:
        return [describe_knob(knob, self.grid.knobs.now()) for knob in self.grid.knobs.active()]

    def _turn(self, message: Message) -> JsonObject:
        if (message.field("content-type") or "").partition(";")[0] != "application/json":
            raise BadKnobError("a knob is sent with content-type: application/json")
        vendor, fault, scope = read_knob(message.body)
        return describe_knob(self.grid.fail(vendor, fault, **scope), self.grid.knobs.now())

    def _log(self, name: str | None) -> JsonObject:
        names = list(self.grid.stations) if name is None else [name]
        requests = [request for each in names for request in self.grid.log(each)]
        requests.sort(key=lambda request: request.at_s)
        dropped = sum(self.grid[each].log.dropped for each in names)
        return {"requests": [describe_request(each) for each in requests], "dropped": dropped}

    def _clear(self) -> JsonObject:
        self.grid.clear_logs()
        return {"cleared": True}


class _Said:
    """One answer of the control port."""

    def __init__(self, status: int, value: JsonObject) -> None:
        body = to_json(value)
        fields = [("content-type", "application/json"), ("content-length", str(len(body)))]
        self.steps: Iterator[Step] = iter([Send(render_head(status, fields) + body)])

    def sent(self, data: bytes) -> None:
        pass

    def ended(self, *, client_left: bool) -> None:
        pass


def read_knob(body: bytes) -> tuple[str, str, Scope]:
    """Vendor, fault and scope from JSON.  Raises BadKnobError naming the member at fault."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise BadKnobError("the body is not JSON") from None
    if not isinstance(value, dict):
        raise BadKnobError("the body is not a JSON object")
    vendor, fault = value.pop("vendor", None), value.pop("fault", None)
    if not isinstance(vendor, str) or not isinstance(fault, str):
        raise BadKnobError("vendor and fault must be strings")
    scope = Scope()
    for name, given in value.items():
        wanted = SCOPE_TYPES.get(name)
        if wanted is None:
            raise BadKnobError(f"{name!r} is unknown; there are {', '.join(SCOPE_TYPES)}")
        if given is not None and (isinstance(given, bool) or not isinstance(given, wanted)):
            raise BadKnobError(f"{name} is {given!r}: another type is wanted")
        known = given.encode() if isinstance(given, str) and name == "contains" else given
        # The table above is the proof that the type checker cannot follow.
        scope[name] = known  # type: ignore[literal-required]
    return vendor, fault, scope


def describe_faults() -> list[JsonObject]:
    """Id, description, expected kind and source of each."""
    return [
        {
            "id": fault.id,
            "says": fault.says,
            "expect": fault.expect,
            "whole": fault.expect_whole,
            "source": fault.source,
        }
        for fault in load_faults().values()
    ]


def describe_knob(knob: Knob, now_s: float) -> JsonObject:
    """A knob as JSON."""
    return {
        "number": knob.number,
        "vendor": knob.vendor,
        "fault": knob.fault.id,
        "model": knob.model,
        "account": knob.account,
        "path": knob.path,
        "contains": None if knob.contains is None else knob.contains.decode(errors="replace"),
        "times_left": knob.times,
        "seconds_left": None if knob.until_s is None else round(knob.until_s - now_s, 3),
        "on_s": knob.on_s,
        "every_s": knob.every_s,
        "is_on": knob.is_on(now_s),
        "played": knob.played,
    }


def describe_request(request: Request) -> JsonObject:
    """A logged request as JSON; the head as Latin-1, which loses nothing, the body in base64."""
    return {
        "number": request.number,
        "vendor": request.vendor,
        "connection": request.connection,
        "peer": request.peer,
        "wall_s": request.wall_s,
        "method": request.method,
        "path": request.path,
        "attempt_id": request.attempt_id,
        "account": request.account,
        "model": request.model,
        "fault": request.fault,
        "status": request.status,
        "sent_bytes": request.sent_bytes,
        "outcome": request.outcome,
        "head": request.head.decode("latin-1"),
        "body_base64": base64.b64encode(request.body).decode(),
    }
