"""Google's Gemini API through its OpenAI-compatible endpoint.

Errors come in Google's own shape, often as a list of one, and a member that the endpoint does
not know is refused with 400 INVALID_ARGUMENT.  There is one global host; a region means Vertex
AI, which is another product with other credentials.
"""

from types import MappingProxyType

from providers.contract import Dialect, Vendor
from providers.signing.headers import bearer

VENDOR = Vendor(
    name="gemini",
    docs="https://ai.google.dev/gemini-api/docs/openai",
    docs_read="2026-11-24",
    sign=bearer,
    base_url="https://generativelanguage.googleapis.com/v1beta/openai",
    endpoints=MappingProxyType(
        {
            Dialect.OPENAI_CHAT: "/chat/completions",
            Dialect.OPENAI_EMBEDDINGS: "/embeddings",
        }
    ),
    # "Unknown name \"store\": Cannot find field." (openhanako#394, 2026-04-12); it changes no
    # answer.  Reports of frequency_penalty and seed are of 2025-02 and not repeated since: kept.
    drop_fields=frozenset({"store"}),
    # `stream_options` is taken: public clients send it and read the usage that follows
    # (gemini_streaming.py of tomyeo88/HAI5014-MyFirstLLMChatbot).
)
