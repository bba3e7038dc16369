"""Split a request into its top-level members and put it back together, values byte for byte.

What policy judged must be what the vendor reads.  Parsers differ on a duplicate key (the first
wins, the last wins), so a duplicate is refused, also one behind an escape ("mod\\u0065l").
msgspec keeps the last; the proof that it dropped nothing is arithmetic: members, quotes, colons
and commas must add up to the whole body.  Where they don't (white space, escapes), the members
are walked one by one.

msgspec skips over raw values without reading them: neither their UTF-8 nor their depth is
checked by it (beyond the interpreter's recursion limit), so both are checked here.
"""

import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Final

import msgspec
from msgspec import Raw

from providers.errors import MalformedRequestError

MEMBERS: Final = 256
NAME_LENGTH: Final = 256  # characters of one top-level key
DEPTH: Final = 64  # containers inside one another, the body itself being the first
_SCANNED_BYTES: Final = 64 * 1024 * 1024  # read for the proof of depth; about 12 ms
_COUNTED_BYTES: Final = 4096
_BRACKETS: Final = 256 * 1024  # summed one by one; about 10 ms

_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_items = msgspec.json.Decoder(list[Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.encode
_KEY = re.compile(rb'\s*("(?:[^"\\]|\\.)*")\s*:\s*')
_NEXT = re.compile(rb"\s*([,}])")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_STEPS = bytes.maketrans(b"{[}]", b"\x01\x01\xff\xff")  # one down, one up, as signed bytes
_NO_BRACKET = bytes(byte for byte in range(256) if byte not in b"[]{}")


def split(body: bytes) -> dict[str, Raw]:
    """Top-level members in their order.

    Raises MalformedRequestError for bad JSON, bad UTF-8, a duplicate key, more than `DEPTH`
    levels, more than `MEMBERS` members or a key longer than `NAME_LENGTH`.
    """
    if not body.isascii():
        _check_utf8(body)
    try:
        members = _decode_members(body)
    except RecursionError:
        raise _too_deep() from None
    except msgspec.ValidationError:
        raise MalformedRequestError("the body must be a JSON object") from None
    except msgspec.DecodeError as error:
        raise MalformedRequestError(f"the body is not JSON: {error}") from None
    if not members:
        return members
    _check_names(members)
    if _tight_length(members) != len(body):
        _refuse_duplicates(body, members)
    if _may_be_deeper(body, DEPTH):
        _check_depth(members)
    return members


def render(members: Mapping[str, Raw]) -> bytes:
    """A JSON object with these members in this order, without white space between them."""
    return _encode(members)


def _check_utf8(body: bytes) -> None:
    try:
        str(body, "utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequestError(
            f"the body is not UTF-8: {error.reason} at byte {error.start}"
        ) from None


def _check_names(members: dict[str, Raw]) -> None:
    if len(members) > MEMBERS:
        raise MalformedRequestError(f"more than {MEMBERS} top-level members")
    if max(map(len, members)) > NAME_LENGTH:
        raise MalformedRequestError(f"a top-level key is longer than {NAME_LENGTH} characters")


def _tight_length(members: dict[str, Raw]) -> int:
    """Bytes of the body if it were compact ASCII without duplicates; never more than it has."""
    return 1 + sum(map(len, members.values())) + sum(map(len, members)) + 4 * len(members)


def _refuse_duplicates(body: bytes, members: dict[str, Raw]) -> None:
    position = body.index(b"{") + 1
    name = ""
    for name, value in members.items():
        position = _past_value(body, _past_key(body, position, name), name, value)
    if body[position - 1 : position] != b"}":
        raise _duplicate(name)


def _past_key(body: bytes, position: int, name: str) -> int:
    usual = b'"%b": ' % name.encode()  # as Python's json writes it
    if body.startswith(usual, position):
        return position + len(usual)
    key = _KEY.match(body, position)
    if key is None or _decode_text(key[1]) != name:
        raise _duplicate(name)
    return key.end()


def _past_value(body: bytes, position: int, name: str, value: Raw) -> int:
    end = position + len(value)
    if not body.startswith(value, position):
        raise _duplicate(name)
    if body.startswith(b", ", end):
        return end + 2
    after = _NEXT.match(body, end)
    if after is None:
        raise _duplicate(name)
    return after.end()


def _duplicate(near: str) -> MalformedRequestError:
    return MalformedRequestError(f"a top-level key appears twice, at or near {near!r}", near)


def _may_be_deeper(value: bytes, room: int) -> bool:
    """Whether there are more opening brackets than levels allowed, strings included.

    `find` is 40 times faster than `count` over text without brackets, and this stops at the answer;
    where brackets are dense a short value is counted faster.
    """
    if len(value) < _COUNTED_BYTES:
        return value.count(b"{") + value.count(b"[") > room
    for bracket in (b"{", b"["):
        position = value.find(bracket)
        while position >= 0:
            if room == 0:
                return True
            room -= 1
            position = value.find(bracket, position + 1)
    return False


def _check_depth(members: dict[str, Raw]) -> None:
    """Open one level after the other of whatever still has more brackets than room.

    A string ends the search, however many brackets it holds.  The bytes read are bounded, as a
    body made for it would have the whole of itself read once for every level.
    """
    waiting = [(bytes(value), DEPTH - 1) for value in members.values()]
    scanned = 0
    while waiting:
        value, room = waiting.pop()
        if value[:1] not in (b"{", b"[") or not _may_be_deeper(value, room):
            continue
        scanned += len(value)
        if room == 0 or scanned > _SCANNED_BYTES:
            raise _too_deep()
        inner = _items(value)
        if inner is None:
            _measure_depth(value, room)
        else:
            waiting += [(bytes(item), room - 1) for item in inner if len(item) > room]


def _items(value: bytes) -> list[Raw] | None:
    """What a container holds; None for an object of which msgspec may have dropped a member."""
    if value.startswith(b"["):
        return _decode_items(value)
    inner = _decode_members(value)
    return list(inner.values()) if _tight_length(inner) == len(value) else None


def _measure_depth(value: bytes, room: int) -> None:
    """Exact and five times slower: strings cut out, then a running sum over the brackets."""
    steps = _STRING.sub(b"", value).translate(_STEPS, _NO_BRACKET)
    if len(steps) > _BRACKETS or max(accumulate(memoryview(steps).cast("b"))) > room:
        raise _too_deep()


def _too_deep() -> MalformedRequestError:
    return MalformedRequestError(
        f"the body is nested deeper than {DEPTH} levels, or too branched to tell"
    )
