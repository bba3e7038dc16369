"""A client on a bare socket: it can stop in the middle of anything, leave, or take nothing."""

import asyncio
import json
import socket
import time
from typing import Self

from tests.house import House


class Caller:
    """One connection to the data plane."""

    def __init__(self, house: House, *, receive_buffer_bytes: int | None = None) -> None:
        self._house = house
        self._buffer_bytes = receive_buffer_bytes

    async def __aenter__(self) -> Self:
        raw = socket.socket()
        raw.setblocking(False)
        if self._buffer_bytes is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer_bytes)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self._house.port))
        self.reader, self._writer = await asyncio.open_connection(sock=raw)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.transport.abort()

    def send(self, *, share: float = 1.0, model: str = "chat", **fields: object) -> None:
        """Send a chat request, or only the first `share` of its body."""
        fields.setdefault("messages", [{"role": "user", "content": "Tell me of the grid."}])
        body = json.dumps({"model": model, **fields}).encode()
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\n"
            f"authorization: Bearer {self._house.key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body[: int(len(body) * share)])

    def leave(self) -> float:
        """Reset the connection; give the monotonic time."""
        self._writer.transport.abort()
        return time.monotonic()

    def take_nothing(self) -> None:
        """Read no more from the socket."""
        self.reader._transport.pause_reading()  # type: ignore[attr-defined] # StreamReader's own

    def take_again(self) -> None:
        """Read on."""
        self.reader._transport.resume_reading()  # type: ignore[attr-defined] # as above

    async def read_all(self, seconds: float = 10.0) -> bytes:
        """A whole chunked reply, head and framing included."""
        parts: list[bytes] = []
        async with asyncio.timeout(seconds):
            while not b"".join(parts[-2:]).endswith(b"\r\n0\r\n\r\n"):
                part = await self.reader.read(1 << 20)
                assert part, "the gateway closed the connection in the reply"
                parts.append(part)
        return b"".join(parts)
