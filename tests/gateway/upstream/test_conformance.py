"""What every transport must do, shown on real sockets against a peer scripted to the byte.

`WIRE_ONLY` are the cases that httpx2 cannot meet, each with its reason; docs/explanation/wire.md
lists them for the reader.
"""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from gateway.upstream.transport import FaultKind, Limits
from tests.upstream_peer import (
    CLOSE,
    CUT,
    HANG,
    RESET,
    SSE_END,
    SSE_HEAD,
    Peer,
    Script,
    chunk,
    stream,
    until,
    whole,
)
from tests.upstream_rig import Recorder, Rig

ANSWER = b'{"id": "c1"}'
GOOD = [whole(200, ANSWER)]
KINDS = ["wire", "httpx"]
WIRE_ONLY = {
    "dirty": "httpx2 does not look behind an answer: so the fallback keeps no connection",
    "lenient": "h11 takes what RFC 9112 lets a recipient repair or refuse",
    "early": "httpx2 reads no answer before it has written the whole request",
    "late": "httpx2 reads an idle connection only when it is to be used again",
}
QUICK = Limits(connect_s=0.5, silence_s=0.15, keepalive_s=30.0)
SMALL = Limits(connect_s=0.5, silence_s=5.0, head_bytes=2_000, body_bytes=50_000)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["wire", "httpx_kept"])
def keeping(request: pytest.FixtureRequest) -> str:
    """Kinds that keep a connection for the next call."""
    return str(request.param)


async def outcome(kind: str, *scripts: Script, limits: Limits | None = None) -> Recorder:
    async with Peer(*scripts) as peer, Rig(peer, kind, limits=limits) as rig:
        return await rig.ask()


async def test_whole_answer_comes_with_status_headers_and_body(kind: str) -> None:
    async with Peer([whole(429, ANSWER, "Retry-After: 7", "X-Two: a", "X-Two: b")]) as peer:
        async with Rig(peer, kind) as rig:
            told = await rig.ask()
    assert (told.status, told.body, told.order) == (429, ANSWER, ["head", "body", "end"])
    assert told.headers[2:] == [(b"retry-after", b"7"), (b"x-two", b"a"), (b"x-two", b"b")]


async def test_request_reaches_the_peer_as_prepared(kind: str) -> None:
    async with Peer(GOOD) as peer, Rig(peer, kind) as rig:
        recorder = Recorder()
        headers = [(b"x-request-id", b"exchange-1"), (b"x-session", b"s")]
        rig.transport.send(recorder, rig.prepared, headers, b'{"model":"m"}')
        await recorder.done()
    lines = peer.log[0].head.split(b"\r\n")
    assert lines[0] == b"POST /v1/chat/completions HTTP/1.1"
    assert sorted(line.lower() for line in lines[1:]) == [
        b"accept-encoding: identity",
        b"content-length: 13",
        b"content-type: application/json",
        b"host: 127.0.0.1:%d" % peer.port,
        b"x-request-id: exchange-1",
        b"x-session: s",
    ]
    assert (peer.log[0].body, peer.log[0].attempt_id) == (b'{"model":"m"}', "exchange-1")


async def test_large_request_is_sent_whole(kind: str) -> None:
    body = bytes(range(256)) * 20_000
    async with Peer(GOOD) as peer, Rig(peer, kind) as rig:
        assert (await rig.ask(body)).body == ANSWER
    assert peer.log[0].body == body


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([SSE_HEAD, chunk(b"one"), 0.01, chunk(b"two"), SSE_END], id="chunked"),
        pytest.param(
            [SSE_HEAD, b"3;x=y\r\none\r\n", chunk(b"two"), b"0\r\nx: y\r\n\r\n"], id="ext"
        ),
        pytest.param([b"HTTP/1.1 200 OK\r\n\r\none", 0.01, b"two", CLOSE], id="close_delimited"),
        pytest.param([b"HTTP/1.0 200 OK\r\ncontent-length: 6\r\n\r\nonetwo", HANG], id="http_1_0"),
        pytest.param(
            [
                b"HTTP/1.1 100 Continue\r\n\r\n",
                b"HTTP/1.1 103 Hints\r\nlink: x\r\n\r\n",
                whole(200, b"onetwo"),
            ],
            id="interim",
        ),
        pytest.param([whole(200, b"onetwo", "connection: close"), CLOSE], id="connection_close"),
        pytest.param(
            [whole(200, b"onetwo", "upgrade: h2,h2c", "connection: Upgrade")], id="upgrade_offered"
        ),
    ],
)
async def test_framings_give_the_same_body(kind: str, script: Script) -> None:
    told = await outcome(kind, script)
    assert (told.status, told.body, told.order[-1]) == (200, b"onetwo", "end")


