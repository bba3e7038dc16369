"""The running gateway: everything that lives as long as the process, opened and closed in order.

Built from one load of the config folder; a reload makes a new snapshot and swaps it in one turn
of the loop, while health, keys, ledger and connections stay.
"""

import asyncio
import gc
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from gateway.admin.api import Operations, build_admin
from gateway.admission.keys import Keys
from gateway.admission.limits import Caps, Limits
from gateway.clock import SYSTEM_CLOCK, Clock, Wheel
from gateway.config.load import Loaded
from gateway.config.reload import Reloader
from gateway.config.schema import Adaptor, ResponseHeaders
from gateway.config.secrets import SecretWatch
from gateway.failover.driver import Services
from gateway.labels.labeller import Labeller
from gateway.ledger.archive import Archive
from gateway.ledger.journal import Journal
from gateway.observe.lag import LagMonitor
from gateway.observe.metrics import Metrics
from gateway.pipeline import Pipeline
from gateway.routing.clearance import Clearance
from gateway.snapshot import Snapshot
from gateway.store.sqlite import Store
from gateway.supply.element import Breaker, Element
from gateway.supply.reactions import Scope
from gateway.supply.state import Supply
from gateway.surface.app import DataPlane
from gateway.surface.fast import fast, find_misfit
from gateway.surface.protocol import DEFAULT_PATIENCE, Bounded, Patience, bounded
from gateway.upstream.gate import Gate

TIDY_S: Final = 1.0
_SCOPES: Final = frozenset((Scope.DEPLOYMENT, Scope.ACCOUNT))

log = logging.getLogger("switchgear")


