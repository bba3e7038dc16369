"""What the openai SDK hears of us, not of a vendor: keys, policy, strict routes, limits, waits."""

from typing import Any

import openai
import pytest

from gateway.practice.grid import Grid
from tests.house import SLOW, House, scenario

HELLO: Any = [{"role": "user", "content": "Tell me of the grid, é."}]
TRAINS = {"twin": {"trains": True}}


def client_of(house: House, **options: Any) -> openai.AsyncOpenAI:
    options = {"api_key": house.key, **options}
    return openai.AsyncOpenAI(base_url=f"{house.url}/v1", **options)


async def ask(client: openai.AsyncOpenAI, is_stream: bool, **more: Any) -> Any:
    more = {"model": "chat", "messages": HELLO, **more}
    if not is_stream:
        return await client.chat.completions.create(**more)
    return [chunk async for chunk in await client.chat.completions.create(stream=True, **more)]


@pytest.mark.parametrize(
    ("key", "headers"),
    [
        pytest.param("sg_" + "x" * 40, {}, id="wrong key"),
        pytest.param("{key}", {"authorization": ""}, id="no key"),
        pytest.param("{key}", {"authorization": "Basic {key}"}, id="another scheme"),
        pytest.param("sk-practice-aurora-main", {}, id="a vendor's key"),
    ],
)
def test_stranger_is_an_authentication_error_once(key: str, headers: dict[str, str]) -> None:
    @scenario
    async def run() -> None:
        async with Grid(gap_s=0.0) as grid, House(grid, {"chat": ["aurora"]}) as house:
            told = {name: value.format(key=house.key) for name, value in headers.items()}
            async with client_of(
                house, api_key=key.format(key=house.key), default_headers=told
            ) as client:
                for is_stream in (False, True):
                    with pytest.raises(openai.AuthenticationError) as caught:
                        await ask(client, is_stream)
                    assert caught.value.code == "bad_key"
                with pytest.raises(openai.AuthenticationError):
                    await client.models.list()
            assert not house.rows_of("x1")
            assert grid.accepted("aurora") == 0

    run()


@scenario
async def test_scheme_may_be_written_in_any_case() -> None:
    async with Grid(gap_s=0.0) as grid, House(grid, {"chat": ["aurora"]}) as house:
        for scheme in ("bearer", "BEARER", "Bearer"):
            headers = {"authorization": f"{scheme} {house.key}"}
            async with client_of(house, default_headers=headers) as client:
                assert await ask(client, is_stream=False)


@scenario
async def test_policy_refusal_is_a_permission_error_and_names_the_policy() -> None:
    async with (
        Grid(extra={"twin": "openai"}, gap_s=0.0) as grid,
        House(grid, {"chat": ["twin"]}, facts=TRAINS) as house,
        client_of(house) as client,
    ):
        for is_stream in (False, True):
            with pytest.raises(openai.PermissionDeniedError) as caught:
                await ask(client, is_stream)
            assert caught.value.code == "policy_no_route"
            assert "refused by" in caught.value.message
        assert [model.id async for model in client.models.list()] == []
        assert grid.accepted("twin") == 0
        assert len(house.rows_of("x1")) == 2


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("strict", "server"), [pytest.param(True, "europa", id="strict"),
                           pytest.param(False, "aurora", id="lax")],
)  # fmt: skip
def test_answer_of_another_model(is_stream: bool, strict: bool, server: str) -> None:
    @scenario
    async def run() -> None:
        async with (
            Grid(gap_s=0.0) as grid,
            House(grid, {"chat": ["aurora", "europa"]}, strict=strict) as house,
            client_of(house) as client,
        ):
            grid.fail("aurora", "answer/another_model")
            raw = await client.chat.completions.with_raw_response.create(
                model="chat", messages=HELLO, stream=is_stream
            )
            assert raw.headers["x-switchgear-deployment"] == server
            assert ("x-switchgear-substituted" in raw.headers) is not strict
            reply: Any = raw.parse()
            assert [chunk async for chunk in reply] if is_stream else reply.choices
            await house.settle()
            kinds = await house.kinds()
            assert kinds == (["substituted", "ok"] if strict else ["ok"])

    run()


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
def test_strict_route_refuses_to_drop_what_a_lax_one_reports(is_stream: bool) -> None:
    """`seed` has no counterpart in Anthropic's dialect."""

    @scenario
    async def run() -> None:
        async with Grid(gap_s=0.0) as grid:
            async with (
                House(grid, {"chat": ["borealis"]}, strict=True) as house,
                client_of(house) as client,
            ):
                with pytest.raises(openai.BadRequestError) as caught:
                    await ask(client, is_stream, seed=7)
                assert "seed" in caught.value.message
                assert grid.accepted("borealis") == 0
            async with House(grid, {"chat": ["borealis"]}) as house, client_of(house) as client:
                raw = await client.chat.completions.with_raw_response.create(
                    model="chat", messages=HELLO, seed=7
                )
                assert raw.headers["x-switchgear-dropped"] == "seed"

    run()


