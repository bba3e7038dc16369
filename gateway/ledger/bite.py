"""The lines of one bite of the journal, sorted by the row that they speak of.

Most exchanges begin and end within one bite.  So whoever moves the lines finds a row and its end
together and writes both at once.

A bite is a thousand exchanges and more.  It keeps no container for each: Python's garbage
collector would go through them again and again, for the whole process, and at the worst moment.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from gateway.ledger.cells import KINDS, Kind, Twin, decode_twin
from gateway.ledger.entry import SealRow

SLICE_LINES: Final = 200  # read at a time: holds Python's lock for about 0.2 ms


class Bite:
    """Whole lines of one segment.  A line is named by its place among them."""

    def __init__(self, data: bytes, offset: int) -> None:
        """Nothing is read yet; `offset` is where `data` begins in its segment."""
        self.size_bytes = len(data)
        self.twins: list[Twin] = []  # by place; None for a line that cannot be read
        # By kind and key of the row: its first line of that kind, in the order of the journal.
        self.places: dict[Kind, dict[str, int]] = {kind: {} for kind in KINDS.values()}
        self.again: list[int] = []  # lines for a row that had one of their kind
        self.bad: list[int] = []
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
            self.twins += twins
            for place, twin in enumerate(twins, start):
                self._sort(place, twin)
            yield

    def kind(self, place: int) -> Kind | None:
        """Of a line that was read; None when it speaks of no row."""
        return KINDS.get(type(self.twins[place]))

    def lines(self, places: Iterable[int]) -> list[tuple[int, bytes]]:
        """Offset in the segment and bytes of the lines at these places, in their order."""
        starts = accumulate((len(piece) + 1 for piece in self._pieces), initial=self._offset)
        offsets = [start for start, piece in zip(starts, self._pieces, strict=False) if piece]
        return [(offsets[place], self._lines[place]) for place in sorted(places)]

    def _sort(self, place: int, twin: Twin) -> None:
        kind = KINDS.get(type(twin))
        if kind is not None:
            if self.places[kind].setdefault(kind.key(twin), place) != place:
                self.again.append(place)
        elif twin is None:
            self.bad.append(place)
        elif isinstance(twin, SealRow):
            self.is_sealed = True


def _decode(lines: Sequence[bytes]) -> list[Twin]:
    """What the lines say; None for one that is malformed, of wrong types or of no kind of ours."""
    twins: list[Twin] = []
    while len(twins) < len(lines):
        try:
            # What came before a line that does not decode is kept.
            twins.extend(map(decode_twin, lines[len(twins) :]))
        except (ValueError, RecursionError):
            twins.append(None)
    return twins
