"""What is bounded: attempts, retries, time, what is held back, connections, requests, memory."""

import asyncio

import pytest

from gateway.failover.budget import Budget
from gateway.practice.faultbook import Then
from gateway.practice.grid import Grid
from tests.house import SLOW, House, scenario, until
from tests.scenarios.caller import Caller
from tests.scenarios.invented import break_off, chunk_event, play

FIVE = {name: "openai" for name in ("one", "two", "three", "four")}


# Attempts and retries.


@pytest.mark.parametrize("is_stream", [True, False])
def test_fourth_deployment_is_never_tried(is_stream: bool) -> None:
    @scenario
    async def run() -> None:
        async with Grid(extra=FIVE) as grid, House(grid, {"chat": list(FIVE)}) as house:
            for name in FIVE:
                grid.fail(name, "openai/500_server_error")
            reply = await house.ask(stream=is_stream)
            assert reply.status_code == 503
            assert reply.json()["error"]["code"] == "supply_exhausted"
            assert reply.headers["x-switchgear-attempts"] == "3"
            assert await house.kinds() == ["upstream_fault"] * 3
            assert grid.accepted("four") == 0

    run()


@scenario
async def test_empty_budget_refuses_a_retry_at_the_same_account() -> None:
    routes = {"chat": ["aurora", "aurora.small"]}
    async with Grid() as grid, House(grid, routes) as house:
        broke(house)
        grid.fail("aurora", "openai/500_server_error")
        reply = await house.ask()
        assert (reply.status_code, reply.headers["x-switchgear-attempts"]) == (503, "1")
        assert await house.kinds() == ["upstream_fault"]


@scenario
async def test_empty_budget_refuses_a_third_attempt() -> None:
    async with Grid(extra=FIVE) as grid, House(grid, {"chat": list(FIVE)}) as house:
        broke(house)
        for name in FIVE:
            grid.fail(name, "openai/500_server_error")
        assert (await house.ask()).headers["x-switchgear-attempts"] == "2"


@scenario
async def test_outage_of_one_account_is_carried_without_a_budget() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora", "europa"]}) as house:
        broke(house)
        grid.fail("aurora", "openai/500_server_error")
        replies = await asyncio.gather(*(house.ask() for _ in range(30)))
        assert {reply.status_code for reply in replies} == {200}


@scenario
async def test_repeat_at_the_same_deployment_waits_and_is_one() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora"]}) as house:
        grid.fail("aurora", "openai/500_server_error")
        reply = await house.ask()
        assert (reply.status_code, await house.kinds()) == (503, ["upstream_fault"] * 2)
        first, second = grid.log("aurora")
        assert second.at_s - first.at_s >= 0.1  # 200 ms, spread by half to both sides


@scenario
async def test_lost_keep_alive_race_is_a_second_attempt_on_a_fresh_connection() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora"]}) as house:
        grid.fail("aurora", "wire/keepalive_race")
        broke(house)  # it spends nothing
        assert (await house.ask()).status_code == 200
        reply = await house.ask()
        assert (reply.status_code, reply.headers["x-switchgear-failover"]) == (
            200,
            "stale_connection",
        )
        assert reply.headers["x-switchgear-attempts"] == "2"
        assert await house.kinds() == ["ok", "stale_connection", "ok"]
        assert [request.connection for request in grid.log("aurora")] == [1, 1, 2]
        assert house.standing("aurora").deployment.is_quiet


@scenario
async def test_lost_race_counts_in_the_cap() -> None:
    async with Grid(extra=FIVE) as grid, House(grid, {"chat": list(FIVE)}) as house:
        assert (await house.ask()).status_code == 200
        grid.fail("one", "openai/500_server_error")
        grid.fail("one", "wire/close", times=1)
        for name in ("two", "three", "four"):
            grid.fail(name, "openai/500_server_error")
        assert (await house.ask()).status_code == 503
        assert (await house.kinds())[1:] == ["stale_connection", *["upstream_fault"] * 2]
        assert grid.accepted("three") == 0


