"""One window of load against one target: what the scheduler counted, divided by what was done."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtests.http import ask, outcomes, scrape, written
from loadtests.parties import PATH, Target
from loadtests.workload import ANTHROPIC_WRITTEN_EVENTS, WRITTEN_EVENTS, body
from loadtests.wrk import press

SETTLE_S: Final = 0.25  # after the load: cancelled streams end, settle lines are written
ARCHIVE_S: Final = 30.0
GOOD_ENDS: Final = frozenset({"ok", "caller_gone"})  # wrk leaves its last streams unfinished


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kind of request at one concurrency."""

    title: str
    model: str
    size_bytes: int = 1_000
    is_stream: bool = False
    connections: int
    aim: float | None = None  # most times nginx
    is_translated: bool = False  # the upstream speaks Anthropic messages

    @property
    def name(self) -> str:
        """Title and concurrency."""
        return f"{self.title}, c{self.connections}"

    @property
    def request(self) -> bytes:
        """The body that is sent."""
        model = f"{self.model}-messages" if self.is_translated else self.model
        return body(model, size_bytes=self.size_bytes, is_stream=self.is_stream)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one window cost.  CPU in microseconds per request, or per whole stream."""

    cpu_us: float
    loop_us: float  # of it, in the main thread
    requests: float  # completed; of streams, events written by the mock over those of a stream
    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int


def check(target: Target, case: Case) -> None:
    """Raise RuntimeError unless one request of this kind gets a whole answer."""
    status, text = ask(target.port, PATH, case.request, target.key)
    is_whole = b"[DONE]" in text if case.is_stream else b'"finish_reason"' in text
    if status != 200 or not is_whole:
        raise RuntimeError(f"{target.name}, {case.name}: {status} {text[:300]!r}")


def measure(
    target: Target, case: Case, *, seconds: int, core: int, mock_port: int, root: Path
) -> Window:
    """Press for so many seconds; what the gateway does behind the answers is waited for."""
    before = outcomes(scrape(target.admin_port)) if target.admin_port else {}
    events = written(mock_port)["events"]
    cpu_us, loop_us = target.process.cpu_us(), target.process.main_thread_us()
    load = press(
        target, case.request, connections=case.connections, seconds=seconds, core=core, root=root
    )
    time.sleep(SETTLE_S)
    if target.admin_port:
        _await_archive(target)
    cpu_us, loop_us = target.process.cpu_us() - cpu_us, target.process.main_thread_us() - loop_us
    events = written(mock_port)["events"] - events
    after = outcomes(scrape(target.admin_port)) if target.admin_port else {}
    bad_ends = sum(n - before.get(k, 0) for k, n in after.items() if k not in GOOD_ENDS)
    whole = ANTHROPIC_WRITTEN_EVENTS if case.is_translated else WRITTEN_EVENTS
    requests = events / whole if case.is_stream else float(load.requests)
    if not requests:
        raise RuntimeError(f"{target.name}, {case.name}: nothing was completed")
    return Window(
        cpu_us=cpu_us / requests,
        loop_us=loop_us / requests,
        requests=requests,
        per_second=requests / load.seconds,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        failed=load.failed + int(bad_ends),
    )


def _await_archive(target: Target) -> None:
    """Rows that are moved into SQLite later belong to this window too."""
    end = time.monotonic() + ARCHIVE_S
    while time.monotonic() < end:
        samples = scrape(target.admin_port)
        names = ("switchgear_ledger_lag_rows", "switchgear_ledger_waiting_rows")
        if not any(samples[name] for name in names):
            return
        time.sleep(SETTLE_S)
    raise RuntimeError(f"the archive is still behind after {ARCHIVE_S:g} s")
