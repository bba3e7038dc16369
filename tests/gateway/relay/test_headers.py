"""What every answer says of itself, in fields that nothing can break."""

import pytest

from gateway.relay.headers import served, trace
from providers.contract import (
    Kind,
)
from tests.gateway.relay.table_readers import Log, exchange_of


@pytest.mark.parametrize("model", ["a\r\nset-cookie: x", "modèle", "x" * 1_000, "", "\ud800"])
def test_what_a_vendor_calls_its_model_cannot_break_a_header(model: str) -> None:
    exchange, candidate = exchange_of()
    exchange.substituted = model
    headers = served(exchange, Log(), candidate)
    for name, value in headers:
        assert not set(b"\r\n\0") & set(name + value)
        assert len(value) <= 128 and (name + value).isascii()


def test_every_answer_names_request_attempts_and_policy() -> None:
    exchange, _ = exchange_of()
    headers = dict(trace(exchange, Log(3, (Kind.THROTTLED, Kind.BROWNOUT))))
    assert headers[b"x-switchgear-request-id"] == exchange.id.encode()
    assert headers[b"x-switchgear-attempts"] == b"3"
    assert headers[b"x-switchgear-failover"] == b"throttled,brownout"
    assert (
        headers[b"x-switchgear-policy"] == exchange.clearance.snapshot.policy.digest_shown.encode()
    )
