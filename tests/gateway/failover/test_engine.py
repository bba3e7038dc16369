"""The engine as a script of events and actions: no socket, no clock, no dice."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog import Deadlines
from gateway.clock import FAR
from gateway.failover import engine
from gateway.failover.budget import Budget
from gateway.failover.engine import Flight, step
from providers.contract import COMPLETE, EMPTY, Charge, Kind, Verdict

THROTTLED = Verdict(Kind.THROTTLED, retry_after_s=7.0)
FAULT = Verdict(Kind.UPSTREAM_FAULT)
STALE = Verdict(Kind.STALE_CONNECTION)
WENT_WELL: engine.Event = (engine.ENDED, COMPLETE)
OWN_ERROR = Verdict(Kind.CALLER_ERROR)


@dataclass(eq=False)
class Choice:
    """A candidate whose state a test sets."""

    name: str
    account: str
    is_cut: bool = False
    is_broken: bool = False
    is_ready: bool = True
    ready_s: float = 0.0

    def admits(self, now: float) -> bool:
        return self.is_ready and not self.is_cut

    def ready_at(self, now: float) -> float:
        return FAR if self.is_cut else now + self.ready_s


def make_flight(*choices: Choice, is_stream: bool = True, balance: float = 10.0) -> Flight:
    budget = Budget(balance=balance, floor_per_s=0.0, ratio=0.0)
    deadlines = Deadlines(first_token_s=5, whole_s=9, idle_s=3, total_s=60)
    return Flight(choices, budget, deadlines, 0.0, is_stream=is_stream)


def kinds(actions: engine.Actions) -> list[int]:
    return [action[0] for action in actions]


def fail(flight: Flight, verdict: Verdict, now: float = 1.0) -> engine.Actions:
    """A failure as the driver plays it: RECORD, then CHOOSE as a step of its own."""
    actions = step(flight, (engine.ENDED, verdict), now, 0.5)
    assert kinds(actions)[-2:] == [engine.RECORD, engine.CHOOSE]
    return step(flight, engine.CHOSEN, now, 0.5)


def refused(actions: engine.Actions) -> tuple[int, str, float]:
    assert kinds(actions) == [engine.REFUSE, engine.CLOSE]
    return actions[0][1:]


A, B, C, D = (("a", "one"), ("b", "two"), ("c", "three"), ("d", "four"))


def test_good_stream_takes_two_steps() -> None:
    only = Choice(*A)
    flight = make_flight(only)
    assert step(flight, engine.STARTED, 0, 0) == ((engine.SEND, only, 1, False),)
    assert kinds(step(flight, engine.READY, 1, 0)) == [engine.COMMIT]
    assert step(flight, WENT_WELL, 2, 0) == (
        (engine.DELIVER, COMPLETE),
        (engine.RECORD, only, COMPLETE),
        (engine.CLOSE, Kind.OK),
    )


def test_failure_before_commit_goes_to_another_account() -> None:
    first, second = Choice(*A), Choice(*B)
    flight = make_flight(first, second, balance=0)
    step(flight, engine.STARTED, 0, 0)
    assert fail(flight, THROTTLED) == ((engine.SEND, second, 2, False),)
    assert flight.failed == [Kind.THROTTLED]


def test_failure_after_commit_breaks_and_never_tries_again() -> None:
    flight = make_flight(Choice(*A), Choice(*B))
    step(flight, engine.STARTED, 0, 0)
    step(flight, engine.READY, 1, 0)
    actions = step(flight, (engine.ENDED, FAULT), 2, 0)
    assert kinds(actions) == [engine.RECORD, engine.BREAK, engine.CLOSE]
    assert actions[0][2].kind is Kind.BROKEN_STREAM


def test_choice_sees_the_account_that_this_failure_cut() -> None:
    first, same_account, other = Choice("a", "one"), Choice("b", "one"), Choice("c", "two")
    flight = make_flight(first, same_account, other)
    step(flight, engine.STARTED, 0, 0)
    step(flight, (engine.ENDED, Verdict(Kind.ACCOUNT_CUT_OFF)), 1, 0)
    same_account.is_cut = first.is_cut = True  # what the driver's RECORD does
    assert step(flight, engine.CHOSEN, 1, 0) == ((engine.SEND, other, 2, False),)


def test_cap_of_three_attempts_is_kept_over_the_whole_chain() -> None:
    flight = make_flight(*(Choice(*x) for x in (A, B, C, D)))
    step(flight, engine.STARTED, 0, 0)
    fail(flight, FAULT)
    fail(flight, FAULT)
    assert refused(fail(flight, FAULT))[:2] == (503, "supply_exhausted")
    assert flight.attempts == 3


def test_stale_connection_is_sent_again_once_on_a_fresh_one_without_budget() -> None:
    only = Choice(*A)
    flight = make_flight(only, balance=0)
    step(flight, engine.STARTED, 0, 0)
    assert fail(flight, STALE) == ((engine.SEND, only, 2, True),)
    assert refused(fail(flight, STALE))[0] == 503


def test_stale_connection_counts_in_the_cap() -> None:
    flight = make_flight(*(Choice(*x) for x in (A, B, C)))
    step(flight, engine.STARTED, 0, 0)
    fail(flight, STALE)
    fail(flight, FAULT)
    assert refused(fail(flight, FAULT))[0] == 503


def test_refused_budget_stops_the_third_attempt_but_not_the_first_failover() -> None:
    flight = make_flight(*(Choice(*x) for x in (A, B, C)), balance=0)
    step(flight, engine.STARTED, 0, 0)
    assert kinds(fail(flight, FAULT)) == [engine.SEND]
    assert refused(fail(flight, FAULT))[0] == 503


def test_empty_budget_still_moves_to_another_account_past_the_same_one() -> None:
    other = Choice("c", "two")
    flight = make_flight(Choice("a", "one"), Choice("b", "one"), other, balance=0)
    step(flight, engine.STARTED, 0, 0)
    assert fail(flight, FAULT) == ((engine.SEND, other, 2, False),)


def test_only_deployment_is_repeated_after_a_spread_wait() -> None:
    only = Choice(*A)
    flight = make_flight(only)
    step(flight, engine.STARTED, 0, 0)
    assert fail(flight, FAULT, now=1.0) == ()
    assert flight.due == pytest.approx(1.0 + 0.2 * (0.5 + 0.5))
    assert step(flight, engine.TICKED, flight.due, 0) == ((engine.SEND, only, 2, False),)
    assert refused(fail(flight, FAULT))[0] == 503, "repeated once"


def test_repeat_waits_as_long_as_the_vendor_asked() -> None:
    flight = make_flight(Choice(*A))
    step(flight, engine.STARTED, 0, 0)
    fail(flight, Verdict(Kind.OVERLOADED, retry_after_s=4.0), now=1.0)
    assert flight.due == 5.0


def test_no_wait_is_promised_where_what_failed_is_ready() -> None:
    """A client that tried again would multiply attempts that are capped here."""
    flight = make_flight(Choice(*A), Choice(*B))
    step(flight, engine.STARTED, 0, 0)
    fail(flight, Verdict(Kind.CORRUPT_ANSWER))
    assert refused(fail(flight, Verdict(Kind.CORRUPT_ANSWER))) == (503, "supply_exhausted", -1.0)


def test_repeat_is_not_waited_for_beyond_the_total_deadline() -> None:
    flight = make_flight(Choice(*A, ready_s=100.0))
    step(flight, engine.STARTED, 0, 0)
    assert refused(fail(flight, Verdict(Kind.OVERLOADED, retry_after_s=100.0)))[2] == 60.0


def test_deployment_cut_during_the_wait_is_not_repeated() -> None:
    only = Choice(*A)
    flight = make_flight(only)
    step(flight, engine.STARTED, 0, 0)
    fail(flight, FAULT, now=1.0)
    only.is_cut = True
    assert refused(step(flight, engine.TICKED, flight.due, 0)) == (503, "supply_exhausted", -1.0)


@pytest.mark.parametrize(
    ("is_stream", "due"), [pytest.param(True, 5, id="stream"), pytest.param(False, 9, id="whole")]
)
def test_silence_fails_over_at_its_own_deadline(is_stream: bool, due: float) -> None:
    second = Choice(*B)
    flight = make_flight(Choice(*A), second, is_stream=is_stream)
    step(flight, engine.STARTED, 0, 0)
    assert flight.due == due
    actions = step(flight, engine.TICKED, due, 0)
    assert kinds(actions) == [engine.CANCEL, engine.RECORD, engine.CHOOSE]
    assert (actions[1][2].kind, actions[1][2].charge) == (Kind.BROWNOUT, Charge.UNKNOWN)
    assert step(flight, engine.CHOSEN, due, 0) == ((engine.SEND, second, 2, False),)


def test_progress_before_the_commit_does_not_move_the_first_token_deadline() -> None:
    flight = make_flight(Choice(*A))
    step(flight, engine.STARTED, 0, 0)
    flight.progress(4.0)
    assert flight.due == 5


def test_idle_stream_is_broken_and_says_so() -> None:
    flight = make_flight(Choice(*A))
    step(flight, engine.STARTED, 0, 0)
    step(flight, engine.READY, 1, 0)
    flight.progress(2.0)
    assert step(flight, engine.TICKED, 4.9, 0) == ()
    actions = step(flight, engine.TICKED, 5.0, 0)
    assert kinds(actions) == [engine.CANCEL, engine.RECORD, engine.BREAK, engine.CLOSE]


def test_total_deadline_before_commit_is_504() -> None:
    flight = make_flight(Choice(*A))
    flight.deadlines = Deadlines(first_token_s=100, total_s=60)
    flight.first_s = 100
    step(flight, engine.STARTED, 0, 0)
    actions = step(flight, engine.TICKED, 60, 0)
    assert kinds(actions) == [engine.CANCEL, engine.RECORD, engine.REFUSE, engine.CLOSE]
    assert actions[2][1:3] == (504, "deadline_exceeded")


def test_total_deadline_of_a_running_stream_blames_nobody() -> None:
    flight = make_flight(Choice(*A))
    step(flight, engine.STARTED, 0, 0)
    step(flight, engine.READY, 1, 0)
    flight.progress(59)
    actions = step(flight, engine.TICKED, 60, 0)
    assert (actions[1][2].kind, actions[2]) == (Kind.LOCAL, (engine.BREAK, "deadline_exceeded"))


def test_total_deadline_while_waiting_for_a_repeat_is_504() -> None:
    flight = make_flight(Choice(*A))
    step(flight, engine.STARTED, 0, 0)
    fail(flight, FAULT, now=59.9)
    assert refused(step(flight, engine.TICKED, 60, 0))[:2] == (504, "deadline_exceeded")


def test_repeat_does_not_go_past_an_open_breaker() -> None:
    only = Choice(*A)
    flight = make_flight(only)
    step(flight, engine.STARTED, 0, 0)
    only.is_broken = True  # this very failure was the one too many
    assert refused(fail(flight, FAULT))[0] == 503


def test_breaker_that_opens_during_the_wait_stops_the_repeat() -> None:
    only = Choice(*A)
    flight = make_flight(only)
    step(flight, engine.STARTED, 0, 0)
    fail(flight, FAULT, now=1.0)
    only.is_broken = True
    assert refused(step(flight, engine.TICKED, flight.due, 0))[0] == 503


def test_client_that_left_is_nobodys_failure() -> None:
    flight = make_flight(Choice(*A), Choice(*B))
    step(flight, engine.STARTED, 0, 0)
    actions = step(flight, engine.LEFT, 1, 0)
    assert kinds(actions) == [engine.CANCEL, engine.RECORD, engine.CLOSE]
    assert actions[1][2].kind is Kind.CALLER_GONE
    assert step(flight, WENT_WELL, 2, 0) == (), "late news is no news"


def test_callers_own_error_is_delivered_and_never_shopped() -> None:
    flight = make_flight(Choice(*A), Choice(*B))
    step(flight, engine.STARTED, 0, 0)
    actions = step(flight, (engine.ENDED, OWN_ERROR), 1, 0)
    assert kinds(actions) == [engine.DELIVER, engine.RECORD, engine.CLOSE]


def test_declined_answer_is_delivered_also_after_the_commit() -> None:
    declined = Verdict(Kind.REFUSED, charge=Charge.FULL)
    for commits in (False, True):
        flight = make_flight(Choice(*A), Choice(*B))
        step(flight, engine.STARTED, 0, 0)
        if commits:
            step(flight, engine.READY, 1, 0)
        assert kinds(step(flight, (engine.ENDED, declined), 2, 0))[0] == engine.DELIVER


def test_empty_answer_is_a_fault_once_and_meant_twice() -> None:
    flight = make_flight(Choice(*A), Choice(*B))
    step(flight, engine.STARTED, 0, 0)
    fail(flight, EMPTY)
    assert kinds(step(flight, (engine.ENDED, EMPTY), 2, 0)) == [
        engine.DELIVER,
        engine.RECORD,
        engine.CLOSE,
    ]


def test_candidate_barred_by_newer_policy_costs_no_attempt() -> None:
    second = Choice(*B)
    flight = make_flight(Choice(*A), second)
    step(flight, engine.STARTED, 0, 0)
    assert step(flight, engine.DENIED, 0, 0) == ((engine.SEND, second, 1, False),)


@pytest.mark.parametrize(
    ("bar", "answer"),
    [
        pytest.param(engine.DENIED, (403, "policy_no_route", -1.0), id="policy"),
        pytest.param(engine.UNABLE, (400, "invalid_request", -1.0), id="request"),
    ],
)
def test_all_barred_is_a_refusal_and_no_outage(
    bar: engine.Event, answer: tuple[int, str, float]
) -> None:
    flight = make_flight(Choice(*A))
    step(flight, engine.STARTED, 0, 0)
    assert refused(step(flight, bar, 0, 0)) == answer


def test_barred_after_a_failure_is_an_outage() -> None:
    flight = make_flight(Choice(*A), Choice(*B), balance=0)
    step(flight, engine.STARTED, 0, 0)
    fail(flight, FAULT)
    assert refused(step(flight, engine.DENIED, 1, 0))[1] == "supply_exhausted"


def test_nothing_ready_is_503_with_the_soonest_return() -> None:
    flight = make_flight(
        Choice(*A, is_ready=False, ready_s=40), Choice(*B, is_ready=False, ready_s=7)
    )
    assert refused(step(flight, engine.STARTED, 0, 0)) == (503, "supply_exhausted", 7)


def test_unwritten_row_sends_nothing() -> None:
    flight = make_flight(Choice(*A), Choice(*B))
    step(flight, engine.STARTED, 0, 0)
    assert refused(step(flight, engine.ROWLESS, 0, 0))[:2] == (503, "ledger_unavailable")


VERDICTS = st.sampled_from([Verdict(kind) for kind in Kind] + [EMPTY, THROTTLED])
EVENTS = st.one_of(
    st.sampled_from(
        [engine.READY, engine.LEFT, engine.DENIED, engine.UNABLE, engine.ROWLESS, WENT_WELL]
    ),
    VERDICTS.map(lambda verdict: (engine.ENDED, verdict)),
    st.just(engine.TICKED),
)


@given(
    events=st.lists(EVENTS, max_size=12),
    accounts=st.lists(st.sampled_from("xyz"), min_size=1, max_size=5),
    balance=st.floats(0, 5),
    is_stream=st.booleans(),
    chance=st.floats(0, 0.999),
)
def test_any_history_ends_once_within_the_cap(
    events: list[engine.Event], accounts: list[str], balance: float, is_stream: bool, chance: float
) -> None:
    """Whatever happens: at most three sends, one close, one record a send, nothing after it."""
    choices = [Choice(str(i), account) for i, account in enumerate(accounts)]
    flight = make_flight(*choices, is_stream=is_stream, balance=balance)
    sends = records = closes = commits = 0
    now, open_attempt = 0.0, False
    queue = [engine.STARTED, *events, *[engine.LEFT] * 2]
    while queue:
        event = queue.pop(0)
        if event is engine.TICKED:
            now = min(flight.due, 1e6)
        if event[0] in (engine.BARRED, engine.UNRECORDED) and not (open_attempt and not commits):
            continue  # the driver says these only of the SEND it was just given
        if event[0] in (engine.CONTENT, engine.ENDED) and not open_attempt:
            continue  # no call, no news of it
        for action in step(flight, event, now, chance):
            assert not closes, "nothing after CLOSE"
            if action[0] == engine.SEND:
                sends, open_attempt = sends + 1, True
            elif action[0] == engine.RECORD:
                records, open_attempt = records + 1, False
            elif action[0] == engine.COMMIT:
                commits += 1
            elif action[0] == engine.CHOOSE:
                queue.insert(0, engine.CHOSEN)
            elif action[0] == engine.CLOSE:
                closes += 1
        if event[0] in (engine.BARRED, engine.UNRECORDED):
            sends -= 1  # nothing went out
            open_attempt = flight.phase == engine.TRYING
    assert closes == 1
    assert records == sends <= engine.ATTEMPT_CAP
    assert commits <= 1
