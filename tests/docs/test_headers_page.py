"""Every header that an answer carries is on its page, and every one on the page is carried."""

import httpx2

from gateway.labels import labeller
from gateway.practice.grid import Grid
from tests.docs.tables import REFERENCE, read_rows, words
from tests.house import House, scenario

SECTIONS = (REFERENCE / "headers.md").read_text("utf-8").split("\n## ")


def documented() -> set[str]:
    rows = read_rows(REFERENCE / "headers.md", "header")
    return {word for row in rows if len(row) == 3 for word in words(row[0])}


@scenario
async def test_the_page_lists_what_answers_carry() -> None:
    answers: list[httpx2.Response] = []
    async with Grid(gap_s=0.0) as grid, House(grid, {"chat": ["borealis", "europa"]}) as house:
        answers.append(await house.ask(stream=True, seed=7))
        answers.append(await house.ask(headers={"x-switchgear-tags": "export_controlled"}))
        grid.fail("borealis", "answer/another_model", times=1)
        answers.append(await house.ask())
        for vendor, fault in (("borealis", "anthropic/429_bare"), ("europa", "mistral/429_rate")):
            grid.fail(vendor, fault)
        answers.append(await house.ask())
        async with house.client("sg_nobody") as stranger:
            answers.append(await stranger.get("/v1/models"))
            answers.append(await stranger.get("/v1/embeddings"))
    carried = {name for answer in answers for name in answer.headers}
    assert carried == documented() | {"transfer-encoding"}  # the server's, for a stream


def test_the_page_lists_the_headers_that_raise_a_label() -> None:
    rows = read_rows(REFERENCE / "headers.md", "header")
    listed = {word for row in rows if len(row) == 2 for word in words(row[0])}
    assert listed == {name.decode() for name in labeller._RAISING} | {"authorization"}
