"""Starts what is measured, each on a core of its own, and reads what the scheduler counted.

CPU is the sum of `schedstat` (nanoseconds on a CPU, Linux Documentation/scheduler/sched-stats.rst)
over a whole process tree with its threads; memory is PSS, so that shared pages count once.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STOP_S: Final = 40.0  # longer than the gateway's drain

PYTHON: Final = sys.executable


class MissingToolError(Exception):
    """A program that the run needs is not installed; the text says how to get it."""


def find_tool(name: str) -> str:
    """The path of a program.  Raises MissingToolError."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if path is None:
        raise MissingToolError(
            f"{name} is not installed; on Debian and Ubuntu: apt-get install {name}"
        )
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """Where things run: what is measured alone on one core, load and mock on the other."""

    measured: int
    load: int


def find_cores() -> Cores:
    """The first and the last core that this process may use; the same one where it has only one."""
    cores = sorted(os.sched_getaffinity(0))
    return Cores(measured=cores[0], load=cores[-1])


class Process:
    """A program on one core, in a process group of its own; use it as a context manager."""

    def __init__(
        self, argv: Sequence[str], core: int, log: Path, *, env: Mapping[str, str] | None = None
    ) -> None:
        # Without compiled modules a start takes three times as long, and the figure would be ours.
        clean = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        self.began = time.monotonic()
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                argv,
                env={**clean, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            )
        self._log = log

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    def read_line(self) -> str:
        """The next line it prints.  Raises RuntimeError with its log when it ended instead."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode()
        if not line:
            self._process.wait()
            tail = self._log.read_text(errors="replace")[-2_000:]
            raise RuntimeError(f"{self._process.args!r} ended at once:\n{tail}")
        return line.strip()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program itself."""
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Its exit status.  Raises subprocess.TimeoutExpired."""
        return self._process.wait(seconds)

    def stop(self) -> None:
        """End it and everything it started."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def cpu_us(self) -> float:
        """CPU time of the tree since its start, in microseconds."""
        return sum(_cpu_ns(task) for pid in _tree(self.pid) for task in _tasks(pid)) / 1_000

    def main_thread_us(self) -> float:
        """CPU time of the first process's first thread, where the event loop runs."""
        return _cpu_ns(Path(f"/proc/{self.pid}/task/{self.pid}")) / 1_000

    def pss_mb(self) -> float:
        """Memory of the tree in MB (10^6 bytes), pages that several processes share divided."""
        return sum(map(_pss_kib, _tree(self.pid))) * 1_024 / 1e6


def _tree(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        for task in _tasks(one):
            with contextlib.suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


def _cpu_ns(task: Path) -> int:
    try:
        return int((task / "schedstat").read_text().split()[0])
    except OSError:
        return 0


def _pss_kib(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
