"""`switchgear ledger tail` and `switchgear ledger show`: what went where, and why."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.ledger.reader import Fields, Ledger, Record
from gateway.store.sqlite import Store

FOLLOW_S: Final = 0.5
REMEMBERED_MOST: Final = 10_000
JOURNAL_FOLDER: Final = "journal"  # in the data folder

COLUMNS: Final = (
    "time (UTC)", "exchange", "tenant/app", "class", "route", "served by", "tries", "outcome",
    "seconds", "tokens", "cost",
)  # fmt: skip
LESS_NEEDED: Final = ("tenant/app", "cost", "tokens", "seconds", "route", "class", "tries")

app = typer.Typer(no_args_is_help=True, help="Read what went where, and why.")

DataDir = Annotated[
    Path,
    typer.Option("--data-dir", envvar="SWITCHGEAR_DATA_DIR", help="The gateway's data folder."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one exchange a line.")]


@app.command(help="Print the newest exchanges, oldest first.")
def tail(
    data_dir: DataDir = Path("data"),
    count: Annotated[int, typer.Option("--count", "-n", min=0, max=10_000)] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the newest exchanges; with `--follow`, then each one when it ends."""
    with _ledger(data_dir) as ledger:
        newest = ledger.tail(count)
        _print_all(newest, as_json=as_json)
        if follow:
            for record in _ends(ledger, newest):
                _print_line(record, as_json=as_json)


@app.command(help="Print one exchange: its labels, the decision, each attempt.")
def show(
    exchange_id: Annotated[str, typer.Argument(help="As in x-switchgear-request-id.")],
    data_dir: DataDir = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Print everything that the ledger knows of one exchange.  Raises UnknownExchangeError."""
    with _ledger(data_dir) as ledger:
        record = ledger.show(exchange_id)
    if as_json:
        print(json.dumps(record.as_json(), indent=2))
    else:
        _print_record(record)


@contextmanager
def _ledger(data_dir: Path) -> Iterator[Ledger]:
    store = Store(data_dir)
    store.prepare(must_exist=True)
    with store.connection() as connection:
        yield Ledger(data_dir / JOURNAL_FOLDER, connection)


def _ends(ledger: Ledger, newest: list[Record]) -> Iterator[Record]:
    """Each exchange that ends from now on, once."""
    last = max((record.seq or 0 for record in newest), default=0)
    if not newest:
        last = ledger.last_seq()
    told = {record.exchange["id"]: None for record in newest if not record.is_open}
    open_ids = {record.exchange["id"]: None for record in newest if record.is_open}
    while True:
        time.sleep(FOLLOW_S)
        for record in ledger.after(last, open_ids):
            last = max(last, record.seq or 0)
            key = record.exchange["id"]
            if record.is_open:
                open_ids[key] = None
            elif key not in told:
                yield record
                told[key] = None
                open_ids.pop(key, None)
        for remembered in (told, open_ids):
            while len(remembered) > REMEMBERED_MOST:
                del remembered[next(iter(remembered))]


def _print_all(records: list[Record], *, as_json: bool) -> None:
    if as_json:
        for record in records:
            _print_line(record, as_json=True)
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    rows = [_cells(record) for record in records]
    shown = _fitting(rows, console.width)
    table = Table(box=None)
    for column in shown:
        table.add_column(COLUMNS[column], no_wrap=True)
    for row in rows:
        table.add_row(*[row[column] for column in shown])
    console.print(table)


def _fitting(rows: list[list[str]], width: int) -> list[int]:
    """Columns that fit in a line: an id cut short would be of no use to `ledger show`."""
    shown = list(range(len(COLUMNS)))
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    for name in LESS_NEEDED:
        if sum(widths[column] + 2 for column in shown) <= width:
            break
        shown.remove(COLUMNS.index(name))
    return shown


def _print_line(record: Record, *, as_json: bool) -> None:
    line = json.dumps(record.as_json()) if as_json else "  ".join(_cells(record))
    print(line, flush=True)


def _print_record(record: Record) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    facts = Table(box=None, show_header=False, title=record.exchange["id"], title_justify="left")
    for name, value in record.exchange.items():
        if name != "id" and value not in (None, [], {}):
            facts.add_row(name.replace("_", " "), _text(name, value))
    console.print(facts)
    for number in sorted(record.attempts):
        attempt = record.attempts[number]
        table = Table(box=None, show_header=False, title=f"attempt {number}", title_justify="left")
        for name, value in attempt.items():
            if name not in ("exchange", "number") and value not in (None, ""):
                table.add_row(name.replace("_", " "), _text(name, value))
        console.print(table)


def _cells(record: Record) -> list[str]:
    exchange = record.exchange
    attempts = [record.attempts[number] for number in sorted(record.attempts)]
    final: Fields = attempts[-1] if attempts else {}
    seconds = exchange["seconds"]
    return [
        _time(exchange["at"]),
        exchange["id"],
        f"{exchange['tenant']}/{exchange['app']}",
        exchange["klass"],
        exchange["route"] or "-",
        final.get("deployment", "-"),
        str(len(attempts)),
        exchange["outcome"] or "open",
        "-" if seconds is None else f"{seconds:.2f}",
        _tokens(final),
        _cost(attempts),
    ]


def _tokens(attempt: Fields) -> str:
    asked, answered = attempt.get("prompt_tokens"), attempt.get("completion_tokens")
    return f"{'?' if asked is None else asked}+{'?' if answered is None else answered}"


def _cost(attempts: list[Fields]) -> str:
    """The sum over attempts; `?` stands for those of which nobody knows."""
    known = [attempt for attempt in attempts if attempt["cost_micro"] is not None]
    sums: dict[str, int] = {}
    for attempt in known:
        currency = attempt["currency"] or "?"
        sums[currency] = sums.get(currency, 0) + attempt["cost_micro"]
    parts = [f"{micro / 1e6:.6f} {currency}" for currency, micro in sums.items()]
    may_cost = any(
        attempt["cost_micro"] is None and attempt["charge"] != "none" for attempt in attempts
    )
    return " + ".join(parts + ["?"] * may_cost) or "-"


def _text(name: str, value: object) -> str:
    if name == "at" and isinstance(value, float):
        return _time(value)
    return value if isinstance(value, str) else json.dumps(value)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
