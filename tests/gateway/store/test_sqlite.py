import os
import re
import sqlite3
import stat
import threading

import pytest

from gateway.store.sqlite import (
    FILE_NAME,
    Store,
    StoreError,
    migrate,
    migrations,
    schema_version,
    transaction,
)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "data")
    store.prepare()
    return store


def test_commits_are_synced_and_readers_do_not_wait(store):
    with store.connection() as connection:
        settings = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }

    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "busy_timeout": 5_000,
    }


def test_only_the_owner_can_read_the_store(store):
    with store.connection() as connection:
        connection.execute("UPDATE keys_version SET version = 9")
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode) for path in store.path.parent.iterdir()
        }

    assert set(modes.values()) == {0o600}
    assert f"{FILE_NAME}-wal" in modes
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700


def test_every_table_is_strict(store):
    with store.connection() as connection:
        tables = connection.execute("SELECT name, strict FROM pragma_table_list").fetchall()

    loose = {name for name, strict in tables if not strict and not name.startswith("sqlite_")}
    assert loose == set()


@pytest.mark.parametrize("version", range(len(migrations()) + 1))
def test_a_store_of_any_earlier_version_comes_up_to_date_with_its_rows(tmp_path, version):
    store = Store(tmp_path)
    store.path.touch()
    with store.connection() as connection:
        migrate(connection, upto=version)
        assert schema_version(connection) == version
        if version >= 1:
            connection.execute(
                "INSERT INTO keys (id, digest, tenant, app, floor, created_at) "
                "VALUES ('key_1', zeroblob(32), 'bank', 'review', 'internal', 1.5)"
            )

    store.prepare()
    store.prepare()

    with store.connection() as connection:
        assert schema_version(connection) == len(migrations())
        keys = connection.execute("SELECT id, floor FROM keys").fetchall()
        applied = connection.execute("SELECT version FROM schema_version").fetchall()
    assert keys == ([("key_1", "internal")] if version >= 1 else [])
    assert applied == [(step.version,) for step in migrations()]


def test_migrations_are_numbered_without_gaps_and_take_nothing_away():
    assert [step.version for step in migrations()] == list(range(1, len(migrations()) + 1))
    for step in migrations():
        words = re.sub(r"--.*", "", step.sql).upper()
        assert not re.search(r"\bDROP (TABLE|COLUMN)\b|\bDELETE FROM\b|\bRENAME\b", words), (
            step.name
        )


def test_a_step_that_fails_leaves_the_version_before_it(tmp_path):
    store = Store(tmp_path)
    store.path.touch()
    with store.connection() as connection:
        migrate(connection, upto=1)
        connection.execute("CREATE TABLE attempts (it TEXT) STRICT")  # in the way of step 2

        with pytest.raises(sqlite3.OperationalError, match="attempts"):
            migrate(connection)

        assert schema_version(connection) == 1
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'exchanges'")
        assert tables.fetchall() == []


def test_two_processes_may_bring_it_up_to_date_at_once(tmp_path):
    stores = [Store(tmp_path) for _ in range(4)]
    failures = []

    def prepare(store):
        try:
            store.prepare()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=prepare, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def test_a_store_of_a_newer_release_is_refused(store):
    with store.connection() as connection:
        connection.execute("INSERT INTO schema_version (version, name) VALUES (99, 'later')")

    with pytest.raises(
        StoreError, match=r"schema version 99, this release knows \d+: use the newer"
    ):
        store.prepare()


def test_a_file_that_is_no_database_is_told_by_name(tmp_path):
    store = Store(tmp_path)
    store.path.write_bytes(b"no database at all, though long enough to have a header" * 9)

    with pytest.raises(StoreError, match=rf"{FILE_NAME} cannot be read as a database"):
        store.prepare()


def test_a_folder_that_cannot_be_made_is_told_with_the_remedy(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(StoreError, match=r"choose a folder .* --data-dir"):
        Store(tmp_path / "file" / "data").prepare()


def test_reading_makes_no_store_where_none_is(tmp_path):
    store = Store(tmp_path / "typo")

    with pytest.raises(StoreError, match="does not exist"):
        store.prepare(must_exist=True)

    assert os.listdir(tmp_path) == []


def test_a_transaction_that_fails_leaves_nothing_and_no_lock(store):
    with store.connection() as connection, store.connection() as other:
        with pytest.raises(KeyError), transaction(connection):
            connection.execute("UPDATE keys_version SET version = 5")
            raise KeyError

        with transaction(other):
            other.execute("UPDATE keys_version SET version = version + 1")
        assert other.execute("SELECT version FROM keys_version").fetchone() == (1,)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param("'k', zeroblob(31), 't', 'a', 'internal', '[]', NULL, 1.0", id="short digest"),
        pytest.param("'k', zeroblob(32), 't', 'a', NULL, '[]', NULL, 1.0", id="no floor"),
        pytest.param("'k', zeroblob(32), 't', 'a', '', '[]', NULL, 1.0", id="empty floor"),
        pytest.param("'k', zeroblob(32), 't', 'a', 'internal', '[', NULL, 1.0", id="no JSON"),
        pytest.param("'k', zeroblob(32), 't', 'a', 'internal', '[]', 0, 1.0", id="no request"),
    ],
)
def test_the_table_itself_refuses_a_key_without_bounds(store, values):
    with store.connection() as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(
            "INSERT INTO keys (id, digest, tenant, app, floor, tags, max_in_flight, created_at) "
            f"VALUES ({values})"
        )
