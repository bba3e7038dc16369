"""Who may serve: one place that makes candidates, few decisions a turn, both snapshots asked."""

import ast
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.ledger.entry import AttemptRow, ExchangeRow
from gateway.routing.clearance import AT_MOST
from policies.engine import UNKNOWN_LABEL, Decision
from policies.labels import Hop, Labels
from providers.contract import Dialect, Feature, Headers
from tests.core_rig import KEY, PRINCIPAL, Core, chat, deployment

ROOT = Path(__file__).parents[3]
TRAINS = {"trains": True}


class CountedEngine:
    """A policy engine that keeps count of the decisions it takes."""

    def __init__(self, engine: Any) -> None:
        self._engine, self.decisions = engine, 0

    def decide_many(self, labels: Labels, ids: Sequence[str], hop: Hop) -> list[Decision]:
        self.decisions += len(ids)
        decided: list[Decision] = self._engine.decide_many(labels, ids, hop)
        return decided


def count_decisions(core: Core) -> CountedEngine:
    table = core.services.clearance.snapshot.policy.table
    counted = CountedEngine(table._engine)
    table._engine = counted  # type: ignore[assignment]
    return counted


def test_candidates_are_made_in_one_place() -> None:
    makers = []
    for package in ("gateway", "providers", "policies"):
        for file in sorted((ROOT / package).rglob("*.py")):
            calls = [n for n in ast.walk(ast.parse(file.read_bytes())) if isinstance(n, ast.Call)]
            for call in calls:
                name = ast.unparse(call.func).rpartition(".")[2]
                is_copy = name == "replace" and "candidate" in ast.unparse(call).lower()
                if name == "Candidate" or is_copy:
                    makers.append(file.relative_to(ROOT).as_posix())
    assert makers == ["gateway/routing/clearance.py"]


def test_forbidden_deployment_is_no_candidate_and_the_row_says_why() -> None:
    core = Core(["a", "b"], facts={"a": TRAINS})
    core.ask()
    assert "a" not in core.transports, "nothing is even made to reach it"
    core.serve("b")
    row = core.journal.of(ExchangeRow)[0]
    assert row.permitted == ("b",) and row.excluded["a"]


def test_undeclared_label_permits_nothing() -> None:
    core = Core(["a"], principal=replace(PRINCIPAL, floor="no-such-class"))
    _, sink = core.ask()
    assert (sink.status, sink.code) == (403, "policy_no_route")
    assert core.journal.of(ExchangeRow)[0].excluded == {"a": (UNKNOWN_LABEL,)}
    assert not core.transports


def test_at_most_twenty_decisions_are_taken_in_one_turn_of_the_loop() -> None:
    """However many requests ask at once, with whatever labels: Cedar holds the interpreter."""
    core = Core([f"d{n}" for n in range(2 * AT_MOST + 5)])
    counted = count_decisions(core)
    classes: list[Headers] = [
        [*KEY, (b"x-switchgear-class", c)] for c in (b"internal", b"confidential")
    ]
    asked = [core.ask(headers=headers, turns=0) for headers in classes for _ in range(3)]
    most, before, is_busy = counted.decisions, counted.decisions, True
    while is_busy:
        is_busy = core.loop.turn()
        most, before = max(most, counted.decisions - before), counted.decisions
    assert most <= AT_MOST
    assert all(exchange.driver is not None or exchange.is_over for exchange, _ in asked)


def test_client_that_leaves_while_policy_decides_is_settled_and_nothing_is_sent() -> None:
    core = Core([f"d{n}" for n in range(2 * AT_MOST)])
    exchange, sink = core.ask(turns=0)
    assert exchange.driver is None and not exchange.is_over
    core.pipeline.leave(exchange)
    core.loop.advance(0.1)
    assert exchange.is_over and not sink.replies and not core.journal.of(AttemptRow)
    assert core.journal.of(ExchangeRow)[0].outcome == "caller_gone"
    core.check_at_rest()


def test_candidates_of_many_labels_are_the_same_records() -> None:
    """A key may combine tags at will; each combination must not cost a copy of the supply."""
    core = Core(["a"], ["b"])
    clearance = core.services.clearance
    route = clearance.snapshot.catalog.routes["chat"]
    vocabulary = clearance.snapshot.policy.vocabulary
    floor = Labels("default", "chat", "internal", frozenset(), vocabulary.purposes[0], "GLOBAL")
    first = clearance.clear(floor, route, Dialect.OPENAI_CHAT)
    core.loop.turn()
    tags = frozenset(vocabulary.tags)
    other = clearance.clear(
        vocabulary.normalise(floor._replace(tags=tags)), route, Dialect.OPENAI_CHAT
    )
    assert first is not None and other is not None and first is not other
    assert other.candidates and set(other.candidates) <= set(first.candidates)


@pytest.mark.parametrize(
    ("again", "facts"),
    [
        pytest.param(["a", "b"], {"a": TRAINS}, id="policy was tightened"),
        pytest.param(
            [deployment("a", base_path="/v2"), "b"], {}, id="the deployment is another one now"
        ),
        pytest.param(["b"], {}, id="the deployment is gone"),
    ],
)
def test_newest_snapshot_is_asked_before_every_attempt(again: Any, facts: Any) -> None:
    core = Core(["b", "a"])
    core.ask()
    core.reload(again, facts=facts)
    core.call("b").head(500).body(b"{}").end()
    core.loop.advance(0.5)  # what is left is the same once more
    core.serve("b")
    assert [row.deployment for row in core.journal.of(AttemptRow)] == ["b", "b"]
    assert not core.transports["a"].calls
    core.check_at_rest()


def test_reload_that_changes_nothing_lets_a_request_under_way_fail_over() -> None:
    core = Core(["b", "a"])
    core.ask()
    core.reload(["b", "a"])
    core.call("b").head(500).body(b"{}").end()
    core.serve("a")
    assert [row.deployment for row in core.journal.of(AttemptRow)] == ["b", "a"]
    core.check_at_rest()


def test_three_hundred_barred_candidates_are_a_refusal_and_no_defect() -> None:
    names = [f"d{n}" for n in range(300)]
    core = Core(names)
    exchange, sink = core.ask(turns=2)
    assert exchange.driver is None, "policy is still deciding"
    core.reload(names, facts=dict.fromkeys(names, TRAINS))
    core.loop.advance(1.0)
    assert (sink.status, sink.code) == (403, "policy_no_route")
    core.check_at_rest()


def test_features_that_the_permitted_lack_are_told_as_policy_when_others_have_them() -> None:
    able = deployment("able")
    unable = deployment("unable", lacks=frozenset((Feature.TOOLS,)))
    core = Core([able, unable], facts={"able": TRAINS})
    tool = {"type": "function", "function": {"name": "f"}}
    _, sink = core.ask(chat(tools=[tool]))
    assert (sink.status, sink.code) == (403, "policy_no_route")
    assert "serve this request" in sink.json["error"]["message"]
