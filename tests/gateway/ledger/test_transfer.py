import json
import os
import sqlite3

import pytest

from gateway.clock import SYSTEM_CLOCK
from gateway.ledger import statements
from gateway.ledger.entry import encode_line
from gateway.ledger.segment import LINES_BYTES_MOST, Segment, segment_path
from gateway.ledger.transfer import QUARANTINE_NAME, Transfer
from gateway.store.sqlite import Store
from tests.gateway.ledger.rows import attempt, closed, exchange, segments, settled


class Bench:
    """A folder with a journal written by hand, and the database it goes to."""

    def __init__(self, data_dir):
        self.folder = data_dir / "journal"
        self.folder.mkdir()
        self.store = Store(data_dir)
        self.store.prepare()
        self.connection = self.store.connect()
        self.pauses = []
        self.opened = []
        self.transfer = self.restart()

    def restart(self):
        self.transfer = Transfer(self.folder, self.connection, self.pauses.append)
        return self.transfer

    def segment(self, number, run, *rows):
        segment = Segment(self.folder, number, run, SYSTEM_CLOCK)
        for row in rows:
            segment.append(row)
        self.opened.append(segment)
        return segment

    def all(self, query, *parameters):
        return self.connection.execute(query, parameters).fetchall()

    def dump(self):
        return self.all("SELECT * FROM exchanges"), self.all("SELECT * FROM attempts")

    def quarantine(self):
        path = self.folder / QUARANTINE_NAME
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.connection.close()
    for segment in bench.opened:
        if segment.fd >= 0:
            os.close(segment.fd)


def test_a_whole_exchange_arrives_field_by_field(bench):
    rows = exchange(), attempt(), settled(), closed(dropped=("seed",), added=("max_tokens",))
    bench.segment(1, "r1", *rows).seal()

    bench.transfer.sweep()

    bench.connection.row_factory = sqlite3.Row
    (found,) = bench.all("SELECT * FROM exchanges")
    for row in (rows[0], rows[3]):
        for name in set(row.__struct_fields__) - {"exchange", "outcome", "status"}:
            value = getattr(row, name)
            is_nested = isinstance(value, (tuple, dict))
            assert found[name] == (encode_line(value).decode() if is_nested else value), name
    assert (found["outcome"], found["status"]) == ("ok", 200)
    (found,) = bench.all("SELECT * FROM attempts")
    assert found["id"] == "x1-1"
    for row in rows[1:3]:
        for name in row.__struct_fields__:
            assert found[name] == getattr(row, name), name


def test_the_tables_have_the_fields_of_the_rows(bench):
    columns = {row[1] for row in bench.all("PRAGMA table_xinfo(exchanges)")}
    assert columns == {"seq", "run", *exchange().__struct_fields__, *closed().__struct_fields__} - {
        "exchange"
    }
    columns = {row[1] for row in bench.all("PRAGMA table_xinfo(attempts)")}
    assert columns == {
        "seq", "run", "id", *attempt().__struct_fields__, *settled().__struct_fields__
    }  # fmt: skip


@pytest.mark.parametrize("size", statements.SIZES)
@pytest.mark.parametrize("sized", [statements.SETTLE_ATTEMPTS, statements.CLOSE_EXCHANGES])
def test_a_settlement_finds_its_row_by_an_index(bench, sized, size):
    values = [None] * sized[size].count("?")
    plan = " ".join(row[3] for row in bench.all(f"EXPLAIN QUERY PLAN {sized[size]}", *values))

    assert "SEARCH" in plan
    assert "SCAN attempts" not in plan
    assert "SCAN exchanges" not in plan


def test_an_unknown_figure_is_null_and_not_zero(bench):
    end = settled(prompt_tokens=None, cost_micro=None, first_token_s=None)
    bench.segment(1, "r1", exchange(), attempt(), end)

    bench.transfer.sweep()

    columns = "prompt_tokens, cost_micro, first_token_s"
    assert bench.all(f"SELECT {columns} FROM attempts") == [(None, None, None)]


