"""What a client may send in the four dialects of OpenAI's shape, and what our errors look like."""

import json

import pytest

from providers.contract import ClientDialect, Dialect, Feature
from providers.dialects.clients import CLIENTS
from providers.errors import MalformedRequestError

CHAT = CLIENTS[Dialect.OPENAI_CHAT]
COMPLETIONS = CLIENTS[Dialect.OPENAI_COMPLETIONS]
EMBEDDINGS = CLIENTS[Dialect.OPENAI_EMBEDDINGS]
RESPONSES = CLIENTS[Dialect.OPENAI_RESPONSES]
PLAIN: dict[Dialect, dict[str, object]] = {
    Dialect.OPENAI_CHAT: {"model": "r", "messages": [{"role": "user", "content": "hi"}]},
    Dialect.OPENAI_COMPLETIONS: {"model": "r", "prompt": "hi"},
    Dialect.OPENAI_EMBEDDINGS: {"model": "r", "input": "hi"},
    Dialect.OPENAI_RESPONSES: {"model": "r", "input": "hi", "store": False},
}


def body_of(client: ClientDialect, **members: object) -> bytes:
    return json.dumps({**PLAIN[client.dialect], **members}).encode()


@pytest.mark.parametrize("client", CLIENTS.values(), ids=lambda client: client.dialect)
def test_plain_request_is_read(client: ClientDialect) -> None:
    request = client.read(body_of(client))
    assert (request.dialect, request.model, request.is_stream) == (client.dialect, "r", False)
    assert list(request.members) == list(PLAIN[client.dialect])
    assert request.features == frozenset()


@pytest.mark.parametrize("client", [CHAT, COMPLETIONS, RESPONSES])
def test_stream_is_read(client: ClientDialect) -> None:
    assert client.read(body_of(client, stream=True)).is_stream
    assert not client.read(body_of(client, stream=False)).is_stream
    assert not client.read(body_of(client, stream=None)).is_stream


@pytest.mark.parametrize("client", [CHAT, COMPLETIONS])
@pytest.mark.parametrize(
    ("options", "wants"),
    [
        pytest.param({"include_usage": True}, True, id="asked"),
        pytest.param({"include_usage": False}, False, id="refused"),
        pytest.param({"include_usage": None}, False, id="null inside"),
        pytest.param({}, False, id="empty"),
        pytest.param(None, False, id="null"),
    ],
)
def test_wish_for_usage_is_read(client: ClientDialect, options: object, wants: bool) -> None:
    request = client.read(body_of(client, stream=True, stream_options=options))
    assert request.wants_usage is wants


