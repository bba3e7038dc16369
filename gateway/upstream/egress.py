"""The egress guard: a name is resolved once, every address is judged, and that address is dialled.

Between a check and a connect that resolves again, a name can move (DNS rebinding); here nothing
resolves twice.  A name with one address that the deployment does not declare is refused as a whole,
since whoever could add that one answers for the others too.  No proxy is read from the environment
and nothing here follows a redirect.  A cached resolution never moves a connection that stands.

Every connect outward goes through `EgressGuard.dial`.  It raises the audit event `CONNECT_EVENT`,
since uvloop connects in C, where Python's own event `socket.connect` is not raised.
"""

import asyncio
import re
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

import idna

from gateway.catalog import Origin
from gateway.clock import SYSTEM_CLOCK
from gateway.errors import EgressDeniedError
from gateway.upstream.addresses import Address, Declared, literal

T = TypeVar("T")

CONNECT_EVENT: Final = "switchgear.upstream.connect"
"""Audit event with the numeric address and the port, before each connect."""

TTL_S: Final = 30.0
TRIES: Final = 4  # of a name's addresses, each with its share of the connect deadline

# Sent and not acknowledged for this long, the kernel gives up: the host is gone, not slow.
USER_TIMEOUT_MS: Final = 20_000
# A long answer is silent on the wire; probes keep middle boxes awake and find a dead host.
_KEEPALIVE: Final = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))

# With underscores, which no certificate has but many a container's name (RFC 2181 11).
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""From an ASCII name to its addresses as text.  Raises OSError."""


class HasOptions(Protocol):
    """A socket, or a loop's stand-in for one."""

    def setsockopt(self, level: int, name: int, value: int, /) -> None: ...


class EgressGuard:
    """Shared by all deployments: the cache is per name, the judgement per deployment.

    Names come from the configuration alone, so that the cache is as large as that.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        resolve: Resolve | None = None,
        now: Callable[[], float] = SYSTEM_CLOCK.monotonic,
        ttl_s: float = TTL_S,
    ) -> None:
        self._loop = loop
        self._resolve = resolve or self._ask_system
        self._now = now
        self._ttl_s = ttl_s
        self._known: dict[str, tuple[float, tuple[Address, ...]]] = {}
        self._asking: dict[str, asyncio.Task[tuple[Address, ...]]] = {}

    async def dial(
        self,
        origin: Origin,
        host: str,
        declared: Declared,
        connect_s: float,
        connect: Callable[[Address], Awaitable[T]],
    ) -> T:
        """Call `connect` with addresses of `host` that `declared` permits until one answers.

        `host` is `origin.host` as `ascii_host` gives it.  `connect` opens the socket and cleans up
        after itself, cancelled too.  Raises EgressDeniedError, and OSError when the name does not
        resolve or no address answers.  The caller bounds the whole.
        """
        addresses = (await self.addresses(host, declared))[:TRIES]
        share_s = connect_s / len(addresses)
        for address in addresses[:-1]:
            try:
                async with asyncio.timeout(share_s):
                    return await self._connect(address, origin.port, connect)
            except (OSError, TimeoutError):
                continue
        return await self._connect(addresses[-1], origin.port, connect)

    async def addresses(self, host: str, declared: Declared) -> tuple[Address, ...]:
        """Give the addresses of `host`, all of which `declared` permits, in the resolver's order.

        Raises EgressDeniedError naming the first that it does not, and OSError.
        """
        known = literal(host)
        addresses = (known,) if known is not None else await self._look_up(host)
        for address in addresses:
            if not declared.permits(address):
                raise EgressDeniedError(
                    f"{host} is {address}, and the deployment declares {declared}: "
                    "name that range in its networks if it belongs there"
                )
        return addresses

    def close(self) -> None:
        """Stop waiting for resolutions under way."""
        for task in tuple(self._asking.values()):
            task.cancel()

    async def _connect(
        self, address: Address, port: int, connect: Callable[[Address], Awaitable[T]]
    ) -> T:
        sys.audit(CONNECT_EVENT, str(address), port)
        return await connect(address)

    async def _look_up(self, host: str) -> tuple[Address, ...]:
        expiry, addresses = self._known.get(host, (0.0, ()))
        if addresses and self._now() < expiry:
            return addresses
        task = self._asking.get(host)
        if task is None:
            # One question per name at a time, however many calls wait.  The guard owns the task:
            # a caller that leaves must not take the answer from the others.
            task = self._asking[host] = self._loop.create_task(self._ask(host))
            task.add_done_callback(lambda done: self._forget(host, done))
        return await asyncio.shield(task)

    async def _ask(self, host: str) -> tuple[Address, ...]:
        texts = dict.fromkeys(await self._resolve(host))
        found = tuple(address for text in texts if (address := literal(text)) is not None)
        if not found:
            raise OSError(f"{host} has no address")
        self._known[host] = (self._now() + self._ttl_s, found)
        return found

    def _forget(self, host: str, task: asyncio.Task[tuple[Address, ...]]) -> None:
        del self._asking[host]
        if not task.cancelled():
            task.exception()  # seen, even if every caller has left

    async def _ask_system(self, host: str) -> Sequence[str]:
        # The C library's resolver in the loop's few threads; its own time-out ends it.
        infos = await self._loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return [str(info[4][0]) for info in infos]


def ascii_host(host: str) -> str:
    """Give `host` as DNS, SNI and the Host field want it.  Raises ValueError naming the remedy.

    IDNA 2008: the standard library's codec is that of 2003, under which `faß.de` is another name.
    """
    bare = host.removeprefix("[").removesuffix("]")
    if literal(bare) is not None:
        return bare.lower()
    name = host.removesuffix(".").lower()
    try:
        if not name.isascii():
            name = idna.encode(name, uts46=True, std3_rules=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f'host "{host}" is not a host name: {error}') from None
    if len(name) > 253 or not all(map(_LABEL.fullmatch, name.split("."))):
        raise ValueError(f'host "{host}" is not a host name: letters, digits, hyphens and dots')
    return name


def set_options(connection: HasOptions) -> None:
    """Set what every upstream socket needs, as far as the platform knows it."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (*_KEEPALIVE, ("TCP_USER_TIMEOUT", USER_TIMEOUT_MS)):
        option = getattr(socket, name, None)
        if option is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
