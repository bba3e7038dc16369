"""What a status means when neither a code nor a message said more.

A page that refuses with 403 stays a rejected credential: it fails over at once and rests the
account for seconds.  A bot check of a CDN must not cut an account off.
"""

from types import MappingProxyType
from typing import Final

from providers.contract import Charge, Kind

STATUSES: Final = MappingProxyType(
    {
        401: Kind.CREDENTIAL_REJECTED,
        402: Kind.QUOTA_EXHAUSTED,
        403: Kind.CREDENTIAL_REJECTED,
        404: Kind.MODEL_WITHDRAWN,
        407: Kind.UPSTREAM_FAULT,  # a proxy that nobody configured
        408: Kind.UPSTREAM_FAULT,
        409: Kind.UPSTREAM_FAULT,
        410: Kind.MODEL_WITHDRAWN,
        424: Kind.UPSTREAM_FAULT,  # Bedrock and Groq: the model behind failed
        425: Kind.UPSTREAM_FAULT,
        429: Kind.THROTTLED,
        451: Kind.JURISDICTION_DENIED,
        498: Kind.OVERLOADED,  # Groq: flex capacity
        499: Kind.UPSTREAM_FAULT,  # Gemini, Groq, Cohere: cancelled on their side
        503: Kind.OVERLOADED,
        529: Kind.OVERLOADED,  # Anthropic
    }
)

# One vendor's own use of a status; a vendor file may say more (`Vendor.statuses`).
VENDOR_STATUSES: Final = MappingProxyType(
    {
        # "Input token count + max_tokens must be less than the context length"
        # https://docs.together.ai/docs/error-codes, read 2026-11-24
        ("together", 403): Kind.CALLER_ERROR,
    }
)

# The vendor may have worked before it gave up.
CHARGES: Final = MappingProxyType(
    {408: Charge.UNKNOWN, 499: Charge.UNKNOWN, 504: Charge.UNKNOWN, 524: Charge.UNKNOWN}
)


def by_status(status: int) -> Kind:
    """The kind of a status alone.  A 2xx here is one whose body is no answer."""
    if status in STATUSES:
        return STATUSES[status]
    if 400 <= status < 500:
        return Kind.CALLER_ERROR
    if 200 <= status < 300:
        return Kind.CORRUPT_ANSWER
    return Kind.UPSTREAM_FAULT  # 5xx, and a redirect, which is never followed
