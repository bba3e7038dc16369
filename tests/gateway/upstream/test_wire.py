"""What the wire promises beyond the seam: no ring, no chance in chunking, exact pool."""

import asyncio
import gc
import random
import time
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.clock import Wheel
from gateway.upstream.connection import Connection, Unasked, WireCall
from gateway.upstream.transport import FaultKind, Limits
from gateway.upstream.wire import Wire
from tests.upstream_peer import (
    CLOSE,
    HANG,
    RESET,
    SSE_END,
    SSE_HEAD,
    Peer,
    Request,
    Script,
    chunk,
    until,
    whole,
)
from tests.upstream_rig import Recorder, Rig

ANSWER = b'{"id": "c1"}'
GOOD = [whole(200, ANSWER)]


class Rest:
    """A transport that only counts: what a connection does with bytes needs no socket."""

    def __init__(self) -> None:
        self.is_aborted = False
        self.is_reading = True

    def get_extra_info(self, name: str) -> object:
        return ("127.0.0.1", 1) if name == "peername" else None

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True

    def writelines(self, parts: Sequence[bytes]) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0


class Shelf:
    """A pool of one connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.wheel, self.limits = Wheel(loop), Limits()
        self.free: list[Connection] = []

    def opened(self, connection: Connection, call: WireCall) -> None: ...

    def closed(self, connection: Connection) -> None: ...

    def freed(self, connection: Connection) -> None:
        self.free.append(connection)

    def told(self, listener: object, error: Exception) -> None:
        raise error


REPLIES = [
    whole(200, ANSWER, "x: y"),
    SSE_HEAD + chunk(b"one") + chunk(b"two" * 100) + b"0\r\nx: y\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: <a>\r\n\r\n" + whole(503, b"busy"),
    b"HTTP/1.1 204 No Content\r\n\r\n",
    SSE_HEAD + chunk(b"one") + b"oops\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
]


def play(loop: asyncio.AbstractEventLoop, pieces: Sequence[bytes]) -> tuple[object, ...]:
    """Feed a connection; give what the listener was told and whether the connection is kept."""
    shelf, rest, told = Shelf(loop), Rest(), Recorder()
    call = WireCall(told, shelf, b"", b"")  # type: ignore[arg-type] # a pool as far as it is used
    connection = Connection(shelf, call)  # type: ignore[arg-type] # as above
    connection.begin(rest, rest)  # type: ignore[arg-type] # as far as a connection uses one
    for piece in pieces:
        if told.over.is_set():
            break
        connection.data_received(piece)
    shelf.wheel.disarm(call)
    kind = told.fault.kind if told.fault else None
    # What came before an error is told in some cuts and not in others: see `transport`.
    body = told.body if kind is None else b""
    return told.status if kind is None else 0, body, kind, bool(shelf.free)


@given(st.sampled_from(REPLIES), st.lists(st.integers(1, 400), max_size=12))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_chunking_tells_the_same(reply: bytes, cuts: list[int]) -> None:
    loop = asyncio.new_event_loop()
    try:
        at = sorted({0, *(cut for cut in cuts if cut < len(reply)), len(reply)})
        pieces = [reply[a:b] for a, b in pairwise(at)]
        expected = play(loop, [reply])
        assert play(loop, pieces) == expected
        assert play(loop, [reply[i : i + 1] for i in range(len(reply))]) == expected
    finally:
        loop.close()


@given(st.binary(max_size=600), st.lists(st.integers(1, 600), max_size=6))
@settings(max_examples=150)
def test_no_bytes_make_it_raise(noise: bytes, cuts: list[int]) -> None:
    loop = asyncio.new_event_loop()
    try:
        reply = b"HTTP/1.1 " + noise
        at = sorted({0, *(cut for cut in cuts if cut < len(reply)), len(reply)})
        play(loop, [reply[a:b] for a, b in pairwise(at)])
    finally:
        loop.close()


async def test_calls_leave_no_rings_for_the_collector() -> None:
    ours = (Connection, WireCall, Recorder)

    def script(request: Request) -> Script:
        return {
            b"good": GOOD,
            b"hang": [HANG],
            b"cut": [whole(200, ANSWER)[:-3], CLOSE],
            b"reset": [RESET],
            b"bad": [b"SSH-2.0\r\n\r\n", HANG],
            b"stream": [SSE_HEAD, chunk(b"a"), SSE_END],
            b"close": [whole(200, ANSWER, "connection: close"), CLOSE],
        }[request.body]

    async def burst(rig: Rig) -> None:
        for body in (b"good", b"stream", b"cut", b"reset", b"bad", b"close", b"good"):
            await rig.ask(body)
        for turns in (0, 1, 2, 5, 10):
            told = rig.send(b"hang")
            for _ in range(turns):
                await asyncio.sleep(0)
            assert told.call is not None
            told.call.cancel()
            told.call = None
        await asyncio.sleep(0.02)

    async with Peer(script) as peer, Rig(peer) as rig:
        await burst(rig)
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            for _ in range(3):
                await burst(rig)
            # A recorder holds its call, and the test's own event; neither points back.
            gc.collect()
            caught = [one for one in gc.garbage if isinstance(one, ours)]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
        assert caught == []


async def test_surplus_connections_go_idle_and_are_closed() -> None:
    limits = Limits(keepalive_s=0.2)
    async with Peer([0.02, *GOOD]) as peer, Rig(peer, limits=limits) as rig:
        await asyncio.gather(*(rig.ask() for _ in range(5)))
        assert rig.transport.open == 5
        for _ in range(8):
            await rig.ask()
            await asyncio.sleep(0.02)
        await until(lambda: rig.transport.open == 1, 1.0)
        newest = peer.log[-1].connection
        assert [one.number for one in peer.open] == [newest]


async def test_fresh_call_at_the_limit_takes_the_place_of_an_idle_connection() -> None:
    async with Peer(GOOD) as peer, Rig(peer, limits=Limits(connections=1)) as rig:
        await rig.ask()
        assert (await rig.ask(fresh=True)).body == ANSWER
        assert (peer.accepted, rig.transport.open) == (2, 1)


async def test_connection_that_ends_while_paused_is_not_kept() -> None:
    """What may have come behind the answer has not been read, so it cannot be ruled out."""
    async with Peer(GOOD) as peer, Rig(peer) as rig:
        told = rig.send(on_head=lambda told: told.call.pause())  # type: ignore[union-attr] # set
        await told.done()
        assert told.body == ANSWER and rig.transport.open == 0


def test_peer_that_speaks_before_it_is_asked_is_dropped() -> None:
    rest, early = Rest(), Unasked()
    early.connection_made(rest)  # type: ignore[arg-type] # as far as it is used
    early.data_received(b"HTTP/1.1 200 OK\r\n")
    assert rest.is_aborted


async def test_random_mixture_leaves_everything_as_it_was() -> None:
    chance = random.Random(20261124)
    scripts: list[Script] = [
        GOOD,
        [SSE_HEAD, chunk(b"a"), 0.005, chunk(b"b"), SSE_END],
        [CLOSE],
        [RESET],
        [b"HTTP/1.1 200 OK\r\n", CLOSE],
        [SSE_HEAD, chunk(b"a"), HANG],
        [whole(200, ANSWER) + b"junk"],
        [HANG],
    ]
    async with Peer(lambda _: chance.choice(scripts)) as peer:
        async with Rig(peer, limits=Limits(connections=40, silence_s=30.0)) as rig:
            told: list[Recorder] = []
            for _ in range(300):
                if rig.transport.open - rig.transport.idle + rig.transport.dialling < 40:
                    told.append(rig.send())
                await asyncio.sleep(chance.choice([0, 0, 0.001]))
                for one in chance.sample(told, min(2, len(told))):
                    assert one.call is not None
                    chance.choice([one.call.cancel, one.call.pause, one.call.resume])()
            for one in told:
                assert one.call is not None
                one.call.cancel()
            await until(lambda: rig.transport.busy + rig.transport.dialling == 0)
            assert (len(told) > 100, len(peer.log) > 50) == (True, True)


async def test_deadline_of_a_dial_rests_for_nobody() -> None:
    """Pausing a call that has no connection yet does not keep the dial alive."""
    limits = Limits(connect_s=0.1)
    async with Peer(on_accept=[HANG]) as peer:
        async with Rig(peer, is_tls=True, limits=limits) as rig:
            told = rig.send()
            assert told.call is not None
            told.call.pause()
            await told.done()
            assert told.fault is not None and told.fault.kind is FaultKind.CONNECT


async def test_answers_to_a_thousand_calls_on_few_connections_are_never_mixed_up() -> None:
    def script(request: Request) -> Script:
        return [whole(200, request.body)]

    async with Peer(script) as peer, Rig(peer) as rig:

        async def worker(number: int) -> None:
            for turn in range(50):
                body = b"%d-%d" % (number, turn)
                assert (await rig.ask(body)).body == body

        began = time.monotonic()
        await asyncio.gather(*(worker(number) for number in range(20)))
        assert peer.accepted == 20 and time.monotonic() - began < 10


async def test_defect_without_a_hook_goes_to_the_loop() -> None:
    loop = asyncio.get_running_loop()
    heard: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _, context: heard.append(context))
    error = ValueError("defect")

    def fail(_: Recorder) -> None:
        raise error

    async with Peer(GOOD) as peer, Rig(peer) as rig:
        assert isinstance(rig.transport, Wire)
        rig.transport._on_defect = rig.transport._log_defect
        rig.send(on_end=fail)
        await until(lambda: heard != [])
    assert heard[0]["exception"] is error
    assert heard[0]["message"] == "Recorder failed in a callback"
    loop.set_exception_handler(None)


@pytest.mark.parametrize("path", [b"/v1", b"/openai/v1/chat/completions?api-version=v1"])
async def test_path_goes_out_as_given(path: bytes) -> None:
    async with Peer(GOOD) as peer, Rig(peer) as rig:
        told = Recorder()
        rig.transport.send(told, rig.transport.prepare(path, []), [], b"")
        await told.done()
    assert peer.log[0].head.startswith(b"POST " + path + b" HTTP/1.1\r\n")