def test_a_refusal_is_whole_with_one_row(bench):
    bench.segment(1, "r1", exchange(outcome="policy_no_route", status=403, permitted=()))
    bench.segment(2, "r2")

    bench.transfer.sweep()

    assert bench.all("SELECT outcome, status, seconds FROM exchanges") == [
        ("policy_no_route", 403, None)
    ]


def test_moving_the_same_lines_again_changes_nothing(bench):
    bench.segment(1, "r1", exchange(), attempt(), attempt("x1", 2), settled(), exchange("x2"))
    bench.segment(2, "r1", settled("x1", 2, verdict="throttled"), closed(), closed("x2"))
    bench.transfer.sweep()
    before = bench.dump()

    bench.connection.execute("DELETE FROM archive_progress")
    bench.restart().sweep()

    assert bench.dump() == before
    assert bench.transfer.counts.lines == 10
    assert bench.quarantine() == []


def test_a_second_settlement_of_the_same_attempt_does_not_count(bench):
    bench.segment(1, "r1", exchange(), attempt(), settled(cost_micro=5), settled(cost_micro=7))
    bench.transfer.sweep()
    bench.segment(2, "r1", settled(cost_micro=9), settled(verdict="throttled"))

    bench.transfer.sweep()

    assert bench.all("SELECT verdict, cost_micro FROM attempts") in ([("ok", 5)], [("ok", 7)])
    assert bench.quarantine() == []


def test_a_later_pass_goes_on_where_the_last_one_stopped(bench):
    segment = bench.segment(1, "r1", exchange())
    bench.transfer.sweep()
    segment.append(attempt())

    bench.transfer.sweep()
    bench.restart().sweep()
    assert bench.transfer.counts.lines == 0
    segment.append(attempt("x1", 2))
    bench.transfer.sweep()

    assert bench.all("SELECT id FROM attempts") == [("x1-1",), ("x1-2",)]
    assert bench.transfer.counts.lines == 1
    assert bench.quarantine() == []


def test_a_line_that_is_still_being_written_is_waited_for(bench):
    segment = bench.segment(1, "r1", exchange())
    line = encode_line(attempt())
    os.write(segment.fd, line[:20])
    bench.transfer.sweep()
    assert bench.transfer.behind() == 20

    os.write(segment.fd, line[20:] + b"\n")
    bench.transfer.sweep()

    assert bench.all("SELECT id FROM attempts") == [("x1-1",)]
    assert bench.transfer.behind() == 0
    assert bench.transfer.counts.torn == 0


def test_the_torn_end_of_a_dead_run_is_counted_and_harms_nothing(bench):
    segment = bench.segment(1, "r1", exchange(), attempt())
    os.write(segment.fd, b"\n" + encode_line(exchange("x2"))[:30])
    bench.segment(2, "r2", exchange("x3"))

    bench.transfer.sweep()
    bench.transfer.sweep()

    assert bench.all("SELECT id FROM exchanges") == [("x1",), ("x3",)]
    assert bench.transfer.counts.torn == 1
    assert [path.name for path in segments(bench.folder)] == ["journal-000000000002.jsonl"]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"\x00\x00\x00\x00", id="zeros after a power cut"),
        pytest.param(b'["x1","torn', id="half a line"),
        pytest.param(b'["q9",1]', id="a kind of a later release"),
        pytest.param(b'["a1","x1","one"]', id="wrong type"),
        pytest.param(b'["a1","x1",%d,"d","v","a","m","z",1.5,9]' % 2**63, id="65 bits"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"[" * 5_000, id="deep"),
        pytest.param(b'["x1","' + b"x" * (LINES_BYTES_MOST + 10), id="endless"),
    ],
)
def test_a_corrupt_line_is_set_aside_and_its_neighbours_arrive(bench, line):
    segment = bench.segment(1, "r1", exchange())
    for start in range(0, len(line), 1 << 16):
        os.write(segment.fd, line[start : start + (1 << 16)])
    os.write(segment.fd, b"\n")
    segment.append(attempt(), settled())

    bench.transfer.sweep()

    assert bench.all("SELECT id, verdict FROM attempts") == [("x1-1", "ok")]
    set_aside = bench.quarantine()
    assert "".join(entry[3] for entry in set_aside) == line.decode("utf-8", "replace")
    assert set_aside[0][:2] == ["r1", 1]
    assert bench.transfer.counts.quarantined == len(set_aside) >= 1


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(attempt("nobody"), id="attempt"),
        pytest.param(settled("nobody"), id="settlement"),
        pytest.param(settled("x1", 9), id="settlement of another attempt"),
        pytest.param(closed("nobody"), id="end"),
    ],
)
def test_a_line_without_its_exchange_is_set_aside(bench, row):
    bench.segment(1, "r1", exchange(), attempt(), row, settled())

    bench.transfer.sweep()

    assert [entry[3] for entry in bench.quarantine()] == [encode_line(row).decode()]
    assert bench.all("SELECT id, verdict FROM attempts") == [("x1-1", "ok")]


