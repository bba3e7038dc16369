"""Real vLLM servers for the whole session, and the rule that none of these tests may be skipped.

Run by `make test-vllm`.  The servers that the chosen tests use are started together and awaited
one by one; a test that ends one leaves it to the next to start it again.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.vllm.server import MINILM, SMOLLM2, TINY, Model, Server, ServerFailedError

MODELS = {"smollm2": SMOLLM2, "tiny": TINY, "victim": TINY, "minilm": MINILM}
LIMIT_S = 300  # of one test, with the start of its server
STARTS = pytest.StashKey[list[str]]()


class Fleet:
    """One server a model, started once, and again after it was ended."""

    def __init__(self, models: set[str], starts: list[str]) -> None:
        chosen: list[Model] = [m for m in (SMOLLM2, MINILM, TINY) if m.name in models]
        self._servers = {model.name: Server(model) for model in chosen}
        self._starts = starts
        self._threads = ThreadPoolExecutor(len(MODELS))
        self._awaited = {name: self._begin(server) for name, server in self._servers.items()}

    def __getitem__(self, name: str) -> Server:
        """A server that answers; a start that is under way is awaited."""
        server = self._servers[name]
        if self._awaited[name].done() and not server.is_alive:
            self._awaited[name] = self._begin(server)
        try:
            self._awaited[name].result()
        except ServerFailedError as error:
            pytest.fail(str(error), pytrace=False)
        return server

    def stop(self) -> None:
        """All of them."""
        for server in self._servers.values():
            server.stop()
        self._threads.shutdown()

    def _begin(self, server: Server) -> "Future[None]":
        server.start()
        return self._threads.submit(self._wait, server)

    def _wait(self, server: Server) -> None:
        server.wait()
        self._starts.append(f"{server.model.name} {server.ready_s:.0f} s")


@pytest.fixture(scope="session")
def fleet(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """The servers that the collected tests ask for."""
    wanted = {
        model.name
        for name, model in MODELS.items()
        if any(name in getattr(item, "fixturenames", ()) for item in request.session.items)
    }
    fleet = Fleet(wanted, request.config.stash.setdefault(STARTS, []))
    try:
        yield fleet
    finally:
        fleet.stop()


@pytest.fixture
def smollm2(fleet: Fleet) -> Server:
    """The small real model."""
    return fleet["smollm2"]


@pytest.fixture
def minilm(fleet: Fleet) -> Server:
    """The embedding model."""
    return fleet["minilm"]


@pytest.fixture
def tiny(fleet: Fleet) -> Server:
    """Random weights, hundreds of tokens a second."""
    return fleet["tiny"]


@pytest.fixture
def victim(fleet: Fleet) -> Iterator[Server]:
    """The tiny model's server, for a test that does not leave it well."""
    server = fleet["tiny"]
    yield server
    server.kill()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder needs a server and the time to start one."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.vllm)
            item.add_marker(pytest.mark.timeout(LIMIT_S))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """A skip of a test is a failure here: nobody would notice what was not run."""
    report: pytest.TestReport = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"a skip fails here: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    """And so is the skip of a whole file."""
    report: pytest.CollectReport = yield
    if report.skipped:
        report.outcome, report.longrepr = "failed", f"a skip fails here: {report.longrepr}"
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """How long the servers took from their start to the first answer."""
    starts = config.stash.get(STARTS, [])
    if starts:
        terminalreporter.write_line(
            f"vLLM servers, from start to first answer: {', '.join(starts)}"
        )
