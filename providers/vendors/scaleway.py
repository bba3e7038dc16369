"""Scaleway Generative APIs: OpenAI-shaped open models in the EU.

A path of `/{project_id}/v1` bills another project than the key's own.  A stream that began can
still end in an error event.
"""

from types import MappingProxyType

from providers.contract import Dialect, Feature, Kind, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="scaleway",
    docs="https://www.scaleway.com/en/docs/generative-apis/api-cli/using-chat-api/",
    docs_read="2026-11-24",
    sign=bearer,
    base_url="https://api.scaleway.ai/v1",
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_EMBEDDINGS: "/embeddings",
            Dialect.OPENAI_RESPONSES: "/responses",
        }
    ),
    # using-chat-api.mdx, 2025-09-22: n, user and logit_bias are unsupported, stream_options works.
    drop_fields=frozenset({"user"}),
    lacks=frozenset({Feature.MULTIPLE_CHOICES}),
    # understanding-errors.mdx, 2025-10-07: 422 is said of the model's name alone.
    statuses=MappingProxyType({422: Kind.MODEL_WITHDRAWN}),
)
