"""The client gets vLLM's own bytes."""

import pytest

from deploy.vllm.server import Server
from gateway.practice.grid import Grid
from tests.house import House
from tests.vllm.own_supply import PATIENT, Tap, own, real

ASK = {"max_tokens": 40, "temperature": 0, "ignore_eos": True}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"stream": False}, id="whole"),
        pytest.param({"stream": True, "stream_options": {"include_usage": True}}, id="stream"),
        pytest.param(
            {"stream": True, "n": 2, "temperature": 1.0, "stream_options": {"include_usage": True}},
            id="stream of two choices",
        ),
    ],
)
def test_answer_is_passed_on_byte_for_byte(tiny: Server, fields: dict[str, object]) -> None:
    @real
    async def run() -> None:
        async with (
            Grid() as grid,
            Tap(tiny) as tap,
            House(grid, ROUTES, own=own(tiny, through=tap), deadlines=PATIENT) as house,
        ):
            reply = await house.ask(**{**ASK, **fields})
            assert reply.status_code == 200
            assert reply.content == tap.body

    run()


@real
async def test_only_the_usage_event_that_nobody_asked_for_is_left_out(tiny: Server) -> None:
    async with (
        Grid() as grid,
        Tap(tiny) as tap,
        House(grid, ROUTES, own=own(tiny, through=tap), deadlines=PATIENT) as house,
    ):
        reply = await house.ask(stream=True, **ASK)
        made = tap.body.split(b"\n\n")
        *_, usage, done, rest = made
        assert (b'"choices":[]' in usage, done, rest) == (True, b"data: [DONE]", b"")
        assert reply.content.split(b"\n\n") == [event for event in made if event is not usage]


ROUTES = {"chat": ["own-tiny"]}
