"""Measures what the ledger costs; prints the table of docs/explanation/ledger.md.

    python -m tests.gateway.ledger.figures [FOLDER]

FOLDER is where the data goes (by default a temporary one): what the disk does is in the figures.
Not a test: it asserts nothing.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import threading
import time
import timeit
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from gateway.admission.keys import Keys
from gateway.clock import SYSTEM_CLOCK
from gateway.ledger.archive import Archive
from gateway.ledger.entry import Settled
from gateway.ledger.journal import FLUSH_S, Journal
from gateway.ledger.segment import Segment
from gateway.ledger.transfer import Transfer
from gateway.store.keys import Grant, KeyStore
from gateway.store.sqlite import Store
from tests.gateway.ledger.rows import attempt, closed, exchange, journal_descriptor, settled

EXCHANGES = 20_000
STALL_S = 0.3
PROBE_S = 0.001


def main(root: Path) -> None:
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}")
    for number, measure in enumerate(MEASURES):
        folder = root / str(number)
        folder.mkdir()
        measure(folder)


def key_look_up(data_dir: Path) -> None:
    store = Store(data_dir)
    store.prepare()
    _, key = KeyStore(store).create(Grant(tenant="bank", app="review", floor="internal"))
    keys = Keys(store)
    keys.refresh()
    header = f"Bearer {key}".encode()
    seconds = min(timeit.repeat(lambda: keys.admit(header), number=100_000, repeat=5))
    print(f"looking up a key that was seen before: {seconds * 10:.2f} us")
    keys.stop()


def costs(data_dir: Path) -> None:
    asyncio.run(_costs(data_dir, "no archive", with_archive=False))


def costs_with_archive(data_dir: Path) -> None:
    asyncio.run(_costs(data_dir, "archive keeping up", with_archive=True))


async def _costs(data_dir: Path, name: str, *, with_archive: bool) -> None:
    store = Store(data_dir)
    store.prepare()
    journal = Journal(data_dir / "journal", asyncio.get_running_loop())
    archive = Archive(data_dir / "journal", store)
    if with_archive:
        archive.start()
    permits, settles = [], []
    for number in range(EXCHANGES):
        key = f"{number:024x}"
        rows = exchange(key), attempt(key)
        start = time.perf_counter()
        journal.permit(*rows)
        permits.append(time.perf_counter() - start)
        ends = settled(key), closed(key)
        start = time.perf_counter()
        journal.settle(ends[0])
        journal.settle(ends[1])
        settles.append(time.perf_counter() - start)
        if number % 10 == 0:
            await asyncio.sleep(0.001)
    journal.close()
    archive.stop()
    _print(f"permit of exchange and attempt, {name}", permits)
    _print(f"two settle calls, {name}", settles)
    builds = [_timed(lambda: (exchange("x"), attempt("x"))) for _ in range(2_000)]
    _print("  (making both rows in the test's way)", builds)
    _print("  making one Settled", [_timed(settled) for _ in range(2_000)])


def archive_speed(data_dir: Path) -> None:
    for name, is_busy, apart in (
        ("loop idle, ends beside their rows", False, 10),
        ("loop idle, ends in later bites", False, 5_000),
        ("loop busy all the time, ends beside their rows", True, 10),
    ):
        folder = data_dir / name.replace(" ", "-").replace(",", "")
        folder.mkdir()
        store = Store(folder)
        store.prepare()
        segment = Segment(folder, 1, "r1", SYSTEM_CLOCK)
        for number in range(EXCHANGES + apart):
            if number < EXCHANGES:
                segment.append(exchange(f"{number:024x}"), attempt(f"{number:024x}"))
            if number >= apart:
                key = f"{number - apart:024x}"
                segment.append(settled(key), closed(key))
        segment.seal()
        stop = threading.Event()
        result: list[tuple[float, float]] = []
        mover = threading.Thread(target=_move, args=(folder, store, result, stop))
        mover.start()
        turns = 0
        while is_busy and not stop.is_set():
            turns += sum(place * place for place in range(100)) and 1
        mover.join()
        wall, cpu = (seconds / EXCHANGES * 1e6 for seconds in result[0])
        print(f"archive, {name}: {wall:.1f} us an exchange, cpu {cpu:.1f} us")


def _move(
    folder: Path, store: Store, result: list[tuple[float, float]], stop: threading.Event
) -> None:
    with store.connection() as connection:
        wall, cpu = time.perf_counter(), time.thread_time()
        Transfer(folder, connection, time.sleep).sweep()
        result.append((time.perf_counter() - wall, time.thread_time() - cpu))
    stop.set()


def loop_lag(data_dir: Path) -> None:
    for name, scenario in {
        "nothing": _nothing,
        "archive with a backlog of 80,000 rows": _backlog,
        f"disk stalls {STALL_S * 1e3:.0f} ms a write, settle lines on the loop": _stall_on_loop,
        f"disk stalls {STALL_S * 1e3:.0f} ms a write, settle lines by the thread": _stall_by_thread,
    }.items():
        folder = data_dir / name.replace(" ", "-").replace(",", "")
        folder.mkdir()
        lags = asyncio.run(_probe(scenario, folder))
        worst, late = max(lags) * 1e3, sum(lag > 0.005 for lag in lags)
        print(f"loop lag, {name}: worst {worst:.1f} ms, {late} of {len(lags)} probes over 5 ms")


async def _probe(scenario: Callable[[Path], Iterator[None]], folder: Path) -> list[float]:
    """How much later than it should the loop comes round, with a step of the scenario in each."""
    lags = []
    last = 0.0
    for _ in scenario(folder):
        now = time.perf_counter()
        lags.append(now - last - PROBE_S if last else 0.0)
        last = now
        await asyncio.sleep(PROBE_S)
    return lags


def _nothing(folder: Path) -> Iterator[None]:
    for _ in range(1_500):
        yield


def _backlog(folder: Path) -> Iterator[None]:
    store = Store(folder)
    store.prepare()
    segment = Segment(folder, 1, "r1", SYSTEM_CLOCK)
    for key in (f"{number:024x}" for number in range(EXCHANGES)):
        segment.append(exchange(key), attempt(key), settled(key), closed(key))
    archive = Archive(folder, store)
    archive.start()
    while archive.counts.lines < 4 * EXCHANGES:
        yield
    archive.stop()
    segment.seal()


def _stall_on_loop(folder: Path) -> Iterator[None]:
    segment = Segment(folder, 1, "r1", SYSTEM_CLOCK)
    rows: list[Settled] = []
    with _StalledDisk(folder):
        due = time.perf_counter()
        for turn in range(600):
            rows.append(settled(f"x{turn}"))
            if time.perf_counter() >= due:
                segment.append(*rows)
                rows.clear()
                due = time.perf_counter() + FLUSH_S
            yield
    segment.seal()


def _stall_by_thread(folder: Path) -> Iterator[None]:
    journal = Journal(folder, asyncio.get_running_loop())
    with _StalledDisk(folder):
        for turn in range(600):
            journal.settle(settled(f"x{turn}"))
            yield
    journal.close()


class _StalledDisk:
    """A pipe in the place of the newest segment; it is full but for a moment now and then."""

    def __init__(self, folder: Path) -> None:
        self._fd = journal_descriptor(folder)
        self._spare = os.dup(self._fd)
        self._out, into = os.pipe()
        # A description of its own, so that filling does not hang and writing does.
        self._filler = os.open(f"/proc/self/fd/{into}", os.O_WRONLY | os.O_NONBLOCK)
        self._fill()
        os.dup2(into, self._fd)
        os.close(into)
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._reader.join()
        os.dup2(self._spare, self._fd)
        for fd in (self._spare, self._out, self._filler):
            os.close(fd)

    def _fill(self) -> None:
        with suppress(BlockingIOError):
            while True:
                os.write(self._filler, bytes(4_096))

    def _read(self) -> None:
        while not self._over.wait(STALL_S):
            os.read(self._out, 1 << 20)
            time.sleep(0.001)  # in which whoever hangs may write
            self._fill()
        os.set_blocking(self._out, False)
        with suppress(BlockingIOError):
            while True:
                os.read(self._out, 1 << 20)


def _timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _print(name: str, seconds: list[float]) -> None:
    micro = sorted(second * 1e6 for second in seconds)
    at = {share: micro[int(len(micro) * share / 1_000)] for share in (990, 999)}
    print(
        f"{name}: median {statistics.median(micro):.1f} us, 99 % {at[990]:.1f}, "
        f"99.9 % {at[999]:.1f}, worst {micro[-1]:.0f}"
    )


MEASURES = (key_look_up, costs, costs_with_archive, archive_speed, loop_lag)

if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(Path(folder))
