"""OpenAI: the shape that the others follow.

A project is bound to a region when it is made, or chooses one per request by host; the key
decides which hosts are allowed.  Nothing is dropped or renamed.
"""

from types import MappingProxyType

from providers.contract import Dialect, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="openai",
    docs="https://developers.openai.com/api/reference/overview",
    docs_read="2026-11-24",
    sign=bearer,
    base_url="https://api.openai.com/v1",
    # developers.openai.com/api/docs/guides/data-residency, 2026-11-24: TLS ends in the region for
    # us, eu, au, in, jp; ae is in the vendor's own SDK (openai-node, data-residency.ts) alone.
    regions=MappingProxyType(
        {
            "us": "https://us.api.openai.com/v1",
            "eu": "https://eu.api.openai.com/v1",  # EEA and Switzerland, so not within the EU
            "au": "https://au.api.openai.com/v1",
            "in": "https://in.api.openai.com/v1",
            "jp": "https://jp.api.openai.com/v1",
            "ae": "https://ae.api.openai.com/v1",
        }
    ),
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_COMPLETIONS: "/completions",
            Dialect.OPENAI_EMBEDDINGS: "/embeddings",
            Dialect.OPENAI_RESPONSES: "/responses",
        }
    ),
)
