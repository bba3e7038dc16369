"""Puts the lines of one bite into the tables.

A row whose end is in the same bite is written once, with its end.  Ends of earlier rows fill what
is NULL.  When a line is refused or its row is not there, the whole bite is gone through again,
line by line: so what comes out does not depend on where the journal was cut into bites.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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


class _OrphanError(Exception):
    """An end whose row is not there."""


_REFUSALS: Final = (_OrphanError, msgspec.DecodeError, sqlite3.IntegrityError, sqlite3.DataError)

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
        try:
            self._load_together()
            self._load_singly(self._bite.again)
        except _REFUSALS:
            # What was written by then is what comes out again: nothing counts a second time.
            self._load_singly(range(len(self._bite)))

    def _load_together(self) -> None:
        """Raises one of _REFUSALS for a line that is refused or whose row is not there."""
        for table in _TABLES:
            permits, ends = self._bite.places[table.permit], self._bite.places[table.end]
            for keys in _parts(list(permits)):
                pairs = [(permits[key], ends.get(key)) for key in keys]
                if self._insert(table, pairs) < len(keys):
                    # Some were there before: what they may lack is their end.
                    self._update_all(table, [ends[key] for key in keys if key in ends])
        for table in _TABLES:
            permits, ends = self._bite.places[table.permit], self._bite.places[table.end]
            self._update_all(table, [place for key, place in ends.items() if key not in permits])

    def _update_all(self, table: "_Table", ends: Sequence[int]) -> None:
        for places in _parts(ends):
            self._update(table, places)

    def _load_singly(self, places: Sequence[int]) -> None:
        """Permits first, each kind in the order of the journal."""
        for table in _TABLES:
            for place in places:
                if self._bite.kind(place) is table.permit:
                    with self._set_aside(place):
                        self._insert(table, [(place, None)])
        for table in _TABLES:
            for place in places:
                if self._bite.kind(place) is table.end:
                    with self._set_aside(place):
                        self._update(table, [place])

    @contextmanager
    def _set_aside(self, place: int) -> Iterator[None]:
        try:
            yield
        except _REFUSALS:
            self.bad.append(place)

    def _insert(self, table: "_Table", pairs: Sequence[tuple[int, int | None]]) -> int:
        """Write rows, with their ends where these are known; how many were not there."""
        twins = self._bite.twins
        values: list[Cell] = [self._run]
        for permit, end in pairs:
            table.fill(values, twins[permit], None if end is None else twins[end])
        return self._change(table.insert[len(pairs)], values)

    def _update(self, table: "_Table", ends: Sequence[int]) -> None:
        """Write ends of rows that are there; those that are not open stay as they are."""
        twins = self._bite.twins
        values: list[Cell] = []
        for end in ends:
            table.end.fill(values, twins[end])
        if self._change(table.update[len(ends)], values) < len(ends):
            for end in ends:
                key = table.key(twins[end])
                if self._connection.execute(table.find, key).fetchone() is None:
                    raise _OrphanError

    def _change(self, statement: str, values: Sequence[Cell]) -> int:
        before = self._connection.total_changes
        self._connection.execute(statement, values)
        return self._connection.total_changes - before


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
