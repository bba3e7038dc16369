"""The life of a request: nine verbs, nine calls.

    accept    surface      HTTP -> Exchange
    admit     admission    key, caps -> Principal, Lease
    label     labels       floor and headers -> Labels
    accept    admission    bytes -> ClientRequest (after the key: no stranger's body is read)
    resolve   routing      model, features -> Route, deployments
    clear     routing      policy -> Candidates
    select    routing      load -> order
    attempt   failover     the driver takes over: candidate -> open reply, or the next one
    relay     relay        upstream bytes -> the client's dialect
    settle    ledger       rows closed, lease returned

Nothing here waits.  A refusal is raised by the step that finds it and becomes one answer and,
once the key is known, one row.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from gateway.admission.keys import Keys
from gateway.admission.limits import Limits
from gateway.catalog import Route
from gateway.errors import (
    BadKeyError,
    EncodedBodyError,
    InternalError,
    InvalidRequestError,
    JournalFullError,
    LimitReachedError,
    PolicyRefusalError,
    RequestError,
    TooLargeError,
)
from gateway.exchange import Exchange, Principal, Sink
from gateway.failover.budget import Budget
from gateway.failover.driver import Driver, Services
from gateway.failover.engine import Flight
from gateway.labels.labeller import FROM_KEY, Labeller
from gateway.ledger.rows import exchange_row
from gateway.relay.headers import named
from gateway.relay.refusal import answer
from gateway.relay.stream import StreamRelay
from gateway.relay.whole import WholeRelay
from gateway.routing import resolve
from gateway.routing.clearance import Candidate, Clearance, Cleared
from gateway.routing.select import order
from policies.labels import Labels
from providers.contract import ClientDialect, Headers, Kind
from providers.errors import MalformedRequestError

log = logging.getLogger("switchgear.exchange")

NOBODY: Final[frozenset[str]] = frozenset()
BUDGETS: Final = 10_000  # (key, route) pairs whose retries are counted


class Pipeline:
    """One per process.  `services.clearance` and the labeller change together, at a reload."""

    def __init__(self, services: Services, keys: Keys, limits: Limits, labeller: Labeller) -> None:
        self.services, self.keys, self.limits = services, keys, limits
        self._labeller = labeller
        self._budgets: dict[tuple[str, str], Budget] = {}

    def adopt(self, clearance: Clearance, labeller: Labeller) -> None:
        """Serve by a new snapshot from the next request on."""
        self.services.clearance, self._labeller = clearance, labeller

    def admit(self, client: ClientDialect, sink: Sink, headers: Headers) -> Exchange:
        """Admit and label, before any of the body is read.

        Raises BadKeyError for a stranger, who leaves no row.  Any other refusal is written down,
        and answered: the exchange that comes back is then over.
        """
        services = self.services
        exchange = Exchange(client, sink, services.wheel.now(), services.clock.wall())
        exchange.clearance = services.clearance
        exchange.principal = principal = self.identify(headers)
        exchange.labels, exchange.sources = self._labeller.floor(principal), FROM_KEY
        try:
            exchange.labels, exchange.sources = self._labeller.label(principal, headers)
            exchange.lease = self.limits.enter(principal)
            _check_encoding(headers)
        except RequestError as error:
            self.refuse(exchange, error)
        return exchange

    def identify(self, headers: Headers) -> Principal:
        """The holder of the request's one key.  Raises BadKeyError."""
        found: bytes | None = None
        for name, value in headers:
            if name == b"authorization":
                if found is not None:
                    raise BadKeyError("two Authorization headers; send one")
                found = value
        principal = self.keys.admit(found)
        if principal is None:
            raise BadKeyError("no key, or none that is known here; send Authorization: Bearer sg_…")
        return principal

    def view(self, principal: Principal) -> tuple[Clearance, Labels]:
        """What the newest snapshot says to a key at its floor."""
        return self.services.clearance, self._labeller.floor(principal)

    def hold(self, exchange: Exchange, size_bytes: int, so_far_bytes: int) -> bool:
        """Account for body bytes that came; False when the exchange was refused for them."""
        try:
            if so_far_bytes > self.limits.caps.body_bytes:
                raise TooLargeError(f"the body is over {self.limits.caps.body_bytes} bytes")
            if exchange.lease is not None:
                exchange.lease.hold(size_bytes)
        except RequestError as error:
            self.refuse(exchange, error)
            return False
        return True

    def run(self, exchange: Exchange, body: bytes) -> None:
        """Read, resolve, clear, select, attempt; what follows is callbacks of the driver."""
        exchange.read_at = self.services.wheel.now()
        self._proceed(exchange, lambda: self._resolve(exchange, body))

    def _proceed(self, exchange: Exchange, step: Callable[[], None]) -> None:
        """Take the next step; whatever it refuses ends the exchange, and so does a defect."""
        try:
            step()
        except MalformedRequestError as error:
            self.refuse(exchange, InvalidRequestError(str(error), param=error.param))
        except RequestError as error:
            self.refuse(exchange, error)
        except Exception:  # the edge: a defect must not hang the client or lose the row
            log.exception("exchange %s", exchange.id)
            self.refuse(exchange, InternalError("the gateway failed; the request id finds why"))

    def leave(self, exchange: Exchange) -> None:
        """The client is gone; says nothing once the exchange is over."""
        exchange.is_gone = True
        if exchange.driver is not None:
            exchange.driver.client_left()

    def refuse(self, exchange: Exchange, error: RequestError) -> None:
        """Answer, write the row, return the lease: an exchange that made no attempt."""
        services = self.services
        headers = named(exchange)
        retry_after_s = error.retry_after_s if isinstance(error, LimitReachedError) else -1.0
        if isinstance(error, PolicyRefusalError):
            services.metrics.policy_refusal(error.policies)
        exchange.status, outcome, message = error.status, error.code, str(error)
        try:
            row = exchange_row(exchange, services.clock.wall(), outcome)
            services.journal.permit(row)
        except JournalFullError:
            log.exception("no row could be written for exchange %s", exchange.id)
            exchange.status, outcome = 503, "ledger_unavailable"
            message, retry_after_s = "the ledger takes no rows", 1.0
        answer(
            exchange, exchange.status, outcome, message, headers, retry_after_s, error.param
        )  # fmt: skip
        self._settle(exchange, outcome)

    def give_up(self, exchange: Exchange) -> None:
        """The client left before any attempt was made."""
        try:
            row = exchange_row(exchange, self.services.clock.wall(), Kind.CALLER_GONE)
            self.services.journal.permit(row)
        except JournalFullError:
            log.exception("no row could be written for exchange %s", exchange.id)
        self._settle(exchange, Kind.CALLER_GONE)

    def _resolve(self, exchange: Exchange, body: bytes) -> None:
        exchange.request = request = exchange.client.read(body)
        exchange.is_stream = request.is_stream
        exchange.route = resolve.find_route(exchange.clearance.snapshot.catalog, request.model)
        exchange.route_name = exchange.route.name
        self._clear(exchange)

    def _clear(self, exchange: Exchange) -> None:
        """Ask policy; come back in the next turn of the loop while it has not finished."""
        if exchange.is_gone:
            self.give_up(exchange)
            return
        clearance, route = exchange.clearance, exchange.route
        dialect = exchange.client.dialect
        cleared = clearance.clear(exchange.labels, route, dialect)
        if cleared is None:
            self.services.wheel.loop.call_soon(
                self._proceed, exchange, lambda: self._clear(exchange)
            )
            return
        exchange.permitted, exchange.excluded = cleared.permitted, cleared.excluded
        exchange.excluded_more = cleared.excluded_more
        passed = NOBODY
        # Looking at every deployment costs 2 us, and most requests want nothing special.
        if exchange.request.features or not cleared.is_reached:
            passed = resolve.pass_over(clearance.ways[dialect], exchange.request, route)
        self._attempt(exchange, order(_able(cleared, passed, route)))

    def _attempt(self, exchange: Exchange, candidates: Sequence[Candidate]) -> None:
        relay = StreamRelay(exchange) if exchange.is_stream else WholeRelay(exchange)
        flight = Flight(
            candidates,
            self._budget(exchange),
            exchange.route.deadlines,
            exchange.began,
            is_stream=exchange.is_stream,
        )
        exchange.driver = driver = Driver(exchange, relay, flight, self.services)
        driver.start()

    def _budget(self, exchange: Exchange) -> Budget:
        key = (exchange.principal.key_id, exchange.route_name)
        found = self._budgets.get(key)
        if found is None:
            if len(self._budgets) >= BUDGETS:
                self._budgets.clear()
            found = self._budgets[key] = Budget()
        return found

    def _settle(self, exchange: Exchange, outcome: str) -> None:
        services = self.services
        services.metrics.exchange(exchange, outcome, None, None, services.wheel.now())
        if exchange.lease is not None:
            exchange.lease.give_back()
        exchange.is_over = True


def _check_encoding(headers: Headers) -> None:
    """Raises EncodedBodyError: what is not read cannot be judged, and must not be sent on."""
    for name, value in headers:
        if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise EncodedBodyError("the body is encoded; send it without content-encoding")


def _able(cleared: Cleared, passed: frozenset[str], route: Route) -> Sequence[Candidate]:
    """The permitted candidates that can carry the request.  Raises PolicyRefusalError.

    Those that policy permits may lack a feature that those have which it refuses.
    """
    if not passed:
        candidates: Sequence[Candidate] = cleared.candidates
    else:
        candidates = [c for c in cleared.candidates if c.deployment.name not in passed]
    if candidates:
        return candidates
    policies = tuple(sorted({policy for ids in cleared.excluded.values() for policy in ids}))
    what = "deployment that can serve this request" if cleared.permitted else "deployment"
    raise PolicyRefusalError(
        f"policy permits no {what} on {route.name}; refused by: {', '.join(policies)}", policies
    )
