"""Heads that are too large, too slow, too many or no HTTP, before anybody is known."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from gateway.practice.grid import Grid
from gateway.surface.protocol import PIPELINED, Patience
from tests.gateway.surface.raw_client import GOOD, connect, get, post
from tests.house import SLOW, House
from tests.running_house import Running, running

PATIENCE = Patience(head_s=0.4, body_s=0.4, linger_s=0.4)
LIMITS = {"header_bytes": 4096, "header_count": 20, "body_bytes": 100_000}


@pytest.fixture(scope="module")
def it() -> Iterator[Running]:
    def make() -> tuple[Grid, House]:
        grid = Grid(gap_s=0.0)
        settings = {"limits": LIMITS}
        house = House(
            grid, {"chat": ["aurora"]}, settings=settings, patience=PATIENCE, deadlines=SLOW
        )
        return grid, house

    with running(make) as found:
        yield found


def fields(count: int, size: int = 1) -> list[str]:
    return [f"x-field-{n}: {'v' * size}" for n in range(count)]


@pytest.mark.parametrize(
    "more",
    [
        pytest.param(fields(30), id="too many fields"),
        pytest.param(fields(3, 2_000), id="too many bytes"),
        pytest.param(["x-field: " + "v" * 200_000], id="one field of many reads"),
    ],
)
async def test_large_head_is_refused_with_431(it: Running, more: list[str]) -> None:
    async with connect(it.house) as raw:
        reply = await raw.send(post(it.house, GOOD, *more)).reply()
        assert reply.status == 431
        assert reply.error["code"] == "head_too_large"
        assert reply.headers["x-should-retry"] == "false"


async def test_long_path_counts_as_head(it: Running) -> None:
    async with connect(it.house) as raw:
        reply = await raw.send(get("/v1/" + "a" * 5_000)).reply()
        assert reply.status == 431


async def test_head_within_the_limits_is_served(it: Running) -> None:
    async with connect(it.house) as raw:
        reply = await raw.send(post(it.house, GOOD, *fields(16, 150))).reply()
        assert reply.status == 200


async def test_limits_bind_the_admin_plane_too(it: Running) -> None:
    async with connect(it.house, it.house.admin_port) as raw:
        reply = await raw.send(get("/livez", *fields(30))).reply()
        assert reply.status == 431


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(b"x", id="inside one value"),
        pytest.param(b"x: y\r\n", id="field after field"),
    ],
)
async def test_head_without_end_is_cut_near_the_bound(it: Running, piece: bytes) -> None:
    """The parser reports neither an unfinished value nor where it will end."""
    async with connect(it.house) as raw:
        raw.send(b"GET / HTTP/1.1\r\nx: ")
        sent = 0
        while not raw.reader.at_eof() and sent < 1_000_000:
            raw.send(piece * (1024 // len(piece)))
            sent += 1024
            await asyncio.sleep(0.001)
            if raw.reader._buffer:  # type: ignore[attr-defined]  # bytes that have come
                break
        reply = await raw.reply()
        assert reply.status == 431
        assert sent < 200_000


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"", None, id="nothing"),
        pytest.param(b"\r\n", None, id="an empty line"),
        pytest.param(b"POST /v1/chat/comp", 408, id="half a request line"),
        pytest.param(b"GET / HTTP/1.1\r\nhost: x\r\n", 408, id="no end of the fields"),
    ],
)
async def test_slow_head_is_ended(it: Running, sent: bytes, status: int | None) -> None:
    async with connect(it.house) as raw:
        raw.send(sent)
        if status is None:
            assert await raw.rest() == b""
        else:
            reply = await raw.reply()
            assert (reply.status, reply.error["code"]) == (408, "request_timeout")
            assert await raw.rest() == b""


async def test_trickled_head_gains_no_time(it: Running) -> None:
    async with connect(it.house) as raw:
        async with asyncio.timeout(1.5):
            for byte in b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 100:
                raw.send(bytes((byte,)))
                await asyncio.sleep(0.02)
                if raw.reader.at_eof() or raw.reader._buffer:  # type: ignore[attr-defined]
                    break
        assert (await raw.reply()).status == 408


async def test_idle_connection_after_an_answer_is_closed(it: Running) -> None:
    """Also when an empty line came, which stops uvicorn's own timer."""
    async with connect(it.house) as raw:
        await raw.send(get("/v1/nothing")).reply()
        raw.send(b"\r\n")
        assert await raw.rest() == b""


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"hello\r\n\r\n", id="no http"),
        pytest.param(b"GET / HTTP/1.1\r\nbad header\r\n\r\n", id="field without colon"),
        pytest.param(b"GET / HTTP/1.1\r\nx : y\r\n\r\n", id="space before colon"),
        pytest.param(b"GET / HTTP/1.1\r\na: b\r\n c\r\n\r\n", id="folded field"),
        pytest.param(b"GET /\xff HTTP/1.1\r\n\r\n", id="bytes in the path"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", id="unknown version"),
        pytest.param(b"GET / HTTP/1.1\r\nx: a\x00b\r\n\r\n", id="null in a field"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="http 2"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="tls on a plain port"),
        pytest.param(
            b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 5\r\n"
            b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            id="two lengths",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
            id="two content lengths",
        ),
        pytest.param(b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", id="negative length"),
        pytest.param(b"CONNECT vendor:443 HTTP/1.1\r\n\r\n", id="connect"),
    ],
)
async def test_no_http_is_a_clear_400(it: Running, sent: bytes) -> None:
    async with connect(it.house) as raw:
        reply = await raw.send(sent).reply()
        assert (reply.status, reply.error["code"]) == (400, "invalid_request")
        assert await raw.rest() == b""


