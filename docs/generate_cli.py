"""Writes `docs/reference/cli.md` from the commands' own help: `python -m docs.generate_cli`.

The page can't drift: a test renders it again and compares.
"""

import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path

from typer.main import get_command

from gateway.cli import COMMANDS, app

PAGE = Path(__file__).parent / "reference" / "cli.md"
WIDTH = 92

_HEAD = """\
# Commands

<!-- Generated from gateway/cli/ by `python -m docs.generate_cli`. Do not edit. -->

`switchgear COMMAND --help` prints the same. From a checkout that is not installed, the command is
`.venv/bin/python -m gateway`.

Exit status: 0 it went well, 1 it was refused (the message says why and what to do), 2 the command
line makes no sense, 130 Ctrl-C. Beside these, `check --strict` ends in 3 when there are warnings,
and `explain` ends in 3 when nobody may serve.

Most settings can come from the environment: flag, then `SWITCHGEAR_CONFIG`,
`SWITCHGEAR_DATA_LISTEN`, `SWITCHGEAR_ADMIN_LISTEN`, `SWITCHGEAR_DATA_DIR`, `SWITCHGEAR_LOG_LEVEL`,
then the file, then the default.
"""


def render() -> str:
    """The whole page."""
    return _HEAD + "".join(map(_section, _lines()))


def _lines() -> Iterator[tuple[str, ...]]:
    """Every command line that has a help of its own."""
    yield ()
    for name, entry in COMMANDS.items():
        yield (name,)
        command = get_command(import_module(entry.module).app)
        for part in getattr(command, "commands", {}):
            yield name, part


def _section(line: tuple[str, ...]) -> str:
    title = " ".join(("switchgear", *line))
    return f"\n## {title}\n\n```text\n{_help(line)}\n```\n"


def _help(line: tuple[str, ...]) -> str:
    printed = io.StringIO()
    with redirect_stdout(printed):
        get_command(app).main(
            args=[*line, "--help"],
            prog_name="switchgear",
            standalone_mode=False,
            terminal_width=WIDTH,
        )
    return "\n".join(text.rstrip() for text in printed.getvalue().strip().splitlines())


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
