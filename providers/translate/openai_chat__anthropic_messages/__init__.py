"""OpenAI chat clients over Anthropic Messages: request, whole reply, stream, error.

What has no counterpart is dropped and named in `Outgoing.dropped`, or refused by name where
dropping it would change what the answer is (`fields`).  Values are never adjusted: a temperature
above 1 goes out as asked and the vendor refuses it.

What a client should know of the answers:
- thinking is given as `reasoning_content`, the member that self-hosted engines use for it; it
  can't be sent back, since a Messages vendor wants its signature with it;
- `id` and `model` are the upstream's; `created` is the caller's clock, 0 where none was given;
- `pause_turn`, a full context window and stop reasons that are not known here all finish as
  `length`: an answer that may be unfinished must not look whole;
- a refusal finishes as `content_filter`, the vendor's explanation being the `refusal` text.
"""

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
from providers.translate.openai_chat__anthropic_messages.error import render_error
from providers.translate.openai_chat__anthropic_messages.request import render_request
from providers.translate.openai_chat__anthropic_messages.stream import MessagesStream
from providers.translate.openai_chat__anthropic_messages.whole import MessagesReply


class ChatOverMessages:
    """The pair; it holds no state of a request."""

    client = Dialect.OPENAI_CHAT
    upstream = Dialect.ANTHROPIC_MESSAGES
    lacks = frozenset(
        (Feature.MULTIPLE_CHOICES, Feature.LOGPROBS, Feature.JSON_MODE, Feature.STATEFUL)
    )

    def request(self, request: ClientRequest, target: Target) -> Outgoing:
        """Raises UnsupportedRequestError naming the field that cannot go."""
        return render_request(request, target)

    def whole(self, request: ClientRequest, *, created: int = 0) -> WholeReader:
        """`created` is in seconds since 1970."""
        return MessagesReply(created=created)

    def stream(self, request: ClientRequest, *, created: int = 0) -> StreamReader:
        """`created` is in seconds since 1970."""
        return MessagesStream(wants_usage=request.wants_usage, created=created)

    def error(self, status: int, body: bytes) -> bytes:
        """The caller's own error in the shape of OpenAI's errors."""
        return render_error(status, body)


PAIR: Pair = ChatOverMessages()
