"""What is written down of a request: names, counts and times; what nobody said stays None."""

from gateway.ledger.entry import AttemptRow, Closed, ExchangeRow, Settled, encode_line
from gateway.upstream.transport import FaultKind
from providers import registry
from providers.contract import Dialect
from tests.core_rig import (
    JSON,
    KEY,
    SSE,
    TEXT,
    WHOLE,
    Core,
    KeptSink,
    chat,
)

CANARY = "CANARY-of-what-the-client-wrote"


def test_no_text_of_the_client_or_the_vendor_is_in_any_row() -> None:
    core = Core(["a"], ["b"])
    answer = WHOLE.replace(b"Hello.", CANARY.encode()).replace(b'"large"', b'"CANARY of model"')
    told = b'{"error":{"message":"CANARY","code":"CANARY-code","type":"CANARY"}}'
    body = chat(messages=[{"role": "user", "content": CANARY}], user=CANARY, **{CANARY: CANARY})
    odd = [(b"x-request-id", b"CANARY with spaces"), *JSON]
    core.ask(body)
    core.call("a").head(500, odd).body(told).end()
    core.serve("b", answer)
    core.ask(body)
    core.call("a").head(400, odd).body(told).end()
    core.ask(chat(model=CANARY))
    core.ask(b'{"CANARY')
    core.ask(body, headers=[*KEY, (b"x-switchgear-class", b"CANARY")])
    core.ask(chat(stream=True, user=CANARY))
    core.call("a").head(200, SSE).body(TEXT).body(b'data: {"error":{"code":"CANARY"}}\n\n')
    core.check_at_rest()
    assert len(core.journal.of(ExchangeRow)) == 6
    for row in core.journal.rows:
        assert b"CANARY" not in encode_line(row)


def test_what_nobody_said_is_none_and_never_zero() -> None:
    core = Core(["a"])
    core.ask()
    core.call("a").fault(FaultKind.CONNECT, sent=False)
    settled = core.journal.of(Settled)[0]
    assert settled.prompt_tokens is settled.completion_tokens is settled.cached_tokens is None
    assert settled.cost_micro is settled.currency is None
    assert settled.head_s is settled.first_token_s is settled.status is None
    assert settled.peer is settled.certificate is settled.vendor_request_id is None
    assert settled.answered_model is None
    assert settled.charge == "none"


def test_client_that_left_before_any_answer_got_no_status() -> None:
    core = Core(["a"])
    left, _ = core.ask()
    core.pipeline.leave(left)
    assert core.journal.of(Closed)[0].status is None
    stranger = core.pipeline.admit(registry.dialect(Dialect.OPENAI_CHAT), KeptSink(), KEY)
    core.pipeline.give_up(stranger)
    row = core.journal.of(ExchangeRow)[-1]
    assert (row.outcome, row.status) == ("caller_gone", None)
    core.check_at_rest()


def test_rows_of_a_good_request_join_and_carry_its_numbers() -> None:
    core = Core(["a"])
    exchange, _ = core.ask()
    core.loop.advance(0.25)
    core.call("a").head(200, [*JSON, (b"x-request-id", b"req_7")]).body(WHOLE).end()
    opened, attempt, settled, closed = core.journal.rows
    assert opened.outcome is None and opened.permitted == ("a",)
    assert {r.exchange for r in (attempt, settled, closed)} == {opened.id} == {exchange.id}
    assert attempt.bytes_in == len(core.call("a").sent)
    assert (settled.prompt_tokens, settled.completion_tokens) == (5, 2)
    assert (settled.cost_micro, settled.currency) == (7, "EUR")
    assert (settled.vendor_request_id, settled.answered_model) == ("req_7", "large")
    assert settled.head_s == settled.ended_s == 0.25
    assert (closed.outcome, closed.status, closed.attempts) == ("ok", 200, 1)


def test_price_without_usage_costs_nobody_knows_what() -> None:
    core = Core(["a"])
    core.ask()
    core.serve("a", WHOLE.replace(b'"usage"', b'"unused"'))
    settled = core.journal.of(Settled)[0]
    assert settled.cost_micro is settled.currency is None


def test_vendor_gets_the_attempts_id_and_only_a_recorded_one() -> None:
    core = Core(["a"], ["b"])
    core.ask()
    core.call("a").head(500).body(b"{}").end()
    core.serve("b")
    sent = [dict(core.call(n).headers)[b"x-request-id"].decode() for n in ("a", "b")]
    assert sent == [row.id for row in core.journal.of(AttemptRow)]
