"""A Messages stream, judged and rendered as chat completion chunks.

Texts go from event to chunk byte for byte: the raw JSON string is set between two prepared
pieces of a chunk.  The terminal chunk is a part of the last word.  A chat client takes a
`finish_reason` for the end of a whole answer whether or not `[DONE]` follows, so none is sent
before `message_stop` has come and every block is closed: an answer that was cut has no terminal
chunk at all.  A ping says that the connection lives, not that the answer does, and so counts as
nothing, as a comment does.
Source: platform.claude.com/docs/en/build-with-claude/streaming, read 2026-11-24.
"""

from typing import Final

import msgspec
from msgspec import Raw

from providers.contract import CONTENT, FAILED, NOTHING, PROGRESS, Charge, Kind, Usage, Verdict
from providers.dialects.anthropic_messages import (
    ABSENT,
    REFUSAL,
    Block,
    Delta,
    Event,
    Message,
    decode_event,
    error_verdict,
)
from providers.translate.openai_chat__anthropic_messages.answer import (
    NOT_UTF8,
    Answer,
    corrupt,
    is_utf8,
)

BLOCKS: Final = 1024
ARGUMENTS_BYTES: Final = 1024 * 1024  # of one call; beyond it they are sent on but not checked
EVENT_BYTES: Final = 1024 * 1024

_DONE: Final = b"data: [DONE]\n\n"
_UNFINISHED: Final = b',"finish_reason":null}]}\n\n'
_TEXT_END: Final = b'},"finish_reason":null}]}\n\n'
_CALL_END: Final = b'}}]},"finish_reason":null}]}\n\n'
_EMPTY_STRING: Final = b'""'

Step = tuple[bytes, int]
_IGNORED: Final[Step] = (b"", PROGRESS)


class _OpenBlock:
    """A block between its start and its stop."""

    __slots__ = ("input", "kind", "number", "pieces", "size")

    def __init__(self, block: Block, number: int) -> None:
        self.kind = block.type
        self.number = number  # of a tool call among the calls
        self.input = block.input
        self.pieces: list[bytes] = []  # JSON strings that together hold the arguments
        self.size = 0


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
        "_tail",
        "_text_head",
        "_wants_usage",
        "fault",
    )

    def __init__(self, *, wants_usage: bool, created: int) -> None:
        self.fault: Verdict | None = None
        self._answer = Answer()
        self._wants_usage = wants_usage
        self._created = created
        self._tail = b""
        self._head = b""  # of every chunk, up to the value of `delta`; known from `message_start`
        self._text_head = b""
        self._open: dict[int, _OpenBlock] = {}
        self._blocks = 0
        self._calls = 0
        self._is_stopped = False

    @property
    def usage(self) -> Usage | None:
        return self._answer.usage

    @property
    def model(self) -> str | None:
        return self._answer.model

    @property
    def is_done(self) -> bool:
        return self._is_stopped and self.verdict().kind in (Kind.OK, Kind.REFUSED)

    def feed(self, data: bytes) -> Step:
        """Take bytes as they come; give the chunks for the client and the highest signal."""
        raise NotImplementedError

    def verdict(self) -> Verdict:
        if self.fault is not None:
            return self.fault
        if not self._is_stopped:
            return Verdict(Kind.BROKEN_STREAM, "no message_stop", charge=Charge.PARTIAL)
        if self._answer.stop_reason is None:
            return Verdict(Kind.BROKEN_STREAM, "no stop reason", charge=Charge.PARTIAL)
        return self._answer.verdict()

    def end(self) -> bytes:
        """The terminal chunk, the usage chunk if it was asked for, and `[DONE]`."""
        chunks = []
        if self._answer.refusal is not None:
            refusal = msgspec.json.encode(self._answer.refusal)
            chunks.append(b'%b{"refusal":%b%b' % (self._head, refusal, _TEXT_END))
        reason = self._answer.finish_reason
        chunks.append(b'%b{},"finish_reason":%b}]}\n\n' % (self._head, reason))
        if self._wants_usage and (usage := self._answer.usage_member()):
            shell = self._head[: self._head.rindex(b'"choices":')]
            chunks.append(b'%b"choices":[],"usage":%b}\n\n' % (shell, usage))
        return b"".join((*chunks, _DONE))
