"""Groq: OpenAI-shaped, one global host.

A streamed answer carries usage in the last chunk's `x_groq` too.
"""

from types import MappingProxyType

from providers.contract import Dialect, Feature, Kind, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="groq",
    docs="https://console.groq.com/docs/openai",
    docs_read="2026-11-24",
    sign=bearer,
    base_url="https://api.groq.com/openai/v1",
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_RESPONSES: "/responses",
        }
    ),
    # docs/openai, 2026-11-24: logprobs, top_logprobs and n other than 1 are answered with 400.
    lacks=frozenset({Feature.LOGPROBS, Feature.MULTIPLE_CHOICES}),
    # "Organization has been restricted." comes with status 400 (one-api#271, seen 2026-11-24).
    codes=MappingProxyType({"organization_restricted": Kind.ACCOUNT_CUT_OFF}),
)
