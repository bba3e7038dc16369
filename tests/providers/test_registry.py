"""Whatever module is there is known, and two can't claim one name."""

from pathlib import Path
from types import ModuleType

import pytest

import providers.dialects
import providers.translate
import providers.vendors
from providers import registry
from providers.contract import Dialect, Vendor
from providers.errors import UnknownVendorError


def files_of(package: ModuleType) -> set[str]:
    (folder,) = package.__path__
    return {path.stem for path in Path(folder).glob("*.py")} - {"__init__"}


def test_every_file_in_vendors_is_a_vendor_and_nothing_else_is() -> None:
    assert set(registry.vendors()) == files_of(providers.vendors)


def test_vendors_come_in_the_order_of_their_names() -> None:
    assert list(registry.vendors()) == sorted(registry.vendors())


def test_vendors_can_not_be_changed() -> None:
    with pytest.raises(TypeError):
        registry.vendors()["another"] = registry.vendor("openai")  # type: ignore[index]


def test_vendor_is_found_by_its_name() -> None:
    assert registry.vendor("mistral") is registry.vendors()["mistral"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        pytest.param("opnai", "openai", id="a letter left out"),
        pytest.param("azure-openai", "azure_openai", id="a hyphen"),
        pytest.param("Anthropic", "anthropic", id="a capital"),
        pytest.param("vlm", "vllm", id="short name"),
    ],
)
def test_unknown_vendor_names_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(UnknownVendorError, match=f"did you mean [^?]*{meant}"):
        registry.vendor(typed)


def test_unknown_vendor_that_is_near_to_none_lists_them_all() -> None:
    with pytest.raises(UnknownVendorError) as refusal:
        registry.vendor("zzzzzzzz")

    assert all(name in str(refusal.value) for name in registry.vendors())


def test_two_modules_that_claim_one_name_are_a_defect() -> None:
    found = {"openai": registry.vendor("openai")}

    with pytest.raises(ValueError, match=r"providers\.vendors claims openai"):
        registry._claim(found, "openai", registry.vendor("mistral"), providers.vendors)


OPENAI = [dialect for dialect in Dialect if dialect.startswith("openai_")]


@pytest.mark.parametrize("name", OPENAI)
def test_client_dialect_is_found_by_its_name(name: Dialect) -> None:
    assert registry.dialect(name).dialect is name


def test_dialect_that_no_client_may_speak_is_a_lookup_error() -> None:
    with pytest.raises(LookupError, match="anthropic_messages"):
        registry.dialect(Dialect.ANTHROPIC_MESSAGES)


@pytest.mark.parametrize("name", OPENAI)
def test_every_dialect_of_a_client_goes_over_itself(name: Dialect) -> None:
    pair = registry.pair(name, name)

    assert pair is not None
    assert (pair.client, pair.upstream) == (name, name)


def test_chat_goes_over_messages() -> None:
    pair = registry.pair(Dialect.OPENAI_CHAT, Dialect.ANTHROPIC_MESSAGES)

    assert pair is not None
    assert (pair.client, pair.upstream) == (Dialect.OPENAI_CHAT, Dialect.ANTHROPIC_MESSAGES)


def test_vendor_speaks_no_dialect_that_no_client_can_reach() -> None:
    reached = {
        upstream for client in OPENAI for upstream in Dialect if registry.pair(client, upstream)
    }

    for vendor in registry.vendors().values():
        assert set(vendor.endpoints) <= reached


def test_two_dialects_without_a_translation_have_no_pair() -> None:
    assert registry.pair(Dialect.OPENAI_EMBEDDINGS, Dialect.ANTHROPIC_MESSAGES) is None


def test_vendor_value_is_what_its_module_declares() -> None:
    assert all(isinstance(value, Vendor) for value in registry.vendors().values())
