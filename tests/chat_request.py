"""A chat request for tests of translations."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw

from providers.contract import Dialect, Feature


@dataclass(slots=True, kw_only=True)
class ChatRequest:
    members: Mapping[str, Raw]
    model: str
    is_stream: bool
    wants_usage: bool
    dialect: Dialect = Dialect.OPENAI_CHAT
    features: frozenset[Feature] = field(default_factory=frozenset)


def chat_request(body: bytes) -> ChatRequest:
    members = msgspec.json.decode(body, type=dict[str, Raw])
    plain = msgspec.json.decode(body)
    options = plain.get("stream_options") or {}
    return ChatRequest(
        members=members,
        model=plain.get("model", ""),
        is_stream=bool(plain.get("stream")),
        wants_usage=bool(options.get("include_usage")),
    )
