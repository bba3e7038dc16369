"""A server that dies, stands still or is told to end, while answers are under way."""

import asyncio
import json
import signal
from contextlib import AsyncExitStack

from deploy.vllm.server import Server
from gateway.practice.grid import Grid
from gateway.supply.element import FAILS_TO_OPEN, Breaker
from tests.house import House, until
from tests.vllm.own_supply import (
    PATIENT,
    Tap,
    own,
    real,
    send_signal,
    settled,
    streaming,
    vllm,
)

ROUTES = {"chat": ["own-tiny", "homegrid"]}
ENGINE = b"VLLM::EngineCore"
DONE = b"data: [DONE]\n\n"
HASTY = {**PATIENT, "first_token_s": 3.0, "idle_s": 3.0}


def ends_in_one_error(events: list[str]) -> bool:
    """The dialect's error event is the last word, and there is no other."""
    errors = [event for event in events if event.startswith('{"error"')]
    return (
        "[DONE]" not in events
        and errors == events[-1:]
        and json.loads(errors[0])["error"]["code"] == "stream_broken"
    )


@real
async def test_engine_that_stands_still_is_found_by_its_silence(tiny: Server) -> None:
    async with (
        Grid() as grid,
        House(grid, ROUTES, own=own(tiny), deadlines=HASTY) as house,
        streaming(house) as stream,
    ):
        send_signal(tiny, ENGINE, signal.SIGSTOP)
        try:
            assert ends_in_one_error(await stream.rest()), stream.text[-500:]
            reply = await house.ask(stream=True)
        finally:
            send_signal(tiny, ENGINE, signal.SIGCONT)
        assert reply.headers["x-switchgear-deployment"] == "homegrid"
        assert reply.headers["x-switchgear-failover"] == "brownout"
        assert [r.verdict for r in await settled(house)] == ["broken_stream", "brownout", "ok"]


@real
async def test_killed_server_breaks_its_streams_and_comes_back_into_rotation(
    tiny: Server,
) -> None:
    async with (
        Grid() as grid,
        House(grid, ROUTES, own=own(tiny), deadlines=PATIENT) as house,
        AsyncExitStack() as open_streams,
    ):
        streams = [
            await open_streams.enter_async_context(streaming(house)) for _ in range(FAILS_TO_OPEN)
        ]
        tiny.kill()
        for stream in streams:
            assert ends_in_one_error(await stream.rest()), stream.text[-500:]
        broken = await settled(house)
        assert [(row.verdict, row.charge) for row in broken] == [("broken_stream", "partial")] * 5
        assert {row[2] for row in house.rows_of("c1")} == {"broken_stream"}

        (own_tiny,) = [s for s in house.standings() if s.deployment.name == "own-tiny"]
        assert own_tiny.deployment.breaker is Breaker.OPEN
        meanwhile = await house.ask()
        assert (meanwhile.status_code, meanwhile.headers["x-switchgear-attempts"]) == (200, "1")
        assert meanwhile.headers["x-switchgear-deployment"] == "homegrid"

        tiny.start()
        await asyncio.to_thread(tiny.wait)
        while (await served_by(house)) != "own-tiny":
            await asyncio.sleep(0.5)
        assert own_tiny.deployment.breaker is Breaker.HALF_OPEN
        assert [await served_by(house) for _ in range(2)] == ["own-tiny"] * 2
        assert own_tiny.deployment.breaker is Breaker.CLOSED and own_tiny.deployment.is_quiet


@real
async def test_server_killed_before_its_first_word_is_not_noticed(victim: Server) -> None:
    async with (
        Grid() as grid,
        House(grid, ROUTES, own=own(victim), deadlines=PATIENT) as house,
    ):
        send_signal(victim, ENGINE, signal.SIGSTOP)
        asking = [asyncio.ensure_future(house.ask(stream=s)) for s in (True, False)]
        while (await vllm(victim, "/load"))["server_load"] != 2:
            await asyncio.sleep(0.05)
        victim.kill()
        for reply in await asyncio.gather(*asking):
            assert reply.status_code == 200, reply.text
            assert reply.headers["x-switchgear-deployment"] == "homegrid"
            assert reply.headers["x-switchgear-attempts"] == "2"
            assert "error" not in reply.text
        verdicts = sorted(row.verdict for row in await settled(house))
        assert verdicts.count("ok") == 2 and len(verdicts) == 4


@real
async def test_engine_killed_in_a_stream_is_no_success_although_done_follows(
    victim: Server,
) -> None:
    async with (
        Grid() as grid,
        Tap(victim) as tap,
        House(grid, ROUTES, own=own(victim, through=tap), deadlines=PATIENT) as house,
        streaming(house) as stream,
    ):
        send_signal(victim, ENGINE, signal.SIGKILL)
        assert ends_in_one_error(await stream.rest()), stream.text[-500:]
        await until(lambda: tap.body.endswith(DONE))
        assert b'data: {"error"' in tap.body
        assert [row.verdict for row in await settled(house)] == ["broken_stream"]


@real
async def test_answer_that_a_shutdown_ends_is_broken_whatever_vllm_says(victim: Server) -> None:
    async with (
        Grid() as grid,
        Tap(victim) as tap,
        House(grid, ROUTES, own=own(victim, through=tap), deadlines=HASTY) as house,
        streaming(house) as stream,
    ):
        victim.terminate()
        assert ends_in_one_error(await stream.rest()), stream.text[-500:]
        (row,) = await settled(house)
        assert row.verdict == "broken_stream"
        # By how fast the engine is gone, vLLM says abort, or an error, or nothing ever again.
        if row.detail == "ended by abort":
            assert b'"finish_reason":"abort"' in tap.body
        elif row.detail == "idle":
            assert b"[DONE]" not in tap.body
        else:
            assert b'data: {"error"' in tap.body


async def served_by(house: House) -> str:
    reply = await house.ask(max_tokens=4)
    assert reply.status_code == 200, reply.text
    return reply.headers["x-switchgear-deployment"]
