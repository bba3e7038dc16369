"""`switchgear reload`: make a running gateway read its folder again, and say how that went."""

import os
from typing import Annotated

import httpx2
import typer
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from gateway.cli.terminal import AsJson, print_json
from gateway.errors import SwitchgearError

app = typer.Typer()


class ReloadFailedError(SwitchgearError):
    """The gateway could not be asked, or said no; the text says which."""


@app.command(help="Make a running gateway read its folder again.")
def reload(
    admin: Annotated[
        str, typer.Option(help="Address of the admin plane.", envvar="SWITCHGEAR_ADMIN")
    ] = "http://127.0.0.1:8081",
    admin_key: Annotated[
        str | None, typer.Option(help="The admin key.", envvar="SWITCHGEAR_ADMIN_KEY")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask for a reload.  Raises ReloadFailedError."""
    if admin_key is None:
        raise ReloadFailedError("an admin key is needed: --admin-key or SWITCHGEAR_ADMIN_KEY")
    answer = _ask(admin.rstrip("/") + "/admin/reload", admin_key)
    status = answer.json()
    if as_json:
        print_json(status)
    elif answer.status_code == 200:
        print(f"epoch {status['epoch']} serves")
    if answer.status_code != 200:
        problems = os.linesep.join(status.get("problems") or [str(status.get("detail", status))])
        raise ReloadFailedError(f"not reloaded, the old config goes on serving:\n{problems}")


def _ask(url: str, admin_key: str) -> httpx2.Response:
    try:
        return _post(url, admin_key)
    except httpx2.HTTPError as error:
        raise ReloadFailedError(f"{url} does not answer ({error}); is the gateway up?") from None


# A gateway that is just starting refuses connections for a moment.
@retry(
    stop=stop_after_attempt(3), wait=wait_fixed(0.3), reraise=True,
    retry=retry_if_exception_type(httpx2.ConnectError),
)  # fmt: skip
def _post(url: str, admin_key: str) -> httpx2.Response:
    headers = {"authorization": f"Bearer {admin_key}"}
    return httpx2.post(url, headers=headers, timeout=30.0, trust_env=False)
