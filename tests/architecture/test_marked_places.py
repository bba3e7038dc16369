"""What only a few places may do is done only there: catch everything, start bare tasks."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVING = ("gateway", "providers", "policies")

# Module -> how often, each with its reason beside it in the source.
CATCHES_ALL = {
    "gateway/failover/driver.py": 2,  # a defect of ours ends its exchange, also a second one
    "gateway/pipeline.py": 1,  # the same before there is a driver
    "gateway/surface/fast.py": 1,  # the edge: the parser would take a defect for bad HTTP
    "gateway/upstream/connection.py": 3,  # a listener's defect ends its call
    "gateway/upstream/httpx_transport.py": 2,  # the same, and a library's
    "gateway/upstream/wire.py": 1,  # a defect in dialling
}
BARE_TASKS = {
    "gateway/app.py": 1,  # the reload after a changed secret
    "gateway/process.py": 1,  # the reload that a signal asks for
    "gateway/surface/asgi.py": 1,  # the watcher of a request
    "gateway/upstream/egress.py": 1,  # one resolution for all who wait
    "gateway/upstream/httpx_transport.py": 1,  # calls of the fallback, owned by it
    "gateway/upstream/wire.py": 1,  # a dial, owned by the pool
}


def nodes() -> Iterator[tuple[str, ast.AST]]:
    for package in SERVING:
        for file in sorted((ROOT / package).rglob("*.py")):
            name = file.relative_to(ROOT).as_posix()
            if not name.startswith("gateway/practice/"):  # it serves nobody
                yield from ((name, node) for node in ast.walk(ast.parse(file.read_bytes())))


def catches_all(handler: ast.ExceptHandler) -> bool:
    """`except Exception` and wider, unless all it does is tidy up and raise on."""
    kind = handler.type
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    names = {ast.unparse(k) if k is not None else "BaseException" for k in kinds}
    is_raised_on = isinstance(handler.body[-1], ast.Raise)
    return bool(names & {"Exception", "BaseException"}) and not is_raised_on


def test_everything_is_caught_only_in_the_marked_places() -> None:
    found = Counter(
        name for name, node in nodes() if isinstance(node, ast.ExceptHandler) and catches_all(node)
    )
    assert found == CATCHES_ALL


def test_bare_tasks_are_started_only_in_the_marked_places() -> None:
    found: Counter[str] = Counter()
    for name, node in nodes():
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            is_group = called == "tasks.create_task"  # of a TaskGroup
            if called.rpartition(".")[2] in ("create_task", "ensure_future") and not is_group:
                found[name] += 1
    assert found == BARE_TASKS


def test_nothing_swallows_every_error_unseen() -> None:
    """No `suppress(Exception)`, and no broad handler that is only `pass`."""
    for name, node in nodes():
        if isinstance(node, ast.ExceptHandler) and catches_all(node):
            assert not isinstance(node.body[0], ast.Pass), name
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            assert not {ast.unparse(a) for a in node.args} & {"Exception", "BaseException"}, name
