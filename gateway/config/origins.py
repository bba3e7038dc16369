"""Where a deployment is connected to, and which addresses that may be.

What the operator does not declare is public, except that an address written out stands for
itself.  Plain http goes to declared private ranges alone.
"""

import ipaddress
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult

from gateway.catalog import Origin
from gateway.config.places import UnplacedError
from gateway.config.schema import DeploymentEntry

_PORTS: Final = {"http": 80, "https": 443}

# Written out, because `is_private` of a range asks its two ends alone: 0.0.0.0/0 would pass.
_PRIVATE: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16",
                 "100.64.0.0/10", "::1/128", "fc00::/7", "fe80::/10")
)  # fmt: skip


def find_origin(entry: DeploymentEntry, parts: SplitResult, folder: Path) -> Origin:
    """From the address and what is declared of it.  Raises UnplacedError."""
    host = parts.hostname or ""
    networks = networks_of(host) if entry.networks is None else entry.networks
    if not networks:
        raise UnplacedError("networks", "allows no address at all", "leave it out")
    is_tls = parts.scheme == "https"
    if not is_tls and not all(map(is_private, networks)):
        raise UnplacedError(
            "",
            f"would send requests to {host} over plain http",
            "use https, or declare the private ranges of the host in `networks`",
        )
    return Origin(
        host=host,
        port=parts.port or _PORTS[parts.scheme],
        is_tls=is_tls,
        ca_file=_authority(entry.ca_file, folder, is_tls=is_tls),
        networks=networks,
    )


def networks_of(host: str) -> tuple[str, ...]:
    """What a host may resolve to when the operator does not say."""
    if host == "localhost":
        return ("127.0.0.0/8", "::1/128")
    try:
        network = str(ipaddress.ip_network(host))
    except ValueError:
        return ("public",)
    return (network,) if is_private(network) else ("public",)


def is_private(network: str) -> bool:
    """Whether nothing in the range can be reached from the internet."""
    if network == "public":
        return False
    wanted = ipaddress.ip_network(network)
    # The versions are compared first: `subnet_of` raises for a pair of different ones.
    return any(
        wanted.version == known.version and wanted.subnet_of(known)  # type: ignore[arg-type] # see above
        for known in _PRIVATE
    )


def _authority(ca_file: str | None, folder: Path, *, is_tls: bool) -> str | None:
    if ca_file is None:
        return None
    if not is_tls:
        raise UnplacedError("ca_file", "does nothing for an http address", "remove it")
    path = folder / ca_file
    if not path.is_file():
        raise UnplacedError("ca_file", f"there is no file {path}")
    return str(path)
