"""Bytes to the gateway and bytes back: what no HTTP client would send."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

from tests.house import House


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> Any:
        """The error of OpenAI's shape; fails for any other."""
        document = json.loads(self.body)
        assert set(document) == {"error"}, document
        error = document["error"]
        assert set(error) == {"message", "type", "param", "code"}, error
        assert isinstance(error["message"], str) and error["message"]
        return error


class Raw:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> Self:
        self.writer.write(data)
        return self

    async def reply(self) -> Reply:
        """The next reply, whole."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)
        line, *fields = head.decode().split("\r\n")
        headers = {}
        for field in filter(None, fields):
            name, _, value = field.partition(": ")
            headers[name] = value
        status = int(line.split(" ")[1])
        if headers.get("transfer-encoding") == "chunked":
            return Reply(status, headers, await self._chunks())
        length = int(headers.get("content-length", 0))
        return Reply(status, headers, await asyncio.wait_for(self.reader.readexactly(length), 5))

    async def rest(self) -> bytes:
        """Everything until the gateway closes its side."""
        return await asyncio.wait_for(self.reader.read(), 5)

    async def _chunks(self) -> bytes:
        parts = []
        while True:
            size = int(await asyncio.wait_for(self.reader.readline(), 5), 16)
            parts.append((await asyncio.wait_for(self.reader.readexactly(size + 2), 5))[:-2])
            if not size:
                return b"".join(parts)


@asynccontextmanager
async def connect(house: House, port: int | None = None) -> AsyncIterator[Raw]:
    """A connection to the data plane, or to another port."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port or house.port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()


def post(
    house: House,
    body: bytes,
    *fields: str,
    path: str = "/v1/chat/completions",
    key: str | None = None,
) -> bytes:
    """A request as bytes; `fields` are added to the usual ones."""
    head = [
        f"POST {path} HTTP/1.1",
        "host: gateway",
        f"authorization: Bearer {key or house.key}",
        f"content-length: {len(body)}",
        *fields,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def get(path: str, *fields: str, method: str = "GET") -> bytes:
    """A request without key and body."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: gateway", *fields]).encode() + (
        b"\r\n\r\n"
    )


GOOD = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "Hello."}]}).encode()
