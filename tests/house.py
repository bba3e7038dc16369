"""Runs the whole gateway on real sockets over a practice grid, and checks what must always hold.

A `House` writes a config folder, loads it, opens the gateway on free ports and, when it is left,
checks the invariants: rows join the grid's log one to one, everything is settled exactly once,
and no connection, timer, task or descriptor is left.
"""

import asyncio
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import httpx2
import uvloop
import yaml

from gateway.app import Gateway
from gateway.clock import SYSTEM_CLOCK, Clock
from gateway.config.load import load
from gateway.practice.grid import Grid
from gateway.process import _config, _Server, listen
from gateway.store.keys import Grant, KeyStore
from gateway.store.sqlite import Store
from gateway.surface.protocol import DEFAULT_PATIENCE, Patience
from providers.contract import Kind
from tests.connect_audit import recording

FAST = {"first_token_s": 0.6, "whole_s": 0.8, "idle_s": 0.5, "total_s": 6.0}
SLOW = {"first_token_s": 10, "whole_s": 10, "idle_s": 10, "total_s": 30}

# In memory where there is such a place: a disk that stalls for seconds would be taken for a
# deadline.  What the disk must withstand is tested with the ledger.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

# `make test-fast` runs the same tests over the other adaptor.
ADAPTOR = os.environ.get("SWITCHGEAR_ADAPTOR", "asgi")

VENDORS = {"openai": "openai", "anthropic": "anthropic", "mistral": "mistral", "vllm": "vllm"}


