"""Reads a request body as a vendor's validator would, and refuses in the vendor's words."""

import json
from collections.abc import Mapping, Sequence

from gateway.practice import errors
from gateway.practice.answer import Call
from gateway.practice.text import count_words
from gateway.practice.vendors import Model

Body = Mapping[str, object]


def read_body(call: Call) -> Body:
    """The JSON object of the body."""
    try:
        body = json.loads(call.message.body.decode())
    except (ValueError, RecursionError):
        errors.refuse(errors.bad_json(call))
    if not isinstance(body, dict):
        errors.refuse(errors.bad_json(call))
    return body


def check_members(call: Call, body: Body, known: frozenset[str]) -> None:
    """Refuse the first member that the vendor does not know, where it minds."""
    for name, value in body.items():
        if name not in known:
            refusal = errors.extra_member(call, name, value)
            if refusal is not None:
                errors.refuse(refusal)


def read_model(call: Call, body: Body, *, embeds: bool) -> Model:
    """The model asked for."""
    name = body.get("model")
    if name is None:
        errors.refuse(errors.missing(call, "model"))
    if not isinstance(name, str):
        errors.refuse(errors.wrong_type(call, "model", "a string"))
    model = call.vendor.models.get(name)
    if model is None:
        errors.refuse(errors.unknown_model(call, name))
    if bool(model.dimensions) != embeds:
        errors.refuse(errors.wrong_kind(call, name))
    return model


def read_objects(call: Call, body: Body, name: str) -> list[Body]:
    """A required, non-empty array of objects."""
    if body.get(name) is None:
        errors.refuse(errors.missing(call, name))
    value = body[name]
    if not isinstance(value, list) or not value:
        errors.refuse(errors.wrong_type(call, name, "a valid list of objects"))
    objects: list[Body] = [item for item in value if isinstance(item, dict)]
    if len(objects) < len(value):
        errors.refuse(errors.wrong_type(call, name, "a valid list of objects"))
    return objects


def read_count(call: Call, body: Body, name: str, *, low: int = 1) -> int | None:
    """A whole number of at least `low`; None where it is left out or null."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        errors.refuse(errors.wrong_type(call, name, "a valid integer"))
    if value < low:
        message = f"Invalid value for '{name}': {value} is below the minimum of {low}."
        errors.refuse(errors.out_of_range(call, name, message))
    return value


def read_strings(call: Call, body: Body, name: str) -> tuple[str, ...]:
    """A string or an array of strings; () where it is left out."""
    value = body.get(name)
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        errors.refuse(errors.wrong_type(call, name, "a string or an array of strings"))
    return tuple(value)


def read_text(content: object) -> str:
    """The texts of a message's content, in every form that the dialects have."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return " ".join(read_text(content.get(name)) for name in ("text", "content", "output"))
    if isinstance(content, Sequence):
        return " ".join(read_text(part) for part in content)
    return ""


def check_context(call: Call, model: Model, texts: Sequence[str], per_text: int) -> int:
    """The prompt's tokens; refuses what does not fit the model."""
    tokens = sum(count_words(text) + per_text for text in texts)
    if tokens > model.context_tokens:
        errors.refuse(errors.context_too_long(call, tokens, model.context_tokens))
    return tokens


def select(body: Body, *but: str) -> dict[str, object]:
    """What the answer follows from: all but how it is to be delivered."""
    return {name: value for name, value in body.items() if name not in but}
