"""Refusals in the client's own dialect, with what a client may do next."""

from collections.abc import Sequence
from math import ceil
from typing import Final

from gateway.exchange import Exchange
from gateway.relay.headers import JSON, NO_RETRY, RETRY, Log, trace
from providers.contract import Headers

# Below it a client's own retry is quick and cheap; above it, it would only multiply the load.
SOON_S: Final = 5.0

_MESSAGES: Final = {
    "supply_exhausted": "no permitted supply could answer",
    "deadline_exceeded": "no permitted supply answered before the deadline",
    "policy_no_route": "policy no longer permits any deployment for this request",
    "ledger_unavailable": "the ledger takes no rows, so nothing may be sent",
    "refused_by_vendor": "the vendor refused the request as wrong, and gave no reason to pass on",
    "internal": "the gateway failed; the request id finds the log line",
}


def refuse(exchange: Exchange, log: Log, status: int, code: str, retry_after_s: float) -> None:
    """Answer an exchange that the engine ended before anything went out."""
    message = exchange.unable if code == "invalid_request" else _MESSAGES[code]
    if log.failed and exchange.clearance.snapshot.tells_supply:
        message = f"{message}: {', '.join(_in_order(log.failed))}"
    answer(exchange, status, code, message, trace(exchange, log), retry_after_s)


def answer(
    exchange: Exchange,
    status: int,
    code: str,
    message: str,
    headers: Headers,
    retry_after_s: float = -1.0,
    param: str | None = None,
) -> None:
    """Send one whole error; a negative `retry_after_s` means that waiting does not help."""
    is_soon = 0 < ceil(retry_after_s) < SOON_S  # by what the client is told
    headers = [JSON, RETRY if is_soon else NO_RETRY, *headers]
    if retry_after_s > 0:
        headers.append((b"retry-after", b"%d" % ceil(retry_after_s)))
    body = exchange.client.error(status, code, message, param)
    exchange.status, exchange.bytes_out = status, len(body)
    exchange.sink.reply(status, headers, body)


def _in_order(kinds: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(kinds))
