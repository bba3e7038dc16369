"""Many streams at once, read by one loop that notes when each event came.

The process that reads is itself late now and then; `ReaderLag` says how much, so that its own
share is not blamed on the gateway.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

import httptools

from loadtests.parties import PATH, Target

DIALS_AT_ONCE: Final = 50


@dataclass(slots=True, kw_only=True)
class Stream:
    """One stream as its client saw it.  Times are monotonic seconds."""

    status: int = 0
    reads: list[float] = field(default_factory=list)
    is_ended: bool = False  # with the end that its framing wants
    has_last_word: bool = False


class Reader(asyncio.Protocol):
    """One connection with one request; the body is looked at and dropped."""

    def __init__(self, request: bytes) -> None:
        self.stream = Stream()
        self._request = request
        self._parser = httptools.HttpResponseParser(self)
        self.began = asyncio.get_running_loop().create_future()
        self.ended = asyncio.get_running_loop().create_future()
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is none by its type.
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.stream.reads.append(time.monotonic())
        self._parser.feed_data(data)
        if not self.began.done():
            self.began.set_result(None)

    def on_headers_complete(self) -> None:
        self.stream.status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        self._tail = data[-64:] if len(data) > 64 else (self._tail + data)[-64:]

    def on_message_complete(self) -> None:
        self.stream.is_ended = True
        self.stream.has_last_word = b"[DONE]" in self._tail
        self._end()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.began.done():
            self.began.set_result(None)
        self._end()

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


async def open_streams(target: Target, body: bytes, count: int) -> list[Reader]:
    """Open `count` streams, each on a connection of its own, and wait for each one's first byte.

    Raises RuntimeError when one is not answered with 200.
    """
    loop = asyncio.get_running_loop()
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {target.key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode()
    readers: list[Reader] = []
    for start in range(0, count, DIALS_AT_ONCE):
        few = range(start, min(start + DIALS_AT_ONCE, count))
        made = await asyncio.gather(
            *(
                loop.create_connection(lambda: Reader(head + body), "127.0.0.1", target.port)
                for _ in few
            )
        )
        readers += [reader for _, reader in made]
    await asyncio.wait_for(asyncio.gather(*(reader.began for reader in readers)), 60)
    bad = [reader.stream.status for reader in readers if reader.stream.status != 200]
    if bad:
        raise RuntimeError(f"{len(bad)} of {count} streams were refused, the first with {bad[0]}")
    return readers


def close_streams(readers: list[Reader]) -> None:
    """Leave, as a client does that has seen enough."""
    for reader in readers:
        reader.transport.abort()


class ReaderLag:
    """How late the reading loop itself runs: the longest in seconds since `take`."""

    STEP_S: Final = 0.005

    def __init__(self) -> None:
        self._longest = 0.0
        self._task = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        while True:
            expected = time.monotonic() + self.STEP_S
            await asyncio.sleep(self.STEP_S)
            self._longest = max(self._longest, time.monotonic() - expected)

    def take(self) -> float:
        """Begin anew."""
        longest, self._longest = self._longest, 0.0
        return longest

    def stop(self) -> None:
        """End the watching."""
        self._task.cancel()
