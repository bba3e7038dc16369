"""Checks the turns of a Messages request as strictly as the real API does.

A translator that sends a wrong order, a tool result without its call, or an unknown member must
hear of it here and not in production.
Source: docs.claude.com/en/api/messages and the errors that it answers, read 2026-11-24.
"""

from collections.abc import Mapping
from typing import NoReturn

from gateway.practice import errors
from gateway.practice.answer import Call
from gateway.practice.reading import Body, read_objects


def read_turns(call: Call, body: Body) -> list[Body]:
    """The messages, each with its content and every tool call answered."""
    messages = read_objects(call, body, "messages")
    answered: set[object] = set()  # ids of the tool calls in the message before
    for at, message in enumerate(messages):
        extra = next((name for name in message if name not in ("role", "content")), None)
        if extra is not None:
            _refuse(call, f"messages.{at}.{extra}: Extra inputs are not permitted")
        answered = _check_turn(call, at, message, answered)
    if answered:
        _refuse_open_calls(call, len(messages) - 1, answered)
    return messages


def _check_turn(call: Call, at: int, message: Body, open_calls: set[object]) -> set[object]:
    """Check one message; give the ids of the tool calls that the next one must answer."""
    role, content = message.get("role"), message.get("content")
    if role == "system":
        _refuse(
            call,
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` '
            'parameter, not "system" as an input message role.',
        )
    if role not in ("user", "assistant"):
        _refuse(call, f"messages.{at}.role: Input should be 'user' or 'assistant'")
    if at == 0 and role != "user":
        _refuse(call, 'messages: first message must use the "user" role')
    if content is None:
        _refuse(call, f"messages.{at}.content: Field required")
    if not content:
        _refuse(call, f"messages.{at}: user messages must have non-empty content")
    items = content if isinstance(content, list) else []
    blocks = [block for block in items if isinstance(block, Mapping)]
    results = {block.get("tool_use_id") for block in blocks if block.get("type") == "tool_result"}
    if unknown := results - open_calls:
        _refuse(
            call,
            f"messages.{at}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: "
            f"{min(map(str, unknown))}. Each `tool_result` block must have a corresponding "
            "`tool_use` block in the previous message.",
        )
    if open_calls - results:
        _refuse_open_calls(call, at - 1, open_calls - results)
    for block in blocks:
        if block.get("type") == "text" and not block.get("text"):
            _refuse(call, "messages: text content blocks must be non-empty")
    return {block.get("id") for block in blocks if block.get("type") == "tool_use"}


def _refuse_open_calls(call: Call, at: int, ids: set[object]) -> NoReturn:
    _refuse(
        call,
        f"messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately "
        f"after: {', '.join(sorted(map(str, ids)))}. Each `tool_use` block must have a "
        "corresponding `tool_result` block in the next message.",
    )


def _refuse(call: Call, message: str) -> NoReturn:
    errors.refuse(errors.anthropic_error(call, 400, "invalid_request_error", message))
