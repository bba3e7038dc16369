"""`switchgear serve`: the gateway on a config folder, in the foreground."""

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.terminal import AsJson, Folder
from gateway.config.load import load
from gateway.config.settings import read_flags

app = typer.Typer()


@app.command(help="Serve the config folder.")
def serve(
    config: Folder = None,
    data_listen: Annotated[str | None, typer.Option(help="host:port of the data plane.")] = None,
    admin_listen: Annotated[str | None, typer.Option(help="host:port of the admin plane.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder for keys and ledger.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    as_json: AsJson = False,
) -> None:
    """Serve until a signal ends it.  Raises SwitchgearError for what is in the way."""
    # Imported here: FastAPI and uvicorn cost more than the rest of the command line together.
    import uvloop

    from gateway.process import run

    flags = read_flags(
        config=config, data_listen=data_listen, admin_listen=admin_listen, data_dir=data_dir,
        log_level=log_level,
    )  # fmt: skip
    loaded = load(flags.config, flags)
    logging.basicConfig(
        level=loaded.settings.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    for warning in loaded.warnings:
        logging.getLogger("switchgear.config").warning("%s", warning)

    def announce(data: tuple[str, int], admin: tuple[str, int]) -> None:
        addresses = {name: f"http://{host}:{port}" for name, (host, port) in
                     (("data", data), ("admin", admin))}  # fmt: skip
        if as_json:
            print(json.dumps(addresses), flush=True)
        else:
            print(f"serving {addresses['data']}/v1, admin {addresses['admin']}", flush=True)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(loaded, lambda: load(flags.config, flags), announce))
