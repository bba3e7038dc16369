"""A client that leaves frees the engine, streamed and whole.

vLLM counts an answer that it made to the end and does not count one whose client left; so the
counter that stands still says that the engine was told to stop, and not that it was done.
"""

import asyncio
import time
from contextlib import suppress

from deploy.vllm.server import Server
from gateway.practice.grid import Grid
from tests.house import House
from tests.vllm.own_supply import LONG, PATIENT, gauge, own, real, settled, streaming

RUNNING = "vllm:num_requests_running"
ENDED = "vllm:request_success_total"
WITHIN_S = 1.0  # of the hang-up


@real
async def test_leaving_a_stream_aborts_it_in_the_engine(tiny: Server) -> None:
    async with Grid() as grid, house(grid, tiny) as gateway:
        ended = await gauge(tiny, ENDED)
        async with streaming(gateway):
            assert await gauge(tiny, RUNNING) == 1
        await free(tiny, ended)
        assert [row.verdict for row in await settled(gateway)] == ["caller_gone"]


@real
async def test_leaving_a_whole_answer_aborts_it_in_the_engine(tiny: Server) -> None:
    async with Grid() as grid, house(grid, tiny) as gateway:
        ended = await gauge(tiny, ENDED)
        asking = asyncio.ensure_future(gateway.ask(**LONG))
        while await gauge(tiny, RUNNING) != 1:
            assert not asking.done()
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        await free(tiny, ended)
        assert [row.verdict for row in await settled(gateway)] == ["caller_gone"]


def house(grid: Grid, server: Server) -> House:
    return House(grid, {"chat": ["own-tiny"]}, own=own(server), deadlines=PATIENT)


async def free(server: Server, ended: float) -> None:
    began = time.monotonic()
    while await gauge(server, RUNNING):
        assert time.monotonic() - began < WITHIN_S, "still running"
    assert await gauge(server, ENDED) == ended
