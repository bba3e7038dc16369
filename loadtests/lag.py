"""What holds the event loop while 200 streams are open: `python -m loadtests.lag`.

Two witnesses: the gateway's own lag monitor, read over `/metrics`, and the clients, who note how
much later than its gap each event came.  The reading process has a lag of its own, which is told
beside theirs.  Prints one row for each trial; `docs/explanation/loop-lag.md` says what follows.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, islice
from pathlib import Path
from statistics import median
from typing import Final

from loadtests import disk, drain
from loadtests.http import Samples, ask, scrape
from loadtests.machine import describe
from loadtests.parties import PATH, Target, serve_gateway, serve_mock
from loadtests.processes import MissingToolError, find_cores, find_tool
from loadtests.streams import Reader, ReaderLag, close_streams, open_streams
from loadtests.workload import HUGE_BYTES, MODELS, body, branched_body

STREAMS: Final = 200
DEPLOYMENTS: Final = 200
RULES: Final = 50
WORTH_NOTING_S: Final = 0.005
_COUNT: Final = "switchgear_loop_lag_seconds_count"
_BELOW: Final = 'switchgear_loop_lag_seconds_bucket{le="0.005"}'
_LONGEST: Final = "switchgear_loop_lag_longest_seconds"
_TAGS: Final = ("personal", "health", "trade_secret", "minors", "special_category")
# Never the same labels twice: the second request with them finds its decisions in the table.
_unused_tags = iter([",".join(few) for n in (1, 2, 3) for few in combinations(_TAGS, n)])
MISSES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One trial.  Milliseconds."""

    longest_ms: float  # the gateway's longest stall
    ticks: int  # of its lag monitor, one each 10 ms while the loop is free
    late_ticks: int  # of them, more than 5 ms late
    client_worst_ms: float  # how late an event came at its client
    reader_ms: float  # the reading loop's own longest stall
    note: str


Act = Callable[[], Awaitable[str]]


async def observe(target: Target, act: Act) -> Finding:
    """Open the streams, do it, and see what it did to them."""
    request = body("bench-steady", is_stream=True)
    readers = await open_streams(target, request, STREAMS)
    await asyncio.sleep(1.0)
    lag = ReaderLag()
    try:
        before = await _scrape(target)
        await asyncio.sleep(0.1)  # the scrape's own end
        lag.take()
        began = time.monotonic()
        note = await act()
        ended = time.monotonic() + MODELS["bench-steady"].gap_s
        await asyncio.sleep(ended - time.monotonic())
        reader_ms = lag.take() * 1e3
        after = await _scrape(target)
    finally:
        lag.stop()
        close_streams(readers)
    await asyncio.sleep(0.5)
    late = sorted(_lateness(readers, began, ended))
    ticks = int(after[_COUNT] - before[_COUNT])
    return Finding(
        longest_ms=after[_LONGEST] * 1e3,
        ticks=ticks,
        late_ticks=ticks - int(after[_BELOW] - before[_BELOW]),
        client_worst_ms=late[-1] * 1e3 if late else 0.0,
        reader_ms=reader_ms,
        note=note,
    )


def _lateness(readers: Sequence[Reader], began: float, ended: float) -> list[float]:
    gap_s = MODELS["bench-steady"].gap_s
    return [
        max(0.0, now - before - gap_s)
        for reader in readers
        for before, now in zip(reader.stream.reads, reader.stream.reads[1:], strict=False)
        if began <= now <= ended
    ]


def trials(target: Target) -> list[tuple[str, Act]]:
    """Name and deed, in the order in which they are done."""
    huge = body("bench", size_bytes=HUGE_BYTES)
    foreign = body("bench", size_bytes=HUGE_BYTES, sentence="Ещё один день без тока. ")
    chatty = branched_body("bench", size_bytes=HUGE_BYTES, text="Hello there. " * 7)
    brackets = body("bench", size_bytes=HUGE_BYTES, sentence="[{ ")
    whole_reply = body("bench-huge")
    return [
        ("nothing, 3 s", partial(_wait, 3.0)),
        ("1 KB requests, 8 at a time", partial(_requests, target, body("bench"), 400, 8)),
        ("scrape of /metrics, 5 times", partial(_scrapes, target)),
        (f"reload of {DEPLOYMENTS} deployments × {RULES} rules, twice", partial(_reload, target)),
        (f"first request with new labels on {DEPLOYMENTS} deployments, "
         f"{MISSES} times", partial(_misses, target)),
        ("10 MB request, ASCII, 4 times", partial(_requests, target, huge, 4, 1)),
        ("10 MB request, not ASCII, 4 times", partial(_requests, target, foreign, 4, 1)),
        ("10 MB request of 80,000 messages, 4 times", partial(_requests, target, chatty, 4, 1)),
        ("10 MB request, a text of brackets, 4 times", partial(_requests, target, brackets, 4, 1)),
        ("10 MB request, 4 at once", partial(_requests, target, huge, 8, 4)),
        ("10 MB whole reply, 4 times", partial(_requests, target, whole_reply, 4, 1)),
        (f"scrape with {DEPLOYMENTS} deployments that served", partial(_wide_scrapes, target)),
        ("disk: the archive's syncs take 300 ms", partial(_stall, target, disk.SYNC)),
        ("disk: settle lines take 300 ms", partial(_stall, target, disk.SETTLE)),
        ("disk: permits take 300 ms", partial(_stall, target, disk.PERMIT)),
    ]  # fmt: skip


