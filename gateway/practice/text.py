"""What the vendors say: text, JSON and vectors that follow from the request and nothing else.

The counting rule, the same for every vendor of the grid: **a prompt has one token per word of
its texts and three per message; an answer has one token per streamed piece**, where text is
streamed by words and JSON in pieces of six characters.  Tests compute the same figures.
"""

import base64
import hashlib
import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

WORDS: Final = tuple(
    "the grid hums softly while copper lines carry light across old hills and a quiet river "
    "turns one patient wheel below the dam where engineers read gauges under a naïve blue sky "
    "über Straße and harbour 東京 answers with steam, rain or morning wind until every lamp holds "
    "its even glow 🙂 again".split()
)
TOKENS_PER_MESSAGE: Final = 3
JSON_PIECE_CHARS: Final = 6
MAX_WORDS: Final = 20_000
MAX_DEPTH: Final = 12

JsonObject = Mapping[str, object]


def ask_for_words(prompt: str) -> int | None:
    """The length that a prompt asks for: "in 200 words" gives 200, at most 20,000."""
    found = re.search(r"\b(\d{1,6}) words\b", prompt)
    return min(int(found[1]), MAX_WORDS) if found else None


def count_words(text: str) -> int:
    """Tokens of a prompt's text."""
    return len(text.split())


def make_words(key: bytes, count: int) -> list[str]:
    """`count` pieces that join to one text; all but the first begin with a blank."""
    picks = _numbers(key)
    pieces = [(" " if at else "") + WORDS[next(picks) % len(WORDS)] for at in range(count)]
    if pieces:
        pieces[0] = pieces[0].capitalize()
    return pieces


def cut_words(text: str) -> list[str]:
    """A given text as pieces; all but the first begin with a blank."""
    return re.findall(r"\s*\S+", text)


def cut_json(text: str) -> list[str]:
    """Pieces of at most six characters."""
    return [text[at : at + JSON_PIECE_CHARS] for at in range(0, len(text), JSON_PIECE_CHARS)]


def cut_at_stop(pieces: Sequence[str], stops: Sequence[str]) -> tuple[list[str], str | None]:
    """End the text before the earliest stop string; give that string too."""
    text = "".join(pieces)
    hits = [(text.find(stop), stop) for stop in stops if stop and stop in text]
    if not hits:
        return list(pieces), None
    end, stop = min(hits)
    kept, at = [], 0
    for piece in pieces:
        if at >= end:
            break
        kept.append(piece[: end - at])
        at += len(piece)
    return kept, stop


def make_vector(key: bytes, dimensions: int) -> list[float]:
    """A unit vector, in float32 steps so that base64 and numbers agree."""
    picks = _numbers(key)
    raw = [next(picks) / 2**31 - 1 for _ in range(dimensions)]
    norm = math.sqrt(sum(value * value for value in raw)) or 1.0
    packed = struct.pack(f"<{dimensions}f", *(value / norm for value in raw))
    return list(struct.unpack(f"<{dimensions}f", packed))


def pack_vector(vector: Sequence[float]) -> str:
    """Little-endian float32 in base64, as `encoding_format: base64` has it."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def fit_schema(schema: object, key: bytes) -> object:
    """A value that a JSON schema accepts, for what model vendors let a schema say.

    Understood: type, enum, const, anyOf, oneOf, allOf (the first), $ref into the same schema,
    properties, items, minItems, minimum, maximum, minLength, maxLength, the common formats.
    `pattern` is not.  Depth is bounded: below it only what is required appears.
    """
    root = schema if isinstance(schema, Mapping) else {}
    return _fit(root, root, _numbers(key), 0)


def _fit(schema: object, root: JsonObject, picks: Iterator[int], depth: int) -> object:
    schema = _resolve(schema, root, depth)
    if "const" in schema:
        return schema["const"]
    choices = schema.get("enum")
    if isinstance(choices, Sequence) and choices:
        return choices[next(picks) % len(choices)]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, Sequence) and not isinstance(kind, str):
        kind = kind[0]
    if kind == "object":
        return _fit_object(schema, root, picks, depth)
    if kind == "array":
        count = max(_whole(schema.get("minItems"), 0), 0 if depth >= MAX_DEPTH else 1)
        return [_fit(schema.get("items", {}), root, picks, depth + 1) for _ in range(count)]
    if kind in ("integer", "number"):
        low = _whole(schema.get("minimum"), 0)
        return min(low + next(picks) % 10, max(_whole(schema.get("maximum"), low + 9), low))
    if kind == "boolean":
        return bool(next(picks) % 2)
    return None if kind == "null" else _fit_string(schema, picks)


def _resolve(schema: object, root: JsonObject, depth: int) -> JsonObject:
    """Follow $ref and the first of each alternative, a bounded number of times."""
    for _ in range(MAX_DEPTH):
        if not isinstance(schema, Mapping):
            return {}
        found: object = None
        if isinstance(reference := schema.get("$ref"), str):
            found = root
            for step in reference.removeprefix("#").strip("/").split("/"):
                if step:
                    found = found.get(step) if isinstance(found, Mapping) else None
        for name in ("anyOf", "oneOf", "allOf"):
            options = schema.get(name)
            if isinstance(options, Sequence) and options:
                # Deep in a recursive schema the last alternative is the one that ends it.
                found = options[-1 if depth >= MAX_DEPTH else 0]
        if found is None:
            return schema
        schema = found
    return {}


def _fit_object(
    schema: JsonObject, root: JsonObject, picks: Iterator[int], depth: int
) -> dict[str, object]:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or depth >= 2 * MAX_DEPTH:
        return {}
    required = schema.get("required")
    names = [
        name
        for name in properties
        if depth < MAX_DEPTH or (isinstance(required, Sequence) and name in required)
    ]
    return {name: _fit(properties[name], root, picks, depth + 1) for name in names}


FORMATS: Final = {
    "date": "2026-11-24",
    "date-time": "2026-11-24T09:00:00Z",
    "time": "09:00:00Z",
    "email": "grid@example.org",
    "uri": "https://example.org/grid",
    "uuid": "6f1c2f1e-8d5a-4c3b-9a7e-2b1d0c9f8e7d",
}


def _fit_string(schema: JsonObject, picks: Iterator[int]) -> str:
    text = FORMATS.get(str(schema.get("format")), WORDS[next(picks) % len(WORDS)])
    text = text.ljust(_whole(schema.get("minLength"), 0), "x")
    return text[: max(_whole(schema.get("maxLength"), len(text)), 0)]


def _whole(value: object, default: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return default
    return max(min(math.ceil(value), 1000), -1000)


def _numbers(key: bytes) -> Iterator[int]:
    """Endless numbers of 32 bits from a key."""
    block = 0
    while True:
        digest = hashlib.sha256(key + block.to_bytes(8, "big")).digest()
        yield from struct.unpack(">8I", digest)
        block += 1
