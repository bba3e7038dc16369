"""Puts the lines of one bite into the tables.

A row whose end is in the same bite is written once, with its end.  Ends of earlier rows fill what
is NULL.  When SQLite refuses a statement, or changes fewer rows than were meant, its lines are
looked at one by one: what comes out is the same as of moving line by line, permits first.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

import msgspec

from gateway.ledger.bite import Bite
from gateway.ledger.cells import ATTEMPT, CLOSED, EXCHANGE, SETTLED, Cell, Kind, Twin
from gateway.ledger.entry import CRASHED
from gateway.ledger.statements import (
    ATTEMPT_COLUMNS,
    CLOSE_EXCHANGES,
    EXCHANGE_COLUMNS,
    HAS_ATTEMPT,
    HAS_EXCHANGE,
    INSERT_ATTEMPTS,
    INSERT_EXCHANGES,
    SETTLE_ATTEMPTS,
    SIZES,
    Sized,
)

_REFUSALS: Final = (msgspec.DecodeError, sqlite3.IntegrityError, sqlite3.DataError)

_OUTCOME: Final = EXCHANGE.names.index("outcome")
_STATUS: Final = EXCHANGE.names.index("status")
_NO_CLOSED: Final = [None] * (len(EXCHANGE_COLUMNS) - len(EXCHANGE.names))
_NO_SETTLED: Final = [None] * (len(ATTEMPT_COLUMNS) - len(ATTEMPT.names))


class Loader:
    """Loads one bite of one run over one connection, inside a transaction of the caller."""

    def __init__(self, connection: sqlite3.Connection, run: str, bite: Bite) -> None:
        """`bite` has been read."""
        self.bad: list[int] = []  # places of lines that are refused or whose row is not there
        self._connection = connection
        self._run = run
        self._bite = bite

    def load(self) -> None:
        """Write the rows; a second time would change nothing.

        Raises sqlite3.Error when the transaction cannot go on.
        """
        bite = self._bite
        for table in _TABLES:
            permits, ends = bite.places[table.permit], bite.places[table.end]
            for keys in _parts(list(permits)):
                self._insert(table, [permits[key] for key in keys], [ends.get(key) for key in keys])
        for table in _TABLES:
            permits, ends = bite.places[table.permit], bite.places[table.end]
            self._update_all(table, [place for key, place in ends.items() if key not in permits])
        for place in bite.again:
            kind = bite.kind(place)
            for table in _TABLES:
                if kind is table.permit:
                    self._insert_alone(table, place, None)
                elif kind is table.end:
                    self._update(table, [place])

    def _insert(self, table: "_Table", permits: Sequence[int], ends: Sequence[int | None]) -> None:
        """Write rows, with their ends where these are known."""
        twins = self._bite.twins
        pairs = [
            (twins[permit], None if end is None else twins[end])
            for permit, end in zip(permits, ends, strict=True)
        ]
        changed = self._change(table.insert, table.fill, pairs, self._run)
        if changed is None:
            for permit, end in zip(permits, ends, strict=True):
                self._insert_alone(table, permit, end)
        elif changed < len(permits):
            # Some were there before: what they may lack is their end.
            self._update_all(table, [end for end in ends if end is not None])

    def _insert_alone(self, table: "_Table", permit: int, end: int | None) -> None:
        row = self._bite.twins[permit], None
        if self._change(table.insert, table.fill, [row], self._run) is None:
            self.bad.append(permit)
        if end is not None:
            self._update(table, [end])

    def _update_all(self, table: "_Table", ends: Sequence[int]) -> None:
        for places in _parts(ends):
            self._update(table, places)

    def _update(self, table: "_Table", ends: Sequence[int]) -> None:
        """Write ends whose rows may be there."""
        twins = self._bite.twins
        changed = self._change(table.update, table.end.fill, [(twins[end],) for end in ends])
        if changed is None and len(ends) == 1:
            self.bad += ends
        elif changed is None:
            for end in ends:
                self._update(table, [end])
        elif changed < len(ends):
            self.bad += [end for end in ends if not self._has_row(table, twins[end])]

    def _change(
        self,
        statement: Sized,
        fill: Callable[..., None],
        rows: Sequence[tuple[Twin, ...]],
        *shared: Cell,
    ) -> int | None:
        """How many rows changed; None when one was refused, and then none was changed."""
        values: list[Cell] = list(shared)
        before = self._connection.total_changes
        try:
            for row in rows:
                fill(values, *row)
            self._connection.execute(statement[len(rows)], values)
        except _REFUSALS:
            return None
        return self._connection.total_changes - before

    def _has_row(self, table: "_Table", end: Twin) -> bool:
        return self._connection.execute(table.find, table.key(end)).fetchone() is not None


def _fill_exchange(values: list[Cell], exchange: Twin, closed: Twin) -> None:
    start = len(values)
    EXCHANGE.fill(values, exchange)
    if closed is None or exchange.outcome == CRASHED:
        values += _NO_CLOSED
        return
    # What the row itself says of its outcome and status stays.
    if exchange.outcome is None:
        values[start + _OUTCOME] = closed.outcome
    if exchange.status is None:
        values[start + _STATUS] = closed.status
    CLOSED.fill(values, closed, skip=3)


def _fill_attempt(values: list[Cell], attempt: Twin, settled: Twin) -> None:
    ATTEMPT.fill(values, attempt)
    if settled is None:
        values += _NO_SETTLED
    else:
        SETTLED.fill(values, settled, skip=2)


class _Table(NamedTuple):
    permit: Kind
    end: Kind
    insert: Sized
    fill: Callable[[list[Cell], Twin, Twin], None]
    update: Sized
    find: str
    key: Callable[[Twin], tuple[Cell, ...]]  # of an end, for `find`


# Exchanges first: an attempt is taken only when its exchange is there.
_TABLES: Final = (
    _Table(
        permit=EXCHANGE,
        end=CLOSED,
        insert=INSERT_EXCHANGES,
        fill=_fill_exchange,
        update=CLOSE_EXCHANGES,
        find=HAS_EXCHANGE,
        key=lambda closed: (closed.exchange,),
    ),
    _Table(
        permit=ATTEMPT,
        end=SETTLED,
        insert=INSERT_ATTEMPTS,
        fill=_fill_attempt,
        update=SETTLE_ATTEMPTS,
        find=HAS_ATTEMPT,
        key=lambda settled: (settled.exchange, settled.number),
    ),
)

_T = TypeVar("_T")


def _parts(rows: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Cut into the sizes that there are statements for."""
    start = 0
    for size in SIZES:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size
