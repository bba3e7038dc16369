"""A chat request for tests of translations, read without the checks of its dialect.

A translation has defences of its own, which must be seen to work where the reader would have
refused the body before.
"""

import msgspec

from providers.contract import Dialect
from providers.dialects.openai_request import OpenAIRequest
from providers.framing.members import split


def chat_request(body: bytes) -> OpenAIRequest:
    plain = msgspec.json.decode(body)
    options = plain.get("stream_options") or {}
    return OpenAIRequest(
        dialect=Dialect.OPENAI_CHAT,
        members=split(body),
        model="m",
        is_stream=bool(plain.get("stream")),
        wants_usage=bool(options.get("include_usage")),
        features=frozenset(),
    )
