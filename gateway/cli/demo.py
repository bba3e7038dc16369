"""`switchgear demo`: the gateway on the practice grid, ready to be asked; what `make run` starts.

The grid is a process of its own, as real vendors are.  Everything is written below one folder,
and Ctrl-C stops everything that was started.
"""

import asyncio
import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated, Any, Final

import typer
import yaml

from gateway.config.load import Loaded, load
from gateway.config.settings import Flags, read_flags
from gateway.errors import SwitchgearError
from gateway.store.keys import Grant, KeyStore
from gateway.store.sqlite import Store

app = typer.Typer()

APP: Final = "demo"
FLOOR: Final = "internal"
VENDORS: Final = ("aurora", "borealis", "europa", "homegrid")
GRID_READY_S: Final = 10.0


class GridFailedError(SwitchgearError):
    """The practice grid did not start; the text is its own."""


@app.command(help="Serve the practice grid behind the gateway.")
def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Where to write.")] = Path(".run"),
    data_listen: Annotated[str | None, typer.Option(help="host:port of the data plane.")] = None,
    admin_listen: Annotated[str | None, typer.Option(help="host:port of the admin plane.")] = None,
    practice_port: Annotated[
        list[str] | None, typer.Option(help="NAME=PORT of a practice vendor, or of `control`.")
    ] = None,
    free_ports: Annotated[bool, typer.Option(help="Practice vendors on free ports.")] = False,
    vllm: Annotated[str | None, typer.Option(help="Base URL of a real vLLM, with /v1.")] = None,
    vllm_model: Annotated[str, typer.Option(help="The name it serves.")] = "smollm2",
) -> None:
    """Serve until Ctrl-C.  Raises SwitchgearError for what is in the way."""
    grid, addresses = start_grid(practice_port or [], free=free_ports)
    try:
        write_folder(folder, {**addresses, "vllm": vllm or "", "vllm_model": vllm_model})
        flags = read_flags(
            config=folder / "config", data_listen=data_listen, admin_listen=admin_listen
        )
        loaded = load(flags.config, flags)
        _serve(loaded, flags, _make_key(loaded), addresses["control"])
    finally:
        grid.terminate()
        grid.wait()


def start_grid(ports: list[str], *, free: bool) -> tuple["subprocess.Popen[str]", dict[str, str]]:
    """The grid's process and its addresses by name.  Raises GridFailedError."""
    command = [sys.executable, "-m", "gateway.practice"]
    command += [part for port in ports for part in ("--port", port)]
    command += ["--free"] if free else []
    grid = subprocess.Popen(  # noqa: S603 - our own module, by the interpreter that runs us
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert grid.stdout is not None and grid.stderr is not None, "both are pipes"
    line = grid.stdout.readline()
    if not line:
        grid.wait()
        text = grid.stderr.read().strip() or "the practice grid ended at once"
        raise GridFailedError(text.replace("--port", "--practice-port"))
    return grid, _addresses(json.loads(line))


def write_folder(folder: Path, values: Mapping[str, str]) -> None:
    """The config folder of the demo, written anew; keys and ledger beside it stay."""
    config = folder / "config"
    shutil.rmtree(config, ignore_errors=True)
    (config / "policies").mkdir(parents=True)
    templates = files("gateway.cli") / "demo_folder"
    supply = yaml.safe_load(_fill(templates / "supply.yaml", values))
    if values["vllm"]:
        for section, entries in yaml.safe_load(_fill(templates / "vllm.yaml", values)).items():
            supply[section] |= entries
    (config / "supply.yaml").write_text(yaml.safe_dump(supply, sort_keys=False))
    (config / "gateway.yaml").write_bytes((templates / "gateway.yaml").read_bytes())
    for entry in (files("policies") / "packs" / "starter").iterdir():
        if entry.is_file():
            (config / "policies" / entry.name).write_bytes(entry.read_bytes())
    for vendor in VENDORS:
        _write_secret(config / f"{vendor}.key", f"sk-practice-{vendor}-main")
    _write_secret(config / "admin.key", secrets.token_hex(16))


def _fill(template: Any, values: Mapping[str, str]) -> str:
    # Any: importlib's type of a packaged file is not public on every Python that we support.
    return Template(template.read_text()).substitute(values)


def _write_secret(file: Path, value: str) -> None:
    file.touch(mode=0o600)
    file.write_text(value)


def _addresses(ready: Mapping[str, Any]) -> dict[str, str]:
    # Any: the grid's own JSON; it stands alone and shares no type with us.
    vendors = {name: str(about["base_url"]) for name, about in ready["vendors"].items()}
    return {**vendors, "control": str(ready["control"])}


def _make_key(loaded: Loaded) -> str:
    """A fresh key for the demo; those of earlier runs end."""
    loaded.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = Store(loaded.data_dir)
    store.prepare()
    keys = KeyStore(store)
    for key in keys.all():
        if key.grant.app == APP and key.revoked_at is None:
            keys.revoke(key.id)
    return keys.create(Grant(tenant="default", app=APP, floor=FLOOR))[1]


def _serve(loaded: Loaded, flags: Flags, key: str, control: str) -> None:
    import uvloop

    from gateway.process import run

    def announce(data: tuple[str, int], admin: tuple[str, int]) -> None:
        show(loaded, key, _url(data), _url(admin), control)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(loaded, lambda: load(flags.config, flags), announce))


def show(loaded: Loaded, key: str, data: str, admin: str, control: str) -> None:
    """Say what is served and from where, and what to try."""
    from rich.console import Console
    from rich.table import Table

    table = Table("route", "tier", "deployment", "account", "processed in", "", box=None)
    for route in loaded.catalog.routes.values():
        for number, tier in enumerate(route.tiers, 1):
            for deployment in tier:
                table.add_row(
                    route.name, str(number), deployment.name, deployment.account.name,
                    deployment.zone, "simulated" if deployment.is_simulated else "real",
                )  # fmt: skip
    console = Console(highlight=False)
    console.print(table)
    body = '{"model":"chat","stream":true,"messages":[{"role":"user","content":"Good morning"}]}'
    admin_key = (loaded.folder / "admin.key").read_text()
    console.print(f"""
dev key (floor {FLOOR}, shown this once)
  {key}

try it
  curl -N {data}/v1/chat/completions -H 'Authorization: Bearer {key}' -d '{body}'

admin plane
  {admin}/metrics    admin key: {admin_key}

make a vendor fail, and heal it
  {_command()} practice fail aurora openai/429_requests{_control_option(control)}
  {_command()} practice heal{_control_option(control)}

Ctrl-C stops everything.""", soft_wrap=True, markup=False)  # fmt: skip
    sys.stdout.flush()


def _command() -> str:
    """How this program is called from here."""
    if shutil.which("switchgear"):
        return "switchgear"
    python = Path(sys.executable)
    here = Path.cwd()
    shown = python.relative_to(here) if python.is_relative_to(here) else python
    return f"{shown} -m gateway"


def _control_option(control: str) -> str:
    return "" if control.endswith(":8090") else f" --control {control}"


def _url(address: tuple[str, int]) -> str:
    return f"http://{address[0]}:{address[1]}"
