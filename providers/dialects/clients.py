"""The client dialects of OpenAI's shape, found by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from providers.contract import ClientDialect, Dialect
from providers.dialects.openai_chat import OpenAIChat
from providers.dialects.openai_completions import OpenAICompletions
from providers.dialects.openai_embeddings import OpenAIEmbeddings
from providers.dialects.openai_responses import OpenAIResponses

CLIENTS: Final[Mapping[Dialect, ClientDialect]] = MappingProxyType(
    {
        Dialect.OPENAI_CHAT: OpenAIChat(),
        Dialect.OPENAI_COMPLETIONS: OpenAICompletions(),
        Dialect.OPENAI_EMBEDDINGS: OpenAIEmbeddings(),
        Dialect.OPENAI_RESPONSES: OpenAIResponses(),
    }
)
