"""The egress guard: who may be dialled, and that what was checked is what is dialled."""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from gateway.catalog import Origin
from gateway.errors import EgressDeniedError
from gateway.upstream.addresses import Address, declare
from gateway.upstream.egress import EgressGuard, ascii_host
from gateway.upstream.transport import FaultKind, Limits
from tests.upstream_peer import Peer, whole
from tests.upstream_rig import LOOPBACK, Rig

ANSWER = b'{"id": "c1"}'
GOOD = [whole(200, ANSWER)]
PUBLIC = declare(["public"])
ORIGIN = Origin(host="vendor.test", port=443, is_tls=True)


@pytest.fixture(params=["wire", "httpx"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Names:
    """A resolver: answers in turn, the last one repeats."""

    def __init__(self, *answers: Sequence[str] | OSError, after_s: float = 0.0) -> None:
        self.answers = list(answers)
        self.after_s = after_s
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        await asyncio.sleep(self.after_s)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if isinstance(answer, OSError):
            raise answer
        return answer


def guard(names: Names, now: float = 0.0) -> tuple[EgressGuard, list[float]]:
    clock = [now]
    return EgressGuard(asyncio.get_running_loop(), resolve=names, now=lambda: clock[0]), clock


async def test_one_undeclared_address_refuses_the_whole_name() -> None:
    one, _ = guard(Names(["8.8.8.8", "10.0.0.1"]))
    with pytest.raises(EgressDeniedError, match=r"vendor.test is 10.0.0.1.*declares public"):
        await one.addresses("vendor.test", PUBLIC)


async def test_refused_name_is_an_egress_fault_and_reaches_nobody(kind: str) -> None:
    names = Names(["127.0.0.1", "169.254.169.254"])
    async with Peer(GOOD) as peer, Rig(peer, kind, host="vendor.test", resolve=names) as rig:
        told = await rig.ask()
        assert told.fault is not None and told.fault[:3] == (FaultKind.EGRESS, False, False)
        assert "169.254.169.254" in told.fault.detail
        assert peer.accepted == 0


async def test_loopback_is_refused_unless_it_is_declared(kind: str) -> None:
    async with Peer(GOOD) as peer:
        async with Rig(peer, kind, networks=("public",)) as rig:
            told = await rig.ask()
            assert told.fault is not None and told.fault.kind is FaultKind.EGRESS
        async with Rig(peer, kind, networks=("127.0.0.1/32",)) as rig:
            assert (await rig.ask()).body == ANSWER
        assert peer.accepted == 1


@pytest.mark.parametrize(
    "host",
    ["127.1", "2130706433", "0x7f000001", "017700000001", "localhost", "[::1]", "::ffff:127.0.0.1"],
)
async def test_other_spellings_of_loopback_are_refused_too(host: str) -> None:
    one = EgressGuard(asyncio.get_running_loop())
    with pytest.raises(EgressDeniedError):
        await one.addresses(ascii_host(host), PUBLIC)


async def test_name_that_moves_between_check_and_use_is_dialled_where_it_was_checked(
    kind: str,
) -> None:
    """DNS rebinding: the second answer would be elsewhere, and nobody asks for it."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    async with Peer(GOOD) as peer, Rig(peer, kind, host="vendor.test", resolve=names) as rig:
        told = await rig.ask()
        assert told.call is not None and told.call.peer is not None
        assert told.call.peer.address == "127.0.0.1"
        assert names.asked == ["vendor.test"]


async def test_name_that_moves_out_of_its_networks_is_refused_after_the_ttl() -> None:
    names = Names(["8.8.8.8"], ["10.0.0.1"])
    one, clock = guard(names)
    assert await one.addresses("vendor.test", PUBLIC) == (ip_address("8.8.8.8"),)
    clock[0] = 29.0
    assert await one.addresses("vendor.test", PUBLIC) == (ip_address("8.8.8.8"),)
    clock[0] = 31.0
    with pytest.raises(EgressDeniedError):
        await one.addresses("vendor.test", PUBLIC)
    assert len(names.asked) == 2


async def test_refused_answer_is_judged_per_deployment_not_per_name() -> None:
    one, _ = guard(Names(["10.0.0.1"]))
    with pytest.raises(EgressDeniedError):
        await one.addresses("vendor.test", PUBLIC)
    assert await one.addresses("vendor.test", declare(["10.0.0.0/8"])) != ()


async def test_new_resolution_does_not_move_a_connection_that_stands() -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with Peer(GOOD) as peer, Rig(peer, host="vendor.test", resolve=names) as rig:
        await rig.ask()
        rig.guard._known.clear()  # as if the time to live had passed
        told = await rig.ask()
        assert told.body == ANSWER and len(names.asked) == 1
        refused = await rig.ask(fresh=True)
        assert refused.fault is not None and refused.fault.kind is FaultKind.EGRESS


async def test_many_calls_ask_once_and_one_that_leaves_takes_nothing_away() -> None:
    names = Names(["8.8.8.8"], after_s=0.02)
    one, _ = guard(names)
    waiting = [asyncio.ensure_future(one.addresses("vendor.test", PUBLIC)) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    got = await asyncio.gather(*waiting[1:])
    assert set(got) == {(ip_address("8.8.8.8"),)} and names.asked == ["vendor.test"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"), id="nxdomain"
        ),
        pytest.param([], id="no_address"),
        pytest.param(["not an address"], id="nonsense"),
    ],
)
async def test_name_without_address_is_a_connect_fault_and_is_not_remembered(
    kind: str, answer: Sequence[str] | OSError
) -> None:
    names = Names(answer, ["127.0.0.1"])
    async with Peer(GOOD) as peer, Rig(peer, kind, host="vendor.test", resolve=names) as rig:
        told = await rig.ask()
        assert told.fault is not None and told.fault[:3] == (FaultKind.CONNECT, False, False)
        assert (await rig.ask()).body == ANSWER


async def test_defect_in_the_dial_still_ends_the_call(kind: str) -> None:
    async def broken(_: str) -> Sequence[str]:
        raise LookupError("defect")

    async with Peer(GOOD) as peer, Rig(peer, kind, host="vendor.test", resolve=broken) as rig:
        told = await rig.ask()
        assert told.fault is not None and "defect" in told.fault.detail
        assert rig.transport.dialling == 0


async def test_resolver_that_never_answers_meets_the_connect_deadline(kind: str) -> None:
    names = Names(["127.0.0.1"], after_s=60.0)
    limits = Limits(connect_s=0.1)
    async with Peer(GOOD) as peer:
        async with Rig(peer, kind, host="vendor.test", resolve=names, limits=limits) as rig:
            told = await rig.ask()
            assert told.fault is not None and told.fault[:3] == (FaultKind.CONNECT, False, False)


async def test_next_address_is_tried_when_one_does_not_answer(kind: str) -> None:
    names = Names(["127.0.0.9", "::1", "127.0.0.1"])  # nothing listens at the first two
    async with Peer(GOOD) as peer, Rig(peer, kind, host="vendor.test", resolve=names) as rig:
        told = await rig.ask()
        assert told.body == ANSWER
        assert told.call is not None and told.call.peer is not None
        assert told.call.peer.address == "127.0.0.1"


async def test_silent_address_gets_its_share_of_the_deadline_and_no_more() -> None:
    one, _ = guard(Names(["8.8.8.8", "9.9.9.9"]))
    tried: list[str] = []

    async def connect(address: Address) -> str:
        tried.append(str(address))
        if len(tried) == 1:
            await asyncio.Event().wait()
        return "connected"

    began = asyncio.get_running_loop().time()
    assert await one.dial(ORIGIN, "vendor.test", PUBLIC, 0.2, connect) == "connected"
    assert tried == ["8.8.8.8", "9.9.9.9"]
    assert asyncio.get_running_loop().time() - began < 0.19


async def test_no_more_than_four_addresses_are_tried_and_the_last_error_is_told() -> None:
    one, _ = guard(Names([f"8.8.8.{n}" for n in range(10)]))
    tried: list[str] = []

    async def connect(address: Address) -> str:
        tried.append(str(address))
        raise ConnectionRefusedError(f"refused {len(tried)}")

    with pytest.raises(ConnectionRefusedError, match="refused 4"):
        await one.dial(ORIGIN, "vendor.test", PUBLIC, 1.0, connect)


async def test_proxy_in_the_environment_is_ignored(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Peer(GOOD) as proxy, Peer(GOOD) as peer:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        async with Rig(peer, kind) as rig:
            assert (await rig.ask()).body == ANSWER
        assert (proxy.accepted, peer.accepted) == (0, 1)


@pytest.mark.parametrize(
    ("host", "ascii_form"),
    [
        ("api.example.com", "api.example.com"),
        ("API.Example.COM.", "api.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        pytest.param("faß.example", "xn--fa-hia.example", id="idna_2008_keeps_sharp_s"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("10.0.0.1", "10.0.0.1"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("my_vllm", "my_vllm"),
    ],
)
def test_host_is_asked_for_in_one_spelling(host: str, ascii_form: str) -> None:
    assert ascii_host(host) == ascii_form


@pytest.mark.parametrize(
    "host", ["", ".", "a b", "a/b", "a@b", "a:80", "a\r\nb", "-a.example", "a" * 64 + ".example"]
)
def test_host_that_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="is not a host name"):
        ascii_host(host)


async def test_international_name_is_resolved_and_told_in_ascii() -> None:
    names = Names(["127.0.0.1"])
    async with Peer(GOOD) as peer, Rig(peer, host="bücher.example", resolve=names) as rig:
        await rig.ask()
    assert names.asked == ["xn--bcher-kva.example"]
    assert b"host: xn--bcher-kva.example:%d" % peer.port in peer.log[0].head


async def test_v6_literal_is_dialled_and_bracketed() -> None:
    peer = Peer(GOOD)
    await peer.start("::1")
    async with peer.server, Rig(peer, host="::1", networks=LOOPBACK) as rig:
        assert (await rig.ask()).body == ANSWER
    assert b"host: [::1]:%d" % peer.port in peer.log[0].head


async def test_sockets_have_the_options_that_find_a_dead_host() -> None:
    async with Peer(GOOD) as peer, Rig(peer) as rig:
        await rig.ask()
        (connection,) = rig.transport._open  # type: ignore[attr-defined] # the wire's own
        got = connection.raw.get_extra_info("socket")
        assert got.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert got.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert got.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
