"""Event splitting until `providers/framing` has it."""

import re
from typing import Final

EVENT_BYTES: Final = 1024 * 1024
_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r|\r\n\n|\n\r\n")
_LINE = re.compile(rb"\r\n|\n|\r")


class Events:
    """Cuts a stream into the payloads of its events."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def only(self, data: bytes) -> bytes | None:
        """The payload if the read is exactly one event with an `event` and a `data` line."""
        if self._buffer or not data.endswith(b"}\n\n") or not data.startswith(b"event: "):
            return None
        start = data.find(b"\n") + 1
        if data.find(b"\n", start) != len(data) - 2 or b"\r" in data:
            return None
        return data[start + 6 : -2] if data.startswith(b"data: ", start) else None

    def split(self, data: bytes) -> list[bytes] | None:
        data = self._buffer + data
        payloads, start = [], 0
        for match in _BLANK_LINE.finditer(data):
            lines = _LINE.split(data[start : match.start()].removeprefix(b"\xef\xbb\xbf"))
            kept = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
            if kept:
                payloads.append(b"\n".join(kept))
            start = match.end()
        self._buffer = data[start:]
        return None if len(self._buffer) > EVENT_BYTES else payloads
