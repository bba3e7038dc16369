"""The caller's own error: Anthropic's words in OpenAI's shape.

`type` and `message` are kept (`invalid_request_error` is a type of both), `details.error_code`
becomes `code`.  A body that is not Anthropic's, such as the HTML of a 413 from its CDN, is
replaced by a sentence of ours: it never reaches a client.
Source: platform.claude.com/docs/en/api/errors, read 2026-11-24.
"""

import msgspec
from msgspec import Raw

from providers.dialects.anthropic_messages import ErrorObject, read_error


def render_error(status: int, body: bytes) -> bytes:
    """Render an error body; `status` is the upstream's."""
    error = read_error(body)
    if error is None or not _is_sendable(error.message):
        text = f"The upstream refused the request with status {status}."
        kind = "invalid_request_error" if error is None else error.type
        error = ErrorObject(type=kind, message=Raw(msgspec.json.encode(text)))
    return msgspec.json.encode(
        {
            "error": {
                "message": error.message,
                "type": error.type,
                "param": None,
                "code": error.code,
            }
        }
    )


def _is_sendable(message: Raw) -> bool:
    text = bytes(message)
    try:
        return text.startswith(b'"') and bool(str(text, "utf-8"))
    except UnicodeDecodeError:
        return False
