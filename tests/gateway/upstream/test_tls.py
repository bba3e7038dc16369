"""TLS on real handshakes: whom we believe, what breaks, and that no byte is lost on the way."""

import asyncio
import datetime
import hashlib
import ssl
import time

import pytest
import trustme

from gateway.upstream.tls import CaFileError, TlsContexts
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
from tests.upstream_rig import Rig, server_context

ANSWER = b'{"id": "c1"}'
GOOD = [whole(200, ANSWER)]
HOST = "vendor.test"


@pytest.fixture(params=["wire", "httpx"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def good(authority: trustme.CA) -> ssl.SSLContext:
    return server_context(authority.issue_cert(HOST))


async def loopback(_: str) -> list[str]:
    return ["127.0.0.1"]


def rig(peer: Peer, ca_file: str, kind: str = "wire", limits: Limits | None = None) -> Rig:
    return Rig(peer, kind, host=HOST, ca_file=ca_file, is_tls=True, resolve=loopback, limits=limits)


async def test_name_is_proved_although_an_address_is_dialled(
    good: ssl.SSLContext, ca_file: str, kind: str
) -> None:
    async with Peer(GOOD, tls=good) as peer, rig(peer, ca_file, kind) as tls:
        told = await tls.ask(b"x" * 300_000)
    assert told.body == ANSWER
    assert b"host: vendor.test:%d" % peer.port in peer.log[0].head.lower()
    assert len(peer.log[0].body) == 300_000


async def test_address_and_certificate_are_recorded(ca_file: str, kind: str) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert(HOST)
    der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
    with authority.cert_pem.tempfile() as other_ca:
        async with Peer(GOOD, tls=server_context(certificate)) as peer:
            async with rig(peer, other_ca, kind) as tls:
                told = await tls.ask()
    assert told.call is not None and told.call.peer is not None
    assert (told.call.peer.address, told.call.peer.port) == ("127.0.0.1", peer.port)
    assert told.call.peer.certificate_sha256 == hashlib.sha256(der).hexdigest()


async def test_peer_that_does_not_prove_its_name_is_an_identity_fault(
    authority: trustme.CA, ca_file: str, kind: str
) -> None:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    impostors = {
        "other name": authority.issue_cert("other.test"),
        "no name but the address": authority.issue_cert("127.0.0.1"),
        "expired": authority.issue_cert(HOST, not_after=past),
        "unknown authority": trustme.CA().issue_cert(HOST),
    }
    for reason, certificate in impostors.items():
        async with Peer(GOOD, tls=server_context(certificate)) as peer:
            async with rig(peer, ca_file, kind) as tls:
                told = await tls.ask()
        assert told.fault is not None
        assert told.fault[:3] == (FaultKind.TLS, False, False), reason
        assert told.fault.detail, reason
        assert peer.log == [], reason


async def test_literal_address_is_proved_by_an_address_in_the_certificate(
    authority: trustme.CA, ca_file: str, kind: str
) -> None:
    context = server_context(authority.issue_cert("127.0.0.1"))
    async with Peer(GOOD, tls=context) as peer, Rig(peer, kind, ca_file=ca_file) as tls:
        assert (await tls.ask()).body == ANSWER


async def test_old_protocol_is_refused_and_not_tried_with_less(
    authority: trustme.CA, ca_file: str, kind: str
) -> None:
    context = server_context(authority.issue_cert(HOST))
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with Peer(GOOD, tls=context) as peer, rig(peer, ca_file, kind) as tls:
        told = await tls.ask()
    assert told.fault is not None and told.fault.kind is FaultKind.CONNECT
    assert peer.log == []


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([CLOSE], id="closed"),
        pytest.param([0.02, RESET], id="reset"),
        pytest.param([0.02, b"HTTP/1.1 400 Bad Request\r\n\r\n", HANG], id="speaks_clear_text"),
    ],
)
async def test_broken_handshake_is_no_identity_fault(
    ca_file: str, kind: str, script: Script
) -> None:
    async with Peer(on_accept=script) as peer, rig(peer, ca_file, kind) as tls:
        told = await tls.ask()
    assert told.fault is not None and told.fault[:3] == (FaultKind.CONNECT, False, False)


