"""Another model in the answer is noted, or on a strict route discarded."""

from gateway.relay.substitution import judge_model
from providers.contract import (
    Kind,
)
from tests.gateway.relay.table_readers import exchange_of


def test_another_model_is_noted_or_on_a_strict_route_discarded() -> None:
    exchange, candidate = exchange_of()
    assert judge_model(exchange, candidate, "large-2026-01-01") is None
    assert exchange.substituted is None
    assert judge_model(exchange, candidate, "small") is None
    assert exchange.substituted == "small"
    exchange, candidate = exchange_of(is_strict=True)
    verdict = judge_model(exchange, candidate, "small")
    assert verdict is not None and verdict.kind is Kind.SUBSTITUTED
    assert judge_model(exchange, candidate, None) is None