@pytest.mark.parametrize("status", [204, 304])
async def test_answer_without_body_ends(kind: str, status: int) -> None:
    told = await outcome(kind, [b"HTTP/1.1 %d X\r\n\r\n" % status])
    assert (told.status, told.order) == (status, ["head", "end"])


async def test_redirect_is_an_answer_and_is_not_followed(kind: str) -> None:
    async with (
        Peer(GOOD) as other,
        Peer(
            [
                b"HTTP/1.1 307 X\r\nlocation: http://127.0.0.1:%d/\r\ncontent-length: 0\r\n\r\n"
                % other.port
            ]
        ) as peer,
    ):
        async with Rig(peer, kind) as rig:
            told = await rig.ask()
        assert (told.status, other.accepted) == (307, 0)


FAULTS = [
    pytest.param([CLOSE], FaultKind.RESET, False, id="closed_before_head"),
    pytest.param([RESET], FaultKind.RESET, False, id="reset_before_head"),
    pytest.param([b"HTTP/1.1 200 OK\r\ncontent-", CLOSE], FaultKind.RESET, True, id="half_head"),
    pytest.param([whole(200, ANSWER)[:-3], CLOSE], FaultKind.TRUNCATED, True, id="short_body"),
    pytest.param([whole(200, ANSWER)[:-3], RESET], FaultKind.TRUNCATED, True, id="reset_in_body"),
    pytest.param([*stream(b"a", ends=False), CLOSE], FaultKind.TRUNCATED, True, id="no_last_chunk"),
    pytest.param(
        [SSE_HEAD, b"5\r\nab", CLOSE], FaultKind.TRUNCATED, True, id="cut_inside_a_chunk"
    ),
    pytest.param(
        [b"HTTP/1.1 200 OK\r\n\r\nabc", 0.02, RESET], FaultKind.TRUNCATED, True, id="reset_no_end"
    ),
    pytest.param([b"SSH-2.0-x\r\n\r\n", HANG], FaultKind.MALFORMED, True, id="not_http"),
    pytest.param([SSE_HEAD, b"zz\r\n", HANG], FaultKind.MALFORMED, True, id="bad_chunk_size"),
    pytest.param(
        [SSE_HEAD, b"-1\r\n", HANG], FaultKind.MALFORMED, True, id="negative_chunk_size"
    ),
    pytest.param(
        [b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", HANG],
        FaultKind.MALFORMED, True, id="bad_length",
    ),
    pytest.param(
        [b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", HANG],
        FaultKind.MALFORMED, True, id="two_lengths",
    ),
    pytest.param(
        [b"HTTP/1.1 200 OK\r\nbad name: x\r\ncontent-length: 0\r\n\r\n", HANG],
        FaultKind.MALFORMED, True, id="bad_header_name",
    ),
    pytest.param(
        [b"HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nhi", HANG],
        FaultKind.MALFORMED, True, id="upgrade",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("script", "fault", "answered"), FAULTS)
async def test_fault_names_its_kind_and_what_had_passed(
    kind: str, script: Script, fault: FaultKind, answered: bool
) -> None:
    told = await outcome(kind, script)
    assert told.fault is not None
    assert told.fault[:3] == (fault, True, answered)
    assert told.order[-1] == "fault"


@pytest.mark.parametrize(
    ("script", "by_httpx2"),
    [
        pytest.param(
            [
                SSE_HEAD.replace(b"\r\n\r\n", b"\r\ncontent-length: 3\r\n\r\n"),
                chunk(b"abc"),
                SSE_END,
            ],
            None,
            id="length_and_chunked",
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nx: a\r\n folded\r\ncontent-length: 0\r\n\r\n", HANG],
            None,
            id="folded",
        ),
        pytest.param(
            [SSE_HEAD, b"3\nabc\n0\n\n", HANG], FaultKind.SILENT, id="bare_line_feeds_in_chunks"
        ),
    ],
)
async def test_ambiguous_framing_is_refused(
    kind: str, script: Script, by_httpx2: FaultKind | None
) -> None:
    told = await outcome(kind, script, limits=QUICK)
    got = told.fault.kind if told.fault else None
    assert WIRE_ONLY["lenient"]
    assert got is (FaultKind.MALFORMED if kind == "wire" else by_httpx2)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([HANG], id="before_head"),
        pytest.param([b"HTTP/1.1 200 OK\r\n", HANG], id="in_head"),
        pytest.param([SSE_HEAD, chunk(b"a"), HANG], id="in_body"),
    ],
)
async def test_silence_ends_a_call(kind: str, script: Script) -> None:
    told = await outcome(kind, script, limits=QUICK)
    assert told.fault is not None and told.fault.kind is FaultKind.SILENT


async def test_bytes_put_silence_off(kind: str) -> None:
    drip: Script = [SSE_HEAD, *[item for _ in range(8) for item in (chunk(b"a"), 0.04)], SSE_END]
    assert (await outcome(kind, drip, limits=QUICK)).body == b"a" * 8


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([whole(200, b"", "x: " + "y" * 3_000)], id="one_long_header"),
        pytest.param([whole(200, b"", *[f"x{n}: {n}" for n in range(500)])], id="many_headers"),
        pytest.param([b"HTTP/1.1 200 OK\r\nx: ", *[b"y" * 500] * 300, HANG], id="endless_header"),
        pytest.param([*[b"HTTP/1.1 100 X\r\n\r\n", 0.001] * 200, HANG], id="endless_interim"),
    ],
)
async def test_oversized_head_is_refused(kind: str, script: Script) -> None:
    told = await outcome(kind, script, limits=SMALL)
    assert told.fault is not None
    expected = (
        {FaultKind.TOO_LARGE} if kind == "wire" else {FaultKind.TOO_LARGE, FaultKind.MALFORMED}
    )
    assert told.fault.kind in expected


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([whole(200, b"x" * 90_000)], id="announced"),
        pytest.param([SSE_HEAD, *[chunk(b"x" * 5_000)] * 18, HANG], id="chunked"),
    ],
)
async def test_oversized_body_is_refused(kind: str, script: Script) -> None:
    told = await outcome(kind, script, limits=SMALL)
    assert told.fault is not None and told.fault.kind is FaultKind.TOO_LARGE


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([SSE_HEAD, chunk(b"a"), b"0\r\nx: ", *[b"y" * 500] * 300, HANG], id="trailer"),
        pytest.param([SSE_HEAD, chunk(b"a"), b"3;", *[b"y" * 500] * 300, HANG], id="extension"),
        pytest.param(
            [SSE_HEAD, chunk(b"a"), b"0\r\n", *[b"x: %d\r\n" % n for n in range(900)], HANG],
            id="trailers",
        ),
    ],
)
async def test_endless_framing_is_refused(script: Script) -> None:
    told = await outcome("wire", script, limits=SMALL)
    assert told.fault is not None and told.fault.kind in (FaultKind.TOO_LARGE, FaultKind.MALFORMED)


