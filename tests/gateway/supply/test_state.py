"""Whom a verdict blames, and what outlives a reload."""

from dataclasses import replace

import pytest

from gateway.supply.element import Breaker
from gateway.supply.reactions import NOT_EVENTS, REACTIONS, Scope
from gateway.supply.state import Standing, Supply
from providers.contract import COMPLETE, DECLINED, Kind, Verdict
from tests.core_rig import deployment

A, A2, B = deployment("a", "one"), deployment("a2", "one"), deployment("b", "two")


def made() -> tuple[Supply, list[Standing]]:
    supply = Supply()
    return supply, [supply.standing(d) for d in (A, A2, B)]


def suffer(standing: Standing, verdict: Verdict, now: float = 0.0) -> None:
    probe = standing.claim()
    standing.settle(verdict, now, probe)


def test_every_kind_has_a_reaction_and_thirteen_are_supply_events() -> None:
    assert set(REACTIONS) == set(Kind)
    assert len(set(Kind) - NOT_EVENTS) == 13


@pytest.mark.parametrize("kind", list(Kind))
def test_kind_takes_out_its_scope_and_nothing_beyond(kind: Kind) -> None:
    _, (a, a2, b) = made()
    reaction = REACTIONS[kind]
    for _ in range(5):
        suffer(a, Verdict(kind))
    is_out = reaction.is_health or reaction.is_cut or reaction.cooldown_s > 0
    assert a.admits(0.0) is not is_out
    assert a2.admits(0.0) is not (is_out and reaction.blames is Scope.ACCOUNT)
    assert b.admits(0.0)
    assert (a.in_flight, a2.in_flight) == (0, 0)


@pytest.mark.parametrize("kind", [k for k in Kind if not Verdict(k).delivers])
def test_probe_is_over_whatever_it_came_to(kind: Kind) -> None:
    """A failure that blames the account gives the deployment's probe back too."""
    _, (a, _, _) = made()
    for _ in range(5):
        suffer(a, Verdict(Kind.UPSTREAM_FAULT))
    assert a.deployment.breaker is Breaker.OPEN
    probe = a.claim()
    assert a.deployment.is_probing
    a.settle(Verdict(kind), 31.0, probe)
    assert not a.deployment.is_probing and not a.account.is_probing


def test_vendors_own_wait_wins_over_the_default_and_is_the_scopes() -> None:
    _, (a, a2, _) = made()
    suffer(a, Verdict(Kind.CREDENTIAL_REJECTED, retry_after_s=40.0))
    assert not a2.admits(39.9) and a2.admits(40.0)
    suffer(a2, Verdict(Kind.THROTTLED, retry_after_s=20.0), now=50.0)
    assert a.admits(51.0) and not a2.admits(69.9) and a2.admits(70.0)


def test_success_that_was_sent_before_does_not_end_a_cooldown() -> None:
    _, (a, _, _) = made()
    a.claim()
    suffer(a, Verdict(Kind.THROTTLED))
    a.settle(COMPLETE, 0.1)
    assert not a.admits(4.9) and a.admits(5.0)


@pytest.mark.parametrize("verdict", [COMPLETE, DECLINED])
def test_answer_that_is_delivered_is_a_success(verdict: Verdict) -> None:
    _, (a, _, _) = made()
    for _ in range(4):
        suffer(a, Verdict(Kind.UPSTREAM_FAULT))
    suffer(a, verdict)
    assert a.deployment.fails == 0 and a.deployment.is_quiet


def test_load_counts_what_is_under_way() -> None:
    _, (a, _, _) = made()
    a.claim()
    a.claim()
    assert a.in_flight == 2
    a.settle(COMPLETE, 0.0)
    assert a.in_flight == 1


def test_reload_finds_the_state_by_name() -> None:
    supply, (a, _, _) = made()
    suffer(a, Verdict(Kind.MODEL_WITHDRAWN))
    again = supply.standing(replace(A, base_path="/v2"))
    assert again is a and again.is_cut


def test_deployment_under_another_account_keeps_its_own_trouble_alone() -> None:
    supply, (a, _, _) = made()
    suffer(a, Verdict(Kind.ACCOUNT_CUT_OFF))
    suffer(a, Verdict(Kind.UPSTREAM_FAULT))
    a.claim()  # under way while the folder is read again
    moved = supply.standing(replace(A, account=replace(A.account, name="new")))
    assert moved is not a and moved.admits(0.0)
    assert moved.deployment is a.deployment and moved.deployment.fails == 1
    a.settle(COMPLETE, 0.0)
    assert (a.in_flight, moved.in_flight) == (0, 0)


def test_ready_at_is_the_later_of_both_and_never_for_a_cut() -> None:
    _, (a, _, _) = made()
    a.deployment.cool(10.0)
    a.account.cool(20.0)
    assert a.ready_at(5.0) == 20.0
    a.account.cut()
    assert a.ready_at(5.0) == float("inf") and a.is_cut


def test_elements_are_found_by_scope_and_name() -> None:
    supply, (a, _, _) = made()
    assert supply.find(Scope.DEPLOYMENT, "a") is a.deployment
    assert supply.find(Scope.ACCOUNT, "one") is a.account
    assert supply.find(Scope.ACCOUNT, "a") is supply.find(Scope.DEPLOYMENT, "one") is None
    assert [(s, e.name) for s, e in supply.elements()] == [
        (Scope.DEPLOYMENT, "a"), (Scope.DEPLOYMENT, "a2"), (Scope.DEPLOYMENT, "b"),
        (Scope.ACCOUNT, "one"), (Scope.ACCOUNT, "two"),
    ]  # fmt: skip


def test_restored_account_serves_at_once_whatever_wait_the_vendor_named() -> None:
    _, (a, a2, _) = made()
    suffer(a, Verdict(Kind.QUOTA_EXHAUSTED, retry_after_s=3_600.0))
    assert a2.is_cut
    a.account.restore()
    assert a.admits(1.0) and a2.admits(1.0)
