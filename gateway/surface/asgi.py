"""The raw ASGI adaptor: one coroutine a request, and nothing between it and the pipeline.

The client's leaving is watched from the start of every request, but the watcher is a task and a
task costs more than a cached answer: the wheel starts it once the request is 100 ms old.  A
client that left before that is reported by the first `receive`, so nothing is missed and a
cancel still reaches the upstream within 250 ms.  While the body is read the same entry of the
wheel is the client's deadline.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from gateway.clock import FAR, Wheel
from gateway.errors import BadKeyError, RequestError, RequestTimeoutError
from gateway.exchange import Exchange, Sink
from gateway.pipeline import Pipeline
from gateway.relay.headers import JSON, NO_RETRY
from providers.contract import ClientDialect, Headers

# The shapes of ASGI messages; their values are the server's.
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

WATCH_AFTER_S: Final = 0.1

log = logging.getLogger("switchgear.surface")


async def serve(
    pipeline: Pipeline,
    dialect: ClientDialect,
    headers: Headers,
    receive: Receive,
    send: Send,
    body_s: float,
) -> None:
    """Serve one request of one dialect, from its headers to its last byte.

    `body_s` is how long the client may be silent within its body.
    """
    client = Client(pipeline, receive, body_s)
    try:
        exchange = client.exchange = pipeline.admit(dialect, client, headers)
    except BadKeyError as error:
        turn_away(client, dialect, error)
    else:
        if not exchange.is_over:
            body = await client.read_body()
            if not exchange.is_over:
                pipeline.run(exchange, body)
    await client.send_answer(send)


def late(body_s: float) -> RequestTimeoutError:
    """What a client hears that stopped within its body."""
    return RequestTimeoutError(f"nothing more of the body came for {body_s:g} s")


def turn_away(sink: Sink, dialect: ClientDialect, error: RequestError) -> None:
    """Answer somebody who has no exchange."""
    body = dialect.error(error.status, error.code, str(error))
    sink.reply(error.status, [JSON, NO_RETRY], body)


class Client:
    """The exchange's sink, the wheel's entry for the watcher, and the coroutine that sends."""

    __slots__ = (
        "_body_s", "_head", "_is_dropped", "_is_finished", "_is_gone", "_is_late", "_is_reading",
        "_parts", "_pipeline", "_read_at", "_receive", "_size", "_task", "_waiter", "_watch_at",
        "_watcher", "_wheel", "_whole", "due", "exchange", "slot",
    )  # fmt: skip

    def __init__(self, pipeline: Pipeline, receive: Receive, body_s: float) -> None:
        self._pipeline, self._receive, self._body_s = pipeline, receive, body_s
        self._wheel: Wheel = pipeline.services.wheel
        self._read_at = self._wheel.now()
        self._watch_at = self._read_at + WATCH_AFTER_S
        self.due, self.slot = self._watch_at, 0
        self.exchange: Exchange | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._whole: tuple[int, Headers, bytes] | None = None
        self._head: tuple[int, Headers] | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._is_finished = self._is_gone = self._is_dropped = False
        self._is_reading = self._is_late = False

    # The exchange's sink.

    def reply(self, status: int, headers: Headers, body: bytes) -> None:
        """Keep a whole answer for the coroutine."""
        self._whole = (status, headers, body)
        self._wake()

    def open(self, status: int, headers: Headers) -> None:
        """Keep the head of a stream for the coroutine."""
        self._head = (status, headers)

    def write(self, data: bytes) -> int:
        """Keep bytes for the coroutine; how many wait for the server to take them."""
        if data:
            self._parts.append(data)
            self._size += len(data)
            self._wake()
        return self._size

    def finish(self) -> None:
        """No bytes follow."""
        self._is_finished = True
        self._wake()

    def drop(self) -> None:
        """Give up on a client that takes nothing: `send` may never return.

        ASGI has no abort.  The server closes its transport when we return, but only once its
        buffer is empty: TCP_USER_TIMEOUT on the listening socket is what ends it for good.
        """
        if self._task is not None:
            self._is_dropped = True
            self._task.cancel()

    # The wheel's entry.

    def on_due(self, now: float) -> None:
        """The request is old enough to be worth a watcher, or its body is late."""
        if self._is_reading:
            self._wait_on(now)
            return
        self.due = FAR
        self._watcher = asyncio.ensure_future(self._watch())

    # The coroutine.

    async def read_body(self) -> bytes:
        """The request's body, bounded as it comes; empty once the exchange is over."""
        exchange, pipeline = self.exchange, self._pipeline
        assert exchange is not None, "a stranger's body is not read"
        self._task = asyncio.current_task(self._wheel.loop)
        self._is_reading = True
        self._wheel.arm(self)
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                message = await self._receive()
                if message["type"] != "http.request":
                    self._is_gone = True
                    pipeline.give_up(exchange)
                    return b""
                self._read_at = self._wheel.now()
                data = message["body"]
                size += len(data)
                if not pipeline.hold(exchange, len(data), size):
                    return b""
                parts.append(data)
                if not message.get("more_body"):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
        except asyncio.CancelledError:
            self._refuse_late(exchange)
            return b""
        finally:
            self._is_reading, self.due = False, self._watch_at

    def _wait_on(self, now: float) -> None:
        """A body that still comes has until `_body_s` after its last bytes."""
        self.due = self._read_at + self._body_s
        if now < self.due:
            self._wheel.arm(self)
        elif self._task is not None:
            self._is_late = True
            self._task.cancel()  # nothing else ends a `receive`

    def _refuse_late(self, exchange: Exchange) -> None:
        """Tell a client that stopped within its body; anybody else's cancel goes on."""
        if not self._is_late or self._task is None:
            # A drain that ran out, and nobody else would settle it.
            self._wheel.disarm(self)
            self._pipeline.give_up(exchange)
            self._task = self.exchange = None
            raise asyncio.CancelledError
        self._task.uncancel()
        self._pipeline.refuse(exchange, late(self._body_s))

    async def send_answer(self, send: Send) -> None:
        """Send what the pipeline hands over until the answer is finished or the client gone."""
        if self._whole is None:
            self._wheel.arm(self)
        try:
            while not await self._send_some(send):
                pass
        except OSError:
            log.debug("the client closed its connection")  # a server may say it by raising
        except asyncio.CancelledError:
            if not self._is_dropped:
                raise
        finally:
            self._wheel.disarm(self)
            if self._watcher is not None:
                self._watcher.cancel()
            exchange, self.exchange = self.exchange, None
            if exchange is not None and not exchange.is_over:
                self._pipeline.leave(exchange)
            # Exchange, sink and task refer to each other; left to the collector, such rings
            # cost 60 % more CPU at 64 clients, and pauses of 60 ms.
            self._task = self._waiter = None

    async def _send_some(self, send: Send) -> bool:
        """One turn; True when there will be no other."""
        if self._is_gone:
            return True
        if self._whole is not None:
            await _send_whole(send, *self._whole)
            return True
        if self._head is not None:
            (status, headers), self._head = self._head, None
            await send({"type": "http.response.start", "status": status, "headers": headers})
        if self._parts or self._is_finished:
            return await self._send_parts(send)
        # Python 3.11's get_running_loop asks the kernel for the process id, every time.
        self._waiter = self._wheel.loop.create_future()
        await self._waiter
        return False

    async def _send_parts(self, send: Send) -> bool:
        parts, is_last = self._parts, self._is_finished
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._parts = []
        await send({"type": "http.response.body", "body": data, "more_body": not is_last})
        self._size -= len(data)  # counted until the server took it: this is the back-pressure
        exchange = self.exchange
        if not is_last and not self._size and exchange is not None and exchange.driver is not None:
            exchange.driver.client_took_all()
        return is_last

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._is_gone = True
        if self.exchange is not None:
            self._pipeline.leave(self.exchange)
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


async def _send_whole(send: Send, status: int, headers: Headers, body: bytes) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
