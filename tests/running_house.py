"""A house that runs in a thread with a loop of its own, so that many tests share one.

The tests are then clients like any other: they reach it over sockets alone.  What must be asked
of it from inside goes through `ask`, which runs in its loop.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

import uvloop

from gateway.practice.grid import Grid
from tests.house import House

T = TypeVar("T")
START_S = 20
ASK_S = 20


class Running:
    """The house and its grid; their plain attributes may be read from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, house: House) -> None:
        self._loop = loop
        self.house, self.grid = house, house.grid

    def ask(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do something in the house's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(ASK_S)

    def do(self, act: Callable[[], T]) -> T:
        """The same for what does not wait."""

        async def work() -> T:
            return act()

        return self.ask(work)

    def rows(self) -> list[list[Any]]:
        """Every journal line so far, once nothing is under way."""

        async def work() -> list[list[Any]]:
            await self.house.settle()
            return self.house.rows()

        return self.ask(work)


@contextmanager
def running(make: Callable[[], tuple[Grid, House]]) -> Iterator[Running]:
    """Start it, and stop and check it afterwards."""
    started: Future[Running] = Future()
    stop = asyncio.Event()

    async def live() -> None:
        try:
            grid, house = make()
            async with grid, house:
                started.set_result(Running(asyncio.get_running_loop(), house))
                await stop.wait()
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
            raise

    failures: list[BaseException] = []

    def run() -> None:
        try:
            uvloop.run(live())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="house")
    thread.start()
    try:
        it = started.result(START_S)
        yield it
        it._loop.call_soon_threadsafe(stop.set)
    finally:
        if started.done() and started.exception() is None:
            started.result()._loop.call_soon_threadsafe(stop.set)
        thread.join()
    if failures:
        raise failures[0]
