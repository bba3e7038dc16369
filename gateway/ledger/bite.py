"""The lines of one bite of the journal, sorted by the row that they speak of.

Most exchanges begin and end within one bite.  So whoever moves the lines finds a row and its end
together and writes both at once.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

import msgspec

from gateway.ledger.cells import KINDS, Cells, Key, Kind, decode_twin
from gateway.ledger.entry import SealRow

SLICE_LINES: Final = 200  # read at a time: holds Python's lock for about 0.2 ms

Found = tuple[int, Cells]  # the place of a line among the lines of the bite, and its fields


class Bite:
    """Whole lines of one segment."""

    def __init__(self, data: bytes, offset: int) -> None:
        """Nothing is read yet; `offset` is where `data` begins in its segment."""
        self.size_bytes = len(data)
        # The first line of each kind for each row, in the order of the journal.
        self.rows: dict[Kind, dict[Key, Found]] = {kind: {} for kind in KINDS.values()}
        self.again: list[tuple[Kind, Found]] = []  # lines for a row that had one of their kind
        self.bad: list[int] = []  # places of lines that cannot be read
        self.is_sealed = False
        self._offset = offset
        self._pieces = data.split(b"\n")
        self._lines = [piece for piece in self._pieces if piece]

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self._lines)

    def read(self) -> Iterator[None]:
        """Read and sort; stops after every slice, so that others may have Python's lock."""
        for start in range(0, len(self._lines), SLICE_LINES):
            twins = _decode(self._lines[start : start + SLICE_LINES])
            for place, twin in enumerate(twins, start):
                self._sort(place, twin)
            yield

    def lines(self, places: Iterable[int]) -> list[tuple[int, bytes]]:
        """Offset in the segment and bytes of the lines at these places, in their order."""
        starts = accumulate((len(piece) + 1 for piece in self._pieces), initial=self._offset)
        offsets = [start for start, piece in zip(starts, self._pieces, strict=False) if piece]
        return [(offsets[place], self._lines[place]) for place in sorted(places)]

    def _sort(self, place: int, twin: msgspec.Struct | None) -> None:
        kind = KINDS.get(type(twin))
        if kind is None:
            if twin is None:
                self.bad.append(place)
            self.is_sealed |= isinstance(twin, SealRow)
            return
        try:
            cells = kind.cells(twin)
        except ValueError:  # a list or mapping in it holds something else than it should
            self.bad.append(place)
            return
        found = place, cells
        key = tuple(cells[: kind.key_cells])
        if self.rows[kind].setdefault(key, found) is not found:
            self.again.append((kind, found))


def _decode(lines: Sequence[bytes]) -> list[msgspec.Struct | None]:
    """What the lines say; None for one that is malformed, of wrong types or of no kind of ours."""
    twins: list[msgspec.Struct | None] = []
    while len(twins) < len(lines):
        try:
            # What came before a line that does not decode is kept.
            twins.extend(map(decode_twin, lines[len(twins) :]))
        except (ValueError, RecursionError):
            twins.append(None)
    return twins
