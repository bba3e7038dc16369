"""What trouble does to the supply, seen from outside: who is asked next, and who is not."""

import asyncio
import json
import time

import pytest

from gateway.clock import SYSTEM_CLOCK, Clock
from gateway.practice.grid import Grid
from tests.house import House, scenario
from tests.scenarios.invented import play, refusal


class Skipping:
    """The system's clock with hours that a test skips."""

    def __init__(self) -> None:
        self.skipped_s = 0.0
        self.clock = Clock(lambda: time.monotonic() + self.skipped_s, SYSTEM_CLOCK.wall)


# Breaker.


@scenario
async def test_breaker_opens_after_five_and_lets_one_probe_through_at_a_time() -> None:
    time_line = Skipping()
    async with (
        Grid(extra={"ill": "openai", "well": "openai"}) as grid,
        House(grid, {"chat": ["ill", "well"]}, clock=time_line.clock) as house,
    ):
        grid.fail("ill", "openai/500_server_error")
        for _ in range(8):
            assert (await house.ask()).headers["x-switchgear-deployment"] == "well"
        assert len(grid.log("ill")) == 5

        grid.heal()
        time_line.skipped_s += 29.0
        await house.ask()
        assert len(grid.log("ill")) == 5

        time_line.skipped_s += 2.0
        grid.fail("ill", "slow/head", delay_s=0.3)
        await asyncio.gather(*(house.ask() for _ in range(10)))
        assert len(grid.log("ill")) == 6

        for _ in range(2):
            await house.ask()
        await asyncio.gather(*(house.ask() for _ in range(4)))
        assert len(grid.log("ill")) == 12


@scenario
async def test_probe_that_fails_opens_the_breaker_for_longer() -> None:
    time_line = Skipping()
    async with (
        Grid(extra={"ill": "openai", "well": "openai"}) as grid,
        House(grid, {"chat": ["ill", "well"]}, clock=time_line.clock) as house,
    ):
        grid.fail("ill", "openai/500_server_error")
        for _ in range(5):
            await house.ask()
        time_line.skipped_s += 31.0
        await house.ask()
        assert len(grid.log("ill")) == 6
        time_line.skipped_s += 31.0
        await house.ask()
        assert len(grid.log("ill")) == 6
        time_line.skipped_s += 30.0
        await house.ask()
        assert len(grid.log("ill")) == 7


# Cooldown.


@scenario
async def test_cooldown_lasts_as_long_as_the_vendor_says() -> None:
    time_line = Skipping()
    async with (
        Grid(extra={"busy": "openai", "well": "openai"}) as grid,
        House(grid, {"chat": ["busy", "well"]}, clock=time_line.clock) as house,
    ):
        busy = refusal(429, "rate_limit_exceeded", retry_after="20")
        play(grid, "busy", reply=busy, times=1)
        for _ in range(3):
            assert (await house.ask()).headers["x-switchgear-deployment"] == "well"
        assert len(grid.log("busy")) == 1
        time_line.skipped_s += 19.0
        assert (await house.ask()).headers["x-switchgear-deployment"] == "well"
        time_line.skipped_s += 2.0
        assert (await house.ask()).headers["x-switchgear-deployment"] == "busy"
        # Being throttled is no illness.
        assert not house.standing("busy").deployment.fails


@scenario
async def test_of_two_cooldowns_the_later_end_holds() -> None:
    time_line = Skipping()
    async with (
        Grid(extra={"busy": "openai", "well": "openai"}) as grid,
        House(grid, {"chat": ["busy", "well"]}, clock=time_line.clock) as house,
    ):
        await asyncio.gather(house.ask(), house.ask())  # two connections stand
        grid.clear_logs()
        short = refusal(429, "rate_limit_exceeded", retry_after="2")
        long = refusal(429, "rate_limit_exceeded", retry_after="40")
        play(grid, "busy", reply=short)
        play(grid, "busy", reply=long, times=1)  # the latest knob is met first
        await asyncio.gather(house.ask(), house.ask())
        assert len(grid.log("busy")) == 2  # both were under way when the first refusal came
        grid.heal()
        time_line.skipped_s += 38.0
        assert (await house.ask()).headers["x-switchgear-deployment"] == "well"
        time_line.skipped_s += 3.0
        assert (await house.ask()).headers["x-switchgear-deployment"] == "busy"


@scenario
async def test_exhausted_supply_says_when_the_first_comes_back() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora", "europa"]}) as house:
        play(grid, "aurora", reply=refusal(429, "rate_limit_exceeded", retry_after="40"))
        play(grid, "europa", reply=refusal(429, "rate_limit_exceeded", retry_after="9"))
        first = await house.ask()
        assert first.status_code == 503
        assert first.json()["error"]["code"] == "supply_exhausted"
        assert first.headers["x-should-retry"] == "false"
        assert int(first.headers["retry-after"]) == 9
        assert first.headers["x-switchgear-failover"] == "throttled,throttled"
        again = await house.ask()
        assert (again.status_code, again.headers["x-switchgear-attempts"]) == (503, "0")
        assert len(grid.log("aurora")) == len(grid.log("europa")) == 1
        assert await house.outcomes() == ["supply_exhausted"] * 2


