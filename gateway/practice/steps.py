"""What a server does on a connection, as a list: tests read plans, the listener plays them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Say nothing for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hang:
    """Say nothing until the client goes."""


@dataclass(frozen=True, slots=True)
class Close:
    """FIN, after what was written."""


@dataclass(frozen=True, slots=True)
class Reset:
    """RST."""


Step = Send | Wait | Hang | Close | Reset
