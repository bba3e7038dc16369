"""What the gateway and the vendors' formats agree on: dialects, verdicts, readers, pairs, vendors.

`providers` is sans-IO.  It answers two questions: what bytes does this vendor want, and what did
its bytes mean?  Everything here is a value or a small protocol; sockets, clocks and retries are
the gateway's.

A *pair* joins a client's dialect to an upstream's.  It has the four sections of every
translation in the same order: request, whole reply, stream, error.  Identity is a pair too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from msgspec import Raw

Headers = list[tuple[bytes, bytes]]
"""Header fields in their order, names in lower case."""


class Dialect(StrEnum):
    """A wire format, of a client or of an upstream."""

    OPENAI_CHAT = "openai_chat"
    OPENAI_COMPLETIONS = "openai_completions"
    OPENAI_EMBEDDINGS = "openai_embeddings"
    OPENAI_RESPONSES = "openai_responses"
    ANTHROPIC_MESSAGES = "anthropic_messages"


class Kind(StrEnum):
    """What one attempt came to: a whole answer, one of 13 supply events, or nobody's fault."""

    OK = "ok"
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"
    QUOTA_EXHAUSTED = "quota_exhausted"
    CREDENTIAL_REJECTED = "credential_rejected"
    ACCOUNT_CUT_OFF = "account_cut_off"
    JURISDICTION_DENIED = "jurisdiction_denied"
    MODEL_WITHDRAWN = "model_withdrawn"
    UPSTREAM_FAULT = "upstream_fault"
    UNREACHABLE = "unreachable"
    BROWNOUT = "brownout"
    BROKEN_STREAM = "broken_stream"
    CORRUPT_ANSWER = "corrupt_answer"
    SUBSTITUTED = "substituted"
    REFUSED = "refused"  # the model or its safety layer declined: delivered as it is
    CALLER_ERROR = "caller_error"
    CALLER_GONE = "caller_gone"
    STALE_CONNECTION = "stale_connection"  # lost the keep-alive race: nobody's fault
    LOCAL = "local"  # ours: pool full, a defect, no longer permitted


class Charge(StrEnum):
    """What the vendor may charge for an attempt."""

    NONE = "none"
    UNKNOWN = "unknown"
    PARTIAL = "partial"
    FULL = "full"


class Verdict(NamedTuple):
    """The end of one attempt.  `detail` is ours or a rule's name, never a vendor's free text."""

    kind: Kind
    detail: str = ""
    retry_after_s: float = -1.0  # negative: the vendor did not say
    charge: Charge = Charge.NONE
    resets_at_unix_s: float = -1.0  # when a period's allowance comes back; negative: not said
    is_guess: bool = False  # no rule knew it, a 4xx alone decided: it fails over and cuts nothing

    @property
    def delivers(self) -> bool:
        """Whether the client gets this answer: a whole one, or one that the model declined."""
        return self.kind is Kind.OK or self.kind is Kind.REFUSED


COMPLETE: Final = Verdict(Kind.OK, charge=Charge.FULL)
DECLINED: Final = Verdict(Kind.REFUSED, "declined", charge=Charge.FULL)
EMPTY: Final = Verdict(Kind.CORRUPT_ANSWER, "empty", charge=Charge.FULL)