# What is done.  Requests of the harness go out from threads: the loop here reads the streams.


async def _wait(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return ""


async def _requests(target: Target, request: bytes, count: int, at_once: int) -> str:
    free = asyncio.Semaphore(at_once)
    taken: list[float] = []
    statuses: dict[int, int] = {}

    async def one() -> None:
        async with free:
            began = time.monotonic()
            status, _ = await asyncio.to_thread(ask, target.port, PATH, request, target.key)
            taken.append(time.monotonic() - began)
            statuses[status] = statuses.get(status, 0) + 1

    await asyncio.gather(*(one() for _ in range(count)))
    return f"{_told(statuses)}, longest {max(taken) * 1e3:.0f} ms"


async def _scrapes(target: Target) -> str:
    taken = []
    for _ in range(5):
        began = time.monotonic()
        await _scrape(target)
        taken.append(time.monotonic() - began)
        await asyncio.sleep(0.2)
    return f"longest {max(taken) * 1e3:.0f} ms with reading"


async def _reload(target: Target) -> str:
    assert target.folder is not None, "the gateway has one"
    taken = []
    for _ in range(2):
        began = time.monotonic()
        status, text = await asyncio.to_thread(
            ask, target.admin_port, "/admin/reload", b"", target.folder.admin_key
        )
        taken.append(time.monotonic() - began)
        if status != 200:
            raise RuntimeError(f"reload: {status} {text[:300]!r}")
    return f"each {min(taken):.2f} to {max(taken):.2f} s"


async def _misses(target: Target) -> str:
    statuses: dict[int, int] = {}
    taken = []
    for tags in islice(_unused_tags, MISSES):
        began = time.monotonic()
        status, _ = await asyncio.to_thread(
            ask, target.port, PATH, body("wide"), target.key, {"x-switchgear-tags": tags}
        )
        taken.append(time.monotonic() - began)
        statuses[status] = statuses.get(status, 0) + 1
    return f"{_told(statuses)}, longest {max(taken) * 1e3:.0f} ms"


async def _wide_scrapes(target: Target) -> str:
    await _requests(target, body("wide"), 2_000, 8)
    samples = await _scrape(target)
    await asyncio.sleep(1.0)
    # What came before is not this trial's: the scrape above began the longest anew.
    return f"{len(samples)} samples, {await _scrapes(target)}"


async def _stall(target: Target, what: disk.Stall) -> str:
    """A request every 100 ms for 2 s, while the kernel seems to be slow."""
    assert target.folder is not None, "the gateway has one"
    journal = target.folder.data / "journal"
    try:
        stalled = await asyncio.to_thread(disk.Stalled, target.process.pid, journal, what)
    except MissingToolError as error:
        return f"NOT TRIED: {error}"
    statuses: dict[int, int] = {}
    taken = []
    for _ in range(20):
        began = time.monotonic()
        status, _ = await asyncio.to_thread(ask, target.port, PATH, body("bench"), target.key)
        taken.append(time.monotonic() - began)
        statuses[status] = statuses.get(status, 0) + 1
        await asyncio.sleep(0.1)
    held = await asyncio.to_thread(stalled.end)
    return f"{_told(statuses)}, longest {max(taken) * 1e3:.0f} ms; {held} calls held"


def _told(statuses: dict[int, int]) -> str:
    return ", ".join(f"{count}× {status}" for status, count in sorted(statuses.items()))


def _row(name: str, seen: Sequence[Finding]) -> str:
    cells = [
        _spread([found.longest_ms for found in seen]),
        f"{sum(f.late_ticks for f in seen)} of {sum(f.ticks for f in seen)}",
        _spread([found.client_worst_ms for found in seen]),
        _spread([found.reader_ms for found in seen]),
        seen[-1].note,
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.1f} ({min(values):.1f}–{max(values):.1f})"


async def _scrape(target: Target) -> Samples:
    return await asyncio.to_thread(scrape, target.admin_port)


async def run(target: Target, only: str, repeats: int) -> None:
    """Every trial, each told as soon as it is over.

    The same trial several times, since whatever else the machine does stalls the loop as well:
    what the gateway does to itself is in each of them.
    """
    print("| while | longest stall, ms | late ticks | event late, ms | reader, ms | last run |")
    print("|---|---|---|---|---|---|")
    for name, act in trials(target):
        if only in name:
            seen = [await observe(target, act) for _ in range(repeats)]
            print(_row(name, seen), flush=True)
    if only in "drain":
        print()
        for line in await drain.observe(target, STREAMS):
            print(f"- {line}", flush=True)


def main() -> int:
    """Run the trials."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.lag", description=__doc__)
    parser.add_argument("--only", default="", help="part of the names of the trials to run")
    parser.add_argument("--repeats", type=int, default=3, help="of each trial")
    options = parser.parse_args()
    cores = find_cores()
    try:
        for tool in ("nginx", "wrk"):
            find_tool(tool)  # described with the machine
    except MissingToolError as error:
        print(error, file=sys.stderr)
        return 1
    for name, value in describe(cores):
        print(f"- {name}: {value}")
    print()
    with tempfile.TemporaryDirectory(prefix="switchgear-lag-") as folder:
        root = Path(folder)
        with (
            serve_mock(root, cores) as mock_port,
            serve_gateway(root / "gateway", cores, mock_port, wide=DEPLOYMENTS, rules=RULES) as it,
        ):
            asyncio.run(run(it, options.only, options.repeats))
    return 0


if __name__ == "__main__":
    sys.exit(main())
