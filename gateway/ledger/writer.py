"""A thread that writes settle lines, so that a slow disk holds this thread and not the loop.

Settle lines may be lost with the process: at the next start their rows settle as `crashed`.  So
they need not be written by the loop.  The thread also opens the next segment and seals the last
one, for both touch the folder.

`busy_since` is the loop's early warning: while a write hangs here, a permit would hang too.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from gateway.clock import Clock
from gateway.ledger.entry import Settlement, encode_line
from gateway.ledger.segment import Segment

RETRY_S: Final = 0.25
WAITING_MOST: Final = 50_000  # rows kept for a disk that takes none, about 15 MB

_log = logging.getLogger(__name__)


class SettleWriter:
    """Owned by one `Journal`, whose loop calls everything public here."""

    def __init__(
        self, clock: Clock, current: Callable[[], Segment], between: Callable[[], None]
    ) -> None:
        """`current` gives the segment to write to; `between` runs on the thread after a batch."""
        self.failures = 0  # writes that the disk refused or cut short
        self.lost = 0  # rows dropped: too many waited, or one could not be written as JSON
        self.busy_since = 0.0  # monotonic seconds; 0.0 while nothing is being written
        self.probed_s: float | None = None  # how long the last probe took; None while it is out
        self._wants_probe = False
        self._accepted = 0
        self._done = 0
        self._clock = clock
        self._current = current
        self._between = between
        self._queue: deque[Sequence[Settlement]] = deque()
        self._lines: list[bytes] = []  # of the batch in hand; the thread's alone
        self._retiring: deque[Segment] = deque()
        self._wake = threading.Event()
        self._is_closing = False
        # Not joined by the interpreter: a disk that hangs must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="settle-writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Rows that are not with the operating system yet."""
        return self._accepted - self._done

    def put(self, rows: Sequence[Settlement]) -> None:
        """Take rows to write.  Never waits; past the bound they are dropped and counted."""
        if self.waiting + len(rows) > WAITING_MOST:
            self.lost += len(rows)
            return
        self._accepted += len(rows)
        self._queue.append(rows)
        self._wake.set()

    def probe(self) -> None:
        """Try the disk with a blank line, which readers skip; `probed_s` will tell."""
        self.probed_s, self._wants_probe = None, True
        self._wake.set()

    def retire(self, segment: Segment) -> None:
        """Seal a segment that is no longer current, after the lines already on their way to it."""
        self._retiring.append(segment)
        self._wake.set()

    def close(self, timeout_s: float) -> bool:
        """Write what waits and end the thread; False when the disk did not allow it in time."""
        self._is_closing = True
        self._wake.set()
        self._thread.join(timeout_s)
        self.lost += self.waiting
        return not self._thread.is_alive()

    def _run(self) -> None:
        is_behind = False
        while True:
            self._wake.wait(RETRY_S if is_behind else None)
            self._wake.clear()
            is_last = self._is_closing
            self.busy_since = self._clock.monotonic()
            if self._wants_probe:
                self._probe()
            is_behind = not self._write_all()
            if not is_behind:
                while self._retiring:
                    self._retiring.popleft().seal()
                self._between()
            self.busy_since = 0.0
            if is_last:
                return

    def _probe(self) -> None:
        self._wants_probe = False
        began = self._clock.monotonic()
        with suppress(OSError):  # a full disk answers, and the permit itself will say so
            os.write(self._current().fd, b"\n")
        self.probed_s = self._clock.monotonic() - began

    def _write_all(self) -> bool:
        while self._lines or self._queue:
            if not self._lines:
                self._lines = self._encode(self._queue.popleft())
            # Asked after the rows were taken: a row may not go to a segment older than its permit.
            if self._lines and not self._write(self._current()):
                return False
        return True

    def _write(self, segment: Segment) -> bool:
        data = b"\n" + b"".join(self._lines)
        try:
            taken = os.write(segment.fd, data)
        except OSError as error:
            taken = 0
            _log.warning("settle lines are kept for later: %s", error)
        segment.written_bytes += taken
        # What went out whole is done; the torn rest is written again, as a line of its own.
        whole = data.count(b"\n", 1, taken) if taken < len(data) else len(self._lines)
        self._done += whole
        del self._lines[:whole]
        if taken != len(data):
            self.failures += 1
        return taken == len(data)

    def _encode(self, rows: Sequence[Settlement]) -> list[bytes]:
        lines = []
        for row in rows:
            try:
                lines.append(encode_line(row) + b"\n")
            except (TypeError, ValueError) as error:
                # A defect of ours.  Its type alone is told: the text may quote the value.
                _log.error("a row cannot be written as JSON: %s", type(error).__name__)
                self.lost += 1
                self._done += 1
        return lines