class Usage(NamedTuple):
    """Tokens as the upstream counted them; None means that it did not say, which is not 0."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None


class Feature(StrEnum):
    """What a request may use that not every deployment can honour."""

    MULTIPLE_CHOICES = "n"
    LOGPROBS = "logprobs"
    TOOLS = "tools"
    JSON_MODE = "json_mode"
    JSON_SCHEMA = "json_schema"
    IMAGES = "images"
    STATEFUL = "stateful"  # kept at the vendor: store, previous_response_id, a conversation


# Signals of one `StreamReader.feed`, in rising order.
NOTHING: Final = 0  # comments, blank lines, half an event: no sign of life
PROGRESS: Final = 1  # an event that does not change the client's state
CONTENT: Final = 2  # text, reasoning, a tool call or a refusal: this commits
FAILED: Final = 3  # `fault` says why; nothing more is read


class StreamReader(Protocol):
    """Reads one upstream stream, judges it, and gives the bytes for the client.

    Only whole events come out.  Withheld are an error and all that follows it, the usage event
    that only we asked for, and the stream's last word until the answer is known to be whole.
    """

    fault: Verdict | None
    usage: Usage | None
    model: str | None

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """Take bytes as they come; give the bytes to send on and the highest signal in them."""
        ...

    def verdict(self) -> Verdict:
        """What the answer is worth if nothing more comes."""
        ...

    def end(self) -> bytes:
        """The withheld last word; asked for once, after a verdict that delivers."""
        ...

    @property
    def is_done(self) -> bool:
        """The last word came and the answer is whole: what the connection does now is no matter."""
        ...

    @property
    def is_flawed(self) -> bool:
        """A tool call's arguments are no JSON: the model's own answer, delivered, and noted."""
        ...


class WholeReader(Protocol):
    """Reads one upstream reply that came in one piece."""

    usage: Usage | None
    model: str | None

    def read(self, body: bytes) -> tuple[Verdict, bytes]:
        """Judge a complete 200 body; give the verdict and the body for the client."""
        ...

    @property
    def is_flawed(self) -> bool:
        """As in `StreamReader`."""
        ...


class ClientRequest(Protocol):
    """A client's request body, read as far as policy and routing need.

    `members` are the top-level members in their order, values byte for byte.  Whoever renders
    copies the mapping: the same request is rendered again for the next attempt.
    """

    dialect: Dialect
    members: Mapping[str, Raw]
    model: str
    is_stream: bool
    wants_usage: bool
    features: frozenset[Feature]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What rendering needs to know of the deployment: no names of ours, no facts of policy."""

    model: str
    max_output_tokens: int | None = None  # the catalogue's maximum, where the vendor demands one
    drop_fields: frozenset[str] = frozenset()
    rename_fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    inject: Mapping[str, Raw] = field(default_factory=lambda: MappingProxyType({}))
    # Members that choose where inference runs; the client's own are refused, not overridden.
    reserved_fields: frozenset[str] = frozenset()
    asks_usage: bool = True  # may `stream_options.include_usage` be added


class Outgoing(NamedTuple):
    """A body for one deployment, and the fields that it lacks or has beyond what was asked."""

    body: bytes
    dropped: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


class Pair(Protocol):
    """One client dialect over one upstream dialect.  Holds no state of a request."""

    client: Dialect
    upstream: Dialect
    lacks: frozenset[Feature]  # features that this translation cannot carry

    def request(self, request: ClientRequest, target: Target) -> Outgoing:
        """Render the body.  Raises UnsupportedRequestError naming the field that cannot go."""
        ...

    def whole(self, request: ClientRequest, *, created: int = 0) -> WholeReader:
        """`created` is for dialects that tell the time of an answer, in Unix seconds."""
        ...

    def stream(self, request: ClientRequest, *, created: int = 0) -> StreamReader:
        """As `whole`."""
        ...

    def error(self, status: int, body: bytes) -> bytes:
        """The caller's own error, as the upstream told it, in the client's dialect."""
        ...


class ClientDialect(Protocol):
    """The client's side of a dialect: how a request reads and how our own errors look."""

    dialect: Dialect

    def read(self, body: bytes) -> ClientRequest:
        """Raises MalformedRequestError for anything a vendor should never see."""
        ...

    def error(self, status: int, code: str, message: str, param: str | None = None) -> bytes:
        """A whole error body of ours."""
        ...

    def stream_error(self, code: str, message: str) -> bytes:
        """The event that ends a committed stream which broke off; no last word follows it."""
        ...


class Verification(StrEnum):
    """How far a vendor's file has been driven."""

    REAL = "real"  # against the vendor's own software
    IMITATION = "imitation"  # against an honest imitation made from its documentation


Sign = Callable[[str], Headers]
"""From a credential to the header fields that carry it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """A company's API surface, as data.  One file each in `providers/vendors/`."""

    name: str
    docs: str
    docs_read: str  # ISO date on which the documentation was read
    sign: Sign
    endpoints: Mapping[Dialect, str]  # path below `base_url`, or below the operator's own
    base_url: str | None = None  # None: the operator must say
    # What the operator fills in where there is no `base_url`; names in braces are theirs.
    base_url_form: str = ""
    regions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # to base URL
    # Members that pin inference to a place or to terms, by a name for it; all reserved fields.
    residencies: Mapping[str, Mapping[str, Raw]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    verified: Verification = Verification.IMITATION
    headers: tuple[tuple[bytes, bytes], ...] = ()  # sent with every request
    statuses: Mapping[int, Kind] = field(default_factory=lambda: MappingProxyType({}))
    codes: Mapping[str, Kind] = field(default_factory=lambda: MappingProxyType({}))
    drop_fields: frozenset[str] = frozenset()
    rename_fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    inject: Mapping[str, Raw] = field(default_factory=lambda: MappingProxyType({}))
    reserved_fields: frozenset[str] = frozenset()
    lacks: frozenset[Feature] = frozenset()
    asks_usage: bool = True
    usage_optional: bool = False  # a whole answer may come without a usage block
