"""A knob acts in its scope and on its schedule, and nowhere and never else."""

from typing import Any

import pytest

from gateway.practice import BadKnobError, find_fault
from gateway.practice.knobs import Knobs, Scope

FAULT = find_fault("openai/429_requests")
REQUEST = {
    "model": "aurora-large",
    "account": "main",
    "method": "POST",
    "path": "/v1/chat/completions",
    "body": b'{"messages":"alpha"}',
}


class Hand:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def meets(knobs: Knobs, vendor: str = "aurora", **changed: Any) -> bool:
    return knobs.meet(vendor, **{**REQUEST, **changed}) is not None


@pytest.mark.parametrize(
    ("scope", "elsewhere"),
    [
        pytest.param(Scope(model="aurora-large"), {"model": "aurora-small"}, id="model"),
        pytest.param(Scope(account="main"), {"account": "spare"}, id="account"),
        pytest.param(Scope(account="main"), {"account": None}, id="nobody's account"),
        pytest.param(Scope(path=str(REQUEST["path"])), {"path": "/v1/embeddings"}, id="path"),
        pytest.param(Scope(contains=b"alpha"), {"body": b"beta"}, id="body"),
        pytest.param(Scope(), {"vendor": "europa"}, id="vendor"),
        pytest.param(Scope(), {"method": "GET", "path": "/v1/models"}, id="listing"),
    ],
)
def test_knob_acts_in_its_scope_alone(scope: Scope, elsewhere: dict[str, Any]) -> None:
    knobs = Knobs(Hand())
    knobs.turn("aurora", FAULT, **scope)
    assert not meets(knobs, **elsewhere)
    assert meets(knobs)


def test_knob_for_a_path_acts_on_a_get() -> None:
    knobs = Knobs(Hand())
    knobs.turn("aurora", FAULT, path="/v1/models")
    assert meets(knobs, method="GET", path="/v1/models")


def test_times_count_only_requests_in_scope() -> None:
    knobs = Knobs(Hand())
    knobs.turn("aurora", FAULT, account="main", times=2)
    met = [meets(knobs), meets(knobs, account="spare"), meets(knobs), meets(knobs)]
    assert met == [True, False, True, False]
    assert knobs.active() == []


def test_knob_ends_after_its_seconds() -> None:
    hand = Hand()
    knobs = Knobs(hand)
    knobs.turn("aurora", FAULT, for_s=3)
    hand.now_s = 102.9
    assert meets(knobs)
    hand.now_s = 103.0
    assert not meets(knobs)


def test_flapping_follows_the_clock() -> None:
    hand = Hand()
    knobs = Knobs(hand)
    knobs.turn("aurora", FAULT, on_s=2, every_s=5)
    seen = []
    for moment in (0, 1.9, 2, 4.9, 5, 6.9, 7, 50.5):
        hand.now_s = 100 + moment
        seen.append(meets(knobs))
    assert seen == [True, True, False, False, True, True, False, True]
    assert len(knobs.active()) == 1


def test_latest_knob_wins_and_the_older_is_under_it() -> None:
    knobs = Knobs(Hand())
    knobs.turn("aurora", FAULT)
    knobs.turn("aurora", find_fault("openai/503_overloaded"), times=1)
    met = [knobs.meet("aurora", **REQUEST) for _ in range(2)]  # type: ignore[arg-type]  # one record
    assert [fault and fault.id for fault in met] == ["openai/503_overloaded", FAULT.id]


def test_healing_takes_what_it_names() -> None:
    knobs = Knobs(Hand())
    first = knobs.turn("aurora", FAULT)
    knobs.turn("aurora", FAULT)
    knobs.turn("europa", FAULT)
    assert knobs.heal("aurora", first.number) == 1
    assert knobs.heal("borealis") == 0
    assert knobs.heal("aurora") == 1
    assert knobs.heal() == 1


def test_place_and_delay_can_be_set() -> None:
    knobs = Knobs(Hand())
    cut = knobs.turn("aurora", find_fault("stream/cut"), after_events=7)
    slow = knobs.turn("aurora", find_fault("slow/tokens"), delay_s=0.01)
    assert cut.fault.stream is not None
    assert (cut.fault.stream.after_events, slow.fault.gap_s) == (7, 0.01)


@pytest.mark.parametrize(
    ("fault", "scope"),
    [
        pytest.param(FAULT.id, Scope(on_s=2), id="half a schedule"),
        pytest.param(FAULT.id, Scope(on_s=5, every_s=5), id="always on"),
        pytest.param(FAULT.id, Scope(times=0), id="no times"),
        pytest.param(FAULT.id, Scope(for_s=0), id="no seconds"),
        pytest.param(FAULT.id, Scope(after_events=1), id="place of no stream"),
        pytest.param(FAULT.id, Scope(delay_s=1), id="delay of no slowness"),
        pytest.param("wire/refused", Scope(model="aurora-large"), id="port of one model"),
        pytest.param("wire/crashed", Scope(times=1), id="port for one request"),
    ],
)
def test_knob_that_could_not_work_is_refused(fault: str, scope: Scope) -> None:
    knobs = Knobs(Hand())
    with pytest.raises(BadKnobError):
        knobs.turn("aurora", find_fault(fault), **scope)
    assert knobs.active() == []
