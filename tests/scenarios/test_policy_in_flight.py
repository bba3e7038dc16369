"""A tightening binds requests already in flight: no byte reaches what the newest policy forbids."""

import asyncio

import httpx2
import pytest

from gateway.practice.grid import Grid
from tests.house import House, scenario, until
from tests.scenarios.invented import play, refusal

TRAINS = {"well": {"trains": True}}


async def begun(
    house: House, grid: Grid, vendor: str, **fields: object
) -> "asyncio.Task[httpx2.Response]":
    """A request whose first attempt is with the vendor, which does not answer."""
    asking = asyncio.ensure_future(house.ask(**fields))  # type: ignore[arg-type] # fields of a body
    await until(lambda: len(grid.log(vendor)) == 1)
    return asking


@pytest.mark.parametrize("is_stream", [True, False])
def test_deployment_forbidden_meanwhile_is_not_failed_over_to(is_stream: bool) -> None:
    @scenario
    async def run() -> None:
        async with (
            Grid(extra={"well": "openai"}) as grid,
            House(grid, {"chat": ["aurora", "well"]}) as house,
        ):
            grid.fail("aurora", "wire/hang")
            asking = await begun(house, grid, "aurora", stream=is_stream)
            await house.change(facts=TRAINS)
            reply = await asking
            assert reply.status_code == 503
            assert reply.json()["error"]["code"] == "supply_exhausted"
            assert await house.kinds() == ["brownout"]
            assert grid.accepted("well") == 0 and grid.received_bytes("well") == 0

    run()


@scenario
async def test_answer_under_way_may_still_come_and_nothing_is_sent_after_it() -> None:
    async with Grid(extra={"well": "openai"}) as grid, House(grid, {"chat": ["well"]}) as house:
        grid.fail("well", "slow/head", delay_s=0.5)
        asking = await begun(house, grid, "well")
        await house.change(facts=TRAINS)
        assert (await asking).status_code == 200
        assert (await house.ask()).status_code == 403
        assert len(grid.log("well")) == 1


@scenario
async def test_repeat_after_a_wait_is_asked_of_the_newest_policy() -> None:
    async with Grid(extra={"well": "openai"}) as grid, House(grid, {"chat": ["well"]}) as house:
        overloaded = refusal(503, "server_is_overloaded", retry_after="1")
        play(grid, "well", reply=overloaded, times=1)
        asking = await begun(house, grid, "well")
        await until(lambda: house.standing("well").in_flight == 0)  # it waits to be repeated
        await house.change(facts=TRAINS)
        assert (await asking).status_code == 503
        assert await house.kinds() == ["overloaded"]
        assert len(grid.log("well")) == 1


@scenario
async def test_deployment_moved_meanwhile_is_not_what_was_permitted() -> None:
    # The facts were judged for the former address.
    async with (
        Grid(extra={"well": "openai", "elsewhere": "openai"}) as grid,
        House(grid, {"chat": ["aurora", "well"]}) as house,
    ):
        grid.fail("aurora", "wire/hang")
        asking = await begun(house, grid, "aurora")
        place = {"well": {"base_url": f"{grid['elsewhere'].base_url}/v1"}}
        await house.change(deployments=place)
        assert (await asking).status_code == 503
        assert grid.accepted("well") == 0 and grid.accepted("elsewhere") == 0


@scenario
async def test_every_candidate_forbidden_before_a_byte_went_out_is_a_refusal() -> None:
    async with (
        Grid(extra={"well": "openai"}) as grid,
        House(grid, {"chat": ["well"]}) as house,
    ):
        await house.change(facts=TRAINS)
        reply = await house.ask()
        assert reply.status_code == 403
        assert reply.json()["error"]["code"] == "policy_no_route"
        assert "no-training" in reply.json()["error"]["message"]
        assert grid.accepted("well") == 0
        assert await house.outcomes() == ["policy_no_route"]


@scenario
async def test_bad_reload_leaves_the_old_policy_serving() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora"]}) as house:
        (house.folder / "config" / "supply.yaml").write_text("accounts: [")
        assert (await house.gateway.reload())["error"]
        assert (await house.ask()).status_code == 200


@pytest.mark.parametrize(
    ("floor", "header", "status"),
    [
        pytest.param("confidential", "public", 403, id="not lowered"),
        pytest.param("internal", "confidential", 403, id="raised"),
        pytest.param("internal", "public", 200, id="floor kept"),
    ],
)
def test_header_cannot_lower_what_the_key_says(floor: str, header: str, status: int) -> None:
    @scenario
    async def run() -> None:
        async with Grid() as grid, House(grid, {"chat": ["aurora"]}, floor=floor) as house:
            reply = await house.ask(headers={"x-switchgear-class": header})
            assert reply.status_code == status
            assert bool(grid.accepted("aurora")) is (status == 200)
            await house.settle()
            (row,) = house.rows_of("x1")
            assert row[6] == max(floor, header, key=("public", "internal", "confidential").index)

    run()
