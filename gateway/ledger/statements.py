"""The SQL that moves journal lines into tables, made from the row types so that both agree.

A statement takes all lines of one kind as one JSON array and is one step of SQLite, during which
Python's lock is free.  Row by row it would be taken and given back each time, and under load the
archive would wait up to 5 ms (the interpreter's switch interval) for every row.

Each statement does nothing the second time: rows that are there stay, and a settlement fills
only what is NULL.
"""

from typing import Final

import msgspec

from gateway.ledger.entry import CRASHED, AttemptRow, Closed, ExchangeRow, Settled

_FIRST_FIELD: Final = 1  # before it is the tag


def _fields(row: type[msgspec.Struct]) -> dict[str, str]:
    return {
        name: f"json_extract(value, '$[{place}]')"
        for place, name in enumerate(row.__struct_fields__, _FIRST_FIELD)
    }


def _insert(table: str, row: type[msgspec.Struct], key: str, condition: str) -> str:
    fields = _fields(row)
    return (
        f"INSERT INTO {table} (run, {', '.join(fields)}) "  # noqa: S608 - names are our own
        f"SELECT ?2, {', '.join(fields.values())} FROM json_each(?1) WHERE {condition} "
        f"ON CONFLICT ({key}) DO NOTHING"
    )


_EXCHANGE: Final = _fields(AttemptRow)["exchange"]
_NUMBER: Final = _fields(Settled)["number"]
_HAS_EXCHANGE: Final = f"EXISTS (SELECT 1 FROM exchanges WHERE id = {_EXCHANGE})"  # noqa: S608
_HAS_ATTEMPT: Final = (
    f"EXISTS (SELECT 1 FROM attempts WHERE exchange = {_EXCHANGE} AND number = {_NUMBER})"  # noqa: S608
)

# Parameters: a JSON array of lines, the run that wrote them.
INSERT_EXCHANGES: Final = _insert("exchanges", ExchangeRow, "id", "true")
INSERT_ATTEMPTS: Final = _insert("attempts", AttemptRow, "exchange, number", _HAS_EXCHANGE)


def _update(table: str, row: type[msgspec.Struct], own: str, key: str, condition: str) -> str:
    fields = _fields(row)
    values = {name: value for name, value in fields.items() if name not in ("exchange", "number")}
    settings = ", ".join(f"{name} = coalesce({table}.{name}, line.{name})" for name in values)
    columns = ", ".join(f"{value} AS {name}" for name, value in fields.items())
    return (
        f"WITH line AS MATERIALIZED (SELECT {columns} FROM json_each(?1)) "  # noqa: S608
        f"UPDATE {table} INDEXED BY {own} SET {settings} FROM line WHERE {key} AND {condition}"
    )


# Parameter: a JSON array of lines.  The index is named so that no statistics can lead the planner
# to scan all open rows once for each line.
SETTLE_ATTEMPTS: Final = _update(
    "attempts",
    Settled,
    "attempts_id",
    "attempts.exchange = line.exchange AND attempts.number = line.number",
    "attempts.verdict IS NULL",
)
CLOSE_EXCHANGES: Final = _update(
    "exchanges",
    Closed,
    "exchanges_id",
    "exchanges.id = line.exchange",
    f"exchanges.seconds IS NULL AND exchanges.outcome IS NOT '{CRASHED}'",
)

# Parameter: a JSON array of lines.  Gives the places in it of lines whose row is not there.
ORPHANED_ATTEMPTS: Final = f"SELECT key FROM json_each(?1) WHERE NOT {_HAS_EXCHANGE}"  # noqa: S608
ORPHANED_CLOSES: Final = ORPHANED_ATTEMPTS
ORPHANED_SETTLES: Final = f"SELECT key FROM json_each(?1) WHERE NOT {_HAS_ATTEMPT}"  # noqa: S608

# Parameter: the run that lives.  Whatever an earlier one left open has no end any more.
CRASH_ATTEMPTS: Final = (
    f"UPDATE attempts SET verdict = '{CRASHED}', detail = '', charge = 'unknown' "  # noqa: S608
    "WHERE verdict IS NULL AND run <> ?1"
)
CRASH_EXCHANGES: Final = (
    f"UPDATE exchanges SET outcome = '{CRASHED}' WHERE outcome IS NULL AND run <> ?1"  # noqa: S608
)
