"""A vendor that costs as little as Python allows: `python -m loadtests.mock`.

Canned answers in two dialects (chat completions, Anthropic messages), one write for each event, a
terminal reason, usage and last word in every stream: without them a lawful gateway calls every
stream broken.  `GET /figures` counts what was written, so that a stream that a window cuts still
counts by its events.  Prints the port it listens on.
"""

import asyncio
import json
import re
import socket
import sys
from functools import cache
from typing import Final

import httptools
import uvloop

from loadtests.workload import EVENTS, MODELS, PLAIN

_MODEL: Final = re.compile(rb'"model"\s*:\s*"([^"]*)"')
_STREAM: Final = re.compile(rb'"stream"\s*:\s*true')
_LOOKED_AT_BYTES: Final = 4_096  # at either end of a body
_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\nx-request-id: mock\r\ntransfer-encoding: chunked\r\n\r\n"
)
_END: Final = b"0\r\n\r\n"
_WORD: Final = " token{:03d}"


class Figures:
    """What was answered since the start."""

    def __init__(self) -> None:
        self.requests = self.events = 0


class Answering(asyncio.Protocol):
    """One connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop, figures: Figures) -> None:
        self._loop, self._figures = loop, figures
        self._is_closed = False
        self._events: tuple[bytes, ...] = ()
        self._next = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is none by its type.
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._parser = httptools.HttpRequestParser(self)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, error: Exception | None) -> None:
        self._is_closed = True

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._first = self._last = self._url = b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, part: bytes) -> None:
        self._first = self._first or part
        self._last = part

    def on_message_complete(self) -> None:
        if self._parser.get_method() == b"GET":
            counted = {"requests": self._figures.requests, "events": self._figures.events}
            self._transport.write(_json(json.dumps(counted).encode()))
            return
        self._figures.requests += 1
        seen = self._first[:_LOOKED_AT_BYTES] + self._last[-_LOOKED_AT_BYTES:]
        found = _MODEL.search(seen)
        model = found[1].decode() if found else "bench"
        is_messages = self._url.endswith(b"/messages")
        if _STREAM.search(seen):
            self._events, self._next = _events(model, is_messages), 0
            self._gap_s = MODELS.get(model, PLAIN).gap_s
            self._transport.write(_HEAD)
            self._wait()
        else:
            self._transport.write(_whole(model, is_messages))

    def _wait(self) -> None:
        if self._gap_s:
            self._loop.call_later(self._gap_s, self._step)
        else:
            self._loop.call_soon(self._step)

    def _step(self) -> None:
        if self._is_closed:
            return
        if self._next == len(self._events):
            self._transport.write(_END)
            return
        self._transport.write(self._events[self._next])
        self._next += 1
        self._figures.events += 1
        self._wait()


@cache
def _events(model: str, is_messages: bool) -> tuple[bytes, ...]:
    events = _message_events(model) if is_messages else _chat_events(model)
    return tuple(b"%x\r\n%b\r\n" % (len(event), event) for event in events)


@cache
def _whole(model: str, is_messages: bool) -> bytes:
    text = "lorem ipsum dolor " * (MODELS.get(model, PLAIN).reply_bytes // 18)
    return _json(_dump(_message_reply(model, text) if is_messages else _chat_reply(model, text)))


def _chat_events(model: str) -> list[bytes]:
    def chunk(choices: list[object], **more: object) -> bytes:
        document = {"id": "chatcmpl-mock", "object": "chat.completion.chunk",
                    "created": 1_760_000_000, "model": model, "system_fingerprint": "fp_mock",
                    "choices": choices, **more}  # fmt: skip
        return b"data: " + _dump(document) + b"\n\n"

    def choice(index: int) -> dict[str, object]:
        return {"index": 0, "delta": {"content": _WORD.format(index)}, "logprobs": None,
                "finish_reason": "stop" if index == EVENTS - 1 else None}  # fmt: skip

    usage = {"prompt_tokens": 200, "completion_tokens": EVENTS, "total_tokens": 200 + EVENTS}
    texts = [chunk([choice(index)]) for index in range(EVENTS)]
    return [*texts, chunk([], usage=usage), b"data: [DONE]\n\n"]


def _chat_reply(model: str, text: str) -> dict[str, object]:
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 200, "completion_tokens": 90, "total_tokens": 290}
    return {"id": "chatcmpl-mock", "object": "chat.completion", "created": 1_760_000_000,
            "model": model, "choices": [choice], "usage": usage}  # fmt: skip


def _message_events(model: str) -> list[bytes]:
    def event(kind: str, **fields: object) -> bytes:
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), _dump({"type": kind, **fields}))

    empty = {"type": "text", "text": ""}
    texts = [
        event("content_block_delta", index=0,
              delta={"type": "text_delta", "text": _WORD.format(index)})
        for index in range(EVENTS)
    ]  # fmt: skip
    message = {**_message_reply(model, ""), "content": [], "stop_reason": None,
               "usage": {"input_tokens": 200, "output_tokens": 1}}  # fmt: skip
    return [
        event("message_start", message=message),
        event("content_block_start", index=0, content_block=empty),
        *texts,
        event("content_block_stop", index=0),
        event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None},
              usage={"output_tokens": EVENTS}),
        event("message_stop"),
    ]  # fmt: skip


def _message_reply(model: str, text: str) -> dict[str, object]:
    return {"id": "msg_mock", "type": "message", "role": "assistant", "model": model,
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
            "stop_sequence": None, "usage": {"input_tokens": 200, "output_tokens": 90}}  # fmt: skip


def _dump(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _json(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    figures = Figures()
    server = await loop.create_server(
        lambda: Answering(loop, figures), "127.0.0.1", 0, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        uvloop.run(_serve())
    except KeyboardInterrupt:
        sys.exit(0)
