"""The files of the journal: `journal-<number>.jsonl`, one folder, one writing process.

Every write starts with a newline as well as ending with one.  A full disk or a kill may leave
half a line; the next write, from whichever thread, must not be glued to it, and a leading
newline needs no agreement between the threads about who was cut short.

Two threads append to one descriptor.  On a local Linux filesystem each `write` to a file opened
with O_APPEND is placed as a whole (the inode is locked meanwhile); on NFS it is not, so the
folder must be local.
"""

import fcntl
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.clock import Clock
from gateway.errors import JournalFullError, SwitchgearError
from gateway.ledger.entry import Line, RunRow, SealRow, encode_lines

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
LOCK_NAME: Final = "lock"
LINES_BYTES_MOST: Final = 1 << 20  # of one write; what reads the journal relies on it

_match_name = re.compile(r"journal-(\d{1,18})\.jsonl").fullmatch


class FolderTakenError(SwitchgearError):
    """Another process writes the journal of this folder; the text names it and the remedy."""


class FolderLock:
    """Held by the one process that writes a folder; the kernel drops it with the process."""

    def __init__(self, folder: Path) -> None:
        """Raises FolderTakenError while another process holds it."""
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self._fd = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise FolderTakenError(
                f"{folder} is in use by another gateway (process {holder}): stop it, "
                "or give this one a data folder of its own"
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the folder back; called once."""
        os.close(self._fd)


class Segment:
    """One open file of the journal."""

    def __init__(self, folder: Path, number: int, run: str, clock: Clock) -> None:
        """Create the file with its first line.

        Raises OSError or JournalFullError when the disk does not take it.
        """
        self.number = number
        self.opened_at = clock.monotonic()
        self.written_bytes = 0  # about: two threads count without a lock
        path = segment_path(folder, number)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self.fd = os.open(path, flags, FILE_MODE)
        try:
            self.append(RunRow(run=run, number=number, at=clock.wall(), pid=os.getpid()))
        except JournalFullError:
            os.close(self.fd)
            path.unlink(missing_ok=True)
            raise

    def append(self, *rows: Line) -> None:
        """Hand the rows to the operating system.  Raises JournalFullError unless it took all."""
        data = b"\n" + encode_lines(rows)
        if len(data) > LINES_BYTES_MOST:
            raise JournalFullError(f"a row of {len(data)} bytes is more than the journal takes")
        try:
            taken = os.write(self.fd, data)
        except OSError as error:
            raise JournalFullError(f"the journal cannot be written: {error}") from error
        self.written_bytes += taken
        if taken != len(data):
            raise JournalFullError("the journal took a part of the row: the disk is full")

    def seal(self) -> None:
        """Say that this run writes no more into this file, and close it.

        Without the seal the file is kept until a later run begins, which loses nothing.
        """
        try:
            self.append(SealRow(number=self.number))
        except JournalFullError:
            pass
        finally:
            fd, self.fd = self.fd, -1
            os.close(fd)


def segment_path(folder: Path, number: int) -> Path:
    """Twelve digits, so that names sort as numbers do."""
    return folder / f"journal-{number:012d}.jsonl"


def segment_numbers(folder: Path) -> Sequence[int]:
    """The numbers of the segments that are there, oldest first."""
    names = os.listdir(folder) if folder.is_dir() else []
    return sorted(int(found[1]) for name in names if (found := _match_name(name)))