async def test_slow_handshake_meets_the_connect_deadline(ca_file: str, kind: str) -> None:
    limits = Limits(connect_s=0.15)
    async with Peer(on_accept=[HANG]) as peer, rig(peer, ca_file, kind, limits) as tls:
        began = time.monotonic()
        told = await tls.ask()
        assert time.monotonic() - began < 0.5
        assert told.fault is not None and told.fault[:3] == (FaultKind.CONNECT, False, False)
        await until(lambda: len(peer.lost) == 1)


@pytest.mark.parametrize("after_s", [0.0, 0.02])
async def test_cancel_in_the_handshake_closes_the_socket(
    ca_file: str, kind: str, after_s: float
) -> None:
    async with Peer(on_accept=[HANG]) as peer, rig(peer, ca_file, kind) as tls:
        told = [tls.send() for _ in range(20)]
        await until(lambda: peer.accepted == 20)
        await asyncio.sleep(after_s)
        for one in told:
            assert one.call is not None
            one.call.cancel()
        await until(lambda: len(peer.lost) == 20 and tls.transport.dialling == 0)
        assert all(one.order == [] for one in told)


@pytest.mark.parametrize("turns", [1, 2, 4, 8, 16])
async def test_cancel_anywhere_between_connect_and_send_leaks_nothing(
    good: ssl.SSLContext, ca_file: str, kind: str, turns: int
) -> None:
    async with Peer([HANG], tls=good) as peer, rig(peer, ca_file, kind) as tls:
        told = [tls.send() for _ in range(10)]
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        for one in told:
            assert one.call is not None
            one.call.cancel()
        await until(lambda: tls.transport.open + tls.transport.dialling == 0)
        await until(lambda: peer.open == set())


async def test_cancel_in_mid_stream_is_seen_at_once(
    good: ssl.SSLContext, ca_file: str, kind: str
) -> None:
    async with Peer([SSE_HEAD, chunk(b"a"), HANG], tls=good) as peer:
        async with rig(peer, ca_file, kind) as tls:
            told = tls.send()
            await until(lambda: told.body == b"a")
            assert told.call is not None
            left = time.monotonic()
            told.call.cancel()
            await until(lambda: peer.lost != [])
            assert peer.lost[0] - left < 0.25


async def test_connection_is_kept_and_used_again(good: ssl.SSLContext, ca_file: str) -> None:
    async with Peer(GOOD, tls=good) as peer, rig(peer, ca_file) as tls:
        first, second = await tls.ask(), await tls.ask()
        assert first.call is not None and second.call is not None
        assert second.call.reused and second.call.peer is first.call.peer
        assert peer.accepted == 1


@pytest.mark.parametrize("goodbye", [pytest.param(CLOSE, id="close_notify"), RESET, CUT])
async def test_idle_connection_that_the_peer_closes_is_not_used(
    good: ssl.SSLContext, ca_file: str, goodbye: object
) -> None:
    script: Script = [*GOOD, 0.01, goodbye]  # type: ignore[list-item] # a Step
    async with Peer(script, tls=good) as peer, rig(peer, ca_file) as tls:
        for _ in range(2):
            assert (await tls.ask()).body == ANSWER
            await until(lambda: tls.transport.open == 0)


async def test_body_without_length_ends_with_close_notify(
    good: ssl.SSLContext, ca_file: str, kind: str
) -> None:
    script: Script = [b"HTTP/1.1 200 OK\r\n\r\none", 0.01, b"two", CLOSE]
    async with Peer(script, tls=good) as peer, rig(peer, ca_file, kind) as tls:
        told = await tls.ask()
    assert (told.body, told.order[-1]) == (b"onetwo", "end")


async def test_body_without_length_and_without_close_notify_is_cut(
    good: ssl.SSLContext, ca_file: str
) -> None:
    """Anybody on the path can send a FIN; httpx2 would take this for the whole answer."""
    script: Script = [b"HTTP/1.1 200 OK\r\n\r\none", 0.02, CUT]
    async with Peer(script, tls=good) as peer, rig(peer, ca_file) as tls:
        told = await tls.ask()
    assert told.fault is not None and told.fault[:3] == (FaultKind.TRUNCATED, True, True)


