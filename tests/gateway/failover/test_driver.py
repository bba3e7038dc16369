"""The driver over the real engine and relays: what it owes to rows, leases, deadlines, clients."""

from tests.core_rig import Core

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
