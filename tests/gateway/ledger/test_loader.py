import json
import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ledger.entry import (
    AttemptRow,
    Closed,
    ExchangeRow,
    RunRow,
    Settled,
    decode_line,
    encode_line,
)
from gateway.ledger.segment import segment_path
from gateway.ledger.transfer import QUARANTINE_NAME, Transfer
from gateway.store.sqlite import Store
from tests.gateway.ledger.rows import attempt, closed, exchange, settled

IDS = ["x1", "x2", "x3"]
CORRUPT = [
    b"corrupt",
    b'["q9",1]',
    b'["c1","x1","ok",200,1,0.6,0.001,[7]]',
    encode_line(exchange("x1")).replace(b'["personal"]', b'[{"not":"a tag"}]'),
    encode_line(exchange("x2")).replace(b'{"klass":"header"}', b'["klass"]'),
]

ids = st.sampled_from(IDS)
numbers = st.integers(1, 2)
lines = st.one_of(
    st.builds(lambda key: exchange(key), ids),
    st.builds(lambda key: exchange(key, outcome="policy_no_route", status=403), ids),
    st.builds(attempt, ids, numbers),
    st.builds(attempt, ids, numbers),
    st.builds(lambda key, number, cost: settled(key, number, cost_micro=cost), ids, numbers,
              st.sampled_from([None, 1, 2])),
    st.builds(lambda key, status: closed(key, status=status, dropped=("seed",)), ids,
              st.sampled_from([None, 200, 502])),
).map(encode_line) | st.sampled_from(CORRUPT)  # fmt: skip


@st.composite
def whole_exchanges(draw):
    """Exchanges that run beside each other, most of them to their end, and now and then more."""
    waiting = []
    for key in draw(st.lists(ids, unique=True)):
        rows = [exchange(key), attempt(key), settled(key), closed(key)]
        if draw(st.booleans()):
            rows[2:2] = [settled(key, verdict="throttled"), attempt(key, 2)]
            rows[4] = settled(key, 2)
        waiting.append([encode_line(row) for row in rows[: draw(st.sampled_from([9, 9, 2, 3]))]])
    found = []
    while waiting := [left for left in waiting if left]:
        found.append(draw(st.sampled_from(waiting)).pop(0))
    for line in draw(st.lists(lines, max_size=draw(st.sampled_from([0, 0, 2])))):
        found.insert(draw(st.integers(0, len(found))), line)
    return found


@given(
    st.lists(whole_exchanges() | st.lists(lines, max_size=24), min_size=1, max_size=3), st.data()
)
@settings(max_examples=150, deadline=None)
def test_any_cut_into_bites_gives_what_moving_line_by_line_gives(runs, data):
    journal = [
        b"\n\n".join([encode_line(RunRow(run=f"r{n}", number=n, at=1.0, pid=1)), *possible(run)])
        for n, run in enumerate(runs, 1)
    ]
    with tempfile.TemporaryDirectory() as folder:
        with Database(Path(folder)) as database:
            expected = Reference()
            for number, segment in enumerate(journal, 1):
                text = b"\n" + segment + b"\n"
                cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=3))
                for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(text)], strict=True):
                    database.append(number, text[start:end])
                    database.sweep()
                    if data.draw(st.booleans()):
                        database.forget_progress()  # as a journal that was restored
                expected.move(number, segment.split(b"\n\n"))
            assert database.found() == expected.found()
            assert database.quarantine() == expected.bad

            # The newest segment is still there.  Moved again it changes nothing.
            database.forget_progress()
            database.sweep()
            assert database.found() == expected.found()


def possible(lines):
    """Without what the journal cannot hold: a line before the one that it belongs to."""
    kept = []
    for place, line in enumerate(lines):
        later = {name for other in lines[place:] for name in names(other)}
        earlier = {name for other in lines[:place] for name in names(other)}
        if all(need in earlier or need not in later for need in needs(line)):
            kept.append(line)
    return kept


def names(line):
    match read(line):
        case ExchangeRow(id=key):
            return [key]
        case AttemptRow(id=key):
            return [key]
    return []


def needs(line):
    match read(line):
        case AttemptRow(exchange=key) | Closed(exchange=key):
            return [key]
        case Settled(exchange=key, number=number):
            return [key, f"{key}-{number}"]
    return []


