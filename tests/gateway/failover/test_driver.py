"""The driver over the real engine and relays: what it owes to rows, leases, deadlines, clients."""

from gateway.ledger.entry import Settled
from tests.core_rig import ROLE, SSE, TEXT, Core, KeptSink

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
