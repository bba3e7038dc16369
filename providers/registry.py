"""Finds vendors, dialects and pairs by name: whatever module is there is known.

There is no list to edit.  A vendor is a module of `providers.vendors` with a `VENDOR`, a client
dialect a value in the `CLIENTS` of a module of `providers.dialects`, and a translation the `PAIR`
of a module of `providers.translate`, or a value in its `IDENTITIES`.  Each package is read once; a
second claim to the same name is a defect of ours and raises at that first reading, never by the
order of files.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType, ModuleType
from typing import TypeVar

from providers.contract import ClientDialect, Dialect, Pair, Vendor
from providers.errors import UnknownVendorError

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def vendor(name: str) -> Vendor:
    """The vendor of that name.  Raises UnknownVendorError with the nearest names."""
    known = vendors()
    if name in known:
        return known[name]
    near = get_close_matches(name.lower().replace("-", "_"), known, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"known are {', '.join(known)}"
    raise UnknownVendorError(
        f"no vendor is called {name!r}; {hint} "
        "(openai_compatible speaks to any other OpenAI-shaped endpoint)"
    )


@cache
def vendors() -> Mapping[str, Vendor]:
    """Every vendor by name, in the order of names."""
    found: dict[str, Vendor] = {}
    for module in _modules("providers.vendors"):
        value = getattr(module, "VENDOR", None)
        if isinstance(value, Vendor):
            _claim(found, value.name, value, module)
    return MappingProxyType(dict(sorted(found.items())))


def dialect(name: Dialect) -> ClientDialect:
    """The client's side of a dialect.  Raises LookupError where no client may speak it yet."""
    found = _dialects().get(name)
    if found is None:
        raise LookupError(f"no module of providers.dialects serves clients in {name}")
    return found


def pair(client: Dialect, upstream: Dialect) -> Pair | None:
    """The translation between the two, or None where there is none."""
    return _pairs().get((client, upstream))


@cache
def _dialects() -> Mapping[Dialect, ClientDialect]:
    found: dict[Dialect, ClientDialect] = {}
    for module in _modules("providers.dialects"):
        values: Mapping[Dialect, ClientDialect] = getattr(module, "CLIENTS", {})
        for value in values.values():
            _claim(found, value.dialect, value, module)
    return MappingProxyType(found)


@cache
def _pairs() -> Mapping[tuple[Dialect, Dialect], Pair]:
    found: dict[tuple[Dialect, Dialect], Pair] = {}
    for module in _modules("providers.translate"):
        for value in _pairs_of(module):
            _claim(found, (value.client, value.upstream), value, module)
    return MappingProxyType(found)


def _pairs_of(module: ModuleType) -> Iterator[Pair]:
    identities: Mapping[Dialect, Pair] = getattr(module, "IDENTITIES", {})
    yield from identities.values()
    single: Pair | None = getattr(module, "PAIR", None)
    if single is not None:
        yield single


def _modules(package_name: str) -> Iterator[ModuleType]:
    package = import_module(package_name)
    for info in iter_modules(package.__path__):
        yield import_module(f"{package_name}.{info.name}")


def _claim(found: dict[_Key, _Value], key: _Key, value: _Value, module: ModuleType) -> None:
    if key in found and found[key] is not value:
        raise ValueError(f"{module.__name__} claims {key}, which another module holds already")
    found[key] = value
