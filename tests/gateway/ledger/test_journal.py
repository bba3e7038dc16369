import asyncio
import fcntl
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from gateway.clock import Clock
from gateway.errors import JournalFullError
from gateway.ledger.entry import (
    AttemptRow,
    Closed,
    ExchangeRow,
    RunRow,
    SealRow,
    Settled,
    decode_line,
)
from gateway.ledger.journal import STALL_S, Journal
from gateway.ledger.segment import FolderTakenError
from gateway.ledger.writer import WAITING_MOST
from tests.gateway.ledger.rows import (
    attempt,
    closed,
    exchange,
    journal_descriptor,
    segments,
    settled,
)


class HandClock:
    """Time that stands until the test moves it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.clock = Clock(lambda: self.now, lambda: self.now + 1_795_000_000)


def rows_of(folder):
    return [
        decode_line(line)
        for path in segments(folder)
        for line in path.read_bytes().split(b"\n")
        if line
    ]


def full_pipe():
    """A pipe that hangs in write(2) as a stalled disk does."""
    out, into = os.pipe()
    size = fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 4_096)
    os.write(into, bytes(size))
    return out, into


async def eventually(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_true():
            await asyncio.sleep(0.005)


async def test_a_permit_is_with_the_operating_system_when_it_returns(tmp_path):
    journal = Journal(tmp_path, asyncio.get_running_loop())

    journal.permit(exchange(), attempt())

    assert rows_of(tmp_path)[1:] == [exchange(), attempt()]
    journal.close()


async def test_exchange_and_attempt_are_one_write(tmp_path):
    journal = Journal(tmp_path, asyncio.get_running_loop())
    fd = journal_descriptor(tmp_path)
    spare = os.dup(fd)
    out, into = os.pipe2(os.O_DIRECT)  # each write is a packet, and each read takes one
    os.dup2(into, fd)

    journal.permit(exchange(), attempt())
    packet = os.read(out, 1 << 16)
    os.dup2(spare, fd)
    journal.close()
    for descriptor in (out, into, spare):
        os.close(descriptor)

    lines = [line for line in packet.split(b"\n") if line]
    assert [decode_line(line) for line in lines] == [exchange(), attempt()]


async def test_only_the_owner_can_read_the_journal(tmp_path):
    journal = Journal(tmp_path / "data" / "journal", asyncio.get_running_loop())
    journal.close()

    (segment,) = segments(tmp_path / "data" / "journal")
    assert stat.S_IMODE(segment.stat().st_mode) == 0o600
    assert stat.S_IMODE(segment.parent.stat().st_mode) == 0o700


async def test_a_second_gateway_on_the_folder_is_refused_by_name(tmp_path):
    journal = Journal(tmp_path, asyncio.get_running_loop())

    with pytest.raises(
        FolderTakenError, match=rf"in use by another gateway \(process {os.getpid()}\)"
    ):
        Journal(tmp_path, asyncio.get_running_loop())

    journal.close()
    Journal(tmp_path, asyncio.get_running_loop()).close()


async def test_settlements_are_written_within_the_flush_time(tmp_path):
    journal = Journal(tmp_path, asyncio.get_running_loop())
    journal.permit(exchange(), attempt())

    journal.settle(settled())
    journal.settle(closed())
    assert journal.figures.waiting == 2
    await eventually(lambda: journal.figures.waiting == 0)

    assert rows_of(tmp_path)[3:] == [settled(), closed()]
    journal.close()


async def test_close_writes_what_waits_and_seals(tmp_path):
    journal = Journal(tmp_path, asyncio.get_running_loop())
    journal.settle(closed())

    journal.close()
    journal.close()

    assert [type(row) for row in rows_of(tmp_path)] == [RunRow, Closed, SealRow]


async def test_a_closed_journal_gives_no_permit(tmp_path):
    journal = Journal(tmp_path, asyncio.get_running_loop())
    journal.close()

    with pytest.raises(JournalFullError):
        journal.permit(exchange())


async def test_a_full_disk_gives_no_permit_and_keeps_settlements_for_later(tmp_path):
    journal = Journal(tmp_path, asyncio.get_running_loop())
    fd = journal_descriptor(tmp_path)
    spare, full = os.dup(fd), os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, fd)

    with pytest.raises(JournalFullError, match="No space left"):
        journal.permit(exchange("lost"))
    journal.settle(closed("kept"))
    await eventually(lambda: journal.figures.failures > 0)
    assert journal.figures.waiting == 1
    os.dup2(spare, fd)
    journal.permit(exchange("later"))
    await eventually(lambda: journal.figures.waiting == 0)

    assert rows_of(tmp_path)[1:] == [exchange("later"), closed("kept")]
    assert journal.figures.refused == 1
    assert journal.figures.lost == 0
    journal.close()
    os.close(spare)
    os.close(full)


SHORT_WRITES = """
import asyncio, json, resource, sys
from pathlib import Path
from gateway.errors import JournalFullError
from gateway.ledger.journal import Journal
from tests.gateway.ledger.rows import attempt, closed, exchange

