"""Split a request into its top-level members and put it back together, values byte for byte.

What policy judged must be what the vendor reads.  Parsers differ on a duplicate key (the first
wins, the last wins), so a duplicate is refused, also one behind an escape ("mod\\u0065l").
msgspec keeps the last.  Where the members written again are the body itself, which is compact then,
none was dropped.  Where they are not (white space, escapes), it is decoded once more without
dropping any, and the members are counted.

msgspec skips over raw values without reading them: neither their UTF-8 nor their depth is
checked by it (beyond the interpreter's recursion limit), so both are checked here.
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw

from providers.errors import MalformedRequestError
from providers.framing.depth import DEPTH, check_depth, may_be_deeper, too_deep
from providers.framing.pairs import TooManyPairsError, decode_few_pairs, decode_pairs
from providers.framing.sse import is_utf8

MEMBERS: Final = 256
NAME_LENGTH: Final = 256  # characters of one top-level key
_SMALL_BYTES: Final = 16 * 1024  # at most 3,300 members, which is about 1 ms

_Name = Annotated[str, Meta(max_length=NAME_LENGTH)]
_decode_members = msgspec.json.Decoder(dict[_Name, Raw]).decode
_encode = msgspec.json.encode


def split(body: bytes) -> dict[str, Raw]:
    """Top-level members in their order.

    Raises MalformedRequestError for bad JSON, bad UTF-8, a duplicate key, more than `DEPTH`
    levels, more than `MEMBERS` members or a key longer than `NAME_LENGTH`.
    """
    if not body.isascii() and not is_utf8(body):
        _refuse_bad_utf8(body)  # once more and whole, to tell the place
    try:
        members = _decode_small(body) if len(body) <= _SMALL_BYTES else _decode_large(body)
    except RecursionError:
        raise too_deep() from None
    except msgspec.ValidationError:
        if body.lstrip()[:1] == b"{":
            raise _too_long() from None
        raise MalformedRequestError("the body must be a JSON object") from None
    except msgspec.DecodeError as error:
        raise MalformedRequestError(f"the body is not JSON: {error}") from None
    if may_be_deeper(body, DEPTH):
        check_depth(len(body), members.values())
    return members


def render(members: Mapping[str, Raw]) -> bytes:
    """A JSON object with these members in this order, without white space between them."""
    return _encode(members)


def _refuse_bad_utf8(body: bytes) -> None:
    try:
        str(body, "utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequestError(
            f"the body is not UTF-8: {error.reason} at byte {error.start}"
        ) from None


def _decode_small(body: bytes) -> dict[str, Raw]:
    members = _decode_members(body)
    if len(members) > MEMBERS:
        raise _too_many()
    if _encode(members) != body and len(pairs := decode_pairs(body)) != len(members):
        raise _duplicate(pairs)
    return members


def _decode_large(body: bytes) -> dict[str, Raw]:
    """The same with an end after `MEMBERS`: a million members would take 0.4 s."""
    try:
        pairs = decode_few_pairs(body, MEMBERS)
    except TooManyPairsError:
        raise _too_many() from None
    if max(map(len, pairs), default=0) > NAME_LENGTH:
        raise _too_long()
    members = {str(name): value for name, value in pairs.items()}
    if len(members) != len(pairs):
        raise _duplicate(pairs)
    return members


def _too_many() -> MalformedRequestError:
    return MalformedRequestError(f"more than {MEMBERS} top-level members")


def _too_long() -> MalformedRequestError:
    return MalformedRequestError(f"a top-level key is longer than {NAME_LENGTH} characters")


def _duplicate(names: Collection[str]) -> MalformedRequestError:
    seen: set[str] = set()
    for name in map(str, names):
        if name in seen:
            break
        seen.add(name)
    return MalformedRequestError(f"the top-level key {name!r} appears twice", name)
