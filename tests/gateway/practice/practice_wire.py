"""A raw client: what a vendor of the grid really put on the wire, and how it ended."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from gateway.practice import Flavour, Station

QUIET_S = 5.0
SOON_S = 0.15  # for a test that awaits silence; below the 0.2 s between two comments


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """All bytes of one reply.  `ending` is whole, eof, reset or quiet."""

    data: bytes
    ending: str

    @property
    def status(self) -> int:
        return int(self.data[9:12])

    @property
    def fields(self) -> dict[str, str]:
        lines = self.data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    @property
    def framed(self) -> bytes:
        """What came after the head, chunk framing included."""
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def body(self) -> bytes:
        """What came after the head, without whole chunks' framing; a torn chunk is kept raw."""
        if self.fields.get("transfer-encoding") != "chunked":
            return self.framed
        rest, body = self.framed, b""
        while rest:
            size, _, tail = rest.partition(b"\r\n")
            if len(tail) < int(size, 16):
                return body + tail
            body += tail[: int(size, 16)]
            rest = tail[int(size, 16) + 2 :]
        return body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The JSON of each event's data, in order; [DONE] is left out."""
        datas = [
            line[6:]
            for line in self.body.decode().split("\n")
            if line.startswith("data: ") and line != "data: [DONE]"
        ]
        return [json.loads(data) for data in datas]


def is_whole(data: bytes) -> bool:
    """Whether a reply is complete by its own framing."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return False
    lowered = head.lower()
    if b"transfer-encoding: chunked" in lowered:
        return body.endswith(b"0\r\n\r\n")
    length = int(lowered.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
    return len(body) >= length


def request_bytes(
    station: Station, path: str, body: bytes, account: str = "main", **fields: str
) -> bytes:
    """A request as a client of that vendor would send it."""
    key = station.accounts[account]
    if station.vendor.flavour is Flavour.ANTHROPIC:
        credential = {"x-api-key": key, "anthropic-version": "2023-06-01"}
    else:
        credential = {"authorization": f"Bearer {key}"}
    head = {"host": "practice", "content-type": "application/json", **credential}
    head |= {name.replace("_", "-"): value for name, value in fields.items()}
    method = "POST" if body else "GET"
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
    lines.append(f"content-length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def chat_body(station: Station, *, stream: bool = False, **members: Any) -> tuple[str, bytes]:
    """Path and body of a plain chat at that vendor."""
    body: dict[str, Any] = {
        "model": f"{station.name}-large",
        "messages": [{"role": "user", "content": "hello there"}],
    }
    if stream:
        body["stream"] = True
    path = "/v1/chat/completions"
    if station.vendor.flavour is Flavour.ANTHROPIC:
        path, body["max_tokens"] = "/v1/messages", 100
    return path, json.dumps({**body, **members}).encode()


async def send(
    port: int, *requests: bytes, quiet_s: float = QUIET_S, limit_s: float = 5
) -> list[Raw]:
    """Send requests one after the other on one connection, and read each reply.

    A reply ends as quiet when nothing comes for `quiet_s`, or `limit_s` is over.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return [await _one(reader, writer, request, quiet_s, limit_s) for request in requests]
    finally:
        writer.close()


async def ask(
    station: Station, *, quiet_s: float = QUIET_S, limit_s: float = 5, **members: Any
) -> Raw:
    """One plain chat."""
    path, body = chat_body(station, **members)
    asked = request_bytes(station, path, body)
    return (await send(station.port, asked, quiet_s=quiet_s, limit_s=limit_s))[0]


async def _one(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    request: bytes,
    quiet_s: float,
    limit_s: float,
) -> Raw:
    data = b""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + limit_s
    try:
        writer.write(request)
        while not is_whole(data):
            left_s = min(quiet_s, end_s - loop.time())
            more = await asyncio.wait_for(reader.read(1 << 20), left_s)
            if not more:
                return Raw(data=data, ending="eof")
            data += more
    except TimeoutError:
        return Raw(data=data, ending="quiet")
    except ConnectionError:
        return Raw(data=data, ending="reset")
    return Raw(data=data, ending="whole")
