"""The core without sockets, threads or disk: real policy, pipeline, engine, relays and wheel.

What stands in is what the core itself takes by its seams: a transport that keeps what it is given
(`Gate` takes a builder), a sink, a journal in memory, a clock and a loop that a test turns by hand.
"""

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from typing import Any

import msgspec

from gateway.admission.limits import Caps, Limits
from gateway.catalog import Account, Catalog, Deadlines, Deployment, Origin, Price, Route
from gateway.clock import Clock, Wheel
from gateway.errors import JournalFullError, PoolFullError
from gateway.exchange import Exchange, Principal
from gateway.failover.driver import Services
from gateway.labels.labeller import Labeller
from gateway.ledger.entry import Permit, Settlement
from gateway.observe.metrics import Metrics
from gateway.pipeline import Pipeline
from gateway.routing.clearance import Clearance
from gateway.snapshot import Snapshot
from gateway.supply.state import Supply
from gateway.upstream.gate import Gate
from gateway.upstream.request import prepare
from gateway.upstream.transport import Fault, FaultKind, Listener, Prepared
from gateway.upstream.transport import Limits as WireLimits
from policies import DecisionTable, Policy
from providers import registry
from providers.contract import Dialect, Headers, Target
from tests.policies.starter_pack import OWN, build

JSON: Headers = [(b"content-type", b"application/json")]
SSE: Headers = [(b"content-type", b"text/event-stream")]
KEY: Headers = [(b"authorization", b"Bearer good")]
WALL_S = 1_795_521_600.0
DEADLINES = Deadlines(first_token_s=60.0, whole_s=300.0, idle_s=30.0, total_s=600.0)

WHOLE = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"large","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"Hello."},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}'
)
ROLE = b'data: {"model":"large","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
TEXT = b'data: {"model":"large","choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n'
STOP = b'data: {"model":"large","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"


def chat(**fields: object) -> bytes:
    """A chat request's body."""
    messages = [{"role": "user", "content": "hello"}]
    return msgspec.json.encode({"model": "chat", "messages": messages, **fields})


class HandLoop:
    """A loop that a test turns: time moves only in `advance`."""

    def __init__(self) -> None:
        self.time_s = 1_000.0
        self._soon: list[Callable[[], object]] = []
        self._later: list[tuple[float, int, HandTimer]] = []
        self._numbers = count()

    def now(self) -> float:
        return self.time_s

    def call_soon(self, act: Callable[..., object], *arguments: object) -> None:
        self._soon.append(lambda: act(*arguments))

    def call_later(
        self, seconds: float, act: Callable[..., object], *arguments: object
    ) -> "HandTimer":
        timer = HandTimer(lambda: act(*arguments))
        heapq.heappush(self._later, (self.time_s + seconds, next(self._numbers), timer))
        return timer

    def turn(self) -> bool:
        """One turn of the loop; whether there was anything to do."""
        soon, self._soon = self._soon, []
        for act in soon:
            act()
        return bool(soon)

    def advance(self, seconds: float) -> None:
        """Let time pass, with all timers and turns in it."""
        end = self.time_s + seconds
        while True:
            while self.turn():
                pass
            if not self._later or self._later[0][0] > end:
                break
            due, _, timer = heapq.heappop(self._later)
            self.time_s = max(self.time_s, due)
            timer.fire()
        self.time_s = end


class HandTimer:
    def __init__(self, act: Callable[[], object]) -> None:
        self._act: Callable[[], object] | None = act

    def cancel(self) -> None:
        self._act = None

    def fire(self) -> None:
        if self._act is not None:
            self._act()


class KeptCall:
    """One call as the core sees it; the test plays the vendor."""

    def __init__(self, listener: Listener, prepared: Prepared, headers: Headers, body: bytes):
        self.listener: Listener | None = listener
        self.prepared, self.headers, self.sent = prepared, headers, body
        self.peer = None
        self.reused = False
        self.is_paused = self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled, self.listener = True, None

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False

    def head(self, status: int = 200, headers: Headers = JSON) -> "KeptCall":
        if self.listener is not None:
            self.listener.wire_head(status, list(headers))
        return self

    def body(self, data: bytes) -> "KeptCall":
        if self.listener is not None:
            self.listener.wire_body(data)
        return self

    def end(self) -> None:
        if self.listener is not None:
            listener, self.listener = self.listener, None
            listener.wire_end()

    def fault(self, kind: FaultKind, *, sent: bool = True, answered: bool = False) -> None:
        if self.listener is not None:
            listener, self.listener = self.listener, None
            listener.wire_fault(Fault(kind, sent, answered))


