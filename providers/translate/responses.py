"""Judge answers of the Responses dialect.

Its last word is its terminal event, which repeats the whole answer: withheld until it is judged.
Sources: openai-python 3.57 `types/responses` (events, `response_error.py`, statuses); OpenAI API
reference, "Streaming events", read 2026-11-24.
"""

from typing import Final

import msgspec
from msgspec import Raw

from providers.contract import COMPLETE, DECLINED, EMPTY, Usage, Verdict
from providers.faults.classify import classify_error
from providers.framing.sse import is_utf8
from providers.translate.arguments import is_json
from providers.translate.judging import (
    ABSENT,
    MOVED,
    SPOKE,
    WITHHELD,
    Step,
    StreamJudge,
    broken,
    corrupt,
    says,
    wrapped,
)
from providers.translate.usage import read_usage

# The terminal event holds instructions, tools and the whole answer, and images come as events.
EVENT_BYTES: Final = 8 * 1024 * 1024

_THOUGHTS: Final = frozenset(
    (
        "response.reasoning_text.delta",
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.done",
        "response.reasoning_summary_text.done",
    )
)
_WORDS: Final = frozenset(
    (
        "response.output_text.delta",
        "response.refusal.delta",
        "response.function_call_arguments.delta",
        "response.custom_tool_call_input.delta",
        "response.mcp_call_arguments.delta",
        "response.code_interpreter_call_code.delta",
        "response.shell_call_command.delta",
        "response.audio.delta",
        "response.audio.transcript.delta",
        "response.image_generation_call.partial_image",
        # A vendor may leave out the deltas.
        "response.output_text.done",
        "response.refusal.done",
        "response.function_call_arguments.done",
        "response.custom_tool_call_input.done",
        "response.mcp_call_arguments.done",
        "response.audio.transcript.done",
    )
)
_ENDS: Final = frozenset(("response.completed", "response.incomplete"))
_WHOLE: Final = frozenset(("completed", "incomplete"))
# The model's safety layer declined: no other vendor is asked, the client gets the answer.
_DECLINES: Final = frozenset(
    (
        "invalid_prompt",
        "bio_policy",
        "misalignment_policy_violation",
        "image_content_policy_violation",
    )
)


class _Event(msgspec.Struct):
    type: str = ""
    delta: Raw = ABSENT
    text: Raw = ABSENT
    refusal: Raw = ABSENT
    arguments: Raw = ABSENT
    input: Raw = ABSENT
    partial_image_b64: Raw = ABSENT
    transcript: Raw = ABSENT
    item: Raw = ABSENT
    response: Raw = ABSENT
    error: Raw = ABSENT


class _Part(msgspec.Struct):
    text: Raw = ABSENT
    refusal: Raw = ABSENT


class _Item(msgspec.Struct):
    type: str = ""
    content: list[_Part] | None = None
    arguments: str | None = None


class _Error(msgspec.Struct):
    code: str | None = None


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class _Response(msgspec.Struct):
    status: str | None = None
    model: str | None = None
    output: list[_Item] | None = None
    error: Raw = ABSENT
    incomplete_details: _Incomplete | None = None
    usage: Raw = ABSENT


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_response = msgspec.json.Decoder(_Response).decode
_decode_item = msgspec.json.Decoder(_Item).decode
_decode_error = msgspec.json.Decoder(_Error).decode


