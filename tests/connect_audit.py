"""Who connected outward, and where to: an audit hook over a whole test or a whole suite.

What it sees: every `connect` on a Python socket, from any library, and every dial of the egress
guard (`CONNECT_EVENT`), on every event loop.

What it does not see: a connect made in C.  uvloop's `create_connection(host, port)` raises no audit
event (tried with uvloop 0.23, 2026-11-25; asyncio's own does), which is why the guard raises one of
its own.  So a stray `create_connection` in another room stays invisible on uvloop: run the suite
on asyncio once, and forbid the calls by `opening_calls`, which reads the sources.  Nor does it see
the C library's resolver asking a name server, or another process.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

from gateway.upstream.egress import CONNECT_EVENT

OURS: Final = ("gateway", "providers", "policies")
DOOR: Final = "gateway.upstream"


class Connect(NamedTuple):
    """One connect: the nearest module of ours on the stack, or the outermost that is not."""

    module: str
    address: str
    port: int


class ConnectAudit:
    """What has been recorded since `recording` was entered."""

    def __init__(self) -> None:
        self.seen: list[Connect] = []

    def strays(self, allowed: set[tuple[str, int]]) -> list[Connect]:
        """Give what our packages connected to past the door, or through it to nobody's address.

        Connects made by the test itself or by a client library under test are not strays.
        """
        return [
            connect
            for connect in self.seen
            if _is_within(connect.module, OURS)
            and not (
                _is_within(connect.module, (DOOR,)) and (connect.address, connect.port) in allowed
            )
        ]


_listening: list[ConnectAudit] = []
_is_installed = False


@contextmanager
def recording() -> Iterator[ConnectAudit]:
    """Record while entered; may be nested.  The hook itself stays: Python cannot remove one."""
    global _is_installed
    if not _is_installed:
        sys.addaudithook(_on_event)
        _is_installed = True
    audit = ConnectAudit()
    _listening.append(audit)
    try:
        yield audit
    finally:
        _listening.remove(audit)


def opening_calls(folder: Path) -> list[str]:
    """Give `file:line name` of every call in `folder` that opens a connection, by its name."""
    return [
        f"{path.relative_to(folder)}:{number} {call[1]}"
        for path in sorted(folder.rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for call in _OPENING.finditer(line)
    ]


_OPENING: Final = re.compile(
    r"\.(connect_ex|connect_tcp|create_connection|create_datagram_endpoint|create_unix_connection"
    r"|open_connection|open_unix_connection|sock_connect|start_tls|urlopen)\("
)


def _on_event(event: str, arguments: tuple[object, ...]) -> None:
    if not _listening:
        return
    if event == CONNECT_EVENT:
        address, port = arguments
    elif event == "socket.connect":
        where = arguments[1]
        address, port = where[:2] if isinstance(where, tuple) else (where, 0)
    else:
        return
    connect = Connect(_nearest(sys._getframe(1)), str(address), int(str(port)))
    for audit in _listening:
        audit.seen.append(connect)


def _nearest(frame: FrameType | None) -> str:
    name = "?"
    while frame is not None:
        name = str(frame.f_globals.get("__name__", "?"))
        if _is_within(name, OURS):
            return name
        frame = frame.f_back
    return name


def _is_within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)
