"""The append journal: a row is with the operating system before the first byte goes out.

`permit` is one `write(2)`, on the loop, for exchange and attempt together, so that neither can
exist without the other.  It survives kill -9; a power cut may take what the archive has not
synced yet (about 0.2 s).  It is not handed to a thread, because the request would have to wait
for the answer of that thread, which costs more than the write (see docs/explanation/ledger.md).

Settle lines are collected for 20 ms and written by a thread.
"""

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.clock import SYSTEM_CLOCK, Clock
from gateway.errors import JournalFullError
from gateway.ledger.entry import Permit, Settlement
from gateway.ledger.segment import FolderLock, Segment, segment_numbers
from gateway.ledger.writer import SettleWriter

FLUSH_S: Final = 0.02
FLUSH_ROWS: Final = 512
SEGMENT_BYTES: Final = 8 << 20
SEGMENT_S: Final = 300.0
STALL_S: Final = 0.25  # a write that hangs so long: the next permit is refused, not waited for
CLOSE_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFigures:
    """Counts since the start, for metrics; `waiting` is of now."""

    waiting: int  # settle rows not with the operating system yet
    lost: int  # settle rows dropped; their exchanges settle as `crashed` at the next start
    failures: int  # writes of settle rows that the disk refused; they are tried again
    refused: int  # permits that were not given


class Journal:
    """Used by one loop.  Holds the folder's lock, so a second gateway on it is refused."""

    def __init__(
        self,
        folder: Path,
        loop: asyncio.AbstractEventLoop,
        clock: Clock = SYSTEM_CLOCK,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        segment_s: float = SEGMENT_S,
    ) -> None:
        """Begin a new run in `folder`, which is made if it is not there.

        Raises FolderTakenError when another process writes it, OSError or JournalFullError when
        the disk does not take the first line.
        """
        self._folder = folder
        self._loop = loop
        self._clock = clock
        self._segment_bytes = segment_bytes
        self._segment_s = segment_s
        self._lock = FolderLock(folder)
        self.run = secrets.token_hex(8)
        self._refused = 0
        self._is_doubtful = False  # the last write by the loop was slow
        self._rows: list[Settlement] = []
        self._timer: asyncio.TimerHandle | None = None
        self._next: Segment | None = None
        try:
            self._segment = self._open(max(segment_numbers(folder), default=0) + 1)
        except (OSError, JournalFullError):
            self._lock.release()
            raise
        self._writer = SettleWriter(clock, lambda: self._segment, self._prepare_next)
        self._is_open = True

    @property
    def figures(self) -> JournalFigures:
        """How the journal fares."""
        writer = self._writer
        return JournalFigures(
            waiting=writer.waiting + len(self._rows),
            lost=writer.lost,
            failures=writer.failures,
            refused=self._refused,
        )

    def permit(self, *rows: Permit) -> None:
        """Write the rows now.  Raises JournalFullError unless every byte was taken."""
        began = self._clock.monotonic()
        since = self._writer.busy_since
        if (since and began - since > STALL_S) or (self._is_doubtful and self._still_doubtful()):
            self._refused += 1
            raise JournalFullError("the journal's disk does not answer")
        try:
            self._segment.append(*rows)
        except JournalFullError:
            self._refused += 1
            raise
        if self._clock.monotonic() - began > STALL_S:
            # It held the loop, and with it every stream.  The next may not: the thread tries first.
            self._is_doubtful = True
            self._writer.probe()

    def settle(self, row: Settlement) -> None:
        """Keep for the next flush; never waits, never raises."""
        self._rows.append(row)
        if self._timer is None:
            self._timer = self._loop.call_later(FLUSH_S, self.flush)
        elif len(self._rows) >= FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Hand the collected rows to the writing thread; never waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._rows:
            rows, self._rows = self._rows, []
            self._writer.put(rows)

    def close(self) -> None:
        """Write what waits, seal, give the folder back.  Takes up to 5 s on a stalled disk."""
        if not self._is_open:
            return
        self._is_open = False
        self.flush()
        if not self._writer.close(CLOSE_S):
            return  # the thread hangs in a write: its file stays open, and the lock with it
        self._segment.seal()
        if self._next is not None:
            self._next.seal()
        self._lock.release()

    def _still_doubtful(self) -> bool:
        """Whether the disk has not answered quickly since it held the loop."""
        took_s = self._writer.probed_s
        if took_s is not None and took_s > STALL_S:
            self._writer.probe()
        self._is_doubtful = took_s is None or took_s > STALL_S
        return self._is_doubtful

    def _open(self, number: int) -> Segment:
        return Segment(self._folder, number, self.run, self._clock)

    def _prepare_next(self) -> None:
        """On the writing thread: open the next segment once the present one is full or old."""
        segment = self._segment
        is_due = (
            segment.written_bytes >= self._segment_bytes
            or self._clock.monotonic() - segment.opened_at >= self._segment_s
        )
        if not is_due or self._next is not None or not self._is_open:
            return
        try:
            self._next = self._open(segment.number + 1)
        except (OSError, JournalFullError):
            return  # the present one is written on; the next batch tries again
        with suppress(RuntimeError):  # the loop is closed; `close` seals both
            self._loop.call_soon_threadsafe(self._adopt_next)

    def _adopt_next(self) -> None:
        """On the loop, so that no permit is under way while the segment changes."""
        if self._next is not None and self._is_open:
            old, self._segment, self._next = self._segment, self._next, None
            self._writer.retire(old)
