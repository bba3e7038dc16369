"""`switchgear check`: read the whole config folder, tell every problem, or what it declares.

Exit status 0: it can be served.  1: it cannot.  3: it can, but there are warnings and `--strict`
was given, for a pipeline that wants none.
"""

import os
from collections.abc import Sized
from typing import Annotated, Final

import typer

from gateway.cli.terminal import AsJson, Folder, describe_problem, print_json
from gateway.config.load import Loaded, load
from gateway.config.settings import read_flags
from policies.facts import FACT_NAMES, Facts

app = typer.Typer()

WARNED: Final = 3


@app.command(help="Read the config folder and tell all that is wrong.")
def check(
    config: Folder = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings end in status 3.")] = False,
    as_json: AsJson = False,
) -> None:
    """Load everything and throw it away."""
    flags = read_flags(config=config)
    loaded = load(flags.config, flags, os.environ)
    if as_json:
        print_json(_describe(loaded))
    else:
        _show(loaded)
    if strict and loaded.warnings:
        raise typer.Exit(WARNED)


def unknown_facts(facts: Facts) -> tuple[str, ...]:
    """The facts that policy takes at their worst because nobody knows them."""
    return tuple(name for name in FACT_NAMES if getattr(facts, name) is None)


def _show(loaded: Loaded) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    deployments = Table("deployment", "model", "at", "zone", "hosting", "unknown facts")
    for name, deployment in loaded.catalog.deployments.items():
        facts = loaded.policy.engine.facts[name]
        simulated = " (simulated)" if deployment.is_simulated else ""
        deployments.add_row(
            name,
            deployment.target.model,
            f"{deployment.origin.host}{simulated}",
            deployment.zone,
            str(facts.hosting or "unknown"),
            f"{len(unknown_facts(facts))} of {len(FACT_NAMES)}",
        )
    if deployments.row_count:
        console.print(deployments)
    for route in loaded.catalog.routes.values():
        tiers = " > ".join(" | ".join(d.name for d in tier) for tier in route.tiers)
        console.print(f"route {route.name}: {tiers}", markup=False, soft_wrap=True)
    for warning in loaded.warnings:
        console.print(f"warning: {warning}", markup=False, soft_wrap=True, highlight=False)
    catalog = loaded.catalog
    console.print(
        f"{loaded.folder} can be served: {_count(catalog.accounts, 'account')}, "
        f"{_count(catalog.deployments, 'deployment')}, {_count(catalog.routes, 'route')}, "
        f"policy {loaded.policy.digest_shown}, {_count(loaded.warnings, 'warning')}.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _describe(loaded: Loaded) -> dict[str, object]:
    return {
        "ok": True,
        "folder": str(loaded.folder),
        "policy": loaded.policy.digest,
        "accounts": {
            name: {"vendor": account.vendor.name, "credential": account.credential_source}
            for name, account in loaded.catalog.accounts.items()
        },
        "deployments": {
            name: {
                "account": deployment.account.name,
                "model": deployment.target.model,
                "host": deployment.origin.host,
                "zone": deployment.zone,
                "place": deployment.place,
                "simulated": deployment.is_simulated,
                "unknown_facts": unknown_facts(loaded.policy.engine.facts[name]),
            }
            for name, deployment in loaded.catalog.deployments.items()
        },
        "routes": {
            name: [[deployment.name for deployment in tier] for tier in route.tiers]
            for name, route in loaded.catalog.routes.items()
        },
        "warnings": [describe_problem(warning) for warning in loaded.warnings],
    }


def _count(things: Sized, word: str) -> str:
    number = len(things)
    return f"{number} {word}{'' if number == 1 else 's'}"
