"""Each vendor refuses a bad request as the real one does."""

import json
from typing import Any

import pytest

from gateway.practice import Grid
from tests.gateway.practice.practice_wire import Raw, chat_body, request_bytes, send

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
VENDORS = ["aurora", "borealis", "europa", "homegrid"]
FORBIDDEN = "extra_forbidden"
BAD = "invalid_request_error"
USER = {"role": "user", "content": "hello"}
SYSTEM = {"role": "system", "content": "x"}
TOOL = {"role": "tool", "content": "x"}
ASSISTANT = {"role": "assistant", "content": "x"}
USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "x"}


async def post(grid: Grid, vendor: str, path: str, body: bytes, **fields: str) -> Raw:
    station = grid[vendor]
    return (await send(station.port, request_bytes(station, path, body, **fields)))[0]


async def chat(vendor: str, change: dict[str, Any]) -> Raw:
    """A plain chat with members changed, or taken out where the change is None."""
    async with Grid() as grid:
        path, body = chat_body(grid[vendor])
        merged = {**json.loads(body), **change}
        kept = {name: value for name, value in merged.items() if value is not None}
        return await post(grid, vendor, path, json.dumps(kept).encode())


def code_of(raw: Raw) -> Any:
    """What a client would branch on, wherever the vendor puts it."""
    value = raw.json
    error = value.get("error", value)
    if "detail" in error:
        return error["detail"][0]["type"] if isinstance(error["detail"], list) else error["detail"]
    return error.get("code") or error["type"]


@pytest.mark.parametrize(
    ("vendor", "change", "status", "code"),
    [
        pytest.param(
            "aurora", {"messages": None}, 400, "missing_required_parameter", id="openai messages"
        ),
        pytest.param("borealis", {"messages": None}, 400, BAD, id="anthropic messages"),
        pytest.param("europa", {"messages": None}, 422, "missing", id="mistral messages"),
        pytest.param("homegrid", {"messages": None}, 400, 400, id="vllm messages"),
        pytest.param("aurora", {"messages": "x"}, 400, "invalid_type", id="openai type"),
        pytest.param("borealis", {"messages": "x"}, 400, BAD, id="anthropic type"),
        pytest.param("europa", {"messages": [1]}, 422, "type_error", id="mistral type"),
        pytest.param("homegrid", {"messages": []}, 400, 400, id="vllm empty"),
        pytest.param("aurora", {"model": "x"}, 404, "model_not_found", id="openai model"),
        pytest.param("borealis", {"model": "x"}, 404, "not_found_error", id="anthropic model"),
        pytest.param("europa", {"model": "x"}, 400, "1500", id="mistral model"),
        pytest.param("homegrid", {"model": "x"}, 404, 404, id="vllm model"),
        pytest.param("aurora", {"odd": 1}, 400, "unknown_parameter", id="openai extra"),
        pytest.param("borealis", {"odd": 1}, 400, BAD, id="anthropic extra"),
        pytest.param("europa", {"odd": 1}, 422, FORBIDDEN, id="mistral extra"),
        pytest.param(
            "europa",
            {"stream": True, "stream_options": {"include_usage": True}},
            422,
            FORBIDDEN,
            id="mistral include_usage",
        ),
        pytest.param("europa", {"max_completion_tokens": 5}, 422, FORBIDDEN, id="mistral max"),
        pytest.param("aurora", {"max_tokens": 0}, 400, "invalid_value", id="openai low max"),
        pytest.param("aurora", {"max_tokens": 9999}, 400, "invalid_value", id="openai high max"),
        pytest.param("aurora", {"max_tokens": "9"}, 400, "invalid_type", id="openai max type"),
        pytest.param(
            "aurora",
            {"messages": [{"role": "narrator", "content": "x"}]},
            400,
            "invalid_value",
            id="openai role",
        ),
        pytest.param(
            "aurora",
            {"messages": [USER, {"role": "tool", "tool_call_id": "c9", "content": "x"}]},
            400,
            "invalid_value",
            id="openai tool result without call",
        ),
        pytest.param(
            "aurora",
            {"messages": [{"role": "user", "content": "word " * 40_000}]},
            400,
            "context_length_exceeded",
            id="openai context",
        ),
        pytest.param(
            "homegrid",
            {"messages": [{"role": "user", "content": "word " * 40_000}], "stream": True},
            400,
            400,
            id="vllm context before the stream",
        ),
        pytest.param("aurora", {"model": "aurora-embed"}, 404, BAD, id="openai kind"),
        pytest.param("homegrid", {"model": "homegrid-embed"}, 404, "Not Found", id="vllm kind"),
        pytest.param(
            "aurora",
            {"response_format": {"type": "json_object"}},
            400,
            BAD,
            id="openai json without the word",
        ),
    ],
)
async def test_bad_chat_is_refused_in_the_vendors_words(
    vendor: str, change: dict[str, Any], status: int, code: object
) -> None:
    raw = await chat(vendor, change)
    assert (raw.status, code_of(raw)) == (status, code)


