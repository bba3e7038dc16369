"""Journal lines as the archive takes them: checked like any line, and as values for SQLite.

The archive does not want the rows as objects, so a line is read into a lean twin of its row type:
lists and mappings stay JSON text, and nothing is done for what only a new row needs (`Settled`
looks at a vendor's texts when it is made, not each time it is read).  The twins are made from the
row types, so a field is declared once.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final, Union, get_origin

import msgspec
from msgspec.structs import FieldInfo, astuple, fields

from gateway.ledger.entry import (
    AttemptRow,
    Closed,
    ExchangeRow,
    RunRow,
    SealRow,
    Settled,
    attempt_id,
)

TEXTS_MOST: Final = 2_048  # JSON texts remembered for each field; they repeat with the config
TEXT_BYTES_MOST: Final = 1_024  # a longer one is checked each time

Cell = str | int | float | None
# Any: an instance of a class that is made at run time; None for a line that is none of ours.
Twin = Any


class _Texts(dict[bytes, str]):
    """The JSON texts of one field that were seen to be of its type, as msgspec writes them."""

    def __init__(self, field_type: object) -> None:
        # Any: the type is known at run time only.
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(field_type).decode

    def __missing__(self, text: bytes) -> str:
        """Raises msgspec.DecodeError when it is of another type."""
        checked = str(msgspec.json.encode(self._decode(text)), "utf-8")
        if len(text) <= TEXT_BYTES_MOST:
            if len(self) >= TEXTS_MOST:
                self.clear()
            self[text] = checked
        return checked


class Kind:
    """One kind of line that speaks of a row in the archive."""

    def __init__(self, row: type[msgspec.Struct], key: Callable[[Twin], str]) -> None:
        """`key` names the row among those of its table."""
        self.names = row.__struct_fields__
        self.twin = _twin(row)
        self.key = key
        self._jsons = [
            (place, _Texts(field.type))
            for place, field in enumerate(fields(row))
            if _is_nested(field)
        ]
        # sqlite3 takes a bool as well, but looks for an adapter first.
        self._flags = [place for place, field in enumerate(fields(row)) if field.type is bool]

    def fill(self, values: list[Cell], twin: Twin, skip: int = 0) -> None:
        """Append the fields in their order, without the first `skip`, which must be plain.

        Raises msgspec.DecodeError when a list or mapping holds something else than it should;
        then `values` is no good.
        """
        start = len(values) - skip
        # Any: Raw is among them until the texts are looked up.
        cells: list[Any] = values
        cells += astuple(twin)[skip:]
        for place, texts in self._jsons:
            cells[start + place] = texts[bytes(cells[start + place])]
        for place in self._flags:
            cells[start + place] = int(cells[start + place])


def _is_nested(field: FieldInfo) -> bool:
    return get_origin(field.type) in (tuple, Mapping)


def _twin(row: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """A type that reads the lines of `row` and leaves nested values as they are."""
    # Any: what `defstruct` takes for one field.
    members: list[Any] = []
    for field in fields(row):
        if field.required:
            default: tuple[object, ...] = ()
        elif field.default_factory is not msgspec.NODEFAULT:
            default = (field.default_factory(),)
        else:
            default = (field.default,)
        if _is_nested(field):
            default = tuple(msgspec.Raw(msgspec.json.encode(value)) for value in default)
            members.append((field.name, msgspec.Raw, *default))
        else:
            members.append((field.name, field.type, *default))
    return msgspec.defstruct(
        row.__name__,
        members,
        array_like=True,
        tag=row.__struct_config__.tag,
        frozen=True,
        gc=False,
        kw_only=True,
    )


EXCHANGE: Final = Kind(ExchangeRow, attrgetter("id"))
CLOSED: Final = Kind(Closed, attrgetter("exchange"))
ATTEMPT: Final = Kind(AttemptRow, lambda twin: attempt_id(twin.exchange, twin.number))
SETTLED: Final = Kind(Settled, lambda twin: attempt_id(twin.exchange, twin.number))
KINDS: Final[Mapping[type, Kind]] = {
    kind.twin: kind for kind in (EXCHANGE, ATTEMPT, SETTLED, CLOSED)
}

# Any: a union of classes made at run time.
_lines: Any = Union[(RunRow, SealRow, *KINDS)]
decode_twin: Callable[[bytes], Twin] = msgspec.json.Decoder(_lines).decode
