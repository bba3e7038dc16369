"""Generated pages are what their generators make now."""

import pytest

from docs import generate_cli, generate_events, generate_faults
from gateway.practice.faultbook import Fault, load_faults
from gateway.practice.grid import Grid
from gateway.supply.reactions import NOT_EVENTS
from providers.contract import Kind
from tests.house import House, scenario


def test_the_commands_page_is_current() -> None:
    page = generate_cli.PAGE.read_text("utf-8")
    assert page == generate_cli.render(), "run: python -m docs.generate_cli"


def test_the_faults_page_is_current() -> None:
    page = generate_faults.PAGE.read_text("utf-8")
    now = generate_faults.render(load_faults().values())
    assert page == now, "run: python -m docs.generate_faults"


def test_the_events_page_is_current() -> None:
    page = generate_events.PAGE.read_text("utf-8")
    assert page == generate_events.render(), "run: python -m docs.generate_events"


def test_there_are_thirteen_supply_events() -> None:
    assert len([kind for kind in Kind if kind not in NOT_EVENTS]) == 13


def test_every_kind_is_explained() -> None:
    assert set(generate_events.MEANINGS) == set(Kind)


SPEAKS = {"openai": "aurora", "anthropic": "borealis", "mistral": "europa", "vllm": "homegrid"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "fault_id"),
    [
        pytest.param(kind, fault_id, id=f"{kind}: {fault_id}")
        for kind in Kind
        if kind not in NOT_EVENTS
        for fault_id in generate_events.EXAMPLES[kind]
    ],
)
def test_an_example_comes_to_the_kind_that_it_stands_for(kind: Kind, fault_id: str) -> None:
    fault = load_faults()[fault_id]
    vendor = SPEAKS.get(fault_id.partition("/")[0], "aurora")

    @scenario
    async def run() -> None:
        async with Grid(gap_s=0.0) as grid, House(grid, {"chat": [vendor]}) as house:
            grid.fail(vendor, fault_id)
            await house.ask(
                stream=_shows_in_a_stream(fault), **_TOOLS if _needs_tool(fault) else {}
            )
            await house.settle()
            counted = house.gateway.pipeline.services.metrics.events
            assert (vendor, f"{vendor}-main", kind) in counted

    run()


def _shows_in_a_stream(fault: Fault) -> bool:
    return fault.stream is not None or fault.id.startswith(("stream/", "slow/"))


def _needs_tool(fault: Fault) -> bool:
    return fault.stream is not None and fault.stream.only_tool


_TOOLS = {
    "tools": [
        {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    ],
    "tool_choice": "required",
}