@scenario
async def test_lost_race_leaves_the_first_failover_free() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora", "europa"]}) as house:
        assert (await house.ask()).status_code == 200
        broke(house)
        grid.fail("aurora", "openai/500_server_error")
        grid.fail("aurora", "wire/close", times=1)
        assert (await house.ask()).headers["x-switchgear-deployment"] == "europa"
        assert (await house.kinds())[1:] == ["stale_connection", "upstream_fault", "ok"]


def broke(house: House) -> None:
    """Leave the key no retry on the route."""
    budget = Budget(ratio=0.0, floor_per_s=0.0, balance=0.0)
    house.gateway.pipeline._budgets[house.key_id, "chat"] = budget


# Time.


@pytest.mark.parametrize("is_stream", [True, False])
def test_total_deadline_is_a_504(is_stream: bool) -> None:
    @scenario
    async def run() -> None:
        deadlines = dict.fromkeys(SLOW, 0.5)
        async with (
            Grid() as grid,
            House(grid, {"chat": ["aurora", "europa"]}, deadlines=deadlines) as house,
        ):
            grid.fail("aurora", "wire/hang")
            reply = await house.ask(stream=is_stream)
            assert reply.status_code == 504
            assert reply.json()["error"]["code"] == "deadline_exceeded"
            assert grid.accepted("europa") == 0
            assert await house.outcomes() == ["deadline_exceeded"]

    run()


@scenario
async def test_total_deadline_inside_a_stream_is_one_error_and_blames_nobody() -> None:
    deadlines = dict.fromkeys(SLOW, 0.5)
    async with (
        Grid(gap_s=0.05) as grid,
        House(grid, {"chat": ["aurora", "europa"]}, deadlines=deadlines) as house,
    ):
        reply = await house.ask(stream=True, messages=ask_for(500))
        assert '"code":"deadline_exceeded"' in reply.text and "[DONE]" not in reply.text
        assert await house.kinds() == ["local"]
        assert house.standing("aurora").deployment.is_quiet


# What is held back before the commit.


@scenario
async def test_frames_that_change_nothing_are_held_and_die_with_the_attempt() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora", "europa"]}) as house:
        held = chunk_event("p" * 1_000, role="assistant") * 20
        play(grid, "aurora", stream=break_off(held, Then.CLOSE))
        reply = await house.ask(stream=True)
        assert "ppp" not in reply.text
        assert await house.kinds() == ["upstream_fault", "ok"]


@scenario
async def test_more_than_32_kib_held_back_commits() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora", "europa"]}) as house:
        held = chunk_event("p" * 1_000, role="assistant") * 34
        play(grid, "aurora", stream=break_off(held, Then.STALL))
        reply = await house.ask(stream=True)
        assert reply.text.count("p" * 1_000) == 34
        assert '"code":"stream_broken"' in reply.text
        assert await house.kinds() == ["broken_stream"] and not grid.log("europa")


@scenario
async def test_event_over_1_mib_after_the_commit_breaks_the_stream() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora", "europa"]}) as house:
        endless = "data: {" + " " * (1 << 20)
        play(grid, "aurora", stream=break_off(endless, Then.STALL, after_events=3))
        reply = await house.ask(stream=True)
        assert '"code":"stream_broken"' in reply.text and len(reply.content) < 10_000
        assert await house.kinds() == ["broken_stream"]


# Connections.


@scenario
async def test_full_pool_is_ours_and_goes_to_the_next() -> None:
    async with (
        Grid() as grid,
        House(
            grid,
            {"chat": ["aurora", "europa"]},
            deployments={"aurora": {"connections": 1}},
            deadlines=SLOW,
        ) as house,
    ):
        grid.fail("aurora", "slow/head", delay_s=0.5)
        first = asyncio.ensure_future(house.ask())
        await until(lambda: len(grid.log("aurora")) == 1)
        second = await house.ask()
        assert second.headers["x-switchgear-deployment"] == "europa"
        assert (await first).headers["x-switchgear-deployment"] == "aurora"
        assert sorted(await house.kinds()) == ["local", "ok", "ok"]
        assert house.standing("aurora").deployment.is_quiet and grid.accepted("aurora") == 1


