"""Reading one value of a client's body: shallow, and with its place in every complaint."""

from typing import Final, NoReturn

import msgspec
from msgspec import Raw

from providers.errors import UnsupportedRequestError

ABSENT: Final = Raw(b"")
_NULL: Final = Raw(b"null")

Members = dict[str, Raw]

_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_list = msgspec.json.Decoder(list[dict[str, Raw]]).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_bool = msgspec.json.Decoder(bool).decode


def refuse(place: str, why: str) -> NoReturn:
    """Raise UnsupportedRequestError; `place` names the field, as in `messages[2].content[0]`."""
    raise UnsupportedRequestError(f"{place}: {why}", place)


def is_null(value: Raw) -> bool:
    """Absent counts as null, as it does in this dialect."""
    return len(value) == 0 or (len(value) == 4 and value == _NULL)


def opens_with(value: Raw, character: bytes) -> bool:
    """Whether the JSON text begins so, without copying it."""
    return memoryview(value)[:1] == character


def is_string(value: Raw) -> bool:
    return opens_with(value, b'"')


def read_members(value: Raw, place: str) -> Members:
    try:
        return _decode_members(value)
    except (msgspec.DecodeError, RecursionError):
        refuse(place, "must be an object")


def read_list(value: Raw, place: str) -> list[Members]:
    try:
        return _decode_list(value)
    except (msgspec.DecodeError, RecursionError):
        refuse(place, "must be a list of objects")


def read_text(value: Raw, place: str) -> str:
    try:
        return _decode_text(value)
    except msgspec.DecodeError:
        refuse(place, "must be a string")


def read_flag(value: Raw, place: str) -> bool:
    try:
        return _decode_bool(value)
    except msgspec.DecodeError:
        refuse(place, "must be true or false")
