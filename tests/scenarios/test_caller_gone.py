"""Clients that leave, dawdle or take nothing: the vendor is spared and nobody is blamed."""

import asyncio
from typing import Any

import pytest

from gateway.practice.faultbook import Then
from gateway.practice.grid import Grid
from gateway.practice.log import Outcome
from tests.house import SLOW, House, scenario, until
from tests.scenarios.caller import Caller
from tests.scenarios.invented import break_off, chunk_event, play

CANCEL_S = 0.25
LONG = [{"role": "user", "content": "Answer in 2000 words"}]


@pytest.mark.parametrize(
    ("fault", "is_stream", "wait_s"),
    [
        pytest.param("wire/hang", True, 0.01, id="before the head, early"),
        pytest.param("wire/hang", True, 0.3, id="before the head, late"),
        pytest.param("stream/stall_first", True, 0.3, id="held before the commit"),
        pytest.param(None, True, 0.3, id="mid-stream"),
        pytest.param("stream/stall", True, 0.3, id="mid-stream, stalled"),
        pytest.param("wire/hang", False, 0.01, id="whole, early"),
        pytest.param("wire/hang", False, 0.3, id="whole, late"),
        pytest.param("stream/stall", False, 0.3, id="whole, half of it sent"),
    ],
)
@pytest.mark.parametrize("vendor", ["aurora", "borealis"])
def test_vendor_sees_the_close_within_250_ms(
    vendor: str, fault: str | None, is_stream: bool, wait_s: float
) -> None:
    @scenario
    async def run() -> None:
        async with (
            Grid(gap_s=0.01) as grid,
            House(grid, {"chat": [vendor, "europa"]}, deadlines=SLOW) as house,
        ):
            if fault is not None:
                grid.fail(vendor, fault)
            async with Caller(house) as caller:
                caller.send(stream=is_stream, messages=LONG)
                await until(lambda: len(grid.log(vendor)) == 1)
                await asyncio.sleep(wait_s)
                left = caller.leave()
                (request,) = grid.log(vendor)
                await until(lambda: request.outcome is not Outcome.OPEN)
            assert request.outcome is Outcome.CLIENT_LEFT
            assert request.ended_s is not None and request.ended_s - left < CANCEL_S
            assert await house.kinds() == ["caller_gone"]
            assert await house.outcomes() == ["caller_gone"]
            assert house.standing(vendor).deployment.is_quiet
            assert grid.accepted("europa") == 0

    run()


@scenario
async def test_client_that_leaves_with_its_body_half_sent_costs_one_row_and_no_byte() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora"]}) as house:
        async with Caller(house) as caller:
            caller.send(share=0.5)
            await until(lambda: house.gateway.pipeline.limits.in_flight == 1)
            caller.leave()
            await until(lambda: house.gateway.pipeline.limits.in_flight == 0)
        await house.settle()
        assert await house.outcomes() == ["caller_gone"]
        assert not house.rows_of("a1") and grid.accepted("aurora") == 0


@scenario
async def test_client_that_leaves_while_a_repeat_waits_ends_it() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora"]}, deadlines=SLOW) as house:
        grid.fail("aurora", "openai/503_overloaded")
        async with Caller(house) as caller:
            caller.send()
            await until(lambda: len(grid.log("aurora")) == 1)
            await until(lambda: house.standing("aurora").in_flight == 0)
            caller.leave()
            await until(lambda: house.gateway.pipeline.limits.in_flight == 0, 1.0)
        assert await house.kinds() == ["overloaded"]
        assert await house.outcomes() == ["caller_gone"]


@scenario
async def test_probe_is_free_again_when_its_client_leaves() -> None:
    async with (
        Grid() as grid,
        House(grid, {"chat": ["aurora", "europa"]}, deadlines=SLOW) as house,
    ):
        await house.ask()
        element = house.standing("aurora").deployment
        for _ in range(5):
            element.fail(0.0)  # long ago: the breaker may be probed
        grid.fail("aurora", "wire/hang")
        async with Caller(house) as caller:
            caller.send()
            await until(lambda: len(grid.log("aurora")) == 2)
            assert element.is_probing
            caller.leave()
            await until(lambda: not element.is_probing)
        assert await house.kinds() == ["ok", "caller_gone"]


