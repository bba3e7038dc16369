"""The grid as a whole: logs, ports, connections, further vendors, TLS, determinism."""

import asyncio
import socket
import ssl
from dataclasses import replace

import pytest
import trustme

from gateway.practice import BadKnobError, Flavour, Grid, Outcome, PortTakenError
from gateway.practice.log import Log
from tests.gateway.practice.practice_wire import SOON_S, ask, chat_body, request_bytes, send


async def settle(grid: Grid, name: str, connections: int = 0) -> None:
    """Wait until the vendor has so many connections."""
    async with asyncio.timeout(2):
        while grid.connections(name) != connections:
            await asyncio.sleep(0.005)


async def test_log_has_every_byte_of_a_request() -> None:
    async with Grid() as grid:
        path, body = chat_body(grid.aurora)
        asked = request_bytes(grid.aurora, path, body, "spare", x_request_id="attempt-1")
        raw = (await send(grid.aurora.port, asked))[0]
        await settle(grid, "aurora")
        (request,) = grid.log("aurora")
        assert request.head + request.body == asked
        assert grid.received_bytes("aurora") == len(asked)
    assert (request.attempt_id, request.account) == ("attempt-1", "spare")
    assert (request.model, request.path, request.connection) == ("aurora-large", path, 1)
    assert (request.status, request.sent_bytes) == (200, len(raw.data))
    assert request.outcome is Outcome.ANSWERED
    assert request.ended_s is not None
    assert request.ended_s >= request.at_s


async def test_log_counts_connections_and_requests_apart() -> None:
    async with Grid() as grid:
        path, body = chat_body(grid.aurora)
        asked = request_bytes(grid.aurora, path, body)
        await send(grid.aurora.port, asked, asked)
        await send(grid.aurora.port, asked)
        found = [(request.number, request.connection) for request in grid.log("aurora")]
        assert grid.accepted("aurora") == 2
    assert found == [(1, 1), (2, 1), (3, 2)]


async def test_half_a_request_is_logged_as_broken() -> None:
    async with Grid() as grid:
        _, writer = await asyncio.open_connection("127.0.0.1", grid.europa.port)
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 9\r\n\r\nhalf")
        await writer.drain()
        writer.close()
        await settle(grid, "europa", 0)
        async with asyncio.timeout(2):
            while not grid.log("europa"):
                await asyncio.sleep(0.005)
        (request,) = grid.log("europa")
    assert (request.outcome, request.body, request.path) == (
        Outcome.BROKEN,
        b"half",
        "/v1/chat/completions",
    )


async def test_what_is_no_request_is_answered_and_logged() -> None:
    async with Grid() as grid:
        raw = (await send(grid.aurora.port, b"hello\r\n\r\n"))[0]
        (request,) = grid.log("aurora")
    assert (raw.status, request.outcome) == (400, Outcome.BROKEN)


async def test_untouched_vendor_has_no_byte() -> None:
    async with Grid(extra={"twin": "anthropic"}) as grid:
        await ask(grid.aurora)
        assert (grid.log("twin"), grid.received_bytes("twin"), grid.accepted("twin")) == ([], 0, 0)


@pytest.mark.parametrize(
    ("bounds", "kept"),
    [
        pytest.param({"max_requests": 3}, [6, 7, 8], id="by count"),
        pytest.param({"max_bytes": 250}, [7, 8], id="by size"),
    ],
)
async def test_log_lets_go_of_the_oldest(bounds: dict[str, int], kept: list[int]) -> None:
    async with Grid() as grid:
        await ask(grid.aurora)
        (request,) = grid.log("aurora")
    log = Log(**bounds)
    for number in range(1, 9):
        log.add(replace(request, number=number, head=b"h" * 40, body=b"b" * 60))
    assert [request.number for request in log.requests()] == kept
    assert log.dropped == 8 - len(kept)


async def test_client_that_leaves_a_silent_stream_is_noticed() -> None:
    async with Grid(gap_s=0) as grid:
        grid.fail("aurora", "stream/stall")
        await ask(grid.aurora, stream=True, quiet_s=SOON_S)
        await settle(grid, "aurora")
        (request,) = grid.log("aurora")
    assert request.outcome is Outcome.CLIENT_LEFT


