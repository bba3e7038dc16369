"""Anthropic Messages: what its events, stop reasons, counts and errors mean.

Only the members that decide or carry anything are decoded; texts stay the upstream's own bytes
(`msgspec.Raw`), which a translation copies into its chunks.  Event and block types that are not
known here are no error: the vendor's versioning policy announces that new ones will come.

Sources, read 2026-11-24: platform.claude.com/docs/en/build-with-claude/streaming (events),
.../build-with-claude/handling-stop-reasons, .../api/errors, and the types of the vendor's Python
SDK 2.13.0 (`RawMessageStreamEvent`, `StopReason`, `Usage`, `RefusalStopDetails`, `ErrorType`).
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw, Struct

from providers.contract import Usage

ABSENT: Final = Raw(b"")

REFUSAL: Final = "refusal"
# An answer that ends for one of these may be empty and still be an answer.
LEGIT_EMPTY: Final = frozenset(
    ("max_tokens", "model_context_window_exceeded", "pause_turn", "tool_use", REFUSAL)
)


Count = Annotated[int, Meta(ge=0)]


class ThinkingCount(Struct, gc=False):
    """`output_tokens` by category; thinking is a part of the whole, not beside it."""

    thinking_tokens: Count | None = None


class Counts(Struct, gc=False):
    """A `usage` block.  None means that it was not said.

    The three input counts are disjoint: their sum is what was read ("Total input tokens").
    """

    input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    output_tokens: Count | None = None
    output_tokens_details: ThinkingCount | None = None

    def updated(self, later: "Counts") -> "Counts":
        """These counts with what `later` says: the counts of `message_delta` are cumulative."""
        said = {
            name: value
            for name in self.__struct_fields__
            if (value := getattr(later, name)) is not None
        }
        return msgspec.structs.replace(self, **said)

    def usage(self) -> Usage:
        """What was read in all, written, and read from the cache."""
        prompt = self.input_tokens
        if prompt is not None:
            prompt += (self.cache_read_input_tokens or 0) + (self.cache_creation_input_tokens or 0)
        return Usage(prompt, self.output_tokens, self.cache_read_input_tokens)

    @property
    def thinking_tokens(self) -> int | None:
        details = self.output_tokens_details
        return None if details is None else details.thinking_tokens


class StopDetails(Struct, gc=False):
    """Why a refusal came; the text is for people and may be missing."""

    explanation: str | None = None


class Block(Struct, gc=False):
    """A content block, whole or as `content_block_start` opens it."""

    type: str = ""
    text: Raw = ABSENT
    thinking: Raw = ABSENT
    id: Raw = ABSENT
    name: Raw = ABSENT
    input: Raw = ABSENT


class Delta(Struct, gc=False):
    """What `content_block_delta` appends, or what `message_delta` says of the whole message."""

    type: str = ""
    text: Raw = ABSENT
    partial_json: Raw = ABSENT
    thinking: Raw = ABSENT
    stop_reason: str | None = None
    stop_details: StopDetails | None = None


class Message(Struct, gc=False):
    """A whole reply, or the shell of it in `message_start`."""

    type: str = ""
    id: str = ""
    model: str | None = None
    content: list[Block] | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    usage: Raw = ABSENT
    error: Raw = ABSENT


class Event(Struct, gc=False):
    """Any event of a stream; `type` says which members it has."""

    type: str = ""
    index: int = 0
    delta: Delta | None = None
    content_block: Block | None = None
    message: Message | None = None
    usage: Raw = ABSENT
    error: Raw = ABSENT


class ErrorDetails(Struct, gc=False):
    error_code: str | None = None


class ErrorObject(Struct, gc=False):
    """`error.details.error_code` names the cause; an unknown one counts as the bare type."""

    type: str = "api_error"
    message: Raw = ABSENT
    details: ErrorDetails | None = None

    @property
    def code(self) -> str | None:
        return None if self.details is None else self.details.error_code


class _ErrorBody(Struct, gc=False):
    error: ErrorObject


class _EventType(Struct, gc=False):
    type: str = ""


EVENT_TYPES: Final = frozenset(
    (
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "ping",
        "error",
    )
)

_decode_event = msgspec.json.Decoder(Event).decode
_decode_type = msgspec.json.Decoder(_EventType).decode
_decode_counts = msgspec.json.Decoder(Counts).decode
decode_message = msgspec.json.Decoder(Message).decode
_decode_error_body = msgspec.json.Decoder(_ErrorBody).decode


def decode_event(payload: bytes) -> Event:
    """Read one event's data.

    Raises msgspec.DecodeError if it is no JSON object, or if an event of a known type has a
    member of the wrong type.  UTF-8 inside texts is not checked.
    """
    try:
        return _decode_event(payload)
    except msgspec.ValidationError:
        # A new event may use our members' names for something else: it is skipped, not an error.
        kind = _decode_type(payload).type
        if not kind or kind in EVENT_TYPES:
            raise
        return Event(type=kind)


def read_counts(raw: Raw) -> Counts | None:
    """The counts of a `usage` member; an odd one says nothing and never breaks an answer."""
    try:
        return _decode_counts(raw)
    except (msgspec.DecodeError, RecursionError):
        return None


def read_error(body: bytes) -> ErrorObject | None:
    """The error of a refused request; None if the body is not Anthropic's."""
    try:
        return _decode_error_body(body).error
    except (msgspec.DecodeError, RecursionError):
        return None


# Error types by status (api/errors); a 4xx that is not listed is an invalid request.
_TYPES: Final = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error(status: int, code: str, message: str, param: str | None = None) -> bytes:
    """A whole error body of ours as a Messages client reads it; `code` becomes `error_code`.

    The dialect has no place for `param`: the message names the field.
    """
    fallback = "invalid_request_error" if status < 500 else "api_error"
    return _error_body(_TYPES.get(status, fallback), code, message)


def stream_error(code: str, message: str) -> bytes:
    """The event that ends a committed stream which broke off; clients drop any other shape."""
    return b"event: error\ndata: " + _error_body("api_error", code, message) + b"\n\n"


def _error_body(kind: str, code: str, message: str) -> bytes:
    error = {"type": kind, "message": message, "details": {"error_code": code}}
    return msgspec.json.encode({"type": "error", "error": error})
