"""Ollama: a local server, or its cloud at https://ollama.com/v1.

It reads the members it knows and ignores all others, so that an unknown limit is no limit.
A local server ignores the key; without a credential nothing is signed.
"""

from types import MappingProxyType

from providers.contract import Dialect, Feature, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="ollama",
    docs="https://docs.ollama.com/api/openai-compatibility",
    docs_read="2026-11-24",
    sign=bearer,
    base_url="http://127.0.0.1:11434/v1",
    regions=MappingProxyType({"cloud": "https://ollama.com/v1"}),
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_COMPLETIONS: "/completions",
            Dialect.OPENAI_EMBEDDINGS: "/embeddings",
            Dialect.OPENAI_RESPONSES: "/responses",
        }
    ),
    # ollama/ollama, openai/openai.go and docs/api/openai-compatibility.mdx, 2026-08-21: the
    # request has `max_tokens` and no `max_completion_tokens`; `n` and responses' state are absent.
    rename_fields=MappingProxyType({"max_completion_tokens": "max_tokens"}),
    lacks=frozenset({Feature.MULTIPLE_CHOICES, Feature.STATEFUL}),
)
