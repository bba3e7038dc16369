"""Errors as the clients of OpenAI's endpoints expect them.

Shape: `{"error": {"message", "type", "param", "code"}}`.
Source: OpenAI API reference, "Error codes", and openai-python 3.57 `_streaming.py` (a member
`error` in an event raises), read 2026-11-24.
"""

from typing import Final

import msgspec

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder().decode
_MESSAGE_LENGTH: Final = 2_000
_BODY_BYTES: Final = 64 * 1024
_UNSAID: Final = "the upstream refused the request and did not say why"


def error_body(status: int, code: str, message: str, param: str | None = None) -> bytes:
    """A whole error body."""
    return _encode({"error": _error(_type(status), code, message, param)})


def error_event(code: str, message: str) -> bytes:
    """The event that ends a committed stream of chunks; `[DONE]` never follows it."""
    return b"data: %b\n\n" % _encode({"error": _error("server_error", code, message, None)})


def responses_error_event(code: str, message: str) -> bytes:
    """The event that ends a committed Responses stream.

    The documented event is flat (`ResponseErrorEvent`); OpenAI's own servers were seen to nest
    the error (opencode issue 25730), and openai-python raises for the nested member alone.  Both
    are given.  How many events went before is not known here, so the sequence number is 0.
    """
    event = {
        "type": "error",
        "code": code,
        "message": message,
        "param": None,
        "sequence_number": 0,
        "error": _error("server_error", code, message, None),
    }
    return b"event: error\ndata: %b\n\n" % _encode(event)


def as_told(status: int, body: bytes) -> bytes:
    """An upstream's own error body for the client: as it is where its shape is OpenAI's.

    Anything else is put into that shape with the message it has; a page is never reflected.
    """
    document = _document(body)
    error = document.get("error") if isinstance(document, dict) else None
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return body if body.lstrip()[:1] == b"{" else _encode({"error": error})
    return error_body(status, "invalid_request", _message(error, document))


def _document(body: bytes) -> object:
    if len(body) > _BODY_BYTES:
        return None
    try:
        document = _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    # Gemini's OpenAI endpoint wraps an error in a list.
    return document[0] if isinstance(document, list) and document else document


def _message(error: object, document: object) -> str:
    if isinstance(error, str) and error:
        return error[:_MESSAGE_LENGTH]
    if not isinstance(document, dict):
        return _UNSAID
    told = document.get("message") or document.get("detail")
    if isinstance(told, list) and told:  # FastAPI's validation errors
        told = told[0]
    if isinstance(told, dict):
        told = told.get("msg") or told.get("message")
    return told[:_MESSAGE_LENGTH] if isinstance(told, str) and told else _UNSAID


def _error(kind: str, code: str, message: str, param: str | None) -> dict[str, str | None]:
    return {"message": message, "type": kind, "param": param, "code": code}


def _type(status: int) -> str:
    if status == 429:
        return "rate_limit_error"
    return "server_error" if status >= 500 else "invalid_request_error"
