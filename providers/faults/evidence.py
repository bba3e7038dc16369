"""Read out of a refusal what a rule can match: codes, the message, the status it speaks of.

Every vendor's shape in one place, each member looked at with its type in doubt.  Bodies are read
up to 64 KiB, messages up to 2,000 characters.
"""

from typing import Final, NamedTuple

import msgspec

from providers.contract import Headers

BODY_BYTES: Final = 64 * 1024
_MESSAGE_LENGTH: Final = 2_000
_CODE_LENGTH: Final = 100
_DETAILS: Final = 20
_decode = msgspec.json.Decoder().decode


class Evidence(NamedTuple):
    """Everything in lower case."""

    codes: tuple[str, ...] = ()  # the most exact first
    message: str = ""
    page: str = ""  # the body as text where it is no JSON object
    quota_ids: str = ""
    retry_delay: str = ""  # Google's RetryInfo
    resets_at: str = ""  # OpenRouter
    status: int = 0  # that the body itself names; 0: none


def read_evidence(headers: Headers, body: bytes) -> Evidence:
    """What the reply says of its own failure; empty where it says nothing that can be read."""
    aws = next((value for name, value in headers if name == b"x-amzn-errortype"), b"")
    codes = [aws.decode("latin-1").partition(":")[0].rpartition("#")[2]] if aws else []
    document = _document(body)
    if document is None:
        page = body[:BODY_BYTES].decode("utf-8", "replace").strip().lower()
        return Evidence(codes=_clean(codes), page=page)
    error = document.get("error") or document.get("detail") or document
    if not isinstance(error, dict):
        return Evidence(codes=_clean(codes), message=_text(error))
    return _read_error(codes, document, error)


def _document(body: bytes) -> dict[str, object] | None:
    if len(body) > BODY_BYTES:
        return None
    try:
        document = _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    if isinstance(document, list) and document:  # Gemini's OpenAI endpoint wraps errors in a list
        document = document[0]
    return document if isinstance(document, dict) else None


def _read_error(
    codes: list[str], document: dict[str, object], error: dict[object, object]
) -> Evidence:
    found: list[object] = list(codes)
    details = error.get("details")
    quota_ids, retry_delay = "", ""
    if isinstance(details, dict):  # Anthropic
        found.append(details.get("error_code"))
    elif isinstance(details, list):  # Google
        quota_ids, retry_delay = _read_google(details[:_DETAILS], found)
    metadata = error.get("metadata")
    resets_at = ""
    if isinstance(metadata, dict):  # OpenRouter
        found.append(metadata.get("limit_source"))
        if "flagged_input" in metadata:
            found.append("flagged_input")
        resets_at = _text(metadata.get("resets_at"))
    availability = error.get("availability")
    if isinstance(availability, dict):  # OpenRouter, where no endpoint may serve
        found.append(availability.get("code"))
    inner = error.get("innererror")
    if isinstance(inner, dict):  # Azure
        found.append(inner.get("code"))
    found += [error.get("code"), error.get("status"), error.get("type"), error.get("__type")]
    return Evidence(
        codes=_clean(found),
        message=_text(error.get("message") or error.get("detail")),
        quota_ids=quota_ids,
        retry_delay=retry_delay,
        resets_at=resets_at,
        status=_status(error.get("code"), document.get("raw_status_code"), document.get("status")),
    )


def _read_google(details: list[object], found: list[object]) -> tuple[str, str]:
    """Reasons go into `found`; gives the ids of the quotas at fault and the delay asked for."""
    quota_ids, retry_delay = [], ""
    for detail in details:
        if not isinstance(detail, dict):
            continue
        found.append(detail.get("reason"))
        retry_delay = retry_delay or _text(detail.get("retryDelay"))
        violations = detail.get("violations")
        for violation in violations[:_DETAILS] if isinstance(violations, list) else ():
            if isinstance(violation, dict):
                quota_ids.append(_text(violation.get("quotaId")))
    return " ".join(quota_ids), retry_delay


def _clean(codes: list[object] | list[str]) -> tuple[str, ...]:
    return tuple(
        code.strip().lower()[:_CODE_LENGTH] for code in codes if isinstance(code, str) and code
    )


def _text(value: object) -> str:
    if isinstance(value, list) and value:  # FastAPI: {"detail": [{"msg": …}]}
        value = value[0]
    if isinstance(value, dict):
        value = value.get("msg") or value.get("message")
    return value[:_MESSAGE_LENGTH].strip().lower() if isinstance(value, str) else ""


def _status(*values: object) -> int:
    for value in values:
        number = int(value) if isinstance(value, str) and value.isdecimal() else value
        if isinstance(number, int) and 400 <= number <= 599:
            return number
    return 0
