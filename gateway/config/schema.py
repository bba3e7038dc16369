"""What may stand in `gateway.yaml` and `supply.yaml`, key by key.

The descriptions are the reference: `docs/reference/config.md` is made of them.  Unknown keys are
refused, because a setting that does nothing is worse than none.  Numbers and switches are not
guessed from text; whatever needs more than its own value is judged in `load` and `supply`.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gateway.config import values
from providers.contract import Feature

Text = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
RouteName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$")]
Port = Annotated[int, Field(strict=True, ge=0, le=65_535)]
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Tokens = Annotated[int, Field(strict=True, ge=1, le=100_000_000)]
Size = Annotated[int, BeforeValidator(values.read_size), Field(ge=1, le=1 << 40)]
Seconds = Annotated[float, BeforeValidator(values.read_number), Field(gt=0, le=86_400)]
MicroPrice = Annotated[int, BeforeValidator(values.read_price)]
Switch = Annotated[bool, Field(strict=True)]
SecretText = Annotated[str, BeforeValidator(values.read_reference)]
Network = Annotated[str, BeforeValidator(values.read_network)]
BaseUrl = Annotated[str, BeforeValidator(values.read_base_url)]
# Read by `policies`, which owns their vocabulary.
Facts = Mapping[str, object]
Tiers = Annotated[
    tuple[tuple[Name, ...], ...], BeforeValidator(values.read_tiers), Field(min_length=1)
]


class Strict(BaseModel):
    """Nothing unknown, nothing changed afterwards; an error never shows what was written."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class LogLevel(StrEnum):
    """How much the log says."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class ResponseHeaders(StrEnum):
    """What an answer tells about itself."""

    FULL = "full"
    REQUEST_ID = "request_id"


class Tls(Strict):
    """A certificate of our own, for a listener."""

    certificate_file: Text = Field(description="PEM file with the certificate and its chain.")
    key_file: Text = Field(description="PEM file with the private key.")


class DataListen(Strict):
    """Where applications connect."""

    host: Text = Field(
        default="127.0.0.1", description="Address to bind; `0.0.0.0` or `::` for all."
    )
    port: Port = Field(default=8080, description="TCP port; 0 lets the system choose one.")
    tls: Tls | None = Field(default=None, description="Serve HTTPS with this certificate.")


class AdminListen(Strict):
    """Where operators and Prometheus connect; never reachable on the data port."""

    host: Text = Field(
        default="127.0.0.1",
        description="Address to bind. Anything but loopback needs `key` and `tls`.",
    )
    port: Port = Field(default=8081, description="TCP port; 0 lets the system choose one.")
    tls: Tls | None = Field(default=None, description="Serve HTTPS with this certificate.")
    key: SecretText | None = Field(
        default=None,
        description="The admin key, as `env:NAME` or `file:/path`. Without one only `/metrics`, "
        "`/livez` and `/readyz` answer.",
    )
    allow_insecure_bind: Switch = Field(
        default=False,
        description="Bind beyond loopback without key or TLS: somebody else guards this port. "
        "Refused where it changes nothing.",
    )


class Listen(Strict):
    """The two planes."""

    data: DataListen = Field(default=DataListen(), description="Where applications connect.")
    admin: AdminListen = Field(default=AdminListen(), description="Where operators connect.")


class Limits(Strict):
    """Bounds on what clients can make the gateway hold."""

    body_bytes: Size = Field(
        default=10 * values.MIB,
        description="Largest request body; more is a 413. Bytes, or `10 MiB`.",
    )
    bodies_total_bytes: Size = Field(
        default=256 * values.MIB,
        description="Memory that all request bodies may take together; more is a 503.",
    )
    in_flight: Count = Field(default=1_000, description="Requests at the same time; more is a 503.")
    in_flight_per_key: Count = Field(
        default=100, description="Requests at the same time by one key; more is a 429."
    )
    header_bytes: Size = Field(
        default=64 * values.KIB,
        description="Request line and header fields together; more is a 431.",
    )
    header_count: Count = Field(
        default=100, description="Header fields of a request; more is a 431."
    )


class Gateway(Strict):
    """`gateway.yaml`: how the process listens, what it may hold, where it writes."""

    listen: Listen = Field(default=Listen(), description="The two listening addresses.")
    data_dir: Text = Field(
        default="../data",
        description="Folder for keys and ledger, made with mode 0700. Relative to this file.",
    )
    limits: Limits = Field(default=Limits(), description="Bounds on what clients can make it hold.")
    log_level: LogLevel = Field(default=LogLevel.INFO, description="How much the log says.")
    response_headers: ResponseHeaders = Field(
        default=ResponseHeaders.FULL,
        description="`request_id` hides which supply answered and why from clients.",
    )


class PriceEntry(Strict):
    """What a million tokens cost."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = Field(
        description="ISO 4217 code, such as EUR."
    )
    input: MicroPrice = Field(description="Per million input tokens; at most six decimals.")
    output: MicroPrice = Field(description="Per million output tokens.")
    cached_input: MicroPrice | None = Field(
        default=None,
        description="Per million input tokens read from the vendor's cache; else as `input`.",
    )


