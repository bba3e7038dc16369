"""DeepSeek: OpenAI-shaped at the bare host, without `/v1`.

Under load it keeps a request open and sends empty lines or `: keep-alive` comments until
inference starts; those are no sign of life.  `finish_reason: insufficient_system_resource` is a
broken answer.
"""

from types import MappingProxyType

from providers.contract import Dialect, Feature, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="deepseek",
    docs="https://api-docs.deepseek.com/api/create-chat-completion",
    docs_read="2026-11-24",
    sign=bearer,
    base_url="https://api.deepseek.com",
    endpoints=MappingProxyType({Dialect.OPENAI_CHAT: "/chat/completions"}),
    # The reference documents `max_tokens` as the only limit, and neither `n` nor a JSON schema:
    # `response_format` is text or json_object (api/create-chat-completion, 2026-02-13).
    rename_fields=MappingProxyType({"max_completion_tokens": "max_tokens"}),
    lacks=frozenset({Feature.MULTIPLE_CHOICES, Feature.JSON_SCHEMA}),
)
