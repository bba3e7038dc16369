"""Writes `docs/reference/practice-faults.md`: `python -m docs.generate_faults`.

The page can't drift: a test renders it again and compares.
"""

import re
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from gateway.practice.faultbook import Fault, load_faults

PAGE = Path(__file__).parent / "reference" / "practice-faults.md"

_HEAD = """\
# Practice faults

<!-- Generated from gateway/practice/faults/ by `python -m docs.generate_faults`. Do not edit. -->

What a practice vendor can be made to do: `switchgear practice fail VENDOR FAULT`. Any vendor can
play any fault that its dialect has room for; a body in another vendor's dialect is sent as it
stands. *Case of* is the [supply event](supply-events.md) that the gateway should take it for.
[How to](../howto/make-a-vendor-fail.md).
"""


def render(faults: Iterable[Fault]) -> str:
    """The whole page."""
    sections = (_section(*group) for group in groupby(faults, lambda f: f.id.partition("/")[0]))
    return _HEAD + "".join(sections)


def _section(file: str, faults: Iterable[Fault]) -> str:
    rows = "".join(map(_row, faults))
    return f"\n## {file}\n\n| fault | case of | what happens | source |\n|---|---|---|---|\n{rows}"


def _row(fault: Fault) -> str:
    cells = (f"`{fault.id}`", f"`{fault.expect}`", _cell(fault.says), _cell(fault.source))
    return f"| {' | '.join(cells)} |\n"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


if __name__ == "__main__":
    PAGE.write_text(render(load_faults().values()), encoding="utf-8")
