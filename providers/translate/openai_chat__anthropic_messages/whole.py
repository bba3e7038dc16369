"""A Messages reply in one piece, as a chat completion.

Text blocks are joined, thinking becomes `reasoning_content`, `tool_use` blocks become tool calls
whose arguments are the JSON text of `input` as it came.  Blocks of other types (citations and
tools that run at the vendor, for which this pair never asks) are left out.
Source: platform.claude.com/docs/en/api/messages, read 2026-11-24.
"""

import msgspec
from msgspec import Raw

from providers.contract import Usage, Verdict
from providers.dialects.anthropic_messages import (
    REFUSAL,
    Block,
    Message,
    decode_message,
    read_counts,
)
from providers.faults.classify import classify_error
from providers.framing.sse import is_utf8
from providers.translate.judging import corrupt, says
from providers.translate.openai_chat__anthropic_messages.answer import Answer


class MessagesReply:
    """Judges a whole reply and renders it."""

    __slots__ = ("_answer", "_created", "model", "usage")

    def __init__(self, *, created: int) -> None:
        self.usage: Usage | None = None
        self.model: str | None = None
        self._answer = Answer()
        self._created = created

    @property
    def is_flawed(self) -> bool:
        """Never: in this form the arguments are JSON, or the whole reply is not."""
        return False

    def read(self, body: bytes) -> tuple[Verdict, bytes]:
        """Judge a complete 200 body; a body for the client comes with every answer."""
        if not body.isascii() and not is_utf8(body):
            return corrupt("not UTF-8"), b""
        try:
            message = decode_message(body)
        except (msgspec.DecodeError, RecursionError):
            return corrupt("not a message"), b""
        if message.type == "error" or says(message.error):
            return classify_error(body), b""
        if message.content is None or message.stop_reason is None:
            return corrupt("no content or stop reason"), b""
        return self._render(message, message.content)

    def _render(self, message: Message, content: list[Block]) -> tuple[Verdict, bytes]:
        answer = self._answer
        answer.counts = read_counts(message.usage)
        self.usage, self.model = answer.usage, message.model
        answer.stop_reason = message.stop_reason
        said = _Said()
        for block in content:
            if (say := _BLOCKS.get(block.type)) is not None and not say(said, block):
                return corrupt(f"malformed {block.type} block"), b""
        answer.spoke = bool(said.calls) or any(len(text) > 2 for text in said.texts)
        choice = {
            "index": 0,
            "message": _message(said, message),
            "logprobs": None,
            "finish_reason": Raw(answer.finish_reason),
        }
        completion: dict[str, object] = {
            "id": message.id,
            "object": "chat.completion",
            "created": self._created,
            "model": message.model or "",
            "choices": [choice],
        }
        if usage := answer.usage_member():
            completion["usage"] = Raw(usage)
        return answer.verdict(), msgspec.json.encode(completion)


class _Said:
    """The blocks of one reply, sorted by what they become."""

    __slots__ = ("calls", "texts", "thoughts")

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.thoughts: list[bytes] = []
        self.calls: list[object] = []


def _say_text(said: _Said, block: Block) -> bool:
    said.texts.append(bytes(block.text))
    return said.texts[-1].startswith(b'"')


def _say_thinking(said: _Said, block: Block) -> bool:
    said.thoughts.append(bytes(block.thinking))
    return said.thoughts[-1].startswith(b'"')


def _say_tool_use(said: _Said, block: Block) -> bool:
    arguments = str(bytes(block.input) or b"{}", "utf-8")
    function = {"name": block.name, "arguments": arguments}
    said.calls.append({"id": block.id, "type": "function", "function": function})
    return bytes(block.id).startswith(b'"') and bytes(block.name).startswith(b'"')


_BLOCKS = {"text": _say_text, "thinking": _say_thinking, "tool_use": _say_tool_use}


def _message(said: _Said, message: Message) -> dict[str, object]:
    refusal = message.stop_details.explanation if message.stop_details is not None else None
    rendered: dict[str, object] = {
        "role": "assistant",
        "content": _joined(said.texts),
        "refusal": refusal if message.stop_reason == REFUSAL else None,
    }
    if said.thoughts:
        rendered["reasoning_content"] = _joined(said.thoughts)
    if said.calls:
        rendered["tool_calls"] = said.calls
    return rendered


def _joined(texts: list[bytes]) -> Raw | None:
    """JSON strings as one, without decoding them; None if there is none."""
    if not texts:
        return None
    return Raw(b'"' + b"".join([text[1:-1] for text in texts]) + b'"')
