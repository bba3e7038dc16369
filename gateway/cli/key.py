"""`switchgear key create`, `list` and `revoke`: the keys of applications."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.store.keys import Grant, KeyStore, StoredKey
from gateway.store.sqlite import Store

STARTER_CLASSES: Final = ("public", "internal", "confidential", "restricted")

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke the keys of applications.")

DataDir = Annotated[
    Path,
    typer.Option("--data-dir", envvar="SWITCHGEAR_DATA_DIR", help="The gateway's data folder."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(help="Make a key and print it; it is shown this once.")
def create(
    tenant: Annotated[str, typer.Option(help="Whose it is, as in tenants.yaml.")],
    app_name: Annotated[str, typer.Option("--app", help="The application that will use it.")],
    floor: Annotated[
        str,
        typer.Option(
            metavar="CLASS",
            help="The least class of data its requests carry, such as internal or restricted. "
            "Requests can raise it, never lower it.",
        ),
    ],
    tags: Annotated[
        list[str] | None, typer.Option("--tags", help="Such as personal; several by commas.")
    ] = None,
    purpose: Annotated[str | None, typer.Option(help="Such as production.")] = None,
    max_in_flight: Annotated[
        int | None, typer.Option(help="Requests at once; more are answered 429.")
    ] = None,
    is_admin: Annotated[bool, typer.Option("--admin", help="May use the admin plane.")] = False,
    data_dir: DataDir = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Make a key.  Raises BadGrantError or StoreError."""
    grant = Grant(
        tenant=tenant,
        app=app_name,
        floor=floor,
        tags=tuple(sorted({tag for given in tags or () for tag in given.split(",") if tag})),
        purpose=purpose,
        max_in_flight=max_in_flight,
        is_admin=is_admin,
    )
    grant.check()
    key_id, key = _keys(data_dir, must_exist=False).create(grant)
    if as_json:
        print(json.dumps({"id": key_id, "key": key}))
    else:
        print(key)
        print(f"{key_id}: keep the key now, it is not shown again", file=sys.stderr)
    if floor not in STARTER_CLASSES:
        print(
            f"note: {floor} is no class of the starter policies ({', '.join(STARTER_CLASSES)}); "
            "unless your labels.yaml declares it, every request of this key is refused",
            file=sys.stderr,
        )


@app.command("list", help="List the keys, revoked ones included; never the keys themselves.")
def list_keys(data_dir: DataDir = Path("data"), as_json: AsJson = False) -> None:
    """List who holds keys."""
    keys = _keys(data_dir).all()
    if as_json:
        print(json.dumps([_as_json(key) for key in keys], indent=2))
        return
    from rich.console import Console
    from rich.table import Column, Table

    id_column = Column("id", no_wrap=True)  # whole on any terminal: `revoke` wants it
    table = Table(id_column, "tenant/app", "floor", "tags", "purpose", "in flight", "admin", "made",
                  "revoked", box=None)  # fmt: skip
    for key in keys:
        grant = key.grant
        table.add_row(
            key.id,
            f"{grant.tenant}/{grant.app}",
            grant.floor,
            ",".join(grant.tags) or "-",
            grant.purpose or "-",
            "-" if grant.max_in_flight is None else str(grant.max_in_flight),
            "yes" if grant.is_admin else "-",
            _day(key.created_at),
            "-" if key.revoked_at is None else _day(key.revoked_at),
        )
    Console().print(table)


@app.command(help="End a key; a running gateway refuses it within a second.")
def revoke(
    key_id: Annotated[str, typer.Argument(help="As in `switchgear key list`: key_…")],
    data_dir: DataDir = Path("data"),
    as_json: AsJson = False,
) -> None:
    """End a key.  Raises UnknownKeyError."""
    was_live = _keys(data_dir).revoke(key_id)
    if as_json:
        print(json.dumps({"id": key_id, "revoked": True, "was_live": was_live}))
    else:
        print(f"{key_id} is revoked" if was_live else f"{key_id} had been revoked before")


def _keys(data_dir: Path, *, must_exist: bool = True) -> KeyStore:
    store = Store(data_dir)
    store.prepare(must_exist=must_exist)
    return KeyStore(store)


def _as_json(key: StoredKey) -> dict[str, object]:
    grant = key.grant
    return {
        "id": key.id,
        "tenant": grant.tenant,
        "app": grant.app,
        "floor": grant.floor,
        "tags": list(grant.tags),
        "purpose": grant.purpose,
        "max_in_flight": grant.max_in_flight,
        "is_admin": grant.is_admin,
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    }


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
