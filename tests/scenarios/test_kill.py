"""kill -9 at 50 points under load: no byte at a vendor without a row, and every row has its end."""

import asyncio
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvloop

from gateway.ledger.transfer import QUARANTINE_NAME
from gateway.practice.grid import Grid
from gateway.store.keys import Grant, KeyStore
from gateway.store.sqlite import Store
from tests.house import SLOW, House

ROUNDS = 50
EARLY = 8  # of them killed while the gateway starts and recovers
CLIENTS = 8
CALL_S = 10
LONGEST_S = 110  # about 25 s where two cores are free


class GridProcess:
    """A practice grid in a process of its own, reached through its control port alone."""

    def __init__(self, process: Process, told: dict[str, Any]) -> None:
        self._process = process
        self.control = told["control"]
        ports = {name: vendor["port"] for name, vendor in told["vendors"].items()}
        self.described = Grid(ports=ports)  # never entered: it only knows the addresses

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        async with httpx2.AsyncClient(trust_env=False, timeout=CALL_S) as client:
            return (await client.request(method, self.control + path, json=body)).json()

    async def attempt_ids(self) -> list[str]:
        """Of every request that any vendor got."""
        logged = await self.ask("GET", "/log")
        assert not logged["dropped"]
        return [request["attempt_id"] for request in logged["requests"]]


@asynccontextmanager
async def grid_process() -> AsyncIterator[GridProcess]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.practice", "--free", "--gap", "0.002", stdout=PIPE
    )
    try:
        yield GridProcess(process, json.loads(await read_line(process)))
    finally:
        process.terminate()
        await process.wait()


class Gateways:
    """One gateway after another on the same folder."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.pid = 0
        self.port = 0

    async def begin(self) -> None:
        """Start one; it may not serve yet."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self.pid = int(await read_line(self._process))

    async def wait_until_serving(self) -> None:
        self.port = httpx2.URL(json.loads(await read_line(self._process))["data"]).port

    async def end(self, number: signal.Signals) -> None:
        """Send the signal and wait until it is gone."""
        os.kill(self.pid, number)
        while await read_line(self._process) != b"ended\n":
            pass  # it had just begun to serve


@asynccontextmanager
async def gateways(folder: Path) -> AsyncIterator[Gateways]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.scenarios.spare_interpreter", "serve", "--json",
        "--config", str(folder / "config"), "--log-level", "error", stdin=PIPE, stdout=PIPE,
    )  # fmt: skip
    try:
        yield Gateways(process)
    finally:
        process.kill()
        await process.wait()


async def read_line(process: Process) -> bytes:
    assert process.stdout is not None
    return await asyncio.wait_for(process.stdout.readline(), CALL_S)


async def call(port: int, key: str, number: int) -> str | None:
    """One request on a connection of its own; its id if the gateway lived to say it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        messages = [{"role": "user", "content": f"Answer in {5 + number % 40} words"}]
        body = {"model": "chat", "messages": messages, "stream": number % 2 == 0}
        content = json.dumps(body)
        writer.write(
            (
                "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n"
                f"authorization: Bearer {key}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(content)}\r\n\r\n{content}"
            ).encode()
        )
        head, _, _ = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    _, found, rest = head.partition(b"x-switchgear-request-id: ")
    return rest.partition(b"\r\n")[0].decode() if found else None


async def keep_calling(port: int, key: str, first: int, told: set[str]) -> None:
    """One request after the other until the gateway is gone."""
    number = first
    while True:
        number += 1
        try:
            id_ = await call(port, key, number)
        except OSError:
            return
        if id_ is not None:
            told.add(id_)


def read_store(folder: Path) -> tuple[list[Any], list[Any]]:
    store = sqlite3.connect(folder / "data" / "switchgear.sqlite")
    try:
        exchanges = store.execute("SELECT id, outcome FROM exchanges").fetchall()
        attempts = store.execute("SELECT exchange, number, verdict, charge FROM attempts")
        return exchanges, attempts.fetchall()
    finally:
        store.close()


def house_on(grid: GridProcess) -> tuple[House, str]:
    """A config folder over the grid, and a key."""
    routes = {"chat": ["aurora", "europa", "homegrid"]}
    house = House(grid.described, routes, deadlines=SLOW)
    house.write()
    store = Store(house.folder / "data")
    store.prepare()
    _, key = KeyStore(store).create(Grant(tenant="default", app="tests", floor="internal"))
    return house, key


@pytest.mark.slow
def test_kill_9_under_load_loses_no_row_and_settles_each_once() -> None:
    uvloop.run(asyncio.wait_for(kill_and_count(), LONGEST_S))


async def kill_and_count() -> None:
    chance = random.Random(20261124)
    told: set[str] = set()
    async with grid_process() as grid:
        house, key = house_on(grid)
        flapping = {"fault": "openai/500_server_error", "on_s": 0.02, "every_s": 0.1}
        await grid.ask("POST", "/knobs", {"vendor": "aurora", **flapping})
        async with gateways(house.folder) as gateway:
            for turn in range(ROUNDS):
                await gateway.begin()
                if turn % (ROUNDS // EARLY) == 3:
                    await asyncio.sleep(chance.uniform(0.0, 0.3))
                    await gateway.end(signal.SIGKILL)
                    continue
                await gateway.wait_until_serving()
                async with asyncio.TaskGroup() as clients:
                    for first in range(CLIENTS):
                        clients.create_task(keep_calling(gateway.port, key, first, told))
                    await asyncio.sleep(chance.uniform(0.02, 0.35))
                    await gateway.end(signal.SIGKILL)
            await gateway.begin()
            await gateway.wait_until_serving()
            await gateway.end(signal.SIGTERM)
        seen = await grid.attempt_ids()

    has_quarantine = (house.folder / "data" / "journal" / QUARANTINE_NAME).exists()
    exchanges, attempts = read_store(house.folder)
    shutil.rmtree(house.folder)
    written = [f"{exchange}-{number}" for exchange, number, _, _ in attempts]
    assert len(seen) == len(set(seen)) > 10 * ROUNDS, "too little load to prove anything"
    assert set(seen) - set(written) == set(), "bytes at a vendor without a row"
    assert len(written) == len(set(written))
    assert len(exchanges) == len({id_ for id_, _ in exchanges})
    assert told - {id_ for id_, _ in exchanges} == set(), "a client was told of a lost exchange"
    assert None not in {outcome for _, outcome in exchanges}
    assert None not in {verdict for _, _, verdict, _ in attempts}
    crashed = [charge for _, _, verdict, charge in attempts if verdict == "crashed"]
    assert crashed and set(crashed) == {"unknown"}
    assert {"ok", "crashed"} <= {outcome for _, outcome in exchanges}
    assert not has_quarantine
