"""Judge answers made of choices: `chat.completion`, `text_completion` and their chunks.

An answer is whole when every choice that was asked for has a terminal reason.  `[DONE]` and the
end of the stream prove nothing: vLLM sends `[DONE]` after an error.  A typed decode of one chunk
costs about 0.4 µs and tells whether a choice ends, speaks, calls a tool or fails.
Sources: OpenAI API reference, "chat completion chunk object"; vLLM 0.32 (`abort`, error then
`[DONE]`); DeepSeek (`insufficient_system_resource`); OpenRouter and Mistral (`error`, and
`model_length`); Cohere (`ERROR`), read 2026-11-24.
"""

from typing import Final

import msgspec
from msgspec import Raw

from providers.contract import (
    COMPLETE,
    DECLINED,
    EMPTY,
    Charge,
    Usage,
    Verdict,
)
from providers.faults.classify import classify_error
from providers.framing.sse import is_utf8
from providers.translate.arguments import ArgumentCollector, are_flawed
from providers.translate.judging import (
    ABSENT,
    MOVED,
    SPOKE,
    STRIPPED,
    WITHHELD,
    Step,
    StreamJudge,
    broken,
    corrupt,
    says,
    wrapped,
)
from providers.translate.usage import read_usage

CHOICES: Final = 128  # more than were asked for are a fault from here on

# An answer that ends for one of these may be empty and still be an answer.
_LEGIT_EMPTY: Final = frozenset(
    ("length", "model_length", "max_tokens", "tool_use", "tool_calls", "function_call")
)
_DECLINES: Final = frozenset(("content_filter", "refusal"))
_BREAKS: Final = frozenset(("error", "ERROR", "abort", "insufficient_system_resource"))


class _Message(msgspec.Struct, gc=False):
    content: Raw = ABSENT
    tool_calls: Raw = ABSENT
    function_call: Raw = ABSENT
    refusal: Raw = ABSENT
    reasoning: Raw = ABSENT
    reasoning_content: Raw = ABSENT
    audio: Raw = ABSENT


class _Choice(msgspec.Struct, gc=False):
    """`delta` of a chat chunk, `message` of a chat, `text` of a text completion or its chunk."""

    index: int = 0
    delta: _Message | None = None
    message: _Message | None = None
    text: Raw = ABSENT
    finish_reason: str | None = None


class _Reply(msgspec.Struct, gc=False):
    """The members of a chunk or of a whole completion that decide anything."""

    choices: list[_Choice] | None = None
    error: Raw = ABSENT
    usage: Raw = ABSENT
    model: str | None = None


class _Flat(msgspec.Struct, gc=False):
    """An error that stands at the top, as Mistral, SGLang and FastAPI write it."""

    message: Raw = ABSENT
    detail: Raw = ABSENT


_NULL_BYTES: Final = 4  # of `null`, the longest way to say nothing
_decode = msgspec.json.Decoder(_Reply).decode
_decode_flat = msgspec.json.Decoder(_Flat).decode
_SILENT: Final = _Message()


class _Endings:
    """Which choices have ended, and how."""

    __slots__ = ("_ended", "_expected", "has_declined", "has_spoken", "is_crowded", "open")

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self.open: set[int] = set()  # indices of choices
        self._ended: dict[int, str] = {}
        self.has_spoken = False
        self.has_declined = False  # in words, which is not the same as being filtered
        self.is_crowded = False

    def note(self, index: int, reason: str | None) -> None:
        """One choice of one chunk.  A choice that has ended stays so: Azure's filter reports
        come behind the terminal reason."""
        if reason:
            self.open.discard(index)
            self._ended[index] = reason
        elif index not in self._ended:
            self.open.add(index)
        if len(self.open) + len(self._ended) > max(CHOICES, self._expected):
            self.is_crowded = True

    @property
    def are_whole(self) -> bool:
        return not self.open and len(self._ended) >= self._expected

    @property
    def break_reason(self) -> str | None:
        return next((reason for reason in self._ended.values() if reason in _BREAKS), None)

    def worth(self) -> Verdict:
        """Of an answer in which every choice has ended as answers end."""
        reasons = set(self._ended.values())
        if reasons <= _DECLINES or (self.has_declined and not self.has_spoken):
            return DECLINED
        if self.has_spoken or not reasons.isdisjoint(_LEGIT_EMPTY):
            return COMPLETE
        return EMPTY


