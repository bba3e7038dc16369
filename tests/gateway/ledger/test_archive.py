import asyncio
import sqlite3

import pytest

from gateway.clock import Clock
from gateway.ledger.archive import Archive
from gateway.ledger.journal import Journal
from gateway.store.sqlite import Store
from tests.gateway.ledger.rows import attempt, closed, exchange, segments, settled

CANARY = "the patient's name is Canary"


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    store.prepare()
    return store


async def eventually(is_true):
    async with asyncio.timeout(20):
        while not is_true():
            await asyncio.sleep(0.01)


def count(store, table):
    with store.connection() as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


async def test_rows_reach_the_store_while_the_journal_is_written(store, tmp_path):
    folder = tmp_path / "journal"
    journal = Journal(folder, asyncio.get_running_loop(), segment_bytes=20_000)
    archive = Archive(folder, store)
    archive.start()

    for number in range(300):
        journal.permit(exchange(f"x{number}"), attempt(f"x{number}"))
        journal.settle(settled(f"x{number}"))
        journal.settle(closed(f"x{number}"))
        if number % 20 == 0:
            await asyncio.sleep(0.01)
    await eventually(lambda: count(store, "exchanges") == 300)
    journal.close()
    assert archive.stop()

    with store.connection() as connection:
        ends = connection.execute(
            "SELECT count(outcome), count(verdict) FROM exchanges JOIN attempts "
            "ON attempts.exchange = exchanges.id"
        ).fetchone()
    assert ends == (300, 300)
    assert len(segments(folder)) == 1
    assert archive.lag.rows == 0
    assert archive.failures == 0


async def test_no_text_of_a_prompt_is_at_rest_anywhere(store, tmp_path):
    folder = tmp_path / "journal"
    journal = Journal(folder, asyncio.get_running_loop())
    journal.permit(exchange(), attempt())
    journal.settle(settled(vendor_request_id=CANARY, answered_model=CANARY))
    journal.settle(closed())
    journal.close()
    before = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    archive = Archive(folder, store)
    archive.start()
    assert archive.stop()

    after = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"personal-cloud-act" in data for data in after)
    assert not any(b"Canary" in data or b"patient" in data for data in before + after)


async def test_an_archive_that_is_stuck_says_how_far_behind_and_catches_up(store, tmp_path):
    now = [50.0]
    folder = tmp_path / "journal"
    journal = Journal(folder, asyncio.get_running_loop())
    store.path.rename(tmp_path / "away")
    archive = Archive(folder, store, clock=Clock(lambda: now[0], lambda: 0.0))
    archive.start()
    await eventually(lambda: archive.failures > 0)
    now[0] += 30.0
    assert archive.lag.seconds == 30.0

    journal.permit(exchange(), attempt())
    (tmp_path / "away").rename(store.path)
    await eventually(lambda: count(store, "attempts") == 1)
    await eventually(lambda: archive.lag == (0, 0.0))
    journal.close()
    assert archive.stop()


async def test_lag_counts_the_rows_that_the_store_does_not_take(store, tmp_path):
    folder = tmp_path / "journal"
    journal = Journal(folder, asyncio.get_running_loop())
    with store.connection() as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON archive_progress "
            "BEGIN SELECT raise(ABORT, 'no'); END"
        )
        for number in range(50):
            journal.permit(exchange(f"x{number}"))
        archive = Archive(folder, store)
        archive.start()
        await eventually(lambda: archive.failures > 0)

        assert 25 <= archive.lag.rows <= 150
        connection.execute("DROP TRIGGER refuse")
    await eventually(lambda: archive.lag.rows == 0)
    journal.close()
    assert archive.stop()


async def test_an_archive_that_could_not_move_all_says_so_and_the_next_one_does(store, tmp_path):
    folder = tmp_path / "journal"
    journal = Journal(folder, asyncio.get_running_loop())
    journal.permit(exchange(), attempt())
    journal.close()
    with store.connection() as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON archive_progress "
            "BEGIN SELECT raise(ABORT, 'no'); END"
        )
        archive = Archive(folder, store)
        archive.start()
        assert not archive.stop()

        connection.execute("DROP TRIGGER refuse")
    archive = Archive(folder, store)
    archive.start()
    assert archive.stop()
    assert count(store, "attempts") == 1


def test_an_archive_that_was_never_started_stops(store, tmp_path):
    assert Archive(tmp_path / "journal", store).stop()


async def test_a_database_that_is_none_is_told_and_tried_again(store, tmp_path, caplog):
    good = store.path.read_bytes()
    for name in ("-wal", "-shm"):
        store.path.with_name(store.path.name + name).unlink(missing_ok=True)
    store.path.write_bytes(b"this is no database, but it is long enough to be read" * 100)
    folder = tmp_path / "journal"
    journal = Journal(folder, asyncio.get_running_loop())
    journal.permit(exchange())
    archive = Archive(folder, store)
    archive.start()
    await eventually(lambda: archive.failures > 0)
    assert "will try again" in caplog.text

    store.path.write_bytes(good)
    await eventually(lambda: count(store, "exchanges") == 1)
    journal.close()
    assert archive.stop()
    with pytest.raises(sqlite3.IntegrityError), store.connection() as connection:
        connection.execute("INSERT INTO attempts (exchange) VALUES ('x1')")
