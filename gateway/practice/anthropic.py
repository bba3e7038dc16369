"""The Messages API: POST /v1/messages and its token count.

Source: docs.claude.com/en/api/messages and anthropic 2.13 types, read 2026-11-24.
"""

import json
from collections.abc import Mapping
from typing import Final

from gateway.practice import errors
from gateway.practice.answer import (
    Answer,
    Call,
    Event,
    Part,
    json_answer,
    named_event,
    stream_answer,
)
from gateway.practice.reading import (
    Body,
    check_context,
    check_members,
    read_body,
    read_count,
    read_model,
    read_objects,
    read_strings,
    read_text,
    select,
)
from gateway.practice.speech import ANY_TOOL, NO_TOOL, Ask, Ending, Speech, speak
from gateway.practice.text import TOKENS_PER_MESSAGE
from gateway.practice.turns import read_turns

KNOWN: Final = frozenset(
    "max_tokens messages model cache_control container context_management diagnostics "
    "inference_geo mcp_servers metadata output_config output_format service_tier speed "
    "stop_sequences stream system temperature thinking tool_choice tools top_k top_p "
    "user_profile_id workspace_id".split()
)
COUNTED: Final = frozenset("messages model system thinking tool_choice tools".split())
DELIVERY: Final = ("stream", "metadata")

STOP_REASONS: Final = {
    Ending.STOP: "end_turn",
    Ending.STOP_STRING: "stop_sequence",
    Ending.LENGTH: "max_tokens",
    Ending.TOOL: "tool_use",
}


def answer_messages(call: Call) -> Answer:
    """POST /v1/messages."""
    _check_version(call)
    body = read_body(call)
    model = read_model(call, body, embeds=False)
    max_tokens = read_count(call, body, "max_tokens")
    if max_tokens is None:
        errors.refuse(errors.missing(call, "max_tokens"))
    check_members(call, body, KNOWN)
    if max_tokens > model.max_output_tokens:
        message = (
            f"max_tokens: {max_tokens} > {model.max_output_tokens}, which is the maximum allowed "
            f"number of output tokens for {model.name}"
        )
        errors.refuse(errors.out_of_range(call, "max_tokens", message))
    messages = read_turns(call, body)
    texts = _read_texts(body, messages)
    ask = Ask(
        basis=select(body, *DELIVERY),
        prompt=_last_prompt(messages),
        max_tokens=max_tokens,
        stops=read_strings(call, body, "stop_sequences"),
        tools=_read_tools(call, body),
        tool_choice=_read_tool_choice(body),
        schema=_read_schema(body),
    )
    tokens = check_context(call, model, texts, TOKENS_PER_MESSAGE)
    speech = speak(call, ask)
    message_id = f"msg_{speech.tag}{call.number:06d}"
    if body.get("stream") is True:
        return _stream(message_id, model.name, tokens, speech)
    return _whole(message_id, model.name, tokens, speech)


def answer_count(call: Call) -> Answer:
    """POST /v1/messages/count_tokens."""
    _check_version(call)
    body = read_body(call)
    model = read_model(call, body, embeds=False)
    check_members(call, body, COUNTED)
    messages = read_turns(call, body)
    texts = _read_texts(body, messages)
    tokens = check_context(call, model, texts, TOKENS_PER_MESSAGE)
    return json_answer({"input_tokens": tokens})


def _whole(message_id: str, model: str, tokens: int, speech: Speech) -> Answer:
    usage = {**_usage(tokens), "output_tokens": len(speech.pieces)}
    return json_answer(
        {
            "id": message_id,
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [_block(speech, whole=True)],
            "stop_reason": STOP_REASONS[speech.ending],
            "stop_sequence": speech.stop,
            "usage": usage,
        }
    )


def _stream(message_id: str, model: str, tokens: int, speech: Speech) -> Answer:
    message: dict[str, object] = {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**_usage(tokens), "output_tokens": 1},
    }
    # A tool call commits with its opening block, which names the tool; a text block does not.
    opening = Part.START if speech.tool is None else Part.TOOL
    content = Part.CONTENT if speech.tool is None else Part.TOOL
    block = {"type": "content_block_start", "index": 0, "content_block": _block(speech)}
    events: list[Event] = [
        named_event(Part.START, {"type": "message_start", "message": message}),
        named_event(opening, block),
        named_event(Part.START, {"type": "ping"}),
    ]
    for piece in speech.pieces:
        delta = (
            {"type": "text_delta", "text": piece}
            if speech.tool is None
            else {"type": "input_json_delta", "partial_json": piece}
        )
        value = {"type": "content_block_delta", "index": 0, "delta": delta}
        events.append(named_event(content, value))
    ending = {"stop_reason": STOP_REASONS[speech.ending], "stop_sequence": speech.stop}
    usage = {"output_tokens": len(speech.pieces)}
    return stream_answer(
        [
            *events,
            named_event(content, {"type": "content_block_stop", "index": 0}),
            named_event(Part.TERMINAL, {"type": "message_delta", "delta": ending, "usage": usage}),
            named_event(Part.DONE, {"type": "message_stop"}),
        ]
    )


def _block(speech: Speech, *, whole: bool = False) -> dict[str, object]:
    if speech.tool is None:
        return {"type": "text", "text": speech.text if whole else ""}
    block = {"type": "tool_use", "id": f"toolu_{speech.tag}", "name": speech.tool}
    return {**block, "input": _read_arguments(speech.text) if whole else {}}


def _read_arguments(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return {}  # cut by max_tokens


def _usage(tokens: int) -> dict[str, object]:
    return {
        "input_tokens": tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "service_tier": "standard",
    }


def _check_version(call: Call) -> None:
    if call.message.field("anthropic-version") is None:
        message = "anthropic-version: header is required"
        errors.refuse(errors.anthropic_error(call, 400, "invalid_request_error", message))


def _read_texts(body: Body, messages: list[Body]) -> list[str]:
    """What counts as prompt: the system text, if any, and every message's."""
    system = [read_text(body["system"])] if body.get("system") else []
    return system + [read_text(message["content"]) for message in messages]


def _last_prompt(messages: list[Body]) -> str:
    last = messages[-1]
    content = last["content"]
    if last["role"] != "user":
        return ""
    if isinstance(content, list) and any(
        isinstance(block, Mapping) and block.get("type") == "tool_result" for block in content
    ):
        return ""
    return read_text(content)


def _read_tools(call: Call, body: Body) -> tuple[tuple[str, object], ...]:
    if not body.get("tools"):
        return ()
    tools = []
    for at, tool in enumerate(read_objects(call, body, "tools")):
        if not isinstance(tool.get("name"), str):
            errors.refuse(errors.missing(call, f"tools.{at}.name"))
        if not isinstance(tool.get("input_schema"), dict):
            errors.refuse(errors.missing(call, f"tools.{at}.input_schema"))
        tools.append((str(tool["name"]), tool["input_schema"]))
    return tuple(tools)


def _read_tool_choice(body: Body) -> str | None:
    choice = body.get("tool_choice")
    kind = choice.get("type") if isinstance(choice, Mapping) else None
    if kind == "any":
        return ANY_TOOL
    if kind == "none":
        return NO_TOOL
    if kind == "tool" and isinstance(choice, Mapping):
        return str(choice.get("name"))
    return None


def _read_schema(body: Body) -> object:
    config = body.get("output_config")
    wanted = config.get("format") if isinstance(config, Mapping) else body.get("output_format")
    if isinstance(wanted, Mapping) and wanted.get("type") == "json_schema":
        return wanted.get("schema")
    return None
