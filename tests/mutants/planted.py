"""Faults of our own, each a small edit of the source, and the tests that must turn red by it.

A scenario that cannot fail proves nothing.  Every law of the design is broken here on purpose,
in the way somebody might break it by accident.
"""

from dataclasses import dataclass
from typing import Final

EVERY: Final = (
    "tests/scenarios/test_every_fault.py::test_client_gets_a_whole_answer_or_one_explicit_error[{}]"
)
BOUNDS: Final = "tests/scenarios/test_bounds.py::"
FLIGHT: Final = "tests/scenarios/test_policy_in_flight.py::"
GONE: Final = "tests/scenarios/test_caller_gone.py::"
STATE: Final = "tests/scenarios/test_supply_state.py::"
FEATURES: Final = "tests/scenarios/test_features.py::"
DEFECTS: Final = "tests/scenarios/test_defects.py::"
DRIVER: Final = "gateway/failover/driver.py"
ENGINE: Final = "gateway/failover/engine.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """`old` stands in `file` exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One planted fault."""

    name: str
    what: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]


def _mutant(
    name: str, what: str, file: str, old: str, new: str, *tests: str, more: tuple[Edit, ...] = ()
) -> Mutant:
    edits = (Edit(file=file, old=old, new=new), *more)
    return Mutant(name=name, what=what, edits=edits, tests=tests)


MUTANTS: Final = (
    # Law 1: no byte without a permit.
    _mutant(
        "clearance disabled",
        "every deployment becomes a candidate",
        "gateway/routing/clearance.py",
        "                if not decision.is_permitted:\n",
        "                if not decision.is_permitted and not deployment:\n",
        EVERY.format("openai/429_requests-whole"),
        EVERY.format("openai/429_requests-stream"),
    ),
    _mutant(
        "old snapshot",
        "an attempt is not asked of the newest policy",
        DRIVER,
        "if services.clearance is not exchange.clearance and not services",
        "if services.clearance is None and not services",
        FLIGHT + "test_deployment_forbidden_meanwhile_is_not_failed_over_to",
    ),
    _mutant(
        "moved deployment",
        "what was judged at one address is sent to another",
        "gateway/routing/clearance.py",
        "if self.snapshot.catalog.deployments.get(name) != candidate.deployment:",
        "if name not in self.snapshot.catalog.deployments:",
        FLIGHT + "test_deployment_moved_meanwhile_is_not_what_was_permitted",
    ),
    _mutant(
        "unknown fact permits",
        "a vendor that does not say whether it trains counts as one that does not",
        "policies/entities.py",
        '"trains": facts.trains is not False',
        '"trains": facts.trains is True',
        "tests/policies/test_facts.py::test_the_unknown_is_rendered_at_its_worst",
    ),
    _mutant(
        "floor lowered",
        "a header can lower the class of the key",
        "policies/labels.py",
        "return max(floor, wanted, key=order.index)",
        "return wanted",
        FLIGHT + "test_header_cannot_lower_what_the_key_says",
    ),
    _mutant(
        "any address",
        "the egress guard accepts whatever a name resolves to",
        "gateway/upstream/egress.py",
        "if not declared.permits(address):",
        "if not declared:",
        "tests/gateway/upstream/test_egress.py::"
        "test_refused_name_is_an_egress_fault_and_reaches_nobody",
    ),
    # Law 2: a whole answer or one explicit error.
    _mutant(
        "early commit",
        "a frame that says nothing commits",
        DRIVER,
        "            if signal == CONTENT:\n                attempt",
        "            if signal != NOTHING:\n                attempt",
        BOUNDS + "test_frames_that_change_nothing_are_held_and_die_with_the_attempt",
        EVERY.format("stream/stall_first-stream"),
    ),
    _mutant(
        "held frames kept",
        "what the failed attempt held goes out before the next one's answer",
        "gateway/relay/stream.py",
        "        self._held: list[bytes] | None = []\n        self._held_bytes = 0\n",
        "        self._held = getattr(self, '_held', [])\n        self._held_bytes = 0\n",
        BOUNDS + "test_frames_that_change_nothing_are_held_and_die_with_the_attempt",
    ),
    _mutant(
        "silent break",
        "a stream that breaks off ends with its last word instead of an error",
        "gateway/relay/stream.py",
        "self._write(exchange.client.stream_error(code, _BREAKS[code]))",
        'self._write(b"data: [DONE]\\n\\n")',
        EVERY.format("stream/cut-stream"),
    ),
    _mutant(
        "empty accepted",
        "a 200 with nothing in it is an answer",
        "providers/translate/choices.py",
        "            return COMPLETE\n        return EMPTY",
        "            return COMPLETE\n        return COMPLETE",
        EVERY.format("answer/empty_text-whole"),
        EVERY.format("answer/empty_text-stream"),
    ),
    _mutant(
        "HTML accepted",
        "a 200 that is no JSON is an answer",
        "providers/translate/choices.py",
        'return corrupt("not a completion")',
        "return COMPLETE",
        EVERY.format("answer/html-whole"),
    ),
    _mutant(
        "redirect accepted",
        "a 3xx is an answer, or followed",
        "gateway/relay/reply.py",
        "    if status != 200:\n        return False",
        "    if status >= 400:\n        return False",
        EVERY.format("cdn/307-whole"),
    ),
    _mutant(
        "last word is enough",
        "[DONE] alone makes a stream whole",
        "providers/translate/choices.py",
        "        if not self._endings.are_whole:\n            return broken(",
        "        if not self._endings.are_whole and not self._last_word:\n"
        "            return broken(",
        EVERY.format("stream/no_terminal-stream"),
        EVERY.format("vllm/stream_engine_dead-stream"),
    ),
    _mutant(
        "error passed on",
        "a vendor's error event in a stream is one event among others",
        "providers/translate/choices.py",
        "        if chunk.error is not ABSENT and says(chunk.error):\n",
        "        if chunk.error is not ABSENT and not says(chunk.error):\n",
        EVERY.format("vllm/stream_engine_dead-stream"),
    ),
    # Law 3: one bounded retry loop.
    _mutant(
        "cap of four",
        "a fourth attempt is made",
        ENGINE,
        "ATTEMPT_CAP: Final = 3",
        "ATTEMPT_CAP: Final = 4",
        BOUNDS + "test_fourth_deployment_is_never_tried",
    ),
    _mutant(
        "race outside the cap",
        "a lost keep-alive race does not count as an attempt",
        ENGINE,
        "        flight.repeated = True\n        return (_send(flight, flight.tried[-1]",
        "        flight.repeated = True\n        flight.attempts -= 1\n"
        "        return (_send(flight, flight.tried[-1]",
        BOUNDS + "test_lost_race_counts_in_the_cap",
        BOUNDS + "test_lost_keep_alive_race_is_a_second_attempt_on_a_fresh_connection",
    ),
    _mutant(
        "race charged",
        "a lost keep-alive race counts against the deployment",
        "gateway/supply/reactions.py",
        "Kind.STALE_CONNECTION: Reaction(blames=Scope.NOBODY, may_repeat=True)",
        "Kind.STALE_CONNECTION: Reaction(is_health=True, may_repeat=True)",
        BOUNDS + "test_lost_race_leaves_the_first_failover_free",
    ),
    _mutant(
        "free retries",
        "a retry at the same account spends no budget",
        ENGINE,
        "return flight.blamed == 1 and candidate.account != flight.tried[-1].account",
        "return flight.blamed == 1",
        BOUNDS + "test_empty_budget_refuses_a_retry_at_the_same_account",
    ),
    _mutant(
        "client's error shopped",
        "a request that is wrong is tried at every vendor",
        ENGINE,
        "    if verdict.kind is Kind.CALLER_ERROR:\n        return",
        "    if verdict.kind is Kind.REFUSED:\n        return",
        EVERY.format("openai/400_context_length-whole"),
    ),
    # Law 4: what was asked is what is sent.
    _mutant(
        "duplicate keys",
        "of two keys the last one wins",
        "providers/framing/members.py",
        "    if _encode(members) != body and len(pairs",
        "    if not members and len(pairs",
        "tests/providers/framing/test_members.py::test_duplicate_key_is_refused",
    ),
    _mutant(
        "usage delivered",
        "the usage event that only we asked for reaches the client",
        "providers/translate/choices.py",
        "return STRIPPED if has_usage and self._strips_usage else MOVED",
        "return MOVED",
        FEATURES + "test_usage_that_only_we_asked_for_is_asked_and_not_delivered",
        EVERY.format("openai/429_requests-stream"),
    ),
    _mutant(
        "strict drops",
        "a strict route drops a field without a word",
        DRIVER,
        "if out.dropped and exchange.route.is_strict:",
        "if out.dropped is None and exchange.route.is_strict:",
        FEATURES + "test_strict_route_without_one_is_a_400_that_names_the_field",
        FEATURES + "test_strict_route_goes_where_no_field_is_dropped",
    ),
    # Law 5: a row before every byte, settled once.
    _mutant(
        "row after send",
        "the bytes go out before the row is written",
        DRIVER,
        "        try:\n            if exchange.sent_at:\n",
        "        early = candidate.transport.send(self, candidate.prepared, "
        "[(b'x-request-id', row.id.encode())], body, fresh=action[3])\n"
        "        try:\n            if exchange.sent_at:\n",
        DEFECTS + "test_full_disk_sends_nothing_and_says_so",
        more=(
            Edit(
                file=DRIVER,
                old="            self._call = candidate.transport.send(\n",
                new="            self._call = early or candidate.transport.send(\n",
            ),
        ),
    ),
    _mutant(
        "settled twice",
        "an attempt is settled twice",
        DRIVER,
        "        services.journal.settle(row)\n        usage",
        "        services.journal.settle(row)\n        services.journal.settle(row)\n        usage",
        EVERY.format("odd/early_hints-whole"),
    ),
    _mutant(
        "lease kept",
        "an exchange that is over still counts as under way",
        DRIVER,
        "            exchange.lease.give_back()\n",
        "            pass\n",
        BOUNDS + "test_above_a_cap_is_refused_and_below_it_again_served[of all]",
    ),
    _mutant(
        "no row for a refusal",
        "an exchange that made no attempt leaves no row",
        DRIVER,
        "            self._services.journal.permit(row)\n        except",
        "            assert row is not None\n        except",
        STATE + "test_exhausted_supply_says_when_the_first_comes_back",
    ),
    # Law 6: nothing from outside is trusted or unbounded.
    _mutant(
        "key forwarded",
        "the client's key goes on to the vendor",
        DRIVER,
        'headers = [(b"x-request-id", row.id.encode())]',
        'headers = [(b"x-request-id", row.id.encode()), '
        '(b"x-client-key", exchange.unable.encode())]',
        BOUNDS + "test_clients_key_and_trace_of_it_never_reach_a_vendor",
        more=(
            Edit(
                file="gateway/pipeline.py",
                old="        exchange.principal = principal = self.identify(headers)\n",
                new="        exchange.principal = principal = self.identify(headers)\n"
                '        exchange.unable = dict(headers)[b"authorization"].decode()\n',
            ),
        ),
    ),
    _mutant(
        "no back-pressure",
        "the vendor is read on although the client takes nothing",
        DRIVER,
        "        if relay.waiting_bytes > self._services.high_water_bytes:\n",
        "        if relay.waiting_bytes > self._services.high_water_bytes * 10_000:\n",
        GONE + "test_slow_client_paces_the_vendor_and_gets_every_byte",
    ),
    _mutant(
        "vendor not told",
        "the vendor works on for a client that left",
        DRIVER,
        "    def _cancel(self, _: Action) -> None:\n        if self._call is not None:",
        "    def _cancel(self, _: Action) -> None:\n        if self._call is None:",
        GONE + "test_vendor_sees_the_close_within_250_ms",
    ),
    _mutant(
        "held without bound",
        "frames are held back however many there are",
        "gateway/relay/stream.py",
        "HELD_BYTES = 32_768",
        "HELD_BYTES = 32_768_000",
        BOUNDS + "test_more_than_32_kib_held_back_commits",
    ),
    # What trouble does to the supply.
    _mutant(
        "leaver blamed",
        "a client that leaves counts against the deployment",
        "gateway/supply/reactions.py",
        "        Kind.CALLER_GONE: _NOBODY,",
        "        Kind.CALLER_GONE: _HEALTH,",
        GONE + "test_vendor_sees_the_close_within_250_ms",
    ),
    _mutant(
        "shorter cooldown",
        "of two cooldowns the last one holds",
        "gateway/supply/element.py",
        "self.cool_until = max(self.cool_until, until)",
        "self.cool_until = until",
        STATE + "test_of_two_cooldowns_the_later_end_holds",
    ),
    _mutant(
        "retry-after ignored",
        "the vendor's own wait is not kept",
        "gateway/supply/state.py",
        "verdict.retry_after_s if verdict.retry_after_s > 0 else reaction.cooldown_s",
        "reaction.cooldown_s",
        STATE + "test_cooldown_lasts_as_long_as_the_vendor_says",
    ),
    _mutant(
        "many probes",
        "a breaker that is half open lets everybody through",
        "gateway/supply/element.py",
        "return not self.probe and now >= self.open_until",
        "return now >= self.open_until",
        STATE + "test_breaker_opens_after_five_and_lets_one_probe_through_at_a_time",
    ),
    _mutant(
        "quota cuts one",
        "a used-up quota takes one deployment out, not the account",
        "gateway/supply/reactions.py",
        "        Kind.QUOTA_EXHAUSTED: _ACCOUNT_CUT,",
        "        Kind.QUOTA_EXHAUSTED: Reaction(is_cut=True),",
        STATE + "test_quota_cuts_the_account_with_all_its_deployments_and_no_other",
    ),
    _mutant(
        "substitute delivered",
        "a strict route delivers another model's answer",
        "gateway/relay/substitution.py",
        "    if exchange.route.is_strict:\n",
        "    if exchange.route is None:\n",
        STATE + "test_strict_route_discards_another_models_answer",
    ),
)
