"""When a vendor says to come back: headers and body members in five notations.

An explicit Retry-After goes before a bucket's reset, since a reset is the moment at which the
whole bucket is full again, and only a bucket that is empty counts.
Sources: RFC 9110 10.2.3; OpenAI rate limit guide (Go durations); Anthropic rate limits (RFC
3339); google.rpc.RetryInfo; openai-python 3.57 (`retry-after-ms` first), all read 2026-11-24.
"""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from providers.contract import Headers, Kind
from providers.faults.evidence import Evidence
from providers.faults.rules import Reset

SHORTEST_S: Final = 0.1
LONGEST_S: Final = 120.0
_VALUE_BYTES: Final = 64
_UNITS: Final = {"ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "h": 3600.0, "m": 60.0, "s": 1.0}
_TRY_AGAIN: Final = "try again in "
_REGAIN: Final = "regain access on "


class Wait(NamedTuple):
    """Seconds clamped to 0.1..120, and a date for what takes longer; negative: not said."""

    retry_after_s: float = -1.0
    resets_at_unix_s: float = -1.0


def read_wait(
    headers: Headers, evidence: Evidence, kind: Kind, reset: Reset | None, now_unix_s: float
) -> Wait:
    """What the reply says of the time to wait; `now_unix_s` is wall time."""
    asked_s = _from_headers(headers, now_unix_s)
    if asked_s < 0:
        asked_s = duration_s(evidence.retry_delay)
    if asked_s < 0 and kind is Kind.THROTTLED:
        asked_s = _after(evidence.message, _TRY_AGAIN)
    until = _date(evidence.resets_at)
    if until < 0 and reset is Reset.NEXT_MONTH:
        until = _next_month(now_unix_s)
    elif until < 0 and reset is Reset.IN_TEXT:
        until = _date(evidence.message.partition(_REGAIN)[2][:10])
    if until < 0 and (asked_s > LONGEST_S or (asked_s >= 0 and kind is Kind.QUOTA_EXHAUSTED)):
        until = now_unix_s + asked_s
    clamped_s = asked_s if asked_s < 0 else min(max(asked_s, SHORTEST_S), LONGEST_S)
    return Wait(clamped_s, until)


def duration_s(text: str) -> float:
    """A Go duration such as `6m0s`, `12ms` or `1h2m3.5s`; negative when it is none."""
    total, rest = 0.0, text.strip()
    if not rest or len(rest) > _VALUE_BYTES:
        return -1.0
    while rest:
        digits = len(rest) - len(rest.lstrip("0123456789."))
        unit = next((unit for unit in _UNITS if rest.startswith(unit, digits)), "")
        number = _number(rest[:digits])
        if not unit or number < 0:
            return -1.0
        total += number * _UNITS[unit]
        rest = rest[digits + len(unit) :]
    return total


def _from_headers(headers: Headers, now_unix_s: float) -> float:
    fields = {
        name: value.decode("latin-1").strip()
        for name, value in headers
        if len(value) <= _VALUE_BYTES and (b"retry-after" in name or b"ratelimit-" in name)
    }
    milliseconds = _number(fields.get(b"retry-after-ms", ""))
    if milliseconds >= 0:
        return milliseconds / 1000
    plain = fields.get(b"retry-after", "")
    if plain:
        seconds = _number(plain)
        return seconds if seconds >= 0 else _until(_http_date(plain), now_unix_s)
    return max(
        (
            _reset(value, now_unix_s)
            for name, value in fields.items()
            if _is_reset_of_empty(name, fields)
        ),
        default=-1.0,
    )


def _is_reset_of_empty(name: bytes, fields: dict[bytes, str]) -> bool:
    """`x-ratelimit-reset-tokens` or `anthropic-ratelimit-tokens-reset`, with nothing remaining."""
    if name.startswith(b"x-ratelimit-reset"):
        twin = name.replace(b"-reset", b"-remaining", 1)
    elif name.endswith(b"-reset"):
        twin = name.removesuffix(b"reset") + b"remaining"
    else:
        return False
    return _number(fields.get(twin, "0")) <= 0


def _reset(value: str, now_unix_s: float) -> float:
    """A Go duration, an RFC 3339 date, seconds from now, or the unix time in (milli)seconds."""
    number = _number(value)
    if number < 0:
        wait = duration_s(value)
        return wait if wait >= 0 else _until(_date(value), now_unix_s)
    for scale in (1, 1000):  # OpenRouter gives milliseconds since 1970
        if abs(number / scale - now_unix_s) < 366 * 86_400:
            return max(number / scale - now_unix_s, 0.0)
    return number


def _until(unix_s: float, now_unix_s: float) -> float:
    return max(unix_s - now_unix_s, 0.0) if unix_s >= 0 else -1.0


def _number(text: str) -> float:
    """A finite decimal number of at least 0; negative when it is none."""
    if not text or text.strip("0123456789."):
        return -1.0
    try:
        number = float(text)
    except ValueError:
        return -1.0
    return number if math.isfinite(number) else -1.0


def _http_date(text: str) -> float:
    try:
        return _unix_s(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return -1.0


def _date(text: str) -> float:
    try:
        return _unix_s(datetime.fromisoformat(text.strip().upper()))
    except (ValueError, OverflowError):
        return -1.0


def _unix_s(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _after(message: str, words: str) -> float:
    """The duration that stands behind `words`, up to the next blank."""
    rest = message.partition(words)[2][:_VALUE_BYTES]
    return duration_s(rest.split(" ", 1)[0].rstrip(".,")) if rest else -1.0


def _next_month(now_unix_s: float) -> float:
    now = datetime.fromtimestamp(now_unix_s, UTC)
    year, month = (now.year + 1, 1) if now.month == 12 else (now.year, now.month + 1)
    return datetime(year, month, 1, tzinfo=UTC).timestamp()
