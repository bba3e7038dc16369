"""A disk that stalls, imitated: strace holds chosen system calls of the running gateway.

The process under trial is unchanged and the call succeeds in the end, as on a disk that catches
up.  What it cannot imitate is a call that can't be killed (state D).
"""

import contextlib
import enum
import subprocess
import time
from pathlib import Path
from typing import Final

from loadtests.processes import find_tool

HELD: Final = "300ms"
ATTACH_S: Final = 5.0


class Stall(enum.Enum):
    """Which call is held, and in which threads."""

    SYNC = "fdatasync"  # the archive's, of SQLite
    SETTLE = "write"  # of settle lines, in the thread that writes them
    PERMIT = "write by the loop"  # of permits: the loop's own


SYNC, SETTLE, PERMIT = Stall.SYNC, Stall.SETTLE, Stall.PERMIT


class Stalled:
    """A context in which the calls of one kind take `HELD` longer.

    Raises MissingToolError.  Needs the right to trace (root, or CAP_SYS_PTRACE).
    """

    def __init__(self, pid: int, journal: Path, what: Stall) -> None:
        self._argv = [find_tool("strace"), "-qq", "-o", "/dev/stdout"]
        if what is SYNC:
            self._argv += ["-f", "-p", str(pid), "-e", "trace=fdatasync",
                           "-e", f"inject=fdatasync:delay_enter={HELD}"]  # fmt: skip
            return
        newest = max(journal.glob("journal-*.jsonl"))
        threads = sorted(int(task.name) for task in Path(f"/proc/{pid}/task").iterdir())
        # The settle writer is the first thread that the gateway starts after its own.
        thread = threads[0] if what is PERMIT else threads[1]
        self._argv += ["-p", str(thread), "-P", str(newest), "-e", "trace=write",
                       "-e", f"inject=write:delay_enter={HELD}"]  # fmt: skip

    def __enter__(self) -> "Stalled":
        self._strace = subprocess.Popen(
            self._argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        time.sleep(0.3)
        if self._strace.poll() is not None:
            assert self._strace.stdout is not None
            raise RuntimeError(f"strace cannot attach: {self._strace.stdout.read()[-300:]}")
        return self

    def __exit__(self, *_: object) -> None:
        self._strace.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._said, _ = self._strace.communicate(timeout=ATTACH_S)

    def count(self) -> int:
        """How many calls were held."""
        return self._said.count("(DELAYED)") if hasattr(self, "_said") else 0
