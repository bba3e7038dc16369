"""Collect the arguments of streamed tool calls, to note those that are no JSON.

They are the model's own answer and are delivered as they are; the ledger learns of it.
"""

from typing import Final

import msgspec
from msgspec import Raw

COLLECTED_BYTES: Final = 1024 * 1024  # of one answer; beyond it nothing is claimed
CALLS: Final = 256

_check_json = msgspec.json.Decoder(Raw).decode


class _Function(msgspec.Struct):
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int = 0
    function: _Function | None = None


_decode_calls = msgspec.json.Decoder(list[_Call]).decode


class ArgumentCollector:
    """One per answer that calls tools."""

    __slots__ = ("_pieces", "_size")

    def __init__(self) -> None:
        self._pieces: dict[tuple[int, int], list[str]] = {}
        self._size = 0

    def take(self, choice: int, calls: Raw) -> None:
        """Take the `tool_calls` of one delta; what has another shape is left to the client."""
        if self._size > COLLECTED_BYTES:
            return
        try:
            decoded = _decode_calls(calls)
        except (msgspec.DecodeError, RecursionError):
            return
        for call in decoded:
            if call.function is None or not call.function.arguments:
                continue
            self._size += len(call.function.arguments)
            if len(self._pieces) < CALLS:
                self._pieces.setdefault((choice, call.index), []).append(call.function.arguments)

    @property
    def is_flawed(self) -> bool:
        """Whether some call's arguments, put together, are no JSON."""
        if self._size > COLLECTED_BYTES or len(self._pieces) >= CALLS:
            return False
        return any(not is_json("".join(pieces)) for pieces in self._pieces.values())


def is_json(text: str) -> bool:
    """Whether a text parses; nothing at all means a call without arguments."""
    if not text:
        return True
    try:
        _check_json(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return False
    return True


def are_flawed(calls: Raw) -> bool:
    """The same for the `tool_calls` of a whole message, where an index may be missing."""
    try:
        decoded = _decode_calls(calls)
    except (msgspec.DecodeError, RecursionError):
        return False
    return any(
        call.function is not None and not is_json(call.function.arguments or "") for call in decoded
    )
