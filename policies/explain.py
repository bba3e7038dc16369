"""Why a deployment may serve a request or may not, by which rule and fact, and what would pass.

Each `unless` is split into its alternatives and those into conditions; Cedar itself says which of
them hold.  There is no second evaluator that could tell another story.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from policies.engine import NO_PERMIT, Decision, PolicyEngine
from policies.entities import ATTRIBUTES, UNKNOWN
from policies.facts import Facts
from policies.labels import Hop, Labels
from policies.lint import find_paths
from policies.reading import is_mapping
from policies.rules import FORBID, PERMIT, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One part of a rule, whether it holds, and the facts it asks as `name: value`."""

    text: str
    holds: bool
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One rule that decided, or, where none permits, one that might have."""

    id: str
    effect: str
    reason: str
    law: str
    override: str
    file: str
    line: int
    because: tuple[Condition, ...]  # why the rule applies
    ways: tuple[tuple[Condition, ...], ...]  # any one of these, whole, would pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One decision with its grounds.  `labels` are canonical: as they were judged."""

    labels: Labels
    deployment_id: str
    hop: Hop
    decision: Decision
    grounds: tuple[Ground, ...]

    def lines(self) -> Iterator[str]:
        """As a terminal shows it."""
        verdict = "permitted" if self.decision.is_permitted else "refused"
        yield f"{self.deployment_id}: {verdict} by {', '.join(self.decision.policies)}"
        yield from (f"  {error}" for error in self.decision.errors)
        for ground in self.grounds:
            law = f" [{ground.law}]" if ground.law else ""
            yield f"  {ground.id}: {ground.reason}{law}"
            yield from (f"    because {_show(item)}" for item in ground.because)
            for way in ground.ways:
                yield f"    would pass if {' and '.join(map(_show, way))}"


def explain(engine: PolicyEngine, labels: Labels, deployment_id: str, hop: Hop) -> Explanation:
    """Decide, and say why.  For people: some milliseconds each.

    Raises UnknownLabelError for labels that nobody declared.
    """
    labels = engine.vocabulary.canonical(labels)
    decision = engine.decide(labels, deployment_id, hop)
    ids = decision.policies
    if ids == (NO_PERMIT,):
        ids = tuple(id for id, rule in engine.rules.items() if rule.effect == PERMIT)
    is_known = deployment_id in engine.facts
    return Explanation(
        labels=labels,
        deployment_id=deployment_id,
        hop=hop,
        decision=decision,
        grounds=tuple(
            _explain_rule(engine, engine.rules[id], labels, deployment_id, hop)
            for id in ids
            if is_known and id in engine.rules
        ),
    )


def _explain_rule(
    engine: PolicyEngine, rule: Rule, labels: Labels, deployment_id: str, hop: Hop
) -> Ground:
    def ask(form: Mapping[str, object]) -> Condition:
        return Condition(
            text=engine.write(form),
            holds=engine.holds(form, labels, deployment_id, hop),
            facts=tuple(_show_facts(form, engine.facts[deployment_id])),
        )

    because = [ask(form) for form in _scope(rule)]
    ways: list[tuple[Condition, ...]] = []
    for kind, body in rule.clauses:
        if kind == "when":
            because.extend(ask(part) for part in _split(body, "&&"))
        elif rule.effect == FORBID:
            ways.extend(
                tuple(ask(part) for part in _split(way, "&&")) for way in _split(body, "||")
            )
    return Ground(
        id=rule.id,
        effect=rule.effect,
        reason=rule.annotation("reason"),
        law=rule.annotation("law"),
        override=rule.annotation("override"),
        file=rule.file,
        line=rule.line,
        because=tuple(because),
        ways=tuple(ways),
    )


def _split(form: Mapping[str, object], operator: str) -> Iterator[Mapping[str, object]]:
    """The parts that one connective joins, from left to right."""
    parts = form.get(operator)
    if not is_mapping(parts):
        yield form
        return
    for side in ("left", "right"):
        part = parts[side]
        assert is_mapping(part)
        yield from _split(part, operator)


def _scope(rule: Rule) -> Iterator[Mapping[str, object]]:
    """What the rule's head asks of the principal, as an expression."""
    scope = rule.form["principal"]
    if is_mapping(scope) and scope.get("op") in ("==", "in"):
        value = {"Value": {"__entity": scope["entity"]}}
        yield {str(scope["op"]): {"left": {"Var": "principal"}, "right": value}}


def _show(condition: Condition) -> str:
    facts = f" ({'; '.join(condition.facts)})" if condition.facts else ""
    return f"{'✓' if condition.holds else '✗'} {condition.text}{facts}"


def _show_facts(form: Mapping[str, object], facts: Facts) -> Iterator[str]:
    """Facts asked by an expression, as they are known: `law: US`, `dpa: unknown`."""
    names = dict.fromkeys(ATTRIBUTES[path].fact for path in find_paths(form) if path in ATTRIBUTES)
    for name in names:
        if not hasattr(facts, name):
            continue
        value = getattr(facts, name)
        if value is None:
            yield f"{name}: {UNKNOWN}"
        elif isinstance(value, frozenset):
            yield f"{name}: {', '.join(sorted(value)) or 'none'}"
        else:
            yield f"{name}: {str(value).lower() if isinstance(value, bool) else value}"
