"""Journal lines as the archive takes them: checked like any line, and as values for SQLite.

The archive does not want the rows as objects, so a line is read into a lean twin of its row type:
lists and mappings stay JSON text, and nothing is done for what only a new row needs (`Settled`
looks at a vendor's texts when it is made, not each time it is read).  The twins are made from the
row types, so a field is declared once.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Union, get_origin

import msgspec
from msgspec.structs import FieldInfo, astuple, fields

from gateway.ledger.entry import AttemptRow, Closed, ExchangeRow, RunRow, SealRow, Settled

TEXTS_MOST: Final = 2_048  # JSON texts remembered for each field; they repeat with the config
TEXT_BYTES_MOST: Final = 1_024  # a longer one is checked each time

Cell = str | int | float | None
Cells = list[Cell]
Key = tuple[Cell, ...]  # of an exchange (id,), of an attempt (exchange, number)


class _Texts:
    """The JSON texts of one field that were seen to be of its type."""

    def __init__(self, field_type: object) -> None:
        # Any: the type is known at run time only.
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(field_type).decode
        self._known: dict[bytes, str] = {}

    def check(self, raw: msgspec.Raw) -> str:
        """The text as msgspec writes it.  Raises ValueError when it is of another type."""
        text = bytes(raw)
        known = self._known.get(text)
        if known is None:
            known = str(msgspec.json.encode(self._decode(text)), "utf-8")
            if len(text) <= TEXT_BYTES_MOST:
                if len(self._known) >= TEXTS_MOST:
                    self._known.clear()
                self._known[text] = known
        return known


class Kind:
    """One kind of line that speaks of a row in the archive."""

    def __init__(self, row: type[msgspec.Struct], key_cells: int) -> None:
        """The first `key_cells` fields name the row in its table."""
        self.names = row.__struct_fields__
        self.key_cells = key_cells
        self.twin = _twin(row)
        self._jsons = [
            (place, _Texts(field.type).check)
            for place, field in enumerate(fields(row))
            if _is_nested(field)
        ]
        # sqlite3 takes a bool as well, but looks for an adapter first.
        self._flags = [place for place, field in enumerate(fields(row)) if field.type is bool]

    def cells(self, twin: msgspec.Struct | None) -> Cells:
        """The fields in their order.  Raises ValueError when a nested one is of another type."""
        # Any: fields of a class that was made at run time.
        cells: list[Any] = list(astuple(twin))
        for place, check in self._jsons:
            cells[place] = check(cells[place])
        for place in self._flags:
            cells[place] = int(cells[place])
        return cells


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


EXCHANGE: Final = Kind(ExchangeRow, 1)
ATTEMPT: Final = Kind(AttemptRow, 2)
SETTLED: Final = Kind(Settled, 2)
CLOSED: Final = Kind(Closed, 1)
KINDS: Final[Mapping[type, Kind]] = {
    kind.twin: kind for kind in (EXCHANGE, ATTEMPT, SETTLED, CLOSED)
}

# Any: a union of classes made at run time.
_lines: Any = Union[(RunRow, SealRow, *KINDS)]
decode_twin: Callable[[bytes], msgspec.Struct] = msgspec.json.Decoder(_lines).decode
