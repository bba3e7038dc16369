"""Decides what a model says: words, JSON to a schema, or a tool call.  Knows no dialect.

A tool is called when one is forced, or when tools are given, the last message is the user's
and asks for the weather.  "in 200 words" in the prompt sets the length of a text.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.practice.answer import Call, to_json
from gateway.practice.text import (
    ask_for_words,
    cut_at_stop,
    cut_json,
    cut_words,
    fit_schema,
    make_words,
)

ANY_TOOL: Final = "*"
NO_TOOL: Final = ""


class Ending(StrEnum):
    """Why a model stopped."""

    STOP = "stop"
    LENGTH = "length"
    TOOL = "tool"
    STOP_STRING = "stop_string"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What of a request decides the answer."""

    basis: object  # the members that the answer follows from
    prompt: str  # the last user message's text, "" if the last message is something else
    max_tokens: int | None = None
    stops: tuple[str, ...] = ()
    tools: tuple[tuple[str, object], ...] = ()  # name and schema of the arguments
    tool_choice: str | None = None  # a name, ANY_TOOL, NO_TOOL, or None for the model's choice
    schema: object = None  # JSON is wanted; None: text


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """Pieces as they are streamed; each is one token."""

    pieces: tuple[str, ...]
    ending: Ending
    stop: str | None = None
    tool: str | None = None  # the tool called; the pieces are its arguments
    tag: str = ""  # hexadecimal, for ids that follow from the request

    @property
    def text(self) -> str:
        """All pieces joined."""
        return "".join(self.pieces)


def speak(call: Call, ask: Ask, choice: int = 0) -> Speech:
    """The answer of one choice, the same for the same request, vendor and seed."""
    basis = (call.vendor.name, call.seed, choice, ask.basis)
    key = hashlib.sha256(to_json(basis)).digest()
    tool = None if call.say is not None else _choose_tool(ask)
    if tool is not None:
        arguments = fit_schema(dict(ask.tools).get(tool), key)
        pieces = cut_json(to_json(arguments).decode())
        pieces = pieces[:-1] if call.tears_tool else pieces
        ending, stop = Ending.TOOL, None
    else:
        pieces = _say(ask, key, call.words) if call.say is None else cut_words(call.say)
        pieces, stop = cut_at_stop(pieces, ask.stops)
        ending = Ending.STOP if stop is None else Ending.STOP_STRING
    if ask.max_tokens is not None and len(pieces) > ask.max_tokens:
        pieces, ending, stop = pieces[: ask.max_tokens], Ending.LENGTH, None
    return Speech(pieces=tuple(pieces), ending=ending, stop=stop, tool=tool, tag=key.hex()[:24])


def _choose_tool(ask: Ask) -> str | None:
    if not ask.tools or ask.tool_choice == NO_TOOL:
        return None
    if ask.tool_choice == ANY_TOOL:
        return ask.tools[0][0]
    if ask.tool_choice is not None:
        return ask.tool_choice
    return ask.tools[0][0] if "weather" in ask.prompt.lower() else None


def _say(ask: Ask, key: bytes, default_words: int) -> list[str]:
    if ask.schema is not None:
        return cut_json(to_json(fit_schema(ask.schema, key)).decode())
    wanted = ask_for_words(ask.prompt)
    return make_words(key, default_words if wanted is None else wanted)
