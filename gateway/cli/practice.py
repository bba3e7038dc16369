"""`switchgear practice`: make a vendor of the running practice grid fail, and heal it again."""

import json
from typing import Annotated, Final

import typer

app = typer.Typer(
    help="Make vendors of the practice grid fail, and heal them.", no_args_is_help=True
)

DEFAULT_CONTROL: Final = "http://127.0.0.1:8090"
TIMEOUT_S: Final = 5.0

Json = dict[str, object]

ControlOption = Annotated[
    str,
    typer.Option(
        "--control",
        envvar="SWITCHGEAR_PRACTICE_CONTROL",
        help="The grid's control address.",
    ),
]


@app.command()
def fail(
    vendor: Annotated[str, typer.Argument(help="aurora, borealis, europa, homegrid, …")],
    fault: Annotated[str, typer.Argument(help="An id from `switchgear practice faults`.")],
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    account: Annotated[str | None, typer.Option(help="Only this account.")] = None,
    contains: Annotated[str | None, typer.Option(help="Only bodies with this text.")] = None,
    times: Annotated[int | None, typer.Option(help="Only the next so many requests.")] = None,
    for_s: Annotated[float | None, typer.Option("--for", help="Only so many seconds.")] = None,
    on_s: Annotated[
        float | None, typer.Option("--on", help="Flap: on for so many seconds …")
    ] = None,
    every_s: Annotated[
        float | None, typer.Option("--every", help="… in each period of so many.")
    ] = None,
    after_events: Annotated[
        int | None, typer.Option(help="Break a stream after so many events of content.")
    ] = None,
    delay_s: Annotated[
        float | None, typer.Option("--delay", help="Seconds, for a fault that is slow.")
    ] = None,
    control: ControlOption = DEFAULT_CONTROL,
) -> None:
    """Make VENDOR fail with FAULT, from now on or as the options say."""
    asked: Json = {
        "vendor": vendor,
        "fault": fault,
        "model": model,
        "account": account,
        "contains": contains,
        "times": times,
        "for_s": for_s,
        "on_s": on_s,
        "every_s": every_s,
        "after_events": after_events,
        "delay_s": delay_s,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    typer.echo(_describe(_ask(control, "POST", "/knobs", given)))


@app.command()
def heal(
    vendor: Annotated[str | None, typer.Argument(help="Only this vendor.")] = None,
    control: ControlOption = DEFAULT_CONTROL,
) -> None:
    """Turn faults off: VENDOR's, or all."""
    path = "/knobs" if vendor is None else f"/knobs/{vendor}"
    typer.echo(f"healed: {_ask(control, 'DELETE', path)['healed']}")


@app.command()
def status(control: ControlOption = DEFAULT_CONTROL) -> None:
    """Show the vendors, what they got, and the faults that are on."""
    vendors = _ask(control, "GET", "/grid")["vendors"]
    assert isinstance(vendors, dict)
    for name, vendor in vendors.items():
        state = "listens" if vendor["is_open"] else "refuses"
        typer.echo(
            f"{name:12} {vendor['flavour']:10} {vendor['place']:4} {vendor['base_url']:28} "
            f"{state}, {vendor['requests']} requests, {vendor['connections']} connections"
        )
    knobs = _ask(control, "GET", "/knobs")["knobs"]
    assert isinstance(knobs, list)
    for knob in knobs:
        typer.echo(_describe(knob))


@app.command()
def faults() -> None:
    """List all faults with their description and what they are a case of."""
    from gateway.practice import load_faults

    for fault in load_faults().values():
        typer.echo(f"{fault.id:36} {fault.expect:20} {fault.says}")


def _describe(knob: Json) -> str:
    words = [f"{knob['vendor']}: {knob['fault']}"]
    for name in ("model", "account", "path", "contains"):
        if knob[name] is not None:
            words.append(f"{name} {knob[name]}")
    if knob["times_left"] is not None:
        words.append(f"{knob['times_left']} more times")
    if knob["seconds_left"] is not None:
        words.append(f"{knob['seconds_left']} s more")
    if knob["every_s"] is not None:
        words.append(f"{knob['on_s']} s in every {knob['every_s']} s")
    return ", ".join(words) + f" (played {knob['played']} times)"


def _ask(control: str, method: str, path: str, body: Json | None = None) -> Json:
    import httpx2

    try:
        with httpx2.Client(timeout=TIMEOUT_S, trust_env=False) as client:
            reply = client.request(method, control.rstrip("/") + path, json=body)
        value = json.loads(reply.content)
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        typer.echo(
            f"no practice grid answers at {control} ({error}); start one with `make run`, "
            "or name its address with --control",
            err=True,
        )
        raise typer.Exit(1) from error
    if reply.status_code != 200:
        typer.echo(str(value.get("error")), err=True)
        raise typer.Exit(1)
    assert isinstance(value, dict)
    return value
