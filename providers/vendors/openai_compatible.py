"""Any other OpenAI-shaped endpoint: the conservative default.

Nothing is known of it, so nothing is dropped and nothing is added: not even the request for
usage, which strict servers refuse as an unknown field, and a whole answer may come without it.
The operator says where it is and, per deployment, what it cannot do.
"""

from types import MappingProxyType

from providers.contract import Dialect, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="openai_compatible",
    docs="https://developers.openai.com/api/reference/overview",
    docs_read="2026-11-24",
    sign=bearer,
    base_url_form="https://{host}/v1",
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_COMPLETIONS: "/completions",
            Dialect.OPENAI_EMBEDDINGS: "/embeddings",
            Dialect.OPENAI_RESPONSES: "/responses",
        }
    ),
    asks_usage=False,
    usage_optional=True,
)
