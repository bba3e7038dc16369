"""The how-to pages do what they say: their blocks run, in order, and print what they show."""

import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.docs.fenced import ROOT, Block, find_missing, read_blocks
from tests.docs.page_run import RUNNABLE, run_page, running_demo

HOWTO = ROOT / "docs" / "howto"
PAGES = [page for page in sorted(HOWTO.glob("*.md")) if any(
    block.info in RUNNABLE for block in read_blocks(page)
)]  # fmt: skip
NOISE = re.compile(r"Traceback|command not found|Usage:|curl: \(")


def shown(blocks: list[Block]) -> Iterator[tuple[Block, Block]]:
    """Each block of output with the one that prints it."""
    for before, block in pairwise(blocks):
        if block.info == "text output":
            yield before, block


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_prints_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    for program in ("bash", "curl"):
        if shutil.which(program) is None:
            pytest.skip(f"the blocks need {program}")
    blocks = read_blocks(page)
    with running_demo(tmp_path) as said:
        printed = run_page(blocks, tmp_path, said)
    for before, block in shown(blocks):
        missing = find_missing(block.text, printed[before.line])
        assert missing is None, f"line {block.line}: {missing!r} not in:\n{printed[before.line]}"
    assert not [text for text in printed.values() if NOISE.search(text)]


def test_every_page_that_is_meant_to_run_does() -> None:
    """The others need a GPU host, a container engine or a download of gigabytes."""
    stems = {page.stem for page in PAGES}
    assert stems == {
        "keys",
        "make-a-vendor-fail",
        "policy-basics",
        "reading-the-ledger",
        "real-vendors",
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_output_follows_a_block_that_runs(page: Path) -> None:
    assert [
        block.line for before, block in shown(read_blocks(page)) if before.info not in RUNNABLE
    ] == []


def test_the_rule_that_a_page_quotes_is_in_the_starter_pack() -> None:
    quoted = [b.text for b in read_blocks(HOWTO / "policy-basics.md") if b.text.startswith("@id")]
    pack = ROOT / "policies" / "packs" / "starter" / "20-sovereignty.cedar"
    assert [text for text in quoted if text not in pack.read_text("utf-8")] == []
    assert len(quoted) == 1
