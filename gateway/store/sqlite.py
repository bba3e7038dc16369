"""The one SQLite file of a data folder: connections and migrations.

WAL, so that readers never wait for the writer; synchronous=FULL, so that a commit is on the disk
before a journal segment is dropped.  Migrations are plain SQL files, applied in order, each in
one transaction; none of them takes anything away.
Source: sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous, read 2026-11-24.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

from tenacity import retry, retry_if_exception_message, stop_after_attempt, wait_fixed

from gateway.errors import SwitchgearError

FILE_NAME: Final = "switchgear.sqlite"
BUSY_MS: Final = 5_000
SQLITE_LEAST: Final = (3, 37, 0)  # STRICT tables

_VERSION_TABLE = """
CREATE TABLE IF NOT EXISTS schema_version (
    version    INTEGER NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    applied_at TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT"""


class StoreError(SwitchgearError):
    """The data folder cannot be used as it is; the text names the file and the remedy."""


class Migration(NamedTuple):
    """One step of the schema; `version` counts from 1."""

    version: int
    name: str
    sql: str


class Store:
    """Where the database is.  Connections are made by whoever needs one, in its own thread."""

    def __init__(self, data_dir: Path) -> None:
        """Touches nothing yet; see `prepare`."""
        self.path = data_dir / FILE_NAME

    def prepare(self, *, must_exist: bool = False) -> None:
        """Make the folder and the file (readable by its owner alone) and bring them up to date.

        With `must_exist` nothing is made, for commands that only read.  Raises StoreError when
        that is not possible, or the file was written by a newer release.
        """
        if not must_exist:
            self._make_file()
        with self.connection() as connection:
            migrate(connection)

    def connect(self) -> sqlite3.Connection:
        """Open a connection; statements commit by themselves unless BEGIN was said.

        The caller closes it.  Raises StoreError when the file is missing or is no database.
        """
        if sqlite3.sqlite_version_info < SQLITE_LEAST:
            raise StoreError(
                f"this Python has SQLite {sqlite3.sqlite_version}; "
                f"{'.'.join(map(str, SQLITE_LEAST))} or newer is needed"
            )
        if not self.path.exists():
            raise StoreError(
                f"{self.path} does not exist: name the gateway's data folder with --data-dir "
                "or SWITCHGEAR_DATA_DIR"
            )
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
            _use_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except sqlite3.DatabaseError as error:
            connection.close()
            raise StoreError(f"{self.path} cannot be read as a database: {error}") from error
        return connection

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """`connect`, closed at the end."""
        connection = self.connect()
        try:
            yield connection
        finally:
            connection.close()

    def _make_file(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be opened ({error.strerror}): "
                "choose a folder that you may write with --data-dir or SWITCHGEAR_DATA_DIR"
            ) from error


# SQLite does not wait by `busy_timeout` while two processes change the mode of a new file at once.
@retry(
    stop=stop_after_attempt(40), wait=wait_fixed(0.05), reraise=True,
    retry=retry_if_exception_message(match="database is locked"),
)  # fmt: skip
def _use_wal(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; takes the write lock at once, so that no later statement can fail on it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite itself has rolled back after some errors (disk full, I/O).
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def migrations() -> list[Migration]:
    """The steps that this release knows, in order: `migrations/<version>_<name>.sql`."""
    steps = []
    for file in (resources.files("gateway.store") / "migrations").iterdir():
        version, _, name = file.name.removesuffix(".sql").partition("_")
        if file.name.endswith(".sql"):
            steps.append(Migration(int(version), name, file.read_text(encoding="utf-8")))
    return sorted(steps)


def schema_version(connection: sqlite3.Connection) -> int:
    """The version of the last step applied; 0 for an empty file."""
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'")
    if known.fetchone() is None:
        return 0
    (version,) = connection.execute("SELECT max(version) FROM schema_version").fetchone()
    return int(version or 0)


def migrate(connection: sqlite3.Connection, upto: int | None = None) -> None:
    """Apply the steps that are missing, up to version `upto` (None: all).

    Two processes may do this at once: the second finds nothing left to do.
    Raises StoreError when the file has steps that this release does not know.
    """
    steps = migrations()
    refuse_newer(connection, steps[-1].version)
    for step in steps:
        if upto is not None and step.version > upto:
            break
        if step.version <= schema_version(connection):
            continue
        with transaction(connection):
            if step.version > schema_version(connection):
                _apply(connection, step)


def refuse_newer(connection: sqlite3.Connection, known: int) -> None:
    """Raises StoreError when the file is newer than `known`: we would misread it."""
    found = schema_version(connection)
    if found > known:
        raise StoreError(
            f"the database has schema version {found}, this release knows {known}: "
            "use the newer release that wrote it, or a copy from before the upgrade"
        )


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    # Not executescript: that commits first, and the step must be one transaction.
    connection.execute(_VERSION_TABLE)
    statement = ""
    for line in step.sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
    connection.execute(
        "INSERT INTO schema_version (version, name) VALUES (?, ?)", (step.version, step.name)
    )
