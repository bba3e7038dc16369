"""What every judge of a stream does alike: cut, keep or withhold, notice the end.

The bytes that go on are the upstream's own.  Whole events only, so that after a cut an error
event of ours stands on its own line and half an event is never delivered.  Withheld are an error
and all that follows it, and the last word until the answer is known to be whole.
"""

from abc import ABC, abstractmethod
from typing import Final

from msgspec import Raw

from providers.contract import (
    CONTENT,
    FAILED,
    NOTHING,
    PROGRESS,
    Charge,
    Kind,
    Usage,
    Verdict,
)
from providers.faults.classify import classify_error
from providers.framing.sse import EVENT_BYTES, EventSplitter

ABSENT: Final = Raw(b"")
_NULLS: Final = frozenset((b"", b"null", b'""', b"[]", b"{}"))

Step = tuple[int, bool]
"""The signal of one event, and whether it is sent on."""
SILENT: Final[Step] = (NOTHING, True)
WITHHELD: Final[Step] = (NOTHING, False)
STRIPPED: Final[Step] = (PROGRESS, False)
MOVED: Final[Step] = (PROGRESS, True)
SPOKE: Final[Step] = (CONTENT, True)
BROKE: Final[Step] = (FAILED, False)


class StreamJudge(ABC):
    """A `StreamReader` over one stream; a dialect says what an event means."""

    __slots__ = ("_last_word", "_splitter", "fault", "model", "usage")

    missing_last_word = b""  # what the dialect's last word is where it says nothing else

    def __init__(self, limit_bytes: int = EVENT_BYTES) -> None:
        self.fault: Verdict | None = None
        self.usage: Usage | None = None
        self.model: str | None = None
        self._splitter = EventSplitter(limit_bytes)
        self._last_word = b""

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """Take bytes as they come; give the bytes to send on and the highest signal in them."""
        if self.fault is not None:
            return b"", NOTHING
        payload = self._splitter.feed_one(data) if not self._last_word else None
        if payload is None:
            return self._feed_all(self._splitter.feed(data))
        signal, is_kept = self._judge(data, payload)
        return (data if is_kept else b""), signal

    def end(self) -> bytes:
        """The withheld last word; asked for once, after a verdict that delivers.

        An answer can be whole although its upstream left the word out; clients wait for it.
        """
        return self._last_word or self.missing_last_word

    @property
    def is_done(self) -> bool:
        """The last word came and the answer is whole: what the connection does now is no matter."""
        return bool(self._last_word) and self.verdict().delivers

    @property
    def is_flawed(self) -> bool:
        """A tool call's arguments are no JSON."""
        return False

    @abstractmethod
    def verdict(self) -> Verdict:
        """What the answer is worth if nothing more comes."""

    @abstractmethod
    def _judge(self, raw: bytes, payload: bytes) -> Step:
        """Read one event that has data."""

    def _feed_all(self, events: list[tuple[bytes, bytes, bytes | None]]) -> tuple[bytes, int]:
        top = NOTHING
        kept = []
        for raw, _, payload in events:
            if self._last_word:
                self._last_word += self._trail(raw, payload)
                continue
            signal, is_kept = self._judge(raw, payload) if payload else SILENT
            if is_kept:
                kept.append(raw)
            if signal > top:
                top = signal
            if signal == FAILED:
                return b"".join(kept), FAILED
        if self._splitter.fault and not self._last_word:
            self._fail(Verdict(Kind.CORRUPT_ANSWER, self._splitter.fault, charge=Charge.PARTIAL))
            top = FAILED
        return b"".join(kept), top

    def _trail(self, raw: bytes, payload: bytes | None) -> bytes:
        """What of an event behind the last word belongs to it: nothing, in most dialects."""
        return b""

    def _fail(self, verdict: Verdict) -> Step:
        self.fault = verdict
        return BROKE

    def _fail_with(self, error: bytes) -> Step:
        """`error` is the JSON document that tells of it."""
        return self._fail(classify_error(error))

    def _unreadable(self) -> Step:
        return self._fail(Verdict(Kind.CORRUPT_ANSWER, "unreadable event", charge=Charge.PARTIAL))


def broken(detail: str) -> Verdict:
    """A stream that ended as no answer ends."""
    return Verdict(Kind.BROKEN_STREAM, detail, charge=Charge.PARTIAL)


def corrupt(detail: str, charge: Charge = Charge.UNKNOWN) -> Verdict:
    """A reply in one piece that is no answer."""
    return Verdict(Kind.CORRUPT_ANSWER, detail, charge=charge)


def says(raw: Raw) -> bool:
    """Whether a member is there and holds anything."""
    return raw is not ABSENT and (len(raw) > 4 or bytes(raw) not in _NULLS)


def wrapped(error: Raw) -> bytes:
    """An error member as the document that a rule table reads."""
    return b'{"error":%b}' % bytes(error)
