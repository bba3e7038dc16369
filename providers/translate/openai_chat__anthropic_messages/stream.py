"""A Messages stream, judged and rendered as chat completion chunks.

Texts go from event to chunk byte for byte: the raw JSON string is set between two prepared
pieces of a chunk.  The terminal chunk is a part of the last word.  A chat client takes a
`finish_reason` for the end of a whole answer whether or not `[DONE]` follows, so none is sent
before `message_stop` has come and every block is closed: an answer that was cut has no terminal
chunk at all.  A ping says that the connection lives, not that the answer does, and so counts as
nothing, as a comment does.
Source: platform.claude.com/docs/en/build-with-claude/streaming, read 2026-11-24.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Raw

from providers.contract import CONTENT, FAILED, NOTHING, PROGRESS, Charge, Usage, Verdict
from providers.dialects.anthropic_messages import (
    REFUSAL,
    Block,
    Counts,
    Delta,
    Event,
    decode_event,
    read_counts,
)
from providers.faults.classify import classify_error
from providers.framing import sse
from providers.translate.arguments import is_json
from providers.translate.judging import broken, corrupt, says, wrapped
from providers.translate.openai_chat__anthropic_messages.answer import Answer

BLOCKS: Final = 1024  # of one answer
OPEN_BLOCKS: Final = 16  # at a time; the vendor opens one after the other
ARGUMENTS_BYTES: Final = 1024 * 1024  # of one call

_DONE: Final = b"data: [DONE]\n\n"
_UNFINISHED: Final = b'},"finish_reason":null}]}\n\n'
_UNFINISHED_CALL: Final = b'}}]},"finish_reason":null}]}\n\n'

Step = tuple[bytes, int]
_NOTHING: Final[Step] = (b"", NOTHING)
_NO_CHUNK: Final[Step] = (b"", PROGRESS)


class MessagesStream:
    """Reads one stream; see `StreamReader`."""

    __slots__ = (
        "_answer",
        "_blocks",
        "_calls",
        "_created",
        "_head",
        "_is_stopped",
        "_open",
        "_shell",
        "_splitter",
        "_text_head",
        "_wants_usage",
        "fault",
        "model",
        "usage",
    )

    def __init__(self, *, wants_usage: bool, created: int) -> None:
        self.fault: Verdict | None = None
        self.usage: Usage | None = None
        self.model: str | None = None
        self._answer = Answer()
        self._wants_usage = wants_usage
        self._created = created
        self._splitter = sse.EventSplitter()
        self._shell = b""  # of every chunk, up to `choices`; known from `message_start` on
        self._head = b""  # the same up to the value of `delta`
        self._text_head = b""
        self._open: dict[int, _OpenBlock] = {}
        self._blocks = 0
        self._calls = 0
        self._is_stopped = False

    @property
    def is_flawed(self) -> bool:
        return self._answer.is_flawed

    @property
    def is_done(self) -> bool:
        return self._is_stopped and self.verdict().delivers

    def feed(self, data: bytes) -> Step:
        """Take bytes as they come; give the chunks for the client and the highest signal."""
        if self.fault is not None or self._is_stopped:
            return _NOTHING
        payload = self._splitter.feed_one(data)
        if payload is not None:
            return self._read(payload)
        return self._read_all(self._splitter.feed(data))

    def verdict(self) -> Verdict:
        """What the answer is worth if nothing more comes."""
        if self.fault is not None:
            return self.fault
        if not self._is_stopped:
            return broken("no message_stop")
        if self._answer.stop_reason is None or self._open:
            return broken("no terminal reason")
        return self._answer.verdict()

    def end(self) -> bytes:
        """The terminal chunk, the usage chunk if it was asked for, and `[DONE]`."""
        answer, chunks = self._answer, []
        if answer.refusal is not None:
            refusal = msgspec.json.encode(answer.refusal)
            chunks.append(b'%b{"refusal":%b%b' % (self._head, refusal, _UNFINISHED))
        chunks.append(b'%b{},"finish_reason":%b}]}\n\n' % (self._head, answer.finish_reason))
        if self._wants_usage and (usage := answer.usage_member()):
            chunks.append(b'%b"choices":[],"usage":%b}\n\n' % (self._shell, usage))
        chunks.append(_DONE)
        return b"".join(chunks)

    def _read_all(self, events: list[sse.Event]) -> Step:
        chunks, top = [], NOTHING
        for _, _, payload in events:
            chunk, signal = self._read(payload)
            if signal > top:
                top = signal
            if signal == FAILED or self._is_stopped:
                break
            chunks.append(chunk)
        if self._splitter.fault and self.fault is None and not self._is_stopped:
            top = self._corrupt(self._splitter.fault)[1]
        return b"".join(chunks), top

    def _read(self, payload: bytes | None) -> Step:
        """Read one event; the texts in it are known to be UTF-8."""
        if payload is None:
            return _NOTHING
        try:
            event = decode_event(payload)
        except (msgspec.DecodeError, RecursionError):
            return self._corrupt("unreadable event")
        read = _EVENTS.get(event.type)
        if read is None:
            return self._error(event) if says(event.error) else _NO_CHUNK
        return read(self, event)

    def _message_start(self, event: Event) -> Step:
        message = event.message
        if message is None or self._head:
            return self._corrupt("second or empty message_start")
        self.model = message.model
        counts = read_counts(message.usage)
        if counts is not None:
            counts.output_tokens = None  # the first token's, not the answer's
            self._count(counts)
        self._shell = (
            b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,'
            % (
                msgspec.json.encode(message.id),
                self._created,
                msgspec.json.encode(message.model or ""),
            )
        )
        self._head = self._shell + b'"choices":[{"index":0,"delta":'
        self._text_head = self._head + b'{"content":'
        return self._head + b'{"role":"assistant","content":""' + _UNFINISHED, PROGRESS

    def _block_start(self, event: Event) -> Step:
        block = event.content_block
        self._blocks += 1
        if block is None or not self._head or event.index in self._open:
            return self._corrupt("misplaced content_block_start")
        if self._blocks > BLOCKS or len(self._open) >= OPEN_BLOCKS:
            return self._corrupt("too many blocks")
        opened = self._open[event.index] = _OpenBlock(block, self._calls)
        if block.type == "tool_use":
            return self._start_call(block, opened)
        if block.type == "text" and len(block.text) > 2:
            return self._say_text(opened, Delta(text=block.text))
        return _NO_CHUNK

    def _start_call(self, block: Block, opened: "_OpenBlock") -> Step:
        call_id, name = bytes(block.id), bytes(block.name)
        if not call_id.startswith(b'"') or not name.startswith(b'"'):
            return self._corrupt("tool_use without id or name")
        self._calls += 1
        self._answer.spoke = True
        chunk = (
            b'%b{"tool_calls":[{"index":%d,"id":%b,"type":"function","function":'
            b'{"name":%b,"arguments":""%b'
        ) % (self._head, opened.number, call_id, name, _UNFINISHED_CALL)
        return chunk, CONTENT

    def _block_delta(self, event: Event) -> Step:
        block, delta = self._open.get(event.index), event.delta
        if block is None or delta is None:
            return self._corrupt("delta outside a block")
        say = _DELTAS.get((block.kind, delta.type))
        # Signatures, citations, and the work of tools that run at the vendor have no counterpart.
        return _NO_CHUNK if say is None else say(self, block, delta)

    def _say_text(self, block: "_OpenBlock", delta: Delta) -> Step:
        text = bytes(delta.text)
        if text == b'""':
            return _NO_CHUNK
        if text[:1] != b'"':
            return self._corrupt("text_delta without text")
        self._answer.spoke = True
        return self._text_head + text + _UNFINISHED, CONTENT

    def _say_thinking(self, block: "_OpenBlock", delta: Delta) -> Step:
        text = bytes(delta.thinking)
        if text == b'""':
            return _NO_CHUNK
        if text[:1] != b'"':
            return self._corrupt("thinking_delta without thinking")
        return b'%b{"reasoning_content":%b%b' % (self._head, text, _UNFINISHED), CONTENT

    def _say_arguments(self, block: "_OpenBlock", delta: Delta) -> Step:
        piece = bytes(delta.partial_json)
        if piece == b'""':
            return _NO_CHUNK
        if piece[:1] != b'"':
            return self._corrupt("input_json_delta without partial_json")
        block.keep(piece)
        return self._arguments(block, piece), CONTENT

    def _arguments(self, block: "_OpenBlock", piece: bytes) -> bytes:
        return b'%b{"tool_calls":[{"index":%d,"function":{"arguments":%b%b' % (
            self._head,
            block.number,
            piece,
            _UNFINISHED_CALL,
        )

    def _block_stop(self, event: Event) -> Step:
        block = self._open.pop(event.index, None)
        if block is None:
            return self._corrupt("content_block_stop outside a block")
        if block.kind != "tool_use":
            return _NO_CHUNK
        if not block.size:
            # A call without deltas has its input in the start; a chat client needs JSON, not "".
            arguments = msgspec.json.encode(str(bytes(block.input) or b"{}", "utf-8"))
            return self._arguments(block, arguments), CONTENT
        self._answer.is_flawed |= not block.is_json()
        return _NO_CHUNK

    def _message_delta(self, event: Event) -> Step:
        answer, delta = self._answer, event.delta
        counts = read_counts(event.usage)
        if counts is not None:
            self._count(counts)
        if delta is not None and delta.stop_reason is not None:
            answer.stop_reason = delta.stop_reason
            if delta.stop_reason == REFUSAL and delta.stop_details is not None:
                answer.refusal = delta.stop_details.explanation
        return _NO_CHUNK

    def _count(self, counts: Counts) -> None:
        self._answer.count(counts)
        self.usage = self._answer.usage

    def _message_stop(self, event: Event) -> Step:
        self._is_stopped = True
        return _NO_CHUNK

    def _ping(self, event: Event) -> Step:
        return _NOTHING

    def _error(self, event: Event) -> Step:
        return self._fail(classify_error(wrapped(event.error)))

    def _corrupt(self, detail: str) -> Step:
        return self._fail(corrupt(detail, Charge.PARTIAL))

    def _fail(self, verdict: Verdict) -> Step:
        self.fault = verdict
        return b"", FAILED


class _OpenBlock:
    """A block between its start and its stop."""

    __slots__ = ("_pieces", "input", "kind", "number", "size")

    def __init__(self, block: Block, number: int) -> None:
        self.kind = block.type
        self.number = number  # of a tool call among the calls
        self.input: Raw = block.input
        self.size = 0  # bytes of the pieces that came
        self._pieces = bytearray(b'"')  # a JSON string that holds the arguments, not yet closed

    def keep(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size <= ARGUMENTS_BYTES:
            self._pieces += piece[1:-1]

    def is_json(self) -> bool:
        """Whether the arguments parse; of those above `ARGUMENTS_BYTES` nothing else is claimed."""
        if self.size > ARGUMENTS_BYTES:
            return True
        return is_json(msgspec.json.decode(self._pieces + b'"', type=str))


_EVENTS: Final[dict[str, Callable[[MessagesStream, Event], Step]]] = {
    "content_block_delta": MessagesStream._block_delta,
    "message_start": MessagesStream._message_start,
    "content_block_start": MessagesStream._block_start,
    "content_block_stop": MessagesStream._block_stop,
    "message_delta": MessagesStream._message_delta,
    "message_stop": MessagesStream._message_stop,
    "ping": MessagesStream._ping,
    "error": MessagesStream._error,
}

# By the kinds of the block and of the delta: what a block of another kind says is not the answer.
_DELTAS: Final[dict[tuple[str, str], Callable[[MessagesStream, _OpenBlock, Delta], Step]]] = {
    ("text", "text_delta"): MessagesStream._say_text,
    ("thinking", "thinking_delta"): MessagesStream._say_thinking,
    ("tool_use", "input_json_delta"): MessagesStream._say_arguments,
}
