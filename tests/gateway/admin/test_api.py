"""Three paths without a key, everything else behind it, whatever is added."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry

from gateway.admin.api import Operations, build_admin
from gateway.exchange import Principal
from tests.core_rig import PRINCIPAL

KEYLESS = {"/metrics", "/livez", "/readyz"}
ADMIN_KEY = "0123456789abcdef-admin"


class TwoKeys:
    """A key that may administer and one that may not."""

    def admit(self, authorization: bytes | None) -> Principal | None:
        known = {b"Bearer app": PRINCIPAL, b"Bearer boss": replace(PRINCIPAL, is_admin=True)}
        return known.get(authorization or b"")


async def reloaded() -> dict[str, object]:
    return {"epoch": 2, "error": "", "problems": []}


def build(**changes: Any) -> FastAPI:
    fields: dict[str, Any] = {
        "registry": CollectorRegistry(),
        "keys": TwoKeys(),
        "admin_key": lambda: ADMIN_KEY,
        "is_ready": lambda: True,
        "reload": reloaded,
        "status": lambda: {"epoch": 1},
        "supply": lambda: [{"scope": "account", "name": "a"}],
        "restore": lambda scope, name: (scope, name) == ("account", "a"),
    }
    return build_admin(Operations(**{**fields, **changes}))


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Every method and path that the application answers, from the application itself."""
    found: list[tuple[str, str]] = []
    left: list[Any] = list(app.routes)
    while left:
        route = left.pop()
        included = getattr(route, "original_router", None)
        if included is not None:  # a router keeps its own routes, with its prefix in their paths
            assert not route.include_context.prefix
            left += included.routes
            continue
        assert isinstance(route, APIRoute), f"{route} is no route that this test can read"
        found += [(method, route.path) for method in sorted(route.methods)]
    return sorted(found)


def ask(app: FastAPI, method: str, path: str, key: str | bytes | None = None) -> httpx2.Response:
    headers = [] if key is None else [(b"authorization", key if isinstance(key, bytes)
                                       else key.encode())]  # fmt: skip

    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://admin") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(send())


CONCRETE = {"{scope}": "account", "{name}": "a"}


def concrete(path: str) -> str:
    for name, value in CONCRETE.items():
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize(("method", "path"), routes(build()))
@pytest.mark.parametrize(
    ("key", "is_admin"),
    [
        pytest.param(None, False, id="no key"),
        pytest.param("", False, id="empty"),
        pytest.param("Bearer", False, id="scheme alone"),
        pytest.param("Bearer ", False, id="empty key"),
        pytest.param("Bearer app", False, id="an application's key"),
        pytest.param("Bearer " + ADMIN_KEY[:-1], False, id="cut short"),
        pytest.param(ADMIN_KEY, False, id="without a scheme"),
        pytest.param("Basic " + ADMIN_KEY, False, id="another scheme"),
        pytest.param(b"Bearer \xff\xfe", False, id="not ASCII"),
        pytest.param("Bearer boss", True, id="a key that may administer"),
        pytest.param("Bearer " + ADMIN_KEY, True, id="the folder's admin key"),
        pytest.param("bearer " + ADMIN_KEY, True, id="scheme in small letters"),
    ],
)
def test_role_matrix(method: str, path: str, key: str | bytes | None, is_admin: bool) -> None:
    status = ask(build(), method, concrete(path), key).status_code
    if path in KEYLESS or is_admin:
        assert status == 200
    else:
        assert status == 401


def test_the_three_keyless_paths_are_all_there_are() -> None:
    paths = {path for _, path in routes(build())}
    assert paths >= KEYLESS
    assert all(path.startswith("/admin/") for path in paths - KEYLESS)


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/redoc", "/v1/models", "/admin"])
def test_nothing_else_is_there(path: str) -> None:
    assert ask(build(), "GET", path, "Bearer boss").status_code == 404


def test_folder_without_an_admin_key_admits_no_guess() -> None:
    app = build(admin_key=lambda: None)
    for key in ("Bearer ", "Bearer None", ""):
        assert ask(app, "GET", "/admin/status", key).status_code == 401
    assert ask(app, "GET", "/admin/status", "Bearer boss").status_code == 200


def test_draining_gateway_lives_and_is_not_ready() -> None:
    app = build(is_ready=lambda: False)
    assert ask(app, "GET", "/livez").status_code == 200
    assert ask(app, "GET", "/readyz").status_code == 503


def test_refused_reload_says_so_and_why() -> None:
    async def refused() -> dict[str, object]:
        return {"epoch": 1, "error": "bad", "problems": ["supply.yaml:3: bad"]}

    answer = ask(build(reload=refused), "POST", "/admin/reload", "Bearer boss")
    assert (answer.status_code, answer.json()["problems"]) == (422, ["supply.yaml:3: bad"])


def test_unknown_element_is_404() -> None:
    answer = ask(build(), "POST", "/admin/supply/account/nobody/restore", "Bearer boss")
    assert answer.status_code == 404
