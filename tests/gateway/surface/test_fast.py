"""The fast adaptor: the same answers as over ASGI, and what is its own.

The rest of what it must hold is the suite itself, which `make test-fast` runs over it.
"""

import asyncio
import gc
import json
import logging
import ssl
import tomllib
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.exchange import Exchange
from gateway.failover.driver import Driver
from gateway.practice.grid import Grid
from gateway.practice.log import Outcome
from gateway.surface import app
from gateway.surface.fast import UVICORN, Fast, FastCycle
from gateway.surface.protocol import PIPELINED
from tests.gateway.surface.raw_client import GOOD, Raw, Reply, connect, get, post
from tests.house import SLOW, House, scenario, until

ROOT = Path(__file__).parents[3]
STREAM = GOOD[:-1] + b',"stream":true}'
ROUTES = {"chat": ["aurora", "borealis"], "embed": ["aurora.embed"]}
OTHER_EACH_TIME = ("x-switchgear-request-id", "x-switchgear-overhead-ms", "content-length")


def fast_house(grid: Grid, **more: Any) -> House:
    return House(grid, ROUTES, adaptor="fast", **{"deadlines": SLOW, **more})


def every_kind(house: House) -> list[bytes]:
    """One request of every kind that a hot path answers by itself."""
    prompt = json.dumps({"model": "chat", "prompt": "Hello."}).encode()
    entry = json.dumps({"model": "embed", "input": "Hello."}).encode()
    response = json.dumps({"model": "chat", "input": "Hello.", "store": False}).encode()
    return [
        post(house, GOOD),
        post(house, STREAM),
        post(house, prompt, path="/v1/completions"),
        post(house, entry, path="/v1/embeddings"),
        post(house, response, path="/v1/responses"),
        post(house, GOOD, "connection: close"),
        post(house, STREAM, "connection: close"),
        post(house, b"{}"),
        post(house, b"x" * 30_000),
        post(house, GOOD, key="sg_no"),
        post(house, GOOD, "content-encoding: gzip"),
        post(house, GOOD.replace(b"chat", b"nobody")),
    ]


async def ask_all(house: House) -> list[Reply]:
    replies = []
    for sent in every_kind(house):
        async with connect(house) as raw:
            replies.append(await raw.send(sent).reply())
            if b"connection: close" in sent:
                assert await raw.rest() == b""
    return replies


@scenario
async def test_hot_requests_never_touch_asgi() -> None:
    async def serve(*_: object) -> None:
        raise AssertionError("a hot request went through ASGI")

    async with Grid(gap_s=0.0) as grid, fast_house(grid) as house:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(app, "serve", serve)
            replies = await ask_all(house)
            async with connect(house) as raw:  # the trap is set where it should be
                expect = post(house, GOOD, "expect: 100-continue")
                assert (await raw.send(expect).reply()).status == 500
    assert [reply.status for reply in replies] == [*[200] * 7, 400, 400, 401, 415, 404]


@scenario
async def test_answers_are_those_of_the_other_adaptor() -> None:
    told = []
    for adaptor in ("asgi", "fast"):
        async with (
            Grid(gap_s=0.0) as grid,
            House(
                grid,
                ROUTES,
                adaptor=adaptor,
                settings={"limits": {"body_bytes": 20_000}},
                deadlines=SLOW,
            ) as house,
        ):
            told.append([_lasting(reply) for reply in await ask_all(house)])
    assert told[0] == told[1]
    assert [status for status, _ in told[0]] == [*[200] * 7, 400, 413, 401, 415, 404]


def _lasting(reply: Reply) -> tuple[int, dict[str, str]]:
    headers = {k: "" if k in OTHER_EACH_TIME else v for k, v in reply.headers.items()}
    return reply.status, headers


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param("HTTP/1.0", 200, id="an older version"),
        pytest.param("?api-version=1", 200, id="a query"),
        pytest.param("upgrade", 400, id="an upgrade, whose body is nobody's"),
    ],
)
def test_what_is_not_plain_is_served_all_the_same(sent: str, status: int) -> None:
    @scenario
    async def run() -> None:
        async with Grid(gap_s=0.0) as grid, fast_house(grid) as house, connect(house) as raw:
            if sent == "HTTP/1.0":
                request = post(house, GOOD).replace(b"HTTP/1.1", b"HTTP/1.0")
            elif sent == "upgrade":
                request = post(house, GOOD, "connection: upgrade", "upgrade: h2c")
            else:
                request = post(house, GOOD, path="/v1/chat/completions" + sent)
            assert (await raw.send(request).reply()).status == status

    run()


