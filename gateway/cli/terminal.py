"""What every command prints with, and the options that every command has."""

import json
from pathlib import Path
from typing import Annotated

import typer

from gateway.errors import Problem

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Folder = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The config folder. [env SWITCHGEAR_CONFIG; config]"),
]


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def describe_problem(problem: Problem) -> dict[str, object]:
    """A problem as JSON: the same parts in every command."""
    return {
        "file": problem.file,
        "line": problem.line,
        "key": problem.key,
        "message": problem.message,
        "remedy": problem.remedy,
    }
