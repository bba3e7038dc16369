"""Refusals in the client's dialect, and whether to come back."""

import pytest

from gateway.relay.headers import NO_RETRY, RETRY
from gateway.relay.refusal import answer, refuse
from providers.contract import (
    Kind,
)
from tests.core_rig import KeptSink
from tests.gateway.relay.table_readers import Log, exchange_of


@pytest.mark.parametrize(
    ("wait_s", "retries", "shown"),
    [
        pytest.param(-1.0, NO_RETRY, None, id="waiting does not help"),
        pytest.param(0.2, RETRY, b"1", id="rounded up"),
        pytest.param(3.9, RETRY, b"4", id="soon"),
        pytest.param(4.9, NO_RETRY, b"5", id="told as not soon"),
        pytest.param(5.0, NO_RETRY, b"5", id="not soon"),
        pytest.param(60.0, NO_RETRY, b"60", id="late"),
    ],
)
def test_client_hears_whether_and_when_to_come_back(
    wait_s: float, retries: tuple[bytes, bytes], shown: bytes | None
) -> None:
    exchange, _ = exchange_of()
    exchange.sink = sink = KeptSink()
    answer(exchange, 503, "supply_exhausted", "none", [], wait_s)
    assert sink.headers[retries[0]] == retries[1]
    assert sink.headers.get(b"retry-after") == shown
    assert exchange.bytes_out == len(sink.data)


@pytest.mark.parametrize(
    "code",
    ["supply_exhausted", "deadline_exceeded", "policy_no_route", "ledger_unavailable",
     "internal", "invalid_request"],
)  # fmt: skip
def test_refusal_is_worded_for_every_code_of_the_engine(code: str) -> None:
    exchange, _ = exchange_of()
    exchange.sink = sink = KeptSink()
    exchange.unable = "no vendor carries it"
    refuse(exchange, Log(2, (Kind.THROTTLED, Kind.THROTTLED)), 503, code, -1.0)
    assert sink.code == code
    assert sink.json["error"]["message"].endswith(": throttled"), "each kind is told once"