@scenario
async def test_requests_of_one_read_are_answered_in_their_order() -> None:
    async with Grid(gap_s=0.0) as grid, fast_house(grid) as house, connect(house) as raw:
        bad, stranger = post(house, b"{}"), post(house, GOOD, key="sg_no")
        raw.send(stranger + bad + post(house, GOOD) + bad + get("/v1/nothing") + stranger)
        assert [(await raw.reply()).status for _ in range(6)] == [401, 400, 200, 400, 404, 401]
        assert (await raw.send(post(house, STREAM)).reply()).status == 200


@scenario
async def test_one_read_gets_no_more_answers_than_may_wait() -> None:
    async with Grid(gap_s=0.0) as grid, fast_house(grid) as house, connect(house) as raw:
        rest = await raw.send(post(house, b"", key="sg_no") * 500).rest()
        assert PIPELINED <= rest.count(b"HTTP/1.1 401") <= PIPELINED + 2


@pytest.mark.parametrize("first", ["refused", "served"])
def test_nothing_is_served_behind_the_last_request(first: str) -> None:
    @scenario
    async def run() -> None:
        async with Grid(gap_s=0.0) as grid, fast_house(grid) as house, connect(house) as raw:
            last = post(house, b"{}" if first == "refused" else GOOD, "connection: close")
            raw.send(last + post(house, GOOD) + post(house, GOOD, "expect: 100-continue"))
            reply = await raw.reply()
            assert reply.headers["connection"] == "close"
            assert await raw.rest() == b""
            assert await house.outcomes() == ["invalid_request" if first == "refused" else "ok"]

    run()


@scenario
async def test_client_behind_whose_request_others_wait_is_seen_to_leave() -> None:
    async with Grid(gap_s=0.0) as grid, fast_house(grid) as house:
        grid.fail("aurora", "wire/hang")
        async with connect(house) as raw:
            raw.send(post(house, GOOD) + post(house, GOOD) * 3)
            await until(lambda: len(grid.log("aurora")) == 1)
        await until(lambda: grid.log("aurora")[0].outcome is Outcome.CLIENT_LEFT, 0.2)
        assert await house.kinds() == ["caller_gone"]


@scenario
async def test_answer_of_megabytes_is_whole() -> None:
    async with Grid(gap_s=0.0) as grid, fast_house(grid) as house, connect(house) as raw:
        many = json.dumps({"model": "embed", "input": ["Hello."] * 200}).encode()
        reply = await raw.send(post(house, many, path="/v1/embeddings")).reply()
        assert reply.status == 200 and len(reply.body) > 1_000_000
        assert len(json.loads(reply.body)["data"]) == 200


@scenario
async def test_requests_leave_no_rings() -> None:
    async with Grid(gap_s=0.0) as grid, fast_house(grid) as house:
        await ask_all(house)
        await house.settle()
        await until(lambda: not house._servers[0].server_state.connections)
        gc.collect()
        gc.disable()
        try:
            await ask_all(house)
            grid.fail("aurora", "wire/hang", times=1)
            for sent in (post(house, GOOD)[:-5], post(house, GOOD)):
                async with connect(house) as raw:
                    raw.send(sent)
                    await until(lambda: house.gateway.pipeline.limits.in_flight == 1)
            await house.settle()
            await until(lambda: not house._servers[0].server_state.connections)
            left = [
                each
                for each in gc.get_objects()
                if isinstance(each, (Exchange, Driver, FastCycle, Fast))
            ]
        finally:
            gc.enable()
    assert not left


