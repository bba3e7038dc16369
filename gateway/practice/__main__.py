"""Runs the grid as a process of its own: `python -m gateway.practice`.

Once every port listens, one line of JSON with all addresses goes to standard output.  SIGINT and
SIGTERM stop it.
"""

import argparse
import asyncio
import signal
import ssl
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.practice.answer import to_json
from gateway.practice.control import Control
from gateway.practice.grid import DEFAULT_WORDS, Grid
from gateway.practice.knobs import BadKnobError
from gateway.practice.listener import PortTakenError
from gateway.practice.vendors import Flavour

DEFAULT_PORTS: Final[Mapping[str, int]] = {
    "control": 8090,
    "aurora": 8091,
    "borealis": 8092,
    "europa": 8093,
    "homegrid": 8094,
}
HUMAN_GAP_S: Final = 0.03  # words appear one after the other


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal comes; gives the exit status."""
    options = _read_options(arguments)
    try:
        return asyncio.run(_serve(options))
    except (PortTakenError, BadKnobError, OSError) as error:
        print(f"practice grid: {error}", file=sys.stderr)
        return 1


async def _serve(options: argparse.Namespace) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    chosen = dict(options.port)
    ports = {} if options.free else {**DEFAULT_PORTS}
    ports |= chosen
    grid = Grid(
        seed=options.seed,
        host=options.host,
        ports=ports,
        extra=dict(options.extra),
        gap_s=options.gap,
        words=options.words,
        tls=_read_tls(options),
    )
    if unknown := set(chosen) - {"control", *grid.stations}:
        raise BadKnobError(f"--port names {', '.join(sorted(unknown))}: no such vendor")
    async with grid, Control(grid, options.host, ports.get("control", 0)) as control:
        print(to_json({"ready": True, **control.describe()}).decode(), flush=True)
        await stopping.wait()
    return 0


def _read_tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    if options.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.tls_cert, options.tls_key)
    return context


def _read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gateway.practice", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--port",
        action="append",
        default=[],
        type=_read_port,
        metavar="NAME=PORT",
        help="a vendor's port, or control's; 0 means a free one",
    )
    parser.add_argument("--free", action="store_true", help="free ports but where --port says")
    parser.add_argument(
        "--extra",
        action="append",
        default=[],
        type=_read_extra,
        metavar="NAME=FLAVOUR",
        help=f"a further vendor; flavours: {', '.join(Flavour)}",
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed, other texts")
    parser.add_argument(
        "--gap", type=float, default=HUMAN_GAP_S, help="seconds between two words of a stream"
    )
    parser.add_argument("--words", type=int, default=DEFAULT_WORDS, help="length of an answer")
    parser.add_argument("--tls-cert", help="PEM file; the vendors then speak TLS alone")
    parser.add_argument("--tls-key", help="PEM file; left out, the key is in --tls-cert")
    return parser.parse_args(arguments)


def _read_port(text: str) -> tuple[str, int]:
    name, _, port = text.partition("=")
    if not name or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PORT, such as aurora=8091")
    return name, int(port)


def _read_extra(text: str) -> tuple[str, str]:
    name, _, flavour = text.partition("=")
    if not name or flavour not in list(Flavour):
        known = ", ".join(Flavour)
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FLAVOUR, with one of {known}")
    return name, flavour


if __name__ == "__main__":
    sys.exit(main())
