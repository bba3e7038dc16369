"""One request, end to end, through policy and failover."""

import pytest

from gateway.practice.grid import Grid
from tests.house import House, scenario
from tests.upstream_peer import Peer, stream, whole


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


TOLD_INSIDE = (
    b'{"error":{"message":"This model\'s maximum context length is 8192 tokens.",'
    b'"type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}'
)


@pytest.mark.parametrize("is_stream", [True, False])
def test_callers_error_inside_a_200_is_worded_and_never_looks_whole(is_stream: bool) -> None:
    @scenario
    async def run() -> None:
        script = (
            stream(b"data: " + TOLD_INSIDE + b"\n\n") if is_stream else [whole(200, TOLD_INSIDE)]
        )
        peer = await Peer(script).start()
        place = {"aurora": {"base_url": f"http://127.0.0.1:{peer.port}/v1"}}
        async with (
            Grid() as grid,
            House(grid, {"chat": ["aurora", "europa"]}, deployments=place, checks=False) as house,
        ):
            reply = await house.ask(stream=is_stream)
            assert reply.status_code == 400
            assert reply.json()["error"]["code"] == "refused_by_vendor"
            assert not grid.log("europa")
        peer.stop()

    run()


@scenario
async def test_cut_account_stays_out_until_an_operator_restores_it() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora", "europa"]}) as house:
        grid.fail("aurora", "openai/429_insufficient_quota", times=1)
        for _ in range(3):
            reply = await house.ask()
            assert reply.headers["x-switchgear-deployment"] == "europa"
        assert len(grid.log("aurora")) == 1
        answer = await house.admin("/admin/supply/account/aurora-main/restore", "POST")
        assert answer.status_code == 200
        reply = await house.ask()
        assert reply.headers["x-switchgear-deployment"] == "aurora"
