"""STACKIT AI Model Serving: OpenAI-shaped open models in the region eu01."""

from types import MappingProxyType

from providers.contract import Dialect, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="stackit",
    docs="https://docs.stackit.cloud/products/data-and-ai/ai-model-serving/how-tos/use-the-models",
    docs_read="2026-11-24",
    sign=bearer,
    base_url="https://api.openai-compat.model-serving.eu01.onstackit.cloud/v1",
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_EMBEDDINGS: "/embeddings",
        }
    ),
    # The page refers to OpenAI's reference and lists no exceptions; whether it takes
    # `stream_options` is not said, so nothing is asked and none demanded (2026-11-24).
    asks_usage=False,
    usage_optional=True,
)
