"""The process: two listening sockets, the signals, and one drain for both.

SIGTERM and SIGINT stop accepting and let what is under way finish, for `DRAIN_S` at most; a
second one ends at once.  SIGHUP reads the folder again.
"""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn

from gateway.app import Gateway
from gateway.config.load import Loaded
from gateway.config.schema import AdminListen, DataListen
from gateway.errors import PortTakenError
from gateway.surface.fast import Fast

DRAIN_S: Final = 30
BACKLOG: Final = 4096
# A client that takes nothing for so long is cut by the kernel: ASGI has no way to do it.
UNACKNOWLEDGED_MS: Final = 60_000

log = logging.getLogger("switchgear")


async def run(
    loaded: Loaded,
    load: Callable[[], Loaded],
    announce: Callable[[tuple[str, int], tuple[str, int]], None],
) -> None:
    """Serve until a signal ends it.  `announce` is told the two addresses once both listen.

    Raises PortTakenError, and whatever `Gateway.open` raises.
    """
    loop = asyncio.get_running_loop()
    data_socket = listen(loaded.settings.listen.data, "data")
    admin_socket = listen(loaded.settings.listen.admin, "admin")
    set_user_timeout(data_socket)
    gateway = Gateway(loaded, load)
    gateway.open(loop)
    data = _Server(
        _config(gateway.data, loaded.settings.listen.data, loaded, gateway.data_protocol)
    )
    admin = _Server(_config(gateway.admin, loaded.settings.listen.admin, loaded, gateway.protocol))
    reloads = _Reloads(gateway)

    def stop() -> None:
        if data.should_exit:
            data.force_exit = admin.force_exit = True
        gateway.is_draining = True
        data.should_exit = True

    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_signal_handler(signal.SIGINT, stop)
    loop.add_signal_handler(signal.SIGHUP, reloads.begin)
    try:
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(data.serve(sockets=[data_socket]))
            tasks.create_task(admin.serve(sockets=[admin_socket]))
            await _started(data, admin)
            announce(data_socket.getsockname()[:2], admin_socket.getsockname()[:2])
            await serving
            # The admin plane answers while the data plane drains: that is when it is looked at.
            admin.should_exit = True
    finally:
        gateway.close()


def listen(where: DataListen | AdminListen, plane: str) -> socket.socket:
    """A listening socket.  Raises PortTakenError with what to change."""
    family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
    try:
        return socket.create_server((where.host, where.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise PortTakenError(
            f"{where.host}:{where.port} cannot be listened on: {error.strerror}; "
            f"end what uses it, or choose another with --{plane}-listen or listen.{plane}.port"
        ) from error


def set_user_timeout(listening: socket.socket) -> None:
    """Cut connections whose peer acknowledges nothing; Linux hands it on to each accepted one."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None:
        listening.setsockopt(socket.IPPROTO_TCP, option, UNACKNOWLEDGED_MS)


class _Server(uvicorn.Server):
    """Signals belong to the process, which has two servers."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Also end what the fast adaptor has under way; uvicorn ends tasks, and it has none."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            if isinstance(connection, Fast):
                connection.cut()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Reloads:
    """Begins reloads from a signal handler, and keeps their tasks until they end."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._tasks: set[asyncio.Task[object]] = set()

    def begin(self) -> None:
        task: asyncio.Task[object] = asyncio.ensure_future(self._gateway.reload())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _config(
    app: object,
    where: DataListen | AdminListen,
    loaded: Loaded,
    protocol: type[asyncio.Protocol],
) -> uvicorn.Config:
    tls = where.tls
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # an ASGI application; uvicorn's type is a union of forms
        http=protocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_S,
        ssl_certfile=loaded.folder / tls.certificate_file if tls else None,
        ssl_keyfile=str(loaded.folder / tls.key_file) if tls else None,
    )


async def _started(*servers: uvicorn.Server) -> None:
    while not all(server.started for server in servers):  # noqa: ASYNC110 - uvicorn has no event
        await asyncio.sleep(0.005)
