"""Every code and status that the gateway can answer with is on its page; and none else."""

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from gateway import errors
from gateway.errors import RequestError
from gateway.practice.grid import Grid
from gateway.relay.refusal import _MESSAGES
from gateway.relay.stream import _BREAKS
from tests.docs.fenced import ROOT
from tests.docs.tables import REFERENCE, read_rows, words
from tests.house import House, scenario

STREAMED = "in a stream"
ROOMS = ("failover", "relay", "surface", "pipeline.py")


def documented() -> set[tuple[str, str]]:
    return {
        (words(code)[0], status) for code, status, *_ in read_rows(REFERENCE / "errors.md", "code")
    }


def raised() -> set[tuple[str, str]]:
    """By the classes of `gateway.errors`."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return {
        (kind.code, str(kind.status))
        for kind in kinds
        if issubclass(kind, RequestError) and kind is not RequestError
    } | {("limit_reached", "503")}


def written() -> set[tuple[str, str]]:
    """By the pairs of a status and a code that stand side by side in the sources."""
    places = [ROOT / "gateway" / room for room in ROOMS]
    files = [
        file for place in places for file in (place.glob("*.py") if place.is_dir() else [place])
    ]
    return {pair for file in files for pair in _pairs(file)}


def _pairs(file: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        parts = node.elts if isinstance(node, ast.Tuple) else ()
        parts = node.args if isinstance(node, ast.Call) else parts
        for status, code in pairwise(_value(part) for part in parts):
            if isinstance(status, int) and 400 <= status < 600 and isinstance(code, str):
                yield code, str(status)


def _value(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def test_the_page_lists_every_code_with_its_status() -> None:
    streamed = {(code, STREAMED) for code in _BREAKS}
    assert raised() | written() | streamed == documented()


def test_every_code_that_has_a_message_is_listed() -> None:
    assert set(_MESSAGES) <= {code for code, _ in documented()}


@scenario
async def test_paths_that_are_not_served_answer_as_the_page_says() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora"]}) as house, house.client() as client:
        answers = [
            await client.get("/chat/completions"),
            await client.get("/v1/chat/completions"),
            await client.post("/v1/audio/speech", json={}),
        ]
    found = [(a.json()["error"]["code"], str(a.status_code)) for a in answers]
    assert found == [("unknown_path", "404"), ("wrong_method", "405"), ("not_served", "501")]
    assert set(found) <= documented()