async def test_refused_connection_sends_nothing(kind: str) -> None:
    peer = await Peer(GOOD).start()
    peer.stop()
    await asyncio.sleep(0.01)
    async with Rig(peer, kind) as rig:
        told = await rig.ask()
    assert told.fault is not None and told.fault[:3] == (FaultKind.CONNECT, False, False)


# -- reuse


async def test_connection_carries_one_call_after_the_other(keeping: str) -> None:
    async with Peer(GOOD) as peer, Rig(peer, keeping) as rig:
        first, second = await rig.ask(), await rig.ask()
        assert first.call is not None and second.call is not None
        assert (first.call.reused, second.call.reused) == (False, True)
        assert first.call.peer == second.call.peer
        assert first.call.peer is not None and first.call.peer.port == peer.port
        assert (peer.accepted, rig.transport.open, rig.transport.idle) == (1, 1, 1)


async def test_fresh_call_takes_a_new_connection(kind: str) -> None:
    async with Peer(GOOD) as peer, Rig(peer, kind) as rig:
        await rig.ask()
        told = await rig.ask(fresh=True)
        assert told.call is not None and not told.call.reused
        assert peer.log[1].connection == 2


async def test_race_with_the_keepalive_timer_is_told_as_stale(keeping: str) -> None:
    async with Peer(GOOD, [CLOSE], GOOD) as peer, Rig(peer, keeping) as rig:
        await rig.ask()
        told = await rig.ask()
        assert told.fault is not None and told.fault[:3] == (FaultKind.STALE, True, False)
        assert len(peer.log) == 2, "the transport itself never sends again"
        assert (await rig.ask()).body == ANSWER


