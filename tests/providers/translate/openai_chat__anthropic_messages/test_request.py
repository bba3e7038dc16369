import json
from typing import cast

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw

from providers.contract import Feature, Outgoing, Pair, Target
from providers.errors import UnsupportedRequestError
from providers.translate.openai_chat__anthropic_messages import ChatOverMessages
from tests.chat_request import chat_request

PAIR: Pair = ChatOverMessages()
TARGET = Target(model="upstream-model", max_output_tokens=4096)
HI = {"role": "user", "content": "Hi"}
TOOL = {"type": "function", "function": {"name": "get"}}
Json = dict[str, object]


def render(target: Target = TARGET, /, **members: object) -> Outgoing:
    body = {"model": "m", "messages": [HI], "max_tokens": 9, **members}
    return PAIR.request(chat_request(json.dumps(body, ensure_ascii=False).encode()), target)


def body_of(outgoing: Outgoing) -> Json:
    body: Json = msgspec.json.decode(outgoing.body)
    return body


def extra(outgoing: Outgoing) -> Json:
    """The body without what every body of these tests has."""
    plain = {"model": "upstream-model", "messages": [said("user", text("Hi"))], "max_tokens": 9}
    return {name: value for name, value in body_of(outgoing).items() if plain.get(name) != value}


def said(role: str, *blocks: Json) -> Json:
    return {"role": role, "content": list(blocks)}


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def call(call_id: str, arguments: str = "{}") -> Json:
    function = {"name": "get", "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param({"temperature": 1.7}, {"temperature": 1.7}, id="temperature above 1"),
        pytest.param({"top_p": 0.5, "top_k": 3}, {"top_p": 0.5, "top_k": 3}, id="top_p, top_k"),
        pytest.param({"stop": "a"}, {"stop_sequences": ["a"]}, id="one stop"),
        pytest.param({"stop": ["a", "b"]}, {"stop_sequences": ["a", "b"]}, id="stops"),
        pytest.param({"max_tokens": 5}, {"max_tokens": 5}, id="max_tokens"),
        pytest.param(
            {"max_tokens": None, "max_completion_tokens": 5},
            {"max_tokens": 5},
            id="max_completion_tokens",
        ),
        pytest.param({"stream": True}, {"stream": True}, id="stream"),
        pytest.param({"stream": False}, {}, id="no stream"),
        pytest.param({"user": "u"}, {"metadata": {"user_id": "u"}}, id="user"),
        pytest.param(
            {"metadata": {"user_id": "u"}}, {"metadata": {"user_id": "u"}}, id="metadata.user_id"
        ),
        pytest.param(
            {"reasoning_effort": "xhigh"}, {"output_config": {"effort": "xhigh"}}, id="effort"
        ),
        pytest.param({"thinking": {"type": "x"}}, {"thinking": {"type": "x"}}, id="thinking"),
        pytest.param({"response_format": {"type": "text"}}, {}, id="plain text"),
        pytest.param({"tools": []}, {}, id="no tools"),
        pytest.param({"tool_choice": "auto"}, {}, id="a choice of nothing"),
        pytest.param({"parallel_tool_calls": False}, {}, id="serial calls of nothing"),
        pytest.param(
            {"stream_options": {"include_usage": True, "include_obfuscation": None}},
            {},
            id="include_usage is ours to keep",
        ),
        pytest.param(
            dict.fromkeys(("temperature", "stop", "tools", "user", "seed", "n", "x"), None),
            {},
            id="null is absent",
        ),
        pytest.param(
            {
                "n": 1,
                "logprobs": False,
                "top_logprobs": 0,
                "logit_bias": {},
                "modalities": ["text"],
                "presence_penalty": 0,
                "frequency_penalty": 0.0,
                "store": False,
            },
            {},
            id="defaults say nothing",
        ),
    ],
)
def test_a_field_goes_by_the_vendors_name(members: Json, expected: Json) -> None:
    outgoing = render(**members)

    assert extra(outgoing) == expected
    assert (outgoing.dropped, outgoing.added) == ((), ())


