"""The vendors' own SDKs find nothing to complain of, in every dialect."""

import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest

from gateway.practice import Grid, Station

OPENAI_LIKE = ["aurora", "europa", "homegrid"]
HELLO: Any = [{"role": "user", "content": "hello there"}]
WEATHER: Any = [{"role": "user", "content": "What is the weather?"}]
PARAMETERS: Any = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
    "required": ["city", "unit"],
}
TOOLS: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}]
NATIVE_TOOLS: Any = [{"name": "get_weather", "input_schema": PARAMETERS}]


@pytest.fixture
async def grid() -> AsyncIterator[Grid]:
    async with Grid(gap_s=0) as grid:
        yield grid


def openai_client(station: Station, **options: Any) -> openai.AsyncOpenAI:
    options = {"api_key": station.accounts["main"], "max_retries": 0, **options}
    return openai.AsyncOpenAI(base_url=f"{station.base_url}/v1", **options)


def anthropic_client(station: Station) -> anthropic.AsyncAnthropic:
    key = station.accounts["main"]
    return anthropic.AsyncAnthropic(base_url=station.base_url, api_key=key, max_retries=0)


@pytest.mark.parametrize("vendor", OPENAI_LIKE)
async def test_openai_chat(grid: Grid, vendor: str) -> None:
    async with openai_client(grid[vendor]) as client:
        reply = await client.chat.completions.create(model=f"{vendor}-large", messages=HELLO)
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    text = reply.choices[0].message.content or ""
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (5, len(text.split()))


@pytest.mark.parametrize("vendor", OPENAI_LIKE)
async def test_openai_stream_has_words_a_terminal_reason_and_usage(grid: Grid, vendor: str) -> None:
    options: Any = {} if vendor == "europa" else {"stream_options": {"include_usage": True}}
    async with openai_client(grid[vendor]) as client:
        stream = await client.chat.completions.create(
            model=f"{vendor}-large", messages=HELLO, stream=True, **options
        )
        chunks = [chunk async for chunk in stream]
        whole = await client.chat.completions.create(model=f"{vendor}-large", messages=HELLO)
    choices = [choice for chunk in chunks for choice in chunk.choices]
    pieces = [choice.delta.content for choice in choices if choice.delta.content]
    assert "".join(pieces) == whole.choices[0].message.content
    assert len(pieces) == 24
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]
    assert [chunk.usage for chunk in chunks if chunk.usage] == [whole.usage]


@pytest.mark.parametrize("vendor", ["aurora", "homegrid"])
async def test_openai_stream_without_asking_has_no_usage(grid: Grid, vendor: str) -> None:
    async with openai_client(grid[vendor]) as client:
        stream = await client.chat.completions.create(
            model=f"{vendor}-large", messages=HELLO, stream=True
        )
        assert [chunk.usage async for chunk in stream if chunk.usage] == []


@pytest.mark.parametrize("vendor", OPENAI_LIKE)
async def test_openai_tool_call_fits_its_schema_and_comes_in_pieces(
    grid: Grid, vendor: str
) -> None:
    async with openai_client(grid[vendor]) as client:
        whole = await client.chat.completions.create(
            model=f"{vendor}-large", messages=WEATHER, tools=TOOLS
        )
        stream = await client.chat.completions.create(
            model=f"{vendor}-large", messages=WEATHER, tools=TOOLS, stream=True
        )
        choices = [choice async for chunk in stream for choice in chunk.choices]
    calls: Any = whole.choices[0].message.tool_calls
    arguments = json.loads(calls[0].function.arguments)
    assert set(arguments) == {"city", "unit"}
    assert arguments["unit"] in ("celsius", "fahrenheit")
    pieces = [call.function for choice in choices for call in choice.delta.tool_calls or []]
    assert pieces[0] is not None
    assert pieces[0].name == "get_weather"
    assert len(pieces) > 3
    assert "".join(piece.arguments or "" for piece in pieces if piece) == (
        calls[0].function.arguments
    )
    assert choices[-1].finish_reason == whole.choices[0].finish_reason == "tool_calls"


async def test_openai_tool_result_is_answered_in_text(grid: Grid) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    messages: Any = [
        *WEATHER,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "the weather is fine"},
    ]
    async with openai_client(grid.aurora) as client:
        reply = await client.chat.completions.create(
            model="aurora-large", messages=messages, tools=TOOLS
        )
    assert reply.choices[0].finish_reason == "stop"
    assert reply.choices[0].message.content


@pytest.mark.parametrize(
    ("choice", "finish"),
    [
        pytest.param("required", "tool_calls", id="required"),
        pytest.param({"type": "function", "function": {"name": "get_weather"}}, "stop", id="named"),
        pytest.param("none", "stop", id="none"),
    ],
)
async def test_openai_tool_choice_is_obeyed(grid: Grid, choice: Any, finish: str) -> None:
    async with openai_client(grid.homegrid) as client:
        reply = await client.chat.completions.create(
            model="homegrid-large", messages=HELLO, tools=TOOLS, tool_choice=choice
        )
    assert reply.choices[0].finish_reason == finish
    assert bool(reply.choices[0].message.tool_calls) == (choice != "none")


