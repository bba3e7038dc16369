"""The page that Prometheus scrapes, from the whole gateway."""

import shutil
import subprocess

import pytest

from gateway.practice.grid import Grid
from tests.house import House, scenario


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
@scenario
async def test_promtool_finds_nothing_to_object_to() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora", "europa"]}) as house:
        grid.fail("aurora", "openai/429_requests", times=1)
        await house.ask()
        await house.ask(stream=True)
        page = (await house.admin("/metrics")).text
        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=page, capture_output=True, text=True, timeout=50
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
        for name in ("loop_lag_seconds_bucket", "element_state", "upstream_connections",
                     "ledger_lag_rows", "config_epoch", "in_flight"):  # fmt: skip
            assert f"switchgear_{name}" in page
