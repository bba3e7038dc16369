"""Replies of chat completions and completions: whole and streamed, one shape per flavour.

Source: openai 3.57 types, read 2026-11-24; vLLM's and Mistral's differences as noted at each.
"""

from collections.abc import Mapping
from typing import Final

from gateway.practice.answer import (
    DONE_EVENT,
    Answer,
    Call,
    Event,
    Part,
    data_event,
    json_answer,
    stream_answer,
)
from gateway.practice.reading import Body
from gateway.practice.speech import Ending, Speech
from gateway.practice.vendors import Flavour, Model

FINISH: Final = {
    Ending.STOP: "stop",
    Ending.STOP_STRING: "stop",
    Ending.LENGTH: "length",
    Ending.TOOL: "tool_calls",
}


class Reply:
    """What every form of one reply needs."""

    def __init__(
        self,
        call: Call,
        body: Body,
        model: Model,
        prefix: str,
        prompt_tokens: int,
        speeches: list[Speech],
    ) -> None:
        self.flavour = call.vendor.flavour
        self.speeches = speeches
        self.names_tool = isinstance(body.get("tool_choice"), Mapping)
        self.model = model.name
        self.created = int(call.wall_s)
        client_id = call.message.field("x-request-id")
        # vLLM takes the client's request id over into the answer's id.
        unique = client_id if client_id and self.flavour is Flavour.VLLM else None
        self.id = f"{prefix}-{unique or f'{speeches[0].tag}{call.number:06d}'}"
        completion_tokens = sum(len(speech.pieces) for speech in speeches)
        self.usage: dict[str, object] = {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        }
        if self.flavour is Flavour.OPENAI:
            self.usage["prompt_tokens_details"] = {"cached_tokens": 0, "audio_tokens": 0}
            self.usage["completion_tokens_details"] = {"reasoning_tokens": 0, "audio_tokens": 0}
        options = body.get("stream_options")
        wants = isinstance(options, Mapping) and options.get("include_usage") is True
        self.usage_event = wants and self.flavour is not Flavour.MISTRAL

    def finish(self, speech: Speech) -> str:
        """The finish reason.  A call of the very tool that was named ends in "stop", both at
        OpenAI and at vLLM 0.32; only a tool that was chosen ends in "tool_calls".
        """
        is_named = self.names_tool and self.flavour is not Flavour.MISTRAL
        return "stop" if is_named and speech.tool is not None else FINISH[speech.ending]

    def frame(self, kind: str, choices: list[object]) -> dict[str, object]:
        """The members around the choices."""
        frame: dict[str, object] = {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
        }
        if self.flavour is Flavour.OPENAI:
            frame |= {"service_tier": "default", "system_fingerprint": "fp_practice"}
        return {**frame, "choices": choices}

    def closing(self, kind: str) -> list[Event]:
        """The usage event, if asked for, and the last word."""
        events = []
        if self.usage_event:
            events.append(data_event(Part.USAGE, {**self.frame(kind, []), "usage": self.usage}))
        return [*events, DONE_EVENT]

    def event(self, part: Part, kind: str, choice: dict[str, object]) -> Event:
        """One chunk with one choice."""
        frame = self.frame(kind, [choice])
        if self.usage_event and self.flavour is Flavour.OPENAI:
            frame["usage"] = None
        # Mistral's usage rides on the chunk with the finish reason, asked for or not.
        if self.flavour is Flavour.MISTRAL and part is Part.TERMINAL:
            frame["usage"] = self.usage
        return data_event(part, frame)


def chat_whole(reply: Reply) -> Answer:
    """A chat completion in one piece."""
    choices: list[object] = []
    for at, speech in enumerate(reply.speeches):
        message: dict[str, object] = {"role": "assistant", "content": speech.text}
        if reply.flavour is Flavour.OPENAI:
            message |= {"refusal": None, "annotations": []}
        if speech.tool is not None:
            function = {"name": speech.tool, "arguments": speech.text}
            tool_call = {"id": f"call_{speech.tag}", "type": "function", "function": function}
            message |= {"content": None, "tool_calls": [tool_call]}
        finish = reply.finish(speech)
        choices.append({"index": at, "message": message, "logprobs": None, "finish_reason": finish})
    return json_answer({**reply.frame("chat.completion", choices), "usage": reply.usage})


def chat_stream(reply: Reply) -> Answer:
    """A chat completion word by word; choices take turns."""
    kind = "chat.completion.chunk"

    def chunk(part: Part, at: int, delta: dict[str, object], finish: str | None = None) -> Event:
        choice: dict[str, object] = {"index": at, "delta": delta, "logprobs": None}
        return reply.event(part, kind, {**choice, "finish_reason": finish})

    events = [
        chunk(Part.START, at, {"role": "assistant", "content": ""})
        for at in range(len(reply.speeches))
    ]
    longest = max(len(speech.pieces) for speech in reply.speeches)
    # The name and the id come first, with empty arguments, as from OpenAI.
    for at, speech in enumerate(reply.speeches):
        if speech.tool is not None:
            function = {"name": speech.tool, "arguments": ""}
            opened = {"index": 0, "id": f"call_{speech.tag}", "type": "function"}
            delta: dict[str, object] = {"tool_calls": [{**opened, "function": function}]}
            events.append(chunk(Part.TOOL, at, delta))
    for step in range(longest):
        for at, speech in enumerate(reply.speeches):
            if step >= len(speech.pieces):
                continue
            piece = speech.pieces[step]
            if speech.tool is None:
                events.append(chunk(Part.CONTENT, at, {"content": piece}))
            else:
                part_call = {"index": 0, "function": {"arguments": piece}}
                events.append(chunk(Part.TOOL, at, {"tool_calls": [part_call]}))
    for at, speech in enumerate(reply.speeches):
        events.append(chunk(Part.TERMINAL, at, {}, reply.finish(speech)))
    return stream_answer(events + reply.closing(kind))


def text_whole(reply: Reply) -> Answer:
    """A completion in one piece."""
    choices: list[object] = [
        {
            "text": speech.text,
            "index": at,
            "logprobs": None,
            "finish_reason": FINISH[speech.ending],
        }
        for at, speech in enumerate(reply.speeches)
    ]
    return json_answer({**reply.frame("text_completion", choices), "usage": reply.usage})


def text_stream(reply: Reply) -> Answer:
    """A completion word by word."""
    kind = "text_completion"
    events = []
    for at, speech in enumerate(reply.speeches):
        for piece in speech.pieces:
            choice = {"text": piece, "index": at, "logprobs": None, "finish_reason": None}
            events.append(reply.event(Part.CONTENT, kind, choice))
        finish = FINISH[speech.ending]
        last = {"text": "", "index": at, "logprobs": None, "finish_reason": finish}
        events.append(reply.event(Part.TERMINAL, kind, last))
    return stream_answer(events + reply.closing(kind))
