"""From a schema's complaints to problems that name the line and the nearest right thing."""

from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from gateway.config.document import Document
from gateway.config.findings import Findings, KeyPath, dotted, nearest, quoted

Entry = tuple[str, str]
"""A section of a file and a name in it."""

Model = TypeVar("Model", bound=BaseModel)

_EXPECTED: Final[Mapping[str, str]] = {
    "string_type": "must be text; put it in quotes",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "model_type": "must be a mapping of keys",
    "mapping_type": "must be a mapping of names",
    "dict_type": "must be a mapping of names",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "frozen_set_type": "must be a list",
    "set_type": "must be a list",
    "date_from_datetime_parsing": "must be a date such as 2026-11-24",
    "date_parsing": "must be a date such as 2026-11-24",
    "date_type": "must be a date such as 2026-11-24",
    "missing": "is required",
    "string_too_long": "is too long",
}


def validate(document: Document, model: type[Model], findings: Findings) -> Model | None:
    """The file as a record; None when it is not one, and then `findings` says why."""
    return _attempt(document, model, document.root.plain(), findings)[0]


def validate_entries(
    document: Document, model: type[Model], findings: Findings
) -> tuple[Model | None, frozenset[Entry]]:
    """A file of named entries, without those that are wrong, and which those are.

    So the rest can still be judged, and all problems are told at once.
    """
    plain = document.root.plain()
    record, wrong = _attempt(document, model, plain, findings)
    entries = frozenset((str(path[0]), str(path[1])) for path in wrong if len(path) > 1)
    if record is not None or not isinstance(plain, dict):
        return record, entries
    kept = {
        section: {n: v for n, v in members.items() if (section, n) not in entries}
        for section, members in plain.items()
        if isinstance(members, dict) and section in model.model_fields
    }
    defaults: dict[str, object] = {section: {} for section in model.model_fields}
    return _attempt(document, model, defaults | kept, Findings())[0], entries


def _attempt(
    document: Document, model: type[Model], plain: object, findings: Findings
) -> tuple[Model | None, list[KeyPath]]:
    try:
        return model.model_validate(plain), []
    except ValidationError as error:
        # Any: pydantic types the context of an error as that.
        for details in error.errors(include_url=False):
            if findings.is_full:
                break
            _report(document, model, details["type"], details["loc"], dict(details), findings)
        return None, [details["loc"] for details in error.errors(include_url=False)]


def _report(
    document: Document,
    model: type[BaseModel],
    kind: str,
    where: KeyPath,
    details: Mapping[str, Any],
    findings: Findings,
) -> None:
    path = _written(document, [part for part in where if part != "[key]"])
    is_key = "[key]" in where
    message, remedy = _sentence(kind, details, is_key, path)
    if kind == "extra_forbidden":
        owner = model_at(model, path[:-1])
        known = owner.model_fields if owner is not None else ()
        remedy = nearest(str(path[-1]), known)
    findings.error(document.name, document.line(path), dotted(path), message, remedy)


def _sentence(
    kind: str, details: Mapping[str, Any], is_key: bool, path: KeyPath
) -> tuple[str, str]:
    context: Mapping[str, Any] = details.get("ctx", {})
    if kind == "extra_forbidden":
        return "is not a key here", ""
    if kind == "value_error":
        return str(context.get("error", details["msg"])), ""
    if kind in ("enum", "literal_error"):
        known = [word.strip("' ") for word in _alternatives(str(context.get("expected", "")))]
        given = details.get("input")
        return f"{quoted(given)} is not one of its values", nearest(str(given), known)
    if kind == "string_pattern_mismatch":
        what = "this name" if is_key else "it"
        return f"{what} does not have the form `{context.get('pattern')}`", ""
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        return _range_sentence(kind, context), ""
    if kind in ("too_short", "string_too_short"):
        return "must not be empty", ""
    if kind in _EXPECTED:
        return _EXPECTED[kind], ""
    return str(details["msg"])[:1].lower() + str(details["msg"])[1:], ""


def _range_sentence(kind: str, context: Mapping[str, Any]) -> str:
    words = {
        "greater_than": ("gt", "must be more than"),
        "greater_than_equal": ("ge", "must be at least"),
        "less_than": ("lt", "must be less than"),
        "less_than_equal": ("le", "must be at most"),
    }
    key, text = words[kind]
    return f"{text} {context.get(key):,g}"


def _alternatives(expected: str) -> Sequence[str]:
    return expected.replace(" or ", ", ").split(", ")


def _written(document: Document, where: Sequence[str | int]) -> list[str | int]:
    """The path as the operator wrote it: a route given as a list has no `tiers` key."""
    path: list[str | int] = []
    for part in where:
        holder = document.node(path)
        if part == "tiers" and holder is not None and isinstance(holder.value, list):
            continue
        path.append(part)
    return path


def model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    """The model that holds the keys at `path`, or None where the schema has none."""
    current: object = model
    for part in path:
        current = _step(current, part)
    found = _bare(current)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _step(current: object, part: str | int) -> object:
    bare = _bare(current)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        found = bare.model_fields.get(str(part))
        return found.annotation if found is not None else None
    arguments = get_args(bare)
    origin = get_origin(bare)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return arguments[1]
    return arguments[0] if arguments else None


def _bare(annotation: object) -> object:
    """Without `Annotated` and without `| None`."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, UnionType):
            annotation = next(a for a in get_args(annotation) if a is not type(None))
        else:
            return annotation
