"""Reads the tables of a page."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.fenced import ROOT

REFERENCE = ROOT / "docs" / "reference"


def read_rows(page: Path, first: str) -> list[list[str]]:
    """The cells of every row of the tables whose first column is headed `first`."""
    return [row for table in _tables(page) if table[0][0] == first for row in table[1:]]


def words(cell: str) -> list[str]:
    """What a cell has in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def _tables(page: Path) -> Iterator[list[list[str]]]:
    rows: list[list[str]] = []
    for line in [*page.read_text("utf-8").splitlines(), ""]:
        if line.startswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]
            if not set("".join(cells)) <= set("- "):
                rows.append(cells)
        elif rows:
            yield rows
            rows = []
