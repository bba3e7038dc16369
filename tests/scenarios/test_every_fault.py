"""Every fault of the practice grid, streamed and whole, with a healthy forbidden deployment ready.

Whatever a vendor does, the client gets a whole answer or one explicit error; the forbidden
deployment, which would have served, sees no byte; rows and the vendors' logs join one to one
(checked by the house when it is left).
"""

import json

import httpx2
import pytest

from gateway.practice.faultbook import Expect, Fault, load_faults
from gateway.practice.grid import Grid
from tests.house import House, scenario

# A fault of a dialect is played by the vendor that speaks it; the rest are replayed raw.
SICK = {"openai": "aurora", "anthropic": "borealis", "mistral": "europa", "vllm": "homegrid"}
DELIVERED = (Expect.OK, Expect.REFUSED, Expect.CALLER_ERROR)
FORBIDDEN = {"twin": {"trains": True}}


def cases() -> list[object]:
    return [
        pytest.param(fault, is_stream, id=f"{fault.id}-{'stream' if is_stream else 'whole'}")
        for fault in load_faults().values()
        for is_stream in (True, False)
    ]


@pytest.mark.parametrize(("fault", "is_stream"), cases())
def test_client_gets_a_whole_answer_or_one_explicit_error(fault: Fault, is_stream: bool) -> None:
    @scenario
    async def run() -> None:
        sick = SICK.get(fault.id.partition("/")[0], "aurora")
        async with (
            Grid(extra={"twin": "openai", "well": "openai"}, gap_s=0.0) as grid,
            House(grid, {"chat": [sick, "twin", "well"]}, facts=FORBIDDEN) as house,
        ):
            grid.fail(sick, fault.id)
            fields: dict[str, object] = {}
            if fault.stream is not None and fault.stream.only_tool:
                fields = {"tools": [WEATHER], "tool_choice": "required"}
            reply = await house.ask(stream=is_stream, **fields)
            outcome = judge(reply, is_stream)
            assert outcome in ("whole", "error"), reply.text[-300:]
            if reply.headers["x-switchgear-deployment"] == "well":
                assert outcome == "whole"
                assert "x-switchgear-failover" in reply.headers
            assert grid.accepted("twin") == 0 and grid.received_bytes("twin") == 0
            kinds = await house.kinds()
            if fault.expect in DELIVERED or kinds[0] in ("ok", "refused"):
                assert len(grid.log("well")) == 0 or kinds[0] not in ("ok", "refused")

    run()


def judge(reply: httpx2.Response, is_stream: bool) -> str:
    """`whole`, `error`, or what is wrong: what a careful client makes of the bytes."""
    if reply.status_code != 200:
        error = reply.json()["error"]
        return "error" if error["code"] or error["type"] else "no code"
    if not is_stream:
        choice = reply.json()["choices"][0]
        return "whole" if choice["finish_reason"] else "unfinished"
    events = [e.removeprefix("data: ") for e in reply.text.split("\n\n") if e.strip()]
    if events and events[-1].startswith('{"error"'):
        return "error" if json.loads(events[-1])["error"]["code"] else "no code"
    return "whole" if "[DONE]" in reply.text and '"finish_reason"' in reply.text else "cut"


WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
