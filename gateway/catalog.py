"""What the organisation can be supplied with: accounts, deployments, routes, as loaded.

Static records.  Health, cooldowns and cuts live in `supply`, decisions in `policies`; both find
a deployment by its name.  Made by `config` out of `supply.yaml` and the vendor files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from providers.contract import Dialect, Feature, Target, Vendor


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One contract with a vendor: the unit of a billing stop or suspension."""

    name: str
    vendor: Vendor
    # The secret itself: never printed, and a new one does not make another account.
    credential: str | None = field(default=None, repr=False, compare=False)
    credential_source: str | None = None  # `env:NAME` or `file:/path`: may be shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a deployment is reached, and which addresses that name may resolve to."""

    host: str
    port: int
    is_tls: bool
    ca_file: str | None = None  # None: the system's store
    # "public", or the private ranges that the operator named, in CIDR form.
    networks: tuple[str, ...] = ("public",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Millionths of a currency unit per million tokens, so that cost is integer arithmetic."""

    currency: str  # ISO 4217
    input_micro_per_mtok: int
    output_micro_per_mtok: int
    cached_input_micro_per_mtok: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One model at one URL under one account in one place."""

    name: str
    account: Account
    origin: Origin
    base_path: str  # of the URL, without a closing slash: "" or "/v1" or "/openai/v1"
    endpoints: Mapping[Dialect, str]  # path below `base_path`, for each dialect it speaks
    target: Target
    answers_as: tuple[str, ...] = ()  # names the answer may carry; empty: the model's own
    lacks: frozenset[Feature] = frozenset()
    context_tokens: int | None = None
    price: Price | None = None
    zone: str = "UNKNOWN"  # shown in a response header; policy has its own facts
    place: str | None = None  # the endpoint of the vendor's fact sheet that it is
    is_simulated: bool = False
    connections: int = 1_000  # at most so many open at once
    connect_s: float = 2.0  # name, TCP and TLS together


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds.  `first_token_s` is for streams, `whole_s` for answers in one piece."""

    first_token_s: float = 60.0
    whole_s: float = 300.0
    idle_s: float = 30.0  # between events of a stream; comments do not count
    total_s: float = 600.0  # over all attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A public model name and its tiers of deployments, best tier first."""

    name: str
    tiers: tuple[tuple[Deployment, ...], ...]
    deadlines: Deadlines = Deadlines()
    is_strict: bool = False  # a dropped field or another model in the answer is refused

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        """All tiers in order."""
        return tuple(deployment for tier in self.tiers for deployment in tier)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Everything that one load of `supply.yaml` declares."""

    accounts: Mapping[str, Account] = field(default_factory=lambda: MappingProxyType({}))
    deployments: Mapping[str, Deployment] = field(default_factory=lambda: MappingProxyType({}))
    routes: Mapping[str, Route] = field(default_factory=lambda: MappingProxyType({}))