@pytest.mark.parametrize(
    ("members", "dropped"),
    [
        pytest.param({"seed": 1, "verbosity": "low"}, ("seed", "verbosity"), id="no counterpart"),
        pytest.param({"inference_geo": "us"}, ("inference_geo",), id="unknown"),
        pytest.param({"presence_penalty": 0.1}, ("presence_penalty",), id="penalty"),
        pytest.param({"store": True}, ("store",), id="store"),
        pytest.param({"reasoning_effort": "minimal"}, ("reasoning_effort",), id="effort"),
        pytest.param({"max_completion_tokens": 9, "max_tokens": 4}, ("max_tokens",), id="both"),
        pytest.param({"max_tokens": 4, "max_completion_tokens": 9}, ("max_tokens",), id="both too"),
        pytest.param(
            {"stream_options": {"include_obfuscation": False}},
            ("stream_options.include_obfuscation",),
            id="stream option",
        ),
        pytest.param({"a\r\nb: c": 1, "x" * 65: 1}, ("unprintable",), id="no header's name"),
        pytest.param({f"x{n}": 1 for n in range(50)}, tuple(f"x{n}" for n in range(32)), id="many"),
    ],
)
def test_a_harmless_field_is_dropped_and_reported(members: Json, dropped: tuple[str, ...]) -> None:
    outgoing = render(**members)

    assert outgoing.dropped == dropped
    assert extra(outgoing) == {}


@pytest.mark.parametrize(
    ("members", "user", "dropped"),
    [
        pytest.param({"user": "u", "safety_identifier": "s"}, "s", ("user",), id="later"),
        pytest.param({"safety_identifier": "s", "user": "u"}, "s", ("user",), id="earlier"),
        pytest.param(
            {"metadata": {"user_id": "m", "team": "t"}, "user": "u"},
            "u",
            ("metadata.team", "metadata"),
            id="tags",
        ),
    ],
)
def test_the_newest_name_of_the_end_user_wins(
    members: Json, user: str, dropped: tuple[str, ...]
) -> None:
    outgoing = render(**members)

    assert extra(outgoing) == {"metadata": {"user_id": user}}
    assert outgoing.dropped == dropped