@scenario
async def test_500_clients_that_leave_at_once_leave_nothing_behind() -> None:
    limits = {"limits": {"in_flight": 1_000, "in_flight_per_key": 1_000}}
    async with (
        Grid() as grid,
        House(grid, {"chat": ["aurora"]}, deadlines=SLOW, settings=limits) as house,
    ):
        play(grid, "aurora", stream=break_off("", Then.STALL), contains=b"hold me")
        held = [{"role": "user", "content": "hold me"}]
        callers = [Caller(house) for _ in range(500)]
        for number, caller in enumerate(callers):
            await caller.__aenter__()
            caller.send(messages=held, stream=number % 2 == 0)
        await until(lambda: len(grid.log("aurora")) == 500, 20)
        for caller in callers:
            caller.leave()
        await until(lambda: house.gateway.pipeline.limits.in_flight == 0, 5)
        await until(lambda: grid.connections("aurora") == 0)
        replies = await asyncio.gather(*(house.ask() for _ in range(50)))
        assert {reply.status_code for reply in replies} == {200}
        kinds = await house.kinds()
        assert (kinds.count("caller_gone"), kinds.count("ok")) == (500, 50)
        assert house.standing("aurora").deployment.is_quiet


# Clients that are slow.  24 MB are more than the kernel's buffers take on the way.

BIG = chunk_event(content="x" * 60_000) * 400


def waiting_at(grid: Grid) -> int:
    """Bytes that the vendor has not been rid of."""
    # Any: a connection of the grid, whose transport is its own.
    connections: list[Any] = list(grid.aurora.listener.connections)
    return sum(each._transport.get_write_buffer_size() for each in connections)


@scenario
async def test_slow_client_paces_the_vendor_and_gets_every_byte() -> None:
    # The idle deadline is shorter than the pause: that silence is the client's.
    deadlines = {**SLOW, "idle_s": 0.5}
    async with Grid() as grid, House(grid, {"chat": ["aurora"]}, deadlines=deadlines) as house:
        play(grid, "aurora", stream=break_off(BIG, Then.RESUME, after_events=1))
        async with Caller(house, receive_buffer_bytes=262_144) as caller:
            caller.send(stream=True)
            caller.take_nothing()
            await asyncio.sleep(1.0)
            stuck = waiting_at(grid)
            await asyncio.sleep(0.3)
            assert stuck == waiting_at(grid) > len(BIG) // 4
            caller.take_again()
            received = await caller.read_all()
        assert received.count(b"x") > 400 * 60_000 and b"data: [DONE]" in received
        assert await house.kinds() == ["ok"]


@scenario
async def test_client_that_takes_nothing_is_gone_in_the_end() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora"]}, deadlines=SLOW) as house:
        house.gateway.pipeline.services.stall_s = 0.5
        play(grid, "aurora", stream=break_off(BIG, Then.RESUME, after_events=1))
        async with Caller(house, receive_buffer_bytes=262_144) as caller:
            caller.send(stream=True)
            caller.take_nothing()
            await until(lambda: grid.connections("aurora") == 1)
            await until(lambda: grid.connections("aurora") == 0)
            assert await house.kinds() == ["caller_gone"]
            assert house.standing("aurora").deployment.is_quiet


@scenario
async def test_total_deadline_holds_for_a_stream_whose_client_dawdled_past_it() -> None:
    deadlines = {"first_token_s": 1.0, "whole_s": 1.0, "idle_s": 1.0, "total_s": 1.0}
    async with Grid() as grid, House(grid, {"chat": ["aurora"]}, deadlines=deadlines) as house:
        play(grid, "aurora", stream=break_off(BIG, Then.COMMENTS, after_events=1))
        async with Caller(house, receive_buffer_bytes=262_144) as caller:
            caller.send(stream=True)
            caller.take_nothing()
            await asyncio.sleep(1.3)
            caller.take_again()
            received = await caller.read_all(3)
        assert b'"code":"deadline_exceeded"' in received and b"[DONE]" not in received
        assert await house.kinds() == ["local"]