async def test_slow_reader_holds_the_stream_back() -> None:
    async with Grid(gap_s=0) as grid:
        path, body = chat_body(
            grid.homegrid,
            stream=True,
            messages=[{"role": "user", "content": "in 8192 words"}],
            max_tokens=8192,
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", grid.homegrid.port, limit=1024)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(8):
            writer.write(request_bytes(grid.homegrid, path, body))
        await reader.read(10)
        await asyncio.sleep(0.2)
        first = grid.log("homegrid")[0]
        assert first.outcome is Outcome.OPEN or len(grid.log("homegrid")) < 8
        writer.transport.abort()
        await settle(grid, "homegrid")


async def test_same_request_has_the_same_text_streamed_or_whole() -> None:
    async with Grid(gap_s=0) as grid:
        whole = await ask(grid.aurora)
        again = await ask(grid.aurora)
        stream = await ask(grid.aurora, stream=True)
    async with Grid(gap_s=0, seed=1) as other:
        changed = await ask(other.aurora)
    text = whole.json["choices"][0]["message"]["content"]
    pieces = [event["choices"][0]["delta"].get("content", "") for event in stream.events]
    assert again.json["choices"][0]["message"]["content"] == text == "".join(pieces)
    assert changed.json["choices"][0]["message"]["content"] != text


@pytest.mark.parametrize("flavour", list(Flavour))
async def test_further_vendor_serves_on_its_own_port(flavour: Flavour) -> None:
    async with Grid(extra={"twin": flavour}) as grid:
        raw = await ask(grid["twin"])
        assert grid["twin"].port not in {grid.aurora.port, grid.borealis.port}
    assert (raw.status, raw.json["model"]) == (200, "twin-large")


async def connects(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


async def test_refused_port_opens_again_when_healed() -> None:
    async with Grid() as grid:
        port = grid.aurora.port
        grid.fail("aurora", "wire/refused")
        refused = await connects(port)
        grid.heal("aurora")
        healed = await ask(grid.aurora)
        assert grid.aurora.port == port
    assert (refused, healed.status) == (False, 200)


@pytest.mark.parametrize(
    ("id_", "ending"),
    [
        pytest.param("wire/refused", "whole", id="in flight goes on"),
        pytest.param("wire/crashed", "reset", id="in flight dies"),
    ],
)
async def test_closing_a_port_and_what_is_in_flight(id_: str, ending: str) -> None:
    async with Grid(gap_s=0.01, words=20) as grid:
        asking = asyncio.ensure_future(ask(grid.aurora, stream=True))
        await settle(grid, "aurora", 1)
        async with asyncio.timeout(2):
            while not grid.log("aurora"):
                await asyncio.sleep(0.005)
        grid.fail("aurora", id_)
        raw = await asking
    assert raw.ending == ending


async def test_refused_port_opens_by_the_clock() -> None:
    now = [0.0]
    async with Grid(now=lambda: now[0]) as grid:
        grid.fail("aurora", "wire/refused", on_s=2, every_s=5)
        seen = []
        for moment in (1.0, 3.0, 6.0, 8.0):
            now[0] = moment
            grid.refresh()
            seen.append(await connects(grid.aurora.port))
    assert seen == [False, True, False, True]


async def test_timed_port_needs_nobody_to_look() -> None:
    async with Grid() as grid:
        grid.fail("aurora", "wire/refused", for_s=0.1)
        assert not await connects(grid.aurora.port)
        async with asyncio.timeout(2):
            while not await connects(grid.aurora.port):
                await asyncio.sleep(0.02)


async def test_taken_port_is_told_with_the_remedy() -> None:
    async with Grid() as grid:
        taken = grid.europa.port
        with pytest.raises(PortTakenError, match=f"{taken} is in use.*--port aurora=0"):
            async with Grid(ports={"aurora": taken}):
                raise AssertionError("not reached")


async def test_stopping_leaves_no_connection_and_no_task() -> None:
    before = asyncio.all_tasks()
    async with Grid() as grid:
        grid.fail("aurora", "wire/hang")
        asking = asyncio.ensure_future(ask(grid.aurora))
        await settle(grid, "aurora", 1)
        port = grid.aurora.port
    assert (await asking).ending == "reset"
    assert asyncio.all_tasks() == before
    assert not await connects(port)


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        pytest.param("nimbus", {}, id="vendor"),
        pytest.param("aurora", {"model": "borealis-large"}, id="model"),
        pytest.param("aurora", {"account": "third"}, id="account"),
    ],
)
async def test_unknown_name_is_told_with_the_known_ones(name: str, scope: dict[str, str]) -> None:
    async with Grid() as grid:
        with pytest.raises(BadKnobError, match=r"aurora|main"):
            grid.fail(name, "wire/reset", **scope)  # type: ignore[arg-type]  # wrong on purpose


async def test_tls_vendor_speaks_tls_and_resets_too() -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    async with Grid(tls=server) as grid:
        path, body = chat_body(grid.aurora)
        asked = request_bytes(grid.aurora, path, body)
        assert grid.aurora.base_url == f"https://127.0.0.1:{grid.aurora.port}"
        reader, writer = await asyncio.open_connection("127.0.0.1", grid.aurora.port, ssl=client)
        writer.write(asked)
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        grid.fail("aurora", "wire/reset")
        writer.write(asked)
        with pytest.raises(ConnectionError):
            while await reader.read(65536):
                pass
        writer.transport.abort()
