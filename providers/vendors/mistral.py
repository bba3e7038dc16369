"""Mistral: OpenAI-shaped, with a closed schema and some names of its own.

The schema forbids members it does not know (`additionalProperties: false`; a request with one
is answered 422 `extra_forbidden`), so that what has another name is renamed and what changes
no answer is dropped.  What would change the answer (`logit_bias`) goes out and is refused by
the vendor.
"""

from types import MappingProxyType

from providers.contract import Dialect, Feature, Kind, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="mistral",
    docs="https://docs.mistral.ai/api",
    docs_read="2026-11-24",
    sign=bearer,
    base_url="https://api.mistral.ai/v1",  # "does not commit to a specific inference location"
    # docs.mistral.ai/inference/regional-inference, 2026-08-21: function calling only, no files,
    # batches or agents; available models vary by region.
    regions=MappingProxyType(
        {
            "eu": "https://api.eu.mistral.ai/v1",  # data centres in EU and EFTA countries
            "us": "https://api.us.mistral.ai/v1",
        }
    ),
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_EMBEDDINGS: "/embeddings",
        }
    ),
    # ChatCompletionRequest and EmbeddingRequest of the vendor's openapi.yaml, 2026-08-21; refused
    # in the wild: max_completion_tokens (eca#231, 2025-12), store (openclaude#739, 2026-04).
    rename_fields=MappingProxyType(
        {
            "max_completion_tokens": "max_tokens",
            "seed": "random_seed",
            "dimensions": "output_dimension",
        }
    ),
    drop_fields=frozenset({"store", "stream_options", "user", "service_tier", "safety_identifier"}),
    lacks=frozenset({Feature.LOGPROBS}),
    asks_usage=False,  # the last chunk carries usage unasked, and the request field is unknown
    # Error glossary, 2026-08-21: 403 is a model or workspace that the tier does not include.
    statuses=MappingProxyType({403: Kind.MODEL_WITHDRAWN}),
    codes=MappingProxyType(
        {
            "1500": Kind.MODEL_WITHDRAWN,  # type invalid_model, with status 400 (vibe#617, 2026-04)
            "invalid_model": Kind.MODEL_WITHDRAWN,
            "unknown_model": Kind.MODEL_WITHDRAWN,  # error glossary, 2026-08-21
        }
    ),
)
