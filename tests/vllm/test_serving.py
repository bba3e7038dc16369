"""The `openai` SDK on a small real model, through the gateway: what applications do all day."""

import json

import pytest
from openai.types.chat import ChatCompletionToolParam

from deploy.vllm.server import Server
from gateway.practice.grid import Grid
from tests.house import House
from tests.vllm.own_supply import PATIENT, own, real, sdk

ROUTES = {"chat": ["own-smollm2"]}
CAPITAL = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather of a city.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 12}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
BY_NAME = {"type": "function", "function": {"name": "weather"}}
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 16},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
SHAPE = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON, "strict": True}}


def house(grid: Grid, server: Server) -> House:
    return House(grid, ROUTES, own=own(server), deadlines=PATIENT)


@real
async def test_whole_answer_is_the_models_own(smollm2: Server) -> None:
    async with Grid() as grid, house(grid, smollm2) as gateway, sdk(gateway) as client:
        raw = await client.chat.completions.with_raw_response.create(
            model="chat", messages=CAPITAL, temperature=0, max_tokens=32
        )
        answer = raw.parse()
        assert "Paris" in answer.choices[0].message.content
        assert answer.choices[0].finish_reason == "stop"
        assert answer.model == "smollm2"
        assert raw.headers["x-switchgear-deployment"] == "own-smollm2"
        assert raw.headers["x-switchgear-zone"] == "DE"


@real
async def test_stream_says_what_the_whole_answer_says(smollm2: Server) -> None:
    async with Grid() as grid, house(grid, smollm2) as gateway, sdk(gateway) as client:
        ask = {"model": "chat", "messages": CAPITAL, "temperature": 0, "max_tokens": 32}
        whole = await client.chat.completions.create(**ask)
        said, reasons = "", []
        async for chunk in await client.chat.completions.create(**ask, stream=True):
            assert chunk.usage is None and chunk.choices, "a usage event that nobody asked for"
            said += chunk.choices[0].delta.content or ""
            reasons += [chunk.choices[0].finish_reason] if chunk.choices[0].finish_reason else []
        assert said == whole.choices[0].message.content
        assert reasons == ["stop"]


@real
async def test_several_choices_come_whole(smollm2: Server) -> None:
    async with Grid() as grid, house(grid, smollm2) as gateway, sdk(gateway) as client:
        answer = await client.chat.completions.create(
            model="chat", messages=CAPITAL, n=2, seed=1, temperature=0.8, max_tokens=12
        )
        assert [choice.index for choice in answer.choices] == [0, 1]
        assert all(choice.message.content for choice in answer.choices)


@real
async def test_logprobs_come_token_by_token(smollm2: Server) -> None:
    async with Grid() as grid, house(grid, smollm2) as gateway, sdk(gateway) as client:
        answer = await client.chat.completions.create(
            model="chat", messages=CAPITAL, logprobs=True, top_logprobs=2, max_tokens=6
        )
        told = answer.choices[0].logprobs.content
        assert len(told) == answer.usage.completion_tokens == 6
        assert all(len(token.top_logprobs) == 2 and token.logprob <= 0 for token in told)


@pytest.mark.parametrize(
    "choice", [pytest.param("required", id="required"), pytest.param(BY_NAME, id="by name")]
)
@pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "whole"])
def test_tool_is_called_with_arguments_that_fit(
    smollm2: Server, choice: object, is_stream: bool
) -> None:
    @real
    async def run() -> None:
        async with Grid() as grid, house(grid, smollm2) as gateway, sdk(gateway) as client:
            ask = {
                "model": "chat",
                "messages": [{"role": "user", "content": "How is the weather in Paris?"}],
                "tools": [WEATHER],
                "tool_choice": choice,
                "temperature": 0,
                "max_tokens": 60,
            }
            if is_stream:
                async with client.chat.completions.stream(**ask) as stream:
                    answer = await stream.get_final_completion()
            else:
                answer = await client.chat.completions.create(**ask)
            (call,) = answer.choices[0].message.tool_calls
            assert call.function.name == "weather"
            assert list(json.loads(call.function.arguments)) == ["city"]

    run()


@pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "whole"])
def test_structured_output_keeps_to_the_schema(smollm2: Server, is_stream: bool) -> None:
    @real
    async def run() -> None:
        async with Grid() as grid, house(grid, smollm2) as gateway, sdk(gateway) as client:
            ask = {
                "model": "chat",
                "messages": [{"role": "user", "content": "Describe a person as JSON."}],
                "response_format": SHAPE,
                "temperature": 0,
                "max_tokens": 60,
            }
            if is_stream:
                async with client.chat.completions.stream(**ask) as stream:
                    answer = await stream.get_final_completion()
            else:
                answer = await client.chat.completions.create(**ask)
            person = json.loads(answer.choices[0].message.content)
            assert sorted(person) == ["age", "name"]
            assert 0 <= person["age"] <= 99

    run()


@pytest.mark.parametrize(
    ("prompt", "choices"),
    [
        pytest.param("The capital of France is", 1, id="text"),
        pytest.param(["The capital of France is", "Good morning"], 2, id="two texts"),
        pytest.param([504, 3575, 282], 1, id="tokens"),
        pytest.param([[504, 3575, 282], [504, 3575]], 2, id="two lists of tokens"),
    ],
)
@pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "whole"])
def test_completions_take_every_kind_of_prompt(
    smollm2: Server, prompt: object, choices: int, is_stream: bool
) -> None:
    @real
    async def run() -> None:
        async with Grid() as grid, house(grid, smollm2) as gateway, sdk(gateway) as client:
            ask = {"model": "chat", "prompt": prompt, "temperature": 0, "max_tokens": 6}
            said = dict.fromkeys(range(choices), "")
            if is_stream:
                async for chunk in await client.completions.create(**ask, stream=True):
                    for choice in chunk.choices:
                        said[choice.index] += choice.text
            else:
                answer = await client.completions.create(**ask)
                said = {choice.index: choice.text for choice in answer.choices}
            assert sorted(said) == list(range(choices))
            assert all(said.values())

    run()


@pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "whole"])
def test_stateless_responses_pass_through(smollm2: Server, is_stream: bool) -> None:
    @real
    async def run() -> None:
        async with Grid() as grid, house(grid, smollm2) as gateway, sdk(gateway) as client:
            ask = {
                "model": "chat",
                "input": "What is the capital of France?",
                "temperature": 0,
                "max_output_tokens": 24,
                "store": False,
            }
            if is_stream:
                said = ""
                async for event in await client.responses.create(**ask, stream=True):
                    said += event.delta if event.type == "response.output_text.delta" else ""
                assert event.type == "response.completed"
            else:
                said = (await client.responses.create(**ask)).output_text
            assert "Paris" in said

    run()


@real
async def test_models_lists_the_route_and_not_the_model_behind_it(smollm2: Server) -> None:
    async with Grid() as grid, house(grid, smollm2) as gateway, sdk(gateway) as client:
        assert [model.id async for model in client.models.list()] == ["chat"]
