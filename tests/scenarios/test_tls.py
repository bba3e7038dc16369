"""Vendors behind TLS: the name is proved, the certificate recorded, and no doubt is let pass."""

import hashlib
import ssl
from pathlib import Path

import pytest
import trustme

from gateway.practice.grid import Grid
from tests.house import House, scenario


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.mark.parametrize("is_stream", [True, False])
def test_answer_over_tls_leaves_the_certificate_in_the_ledger(
    authority: trustme.CA, tmp_path: Path, is_stream: bool
) -> None:
    @scenario
    async def run() -> None:
        trusted = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(str(trusted))
        context = server_context(authority)
        more = {"aurora": {"ca_file": str(trusted)}}
        async with (
            Grid(tls=context) as grid,
            House(grid, {"chat": ["aurora"]}, deployments=more) as house,
        ):
            reply = await house.ask(stream=is_stream)
            assert reply.status_code == 200
            assert await house.kinds() == ["ok"]
            [row] = house.rows_of("s1")
            assert row[16] == "127.0.0.1"
            assert len(row[17]) == len(hashlib.sha256().hexdigest())

    run()


@pytest.mark.parametrize(
    ("trusts", "name"),
    [
        pytest.param(False, "127.0.0.1", id="unknown_ca"),
        pytest.param(True, "other.example", id="other_name"),
    ],
)
def test_doubtful_certificate_gets_no_byte(
    authority: trustme.CA, tmp_path: Path, trusts: bool, name: str
) -> None:
    @scenario
    async def run() -> None:
        trusted = tmp_path / "ca.pem"
        (authority if trusts else trustme.CA()).cert_pem.write_to_path(str(trusted))
        more = {"aurora": {"ca_file": str(trusted)}}
        context = server_context(authority, name)
        async with (
            Grid(tls=context) as grid,
            House(grid, {"chat": ["aurora"]}, deployments=more) as house,
        ):
            reply = await house.ask()
            assert reply.status_code == 503
            assert reply.headers["x-switchgear-failover"].split(",")[0] == "unreachable"
            assert not grid.log("aurora")
            assert [row[5] for row in house.rows_of("s1")] == ["none"] * len(house.rows_of("s1"))

    run()