async def test_late_loss_on_a_reused_connection_is_no_race() -> None:
    ahead_s = 0.0
    async with Peer(GOOD, [0.05, RESET]) as peer:
        async with Rig(peer, now=lambda: time.monotonic() + ahead_s) as rig:
            await rig.ask()
            told = rig.send()
            ahead_s = 1.0
            await told.done()
            assert told.fault is not None and told.fault.kind is FaultKind.RESET


async def test_loss_after_a_byte_is_no_race(keeping: str) -> None:
    async with Peer(GOOD, [b"HTTP/1.1", CLOSE]) as peer, Rig(peer, keeping) as rig:
        await rig.ask()
        told = await rig.ask()
        assert told.fault is not None and told.fault.kind is FaultKind.RESET


async def test_connection_closed_by_the_peer_is_not_used_again(kind: str) -> None:
    async with Peer([*GOOD, 0.005, CLOSE]) as peer, Rig(peer, kind) as rig:
        for _ in range(3):
            assert (await rig.ask()).body == ANSWER
            await asyncio.sleep(0.02)


async def test_connection_is_closed_when_idle_for_too_long() -> None:
    limits = Limits(keepalive_s=0.1)
    async with Peer(GOOD) as peer, Rig(peer, "wire", limits=limits) as rig:
        await rig.ask()
        assert len(peer.open) == 1
        await until(lambda: peer.open == set(), 1.0)
        assert rig.transport.open == 0


@pytest.mark.parametrize(
    "tail",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", id="second_answer"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="interim"),
        pytest.param(b"junk", id="junk"),
        pytest.param(b"\r\n", id="blank_line"),
    ],
)
@pytest.mark.parametrize("which", ["wire", "httpx"])
async def test_bytes_after_an_answer_never_meet_the_next_call(which: str, tail: bytes) -> None:
    assert WIRE_ONLY["dirty"], "httpx_kept fails this, which is why it is not what we ship"
    async with Peer([whole(200, ANSWER) + tail], GOOD) as peer, Rig(peer, which) as rig:
        assert (await rig.ask()).body == ANSWER
        again = await rig.ask()
        assert (again.status, again.body) == (200, ANSWER)


async def test_late_bytes_on_an_idle_connection_close_it() -> None:
    assert WIRE_ONLY["late"]
    async with Peer([*GOOD, 0.02, b"HTTP/1.1 200 OK\r\n"], GOOD) as peer, Rig(peer) as rig:
        await rig.ask()
        await until(lambda: len(peer.lost) == 1)
        assert rig.transport.open == 0
        assert (await rig.ask()).body == ANSWER


async def test_early_answer_to_a_request_still_under_way_is_delivered(kind: str) -> None:
    may_leave, has_left = asyncio.Event(), asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        writer.write(whole(413, ANSWER))  # and the rest of the request is never read
        if kind == "wire":
            await may_leave.wait()
        else:
            await asyncio.sleep(0.05)
        writer.transport.abort()
        has_left.set()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    peer = Peer()
    peer.port = server.sockets[0].getsockname()[1]
    async with Rig(peer, kind) as rig:
        told = await rig.ask(b"x" * 20_000_000)
        if kind == "wire":
            assert (told.status, told.body) == (413, ANSWER)
        else:
            assert WIRE_ONLY["early"]
            assert told.fault is not None or told.status == 413
        await until(lambda: rig.transport.open == 0)
        may_leave.set()
        await has_left.wait()
    server.close()


# -- cancel


@pytest.mark.parametrize(
    ("script", "wait"),
    [
        pytest.param([HANG], 0, id="before_head"),
        pytest.param([b"HTTP/1.1 200 OK\r\n", HANG], 0, id="in_head"),
        pytest.param([SSE_HEAD, chunk(b"a"), HANG], 1, id="in_body"),
    ],
)
async def test_cancel_closes_the_connection_and_tells_nothing(
    kind: str, script: Script, wait: int
) -> None:
    async with Peer(script) as peer, Rig(peer, kind) as rig:
        told = rig.send()
        await until(lambda: len(peer.log) == 1 and len(told.body) == wait)
        assert told.call is not None
        seen = list(told.order)
        left = time.monotonic()
        told.call.cancel()
        told.call.cancel()
        await until(lambda: peer.lost != [])
        assert peer.lost[0] - left < 0.25
        assert told.order == seen


