"""What a rendering leaves out, in the client's own words for it.

The names end up in a response header and in the ledger, so they are few and plain whatever the
client called its fields.
"""

import re
from typing import Final

NAMES: Final = 32
_PLAIN = re.compile(r"[A-Za-z0-9_.\-]{1,64}")


class Dropped:
    """Names of dropped fields, each once, in the order in which they were met."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str) -> None:
        if len(self._names) < NAMES:
            self._names[name if _PLAIN.fullmatch(name) else "unprintable"] = None

    def names(self) -> tuple[str, ...]:
        return tuple(self._names)
