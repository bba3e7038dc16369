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


def body(
    model: str, *, size_bytes: int = 1_000, is_stream: bool = False, sentence: str = _SENTENCE
) -> bytes:
    """A chat request of so many bytes, `sentence` again and again, spaced as Python's json does.

    Exact for an ASCII sentence, a character less at most for any other.
    """
    room = size_bytes - len(_draft(model, [""], is_stream=is_stream))
    text = (sentence * (room // len(sentence.encode()) + 1)).encode()[:room]
    return _draft(model, [text.decode(errors="ignore")], is_stream=is_stream)


def branched_body(model: str, *, size_bytes: int, text: str) -> bytes:
    """A request of about so many bytes whose messages are as many as `text` allows."""
    one = len(_draft(model, [text, text], is_stream=False)) - len(
        _draft(model, [text], is_stream=False)
    )
    return _draft(model, [text] * (size_bytes // one), is_stream=False)


def _draft(model: str, texts: list[str], *, is_stream: bool) -> bytes:
    document = {
        "model": model,
        "stream": is_stream,
        "messages": [
            {"role": "system", "content": "You answer in few words."},
            *({"role": "user", "content": text} for text in texts),
        ],
        "temperature": 0.2,
        "max_tokens": 400,
    }
    return json.dumps(document, ensure_ascii=False).encode()
