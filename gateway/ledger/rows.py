"""From an exchange to the rows of the ledger: names, counts and times, never text.

The only place that decides which of the things known about a request are written down.
"""

from typing import Protocol

from gateway.catalog import Deployment
from gateway.exchange import Attempt, Exchange
from gateway.ledger.entry import AttemptRow, Closed, ExchangeRow, Settled
from gateway.ledger.price import cost_micro
from gateway.upstream.transport import Peer
from providers.contract import Dialect, Headers, Usage, Verdict


class Answer(Protocol):
    """What a relay knows of the answer."""

    @property
    def usage(self) -> Usage | None: ...
    @property
    def model(self) -> str | None: ...
    @property
    def is_flawed(self) -> bool: ...


def exchange_row(exchange: Exchange, wall_s: float, outcome: str | None = None) -> ExchangeRow:
    """The row of an exchange as decided; with an outcome it is a refusal and complete."""
    labels, snapshot = exchange.labels, exchange.clearance.snapshot
    dialect = exchange.client.dialect
    return ExchangeRow(
        id=exchange.id,
        at=wall_s,
        key_id=exchange.principal.key_id,
        tenant=labels.tenant,
        app=labels.app,
        klass=labels.klass,
        tags=tuple(sorted(labels.tags)),
        purpose=labels.purpose,
        subjects=labels.subjects,
        label_sources=exchange.sources,
        mode=labels.mode,
        route=exchange.route_name,
        dialect=dialect,
        hop="embed" if dialect is Dialect.OPENAI_EMBEDDINGS else "infer",
        is_stream=exchange.is_stream,
        policy=snapshot.policy.digest,
        epoch=snapshot.epoch,
        permitted=exchange.permitted,
        excluded=exchange.excluded,
        excluded_more=exchange.excluded_more,
        outcome=outcome,
        status=exchange.status or None,
    )


def attempt_row(
    exchange: Exchange, deployment: Deployment, number: int, wall_s: float, bytes_in: int
) -> AttemptRow:
    """The row that must exist before the first byte goes out."""
    return AttemptRow(
        exchange=exchange.id,
        number=number,
        deployment=deployment.name,
        vendor=deployment.account.vendor.name,
        account=deployment.account.name,
        model=deployment.target.model,
        zone=deployment.zone,
        at=wall_s,
        bytes_in=bytes_in,
    )


def settled_row(
    exchange: Exchange,
    deployment: Deployment,
    attempt: Attempt,
    verdict: Verdict,
    answer: Answer,
    peer: Peer | None,
    now: float,
) -> Settled:
    """The end of an attempt.  `now` is monotonic, as the times of the attempt are."""
    usage = answer.usage or _UNSAID
    cost = cost_micro(deployment.price, usage)
    return Settled(
        exchange=exchange.id,
        number=attempt.number,
        verdict=verdict.kind,
        detail=verdict.detail,
        charge=verdict.charge,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        cost_micro=cost,
        currency=deployment.price.currency if deployment.price and cost is not None else None,
        bytes_out=exchange.bytes_out,
        head_s=_since(attempt.sent_at, attempt.head_at),
        first_token_s=_since(attempt.sent_at, attempt.first_token_at),
        ended_s=now - attempt.sent_at,
        status=attempt.status or None,
        peer=peer.address if peer else None,
        certificate=peer.certificate_sha256 if peer else None,
        vendor_request_id=_vendor_request_id(attempt.headers),
        answered_model=answer.model,
        is_flawed=answer.is_flawed,
    )


def closed_row(exchange: Exchange, outcome: str, attempts: int, now: float) -> Closed:
    """The end of an exchange that made at least one attempt."""
    return Closed(
        exchange=exchange.id,
        outcome=outcome,
        status=exchange.status or None,
        attempts=attempts,
        seconds=now - exchange.began,
        overhead_s=exchange.sent_at - exchange.read_at,
        dropped=exchange.dropped,
        added=exchange.added,
    )


_UNSAID = Usage()


def _since(start: float, end: float) -> float | None:
    return end - start if end else None


def _vendor_request_id(headers: Headers) -> str | None:
    """The vendor's own id of the request, which its support will ask for."""
    for name, value in headers:
        if name in (b"x-request-id", b"request-id", b"x-amzn-requestid"):
            return value[:128].decode("ascii", "replace")
    return None
