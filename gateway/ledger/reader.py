"""The ledger as people read it: SQLite, and over it the journal lines that are not there yet.

Order matters: progress first, then the journal from there, then SQLite.  A line that the archive
moves meanwhile is seen in both and merged; none is seen in neither.
"""

import json
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.errors import SwitchgearError
from gateway.ledger.entry import (
    AttemptRow,
    Closed,
    ExchangeRow,
    Line,
    Settled,
    decode_line,
)
from gateway.ledger.segment import segment_numbers, segment_path
from gateway.ledger.transfer import read_run

# Any: a row as JSON can show it, which is what every use of it here does.
Fields = dict[str, Any]

_JSON_COLUMNS: Final = ("tags", "label_sources", "permitted", "excluded", "dropped", "added")
ROWS_LEAST: Final = 10_000  # of the journal's end that `tail` looks at
ROWS_PER_EXCHANGE: Final = 20  # 1 permit, 3 attempts, their ends and its own; and others between
_END_OF_EXCHANGE: Final[Fields] = dict.fromkeys(
    name for name in Closed.__struct_fields__ if name != "exchange"
)
_END_OF_ATTEMPT: Final[Fields] = dict.fromkeys(Settled.__struct_fields__)
_NOT_SHOWN: Final = ("seq", "run")


class UnknownExchangeError(SwitchgearError):
    """No exchange has that id."""


@dataclass(slots=True)
class Record:
    """One exchange and its attempts, as far as they are known."""

    exchange: Fields
    attempts: dict[int, Fields] = field(default_factory=dict)  # by number
    seq: int | None = None  # None: in the journal only

    @property
    def is_open(self) -> bool:
        """Whether it has no outcome yet."""
        return self.exchange.get("outcome") is None

    def as_json(self) -> Fields:
        """One object, attempts in their order."""
        attempts = [self.attempts[number] for number in sorted(self.attempts)]
        return {**self.exchange, "attempt_rows": attempts}


class Ledger:
    """Reads one data folder; nothing is changed and no lock is taken."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        """`folder` is the journal's; it need not be there."""
        self._folder = folder
        self._connection = connection
        self._connection.row_factory = sqlite3.Row

    def show(self, exchange_id: str) -> Record:
        """One exchange.  Raises UnknownExchangeError."""
        lines = [row for row in self._waiting_rows() if exchange_of(row) == exchange_id]
        records = self._stored("id = ?", (exchange_id,))
        _merge(records, lines)
        record = records.get(exchange_id)
        if record is None:
            raise UnknownExchangeError(
                f"the ledger has no exchange {exchange_id!r}: the id is in the answer's "
                "x-switchgear-request-id, and --data-dir must name that gateway's folder"
            )
        return record

    def tail(self, count: int) -> list[Record]:
        """The newest `count` exchanges, oldest first."""
        lines = deque(self._waiting_rows(), maxlen=max(ROWS_LEAST, ROWS_PER_EXCHANGE * count))
        records = self._stored("seq > (SELECT max(seq) FROM exchanges) - ?", (count,))
        _merge(records, lines)
        # What the archive moved meanwhile may have come in behind newer rows.
        in_order = sorted(records.values(), key=lambda record: record.exchange["at"])
        return in_order[-count:] if count else []

    def after(self, seq: int, ids: Iterable[str] = ()) -> list[Record]:
        """The archived exchanges after a place in the ledger, and those with these ids."""
        named = json.dumps(list(ids))
        where = "seq > ? OR id IN (SELECT value FROM json_each(?))"
        return list(self._stored(where, (seq, named)).values())

    def last_seq(self) -> int:
        """The place of the newest archived exchange; 0 when there is none."""
        (seq,) = self._connection.execute("SELECT max(seq) FROM exchanges").fetchone()
        return seq or 0

    def _stored(self, where: str, parameters: tuple[object, ...]) -> dict[str, Record]:
        query = f"SELECT * FROM exchanges WHERE {where} ORDER BY seq"  # noqa: S608 - ours
        records = {
            row["id"]: Record(_fields(row), seq=row["seq"])
            for row in self._connection.execute(query, parameters)
        }
        attempts = self._connection.execute(
            "SELECT * FROM attempts WHERE exchange IN (SELECT value FROM json_each(?))",
            (json.dumps(list(records)),),
        )
        for row in attempts:
            records[row["exchange"]].attempts[row["number"]] = _fields(row)
        return records

    def _waiting_rows(self) -> Iterator[Line]:
        progress = {
            (run, segment): offset
            for run, segment, offset in self._connection.execute(
                "SELECT run, segment, offset FROM archive_progress"
            )
        }
        for number in segment_numbers(self._folder):
            try:
                path = segment_path(self._folder, number)
                offset = progress.get((read_run(path) or "", number), 0)
                with open(path, "rb") as file:
                    file.seek(offset)
                    yield from _rows(file)
            except FileNotFoundError:
                continue  # moved and dropped since we listed it


def exchange_of(row: Line) -> str | None:
    """The exchange that a row belongs to."""
    match row:
        case ExchangeRow():
            return row.id
        case AttemptRow() | Settled() | Closed():
            return row.exchange
        case _:
            return None


def _rows(lines: Iterable[bytes]) -> Iterator[Line]:
    for line in lines:
        try:
            yield decode_line(line)
        except ValueError:
            continue  # blank, torn or corrupt: the archive counts it and sets it aside


def _fields(row: sqlite3.Row) -> Fields:
    fields = {name: row[name] for name in row.keys() if name not in _NOT_SHOWN}
    for name in _JSON_COLUMNS:
        if fields.get(name) is not None:
            fields[name] = json.loads(fields[name])
    for name in ("is_stream", "is_flawed"):
        if fields.get(name) is not None:
            fields[name] = bool(fields[name])
    return fields


def _as_json(row: msgspec.Struct) -> Fields:
    """The fields as they come out of SQLite: tuples are lists."""
    fields: Fields = msgspec.json.decode(msgspec.json.encode(msgspec.structs.asdict(row)))
    return fields


def _merge(records: dict[str, Record], rows: Iterable[Line]) -> None:
    for row in rows:
        if isinstance(row, ExchangeRow):
            records.setdefault(row.id, Record(_END_OF_EXCHANGE | _as_json(row)))
            continue
        record = records.get(exchange_of(row) or "")
        if record is None:
            continue
        if isinstance(row, AttemptRow):
            fields = {"id": row.id, **_END_OF_ATTEMPT, **_as_json(row)}
            record.attempts.setdefault(row.number, fields)
        elif isinstance(row, Settled):
            attempt = record.attempts.get(row.number)
            if attempt is not None and attempt.get("verdict") is None:
                attempt.update(_as_json(row))
        elif isinstance(row, Closed) and record.exchange.get("seconds") is None:
            closed = _as_json(row)
            del closed["exchange"]
            record.exchange.update(closed)
