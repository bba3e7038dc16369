"""Judge a list of embeddings.  An empty list is no answer; how many there are is not our matter.

Source: OpenAI API reference, "Create embeddings", read 2026-11-24.
"""

import msgspec
from msgspec import Raw

from providers.contract import COMPLETE, EMPTY, Usage, Verdict
from providers.faults.classify import classify_error
from providers.framing.sse import is_utf8
from providers.translate.judging import ABSENT, corrupt, says, wrapped
from providers.translate.usage import read_usage


class _Row(msgspec.Struct):
    embedding: Raw = ABSENT


class _Reply(msgspec.Struct):
    data: list[_Row] | None = None
    error: Raw = ABSENT
    usage: Raw = ABSENT
    model: str | None = None
    message: Raw = ABSENT
    detail: Raw = ABSENT


_decode = msgspec.json.Decoder(_Reply).decode


class EmbeddingsWhole:
    """A `WholeReader` of embeddings; the body goes on as it came."""

    __slots__ = ("model", "usage")

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.model: str | None = None

    @property
    def is_flawed(self) -> bool:
        """Embeddings call no tools."""
        return False

    def read(self, body: bytes) -> tuple[Verdict, bytes]:
        """Judge a complete 200 body."""
        return self._verdict(body), body

    def _verdict(self, body: bytes) -> Verdict:
        if not body.isascii() and not is_utf8(body):
            return corrupt("not UTF-8")
        try:
            reply = _decode(body)
        except (msgspec.DecodeError, RecursionError):
            return corrupt("not a list of embeddings")
        if says(reply.error):
            return classify_error(wrapped(reply.error))
        if reply.data is None:
            is_error = says(reply.message) or says(reply.detail)
            return classify_error(body) if is_error else corrupt("no data")
        self.model, self.usage = reply.model, read_usage(reply.usage)
        if not reply.data:
            return EMPTY
        if not all(says(row.embedding) for row in reply.data):
            return corrupt("an embedding is missing")
        return COMPLETE
