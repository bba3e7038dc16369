"""Asks Cedar, and never lets it fail open.  The only module that imports cedarpy.

Cedar permits by mistake in three ways, all reproduced in the tests: a forbid that errors is
skipped; the forbids all err for a deployment that does not exist; a value outside its enum passes
where no schema is given.  Hence the guards, in `decide` and `_ask`:

1. the schema goes along with every evaluation;
2. any error in the diagnostics is a refusal;
3. an unknown deployment, and an unknown label value, are refused before Cedar is asked.

Cedar holds the GIL while it decides (about 0.1 ms each), so callers batch at most 20 on the event
loop.  Parsing releases it: build an engine in a thread.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import cedarpy

from policies.digest import compute_digest
from policies.entities import ENUMS, link, render_facts, render_tenants, render_zones
from policies.errors import PolicyError, Problem, UnknownLabelError
from policies.facts import Facts, check_zones
from policies.labels import Hop, Labels, LabelVocabulary
from policies.lint import lint_rules
from policies.rules import PERMIT, Rule, Statement, find_mentions, split_statements

UNKNOWN_DEPLOYMENT: Final = "unknown-deployment"
UNKNOWN_LABEL: Final = "unknown-label"
EVALUATION_ERROR: Final = "evaluation-error"
NO_PERMIT: Final = "no-permit"
RESERVED_IDS: Final = (UNKNOWN_DEPLOYMENT, UNKNOWN_LABEL, EVALUATION_ERROR, NO_PERMIT)


class Decision(NamedTuple):
    """One answer.  `policies` are the ids that decided: rules, or one of `RESERVED_IDS`."""

    is_permitted: bool
    policies: tuple[str, ...]
    errors: tuple[str, ...] = ()


class PolicyEngine:
    """One set of rules, facts and labels, parsed once.  Immutable, and safe to share."""

    def __init__(
        self,
        *,
        schema: str,
        policies: Mapping[str, str],
        vocabulary: LabelVocabulary,
        facts: Iterable[Facts],
        schema_file: str = "schema.cedarschema",
    ) -> None:
        """Raises PolicyError with every problem of the first step that finds any."""
        self.facts = _index_facts(facts, vocabulary)
        self._schema = _parse_schema(schema, schema_file)
        _check_vocabulary(self._schema, vocabulary, schema_file)
        self.rules = _parse_rules(policies)
        _validate(self._schema, self.rules.values())
        self.vocabulary = self._lint(vocabulary)
        self._policies = _make_set({rule.id: rule.form for rule in self.rules.values()})
        entities = [
            *render_zones(vocabulary.zones),
            *render_tenants(vocabulary),
            *(render_facts(item, vocabulary.zones) for item in self.facts.values()),
        ]
        # One text per entity, so that encoding gives other threads their turn.
        texts = [json.dumps(entity, sort_keys=True) for entity in entities]
        self._entities = _parse_entities(texts, self._schema, schema_file)
        self.digest = compute_digest(
            schema=schema, rules=self.rules, vocabulary=self.vocabulary, facts=self.facts
        )

    def decide(self, labels: Labels, deployment_id: str, hop: Hop) -> Decision:
        """May a request with these labels go to that deployment?  Whatever is odd is a refusal."""
        return self.decide_many(labels, (deployment_id,), hop)[0]

    def decide_many(
        self, labels: Labels, deployment_ids: Sequence[str], hop: Hop
    ) -> list[Decision]:
        """Decisions in the order of the ids.  About 0.1 ms each, with the GIL held."""
        try:
            labels = self.vocabulary.canonical(labels)
        except UnknownLabelError as error:
            return [Decision(False, (UNKNOWN_LABEL,), (str(error),))] * len(deployment_ids)
        known = [id for id in deployment_ids if id in self.facts]
        asked = iter(self._ask([render_request(labels, id, hop) for id in known], self._policies))
        return [next(asked) if id in self.facts else _unknown(id) for id in deployment_ids]

    def holds(
        self, form: Mapping[str, object], labels: Labels, deployment_id: str, hop: Hop
    ) -> bool:
        """Is one Cedar expression true for this request?  False too if it errs.

        For explanations: there is no second evaluator.  Raises UnknownLabelError, KeyError.
        """
        labels = self.vocabulary.canonical(labels)
        request = render_request(labels, self.facts[deployment_id].id, hop)
        return self._ask([request], _make_set({"asked": _as_permit(form)}))[0].is_permitted

    def write(self, form: Mapping[str, object]) -> str:
        """A Cedar expression as one line of text."""
        policies = json.dumps({"staticPolicies": {"p": _as_permit(form)}, **_NO_TEMPLATES})
        text = cedarpy.policies_from_json_str(policies)
        body = text[text.index("when") + len("when") :]
        body = " ".join(body.strip(" \n;").removeprefix("{").removesuffix("}").split())
        # Cedar brackets every step of a path, which nobody would write.
        while (plainer := _BRACKETED_PATH.sub(r"\1", body)) != body:
            body = plainer
        return body

    def _ask(
        self, requests: list[dict[str, object]], policies: cedarpy.PolicySet
    ) -> list[Decision]:
        if not requests:
            return []
        results = cedarpy.is_authorized_batch(requests, policies, self._entities, self._schema)
        return [_judge(result) for result in results]

    def _lint(self, vocabulary: LabelVocabulary) -> LabelVocabulary:
        """Refuse rules that cannot be right; note which tenants and apps the others name."""
        apps = [
            f"{tenant}/{app}" for tenant, names in vocabulary.tenants.items() for app in names or ()
        ]
        known: Mapping[str, Iterable[str]] = {
            "Zone": vocabulary.zones.names,
            "Tenant": vocabulary.tenants,
            "App": apps,
            "Deployment": self.facts,
            "DataClass": vocabulary.classes,
            "DataTag": vocabulary.tags,
            "Purpose": vocabulary.purposes,
            "Mode": vocabulary.modes,
        }
        problems = lint_rules(self.rules.values(), known)
        if problems:
            raise PolicyError(problems)
        named = {pair for rule in self.rules.values() for pair in find_mentions(rule.form)}
        return vocabulary.naming(
            frozenset(id for kind, id in named if kind == "Tenant"),
            frozenset(id for kind, id in named if kind == "App"),
        )


def render_request(labels: Labels, deployment_id: str, hop: Hop) -> dict[str, object]:
    """The request as Cedar reads it.  `labels` are canonical."""
    return {
        "principal": {"type": "App", "id": f"{labels.tenant}/{labels.app}"},
        "action": {"type": "Action", "id": hop.value},
        "resource": {"type": "Deployment", "id": deployment_id},
        "context": {
            "class": link("DataClass", labels.klass),
            "tags": [link("DataTag", tag) for tag in sorted(labels.tags)],
            "purpose": link("Purpose", labels.purpose),
            "subjects": link("Zone", labels.subjects),
            "mode": link("Mode", labels.mode),
        },
    }


_BRACKETED_PATH: Final = re.compile(r"(?<!\w)\(((?:resource|context|principal)(?:\.\w+)*)\)")
_NO_TEMPLATES: Final[Mapping[str, object]] = {"templates": {}, "templateLinks": []}


def _judge(result: cedarpy.AuthzResult) -> Decision:
    """Cedar's answer as ours: an errored forbid was skipped, so an error is never a permit."""
    reasons = tuple(sorted(result.diagnostics.reasons))
    errors = tuple(result.diagnostics.errors)
    if errors:
        refusing = () if result.allowed else reasons
        return Decision(False, (*refusing, EVALUATION_ERROR), errors)
    if result.decision is cedarpy.Decision.Allow:
        return Decision(True, reasons)
    return Decision(False, reasons or (NO_PERMIT,))


