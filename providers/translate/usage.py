"""Read token counts in either of OpenAI's spellings.

A count that is missing or no count stays None: not said is not 0, and an odd usage block never
breaks an answer.
Source: OpenAI API reference, "usage" of chat and of responses, read 2026-11-24.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from providers.contract import Usage

_Count = Annotated[int, Meta(ge=0)]


class _Details(msgspec.Struct, gc=False):
    cached_tokens: _Count | None = None


class _Block(msgspec.Struct, gc=False):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    prompt_tokens_details: _Details | None = None
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None
    input_tokens_details: _Details | None = None


_decode = msgspec.json.Decoder(_Block).decode


def read_usage(raw: Raw) -> Usage | None:
    """Counts of a usage member; None for null and for what is no usage block."""
    try:
        block = _decode(raw)
    except msgspec.DecodeError:
        return None
    prompt = block.prompt_tokens if block.prompt_tokens is not None else block.input_tokens
    answer = block.completion_tokens if block.completion_tokens is not None else block.output_tokens
    details = block.prompt_tokens_details or block.input_tokens_details
    return Usage(prompt, answer, details.cached_tokens if details else None)