class KeptTransport:
    """Keeps the calls it is given."""

    def __init__(self, origin: Origin, limits: WireLimits) -> None:
        self.origin, self.limits = origin, limits
        self.calls: list[KeptCall] = []
        self.fresh: list[bool] = []
        self.is_full = self.is_closed = False
        self.busy = self.dialling = self.idle = 0

    @property
    def open(self) -> int:
        return self.busy + self.idle

    def prepare(self, path: bytes, headers: Headers) -> Prepared:
        return prepare(
            self.origin.host, self.origin.port, is_tls=self.origin.is_tls, path=path,
            headers=headers,
        )  # fmt: skip

    def send(
        self, listener: Listener, prepared: Prepared, headers: Headers, body: bytes, *,
        fresh: bool = False,
    ) -> KeptCall:  # fmt: skip
        if self.is_full:
            raise PoolFullError("full")
        self.calls.append(KeptCall(listener, prepared, headers, body))
        self.fresh.append(fresh)
        return self.calls[-1]

    def close(self) -> None:
        self.is_closed = True


class KeptJournal:
    """Rows in memory, in the order in which they came."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.is_full = False

    def permit(self, *rows: Permit) -> None:
        if self.is_full:
            raise JournalFullError("full")
        self.rows += rows

    def settle(self, row: Settlement) -> None:
        self.rows.append(row)

    def of(self, kind: type) -> list[Any]:
        return [row for row in self.rows if type(row) is kind]


class OneKey:
    """Knows `Bearer good`."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal

    def admit(self, authorization: bytes | None) -> Principal | None:
        return self.principal if authorization == b"Bearer good" else None


