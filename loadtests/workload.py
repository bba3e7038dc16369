"""The requests that are sent and the models that answer them, known to both ends of a run."""

import json
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

EVENTS: Final = 200  # with text, in every stream
WRITTEN_EVENTS: Final = EVENTS + 2  # with the usage event and `[DONE]`
ANTHROPIC_WRITTEN_EVENTS: Final = EVENTS + 5  # start, block start and stop, delta, message stop
HUGE_BYTES: Final = 10 * 1000 * 1000  # below the gateway's default bound of 10 MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """How a model of the mock answers a stream, and how large it answers in one piece."""

    gap_s: float = 0.0
    reply_bytes: int = 540


PLAIN: Final = Model()
MODELS: Final = MappingProxyType(
    {
        "bench": PLAIN,
        "bench-paced": Model(gap_s=0.005),
        "bench-steady": Model(gap_s=0.1),
        "bench-drain": Model(gap_s=0.03),
        "bench-slow": Model(gap_s=1.0),
        "bench-huge": Model(reply_bytes=HUGE_BYTES),
    }
)

_SENTENCE: Final = "The relay in the northern yard has opened twice since noon and nobody is near. "


def body(model: str, *, size_bytes: int = 1_000, is_stream: bool = False) -> bytes:
    """A chat request of exactly so many bytes, written as Python's json writes it."""
    draft = _draft(model, "", is_stream=is_stream)
    text = _SENTENCE * (size_bytes // len(_SENTENCE) + 1)
    return _draft(model, text[: size_bytes - len(draft)], is_stream=is_stream)


def _draft(model: str, text: str, *, is_stream: bool) -> bytes:
    document = {
        "model": model,
        "stream": is_stream,
        "messages": [
            {"role": "system", "content": "You answer in few words."},
            {"role": "user", "content": text},
        ],
        "temperature": 0.2,
        "max_tokens": 400,
    }
    return json.dumps(document).encode()