async def test_vllm_ignores_what_it_does_not_know() -> None:
    assert (await chat("homegrid", {"odd": 1})).status == 200


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"max_tokens": None}, "max_tokens: Field required", id="max_tokens"),
        pytest.param({"max_tokens": 9999}, "maximum allowed number", id="high max"),
        pytest.param({"messages": [SYSTEM]}, "top-level `system`", id="system"),
        pytest.param({"messages": [TOOL]}, "'user' or 'assistant'", id="role"),
        pytest.param({"messages": [ASSISTANT]}, "first message", id="first"),
        pytest.param({"messages": [{"role": "user"}]}, "content: Field required", id="no content"),
        pytest.param({"messages": [{"role": "user", "content": ""}]}, "non-empty", id="empty"),
        pytest.param(
            {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
            "text content blocks must be non-empty",
            id="empty block",
        ),
        pytest.param({"messages": [{**USER, "name": "me"}]}, "name: Extra inputs", id="name"),
        pytest.param(
            {"messages": [{"role": "user", "content": [RESULT]}]},
            "unexpected `tool_use_id`",
            id="result without call",
        ),
        pytest.param(
            {"messages": [USER, {"role": "assistant", "content": [USE]}, USER]},
            "without `tool_result` blocks",
            id="call without result",
        ),
        pytest.param(
            {"messages": [USER, {"role": "assistant", "content": [USE]}]},
            "without `tool_result` blocks",
            id="call at the end",
        ),
        pytest.param({"tools": [{"name": "f"}]}, "input_schema: Field required", id="schema"),
    ],
)
async def test_anthropic_refuses_what_a_translator_gets_wrong(
    change: dict[str, Any], words: str
) -> None:
    raw = await chat("borealis", change)
    assert raw.status == 400
    assert words in raw.json["error"]["message"]
    assert raw.json["request_id"] == raw.fields["request-id"]


async def test_anthropic_wants_its_version() -> None:
    async with Grid() as grid:
        path, body = chat_body(grid.borealis)
        asked = request_bytes(grid.borealis, path, body).replace(b"anthropic-version", b"x-other")
        raw = (await send(grid.borealis.port, asked))[0]
    assert (raw.status, raw.json["error"]["message"]) == (
        400,
        "anthropic-version: header is required",
    )


@pytest.mark.parametrize(
    ("vendor", "shown", "body"),
    [
        pytest.param("aurora", b"Bearer nobody", "invalid_api_key", id="openai"),
        pytest.param("borealis", b"nobody", "invalid x-api-key", id="anthropic"),
        pytest.param("europa", b"Bearer nobody", "Unauthorized", id="mistral"),
        pytest.param("homegrid", b"Bearer nobody", "Unauthorized", id="vllm"),
    ],
)
async def test_wrong_key_is_a_401(vendor: str, shown: bytes, body: str) -> None:
    async with Grid() as grid:
        station = grid[vendor]
        key = station.accounts["main"].encode()
        asked = request_bytes(station, *chat_body(station)).replace(b"Bearer " + key, shown)
        raw = (await send(station.port, asked.replace(key, shown)))[0]
        (request,) = grid.log(vendor)
    assert (raw.status, body in raw.body.decode()) == (401, True)
    assert request.account is None


