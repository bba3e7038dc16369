"""What was asked is what is sent; what is left out, renamed or added is told."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from providers.contract import Dialect, Feature, Target
from providers.dialects.clients import CLIENTS
from providers.errors import UnsupportedRequestError
from providers.translate.identity import IDENTITIES
from tests.providers.translate.answers import request_for

CHAT = Dialect.OPENAI_CHAT
PAIR = IDENTITIES[CHAT]
TARGET = Target(model="served")


def test_values_go_out_byte_for_byte_in_their_order() -> None:
    body = (
        b'{ "z" : 1.10 , "model":"route" ,"messages":[ {"a" :"\\u00e9\xc3\xa9"} ], "b":1e400,'
        b' "c":null }'
    )
    outgoing = PAIR.request(CLIENTS[CHAT].read(body), TARGET)
    assert outgoing == (
        b'{"z":1.10,"model":"served","messages":[ {"a" :"\\u00e9\xc3\xa9"} ],"b":1e400,"c":null}',
        (),
        (),
    )


@pytest.mark.parametrize(
    ("members", "options"),
    [
        pytest.param({}, {"include_usage": True}, id="absent"),
        pytest.param({"stream_options": None}, {"include_usage": True}, id="null"),
        pytest.param({"stream_options": {}}, {"include_usage": True}, id="empty"),
        pytest.param(
            {"stream_options": {"include_usage": False, "x": 1}},
            {"include_usage": True, "x": 1},
            id="declined",
        ),
    ],
)
@pytest.mark.parametrize("dialect", [CHAT, Dialect.OPENAI_COMPLETIONS])
def test_usage_is_asked_for_where_the_client_did_not(
    dialect: Dialect, members: dict[str, object], options: dict[str, object]
) -> None:
    request = request_for(dialect, stream=True, **members)
    outgoing = IDENTITIES[dialect].request(request, TARGET)
    assert json.loads(outgoing.body)["stream_options"] == options
    assert outgoing.added == ("stream_options.include_usage",)


@pytest.mark.parametrize(
    ("members", "asks_usage"),
    [
        pytest.param({}, True, id="no stream"),
        pytest.param({"stream": True}, False, id="vendor takes no options"),
        pytest.param({"stream": True, "stream_options": {"include_usage": True}}, True, id="asked"),
    ],
)
def test_usage_is_not_asked_for_otherwise(members: dict[str, object], asks_usage: bool) -> None:
    request = request_for(CHAT, **members)
    outgoing = PAIR.request(request, Target(model="served", asks_usage=asks_usage))
    assert outgoing.added == ()
    assert json.loads(outgoing.body).get("stream_options") == members.get("stream_options")


@pytest.mark.parametrize("dialect", [Dialect.OPENAI_EMBEDDINGS, Dialect.OPENAI_RESPONSES])
def test_usage_comes_by_itself_in_other_dialects(dialect: Dialect) -> None:
    members = {} if dialect is Dialect.OPENAI_EMBEDDINGS else {"stream": True}
    outgoing = IDENTITIES[dialect].request(request_for(dialect, **members), TARGET)
    assert b"stream_options" not in outgoing.body


def test_dropped_and_renamed_fields_are_told() -> None:
    target = Target(
        model="served",
        drop_fields=frozenset({"user", "seed"}),
        rename_fields={"max_completion_tokens": "max_tokens"},
    )
    request = request_for(CHAT, user="u", max_completion_tokens=5, top_p=1)
    outgoing = PAIR.request(request, target)
    assert list(json.loads(outgoing.body)) == ["model", "messages", "max_tokens", "top_p"]
    assert outgoing.dropped == ("user", "max_completion_tokens")
    assert outgoing.added == ("max_tokens",)


def test_two_names_of_one_field_are_refused() -> None:
    target = Target(model="served", rename_fields={"max_completion_tokens": "max_tokens"})
    with pytest.raises(UnsupportedRequestError) as caught:
        PAIR.request(request_for(CHAT, max_completion_tokens=5, max_tokens=6), target)
    assert caught.value.field == "max_completion_tokens"


def test_reserved_field_of_the_client_is_refused() -> None:
    target = Target(model="served", reserved_fields=frozenset({"inference_geo"}))
    with pytest.raises(UnsupportedRequestError) as caught:
        PAIR.request(request_for(CHAT, inference_geo="us"), target)
    assert caught.value.field == "inference_geo"


def test_escaped_spelling_of_a_reserved_field_is_refused() -> None:
    target = Target(model="served", reserved_fields=frozenset({"inference_geo"}))
    body = b'{"model":"r","messages":[1],"inference\\u005fgeo":"us"}'
    with pytest.raises(UnsupportedRequestError):
        PAIR.request(CLIENTS[CHAT].read(body), target)


def test_injected_field_is_added_and_told() -> None:
    target = Target(
        model="served",
        inject={"inference_geo": Raw(b'"eu"')},
        reserved_fields=frozenset({"inference_geo"}),
    )
    outgoing = PAIR.request(request_for(CHAT), target)
    assert json.loads(outgoing.body)["inference_geo"] == "eu"
    assert outgoing.added == ("inference_geo",)


def test_injected_field_never_overrules_the_client() -> None:
    target = Target(model="served", inject={"store": Raw(b"false")})
    assert PAIR.request(request_for(CHAT, store=False), target).added == ()
    with pytest.raises(UnsupportedRequestError) as caught:
        PAIR.request(request_for(CHAT, store=True), target)
    assert caught.value.field == "store"


def test_request_is_rendered_again_for_the_next_attempt() -> None:
    request = request_for(CHAT, stream=True, user="u")
    first = PAIR.request(request, Target(model="a", drop_fields=frozenset({"user"})))
    second = PAIR.request(request, Target(model="b"))
    assert json.loads(first.body)["model"] == "a"
    assert json.loads(second.body) == {
        **json.loads(first.body),
        "model": "b",
        "user": "u",
    }
    assert request.members["model"] == Raw(b'"route"')


NAMES = st.text(max_size=8).filter(lambda name: name not in {"model", "messages", "stream"})
VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers())


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_every_unknown_member_passes_through(extra: dict[str, object]) -> None:
    known = {"n", "tools", "functions", "logprobs", "response_format", "stream_options"}
    extra = {name: value for name, value in extra.items() if name not in known}
    outgoing = PAIR.request(request_for(CHAT, **extra), TARGET)
    assert json.loads(outgoing.body) == {
        "model": "served",
        "messages": [{"role": "user", "content": "hi"}],
        **extra,
    }


@pytest.mark.parametrize("dialect", IDENTITIES)
def test_callers_own_error_goes_back_as_told(dialect: Dialect) -> None:
    pair = IDENTITIES[dialect]
    body = b'{"error":{"message":"too long","type":"x","param":"messages","code":"y"}}'
    lacks = {Feature.STATEFUL} if dialect is Dialect.OPENAI_RESPONSES else set()
    assert (pair.client, pair.upstream, pair.lacks) == (dialect, dialect, lacks)
    assert pair.error(400, body) == body
