import asyncio
import logging
import threading
from pathlib import Path

import pytest

from gateway.clock import Clock
from gateway.config.load import Loaded
from gateway.config.reload import Reloader
from gateway.errors import SwitchgearError
from tests.config_folder import SUPPLY, load_config, write_config


class Serving:
    """What serves; each applied config replaces the one before."""

    def __init__(self, folder: Path) -> None:
        self.now = load_config(folder)
        ticks = iter(range(1_000))
        clock = Clock(monotonic=lambda: float(next(ticks)), wall=lambda: 1000.0)
        self.reloader = Reloader(lambda: load_config(folder), self.apply, clock)

    def apply(self, loaded: Loaded) -> None:
        self.now = loaded


async def test_a_good_folder_is_served_after_a_reload(tmp_path: Path) -> None:
    folder = write_config(tmp_path)
    serving = Serving(folder)
    (folder / "supply.yaml").write_text(SUPPLY + "  more: [qwen, gpt]\n")
    status = await serving.reloader.reload()
    assert "more" in serving.now.catalog.routes
    assert (status.epoch, status.succeeded, status.failed) == (2, 1, 0)
    assert status.is_current
    assert status.last_success_at == 1000.0
    assert status.last_duration_s == 1.0


async def test_a_bad_folder_leaves_the_old_serving_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_config(tmp_path)
    serving = Serving(folder)
    old = serving.now
    (folder / "supply.yaml").write_text(SUPPLY.replace("openai", "opnai").replace("qwen]", "qwn]"))
    with caplog.at_level(logging.ERROR):
        status = await serving.reloader.reload()
    assert serving.now is old
    assert (status.epoch, status.failed, status.is_current) == (1, 1, False)
    assert len(status.problems) == 2
    assert "did you mean `openai`?" in status.error
    assert "epoch 1 goes on serving" in caplog.text


async def test_a_good_reload_after_a_bad_one_clears_the_error(tmp_path: Path) -> None:
    folder = write_config(tmp_path)
    serving = Serving(folder)
    (folder / "supply.yaml").unlink()
    assert not (await serving.reloader.reload()).is_current
    (folder / "supply.yaml").write_text(SUPPLY)
    status = await serving.reloader.reload()
    assert (status.epoch, status.succeeded, status.failed, status.error) == (2, 1, 1, "")


async def test_a_config_that_cannot_be_applied_is_told_and_not_counted_as_serving() -> None:
    def refuse(_: object) -> None:
        raise SwitchgearError("the port cannot change while it serves")

    reloader: Reloader[object] = Reloader(object, refuse)
    status = await reloader.reload()
    assert status.epoch == 1
    assert status.problems == ("the port cannot change while it serves",)


async def test_loading_leaves_the_loop_free_and_applying_is_on_it() -> None:
    threads: list[int] = []
    started, go = threading.Event(), threading.Event()

    def load() -> str:
        started.set()
        threads.append(threading.get_ident())
        assert go.wait(5)
        return "new"

    reloader = Reloader(load, lambda _: threads.append(threading.get_ident()))
    async with asyncio.TaskGroup() as tasks:
        reload = tasks.create_task(reloader.reload())
        while not started.is_set():
            await asyncio.sleep(0)
        assert not reload.done(), "the loop runs while the thread loads"
        go.set()
    here = threading.get_ident()
    assert threads[0] != here
    assert threads[1] == here


async def test_reloads_come_one_after_the_other() -> None:
    running: list[int] = []

    def load() -> int:
        running.append(1)
        assert len(running) == 1
        running.pop()
        return 0

    reloader = Reloader(load, lambda _: None)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(5):
            tasks.create_task(reloader.reload())
    assert reloader.status.epoch == 6
