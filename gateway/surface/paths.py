"""Which path speaks which dialect, and which known paths are not served.

A client that asks for something we know and do not serve hears 501 and what is missing, in its
own dialect; a path that nobody knows is 404.
"""

from types import MappingProxyType
from typing import Final

from providers.contract import Dialect

SERVED: Final = MappingProxyType(
    {
        "/v1/chat/completions": Dialect.OPENAI_CHAT,
        "/v1/completions": Dialect.OPENAI_COMPLETIONS,
        "/v1/embeddings": Dialect.OPENAI_EMBEDDINGS,
        "/v1/responses": Dialect.OPENAI_RESPONSES,
    }
)

# Prefix -> what is missing.  OpenAI: platform.openai.com/docs/api-reference; Anthropic:
# docs.claude.com/en/api; both read 2026-11-24.
UNSERVED: Final = (
    ("/v1/messages", Dialect.ANTHROPIC_MESSAGES, "the Anthropic Messages dialect for clients"),
    ("/v1/complete", Dialect.ANTHROPIC_MESSAGES, "the Anthropic text completion dialect"),
    ("/v1/responses/", Dialect.OPENAI_RESPONSES, "stored responses: send store=false"),
    ("/v1/conversations", Dialect.OPENAI_RESPONSES, "stored conversations"),
    ("/v1/chat/completions/", Dialect.OPENAI_CHAT, "stored completions"),
    ("/v1/assistants", Dialect.OPENAI_CHAT, "assistants"),
    ("/v1/threads", Dialect.OPENAI_CHAT, "threads"),
    ("/v1/audio", Dialect.OPENAI_CHAT, "audio"),
    ("/v1/images", Dialect.OPENAI_CHAT, "images"),
    ("/v1/videos", Dialect.OPENAI_CHAT, "videos"),
    ("/v1/files", Dialect.OPENAI_CHAT, "files"),
    ("/v1/uploads", Dialect.OPENAI_CHAT, "uploads"),
    ("/v1/batches", Dialect.OPENAI_CHAT, "batches"),
    ("/v1/vector_stores", Dialect.OPENAI_CHAT, "vector stores"),
    ("/v1/containers", Dialect.OPENAI_CHAT, "containers"),
    ("/v1/moderations", Dialect.OPENAI_CHAT, "moderations"),
    ("/v1/fine_tuning", Dialect.OPENAI_CHAT, "fine-tuning"),
    ("/v1/evals", Dialect.OPENAI_CHAT, "evals"),
    ("/v1/realtime", Dialect.OPENAI_CHAT, "realtime sessions"),
    ("/v1/rerank", Dialect.OPENAI_CHAT, "reranking"),
)


def find_unserved(path: str) -> tuple[Dialect, str] | None:
    """The dialect to answer in and what is missing, if the path is a known one."""
    for prefix, dialect, missing in UNSERVED:
        if path == prefix or path.startswith(prefix.rstrip("/") + "/"):
            return dialect, missing
    return None
