"""The one gate to the outside: every deployment's transport, and its request heads.

A transport belongs to an origin as declared, so a reload that moves a deployment to another URL
gets a new one; the old one ends when its last call has.
"""

import asyncio
from collections.abc import Callable, Collection

from gateway.catalog import Deployment, Origin
from gateway.clock import Wheel
from gateway.upstream.egress import EgressGuard
from gateway.upstream.tls import TlsContexts
from gateway.upstream.transport import Limits, Prepared, Transport
from gateway.upstream.wire import Wire

Key = tuple[str, Origin, int, float]
Build = Callable[[Origin, Limits], Transport]


class Gate:
    """One per process."""

    def __init__(
        self, wheel: Wheel, loop: asyncio.AbstractEventLoop, build: Build | None = None
    ) -> None:
        self._guard = EgressGuard(loop)
        self._tls = TlsContexts()
        self._wheel, self._loop = wheel, loop
        self._build = build or self._wire
        self._transports: dict[Key, Transport] = {}

    def reach(self, deployment: Deployment, path: str) -> tuple[Transport, Prepared]:
        """The deployment's transport and what every request to `path` has in common.

        Raises UnusableCredentialError, and ValueError when a path could not be sent as it is.
        """
        transport = self._transport(deployment)
        vendor, credential = deployment.account.vendor, deployment.account.credential
        headers = [
            *vendor.headers,
            *(vendor.sign(credential) if credential else []),
            (b"content-type", b"application/json"),
            # An encoded answer could be a bomb, and could not be judged as it passes.
            (b"accept-encoding", b"identity"),
        ]
        return transport, transport.prepare(path.encode("ascii"), headers)

    def stand_ready(self, deployments: Collection[Deployment]) -> None:
        """Make every transport at load: reading a CA store takes 25 ms, and a file may be bad.

        Opens no connection.  Raises CaFileError.
        """
        for deployment in deployments:
            self._transport(deployment)

    def tidy(self, deployments: Collection[Deployment]) -> None:
        """Close the transports that none of these uses and that have no call under way."""
        kept = set(map(_key, deployments))
        for key, transport in tuple(self._transports.items()):
            if key not in kept and not transport.busy and not transport.dialling:
                del self._transports[key]
                transport.close()

    def counts(self) -> dict[str, tuple[int, int]]:
        """Deployment -> connections busy and idle; from any thread."""
        found: dict[str, tuple[int, int]] = {}
        for (name, *_), transport in self._transports.copy().items():
            busy, idle = found.get(name, (0, 0))
            found[name] = busy + transport.busy, idle + transport.idle
        return found

    def close(self) -> None:
        """End every connection and call; no callback comes after this."""
        for transport in self._transports.values():
            transport.close()
        self._transports.clear()
        self._guard.close()

    def _transport(self, deployment: Deployment) -> Transport:
        key = _key(deployment)
        transport = self._transports.get(key)
        if transport is None:
            limits = Limits(connections=deployment.connections, connect_s=deployment.connect_s)
            transport = self._transports[key] = self._build(deployment.origin, limits)
        return transport

    def _wire(self, origin: Origin, limits: Limits) -> Transport:
        return Wire(
            origin, self._wheel, limits=limits, guard=self._guard, tls=self._tls, loop=self._loop
        )


def _key(deployment: Deployment) -> Key:
    return deployment.name, deployment.origin, deployment.connections, deployment.connect_s