async def test_garbage_behind_a_request_does_not_spoil_its_answer(it: Running) -> None:
    body = json.dumps({**json.loads(GOOD), "stream": True}).encode()
    async with connect(it.house) as raw:
        reply = await raw.send(post(it.house, body) + b"garbage\r\n\r\n").reply()
        assert reply.status == 200
        assert reply.body.endswith(b"data: [DONE]\n\n")
        assert b"HTTP/1.1 400" not in reply.body
        assert await raw.rest() == b""


async def test_broken_body_is_a_400_and_a_row_of_its_own(it: Running) -> None:
    before = len(it.rows())
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer {it.house.key}\r\n"
        "transfer-encoding: chunked\r\n\r\n"
    ).encode()
    async with connect(it.house) as raw:
        raw.send(head + b'5\r\n{"mod\r\n')
        await asyncio.sleep(0.05)
        reply = await raw.send(b"no size\r\n").reply()
        assert reply.status == 400
        assert await raw.rest() == b""
    rows = it.rows()[before:]
    assert [(row[0], row[21]) for row in rows] == [("x1", "caller_gone")]


async def test_broken_body_behind_a_request_does_not_spoil_its_answer(it: Running) -> None:
    broken = b"POST /v1/nothing HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nno size\r\n"
    async with connect(it.house) as raw:
        raw.send(post(it.house, GOOD) + get("/v1/nothing") + broken)
        assert [(await raw.reply()).status for _ in range(2)] == [200, 404]
        assert await raw.rest() == b""


async def test_pipelined_requests_are_answered_in_their_order(it: Running) -> None:
    async with connect(it.house) as raw:
        raw.send(post(it.house, GOOD) + get("/v1/nothing") + post(it.house, b"{}"))
        assert [(await raw.reply()).status for _ in range(3)] == [200, 404, 400]


async def test_pipelined_head_that_is_too_large_waits_its_turn(it: Running) -> None:
    async with connect(it.house) as raw:
        raw.send(post(it.house, GOOD) + post(it.house, GOOD, *fields(30)))
        assert [(await raw.reply()).status for _ in range(2)] == [200, 431]


