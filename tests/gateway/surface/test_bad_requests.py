"""Requests that no vendor may see: one clear error, one row, and not a byte at the vendors."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.practice.grid import Grid
from gateway.surface.protocol import Patience
from tests.gateway.surface.raw_client import GOOD, Reply, connect, get, post
from tests.house import SLOW, House
from tests.running_house import Running, running

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
EMBEDDINGS, RESPONSES = "/v1/embeddings", "/v1/responses"
OUTCOME, KEY, ROUTE = 21, 3, 12  # places in an exchange's row

PATIENCE = Patience(head_s=5, body_s=0.4, linger_s=0.4)
LIMITS = {"body_bytes": 20_000}


@pytest.fixture(scope="module")
def it() -> Iterator[Running]:
    """No test of this module may reach a vendor: that is looked at when all have run."""

    def make() -> tuple[Grid, House]:
        grid = Grid(gap_s=0.0)
        settings = {"limits": LIMITS}
        routes = {"chat": ["aurora", "borealis"], "embed": ["aurora.embed"]}
        return grid, House(grid, routes, settings=settings, patience=PATIENCE, deadlines=SLOW)

    with running(make) as found:
        yield found
        for vendor in found.grid.stations:
            assert found.grid.received_bytes(vendor) == 0
            assert found.grid.accepted(vendor) == 0


async def exchange(it: Running, sent: bytes) -> tuple[Reply, list[list[Any]]]:
    """The reply to some bytes, and the rows that they made."""
    before = len(await asyncio.to_thread(it.rows))
    async with connect(it.house) as raw:
        reply = await raw.send(sent).reply()
    return reply, (await asyncio.to_thread(it.rows))[before:]


def message(**more: object) -> dict[str, object]:
    return {"model": "chat", "messages": [{"role": "user", "content": "Hello."}], **more}


def wrong(**more: object) -> bytes:
    """A chat request with members that are wrong."""
    return json.dumps(message(**more)).encode()


def other(**members: object) -> bytes:
    """A request of another dialect, `model` given or not."""
    return json.dumps(members).encode()


BAD = [
    pytest.param(CHAT, b"", "the body", None, id="empty"),
    pytest.param(CHAT, b"hello", "not JSON", None, id="no json"),
    pytest.param(CHAT, GOOD[:-1], "not JSON", None, id="json cut short"),
    pytest.param(CHAT, GOOD + b"}", "not JSON", None, id="something behind the object"),
    pytest.param(CHAT, b"[" + GOOD + b"]", "object", None, id="a list"),
    pytest.param(CHAT, b'"chat"', "object", None, id="a string"),
    pytest.param(CHAT, b"null", "object", None, id="null"),
    pytest.param(CHAT, GOOD.replace(b"chat", b"ch\xffat"), "UTF-8", None, id="bad utf-8"),
    pytest.param(CHAT, GOOD.replace(b"Hello", b"\xed\xa0\x80"), "UTF-8", None, id="surrogate"),
    pytest.param(CHAT, b"\xef\xbb\xbf" + GOOD, "JSON", None, id="byte order mark"),
    pytest.param(CHAT, GOOD.decode().encode("utf-16"), "UTF-8", None, id="utf-16"),
    pytest.param(
        CHAT, GOOD[:-1] + b',"model":"other"}', "twice", "model", id="duplicate key",
    ),
    pytest.param(
        CHAT, GOOD[:-1] + b',"mod\\u0065l":"other"}', "twice", "model", id="duplicate, escaped"
    ),
    pytest.param(
        CHAT, b'{"\\u006dodel":"other",' + GOOD[1:], "twice", "model", id="duplicate, escaped first"
    ),
    pytest.param(
        CHAT, GOOD[:-1] + b',"x":' + b"[" * 80 + b"]" * 80 + b"}", "levels", None, id="too deep"
    ),
    pytest.param(
        CHAT, GOOD[:-1] + b',"x":' + b'{"a":' * 1_500 + b"1" + b"}" * 1_500 + b"}",
        None, None, id="far too deep",
    ),
    pytest.param(
        CHAT, json.dumps(message(**{f"k{n}": 1 for n in range(300)})).encode(),
        "members", None, id="too many members",
    ),
    pytest.param(CHAT, other(messages=[1]), "missing", "model", id="no model"),
    pytest.param(CHAT, wrong(model=None), "model", "model", id="model null"),
    pytest.param(CHAT, wrong(model=7), "string", "model", id="model a number"),
    pytest.param(CHAT, wrong(model=""), "characters", "model", id="model empty"),
    pytest.param(CHAT, wrong(model="m" * 300), "characters", "model", id="model too long"),
    pytest.param(CHAT, other(model="chat"), "missing", "messages", id="no messages"),
    pytest.param(CHAT, wrong(messages=[]), "empty", "messages", id="messages empty"),
    pytest.param(CHAT, wrong(messages="hi"), "list", "messages", id="messages a string"),
    pytest.param(CHAT, wrong(stream="yes"), "boolean", "stream", id="stream a string"),
    pytest.param(CHAT, wrong(stream=1), "boolean", "stream", id="stream a number"),
    pytest.param(CHAT, wrong(tools={}), "list", "tools", id="tools an object"),
    pytest.param(CHAT, wrong(n=0), "at least", "n", id="n zero"),
    pytest.param(CHAT, wrong(n="2"), "whole number", "n", id="n a string"),
    pytest.param(CHAT, wrong(n=1.5), "whole number", "n", id="n a fraction"),
    pytest.param(CHAT, wrong(max_tokens=-1), "at least", "max_tokens", id="max_tokens negative"),
    pytest.param(
        CHAT, wrong(response_format="json"), "object", "response_format", id="format a string"
    ),
    pytest.param(
        CHAT, wrong(response_format={}), "type", "response_format.type", id="format without type"
    ),
    pytest.param(
        CHAT, wrong(stream_options={"include_usage": True}), "stream", "stream_options",
        id="usage of no stream",
    ),
    pytest.param(
        CHAT, wrong(stream=True, stream_options={"include_usage": "y"}), "boolean",
        "include_usage", id="usage a string",
    ),
    pytest.param(COMPLETIONS, other(model="chat"), "missing", "prompt", id="no prompt"),
    pytest.param(COMPLETIONS, other(prompt="x"), "missing", "model", id="prompt without model"),
    pytest.param(EMBEDDINGS, other(model="embed"), "missing", "input", id="no input"),
    pytest.param(
        EMBEDDINGS, other(model="embed", input=3), "string or a list", "input", id="input a number"
    ),
    pytest.param(
        EMBEDDINGS, other(model="embed", input="x", stream=True), "stream", "stream",
        id="embeddings streamed",
    ),
    pytest.param(RESPONSES, other(model="chat", store=False), "missing", "input", id="responses"),
    pytest.param(
        RESPONSES, other(model="chat", store="no", input="x"), "boolean", "store", id="store"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "says", "param"), BAD)
async def test_bad_request_is_a_clear_400(
    it: Running, path: str, body: bytes, says: str | None, param: str | None
) -> None:
    reply, rows = await exchange(it, post(it.house, body, path=path))
    assert (reply.status, reply.error["code"]) == (400, "invalid_request")
    assert reply.error["type"] == "invalid_request_error"
    assert reply.error["param"] == param
    assert says is None or says in reply.error["message"], reply.error["message"]
    assert reply.headers["x-should-retry"] == "false"
    assert_one_refusal(it, reply, rows, "invalid_request")


def assert_one_refusal(it: Running, reply: Reply, rows: list[list[Any]], outcome: str) -> None:
    assert [(row[0], row[OUTCOME], row[KEY]) for row in rows] == [("x1", outcome, it.house.key_id)]
    assert rows[0][1] == reply.headers["x-switchgear-request-id"]


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS, EMBEDDINGS, RESPONSES])
async def test_unknown_model_is_a_404(it: Running, path: str) -> None:
    body = {"model": "nobody", "messages": [1], "prompt": "x", "input": "x", "store": False}
    reply, rows = await exchange(it, post(it.house, json.dumps(body).encode(), path=path))
    assert (reply.status, reply.error["code"]) == (404, "unknown_model")
    assert_one_refusal(it, reply, rows, "unknown_model")
    assert rows[0][ROUTE] == ""  # a client's text is no name of ours


async def test_body_over_the_limit_is_a_413(it: Running) -> None:
    reply, rows = await exchange(it, post(it.house, b"x" * 30_000))
    assert (reply.status, reply.error["code"]) == (413, "request_too_large")
    assert_one_refusal(it, reply, rows, "request_too_large")


async def test_body_over_the_limit_is_refused_before_it_is_whole(it: Running) -> None:
    head = post(it.house, b"").replace(b"content-length: 0", b"content-length: 900000000")
    reply, rows = await exchange(it, head + b"x" * 30_000)
    assert reply.status == 413
    assert_one_refusal(it, reply, rows, "request_too_large")


async def test_chunked_body_without_end_is_bounded(it: Running) -> None:
    head = post(it.house, b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    reply, rows = await exchange(it, head + (b"1000\r\n" + b"x" * 4096 + b"\r\n") * 8)
    assert reply.status == 413
    assert_one_refusal(it, reply, rows, "request_too_large")


async def test_client_that_goes_on_sending_after_a_413_is_closed(it: Running) -> None:
    head = post(it.house, b"").replace(b"content-length: 0", b"content-length: 900000000")
    async with connect(it.house) as raw:
        assert (await raw.send(head + b"x" * 30_000).reply()).status == 413
        async with asyncio.timeout(3):
            while not raw.reader.at_eof():
                raw.send(b"x" * 1000)
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate", "x-gzip, identity"])
async def test_encoded_body_is_a_415(it: Running, encoding: str) -> None:
    sent = post(it.house, gzip.compress(GOOD), f"content-encoding: {encoding}")
    reply, rows = await exchange(it, sent)
    assert (reply.status, reply.error["code"]) == (415, "encoded_body")
    assert_one_refusal(it, reply, rows, "encoded_body")


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(["x-switchgear-class: nonsense"], id="unknown class"),
        pytest.param(["x-switchgear-class: internal"] * 2, id="class twice"),
        pytest.param(["x-switchgear-subjects: mars"], id="unknown zone"),
        pytest.param(["x-switchgear-tags: " + "a," * 40 + "b"], id="too many tags"),
    ],
)
async def test_bad_label_is_a_400(it: Running, fields: list[str]) -> None:
    reply, rows = await exchange(it, post(it.house, GOOD, *fields))
    assert (reply.status, reply.error["code"]) == (400, "invalid_request")
    assert_one_refusal(it, reply, rows, "invalid_request")


async def test_client_that_leaves_within_its_body_has_one_row(it: Running) -> None:
    before = len(await asyncio.to_thread(it.rows))
    async with connect(it.house) as raw:
        raw.send(post(it.house, GOOD)[:-20])
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.05)
    rows = (await asyncio.to_thread(it.rows))[before:]
    assert [(row[0], row[OUTCOME]) for row in rows] == [("x1", "caller_gone")]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(0, id="nothing of it"),
        pytest.param(20, id="a part of it"),
    ],
)
async def test_body_that_stops_is_a_408(it: Running, sent: int) -> None:
    head = post(it.house, GOOD)[: -len(GOOD)]
    reply, rows = await exchange(it, head + GOOD[:sent])
    assert (reply.status, reply.error["code"]) == (408, "request_timeout")
    assert_one_refusal(it, reply, rows, "request_timeout")


async def test_slow_body_that_goes_on_is_read(it: Running) -> None:
    """The deadline is between two reads; the body as a whole may take longer."""
    body = GOOD[:-1] + b',"model":"x"}'
    head = post(it.house, body)[: -len(body)]
    async with connect(it.house) as raw:
        raw.send(head)
        for at in range(0, len(body), 20):
            await asyncio.sleep(0.15)
            raw.send(body[at : at + 20])
        assert (await raw.reply()).status == 400


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", [CHAT, COMPLETIONS, EMBEDDINGS, RESPONSES])
async def test_wrong_method_is_a_405(it: Running, path: str, method: str) -> None:
    reply, rows = await exchange(it, get(path, method=method))
    assert reply.status == 405
    assert reply.headers["allow"] == "POST"
    assert reply.error["code"] == "wrong_method"
    assert not rows


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/chat"])
async def test_models_take_get_alone(it: Running, path: str) -> None:
    reply, _ = await exchange(it, post(it.house, b"{}", path=path))
    assert (reply.status, reply.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        ("/v1/responses/resp_1", "store=false"),
        ("/v1/conversations", "conversations"),
        ("/v1/assistants", "assistants"),
        ("/v1/threads/x/runs", "threads"),
        ("/v1/audio/speech", "audio"),
        ("/v1/images/generations", "images"),
        ("/v1/files", "files"),
        ("/v1/batches", "batches"),
        ("/v1/moderations", "moderations"),
        ("/v1/fine_tuning/jobs", "fine-tuning"),
        ("/v1/rerank", "rerank"),
    ],
)
async def test_known_path_that_is_not_served_is_a_501(it: Running, path: str, missing: str) -> None:
    reply, rows = await exchange(it, post(it.house, b"{}", path=path))
    assert (reply.status, reply.error["code"]) == (501, "not_served")
    assert missing in reply.error["message"]
    assert reply.headers["x-should-retry"] == "false"
    assert not rows


@pytest.mark.parametrize(
    "path", ["/v1/messages", "/v1/messages/count_tokens", "/v1/messages/batches", "/v1/complete"]
)
async def test_anthropic_client_is_told_in_its_own_shape(it: Running, path: str) -> None:
    reply, _ = await exchange(it, post(it.house, b"{}", "anthropic-version: 2023-06-01", path=path))
    assert reply.status == 501
    document = json.loads(reply.body)
    assert document["type"] == "error"
    assert document["error"]["type"] == "api_error"
    assert document["error"]["details"] == {"error_code": "not_served"}
    assert "Anthropic" in document["error"]["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v2/chat/completions",
        "/chat/completions",
        "//v1/chat/completions",
        "/v1/../metrics",
        "/v1/chat/completionsx",
        "/v1/CHAT/completions",
        "/favicon.ico",
        "/docs",
        "/openapi.json",
    ],
)
async def test_unknown_path_is_a_404(it: Running, path: str) -> None:
    reply, rows = await exchange(it, get(path))
    assert (reply.status, reply.error["code"]) == (404, "unknown_path")
    assert not rows


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/livez", "/readyz", "/admin/status", "/admin/supply", "/admin/reload", "/admin"],
)
async def test_admin_plane_is_not_on_the_data_port(it: Running, path: str) -> None:
    key = f"authorization: Bearer {it.house.admin_key}"
    for method in ("GET", "POST"):
        reply, _ = await exchange(it, get(path, key, method=method))
        assert (reply.status, reply.error["code"]) == (404, "unknown_path")


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param([], id="no key"),
        pytest.param(["authorization: Bearer sg_" + "x" * 40], id="wrong key"),
        pytest.param(["authorization: "], id="empty"),
        pytest.param(["authorization: Bearer"], id="scheme alone"),
        pytest.param(["authorization: Basic {key}"], id="another scheme"),
        pytest.param(["authorization: {key}"], id="no scheme"),
        pytest.param(["authorization: Bearer  {key}"], id="two spaces"),
        pytest.param(["authorization: Bearer {key}x"], id="key and more"),
        pytest.param(["x-api-key: {key}"], id="another header"),
        pytest.param(["authorization: Bearer {key}"] * 2, id="two headers"),
        pytest.param(["authorization: Bearer {key}", "authorization: Bearer x"], id="two keys"),
        pytest.param(["authorization: Bearer ' OR 1=1 --"], id="sql"),
        pytest.param(["authorization: Bearer {admin}"], id="the admin key"),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", CHAT), ("GET", "/v1/models")])
async def test_stranger_is_a_401_and_leaves_no_row(
    it: Running, authorization: list[str], method: str, path: str
) -> None:
    fields = [field.format(key=it.house.key, admin=it.house.admin_key) for field in authorization]
    reply, rows = await exchange(it, get(path, *fields, "content-length: 0", method=method))
    assert (reply.status, reply.error["code"]) == (401, "bad_key")
    assert reply.headers["x-should-retry"] == "false"
    assert it.house.key not in reply.body.decode()
    assert not rows


async def test_query_names_no_other_place(it: Running) -> None:
    """A destination is never the client's to name: not in the query, a header or the body."""
    body = wrong(model="nobody", api_base="http://127.0.0.1:1", base_url="http://127.0.0.1:1")
    fields = ("x-forwarded-host: vendor", "x-base-url: http://127.0.0.1:1", "openai-base: x")
    reply, _ = await exchange(
        it, post(it.house, body, *fields, path=CHAT + "?api_base=http://127.0.0.1:1")
    )
    assert reply.status == 404
