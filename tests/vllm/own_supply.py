"""A gateway on real vLLM servers: their part of `supply.yaml`, and what a client of it sees."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import httptools
import httpx2
import msgspec
import openai
import uvloop

from deploy.vllm.server import HOST, Server
from gateway.ledger.entry import Settled
from tests.house import House

# A token of the small model takes 25 ms on an idle core, and the cores are not idle.
PATIENT = {"first_token_s": 60, "whole_s": 60, "idle_s": 30, "total_s": 120}
FACTS = {
    "hosting": "on_prem",
    "network": "local",
    "processing": "DE",
    "storage": "DE",
    "law": "DE",
    "parent_law": "DE",
    "reachable_by": [],
    "subprocessors": [],
    "retention_days": 0,
    "evidence": [{"source": "invented for a test", "as_of": "2026-11-24"}],
}


def real(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test in a loop of its own: the production loop, with time for a server to start again."""

    @wraps(test)
    def run(*arguments: Any, **keywords: Any) -> None:
        uvloop.run(asyncio.wait_for(test(*arguments, **keywords), 240))

    return run


def own(*servers: Server, through: "Tap | None" = None) -> dict[str, dict[str, object]]:
    """Accounts and deployments for a `House`; a deployment is called `own-` and its model."""
    accounts, deployments = {}, {}
    for server in servers:
        name = f"own-{server.model.name}"
        accounts[name] = {
            "vendor": "vllm",
            "fact_sheet": "self_hosted",
            "base_url": through.base_url if through else server.base_url,
            "facts": FACTS,
        }
        deployments[name] = {"account": name, "model": server.model.name}
    return {"accounts": accounts, "deployments": deployments}


@asynccontextmanager
async def sdk(house: House) -> AsyncIterator[openai.AsyncOpenAI]:
    """The `openai` SDK, pointed at the gateway and at nothing else."""
    async with openai.AsyncOpenAI(
        base_url=f"{house.url}/v1",
        api_key=house.key,
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(trust_env=False),
    ) as client:
        yield client


async def settled(house: House) -> list[Settled]:
    """How every attempt ended, in order, once nothing is under way."""
    await house.settle()
    return [msgspec.convert(row, Settled) for row in house.rows_of("s1")]


async def vllm(server: Server, path: str, **body: object) -> Any:
    """What vLLM itself says to a request, with nobody between."""
    status, reply = await asyncio.to_thread(server.ask, path, body or None)
    assert status == 200, reply
    return json.loads(reply)


async def gauge(server: Server, name: str) -> float:
    """The sum of a metric of vLLM's over all its series."""
    _, page = await asyncio.to_thread(server.ask, "/metrics")
    lines = [line for line in page.decode().splitlines() if line.startswith(f"{name}{{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def events(text: str) -> list[str]:
    """The data of every event of a stream."""
    return [event.removeprefix("data: ") for event in text.split("\n\n") if event.strip()]


class Stream:
    """A chat stream through the gateway, under way: its first words are here."""

    def __init__(self, reply: httpx2.Response) -> None:
        self.reply, self._parts = reply, reply.aiter_text()
        self.text = ""

    async def first_words(self) -> None:
        """Read until something was said."""
        async for part in self._parts:
            self.text += part
            whole, _, _ = self.text.rpartition("\n\n")
            if any(map(_says, events(whole))):
                return
        raise AssertionError(f"nothing was said: {self.text}")

    async def rest(self) -> list[str]:
        """Read to the end; the data of all events."""
        async for part in self._parts:
            self.text += part
        return events(self.text)


def _says(event: str) -> bool:
    choices = json.loads(event)["choices"]
    return bool(choices and choices[0]["delta"].get("content"))


# Noise for several seconds, where a test needs one to do what it is about.
LONG: Mapping[str, object] = {
    "messages": [{"role": "user", "content": "Go on for ever."}],
    "max_tokens": 16_000,
    "ignore_eos": True,
    "temperature": 0,
}


@asynccontextmanager
async def streaming(house: House, **fields: object) -> AsyncIterator[Stream]:
    """A long stream whose first words have come; leaving it hangs up."""
    body = {"model": "chat", "stream": True, **LONG, **fields}
    async with (
        house.client() as client,
        client.stream("POST", "/v1/chat/completions", json=body) as reply,
    ):
        assert reply.status_code == 200, await reply.aread()
        stream = Stream(reply)
        await stream.first_words()
        yield stream


def send_signal(server: Server, title: bytes, number: signal.Signals) -> None:
    """To the one process of a server whose title begins so, such as `VLLM::EngineCore`."""
    found = [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _is_process(entry, server.pid, title)
    ]
    assert len(found) == 1, f"{title!r}: {found}"
    os.kill(found[0], number)


def _is_process(entry: Path, group: int, title: bytes) -> bool:
    try:
        is_titled = (entry / "cmdline").read_bytes().startswith(title)
        return is_titled and os.getpgid(int(entry.name)) == group
    except OSError:  # it ended meanwhile
        return False


class Tap:
    """Stands between gateway and vLLM, passes every byte on, and keeps what vLLM answered.

    That the gateway hangs up is passed on a second late: what vLLM says then is of interest.
    """

    LINGER_S = 1.0

    def __init__(self, server: Server) -> None:
        self._server = server
        self._answered: list[bytes] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._copying: list[asyncio.Future[None]] = []

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self._port}/v1"

    @property
    def body(self) -> bytes:
        """The body of the one answer, without the framing of HTTP."""
        parts: list[bytes] = []

        class Collector:
            def on_body(self, part: bytes) -> None:
                parts.append(part)

        httptools.HttpResponseParser(Collector()).feed_data(b"".join(self._answered))
        return b"".join(parts)

    async def __aenter__(self) -> "Tap":
        self._listener = await asyncio.start_server(self._pass_on, HOST, 0)
        self._port: int = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*self._copying)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, to = await asyncio.open_connection(HOST, self._server.port)
        self._writers += [writer, to]
        self._copying += [
            asyncio.ensure_future(self._ask(reader, to)),
            asyncio.ensure_future(self._answer(answers, writer)),
        ]

    async def _ask(self, reader: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        async for part in _parts(reader):
            to.write(part)
        await asyncio.sleep(self.LINGER_S)
        to.close()

    async def _answer(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for part in _parts(answers):
            self._answered.append(part)
            if not writer.is_closing():
                writer.write(part)
        writer.close()


async def _parts(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    try:
        while part := await reader.read(65_536):
            yield part
    except ConnectionError:  # as a process that was killed ends its connections
        return
