"""`docs/reference/config.md`, made from the schema so that it cannot tell another story.

`python -m gateway.config.reference` prints it; a test compares it with the file.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from types import UnionType
from typing import Annotated, Final, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.config.schema import FILES
from gateway.config.settings import PREFIX, Flags
from gateway.config.values import BaseUrl, MicroPrice, Network, SecretText

_HEAD: Final = """\
# Configuration

Made from the schema by `python -m gateway.config.reference`; do not edit.

The folder (default `config/`) holds `gateway.yaml`, `supply.yaml`, and `policies/` with the rules
(`*.cedar`), their schema (`schema.cedarschema`), `zones.yaml`, `labels.yaml` and `tenants.yaml`.
`switchgear init` writes one, `switchgear check` tells everything that is wrong with one.

Unknown keys are refused. `true` and `false` are the only switches, numbers are decimal, `null` or
nothing is null, a date is `2026-11-24`, and all else is text: `NO` is a country, not a switch.
Duplicate keys, tags (`!!`) and merge keys (`<<`) are refused. Secrets are references: `env:NAME`,
or `file:/path`, where a relative path starts at the folder.
"""

_FLAGS_HEAD: Final = """
## Flags and variables

What differs between two processes over one folder. A flag wins over its variable, that over the
file, and that over the default.

| flag | variable | what |
|---|---|---|
"""

_KINDS: Final[tuple[tuple[object, str], ...]] = (
    (BaseUrl, "URL"),
    (MicroPrice, "decimal"),
    (Network, "`public` or CIDR"),
    (SecretText, "reference"),
)


def render_reference() -> str:
    """The whole page."""
    parts = [_HEAD]
    for name, model in FILES.items():
        parts.append(f"\n## {name}\n\n{_sentence(model)}\n")
        parts.extend(_render_model(model, ""))
    parts.append(_FLAGS_HEAD)
    for name, flag in Flags.model_fields.items():
        words = name.replace("_", "-")
        parts.append(f"| `--{words}` | `{PREFIX}{name.upper()}` | {flag.description} |\n")
    return "".join(parts)


def _render_model(model: type[BaseModel], path: str) -> Iterator[str]:
    yield "\n| key | value | default | what |\n|---|---|---|---|\n"
    below: list[tuple[str, type[BaseModel]]] = []
    for name, info in model.model_fields.items():
        inner, suffix = _inner_model(info.annotation)
        kind = _kind(info) if inner is None else ("names" if suffix == ".NAME" else "mapping")
        if inner is not None:
            below.append((f"{path}{name}{suffix}", inner))
            kind = "list" if suffix == "[]" else kind
        yield f"| `{name}` | {kind} | {_default(info)} | {info.description} |\n"
    for where, inner in below:
        # The same facts may stand in two places; they are told once.
        if not (where.startswith("deployments.") and where.endswith(".facts")):
            yield f"\n### {where}\n\n{_sentence(inner)}\n"
            yield from _render_model(inner, f"{where}.")


def _inner_model(annotation: object) -> tuple[type[BaseModel] | None, str]:
    """The model below a field, and how its path goes on."""
    bare = _bare(annotation)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return bare, ""
    origin, arguments = get_origin(bare), get_args(bare)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _inner_model(arguments[1])[0], ".NAME"
    if origin is tuple:
        return _inner_model(arguments[0])[0], "[]"
    return None, ""


def _kind(info: FieldInfo) -> str:
    return _kind_of(info.rebuild_annotation()).replace("|", "\\|")


def _kind_of(annotation: object) -> str:
    for known, name in _KINDS:
        if annotation == known or get_args(annotation)[:1] == (known,):
            return name
    bare = _bare(annotation)
    for known, name in _KINDS:
        if bare == known:
            return name
    if isinstance(bare, type) and issubclass(bare, StrEnum):
        return ", ".join(f"`{member}`" for member in bare)
    if get_origin(bare) in (tuple, frozenset):
        return f"list of {_kind_of(get_args(bare)[0])}"
    names = {bool: "`true`, `false`", int: "number", str: "text", date: "date", float: "number"}
    return names.get(bare, "text") if isinstance(bare, type) else "text"


def _default(info: FieldInfo) -> str:
    value = info.default
    if value is PydanticUndefined:
        return "required"
    if value is None or isinstance(value, BaseModel) or value in ((), frozenset()):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if isinstance(value, int) else f"`{value}`"


def _sentence(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _bare(annotation: object) -> object:
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, UnionType):
            annotation = next(a for a in get_args(annotation) if a is not type(None))
        else:
            return annotation


if __name__ == "__main__":
    print(render_reference(), end="")
