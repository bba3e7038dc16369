"""Retries are a share of requests."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.failover.budget import Budget


def test_empty_budget_refuses() -> None:
    budget = Budget(balance=0.0, floor_per_s=0.0)
    assert not budget.withdraw(1.0)


def test_five_requests_pay_for_one_retry() -> None:
    budget = Budget(balance=0.0, floor_per_s=0.0)
    for _ in range(4):
        budget.deposit()
    assert not budget.withdraw(1.0)
    budget.deposit()
    assert budget.withdraw(1.0)


def test_floor_refills_with_time_and_not_beyond_the_cap() -> None:
    budget = Budget(balance=0.0, floor_per_s=1.0, cap=3.0, at=0.0)
    assert sum(budget.withdraw(1_000.0) for _ in range(10)) == 3


@given(requests=st.integers(0, 500), wanted=st.integers(0, 500))
def test_retries_never_exceed_the_share(requests: int, wanted: int) -> None:
    budget = Budget(balance=0.0, floor_per_s=0.0)
    granted = 0
    for turn in range(max(requests, wanted)):
        if turn < requests:
            budget.deposit()
        if turn < wanted:
            granted += budget.withdraw(0.0)
    assert granted <= 0.2 * requests + 1e-6