def read(line):
    try:
        return decode_line(line)
    except ValueError:
        return None


class Reference:
    """A ledger of two dictionaries to which one line is moved at a time."""

    def __init__(self):
        self.exchanges = {}
        self.attempts = {}
        self.bad = []

    def move(self, number, lines):
        run = f"r{number}"
        for row in [*self.exchanges.values()]:
            if row["outcome"] is None:
                row["outcome"] = "crashed"
        for row in [*self.attempts.values()]:
            if row["verdict"] is None:
                row |= {"verdict": "crashed", "charge": "unknown"}
        for line in lines:
            if not self.take(run, read(line)):
                self.bad.append([run, line.decode()])

    def take(self, run, row):
        match row:
            case ExchangeRow(id=key, outcome=outcome, status=status):
                new = {"run": run, "outcome": outcome, "status": status, "seconds": None,
                       "dropped": None}  # fmt: skip
                self.exchanges.setdefault(key, new)
            case AttemptRow(id=key, exchange=exchange) if exchange in self.exchanges:
                new = {"run": run, "verdict": None, "charge": None, "cost_micro": None}
                self.attempts.setdefault(key, new)
            case Settled(exchange=exchange, number=number) if (
                there := self.attempts.get(f"{exchange}-{number}")
            ) is not None:
                if there["verdict"] is None:
                    there |= {name: getattr(row, name) for name in there if name != "run"}
            case Closed(exchange=key) if (there := self.exchanges.get(key)) is not None:
                if there["seconds"] is None and there["outcome"] != "crashed":
                    there["outcome"] = there["outcome"] or row.outcome
                    there["status"] = there["status"] or row.status
                    there["seconds"] = row.seconds
                    there["dropped"] = json.dumps(row.dropped)
            case RunRow():
                pass
            case _:
                return False
        return True

    def found(self):
        return [
            [(key, *row.values()) for key, row in table.items()]
            for table in (self.exchanges, self.attempts)
        ]


class Database:
    def __init__(self, folder):
        self.folder = folder / "journal"
        self.folder.mkdir()
        store = Store(folder)
        store.prepare()
        self.connection = store.connect()
        self.connection.execute("PRAGMA synchronous = OFF")
        self.forget_progress()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def append(self, number, data):
        with segment_path(self.folder, number).open("ab") as file:
            file.write(data)

    def sweep(self):
        self.transfer.sweep()

    def forget_progress(self):
        self.connection.execute("DELETE FROM archive_progress")
        self.transfer = Transfer(self.folder, self.connection, lambda _: None)

    def found(self):
        """In the order of `seq`, so that order is compared as well."""
        exchanges = "id, run, outcome, status, seconds, dropped"
        attempts = "id, run, verdict, charge, cost_micro"
        return [
            self.connection.execute(f"SELECT {exchanges} FROM exchanges ORDER BY seq").fetchall(),
            self.connection.execute(f"SELECT {attempts} FROM attempts ORDER BY seq").fetchall(),
        ]

    def quarantine(self):
        path = self.folder / QUARANTINE_NAME
        lines = path.read_text().splitlines() if path.exists() else []
        found = [(run, text, at) for run, _, at, text in map(json.loads, lines)]
        return [[run, text] for run, text, _ in dict.fromkeys(found)]  # once, if moved again


def test_a_bite_with_one_bad_line_is_moved_all_the_same(tmp_path):
    rows = [encode_line(row) for n in range(100) for row in (exchange(f"x{n}"), attempt(f"x{n}"))]
    ends = [encode_line(row) for n in range(100) for row in (settled(f"x{n}"), closed(f"x{n}"))]
    with Database(tmp_path) as database:
        head = encode_line(RunRow(run="r1", number=1, at=1.0, pid=os.getpid()))
        database.append(1, b"\n" + b"\n".join([head, *rows, CORRUPT[3], *ends]) + b"\n")
        database.sweep()

        exchanges, attempts = database.found()
        assert {row[1:] for row in exchanges} == {("r1", "ok", 200, 0.6, "[]")}
        assert {row[1:] for row in attempts} == {("r1", "ok", "full", 123)}
        assert len(exchanges) == len(attempts) == 100
        assert database.quarantine() == [["r1", CORRUPT[3].decode()]]
