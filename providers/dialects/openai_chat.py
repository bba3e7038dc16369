"""The client's side of `/v1/chat/completions`."""

from collections.abc import Mapping
from typing import Final

from msgspec import Raw

from providers.contract import Dialect, Feature
from providers.dialects.openai_errors import error_body, error_event
from providers.dialects.openai_request import (
    NO_FEATURES,
    OpenAIRequest,
    asks_for_usage,
    check_kind,
    holds_part,
    read_count,
    read_flag,
    read_format,
    read_model,
    require_list,
)
from providers.framing.members import split

_TOLD_BY_NAME: Final = frozenset({"n", "logprobs", "tools", "functions", "response_format"})


class OpenAIChat:
    """A `ClientDialect`."""

    dialect = Dialect.OPENAI_CHAT

    def read(self, body: bytes) -> OpenAIRequest:
        """Raises MalformedRequestError for anything a vendor should never see."""
        members = split(body)
        model = read_model(members)
        is_stream = "stream" in members and read_flag(members, "stream") is True
        messages = require_list(members, "messages")
        if "max_tokens" in members:
            read_count(members, "max_tokens")
        if "max_completion_tokens" in members:
            read_count(members, "max_completion_tokens")
        features = NO_FEATURES if _TOLD_BY_NAME.isdisjoint(members) else _named_features(members)
        if holds_part(messages, b'"image_url"'):
            features |= {Feature.IMAGES}
        return OpenAIRequest(
            dialect=self.dialect,
            members=members,
            model=model,
            is_stream=is_stream,
            wants_usage="stream_options" in members and asks_for_usage(members, is_stream),
            features=features,
        )

    def error(self, status: int, code: str, message: str, param: str | None = None) -> bytes:
        """A whole error body of ours."""
        return error_body(status, code, message, param)

    def stream_error(self, code: str, message: str) -> bytes:
        """The event that ends a committed stream; no `[DONE]` follows it."""
        return error_event(code, message)


def _named_features(members: Mapping[str, Raw]) -> frozenset[Feature]:
    found = set()
    if (read_count(members, "n") or 1) > 1:
        found.add(Feature.MULTIPLE_CHOICES)
    if read_flag(members, "logprobs"):
        found.add(Feature.LOGPROBS)
    for name in ("tools", "functions"):
        if check_kind(members, name, "a list") is not None:
            found.add(Feature.TOOLS)
    shape = read_format(members)
    if shape is not None:
        found.add(shape)
    return frozenset(found)
