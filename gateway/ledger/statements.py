"""The SQL that moves rows into tables, made from the row types so that both agree.

A statement takes many rows as bound values and is one step of SQLite, during which Python's lock
is free.  Row by row it would be taken and given back each time, and under load the archive would
wait up to 5 ms (the interpreter's switch interval) for every row.  (Taking the lines apart in
SQLite, by `json_extract`, costs three times as much as reading them here and binding.)

Each statement does nothing the second time: rows that are there stay, and a settlement fills
only what is NULL.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from gateway.ledger.entry import CRASHED, AttemptRow, Closed, ExchangeRow, Settled

# Rows of one statement: few sizes, so that each is compiled once; 64 rows are bound in 0.2 ms.
SIZES: Final = (64, 16, 4, 1)

Sized = dict[int, str]  # by the number of rows

EXCHANGE_KEY: Final = ("id",)
ATTEMPT_KEY: Final = ("exchange", "number")


def _sized(make: Callable[[int], str]) -> Sized:
    return {size: make(size) for size in SIZES}


def _names(row: type[msgspec.Struct], without: tuple[str, ...] = ()) -> tuple[str, ...]:
    return tuple(name for name in row.__struct_fields__ if name not in without)


def _values(size: int, width: int, *before: str) -> str:
    """`size` rows of `width` parameters, each row after the terms `before`."""
    row = f"({', '.join((*before, *('?' * width)))})"
    return ", ".join([row] * size)


def _insert(table: str, columns: tuple[str, ...], key: tuple[str, ...]) -> Sized:
    return _sized(
        lambda size: (
            f"INSERT INTO {table} (run, {', '.join(columns)}) "  # noqa: S608 - names are our own
            f"VALUES {_values(size, len(columns), '?1')} "
            f"ON CONFLICT ({', '.join(key)}) DO NOTHING"
        )
    )


def _update(table: str, own: str, match: str, columns: tuple[str, ...], settings: str) -> Sized:
    return _sized(
        lambda size: (
            f"WITH line ({', '.join(columns)}) AS (VALUES {_values(size, len(columns))}) "  # noqa: S608
            f"UPDATE {table} INDEXED BY {own} SET {settings} FROM line WHERE {match}"
        )
    )


EXCHANGE_COLUMNS: Final = (
    *_names(ExchangeRow),
    *_names(Closed, without=("exchange", *ExchangeRow.__struct_fields__)),
)
ATTEMPT_COLUMNS: Final = (*_names(AttemptRow), *_names(Settled, without=ATTEMPT_KEY))

# Parameters: the run, then the columns of each row; those of an end that is not known are NULL.
# The foreign key refuses an attempt whose exchange is not there.
INSERT_EXCHANGES: Final = _insert("exchanges", EXCHANGE_COLUMNS, EXCHANGE_KEY)
INSERT_ATTEMPTS: Final = _insert("attempts", ATTEMPT_COLUMNS, ATTEMPT_KEY)

# Parameters: the fields of each line.  The index is named so that no statistics can lead the
# planner to scan all open rows once for each line.
SETTLE_ATTEMPTS: Final = _update(
    "attempts",
    "attempts_id",
    "attempts.exchange = line.exchange AND attempts.number = line.number "
    "AND attempts.verdict IS NULL",
    _names(Settled),
    ", ".join(f"{name} = line.{name}" for name in _names(Settled, without=ATTEMPT_KEY)),
)
# A row may have said its outcome and status itself.
CLOSE_EXCHANGES: Final = _update(
    "exchanges",
    "exchanges_id",
    "exchanges.id = line.exchange AND exchanges.seconds IS NULL "
    f"AND exchanges.outcome IS NOT '{CRASHED}'",
    _names(Closed),
    ", ".join(
        f"{name} = coalesce(exchanges.{name}, line.{name})"
        for name in _names(Closed, without=("exchange",))
    ),
)

# Parameters: the key of a row.
HAS_EXCHANGE: Final = "SELECT 1 FROM exchanges WHERE id = ?"
HAS_ATTEMPT: Final = "SELECT 1 FROM attempts WHERE exchange = ? AND number = ?"

# Parameter: the run that lives.  Whatever an earlier one left open has no end any more.
CRASH_ATTEMPTS: Final = (
    f"UPDATE attempts SET verdict = '{CRASHED}', detail = '', charge = 'unknown' "  # noqa: S608
    "WHERE verdict IS NULL AND run <> ?1"
)
CRASH_EXCHANGES: Final = (
    f"UPDATE exchanges SET outcome = '{CRASHED}' WHERE outcome IS NULL AND run <> ?1"  # noqa: S608
)