permitted, refused = [], []

def leave_room(size_bytes):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))

def permit_ten(journal):
    for _ in range(10):
        key = f"x{len(permitted) + len(refused)}"
        try:
            journal.permit(exchange(key), attempt(key))
            permitted.append(key)
        except JournalFullError:
            refused.append(key)

async def settle_twenty(journal, name, is_over):
    for place in range(20):
        journal.settle(closed(f"{name}{place}", dropped=("f" * 100,)))
    journal.flush()
    while not is_over():
        await asyncio.sleep(0.001)

async def main(folder):
    journal = Journal(folder, asyncio.get_running_loop())
    (segment,) = folder.glob("journal-*")
    permit_ten(journal)
    leave_room(segment.stat().st_size + 1_000)
    permit_ten(journal)  # the last is torn
    leave_room(resource.RLIM_INFINITY)
    await settle_twenty(journal, "a", lambda: not journal.figures.waiting)
    leave_room(segment.stat().st_size + 1_000)
    await settle_twenty(journal, "b", lambda: journal.figures.failures)  # torn as well
    leave_room(resource.RLIM_INFINITY)
    permit_ten(journal)
    journal.close()
    print(json.dumps([permitted, refused, journal.figures.lost]))

asyncio.run(main(Path(sys.argv[1])))
"""


def test_half_a_line_on_a_full_disk_spoils_no_other_line(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", SHORT_WRITES, str(tmp_path)], capture_output=True, check=True
    )
    permitted, refused, lost = json.loads(run.stdout)

    whole, torn = [], 0
    for line in segments(tmp_path)[0].read_bytes().split(b"\n"):
        try:
            whole.append(decode_line(line))
        except ValueError:
            torn += bool(line)
    in_file = {row.exchange for row in whole if isinstance(row, AttemptRow)}
    assert in_file == set(permitted)
    assert refused
    assert torn == 2
    assert lost == 0
    assert {row.exchange for row in whole if isinstance(row, Closed)} == {
        f"{name}{place}" for name in "ab" for place in range(20)
    }


async def test_a_disk_that_hangs_holds_neither_loop_nor_permits(tmp_path):
    hand = HandClock()
    journal = Journal(tmp_path, asyncio.get_running_loop(), hand.clock)
    fd = journal_descriptor(tmp_path)
    spare = os.dup(fd)
    out, into = full_pipe()
    os.dup2(into, fd)

    for number in range(1_000):
        journal.settle(settled(f"x{number}"))
    await asyncio.sleep(0.05)  # the loop turns, or this never ends
    hand.now += STALL_S + 0.01
    with pytest.raises(JournalFullError, match="does not answer"):
        journal.permit(exchange())
    assert journal.figures.waiting == 1_000

    os.dup2(spare, fd)
    os.set_blocking(out, False)
    while journal.figures.waiting:
        await asyncio.sleep(0.001)
        try:
            os.read(out, 1 << 16)
        except BlockingIOError:
            continue
    journal.permit(exchange())
    journal.close()
    for descriptor in (out, into, spare):
        os.close(descriptor)


class SlowDisk:
    """A clock in which every write takes `write_s`, since it moves with each look at it."""

    def __init__(self) -> None:
        self.now, self.write_s = 100.0, 0.0
        self.clock = Clock(self.look, lambda: 1_795_000_000.0)

    def look(self) -> float:
        self.now += self.write_s
        return self.now


async def test_a_permit_that_held_the_loop_is_followed_by_none_until_the_disk_answers(tmp_path):
    disk = SlowDisk()
    journal = Journal(tmp_path, asyncio.get_running_loop(), disk.clock)
    disk.write_s = 2 * STALL_S
    journal.permit(exchange(), attempt())  # slow, and yet written

    await asyncio.sleep(0.05)  # the thread's own try was as slow
    with pytest.raises(JournalFullError, match="does not answer"):
        journal.permit(exchange("b"), attempt("b"))
    disk.write_s = 0.0
    with pytest.raises(JournalFullError, match="does not answer"):
        journal.permit(exchange("b"), attempt("b"))

    async def is_trusted_again() -> None:
        while True:
            try:
                journal.permit(exchange("c"), attempt("c"))
                return
            except JournalFullError:
                await asyncio.sleep(0.005)

    await asyncio.wait_for(is_trusted_again(), 5)
    journal.close()
    ids = [row.id for row in rows_of(tmp_path) if isinstance(row, ExchangeRow)]
    assert ids == [exchange().id, exchange("c").id]


async def test_settlements_past_the_bound_are_counted_not_kept(tmp_path):
    journal = Journal(tmp_path, asyncio.get_running_loop())
    fd, full = journal_descriptor(tmp_path), os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, fd)

    for _ in range(WAITING_MOST + 2_000):
        journal.settle(closed())
    journal.flush()

    assert WAITING_MOST - 1_000 < journal.figures.waiting <= WAITING_MOST
    assert journal.figures.waiting + journal.figures.lost == WAITING_MOST + 2_000
    journal.close()
    assert journal.figures.lost == WAITING_MOST + 2_000
    os.close(full)


async def test_a_settlement_that_is_no_json_is_counted_and_harms_no_other(tmp_path):
    journal = Journal(tmp_path, asyncio.get_running_loop())

    journal.settle(closed("x1", outcome="\ud800"))
    journal.settle(closed("x2"))
    journal.close()

    assert [row for row in rows_of(tmp_path) if isinstance(row, Closed)] == [closed("x2")]
    assert journal.figures.lost == 1


async def test_a_row_longer_than_any_reader_takes_is_refused(tmp_path):
    journal = Journal(tmp_path, asyncio.get_running_loop())

    with pytest.raises(JournalFullError, match="more than the journal takes"):
        journal.permit(exchange(permitted=("d" * 1_000,) * 1_100))

    assert len(rows_of(tmp_path)) == 1
    journal.close()


async def test_segments_change_by_size_and_no_row_is_lost_between_them(tmp_path):
    journal = Journal(tmp_path, asyncio.get_running_loop(), segment_bytes=5_000)

    for number in range(200):
        journal.permit(exchange(f"x{number}"), attempt(f"x{number}"))
        journal.settle(settled(f"x{number}"))
        if number % 10 == 0:
            journal.flush()
            await asyncio.sleep(0.002)
    journal.close()

    assert len(segments(tmp_path)) > 2
    rows = rows_of(tmp_path)
    assert [row.id for row in rows if isinstance(row, ExchangeRow)] == [
        f"x{number}" for number in range(200)
    ]
    assert len({row.exchange for row in rows if isinstance(row, Settled)}) == 200
    assert [row.number for row in rows if isinstance(row, RunRow)] == list(
        range(1, len(segments(tmp_path)) + 1)
    )
    assert sum(isinstance(row, SealRow) for row in rows) == len(segments(tmp_path))


async def test_no_end_is_in_a_segment_before_its_permit(tmp_path):
    journal = Journal(tmp_path, asyncio.get_running_loop(), segment_bytes=2_000)

    for number in range(300):
        journal.permit(exchange(f"x{number}"), attempt(f"x{number}"))
        journal.settle(settled(f"x{number}"))
        journal.flush()
        await asyncio.sleep(0)
    journal.close()

    permitted = set()
    for row in rows_of(tmp_path):
        if isinstance(row, AttemptRow):
            permitted.add(row.exchange)
        assert not isinstance(row, Settled) or row.exchange in permitted


async def test_a_segment_is_not_closed_while_the_thread_still_writes_into_it(tmp_path):
    journal = Journal(tmp_path, asyncio.get_running_loop(), segment_bytes=1)
    fd = journal_descriptor(tmp_path)
    out, into = full_pipe()
    journal.settle(closed("x1"))
    journal.flush()
    while len(segments(tmp_path)) < 2:  # the loop does not turn, so the first is still in use
        time.sleep(0.001)
    os.dup2(into, fd)
    journal.settle(closed("x2"))
    journal.flush()
    time.sleep(0.05)

    await asyncio.sleep(0.01)  # the second is in use from here on
    journal.permit(exchange("x3"))
    assert os.fstat(fd).st_ino == os.fstat(into).st_ino
    os.close(into)
    written = b""
    while chunk := os.read(out, 1 << 16):
        written += chunk
    os.close(out)
    journal.close()

    lines = [line for line in written.strip(b"\x00").split(b"\n") if line]
    assert [decode_line(line) for line in lines] == [closed("x2"), SealRow(number=1)]
    assert exchange("x3") in rows_of(tmp_path)


async def test_segments_change_by_age(tmp_path):
    hand = HandClock()
    journal = Journal(tmp_path, asyncio.get_running_loop(), hand.clock, segment_s=60)
    journal.settle(closed("x1"))
    await eventually(lambda: journal.figures.waiting == 0)
    assert len(segments(tmp_path)) == 1

    hand.now += 61
    journal.settle(closed("x2"))
    await eventually(lambda: len(segments(tmp_path)) == 2)
    journal.close()


async def test_numbers_go_on_where_the_last_run_stopped(tmp_path):
    (tmp_path / "journal-000000000041.jsonl").write_bytes(b"")

    Journal(tmp_path, asyncio.get_running_loop()).close()

    assert segments(tmp_path)[-1].name == "journal-000000000042.jsonl"
