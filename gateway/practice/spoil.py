"""Spoils the bytes of a body: cut, no UTF-8, a gzip bomb, and framings that are odd but lawful."""

import functools
import zlib
from typing import Final

from gateway.practice.answer import Event
from gateway.practice.faultbook import Alter

BOMB_BYTES: Final = 128 * 1024 * 1024
BLANKS_CRC: Final = 0x53C3F662  # of all of them: computing it would hold the loop for 0.1 s
BLOCK: Final = b" " * (1024 * 1024)
BIG_EVENT_BYTES: Final = 1_100_000


def cut_body(body: bytes) -> bytes:
    """About half, and always inside an object: never between two events."""
    return body[: len(body) // 2].rstrip(b"\n}")


def spoil_utf8(body: bytes) -> bytes:
    """Two bytes that no UTF-8 has, inside the string that is nearest to the middle."""
    at = body.rfind(b'"', 0, len(body) // 2)
    return body[: at + 1] + b"\xff\xfe" + body[at + 1 :]


def reframe(events: tuple[Event, ...], how: Alter) -> bytes:
    """The same events in another lawful framing.  Source: WHATWG HTML, 9.2 server-sent events."""
    blocks = [event.data for event in events]
    match how:
        case Alter.CRLF:
            return b"".join(blocks).replace(b"\n", b"\r\n")
        case Alter.BOM:
            return b"\xef\xbb\xbf" + b"".join(blocks)
        case Alter.LINES:
            # A blank line may not fall inside a JSON string: break after the first brace.
            return b"".join(block.replace(b"data: {", b"data: {\ndata: ", 1) for block in blocks)
        case Alter.COMMENTED:
            return b"".join(b": keep-alive\n\n\n" + block for block in blocks)
        case _:
            padding = b" " * BIG_EVENT_BYTES
            blocks[1] = blocks[1].replace(b"data: {", b"data: {" + padding, 1)
            return b"".join(blocks)


def make_bomb(body: bytes) -> bytes:
    """A gzip body of a few hundred KB that inflates to 128 MiB of blanks and then the answer."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    last = packer.compress(body) + packer.flush(zlib.Z_FINISH)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
    size = (BOMB_BYTES + len(body)) & 0xFFFFFFFF
    trailer = zlib.crc32(body, BLANKS_CRC).to_bytes(4, "little") + size.to_bytes(4, "little")
    return head + _pack_blanks() + last + trailer


@functools.cache
def _pack_blanks() -> bytes:
    """The blanks deflated.

    A full flush forgets the window, so the packed form of one block can be repeated, and what
    follows it can be packed apart.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(BLOCK) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * (BOMB_BYTES // len(BLOCK))
