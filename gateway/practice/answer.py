"""What a vendor means to say to one request, before any fault has its way with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from gateway.practice.http import Fields, Message
from gateway.practice.vendors import Vendor


class Part(StrEnum):
    """What an event of a stream is for; faults are aimed by it."""

    START = "start"  # role, message_start, response.created, ping: no client state changes
    CONTENT = "content"  # text
    TOOL = "tool"  # a piece of a tool call
    TERMINAL = "terminal"  # carries the terminal reason
    USAGE = "usage"
    DONE = "done"  # [DONE], message_stop


class Event(NamedTuple):
    """One SSE event with its blank line."""

    part: Part
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply: `body` when it comes whole, `events` when it streams."""

    status: int = 200
    fields: Fields = ()
    body: bytes = b""
    events: tuple[Event, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as a dialect sees it."""

    vendor: Vendor
    message: Message
    number: int  # of the request in the vendor's log, from 1
    wall_s: float
    seed: int
    words: int  # length of an answer that nothing else bounds
    say: str | None = None  # a fault's own text instead of the model's
    tears_tool: bool = False  # a fault takes the last piece of a tool call's arguments

    @property
    def request_id(self) -> str:
        """An id of the vendor's own."""
        return f"req_{self.vendor.name}{self.number:012d}"


class RefusedError(Exception):
    """The vendor's validation says no; `answer` is what it says."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body.decode())
        self.answer = answer


def to_json(value: object) -> bytes:
    """Compact UTF-8 JSON, members in the order given."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def json_answer(value: object, status: int = 200, fields: Fields = ()) -> Answer:
    """A whole JSON reply."""
    return Answer(
        status=status, fields=(("content-type", "application/json"), *fields), body=to_json(value)
    )


def stream_answer(events: list[Event], fields: Fields = ()) -> Answer:
    """A reply of server-sent events."""
    head = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
    return Answer(fields=(*head, *fields), events=tuple(events))


def data_event(part: Part, value: object) -> Event:
    """An event without a name, as OpenAI-like streams have them."""
    return Event(part, b"data: " + to_json(value) + b"\n\n")


def named_event(part: Part, value: Mapping[str, object]) -> Event:
    """An event named by its own `type`, as Anthropic and Responses have them."""
    return Event(part, b"event: %b\ndata: %b\n\n" % (str(value["type"]).encode(), to_json(value)))


DONE_EVENT = Event(Part.DONE, b"data: [DONE]\n\n")
