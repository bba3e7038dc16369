"""The admin plane over the wire: three paths without a key, the rest behind the admin key.

The matrix is made of the application's own routes, so that a new one is in it by being added.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.routing import Route

from gateway.practice.grid import Grid
from tests.gateway.admin.admin_client import ask
from tests.gateway.surface.raw_client import connect
from tests.house import House
from tests.running_house import Running, running

KEYLESS = {"/metrics", "/livez", "/readyz"}
GUARDED = {
    ("POST", "/admin/reload"),
    ("GET", "/admin/status"),
    ("GET", "/admin/supply"),
    ("POST", "/admin/supply/account/nobody/restore"),
}


@pytest.fixture(scope="module")
def it() -> Iterator[Running]:
    def make() -> tuple[Grid, House]:
        grid = Grid(gap_s=0.0)
        return grid, House(grid, {"chat": ["aurora"]})

    with running(make) as found:
        yield found


def test_matrix_has_every_route(it: Running) -> None:
    """Fails for a route that is in neither list below."""
    found = set()
    for route in _routes(it):
        path = route.path.format(scope="account", name="nobody")
        found |= {(method, path) for method in (route.methods or set()) - {"HEAD"}}
    assert found == {("GET", path) for path in KEYLESS} | GUARDED


def _routes(it: Running) -> list[Route]:
    # Any: FastAPI keeps an included router as one entry, of a class that it does not export.
    todo: list[Any] = list(it.house.gateway.admin.routes)
    found: list[Route] = []
    while todo:
        route = todo.pop()
        if hasattr(route, "methods"):
            found.append(route)
        else:
            todo += getattr(route, "routes", None) or route.original_router.routes
    return found


@pytest.mark.parametrize("path", sorted(KEYLESS))
async def test_three_paths_need_no_key(it: Running, path: str) -> None:
    assert (await ask(it.house, path)).status == 200


STRANGERS = ["none", "wrong", "client", "vendor", "empty", "no scheme", "not ascii", "two"]


@pytest.mark.parametrize(("method", "path"), sorted(GUARDED))
@pytest.mark.parametrize("stranger", STRANGERS)
async def test_everything_else_needs_the_admin_key(
    it: Running, method: str, path: str, stranger: str
) -> None:
    house = it.house
    fields = {
        "none": [],
        "wrong": ["authorization: Bearer " + "x" * 32],
        "client": [f"authorization: Bearer {house.key}"],
        "vendor": ["authorization: Bearer sk-practice-aurora-main"],
        "empty": ["authorization: Bearer "],
        "no scheme": [f"x-api-key: {house.admin_key}"],
        "not ascii": ["authorization: Bearer \N{KEY}"],
        "two": ["authorization: Bearer x", f"authorization: Bearer {house.admin_key}x"],
    }[stranger]
    reply = await ask(house, path, *fields, "content-length: 0", method=method)
    assert reply.status == 401
    assert house.admin_key not in reply.body.decode()


@pytest.mark.parametrize(("method", "path"), sorted(GUARDED))
async def test_admin_key_opens_it(it: Running, method: str, path: str) -> None:
    reply = await ask(it.house, path, "content-length: 0", method=method, key=it.house.admin_key)
    assert reply.status == (404 if "nobody" in path else 200)


@pytest.mark.parametrize(
    "path", ["/", "/admin", "/admin/", "/docs", "/openapi.json", "/redoc", "/v1/models",
             "/v1/chat/completions", "/metrics/x", "/admin/keys"],
)  # fmt: skip
async def test_nothing_else_is_there(it: Running, path: str) -> None:
    reply = await ask(it.house, path, key=it.house.admin_key)
    assert reply.status == 404


@pytest.mark.parametrize("host", ["x/?", "x#", "a/livez?", "/livez", ""])
async def test_host_header_opens_nothing(it: Running, host: str) -> None:
    async with connect(it.house, it.house.admin_port) as raw:
        head = f"GET /admin/status HTTP/1.1\r\nhost: {host}\r\n\r\n"
        assert (await raw.send(head.encode()).reply()).status == 401
