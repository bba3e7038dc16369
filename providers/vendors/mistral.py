"""Mistral: OpenAI-shaped, with names of its own.

The host without a prefix is the global endpoint; place is chosen by host.
Source: regional inference, docs.mistral.ai, read 2026-11-24.
"""

from types import MappingProxyType

from providers.contract import Dialect, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="mistral",
    docs="https://docs.mistral.ai/api",
    docs_read="2026-11-24",
    sign=bearer,
    base_url="https://api.mistral.ai/v1",
    regions=MappingProxyType(
        {
            "eu": "https://api.eu.mistral.ai/v1",  # EU and EFTA
            "us": "https://api.us.mistral.ai/v1",
        }
    ),
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_EMBEDDINGS: "/embeddings",
        }
    ),
)
