"""`switchgear version`."""

import typer

from gateway import VERSION
from gateway.cli.terminal import AsJson, print_json

app = typer.Typer()


@app.command(help="Print the version.")
def show(as_json: AsJson = False) -> None:
    """Print the version, of an installed package and of a checkout alike."""
    if as_json:
        print_json({"version": VERSION})
    else:
        print(VERSION)