async def test_pipeline_is_bounded_and_ends_with_its_last_answer(it: Running) -> None:
    async with connect(it.house) as raw:
        raw.send(post(it.house, GOOD) + get("/v1/nothing") * 1_000)
        assert (await raw.reply()).status == 200
        rest = await raw.rest()
        assert rest.count(b"HTTP/1.1 404") == PIPELINED


async def test_trailer_fields_are_no_headers(it: Running) -> None:
    """Appended to the headers they would be a second key, or another label."""
    size = f"{len(GOOD):x}".encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer {it.house.key}\r\n"
        "transfer-encoding: chunked\r\n\r\n"
    ).encode()
    trailer = b"x-switchgear-class: nonsense\r\nauthorization: Bearer other\r\n"
    async with connect(it.house) as raw:
        raw.send(head + size + b"\r\n" + GOOD + b"\r\n0\r\n" + trailer + b"\r\n")
        assert (await raw.reply()).status == 200


async def test_trailers_without_end_are_cut(it: Running) -> None:
    head = b"POST /v1/nothing HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    async with connect(it.house) as raw:
        raw.send(head)
        assert (await raw.reply()).status == 404
        async with asyncio.timeout(3):
            while not raw.reader.at_eof():
                raw.send(b"x: y\r\n" * 10)
                await asyncio.sleep(0.005)
        assert await raw.rest() == b""  # a second answer to one request would be the next one's


async def test_upgrade_is_not_taken_and_ends_the_connection(it: Running) -> None:
    async with connect(it.house) as raw:
        upgrade = ("connection: upgrade", "upgrade: websocket")
        reply = await raw.send(get("/v1/realtime", *upgrade)).reply()
        assert reply.status == 501
        assert reply.headers["connection"] == "close"
        assert await raw.rest() == b""


async def test_expect_100_is_answered_once_the_key_is_known(it: Running) -> None:
    head, _, body = post(it.house, GOOD, "expect: 100-continue").partition(b"\r\n\r\n")
    async with connect(it.house) as raw:
        raw.send(head + b"\r\n\r\n")
        line = await asyncio.wait_for(raw.reader.readuntil(b"\r\n\r\n"), 5)
        assert line == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await raw.send(body).reply()).status == 200


async def test_expect_100_of_a_stranger_is_a_401(it: Running) -> None:
    head, _, _ = post(it.house, GOOD, "expect: 100-continue", key="sg_no").partition(b"\r\n\r\n")
    async with connect(it.house) as raw:
        assert (await raw.send(head + b"\r\n\r\n").reply()).status == 401
        assert await raw.rest() == b""  # what it never sent is not waited for


@pytest.mark.parametrize(
    "hosts",
    [
        pytest.param(["x/?"], id="slash and query"),
        pytest.param(["x#"], id="fragment"),
        pytest.param(["x?"], id="query"),
        pytest.param(["x:80/"], id="path"),
        pytest.param(["/v1/models"], id="a path alone"),
        pytest.param([""], id="empty"),
        pytest.param(["a", "b"], id="two"),
        pytest.param([], id="none"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("GET", "/v1/models/chat")],
)
async def test_host_header_opens_nothing(
    it: Running, hosts: list[str], method: str, path: str
) -> None:
    head = "\r\n".join([f"{method} {path} HTTP/1.1", *[f"host: {host}" for host in hosts]])
    async with connect(it.house) as raw:
        reply = await raw.send(f"{head}\r\ncontent-length: 0\r\n\r\n".encode()).reply()
        assert (reply.status, reply.error["code"]) == (401, "bad_key")


async def test_absolute_form_names_no_other_host(it: Running) -> None:
    """A proxy's form of a request line: the path counts, the host in it is nobody's."""
    async with connect(it.house) as raw:
        reply = await raw.send(get("http://vendor.example/v1/models")).reply()
        assert reply.status in (400, 401)
