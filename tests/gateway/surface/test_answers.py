"""What answers tell of the supply, and what becomes of a client that leaves."""

import asyncio
import json

import pytest

from gateway.practice.grid import Grid
from gateway.practice.log import Outcome
from tests.gateway.surface.raw_client import GOOD, Reply, connect, get, post
from tests.house import SLOW, House, scenario, until

ALWAYS = {"content-type", "content-length", "transfer-encoding", "cache-control"}
TOLD = {"x-switchgear-request-id", "retry-after", "x-should-retry"}
TERSE = {"response_headers": "request_id"}
STREAM = GOOD[:-1] + b',"stream":true}'


async def ask(house: House, body: bytes) -> Reply:
    async with connect(house) as raw:
        return await raw.send(post(house, body)).reply()


@scenario
async def test_operator_can_hide_who_served_and_why() -> None:
    async with (
        Grid(gap_s=0.0) as grid,
        House(grid, {"chat": ["aurora", "europa"]}, settings=TERSE) as house,
    ):
        grid.fail("aurora", "openai/429_requests")
        replies = [await ask(house, body) for body in (GOOD, STREAM, b"{}")]
        grid.fail("europa", "mistral/503_capacity")
        replies += [await ask(house, body) for body in (GOOD, STREAM)]
        assert [reply.status for reply in replies] == [200, 200, 400, 503, 503]
        for reply in replies:
            assert set(reply.headers) - ALWAYS <= TOLD, reply.headers
            assert reply.headers["x-switchgear-request-id"]
        assert {reply.error["code"] for reply in replies[3:]} == {"supply_exhausted"}
        assert "throttled" not in str([reply.body for reply in replies])
        assert len(house.rows_of("x1")) == 5, "the ledger has what the headers hide"


@scenario
async def test_answers_tell_by_default_who_served_and_why() -> None:
    async with Grid(gap_s=0.0) as grid, House(grid, {"chat": ["aurora", "europa"]}) as house:
        grid.fail("aurora", "openai/429_requests")
        headers = (await ask(house, GOOD)).headers
        told = {name.removeprefix("x-switchgear-") for name in headers if "switchgear" in name}
        assert told >= {
            "request-id", "deployment", "vendor", "zone", "attempts", "failover", "policy",
            "overhead-ms",
        }  # fmt: skip


@scenario
async def test_every_error_of_an_exchange_names_it() -> None:
    async with Grid(gap_s=0.0) as grid, House(grid, {"chat": ["aurora"]}) as house:
        replies = [await ask(house, body) for body in (b"{}", GOOD.replace(b"chat", b"nobody"))]
        grid.fail("aurora", "openai/400_context_length", times=1)
        replies.append(await ask(house, GOOD))
        grid.fail("aurora", "openai/401_invalid_api_key")
        replies.append(await ask(house, GOOD))
        assert [reply.status for reply in replies] == [400, 404, 400, 503]
        ids = [reply.headers["x-switchgear-request-id"] for reply in replies]
        await house.settle()
        assert ids == [row[1] for row in house.rows_of("x1")]


@pytest.mark.parametrize("body", [GOOD, STREAM], ids=["whole", "stream"])
def test_client_whose_body_came_slowly_is_seen_to_leave(body: bytes) -> None:
    """Its watcher is due in the past by the time that the body is whole."""

    @scenario
    async def run() -> None:
        async with (
            Grid(gap_s=0.0) as grid,
            House(grid, {"chat": ["aurora"]}, deadlines=SLOW) as house,
        ):
            grid.fail("aurora", "wire/hang")
            async with connect(house) as raw:
                sent = post(house, body)
                raw.send(sent[:-10])
                await asyncio.sleep(0.3)
                raw.send(sent[-10:])
                await until(lambda: len(grid.log("aurora")) == 1)
                await asyncio.sleep(0.15)
            await until(lambda: grid.log("aurora")[0].outcome is Outcome.CLIENT_LEFT, 0.4)
            assert await house.kinds() == ["caller_gone"]

    run()


@scenario
async def test_pipelining_client_is_seen_to_leave() -> None:
    """uvicorn tells the newest request of a connection; the one under way is another."""
    async with Grid(gap_s=0.0) as grid, House(grid, {"chat": ["aurora"]}, deadlines=SLOW) as house:
        grid.fail("aurora", "wire/hang")
        async with connect(house) as raw:
            raw.send(post(house, GOOD) + get("/v1/nothing") * 3)
            await until(lambda: len(grid.log("aurora")) == 1)
            await asyncio.sleep(0.15)
        await until(lambda: grid.log("aurora")[0].outcome is Outcome.CLIENT_LEFT, 0.4)
        assert await house.kinds() == ["caller_gone"]


@scenario
async def test_chunked_request_body_is_read_whole() -> None:
    async with Grid(gap_s=0.0) as grid, House(grid, {"chat": ["aurora"]}) as house:
        head = post(house, b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
        chunks = b"".join(b"1;ext=y\r\n%c\r\n" % byte for byte in GOOD)
        async with connect(house) as raw:
            assert (await raw.send(head + chunks + b"0\r\n\r\n").reply()).status == 200
        assert json.loads(grid.log("aurora")[0].body)["messages"] == json.loads(GOOD)["messages"]


@pytest.mark.parametrize("adaptor", ["asgi", "fast"])
def test_drain_that_runs_out_settles_every_row(adaptor: str) -> None:
    @scenario
    async def run() -> None:
        async with Grid() as grid:
            house = House(grid, {"chat": ["aurora"]}, adaptor=adaptor, deadlines=SLOW)
            async with house:
                house._servers[0].config.timeout_graceful_shutdown = 1
                grid.fail("aurora", "wire/hang")
                async with connect(house) as served, connect(house) as half:
                    served.send(post(house, STREAM))
                    half.send(post(house, GOOD)[:-5])
                    await until(lambda: house.gateway.pipeline.limits.in_flight == 2)
                    await until(lambda: len(grid.log("aurora")) == 1)
                    house._servers[0].should_exit = True
                    await asyncio.wait_for(asyncio.shield(house._serving[0]), 5)
                    await until(lambda: house.gateway.pipeline.limits.in_flight == 0, 1)
                assert await house.kinds() == ["caller_gone"]

    run()