async def test_key_of_another_vendor_opens_nothing() -> None:
    async with Grid() as grid:
        asked = request_bytes(grid.aurora, *chat_body(grid.europa))
        assert (await send(grid.europa.port, asked))[0].status == 401


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="no json"),
        pytest.param(b"[1]", id="no object"),
        pytest.param(b'{"a":"\xff"}', id="no utf-8"),
        pytest.param(b"[" * 100_000, id="too deep"),
    ],
)
async def test_body_that_is_no_json_object_is_refused(vendor: str, body: bytes) -> None:
    async with Grid() as grid:
        path, _ = chat_body(grid[vendor])
        assert (await post(grid, vendor, path, body)).status in (400, 422)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_unknown_path_and_wrong_method_are_refused(vendor: str) -> None:
    async with Grid() as grid:
        path, _ = chat_body(grid[vendor])
        unknown = await post(grid, vendor, "/v1/unknown", b"{}")
        wrong = await post(grid, vendor, path, b"")  # a GET
    assert (unknown.status, wrong.status) == (404, 405)


@pytest.mark.parametrize(
    ("members", "status"),
    [
        pytest.param({"input": None}, 400, id="missing"),
        pytest.param({"input": ""}, 400, id="empty"),
        pytest.param({"input": [1, 2]}, 200, id="token ids"),
        pytest.param({"input": [[1, 2], [3]]}, 200, id="lists of ids"),
        pytest.param({"input": ["x"] * 2049}, 400, id="too many"),
        pytest.param({"dimensions": 385}, 400, id="too long"),
        pytest.param({"dimensions": 8}, 200, id="shortened"),
        pytest.param({"model": "aurora-large"}, 404, id="chat model"),
    ],
)
async def test_embeddings_are_checked(members: dict[str, Any], status: int) -> None:
    body = {"model": "aurora-embed", "input": "x", **members}
    async with Grid() as grid:
        raw = await post(grid, "aurora", "/v1/embeddings", json.dumps(body).encode())
    assert raw.status == status
    if "dimensions" in members and status == 200:
        assert len(raw.json["data"][0]["embedding"]) == members["dimensions"]


async def test_responses_keep_no_state() -> None:
    body = {"model": "aurora-large", "input": "x", "previous_response_id": "resp_1"}
    async with Grid() as grid:
        raw = await post(grid, "aurora", "/v1/responses", json.dumps(body).encode())
    assert (raw.status, code_of(raw)) == (400, "previous_response_not_found")


async def test_vllm_health_and_version_need_no_key() -> None:
    async with Grid() as grid:
        asked = [
            f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode()
            for path in ("/health", "/version", "/v1/models")
        ]
        health, version, models = await send(grid.homegrid.port, *asked)
    assert (health.status, health.body) == (200, b"")
    assert version.json == {"version": "0.32.0"}
    assert (models.status, models.json) == (401, {"error": "Unauthorized"})


async def test_vllm_takes_the_clients_request_id_over() -> None:
    async with Grid() as grid:
        path, body = chat_body(grid.homegrid)
        raw = await post(grid, "homegrid", path, body, x_request_id="mine-1")
    assert raw.json["id"] == "chatcmpl-mine-1"


async def test_prompt_can_ask_for_a_long_answer() -> None:
    raw = await chat("aurora", {"messages": [{"role": "user", "content": "say it in 300 words"}]})
    assert raw.json["usage"]["completion_tokens"] == 300
