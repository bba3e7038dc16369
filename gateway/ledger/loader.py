"""Puts the lines of one bite into the tables.

A row whose end is in the same bite is written once, with its end.  Ends of earlier rows fill what
is NULL.  When SQLite refuses a statement or finds fewer rows than were meant, its lines are looked
at one by one, so the outcome is that of moving them singly in their order, permits first.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final, NamedTuple, TypeVar

from gateway.ledger.bite import Bite, Found
from gateway.ledger.cells import ATTEMPT, CLOSED, EXCHANGE, SETTLED, Cell, Cells, Kind
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

_T = TypeVar("_T")

_REFUSALS: Final = (sqlite3.IntegrityError, sqlite3.DataError)

_OUTCOME: Final = EXCHANGE.names.index("outcome")
_STATUS: Final = EXCHANGE.names.index("status")


class _Table(NamedTuple):
    permit: Kind
    end: Kind
    insert: Sized
    update: Sized
    has_row: str


# Exchanges first: an attempt is taken only when its exchange is there.
_TABLES: Final = (
    _Table(EXCHANGE, CLOSED, INSERT_EXCHANGES, CLOSE_EXCHANGES, HAS_EXCHANGE),
    _Table(ATTEMPT, SETTLED, INSERT_ATTEMPTS, SETTLE_ATTEMPTS, HAS_ATTEMPT),
)

_Whole = tuple[Found, Found | None]  # a permit, and its end if that is known


class Loader:
    """Loads bites of one run over one connection, inside a transaction of the caller."""

    def __init__(self, connection: sqlite3.Connection, run: str) -> None:
        self._connection = connection
        self._run = run

    def load(self, bite: Bite) -> list[int]:
        """Write the rows of a bite that was read; gives the places of lines that have none.

        Raises sqlite3.Error when the transaction cannot go on.  Loading again does nothing.
        """
        bad: list[int] = []
        for table in _TABLES:
            permits, ends = bite.rows[table.permit], bite.rows[table.end]
            wholes = [(permit, ends.get(key)) for key, permit in permits.items()]
            for part in _parts(wholes):
                self._insert(table, part, bad)
        for table in _TABLES:
            permits, ends = bite.rows[table.permit], bite.rows[table.end]
            late = [end for key, end in ends.items() if key not in permits]
            for some in _parts(late):
                self._update(table, some, bad)
        for kind, found in bite.again:
            for table in _TABLES:
                if kind is table.permit:
                    self._insert(table, [(found, None)], bad)
                elif kind is table.end:
                    self._update(table, [found], bad)
        return bad

    def _insert(self, table: _Table, wholes: Sequence[_Whole], bad: list[int]) -> None:
        fill = _fill_exchange if table.permit is EXCHANGE else _fill_attempt
        values: list[Cell] = [self._run]
        for (_, cells), end in wholes:
            fill(values, cells, end[1] if end else None)
        before = self._connection.total_changes
        try:
            self._connection.execute(table.insert[len(wholes)], values)
        except _REFUSALS:
            # SQLite has taken back the whole statement: find the row that it does not take.
            if len(wholes) > 1:
                for whole in wholes:
                    self._insert(table, [whole], bad)
                return
            ((permit, end),) = wholes
            if end is None:
                bad.append(permit[0])
                return
            self._insert(table, [(permit, None)], bad)
            self._update(table, [end], bad)
            return
        if self._connection.total_changes - before < len(wholes):
            # Some were there before: what they may lack is their end.
            for part in _parts([end for _, end in wholes if end]):
                self._update(table, part, bad)

    def _update(self, table: _Table, ends: Sequence[Found], bad: list[int]) -> None:
        values = list(chain.from_iterable([cells for _, cells in ends]))
        before = self._connection.total_changes
        try:
            self._connection.execute(table.update[len(ends)], values)
        except _REFUSALS:
            if len(ends) > 1:
                for end in ends:
                    self._update(table, [end], bad)
            else:
                bad.append(ends[0][0])
            return
        if self._connection.total_changes - before < len(ends):
            bad += [place for place, cells in ends if not self._has_row(table, cells)]

    def _has_row(self, table: _Table, cells: Cells) -> bool:
        key = cells[: table.end.key_cells]
        return self._connection.execute(table.has_row, key).fetchone() is not None


_NO_CLOSED: Final = [None] * (len(EXCHANGE_COLUMNS) - len(EXCHANGE.names))
_NO_SETTLED: Final = [None] * (len(ATTEMPT_COLUMNS) - len(ATTEMPT.names))


def _fill_exchange(values: list[Cell], cells: Cells, end: Cells | None) -> None:
    values += cells
    if end is None or cells[_OUTCOME] == CRASHED:
        values += _NO_CLOSED
        return
    # A row that said its outcome or status itself keeps it.
    _, outcome, status, *rest = end
    if cells[_OUTCOME] is None:
        values[_OUTCOME - len(cells)] = outcome
    if cells[_STATUS] is None:
        values[_STATUS - len(cells)] = status
    values += rest


def _fill_attempt(values: list[Cell], cells: Cells, end: Cells | None) -> None:
    values += cells
    values += end[2:] if end else _NO_SETTLED


def _parts(rows: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Cut into the sizes that there are statements for."""
    start = 0
    for size in SIZES:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size
