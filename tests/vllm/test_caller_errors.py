"""What the client did wrong is told in vLLM's own words, and blames nobody."""

import asyncio
import json

import pytest

from deploy.vllm.server import Server
from gateway.practice.grid import Grid
from tests.house import House
from tests.vllm.own_supply import PATIENT, own, real

LONG = [{"role": "user", "content": "word " * 20_000}]
SHORT = [{"role": "user", "content": "word"}]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        pytest.param({"messages": LONG, "max_tokens": 5}, "input_tokens", id="context too long"),
        pytest.param(
            {"messages": LONG, "max_tokens": 5, "stream": True},
            "input_tokens",
            id="context too long for a stream",
        ),
        pytest.param({"messages": SHORT, "max_tokens": 90_000}, "max_tokens", id="too many asked"),
        pytest.param({"messages": SHORT, "temperature": -1}, "temperature", id="out of range"),
    ],
)
def test_callers_error_is_passed_on_and_not_failed_over(
    tiny: Server, fields: dict[str, object], param: str
) -> None:
    @real
    async def run() -> None:
        async with (
            Grid() as grid,
            House(
                grid, {"chat": ["own-tiny", "homegrid"]}, own=own(tiny), deadlines=PATIENT
            ) as house,
        ):
            reply = await house.ask(**fields)
            told = await asyncio.to_thread(
                tiny.ask, "/v1/chat/completions", {"model": "tiny", **fields}
            )
            assert (reply.status_code, json.loads(reply.content)) == (told[0], json.loads(told[1]))
            assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)
            assert reply.headers["x-switchgear-attempts"] == "1"
            assert grid.accepted("homegrid") == 0
            assert await house.kinds() == ["caller_error"]
            assert all(standing.deployment.is_quiet for standing in house.standings())

    run()
