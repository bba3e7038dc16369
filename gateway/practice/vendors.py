"""The vendors of the grid: who they imitate, their accounts and their models.

Names and credentials are invented and fixed, so that configs, demos and tests can be written
down.  They look like a vendor's own and open nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Flavour(StrEnum):
    """Whose API a vendor imitates, errors included."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    MISTRAL = "mistral"
    VLLM = "vllm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model.  Limits are in tokens of the grid's counting rule (see `text.py`)."""

    name: str
    context_tokens: int = 0
    max_output_tokens: int = 0
    dimensions: int = 0  # above 0: an embedding model, which does not chat


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One imitation.  `accounts` maps an account's name to its credential."""

    name: str
    flavour: Flavour
    place: str  # where it says it is operated: US, EU or own
    accounts: Mapping[str, str]
    models: Mapping[str, Model]

    def account_of(self, credential: str | None) -> str | None:
        """Whose credential this is; None for nobody's."""
        return next((name for name, held in self.accounts.items() if held == credential), None)


def make_vendor(name: str, flavour: Flavour, place: str = "US") -> Vendor:
    """A vendor with a large, a small and (but for Anthropic) an embedding model, two accounts."""
    models = [
        Model(name=f"{name}-large", context_tokens=32_768, max_output_tokens=8_192),
        Model(name=f"{name}-small", context_tokens=8_192, max_output_tokens=4_096),
    ]
    if flavour is not Flavour.ANTHROPIC:
        models.append(Model(name=f"{name}-embed", context_tokens=8_192, dimensions=384))
    return Vendor(
        name=name,
        flavour=flavour,
        place=place,
        accounts={account: f"sk-practice-{name}-{account}" for account in ("main", "spare")},
        models={model.name: model for model in models},
    )


STANDARD: Final = (
    make_vendor("aurora", Flavour.OPENAI, "US"),
    make_vendor("borealis", Flavour.ANTHROPIC, "US"),
    make_vendor("europa", Flavour.MISTRAL, "EU"),
    make_vendor("homegrid", Flavour.VLLM, "own"),
)