def image(url: object) -> Json:
    return {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": url}]}]}


def message(**members: object) -> Json:
    return {"messages": [{"role": "user", "content": "Hi"}, members]}


SCHEMA = {"type": "json_schema", "json_schema": {"name": "x"}}


@pytest.mark.parametrize(
    ("members", "field"),
    [
        pytest.param({"n": 2}, "n", id="n"),
        pytest.param({"logprobs": True}, "logprobs", id="logprobs"),
        pytest.param({"logit_bias": {"1": -100}}, "logit_bias", id="logit_bias"),
        pytest.param({"modalities": ["text", "audio"]}, "modalities", id="modalities"),
        pytest.param({"audio": {"voice": "x"}}, "audio", id="audio"),
        pytest.param({"functions": []}, "functions", id="functions"),
        pytest.param({"guided_json": {"type": "x" * 80}}, "guided_json", id="guided_json"),
        pytest.param(
            {"response_format": {"type": "json_object"}}, "response_format.type", id="json_object"
        ),
        pytest.param({"response_format": "json"}, "response_format", id="format as a string"),
        pytest.param(
            {"response_format": SCHEMA}, "response_format.json_schema.schema", id="no schema"
        ),
        pytest.param({"reasoning_effort": 3}, "reasoning_effort", id="effort as a number"),
        pytest.param({"parallel_tool_calls": "no"}, "parallel_tool_calls", id="flag as a string"),
        pytest.param({"tools": {}}, "tools", id="tools as an object"),
        pytest.param({"tools": [{"type": "custom"}]}, "tools[0].type", id="custom tool"),
        pytest.param({"tools": [{"type": "function"}]}, "tools[0].function", id="no function"),
        pytest.param(
            {"tools": [TOOL, {"function": {}}]}, "tools[1].function.name", id="no tool name"
        ),
        pytest.param({"tools": [TOOL], "tool_choice": "any"}, "tool_choice", id="choice"),
        pytest.param({"tool_choice": "required"}, "tool_choice", id="required without tools"),
        pytest.param(
            {"tool_choice": {"type": "allowed_tools"}}, "tool_choice.type", id="allowed_tools"
        ),
        pytest.param({"messages": None}, "messages", id="no messages"),
        pytest.param({"messages": []}, "messages", id="empty messages"),
        pytest.param({"messages": "Hi"}, "messages", id="messages as a string"),
        pytest.param(
            {"messages": [{"role": "system", "content": "Hi"}]}, "messages", id="system alone"
        ),
        pytest.param({"messages": [{"content": "Hi"}]}, "messages[0].role", id="no role"),
        pytest.param(message(role="function", content="x"), "messages[1].role", id="function role"),
        pytest.param(message(role="user", content=3), "messages[1].content", id="number"),
        pytest.param(message(role="user", content=[1]), "messages[1].content", id="numbers"),
        pytest.param(
            message(role="user", content=[{"type": "input_audio"}]),
            "messages[1].content[0].type",
            id="audio part",
        ),
        pytest.param(
            message(role="system", content=[{"type": "image_url"}]),
            "messages[1].content[0].type",
            id="image in a system message",
        ),
        pytest.param(
            message(role="user", content=[{"type": "text"}]),
            "messages[1].content[0].text",
            id="text part without text",
        ),
        pytest.param(
            message(role="assistant", audio={"id": "a"}), "messages[1].audio", id="spoken turn"
        ),
        pytest.param(
            message(role="assistant", function_call={"name": "x"}),
            "messages[1].function_call",
            id="function_call",
        ),
        pytest.param(
            message(role="assistant", tool_calls=[{"type": "custom"}]),
            "messages[1].tool_calls[0].type",
            id="custom call",
        ),
        pytest.param(
            message(role="assistant", tool_calls=[{"function": {"name": "x"}}]),
            "messages[1].tool_calls[0].id",
            id="call without id",
        ),
        pytest.param(
            message(role="assistant", tool_calls=[{"id": "a", "function": {"name": "x"}}]),
            "messages[1].tool_calls[0].function.arguments",
            id="call without arguments",
        ),
        pytest.param(message(role="tool", content="x"), "messages[1].tool_call_id", id="no id"),
        pytest.param(image("x"), "messages[0].content[0].image_url", id="image as a string"),
        pytest.param(image({}), "messages[0].content[0].image_url.url", id="no url"),
        pytest.param(
            image({"url": "http://a/b"}), "messages[0].content[0].image_url.url", id="http"
        ),
        pytest.param(
            image({"url": "data:text/plain,a"}),
            "messages[0].content[0].image_url.url",
            id="data without base64",
        ),
        pytest.param(
            image({"url": "file:///etc/passwd"}),
            "messages[0].content[0].image_url.url",
            id="file",
        ),
    ],
)
def test_what_cannot_go_is_refused_by_its_place(members: Json, field: str) -> None:
    with pytest.raises(UnsupportedRequestError) as refusal:
        render(**members)

    assert refusal.value.field == field
    assert str(refusal.value).startswith(f"{field}: ")


def test_a_missing_maximum_comes_from_the_catalogue_and_is_reported() -> None:
    outgoing = render(max_tokens=None)

    assert body_of(outgoing)["max_tokens"] == 4096
    assert outgoing.added == ("max_tokens",)


def test_without_any_maximum_the_request_is_refused() -> None:
    with pytest.raises(UnsupportedRequestError) as refusal:
        render(Target(model="x"), max_tokens=None)

    assert refusal.value.field == "max_tokens"


def test_a_field_that_says_where_inference_runs_is_refused() -> None:
    target = Target(model="x", reserved_fields=frozenset({"inference_geo"}))

    with pytest.raises(UnsupportedRequestError) as refusal:
        render(target, inference_geo="global")

    assert refusal.value.field == "inference_geo"


SET = Target(model="x", inject={"inference_geo": Raw(b'"us"'), "temperature": Raw(b"1")})


def test_what_the_deployment_sets_is_reported_unless_it_was_asked_for() -> None:
    outgoing = render(SET, temperature=1)

    assert body_of(outgoing)["inference_geo"] == "us"
    assert body_of(outgoing)["temperature"] == 1
    assert outgoing.added == ("inference_geo",)


def test_a_client_that_asks_for_another_value_is_not_overruled() -> None:
    with pytest.raises(UnsupportedRequestError) as refusal:
        render(SET, temperature=0)

    assert refusal.value.field == "temperature"


@pytest.mark.parametrize("name", ["stop", "stop_sequences"])
def test_a_deployment_drops_fields_by_either_sides_name(name: str) -> None:
    outgoing = render(
        Target(model="upstream-model", drop_fields=frozenset({name, "messages_"})), stop="a"
    )

    assert extra(outgoing) == {}
    assert outgoing.dropped == (name,)


def test_what_the_vendor_demands_is_not_dropped() -> None:
    outgoing = render(
        Target(model="x", max_output_tokens=4, drop_fields=frozenset({"max_tokens"})),
    )

    assert body_of(outgoing)["max_tokens"] == 4
    assert (outgoing.dropped, outgoing.added) == (("max_tokens",), ("max_tokens",))


def test_a_deployment_renames_fields() -> None:
    outgoing = render(
        Target(model="upstream-model", rename_fields={"stop_sequences": "ends"}), stop="a"
    )

    assert extra(outgoing) == {"ends": ["a"]}
    assert (outgoing.dropped, outgoing.added) == (("stop_sequences",), ("ends",))


@pytest.mark.parametrize(
    ("members", "choice"),
    [
        pytest.param({}, None, id="none given"),
        pytest.param({"tool_choice": "auto"}, {"type": "auto"}, id="auto"),
        pytest.param({"tool_choice": "none"}, {"type": "none"}, id="none"),
        pytest.param({"tool_choice": "required"}, {"type": "any"}, id="required"),
        pytest.param({"tool_choice": TOOL}, {"type": "tool", "name": "get"}, id="named"),
        pytest.param(
            {"parallel_tool_calls": False},
            {"type": "auto", "disable_parallel_tool_use": True},
            id="serial",
        ),
        pytest.param(
            {"parallel_tool_calls": False, "tool_choice": "required"},
            {"type": "any", "disable_parallel_tool_use": True},
            id="serial and required",
        ),
        pytest.param(
            {"parallel_tool_calls": False, "tool_choice": "none"}, {"type": "none"}, id="no calls"
        ),
        pytest.param({"parallel_tool_calls": True}, None, id="parallel"),
    ],
)
def test_the_choice_of_tools(members: Json, choice: Json | None) -> None:
    assert body_of(render(tools=[TOOL], **members)).get("tool_choice") == choice


def test_a_tool_keeps_its_schema_and_markers() -> None:
    function = {
        "name": "get",
        "description": "Gets.",
        "parameters": {"type": "object"},
        "strict": True,
    }
    tool = {"type": "function", "function": function, "cache_control": {"type": "ephemeral"}}

    assert body_of(render(tools=[tool]))["tools"] == [
        {
            "name": "get",
            "description": "Gets.",
            "strict": True,
            "input_schema": {"type": "object"},
            "cache_control": {"type": "ephemeral"},
        }
    ]


@pytest.mark.parametrize(
    ("messages", "turns", "dropped"),
    [
        pytest.param(
            [HI, HI], [said("user", text("Hi"), text("Hi"))], (), id="turns of one role are joined"
        ),
        pytest.param(
            [{"role": "user", "content": ""}, HI],
            [said("user", text("Hi"))],
            ("messages.empty",),
            id="an empty turn is left out",
        ),
        pytest.param(
            [{"role": "user", "content": [text(""), text("Hi")], "name": "Ada"}],
            [said("user", text("Hi"))],
            ("messages.name",),
            id="an empty text is left out",
        ),
        pytest.param(
            [{"role": "user", "content": [{**text("Hi"), "annotations": []}]}],
            [said("user", text("Hi"))],
            ("messages.content.annotations",),
            id="an unknown member of a part",
        ),
        pytest.param(
            [HI, {"role": "assistant", "content": "Yes", "tool_calls": None, "refusal": None}],
            [said("user", text("Hi")), said("assistant", text("Yes"))],
            (),
            id="nulls say nothing",
        ),
        pytest.param(
            [HI, {"role": "assistant", "content": None, "refusal": "No"}],
            [said("user", text("Hi")), said("assistant", text("No"))],
            (),
            id="a refusal is what was said",
        ),
    ],
)
def test_turns(messages: list[Json], turns: list[Json], dropped: tuple[str, ...]) -> None:
    outgoing = render(messages=messages)

    assert body_of(outgoing)["messages"] == turns
    assert outgoing.dropped == dropped


def test_a_late_system_message_moves_to_the_front_and_is_reported() -> None:
    first, late = {"role": "system", "content": "A"}, {"role": "developer", "content": "B"}

    outgoing = render(messages=[first, HI, late])

    assert body_of(outgoing)["system"] == [text("A"), text("B")]
    assert outgoing.dropped == ("messages.system_position",)


@pytest.mark.parametrize(
    ("url", "source"),
    [
        pytest.param(
            '"data:image/png;base64,aGk="',
            {"type": "base64", "media_type": "image/png", "data": "aGk="},
            id="data",
        ),
        pytest.param(
            r'"data:image\/png;base64,a\/k="',
            {"type": "base64", "media_type": "image/png", "data": "a/k="},
            id="escaped slashes",
        ),
        pytest.param(
            '"data:image/webp;charset=utf-8;base64,aGk="',
            {"type": "base64", "media_type": "image/webp", "data": "aGk="},
            id="parameters",
        ),
        pytest.param(
            '"https://a.example/b,c.png"',
            {"type": "url", "url": "https://a.example/b,c.png"},
            id="url with a comma",
        ),
    ],
)
def test_an_image_keeps_its_bytes(url: str, source: Json) -> None:
    part = b'{"type":"image_url","image_url":{"url":%b,"detail":null}}' % url.encode()
    body = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[%b]}]}' % part

    outgoing = PAIR.request(chat_request(body), TARGET)

    assert body_of(outgoing)["messages"] == [said("user", {"type": "image", "source": source})]


