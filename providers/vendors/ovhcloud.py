"""OVHcloud AI Endpoints: OpenAI-shaped open models, served from Gravelines.

Without a key it answers too, as the anonymous free tier: an account needs a credential, or its
traffic leaves the contract.  Bodies above 2 MB are refused.
"""

from types import MappingProxyType

from providers.contract import Dialect, Feature, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="ovhcloud",
    docs="https://docs.ovhcloud.com/en/guides/public-cloud/ai-machine-learning/ai-endpoints-responses-api",
    docs_read="2026-11-24",
    sign=bearer,
    base_url="https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_EMBEDDINGS: "/embeddings",
            Dialect.OPENAI_RESPONSES: "/responses",
        }
    ),
    # "Statefulness is currently not managed" (ai-endpoints-responses-api, 2026-02-24).
    lacks=frozenset({Feature.STATEFUL}),
    # Support of `stream_options` is not documented: nothing is asked, and none is demanded.
    asks_usage=False,
    usage_optional=True,
)