def scenario(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test in a loop of its own: the production loop, bounded in time."""

    @wraps(test)
    def run(*arguments: Any, **keywords: Any) -> None:
        uvloop.run(asyncio.wait_for(test(*arguments, **keywords), 60))

    return run


async def until(claim: Callable[[], bool], seconds: float = 3.0) -> None:
    """Wait for something that happens elsewhere."""
    for _ in range(int(seconds / 0.005)):
        if claim():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("never became true")


class House:
    """The gateway on a grid.  `routes` maps model names to tiers of deployments.

    A deployment is named `VENDOR`, `VENDOR.MODEL` or `VENDOR.MODEL.ACCOUNT`: without more it
    stands for that vendor's large model under its main account.  `vendors` names the vendor file
    that a station of the grid is configured with, when it is not that of its own flavour.
    `own` holds accounts and deployments, as in `supply.yaml`, that no practice vendor stands
    behind.
    """

    def __init__(
        self,
        grid: Grid,
        routes: Mapping[str, object],
        *,
        deadlines: Mapping[str, float] = FAST,
        strict: bool = False,
        floor: str = "internal",
        facts: Mapping[str, Mapping[str, object]] | None = None,
        deployments: Mapping[str, Mapping[str, object]] | None = None,
        own: Mapping[str, Mapping[str, object]] | None = None,
        settings: Mapping[str, object] | None = None,
        patience: Patience = DEFAULT_PATIENCE,
        vendors: Mapping[str, str] | None = None,
        clock: Clock = SYSTEM_CLOCK,
        checks: bool = True,
        adaptor: str = ADAPTOR,
    ) -> None:
        self.grid, self.routes = grid, routes
        self._deadlines, self._strict, self._floor = deadlines, strict, floor
        self._facts, self._more = dict(facts or {}), dict(deployments or {})
        self._settings, self._vendors = settings or {}, vendors or {}
        self._clock, self._checks = clock, checks
        self._patience, self._adaptor = patience, adaptor
        self._own = own or {"accounts": {}, "deployments": {}}
        self.folder = Path(tempfile.mkdtemp(prefix="house-", dir=MEMORY))

    # The config folder.

    def write(self) -> None:
        """Write the folder as the arguments say; again before a reload."""
        config = self.folder / "config"
        shutil.rmtree(config, ignore_errors=True)
        config.mkdir()
        pack = files("policies") / "packs" / "starter"
        (config / "policies").mkdir()
        for entry in pack.iterdir():
            if entry.is_file():
                (config / "policies" / entry.name).write_bytes(entry.read_bytes())
        secret = config / "admin.key"
        secret.write_text(self.admin_key)
        secret.chmod(0o600)
        gateway = {
            "listen": {
                "data": {"host": "127.0.0.1", "port": 0, "adaptor": self._adaptor},
                "admin": {"host": "127.0.0.1", "port": 0, "key": f"file:{secret}"},
            },
            "data_dir": str(self.folder / "data"),
            **self._settings,
        }
        (config / "gateway.yaml").write_text(yaml.safe_dump(gateway))
        (config / "supply.yaml").write_text(yaml.safe_dump(self._supply(config)))

    def _supply(self, config: Path) -> dict[str, object]:
        accounts: dict[str, object] = {}
        deployments: dict[str, object] = {}
        for name in sorted(_names(self.routes) - set(self._own["deployments"])):
            vendor, account, model = self.parts(name)
            station = self.grid[vendor]
            holder = f"{vendor}-{account}"
            key = config / f"{holder}.key"
            if not key.exists():
                key.write_text(station.accounts[account])
                key.chmod(0o600)
            flavour = station.vendor.flavour.value
            base = "/v1"
            accounts[holder] = {
                "vendor": self._vendors.get(vendor, VENDORS[flavour]),
                "credential": f"file:{key}",
                "base_url": f"{station.base_url}{base}",
                "fact_sheet": _sheet(vendor),
                **({"facts": _stated(self._facts[vendor])} if vendor in self._facts else {}),
            }
            deployments[name] = {
                "account": holder,
                "model": model,
                "place": _place(vendor),
                "simulated": True,
                "max_output_tokens": 4096,
                "price": {"currency": "EUR", "input": "1.00", "output": "2.00"},
                **self._more.get(name, {}),
            }
        return {
            "accounts": {**accounts, **self._own["accounts"]},
            "deployments": {**deployments, **self._own["deployments"]},
            "routes": self._written_routes(),
        }

    def _written_routes(self) -> dict[str, object]:
        return {
            name: {"tiers": tiers, "deadlines": dict(self._deadlines), "strict": self._strict}
            for name, tiers in self.routes.items()
        }

    def parts(self, name: str) -> tuple[str, str, str]:
        """Vendor, account and model of a deployment's name."""
        vendor, _, rest = name.partition(".")
        kind, _, account = rest.partition(".")
        return vendor, account or "main", f"{vendor}-{kind or 'large'}"

    # From open to close.

    admin_key = secrets.token_hex(16)

    async def __aenter__(self) -> Self:
        await asyncio.sleep(0)  # a grid that has just been entered takes its sockets over
        self._descriptors_before = open_descriptors()
        self.write()
        loaded = load(self.folder / "config")
        self._recording = recording()
        self._audit = self._recording.__enter__()
        self.tasks_before = set(asyncio.all_tasks())
        store = Store(loaded.data_dir)
        loaded.data_dir.mkdir(parents=True, exist_ok=True)
        store.prepare()
        self.keys = KeyStore(store)
        self.key_id, self.key = self.keys.create(
            Grant(tenant="default", app="tests", floor=self._floor)
        )
        self.gateway = Gateway(
            loaded, lambda: load(self.folder / "config"), self._clock, patience=self._patience
        )
        self.gateway.open(asyncio.get_running_loop())
        self._sockets = [
            listen(loaded.settings.listen.data, "data"),
            listen(loaded.settings.listen.admin, "admin"),
        ]
        self.port, self.admin_port = (s.getsockname()[1] for s in self._sockets)
        listens = loaded.settings.listen
        self._servers = [
            _Server(_config(self.gateway.data, listens.data, loaded, self.gateway.data_protocol)),
            _Server(_config(self.gateway.admin, listens.admin, loaded, self.gateway.protocol)),
        ]
        self._serving = [
            asyncio.ensure_future(server.serve(sockets=[sock]))
            for server, sock in zip(self._servers, self._sockets, strict=True)
        ]
        await until(lambda: all(server.started for server in self._servers))
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None and self._checks:
                await self.check()
        finally:
            self._recording.__exit__(None, None, None)
            for server in self._servers:
                server.should_exit = True
            await asyncio.gather(*self._serving)
            self.gateway.close()
            shutil.rmtree(self.folder, ignore_errors=True)
        if kind is None and self._checks:
            # Both ends of every connection are in this process: all of them close.
            await until(lambda: open_descriptors() <= self._descriptors_before)

    # What clients and operators do.

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, key: str | None = None) -> httpx2.AsyncClient:
        """An HTTP client of the data plane."""
        headers = {"authorization": f"Bearer {key or self.key}"}
        return httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    async def ask(
        self, model: str = "chat", path: str = "/v1/chat/completions", *,
        headers: Mapping[str, str] | None = None, **fields: object,
    ) -> httpx2.Response:  # fmt: skip
        """One request; its whole reply."""
        body: dict[str, object] = {"model": model, **fields}
        if path == "/v1/chat/completions":
            body.setdefault("messages", [{"role": "user", "content": "Tell me of the grid, é."}])
        async with self.client() as client:
            return await client.post(path, json=body, headers=dict(headers or {}))

    async def change(
        self,
        *,
        facts: Mapping[str, Mapping[str, object]] | None = None,
        deployments: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        """What an operator edits, and a reload that takes it over."""
        self._facts.update(facts or {})
        self._more.update(deployments or {})
        self.write()
        status = await self.gateway.reload()
        assert not status["error"], status

    async def admin(self, path: str, method: str = "GET") -> httpx2.Response:
        """One request to the admin plane, with its key."""
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
            return await client.request(
                method,
                f"http://127.0.0.1:{self.admin_port}{path}",
                headers={"authorization": f"Bearer {self.admin_key}"},
            )

    # What must hold.

    def rows(self) -> list[list[Any]]:
        """Every journal line of this run, oldest first."""
        self.gateway.pipeline.services.journal.flush()
        found = []
        for segment in sorted((self.folder / "data" / "journal").glob("journal-*.jsonl")):
            found += [json.loads(line) for line in segment.read_bytes().splitlines() if line]
        return found

    def rows_of(self, tag: str) -> list[list[Any]]:
        """The rows of one kind: x1 exchange, a1 attempt, s1 settled, c1 closed."""
        return [row for row in self.rows() if row[0] == tag]

    async def settle(self) -> None:
        """Wait until nothing is under way and every row is with the operating system."""
        journal = self.gateway.pipeline.services.journal
        await until(lambda: self.gateway.pipeline.limits.in_flight == 0)
        journal.flush()
        await until(lambda: not journal.figures.waiting)

    async def check(self) -> None:
        """I1 to I6 as far as they can be seen from outside the client."""
        await self.settle()
        declared = {(d.origin.host, d.origin.port) for d in self._deployments()}
        assert not self._audit.strays(declared), "somebody connected past the one door"
        rows = self.rows()
        written = [f"{r[1]}-{r[2]}" for r in rows if r[0] == "a1"]
        settled = [f"{r[1]}-{r[2]}" for r in rows if r[0] == "s1"]
        assert sorted(settled) == sorted(written), "attempts settled exactly once"
        seen = [r.attempt_id for v in self.grid.stations for r in self.grid.log(v) if r.attempt_id]
        assert len(seen) == len(set(seen)), "an attempt id went out twice"
        assert set(seen) <= set(written), "bytes without a row"
        opened = [r[1] for r in rows if r[0] == "x1"]
        refused = [r[1] for r in rows if r[0] == "x1" and r[21] is not None]
        closed = [r[1] for r in rows if r[0] == "c1"]
        assert sorted(opened) == sorted(refused + closed), "exchanges closed exactly once"
        by_exchange: dict[str, int] = {}
        for row in rows:
            if row[0] == "a1":
                by_exchange[row[1]] = by_exchange.get(row[1], 0) + 1
        assert max(by_exchange.values(), default=0) <= 3
        gate = self.gateway._gate
        await until(lambda: not any(busy for busy, _ in gate.counts().values()))
        await until(lambda: all(s.in_flight == 0 for s in self.standings()))
        assert not any(s.deployment.is_probing for s in self.standings())
        await until(lambda: self._no_timer_but_the_pools(), 1.0)
        await until(lambda: not self._own_tasks())

    def _deployments(self) -> list[Any]:
        snapshot = self.gateway.pipeline.services.clearance.snapshot
        return list(snapshot.catalog.deployments.values())

    def standings(self) -> list[Any]:
        return list(self.gateway._supply._standings.values())

    def _no_timer_but_the_pools(self) -> bool:
        wheel = self.gateway.pipeline.services.wheel
        entries = [entry for bucket in wheel._slots.values() for entry in bucket]
        return all(type(entry).__name__ == "Wire" for entry in entries)

    def _own_tasks(self) -> list[str]:
        names = [getattr(t.get_coro(), "__qualname__", "") for t in asyncio.all_tasks()]
        return [n for n in names if n in ("Client._watch", "Wire._connect")]

    def standing(self, deployment: str) -> Any:
        """What the supply knows of one deployment."""
        return self.gateway._supply._standings[deployment]

    async def outcomes(self) -> list[str]:
        """How every exchange ended: the refused first, then the others in the order of closing."""
        await self.settle()
        refused = [row[21] for row in self.rows_of("x1") if row[21] is not None]
        return refused + [row[2] for row in self.rows_of("c1")]

    async def kinds(self) -> list[str]:
        """The verdict of every settled attempt, in order, once nothing is under way."""
        await self.settle()
        return [row[3] for row in self.rows_of("s1")]


def open_descriptors() -> int:
    """Descriptors of this process."""
    return len(os.listdir("/dev/fd"))


def _names(routes: Mapping[str, object]) -> set[str]:
    found: set[str] = set()
    for tiers in routes.values():
        for tier in tiers if isinstance(tiers, list) else [tiers]:
            found |= set(tier) if isinstance(tier, list) else {tier}
    return found


def _stated(facts: Mapping[str, object]) -> dict[str, object]:
    return {**facts, "evidence": [{"source": "invented for a test", "as_of": "2026-11-24"}]}


def _sheet(vendor: str) -> str:
    return vendor if vendor in ("aurora", "borealis", "europa", "homegrid") else "aurora"


def _place(vendor: str) -> str:
    return {"europa": "eu", "homegrid": "default"}.get(vendor, "us")


__all__ = ["FAST", "SLOW", "House", "Kind", "open_descriptors", "scenario", "until"]
