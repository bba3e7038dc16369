"""Refuses rules that Cedar would accept and that fail open, or that can never take hold.

Two things Cedar cannot see.  Ids of open types (zones, tenants, apps, deployments) may be
misspelt, and a rule on a misspelt id never matches.  And a fact may be asked the wrong way round:
`forbid … when { resource.hosting == shared }` spares a deployment whose hosting nobody knows.

So every condition is walked with its *sign*: positive where its being true refuses (the `when` of
a forbid), negative where its being true permits; `!` turns it.  A hazard must be asked so that
more of it refuses, an assurance so that less of it does.  Then, whatever the rules, replacing a
known fact by unknown never turns a refusal into a permit.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from policies.entities import ATTRIBUTES, UNKNOWN, Attribute, Shape, Worse
from policies.errors import Problem, nearest
from policies.reading import is_mapping
from policies.rules import FORBID, Rule, find_mentions
from policies.zones import NOWHERE

_TURNED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def lint_rules(rules: Iterable[Rule], known: Mapping[str, Iterable[str]]) -> list[Problem]:
    """All problems of all rules.  `known` has the ids of each entity type that rules may name."""
    problems = []
    for rule in rules:
        for message, remedy in (
            *_check_annotations(rule),
            *_check_mentions(rule, known),
            *_check_directions(rule),
        ):
            problems.append(
                Problem(file=rule.file, line=rule.line, key=rule.id, message=message, remedy=remedy)
            )
    return problems


def find_paths(node: object) -> Iterator[str]:
    """Every longest attribute path under `resource` or `context` in an expression."""
    path = _path(node)
    if path is not None:
        yield path
    elif isinstance(node, list):
        for item in node:
            yield from find_paths(item)
    elif is_mapping(node):
        for item in node.values():
            yield from find_paths(item)


def _check_annotations(rule: Rule) -> Iterator[tuple[str, str]]:
    if not rule.annotation("reason"):
        yield "has no @reason", "say in one sentence what the rule demands"


def _check_mentions(rule: Rule, known: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    for kind, id in dict.fromkeys(find_mentions(rule.form)):
        if kind == "Zone" and id == NOWHERE:
            yield f'names Zone::"{NOWHERE}"', "no rule can: it stands for `no place at all`"
        elif id == UNKNOWN:
            yield f'names {kind}::"{UNKNOWN}"', "an unknown fact is at its worst already"
        elif kind in known and id not in known[kind]:
            yield f'names {kind}::"{id}", which is not declared', nearest(id, known[kind])


def _check_directions(rule: Rule) -> Iterator[tuple[str, str]]:
    for kind, body in rule.clauses:
        sign = 1 if (kind == "when") == (rule.effect == FORBID) else -1
        yield from _walk(body, sign, is_negated=False)


def _walk(node: object, sign: int, *, is_negated: bool) -> Iterator[tuple[str, str]]:
    """Go down through the connectives; judge what is below them."""
    assert is_mapping(node)
    for operator, parts in node.items():
        if operator in ("&&", "||") and is_mapping(parts):
            yield from _walk(parts["left"], sign, is_negated=is_negated)
            yield from _walk(parts["right"], sign, is_negated=is_negated)
        elif operator == "!" and is_mapping(parts):
            yield from _walk(parts["arg"], -sign, is_negated=not is_negated)
        elif operator == "if-then-else" and is_mapping(parts):
            yield from _judge("if", parts["if"], sign, is_negated)
            yield from _walk(parts["then"], sign, is_negated=is_negated)
            yield from _walk(parts["else"], sign, is_negated=is_negated)
        else:
            yield from _judge(operator, node, sign, is_negated)


def _judge(operator: str, node: object, sign: int, is_negated: bool) -> Iterator[tuple[str, str]]:
    """One comparison: does the unknown lose?"""
    paths = [path for path in find_paths(node) if not _is_free(path)]
    strange = [path for path in paths if path not in ATTRIBUTES]
    if strange:
        known = [path for path in ATTRIBUTES if path.startswith(strange[0] + ".")]
        yield (
            f"asks `{strange[0]}` as a whole",
            "ask " + " or ".join(known[:4]) if known else nearest(strange[0], ATTRIBUTES),
        )
    elif len(paths) > 1:
        yield f"compares {' with '.join(paths)}", "compare a fact with a fixed value"
    elif paths:
        yield from _judge_fact(operator, node, paths[0], sign, is_negated)


def _judge_fact(
    operator: str, node: object, path: str, sign: int, is_negated: bool
) -> Iterator[tuple[str, str]]:
    attribute = ATTRIBUTES[path]
    growth = 0 if operator == "if" else _growth(node, attribute)
    if growth == 0:
        yield (
            f"asks {path} with `{operator}`, which an unknown fact could pass",
            f"a {attribute.shape} is asked with {_FORMS[attribute.shape]}",
        )
    elif growth * sign * (1 if attribute.worse is Worse.MORE else -1) < 0:
        yield (
            f"asks {path} so that an unknown fact permits more",
            "require it in `unless`" if attribute.worse is Worse.LESS else "forbid it in `when`",
        )
    elif is_negated and path.endswith((".within", ".may_touch")):
        yield (
            f"negates {path}",
            "`within` is asked in `unless`, `may_touch` in `when`, and neither under `!`",
        )


_FORMS: Final = {
    Shape.FLAG: "itself or `!`",
    Shape.NUMBER: "`== 0`, `<`, `<=`, `>` or `>=`",
    Shape.CHOICE: "`==`, `!=` or `[…].contains(it)`",
    Shape.SET: "`contains`, `containsAny`, `isEmpty`, or `[…].containsAll(it)`",
    Shape.ZONE: "`in`",
}


def _growth(node: object, attribute: Attribute) -> int:
    """Does the comparison turn true (1) or false (-1) as the fact grows?  0: neither for sure."""
    assert is_mapping(node) and len(node) == 1
    ((operator, parts),) = node.items()
    if operator == ".":
        return 1 if attribute.shape is Shape.FLAG else 0
    if not is_mapping(parts):
        return 0
    is_left = "arg" in parts or _path(parts.get("left")) in ATTRIBUTES
    if not is_left and _path(parts.get("right")) not in ATTRIBUTES:
        return 0  # the fact is deep inside an arithmetic or a set
    other = parts.get("right" if is_left else "left")
    return _GROWTH[attribute.shape](operator, other, is_left)


def _flag_growth(operator: str, other: object, is_left: bool) -> int:
    value = other.get("Value") if is_mapping(other) else None
    if operator not in ("==", "!=") or not isinstance(value, bool):
        return 0
    return 1 if value == (operator == "==") else -1


def _number_growth(operator: str, other: object, is_left: bool) -> int:
    value = other.get("Value") if is_mapping(other) else None
    if type(value) is not int:
        return 0
    if operator in ("==", "!="):
        if value != 0:  # no fact is below 0, so `== 0` says `at most 0`
            return 0
        return -1 if operator == "==" else 1
    if not is_left:
        operator = _TURNED.get(operator, operator)
    return {"<": -1, "<=": -1, ">": 1, ">=": 1}.get(operator, 0)


def _choice_growth(operator: str, other: object, is_left: bool) -> int:
    # Equality holds for what is surely so; the unknown value equals nothing a rule may name.
    if not _is_fixed(other):
        return 0
    if operator == "contains" and not is_left:
        return 1
    return {"==": 1, "!=": -1}.get(operator, 0)


def _set_growth(operator: str, other: object, is_left: bool) -> int:
    if operator == "isEmpty":
        return -1
    if operator == "containsAll":
        return 1 if is_left else -1
    if operator == "containsAny":
        return 1
    return 1 if operator == "contains" and is_left else 0


def _zone_growth(operator: str, other: object, is_left: bool) -> int:
    return 1 if operator == "in" and is_left else 0


_GROWTH: Final[Mapping[Shape, Callable[[str, object, bool], int]]] = {
    Shape.FLAG: _flag_growth,
    Shape.NUMBER: _number_growth,
    Shape.CHOICE: _choice_growth,
    Shape.SET: _set_growth,
    Shape.ZONE: _zone_growth,
}


def _is_fixed(node: object) -> bool:
    """A literal, or a set of literals, none of which is the text for unknown."""
    if not is_mapping(node):
        return False
    items = node.get("Set")
    if isinstance(items, list):
        return all(_is_fixed(item) for item in items)
    return "Value" in node and node["Value"] != UNKNOWN


def _is_free(path: str) -> bool:
    attribute = ATTRIBUTES.get(path)
    if attribute is not None:
        return attribute.worse is Worse.FREE
    # Labels other than zones are always known; `resource` alone is an id.
    return path == "resource" or (
        path.startswith("context") and not path.startswith("context.subjects")
    )


def _path(node: object) -> str | None:
    """`resource.a.b` for a chain of attributes on `resource` or `context`."""
    if not is_mapping(node):
        return None
    variable = node.get("Var")
    if variable in ("resource", "context"):
        return str(variable)
    step = node.get(".")
    if not is_mapping(step):
        return None
    above = _path(step.get("left"))
    return None if above is None else f"{above}.{step.get('attr')}"
