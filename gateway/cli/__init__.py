"""The command `switchgear`: each command is a module that is imported when it is called.

A module has an `app` (typer): with one command it is that command, with several it is a group.
So `--help` and the shell's completion import none of them, and what is not installed is not
listed.  Whatever goes wrong ends in a message and an exit status: 1 for what we refuse, 2 for a
command line that makes no sense, 130 for Ctrl-C.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType, TracebackType
from typing import Any, Final, NamedTuple, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from gateway.cli.terminal import describe_problem, print_json
from gateway.errors import ConfigError, SwitchgearError


class Entry(NamedTuple):
    """Where a command is, and the line that lists it."""

    module: str
    summary: str


COMMANDS: Final[Mapping[str, Entry]] = MappingProxyType(
    {
        "init": Entry("gateway.cli.init", "Write a config folder from what is found here."),
        "serve": Entry("gateway.cli.serve", "Serve the config folder."),
        "demo": Entry("gateway.cli.demo", "Serve the practice grid behind the gateway."),
        "check": Entry("gateway.cli.check", "Read the config folder and tell all that is wrong."),
        "explain": Entry("gateway.cli.explain", "Say who may serve a request, who not, and why."),
        "reload": Entry("gateway.cli.reload", "Make a running gateway read its folder again."),
        "key": Entry("gateway.cli.key", "Make, list and revoke the keys of applications."),
        "ledger": Entry("gateway.cli.ledger", "Read what went where, and why."),
        "practice": Entry("gateway.cli.practice", "Run imitation vendors and make them fail."),
        "version": Entry("gateway.cli.version", "Print the version."),
    }
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command line, by default the process's own, and exit."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.excepthook = _tell_defect
    sys.exit(run(given))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit status."""
    as_json = "--json" in arguments
    try:
        get_command(app).main(args=list(arguments), prog_name="switchgear")
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1
    except SwitchgearError as error:
        return _tell(error, as_json=as_json)
    except BrokenPipeError:
        # The reader of our output left, as `| head` does.  Nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _tell(SwitchgearError(str(error)), as_json=as_json)
    return 0


class LazyGroup(TyperGroup):
    """Lists the commands by the table, and imports the one that is called."""

    # Any: typer builds its groups from keywords of its own.
    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.commands = {
            name: TyperCommand(name, help=entry.summary)
            for name, entry in COMMANDS.items()
            if find_spec(entry.module) is not None
        }

    # Any: the context is of a private class of typer.
    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of the table."""
        return list(self.commands)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """What is called, in place of what is listed."""
        name, listed, rest = super().resolve_command(ctx, args)
        if name is None or listed is None:
            return name, listed, rest
        command = get_command(import_module(COMMANDS[name].module).app)
        command.name = name
        _simplify(command)
        return name, command, rest


def _simplify(command: Any) -> None:
    """Plain help as everywhere, and no options to install completion for a part of a command."""
    # Any: the class is private to typer.  Its rich help takes 180 ms to import.
    command.rich_markup_mode = None
    command.params = [p for p in command.params if not str(p.name).endswith("_completion")]
    for part in getattr(command, "commands", {}).values():
        _simplify(part)


app = typer.Typer(
    name="switchgear",
    cls=LazyGroup,
    help="The switchgear of an organisation's intelligence supply.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _root() -> None:
    """Every command takes `--help` and `--json`; NO_COLOR is honoured."""


def _tell(error: SwitchgearError, *, as_json: bool) -> int:
    if as_json:
        problems = error.problems if isinstance(error, ConfigError) else ()
        found = [describe_problem(problem) for problem in problems]
        print_json({"ok": False, "error": str(error), "problems": found})
        return 1
    print(error, file=sys.stderr)
    if isinstance(error, ConfigError):
        count = len(error.problems)
        print(f"{count} problem{'s' if count > 1 else ''}.", file=sys.stderr)
    return 1


def _tell_defect(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Nobody who runs a command is shown a traceback, unless they ask for it."""
    if os.environ.get("SWITCHGEAR_TRACEBACK"):
        sys.__excepthook__(kind, error, trace)
        return
    # The text of an unforeseen error may quote anything, a secret too: only its kind is told.
    print(
        f"switchgear: a defect of ours ({kind.__name__}); SWITCHGEAR_TRACEBACK=1 shows where",
        file=sys.stderr,
    )
