"""Nebius Token Factory: OpenAI-shaped open models.

The public endpoint may run anywhere and can change with capacity; a fixed region is a dedicated
endpoint, which has another model id at the same host.
"""

from types import MappingProxyType

from providers.contract import Dialect, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="nebius",
    docs="https://docs.tokenfactory.nebius.com/api-reference/inference/create-chat-completion",
    docs_read="2026-11-24",
    sign=bearer,
    base_url="https://api.tokenfactory.nebius.com/v1",
    # The reference (schema of 2026-05-06) documents stream_options, n, logprobs and user.
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_COMPLETIONS: "/completions",
        }
    ),
)
