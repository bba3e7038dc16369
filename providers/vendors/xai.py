"""xAI: OpenAI-shaped; current pages call the company SpaceXAI.

Errors are flat, `{"code": "…", "error": "…"}`, and their `code` is a sentence that fits several
causes, so that no rule is made from it here.
"""

from types import MappingProxyType

from providers.contract import Dialect, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="xai",
    docs="https://docs.x.ai/developers/rest-api-reference",
    docs_read="2026-11-24",
    sign=bearer,
    base_url="https://api.x.ai/v1",
    # developers/advanced-api-usage/regions, 2026-10: few models, 10 % dearer.  The older
    # us-east-1 and eu-west-1 hosts are no longer on the page.
    regions=MappingProxyType({"us": "https://us.api.x.ai/v1"}),
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_RESPONSES: "/responses",
        }
    ),
    # The page seen does not say whether `stream_options` is taken: nothing is asked, none demanded.
    asks_usage=False,
    usage_optional=True,
)