class Gateway:
    """One process's worth of state.  `open` first, `close` last, both on its loop."""

    def __init__(
        self,
        loaded: Loaded,
        load: Callable[[], Loaded],
        clock: Clock = SYSTEM_CLOCK,
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        self._loaded, self._clock, self._patience = loaded, clock, patience
        self._reloader = Reloader(load, self._apply, clock)
        self._timers: list[asyncio.TimerHandle] = []
        self.is_draining = False

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take the data folder and begin.  Raises SwitchgearError naming what is in the way."""
        loaded, self._loop = self._loaded, loop
        loaded.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = Store(loaded.data_dir)
        store.prepare()
        self._journal = Journal(loaded.data_dir / "journal", loop, self._clock)
        self._archive = Archive(loaded.data_dir / "journal", store, clock=self._clock)
        self._archive.start()
        self._keys = Keys(store)
        self._keys.start()
        self._wheel = Wheel(loop, self._clock.monotonic)
        self._gate = Gate(self._wheel, loop)
        self._supply = Supply()
        self._metrics = Metrics()
        self._lag = LagMonitor(loop, self._clock.monotonic)
        self._limits = Limits(_caps(loaded))
        clearance, labeller = self._views(loaded, epoch=1)
        services = Services(
            clearance=clearance,
            journal=self._journal,
            metrics=self._metrics,
            wheel=self._wheel,
            clock=self._clock,
            chance=random.random,
        )
        self.pipeline = Pipeline(services, self._keys, self._limits, labeller)
        self.protocol = bounded(self._limits, self._wheel, self._patience)
        self.data_protocol = self._choose_protocol()
        self.data = DataPlane(self.pipeline, self._patience.body_s)
        self.admin = build_admin(self._operations())
        self._lag.start()
        self._secrets = SecretWatch(loaded.secret_files)
        self._every(TIDY_S, self._tidy)
        self._every(SecretWatch.EVERY_S, self._look_at_secrets)
        # What lives as long as the process need not be looked at by every full collection.
        gc.collect()
        gc.freeze()

    def close(self) -> None:
        """Give everything back; what is still under way has been settled by then."""
        for timer in self._timers:
            timer.cancel()
        self._lag.stop()
        self._gate.close()
        self._keys.stop()
        self._journal.close()
        self._archive.stop()

    async def reload(self) -> Mapping[str, object]:
        """Read the folder again; a bad one leaves the old serving."""
        status = await self._reloader.reload()
        return {"epoch": status.epoch, "error": status.error, "problems": list(status.problems)}

    def _apply(self, loaded: Loaded) -> None:
        epoch = self._reloader.status.epoch + 1
        clearance, labeller = self._views(loaded, epoch)
        self._loaded = loaded
        self._limits.caps = _caps(loaded)
        self._secrets = self._secrets.follow(loaded.secret_files)
        self.pipeline.adopt(clearance, labeller)

    def _views(self, loaded: Loaded, epoch: int) -> tuple[Clearance, Labeller]:
        snapshot = Snapshot(
            epoch=epoch,
            catalog=loaded.catalog,
            policy=loaded.policy,
            tells_supply=loaded.settings.response_headers is ResponseHeaders.FULL,
        )
        self._gate.stand_ready(loaded.catalog.deployments.values())
        labeller = Labeller(loaded.policy.vocabulary, mode="normal")
        clearance = Clearance(snapshot, self._supply, self._gate, self._loop.call_soon)
        return clearance, labeller

    def _choose_protocol(self) -> type[Bounded]:
        if self._loaded.settings.listen.data.adaptor is Adaptor.ASGI:
            return self.protocol
        misfit = find_misfit(self._loop)
        if misfit:
            log.warning("listen.data.adaptor is asgi and not fast: %s", misfit)
            return self.protocol
        return fast(self.pipeline, self._patience)

    # What is done now and then.

    def _every(self, seconds: float, act: Callable[[], None]) -> None:
        def turn() -> None:
            act()
            self._timers[place] = self._loop.call_later(seconds, turn)

        place = len(self._timers)
        self._timers.append(self._loop.call_later(seconds, turn))

    def _tidy(self) -> None:
        self._gate.tidy(self._loaded.catalog.deployments.values())

    def _look_at_secrets(self) -> None:
        self._loop.run_in_executor(None, self._secrets.changed).add_done_callback(self._reload_if)

    def _reload_if(self, looked: "asyncio.Future[tuple[Path, ...]]") -> None:
        if not looked.cancelled() and looked.exception() is None and looked.result():
            log.info("a secret file changed")
            self._reloading = asyncio.ensure_future(self.reload())

    # What the admin plane shows.

    def _operations(self) -> Operations:
        registry = CollectorRegistry()
        self._metrics.extra.append(self._collect)
        registry.register(self._metrics)
        return Operations(
            registry=registry,
            keys=self._keys,
            admin_key=lambda: self._loaded.admin_key,
            is_ready=lambda: not self.is_draining,
            reload=self.reload,
            status=self._status,
            supply=lambda: [
                _show(scope, element, self._wheel.now())
                for scope, element in self._supply.elements()
            ],
            restore=self._restore,
        )

    def _restore(self, scope: str, name: str) -> bool:
        element = self._supply.find(Scope(scope), name) if scope in _SCOPES else None
        if element is None:
            return False
        element.restore()
        log.warning("%s %s was restored by an operator", scope, name)
        return True

    def _status(self) -> Mapping[str, object]:
        status, snapshot = self._reloader.status, self.pipeline.services.clearance.snapshot
        return {
            "epoch": snapshot.epoch,
            "policy": snapshot.policy.digest,
            "is_current": status.is_current,
            "problems": list(status.problems),
            "in_flight": self._limits.in_flight,
            "routes": sorted(snapshot.catalog.routes),
        }

    def _collect(self) -> Iterator[Metric]:
        now = self._wheel.now()
        state = GaugeMetricFamily(
            "switchgear_element_state",
            "0 closed, 1 half-open, 2 open, 3 cooling, 4 cut",
            labels=["scope", "name"],
        )
        for scope, element in self._supply.elements():
            state.add_metric([scope, element.name], _state(element, now))
        yield state
        busy = GaugeMetricFamily(
            "switchgear_upstream_connections", "Open connections", labels=["deployment", "state"]
        )
        for name, (working, idle) in self._gate.counts().items():
            busy.add_metric([name, "busy"], working)
            busy.add_metric([name, "idle"], idle)
        yield busy
        lag = HistogramMetricFamily("switchgear_loop_lag_seconds", "How late the event loop runs")
        lag.add_metric([], self._lag.lateness.cumulative(), self._lag.lateness.total)
        yield lag
        status, figures, behind = self._reloader.status, self._journal.figures, self._archive.lag
        for name, text, value in (
            ("loop_lag_longest_seconds", "Longest stall since the last scrape",
             self._lag.take_longest()),
            ("in_flight", "Requests under way", self._limits.in_flight),
            ("request_bodies_bytes", "Memory held by request bodies", self._limits.bodies_bytes),
            ("config_epoch", "Counts the loads that serve", status.epoch),
            ("config_is_current", "0 while the folder holds what could not be loaded",
             float(status.is_current)),
            ("ledger_waiting_rows", "Rows not yet with the operating system", figures.waiting),
            ("ledger_lag_rows", "Rows not yet in the store", behind.rows),
            ("ledger_lag_seconds", "Age of the oldest row not yet in the store", behind.seconds),
        ):  # fmt: skip
            yield GaugeMetricFamily(f"switchgear_{name}", text, value=value)
        for name, text, count in (
            ("config_reload_failures", "Reloads that were refused", status.failed),
            ("ledger_lost_rows", "Settle rows given up; they settle as crashed", figures.lost),
            ("ledger_refused_permits", "Requests refused since no row could be written",
             figures.refused),
        ):  # fmt: skip
            yield CounterMetricFamily(f"switchgear_{name}", text, value=count)


def _caps(loaded: Loaded) -> Caps:
    limits = loaded.settings.limits
    return Caps(
        in_flight=limits.in_flight,
        in_flight_per_key=limits.in_flight_per_key,
        body_bytes=limits.body_bytes,
        bodies_bytes=limits.bodies_total_bytes,
        header_bytes=limits.header_bytes,
        header_count=limits.header_count,
    )


_STATES: Final = {Breaker.CLOSED: 0, Breaker.HALF_OPEN: 1, Breaker.OPEN: 2}


def _state(element: Element, now: float) -> int:
    if element.is_cut:
        return 4
    if element.breaker is Breaker.CLOSED and now < element.cool_until:
        return 3
    return _STATES[element.breaker]


def _show(scope: str, element: Element, now: float) -> Mapping[str, object]:
    ready_s = element.ready_at(now) - now
    return {
        "scope": scope,
        "name": element.name,
        "state": ("closed", "half_open", "open", "cooling", "cut")[_state(element, now)],
        "ready_in_s": None if element.is_cut else round(max(ready_s, 0.0), 1),
        "fails": element.fails,
    }