@pytest.mark.parametrize("when", ["head", "body"])
async def test_cancel_from_inside_a_callback_is_the_last_word(kind: str, when: str) -> None:
    def leave(told: Recorder) -> None:
        assert told.call is not None
        told.call.cancel()

    async with Peer(GOOD) as peer, Rig(peer, kind) as rig:
        told = rig.send(**{f"on_{when}": leave})
        await until(lambda: peer.lost != [])
        assert told.order[-1] == when


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5])
async def test_cancel_while_dialling_leaks_nothing(kind: str, turns: int) -> None:
    async with Peer([HANG]) as peer, Rig(peer, kind) as rig:
        told = [rig.send() for _ in range(60)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for one in told:
            assert one.call is not None
            one.call.cancel()
        await until(lambda: rig.transport.dialling == 0 and rig.transport.open == 0)
        assert all(one.order == [] for one in told)


async def test_500_cancels_at_once_then_50_good_calls() -> None:
    def script(request: object) -> Script:
        return [HANG] if b"hang" in request.body else GOOD  # type: ignore[attr-defined] # Request

    async with Peer(script) as peer, Rig(peer) as rig:
        told = [rig.send(b"hang") for _ in range(500)]
        await until(lambda: len(peer.log) == 500, 10)
        left = time.monotonic()
        for one in told:
            assert one.call is not None
            one.call.cancel()
        assert rig.transport.open == 0
        await until(lambda: len(peer.lost) == 500, 5)
        assert max(peer.lost) - left < 2.0  # client and peer share one loop
        good = await asyncio.gather(*(rig.ask() for _ in range(50)))
        assert {one.body for one in good} == {ANSWER}


# -- pause


async def test_paused_call_makes_the_peer_wait_and_loses_no_byte(kind: str) -> None:
    piece = bytes(range(256)) * 256
    limits = Limits(connect_s=1.0, silence_s=0.15)
    async with Peer(stream(*[piece] * 300)) as peer, Rig(peer, kind, limits=limits) as rig:
        told = rig.send(on_head=lambda told: told.call.pause())  # type: ignore[union-attr] # set
        await until(lambda: told.order != [])
        await asyncio.sleep(0.25)  # longer than the silence that would end it: this one is ours
        stood, taken = peer.written, len(told.body)
        await asyncio.sleep(0.05)
        assert peer.written == stood < len(piece) * 300
        assert taken == len(told.body) < 1_000_000
        assert told.call is not None
        told.call.resume()
        await told.done()
        assert told.body == piece * 300


async def test_answer_that_ends_while_paused_is_whole_after_resume(kind: str) -> None:
    script: Script = [SSE_HEAD, chunk(b"one"), 0.03, chunk(b"two"), SSE_END, CLOSE]
    async with Peer(script) as peer, Rig(peer, kind) as rig:
        told = rig.send(on_head=lambda told: told.call.pause())  # type: ignore[union-attr] # set
        await until(lambda: peer.lost != [] or len(peer.log) == 1)
        await asyncio.sleep(0.1)
        assert told.call is not None
        told.call.resume()
        await told.done()
        assert (told.body, told.order[-1]) == (b"onetwo", "end")


async def test_call_may_be_paused_before_it_has_a_connection(kind: str) -> None:
    async with Peer(GOOD) as peer, Rig(peer, kind) as rig:
        told = rig.send()
        assert told.call is not None
        told.call.pause()
        await until(lambda: len(peer.log) == 1)
        await asyncio.sleep(0.05)
        assert told.body == b""
        told.call.resume()
        assert (await told.done()).body == ANSWER


# -- limits and ends


async def test_full_pool_refuses_and_frees_itself(kind: str) -> None:
    from gateway.errors import PoolFullError

    limits = Limits(connections=2, keepalive_s=30.0)
    async with Peer([0.05, *GOOD]) as peer, Rig(peer, kind, limits=limits) as rig:
        told = [rig.send(), rig.send()]
        with pytest.raises(PoolFullError):
            rig.send()
        for one in told:
            await one.done()
        await until(lambda: rig.transport.busy == 0)
        assert (await rig.ask()).body == ANSWER
        assert (await rig.ask(fresh=True)).body == ANSWER
        assert rig.transport.open <= 2


@pytest.mark.parametrize("when", ["head", "body", "end", "fault"])
async def test_exception_in_a_callback_is_told_once_and_leaves_the_pool_whole(
    kind: str, when: str
) -> None:
    error = ValueError("defect")

    def fail(_: Recorder) -> None:
        raise error

    script = [whole(200, ANSWER)[:-3], CLOSE] if when == "fault" else GOOD
    async with Peer(script, GOOD) as peer, Rig(peer, kind) as rig:
        told = rig.send(**{f"on_{when}": fail})
        await until(lambda: rig.defects != [])
        assert rig.defects == [(told, error)]
        await until(lambda: rig.transport.busy == 0)
        assert told.order[-1] == when, "nothing follows"
        assert (await rig.ask()).body == ANSWER
        if when in ("head", "body"):
            assert peer.log[1].connection == 2


async def test_call_made_inside_the_last_callback_may_use_the_same_connection(keeping: str) -> None:
    async with Peer(GOOD) as peer, Rig(peer, keeping) as rig:
        second: list[Recorder] = []
        await rig.send(on_end=lambda _: second.append(rig.send())).done()
        assert (await second[0].done()).body == ANSWER
        assert peer.accepted == 1


async def test_close_drops_calls_in_every_state_without_a_word(kind: str) -> None:
    async with Peer(GOOD, [HANG], [SSE_HEAD, chunk(b"a"), HANG]) as peer:
        async with Rig(peer, kind) as rig:
            await rig.ask()
            told = [rig.send(), rig.send()]
            await until(lambda: len(peer.log) == 3)
            told.append(rig.send())
            seen = [list(one.order) for one in told]
            rig.transport.close()
            await until(lambda: peer.open == set() and rig.transport.dialling == 0)
            assert [one.order for one in told][2] == [] and seen[2] == []
            assert all("end" not in one.order and "fault" not in one.order for one in told)


@pytest.mark.parametrize(
    ("path", "header"),
    [
        pytest.param(b"v1", (b"a", b"b"), id="relative_path"),
        pytest.param(b"/a b", (b"a", b"b"), id="space_in_path"),
        pytest.param(b"/a\r\nx: y", (b"a", b"b"), id="line_break_in_path"),
        pytest.param(b"/v1", (b"a b", b"c"), id="space_in_name"),
        pytest.param(b"/v1", (b"a", b"b\r\nx: y"), id="line_break_in_value"),
        pytest.param(b"/v1", (b"a", b"b\0"), id="nul_in_value"),
        pytest.param(b"/v1", (b"Host", b"other"), id="host"),
        pytest.param(b"/v1", (b"Content-Length", b"0"), id="length"),
        pytest.param(b"/v1", (b"Proxy-Authorization", b"x"), id="proxy"),
    ],
)
async def test_what_would_move_the_border_of_a_request_is_refused_at_load(
    kind: str, path: bytes, header: tuple[bytes, bytes]
) -> None:
    async with Peer(GOOD) as peer, Rig(peer, kind) as rig:
        with pytest.raises(ValueError, match=r"path|header"):
            rig.transport.prepare(path, [header])


async def test_header_with_a_line_break_is_refused_before_a_connection_is_taken(kind: str) -> None:
    async with Peer(GOOD) as peer, Rig(peer, kind) as rig:
        with pytest.raises(ValueError, match="line break"):
            rig.transport.send(Recorder(), rig.prepared, [(b"x", b"a\r\nb: c")], b"")
        assert rig.transport.open + rig.transport.dialling == 0


async def test_prepared_does_not_print_the_credential(kind: str) -> None:
    async with Peer(GOOD) as peer, Rig(peer, kind) as rig:
        prepared = rig.transport.prepare(b"/v1", [(b"authorization", b"Bearer sk-secret")])
        assert "sk-secret" not in repr(prepared)


async def test_half_closed_peer_still_answers(kind: str) -> None:
    async with Peer([whole(200, ANSWER, "connection: close"), CUT]) as peer, Rig(peer, kind) as rig:
        assert (await rig.ask()).body == ANSWER


@pytest.fixture(autouse=True)
async def nothing_left_running() -> AsyncIterator[None]:
    yield
    await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    ours = [task for task in left if "gateway" in str(task.get_coro())]
    assert not ours, ours
