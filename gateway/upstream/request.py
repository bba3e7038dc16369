"""The head of a request: checked and rendered once per deployment, finished per call.

Nothing that a client or an operator wrote may move the border between two requests on one
connection, so every byte that could is refused here (RFC 9110 5.5 and 5.6.2, RFC 9112 3 and 6).
"""

import re
from typing import Final

from gateway.upstream.transport import Prepared
from providers.contract import Headers

_TARGET: Final = re.compile(rb"/[!-~]*")
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")

# The transport writes these itself, or they speak about a connection that it alone knows.
_OURS: Final = frozenset(
    (
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"keep-alive",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)


def prepare(host: str, port: int, *, is_tls: bool, path: bytes, headers: Headers) -> Prepared:
    """Render a POST to `path` up to its content-length.

    `accept-encoding: identity` is added where `headers` says nothing else: without it any coding
    may come (RFC 9110 12.5.3), and what reads the answer reads it plain.  Raises ValueError.
    """
    if not _TARGET.fullmatch(path):
        raise ValueError(f"path {path!r} must start with / and hold no space, control or non-ASCII")
    checked = [check_field(name, value) for name, value in headers]
    if all(name != b"accept-encoding" for name, _ in checked):
        checked.append((b"accept-encoding", b"identity"))
    lines = [
        b"POST %b HTTP/1.1\r\nhost: %b\r\n" % (path, host_field(host, port, is_tls=is_tls)),
        render_fields(checked),
        b"content-length: ",
    ]
    return Prepared(path=path, headers=tuple(checked), head=b"".join(lines))


def check_field(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Give the field with its name in lower case.  Raises ValueError; the value is not shown."""
    lowered = name.lower()
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a header name")
    if lowered in _OURS or lowered.startswith(b"proxy-"):
        raise ValueError(f"header {name!r} is the transport's own: leave it out")
    if not _VALUE.fullmatch(value):
        raise ValueError(f"the value of header {name!r} holds a control character")
    return lowered, value


def render_fields(headers: Headers) -> bytes:
    """Render fields that vary per call.  Raises ValueError if one would break the framing.

    The full check of `check_field` costs microseconds per field; what a request needs is that each
    field stays one line, and that is two counts over all of them.
    """
    block = b"".join([b"%b: %b\r\n" % field for field in headers])
    lines = len(headers)
    if block.count(b"\n") != lines or block.count(b"\r") != lines or b"\0" in block:
        raise ValueError("a header holds a line break or a NUL")
    return block


def host_field(host: str, port: int, *, is_tls: bool) -> bytes:
    """Give the Host field: no port where it is the scheme's own, brackets round an IPv6 literal."""
    name = f"[{host}]" if ":" in host else host
    return (name if port == (443 if is_tls else 80) else f"{name}:{port}").encode("ascii")
