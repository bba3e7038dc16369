import asyncio
import subprocess
import sys

from gateway.ledger.archive import Archive
from gateway.ledger.journal import Journal
from gateway.ledger.transfer import QUARANTINE_NAME
from gateway.store.sqlite import Store
from tests.gateway.ledger.rows import segments

ROUNDS = 50


async def test_kill_9_at_50_points_loses_no_permit_and_settles_each_once(tmp_path):
    command = [sys.executable, "-m", "tests.gateway.ledger.crashing_gateway"]
    await asyncio.to_thread(
        subprocess.run, [*command, str(tmp_path), str(ROUNDS), "7"], check=True, timeout=60
    )
    promises = [line.split() for line in (tmp_path / "promises").read_text().splitlines()]
    permitted = {key for kind, key in promises if kind == "permit"}
    ended = {key for kind, key in promises if kind == "settled"}
    assert len({key.partition(".")[0] for key in permitted}) > ROUNDS // 2
    assert ended

    store = Store(tmp_path)
    store.prepare()
    folder = tmp_path / "journal"
    journal = Journal(folder, asyncio.get_running_loop())
    archive = Archive(folder, store)
    archive.start()
    journal.close()
    assert archive.stop()

    with store.connection() as connection:
        exchanges = connection.execute("SELECT id, outcome, seconds FROM exchanges").fetchall()
        attempts = connection.execute("SELECT exchange, verdict, charge FROM attempts").fetchall()
    found = {key for key, _, _ in exchanges}
    assert permitted - found == set()
    assert len(found - permitted) <= ROUNDS  # written, and killed before it was told
    assert len(exchanges) == len(found) == len(attempts) == len({row[0] for row in attempts})
    assert {(outcome, seconds) for _, outcome, seconds in exchanges} == {
        ("ok", 0.6),
        ("crashed", None),
    }
    assert {row[1:] for row in attempts} == {("ok", "full"), ("crashed", "unknown")}
    crashed = {key for key, outcome, _ in exchanges if outcome == "crashed"}
    crashed |= {key for key, verdict, _ in attempts if verdict == "crashed"}
    assert crashed & ended == set()
    assert len(segments(folder)) == 1
    assert not (folder / QUARANTINE_NAME).exists()
