import sqlite3

import pytest

from gateway.clock import SYSTEM_CLOCK
from gateway.ledger.entry import encode_line
from gateway.ledger.reader import Ledger, UnknownExchangeError
from gateway.ledger.segment import Segment, segment_path
from gateway.ledger.transfer import Transfer
from gateway.store.sqlite import Store
from tests.gateway.ledger.rows import attempt, closed, exchange, settled


class Folder:
    """A journal of which any part may be archived already."""

    def __init__(self, data_dir):
        self.store = Store(data_dir)
        self.store.prepare()
        self.journal = data_dir / "journal"
        self.journal.mkdir()
        self.segment = Segment(self.journal, 1, "r1", SYSTEM_CLOCK)
        self.connections = [self.store.connect(), self.store.connect()]
        self.transfer = Transfer(self.journal, self.connections[0], lambda _: None)
        self.ledger = Ledger(self.journal, self.connections[1])

    def write(self, *rows, is_archived):
        self.segment.append(*rows)
        if is_archived:
            self.transfer.sweep()

    def close(self):
        self.segment.seal()
        for connection in self.connections:
            connection.close()


@pytest.fixture
def folder(tmp_path):
    folder = Folder(tmp_path)
    yield folder
    folder.close()


@pytest.mark.parametrize("cut", range(6), ids=lambda cut: f"{cut} rows archived")
def test_an_exchange_reads_the_same_wherever_its_rows_are(folder, cut):
    rows = [
        exchange(),
        attempt(),
        settled(verdict="throttled", charge="none", cost_micro=None),
        attempt("x1", 2, deployment="homegrid-large"),
        settled("x1", 2),
        closed(dropped=("seed",)),
    ]
    folder.write(*rows[:cut], is_archived=True)
    folder.write(*rows[cut:], is_archived=False)

    found = folder.ledger.show("x1").as_json()

    folder.transfer.sweep()
    assert found == folder.ledger.show("x1").as_json()
    assert found["outcome"] == "ok"
    assert found["dropped"] == ["seed"]
    assert [row["verdict"] for row in found["attempt_rows"]] == ["throttled", "ok"]
    assert [row["id"] for row in found["attempt_rows"]] == ["x1-1", "x1-2"]


def test_an_open_exchange_is_shown_as_open(folder):
    folder.write(exchange(), attempt(), is_archived=False)

    record = folder.ledger.show("x1")

    assert record.is_open
    assert record.attempts[1]["verdict"] is None


def test_a_settlement_in_the_journal_does_not_undo_the_archive(folder):
    folder.write(exchange(), attempt(), settled(cost_micro=5), closed(), is_archived=True)
    folder.write(settled(cost_micro=9), closed(outcome="other"), is_archived=False)

    record = folder.ledger.show("x1")

    assert record.attempts[1]["cost_micro"] == 5
    assert record.exchange["outcome"] == "ok"


def test_the_tail_is_the_newest_oldest_first(folder):
    folder.write(*[exchange(f"x{number}") for number in range(30)], is_archived=True)
    folder.write(closed("x29"), exchange("x30"), exchange("x31"), is_archived=False)

    newest = folder.ledger.tail(3)

    assert [record.exchange["id"] for record in newest] == ["x29", "x30", "x31"]
    assert [record.is_open for record in newest] == [False, True, True]
    assert folder.ledger.tail(0) == []
    assert len(folder.ledger.tail(1_000)) == 32


def test_what_ended_since_is_found_by_place_and_by_id(folder):
    folder.write(*[exchange(f"x{number}") for number in range(5)], is_archived=True)
    seq = folder.ledger.last_seq()
    folder.write(exchange("x5"), closed("x1"), is_archived=True)

    found = folder.ledger.after(seq, ["x1", "x2"])

    assert [(record.exchange["id"], record.is_open) for record in found] == [
        ("x1", False),
        ("x2", True),
        ("x5", True),
    ]


def test_an_unknown_exchange_is_an_error_that_says_where_to_look(folder):
    with pytest.raises(UnknownExchangeError, match="x-switchgear-request-id"):
        folder.ledger.show("x9")


def test_corrupt_lines_and_a_segment_that_vanished_do_not_stop_a_reader(folder):
    folder.write(exchange(), is_archived=False)
    with segment_path(folder.journal, 1).open("ab") as file:
        file.write(b"\x00\xff\n" + b"[" * 5_000 + b"\n" + encode_line(closed()) + b"\n")
        file.write(encode_line(exchange("x2")))  # not ended: still being written
    segment_path(folder.journal, 2).symlink_to("dropped-meanwhile")

    records = folder.ledger.tail(10)

    assert [(record.exchange["id"], record.is_open) for record in records[:1]] == [("x1", False)]


def test_a_folder_without_a_journal_reads_the_archive_alone(folder, tmp_path):
    folder.write(exchange(), is_archived=True)
    with folder.store.connection() as connection:
        ledger = Ledger(tmp_path / "none", connection)

        assert [record.exchange["id"] for record in ledger.tail(5)] == ["x1"]
        assert isinstance(connection, sqlite3.Connection)
