"""How single values of the config are read: sizes, prices, addresses, references to secrets.

Each raises ValueError with what is wrong and what would be right.  The text never quotes a
value that may be a secret.
"""

import ipaddress
import re
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

KIB: Final = 1 << 10
MIB: Final = 1 << 20

_UNITS: Final = {"": 1, "B": 1, "KIB": KIB, "MIB": MIB, "GIB": 1 << 30}
_SIZE: Final = re.compile(r"([0-9]{1,15}) ?([A-Za-z]{0,3})")
_PRICE: Final = re.compile(r"([0-9]{1,7})(?:\.([0-9]{1,18}))?")
_NUMBER: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_ENV: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_HOST: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_PATH: Final = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*")


def read_size(value: object) -> int:
    """Bytes from a whole number or a text such as `10 MiB`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    unit = _UNITS.get(match[2].upper()) if match else None
    if match is None or unit is None:
        raise ValueError("must be a number of bytes, or a size such as `10 MiB`")
    return int(match[1]) * unit


def read_number(value: object) -> float:
    """A number that is not negative, from YAML's number or its text."""
    if isinstance(value, bool) or not _NUMBER.fullmatch(str(value)):
        raise ValueError("must be a number of seconds, such as 30 or 0.5")
    return float(str(value))


def read_price(value: object) -> int:
    """Millionths of a currency unit, exactly; a finer price than that is refused."""
    match = None if isinstance(value, bool) else _PRICE.fullmatch(str(value))
    if match is None:
        raise ValueError("must be a price per million tokens, such as 2.50")
    fraction = (match[2] or "").rstrip("0")
    if len(fraction) > 6:
        raise ValueError("has more than six decimals, finer than prices are kept")
    return int(match[1]) * 1_000_000 + int(fraction.ljust(6, "0"))


def read_reference(value: object) -> str:
    """`env:NAME` or `file:/path`; anything else may be the secret itself and is never quoted."""
    text = value if isinstance(value, str) else ""
    kind, _, rest = text.partition(":")
    if kind == "env" and _ENV.fullmatch(rest):
        return text
    if kind == "file" and rest and rest.isprintable() and len(rest) < 4_096:
        return text
    if kind == "env":
        raise ValueError("names no environment variable; write `env:NAME`")
    raise ValueError("must be a reference, `env:NAME` or `file:/path`, never the secret itself")


def read_network(value: object) -> str:
    """`public`, or an address range in CIDR form."""
    if value == "public":
        return "public"
    try:
        if isinstance(value, str) and value:
            return str(ipaddress.ip_network(value))
    except ValueError as error:
        if "host bits" in str(error):
            near = ipaddress.ip_network(str(value), strict=False)
            raise ValueError(f"has host bits set; did you mean `{near}`?") from None
    raise ValueError("must be `public` or an address range such as `10.0.0.0/8`")


def read_base_url(value: object) -> str:
    """An http or https URL without user, query or fragment; a closing slash is dropped."""
    text = value if isinstance(value, str) else ""
    parts = split_url(text)
    if parts is None:
        raise ValueError("must be a URL such as `https://api.example.com/v1`")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user name or password; use `credential`")
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise ValueError("must end with its path; a query or fragment is not sent")
    if not _PATH.fullmatch(parts.path) or "/../" in f"{parts.path}/" or "//" in parts.path:
        raise ValueError("has a path that is not plain")
    return text.rstrip("/")


def split_url(text: str) -> SplitResult | None:
    """The parts of an http(s) URL with a host and a valid port; None when it is not one."""
    if len(text) > 1_000 or not text.isascii() or not text.isprintable() or " " in text:
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return None
    if "[" in parts.netloc:
        try:
            ipaddress.IPv6Address(parts.hostname)
        except ValueError:
            return None
    elif not _HOST.fullmatch(parts.hostname):
        return None
    return parts


def read_tiers(value: object) -> object:
    """A list of tiers; a bare name is a tier of its own."""
    if isinstance(value, list):
        return [[tier] if isinstance(tier, str) else tier for tier in value]
    raise ValueError("must be a list of deployments, best first")


Text = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
RouteName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$")]
Port = Annotated[int, Field(strict=True, ge=0, le=65_535)]
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Tokens = Annotated[int, Field(strict=True, ge=1, le=100_000_000)]
Size = Annotated[int, BeforeValidator(read_size), Field(ge=1, le=1 << 40)]
Seconds = Annotated[float, BeforeValidator(read_number), Field(gt=0, le=86_400)]
MicroPrice = Annotated[int, BeforeValidator(read_price)]
Switch = Annotated[bool, Field(strict=True)]
SecretText = Annotated[str, BeforeValidator(read_reference)]
Network = Annotated[str, BeforeValidator(read_network)]
BaseUrl = Annotated[str, BeforeValidator(read_base_url)]
Tiers = Annotated[tuple[tuple[Name, ...], ...], BeforeValidator(read_tiers), Field(min_length=1)]


class Strict(BaseModel):
    """Nothing unknown, nothing changed afterwards; an error never shows what was written."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