@pytest.mark.parametrize("end", [pytest.param(CLOSE, id="close_notify"), RESET, CUT])
async def test_loss_in_mid_body_is_truncation(
    good: ssl.SSLContext, ca_file: str, kind: str, end: object
) -> None:
    script: Script = [*stream(b"a", ends=False), 0.02, end]  # type: ignore[list-item] # a Step
    async with Peer(script, tls=good) as peer, rig(peer, ca_file, kind) as tls:
        told = await tls.ask()
    assert told.fault is not None and told.fault[:3] == (FaultKind.TRUNCATED, True, True)


async def test_paused_call_makes_the_peer_wait_and_loses_no_byte(
    good: ssl.SSLContext, ca_file: str, kind: str
) -> None:
    piece = bytes(range(256)) * 256
    async with Peer(stream(*[piece] * 300), tls=good) as peer:
        async with rig(peer, ca_file, kind) as tls:
            told = tls.send(on_head=lambda told: told.call.pause())  # type: ignore[union-attr] # set
            await until(lambda: told.order != [])
            await asyncio.sleep(0.2)
            stood, taken = peer.written, len(told.body)
            await asyncio.sleep(0.05)
            assert peer.written == stood < len(piece) * 300
            assert taken == len(told.body) < 1_000_000
            assert told.call is not None
            told.call.resume()
            await told.done()
            assert told.body == piece * 300


@pytest.mark.parametrize("size", [10, 100_000, 1_000_000])
@pytest.mark.parametrize(
    "end",
    [
        pytest.param([0.02, CUT], id="fin_alone"),
        pytest.param([CLOSE, 0.02, CUT], id="close_notify_and_fin"),
    ],
)
async def test_answer_that_the_peer_closes_behind_is_whole_after_a_pause(
    good: ssl.SSLContext, ca_file: str, kind: str, size: int, end: Script
) -> None:
    """uvloop's TLS drops what it holds when the peer leaves while reading is paused."""
    piece = b"x" * size
    script: Script = [SSE_HEAD, chunk(b"one"), 0.05, chunk(piece), chunk(b"two"), SSE_END, *end]
    async with Peer(script, tls=good) as peer, rig(peer, ca_file, kind) as tls:
        told = tls.send(on_head=lambda told: told.call.pause())  # type: ignore[union-attr] # set
        await until(lambda: told.order != [])
        await asyncio.sleep(0.15)
        assert told.call is not None
        told.call.resume()
        await told.done()
        assert (len(told.body), told.order[-1]) == (size + 6, "end")


async def test_goodbye_in_the_same_packet_as_the_end_is_a_whole_answer(
    good: ssl.SSLContext, ca_file: str, kind: str
) -> None:
    script: Script = [whole(200, ANSWER, "connection: close"), CLOSE]
    async with Peer(script, tls=good) as peer, rig(peer, ca_file, kind) as tls:
        for _ in range(5):
            assert (await tls.ask()).body == ANSWER


async def test_handshake_offers_http_1_1_alone_and_names_the_host(
    authority: trustme.CA, ca_file: str, kind: str
) -> None:
    names: list[str | None] = []
    context = server_context(authority.issue_cert(HOST))
    context.sni_callback = lambda _, name, __: names.append(name)
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with Peer(GOOD, tls=context) as peer, rig(peer, ca_file, kind) as tls:
        assert (await tls.ask()).body == ANSWER
        chosen = [one.transport.get_extra_info("ssl_object") for one in peer.open]
        assert [one.selected_alpn_protocol() for one in chosen] in ([], ["http/1.1"])
    assert names == [HOST]


def test_contexts_are_made_once_and_never_write_session_keys(
    ca_file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", f"{tmp_path}/keys")
    contexts = TlsContexts()
    context = contexts.context(ca_file)
    assert context is contexts.context(ca_file)
    assert context is not contexts.context(None)
    assert context.keylog_filename is None
    assert context.check_hostname and context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_unreadable_ca_file_is_named(tmp_path: object) -> None:
    for name, text in (("missing.pem", None), ("empty.pem", ""), ("junk.pem", "hello")):
        path = f"{tmp_path}/{name}"
        if text is not None:
            with open(path, "w") as file:
                file.write(text)
        with pytest.raises(CaFileError, match=name):
            TlsContexts().context(path)
