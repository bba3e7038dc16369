"""What the process is told beside its folder: flag, then `SWITCHGEAR_*`, then file, then default.

Only what must differ between two processes over one folder can be said here.
"""

from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.config.findings import Findings, quoted
from gateway.config.schema import Gateway, LogLevel

PREFIX: Final = "SWITCHGEAR_"
DEFAULT_FOLDER: Final = Path("config")

_Address = tuple[str, int]


def _read_address(value: object) -> object:
    """`host:port`, `[::1]:8080` or `:8080`, which keeps the file's host."""
    if not isinstance(value, str):
        return value
    host, colon, port = value.rpartition(":")
    is_port = bool(colon) and port.isascii() and port.isdigit() and int(port[:6]) <= 65_535
    if not is_port or (":" in host and not host.startswith("[")):
        raise ValueError("must be `host:port`, such as 127.0.0.1:8080")
    return host.strip("[]"), int(port)


Address = Annotated[_Address, BeforeValidator(_read_address)]


class Flags(BaseSettings):
    """Each from a flag of `switchgear` or its variable; None leaves it to the file."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True,
        enable_decoding=False,
    )  # fmt: skip

    config: Path = Field(default=DEFAULT_FOLDER, description="The config folder.")
    data_listen: Address | None = Field(default=None, description="`host:port` of the data plane.")
    admin_listen: Address | None = Field(
        default=None, description="`host:port` of the admin plane."
    )
    data_dir: Path | None = Field(default=None, description="Folder for keys and ledger.")
    log_level: LogLevel | None = Field(default=None, description="How much the log says.")


def read_flags(**given: object) -> Flags:
    """Flags that were given, over the environment.  Raises ConfigError naming flag and variable."""
    findings = Findings()
    try:
        # Any: pydantic checks what it is given.
        values: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        return Flags(**values)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            name = str(details["loc"][0])
            source = f"--{name.replace('_', '-')}" if name in given else f"{PREFIX}{name.upper()}"
            context = details.get("ctx", {})
            message = str(context.get("error", details["msg"]))
            if details["type"] == "enum":
                message = f"{quoted(details['input'])} is not one of {context.get('expected')}"
            findings.error(source, 0, "", message)
    findings.raise_errors()
    raise AssertionError("a validation error holds at least one problem")


def overlay(file: Gateway, flags: Flags) -> Gateway:
    """The file's settings with the flags over them."""
    data, admin = file.listen.data, file.listen.admin
    if flags.data_listen:
        host, port = flags.data_listen
        data = data.model_copy(update={"host": host or data.host, "port": port})
    if flags.admin_listen:
        host, port = flags.admin_listen
        admin = admin.model_copy(update={"host": host or admin.host, "port": port})
    listen = file.listen.model_copy(update={"data": data, "admin": admin})
    update: dict[str, object] = {"listen": listen}
    if flags.data_dir is not None:
        update["data_dir"] = str(flags.data_dir.absolute())
    if flags.log_level is not None:
        update["log_level"] = flags.log_level
    return file.model_copy(update=update)