class ResponsesStream(StreamJudge):
    """Judges the event stream of one response."""

    __slots__ = ("_has_said_done", "_has_spoken", "_worth", "is_flawed_answer")

    def __init__(self) -> None:
        super().__init__(EVENT_BYTES)
        self._has_spoken = False
        self._has_said_done = False
        self._worth: Verdict | None = None  # set by the terminal event
        self.is_flawed_answer = False

    @property
    def is_flawed(self) -> bool:
        """A tool call's arguments are no JSON."""
        return self.is_flawed_answer

    def verdict(self) -> Verdict:
        """What the answer is worth if nothing more comes."""
        return self.fault or self._worth or broken("no terminal event")

    def _judge(self, raw: bytes, payload: bytes) -> Step:
        try:
            event = _decode_event(payload)
            if event.type in _WORDS:
                return self._hear(event)
            if event.type in _THOUGHTS:
                return SPOKE if says(event.delta) or says(event.text) else MOVED
            return self._turn(raw, payload, event)
        except (msgspec.DecodeError, RecursionError):
            return self._unreadable()

    def _hear(self, event: _Event) -> Step:
        if not (says(event.delta) or _says_at_once(event)):
            return MOVED
        self._has_spoken = True
        return SPOKE

    def _turn(self, raw: bytes, payload: bytes, event: _Event) -> Step:
        """Everything that is no part of the answer's text: the life of the response."""
        if event.type in _ENDS:
            return self._close(raw, _decode_response(event.response), event.type)
        if event.type == "response.failed":
            return self._fall(raw, _decode_response(event.response).error)
        if event.type == "error" or says(event.error):
            return self._fail_with(wrapped(event.error) if says(event.error) else payload)
        if event.type == "response.output_item.done" and _speaks(_decode_item(event.item)):
            self._has_spoken = True
            return SPOKE
        if self.model is None and event.response is not ABSENT:
            self.model = _decode_response(event.response).model
        return MOVED

    def _close(self, raw: bytes, response: _Response, name: str) -> Step:
        self.model = response.model or self.model
        self.usage = read_usage(response.usage)
        if says(response.error):
            return self._fall(raw, response.error)
        self._last_word = raw
        self.is_flawed_answer = _is_flawed(response)
        self._worth = _worth(response, self._has_spoken, name == "response.incomplete")
        return WITHHELD

    def _fall(self, raw: bytes, error: Raw) -> Step:
        """A response that failed; one that was declined is delivered with its last word."""
        if says(error) and _decode_error(error).code in _DECLINES:
            self._last_word, self._worth = raw, DECLINED
            return WITHHELD
        return self._fail_with(wrapped(error) if says(error) else b"{}")

    def _trail(self, raw: bytes, payload: bytes | None) -> bytes:
        """Some servers say `[DONE]` behind the terminal event; it belongs to the last word."""
        if payload != b"[DONE]" or self._has_said_done:
            return b""
        self._has_said_done = True
        return raw


class ResponsesWhole:
    """A `WholeReader` of one response; the body goes on as it came."""

    __slots__ = ("is_flawed", "model", "usage")

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.model: str | None = None
        self.is_flawed = False

    def read(self, body: bytes) -> tuple[Verdict, bytes]:
        """Judge a complete 200 body."""
        return self._verdict(body), body

    def _verdict(self, body: bytes) -> Verdict:
        if not body.isascii() and not is_utf8(body):
            return corrupt("not UTF-8")
        try:
            response = _decode_response(body)
            if says(response.error):
                if _decode_error(response.error).code in _DECLINES:
                    return DECLINED
                return classify_error(wrapped(response.error))
        except (msgspec.DecodeError, RecursionError):
            return corrupt("not a response")
        if response.status not in _WHOLE:
            return corrupt("no terminal status")
        self.model, self.usage = response.model, read_usage(response.usage)
        self.is_flawed = _is_flawed(response)
        return _worth(response, False, response.status == "incomplete")


def _worth(response: _Response, has_spoken: bool, is_incomplete: bool) -> Verdict:
    """Of an answer that came to its end; an incomplete one may be empty and still be one."""
    spoke = has_spoken or any(map(_speaks, response.output or ()))
    if is_incomplete:
        details = response.incomplete_details
        is_filtered = details is not None and details.reason == "content_filter"
        return DECLINED if is_filtered else COMPLETE
    return COMPLETE if spoke else EMPTY


def _says_at_once(event: _Event) -> bool:
    """Whether an event without a delta brings the whole of something."""
    return any(
        map(
            says,
            (
                event.text,
                event.refusal,
                event.arguments,
                event.input,
                event.partial_image_b64,
                event.transcript,
            ),
        )
    )


def _speaks(item: _Item) -> bool:
    """Whether an output item is an answer: a call of any tool, or a message that says something."""
    if item.type == "message":
        return any(says(part.text) or says(part.refusal) for part in item.content or ())
    return item.type not in ("", "reasoning")


def _is_flawed(response: _Response) -> bool:
    return any(
        item.type == "function_call" and not is_json(item.arguments or "")
        for item in response.output or ()
    )
