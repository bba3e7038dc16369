"""The README does what it says: its blocks run, in order, and print what it shows."""

import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from tests.docs.fenced import ROOT, find_missing, read_blocks
from tests.docs.page_run import RUNNABLE, run_page, running_demo

README = ROOT / "README.md"
BLOCKS = read_blocks(README)
EXPECTED = [
    pytest.param(before, block, id=f"line {block.line}")
    for before, block in pairwise(BLOCKS)
    if block.info == "text output"
]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    for program in ("bash", "curl"):
        if shutil.which(program) is None:
            pytest.skip(f"the README's blocks need {program}")
    folder = tmp_path_factory.mktemp("readme")
    with running_demo(folder) as said:
        return run_page(BLOCKS, folder, said)


@pytest.mark.slow
@pytest.mark.parametrize(("before", "shown"), EXPECTED)
def test_a_block_prints_what_the_readme_shows(printed, before, shown) -> None:
    missing = find_missing(shown.text, printed[before.line])
    assert missing is None, f"{missing!r} is not in:\n{printed[before.line]}"


@pytest.mark.slow
def test_the_sdk_block_prints_an_answer(printed) -> None:
    answers = [printed[block.line] for block in BLOCKS if block.info == "python run"]
    assert [len(answer.split()) > 5 and "Traceback" not in answer for answer in answers] == [True]


@pytest.mark.slow
def test_no_block_ends_in_a_traceback_or_an_unknown_command(printed) -> None:
    noise = re.compile(r"Traceback|command not found|No such|Usage:|curl: \(")
    assert not [text for text in printed.values() if noise.search(text)]


def test_every_output_follows_a_block_that_runs() -> None:
    assert [p.values[1].line for p in EXPECTED if p.values[0].info not in RUNNABLE] == []


def test_blocks_that_do_not_run_only_call_make() -> None:
    """What takes minutes, or the usual ports, is a make target: a page's test cannot run it."""
    idle = [block for block in BLOCKS if block.info == "sh"]
    lines = [line for block in idle for line in block.text.splitlines()]
    assert lines
    assert [line for line in lines if not line.startswith("make ")] == []


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", README.read_text("utf-8"), re.MULTILINE))
    assert named - targets == set()


@pytest.mark.parametrize(
    ("shown", "printed_text", "missing"),
    [
        pytest.param("a\nb\n", "x a y\nb", None, id="in order"),
        pytest.param("a\nb\n", "b\na", "b", id="out of order"),
        pytest.param("id …\n", "id 7", None, id="any text"),
        pytest.param("a  b", "a b", None, id="spaces"),
        pytest.param("at 127.0.0.1:8080/v1", "at 127.0.0.1:40001/v1", None, id="a free port"),
        pytest.param("at 127.0.0.1:8080/v1", "at 127.0.0.2:8080/v1", "at 127.0.0.1:8080/v1",
                     id="another host"),
    ],
)  # fmt: skip
def test_shown_lines_are_looked_for_in_order(
    shown: str, printed_text: str, missing: str | None
) -> None:
    assert find_missing(shown, printed_text) == missing


def test_a_page_is_read_block_by_block(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("x\n```sh run\na\n```\ntext\n```\nb\n```\n")
    assert [(b.info, b.text, b.line) for b in read_blocks(page)] == [
        ("sh run", "a\n", 2),
        ("", "b\n", 6),
    ]
