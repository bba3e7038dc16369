"""A Messages body in the making, and how it is finished."""

from typing import Final

import msgspec

from providers.contract import ClientRequest, Outgoing, Target
from providers.translate.openai_chat__anthropic_messages.report import Dropped
from providers.translate.openai_chat__anthropic_messages.values import refuse

_DEMANDED: Final = frozenset(("model", "messages", "max_tokens"))


class Draft:
    """A body in the making."""

    __slots__ = (
        "_added",
        "_target",
        "body",
        "choice",
        "dropped",
        "is_serial",
        "output",
        "request",
        "user_field",
    )

    def __init__(self, request: ClientRequest, target: Target) -> None:
        self.request = request
        self._target = target
        self.dropped = Dropped()
        self._added: list[str] = []
        self.body: dict[str, object] = {"model": target.model}
        self.output: dict[str, object] = {}  # `output_config`
        self.choice: dict[str, object] = {}  # `tool_choice`
        self.is_serial = False
        self.user_field = ""  # the one that `metadata.user_id` was taken from

    def finished(self) -> Outgoing:
        self._choose_tools()
        if self.output:
            self.body["output_config"] = self.output
        if self.request.is_stream:
            self.body["stream"] = True
        if "messages" not in self.body:
            refuse("messages", "is missing")
        self._bound()
        body = self._adapted()
        return Outgoing(msgspec.json.encode(body), self.dropped.names(), tuple(self._added))

    def _choose_tools(self) -> None:
        if "tools" not in self.body:
            # Without tools there is nothing to choose: the vendor refuses a choice then.
            if self.choice.get("type") in ("any", "tool"):
                refuse("tool_choice", "asks for a call, but there are no tools")
            return
        if self.is_serial and self.choice.get("type") != "none":
            self.choice = {"type": "auto", **self.choice, "disable_parallel_tool_use": True}
        if self.choice:
            self.body["tool_choice"] = self.choice

    def _bound(self) -> None:
        """`max_tokens` is demanded by the vendor and optional for a chat client."""
        if "max_tokens" in self.body:
            return
        if self._target.max_output_tokens is None:
            refuse("max_tokens", "must be given: no maximum is known of this deployment")
        self.body["max_tokens"] = self._target.max_output_tokens
        self._added.append("max_tokens")

    def _adapted(self) -> dict[str, object]:
        """The body with what the deployment's own rules take away, rename and set."""
        body: dict[str, object] = {}
        for name, value in self.body.items():
            new_name = self._target.rename_fields.get(name, name)
            if name in self._target.drop_fields and name not in _DEMANDED:
                self.dropped.add(name)
                continue
            if new_name != name:
                self.dropped.add(name)
                self._added.append(new_name)
            body[new_name] = value
        for name, value in self._target.inject.items():
            if name not in body:
                self._added.append(name)
            elif msgspec.json.encode(body[name]) != bytes(value):
                refuse(name, "is set for this deployment and can't be chosen; leave it out")
            body[name] = value
        return body
