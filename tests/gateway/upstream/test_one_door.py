"""Only the door connects outward: the audit sees it, and sees who goes past it."""

import asyncio
import socket
from pathlib import Path

import pytest

import gateway
from gateway.catalog import Origin
from gateway.upstream.egress import CONNECT_EVENT
from tests.connect_audit import Connect, opening_calls, recording
from tests.upstream_peer import Peer, until, whole
from tests.upstream_rig import Rig

GOOD = [whole(200, b"{}")]


@pytest.mark.parametrize("kind", ["wire", "httpx"])
async def test_every_dial_is_seen_on_every_loop(kind: str) -> None:
    with recording() as audit:
        async with Peer(GOOD) as peer, Rig(peer, kind) as rig:
            await rig.ask()
    assert {(one.address, one.port) for one in audit.seen} == {("127.0.0.1", peer.port)}
    assert audit.strays({("127.0.0.1", peer.port)}) == []
    (stray, *_) = audit.strays({("127.0.0.1", peer.port + 1)})
    assert stray.module.startswith("gateway.upstream.")


async def test_connect_past_the_door_is_a_stray() -> None:
    async with Peer(GOOD) as peer:
        # A module of ours as the audit would see it, with a socket of its own.
        room = {"__name__": "gateway.ledger.sinks", "socket": socket}
        exec("def reach(port): socket.create_connection(('127.0.0.1', port)).close()", room)
        with recording() as audit:
            await asyncio.to_thread(room["reach"], peer.port)  # type: ignore[arg-type] # made above
        await until(lambda: len(peer.lost) == 1)
    assert audit.strays({("127.0.0.1", peer.port)}) == [
        Connect("gateway.ledger.sinks", "127.0.0.1", peer.port)
    ]


async def test_client_of_the_test_itself_is_no_stray() -> None:
    async with Peer(GOOD) as peer:
        with recording() as audit:
            with socket.create_connection(("127.0.0.1", peer.port)):
                pass
        await until(lambda: len(peer.lost) == 1)
    assert len(audit.seen) == 1 and audit.strays(set()) == []


def test_audit_that_is_over_records_nothing() -> None:
    with recording() as audit:
        pass
    with socket.socket() as unheard:
        unheard.setblocking(False)
        unheard.connect_ex(("127.0.0.1", 9))
    assert audit.seen == []


def test_no_other_room_of_the_gateway_opens_connections() -> None:
    found = opening_calls(Path(next(iter(gateway.__path__))))
    assert [call for call in found if not call.startswith("upstream/")] == []
    assert any("create_connection" in call for call in found), "the scan sees the door"


def test_name_of_the_event_is_a_contract() -> None:
    """Operators may hook it too: `sys.addaudithook` in a sitecustomize of theirs."""
    assert CONNECT_EVENT == "switchgear.upstream.connect"
    assert Origin(host="a", port=1, is_tls=False).networks == ("public",)
