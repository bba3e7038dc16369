"""Fireworks: OpenAI-shaped open models.

It lowers a `max_tokens` that does not fit the context instead of refusing it, unless the
request has `context_length_exceeded_behavior: error`; an operator may inject that member.
"""

from types import MappingProxyType

from providers.contract import Dialect, Kind, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="fireworks",
    docs="https://docs.fireworks.ai/tools-sdks/openai-compatibility",
    docs_read="2026-11-24",
    sign=bearer,
    base_url="https://api.fireworks.ai/inference/v1",
    # US-only serverless has its own host and its own model ids.  An account of which residency is
    # set refuses the global host.  (accounts/data-residency, 2026-11-24)
    regions=MappingProxyType({"us": "https://us.api.fireworks.ai/inference/v1"}),
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_COMPLETIONS: "/completions",
        }
    ),
    # Chose the place per request until hosts did; deprecated, still read (same page, 2026-11-24).
    reserved_fields=frozenset({"inference_geo"}),
    asks_usage=False,  # the final chunk of a stream carries usage unasked (docs, 2026-11-24)
    # guides/inference-error-codes, 2026-11-24: "Account is suspended or there's an issue with
    # account status"; it also covers a LoRA model that failed to load.
    statuses=MappingProxyType({412: Kind.ACCOUNT_CUT_OFF}),
)
