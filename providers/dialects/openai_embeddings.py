"""The client's side of `/v1/embeddings`, which never streams."""

from providers.contract import Dialect
from providers.dialects.openai_errors import error_body, error_event
from providers.dialects.openai_request import (
    NO_FEATURES,
    OpenAIRequest,
    check_kind,
    read_count,
    read_model,
    read_stream,
    require_kind,
)
from providers.errors import MalformedRequestError
from providers.framing.members import split


class OpenAIEmbeddings:
    """A `ClientDialect`."""

    dialect = Dialect.OPENAI_EMBEDDINGS

    def read(self, body: bytes) -> OpenAIRequest:
        """Raises MalformedRequestError for anything a vendor should never see."""
        members = split(body)
        model = read_model(members)
        require_kind(members, "input", "a string", "a list")
        read_count(members, "dimensions")
        check_kind(members, "encoding_format", "a string")
        if read_stream(members):
            raise MalformedRequestError("embeddings are never streamed", "stream")
        return OpenAIRequest(
            dialect=self.dialect,
            members=members,
            model=model,
            is_stream=False,
            wants_usage=True,
            features=NO_FEATURES,
        )

    def error(self, status: int, code: str, message: str, param: str | None = None) -> bytes:
        """A whole error body of ours."""
        return error_body(status, code, message, param)

    def stream_error(self, code: str, message: str) -> bytes:
        """An error event, for completeness of the dialect: no embedding is streamed."""
        return error_event(code, message)