# Cuts.


@scenario
async def test_quota_cuts_the_account_with_all_its_deployments_and_no_other() -> None:
    routes = {"chat": ["aurora", "aurora.small", "aurora.large.spare"]}
    async with Grid() as grid, House(grid, routes) as house:
        grid.fail("aurora", "openai/429_insufficient_quota", account="main")
        reply = await house.ask()
        assert reply.headers["x-switchgear-deployment"] == "aurora.large.spare"
        assert await house.kinds() == ["quota_exhausted", "ok"]
        assert [request.model for request in grid.log("aurora")] == ["aurora-large"] * 2
        grid.heal()
        assert (await house.ask()).headers["x-switchgear-deployment"] == "aurora.large.spare"


@scenario
async def test_withdrawn_model_is_cut_and_the_account_is_not() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora", "aurora.small"]}) as house:
        grid.fail("aurora", "openai/404_model_not_found", model="aurora-large")
        for _ in range(2):
            assert (await house.ask()).headers["x-switchgear-deployment"] == "aurora.small"
        assert [r.model for r in grid.log("aurora")] == ["aurora-large", *["aurora-small"] * 2]


@scenario
async def test_state_outlives_a_reload() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora", "europa"]}) as house:
        grid.fail("aurora", "openai/429_billing_not_active", times=1)
        await house.ask()
        await house.change()
        assert (await house.ask()).headers["x-switchgear-deployment"] == "europa"
        assert len(grid.log("aurora")) == 1


# The client's own errors.


@pytest.mark.parametrize(
    ("vendor", "fault", "words"),
    [
        pytest.param("aurora", "openai/400_context_length", "context length", id="openai"),
        pytest.param("borealis", "anthropic/400_context_length", "too long", id="anthropic"),
        pytest.param("europa", "mistral/422_extra", "Extra inputs", id="mistral"),
        pytest.param("homegrid", "vllm/400_context_length", "context length", id="vllm"),
    ],
)
@pytest.mark.parametrize("is_stream", [True, False])
def test_clients_own_error_passes_with_the_vendors_words_and_blames_nobody(
    vendor: str, fault: str, words: str, is_stream: bool
) -> None:
    @scenario
    async def run() -> None:
        async with (
            Grid(extra={"well": "openai"}) as grid,
            House(grid, {"chat": [vendor, "well"]}) as house,
        ):
            grid.fail(vendor, fault)
            reply = await house.ask(stream=is_stream)
            assert reply.status_code in (400, 422)
            assert words in json.dumps(reply.json()["error"]["message"])
            assert reply.headers["x-should-retry"] == "false"
            assert await house.kinds() == ["caller_error"]
            assert house.standing(vendor).deployment.is_quiet
            assert house.standing(vendor).account.is_quiet
            assert grid.accepted("well") == 0

    run()


@pytest.mark.parametrize("status", [401, 403])
def test_vendors_login_trouble_never_reaches_a_client(status: int) -> None:
    @scenario
    async def run() -> None:
        async with Grid() as grid, House(grid, {"chat": ["aurora"]}) as house:
            play(grid, "aurora", reply=refusal(status, "odd", "who are you"))
            reply = await house.ask()
            assert reply.status_code == 503 and "who are you" not in reply.text
            assert await house.kinds() == ["credential_rejected"]

    run()


# Another model in the answer.


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("vendor", ["aurora", "borealis"])
def test_strict_route_discards_another_models_answer(vendor: str, is_stream: bool) -> None:
    @scenario
    async def run() -> None:
        async with (
            Grid() as grid,
            House(grid, {"chat": [vendor, "europa"]}, strict=True) as house,
        ):
            grid.fail(vendor, "answer/another_model")
            reply = await house.ask(stream=is_stream)
            assert reply.headers["x-switchgear-failover"] == "substituted"
            assert reply.headers["x-switchgear-deployment"] == "europa"
            assert "x-switchgear-substituted" not in reply.headers
            assert await house.kinds() == ["substituted", "ok"]

    run()


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("vendor", ["aurora", "borealis"])
def test_lenient_route_delivers_it_with_header_and_event(vendor: str, is_stream: bool) -> None:
    @scenario
    async def run() -> None:
        async with Grid() as grid, House(grid, {"chat": [vendor, "europa"]}) as house:
            grid.fail(vendor, "answer/another_model")
            reply = await house.ask(stream=is_stream)
            assert reply.headers["x-switchgear-deployment"] == vendor
            assert reply.headers["x-switchgear-substituted"]
            assert await house.kinds() == ["ok"]
            (row,) = house.rows_of("s1")
            assert reply.headers["x-switchgear-substituted"] in row
            metrics = (await house.admin("/metrics")).text
            events = [line for line in metrics.splitlines() if 'kind="substituted"' in line]
            assert events and events[0].endswith(" 1.0")

    run()
