"""A chat's messages as a system prompt and turns of Messages.

- System and developer messages become blocks of `system`, each text as it came.  One that stands
  after the first turn moves to the front, reported as `messages.system_position`: only some
  models take a system message in the middle.
- Tool results are blocks of a user turn; consecutive turns of one role are joined, as the vendor
  would join them, so that the results of parallel calls arrive together.
- A text that is empty is left out, and so is a message with nothing in it (`messages.empty`): the
  vendor refuses empty blocks, and nothing was said.
Sources: platform.claude.com/docs/en/api/messages/create ("messages", "system"),
.../build-with-claude/mid-conversation-system-messages,
.../agents-and-tools/tool-use/handle-tool-calls, read 2026-11-24.
"""

from collections.abc import Callable
from typing import Final

from msgspec import Raw

from providers.translate.openai_chat__anthropic_messages.parts import Block, read_content
from providers.translate.openai_chat__anthropic_messages.report import Dropped
from providers.translate.openai_chat__anthropic_messages.tools import CallIds, read_calls
from providers.translate.openai_chat__anthropic_messages.values import (
    ABSENT,
    Members,
    is_null,
    read_list,
    read_text,
    refuse,
)

_PLAIN_MEMBERS: Final = frozenset(("role", "content"))
_TOOL_MEMBERS: Final = frozenset(("role", "content", "tool_call_id"))
_ASSISTANT_MEMBERS: Final = frozenset(("role", "content", "tool_calls", "refusal"))
_REFUSED: Final = ("audio", "function_call")


class Conversation:
    """The messages of one request, translated."""

    __slots__ = ("_dropped", "_ids", "system", "turns")

    def __init__(self, messages: Raw, dropped: Dropped) -> None:
        """Raises UnsupportedRequestError naming the place of what can't be carried."""
        self.system: list[Block] = []
        self.turns: list[tuple[str, list[Block]]] = []
        self._dropped = dropped
        self._ids = CallIds(dropped)
        for position, message in enumerate(read_list(messages, "messages")):
            place = f"messages[{position}]"
            role = read_text(message.get("role", ABSENT), f"{place}.role")
            add = _ROLES.get(role)
            if add is None:
                refuse(f"{place}.role", "must be system, developer, user, assistant or tool")
            add(self, message, place)
        if not self.turns:
            refuse("messages", "must hold a user or assistant message that is not empty")

    def _add_system(self, message: Members, place: str) -> None:
        self._report_others(message, _PLAIN_MEMBERS)
        blocks = self._content(message, place, "system")
        if blocks and self.turns:
            self._dropped.add("messages.system_position")
        self.system.extend(blocks)

    def _add_user(self, message: Members, place: str) -> None:
        self._report_others(message, _PLAIN_MEMBERS)
        self._turn("user", self._content(message, place, "user"))

    def _add_assistant(self, message: Members, place: str) -> None:
        for name in _REFUSED:
            if not is_null(message.get(name, ABSENT)):
                refuse(f"{place}.{name}", "has no counterpart; use content and tool_calls")
        self._report_others(message, _ASSISTANT_MEMBERS)
        blocks = self._content(message, place, "assistant")
        if not blocks and not is_null(refusal := message.get("refusal", ABSENT)):
            # A refusal that the client was given is what the assistant said.
            blocks = read_content(refusal, f"{place}.refusal", "assistant", self._dropped)
        calls = message.get("tool_calls", ABSENT)
        if not is_null(calls):
            blocks += read_calls(calls, f"{place}.tool_calls", self._ids, self._dropped)
        self._turn("assistant", blocks)

    def _add_tool(self, message: Members, place: str) -> None:
        self._report_others(message, _TOOL_MEMBERS)
        call_id = read_text(message.get("tool_call_id", ABSENT), f"{place}.tool_call_id")
        result: Block = {"type": "tool_result", "tool_use_id": self._ids.rendered(call_id)}
        if blocks := self._content(message, place, "tool"):
            result["content"] = blocks
        self._turn("user", [result])

    def _content(self, message: Members, place: str, role: str) -> list[Block]:
        content = message.get("content", ABSENT)
        return read_content(content, f"{place}.content", role, self._dropped)

    def _turn(self, role: str, blocks: list[Block]) -> None:
        if not blocks:
            self._dropped.add("messages.empty")
        elif self.turns and self.turns[-1][0] == role:
            self.turns[-1][1].extend(blocks)
        else:
            self.turns.append((role, blocks))

    def _report_others(self, message: Members, known: frozenset[str]) -> None:
        for name, value in message.items():
            if name not in known and not is_null(value):
                self._dropped.add(f"messages.{name}")


_ROLES: Final[dict[str, Callable[[Conversation, Members, str], None]]] = {
    "system": Conversation._add_system,
    "developer": Conversation._add_system,
    "user": Conversation._add_user,
    "assistant": Conversation._add_assistant,
    "tool": Conversation._add_tool,
}
