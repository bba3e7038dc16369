"""Which addresses a deployment may be reached at: what it declares, and what nobody may declare.

An address that carries another one inside, a v4-mapped one (RFC 4291 2.5.5.2) or one of the NAT64
prefix (RFC 6052), is judged by the address inside, since that is where the packets go.

The standard library's `is_global` follows the IANA registries only since 3.11.10 (CVE-2024-4032),
so the table is here.  Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries, and IPv6
Global Unicast (2000::/3 is all that is allocated), as of 2026-11-24.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PUBLIC: Final = "public"

_NAT64: Final = IPv6Network("64:ff9b::/96")
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_GLOBAL_V6: Final = IPv6Network("2000::/3")

# "This host", multicast and broadcast are no peers.  The rest hand out credentials to whoever asks:
# the metadata services of AWS (EC2, ECS, both families), GCP and most others, Alibaba, Oracle, and
# Azure's host agent.  A model server is never there, whatever an operator declares.
NEVER: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "ff00::/8",
        "169.254.169.254/32",
        "169.254.170.2/32",
        "169.254.170.23/32",
        "fd00:ec2::254/128",
        "fd00:ec2::23/128",
        "fd20:ce::254/128",
        "100.100.100.200/32",
        "192.0.0.192/32",
        "168.63.129.16/32",
    )
)

_SPECIAL: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers; many clusters and overlays use it inside
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
        "2001::/23",  # Teredo, ORCHID, benchmarking
        "2001:db8::/32",
        "2002::/16",  # 6to4: a v4 address inside, reached through whoever offers it
        "3fff::/20",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The addresses that a deployment says it may have."""

    is_public: bool
    networks: tuple[Network, ...]

    def permits(self, address: Address) -> bool:
        """Whether the deployment may be reached at `address`."""
        target = judged(address)
        if _is_in(target, NEVER):
            return False
        return _is_in(target, self.networks) or (self.is_public and is_public(target))

    def __str__(self) -> str:
        words = [PUBLIC] if self.is_public else []
        return ", ".join([*words, *map(str, self.networks)]) or "nothing"


def declare(networks: Sequence[str]) -> Declared:
    """Read `Origin.networks`.  Raises ValueError naming the entry and the remedy."""
    ranges: list[Network] = []
    for text in networks:
        if text == PUBLIC:
            continue
        try:
            ranges.append(ip_network(text))
        except ValueError as error:
            raise ValueError(
                f'network "{text}" is neither "{PUBLIC}" nor a range like 10.1.0.0/16: {error}'
            ) from None
    return Declared(is_public=PUBLIC in networks, networks=tuple(ranges))


def judged(address: Address) -> Address:
    """Give the address that decides: the one inside, where there is one."""
    if isinstance(address, IPv6Address) and (address in _MAPPED or address in _NAT64):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether `address` is one that the whole Internet routes; takes a `judged` one."""
    if isinstance(address, IPv6Address) and address not in _GLOBAL_V6:
        return False
    return not _is_in(address, _SPECIAL)


def literal(host: str) -> Address | None:
    """Give the address that `host` spells, or None when it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
