"""Cohere through its compatibility API.

Its page lists what is supported and what is not, but not whether the latter is refused or
ignored.  What changes no answer is dropped; the rest goes out as it was asked.
"""

from types import MappingProxyType

from providers.contract import Dialect, Feature, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="cohere",
    docs="https://docs.cohere.com/docs/compatibility-api",
    docs_read="2026-11-24",
    sign=bearer,
    base_url="https://api.cohere.ai/compatibility/v1",
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_EMBEDDINGS: "/embeddings",
        }
    ),
    # compatibility-api.mdx of the vendor's documentation, 2026-08-20.
    rename_fields=MappingProxyType({"max_completion_tokens": "max_tokens"}),
    drop_fields=frozenset({"store", "metadata", "service_tier", "prediction", "user"}),
    lacks=frozenset({Feature.MULTIPLE_CHOICES, Feature.LOGPROBS}),
    asks_usage=False,  # `stream_options` is not among the supported members
    usage_optional=True,
)
