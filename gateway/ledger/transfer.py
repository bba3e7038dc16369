"""Moves journal lines into SQLite, so that a kill at any point loses none and doubles none.

One transaction moves a bite of one segment and says how far it came; after a kill it starts
there again.  A segment is dropped when it is moved to its end and nobody writes it any more: it
bears the seal of its run, or a later run has begun.  The newest is always kept, so that numbers
are never used twice.

Segments are read in order.  So when the first line of a new run is met, every line of the earlier
runs has been moved, and what they left open is settled as `crashed`.

A line that cannot be read, or whose exchange is missing, goes to the quarantine file before the
transaction commits; the end of a dead segment without a newline was never acknowledged and is
counted only.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

from gateway.ledger import statements
from gateway.ledger.bite import Bite
from gateway.ledger.entry import RunRow, decode_line, encode_line
from gateway.ledger.loader import Loader
from gateway.ledger.segment import FILE_MODE, LINES_BYTES_MOST, segment_numbers, segment_path
from gateway.store.sqlite import transaction

QUARANTINE_NAME: Final = "quarantine.jsonl"
BITE_BYTES: Final = LINES_BYTES_MOST  # moved in one transaction, hence with one sync
BREATH_S: Final = 50e-6  # between slices: long enough for a loop that waits for Python's lock
BUSY_PATIENCE_S: Final = 30.0
HEADLESS: Final = "headless"  # run of a segment whose first line cannot be read


@dataclass(slots=True)
class Counts:
    """What was moved since the start, for metrics."""

    lines: int = 0
    bytes: int = 0
    torn: int = 0  # unfinished last lines of dead segments
    quarantined: int = 0
    dropped_segments: int = 0


@dataclass(slots=True)
class _Place:
    number: int
    run: str
    offset: int
    is_sealed: bool = False


class Transfer:
    """One reader of one folder, over one connection; used by one thread."""

    def __init__(
        self, folder: Path, connection: sqlite3.Connection, pause: Callable[[float], None]
    ) -> None:
        """`pause` waits for so many seconds while the database is busy."""
        self.counts = Counts()
        self._folder = folder
        self._connection = connection
        self._places: dict[int, _Place] = {}
        self._retry = Retrying(
            retry=retry_if_exception(_is_busy),
            wait=wait_exponential(multiplier=0.02, max=1.0),
            stop=stop_after_delay(BUSY_PATIENCE_S),
            sleep=pause,
            reraise=True,
        )

    def behind(self) -> int:
        """Bytes of the journal that are not in SQLite."""
        left = 0
        for number in segment_numbers(self._folder):
            place = self._places.get(number)
            size = segment_path(self._folder, number).stat().st_size
            left += size - (place.offset if place else 0)
        return left

    def sweep(self) -> None:
        """Move all that is there.

        Raises sqlite3.Error or OSError; what was moved by then stays moved.
        """
        numbers = segment_numbers(self._folder)
        if not numbers:
            return
        newest = self._place(numbers[-1], is_newest=True)
        for number in numbers:
            place = self._place(number, is_newest=number == numbers[-1])
            if place is not None:
                is_dead = newest is not None and newest.run != place.run
                self._move_segment(place, is_dead=is_dead)
                if number != numbers[-1] and (is_dead or place.is_sealed):
                    self._drop(place)

    def _place(self, number: int, *, is_newest: bool) -> _Place | None:
        place = self._places.get(number)
        if place is not None:
            return place
        run = read_run(segment_path(self._folder, number))
        if run is None:
            if is_newest:
                return None  # its first line is not written yet
            run = f"{HEADLESS}-{number}"
        found = self._connection.execute(
            "SELECT offset FROM archive_progress WHERE run = ? AND segment = ?", (run, number)
        ).fetchone()
        place = self._places[number] = _Place(number, run, found[0] if found else 0)
        return place

    def _move_segment(self, place: _Place, *, is_dead: bool) -> None:
        fd = os.open(segment_path(self._folder, place.number), os.O_RDONLY | os.O_CLOEXEC)
        try:
            while data := os.pread(fd, BITE_BYTES, place.offset):
                whole = data.rfind(b"\n") + 1
                if not whole and len(data) == BITE_BYTES:
                    whole = len(data)  # longer than any line of ours: set aside as it is
                if not whole:
                    break
                bite = Bite(data[:whole], place.offset)
                for _ in bite.read():
                    time.sleep(BREATH_S)
                self._retry(self._move_bite, place, bite)
        finally:
            os.close(fd)
        if data and is_dead:
            self.counts.torn += 1

    def _move_bite(self, place: _Place, bite: Bite) -> None:
        with transaction(self._connection):
            if place.offset == 0 and not place.run.startswith(HEADLESS):
                self._connection.execute(statements.CRASH_ATTEMPTS, (place.run,))
                self._connection.execute(statements.CRASH_EXCHANGES, (place.run,))
            loader = Loader(self._connection, place.run, bite)
            loader.load()
            bad = [*bite.bad, *loader.bad]
            self._connection.execute(
                "INSERT INTO archive_progress (run, segment, offset) VALUES (?, ?, ?) "
                "ON CONFLICT (run, segment) DO UPDATE SET offset = excluded.offset",
                (place.run, place.number, place.offset + bite.size_bytes),
            )
            if bad:
                self._quarantine(place, bite.lines(bad))
        place.offset += bite.size_bytes
        place.is_sealed |= bite.is_sealed
        self.counts.lines += len(bite) - len(bad)
        self.counts.bytes += bite.size_bytes
        self.counts.quarantined += len(bad)

    def _quarantine(self, place: _Place, bad: Sequence[tuple[int, bytes]]) -> None:
        """On the disk before the commit; a kill in between may leave an entry twice."""
        records = [
            encode_line([place.run, place.number, offset, line.decode("utf-8", "replace")])
            for offset, line in bad
        ]
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        fd = os.open(self._folder / QUARANTINE_NAME, flags, FILE_MODE)
        with open(fd, "wb") as file:
            file.write(b"\n".join([*records, b""]))
            file.flush()
            os.fsync(fd)

    def _drop(self, place: _Place) -> None:
        """Every commit was synced, so the rows are on the disk before their lines go."""
        segment_path(self._folder, place.number).unlink()
        self._connection.execute(
            "DELETE FROM archive_progress WHERE run = ? AND segment = ?", (place.run, place.number)
        )
        del self._places[place.number]
        self.counts.dropped_segments += 1


def read_run(path: Path) -> str | None:
    """The run that writes a segment; None when its first line is not there or not readable."""
    with open(path, "rb") as file:
        head = file.read(4_096)
    _, _, rest = head.partition(b"\n")
    line, newline, _ = rest.partition(b"\n")
    try:
        row = decode_line(line) if newline else None
    except ValueError:
        return None
    return row.run if isinstance(row, RunRow) else None


def _is_busy(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and (
        error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    )