# Requests and their bodies.


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        pytest.param({"in_flight_per_key": 1}, 429, id="of one key"),
        pytest.param({"in_flight": 1}, 503, id="of all"),
        pytest.param({"bodies_total_bytes": 300}, 503, id="memory of bodies"),
    ],
)
def test_above_a_cap_is_refused_and_below_it_again_served(
    limits: dict[str, int], status: int
) -> None:
    @scenario
    async def run() -> None:
        async with (
            Grid() as grid,
            House(grid, {"chat": ["aurora"]}, settings={"limits": limits}) as house,
        ):
            grid.fail("aurora", "slow/head", delay_s=0.4)
            words = [{"role": "user", "content": "w" * 180}]
            first = asyncio.ensure_future(house.ask(messages=words))
            await until(lambda: len(grid.log("aurora")) == 1)
            refused = await house.ask(messages=words)
            assert refused.status_code == status
            assert refused.json()["error"]["code"] == "limit_reached"
            assert refused.headers["retry-after"] == "1"
            assert refused.headers["x-should-retry"] == "true"
            assert (await first).status_code == 200
            await house.settle()
            assert (await house.ask(messages=words)).status_code == 200
            assert len(grid.log("aurora")) == 2
            await house.settle()
            assert sorted(await house.outcomes()) == ["limit_reached", "ok", "ok"]
            assert house.gateway.pipeline.limits.bodies_bytes == 0

    run()


@scenario
async def test_body_over_its_bound_is_a_413_before_it_is_read_whole() -> None:
    limits = {"limits": {"body_bytes": 1_000}}
    async with Grid() as grid, House(grid, {"chat": ["aurora"]}, settings=limits) as house:
        reply = await house.ask(messages=[{"role": "user", "content": "w" * 2_000}])
        assert reply.status_code == 413
        assert reply.json()["error"]["code"] == "request_too_large"
        assert grid.accepted("aurora") == 0


@scenario
async def test_slow_body_holds_its_lease_and_gives_it_back() -> None:
    limits = {"limits": {"in_flight": 1}}
    async with Grid() as grid, House(grid, {"chat": ["aurora"]}, settings=limits) as house:
        async with Caller(house) as caller:
            caller.send(share=0.5)
            await until(lambda: house.gateway.pipeline.limits.in_flight == 1)
            assert (await house.ask()).status_code == 503
        await until(lambda: house.gateway.pipeline.limits.in_flight == 0)
        assert (await house.ask()).status_code == 200


@scenario
async def test_two_credentials_are_none() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora"]}) as house:
        async with house.client() as client:
            bearer = f"Bearer {house.key}"
            reply = await client.post(
                "/v1/chat/completions",
                json={"model": "chat", "messages": ask_for(3)},
                headers=[("authorization", bearer), ("authorization", bearer)],
            )
        assert reply.status_code == 401 and reply.json()["error"]["code"] == "bad_key"
        assert not house.rows_of("x1") and grid.accepted("aurora") == 0


@scenario
async def test_clients_key_and_trace_of_it_never_reach_a_vendor() -> None:
    async with (
        Grid() as grid,
        House(grid, {"chat": ["aurora", "borealis"]}) as house,
    ):
        grid.fail("aurora", "openai/500_server_error")
        await house.ask(headers={"x-api-key": house.key, "cookie": house.key})
        for vendor in ("aurora", "borealis"):
            (got,) = grid.log(vendor)
            assert house.key.encode() not in got.head + got.body
            assert got.account == "main"


def ask_for(words: int) -> list[dict[str, str]]:
    """Messages that the grid answers with so many words."""
    return [{"role": "user", "content": f"Answer in {words} words"}]
