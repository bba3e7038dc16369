"""What a deployment cannot do, what is added or dropped for it, and the other endpoints."""

import json
from typing import Any

import pytest

from gateway.practice.grid import Grid
from tests.house import House, scenario


def sent(grid: Grid, vendor: str) -> dict[str, Any]:
    """The one body that the vendor got.  Any: whatever JSON is in it."""
    (got,) = grid.log(vendor)
    body = json.loads(got.body)
    assert isinstance(body, dict)
    return body


@scenario
async def test_max_tokens_is_added_where_the_vendor_demands_it_and_reported() -> None:
    async with Grid() as grid, House(grid, {"chat": ["borealis"]}) as house:
        reply = await house.ask()
        assert reply.headers["x-switchgear-added"] == "max_tokens,inference_geo"
        assert sent(grid, "borealis")["max_tokens"] == 4096
        await house.settle()
        (closed,) = house.rows_of("c1")
        assert ["max_tokens", "inference_geo"] in closed


@scenario
async def test_max_tokens_of_the_client_is_kept() -> None:
    async with Grid() as grid, House(grid, {"chat": ["borealis"]}) as house:
        reply = await house.ask(max_tokens=7)
        assert (
            reply.headers["x-switchgear-added"] == "inference_geo"
        )  # the place that was permitted
        assert sent(grid, "borealis")["max_tokens"] == 7
        assert reply.json()["usage"]["completion_tokens"] == 7


@scenario
async def test_usage_that_only_we_asked_for_is_asked_and_not_delivered() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora"]}) as house:
        reply = await house.ask(stream=True)
        assert sent(grid, "aurora")["stream_options"] == {"include_usage": True}
        assert '"prompt_tokens"' not in reply.text
        await house.settle()
        (settled,) = house.rows_of("s1")
        assert settled[6:8] == [9, 24]
        told = await house.ask(stream=True, stream_options={"include_usage": True})
        assert told.text.count('"prompt_tokens"') == 1


NEEDS = [
    pytest.param({"n": 2}, "n", id="several choices"),
    pytest.param({"logprobs": True}, "logprobs", id="logprobs"),
]


@pytest.mark.parametrize(("fields", "name"), NEEDS)
@pytest.mark.parametrize("is_stream", [True, False])
def test_deployment_that_lacks_a_feature_is_passed_over(
    fields: dict[str, object], name: str, is_stream: bool
) -> None:
    @scenario
    async def run() -> None:
        async with Grid() as grid, House(grid, {"chat": ["borealis", "aurora"]}) as house:
            reply = await house.ask(stream=is_stream, **fields)
            assert reply.headers["x-switchgear-deployment"] == "aurora", name
            assert grid.accepted("borealis") == 0

    run()


@pytest.mark.parametrize(("fields", "name"), NEEDS)
def test_feature_that_no_deployment_has_is_a_400_that_names_it(
    fields: dict[str, object], name: str
) -> None:
    @scenario
    async def run() -> None:
        async with Grid() as grid, House(grid, {"chat": ["borealis"]}) as house:
            reply = await house.ask(**fields)
            assert reply.status_code == 400
            assert reply.json()["error"]["code"] == "invalid_request"
            assert name in reply.json()["error"]["message"]
            assert grid.accepted("borealis") == 0
            assert await house.outcomes() == ["invalid_request"]

    run()


@scenario
async def test_failover_never_goes_to_what_lacks_the_feature() -> None:
    routes = {"chat": ["aurora", "borealis", "europa"]}
    async with Grid() as grid, House(grid, routes) as house:
        grid.fail("aurora", "openai/500_server_error")
        reply = await house.ask(n=2)
        assert reply.headers["x-switchgear-deployment"] == "europa"
        assert grid.accepted("borealis") == 0


@scenario
async def test_dropped_field_is_reported() -> None:
    async with Grid() as grid, House(grid, {"chat": ["borealis"]}) as house:
        reply = await house.ask(seed=7, max_tokens=5)
        assert reply.status_code == 200
        assert reply.headers["x-switchgear-dropped"] == "seed"
        assert "seed" not in sent(grid, "borealis")
        await house.settle()
        (closed,) = house.rows_of("c1")
        assert ["seed"] in closed


@scenario
async def test_strict_route_goes_where_no_field_is_dropped() -> None:
    async with (
        Grid() as grid,
        House(grid, {"chat": ["borealis", "aurora"]}, strict=True) as house,
    ):
        reply = await house.ask(seed=7)
        assert reply.headers["x-switchgear-deployment"] == "aurora"
        assert sent(grid, "aurora")["seed"] == 7
        assert grid.accepted("borealis") == 0


@scenario
async def test_strict_route_without_one_is_a_400_that_names_the_field() -> None:
    async with Grid() as grid, House(grid, {"chat": ["borealis"]}, strict=True) as house:
        reply = await house.ask(seed=7)
        assert reply.status_code == 400 and "seed" in reply.json()["error"]["message"]
        assert grid.accepted("borealis") == 0
        assert await house.outcomes() == ["invalid_request"]


# The other endpoints.


@scenario
async def test_embeddings_fail_over() -> None:
    routes = {"vectors": ["aurora.embed", "europa.embed"]}
    async with Grid() as grid, House(grid, routes) as house:
        grid.fail("aurora", "openai/429_requests")
        reply = await house.ask("vectors", "/v1/embeddings", input=["one", "two"])
        assert reply.status_code == 200 and len(reply.json()["data"]) == 2
        assert reply.headers["x-switchgear-deployment"] == "europa.embed"
        assert await house.kinds() == ["throttled", "ok"]
        assert {row[14] for row in house.rows_of("x1")} == {"embed"}


@scenario
async def test_completions_fail_over() -> None:
    async with Grid() as grid, House(grid, {"text": ["aurora", "homegrid"]}) as house:
        grid.fail("aurora", "wire/reset")
        reply = await house.ask("text", "/v1/completions", prompt="The grid", stream=True)
        assert reply.text.endswith("data: [DONE]\n\n")
        assert reply.headers["x-switchgear-deployment"] == "homegrid"


@pytest.mark.parametrize("is_stream", [True, False])
def test_stateless_responses_pass_to_who_speaks_them(is_stream: bool) -> None:
    @scenario
    async def run() -> None:
        async with Grid() as grid, House(grid, {"chat": ["borealis", "aurora"]}) as house:
            reply = await house.ask(
                path="/v1/responses", input="Tell me.", store=False, stream=is_stream
            )
            assert reply.status_code == 200, reply.text
            assert reply.headers["x-switchgear-deployment"] == "aurora"
            assert "response.completed" in reply.text or reply.json()["status"] == "completed"
            assert grid.accepted("borealis") == 0

    run()


@scenario
async def test_responses_that_nobody_speaks_are_a_400() -> None:
    async with Grid() as grid, House(grid, {"chat": ["borealis"]}) as house:
        reply = await house.ask(path="/v1/responses", input="Tell me.", store=False)
        assert reply.status_code == 400 and "openai_responses" in reply.text
        assert grid.accepted("borealis") == 0