def _unknown(deployment_id: str) -> Decision:
    return Decision(
        False, (UNKNOWN_DEPLOYMENT,), (f"deployment `{deployment_id[:80]}` has no facts",)
    )


def _as_permit(form: Mapping[str, object]) -> Mapping[str, object]:
    everything = {"op": "All"}
    return {
        "effect": PERMIT,
        "principal": everything,
        "action": everything,
        "resource": everything,
        "conditions": [{"kind": "when", "body": form}],
    }


def _make_set(forms: Mapping[str, Mapping[str, object]]) -> cedarpy.PolicySet:
    """A set whose policy ids are ours, so that diagnostics name them."""
    text = json.dumps({"staticPolicies": forms, **_NO_TEMPLATES})
    return cedarpy.PolicySet.from_json_str(text, release_gil=True)


def _index_facts(facts: Iterable[Facts], vocabulary: LabelVocabulary) -> dict[str, Facts]:
    indexed: dict[str, Facts] = {}
    problems = []
    for item in facts:
        if item.id in indexed:
            problems.append(Problem(file="facts", key=item.id, message="has facts twice"))
        indexed[item.id] = item
        problems.extend(check_zones(item, vocabulary.zones.names))
    if problems:
        raise PolicyError(problems)
    return indexed


def _parse_schema(text: str, file: str) -> cedarpy.Schema:
    try:
        return cedarpy.Schema.from_str(text, release_gil=True)
    except ValueError as error:
        raise PolicyError([Problem(file=file, key="", message=str(error))]) from error