async def test_openai_choices_differ_and_each_ends(grid: Grid) -> None:
    async with openai_client(grid.aurora) as client:
        whole = await client.chat.completions.create(model="aurora-large", messages=HELLO, n=3)
        stream = await client.chat.completions.create(
            model="aurora-large", messages=HELLO, n=3, stream=True
        )
        choices = [choice async for chunk in stream for choice in chunk.choices]
    texts = [choice.message.content for choice in whole.choices]
    joined = [
        "".join(choice.delta.content or "" for choice in choices if choice.index == at)
        for at in range(3)
    ]
    assert len(set(texts)) == 3
    assert joined == texts
    assert sorted(choice.index for choice in choices if choice.finish_reason) == [0, 1, 2]


async def test_openai_json_schema_is_honoured(grid: Grid) -> None:
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "w", "schema": PARAMETERS}}
    async with openai_client(grid.aurora) as client:
        reply = await client.chat.completions.create(
            model="aurora-large", messages=HELLO, response_format=wanted
        )
    assert set(json.loads(reply.choices[0].message.content or "")) == {"city", "unit"}


@pytest.mark.parametrize(
    ("members", "finish"),
    [
        pytest.param({"max_tokens": 3}, "length", id="max_tokens"),
        pytest.param({"max_completion_tokens": 3}, "length", id="max_completion_tokens"),
        pytest.param({"stop": [" "]}, "stop", id="stop"),
    ],
)
async def test_openai_answer_is_cut_as_asked(
    grid: Grid, members: dict[str, Any], finish: str
) -> None:
    async with openai_client(grid.aurora) as client:
        reply = await client.chat.completions.create(
            model="aurora-large", messages=HELLO, **members
        )
    text = reply.choices[0].message.content or ""
    words = 1 if "stop" in members else 3
    assert (len(text.split()), reply.choices[0].finish_reason) == (words, finish)


@pytest.mark.parametrize("vendor", ["aurora", "homegrid"])
async def test_openai_completions(grid: Grid, vendor: str) -> None:
    async with openai_client(grid[vendor]) as client:
        whole = await client.completions.create(model=f"{vendor}-large", prompt="once", n=2)
        stream = await client.completions.create(
            model=f"{vendor}-large", prompt="once", n=2, stream=True
        )
        choices = [choice async for chunk in stream for choice in chunk.choices]
    joined = ["".join(c.text for c in choices if c.index == at) for at in range(2)]
    assert joined == [choice.text for choice in whole.choices]
    assert [choice.finish_reason for choice in whole.choices] == ["length", "length"]
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 32


@pytest.mark.parametrize("vendor", OPENAI_LIKE)
async def test_openai_embeddings_are_equal_in_both_encodings(grid: Grid, vendor: str) -> None:
    async with openai_client(grid[vendor]) as client:
        # Left to itself the SDK asks for base64 and unpacks it.
        packed = await client.embeddings.create(model=f"{vendor}-embed", input=["a b", "c"])
        plain = await client.embeddings.create(
            model=f"{vendor}-embed", input=["a b", "c"], encoding_format="float"
        )
    vectors = [item.embedding for item in packed.data]
    assert vectors == [pytest.approx(item.embedding) for item in plain.data]
    assert vectors[0] != vectors[1]
    assert [sum(x * x for x in vector) for vector in vectors] == [pytest.approx(1)] * 2
    assert (len(vectors[0]), plain.usage.prompt_tokens) == (384, 3)


async def test_openai_responses_whole_and_streamed_agree(grid: Grid) -> None:
    async with openai_client(grid.aurora) as client:
        whole = await client.responses.create(model="aurora-large", input="hello", store=False)
        async with client.responses.stream(model="aurora-large", input="hello") as stream:
            events = [event async for event in stream]
            final = await stream.get_final_response()
    assert whole.output_text == final.output_text != ""
    assert events[-1].type == "response.completed"
    assert final.usage == whole.usage


async def test_openai_responses_call_a_tool(grid: Grid) -> None:
    tools: Any = [{"type": "function", "name": "get_weather", "parameters": PARAMETERS}]
    async with openai_client(grid.aurora) as client:
        async with client.responses.stream(
            model="aurora-large", input="the weather?", tools=tools
        ) as stream:
            final = await stream.get_final_response()
    item: Any = final.output[0]
    assert (item.type, set(json.loads(item.arguments))) == ("function_call", {"city", "unit"})