def test_an_images_detail_is_reported() -> None:
    outgoing = render(**image({"url": "https://a.example/b", "detail": "low"}))

    assert outgoing.dropped == ("image_url.detail",)


def history(*calls: Json) -> Json:
    results = [{"role": "tool", "tool_call_id": one["id"], "content": "ok"} for one in calls]
    return {"messages": [HI, {"role": "assistant", "tool_calls": list(calls)}, *results]}


@example(ids=["a:b", "a_b_0"])
@example(ids=["a.b", "a:b"])
@given(ids=st.lists(st.text(max_size=6), min_size=1, max_size=6, unique=True))
def test_call_ids_stay_distinct_and_match_their_results(ids: list[str]) -> None:
    outgoing = render(**history(*(call(one) for one in ids)))

    _, assistant, user = cast("list[Json]", body_of(outgoing)["messages"])
    used = [block["id"] for block in cast("list[Json]", assistant["content"])]
    answered = [block["tool_use_id"] for block in cast("list[Json]", user["content"])]
    assert used == answered
    assert len(set(used)) == len(ids)
    assert all(isinstance(one, str) and one.isascii() and one for one in used)


@pytest.mark.parametrize(
    ("arguments", "expected", "dropped"),
    [
        pytest.param('{"a": [1.0]}', {"a": [1.0]}, (), id="object"),
        pytest.param("", {}, (), id="empty"),
        pytest.param('{"a"', {"INVALID_JSON": '{"a"'}, ("tool_calls.arguments",), id="broken"),
        pytest.param("[1]", {"INVALID_JSON": "[1]"}, ("tool_calls.arguments",), id="no object"),
    ],
)
def test_arguments_of_earlier_calls(arguments: str, expected: Json, dropped: object) -> None:
    outgoing = render(**history(call("a", arguments)))

    _, assistant, _ = cast("list[Json]", body_of(outgoing)["messages"])
    (block,) = cast("list[Json]", assistant["content"])
    assert block["input"] == expected
    assert outgoing.dropped == dropped