class ChoicesStream(StreamJudge):
    """`expected` choices; the usage event is stripped where only we asked for it."""

    __slots__ = ("_arguments", "_endings", "_strips_usage")

    missing_last_word = b"data: [DONE]\n\n"

    def __init__(self, *, expected: int, strips_usage: bool) -> None:
        super().__init__()
        self._endings = _Endings(expected)
        self._strips_usage = strips_usage
        self._arguments: ArgumentCollector | None = None

    @property
    def is_flawed(self) -> bool:
        """A tool call's arguments are no JSON."""
        return self._arguments is not None and self._arguments.is_flawed

    def verdict(self) -> Verdict:
        """What the answer is worth if nothing more comes."""
        if self.fault is not None:
            return self.fault
        if not self._endings.are_whole:
            return broken("no terminal reason")
        reason = self._endings.break_reason
        return broken(f"ended by {reason}") if reason else self._endings.worth()

    def _judge(self, raw: bytes, payload: bytes) -> Step:
        try:
            chunk = _decode(payload)
        except (msgspec.DecodeError, RecursionError):
            if payload.startswith(b"[DONE]"):
                self._last_word = raw
                return WITHHELD
            return self._unreadable()
        if chunk.error is not ABSENT and says(chunk.error):
            return self._fail_with(wrapped(chunk.error))
        if not self.model and chunk.model:
            self.model = chunk.model  # Azure's first event, of filter results, names none
        has_usage = len(chunk.usage) > _NULL_BYTES
        if has_usage:
            self.usage = read_usage(chunk.usage) or self.usage
        choices = chunk.choices
        if not choices:
            if not has_usage and _is_flat_error(payload):
                return self._fail_with(payload)
            return STRIPPED if has_usage and self._strips_usage else MOVED
        choice = choices[0]
        if (  # text of a choice that is known, alone in its chunk
            len(choices) == 1
            and choice.finish_reason is None
            and choice.delta is not None
            and len(choice.delta.content) > _NULL_BYTES
            and choice.delta.tool_calls is ABSENT
            and choice.index in self._endings.open
        ):
            self._endings.has_spoken = True
            return SPOKE
        return self._read_choices(choices)

    def _read_choices(self, choices: list[_Choice]) -> Step:
        endings = self._endings
        step = MOVED
        for choice in choices:
            endings.note(choice.index, choice.finish_reason)
            if self._speaks(choice):
                step = SPOKE
        if endings.is_crowded:
            return self._fail(corrupt("too many choices", Charge.PARTIAL))
        return step

    def _speaks(self, choice: _Choice) -> bool:
        """Whether the client's state changes; it is nearly always the text of a delta."""
        delta = choice.delta
        if delta is None:
            return self._says(choice.text)
        size = len(delta.content)
        if size > _NULL_BYTES or size == 3:  # neither absent, null, "" nor []
            self._endings.has_spoken = True
            if says(delta.tool_calls):
                self._calls(choice.index, delta.tool_calls)
            return True
        if delta == _SILENT:
            return False
        if says(delta.tool_calls):
            return self._calls(choice.index, delta.tool_calls)
        if says(delta.refusal):
            self._endings.has_declined = True
            return True
        if says(delta.reasoning_content) or says(delta.reasoning):
            return True
        return any(map(self._says, (delta.content, delta.function_call, delta.audio)))

    def _says(self, raw: Raw) -> bool:
        if not says(raw):
            return False
        self._endings.has_spoken = True
        return True

    def _calls(self, choice: int, calls: Raw) -> bool:
        if self._arguments is None:
            self._arguments = ArgumentCollector()
        self._arguments.take(choice, calls)
        self._endings.has_spoken = True
        return True


class ChoicesWhole:
    """A `WholeReader` of an answer made of choices; the body goes on as it came."""

    __slots__ = ("_expected", "is_flawed", "model", "usage")

    def __init__(self, *, expected: int) -> None:
        self.usage: Usage | None = None
        self.model: str | None = None
        self.is_flawed = False
        self._expected = expected

    def read(self, body: bytes) -> tuple[Verdict, bytes]:
        """Judge a complete 200 body."""
        if not body.isascii() and not is_utf8(body):
            return corrupt("not UTF-8"), body
        try:
            reply = _decode(body)
        except (msgspec.DecodeError, RecursionError):
            return corrupt("not a completion"), body
        if reply.error is not ABSENT and says(reply.error):
            return classify_error(wrapped(reply.error)), body
        self.model, self.usage = reply.model, read_usage(reply.usage)
        choices = reply.choices
        if choices is None:
            is_error = _is_flat_error(body)
            return classify_error(body) if is_error else corrupt("no choices"), body
        if not choices:
            return EMPTY, body
        return COMPLETE if self._is_usual(choices) else self._judge(choices), body

    def _is_usual(self, choices: list[_Choice]) -> bool:
        """One choice that was asked for, said something and stopped: nearly every answer."""
        choice = choices[0]
        message = choice.message
        return (
            choice.finish_reason == "stop"
            and len(choices) == self._expected == 1
            and message is not None
            and len(message.content) > _NULL_BYTES
            and message.tool_calls is ABSENT
        )

    def _judge(self, choices: list[_Choice]) -> Verdict:
        endings = _Endings(self._expected)
        for choice in choices:
            endings.note(choice.index, choice.finish_reason)
            self._hear(choice, endings)
        if not endings.are_whole:
            return corrupt("no terminal reason", Charge.FULL)
        reason = endings.break_reason
        return corrupt(f"ended by {reason}", Charge.FULL) if reason else endings.worth()

    def _hear(self, choice: _Choice, endings: _Endings) -> None:
        message = choice.message or _SILENT
        spoken = (choice.text, message.content, message.tool_calls, message.function_call)
        if any(map(says, spoken)) or says(message.audio):
            endings.has_spoken = True
        if says(message.refusal):
            endings.has_declined = True
        if says(message.tool_calls) and are_flawed(message.tool_calls):
            self.is_flawed = True


def _is_flat_error(document: bytes) -> bool:
    try:
        flat = _decode_flat(document)
    except msgspec.DecodeError:
        return False
    return says(flat.message) or says(flat.detail)
