"""The fact sheets that ship with Switchgear: one file per vendor in `policies/catalogue/`."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final

from gateway.config.document import parse_document
from gateway.config.findings import Findings
from policies import PolicyError, VendorFacts, read_vendor
from policies.reading import is_mapping

# Software that anybody can run has no operator of its own.
_SELF_HOSTED: Final = frozenset({"vllm", "ollama"})
SELF_HOSTED_SHEET: Final = "self_hosted"


@cache
def read_sheets() -> Mapping[str, VendorFacts]:
    """Every fact sheet by the name of its file.  A broken one is a defect of ours and raises."""
    sheets: dict[str, VendorFacts] = {}
    for file in sorted(resources.files("policies").joinpath("catalogue").iterdir(), key=str):
        if not file.name.endswith(".yaml"):
            continue
        findings = Findings()
        document = parse_document(file.read_bytes(), file.name, findings)
        findings.raise_errors()
        plain = document.root.plain() if document is not None else None
        if not is_mapping(plain):
            raise PolicyError(())
        sheets[file.name.removesuffix(".yaml")] = read_vendor(plain, file.name)
    return MappingProxyType(sheets)


def sheet_of_vendor(name: str) -> VendorFacts | None:
    """The sheet that a vendor's deployments have unless the operator names another."""
    return read_sheets().get(SELF_HOSTED_SHEET if name in _SELF_HOSTED else name)
