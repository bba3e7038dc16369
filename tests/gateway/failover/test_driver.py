"""The driver over the real engine and relays: what it owes to rows, leases, deadlines, clients."""

from gateway.ledger.entry import Settled
from tests.core_rig import DONE, ROLE, SSE, STOP, TEXT, Core, KeptSink

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
