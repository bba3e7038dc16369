"""A disk that stalls, imitated: strace holds chosen system calls of the running gateway.

The process under trial is unchanged and the call succeeds in the end, as on a disk that catches
up.  What it cannot imitate is a call that can't be killed (state D).
"""

import enum
import subprocess
import time
from pathlib import Path
from typing import Final

from loadtests.processes import find_tool

HELD: Final = "300ms"
ATTACH_S: Final = 0.3
END_S: Final = 10.0


class Stall(enum.Enum):
    """Which call is held, and in which threads."""

    SYNC = "fdatasync"  # the archive's, of SQLite
    SETTLE = "write"  # of settle lines, in the thread that writes them
    PERMIT = "write by the loop"  # of permits: the loop's own


SYNC, SETTLE, PERMIT = Stall.SYNC, Stall.SETTLE, Stall.PERMIT


class Stalled:
    """The calls of one kind take `HELD` longer, from now to `end`; both block.

    Raises MissingToolError, and RuntimeError when strace may not attach: it needs the right to
    trace (root, or CAP_SYS_PTRACE).
    """

    def __init__(self, pid: int, journal: Path, what: Stall) -> None:
        argv = [find_tool("strace"), "-qq", *_selection(pid, journal, what)]
        self._strace = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
        time.sleep(ATTACH_S)
        if self._strace.poll() is not None:
            raise RuntimeError(f"strace cannot attach: {self._strace.communicate()[1][-300:]}")

    def end(self) -> int:
        """Let go; how many calls were held."""
        self._strace.terminate()
        said = self._strace.communicate(timeout=END_S)[1]
        return said.count("(DELAYED)")


def _selection(pid: int, journal: Path, what: Stall) -> list[str]:
    # The gateway starts the settle writer's thread after its own, then the archive's.  Only the
    # thread in question is traced: one that is traced stops at each of its system calls.
    loop, settle, archive = sorted(int(t.name) for t in Path(f"/proc/{pid}/task").iterdir())[:3]
    if what is SYNC:
        return ["-p", str(archive), "-e", "trace=fdatasync",
                "-e", f"inject=fdatasync:delay_enter={HELD}"]  # fmt: skip
    newest = max(journal.glob("journal-*.jsonl"))
    return ["-p", str(loop if what is PERMIT else settle), "-P", str(newest), "-e", "trace=write",
            "-e", f"inject=write:delay_enter={HELD}"]  # fmt: skip