def test_one_row_that_the_table_refuses_does_not_stop_the_rest(bench):
    bench.connection.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON exchanges WHEN new.id = 'x2' "
        "BEGIN SELECT raise(ABORT, 'no'); END"
    )
    bench.segment(1, "r1", exchange("x1"), exchange("x2"), exchange("x3"))

    bench.transfer.sweep()

    assert bench.all("SELECT id FROM exchanges") == [("x1",), ("x3",)]
    assert [entry[3] for entry in bench.quarantine()] == [encode_line(exchange("x2")).decode()]


def test_nothing_is_passed_over_while_the_quarantine_cannot_be_written(bench):
    bench.segment(1, "r1", exchange())
    with segment_path(bench.folder, 1).open("ab") as file:
        file.write(b"corrupt\n")
    (bench.folder / QUARANTINE_NAME).mkdir()

    with pytest.raises(OSError, match="directory"):
        bench.transfer.sweep()
    assert bench.all("SELECT id FROM exchanges") == []

    (bench.folder / QUARANTINE_NAME).rmdir()
    bench.transfer.sweep()
    assert bench.all("SELECT id FROM exchanges") == [("x1",)]
    assert len(bench.quarantine()) == 1


def test_what_an_earlier_run_left_open_is_crashed_with_charge_unknown(bench):
    bench.segment(1, "r1", exchange("x1"), attempt("x1", 1), attempt("x1", 2), settled("x1", 1))
    bench.segment(2, "r1", exchange("x2"), attempt("x2"), settled("x2"), closed("x2"))
    bench.segment(3, "r2", exchange("x3"), attempt("x3"))

    bench.transfer.sweep()

    assert bench.all("SELECT id, outcome, seconds FROM exchanges") == [
        ("x1", "crashed", None),
        ("x2", "ok", 0.6),
        ("x3", None, None),
    ]
    assert bench.all("SELECT id, verdict, charge, cost_micro FROM attempts") == [
        ("x1-1", "ok", "full", 123),
        ("x1-2", "crashed", "unknown", None),
        ("x2-1", "ok", "full", 123),
        ("x3-1", None, None, None),
    ]


def test_a_settlement_after_the_crash_was_settled_does_not_undo_it(bench):
    bench.segment(1, "r1", exchange(), attempt())
    bench.segment(2, "r2")
    bench.transfer.sweep()

    bench.segment(3, "r2", settled(), closed())
    bench.transfer.sweep()

    assert bench.all("SELECT verdict, charge, cost_micro FROM attempts") == [
        ("crashed", "unknown", None)
    ]
    assert bench.all("SELECT outcome, seconds FROM exchanges") == [("crashed", None)]


def test_open_rows_of_the_living_run_stay_open_over_restarts_of_the_archive(bench):
    bench.segment(1, "r1", exchange(), attempt())
    bench.segment(2, "r1", exchange("x2"))
    bench.transfer.sweep()

    bench.restart().sweep()

    bench.segment(3, "r1", exchange("x3"))
    bench.transfer.sweep()

    assert bench.all("SELECT outcome FROM exchanges") == [(None,)] * 3
    assert bench.all("SELECT verdict FROM attempts") == [(None,)]


