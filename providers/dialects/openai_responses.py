"""The client's side of `/v1/responses`.

Whatever the vendor would have to remember makes a request stateful: it can't be carried on by
another deployment.  OpenAI stores unless `store` is false, so a missing `store` is stateful too.
Source: OpenAI API reference, "Create a model response", read 2026-11-24.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

from providers.contract import Dialect, Feature
from providers.dialects.openai_errors import error_body, responses_error_event
from providers.dialects.openai_request import (
    OpenAIRequest,
    check_kind,
    format_feature,
    holds_part,
    present,
    read_count,
    read_flag,
    read_model,
    read_stream,
    require_kind,
)
from providers.framing.members import split

_members = msgspec.json.Decoder(dict[str, Raw]).decode
_REMEMBERED: Final = ("previous_response_id", "conversation", "prompt")


class OpenAIResponses:
    """A `ClientDialect`."""

    dialect = Dialect.OPENAI_RESPONSES

    def read(self, body: bytes) -> OpenAIRequest:
        """Raises MalformedRequestError for anything a vendor should never see."""
        members = split(body)
        model = read_model(members)
        is_stream = read_stream(members)
        given = require_kind(members, "input", "a string", "a list")
        read_count(members, "max_output_tokens")
        return OpenAIRequest(
            dialect=self.dialect,
            members=members,
            model=model,
            is_stream=is_stream,
            wants_usage=True,  # it is a member of the last event, never an event of its own
            features=_features(members, given),
        )

    def error(self, status: int, code: str, message: str, param: str | None = None) -> bytes:
        """A whole error body of ours."""
        return error_body(status, code, message, param)

    def stream_error(self, code: str, message: str) -> bytes:
        """The event that ends a committed stream."""
        return responses_error_event(code, message)


def _features(members: Mapping[str, Raw], given: Raw) -> frozenset[Feature]:
    found = set()
    if _is_stateful(members):
        found.add(Feature.STATEFUL)
    if check_kind(members, "tools", "a list") is not None:
        found.add(Feature.TOOLS)
    if (read_count(members, "top_logprobs") or 0) > 0:
        found.add(Feature.LOGPROBS)
    text = check_kind(members, "text", "an object")
    if text is not None:
        shape = format_feature(check_kind(_members(text), "format", "an object"), "text.format")
        if shape is not None:
            found.add(shape)
    if holds_part(bytes(given), b'"input_image"'):
        found.add(Feature.IMAGES)
    return frozenset(found)


def _is_stateful(members: Mapping[str, Raw]) -> bool:
    if read_flag(members, "store") is not False or read_flag(members, "background"):
        return True
    return any(present(members, name) is not None for name in _REMEMBERED)
