"""vLLM: the organisation's own open models.

A key is checked only where the server was started with `--api-key`; without a credential
nothing is signed.  Source: vLLM documentation, OpenAI-compatible server, read 2026-11-24.
"""

from types import MappingProxyType

from providers.contract import Dialect, Vendor, Verification
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="vllm",
    docs="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
    docs_read="2026-11-24",
    sign=bearer,
    base_url="http://127.0.0.1:8000/v1",
    verified=Verification.REAL,
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_COMPLETIONS: "/completions",
            Dialect.OPENAI_EMBEDDINGS: "/embeddings",
            Dialect.OPENAI_RESPONSES: "/responses",
        }
    ),
)