@scenario
async def test_strict_route_goes_to_who_drops_nothing() -> None:
    async with (
        Grid(gap_s=0.0) as grid,
        House(grid, {"chat": ["borealis", "aurora"]}, strict=True) as house,
        client_of(house) as client,
    ):
        raw = await client.chat.completions.with_raw_response.create(
            model="chat", messages=HELLO, seed=7
        )
        assert raw.headers["x-switchgear-deployment"] == "aurora"
        assert grid.accepted("borealis") == 0


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
def test_sdk_waits_when_a_wait_helps(is_stream: bool) -> None:
    """A throttle of 300 ms is told as a second, which the SDK waits: then it is served."""

    @scenario
    async def run() -> None:
        async with (
            Grid(gap_s=0.0) as grid,
            House(grid, {"chat": ["aurora"]}, deadlines=SLOW) as house,
            client_of(house) as client,
        ):
            grid.fail("aurora", "openai/429_retry_after_ms", times=1)
            assert await ask(client, is_stream)
            await house.settle()
            assert len(house.rows_of("x1")) == 2
            assert await house.kinds() == ["throttled", "ok"]

    run()


@scenario
async def test_cap_of_a_key_is_a_rate_limit_error() -> None:
    limits = {"limits": {"in_flight_per_key": 1}}
    async with (
        Grid(gap_s=0.02) as grid,
        House(grid, {"chat": ["aurora"]}, settings=limits, deadlines=SLOW) as house,
        client_of(house, max_retries=0) as client,
    ):
        stream = await client.chat.completions.create(model="chat", messages=HELLO, stream=True)
        with pytest.raises(openai.RateLimitError) as caught:
            await ask(client, is_stream=False)
        assert caught.value.code == "limit_reached"
        assert caught.value.response.headers["retry-after"]
        assert [chunk async for chunk in stream]
        assert await ask(client, is_stream=False), "the share was given back"


@pytest.mark.parametrize("fault", ["openai/200_content_filter", "anthropic/200_refusal"])
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
def test_answer_that_a_filter_ended_is_delivered(fault: str, is_stream: bool) -> None:
    """No other vendor is asked: that would be shopping for one that says yes."""

    @scenario
    async def run() -> None:
        sick = "aurora" if fault.startswith("openai") else "borealis"
        async with (
            Grid(gap_s=0.0) as grid,
            House(grid, {"chat": [sick, "europa"]}) as house,
            client_of(house) as client,
        ):
            grid.fail(sick, fault)
            reply = await ask(client, is_stream)
            choices = [c for chunk in reply for c in chunk.choices] if is_stream else reply.choices
            assert [c.finish_reason for c in choices if c.finish_reason] == ["content_filter"]
            assert grid.accepted("europa") == 0
            assert await house.kinds() == ["refused"]

    run()
