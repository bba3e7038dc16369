"""Good answers as upstreams stream them, and how a test feeds them to a judge."""

import json
from typing import NamedTuple

from providers.contract import NOTHING, ClientRequest, Dialect, StreamReader
from providers.dialects.clients import CLIENTS
from providers.translate.identity import IDENTITIES

DONE = b"data: [DONE]\n\n"


def request_for(dialect: Dialect, **members: object) -> ClientRequest:
    needed: dict[Dialect, dict[str, object]] = {
        Dialect.OPENAI_CHAT: {"messages": [{"role": "user", "content": "hi"}]},
        Dialect.OPENAI_COMPLETIONS: {"prompt": "hi"},
        Dialect.OPENAI_EMBEDDINGS: {"input": "hi"},
        Dialect.OPENAI_RESPONSES: {"input": "hi", "store": False},
    }
    document = {"model": "route", **needed[dialect], **members}
    return CLIENTS[dialect].read(json.dumps(document, separators=(",", ":")).encode())


def reader_for(dialect: Dialect, **members: object) -> StreamReader:
    return IDENTITIES[dialect].stream(request_for(dialect, stream=True, **members))


def event(**members: object) -> bytes:
    return b"data: %b\n\n" % json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()


def chat(delta: dict[str, object], finish: str | None = None, index: int = 0) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return event(id="c", object="chat.completion.chunk", model="m-2026-05-01", choices=[choice])


def text(words: str, finish: str | None = None, index: int = 0) -> bytes:
    choice = {"index": index, "text": words, "finish_reason": finish}
    return event(id="c", object="text_completion", model="m", choices=[choice])


def called(arguments: str, name: str | None = None, index: int = 0) -> dict[str, object]:
    function: dict[str, object] = {"arguments": arguments}
    if name:
        function["name"] = name
    return {"tool_calls": [{"index": index, "id": "call_1", "function": function}]}


def named(kind: str, **members: object) -> bytes:
    return b"event: %b\n%b" % (kind.encode(), event(type=kind, sequence_number=1, **members))


ROLE = chat({"role": "assistant", "content": ""})
WORDS = [chat({"content": "Gr"}), chat({"content": "üß"}), chat({"content": " dich"})]
STOP = chat({}, "stop")
USAGE = event(
    id="c",
    choices=[],
    model="m-2026-05-01",
    usage={
        "prompt_tokens": 7,
        "completion_tokens": 5,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 2},
    },
)
MESSAGE = {
    "type": "message",
    "content": [{"type": "output_text", "text": "Grüß dich", "annotations": []}],
}
RESPONSE = {
    "id": "resp_1",
    "model": "m-2026-05-01",
    "status": "completed",
    "error": None,
    "output": [{"type": "reasoning", "summary": []}, MESSAGE],
    "usage": {
        "input_tokens": 7,
        "output_tokens": 5,
        "input_tokens_details": {"cached_tokens": 2},
    },
}
COMPLETED = named("response.completed", response=RESPONSE)
CREATED = named("response.created", response={**RESPONSE, "status": "in_progress", "output": []})
SAYING = [named("response.output_text.delta", delta=word) for word in ("Gr", "üß", " dich")]


class Answer(NamedTuple):
    """A good stream; it is whole once `needed` of its events have come."""

    dialect: Dialect
    events: list[bytes]
    needed: int
    members: dict[str, object] = {}  # noqa: RUF012  # never changed

    @property
    def raw(self) -> bytes:
        return b"".join(self.events)

    @property
    def needed_bytes(self) -> int:
        return len(b"".join(self.events[: self.needed]))

    def reader(self) -> StreamReader:
        return reader_for(self.dialect, **self.members)


ASKED = {"stream_options": {"include_usage": True}}
ANSWERS = {
    "chat": Answer(Dialect.OPENAI_CHAT, [ROLE, *WORDS, STOP, USAGE, DONE], 5),
    "chat, usage asked": Answer(Dialect.OPENAI_CHAT, [ROLE, *WORDS, STOP, USAGE, DONE], 5, ASKED),
    "two choices, one after the other": Answer(
        Dialect.OPENAI_CHAT,
        [
            *WORDS,
            STOP,
            chat({"content": "b"}, index=1),
            chat({}, "length", index=1),
            USAGE,
            DONE,
        ],
        6,
        {"n": 2},
    ),
    "tool call": Answer(
        Dialect.OPENAI_CHAT,
        [
            ROLE,
            chat(called("", "weather")),
            chat(called('{"city":')),
            chat(called('"Köln"}')),
            chat({}, "tool_calls"),
            DONE,
        ],
        5,
    ),
    "thoughts, comments, no usage": Answer(
        Dialect.OPENAI_CHAT,
        [
            b": OPENROUTER PROCESSING\n\n",
            ROLE,
            chat({"reasoning_content": "hm"}),
            b": keep-alive\n\n",
            chat({"content": "a"}, "stop"),
            DONE,
        ],
        5,
    ),
    "no last word": Answer(Dialect.OPENAI_CHAT, [ROLE, *WORDS, STOP], 5),
    "declined": Answer(Dialect.OPENAI_CHAT, [ROLE, chat({"refusal": "I can't."}), STOP, DONE], 3),
    "filter reports behind the end": Answer(Dialect.OPENAI_CHAT, [*WORDS, STOP, chat({}), DONE], 4),
    "completion": Answer(
        Dialect.OPENAI_COMPLETIONS, [text("a"), text("b"), text("", "stop"), DONE], 3
    ),
    "completion of two prompts": Answer(
        Dialect.OPENAI_COMPLETIONS,
        [text("a"), text("", "stop"), text("b", "length", 1), USAGE, DONE],
        3,
        {"prompt": ["x", "y"]},
    ),
    "response": Answer(Dialect.OPENAI_RESPONSES, [CREATED, *SAYING, COMPLETED], 5),
    "response that calls a tool": Answer(
        Dialect.OPENAI_RESPONSES,
        [
            CREATED,
            named("response.output_item.added", item={"type": "function_call", "arguments": ""}),
            named("response.function_call_arguments.delta", delta='{"a":'),
            named("response.function_call_arguments.delta", delta="1}"),
            named(
                "response.completed",
                response={
                    **RESPONSE,
                    "output": [{"type": "function_call", "name": "f", "arguments": '{"a":1}'}],
                },
            ),
            DONE,
        ],
        5,
    ),
    "response that ran out of tokens": Answer(
        Dialect.OPENAI_RESPONSES,
        [
            CREATED,
            named("response.reasoning_summary_text.delta", delta="hm"),
            named(
                "response.incomplete",
                response={
                    **RESPONSE,
                    "status": "incomplete",
                    "output": [],
                    "incomplete_details": {"reason": "max_output_tokens"},
                },
            ),
        ],
        3,
    ),
}


def cut_at(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def feed_all(reader: StreamReader, chunks: list[bytes]) -> tuple[bytes, int]:
    """All that goes on to the client before the end, and the highest signal."""
    sent, top = b"", NOTHING
    for chunk in chunks:
        out, signal = reader.feed(chunk)
        sent += out
        top = max(top, signal)
    return sent, top
