"""Writes a ledger in one child process after another, and kills each with SIGKILL.

    python -m tests.gateway.ledger.crashing_gateway DATA_DIR ROUNDS SEED

Each child is a whole gateway as far as the ledger goes: journal, archive thread, tiny segments.
Before it goes on it tells what it was promised, one line each in DATA_DIR/promises: `permit ID`
once `permit` returned, `settled ID` once the settle line is with the operating system.
"""

import asyncio
import os
import random
import signal
import sys
import time
from pathlib import Path

from gateway.ledger.archive import Archive
from gateway.ledger.journal import Journal
from gateway.store.sqlite import Store
from tests.gateway.ledger.rows import attempt, closed, exchange, settled

LONGEST_LIFE_S = 0.04
EARLY_DEATHS = 0.2  # share that is killed while it starts and recovers


async def serve(data_dir: Path, name: str, chance: random.Random, ready: int) -> None:
    promises = os.open(data_dir / "promises", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    store = Store(data_dir)
    store.prepare()
    folder = data_dir / "journal"
    journal = Journal(folder, asyncio.get_running_loop(), segment_bytes=20_000)
    Archive(folder, store).start()
    number = 0
    while True:
        ids = [f"{name}.{number + place}" for place in range(chance.randint(1, 30))]
        number += len(ids)
        for exchange_id in ids:
            journal.permit(exchange(exchange_id), attempt(exchange_id))
            os.write(promises, f"permit {exchange_id}\n".encode())
        for exchange_id in ids:
            journal.settle(settled(exchange_id))
            journal.settle(closed(exchange_id))
        if chance.random() < 0.5:
            journal.flush()
            while journal.figures.waiting:
                await asyncio.sleep(0)
            os.write(promises, "".join(f"settled {key}\n" for key in ids).encode())
        if number == len(ids):
            os.close(ready)
        await asyncio.sleep(0)


def main(data_dir: Path, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    for round_number in range(rounds):
        is_serving, ready = os.pipe()
        child = os.fork()
        if not child:
            name, own_chance = f"{round_number}", random.Random(chance.random())
            asyncio.run(serve(data_dir, name, own_chance, ready))
            os._exit(1)
        os.close(ready)
        if chance.random() >= EARLY_DEATHS:
            os.read(is_serving, 1)  # ends when the child has closed its side
        os.close(is_serving)
        time.sleep(chance.uniform(0.0, LONGEST_LIFE_S))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit(f"round {round_number}: the child ended by itself with status {status}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