@pytest.mark.parametrize("head", [b"", b"\n", b"\nnonsense\n", b"\x00" * 9 + b"\n"])
def test_a_segment_without_its_first_line_is_read_all_the_same(bench, head):
    segment_path(bench.folder, 1).write_bytes(head)
    segment = os.open(segment_path(bench.folder, 1), os.O_WRONLY | os.O_APPEND)
    os.write(segment, b"\n" + encode_line(exchange()) + b"\n")
    os.close(segment)
    bench.segment(2, "r2")

    bench.transfer.sweep()

    assert bench.all("SELECT id, outcome FROM exchanges") == [("x1", "crashed")]
    assert len(segments(bench.folder)) == 1


def test_the_newest_segment_before_its_first_line_is_left_alone(bench):
    bench.segment(1, "r1", exchange(), attempt())
    segment_path(bench.folder, 2).write_bytes(b"")

    bench.transfer.sweep()

    assert bench.all("SELECT outcome FROM exchanges") == [(None,)]
    assert len(segments(bench.folder)) == 2


def test_a_segment_is_dropped_when_sealed_and_moved_and_not_before(bench):
    first = bench.segment(1, "r1", exchange("x1"))
    bench.segment(2, "r1", exchange("x2")).seal()
    bench.transfer.sweep()
    assert len(segments(bench.folder)) == 2  # 1 may get more lines, 2 is the newest

    first.append(exchange("x3"))
    first.seal()
    bench.transfer.sweep()

    assert [path.name for path in segments(bench.folder)] == ["journal-000000000002.jsonl"]
    assert bench.transfer.counts.dropped_segments == 1
    assert bench.all("SELECT id FROM exchanges") == [("x1",), ("x2",), ("x3",)]
    assert bench.all("SELECT segment FROM archive_progress") == [(2,)]


def test_a_number_used_again_by_another_run_is_read_from_its_start(bench):
    bench.segment(1, "r1", exchange("x1"), exchange("x2"), exchange("x3"))
    bench.transfer.sweep()
    segment_path(bench.folder, 1).unlink()

    bench.segment(1, "r2", exchange("x4"))
    bench.restart().sweep()

    assert ("x4",) in bench.all("SELECT id FROM exchanges")


def test_a_busy_database_is_waited_for_and_nothing_moves_twice(bench):
    bench.segment(1, "r1", exchange(), attempt())
    other = bench.store.connect()
    other.execute("BEGIN IMMEDIATE")
    bench.connection.execute("PRAGMA busy_timeout = 1")

    def pause(seconds):
        bench.pauses.append(seconds)
        if len(bench.pauses) == 3:
            other.execute("ROLLBACK")

    Transfer(bench.folder, bench.connection, pause).sweep()

    assert len(bench.pauses) == 3
    assert bench.all("SELECT id FROM attempts") == [("x1-1",)]
    other.close()


def test_rows_and_progress_are_one_transaction(bench):
    bench.segment(1, "r1", exchange(), attempt())
    bench.connection.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON archive_progress "
        "BEGIN SELECT raise(ABORT, 'no'); END"
    )

    with pytest.raises(sqlite3.IntegrityError):
        bench.transfer.sweep()
    assert bench.dump() == ([], [])

    bench.connection.execute("DROP TRIGGER refuse")
    bench.transfer.sweep()
    assert bench.all("SELECT id FROM attempts") == [("x1-1",)]


def test_a_backlog_of_several_bites_is_moved_whole(bench):
    segment = bench.segment(1, "r1")
    for number in range(0, 9_000, 100):
        rows = [exchange(f"x{place}") for place in range(number, number + 100)]
        segment.append(*rows)
    assert segment.written_bytes > LINES_BYTES_MOST * 2

    bench.transfer.sweep()

    assert bench.all("SELECT count(*), count(DISTINCT id) FROM exchanges") == [(9_000, 9_000)]


def test_a_segment_that_cannot_be_begun_leaves_no_file(bench):
    with pytest.raises(OSError, match="No such file"):
        Segment(bench.folder / "absent", 1, "r1", SYSTEM_CLOCK)
    assert segments(bench.folder) == []
