import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from providers.contract import EMPTY, Charge, Kind, Usage, Verdict
from providers.translate.openai_chat__anthropic_messages import ChatOverMessages
from tests.chat_request import chat_request

REQUEST = chat_request(b'{"model":"m"}')
TEXT = {"type": "text", "text": "Hello"}


def read(body: bytes) -> tuple[Verdict, bytes]:
    return ChatOverMessages().whole(REQUEST).read(body)


def message(*content: object, stop: str | None = "end_turn", **members: object) -> bytes:
    return json.dumps(
        {
            "id": "msg_1",
            "type": "message",
            "model": "claude",
            "content": content,
            "stop_reason": stop,
            **members,
        }
    ).encode()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(message(TEXT), Kind.OK, id="text"),
        pytest.param(message(), Kind.CORRUPT_ANSWER, id="empty"),
        pytest.param(message({"type": "text", "text": ""}), Kind.CORRUPT_ANSWER, id="empty text"),
        pytest.param(
            message({"type": "thinking", "thinking": "Hm"}),
            Kind.CORRUPT_ANSWER,
            id="thinking alone",
        ),
        pytest.param(message(stop="max_tokens"), Kind.OK, id="empty for want of tokens"),
        pytest.param(message(TEXT, error=None), Kind.OK, id="null error"),
        pytest.param(message(stop="refusal"), Kind.REFUSED, id="refusal"),
        pytest.param(message(TEXT, stop=None), Kind.CORRUPT_ANSWER, id="no stop reason"),
        pytest.param(b'{"stop_reason":"end_turn"}', Kind.CORRUPT_ANSWER, id="no content"),
        pytest.param(b"<html>", Kind.CORRUPT_ANSWER, id="HTML"),
        pytest.param(b"", Kind.CORRUPT_ANSWER, id="nothing"),
        pytest.param(message(TEXT)[:-5], Kind.CORRUPT_ANSWER, id="truncated"),
        pytest.param(b'{"id":"\xff"}', Kind.CORRUPT_ANSWER, id="not UTF-8"),
        pytest.param(message({"type": "text"}), Kind.CORRUPT_ANSWER, id="text without text"),
        pytest.param(message({"type": "thinking"}), Kind.CORRUPT_ANSWER, id="no thinking"),
        pytest.param(message({"type": "tool_use", "id": "a"}), Kind.CORRUPT_ANSWER, id="no name"),
        pytest.param(message({"type": "tool_use", "name": "a"}), Kind.CORRUPT_ANSWER, id="no id"),
        pytest.param(
            b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}',
            Kind.OVERLOADED,
            id="error",
        ),
        pytest.param(b'{"error":{"type":"api_error"}}', Kind.UPSTREAM_FAULT, id="untyped error"),
    ],
)
def test_a_body_is_judged(body: bytes, kind: Kind) -> None:
    verdict, rendered = read(body)

    assert verdict.kind is kind
    # An empty answer is rendered too: a second one like it is delivered.
    assert bool(rendered) == (verdict.delivers or verdict is EMPTY)


def test_the_time_is_the_one_that_was_given() -> None:
    _, rendered = ChatOverMessages().whole(REQUEST, created=7).read(message(TEXT))

    assert msgspec.json.decode(rendered)["created"] == 7


def test_what_was_not_an_answer_may_have_been_charged() -> None:
    assert read(b"<html>")[0].charge is Charge.UNKNOWN


def test_unicode_is_text() -> None:
    body = json.dumps({"content": [{"type": "text", "text": "é🙂"}], "stop_reason": "end_turn"})

    _, rendered = read(json.dumps(json.loads(body), ensure_ascii=False).encode())

    assert "é🙂".encode() in rendered


@given(texts=st.lists(st.text(), max_size=5), is_escaped=st.booleans())
def test_texts_are_joined_character_for_character(texts: list[str], is_escaped: bool) -> None:
    blocks = [{"type": "text", "text": text} for text in texts]
    body = {"content": blocks, "stop_reason": "max_tokens"}

    _, rendered = read(json.dumps(body, ensure_ascii=is_escaped).encode())

    completion = ChatCompletion.model_validate_json(rendered)
    assert (completion.choices[0].message.content or "") == "".join(texts)


def test_a_call_keeps_its_input_byte_for_byte() -> None:
    block = b'{"type":"tool_use","id":"a","name":"get","input":{"n":1.0,  "s":"\\u00e9"}}'
    _, rendered = read(b'{"content":[%b],"stop_reason":"tool_use"}' % block)

    (call,) = msgspec.json.decode(rendered)["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "get", "arguments": '{"n":1.0,  "s":"\\u00e9"}'}


def test_a_call_without_input_has_empty_arguments() -> None:
    block = {"type": "tool_use", "id": "a", "name": "get"}

    _, rendered = read(message(block, stop="tool_use"))

    assert b'"arguments":"{}"' in rendered


@pytest.mark.parametrize(
    ("usage", "expected", "member"),
    [
        pytest.param({}, Usage(), None, id="nothing said"),
        pytest.param(
            {"input_tokens": 3, "output_tokens": 0},
            Usage(3, 0),
            {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3},
            id="zero is not missing",
        ),
        pytest.param({"output_tokens": 4}, Usage(None, 4), None, id="no input count"),
        pytest.param({"input_tokens": 4}, Usage(4, None), None, id="no output count"),
        pytest.param(
            {
                "input_tokens": 1,
                "cache_read_input_tokens": 20,
                "cache_creation_input_tokens": 300,
                "output_tokens": 5,
                "output_tokens_details": {"thinking_tokens": 2},
            },
            Usage(321, 5, 20),
            {
                "prompt_tokens": 321,
                "completion_tokens": 5,
                "total_tokens": 326,
                "prompt_tokens_details": {"cached_tokens": 20},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            id="cache and thinking",
        ),
    ],
)
def test_usage(usage: object, expected: Usage, member: object) -> None:
    reader = ChatOverMessages().whole(REQUEST)

    _, rendered = reader.read(message(TEXT, usage=usage))

    assert reader.usage == expected
    assert reader.model == "claude"
    assert not reader.is_flawed
    assert msgspec.json.decode(rendered).get("usage") == member


def test_an_answer_without_usage_has_none() -> None:
    reader = ChatOverMessages().whole(REQUEST)

    reader.read(message(TEXT))

    assert reader.usage is None


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        pytest.param("end_turn", "stop", id="end_turn"),
        pytest.param("stop_sequence", "stop", id="stop_sequence"),
        pytest.param("max_tokens", "length", id="max_tokens"),
        pytest.param("model_context_window_exceeded", "length", id="context window"),
        pytest.param("tool_use", "tool_calls", id="tool_use"),
        pytest.param("refusal", "content_filter", id="refusal"),
        pytest.param("pause_turn", "length", id="pause_turn"),
        pytest.param("compaction", "length", id="unknown"),
    ],
)
def test_stop_reasons(stop: str, finish: str) -> None:
    _, rendered = read(message(TEXT, stop=stop))

    assert msgspec.json.decode(rendered)["choices"][0]["finish_reason"] == finish
