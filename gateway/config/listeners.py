"""Where the process may listen: the admin plane beyond loopback only with key and TLS."""

import ipaddress
from pathlib import Path

from gateway.config.document import Document
from gateway.config.findings import Findings, dotted
from gateway.config.schema import Gateway, Tls


def check_listeners(document: Document, gateway: Gateway, folder: Path, findings: Findings) -> None:
    """Judge the addresses as they will be bound, flags included."""

    def error(path: tuple[str, ...], message: str, remedy: str = "") -> None:
        findings.error(document.name, document.line(path), dotted(path), message, remedy)

    data, admin = gateway.listen.data, gateway.listen.admin
    if (data.host, data.port) == (admin.host, admin.port) and data.port != 0:
        error(("listen", "admin", "port"), "is the port of the data plane too", "take another")
    is_guarded = admin.key is not None and admin.tls is not None
    if is_loopback(admin.host) or is_guarded:
        if admin.allow_insecure_bind:
            why = "the bind is loopback" if is_loopback(admin.host) else "key and TLS are set"
            error(("listen", "admin", "allow_insecure_bind"), f"does nothing: {why}", "remove it")
    elif not admin.allow_insecure_bind:
        lacking = [name for name in ("key", "tls") if getattr(admin, name) is None]
        error(
            ("listen", "admin", "host"),
            f"{admin.host} is not loopback, and the admin plane has no {' and no '.join(lacking)}",
            "set them, or `allow_insecure_bind: true` if this port is guarded otherwise",
        )
    for plane, tls in (("data", data.tls), ("admin", admin.tls)):
        for key, file in _files(tls):
            if not (folder / file).is_file():
                error(("listen", plane, "tls", key), f"there is no file {folder / file}")


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _files(tls: Tls | None) -> tuple[tuple[str, str], ...]:
    if tls is None:
        return ()
    return ("certificate_file", tls.certificate_file), ("key_file", tls.key_file)
