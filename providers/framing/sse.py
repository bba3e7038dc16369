"""Cut a stream of server-sent events into whole events, byte for byte.

An event is given only when its blank line has come, with the blank line that it came with: what
is sent on is the upstream's own bytes, and after a cut an error event of ours stands on its own
line.  A paced stream brings one `data: {…}` event a read, so that case has a path of its own
(`feed_one`), which makes no list.

Where the standard's line ends meet a cut between two reads, one rule makes every cut give the
same events: `\\n\\r` waits for the byte behind it, `\\r\\r` does not, and a `\\n` that follows it
is an empty line of the next event, which means nothing.
Source: WHATWG HTML, 9.2.6 "Interpreting an event stream", read 2026-11-24.
"""

import re
from codecs import getincrementaldecoder
from typing import Final

Event = tuple[bytes, bytes, bytes | None]
"""The event's own bytes with its blank line; its `event:` name or b""; its data, None without any.

A plain tuple, since a named one costs three times as much and one is made for every event.
"""

EVENT_BYTES: Final = 1024 * 1024

_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r|\r\n\n|\n\r\n|\n\r(?=[^\n])")
_EDGE_BYTES = 3  # of what is pending: as much of a blank line as can lie before a cut
_LINE = re.compile(rb"\r\n|\n|\r")
_PIECE_BYTES: Final = 64 * 1024
_decoder_of_pieces = getincrementaldecoder("utf-8")
_BOM = b"\xef\xbb\xbf"


class EventSplitter:
    """Takes the bytes of one stream as they come.  `fault` is set once and ends the reading."""

    __slots__ = ("_edge", "_is_started", "_limit", "_pending", "_size", "fault")

    def __init__(self, limit_bytes: int = EVENT_BYTES) -> None:
        self.fault = ""  # why the stream cannot be read on; a fixed text of ours
        self._limit = limit_bytes
        self._pending: list[bytes] = []  # pieces of an event whose blank line has not come
        self._size = 0
        self._edge = b""
        self._is_started = False  # a byte order mark means something only at the very start

    def feed_one(self, data: bytes) -> bytes | None:
        """The data of a read that is one usual event and nothing else; None: `feed` must have it.

        Usual is `data: {…}` alone, or with its name before it.
        """
        if (
            not self._pending
            and data.endswith(b"\n\n")
            and b"\r" not in data
            and len(data) <= self._limit
            and not self.fault
            and (data.isascii() or is_utf8(data))
        ):
            end = data.find(b"\n")
            last = len(data) - 2
            if end == last and data.startswith(b"data: {"):
                self._is_started = True
                return data[6:-2]
            if (
                data.startswith(b"event: ")
                and data.startswith(b"data: {", end + 1)
                and data.find(b"\n", end + 1) == last
            ):
                self._is_started = True
                return data[end + 7 : -2]
        return None

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes, in order; those before a fault are still given."""
        if self.fault or not data:
            return []
        if self._pending:
            if not _has_blank_line(self._edge + data):
                return self._wait(data)  # joining at every read would be quadratic
            data = b"".join([*self._pending, data])
            self._pending, self._size, self._edge = [], 0, b""
        pieces, tail = _cut(data)
        events = self._read_all(pieces)
        if tail and not self.fault:
            self._wait(tail)
        return events

    def _wait(self, data: bytes) -> list[Event]:
        self._pending.append(data)
        self._size += len(data)
        self._edge = (self._edge + data)[-_EDGE_BYTES:]
        if self._size > self._limit:
            self._fail("event too large")
        return []

    def _read_all(self, pieces: list[bytes]) -> list[Event]:
        events = []
        for raw in pieces:
            if len(raw) > self._limit:
                self._fail("event too large")
                break
            if not raw.isascii() and not is_utf8(raw):
                self._fail("not UTF-8")
                break
            events.append(self._read(raw))
        return events

    def _read(self, raw: bytes) -> Event:
        if raw.startswith(b"data: {") and raw.find(b"\n") == len(raw) - 2 and b"\r" not in raw:
            self._is_started = True
            return raw, b"", raw[6:-2]
        text = raw if self._is_started else raw.removeprefix(_BOM)
        self._is_started = True
        name, data = parse(text)
        return raw, name, data

    def _fail(self, fault: str) -> None:
        self.fault = fault
        self._pending, self._size = [], 0


def parse(event: bytes) -> tuple[bytes, bytes | None]:
    """Name and data of one event by the standard: data lines joined, unknown fields left out."""
    if event.startswith(b"event: ") and b"\r" not in event:  # as most vendors write a named event
        end = event.find(b"\n")
        if event.startswith(b"data: ", end + 1) and event.find(b"\n", end + 1) == len(event) - 2:
            return event[7:end], event[end + 7 : -2]
    name, lines = b"", []
    for line in _LINE.split(event):
        field, _, value = line.partition(b":")
        if field == b"data":
            lines.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return name, b"\n".join(lines) if lines else None


def is_utf8(data: bytes) -> bool:
    """Whether `data` decodes strictly; look at `isascii` first, it is nearly free.

    In pieces, so that the text of a large one needs no pages of its own: half the time.
    """
    try:
        if len(data) <= _PIECE_BYTES:
            str(data, "utf-8")
        else:
            decode, pieces = _decoder_of_pieces().decode, memoryview(data)
            for start in range(0, len(data), _PIECE_BYTES):
                decode(pieces[start : start + _PIECE_BYTES])
            decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _has_blank_line(data: bytes) -> bool:
    return b"\n\n" in data if b"\r" not in data else _BLANK_LINE.search(data) is not None


def _cut(data: bytes) -> tuple[list[bytes], bytes]:
    """Whole events with their blank lines, and what is left over."""
    if b"\r" not in data:
        pieces = data.split(b"\n\n")
        tail = pieces.pop()
        return [piece + b"\n\n" for piece in pieces], tail
    pieces, start = [], 0
    for match in _BLANK_LINE.finditer(data):
        pieces.append(data[start : match.end()])
        start = match.end()
    return pieces, data[start:]