class AccountEntry(Strict):
    """One contract with a vendor: the unit of a billing stop or suspension."""

    vendor: Text = Field(description="Whose API it is: a file of `providers/vendors/`.")
    credential: SecretText | None = Field(
        default=None,
        description="The vendor's key, as `env:NAME` or `file:/path`, never the key itself. "
        "Files are read again within 5 s of a change.",
    )
    base_url: BaseUrl | None = Field(
        default=None, description="Where the API is, when not at the vendor's own address."
    )
    region: Text | None = Field(
        default=None, description="One of the vendor's regional addresses, instead of `base_url`."
    )
    facts: Facts | None = Field(
        default=None, description="What your contract changes for all deployments of this account."
    )


class DeploymentEntry(Strict):
    """One model at one URL under one account in one place: the unit of policy and health."""

    account: Name = Field(description="Name of the account that pays.")
    model: Text = Field(description="The model's name at the vendor.")
    base_url: BaseUrl | None = Field(default=None, description="Overrides the account's.")
    region: Text | None = Field(default=None, description="Overrides the account's.")
    residency: Text | None = Field(
        default=None,
        description="Where inference is pinned by a member of the request, such as `us` for "
        "Anthropic's `inference_geo`. The gateway sets it and refuses the client's own.",
    )
    form: Text | None = Field(
        default=None,
        description="Which endpoint form of the vendor's fact sheet this is, when address and "
        "residency do not tell.",
    )
    private_endpoint: Switch = Field(
        default=False,
        description="`base_url` is a private name of the same vendor's service (private link), so "
        "that the vendor's facts hold although the host is not the vendor's.",
    )
    networks: tuple[Network, ...] | None = Field(
        default=None,
        description="Addresses that the host may resolve to: `public`, or CIDR ranges. Default: "
        "`public`; for an IP address or localhost, that address.",
    )
    ca_file: Text | None = Field(
        default=None,
        description="PEM file to trust instead of the system's. Relative to this file.",
    )
    answers_as: tuple[Text, ...] = Field(
        default=(),
        description="Model names that an answer may carry. Default: `model`, or it plus a date or "
        "version; anything else counts as substituted.",
    )
    lacks: frozenset[Feature] = Field(
        default=frozenset(), description="What it cannot do; requests that need it go elsewhere."
    )
    context_tokens: Tokens | None = Field(default=None, description="Longest input plus output.")
    max_output_tokens: Tokens | None = Field(
        default=None,
        description="Sent as `max_tokens` where the vendor demands one and the client sent none.",
    )
    price: PriceEntry | None = Field(
        default=None, description="What it costs; without a price the cost is unknown, not zero."
    )
    facts: Facts | None = Field(
        default=None, description="What differs from the account's facts; key by key."
    )
    simulated: Switch = Field(
        default=False,
        description="A practice vendor: answers are invented. Shown wherever it appears.",
    )
    connections: Count = Field(default=1_000, description="Most connections open at once.")
    connect_s: Seconds = Field(
        default=2.0,
        description="Seconds for name, TCP and TLS together, before the next candidate.",
    )


class DeadlinesEntry(Strict):
    """Seconds that a request may wait, each from its own start."""

    first_token_s: Seconds = Field(default=60.0, description="To the first text of a stream.")
    whole_s: Seconds = Field(default=300.0, description="To an answer that comes in one piece.")
    idle_s: Seconds = Field(
        default=30.0, description="Between two events of a stream; comments are none."
    )
    total_s: Seconds = Field(default=600.0, description="Over all attempts.")


class RouteEntry(Strict):
    """A public model name. A list stands for a route with those tiers."""

    tiers: Tiers = Field(
        description="Best first. Each is a deployment, or a list of deployments that share the "
        "load. A later tier serves when no earlier one can.",
    )
    deadlines: DeadlinesEntry = Field(
        default=DeadlinesEntry(), description="Seconds that a request may wait."
    )
    strict: Switch = Field(
        default=False,
        description="Refuse to drop a field, and refuse an answer from another model, instead of "
        "reporting it.",
    )


def _route(value: object) -> object:
    return {"tiers": value} if isinstance(value, list) else value


class Supply(Strict):
    """`supply.yaml`: with whom there are contracts, what they serve, and under which names."""

    accounts: Mapping[Name, AccountEntry] = Field(
        description="Contracts with vendors, by a name of yours."
    )
    deployments: Mapping[Name, DeploymentEntry] = Field(
        description="Models in places, by a name of yours: it appears in metrics and headers.",
    )
    routes: Mapping[RouteName, Annotated[RouteEntry, BeforeValidator(_route)]] = Field(
        description="Model names that applications ask for."
    )


FILES: Final[Mapping[str, type[Strict]]] = MappingProxyType(
    {"gateway.yaml": Gateway, "supply.yaml": Supply}
)
