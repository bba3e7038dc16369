"""The thread that keeps SQLite up with the journal."""

import logging
import sqlite3
import threading
from pathlib import Path
from typing import Final, NamedTuple

from gateway.clock import SYSTEM_CLOCK, Clock
from gateway.ledger.transfer import Counts, Transfer
from gateway.store.sqlite import Store, StoreError

POLL_S: Final = 0.2
STOP_S: Final = 30.0
TYPICAL_LINE_BYTES: Final = 200  # until lines of our own have been seen

_log = logging.getLogger(__name__)


class Lag(NamedTuple):
    """How far the archive is behind the journal."""

    rows: int  # journal lines not in SQLite at the last look; from bytes, so about right
    seconds: float  # since all that was there had been moved; no row not in SQLite is older


class Archive:
    """Moves what a `Journal` writes into the store, from a thread of its own.

    Start it after the journal, whose first line ends the earlier runs; stop it after the journal
    is closed, so that nothing is left.
    """

    def __init__(self, folder: Path, store: Store, *, clock: Clock = SYSTEM_CLOCK) -> None:
        """Touches nothing yet.  `store` has been prepared."""
        self.failures = 0  # passes that ended early; they are tried again
        self.counts = Counts()
        self._folder = folder
        self._store = store
        self._clock = clock
        self._bytes_left = 0
        self._is_even = True
        self._even_at = clock.monotonic()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def lag(self) -> Lag:
        """Cheap and without disk access: for metrics, from any thread."""
        moved = self.counts
        line_bytes = moved.bytes / moved.lines if moved.lines else TYPICAL_LINE_BYTES
        rows = -int(-self._bytes_left // line_bytes)
        return Lag(rows, max(0.0, self._clock.monotonic() - self._even_at))

    def start(self) -> None:
        """Begin; called once."""
        # Not joined by the interpreter: SQLite on a disk that hangs must not keep the process.
        self._thread = threading.Thread(target=self._run, name="archive", daemon=True)
        self._thread.start()

    def stop(self) -> bool:
        """Move what is left and end; False when that failed or took more than 30 s.

        Then the rest stays in the journal, and the next start moves it.
        """
        self._stopping.set()
        if self._thread is None:
            return True
        self._thread.join(STOP_S)
        return self._is_even and not self._thread.is_alive()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        transfer: Transfer | None = None
        while True:
            is_last = self._stopping.is_set()
            self._is_even = False
            try:
                if connection is None:
                    connection = self._store.connect()
                if transfer is None:
                    transfer = Transfer(self._folder, connection, self._pause)
                    self.counts = transfer.counts
                self._pass(transfer)
            except (sqlite3.Error, OSError, StoreError) as error:
                self.failures += 1
                _log.error("the ledger's archive is behind and will try again: %s", error)
            if is_last:
                break
            self._stopping.wait(POLL_S)
        if connection is not None:
            connection.close()

    def _pass(self, transfer: Transfer) -> None:
        began = self._clock.monotonic()
        self._bytes_left = transfer.behind()
        transfer.sweep()
        self._bytes_left = transfer.behind()
        self._even_at = began
        self._is_even = True

    def _pause(self, seconds: float) -> None:
        self._stopping.wait(seconds)
