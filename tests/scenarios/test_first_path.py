"""One request, end to end, through policy and failover."""

import pytest

from gateway.practice.grid import Grid
from tests.house import House, scenario


@scenario
async def test_whole_answer_comes_through() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora"]}) as house:
        reply = await house.ask()
        assert reply.status_code == 200, reply.text
        body = reply.json()
        assert body["choices"][0]["finish_reason"] == "stop"
        assert reply.headers["x-switchgear-deployment"] == "aurora"
        assert reply.headers["x-switchgear-attempts"] == "1"
        assert await house.kinds() == ["ok"]


@pytest.mark.parametrize("vendor", ["aurora", "borealis", "europa", "homegrid"])
@pytest.mark.parametrize("stream", [True, False])
def test_every_dialect_serves_streamed_and_whole(vendor: str, stream: bool) -> None:
    @scenario
    async def run() -> None:
        async with Grid() as grid, House(grid, {"chat": [vendor]}) as house:
            reply = await house.ask(stream=stream)
            assert reply.status_code == 200, reply.text
            if stream:
                assert reply.text.endswith("data: [DONE]\n\n")
                assert '"finish_reason":"stop"' in reply.text.replace(" ", "")
            assert await house.kinds() == ["ok"]

    run()


@scenario
async def test_failover_is_invisible() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora", "europa"]}) as house:
        grid.fail("aurora", "openai/429_requests")
        reply = await house.ask()
        assert reply.status_code == 200
        assert reply.headers["x-switchgear-deployment"] == "europa"
        assert reply.headers["x-switchgear-failover"] == "throttled"
        assert await house.kinds() == ["throttled", "ok"]
