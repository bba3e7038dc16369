"""Which endpoint of a vendor a deployment is: its address, what its requests carry, its facts.

The address decides which vendor's facts are believed, so a host that no fact sheet knows is
refused, unless the operator says that it is a private name for the same service, or it is an
imitation on loopback.  Where one address serves several places the operator must say which.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.config.catalogue import SELF_HOSTED_SHEET, read_sheets
from gateway.config.findings import nearest, quoted
from gateway.config.listeners import is_loopback
from gateway.config.values import split_url
from policies import VendorFacts, VendorRow
from policies.vendor_facts import NO_TRANSFORM
from providers.contract import Vendor


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the operator wrote of one deployment's place, the account's word included."""

    model: str
    base_url: str | None
    place: str | None
    is_private: bool
    is_simulated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a deployment is, and the row of facts that holds there."""

    base_url: str
    row: VendorRow


class UnplacedError(Exception):
    """No place, or more than one; `key` is the setting at fault, or empty for the whole entry."""

    def __init__(self, key: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.key = key
        self.remedy = remedy


def place(vendor: Vendor, sheet: VendorFacts | None, wish: Wish) -> Placed:
    """Find the one row that fits.  Raises UnplacedError."""
    rows = tuple(sheet.rows.values()) if sheet is not None else ()
    chosen = _named(vendor, rows, wish)
    base_url = wish.base_url or _own_address(vendor, chosen)
    if sheet is None:
        return Placed(base_url=base_url, row=_unknown_row(vendor))
    if sheet.is_invented and not wish.is_simulated:
        raise UnplacedError(
            "simulated", f"the facts of {sheet.title} are invented", "say `simulated: true`"
        )
    _check_host(vendor, sheet, chosen, base_url, wish)
    if sheet.vendor == SELF_HOSTED_SHEET:
        _refuse_foreign_host(base_url)
    if chosen is None:
        chosen = _only(sheet, base_url, wish)
    _check_model(rows, chosen, wish.model)
    return Placed(base_url=base_url, row=chosen)


def _named(vendor: Vendor, rows: Sequence[VendorRow], wish: Wish) -> VendorRow | None:
    if wish.place is None:
        return None
    for row in rows:
        if row.id == wish.place:
            return row
    raise UnplacedError(
        "place",
        f"{vendor.name} has no place {quoted(wish.place)}",
        nearest(wish.place, [row.id for row in rows], "place in its fact sheet"),
    )


def _own_address(vendor: Vendor, chosen: VendorRow | None) -> str:
    """The place's own address, or the vendor's; one with a blank in it is the operator's to say."""
    address = chosen.url if chosen is not None else vendor.base_url or vendor.base_url_form
    if not address:
        raise UnplacedError("", f"has no address, and {vendor.name} has none", "set `base_url`")
    if "{" in address:
        # One's own software has a usual address; a vendor's blank must be filled.
        if vendor.base_url is not None and is_loopback(_host(vendor.base_url)):
            return vendor.base_url
        raise UnplacedError("", "has no address", f"set `base_url` as {address}")
    return address.rstrip("/")


def _check_host(
    vendor: Vendor, sheet: VendorFacts, chosen: VendorRow | None, base_url: str, wish: Wish
) -> None:
    host = _host(base_url)
    if wish.is_simulated and is_loopback(host):
        return
    if chosen is not None:
        known = [chosen.url]
    else:
        known = [row.url for row in sheet.rows.values()]
        if vendor.name == sheet.vendor:
            known += [vendor.base_url or "", vendor.base_url_form, *vendor.regions.values()]
    is_known = any(_fits(url, host) for url in known)
    if is_known and wish.is_private:
        raise UnplacedError("private_endpoint", f"does nothing: {host} is the vendor's own host")
    if not (is_known or wish.is_private):
        raise UnplacedError(
            "base_url" if wish.base_url else "",
            f"{host} is no host of {sheet.title}"
            + (f" at the place `{chosen.id}`" if chosen is not None else "")
            + ", so its facts cannot be believed",
            "use the vendor `openai_compatible`, or say `private_endpoint: true`",
        )


def _refuse_foreign_host(base_url: str) -> None:
    """A vendor's service does not become one's own machine by being written as one."""
    host = _host(base_url)
    for sheet in read_sheets().values():
        urls = [row.url for row in sheet.rows.values() if not sheet.is_invented]
        if sheet.vendor != SELF_HOSTED_SHEET and any(
            _fits(url, host) for url in urls if _AUTHORITY_IS_BLANK.match(url) is None
        ):
            raise UnplacedError(
                "base_url", f"{host} is a host of {sheet.title}, not a machine of yours",
                f"use the vendor `{sheet.vendor}`",
            )  # fmt: skip


def _only(sheet: VendorFacts, base_url: str, wish: Wish) -> VendorRow:
    """The one row that address and model leave."""
    host = _host(base_url)
    rows = [row for row in sheet.rows.values() if _fits(row.url, host)] or [*sheet.rows.values()]
    prefixed = [row for row in rows if _has_prefix(row, wish.model)]
    fitting = prefixed or [row for row in rows if not row.transform.model_prefix]
    if len(fitting) == 1:
        return fitting[0]
    raise UnplacedError(
        "",
        f"{sheet.title} serves several places at this address, and their facts differ",
        f"set `place` to one of: {', '.join(row.id for row in fitting or rows)}",
    )


def _check_model(rows: Sequence[VendorRow], chosen: VendorRow, model: str) -> None:
    prefix = chosen.transform.model_prefix
    if not model.startswith(prefix):
        raise UnplacedError("model", f"must begin with `{prefix}` at the place `{chosen.id}`")
    for row in rows:
        if not prefix and _has_prefix(row, model):
            raise UnplacedError(
                "place", f"the model's prefix `{row.transform.model_prefix}` chooses `{row.id}`"
            )


def _has_prefix(row: VendorRow, model: str) -> bool:
    prefix = row.transform.model_prefix
    return bool(prefix) and model.startswith(prefix)


_AUTHORITY: Final = re.compile(r"https?://([^/:]+)")
_AUTHORITY_IS_BLANK: Final = re.compile(r"https?://\{[^}]*\}(?:[:/]|$)")
_BLANK: Final = re.compile(r"\{[^}]*\}")


def _fits(known: str, host: str) -> bool:
    """Whether the host is that of a known address; a blank in it stands for part of a name."""
    match = _AUTHORITY.match(known)
    if match is None:
        return False
    pattern = match[1].lower()
    if pattern == "{host}" or (is_loopback(pattern) and is_loopback(host)):
        return True
    return re.fullmatch("[a-z0-9-]+".join(_literals(pattern)), host) is not None


def _literals(pattern: str) -> Iterator[str]:
    return (re.escape(piece) for piece in _BLANK.split(pattern))


def _host(url: str) -> str:
    parts = split_url(url)
    return (parts.hostname or "").rstrip(".") if parts is not None else ""


def _unknown_row(vendor: Vendor) -> VendorRow:
    return VendorRow(
        vendor=vendor.name,
        id="",
        url="",
        chosen_by="",
        values={},
        evidence=(),
        transform=NO_TRANSFORM,
        note="",
    )
