"""OpenAI: the shape that the others follow.

Regions: a project is bound to one when it is made, or chooses per request by host; the key
decides whether the host is allowed.  Source: data residency guide, read 2026-11-24.
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
    regions=MappingProxyType(
        {
            "us": "https://us.api.openai.com/v1",
            "eu": "https://eu.api.openai.com/v1",  # EEA and Switzerland
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
