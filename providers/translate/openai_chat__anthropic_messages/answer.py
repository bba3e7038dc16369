"""What is known of an answer so far, and the members that both shapes of an answer share."""

from typing import Final

import msgspec

from providers.contract import COMPLETE, DECLINED, EMPTY, Usage, Verdict
from providers.dialects.anthropic_messages import LEGIT_EMPTY, REFUSAL, Counts

# What is not listed finishes as `length`: see the package's docstring.
_FINISH: Final = {
    "end_turn": b'"stop"',
    "stop_sequence": b'"stop"',
    "tool_use": b'"tool_calls"',
    REFUSAL: b'"content_filter"',
}


class Answer:
    """Facts of one answer, gathered by either reader."""

    __slots__ = ("counts", "is_flawed", "refusal", "spoke", "stop_reason")

    def __init__(self) -> None:
        self.counts: Counts | None = None
        self.stop_reason: str | None = None
        self.refusal: str | None = None  # the vendor's explanation of a refusal
        self.spoke = False  # text or a tool call was seen
        self.is_flawed = False  # a tool call's arguments are no JSON

    def count(self, counts: Counts) -> None:
        """Take a `usage` block; what it does not say stays as it was."""
        self.counts = counts if self.counts is None else self.counts.updated(counts)

    @property
    def finish_reason(self) -> bytes:
        """As JSON."""
        return _FINISH.get(self.stop_reason or "", b'"length"')

    @property
    def usage(self) -> Usage | None:
        return None if self.counts is None else self.counts.usage()

    def verdict(self) -> Verdict:
        """What an answer is worth that came to its end."""
        if self.stop_reason == REFUSAL:
            return DECLINED
        if not self.spoke and self.stop_reason not in LEGIT_EMPTY:
            return EMPTY
        return COMPLETE

    def usage_member(self) -> bytes:
        """OpenAI's `usage` as JSON; empty unless both counts are known, since missing is not 0."""
        counts, usage = self.counts, self.usage
        if counts is None or usage is None:
            return b""
        if usage.prompt_tokens is None or usage.completion_tokens is None:
            return b""
        member: dict[str, object] = {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        }
        if usage.cached_tokens is not None:
            member["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
        if counts.thinking_tokens is not None:
            member["completion_tokens_details"] = {"reasoning_tokens": counts.thinking_tokens}
        return msgspec.json.encode(member)
