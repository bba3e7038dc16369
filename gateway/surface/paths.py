"""Which path speaks which dialect, and which known paths are not served.

A client that asks for something we know and do not serve hears 501 and what is missing, in its
own dialect; a path that nobody knows is 404.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from providers.contract import Dialect
from providers.dialects import anthropic_messages, openai_errors

# Makes an error body of `(status, code, message, param)`.  A dialect may have one long before
# clients can speak it here.
ErrorBody = Callable[[int, str, str, str | None], bytes]

OPENAI: Final[ErrorBody] = openai_errors.error_body
ANTHROPIC: Final[ErrorBody] = anthropic_messages.error

SERVED: Final = MappingProxyType(
    {
        "/v1/chat/completions": Dialect.OPENAI_CHAT,
        "/v1/completions": Dialect.OPENAI_COMPLETIONS,
        "/v1/embeddings": Dialect.OPENAI_EMBEDDINGS,
        "/v1/responses": Dialect.OPENAI_RESPONSES,
    }
)

# Prefix, how its clients read errors, what is missing.  Sources, read 2026-11-24: OpenAI
# platform.openai.com/docs/api-reference; Anthropic
# docs.claude.com/en/api.
UNSERVED: Final[tuple[tuple[str, ErrorBody, str], ...]] = (
    ("/v1/messages", ANTHROPIC, "the Anthropic Messages dialect for clients"),
    ("/v1/complete", ANTHROPIC, "the Anthropic text completion dialect"),
    ("/v1/responses/", OPENAI, "stored responses: send store=false"),
    ("/v1/conversations", OPENAI, "stored conversations"),
    ("/v1/chat/completions/", OPENAI, "stored completions"),
    ("/v1/assistants", OPENAI, "assistants"),
    ("/v1/threads", OPENAI, "threads"),
    ("/v1/audio", OPENAI, "audio"),
    ("/v1/images", OPENAI, "images"),
    ("/v1/videos", OPENAI, "videos"),
    ("/v1/files", OPENAI, "files"),
    ("/v1/uploads", OPENAI, "uploads"),
    ("/v1/batches", OPENAI, "batches"),
    ("/v1/vector_stores", OPENAI, "vector stores"),
    ("/v1/containers", OPENAI, "containers"),
    ("/v1/moderations", OPENAI, "moderations"),
    ("/v1/fine_tuning", OPENAI, "fine-tuning"),
    ("/v1/evals", OPENAI, "evals"),
    ("/v1/realtime", OPENAI, "realtime sessions"),
    ("/v1/rerank", OPENAI, "reranking"),
)


def find_unserved(path: str) -> tuple[ErrorBody, str] | None:
    """How to answer and what is missing, if the path is a known one."""
    for prefix, error_body, missing in UNSERVED:
        if path == prefix or path.startswith(prefix.rstrip("/") + "/"):
            return error_body, missing
    return None
