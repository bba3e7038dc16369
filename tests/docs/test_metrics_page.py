"""Every metric of a running gateway is on its page, with its type and labels; and none else."""

from prometheus_client.parser import text_string_to_metric_families

from gateway.practice.grid import Grid
from tests.docs.tables import REFERENCE, read_rows, words
from tests.house import House, scenario

Described = tuple[str, frozenset[str]]


def documented() -> dict[str, Described]:
    found: dict[str, Described] = {}
    labels: frozenset[str] = frozenset()
    for name, kind, cell, *_ in read_rows(REFERENCE / "metrics.md", "metric"):
        labels = frozenset(words(cell)) | (labels if "the same" in cell else frozenset())
        found[words(name)[0].removesuffix("_total")] = (kind, labels)
    return found


@scenario
async def test_the_page_lists_what_a_scrape_shows() -> None:
    async with Grid(gap_s=0.0) as grid, House(grid, {"chat": ["aurora", "europa"]}) as house:
        grid.fail("aurora", "openai/429_requests", times=1)
        await house.ask(stream=True)
        await house.ask(headers={"x-switchgear-tags": "export_controlled"})
        scraped = (await house.admin("/metrics")).text
    shown = {
        family.name: (
            family.type,
            frozenset(label for sample in family.samples for label in sample.labels) - {"le"},
        )
        for family in text_string_to_metric_families(scraped)
    }
    assert shown == documented()
