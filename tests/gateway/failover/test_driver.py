"""The driver over the real engine and relays: what it owes to rows, leases, deadlines, clients."""

from typing import Any

import pytest

from gateway.exchange import Exchange
from gateway.ledger.entry import AttemptRow, Settled
from gateway.supply.reactions import Scope
from gateway.upstream.transport import FaultKind
from tests.core_rig import DONE, JSON, ROLE, SSE, STOP, TEXT, WHOLE, Core, KeptSink

NO_QUOTA = b'{"error":{"code":"insufficient_quota","message":"You exceeded your current quota"}}'


def test_refusal_without_any_attempt_gives_the_lease_back() -> None:
    core = Core(["a"])
    for is_stream in (False, True):
        core.ask(is_stream=is_stream)
        if not is_stream:
            core.call("a").head(429).body(NO_QUOTA).end()  # cuts the account
        exchange, sink = core.ask(is_stream=is_stream)
        assert (sink.status, sink.code) == (503, "supply_exhausted")
        assert exchange.is_over
        core.check_at_rest()


def test_idle_deadline_holds_although_the_first_token_had_longer() -> None:
    core = Core(["a"])
    _, sink = core.ask(is_stream=True)
    core.call("a").head(200, SSE).body(ROLE + TEXT)
    core.loop.advance(29.9)
    assert not sink.is_finished
    core.loop.advance(0.3)
    assert sink.is_finished and b"stream_broken" in sink.data
    assert core.journal.of(Settled)[0].detail == "idle"
    core.check_at_rest()


def test_client_that_took_all_is_not_taken_for_stalled_by_half_an_event() -> None:
    core = Core(["a"])
    exchange, sink = core.ask(is_stream=True, sink=KeptSink(is_stuck=True))
    call = core.call("a").head(200, SSE).body(TEXT * 1_000)
    assert call.is_paused
    sink.waiting, sink.is_stuck = 0, False
    assert exchange.driver is not None
    exchange.driver.client_took_all()
    call.body(TEXT[:40])
    assert not call.is_paused
    call.body(TEXT[40:] + STOP + DONE).end()
    assert sink.is_finished and sink.data.endswith(DONE)
    core.check_at_rest()


def test_stalled_client_is_dropped_after_its_time_and_blames_nobody() -> None:
    core = Core(["a"])
    exchange, sink = core.ask(is_stream=True, sink=KeptSink(is_stuck=True))
    call = core.call("a").head(200, SSE).body(TEXT * 1_000)
    core.loop.advance(59)
    assert not sink.is_dropped, "the vendor's idle deadline rests meanwhile"
    core.loop.advance(1.2)
    assert sink.is_dropped and call.is_cancelled and exchange.is_over
    assert core.journal.of(Settled)[0].verdict == "caller_gone"
    core.check_at_rest()


# Defects of ours: planted one by one, each must end the exchange once, for client and ledger.


class PlantedError(Exception):
    """A defect."""


def break_it(*_: object, **__: object) -> Any:
    raise PlantedError


def ask_and_serve(core: Core, is_stream: bool) -> tuple[Exchange, KeptSink]:
    exchange, sink = core.ask(is_stream=is_stream)
    if core.transports["a"].calls:
        call = core.call("a").head(200, SSE if is_stream else JSON)
        if is_stream:
            call.body(ROLE + TEXT).body(STOP + DONE)
        else:
            call.body(WHOLE)
        call.end()
    return exchange, sink


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize(
    "place",
    [
        "gateway.failover.engine.step",
        "gateway.failover.driver.attempt_row",
        "gateway.failover.driver.settled_row",
        "gateway.failover.driver.closed_row",
        "gateway.relay.stream.served",
        "gateway.relay.whole.served",
        "gateway.relay.stream.is_answer",
        "gateway.relay.stream.judge_model",
        "gateway.relay.whole.judge_model",
        "gateway.observe.metrics.Metrics.attempt",
        "gateway.observe.metrics.Metrics.exchange",
        "providers.translate.choices.ChoicesStream.end",
        "providers.translate.choices.ChoicesStream.verdict",
        "providers.translate.choices.ChoicesWhole.read",
        "providers.translate.rendering.render",
        "gateway.supply.state.Standing.settle",
    ],
)
def test_planted_defect_ends_the_exchange_once(
    monkeypatch: pytest.MonkeyPatch, place: str, is_stream: bool
) -> None:
    core = Core(["a"])
    with monkeypatch.context() as patch:
        patch.setattr(place, break_it)
        exchange, sink = ask_and_serve(core, is_stream)
    assert exchange.is_over
    if sink.is_open:
        assert sink.is_finished
        assert sink.data.endswith(DONE) or b'"internal"' in sink.data
    else:
        assert sink.replies == 1
        assert sink.status == 200 or (sink.status, sink.code) == (500, "internal")
    assert core.limits.in_flight == 0
    assert core.wheel.is_empty


