"""Tools, the choice among them, and the calls of earlier turns.

`strict` and `cache_control` mean the same on both sides.  The arguments of an earlier call are
set in as JSON, byte for byte; those that are no JSON object, the model's own mistake which its
client was given, go in the wrapper that the vendor documents for them, `{"INVALID_JSON": ...}`,
and that is reported.  Call ids of other vendors may hold characters that this one refuses; they
are replaced, the same way in a call and its result.
Sources: platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools,
.../fine-grained-tool-streaming ("Handling invalid JSON in tool responses"), the id pattern from
the vendor's refusal ("String should match pattern '^[a-zA-Z0-9_-]+$'"), read 2026-11-24.
"""

import itertools
import re
from typing import Final

import msgspec
from msgspec import Raw

from providers.translate.openai_chat__anthropic_messages.parts import Block
from providers.translate.openai_chat__anthropic_messages.report import Dropped
from providers.translate.openai_chat__anthropic_messages.values import (
    ABSENT,
    Members,
    is_null,
    is_string,
    read_list,
    read_members,
    read_text,
    refuse,
)

_CALL_MEMBERS: Final = frozenset(("id", "type", "function", "index"))
_NO_PARAMETERS: Final = Raw(b'{"type":"object","properties":{}}')
_ID_REFUSED = re.compile(r"[^a-zA-Z0-9_-]")
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode


class CallIds:
    """Ids as this vendor takes them; different ids stay different."""

    __slots__ = ("_dropped", "_rendered", "_taken")

    def __init__(self, dropped: Dropped) -> None:
        self._dropped = dropped
        self._rendered: dict[str, str] = {}
        self._taken: set[str] = set()

    def rendered(self, call_id: str) -> str:
        known = self._rendered.get(call_id)
        if known is None:
            known = self._rendered[call_id] = self._render(call_id)
            self._taken.add(known)
        return known

    def _render(self, call_id: str) -> str:
        plain = _ID_REFUSED.sub("_", call_id)
        if plain == call_id and plain and plain not in self._taken:
            return call_id
        self._dropped.add("tool_calls.id")
        # The number keeps `a.b` and `a:b` apart; it starts high enough to be free at once.
        numbers = itertools.count(len(self._taken))
        return next(name for n in numbers if (name := f"{plain}_{n}") not in self._taken)


def read_calls(calls: Raw, place: str, ids: CallIds, dropped: Dropped) -> list[Block]:
    """An assistant's earlier `tool_calls` as `tool_use` blocks."""
    blocks: list[Block] = []
    for position, call in enumerate(read_list(calls, place)):
        function = _function(call, f"{place}[{position}]")
        for name in call.keys() - _CALL_MEMBERS:
            dropped.add(f"tool_calls.{name}")
        call_place = f"{place}[{position}]"
        call_id = read_text(call.get("id", ABSENT), f"{call_place}.id")
        blocks.append(
            {
                "type": "tool_use",
                "id": ids.rendered(call_id),
                "name": _name(function, f"{call_place}.function.name"),
                "input": _input(function, f"{call_place}.function.arguments", dropped),
            }
        )
    return blocks


def _input(function: Members, place: str, dropped: Dropped) -> object:
    arguments = read_text(function.get("arguments", ABSENT), place)
    if not arguments:
        return {}
    try:
        _decode_object(arguments)
    except (msgspec.DecodeError, RecursionError):
        dropped.add("tool_calls.arguments")
        return {"INVALID_JSON": arguments}
    return Raw(arguments)


def read_tools(tools: Raw) -> list[Block]:
    """Function tools as Messages tools; any other type is refused."""
    blocks: list[Block] = []
    for position, tool in enumerate(read_list(tools, "tools")):
        place = f"tools[{position}]"
        function = _function(tool, place)
        block: Block = {"name": _name(function, f"{place}.function.name")}
        for name in ("description", "strict"):
            if not is_null(value := function.get(name, ABSENT)):
                block[name] = value
        parameters = function.get("parameters", ABSENT)
        block["input_schema"] = _NO_PARAMETERS if is_null(parameters) else parameters
        if not is_null(marker := tool.get("cache_control", ABSENT)):
            block["cache_control"] = marker
        blocks.append(block)
    return blocks


def read_choice(choice: Raw) -> Block:
    """`tool_choice`; an allow-list of tools has no counterpart and is refused."""
    if not is_string(choice):
        function = _function(read_members(choice, "tool_choice"), "tool_choice")
        return {"type": "tool", "name": _name(function, "tool_choice.function.name")}
    kind = _CHOICES.get(read_text(choice, "tool_choice"))
    if kind is None:
        refuse("tool_choice", "must be auto, none, required or a function")
    return {"type": kind}


_CHOICES: Final = {"auto": "auto", "none": "none", "required": "any"}


def _function(tool: Members, place: str) -> Members:
    kind = tool.get("type", ABSENT)
    if not is_null(kind) and read_text(kind, f"{place}.type") != "function":
        refuse(f"{place}.type", "must be function")
    return read_members(tool.get("function", ABSENT), f"{place}.function")


def _name(function: Members, place: str) -> Raw:
    name = function.get("name", ABSENT)
    if not is_string(name):
        refuse(place, "must be a string")
    return name
