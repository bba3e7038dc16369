"""Writes `docs/reference/vendors.md` from the vendor files: `python -m docs.generate_vendors`.

The page can't drift: a test renders it again and compares.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from providers import registry
from providers.contract import Kind, Vendor, Verification

PAGE = Path(__file__).parent / "reference" / "vendors.md"

_HEAD = """\
# Vendors

<!-- Generated from providers/vendors/ by `python -m docs.generate_vendors`. Do not edit. -->

One file each in `providers/vendors/`; the file has the source and the date of every quirk.
`real` means that the project's tests drive the vendor's own software; `imitation` means an honest
imitation made from its documentation. Where the base URL has braces, the operator fills them in.
Whether a place is allowed is a matter of policy, never of this table.

| vendor | speaks | base URL | verified | documentation read |
|---|---|---|---|---|
"""

_WORDS = """
## What is done to a request

*Dropped* and *renamed* members are reported to the client and in the ledger, and refused where the
route is strict. *Reserved* members decide who serves and where: a client that sends one is refused.
*Residency* is what a deployment may choose instead. *Lacks* are features that a request can use and
this vendor can't honour: such a deployment is skipped. *Faults* are statuses and codes that mean
something else here than in general.
"""


def render(vendors: Iterable[Vendor]) -> str:
    """The whole page."""
    known = list(vendors)
    rows = "".join(map(_row, known))
    sections = "".join(map(_section, known))
    return f"{_HEAD}{rows}{_WORDS}{sections}"


def _row(vendor: Vendor) -> str:
    speaks = ", ".join(f"`{dialect}`" for dialect in vendor.endpoints)
    verified = "**real**" if vendor.verified is Verification.REAL else "imitation"
    url = vendor.base_url or vendor.base_url_form
    read = f"[{vendor.docs_read}]({vendor.docs})"
    return f"| `{vendor.name}` | {speaks} | `{url}` | {verified} | {read} |\n"


def _section(vendor: Vendor) -> str:
    lines = [f"- {line}\n" for line in _quirks(vendor)]
    return f"\n### {vendor.name}\n\n{''.join(lines)}" if lines else ""


def _quirks(vendor: Vendor) -> Iterator[str]:
    for region, url in vendor.regions.items():
        yield f"region `{region}`: `{url}`"
    for name, members in vendor.residencies.items():
        yield f"residency `{name}`: " + ", ".join(
            f"`{member}: {bytes(value).decode()}`" for member, value in members.items()
        )
    yield from _names("reserved", vendor.reserved_fields)
    yield from _names("dropped", vendor.drop_fields)
    for old, new in vendor.rename_fields.items():
        yield f"renamed: `{old}` to `{new}`"
    for member, value in vendor.inject.items():
        yield f"added: `{member}: {bytes(value).decode()}`"
    yield from _names("lacks", vendor.lacks)
    if not vendor.asks_usage:
        yield "usage: not asked for in a stream"
    if vendor.usage_optional:
        yield "usage: an answer without it is whole"
    yield from _faults("status", {str(status): kind for status, kind in vendor.statuses.items()})
    yield from _faults("code", vendor.codes)


def _names(label: str, names: frozenset[str]) -> Iterator[str]:
    if names:
        yield f"{label}: " + ", ".join(f"`{name}`" for name in sorted(names))


def _faults(label: str, kinds: Mapping[str, Kind]) -> Iterator[str]:
    if kinds:
        yield f"faults by {label}: " + ", ".join(
            f"`{word}` {kind.replace('_', ' ')}" for word, kind in kinds.items()
        )


if __name__ == "__main__":
    PAGE.write_text(render(registry.vendors().values()), encoding="utf-8")