def _check_vocabulary(schema: cedarpy.Schema, words: LabelVocabulary, file: str) -> None:
    """The schema must know every value that facts and labels can have.  Cedar itself is asked."""
    values = {
        **ENUMS,
        "DataClass": words.classes,
        "DataTag": tuple(words.tags),
        "Purpose": words.purposes,
        "Mode": words.modes,
    }
    pairs = [(kind, value) for kind, names in values.items() for value in names]
    texts = [
        f"permit (principal, action, resource) when {{ {kind}::{json.dumps(value)} == "
        f"{kind}::{json.dumps(value)} }};"
        for kind, value in pairs
    ]
    problems = [
        Problem(
            file=file,
            key=kind,
            message=f"does not declare `{value}`, which labels or facts can have",
            remedy=f"add it to `entity {kind} enum […]`",
        )
        for (kind, value), errors in zip(pairs, _validate_each(schema, texts), strict=True)
        if errors
    ]
    if problems:
        raise PolicyError(problems)


def _parse_rules(policies: Mapping[str, str]) -> dict[str, Rule]:
    """Parse every statement alone, so that an error has a line."""
    rules: dict[str, Rule] = {}
    problems = []
    for file in sorted(policies):
        for statement in split_statements(file, policies[file]):
            rule = _parse_rule(statement)
            if isinstance(rule, Problem):
                problems.append(rule)
            elif rule.id in rules:
                first = rules[rule.id]
                problems.append(
                    _problem(statement, rule.id, f"is also in {first.file}:{first.line}")
                )
            else:
                rules[rule.id] = rule
    if not rules and not problems:
        problems.append(
            Problem(file="policies", key="", message="no rules at all: everything is refused")
        )
    if problems:
        raise PolicyError(problems)
    return rules


def _parse_rule(statement: Statement) -> Rule | Problem:
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(statement.text))
    except ValueError as error:
        return _problem(statement, "", f"is no Cedar policy: {error}")
    forms = list(parsed["staticPolicies"].values())
    if len(forms) != 1:
        return _problem(statement, "", "is a template", "write the principal and resource out")
    id = (forms[0].get("annotations") or {}).get("id")
    if not id:
        return _problem(statement, "", f"a {forms[0]['effect']} has no @id", "refusals name it")
    if id in RESERVED_IDS:
        return _problem(statement, id, "is a reserved id", "choose another @id")
    return Rule(id=id, file=statement.file, line=statement.line, text=statement.text, form=forms[0])


def _problem(statement: Statement, key: str, message: str, remedy: str = "") -> Problem:
    return Problem(
        file=statement.file, line=statement.line, key=key, message=message, remedy=remedy
    )


def _validate(schema: cedarpy.Schema, rules: Iterable[Rule]) -> None:
    """Refuse what the schema does not know: attributes, enum values, types, actions."""
    rules = list(rules)
    problems = [
        Problem(file=rule.file, line=rule.line, key=rule.id, message=error)
        for rule, errors in zip(
            rules, _validate_each(schema, [rule.text for rule in rules]), strict=True
        )
        for error in errors
    ]
    if problems:
        raise PolicyError(problems)


def _validate_each(schema: cedarpy.Schema, texts: Sequence[str]) -> list[list[str]]:
    """Cedar's objections to each policy.  It numbers them in the order of the text."""
    found: list[list[str]] = [[] for _ in texts]
    result = cedarpy.validate_policies("\n".join(texts), schema, release_gil=True)
    for error in result.errors:
        number = int(error.policy_id.removeprefix("policy"))
        found[number].append(
            error.error.replace(f"for policy `{error.policy_id}`", "").lstrip(",: ")
        )
    assert result.validation_passed or any(found)
    return found


def _parse_entities(texts: Iterable[str], schema: cedarpy.Schema, file: str) -> cedarpy.Entities:
    try:
        return cedarpy.Entities.from_json_str(
            f"[{','.join(texts)}]", schema=schema, release_gil=True
        )
    except ValueError as error:
        remedy = "the entity types of the starter pack's schema are what facts are rendered to"
        raise PolicyError(
            [Problem(file=file, key="", message=f"does not fit the facts: {error}", remedy=remedy)]
        ) from error
