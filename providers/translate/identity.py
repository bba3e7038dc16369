"""The identity pairs: an upstream that speaks the client's own dialect.

Nothing is translated.  The request is written member for member, the answer is judged and goes
on byte for byte, and the caller's own error goes back as the upstream told it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import Raw

from providers.contract import (
    ClientRequest,
    Dialect,
    Feature,
    Outgoing,
    Pair,
    StreamReader,
    Target,
    WholeReader,
)
from providers.dialects.openai_errors import as_told
from providers.dialects.openai_request import kind_of
from providers.errors import UnsupportedRequestError
from providers.translate.choices import ChoicesStream, ChoicesWhole
from providers.translate.embeddings import EmbeddingsWhole
from providers.translate.rendering import render_members
from providers.translate.responses import ResponsesStream, ResponsesWhole

_whole_number = msgspec.json.Decoder(int | None).decode
_items = msgspec.json.Decoder(list[Raw]).decode
_NOTHING: Final[frozenset[Feature]] = frozenset()


class ChatIdentity:
    """`openai_chat` over itself."""

    client = upstream = Dialect.OPENAI_CHAT
    lacks = _NOTHING

    def request(self, request: ClientRequest, target: Target) -> Outgoing:
        """Raises UnsupportedRequestError."""
        return render_members(request, target, asks_usage=True)

    def whole(self, request: ClientRequest, *, created: int = 0) -> WholeReader:
        """A judge of the answer in one piece."""
        return ChoicesWhole(expected=_choices_asked(request))

    def stream(self, request: ClientRequest, *, created: int = 0) -> StreamReader:
        """A judge of the stream."""
        return ChoicesStream(expected=_choices_asked(request), strips_usage=not request.wants_usage)

    def error(self, status: int, body: bytes) -> bytes:
        """The caller's own error, as the upstream told it."""
        return as_told(status, body)


class CompletionsIdentity:
    """`openai_completions` over itself."""

    client = upstream = Dialect.OPENAI_COMPLETIONS
    lacks = _NOTHING

    def request(self, request: ClientRequest, target: Target) -> Outgoing:
        """Raises UnsupportedRequestError."""
        return render_members(request, target, asks_usage=True)

    def whole(self, request: ClientRequest, *, created: int = 0) -> WholeReader:
        """A judge of the answer in one piece."""
        return ChoicesWhole(expected=_choices_asked(request) * _prompts_given(request))

    def stream(self, request: ClientRequest, *, created: int = 0) -> StreamReader:
        """A judge of the stream."""
        return ChoicesStream(
            expected=_choices_asked(request) * _prompts_given(request),
            strips_usage=not request.wants_usage,
        )

    def error(self, status: int, body: bytes) -> bytes:
        """The caller's own error, as the upstream told it."""
        return as_told(status, body)


class EmbeddingsIdentity:
    """`openai_embeddings` over itself."""

    client = upstream = Dialect.OPENAI_EMBEDDINGS
    lacks = _NOTHING

    def request(self, request: ClientRequest, target: Target) -> Outgoing:
        """Raises UnsupportedRequestError."""
        return render_members(request, target, asks_usage=False)

    def whole(self, request: ClientRequest, *, created: int = 0) -> WholeReader:
        """A judge of the answer in one piece."""
        return EmbeddingsWhole()

    def stream(self, request: ClientRequest, *, created: int = 0) -> StreamReader:
        """Raises UnsupportedRequestError: no embedding is streamed."""
        raise UnsupportedRequestError("embeddings are never streamed", "stream")

    def error(self, status: int, body: bytes) -> bytes:
        """The caller's own error, as the upstream told it."""
        return as_told(status, body)


class ResponsesIdentity:
    """`openai_responses` over itself."""

    client = upstream = Dialect.OPENAI_RESPONSES
    # What the vendor remembers is kept there, and no other deployment can carry it on.
    lacks = frozenset((Feature.STATEFUL,))

    def request(self, request: ClientRequest, target: Target) -> Outgoing:
        """Raises UnsupportedRequestError."""
        return render_members(request, target, asks_usage=False)

    def whole(self, request: ClientRequest, *, created: int = 0) -> WholeReader:
        """A judge of the answer in one piece."""
        return ResponsesWhole()

    def stream(self, request: ClientRequest, *, created: int = 0) -> StreamReader:
        """A judge of the stream."""
        return ResponsesStream()

    def error(self, status: int, body: bytes) -> bytes:
        """The caller's own error, as the upstream told it."""
        return as_told(status, body)


IDENTITIES: Final[Mapping[Dialect, Pair]] = MappingProxyType(
    {
        Dialect.OPENAI_CHAT: ChatIdentity(),
        Dialect.OPENAI_COMPLETIONS: CompletionsIdentity(),
        Dialect.OPENAI_EMBEDDINGS: EmbeddingsIdentity(),
        Dialect.OPENAI_RESPONSES: ResponsesIdentity(),
    }
)


def _choices_asked(request: ClientRequest) -> int:
    raw = request.members.get("n")
    return 1 if raw is None else _whole_number(raw) or 1


def _prompts_given(request: ClientRequest) -> int:
    """A list of texts or of token lists is so many prompts; a list of tokens is one."""
    raw = request.members["prompt"]
    if kind_of(raw) != "a list" or bytes(memoryview(raw)[1:64]).strip()[:1].isdigit():
        return 1  # of a long list of tokens no list of objects is made
    prompts = _items(raw)
    return len(prompts) if prompts and kind_of(prompts[0]) != "a number" else 1
