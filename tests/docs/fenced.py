"""Reads the fenced blocks of a page, and compares what was printed with what the page shows.

The info string says what a block is: ```` ```sh run ```` and ```` ```python run ```` are run in
their order in one shell, ```` ```sh serve ```` is run until it has printed a line, and a
```` ```text output ```` shows lines that the block before it prints, in this order, among others.
`…` stands for any text.  Blocks with another info string are not run.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block."""

    info: str
    text: str
    line: int  # of the page, counted from 1


def read_blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in their order."""
    text = page.read_text("utf-8")
    return [
        Block(
            info=found.group(1).strip(),
            text=found.group(2),
            line=text.count("\n", 0, found.start()) + 1,
        )
        for found in _FENCE.finditer(text)
    ]


def find_missing(shown: str, printed: str) -> str | None:
    """The first line of `shown` that `printed` lacks after the line before it; None if none."""
    place = 0
    for line in filter(str.strip, shown.splitlines()):
        found = re.compile(_pattern(line)).search(printed, place)
        if found is None:
            return line
        place = found.end()
    return None


def _pattern(line: str) -> str:
    words = (re.escape(word).replace("…", ".*") for word in line.split())
    # Ports are free ones when a test runs the page.
    return re.sub(r"127\\\.0\\\.0\\\.1:\d+", r"127\\.0\\.0\\.1:\\d+", r"\s+".join(words))
