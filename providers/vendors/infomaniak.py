"""Infomaniak AI Services: OpenAI-shaped open models in Switzerland.

The path holds the number of the operator's product, so there is no general base URL.
"""

from types import MappingProxyType

from providers.contract import Dialect, Feature, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="infomaniak",
    docs="https://developer.infomaniak.com/docs/api/post/1/ai/%7Bproduct_id%7D/openai/chat/completions",
    docs_read="2026-11-24",
    sign=bearer,
    base_url_form="https://api.infomaniak.com/1/ai/{product_id}/openai",
    endpoints=MappingProxyType({Dialect.OPENAI_CHAT: "/chat/completions"}),
    # The reference (2026-11-24) documents `max_tokens` alone, and marks `n` as unused.
    rename_fields=MappingProxyType({"max_completion_tokens": "max_tokens"}),
    lacks=frozenset({Feature.MULTIPLE_CHOICES}),
    # `stream_options` is not in the part of the reference that was read.
    asks_usage=False,
    usage_optional=True,
)
