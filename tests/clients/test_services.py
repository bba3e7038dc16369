"""What the openai SDK can ask for, whole and streamed, over each upstream dialect."""

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel

from gateway.practice.grid import Grid
from tests.house import SLOW, House
from tests.running_house import Running, running

CHAT = ["aurora", "borealis", "europa", "homegrid"]
EMBED = ["aurora", "europa", "homegrid"]  # borealis has no embeddings, as its model
HELLO: Any = [{"role": "user", "content": "Tell me of the grid, é."}]
WEATHER: Any = [{"role": "user", "content": "What is the weather in Oslo?"}]
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "kelvin"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}


class Station(BaseModel):
    """What a model is asked to fill in."""

    name: str
    megawatts: int
    is_live: bool


@pytest.fixture(scope="module")
def it() -> Iterator[Running]:
    def make() -> tuple[Grid, House]:
        routes = {f"{name}-chat": [name] for name in CHAT}
        routes |= {f"{name}-embed": [f"{name}.embed"] for name in EMBED}
        grid = Grid(gap_s=0.001)
        return grid, House(grid, routes, deadlines=SLOW)

    with running(make) as found:
        yield found


@pytest.fixture
async def client(it: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{it.house.url}/v1", api_key=it.house.key) as made:
        yield made


async def collect(stream: Any) -> list[ChatCompletionChunk]:
    return [chunk async for chunk in stream]


def join(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def finishes(chunks: list[ChatCompletionChunk]) -> list[str]:
    found = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
    return [reason for reason in found if reason is not None]


@pytest.mark.parametrize("vendor", CHAT)
async def test_chat(client: openai.AsyncOpenAI, vendor: str) -> None:
    raw = await client.chat.completions.with_raw_response.create(
        model=f"{vendor}-chat", messages=HELLO
    )
    reply = raw.parse()
    assert raw.headers["x-switchgear-deployment"] == vendor
    assert reply.object == "chat.completion"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.choices[0].message.role == "assistant"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == len((reply.choices[0].message.content or "").split())
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


@pytest.mark.parametrize("vendor", CHAT)
async def test_stream_says_what_the_whole_answer_says(
    client: openai.AsyncOpenAI, vendor: str
) -> None:
    model = f"{vendor}-chat"
    chunks = await collect(
        await client.chat.completions.create(model=model, messages=HELLO, stream=True)
    )
    whole = await client.chat.completions.create(model=model, messages=HELLO)
    assert join(chunks).split() == (whole.choices[0].message.content or "").split()
    assert finishes(chunks) == ["stop"]
    assert all(chunk.object == "chat.completion.chunk" for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == 1


@pytest.mark.parametrize("vendor", CHAT)
async def test_usage_comes_once_when_asked_for(client: openai.AsyncOpenAI, vendor: str) -> None:
    chunks = await collect(
        await client.chat.completions.create(
            model=f"{vendor}-chat",
            messages=HELLO,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    counts = [chunk.usage for chunk in chunks if chunk.usage is not None]
    assert len(counts) == 1
    assert chunks[-1].usage is not None, "the count is in the last event"
    assert counts[0].completion_tokens == len(join(chunks).split())


@pytest.mark.parametrize("vendor", ["aurora", "borealis", "homegrid"])
async def test_usage_event_that_nobody_asked_for_is_taken_out(
    client: openai.AsyncOpenAI, vendor: str
) -> None:
    """Mistral's count rides on the last chunk of text; what is no event of its own stays."""
    chunks = await collect(
        await client.chat.completions.create(model=f"{vendor}-chat", messages=HELLO, stream=True)
    )
    assert all(chunk.usage is None for chunk in chunks)
    assert all(chunk.choices for chunk in chunks)


@pytest.mark.parametrize("vendor", CHAT)
async def test_stream_helper_accumulates(client: openai.AsyncOpenAI, vendor: str) -> None:
    async with client.chat.completions.stream(model=f"{vendor}-chat", messages=HELLO) as stream:
        deltas = [event.delta async for event in stream if event.type == "content.delta"]
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == "".join(deltas)
    assert final.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("vendor", CHAT)
async def test_tool_is_called_and_its_result_answered(
    client: openai.AsyncOpenAI, vendor: str
) -> None:
    model = f"{vendor}-chat"
    reply = await client.chat.completions.create(model=model, messages=WEATHER, tools=[TOOL])
    assert reply.choices[0].finish_reason == "tool_calls"
    message = reply.choices[0].message
    assert message.tool_calls is not None
    call = message.tool_calls[0]
    assert call.type == "function" and call.function.name == "get_weather"
    assert set(json.loads(call.function.arguments)) == {"city", "unit"}
    result: Any = [
        *WEATHER,
        message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": '{"celsius": 4}'},
    ]
    answer = await client.chat.completions.create(model=model, messages=result, tools=[TOOL])
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content


@pytest.mark.parametrize("vendor", CHAT)
async def test_streamed_tool_call_is_whole(client: openai.AsyncOpenAI, vendor: str) -> None:
    chunks = await collect(
        await client.chat.completions.create(
            model=f"{vendor}-chat", messages=WEATHER, tools=[TOOL], stream=True
        )
    )
    pieces = [
        call
        for chunk in chunks
        for choice in chunk.choices
        for call in choice.delta.tool_calls or []
    ]
    named = [piece.function.name for piece in pieces if piece.function and piece.function.name]
    text = "".join(piece.function.arguments or "" for piece in pieces if piece.function)
    assert named == ["get_weather"]
    assert set(json.loads(text)) == {"city", "unit"}
    assert finishes(chunks) == ["tool_calls"]


@pytest.mark.parametrize("vendor", CHAT)
async def test_forced_tool_is_called(client: openai.AsyncOpenAI, vendor: str) -> None:
    reply = await client.chat.completions.create(
        model=f"{vendor}-chat", messages=HELLO, tools=[TOOL], tool_choice="required"
    )
    assert reply.choices[0].message.tool_calls


@pytest.mark.parametrize("vendor", CHAT)
async def test_structured_output_parses(client: openai.AsyncOpenAI, vendor: str) -> None:
    reply = await client.chat.completions.parse(
        model=f"{vendor}-chat", messages=HELLO, response_format=Station
    )
    assert isinstance(reply.choices[0].message.parsed, Station)


@pytest.mark.parametrize("vendor", CHAT)
async def test_max_tokens_end_in_length(client: openai.AsyncOpenAI, vendor: str) -> None:
    model, messages = f"{vendor}-chat", HELLO
    whole = await client.chat.completions.create(model=model, messages=messages, max_tokens=3)
    chunks = await collect(
        await client.chat.completions.create(
            model=model, messages=messages, max_tokens=3, stream=True
        )
    )
    assert whole.choices[0].finish_reason == "length"
    assert finishes(chunks) == ["length"]


@pytest.mark.parametrize("vendor", EMBED)
async def test_embeddings_are_the_same_as_numbers_and_as_base64(
    client: openai.AsyncOpenAI, vendor: str
) -> None:
    model, text = f"{vendor}-embed", ["a line", "another"]
    usual = await client.embeddings.create(model=model, input=text)  # the SDK asks for base64
    numbers = await client.embeddings.create(model=model, input=text, encoding_format="float")
    coded = await client.embeddings.create(model=model, input=text, encoding_format="base64")
    assert [entry.index for entry in usual.data] == [0, 1]
    assert len(usual.data[0].embedding) == 384
    raw: Any = coded.data[0].embedding
    if isinstance(raw, str):
        raw = struct.unpack("<384f", base64.b64decode(raw))
    for one in (usual.data[0].embedding, raw):
        assert one == pytest.approx(numbers.data[0].embedding, rel=1e-5)
    assert usual.usage.prompt_tokens > 0


@pytest.mark.parametrize("vendor", ["aurora", "homegrid"])
async def test_completions(client: openai.AsyncOpenAI, vendor: str) -> None:
    model = f"{vendor}-chat"
    whole = await client.completions.create(model=model, prompt="Tell me.", max_tokens=99)
    stream = await client.completions.create(
        model=model, prompt="Tell me.", max_tokens=99, stream=True
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    assert whole.choices[0].finish_reason == "stop"
    assert text.split() == whole.choices[0].text.split()


@pytest.mark.parametrize("vendor", ["borealis", "europa"])
async def test_completions_where_no_deployment_speaks_them(
    client: openai.AsyncOpenAI, vendor: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await client.completions.create(model=f"{vendor}-chat", prompt="Tell me.")
    assert caught.value.code == "invalid_request"


async def test_responses(client: openai.AsyncOpenAI) -> None:
    model = "aurora-chat"  # of the grid's vendors the one that speaks them
    whole = await client.responses.create(model=model, input="Tell me.", store=False)
    stream = await client.responses.create(model=model, input="Tell me.", store=False, stream=True)
    events = [event async for event in stream]
    assert whole.status == "completed"
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text.split() == whole.output_text.split()
    assert [event.type for event in events][-1] == "response.completed"


async def test_responses_that_the_vendor_would_keep_are_refused(
    client: openai.AsyncOpenAI,
) -> None:
    """The SDK stores unless it is told not to; what is stored can't fail over."""
    with pytest.raises(openai.APIStatusError) as caught:
        await client.responses.create(model="aurora-chat", input="Tell me.")
    assert caught.value.status_code == 400
    assert "store" in caught.value.message


async def test_models(client: openai.AsyncOpenAI) -> None:
    names = [model.id async for model in client.models.list()]
    assert sorted(names) == sorted(
        [f"{vendor}-chat" for vendor in CHAT] + [f"{vendor}-embed" for vendor in EMBED]
    )
    assert (await client.models.retrieve("aurora-chat")).object == "model"
    with pytest.raises(openai.NotFoundError) as caught:
        await client.models.retrieve("nobody")
    assert caught.value.code == "unknown_model"


async def test_what_is_not_served_is_told_by_name(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        await client.images.generate(prompt="a grid", model="aurora-chat")
    assert (caught.value.status_code, caught.value.code) == (501, "not_served")
    assert "images" in caught.value.message


async def test_fifty_calls_at_once_stay_apart(client: openai.AsyncOpenAI, it: Running) -> None:
    async def ask(number: int) -> None:
        text = f"say {number}"
        messages: Any = [{"role": "user", "content": text}]
        model = f"{CHAT[number % 4]}-chat"
        chunks = await collect(
            await client.chat.completions.create(model=model, messages=messages, stream=True)
        )
        whole = await client.chat.completions.create(model=model, messages=messages)
        assert join(chunks).split() == (whole.choices[0].message.content or "").split()

    await asyncio.gather(*[ask(number) for number in range(25)])


@pytest.mark.parametrize("vendor", CHAT)
def test_blocking_client(it: Running, vendor: str) -> None:
    """The other half of the SDK, in a thread of its own: the gateway has another."""
    with openai.OpenAI(base_url=f"{it.house.url}/v1", api_key=it.house.key) as client:
        model = f"{vendor}-chat"
        whole = client.chat.completions.create(model=model, messages=HELLO)
        chunks = list(client.chat.completions.create(model=model, messages=HELLO, stream=True))
    assert join(chunks).split() == (whole.choices[0].message.content or "").split()


async def test_client_that_leaves_a_stream_ends_it_upstream(
    client: openai.AsyncOpenAI, it: Running
) -> None:
    long: Any = [{"role": "user", "content": "Tell me in 5000 words."}]
    stream = await client.chat.completions.create(model="aurora-chat", messages=long, stream=True)
    async for _ in stream:
        break
    await stream.close()
    ended = await asyncio.to_thread(lambda: it.rows()[-1])
    assert ended[:3:2] == ["c1", "caller_gone"]
