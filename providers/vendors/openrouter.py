"""OpenRouter: a broker, so that the real operator is whoever it picks.

Every member that lets a request choose another model, operator or tool than the one policy
judged is reserved.  Trouble after the start comes as HTTP 200 with a top-level `error`;
`: OPENROUTER PROCESSING` comments are no sign of life.
"""

from types import MappingProxyType

from msgspec import Raw

from providers.contract import Dialect, Feature, Kind, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="openrouter",
    docs="https://openrouter.ai/docs/api_reference/overview",
    docs_read="2026-11-24",
    sign=bearer,
    base_url="https://openrouter.ai/api/v1",
    # docs/guides/privacy/provider-logging, 2026-08-22: on request, for enterprise accounts.
    regions=MappingProxyType(
        {
            "eu": "https://eu.openrouter.ai/api/v1",  # EEA, UK and Switzerland
            "us": "https://us.openrouter.ai/api/v1",
        }
    ),
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_RESPONSES: "/responses",
        }
    ),
    # docs/guides/routing, 2026-08-22: `provider` chooses operators, `models` and `route` other
    # models; `plugins` and `web_search_options` send text to third parties beyond `zdr`.
    reserved_fields=frozenset({"provider", "models", "route", "plugins", "web_search_options"}),
    # docs/guides/features/zdr and routing/provider-selection, 2026-08-22.
    residencies=MappingProxyType(
        {
            "zdr": MappingProxyType({"provider": Raw(b'{"zdr":true,"data_collection":"deny"}')}),
            "no_training": MappingProxyType({"provider": Raw(b'{"data_collection":"deny"}')}),
        }
    ),
    # api_reference/responses/overview, 2026-08-22: what needs state is answered with 400.
    lacks=frozenset({Feature.STATEFUL}),
    asks_usage=False,  # always sent; asking has no effect (usage-accounting, 2026-08-22)
    # api_reference/errors-and-debugging, 2026-08-22: 401 is the key; 403 is moderation or a
    # guardrail, about this request.
    statuses=MappingProxyType({403: Kind.CALLER_ERROR}),
    codes=MappingProxyType(
        {
            # `availability.code`, which is said beside a general `error_type` (same page).
            "no_endpoints": Kind.MODEL_WITHDRAWN,
            "model_deprecated": Kind.MODEL_WITHDRAWN,
            "model_unavailable_upstream": Kind.MODEL_WITHDRAWN,
            "privacy_restricted": Kind.MODEL_WITHDRAWN,  # our own terms leave no operator
            "region_restricted": Kind.JURISDICTION_DENIED,
            "capacity_exhausted": Kind.OVERLOADED,
            "temporarily_unavailable": Kind.OVERLOADED,
        }
    ),
)