@pytest.mark.parametrize("client", CLIENTS.values(), ids=lambda client: client.dialect)
@pytest.mark.parametrize(
    ("members", "param"),
    [
        pytest.param({"model": 7}, "model", id="model is a number"),
        pytest.param({"model": None}, "model", id="model is null"),
        pytest.param({"model": ""}, "model", id="model is empty"),
        pytest.param({"model": "m" * 257}, "model", id="model is too long"),
        pytest.param({"stream": "yes"}, "stream", id="stream is a string"),
        pytest.param({"stream": 1}, "stream", id="stream is a number"),
    ],
)
def test_wrong_common_member_is_named(
    client: ClientDialect, members: dict[str, object], param: str
) -> None:
    with pytest.raises(MalformedRequestError) as caught:
        client.read(body_of(client, **members))
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("client", "members", "param"),
    [
        pytest.param(CHAT, {"messages": "hi"}, "messages", id="messages is a string"),
        pytest.param(CHAT, {"messages": None}, "messages", id="messages is null"),
        pytest.param(CHAT, {"messages": []}, "messages", id="no message"),
        pytest.param(CHAT, {"n": 0}, "n", id="n is zero"),
        pytest.param(CHAT, {"n": "2"}, "n", id="n is a string"),
        pytest.param(CHAT, {"n": 1.5}, "n", id="n is no whole number"),
        pytest.param(CHAT, {"max_tokens": -1}, "max_tokens", id="max_tokens is negative"),
        pytest.param(
            CHAT, {"max_completion_tokens": True}, "max_completion_tokens", id="limit is true"
        ),
        pytest.param(CHAT, {"tools": {}}, "tools", id="tools is an object"),
        pytest.param(CHAT, {"functions": "f"}, "functions", id="functions is a string"),
        pytest.param(CHAT, {"logprobs": 5}, "logprobs", id="logprobs is a number"),
        pytest.param(CHAT, {"response_format": "json"}, "response_format", id="format is a string"),
        pytest.param(CHAT, {"response_format": {}}, "response_format.type", id="format, no type"),
        pytest.param(CHAT, {"stream": True, "stream_options": 3}, "stream_options", id="options"),
        pytest.param(
            CHAT, {"stream_options": {"include_usage": True}}, "stream_options", id="no stream"
        ),
        pytest.param(
            CHAT,
            {"stream": True, "stream_options": {"include_usage": 1}},
            "include_usage",
            id="include_usage is a number",
        ),
        pytest.param(COMPLETIONS, {"prompt": {}}, "prompt", id="prompt is an object"),
        pytest.param(COMPLETIONS, {"prompt": ""}, "prompt", id="prompt is empty"),
        pytest.param(COMPLETIONS, {"n": []}, "n", id="completions n"),
        pytest.param(COMPLETIONS, {"max_tokens": -1}, "max_tokens", id="tokens below none"),
        pytest.param(COMPLETIONS, {"best_of": "x"}, "best_of", id="best_of"),
        pytest.param(COMPLETIONS, {"logprobs": True}, "logprobs", id="completions logprobs"),
        pytest.param(EMBEDDINGS, {"input": None}, "input", id="no input"),
        pytest.param(EMBEDDINGS, {"input": []}, "input", id="empty input"),
        pytest.param(EMBEDDINGS, {"dimensions": "x"}, "dimensions", id="dimensions"),
        pytest.param(EMBEDDINGS, {"encoding_format": 5}, "encoding_format", id="encoding"),
        pytest.param(EMBEDDINGS, {"stream": True}, "stream", id="embeddings as a stream"),
        pytest.param(RESPONSES, {"input": 5}, "input", id="responses input"),
        pytest.param(RESPONSES, {"store": "no"}, "store", id="store is a string"),
        pytest.param(RESPONSES, {"text": []}, "text", id="text is a list"),
        pytest.param(RESPONSES, {"text": {"format": 1}}, "format", id="format is a number"),
        pytest.param(RESPONSES, {"max_output_tokens": 0}, "max_output_tokens", id="no tokens"),
    ],
)
def test_wrong_member_is_named(
    client: ClientDialect, members: dict[str, object], param: str
) -> None:
    with pytest.raises(MalformedRequestError) as caught:
        client.read(body_of(client, **members))
    assert caught.value.param == param


@pytest.mark.parametrize("client", CLIENTS.values(), ids=lambda client: client.dialect)
@pytest.mark.parametrize("member", ["model", "messages", "prompt", "input"])
def test_missing_member_is_named(client: ClientDialect, member: str) -> None:
    members = dict(PLAIN[client.dialect])
    if member not in members:
        return
    del members[member]
    with pytest.raises(MalformedRequestError, match=f"{member} is missing") as caught:
        client.read(json.dumps(members).encode())
    assert caught.value.param == member


def test_error_quotes_no_prompt() -> None:
    with pytest.raises(MalformedRequestError) as caught:
        CHAT.read(body_of(CHAT, messages="my secret"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"model":"route","messages":[],"model":"other"}', id="duplicate"),
        pytest.param(b'{"model":"route","mod\\u0065l":"x"}', id="escaped duplicate"),
        pytest.param(b'{"model":"route","messages":[1],"x":"\xff"}', id="bad UTF-8"),
        pytest.param(b'{"model":"r","messages":[' + b"[" * 50_000, id="too deep"),
        pytest.param(b'{"model":"\\ud800","messages":[1]}', id="half a pair in the model"),
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"{}", id="no members"),
    ],
)
@pytest.mark.parametrize("client", CLIENTS.values(), ids=lambda client: client.dialect)
def test_body_that_is_no_request_is_refused(client: ClientDialect, body: bytes) -> None:
    with pytest.raises(MalformedRequestError):
        client.read(body)


