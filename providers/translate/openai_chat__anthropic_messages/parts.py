"""Content parts of a chat message as content blocks of Messages.

A part of an unknown type is refused by its place: a model that never saw it would answer another
question.  `cache_control` is the vendor's own member, which clients set on parts, and goes along.
Sources: platform.claude.com/docs/en/build-with-claude/vision (image sources, data without
newlines), .../prompt-caching; OpenAI API reference, chat content parts; read 2026-11-24.
"""

from collections.abc import Callable
from typing import Final

from msgspec import Raw

from providers.translate.openai_chat__anthropic_messages.report import Dropped
from providers.translate.openai_chat__anthropic_messages.values import (
    ABSENT,
    Members,
    is_null,
    is_string,
    opens_with,
    read_list,
    read_members,
    read_text,
    refuse,
)

Block = dict[str, object]

_HEAD_BYTES: Final = 256  # of a data URI, up to the comma


def read_content(content: Raw, place: str, role: str, dropped: Dropped) -> list[Block]:
    """The blocks of a message's content, empty texts left out.

    Raises UnsupportedRequestError naming the place of what `role` can't say.
    """
    if is_null(content):
        return []
    if is_string(content):
        return [{"type": "text", "text": content}] if len(content) > 2 else []
    if not opens_with(content, b"["):
        refuse(place, "must be a string or a list of parts")
    readers = _PARTS[role]
    blocks = []
    for position, part in enumerate(read_list(content, place)):
        part_place = f"{place}[{position}]"
        kind = read_text(part.get("type", ABSENT), f"{part_place}.type")
        read = readers.get(kind)
        if read is None:
            refuse(f"{part_place}.type", f"a {role} message can carry {', '.join(readers)} here")
        block = read(part, part_place, dropped)
        if block is not None:
            blocks.append(_with_cache_control(block, part))
    return blocks


def _read_text_part(part: Members, place: str, dropped: Dropped) -> Block | None:
    return _text_block(part, "text", place, dropped)


def _read_refusal_part(part: Members, place: str, dropped: Dropped) -> Block | None:
    return _text_block(part, "refusal", place, dropped)


def _text_block(part: Members, name: str, place: str, dropped: Dropped) -> Block | None:
    _report_others(part, name, dropped)
    text = part.get(name, ABSENT)
    if not is_string(text):
        refuse(f"{place}.{name}", "must be a string")
    return {"type": "text", "text": text} if len(text) > 2 else None


def _read_image_part(part: Members, place: str, dropped: Dropped) -> Block | None:
    _report_others(part, "image_url", dropped)
    image = read_members(part.get("image_url", ABSENT), f"{place}.image_url")
    for name, value in image.items():
        if name != "url" and not is_null(value):
            dropped.add(f"image_url.{name}")
    return {"type": "image", "source": _image_source(image, f"{place}.image_url.url")}


def _image_source(image: Members, place: str) -> Block:
    url = image.get("url", ABSENT)
    if not is_string(url):
        refuse(place, "must be a string")
    head, comma, _ = bytes(memoryview(url)[1:_HEAD_BYTES]).partition(b",")
    # The head may be escaped (PHP writes `image\/png`); an escape can't hold a comma.
    scheme = read_text(Raw(b'"' + head + b'"'), place) if comma else ""
    if scheme.startswith("data:"):
        media_type, *parameters = scheme.removeprefix("data:").split(";")
        if parameters[-1:] != ["base64"]:
            refuse(place, "a data: URI must hold base64")
        # The payload is not decoded: it stays the client's bytes, megabytes of them.
        data = Raw(b'"' + memoryview(url)[len(head) + 2 :])
        return {"type": "base64", "media_type": media_type, "data": data}
    if not read_text(url, place).startswith("https://"):
        refuse(place, "must be a data: URI with base64 or an https: URL")
    return {"type": "url", "url": url}


def _with_cache_control(block: Block, part: Members) -> Block:
    marker = part.get("cache_control", ABSENT)
    if not is_null(marker):
        block["cache_control"] = marker
    return block


def _report_others(part: Members, known: str, dropped: Dropped) -> None:
    for name, value in part.items():
        if name not in (known, "type", "cache_control") and not is_null(value):
            dropped.add(f"messages.content.{name}")


_Read = Callable[[Members, str, Dropped], Block | None]
_TEXT: Final[dict[str, _Read]] = {"text": _read_text_part}
_PARTS: Final[dict[str, dict[str, _Read]]] = {
    "system": _TEXT,
    "user": {**_TEXT, "image_url": _read_image_part},
    "assistant": {**_TEXT, "refusal": _read_refusal_part},
    "tool": {**_TEXT, "image_url": _read_image_part},
}
