"""`switchgear version`."""

from importlib.metadata import PackageNotFoundError, version

import typer

from gateway.cli.terminal import AsJson, print_json

app = typer.Typer()


@app.command(help="Print the version.")
def show(as_json: AsJson = False) -> None:
    """Print the version of the installed package."""
    try:
        number = version("switchgear")
    except PackageNotFoundError:
        number = "unknown: run from a checkout that is not installed"
    if as_json:
        print_json({"version": number})
    else:
        print(number)
