"""What may stand in `gateway.yaml` and `supply.yaml`, key by key.

The descriptions are the reference: `docs/reference/config.md` is made of them.  Unknown keys are
refused, because a setting that does nothing is worse than none.  Numbers and switches are not
guessed from text; whatever needs more than its own value is judged in `load` and `supply`.
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from gateway.config.values import (
    KIB,
    MIB,
    BaseUrl,
    Count,
    MicroPrice,
    Name,
    Network,
    Port,
    RouteName,
    Seconds,
    SecretText,
    Size,
    Strict,
    Switch,
    Text,
    Tiers,
    Tokens,
)
from policies import facts as vocabulary
from providers.contract import Feature


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


class Adaptor(StrEnum):
    """How requests get from the socket to the pipeline."""

    ASGI = "asgi"
    FAST = "fast"


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
    adaptor: Adaptor = Field(
        default=Adaptor.ASGI,
        description="How requests are taken in. `fast` serves them inside uvicorn's protocol, with "
        "less CPU and the same answers. It leans on uvicorn 0.54; under another version the start "
        "says so in the log and takes `asgi`.",
    )


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
        default=10 * MIB,
        description="Largest request body; more is a 413. Bytes, or `10 MiB`.",
    )
    bodies_total_bytes: Size = Field(
        default=256 * MIB,
        description="Memory that all request bodies may take together; more is a 503.",
    )
    in_flight: Count = Field(default=1_000, description="Requests at the same time; more is a 503.")
    in_flight_per_key: Count = Field(
        default=100, description="Requests at the same time by one key; more is a 429."
    )
    header_bytes: Size = Field(
        default=64 * KIB,
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


class EvidenceEntry(Strict):
    """Where facts come from and how long they may be believed."""

    source: Text = Field(description="The contract, page or machine that says so.")
    as_of: Text | int | date = Field(description="The date it carries, such as 2026-10-18.")
    confidence: vocabulary.Confidence = Field(
        default=vocabulary.Confidence.CONTRACT, description="How good the evidence is."
    )
    expires: date | None = Field(
        default=None, description="Last day on which it holds; after it the facts are unknown."
    )


class FactsEntry(Strict):
    """What policy may know of a deployment. Absent keeps the vendor's public fact; `null` makes it
    unknown, and unknown is the worst value."""

    broker: Switch | None = Field(
        default=None, description="Passes requests on to operators of its own choice."
    )
    hosting: vocabulary.Hosting | None = Field(
        default=None, description="Whose machines serve. Rented machines are `own_cloud`."
    )
    network: vocabulary.Network | None = Field(default=None, description="How it is reached.")
    processing: Text | None = Field(
        default=None, description="Smallest zone that is guaranteed to contain inference."
    )
    storage: Text | None = Field(
        default=None, description="Smallest zone that is guaranteed to contain what is kept."
    )
    legal_entity: Text | None = Field(default=None, description="With whom the contract is.")
    law: Text | None = Field(
        default=None, description="Zone where the contracting operator is established."
    )
    parent_law: Text | None = Field(
        default=None, description="Zone where its ultimate parent is established."
    )
    reachable_by: frozenset[vocabulary.Regime] | None = Field(
        default=None, description="Laws that can compel the operator, wherever the data sits."
    )
    subprocessors: frozenset[Text] | None = Field(
        default=None, description="Zones whose law its sub-processors are under."
    )
    retention_days: Annotated[int, Field(strict=True, ge=0, le=36_500)] | None = Field(
        default=None, description="0 when zero retention is in force by contract and by setting."
    )
    trains: Switch | None = Field(default=None, description="Learns from what is sent.")
    human_review: Switch | None = Field(default=None, description="People there may read it.")
    dpa: Switch | None = Field(
        default=None, description="A data processing agreement is signed (GDPR art. 28)."
    )
    baa: Switch | None = Field(
        default=None, description="A business associate agreement is signed (HIPAA)."
    )
    transfer_basis: vocabulary.TransferBasis | None = Field(
        default=None, description="On what ground personal data may leave (GDPR ch. V)."
    )
    weights_open: Switch | None = Field(default=None, description="The weights are published.")
    weights_origin: Text | None = Field(default=None, description="Zone of who made the weights.")
    weights_family: Text | None = Field(default=None, description="Model family, such as `qwen`.")
    weights_licence: Text | None = Field(default=None, description="Licence of the weights.")
    certs: frozenset[vocabulary.Cert] | None = Field(
        default=None, description="Certificates whose scope covers this service."
    )
    evidence: tuple[EvidenceEntry, ...] = Field(
        default=(), description="Where these facts come from. Facts need some."
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
    place: Text | None = Field(
        default=None,
        description="Which endpoint of the vendor's fact sheet, such as `eu`: decides the address, "
        "what a request must carry, and which facts hold. Needed where the address alone does "
        "not tell.",
    )
    fact_sheet: Text | None = Field(
        default=None,
        description="Whose public facts hold, when not `vendor`'s own: for a vendor reached as "
        "`openai_compatible`, for one's own machines (`self_hosted`), or for a practice vendor.",
    )
    facts: FactsEntry | None = Field(
        default=None, description="What your contract changes for all deployments of this account."
    )


class DeploymentEntry(Strict):
    """One model at one URL under one account in one place: the unit of policy and health."""

    account: Name = Field(description="Name of the account that pays.")
    model: Text = Field(description="The model's name at the vendor.")
    base_url: BaseUrl | None = Field(default=None, description="Overrides the account's.")
    place: Text | None = Field(default=None, description="Overrides the account's.")
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
    facts: FactsEntry | None = Field(
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
