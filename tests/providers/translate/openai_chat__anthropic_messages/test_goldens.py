from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
import pytest
from anthropic.types.message_create_params import (
    MessageCreateParamsNonStreaming,
    MessageCreateParamsStreaming,
)
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter

from tests.golden.rewrite import cases, made_files

CASES = cases("openai_chat__anthropic_messages")

# They outlive the walk through what they took: pydantic checks an iterable only when it is walked.
STREAMING = TypeAdapter(MessageCreateParamsStreaming)
WHOLE = TypeAdapter(MessageCreateParamsNonStreaming)

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@every_case
def test_the_pair_makes_what_was_reviewed(case: Path) -> None:
    made = dict(made_files(case))

    assert made == {name: (case / name).read_bytes() for name in made}


@every_case
def test_the_vendors_own_types_take_the_request(case: Path) -> None:
    body = msgspec.json.decode((case / "request.upstream.json").read_bytes())

    taken = (STREAMING if body.get("stream") else WHOLE).validate_python(body)

    assert _exhausted(taken) == _without_sampling(body)


def _exhausted(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _exhausted(member) for name, member in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_exhausted(item) for item in value]
    return value


def _without_sampling(body: dict[str, object]) -> dict[str, object]:
    """The SDK's signatures have dropped the sampling fields, which the API still takes."""
    return {name: value for name, value in body.items() if name not in ("temperature", "top_p")}


@pytest.mark.parametrize(
    "file",
    [case / "reply.client.sse" for case in CASES if (case / "reply.client.sse").exists()],
    ids=lambda file: file.parent.name,
)
def test_the_clients_own_types_take_the_stream(file: Path) -> None:
    chunks = [ChatCompletionChunk.model_validate_json(data) for data in _payloads(file)]

    assert {chunk.id for chunk in chunks} == {"msg_01A"}
    assert all(choice.finish_reason in _REASONS for chunk in chunks for choice in chunk.choices)


_REASONS = (None, "stop", "length", "tool_calls", "content_filter")


def _payloads(file: Path) -> Iterator[bytes]:
    for event in file.read_bytes().split(b"\n\n")[:-1]:
        if event != b"data: [DONE]":
            yield event.removeprefix(b"data: ")


@pytest.mark.parametrize(
    "file",
    [
        case / "reply.client.json"
        for case in CASES
        if (case / "reply.client.json").exists() and case.name != "caller_error"
    ],
    ids=lambda file: file.parent.name,
)
def test_the_clients_own_types_take_the_whole_reply(file: Path) -> None:
    completion = ChatCompletion.model_validate_json(file.read_bytes())

    assert completion.choices[0].finish_reason in _REASONS[1:]
