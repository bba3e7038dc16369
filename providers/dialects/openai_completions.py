"""The client's side of `/v1/completions`."""

from collections.abc import Mapping

from msgspec import Raw

from providers.contract import Dialect, Feature
from providers.dialects.openai_errors import error_body, error_event
from providers.dialects.openai_request import (
    NO_FEATURES,
    OpenAIRequest,
    asks_for_usage,
    check_kind,
    read_count,
    read_format,
    read_model,
    read_stream,
    require_kind,
)
from providers.framing.members import split


class OpenAICompletions:
    """A `ClientDialect`."""

    dialect = Dialect.OPENAI_COMPLETIONS

    def read(self, body: bytes) -> OpenAIRequest:
        """Raises MalformedRequestError for anything a vendor should never see."""
        members = split(body)
        model = read_model(members)
        is_stream = read_stream(members)
        require_kind(members, "prompt", "a string", "a list")
        read_count(members, "max_tokens", least=0)  # none at all, with `echo`: scores a text
        return OpenAIRequest(
            dialect=self.dialect,
            members=members,
            model=model,
            is_stream=is_stream,
            wants_usage="stream_options" in members and asks_for_usage(members, is_stream),
            features=_features(members),
        )

    def error(self, status: int, code: str, message: str, param: str | None = None) -> bytes:
        """A whole error body of ours."""
        return error_body(status, code, message, param)

    def stream_error(self, code: str, message: str) -> bytes:
        """The event that ends a committed stream; no `[DONE]` follows it."""
        return error_event(code, message)


def _features(members: Mapping[str, Raw]) -> frozenset[Feature]:
    found = set()
    if (read_count(members, "n") or 1) > 1 or (read_count(members, "best_of") or 1) > 1:
        found.add(Feature.MULTIPLE_CHOICES)
    if check_kind(members, "logprobs", "a number") is not None:
        found.add(Feature.LOGPROBS)
    shape = read_format(members)  # vLLM takes it here too
    if shape is not None:
        found.add(shape)
    return frozenset(found) if found else NO_FEATURES
