"""Full disks and defects of our own: nothing is sent without a row, and no exchange hangs.

The only tests that patch our code: a defect has to be planted before it can be seen to be caught.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gateway.practice.grid import Grid
from gateway.practice.log import Outcome
from providers.translate.choices import ChoicesStream, ChoicesWhole
from providers.translate.identity import ChatIdentity
from providers.translate.judging import StreamJudge
from providers.translate.openai_chat__anthropic_messages import ChatOverMessages
from tests.house import SLOW, House, scenario, until

# Disk.


@contextmanager
def full_disk(house: House) -> Iterator[None]:
    """The journal's descriptor leads to a device that is always full."""
    fd = house.gateway.pipeline.services.journal._segment.fd
    kept, full = os.dup(fd), os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, fd, inheritable=False)
    os.close(full)
    try:
        yield
    finally:
        os.dup2(kept, fd, inheritable=False)
        os.close(kept)


@pytest.mark.parametrize("is_stream", [True, False])
def test_full_disk_sends_nothing_and_says_so(is_stream: bool) -> None:
    @scenario
    async def run() -> None:
        async with Grid() as grid, House(grid, {"chat": ["aurora", "europa"]}) as house:
            with full_disk(house):
                reply = await house.ask(stream=is_stream)
                assert reply.status_code == 503
                assert reply.json()["error"]["code"] == "ledger_unavailable"
                await until(lambda: house.gateway.pipeline.limits.in_flight == 0)
            assert grid.accepted("aurora") == grid.accepted("europa") == 0
            assert (await house.ask(stream=is_stream)).status_code == 200

    run()


@scenario
async def test_disk_that_fills_between_two_attempts_ends_the_exchange() -> None:
    async with (
        Grid() as grid,
        House(grid, {"chat": ["aurora", "europa"]}, deadlines=SLOW) as house,
    ):
        grid.fail("aurora", "wire/hang")
        waiting = asyncio.ensure_future(house.ask())
        await until(lambda: len(grid.log("aurora")) == 1)
        with full_disk(house):
            grid.fail("aurora", "wire/crashed")
            reply = await waiting
            assert reply.status_code == 503
            assert reply.json()["error"]["code"] == "ledger_unavailable"
        assert grid.accepted("europa") == 0


# Defects.


def planted(*_: object, **__: object) -> Any:
    """Any: stands in for functions of every type."""
    raise RuntimeError("planted")


def from_call(number: int, whole: Callable[..., Any]) -> Callable[..., Any]:
    """Works as `whole` does until that call."""
    calls = 0

    def work(*arguments: Any, **keywords: Any) -> Any:
        nonlocal calls
        calls += 1
        return planted() if calls >= number else whole(*arguments, **keywords)

    return work


DEFECTS = [
    pytest.param("aurora", None, ChatIdentity, "request", 1, False, id="request"),
    pytest.param("borealis", None, ChatOverMessages, "request", 1, True, id="translated request"),
    pytest.param("aurora", None, ChatIdentity, "stream", 1, True, id="making of a reader"),
    pytest.param("aurora", None, StreamJudge, "feed", 1, True, id="stream before the commit"),
    pytest.param("aurora", None, StreamJudge, "feed", 4, True, id="stream after the commit"),
    pytest.param("aurora", None, ChoicesStream, "verdict", 1, True, id="judging a stream"),
    pytest.param("aurora", None, StreamJudge, "end", 1, True, id="last word of a stream"),
    pytest.param("aurora", None, ChoicesWhole, "read", 1, False, id="whole answer"),
    pytest.param(
        "aurora", "openai/400_context_length", ChatIdentity, "error", 1, False, id="clients error"
    ),
    pytest.param(
        "aurora", "openai/400_context_length", ChatIdentity, "error", 1, True, id="and streamed"
    ),
]


@pytest.mark.parametrize(("vendor", "fault", "owner", "name", "number", "is_stream"), DEFECTS)
def test_defect_of_ours_ends_the_exchange_and_settles_it(
    vendor: str, fault: str | None, owner: type, name: str, number: int, is_stream: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    @scenario
    async def run() -> None:
        async with (
            Grid(gap_s=0.005) as grid,
            House(grid, {"chat": [vendor, "europa"]}) as house,
        ):
            if fault is not None:
                grid.fail(vendor, fault)
            monkeypatch.setattr(owner, name, from_call(number, getattr(owner, name)))
            reply = await house.ask(stream=is_stream)
            monkeypatch.undo()
            assert reply.text.count('"code":"internal"') == 1 and "[DONE]" not in reply.text
            assert reply.status_code == 500 or (is_stream and "planted" not in reply.text)
            assert await house.outcomes() == ["internal"]
            assert not set(await house.kinds()) - {"local", "ok", "caller_error"}
            assert all(request.outcome is not Outcome.OPEN for request in grid.log(vendor))
            assert house.standing(vendor).deployment.is_quiet
            assert grid.accepted("europa") == 0
            assert (await house.ask(stream=is_stream)).status_code in (200, 400)

    run()


@scenario
async def test_defect_in_settling_gives_the_lease_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora"]}, checks=False) as house:
        monkeypatch.setattr("gateway.ledger.rows.cost_micro", planted)
        reply = await house.ask()
        monkeypatch.undo()
        assert reply.status_code == 200  # it had been answered
        await until(lambda: house.gateway.pipeline.limits.in_flight == 0)
        assert await house.outcomes() == ["internal"]
