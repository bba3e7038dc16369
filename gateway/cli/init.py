"""`switchgear init`: write a config folder from what is found on this machine."""

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.terminal import AsJson, describe_problem, print_json
from gateway.config.discover import Discovery, discover
from gateway.config.folder import write_folder
from gateway.config.load import Loaded, load
from gateway.config.settings import read_flags

app = typer.Typer()

Target = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", "--dir", help="The folder to write. [SWITCHGEAR_CONFIG; config]"
    ),
]


@app.command(help="Write a config folder from what is found here.")
def init(config: Target = None, as_json: AsJson = False) -> None:
    """Look, write, and check what was written."""
    folder = read_flags(config=config).config
    discovery = discover(os.environ)
    files = write_folder(folder, discovery, lambda: secrets.token_urlsafe(32))
    loaded = load(folder, None, os.environ)
    if as_json:
        print_json(_describe(folder, discovery, files, loaded))
    else:
        _show(folder, discovery, files, loaded)


def _show(folder: Path, discovery: Discovery, files: list[Path], loaded: Loaded) -> None:
    for found in discovery.found:
        models = ", ".join(model.model for model in found.models) or "no model named yet"
        print(f"found {found.vendor} ({found.source}): {models}")
    if not discovery.found:
        print("found no vendor's key in the environment, no vLLM on :8000 and no Ollama on :11434")
    for remark in discovery.remarks:
        print(f"note: {remark}")
    print(f"wrote {len(files)} files to {folder}")
    if loaded.warnings:
        print(f"{len(loaded.warnings)} warnings: `switchgear check --config {folder}` lists them")
    if loaded.catalog.routes:
        print(
            "Facts that nobody stated are unknown, and policy takes them at their worst.\n"
            f"Next: switchgear check --config {folder}; switchgear key create; switchgear serve"
        )
    else:
        print(f"Next: write an account, a deployment and a route into {folder / 'supply.yaml'}")


def _describe(
    folder: Path, discovery: Discovery, files: list[Path], loaded: Loaded
) -> dict[str, object]:
    return {
        "ok": True,
        "folder": str(folder),
        "found": [
            {
                "vendor": found.vendor,
                "source": found.source,
                "models": [model.model for model in found.models],
            }
            for found in discovery.found
        ],
        "remarks": discovery.remarks,
        "files": [str(file) for file in files],
        "warnings": [describe_problem(warning) for warning in loaded.warnings],
    }