@pytest.mark.parametrize(
    ("client", "members", "feature"),
    [
        pytest.param(CHAT, {"n": 2}, Feature.MULTIPLE_CHOICES, id="n"),
        pytest.param(CHAT, {"n": 1}, None, id="n is one"),
        pytest.param(CHAT, {"n": None}, None, id="n is null"),
        pytest.param(CHAT, {"logprobs": True}, Feature.LOGPROBS, id="logprobs"),
        pytest.param(CHAT, {"logprobs": False}, None, id="no logprobs"),
        pytest.param(CHAT, {"tools": [{}]}, Feature.TOOLS, id="tools"),
        pytest.param(CHAT, {"tools": None}, None, id="tools is null"),
        pytest.param(CHAT, {"functions": [{}]}, Feature.TOOLS, id="functions"),
        pytest.param(
            CHAT, {"response_format": {"type": "json_object"}}, Feature.JSON_MODE, id="JSON mode"
        ),
        pytest.param(
            CHAT, {"response_format": {"type": "json_schema"}}, Feature.JSON_SCHEMA, id="schema"
        ),
        pytest.param(CHAT, {"response_format": {"type": "text"}}, None, id="text"),
        pytest.param(CHAT, {"response_format": None}, None, id="format is null"),
        pytest.param(
            CHAT,
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            Feature.IMAGES,
            id="image",
        ),
        pytest.param(
            CHAT,
            {"messages": [{"role": "user", "content": 'say [ "image_url" ]'}]},
            None,
            id="word in a text",
        ),
        pytest.param(COMPLETIONS, {"n": 3}, Feature.MULTIPLE_CHOICES, id="completions n"),
        pytest.param(COMPLETIONS, {"best_of": 3}, Feature.MULTIPLE_CHOICES, id="best_of"),
        pytest.param(COMPLETIONS, {"logprobs": 5}, Feature.LOGPROBS, id="completions logprobs"),
        pytest.param(
            COMPLETIONS, {"response_format": {"type": "json_object"}}, Feature.JSON_MODE, id="vLLM"
        ),
        pytest.param(RESPONSES, {"store": True}, Feature.STATEFUL, id="stored"),
        pytest.param(CHAT, {"store": True}, Feature.STATEFUL, id="stored chat"),
        pytest.param(RESPONSES, {"store": None}, Feature.STATEFUL, id="stored by default"),
        pytest.param(RESPONSES, {"background": True}, Feature.STATEFUL, id="background"),
        pytest.param(
            RESPONSES, {"previous_response_id": "resp_1"}, Feature.STATEFUL, id="carried on"
        ),
        pytest.param(RESPONSES, {"previous_response_id": None}, None, id="not carried on"),
        pytest.param(RESPONSES, {"conversation": "conv_1"}, Feature.STATEFUL, id="conversation"),
        pytest.param(RESPONSES, {"prompt": {"id": "pmpt_1"}}, Feature.STATEFUL, id="kept prompt"),
        pytest.param(RESPONSES, {"tools": [{}]}, Feature.TOOLS, id="responses tools"),
        pytest.param(RESPONSES, {"top_logprobs": 2}, Feature.LOGPROBS, id="responses logprobs"),
        pytest.param(
            RESPONSES,
            {"text": {"format": {"type": "json_schema"}}},
            Feature.JSON_SCHEMA,
            id="responses schema",
        ),
        pytest.param(RESPONSES, {"text": {"verbosity": "low"}}, None, id="text without format"),
        pytest.param(
            RESPONSES,
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            Feature.IMAGES,
            id="responses image",
        ),
    ],
)
def test_feature_is_seen(
    client: ClientDialect, members: dict[str, object], feature: Feature | None
) -> None:
    wanted = frozenset([feature] if feature else [])
    assert client.read(body_of(client, **members)).features == wanted


def test_scoring_a_text_asks_for_no_tokens() -> None:
    assert COMPLETIONS.read(body_of(COMPLETIONS, max_tokens=0, echo=True)).model == "r"


def test_response_that_says_nothing_of_storing_is_stateful() -> None:
    assert RESPONSES.read(b'{"model":"m","input":"hi"}').features == {Feature.STATEFUL}


@pytest.mark.parametrize("client", CLIENTS.values(), ids=lambda client: client.dialect)
@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (429, "rate_limit_error"), (503, "server_error")],
)
def test_error_has_openais_shape(client: ClientDialect, status: int, kind: str) -> None:
    error = json.loads(client.error(status, "a_code", "Why.", "n"))
    assert error == {"error": {"message": "Why.", "type": kind, "param": "n", "code": "a_code"}}


@pytest.mark.parametrize("client", [CHAT, COMPLETIONS])
def test_broken_stream_ends_in_an_error_and_no_last_word(client: ClientDialect) -> None:
    event = client.stream_error("stream_broken", "It broke\noff.")
    assert event.startswith(b"data: {")
    assert event.endswith(b"}\n\n")
    assert event.count(b"\n") == 2
    assert json.loads(event[6:])["error"]["code"] == "stream_broken"


def test_broken_response_ends_in_an_error_event_both_flat_and_nested() -> None:
    name, data = RESPONSES.stream_error("stream_broken", "It broke.").split(b"\n", 1)
    assert name == b"event: error"
    event = json.loads(data.removeprefix(b"data: "))
    assert (event["type"], event["code"], event["message"]) == (
        "error",
        "stream_broken",
        "It broke.",
    )
    assert event["error"]["code"] == "stream_broken"
    assert data.endswith(b"\n\n")
