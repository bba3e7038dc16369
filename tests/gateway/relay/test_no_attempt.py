"""A request for which nobody is left to try is refused and settled like any other."""

import pytest

from gateway.practice.grid import Grid
from tests.house import House, scenario


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_request_without_any_attempt_gives_back_its_lease(stream: bool) -> None:
    @scenario
    async def run() -> None:
        async with Grid(gap_s=0.0) as grid, House(grid, {"chat": ["aurora"]}) as house:
            grid.fail("aurora", "openai/429_insufficient_quota")
            replies = [await house.ask(stream=stream) for _ in range(2)]
            assert [reply.status_code for reply in replies] == [503, 503]
            assert [reply.headers["x-switchgear-attempts"] for reply in replies] == ["1", "0"]
            await house.settle()
            assert len(house.rows_of("x1")) == 2

    run()
