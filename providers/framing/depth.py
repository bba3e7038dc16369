"""Prove that a body is not nested too deep, in bounded time.

Nearly every body has fewer brackets than levels allowed, and one count tells.  Of the others, one
level after the other is opened of whatever still has room to be too deep; a string ends the
search, however many brackets it holds.  What cannot be told within the bounds is refused: a body
made for it would have the whole of itself read once for every level, or be cut into millions of
parts.
"""

from collections.abc import Collection
from functools import cache
from typing import Final

import msgspec
from msgspec import Raw

from providers.errors import MalformedRequestError
from providers.framing.pairs import TooManyPairsError, decode_few_pairs, decode_pairs

DEPTH: Final = 64  # containers inside one another, the body itself being the first
PARTS: Final = 16 * 1024  # looked at one by one; about 8 ms
OPENED: Final = 4 * 1024  # of them; about 6 ms
_READINGS: Final = 5  # of the whole body
_READ_BYTES: Final = 4 * 1024 * 1024  # where five readings would be less
_LARGE_BYTES: Final = 64 * 1024
_COMMAS: Final = 192 * 1024  # as many parts are made in 10 ms
_ITEMS: Final = PARTS  # of a list that has more commas than that; most may stand in its texts
_COUNTED_BYTES: Final = 4096
_GLANCE_BYTES: Final = 256
_OPENING: Final = b"[{"
_NO_OPENING: Final = bytes(byte for byte in range(256) if byte not in _OPENING)

_decode_items = msgspec.json.Decoder(list[Raw]).decode


def may_be_deeper(value: bytes, room: int) -> bool:
    """Whether there are more opening brackets than levels allowed, strings included.

    `find` is 40 times faster than a pass over all bytes where brackets are rare, and this stops at
    the answer; a short value is told faster by one pass.
    """
    if len(value) < _COUNTED_BYTES:
        return len(value.translate(None, _NO_OPENING)) > room
    for bracket in (b"{", b"["):
        position = value.find(bracket)
        while position >= 0:
            if room == 0:
                return True
            room -= 1
            position = value.find(bracket, position + 1)
    return False


def check_depth(body_bytes: int, values: Collection[Raw]) -> None:
    """`values` are those of the body's top-level members.  Raises MalformedRequestError."""
    waiting: list[tuple[bytes, int]] = []
    readable = max(_READ_BYTES, _READINGS * body_bytes)
    looked_at = opened = 0
    room = DEPTH - 1
    while True:
        long = _long_enough(values, room)
        looked_at += len(long)
        if looked_at > PARTS:
            raise too_deep()
        waiting += [(bytes(part), room) for part in long if memoryview(part)[0] in _OPENING]
        value, room = _next(waiting)
        if not value:
            return
        readable -= len(value)
        opened += 1
        if room == 0 or readable < 0 or opened > OPENED:
            raise too_deep()
        values, room = _parts(value), room - 1


def too_deep() -> MalformedRequestError:
    """The error for a body that is, or that nobody can tell is not."""
    return MalformedRequestError(
        f"the body is nested deeper than {DEPTH} levels, or too branched to tell"
    )


def _long_enough(values: Collection[Raw], room: int) -> list[Raw]:
    """Those that have the bytes for one level more than there is room for."""
    least = 2 * (room + 1)
    return [value for value in values if len(value) >= least]


def _next(waiting: list[tuple[bytes, int]]) -> tuple[bytes, int]:
    """The next one that must be opened to tell; nothing where none is left."""
    while waiting:
        value, room = waiting.pop()
        # A container with no other in it is the usual part, and told at once.
        if room and value.find(b"[", 1) < 0 and value.find(b"{", 1) < 0:
            continue
        if may_be_deeper(value[:_GLANCE_BYTES], room) or may_be_deeper(value, room):
            return value, room
    return b"", 0


def _parts(value: bytes) -> Collection[Raw]:
    """What a container holds.  Raises MalformedRequestError where that is too much."""
    is_large = len(value) > _LARGE_BYTES
    try:
        if value[0] == _OPENING[0]:
            if is_large and value.count(b",") > _COMMAS:
                _decoder_of_few().decode(value)
            return _decode_items(value)
        return (decode_few_pairs(value, _ITEMS) if is_large else decode_pairs(value)).values()
    except (msgspec.ValidationError, TooManyPairsError):
        raise too_deep() from None


@cache
def _decoder_of_few() -> msgspec.json.Decoder[msgspec.Struct]:
    """Fails at the item after `_ITEMS`, where a decoder of a list makes a million objects first.

    Made when it is first needed, since that takes 20 ms.
    """
    fields = [(f"item_{number}", Raw, Raw(b"")) for number in range(_ITEMS)]
    items = msgspec.defstruct("_Items", fields, array_like=True, forbid_unknown_fields=True)
    return msgspec.json.Decoder(items)