# What does not fit.


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param("version", "0.55.1", id="another version"),
        pytest.param("member", "resume_writing", id="a member is missing"),
    ],
)
def test_another_uvicorn_is_served_over_asgi_and_the_log_says_why(
    change: str, why: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    @scenario
    async def run() -> None:
        if change == "version":
            monkeypatch.setattr(uvicorn, "__version__", why)
        else:
            monkeypatch.delattr(HttpToolsProtocol, why)
            monkeypatch.delattr(asyncio.BaseProtocol, why)
        async with Grid(gap_s=0.0) as grid, fast_house(grid) as house:
            assert not issubclass(house.gateway.data_protocol, Fast)
            async with connect(house) as raw:
                assert (await raw.send(post(house, GOOD)).reply()).status == 200

    with caplog.at_level(logging.WARNING, logger="switchgear"):
        run()
    [line] = [r.getMessage() for r in caplog.records if "adaptor" in r.getMessage()]
    assert why in line and "listen.data.adaptor" in line


def test_version_known_from_within_is_the_pinned_one() -> None:
    pins = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    [pin] = [pin for pin in pins if pin.startswith("uvicorn")]
    major, minor = map(int, UVICORN.rstrip(".").split("."))
    assert pin == f"uvicorn>={major}.{minor},<{major}.{minor + 1}"


# Defects of ours.


@pytest.mark.parametrize(
    ("place", "outcomes"),
    [
        pytest.param("admit", [], id="before the key is known"),
        pytest.param("hold", ["internal"], id="within the body"),
    ],
)
def test_defect_is_a_500_and_ends_the_connection(place: str, outcomes: list[str]) -> None:
    @scenario
    async def run() -> None:
        async with Grid(gap_s=0.0) as grid, fast_house(grid) as house, connect(house) as raw:
            pipeline = house.gateway.pipeline
            works = getattr(pipeline, place)

            def fail_once(*_: object) -> object:
                setattr(pipeline, place, works)
                raise TypeError("a defect")

            setattr(pipeline, place, fail_once)
            # What is behind it in the same read is not looked at.
            reply = await raw.send(post(house, GOOD) * 2).reply()
            assert (reply.status, reply.error["code"]) == (500, "internal")
            assert await raw.rest() == b""
            assert await house.outcomes() == outcomes
            assert not grid.log("aurora")

    run()


@scenario
async def test_header_of_two_lines_is_never_sent() -> None:
    async with Grid(gap_s=0.0) as grid, fast_house(grid) as house, connect(house) as raw:
        clearance = house.gateway.pipeline.services.clearance
        clearance.header = (b"x-switchgear-policy", b"x\r\nset-cookie: mine")
        raw.send(post(house, GOOD))
        assert await raw.rest() == b""


# TLS.


@scenario
async def test_tls_listener_serves_and_sees_clients_leave() -> None:
    authority = trustme.CA()
    async with Grid(gap_s=0.0) as grid:
        house = fast_house(grid)
        certificate = authority.issue_cert("127.0.0.1")
        files = {"certificate_file": "cert.pem", "key_file": "key.pem"}
        _put(house.folder, certificate)
        tls = {name: str(house.folder / file) for name, file in files.items()}
        admin = {"host": "127.0.0.1", "port": 0}
        data = {"host": "127.0.0.1", "port": 0, "adaptor": "fast", "tls": tls}
        house._settings = {"listen": {"data": data, "admin": admin}}
        async with house:
            context = ssl.create_default_context()
            authority.configure_trust(context)
            for body in (GOOD, STREAM):
                raw = await _connect_tls(house, context)
                assert (await raw.send(post(house, body)).reply()).status == 200
                raw.writer.transport.abort()
            grid.fail("aurora", "wire/hang")
            raw = await _connect_tls(house, context)
            raw.send(post(house, STREAM))
            await until(lambda: len(grid.log("aurora")) == 3)
            raw.writer.transport.abort()
            await until(lambda: grid.log("aurora")[2].outcome is Outcome.CLIENT_LEFT, 0.4)
            assert await house.kinds() == ["ok", "ok", "caller_gone"]


def _put(folder: Path, certificate: trustme.LeafCert) -> None:
    certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))


async def _connect_tls(house: House, context: ssl.SSLContext) -> Raw:
    return Raw(*await asyncio.open_connection("127.0.0.1", house.port, ssl=context))
