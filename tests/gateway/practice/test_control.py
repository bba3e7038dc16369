"""The grid is steered over HTTP, by its command, and runs as a process."""

import asyncio
import base64
import json
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from gateway.cli.practice import app
from gateway.practice import Control, Grid, load_faults
from tests.gateway.practice.practice_wire import ask, chat_body, request_bytes, send


@pytest.fixture
async def control() -> AsyncIterator[Control]:
    async with Grid() as grid, Control(grid) as control:
        yield control


async def call(control: Control, method: str, path: str, **options: Any) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.request(method, control.url + path, **options)


async def test_knob_is_turned_listed_and_healed(control: Control) -> None:
    knob = {"vendor": "aurora", "fault": "openai/503_overloaded", "times": 2, "contains": "hello"}
    turned = (await call(control, "POST", "/knobs", json=knob)).json()
    failed = await ask(control.grid.aurora)
    listed = (await call(control, "GET", "/knobs")).json()["knobs"]
    healed = (await call(control, "DELETE", "/knobs/aurora")).json()
    well = await ask(control.grid.aurora)
    assert (turned["fault"], turned["times_left"]) == ("openai/503_overloaded", 2)
    assert (failed.status, listed[0]["times_left"], listed[0]["played"]) == (503, 1, 1)
    assert (healed, well.status) == ({"healed": 1}, 200)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param({"vendor": "aurora"}, "vendor and fault", id="no fault"),
        pytest.param({"vendor": "nimbus", "fault": "wire/reset"}, "aurora, borealis", id="vendor"),
        pytest.param({"vendor": "aurora", "fault": "wire/rest"}, "wire/reset", id="fault"),
        pytest.param({"vendor": "aurora", "fault": "wire/reset", "time": 1}, "times", id="member"),
        pytest.param(
            {"vendor": "aurora", "fault": "wire/reset", "times": "1"}, "times is '1'", id="type"
        ),
        pytest.param(
            {"vendor": "aurora", "fault": "wire/reset", "times": True}, "times is True", id="bool"
        ),
        pytest.param([], "not a JSON object", id="no object"),
    ],
)
async def test_bad_knob_is_told_what_is_wrong(control: Control, body: Any, words: str) -> None:
    reply = await call(control, "POST", "/knobs", json=body)
    assert reply.status_code == 400
    assert words in reply.json()["error"]


async def test_knob_without_its_content_type_is_refused(control: Control) -> None:
    knob = b'{"vendor":"aurora","fault":"wire/reset"}'
    reply = await call(control, "POST", "/knobs", content=knob)
    assert reply.status_code == 400
    assert control.grid.knobs.active() == []


async def test_log_is_readable_down_to_the_bytes(control: Control) -> None:
    path, body = chat_body(control.grid.aurora)
    asked = request_bytes(control.grid.aurora, path, body, x_request_id="one")
    await send(control.grid.aurora.port, asked)
    await ask(control.grid.europa)
    both = (await call(control, "GET", "/log")).json()["requests"]
    (request,) = (await call(control, "GET", "/log/aurora")).json()["requests"]
    await call(control, "DELETE", "/log")
    after = (await call(control, "GET", "/log")).json()
    assert [each["vendor"] for each in both] == ["aurora", "europa"]
    sent = request["head"].encode("latin-1") + base64.b64decode(request["body_base64"])
    assert (sent, request["attempt_id"]) == (asked, "one")
    assert after == {"requests": [], "dropped": 0}


async def test_grid_and_faults_are_described(control: Control) -> None:
    described = (await call(control, "GET", "/grid")).json()
    faults = (await call(control, "GET", "/faults")).json()["faults"]
    unknown = await call(control, "GET", "/nothing")
    assert described["vendors"]["aurora"]["port"] == control.grid.aurora.port
    assert [fault["id"] for fault in faults] == list(load_faults())
    assert (unknown.status_code, "GET /grid" in unknown.json()["error"]) == (404, True)


@pytest.fixture
def remote() -> Iterator[Control]:
    """A grid in a loop of its own, for the command, which does not know asyncio."""
    started: list[Control] = []
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with Grid() as grid, Control(grid) as control:
            started.append(control)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(5)
    yield started[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(5)
    loop.close()


def run(control: Control, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*arguments, "--control", control.url])
    return result.exit_code, result.output


def test_command_fails_shows_and_heals(remote: Control) -> None:
    failed = run(
        remote, "fail", "aurora", "stream/cut", "--times", "3", "--for", "60",
        "--after-events", "5", "--model", "aurora-large", "--account", "main",
    )  # fmt: skip
    shown = run(remote, "status")
    healed = run(remote, "heal", "aurora")
    assert failed[0] == shown[0] == healed[0] == 0
    assert "aurora: stream/cut, model aurora-large, account main, 3 more times" in failed[1]
    assert f"http://127.0.0.1:{remote.grid.aurora.port}" in shown[1]
    assert "stream/cut" in shown[1]
    assert healed[1] == "healed: 1\n"


def test_command_tells_what_was_wrong(remote: Control) -> None:
    code, output = run(remote, "fail", "aurora", "stream/cuts")
    assert (code, "stream/cut" in output) == (1, True)


def test_command_without_a_grid_names_the_remedy() -> None:
    result = CliRunner().invoke(app, ["status", "--control", "http://127.0.0.1:9"])
    assert (result.exit_code, "make run" in result.output) == (1, True)


def test_command_lists_all_faults() -> None:
    result = CliRunner().invoke(app, ["faults"])
    assert [line.split()[0] for line in result.output.splitlines()] == list(load_faults())


async def start_process(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway.practice",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_process_says_its_addresses_and_stops_on_a_signal(number: signal.Signals) -> None:
    process = await start_process("--free", "--extra", "twin=openai", "--gap", "0.05")
    assert process.stdout is not None
    async with asyncio.timeout(10):
        described = json.loads(await process.stdout.readline())
    twin = described["vendors"]["twin"]
    reader, writer = await asyncio.open_connection("127.0.0.1", twin["port"])
    body = b'{"model":"twin-large","messages":[{"role":"user","content":"hi"}],"stream":true}'
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer {twin['accounts']['main']}"
        f"\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    process.send_signal(number)  # while the stream is open
    async with asyncio.timeout(5):
        code = await process.wait()
        assert await process.stderr.read() == b""  # type: ignore[union-attr]  # piped above
    writer.transport.abort()
    assert (code, described["ready"]) == (0, True)


async def test_process_with_a_taken_port_says_so_and_ends() -> None:
    async with Grid() as grid:
        process = await start_process("--free", "--port", f"aurora={grid.aurora.port}")
        async with asyncio.timeout(10):
            output, error = await process.communicate()
    assert (process.returncode, output) == (1, b"")
    assert b"is in use" in error
    assert b"--port aurora=0" in error
    assert b"Traceback" not in error
