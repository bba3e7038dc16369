"""The fields of a chat request, each by a small function of its own.

Four fates: carried, refused by name (dropping it would make it another question), dropped without
a word (its value is the default: nothing is lost), or dropped and reported.  Fields that are not
known are another vendor's, so dropped and reported, apart from two of this vendor's own that
change nothing but the model's work.
Sources: platform.claude.com/docs/en/api/messages/create and .../build-with-claude/
{structured-outputs,effort}, the types of the vendor's Python SDK 2.13.0 and its MIGRATION.md
(`output_config.format` replaced `output_format`; sampling fields go out for the models that still
take them); OpenAI API reference, "Create chat completion"; read 2026-11-24.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Raw

from providers.translate.openai_chat__anthropic_messages.draft import Draft
from providers.translate.openai_chat__anthropic_messages.messages import Conversation
from providers.translate.openai_chat__anthropic_messages.tools import read_choice, read_tools
from providers.translate.openai_chat__anthropic_messages.values import (
    ABSENT,
    is_null,
    is_string,
    read_flag,
    read_members,
    read_text,
    refuse,
)

EFFORTS: Final = frozenset(("low", "medium", "high", "xhigh", "max"))

Take = Callable[[Draft, str, Raw], None]


def _take_messages(draft: Draft, name: str, value: Raw) -> None:
    conversation = Conversation(value, draft.dropped)
    if conversation.system:
        draft.body["system"] = conversation.system
    draft.body["messages"] = [
        {"role": role, "content": blocks} for role, blocks in conversation.turns
    ]


def _take(draft: Draft, name: str, value: Raw) -> None:
    """Same name, same meaning.  The range is the vendor's to judge."""
    draft.body[name] = value


def _take_max_tokens(draft: Draft, name: str, value: Raw) -> None:
    """`max_completion_tokens` replaced `max_tokens` and wins where both are given."""
    if name == "max_tokens" and not is_null(
        draft.request.members.get("max_completion_tokens", ABSENT)
    ):
        draft.dropped.add(name)
    else:
        draft.body["max_tokens"] = value


def _take_stop(draft: Draft, name: str, value: Raw) -> None:
    draft.body["stop_sequences"] = [value] if is_string(value) else value


def _take_tools(draft: Draft, name: str, value: Raw) -> None:
    if tools := read_tools(value):
        draft.body["tools"] = tools


def _take_tool_choice(draft: Draft, name: str, value: Raw) -> None:
    draft.choice = read_choice(value)


def _take_parallel(draft: Draft, name: str, value: Raw) -> None:
    draft.is_serial = not read_flag(value, name)


# The first of these that is given wins.
_USER_FIELDS: Final = ("safety_identifier", "user", "metadata")


def _take_user(draft: Draft, name: str, value: Raw) -> None:
    """An end user's id, under the names that chat clients have for it."""
    if draft.user_field and _USER_FIELDS.index(draft.user_field) < _USER_FIELDS.index(name):
        draft.dropped.add(name)
        return
    if draft.user_field:
        draft.dropped.add(draft.user_field)
    draft.user_field = name
    draft.body["metadata"] = {"user_id": value}


def _take_metadata(draft: Draft, name: str, value: Raw) -> None:
    """Of the client's tags only `user_id` has a counterpart."""
    for tag, text in read_members(value, name).items():
        if tag == "user_id":
            _take_user(draft, name, text)
        else:
            draft.dropped.add(f"metadata.{tag}")


def _take_effort(draft: Draft, name: str, value: Raw) -> None:
    """The levels that both sides have; `none` and `minimal` are OpenAI's alone."""
    effort = read_text(value, name)
    if effort in EFFORTS:
        draft.output["effort"] = effort
    else:
        draft.dropped.add(name)


def _take_response_format(draft: Draft, name: str, value: Raw) -> None:
    wanted = read_members(value, name)
    kind = read_text(wanted.get("type", ABSENT), "response_format.type")
    if kind == "text":
        return
    if kind != "json_schema":
        refuse("response_format.type", "must be text or json_schema")
    schema = read_members(wanted.get("json_schema", ABSENT), "response_format.json_schema")
    if is_null(schema.get("schema", ABSENT)):
        refuse("response_format.json_schema.schema", "is missing")
    if not is_null(schema.get("description", ABSENT)):
        draft.dropped.add("response_format.json_schema.description")
    draft.output["format"] = {"type": "json_schema", "schema": schema["schema"]}


def _take_stream_options(draft: Draft, name: str, value: Raw) -> None:
    """`include_usage` is kept by the reader; the rest has no counterpart."""
    for option, setting in read_members(value, name).items():
        if option != "include_usage" and not is_null(setting):
            draft.dropped.add(f"stream_options.{option}")


def _skip(draft: Draft, name: str, value: Raw) -> None:
    """Read by the gateway and set by us."""


def _drop_unless(default: object) -> Take:
    """Reported, unless the value is what holds without it."""

    def drop(draft: Draft, name: str, value: Raw) -> None:
        if not _holds(value, default):
            draft.dropped.add(name)

    return drop


def _refuse_unless(default: object, remedy: str = "leave it out") -> Take:
    """Refused, unless the value is what holds without it."""

    def take(draft: Draft, name: str, value: Raw) -> None:
        if not _holds(value, default):
            refuse(name, f"has no counterpart at this vendor; {remedy}")

    return take


def _holds(value: Raw, default: object) -> bool:
    """Whether a value says no more than its absence would."""
    return len(value) <= _DEFAULT_BYTES and bool(msgspec.json.decode(value) == default)


_DEFAULT_BYTES: Final = 64  # a default is short; what is longer is not decoded to be compared
_USE_TOOLS: Final = _refuse_unless(None, "use tools")
_USE_SCHEMA: Final = _refuse_unless(None, "use response_format with json_schema")

FIELDS: Final[dict[str, Take]] = {
    "model": _skip,
    "stream": _skip,
    "messages": _take_messages,
    "max_tokens": _take_max_tokens,
    "max_completion_tokens": _take_max_tokens,
    "temperature": _take,
    "top_p": _take,
    "stop": _take_stop,
    "tools": _take_tools,
    "tool_choice": _take_tool_choice,
    "parallel_tool_calls": _take_parallel,
    "safety_identifier": _take_user,
    "user": _take_user,
    "metadata": _take_metadata,
    "reasoning_effort": _take_effort,
    "response_format": _take_response_format,
    "stream_options": _take_stream_options,
    # The vendor's own, for clients that know whom they talk to.
    "thinking": _take,
    "top_k": _take,
    # Without them the answer would be another one than was asked for.
    "n": _refuse_unless(1),
    "logprobs": _refuse_unless(False),
    "top_logprobs": _refuse_unless(0),
    "logit_bias": _refuse_unless({}),
    "modalities": _refuse_unless(["text"]),
    "audio": _refuse_unless(None),
    "web_search_options": _refuse_unless(None),
    "functions": _USE_TOOLS,
    "function_call": _USE_TOOLS,
    "guided_json": _USE_SCHEMA,
    "guided_regex": _USE_SCHEMA,
    "guided_choice": _USE_SCHEMA,
    "guided_grammar": _USE_SCHEMA,
    "structured_outputs": _USE_SCHEMA,
    # Nothing else is lost with them; their default says nothing.
    "presence_penalty": _drop_unless(0),
    "frequency_penalty": _drop_unless(0),
    "store": _drop_unless(False),
}
