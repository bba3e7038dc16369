"""One load of the configuration, whole and immutable; a reload makes a new one.

An exchange keeps the snapshot that it began with, and before every attempt asks the newest one
too: a cut or a tightening binds requests that are already on their way.
"""

from dataclasses import dataclass

from gateway.catalog import Catalog
from policies import Policy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """`epoch` counts loads from 1."""

    epoch: int
    catalog: Catalog
    policy: Policy
    tells_supply: bool = True  # False: answers name the request and nothing of who served it