def test_answer_is_finished_soon_when_the_peer_forgets_to_end_the_message() -> None:
    core = Core(["a"])
    _, sink = core.ask(is_stream=True)
    call = core.call("a").head(200, SSE).body(TEXT + STOP).body(DONE)
    assert not sink.is_finished, "the last word is withheld until the end is known"
    core.loop.advance(1.1)
    assert sink.is_finished and sink.data.endswith(DONE)
    assert call.is_cancelled
    assert core.journal.of(Settled)[0].verdict == "ok"
    core.check_at_rest()


def test_lost_connection_behind_the_last_word_is_no_matter() -> None:
    core = Core(["a"])
    _, sink = core.ask(is_stream=True)
    core.call("a").head(200, SSE).body(TEXT + STOP + DONE).fault(FaultKind.TRUNCATED, answered=True)
    assert sink.data.endswith(DONE)
    assert core.journal.of(Settled)[0].verdict == "ok"


def test_error_in_the_same_read_as_the_first_text_fails_over_unseen() -> None:
    core = Core(["a"], ["b"])
    _, sink = core.ask(is_stream=True)
    call = core.call("a").head(200, SSE)
    call.body(TEXT + b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n')
    assert call.is_cancelled and not sink.is_open
    core.call("b").head(200, SSE).body(TEXT + STOP + DONE).end()
    assert sink.headers[b"x-switchgear-deployment"] == b"b"
    assert sink.data == TEXT + STOP + DONE
    core.check_at_rest()


def test_full_pool_is_ours_and_the_next_account_is_asked() -> None:
    core = Core(["a"], ["b"])
    core.ask()
    core.serve("a")
    core.transports["a"].is_full = True
    core.ask()
    core.serve("b")
    rows = core.journal.of(Settled)
    assert [row.verdict for row in rows] == ["ok", "local", "ok"]
    assert (rows[1].detail, rows[1].charge) == ("pool full", "none")
    assert core.supply.find(Scope.DEPLOYMENT, "a").is_quiet  # type: ignore[union-attr]
    core.check_at_rest()


def test_journal_that_takes_nothing_lets_nothing_out() -> None:
    core = Core(["a"])
    core.journal.is_full = True
    _, sink = core.ask()
    assert (sink.status, sink.code) == (503, "ledger_unavailable")
    assert not core.transports["a"].calls
    core.check_at_rest()


def test_row_is_written_before_the_first_byte_is_given_to_the_transport() -> None:
    core = Core(["a"])
    core.ask()
    core.serve("a")
    seen: list[int] = []
    send = core.transports["a"].send

    def look(*arguments: Any, **keywords: Any) -> Any:
        seen.append(len(core.journal.of(AttemptRow)))
        return send(*arguments, **keywords)

    core.transports["a"].send = look  # type: ignore[method-assign]
    core.ask()
    assert seen == [2]


@pytest.mark.parametrize("moment", ["held", "committed", "waiting for a repeat", "whole"])
def test_client_that_leaves_cancels_and_blames_nobody(moment: str) -> None:
    core = Core(["a"])
    exchange, _ = core.ask(is_stream=moment != "whole")
    call = core.call("a")
    if moment in ("held", "committed"):
        call.head(200, SSE).body(ROLE + (TEXT if moment == "committed" else b""))
    elif moment == "waiting for a repeat":
        call.head(500).body(b"{}").end()
    core.pipeline.leave(exchange)
    assert exchange.is_over
    if moment != "waiting for a repeat":
        assert call.is_cancelled
        assert core.journal.of(Settled)[-1].verdict == "caller_gone"
        assert core.supply.find(Scope.DEPLOYMENT, "a").is_quiet  # type: ignore[union-attr]
    core.loop.advance(700)
    core.check_at_rest()


FILTERED = STOP.replace(b'"stop"', b'"content_filter"')


@pytest.mark.parametrize("end", ["forgotten", "lost"])
def test_end_that_never_came_is_judged_like_one_that_did(end: str) -> None:
    """What the model declined is recorded as that; another model on a strict route is not sent."""
    core = Core(["a"], ["b"], is_strict=True)
    for answer in (ROLE + FILTERED, (ROLE + FILTERED).replace(b'"large"', b'"small"')):
        core.ask(is_stream=True)
        call = core.call("a").head(200, SSE).body(answer).body(DONE)
        if end == "lost":
            call.fault(FaultKind.TRUNCATED, answered=True)
        core.loop.advance(1.2)
    assert [row.verdict for row in core.journal.of(Settled)] == ["refused", "substituted"]
    core.call("b").head(200, SSE).body(TEXT + STOP + DONE).end()
    core.check_at_rest()
