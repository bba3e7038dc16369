"""One transport per origin as declared; what is no longer declared ends with its last call."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.catalog import Account, Origin
from gateway.clock import Wheel
from gateway.upstream.gate import Gate
from gateway.upstream.tls import CaFileError
from gateway.upstream.transport import Limits
from providers import registry
from providers.signing.headers import UnusableCredentialError
from tests.core_rig import HandLoop, KeptTransport, deployment


class Kept:
    """A gate whose transports a test can look at."""

    def __init__(self) -> None:
        self.made: list[KeptTransport] = []
        loop = HandLoop()
        wheel = Wheel(loop, loop.now)  # type: ignore[arg-type]
        self.gate = Gate(wheel, loop, self._build)  # type: ignore[arg-type]

    def _build(self, origin: Origin, limits: Limits) -> KeptTransport:
        self.made.append(KeptTransport(origin, limits))
        return self.made[-1]


def test_same_record_has_the_same_transport_and_a_moved_one_its_own() -> None:
    kept = Kept()
    a = deployment("a")
    first, _ = kept.gate.reach(a, "/v1/chat/completions")
    again, _ = kept.gate.reach(replace(a), "/v1/embeddings")
    assert first is again
    for moved in (
        replace(a, origin=replace(a.origin, port=444)),
        replace(a, origin=replace(a.origin, networks=("10.0.0.0/8",))),
        replace(a, origin=replace(a.origin, ca_file="/ca.pem")),
        replace(a, connections=3),
        replace(a, name="b"),
    ):
        assert kept.gate.reach(moved, "/")[0] is not first
    assert len(kept.made) == 6
    assert [m.limits.connections for m in kept.made].count(3) == 1


def test_new_credential_is_another_head_on_the_same_transport() -> None:
    kept = Kept()
    a = deployment("a")
    rotated = replace(a, account=replace(a.account, credential="sk-new"))
    assert rotated == a, "so that what is under way goes on"
    old, before = kept.gate.reach(a, "/")
    new, after = kept.gate.reach(rotated, "/")
    assert old is new
    assert dict(before.headers)[b"authorization"] == b"Bearer sk-secret"
    assert dict(after.headers)[b"authorization"] == b"Bearer sk-new"
    assert "sk-new" not in repr(after) + repr(rotated)


def test_every_request_carries_the_vendors_headers_and_asks_for_plain_bytes() -> None:
    _, prepared = Kept().gate.reach(deployment("a", vendor="anthropic"), "/v1/messages")
    headers = dict(prepared.headers)
    assert headers[b"x-api-key"] == b"sk-secret"
    assert b"anthropic-version" in headers
    assert headers[b"accept-encoding"] == b"identity"
    assert headers[b"content-type"] == b"application/json"
    assert prepared.head.startswith(b"POST /v1/messages HTTP/1.1\r\nhost: a.example\r\n")


def test_account_without_a_credential_sends_none() -> None:
    open_one = deployment("own", account="own")
    account = Account(name="own", vendor=registry.vendor("vllm"), credential=None)
    _, prepared = Kept().gate.reach(replace(open_one, account=account), "/")
    assert b"authorization" not in dict(prepared.headers)


@pytest.mark.parametrize("secret", ["sk-\r\nx: y", "sk-\0"])
def test_credential_that_would_break_the_framing_is_refused(secret: str) -> None:
    a = deployment("a")
    with pytest.raises(UnusableCredentialError):
        Kept().gate.reach(replace(a, account=replace(a.account, credential=secret)), "/")


def test_tidy_closes_what_nobody_declares_once_it_is_idle() -> None:
    kept = Kept()
    a, b = deployment("a"), deployment("b")
    kept.gate.reach(a, "/")
    kept.gate.reach(b, "/")
    old, stays = kept.made
    old.busy = 1
    kept.gate.tidy([b])
    assert not old.is_closed
    old.busy, old.dialling = 0, 1
    kept.gate.tidy([b])
    assert not old.is_closed
    old.dialling = 0
    kept.gate.tidy([b])
    assert old.is_closed and not stays.is_closed
    assert list(kept.gate.counts()) == ["b"]


def test_counts_add_up_what_a_moved_deployment_has_on_both_origins() -> None:
    kept = Kept()
    a = deployment("a")
    kept.gate.reach(a, "/")
    kept.gate.reach(replace(a, connections=7), "/")
    kept.made[0].busy, kept.made[1].busy, kept.made[1].idle = 2, 1, 4
    assert kept.gate.counts() == {"a": (3, 4)}


def test_close_ends_every_transport() -> None:
    kept = Kept()
    kept.gate.reach(deployment("a"), "/")
    kept.gate.close()
    assert kept.made[0].is_closed and not kept.gate.counts()


def test_ca_file_that_cannot_be_read_is_told_at_load_and_not_at_a_request(tmp_path: Path) -> None:
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate")
    loop = HandLoop()
    gate = Gate(Wheel(loop, loop.now), loop)  # type: ignore[arg-type]
    a = deployment("a")
    with pytest.raises(CaFileError, match=r"ca\.pem"):
        gate.stand_ready([replace(a, origin=replace(a.origin, ca_file=str(broken)))])
