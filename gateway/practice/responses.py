"""The stateless part of OpenAI's Responses API: POST /v1/responses.

State is refused as a project that never stores would refuse it.
Source: openai 3.57 types/responses, read 2026-11-24.
"""

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
    read_text,
    select,
)
from gateway.practice.speech import ANY_TOOL, NO_TOOL, Ask, Ending, Speech, speak
from gateway.practice.text import TOKENS_PER_MESSAGE

KNOWN: Final = frozenset(
    "access_programs background background_options context_management conversation image include "
    "input instructions max_output_tokens max_tool_calls metadata model moderation "
    "parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_options "
    "prompt_cache_retention reasoning safety_identifier service_tier store stream stream_options "
    "temperature text tool_choice tools top_logprobs top_p truncation user".split()
)
DELIVERY: Final = ("stream", "stream_options", "user", "metadata", "store")


def answer_responses(call: Call) -> Answer:
    """POST /v1/responses."""
    body = read_body(call)
    check_members(call, body, KNOWN)
    model = read_model(call, body, embeds=False)
    if (previous := body.get("previous_response_id")) is not None:
        message = f"Previous response with id '{previous}' not found."
        errors.refuse(
            errors.openai_error(
                400, message, param="previous_response_id", code="previous_response_not_found"
            )
        )
    texts, prompt = _read_input(call, body)
    ask = Ask(
        basis=select(body, *DELIVERY),
        prompt=prompt,
        max_tokens=read_count(call, body, "max_output_tokens") or model.max_output_tokens,
        tools=_read_tools(call, body),
        tool_choice=_read_tool_choice(body),
        schema=_read_schema(body),
    )
    tokens = check_context(call, model, texts, TOKENS_PER_MESSAGE)
    speech = speak(call, ask)
    shell = {
        "id": f"resp_{speech.tag}{call.number:06d}",
        "object": "response",
        "created_at": int(call.wall_s),
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "metadata": body.get("metadata") or {},
        "model": model.name,
        "output": [],
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "previous_response_id": None,
        "store": body.get("store", True),
        "temperature": body.get("temperature", 1.0),
        "text": body.get("text") or {"format": {"type": "text"}},
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools") or [],
        "top_p": body.get("top_p", 1.0),
        "truncation": body.get("truncation", "disabled"),
        "usage": None,
    }
    final = {**shell, **_ending(speech, tokens)}
    if body.get("stream") is True:
        return _stream(shell, final, speech)
    return json_answer(final)


def _ending(speech: Speech, tokens: int) -> dict[str, object]:
    is_cut = speech.ending is Ending.LENGTH
    return {
        "status": "incomplete" if is_cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "output": [_item(speech, "incomplete" if is_cut else "completed", speech.text)],
        "usage": {
            "input_tokens": tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": len(speech.pieces),
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": tokens + len(speech.pieces),
        },
    }


def _item(speech: Speech, status: str, text: str | None) -> dict[str, object]:
    if speech.tool is not None:
        return {
            "id": f"fc_{speech.tag}",
            "type": "function_call",
            "status": status,
            "call_id": f"call_{speech.tag}",
            "name": speech.tool,
            "arguments": text or "",
        }
    content = [] if text is None else [_part(text)]
    head = {"id": f"msg_{speech.tag}", "type": "message", "status": status, "role": "assistant"}
    return {**head, "content": content}


def _part(text: str) -> dict[str, object]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _stream(shell: dict[str, object], final: dict[str, object], speech: Speech) -> Answer:
    events: list[Event] = []

    def add(role: Part, type_: str, **members: object) -> None:
        value = {"type": type_, "sequence_number": len(events), **members}
        events.append(named_event(role, value))

    item_id = f"fc_{speech.tag}" if speech.tool is not None else f"msg_{speech.tag}"
    place: dict[str, object] = {"item_id": item_id, "output_index": 0}
    opening = Part.START if speech.tool is None else Part.TOOL
    add(Part.START, "response.created", response=shell)
    add(Part.START, "response.in_progress", response=shell)
    opened = _item(speech, "in_progress", None)
    add(opening, "response.output_item.added", output_index=0, item=opened)
    if speech.tool is None:
        place["content_index"] = 0
        add(Part.START, "response.content_part.added", **place, part=_part(""))
        for piece in speech.pieces:
            add(Part.CONTENT, "response.output_text.delta", **place, delta=piece, logprobs=[])
        text = speech.text
        add(Part.CONTENT, "response.output_text.done", **place, text=text, logprobs=[])
        add(Part.CONTENT, "response.content_part.done", **place, part=_part(text))
    else:
        for piece in speech.pieces:
            add(Part.TOOL, "response.function_call_arguments.delta", **place, delta=piece)
        add(Part.TOOL, "response.function_call_arguments.done", **place, arguments=speech.text)
    status = str(final["status"])
    last = Part.CONTENT if speech.tool is None else Part.TOOL
    item = _item(speech, status, speech.text)
    add(last, "response.output_item.done", output_index=0, item=item)
    # There is no word after it: the terminal event is the last one.
    add(Part.TERMINAL, f"response.{status}", response=final)
    return stream_answer(events)


def _read_input(call: Call, body: Body) -> tuple[list[str], str]:
    given = body.get("input")
    texts = [read_text(body["instructions"])] if body.get("instructions") else []
    if given is None:
        errors.refuse(errors.missing(call, "input"))
    if isinstance(given, str):
        return [*texts, given], given
    items = read_objects(call, body, "input")
    texts += [read_text(item) for item in items]
    return texts, texts[-1] if items[-1].get("role") == "user" else ""


def _read_tools(call: Call, body: Body) -> tuple[tuple[str, object], ...]:
    if not body.get("tools"):
        return ()
    tools = []
    for at, tool in enumerate(read_objects(call, body, "tools")):
        if tool.get("type") != "function":
            message = f"The practice grid has no tool of type '{tool.get('type')}'."
            errors.refuse(errors.openai_error(400, message, param=f"tools[{at}].type"))
        tools.append((str(tool.get("name")), tool.get("parameters", {})))
    return tuple(tools)


def _read_tool_choice(body: Body) -> str | None:
    choice = body.get("tool_choice")
    if choice == "required":
        return ANY_TOOL
    if choice == "none":
        return NO_TOOL
    return str(choice.get("name")) if isinstance(choice, Mapping) else None


def _read_schema(body: Body) -> object:
    text = body.get("text")
    wanted = text.get("format") if isinstance(text, Mapping) else None
    if not isinstance(wanted, Mapping) or wanted.get("type") == "text":
        return None
    return wanted.get("schema", {"properties": {"answer": {"type": "string"}}})
