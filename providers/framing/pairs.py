"""Decode a JSON object without dropping a member whose key comes twice.

A dict keeps one of them.  The keys here are all unequal, which costs one small object each.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Raw


class Name(str):
    """A key as it was sent, escapes read; equal to itself alone.  `str` gives the plain one."""

    __slots__ = ()
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__


Pairs = dict[Name, Raw]

decode_pairs: Final[Callable[[bytes], Pairs]] = msgspec.json.Decoder(
    Pairs,
    dec_hook=str.__new__,  # called with the class and the key; no Python frame in between
).decode


class TooManyPairsError(Exception):
    """An object has more members than the caller wants to hear of."""


def decode_few_pairs(data: bytes, most: int) -> Pairs:
    """The same, given up at the member after `most`.  Raises TooManyPairsError."""
    return msgspec.json.Decoder(Pairs, dec_hook=_Bound(most)).decode(data)


class _Bound:
    __slots__ = ("_left",)

    def __init__(self, most: int) -> None:
        self._left = most

    def __call__(self, kind: type[Name], key: str) -> Name:
        if self._left == 0:
            raise TooManyPairsError
        self._left -= 1
        return kind(key)