def test_unknown_members_of_a_call_are_reported() -> None:
    outgoing = render(**history({**call("a"), "extra_content": {}, "index": 0}))

    assert outgoing.dropped == ("tool_calls.extra_content",)


@given(words=st.text(min_size=1), is_escaped=st.booleans())
def test_texts_arrive_character_for_character(words: str, is_escaped: bool) -> None:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": words}]}
    client = json.dumps(body, ensure_ascii=is_escaped).encode()

    outgoing = PAIR.request(chat_request(client), TARGET)

    assert body_of(outgoing)["messages"] == [said("user", text(words))]
    assert json.dumps(words, ensure_ascii=is_escaped).encode() in outgoing.body


def test_a_schema_goes_into_output_config() -> None:
    schema = {"type": "object"}
    wanted = {"name": "x", "strict": True, "schema": schema, "description": "d"}

    outgoing = render(
        response_format={"type": "json_schema", "json_schema": wanted}, reasoning_effort="low"
    )

    assert extra(outgoing) == {
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": schema}}
    }
    assert outgoing.dropped == ("response_format.json_schema.description",)


def test_it_says_what_it_lacks() -> None:
    assert PAIR.lacks == {
        Feature.MULTIPLE_CHOICES,
        Feature.LOGPROBS,
        Feature.JSON_MODE,
        Feature.STATEFUL,
    }


def test_the_clients_request_is_left_as_it_was() -> None:
    request = chat_request(b'{"model":"m","messages":[{"role":"user","content":"Hi"}]}')
    before = dict(request.members)

    first = PAIR.request(request, TARGET)
    second = PAIR.request(request, TARGET)

    assert first == second
    assert request.members == before