@dataclass
class KeptSink:
    """What the client got.  `waiting` is what it has not taken yet while `is_stuck`."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    data: bytes = b""
    waiting: int = 0
    is_stuck: bool = False
    replies: int = 0
    is_open: bool = False
    is_finished: bool = False
    is_dropped: bool = False

    def reply(self, status: int, headers: Headers, body: bytes) -> None:
        assert not self.is_open, "a whole answer into an open stream"
        self.status, self.headers, self.data = status, dict(headers), body
        self.replies += 1

    def open(self, status: int, headers: Headers) -> None:
        assert not self.is_open and not self.replies
        self.status, self.headers, self.is_open = status, dict(headers), True

    def write(self, data: bytes) -> int:
        assert self.is_open and not self.is_finished
        self.data += data
        if self.is_stuck:
            self.waiting += len(data)
        return self.waiting

    def finish(self) -> None:
        assert self.is_open and not self.is_finished
        self.is_finished = True

    def drop(self) -> None:
        self.is_dropped = True

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.data)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


PRINCIPAL = Principal(
    key_id="key_1", tenant="default", app="chat", floor="internal", tags=frozenset(),
    purpose=None, max_in_flight=None, is_admin=False,
)  # fmt: skip


def deployment(name: str, account: str = "", vendor: str = "openai", **more: Any) -> Deployment:
    """A deployment `name` under an account of the same name."""
    found = registry.vendor(vendor)
    fields: dict[str, Any] = {
        "name": name,
        "account": Account(name=account or name, vendor=found, credential="sk-secret"),
        "origin": Origin(host=f"{name}.example", port=443, is_tls=True),
        "base_path": "/v1",
        "endpoints": found.endpoints,
        "target": Target(model="large", max_output_tokens=4_096),
        "price": Price(currency="EUR", input_micro_per_mtok=10**6, output_micro_per_mtok=10**6),
    }
    return Deployment(**{**fields, **more})


def policy_for(deployments: Sequence[Deployment], **facts: Mapping[str, Any]) -> Policy:
    """The starter pack over deployments about which all is good, but for what `facts` says."""
    stated = tuple((d.name, tuple(facts.get(d.name, {}).items())) for d in deployments)
    policy = _build_policy(stated)
    return replace(policy, table=DecisionTable(policy.engine))


@cache  # parsing takes 50 ms; an engine is immutable, a table is one core's own
def _build_policy(stated: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]) -> Policy:
    return build([replace(OWN, id=name, **dict(values)) for name, values in stated])


def catalog_of(
    tiers: Sequence[Sequence[Deployment]], *, is_strict: bool = False,
    deadlines: Deadlines = DEADLINES,
) -> Catalog:  # fmt: skip
    """One route `chat`."""
    route = Route(
        name="chat", tiers=tuple(map(tuple, tiers)), deadlines=deadlines, is_strict=is_strict
    )
    return Catalog(
        accounts={d.account.name: d.account for d in route.deployments},
        deployments={d.name: d for d in route.deployments},
        routes={"chat": route},
    )


class Core:
    """One gateway's core over `tiers` of deployments, or names of them."""

    def __init__(
        self,
        *tiers: Sequence[Deployment | str],
        facts: Mapping[str, Mapping[str, Any]] | None = None,
        is_strict: bool = False,
        deadlines: Deadlines = DEADLINES,
        caps: Caps | None = None,
        principal: Principal = PRINCIPAL,
    ) -> None:
        made = [[d if isinstance(d, Deployment) else deployment(d) for d in t] for t in tiers]
        self.loop = HandLoop()
        self.journal, self.metrics, self.supply = KeptJournal(), Metrics(), Supply()
        self.wheel = Wheel(self.loop, self.loop.now)  # type: ignore[arg-type]
        self.transports: dict[str, KeptTransport] = {}
        self.gate = Gate(self.wheel, self.loop, self._build)  # type: ignore[arg-type]
        self.limits = Limits(caps or Caps())
        self._epoch = 0
        clearance, labeller = self._views(made, facts or {}, is_strict, deadlines)
        self.services = Services(
            clearance=clearance,
            journal=self.journal,  # type: ignore[arg-type]
            metrics=self.metrics,
            wheel=self.wheel,
            clock=Clock(self.loop.now, lambda: WALL_S + self.loop.time_s - 1_000.0),
            chance=lambda: 0.5,
        )
        self.pipeline = Pipeline(
            self.services, OneKey(principal), self.limits, labeller  # type: ignore[arg-type]
        )  # fmt: skip

    def _views(
        self, tiers: Sequence[Sequence[Deployment]], facts: Mapping[str, Mapping[str, Any]],
        is_strict: bool, deadlines: Deadlines,
    ) -> tuple[Clearance, Labeller]:  # fmt: skip
        self._epoch += 1
        catalog = catalog_of(tiers, is_strict=is_strict, deadlines=deadlines)
        policy = policy_for(tuple(catalog.deployments.values()), **facts)
        snapshot = Snapshot(epoch=self._epoch, catalog=catalog, policy=policy)
        clearance = Clearance(snapshot, self.supply, self.gate, self.loop.call_soon)
        return clearance, Labeller(policy.vocabulary, mode="normal")

    def _build(self, origin: Origin, limits: WireLimits) -> KeptTransport:
        made = KeptTransport(origin, limits)
        self.transports[origin.host.removesuffix(".example")] = made
        return made

    def reload(
        self, *tiers: Sequence[Deployment | str],
        facts: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:  # fmt: skip
        """Serve by another snapshot from now on."""
        made = [[d if isinstance(d, Deployment) else deployment(d) for d in t] for t in tiers]
        self.pipeline.adopt(*self._views(made, facts or {}, False, DEADLINES))

    def ask(
        self, body: bytes | None = None, *, is_stream: bool = False, headers: Headers = KEY,
        dialect: Dialect = Dialect.OPENAI_CHAT, sink: KeptSink | None = None, turns: int = 1_000,
    ) -> tuple[Exchange, KeptSink]:  # fmt: skip
        """One request, up to where it waits for a vendor, a turn of the loop or nothing."""
        sink = sink or KeptSink()
        exchange = self.pipeline.admit(registry.dialect(dialect), sink, headers)
        if not exchange.is_over:
            if body is None:
                body = chat(stream=True) if is_stream else chat()
            if self.pipeline.hold(exchange, len(body), len(body)):
                self.pipeline.run(exchange, body)
        for _ in range(turns):
            if not self.loop.turn():
                break
        return exchange, sink

    def call(self, name: str) -> KeptCall:
        """The newest call to a deployment."""
        return self.transports[name].calls[-1]

    def serve(self, name: str, body: bytes = WHOLE) -> None:
        """A whole answer from it."""
        self.call(name).head().body(body).end()

    def check_at_rest(self) -> None:
        """Nothing is under way: no lease, no load, no deadline, every row settled."""
        assert (self.limits.in_flight, self.limits.bodies_bytes) == (0, 0)
        assert not self.limits._by_key
        assert all(s.in_flight == 0 for s in self.supply._standings.values())
        assert not any(e.is_probing for _, e in self.supply.elements())
        assert self.wheel.is_empty
        tags = [type(row).__name__ for row in self.journal.rows]
        assert tags.count("AttemptRow") == tags.count("Settled")
        refused = sum(r.outcome is not None for r in self.journal.rows if hasattr(r, "outcome")
                      and type(r).__name__ == "ExchangeRow")  # fmt: skip
        assert tags.count("ExchangeRow") == refused + tags.count("Closed")
