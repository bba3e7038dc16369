"""Together: OpenAI-shaped open models."""

from types import MappingProxyType

from providers.contract import Dialect, Kind, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="together",
    docs="https://docs.together.ai/docs/openai-api-compatibility",
    docs_read="2026-11-24",
    sign=bearer,
    base_url="https://api.together.ai/v1",  # servers of the vendor's openapi.yaml, 2026-04-28
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_COMPLETIONS: "/completions",
            Dialect.OPENAI_EMBEDDINGS: "/embeddings",
        }
    ),
    # The vendor's openapi.yaml, 2026-04-28: the limit is `max_tokens`, there are no
    # `stream_options`, and usage in a stream may be null.
    rename_fields=MappingProxyType({"max_completion_tokens": "max_tokens"}),
    asks_usage=False,
    usage_optional=True,
    # docs/error-codes, 2026-11-24: 403 means prompt and max_tokens exceed the context.
    statuses=MappingProxyType({403: Kind.CALLER_ERROR}),
)
