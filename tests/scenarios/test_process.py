"""The process as operators meet it: addresses, signals, reload, drain, ports that are taken."""

import asyncio
import json
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import yaml

from gateway.practice.grid import Grid
from gateway.store.keys import Grant, KeyStore
from gateway.store.sqlite import Store
from tests.house import House, scenario, until


class Process:
    """`python -m gateway serve` on the folder that a house wrote."""

    def __init__(self, house: House, process: asyncio.subprocess.Process, told: dict[str, str]):
        self.house, self.process = house, process
        self.data, self.admin = told["data"], told["admin"]

    async def ask(self, key: str, **fields: object) -> httpx2.Response:
        body = {"model": "chat", "messages": [{"role": "user", "content": "hello"}], **fields}
        async with httpx2.AsyncClient(trust_env=False, timeout=20) as client:
            headers = {"authorization": f"Bearer {key}"}
            url = f"{self.data}/v1/chat/completions"
            return await client.post(url, json=body, headers=headers)

    async def status(self) -> dict[str, object]:
        async with httpx2.AsyncClient(trust_env=False, timeout=20) as client:
            headers = {"authorization": f"Bearer {self.house.admin_key}"}
            return (await client.get(f"{self.admin}/admin/status", headers=headers)).json()


@asynccontextmanager
async def serving(grid: Grid, **options: object) -> AsyncIterator[tuple[Process, str]]:
    house = House(
        grid, {"chat": ["aurora"]}, deadlines={"first_token_s": 20, "idle_s": 20}, **options
    )  # type: ignore[arg-type] # passed on as they are
    house.write()
    store = Store(house.folder / "data")
    store.prepare()
    _, key = KeyStore(store).create(Grant(tenant="default", app="tests", floor="internal"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "serve", "--json",
        "--config", str(house.folder / "config"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 15)
        yield Process(house, process, json.loads(line)), key
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def change_supply(house: House, **route: object) -> None:
    file = house.folder / "config" / "supply.yaml"
    supply = yaml.safe_load(file.read_text())
    supply["routes"]["chat"] |= route
    file.write_text(yaml.safe_dump(supply))


async def until_status(process: Process, **expected: object) -> dict[str, object]:
    for _ in range(100):
        status = await process.status()
        if all(status[name] == value for name, value in expected.items()):
            return status
        await asyncio.sleep(0.05)
    raise AssertionError(f"never {expected}: {status}")


@scenario
async def test_sighup_reloads_and_a_bad_folder_leaves_the_old_serving() -> None:
    async with Grid() as grid, serving(grid) as (process, key):
        change_supply(process.house, strict=True)
        process.process.send_signal(signal.SIGHUP)
        await until_status(process, epoch=2, is_current=True)
        change_supply(process.house, tires=["aurora"])
        process.process.send_signal(signal.SIGHUP)
        status = await until_status(process, epoch=2, is_current=False)
        assert "tires" in str(status["problems"]) and "tiers" in str(status["problems"])
        assert (await process.ask(key)).status_code == 200


@scenario
async def test_sigterm_lets_a_stream_finish_refuses_new_ones_and_settles_every_row() -> None:
    async with Grid(gap_s=0.04) as grid, serving(grid) as (process, key):
        stream = asyncio.ensure_future(process.ask(key, stream=True))
        await until(lambda: len(grid.log("aurora")) == 1)
        await asyncio.sleep(0.2)
        process.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.2)
        async with httpx2.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{process.admin}/readyz")).status_code == 503
            assert (await client.get(f"{process.admin}/livez")).status_code == 200
        try:
            late = (await process.ask(key)).status_code
        except httpx2.ConnectError:
            late = 0
        assert late == 0, "new connections are refused while draining"
        reply = await stream
        assert reply.text.endswith("data: [DONE]\n\n")
        assert await asyncio.wait_for(process.process.wait(), 10) == 0
        with sqlite3.connect(process.house.folder / "data" / "switchgear.sqlite") as store:
            outcomes = store.execute("select outcome from exchanges").fetchall()
        store.close()
        assert outcomes == [("ok",)]


@scenario
async def test_taken_port_is_one_clear_line_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with Grid() as grid:
            house = House(grid, {"chat": ["aurora"]})
            house.write()
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway", "serve", "--config", str(house.folder / "config"),
                "--data-listen", f"127.0.0.1:{port}", stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            _, stderr = await asyncio.wait_for(process.communicate(), 15)
            text = stderr.decode()
            assert process.returncode == 1
            assert str(port) in text and "--data-listen" in text and "Traceback" not in text


def test_demo_says_which_port_is_taken(tmp_path: Path) -> None:
    @scenario
    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway", "demo", "--dir", str(tmp_path), "--free-ports",
                "--practice-port", f"aurora={port}", stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            _, stderr = await asyncio.wait_for(process.communicate(), 15)
            text = stderr.decode()
            assert process.returncode == 1
            assert str(port) in text and "--practice-port" in text and "Traceback" not in text

    run()
