"""IONOS AI Model Hub: OpenAI-shaped open models in Berlin.

A request without a limit gets 16 tokens (the API's documented default), so that most clients
want `max_completion_tokens`.  Tokens expire by design, after at most 365 days.
"""

from types import MappingProxyType

from providers.contract import Dialect, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="ionos",
    docs="https://api.ionos.com/docs/inference-openai/v1/",
    docs_read="2026-11-24",
    sign=bearer,
    base_url="https://openai.inference.de-txl.ionos.com/v1",
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_COMPLETIONS: "/completions",
            Dialect.OPENAI_EMBEDDINGS: "/embeddings",
        }
    ),
    # The schema lists no `stream_options` (2026-11-24): nothing is asked, and none is demanded.
    asks_usage=False,
    usage_optional=True,
)