@pytest.mark.parametrize("vendor", OPENAI_LIKE)
async def test_openai_models_are_listed_and_found(grid: Grid, vendor: str) -> None:
    async with openai_client(grid[vendor]) as client:
        listed = [model.id async for model in await client.models.list()]
        found = await client.models.retrieve(f"{vendor}-small")
        with pytest.raises((openai.NotFoundError, openai.BadRequestError)):
            await client.models.retrieve("nimbus")
    assert listed == grid[vendor].models
    assert found.id == f"{vendor}-small"


@pytest.mark.parametrize("vendor", OPENAI_LIKE)
async def test_openai_wrong_key_is_an_authentication_error(grid: Grid, vendor: str) -> None:
    async with openai_client(grid[vendor], api_key="sk-nobody-has-this-key") as client:
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(model=f"{vendor}-large", messages=HELLO)


async def test_anthropic_message_and_stream_agree(grid: Grid) -> None:
    async with anthropic_client(grid.borealis) as client:
        whole = await client.messages.create(
            model="borealis-large", max_tokens=100, system="be kind", messages=HELLO
        )
        async with client.messages.stream(
            model="borealis-large", max_tokens=100, system="be kind", messages=HELLO
        ) as stream:
            events = [event.type async for event in stream]
            final = await stream.get_final_message()
    block: Any = whole.content[0]
    assert [item.text for item in final.content if item.type == "text"] == [block.text]
    assert (final.stop_reason, events[-1]) == ("end_turn", "message_stop")
    assert (whole.usage.input_tokens, whole.usage.output_tokens) == (10, 24)
    assert final.usage.output_tokens == 24


async def test_anthropic_tool_use_and_its_result(grid: Grid) -> None:
    async with anthropic_client(grid.borealis) as client:
        async with client.messages.stream(
            model="borealis-large", max_tokens=100, messages=WEATHER, tools=NATIVE_TOOLS
        ) as stream:
            called = await stream.get_final_message()
        block: Any = called.content[0]
        result: Any = {"type": "tool_result", "tool_use_id": block.id, "content": "fine weather"}
        answered = await client.messages.create(
            model="borealis-large",
            max_tokens=100,
            tools=NATIVE_TOOLS,
            messages=[
                *WEATHER,
                {"role": "assistant", "content": [block.to_dict()]},
                {"role": "user", "content": [result]},
            ],
        )
    assert (called.stop_reason, set(block.input)) == ("tool_use", {"city", "unit"})
    assert answered.stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        pytest.param({"max_tokens": 3}, "max_tokens", id="max_tokens"),
        pytest.param({"stop_sequences": [" "]}, "stop_sequence", id="stop"),
        pytest.param(
            {"tools": NATIVE_TOOLS, "tool_choice": {"type": "any"}}, "tool_use", id="any tool"
        ),
    ],
)
async def test_anthropic_stop_reasons(grid: Grid, members: dict[str, Any], reason: str) -> None:
    asked: Any = {"max_tokens": 100, **members}
    async with anthropic_client(grid.borealis) as client:
        reply = await client.messages.create(model="borealis-large", messages=HELLO, **asked)
    assert reply.stop_reason == reason
    assert reply.stop_sequence == (" " if reason == "stop_sequence" else None)


async def test_anthropic_counts_tokens_and_lists_models(grid: Grid) -> None:
    async with anthropic_client(grid.borealis) as client:
        counted = await client.messages.count_tokens(model="borealis-large", messages=HELLO)
        listed = [model.id async for model in client.models.list()]
    assert counted.input_tokens == 5
    assert listed == ["borealis-large", "borealis-small"]


@pytest.mark.parametrize(
    ("id_", "error"),
    [
        pytest.param("anthropic/529_overloaded", "OverloadedError", id="529"),
        pytest.param("anthropic/400_organization_on_hold", "OrganizationOnHoldError", id="hold"),
        pytest.param("anthropic/429_tier_spend", "EnforcedSpendLimitReachedError", id="spend"),
        pytest.param("anthropic/429_ramp", "RampLimitExceededError", id="ramp"),
        pytest.param("anthropic/503_cmek", "CMEKKeyUnreachableError", id="cmek"),
    ],
)
async def test_anthropic_sdk_knows_the_error(grid: Grid, id_: str, error: str) -> None:
    grid.fail("borealis", id_)
    async with anthropic_client(grid.borealis) as client:
        with pytest.raises(anthropic.APIStatusError) as caught:
            await client.messages.create(model="borealis-large", max_tokens=9, messages=HELLO)
    assert type(caught.value).__name__ == error


async def test_official_sdk_takes_a_cut_stream_for_whole(grid: Grid) -> None:
    grid.fail("aurora", "stream/bare_eof")
    async with openai_client(grid.aurora) as client:
        stream = await client.chat.completions.create(
            model="aurora-large", messages=HELLO, stream=True
        )
        chunks = [chunk async for chunk in stream]
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices] == [None] * 4
