"""The rows of the journal: one JSON array a line, led by a tag that names the kind and version.

No field holds text of a prompt or an answer.  What comes from a vendor (a request id, the name
of the model that answered) is kept only while it looks like an identifier, for a vendor that
echoes a prompt there must not get it into the ledger.

Versions: a field may be appended when it may be None and defaults to None, for old lines then
read as before; anything else is a new tag beside the old one.
"""

import re
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Annotated, Final

import msgspec
from msgspec.structs import force_setattr

EXCLUDED_MOST: Final = 32  # deployments named in one row; the policy digest can tell the rest
POLICIES_MOST: Final = 4  # policies named for one excluded deployment
NOT_AN_IDENTIFIER: Final = "(not an identifier)"
CRASHED: Final = "crashed"  # verdict and outcome of a row whose process died before settling it
COUNT_MOST: Final = 2**53 - 1  # above it no count of tokens or bytes is believed

_match_identifier = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._:/@+=-]{0,127}|\(not an identifier\)"
).fullmatch

# SQLite's integers have 64 bits; a line beyond them is set aside, not forced into a column.
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class RunRow(msgspec.Struct, array_like=True, tag="r1", frozen=True, gc=False, kw_only=True):
    """The first line of every segment: which run of which process writes it."""

    run: str
    number: Count
    at: float  # Unix seconds
    pid: Count


class SealRow(msgspec.Struct, array_like=True, tag="z1", frozen=True, gc=False, kw_only=True):
    """The last line of a segment: its run writes nothing more into it."""

    number: Count


class ExchangeRow(msgspec.Struct, array_like=True, tag="x1", frozen=True, gc=False, kw_only=True):
    """One authenticated request, as decided.  Names come from the config, never from a body.

    A refusal is complete with this row: `outcome` is set and no `Closed` need follow.
    `route` is "" when the request named no route of ours.
    """

    id: str
    at: float  # Unix seconds
    key_id: str
    tenant: str
    app: str
    klass: str
    tags: tuple[str, ...]
    purpose: str
    subjects: str
    label_sources: Mapping[str, str]  # label -> key, header or detector: who raised it last
    mode: str
    route: str
    dialect: str
    hop: str
    is_stream: bool
    policy: str  # digest
    epoch: Count  # of the config
    permitted: tuple[str, ...] = ()
    excluded: Mapping[str, tuple[str, ...]] = {}  # deployment -> policy ids; see `bound_excluded`
    excluded_more: Count = 0  # excluded deployments beyond those named
    outcome: str | None = None
    status: Count | None = None  # the HTTP status that the client got


class AttemptRow(msgspec.Struct, array_like=True, tag="a1", frozen=True, gc=False, kw_only=True):
    """One try against one candidate, about to be sent.  Its id is `EXCHANGE-NUMBER`."""

    exchange: str
    number: Count  # counted from 1
    deployment: str
    vendor: str
    account: str
    model: str  # as asked of the vendor
    zone: str
    at: float  # Unix seconds
    bytes_in: Count  # of the request body

    @property
    def id(self) -> str:
        """What metrics, logs and the vendor's request header call this attempt."""
        return attempt_id(self.exchange, self.number)


class Settled(msgspec.Struct, array_like=True, tag="s1", frozen=True, gc=False, kw_only=True):
    """The end of one attempt.  None means that nobody said, which is not 0."""

    exchange: str
    number: Count
    verdict: str
    detail: str
    charge: str
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    cached_tokens: Count | None = None
    cost_micro: Count | None = None  # millionths of `currency`
    currency: str | None = None
    bytes_out: Count = 0  # committed to the client
    head_s: float | None = None  # from sending to the response head
    first_token_s: float | None = None  # from sending to the first content
    ended_s: float | None = None  # from sending to the end
    status: Count | None = None  # of the vendor
    peer: str | None = None  # address that the connection went to
    certificate: str | None = None  # SHA-256 fingerprint, in hex
    vendor_request_id: str | None = None
    answered_model: str | None = None
    is_flawed: bool = False  # delivered, with something in it that does not parse

    def __post_init__(self) -> None:
        # Vendors may say anything; a lie must neither carry text into the ledger nor break a row.
        if not _is_identifier(self.vendor_request_id):
            force_setattr(self, "vendor_request_id", NOT_AN_IDENTIFIER)
        if not _is_identifier(self.answered_model):
            force_setattr(self, "answered_model", NOT_AN_IDENTIFIER)
        prompt, completion = self.prompt_tokens or 0, self.completion_tokens or 0
        cached, cost = self.cached_tokens or 0, self.cost_micro or 0
        # One test for the four: a union of bits is out of range when any one of them is.
        if not 0 <= prompt | completion | cached | cost <= COUNT_MOST:
            self._drop_unbelievable_counts()

    def _drop_unbelievable_counts(self) -> None:
        for name in ("prompt_tokens", "completion_tokens", "cached_tokens", "cost_micro"):
            count = getattr(self, name)
            if count is not None and not 0 <= count <= COUNT_MOST:
                force_setattr(self, name, None)


class Closed(msgspec.Struct, array_like=True, tag="c1", frozen=True, gc=False, kw_only=True):
    """The end of one exchange."""

    exchange: str
    outcome: str
    status: Count | None
    attempts: Count
    seconds: float  # from the first byte of the request to the last of the answer
    overhead_s: float  # the part of it that was the gateway's own
    dropped: tuple[str, ...] = ()  # fields that the vendor did not get
    added: tuple[str, ...] = ()  # fields that only the vendor got


Permit = ExchangeRow | AttemptRow
Settlement = Settled | Closed
Line = RunRow | SealRow | ExchangeRow | AttemptRow | Settled | Closed

_encoder = msgspec.json.Encoder()
encode_line: Final = _encoder.encode
encode_lines: Final = _encoder.encode_lines
# mypy cannot tell the type of a decoder over a union.
_decode: Callable[[bytes], Line] = msgspec.json.Decoder(Line).decode


def decode_line(line: bytes) -> Line:
    """Read one line.  Raises ValueError when it is none of ours, whatever it is instead."""
    try:
        return _decode(line)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def attempt_id(exchange: str, number: int) -> str:
    """The id of an attempt, unique while exchange ids are."""
    return f"{exchange}-{number}"


def bound_excluded(
    excluded: Mapping[str, tuple[str, ...]],
) -> tuple[dict[str, tuple[str, ...]], int]:
    """Cut the reasons to what one row may hold; also give how many deployments were left out.

    The first are kept, in their order.  Worth keeping beside the decision: it is the same for
    every request with these labels.
    """
    kept = {
        name: policies[:POLICIES_MOST] for name, policies in islice(excluded.items(), EXCLUDED_MOST)
    }
    return kept, len(excluded) - len(kept)


def _is_identifier(text: str | None) -> bool:
    return text is None or _match_identifier(text) is not None
