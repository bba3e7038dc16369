"""The end of the process with streams open: the data port drains, the admin port answers.

Runs last, as the gateway is gone after it.
"""

import asyncio
import signal
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from loadtests.http import ask
from loadtests.parties import Target
from loadtests.streams import open_streams
from loadtests.workload import EVENTS, MODELS, body

EXIT_S: Final = 40.0
POLL_S: Final = 0.1


async def observe(target: Target, streams: int) -> list[str]:
    """SIGTERM with so many streams under way; what was seen, a sentence each."""
    readers = await open_streams(target, body("bench-drain", is_stream=True), streams)
    await asyncio.sleep(0.5)
    began = time.monotonic()
    target.process.send(signal.SIGTERM)
    answers = await _watch(target, began)
    await asyncio.wait_for(asyncio.gather(*(reader.ended for reader in readers)), EXIT_S)
    last_s = time.monotonic() - began
    status = await asyncio.to_thread(target.process.wait, EXIT_S)
    gone_s = time.monotonic() - began
    whole = sum(reader.stream.is_ended and reader.stream.has_last_word for reader in readers)
    assert target.folder is not None, "the gateway has one"
    return [
        f"SIGTERM with {streams} streams under way, "
        f"{EVENTS * MODELS['bench-drain'].gap_s:.0f} s each",
        *answers,
        f"{whole} of {streams} streams ended whole; the last {last_s:.1f} s after the signal",
        f"the process ended with status {status}, {gone_s:.1f} s after the signal",
        *_open_rows(target.folder.data),
    ]


async def _watch(target: Target, began: float) -> list[str]:
    """Ask both ports again and again until the admin port is gone or nearly."""
    seen: dict[str, dict[str, int]] = {path: {} for path in ("/livez", "/readyz", "/metrics")}
    worst_s = 0.0
    refused_after_s: float | None = None
    while time.monotonic() - began < EVENTS * MODELS["bench-drain"].gap_s - 1.5:
        for path, found in seen.items():
            asked = time.monotonic()
            told = await asyncio.to_thread(_status, target.admin_port, path)
            worst_s = max(worst_s, time.monotonic() - asked)
            found[told] = found.get(told, 0) + 1
        if refused_after_s is None and not await asyncio.to_thread(_accepts, target.port):
            refused_after_s = time.monotonic() - began
        await asyncio.sleep(POLL_S)
    took = "never" if refused_after_s is None else f"{refused_after_s * 1e3:.0f} ms after it"
    lines = [f"new connections to the data port were refused from {took}"]
    for path, found in seen.items():
        lines.append(f"admin {path}: " + ", ".join(f"{n}× {told}" for told, n in found.items()))
    return [*lines, f"slowest admin answer {worst_s * 1e3:.0f} ms"]


def _status(port: int, path: str) -> str:
    try:
        return str(ask(port, path, None, "")[0])
    except OSError as error:
        return type(error).__name__


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _open_rows(data: Path) -> list[str]:
    stores = [path for path in data.glob("*.db")] + [path for path in data.glob("*.sqlite*")]
    store = min(path for path in stores if not path.name.endswith(("-wal", "-shm")))
    with closing(sqlite3.connect(store)) as connection:
        counts = {
            what: connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0]
            for what in (
                "exchanges",
                "exchanges WHERE outcome IS NULL",
                "exchanges WHERE outcome = 'crashed'",
                "attempts",
                "attempts WHERE verdict IS NULL",
                "attempts WHERE verdict = 'crashed'",
            )
        }
    return [
        f"ledger: {counts['exchanges']} exchanges and {counts['attempts']} attempts in the store, "
        f"open {counts['exchanges WHERE outcome IS NULL']} and "
        f"{counts['attempts WHERE verdict IS NULL']}, crashed "
        "{} and {}".format(
            counts["exchanges WHERE outcome = 'crashed'"],
            counts["attempts WHERE verdict = 'crashed'"],
        )
    ]
